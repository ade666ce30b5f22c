/*
 * The short cut for what nearly all addresses are: at most 64 bytes, one "@", a local part of ASCII letters, digits and
 * "._+-" and a domain of letters, digits, "_", "-" and dots. Sixteen bytes are judged at a time.
 *
 * It decides nothing: where it answers true, the thorough parsers of core/mail/address_scan.h give the same address
 * (tests/fuzz/address.c holds them together). False says only that they are to be asked.
 */
#ifndef POSTERN_ADDRESS_PLAIN_H
#define POSTERN_ADDRESS_PLAIN_H

#include "core/mail/address.h"

/* True with the canonical address in *out; false leaves *out alone. raw may lie in *out. */
bool address_plain(struct slice raw, struct address *out);

#endif
