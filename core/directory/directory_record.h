/*
 * Keys and values of the directory's tables, shared by the reader (core/directory/directory.c) and the writer
 * (mirror/build/writer.c).
 *
 * Format 2 (core/directory/manifest.h). Every value begins with a 32-bit checksum over table, key and the rest of the
 * value, so that a damaged record is noticed when it is read, whenever that is. Numbers in keys are big-endian (they
 * sort), in values little-endian. Decoding copies nothing: the slices point into the value.
 *
 *   table       key                              value behind the checksum
 *   tenants     tenant u32                       settings, name, organization
 *   domains     canonical domain                 claims: tenant u32, domain_type u8, flags u8
 *   mailboxes   tenant u32, mailbox_id           struct mailbox_record
 *   identities  tenant u32, kind u8, text        claims: mailbox_id, IDENTITY_ bits, smtp_auth, basic_smtp, type; the
 *                                                type's highest bit says "restricted"
 *   rights      tenant u32, trustee, target      RIGHT_ bits u8
 *
 * Format 1 was the same without "restricted", so that its records are read as they are.
 */
#ifndef POSTERN_DIRECTORY_RECORD_H
#define POSTERN_DIRECTORY_RECORD_H

#include "core/base/buf.h"
#include "core/directory/directory.h"

enum directory_table { TABLE_TENANTS, TABLE_DOMAINS, TABLE_MAILBOXES, TABLE_IDENTITIES, TABLE_RIGHTS, TABLES };

/* Names of the LMDB sub-databases, by enum directory_table. */
extern const char *const directory_table_names[TABLES];

/* ---- packed lists: each text behind its length ---- */

/* Appends a text to a packed list. When it does not fit whole, nothing is added and b->full is set. */
void packed_add(struct buf *b, struct slice text);
/* Takes the first text off the list; false at the end (and at the end of a list that is not well-formed). */
bool packed_next(struct slice *list, struct slice *text);

/* ---- mailboxes ---- */

/* Which parts of a record were ever brought in. */
#define MAILBOX_KNOWS_SETTINGS 1u /* Get-CASMailbox: smtp_auth, proxies */
#define MAILBOX_KNOWS_DETAILS 2u  /* Get-Mailbox: UPN, recipient type, alias */
#define MAILBOX_KNOWS_POLICY 4u   /* Get-User: auth_policy, basic_smtp */
/* Not what is known, but what is so: Get-BlockedSenderAddress has one of its addresses. */
#define MAILBOX_RESTRICTED 8u
#define MAILBOX_KNOWS_END 16u /* all bits lie below it */

/* Bounds that the writer enforces, in bytes. */
#define MAILBOX_NAME_MAX 255 /* alias, account, display name, policy name */
#define MAILBOX_PROXIES_MAX                                                                                            \
    (256 * 1024) /* the packed list; Exchange Online allows 400 proxies of at most 320 bytes                           \
                  */

/*
 * All that is known of a mailbox. Texts are canonical (core/mail/address.h) but for `name` and `auth_policy`, which are
 * as Exchange Online wrote them; one that is not known is empty.
 */
struct mailbox_record {
    struct mailbox_id id;
    uint8_t knows; /* MAILBOX_KNOWS_ bits, and MAILBOX_RESTRICTED */
    enum smtp_auth smtp_auth;
    enum tri basic_smtp; /* does its own authentication policy allow Basic SMTP? TRI_UNKNOWN: it has none */
    enum recipient_type recipient_type;
    struct slice primary; /* PrimarySmtpAddress; not empty */
    struct slice upn;     /* an address in form */
    struct slice alias;
    struct slice account;     /* SamAccountName */
    struct slice name;        /* DisplayName, cut to MAILBOX_NAME_MAX on a character's border by the importer */
    struct slice auth_policy; /* AuthenticationPolicy of Get-User */
    struct slice proxies;     /* packed list of SMTP proxy addresses, sorted by the importer; may hold the primary */
};

/* Tables' largest values but for identities, whose claims are counted. */
#define MAILBOX_VALUE_MAX (MAILBOX_PROXIES_MAX + 2 * ADDRESS_OF_NAME_MAX + 4 * MAILBOX_NAME_MAX + 64)
#define DIRECTORY_KEY_MAX 400

struct directory_key {
    size_t n;
    uint8_t b[DIRECTORY_KEY_MAX];
};

struct directory_key tenant_key(uint32_t tenant);
struct directory_key domain_key(struct slice domain);
struct directory_key mailbox_key(uint32_t tenant, const struct mailbox_id *id);
struct directory_key right_key(uint32_t tenant, const struct mailbox_id *trustee, const struct mailbox_id *target);
/* kind is one of these two. A text longer than ADDRESS_OF_NAME_MAX gives a key of no bytes: there is no such identity.
 */
#define IDENTITY_KEY_ADDRESS 'a'
#define IDENTITY_KEY_ACCOUNT 'n'
struct directory_key identity_key(uint32_t tenant, char kind, struct slice text);

/* Takes a key apart again. False when it is not one of that table. */
bool mailbox_key_read(struct slice key, uint32_t *tenant, struct mailbox_id *id);
bool identity_key_read(struct slice key, uint32_t *tenant, char *kind, struct slice *text);
bool right_key_read(struct slice key, uint32_t *tenant, struct mailbox_id *trustee, struct mailbox_id *target);

/* Sets the checksum in front of a finished value of at least 4 bytes. */
void record_seal(enum directory_table table, struct slice key, void *value, size_t n);

/*
 * The encoders write a sealed value to out and answer its length, 0 when it does not fit into cap bytes. The decoders
 * check checksum, lengths and every enumeration, and answer false for anything that an encoder would not have written.
 */
size_t tenant_encode(const struct tenant_facts *facts, void *out, size_t cap);
bool tenant_decode(struct slice key, struct slice value, struct tenant_facts *out);

size_t mailbox_encode(uint32_t tenant, const struct mailbox_record *record, void *out, size_t cap);
bool mailbox_decode(struct slice key, struct slice value, struct mailbox_record *out);

/* One tenant's claim on a domain. */
struct domain_claim {
    uint32_t tenant;
    enum domain_type type;
    bool match_subdomains;
};
#define DOMAIN_CLAIM_SIZE 6
size_t domain_encode(struct slice domain, const struct domain_claim *claims, size_t n, void *out, size_t cap);
/* Number of claims, 0 when damaged. */
size_t domain_claims(struct slice key, struct slice value);
struct domain_claim domain_claim_at(struct slice value, size_t i);

/* Claims on an identity. A ref's tenant is the key's. */
#define IDENTITY_CLAIM_SIZE 20
void identity_claim_write(const struct mailbox_ref *ref, uint8_t out[IDENTITY_CLAIM_SIZE]);
bool identity_claim_read(const uint8_t in[IDENTITY_CLAIM_SIZE], uint32_t tenant, struct mailbox_ref *out);
/* Number of claims, 0 when damaged; the claims begin 4 bytes into the value. */
size_t identity_claims(struct slice key, struct slice value);

size_t rights_encode(struct slice key, unsigned bits, void *out, size_t cap);
bool rights_decode(struct slice key, struct slice value, unsigned *bits);

#endif
