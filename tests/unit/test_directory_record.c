/* Keys, values and the manifest: what was written is read back, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/checksum.h"
#include "core/directory/directory_record.h"
#include "core/directory/manifest.h"

#include <stdio.h>
#include <stdlib.h>

static struct slice key_slice(const struct directory_key *key)
{
    return (struct slice){(const char *)key->b, key->n};
}

static void a_packed_list_gives_back_its_texts(void **state)
{
    static const char *const texts[] = {"a@contoso.example", "", "b"};
    char mem[64];
    struct buf b = BUF_OVER(mem);
    struct slice list, text;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        packed_add(&b, slice_of(texts[i]));
    list = buf_slice(&b);
    for (size_t i = 0; i < 3; i++) {
        assert_true(packed_next(&list, &text));
        assert_true(slice_eq(text, slice_of(texts[i])));
    }
    assert_false(packed_next(&list, &text));
    assert_int_equal(list.n, 0);
}

static void what_does_not_fit_into_a_packed_list_leaves_it_as_it_was(void **state)
{
    char mem[9];
    struct buf b = BUF_OVER(mem);

    (void)state;
    packed_add(&b, SLICE("abc"));
    assert_int_equal(b.n, 5);
    packed_add(&b, SLICE("de"));
    assert_true(b.full);
    assert_int_equal(b.n, 5);
}

static void a_list_that_is_not_well_formed_ends(void **state)
{
    static const struct slice rows[] = {SLICE("\x01"), SLICE("\x02\x00x"), SLICE("\xff\xff")};
    struct slice text;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct slice list = rows[i];

        assert_false(packed_next(&list, &text));
        assert_int_equal(list.n, rows[i].n);
    }
}

static const struct mailbox_record record = {
    .id = {{1, 2, 3}},
    .knows = MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_POLICY,
    .smtp_auth = SMTP_AUTH_INHERIT,
    .basic_smtp = TRI_NO,
    .sign_in = TRI_YES,
    .recipient_type = RECIPIENT_SHARED,
    .primary = SLICE("sean@contoso.example"),
    .upn = SLICE("sean@contoso.local"),
    .alias = SLICE("sean"),
    .account = SLICE("$a1-1"),
    .name = SLICE("Sean Berg"),
    .auth_policy = SLICE("Block Basic"),
    .proxies = SLICE("\x03\x00"
                     "a@b"),
};

static void a_mailbox_is_read_back_as_it_was_written(void **state)
{
    struct directory_key key = mailbox_key(7, &record.id);
    uint8_t value[512];
    struct mailbox_record r;
    size_t n = mailbox_encode(&record, value, sizeof value);

    (void)state;
    assert_true(n > 0);
    assert_true(mailbox_decode(key_slice(&key), (struct slice){(char *)value, n}, &r));
    assert_memory_equal(r.id.b, record.id.b, sizeof r.id.b);
    assert_int_equal(r.knows, record.knows);
    assert_int_equal(r.smtp_auth, record.smtp_auth);
    assert_int_equal(r.basic_smtp, record.basic_smtp);
    assert_int_equal(r.sign_in, record.sign_in);
    assert_int_equal(r.recipient_type, record.recipient_type);
    assert_true(slice_eq(r.primary, record.primary) && slice_eq(r.upn, record.upn) && slice_eq(r.alias, record.alias));
    assert_true(slice_eq(r.account, record.account) && slice_eq(r.name, record.name));
    assert_true(slice_eq(r.auth_policy, record.auth_policy) && slice_eq(r.proxies, record.proxies));
    for (size_t cap = 0; cap < n; cap++)
        assert_int_equal(mailbox_encode(&record, value, cap), 0);
}

static void a_value_that_is_cut_or_too_long_is_not_read(void **state)
{
    struct directory_key key = mailbox_key(7, &record.id);
    uint8_t value[512] = {0};
    struct mailbox_record r;
    size_t n = mailbox_encode(&record, value, sizeof value);

    (void)state;
    for (size_t cut = 0; cut < n; cut++)
        assert_false(mailbox_decode(key_slice(&key), (struct slice){(char *)value, cut}, &r));
    assert_false(mailbox_decode(key_slice(&key), (struct slice){(char *)value, n + 1}, &r));
    assert_true(mailbox_decode(key_slice(&key), (struct slice){(char *)value, n}, &r));
}

static void a_value_with_impossible_settings_is_not_read(void **state)
{
    /* The four settings, each with its first impossible value. */
    static const uint8_t beyond[] = {MAILBOX_KNOWS_END, 4, 3, RECIPIENT_TYPES};
    struct directory_key key = mailbox_key(7, &record.id);
    struct mailbox_record r;
    uint8_t value[512];

    (void)state;
    for (size_t i = 0; i < sizeof beyond; i++) {
        size_t n = mailbox_encode(&record, value, sizeof value);

        value[i] = beyond[i];
        assert_false(mailbox_decode(key_slice(&key), (struct slice){(char *)value, n}, &r));
        value[i] = (uint8_t)(beyond[i] - 1);
        assert_true(mailbox_decode(key_slice(&key), (struct slice){(char *)value, n}, &r));
    }
}

