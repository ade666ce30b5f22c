/* Client certificates, as far as an MTA reports them. */
#ifndef POSTERN_CCERT_H
#define POSTERN_CCERT_H

#include "core/base/slice.h"

#include <stddef.h>
#include <stdint.h>

#define CCERT_FINGERPRINT_MAX 128 /* hexadecimal digits of SHA-512 */
#define CCERT_SUBJECT_MAX 256

/* The client's certificate, as far as the MTA reports it. Zero lengths: none, or not reported. */
struct ccert {
    uint16_t fingerprint_n, subject_n;
    char fingerprint[CCERT_FINGERPRINT_MAX]; /* lower-case hexadecimal digits */
    char subject[CCERT_SUBJECT_MAX];         /* the CommonName of one whose issuer the MTA trusts; as written */
};

/* Hexadecimal digits, with or without colons between, into lower case: at least CCERT_FINGERPRINT_MIN of them. Returns
 * how many, 0 for anything else. */
#define CCERT_FINGERPRINT_MIN 40 /* SHA-1; MD5 is too weak to identify anybody */
size_t ccert_fingerprint_canonical(struct slice raw, char out[CCERT_FINGERPRINT_MAX]);

/* An invalid fingerprint, or a subject that is too long, counts as none. */
void ccert_set_fingerprint(struct ccert *c, struct slice raw);
void ccert_set_subject(struct ccert *c, struct slice raw);
/* The subject in xtext (RFC 3461 4), as the policy protocol has it. */
void ccert_set_subject_xtext(struct ccert *c, struct slice raw);

#endif
