/*
 * Keys and values of the directory's tables, shared by the reader (core/directory/directory.c) and the writer
 * (mirror/build/writer.c).
 *
 * Format 5 (core/directory/manifest.h). Damage is noticed by the checksum of the whole file when it is opened; decoders
 * check lengths and enumerations all the same. Numbers in keys are big-endian (they sort), in values little-endian.
 * Decoding copies nothing: the slices point into the value.
 *
 *   table       key                              value
 *   tenants     tenant u32                       settings, name, organization
 *   domains     canonical domain                 claims: tenant u32, domain_type u8, flags u8
 *   mailboxes   tenant u32, mailbox_id           struct mailbox_record
 *   identities  keyed hash of tenant, kind and   all identities with that hash, nearly always one: tenant u32, kind u8,
 *               text: an integer (LMDB's         length u16 and text, number u32 of claims, claims: mailbox_id,
 *               MDB_INTEGERKEY)                  IDENTITY_ bits, smtp_auth, basic_smtp with sign_in, type; the
 *                                                type's highest bit says "restricted"
 *   rights      tenant u32, trustee, target      RIGHT_ bits u8
 *   recipients  tenant u32, mailbox_id           struct mailbox_record: groups and mail users; nobody signs in as one
 *
 * A look-up of an identity is the path of the mail: integers are compared quicker than texts, and more of them fit on a
 * page, so that the tree is less deep.
 */
#ifndef POSTERN_DIRECTORY_RECORD_H
#define POSTERN_DIRECTORY_RECORD_H

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/directory/directory.h"

enum directory_table {
    TABLE_TENANTS,
    TABLE_DOMAINS,
    TABLE_MAILBOXES,
    TABLE_IDENTITIES,
    TABLE_RIGHTS,
    TABLE_RECIPIENTS,
    TABLES
};

/* Names of the LMDB sub-databases, by enum directory_table. All but the identities have keys of bytes. */
extern const char *const directory_table_names[TABLES];

/* ---- packed lists: each text after its length ---- */

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
    enum tri sign_in;    /* may the account behind it sign in? TRI_UNKNOWN: nobody said */
    enum recipient_type recipient_type;
    struct slice primary;     /* PrimarySmtpAddress; not empty */
    struct slice upn;         /* has the form of an address */
    struct slice alias;       /* of a group or mail user: its Name, which no other recipient has */
    struct slice account;     /* SamAccountName */
    struct slice name;        /* DisplayName, cut to MAILBOX_NAME_MAX between characters by the importer */
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
/* kind is one of these. A text longer than ADDRESS_OF_NAME_MAX gives a key of no bytes: there is no such identity.
 */
#define IDENTITY_KEY_ADDRESS 'a'
#define IDENTITY_KEY_ACCOUNT 'n'
#define IDENTITY_KEY_RECIPIENT 'r' /* an address of a group or mail user */
struct directory_key identity_key(uint32_t tenant, char kind, struct slice text);

/* Takes a key apart again. False when it is not one of that table. */
bool mailbox_key_read(struct slice key, uint32_t *tenant, struct mailbox_id *id);
bool identity_key_read(struct slice key, uint32_t *tenant, char *kind, struct slice *text);
bool right_key_read(struct slice key, uint32_t *tenant, struct mailbox_id *trustee, struct mailbox_id *target);

/*
 * The encoders write a value to out and return its length, 0 when it does not fit into cap bytes. The decoders check
 * lengths and every enumeration, and return false for anything that an encoder would not have written.
 */
size_t tenant_encode(const struct tenant_facts *facts, void *out, size_t cap);
bool tenant_decode(struct slice key, struct slice value, struct tenant_facts *out);

size_t mailbox_encode(const struct mailbox_record *record, void *out, size_t cap);
bool mailbox_decode(struct slice key, struct slice value, struct mailbox_record *out);

/* Do both say exactly the same? */
bool mailbox_same(const struct mailbox_record *a, const struct mailbox_record *b);

/* One tenant's claim on a domain. */
struct domain_claim {
    uint32_t tenant;
    enum domain_type type;
    bool match_subdomains;
    unsigned closed; /* DOMAIN_NO_ bits */
};
#define DOMAIN_CLAIM_SIZE 6
size_t domain_encode(const struct domain_claim *claims, size_t n, void *out, size_t cap);
/* Number of claims, 0 when damaged. */
size_t domain_claims(struct slice value);
struct domain_claim domain_claim_at(struct slice value, size_t i);

/* Claims on an identity. A ref's tenant is the identity's. */
#define IDENTITY_CLAIM_SIZE 20
void identity_claim_write(const struct mailbox_ref *ref, uint8_t out[IDENTITY_CLAIM_SIZE]);
bool identity_claim_read(const uint8_t in[IDENTITY_CLAIM_SIZE], uint32_t tenant, struct mailbox_ref *out);

/* key: as from identity_key. */
uint64_t identity_hash(const struct hash_secret *secret, struct slice key);

/* One identity of a value. */
struct identity_entry {
    uint32_t tenant;
    char kind; /* IDENTITY_KEY_ */
    struct slice text;
    uint32_t n; /* claims */
    const uint8_t *claims;
};
/* Takes the first off the value. False at the end, and where it is damaged: then the value isn't empty. */
bool identity_next(struct slice *value, struct identity_entry *out);
/* What comes before an identity's claims. */
size_t identity_head_encode(const struct identity_entry *entry, void *out, size_t cap);
#define IDENTITY_HEAD_MAX (ADDRESS_OF_NAME_MAX + 16)

size_t rights_encode(unsigned bits, void *out, size_t cap);
bool rights_decode(struct slice value, unsigned *bits);

#endif
