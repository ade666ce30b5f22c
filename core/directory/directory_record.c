#include "core/directory/directory_record.h"

#include "core/directory/directory_value.h"

#include <endian.h>

const char *const directory_table_names[TABLES] = {"tenants",    "domains", "mailboxes",
                                                   "identities", "rights",  "recipients"};

/* ---- packed lists ---- */

void packed_add(struct buf *b, struct slice text)
{
    uint16_t n = htole16((uint16_t)text.n);

    if (text.n > UINT16_MAX || b->n + sizeof n + text.n > b->cap - 1) {
        b->full = true;
        return;
    }
    buf_add(b, (struct slice){(const char *)&n, sizeof n});
    buf_add(b, text);
}

bool packed_next(struct slice *list, struct slice *text)
{
    uint16_t n;

    if (list->n < sizeof n)
        return false;
    memcpy(&n, list->p, sizeof n);
    n = le16toh(n);
    if (n > list->n - sizeof n)
        return false;
    *text = (struct slice){list->p + sizeof n, n};
    list->p += sizeof n + n;
    list->n -= sizeof n + n;
    return true;
}

/* ---- keys ---- */

static void key_add(struct directory_key *key, const void *p, size_t n)
{
    memcpy(key->b + key->n, p, n);
    key->n += n;
}

static void key_add_u32(struct directory_key *key, uint32_t v)
{
    v = htobe32(v);
    key_add(key, &v, sizeof v);
}

static uint32_t key_u32(struct slice key)
{
    uint32_t v;

    memcpy(&v, key.p, sizeof v);
    return be32toh(v);
}

struct directory_key tenant_key(uint32_t tenant)
{
    struct directory_key key;

    key.n = 0;
    key_add_u32(&key, tenant);
    return key;
}

struct directory_key domain_key(struct slice domain)
{
    struct directory_key key;

    key.n = 0;
    if (domain.n > 0 && domain.n <= ADDRESS_OF_NAME_MAX)
        key_add(&key, domain.p, domain.n);
    return key;
}

struct directory_key mailbox_key(uint32_t tenant, const struct mailbox_id *id)
{
    struct directory_key key = tenant_key(tenant);

    key_add(&key, id->b, sizeof id->b);
    return key;
}

struct directory_key right_key(uint32_t tenant, const struct mailbox_id *trustee, const struct mailbox_id *target)
{
    struct directory_key key = mailbox_key(tenant, trustee);

    key_add(&key, target->b, sizeof target->b);
    return key;
}

struct directory_key identity_key(uint32_t tenant, char kind, struct slice text)
{
    struct directory_key key;

    key.n = 0;
    if (text.n == 0 || text.n > ADDRESS_OF_NAME_MAX)
        return key;
    key_add_u32(&key, tenant);
    key_add(&key, &kind, 1);
    key_add(&key, text.p, text.n);
    return key;
}

bool mailbox_key_read(struct slice key, uint32_t *tenant, struct mailbox_id *id)
{
    if (key.n != sizeof *tenant + sizeof id->b)
        return false;
    *tenant = key_u32(key);
    memcpy(id->b, key.p + sizeof *tenant, sizeof id->b);
    return true;
}

static bool is_identity_kind(char kind)
{
    return kind == IDENTITY_KEY_ADDRESS || kind == IDENTITY_KEY_ACCOUNT || kind == IDENTITY_KEY_RECIPIENT;
}

bool identity_key_read(struct slice key, uint32_t *tenant, char *kind, struct slice *text)
{
    if (key.n <= sizeof *tenant + 1 || key.n > sizeof *tenant + 1 + ADDRESS_OF_NAME_MAX)
        return false;
    *tenant = key_u32(key);
    *kind = key.p[sizeof *tenant];
    *text = (struct slice){key.p + sizeof *tenant + 1, key.n - sizeof *tenant - 1};
    return is_identity_kind(*kind);
}

bool right_key_read(struct slice key, uint32_t *tenant, struct mailbox_id *trustee, struct mailbox_id *target)
{
    if (key.n != sizeof *tenant + sizeof trustee->b + sizeof target->b)
        return false;
    *tenant = key_u32(key);
    memcpy(trustee->b, key.p + sizeof *tenant, sizeof trustee->b);
    memcpy(target->b, key.p + sizeof *tenant + sizeof trustee->b, sizeof target->b);
    return true;
}

/* ---- tenants ---- */

size_t tenant_encode(const struct tenant_facts *facts, void *out, size_t cap)
{
    struct sink s = sink_over(out, cap);

    sink_u8(&s, facts->smtp_auth);
    sink_u8(&s, facts->security_defaults);
    sink_u8(&s, facts->default_basic_smtp);
    sink_u32(&s, facts->external_per_hour);
    sink_u32(&s, facts->internal_per_hour);
    sink_u32(&s, facts->recipients_per_day);
    sink_u64(&s, facts->mailboxes);
    sink_text(&s, slice_of(facts->name));
    sink_text(&s, slice_of(facts->organization));
    return sink_length(&s);
}

