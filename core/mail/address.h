/*
 * Addresses, logins and proxy addresses, parsed once at the edge into canonical values. After that two spellings of one
 * mailbox are the same bytes, and an address that exists is a canonical one.
 *
 * Canonical form of an address: local part without quoting, lowered, in NFC (core/mail/local_part.h); "@"; domain as
 * lower-case A-labels (UTS 46 non-transitional, libidn2) without the trailing dot. No compatibility folding ever maps
 * one letter of a local part onto another: a look-alike stays a different name. In a domain UTS 46 does map full-width
 * letters and dots onto the plain ones, as Postfix does (midna_domain.c).
 *
 * Nothing here depends on the locale. ASCII needs no heap; libidn2 allocates for other domains; without memory the
 * domain is treated as invalid.
 *
 * The rules (tests/unit/test_address.c is the table):
 *  - the domain begins behind the last "@" that is not quoted (RFC 5321 4.1.2);
 *  - source routes (RFC 5321 Appendix C) and comments in a path are dropped; blanks around the parts too. A route is
 *    domains with commas between, each with its "@", and a colon: anything else that begins so is ADDRESS_BAD;
 *  - one trailing dot of the domain is dropped, a second one, an empty label or a domain literal is ADDRESS_BAD;
 *  - a quoted local part is unquoted. In mail (a path, an envelope's address, a header field) anything that Postfix
 * accepts is an address (core/mail/local_part.h), even if no mailbox could have it: longer ones, dots side by side or
 * at the ends, blanks in quotes. A name in the directory, in a list or of a login that could not be written without
 * quotes, or is longer than 64 octets, is ADDRESS_BAD: no mailbox has it;
 *  - an "@", a quote, a backslash or an angle bracket in quotes, and an empty local part, are ADDRESS_BAD everywhere;
 *  - control characters, NUL and malformed UTF-8 are ADDRESS_BAD; so are Unicode's own blanks and line separators, and
 *    the few characters that NFC turns into ASCII (Kelvin sign);
 *  - in a path, a backslash outside of quotes makes the next character of the local part ordinary: Postfix reads it so
 *    (tok822_scan), and the policy protocol then shows it that way;
 *  - a label of a domain holds letters, digits, "_" and, inside, "-"; an A-label must be what its U-label gives;
 *  - a name's local part is at most 64 octets long, a domain 255, as RFC 5321 4.5.3.1 has them; a local part in mail as
 *    long as Postfix takes it;
 *  - percent hacks and bang paths are left as they are: ordinary characters of a local part (that a recipient with one
 * is external is the decision's matter: core/decide/decide_recipients.c).
 */
#ifndef POSTERN_ADDRESS_H
#define POSTERN_ADDRESS_H

#include "core/base/buf.h"
#include "core/base/slice.h"

#include <stdint.h>

#define ADDRESS_MAX 2048        /* LOCAL_PART_MAX + 1 + 255 */
#define ADDRESS_OF_NAME_MAX 320 /* LOCAL_NAME_MAX + 1 + 255: of a mailbox, and of a login */

struct address {
    uint16_t n;                 /* length of text, 0 for "no address" */
    uint16_t local_n;           /* length of the local part; text[local_n] is '@' */
    char text[ADDRESS_MAX + 1]; /* terminated, for libc */
};

enum address_result {
    ADDRESS_OK,
    ADDRESS_NULL,      /* the null reverse-path "<>", or nothing at all */
    ADDRESS_NO_DOMAIN, /* a bare local part */
    ADDRESS_BAD        /* can never name a mailbox */
};

static inline struct slice address_slice(const struct address *a)
{
    return (struct slice){a->text, a->n};
}

/* For display: canonical if it is an address, so that both front ends show the same; else as it came. */
static inline struct slice address_shown(enum address_result result, const struct address *a, struct slice text)
{
    return result == ADDRESS_NULL ? SLICE("<>") : result == ADDRESS_OK ? address_slice(a) : text;
}
static inline struct slice address_local(const struct address *a)
{
    return (struct slice){a->text, a->local_n};
}
static inline struct slice address_domain(const struct address *a)
{
    return a->n == 0 ? (struct slice){NULL, 0}
                     : (struct slice){a->text + a->local_n + 1, (size_t)(a->n - a->local_n - 1)};
}

