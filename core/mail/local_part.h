/*
 * The part of an address before its last "@", and account names, which follow the same rules.
 *
 * Canonical: ASCII letters lowered; other letters in NFC and lowered where capital and small letter map onto each other
 * one to one, whatever the locale (Exchange compares without case; RFC 5321 2.4 leaves it to the receiving side). A
 * letter from outside ASCII never becomes an ASCII one: the Kelvin sign is not a k, a dotted capital I not an i.
 */
#ifndef POSTERN_LOCAL_PART_H
#define POSTERN_LOCAL_PART_H

#include "core/base/slice.h"

#define LOCAL_NAME_MAX 64   /* octets of a name, RFC 5321 4.5.3.1.1 */
#define LOCAL_PART_MAX 1792 /* octets in mail: with a domain, a line of Postfix's (line_length_limit, 2048) */

/* RFC 5322 3.2.3 atext, and everything beyond ASCII, as RFC 6532 3.2 adds it. */
bool is_atext(char c);

/*
 * A name of a mailbox or account: raw, without quoting, into its canonical form. out holds LOCAL_NAME_MAX + 1 bytes and
 * is terminated. False when raw or the result is empty, longer than LOCAL_NAME_MAX, not UTF-8, or would need
 * quotes in an address (RFC 5321 4.1.2 Dot-string); out is then unspecified.
 */
bool local_part_canonical(struct slice raw, char *out, size_t *n);

/*
 * The same for what Postfix accepts in an envelope: at most LOCAL_PART_MAX octets (out holds one more), dots anywhere,
 * blanks and other printable characters that would need quotes; but no "@" (Postfix takes what is behind it for another
 * destination: postconf(5), resolve_dequoted_address), quotes, backslashes and angle brackets.
 */
bool local_part_of_mail(struct slice raw, char *out, size_t *n);

#endif