bool tenant_decode(struct slice key, struct slice value, struct tenant_facts *out)
{
    struct value_reader s;

    if (key.n != sizeof(uint32_t))
        return false;
    s = reader_over(value);
    memset(out, 0, sizeof *out);
    out->tenant = key_u32(key);
    out->smtp_auth = reader_below(&s, SMTP_AUTH_DISABLED + 1);
    out->security_defaults = reader_below(&s, TRI_YES + 1);
    out->default_basic_smtp = reader_below(&s, TRI_YES + 1);
    out->external_per_hour = reader_u32(&s);
    out->internal_per_hour = reader_u32(&s);
    out->recipients_per_day = reader_u32(&s);
    out->mailboxes = reader_u64(&s);
    reader_string(&s, out->name, sizeof out->name);
    reader_string(&s, out->organization, sizeof out->organization);
    return reader_done(&s) && out->smtp_auth != SMTP_AUTH_INHERIT;
}

/* ---- mailboxes ---- */

/* Two of them in one byte: the second one in the high half, where records of format 4 have nothing. */
#define TRI_SECOND 4u

static unsigned tri_pair(unsigned first, unsigned second)
{
    return first | second << TRI_SECOND;
}

static bool tri_pair_split(unsigned pair, unsigned *first, unsigned *second)
{
    *first = pair & ((1u << TRI_SECOND) - 1);
    *second = pair >> TRI_SECOND;
    return *first <= TRI_YES && *second <= TRI_YES;
}

size_t mailbox_encode(const struct mailbox_record *record, void *out, size_t cap)
{
    struct sink s = sink_over(out, cap);

    sink_u8(&s, record->knows);
    sink_u8(&s, record->smtp_auth);
    sink_u8(&s, tri_pair(record->basic_smtp, record->sign_in));
    sink_u8(&s, record->recipient_type);
    sink_text(&s, record->primary);
    sink_text(&s, record->upn);
    sink_text(&s, record->alias);
    sink_text(&s, record->account);
    sink_text(&s, record->name);
    sink_text(&s, record->auth_policy);
    sink_text(&s, record->proxies);
    return sink_length(&s);
}

bool mailbox_decode(struct slice key, struct slice value, struct mailbox_record *out)
{
    unsigned basic_smtp, sign_in;
    uint32_t tenant;
    struct value_reader s;

    if (!mailbox_key_read(key, &tenant, &out->id))
        return false;
    s = reader_over(value);
    out->knows = (uint8_t)reader_below(&s, MAILBOX_KNOWS_END);
    out->smtp_auth = reader_below(&s, SMTP_AUTH_DISABLED + 1);
    if (!tri_pair_split(reader_below(&s, UINT8_MAX + 1), &basic_smtp, &sign_in))
        return false;
    out->basic_smtp = basic_smtp;
    out->sign_in = sign_in;
    out->recipient_type = reader_below(&s, RECIPIENT_TYPES);
    out->primary = reader_text(&s, ADDRESS_OF_NAME_MAX);
    out->upn = reader_text(&s, ADDRESS_OF_NAME_MAX);
    out->alias = reader_text(&s, MAILBOX_NAME_MAX);
    out->account = reader_text(&s, MAILBOX_NAME_MAX);
    out->name = reader_text(&s, MAILBOX_NAME_MAX);
    out->auth_policy = reader_text(&s, MAILBOX_NAME_MAX);
    out->proxies = reader_text(&s, MAILBOX_PROXIES_MAX);
    return reader_done(&s);
}

bool mailbox_same(const struct mailbox_record *a, const struct mailbox_record *b)
{
    return memcmp(&a->id, &b->id, sizeof a->id) == 0 && a->knows == b->knows && a->smtp_auth == b->smtp_auth &&
           a->basic_smtp == b->basic_smtp && a->sign_in == b->sign_in && a->recipient_type == b->recipient_type &&
           slice_eq(a->primary, b->primary) && slice_eq(a->upn, b->upn) && slice_eq(a->alias, b->alias) &&
           slice_eq(a->account, b->account) && slice_eq(a->name, b->name) && slice_eq(a->auth_policy, b->auth_policy) &&
           slice_eq(a->proxies, b->proxies);
}

/* ---- domains ---- */

/* The flags: what it is closed for stands above the first bit. */
#define DOMAIN_MATCHES_SUBDOMAINS 1u
#define DOMAIN_CLOSED_SHIFT 1u