/* Each setting, and each text by one letter. */
static void mailboxes_that_differ_in_one_word_are_not_the_same(void **state)
{
    struct mailbox_record others[14];

    (void)state;
    for (size_t i = 0; i < 14; i++)
        others[i] = record;
    others[1].id.b[15] = 9;
    others[2].knows ^= MAILBOX_RESTRICTED;
    others[3].smtp_auth = SMTP_AUTH_ENABLED;
    others[4].basic_smtp = TRI_YES;
    others[5].recipient_type = RECIPIENT_USER;
    others[6].primary = SLICE("sean@contoso.exampl");
    others[7].upn = SLICE("");
    others[8].alias = SLICE("Sean");
    others[9].account = SLICE("$a1-2");
    others[10].name = SLICE("Sean Borg");
    others[11].auth_policy = SLICE("");
    others[12].proxies = SLICE("");
    others[13].sign_in = TRI_NO;
    for (size_t i = 0; i < 14; i++)
        assert_int_equal(mailbox_same(&record, &others[i]), i == 0);
}

static void an_identity_that_is_too_long_has_no_key(void **state)
{
    static char text[ADDRESS_OF_NAME_MAX + 1];
    uint32_t tenant;
    struct directory_key key;
    struct slice back;
    char kind;

    (void)state;
    memset(text, 'x', sizeof text);
    key = identity_key(3, IDENTITY_KEY_ADDRESS, (struct slice){text, ADDRESS_OF_NAME_MAX});
    assert_true(identity_key_read(key_slice(&key), &tenant, &kind, &back));
    assert_int_equal(tenant, 3);
    assert_int_equal(back.n, ADDRESS_OF_NAME_MAX);
    assert_int_equal(identity_key(3, IDENTITY_KEY_ADDRESS, (struct slice){text, ADDRESS_OF_NAME_MAX + 1}).n, 0);
    assert_int_equal(identity_key(3, IDENTITY_KEY_ADDRESS, SLICE("")).n, 0);
    assert_int_equal(domain_key((struct slice){text, ADDRESS_OF_NAME_MAX + 1}).n, 0);
}

static void a_tenant_is_read_back_as_it_was_written(void **state)
{
    const struct tenant_facts facts = {.tenant = 4,
                                       .name = "contoso",
                                       .organization = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1",
                                       .smtp_auth = SMTP_AUTH_ENABLED,
                                       .security_defaults = TRI_YES,
                                       .default_basic_smtp = TRI_NO,
                                       .external_per_hour = 500,
                                       .internal_per_hour = 1000,
                                       .recipients_per_day = 10000,
                                       .mailboxes = 1000000};
    struct directory_key key = tenant_key(4);
    struct tenant_facts back;
    uint8_t value[256];
    size_t n = tenant_encode(&facts, value, sizeof value);

    (void)state;
    assert_true(tenant_decode(key_slice(&key), (struct slice){(char *)value, n}, &back));
    assert_memory_equal(&back, &facts, sizeof back);
}

/* ---- the manifest ---- */

static void a_manifest_is_read_back_as_it_was_written(void **state)
{
    struct manifest_tenant tenants[] = {
        {.settings_at = 1790000000,
         .name = SLICE("contoso"),
         .source = SLICE("exchange-online"),
         .parts = {[PART_ORGANIZATION] = {1790000001, SLICE("files a,\nb")}, [PART_RIGHTS] = {7, SLICE("")}}},
        {.name = SLICE("fab rikam"), .source = SLICE("/var/lib/two words\nand a line")},
        {.settings_at = -5, .name = SLICE("northwind"), .source = SLICE("")}};
    struct manifest m = {.generation = 12,
                         .size = 491520,
                         .checksum = 0x6f1d0c2b9a8e7f54,
                         .identities = {{1, 0x8899aabbccddeeff}},
                         .tenants_n = 3,
                         .tenants = tenants};
    char text[2048];
    struct buf b = BUF_OVER(text);
    struct manifest back;
    struct error e;

    (void)state;
    assert_int_equal(manifest_text(&m, &b, &e), 0);
    assert_int_equal(manifest_parse(buf_slice(&b), &back, &e), 0);
    assert_int_equal(back.generation, 12);
    assert_int_equal(back.size, 491520);
    assert_int_equal(back.checksum, m.checksum);
    assert_memory_equal(&back.identities, &m.identities, sizeof m.identities);
    assert_string_equal(back.file, "directory-0000000012.mdb");
    assert_int_equal(back.tenants_n, 3);
    assert_int_equal(back.tenants[0].settings_at, 1790000000);
    assert_true(slice_eq(back.tenants[0].source, SLICE("exchange-online")));
    assert_int_equal(back.tenants[0].parts[PART_ORGANIZATION].at, 1790000001);
    assert_true(slice_eq(back.tenants[0].parts[PART_ORGANIZATION].source, SLICE("files a,?b")));
    assert_int_equal(back.tenants[0].parts[PART_SETTINGS].at, 0);
    assert_int_equal(back.tenants[0].parts[PART_RIGHTS].at, 7);
    assert_true(slice_eq(back.tenants[1].name, SLICE("fab?rikam")));
    assert_true(slice_eq(back.tenants[1].source, SLICE("/var/lib/two words?and a line")));
    assert_int_equal(back.tenants[2].settings_at, 0);
    manifest_free(&back);
    b = buf_over(text, 130);
    assert_int_equal(manifest_text(&m, &b, &e), -1);
}

