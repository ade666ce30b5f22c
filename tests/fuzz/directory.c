/*
 * Any bytes as a manifest, and as a record of each table, which is what damage has to get past: no crash, and what is
 * read is what an encoder writes. LMDB itself is not fuzzed: it trusts its pages, and so a file is mapped only when the
 * checksum of all its bytes is that of the manifest.
 */
#include "core/base/checksum.h"
#include "core/directory/directory_record.h"
#include "core/directory/manifest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_manifest(struct slice text)
{
    static char again[MANIFEST_MAX];
    struct manifest m, same;
    struct buf b = BUF_OVER(again);
    struct error e;

    if (manifest_parse(text, &m, &e) != 0)
        return;
    assert(m.generation > 0 && manifest_file_generation(slice_of(m.file)) == m.generation);
    assert(m.tenants_n <= DIRECTORY_TENANTS_MAX);
    if (manifest_text(&m, &b, &e) == 0) {
        assert(manifest_parse(buf_slice(&b), &same, &e) == 0);
        assert(same.generation == m.generation && same.size == m.size && same.checksum == m.checksum);
        assert(same.tenants_n == m.tenants_n);
        manifest_free(&same);
    }
    manifest_free(&m);
}

/* The same text with its first line and its last line made right. */
static void read_sealed_manifest(struct slice body)
{
    size_t cap = body.n + 128;
    char *text = malloc(cap);
    struct buf b = buf_over(text, cap);

    buf_add(&b, SLICE("postern-directory 5\n"));
    buf_add(&b, body);
    buf_addf(&b, "end %016" PRIx64 "\n", checksum_slice(buf_slice(&b)));
    read_manifest(buf_slice(&b));
    free(text);
}

static void read_mailbox(struct slice key, struct slice value)
{
    struct mailbox_record record;
    struct mailbox_id id;
    struct slice text;
    uint32_t tenant;
    uint8_t *again = malloc(value.n + (value.n == 0));

    if (mailbox_decode(key, value, &record) && mailbox_key_read(key, &tenant, &id)) {
        assert(mailbox_encode(&record, again, value.n) == value.n);
        assert(memcmp(again, value.p, value.n) == 0);
        while (packed_next(&record.proxies, &text))
            assert(text.n <= value.n);
    }
    free(again);
}

static void read_claims(struct slice value)
{
    struct identity_entry entry;

    while (identity_next(&value, &entry))
        for (size_t i = 0; i < entry.n; i++) {
            const uint8_t *claim = entry.claims + i * IDENTITY_CLAIM_SIZE;
            uint8_t again[IDENTITY_CLAIM_SIZE];
            struct mailbox_ref ref;

            if (!identity_claim_read(claim, entry.tenant, &ref))
                continue;
            identity_claim_write(&ref, again);
            assert(memcmp(again, claim, sizeof again) == 0);
        }
}

static void read_record(enum directory_table table, struct slice key, struct slice value)
{
    struct mailbox_id trustee, target;
    struct tenant_facts facts;
    unsigned rights;
    uint32_t tenant;

    switch (table) {
    case TABLE_TENANTS:
        if (tenant_decode(key, value, &facts))
            assert(memchr(facts.name, '\0', sizeof facts.name) != NULL && facts.smtp_auth != SMTP_AUTH_INHERIT);
        break;
    case TABLE_DOMAINS:
        for (size_t i = domain_claims(value); i-- > 0;)
            assert(domain_claim_at(value, i).type <= DOMAIN_DERIVED);
        break;
    case TABLE_MAILBOXES:
        read_mailbox(key, value);
        break;
    case TABLE_IDENTITIES:
        read_claims(value);
        break;
    default:
        if (rights_decode(value, &rights) && right_key_read(key, &tenant, &trustee, &target))
            assert(rights <= (RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF));
    }
}

/* First byte: what it is; second: how many of the bytes behind are the key. Each part in memory of its own size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t key_n;
    char *key, *value;
    struct slice k, v;

    if (size < 2)
        return 0;
    if (data[0] % 8 >= TABLES) {
        struct slice text = {(const char *)data + 2, size - 2};

        if (data[0] % 2 == 0)
            read_manifest(text);
        else
            read_sealed_manifest(text);
        return 0;
    }
    key_n = data[1] < size - 2 ? data[1] : size - 2;
    k = (struct slice){key = malloc(key_n + (key_n == 0)), key_n};
    v = (struct slice){value = malloc(size - 2 - key_n + (size - 2 == key_n)), size - 2 - key_n};
    memcpy(key, data + 2, k.n);
    memcpy(value, data + 2 + key_n, v.n);
    read_record((enum directory_table)(data[0] % 8), k, v);
    free(key);
    free(value);
    return 0;
}