size_t domain_encode(const struct domain_claim *claims, size_t n, void *out, size_t cap)
{
    struct sink s = sink_over(out, cap);

    for (size_t i = 0; i < n; i++) {
        sink_u32(&s, claims[i].tenant);
        sink_u8(&s, claims[i].type);
        sink_u8(&s,
                (claims[i].match_subdomains ? DOMAIN_MATCHES_SUBDOMAINS : 0) | claims[i].closed << DOMAIN_CLOSED_SHIFT);
    }
    return sink_length(&s);
}

size_t domain_claims(struct slice value)
{
    return value.n % DOMAIN_CLAIM_SIZE == 0 ? value.n / DOMAIN_CLAIM_SIZE : 0;
}

struct domain_claim domain_claim_at(struct slice value, size_t i)
{
    const char *p = value.p + i * DOMAIN_CLAIM_SIZE;
    uint32_t tenant;
    uint8_t type;

    memcpy(&tenant, p, sizeof tenant);
    type = (uint8_t)p[4];
    return (struct domain_claim){
        .tenant = le32toh(tenant),
        .type = type < DOMAIN_DERIVED ? (enum domain_type)type : DOMAIN_DERIVED,
        .match_subdomains = ((uint8_t)p[5] & DOMAIN_MATCHES_SUBDOMAINS) != 0,
        .closed = (uint8_t)p[5] >> DOMAIN_CLOSED_SHIFT & (DOMAIN_NO_SENDER | DOMAIN_NO_RECIPIENT),
    };
}

/* ---- identities ---- */

#define CLAIM_RESTRICTED 0x80u

void identity_claim_write(const struct mailbox_ref *ref, uint8_t out[IDENTITY_CLAIM_SIZE])
{
    memcpy(out, ref->id.b, sizeof ref->id.b);
    out[16] = ref->identity;
    out[17] = ref->smtp_auth;
    out[18] = (uint8_t)tri_pair(ref->basic_smtp, ref->sign_in);
    out[19] = (uint8_t)(ref->recipient_type | (ref->restricted ? CLAIM_RESTRICTED : 0));
}

bool identity_claim_read(const uint8_t in[IDENTITY_CLAIM_SIZE], uint32_t tenant, struct mailbox_ref *out)
{
    unsigned basic_smtp, sign_in;
    bool good = tri_pair_split(in[18], &basic_smtp, &sign_in);

    memcpy(out->id.b, in, sizeof out->id.b);
    out->tenant = tenant;
    out->identity = in[16];
    out->smtp_auth = in[17];
    out->basic_smtp = (uint8_t)basic_smtp;
    out->sign_in = (uint8_t)sign_in;
    out->recipient_type = in[19] & (uint8_t)~CLAIM_RESTRICTED;
    out->restricted = (in[19] & CLAIM_RESTRICTED) != 0;
    return good && in[16] != 0 && in[16] < IDENTITY_ACCOUNT << 1 && in[17] <= SMTP_AUTH_DISABLED &&
           out->recipient_type < RECIPIENT_TYPES;
}

uint64_t identity_hash(const struct hash_secret *secret, struct slice key)
{
    return hash_slice(secret, key);
}

bool identity_next(struct slice *value, struct identity_entry *out)
{
    struct value_reader s = reader_over(*value);
    uint64_t claims_n;

    if (value->n == 0)
        return false;
    out->tenant = reader_u32(&s);
    out->kind = (char)reader_below(&s, UINT8_MAX + 1);
    out->text = reader_bytes(&s, reader_u16(&s));
    out->n = reader_u32(&s);
    claims_n = out->n * (uint64_t)IDENTITY_CLAIM_SIZE;
    if (s.bad || claims_n > s.n || !is_identity_kind(out->kind))
        return false;
    out->claims = (const uint8_t *)reader_bytes(&s, claims_n).p;
    *value = (struct slice){(const char *)s.p, s.n};
    return true;
}

size_t identity_head_encode(const struct identity_entry *entry, void *out, size_t cap)
{
    struct sink s = sink_over(out, cap);

    sink_u32(&s, entry->tenant);
    sink_u8(&s, (unsigned char)entry->kind);
    sink_u16(&s, (unsigned)entry->text.n);
    sink_bytes(&s, entry->text.p, entry->text.n);
    sink_u32(&s, entry->n);
    return sink_length(&s);
}

/* ---- rights ---- */

size_t rights_encode(unsigned bits, void *out, size_t cap)
{
    struct sink s = sink_over(out, cap);

    sink_u8(&s, bits);
    return sink_length(&s);
}

bool rights_decode(struct slice value, unsigned *bits)
{
    struct value_reader s = reader_over(value);

    *bits = reader_below(&s, RIGHT_SEND_ON_BEHALF << 1);
    return reader_done(&s);
}