static void a_manifest_that_is_cut_or_has_one_wrong_byte_is_refused(void **state)
{
    struct manifest_tenant tenant = {
        .settings_at = 1, .name = SLICE("contoso"), .source = SLICE("x"), .parts = {{5, SLICE("y")}}};
    struct manifest m = {.generation = 3, .size = 4096, .checksum = 1, .tenants_n = 1, .tenants = &tenant};
    char text[512];
    struct buf b = BUF_OVER(text);
    struct manifest back;
    struct error e;

    (void)state;
    assert_int_equal(manifest_text(&m, &b, &e), 0);
    for (size_t n = 0; n < b.n; n++) {
        assert_int_equal(manifest_parse((struct slice){text, n}, &back, &e), -1);
        text[n] ^= 0x04;
        assert_int_equal(manifest_parse(buf_slice(&b), &back, &e), -1);
        text[n] ^= 0x04;
    }
}

static void only_names_of_generations_are_taken_for_files_of_ours(void **state)
{
    static const struct {
        const char *name;
        uint64_t generation;
    } rows[] = {
        {"directory-0000000012.mdb", 12},
        {"directory-9999999999.mdb", 9999999999},
        {"directory-10000000000.mdb", 10000000000},
        {"directory-18446744073709551615.mdb", UINT64_MAX},
        {"directory-18446744073709551616.mdb", 0},
        {"directory-012.mdb", 0},
        {"directory-00000000012.mdb", 0},
        {"directory-0000000012.mdb.old", 0},
        {"directory-00000000-1.mdb", 0},
        {"Directory-0000000012.mdb", 0},
        {"../directory-0000000012.mdb", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(manifest_file_generation(slice_of(rows[i].name)) == rows[i].generation);
}

/* ---- the checksum ---- */

/* A file's is that of its bytes: at every size around a block's, and never of fewer than there are. */
static void a_files_checksum_is_that_of_its_bytes(void **state)
{
    static char bytes[600 * 1024];
    FILE *file = tmpfile();
    struct error e;
    uint64_t sum;

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 >> 3);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fflush(file), 0);
    for (size_t n = 0; n <= sizeof bytes; n += n < 3 ? 1 : 65533) {
        assert_int_equal(checksum_file(fileno(file), n, &sum, &e), 0);
        assert_true(sum == checksum_slice((struct slice){bytes, n}));
    }
    assert_int_equal(checksum_file(fileno(file), sizeof bytes + 1, &sum, &e), -1);
    assert_int_equal(checksum_file(-1, 1, &sum, &e), -1);
    assert_int_equal(fclose(file), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_list_gives_back_its_texts),
        cmocka_unit_test(what_does_not_fit_into_a_packed_list_leaves_it_as_it_was),
        cmocka_unit_test(a_list_that_is_not_well_formed_ends),
        cmocka_unit_test(a_mailbox_is_read_back_as_it_was_written),
        cmocka_unit_test(a_value_that_is_cut_or_too_long_is_not_read),
        cmocka_unit_test(a_value_with_impossible_settings_is_not_read),
        cmocka_unit_test(mailboxes_that_differ_in_one_word_are_not_the_same),
        cmocka_unit_test(an_identity_that_is_too_long_has_no_key),
        cmocka_unit_test(a_tenant_is_read_back_as_it_was_written),
        cmocka_unit_test(a_manifest_is_read_back_as_it_was_written),
        cmocka_unit_test(a_manifest_that_is_cut_or_has_one_wrong_byte_is_refused),
        cmocka_unit_test(only_names_of_generations_are_taken_for_files_of_ours),
        cmocka_unit_test(a_files_checksum_is_that_of_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