/* Copies only the bytes in use, not all of ADDRESS_MAX. */
static inline void address_copy(const struct address *from, struct address *to)
{
    to->n = from->n;
    to->local_n = from->local_n;
    memcpy(to->text, from->text, from->n + 1u);
}

/*
 * A path as an SMTP client writes it and as a milter sees it: "<@route:user@domain>", quoted, with comments. For
 * ADDRESS_OK *out is the canonical address; otherwise out->n is 0.
 */
enum address_result address_parse_path(struct slice raw, struct address *out);

/*
 * An address in internal form: unquoted, as the mirrored directory, lists and logins hold it. The domain begins after
 * the last "@". Results as above; at most ADDRESS_OF_NAME_MAX bytes.
 */
enum address_result address_parse_internal(struct slice raw, struct address *out);

/*
 * The same for an address in mail, as in the policy protocol's sender and recipient attributes. What
 * address_parse_internal accepts has the same result here.
 */
enum address_result address_parse_envelope(struct slice raw, struct address *out);

/* A domain alone into its canonical form in *out (cap bytes, terminated). False if it is not a domain. */
bool domain_canonical(struct slice raw, char *out, size_t cap, size_t *n);

/*
 * Does the local part need quotes? No mailbox has such a name, and it has no sub-address, since another program may
 * read another address there.
 */
bool address_needs_quotes(const struct address *a);

/* ---- logins ---- */

enum login_kind {
    LOGIN_NONE,    /* empty: not authenticated */
    LOGIN_ADDRESS, /* user@domain: UPN or any proxy address */
    LOGIN_ACCOUNT, /* alias or account name without a domain */
    LOGIN_NETBIOS, /* DOMAIN\account */
    LOGIN_BAD      /* can never name a mailbox: blanks, "?" (Postfix's substitute), control characters, bad UTF-8 ... */
};

struct login {
    enum login_kind kind;
    struct address address; /* LOGIN_ADDRESS */
    uint16_t account_n;     /* LOGIN_ACCOUNT, LOGIN_NETBIOS: canonical account name (lowered, NFC) */
    uint16_t netbios_n;     /* LOGIN_NETBIOS: domain in lower case */
    char account[65];       /* LOCAL_NAME_MAX + 1 */
    char netbios[65];
};

static inline struct slice login_account(const struct login *l)
{
    return (struct slice){l->account, l->account_n};
}
static inline struct slice login_netbios(const struct login *l)
{
    return (struct slice){l->netbios, l->netbios_n};
}

/*
 * A SASL user name. Blanks, "?", control characters make it LOGIN_BAD: Postfix replaces what it cannot print by "?"
 * (smtpd_sasl_glue.c), so that two names could become one. With an "@" it is an address in internal form or LOGIN_BAD;
 * without, "DOMAIN\account" and "DOMAIN/account" are LOGIN_NETBIOS ("/" is what some clients write), and names follow
 * the rules of a local part.
 */
void login_parse(struct slice raw, struct login *out);

/* Adds the canonical text: "sean@contoso.example", "sean", "contoso\sean"; nothing of a login that names nobody. */
void login_add(struct buf *b, const struct login *login);

/* ---- proxy addresses of the directory ---- */

enum proxy_kind {
    PROXY_PRIMARY, /* "SMTP:" */
    PROXY_SMTP,    /* "smtp:" in any other case, or an address without a prefix */
    PROXY_OTHER,   /* SIP:, SPO:, X500:, EUM:, x400: ...: no identity for SMTP */
    PROXY_BAD      /* an smtp address that is no address */
};

/* One entry of EmailAddresses, in internal form. *out is set for PROXY_PRIMARY and PROXY_SMTP, else out->n is 0. */
enum proxy_kind proxy_parse(struct slice raw, struct address *out);

#endif
