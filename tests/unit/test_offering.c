/* links: mirror */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/directory/pulled.h"
#include "mirror/offering.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX 4096

/* Two clusters' keys, an offer sealed with the first, and room to spoil it. */
struct rig {
    struct cluster_key key, other;
    char manifest[TEXT_MAX], text[TEXT_MAX], spoilt[TEXT_MAX];
    size_t n;
    struct offering read;
    struct error e;
};

static int rig_setup(void **state)
{
    unsigned char bytes[CLUSTER_KEY_BYTES] = {1};
    static struct manifest_tenant tenants[] = {
        {.settings_at = 1790000000, .name = {"contoso", 7}, .source = {"exchange-online", 15}}};
    struct manifest m = {.generation = 12, .size = 491520, .checksum = 7, .tenants_n = 1, .tenants = tenants};
    struct offering o = {.relay = SLICE("mx1.contoso.example"), .offered_at = 1790000100, .digest = {0xab, 0xcd}};
    struct rig *r = calloc(1, sizeof *r);
    struct buf b;

    assert_non_null(r);
    assert_int_equal(cluster_key_derive(bytes, &r->key, &r->e), 0);
    bytes[31] = 1;
    assert_int_equal(cluster_key_derive(bytes, &r->other, &r->e), 0);
    b = BUF_OVER(r->manifest);
    assert_int_equal(manifest_text(&m, &b, &r->e), 0);
    o.manifest = buf_slice(&b);
    b = BUF_OVER(r->text);
    assert_int_equal(offering_write(&o, &r->key, &b, &r->e), 0);
    r->n = b.n;
    *state = r;
    return 0;
}

static int rig_teardown(void **state)
{
    free(*state);
    return 0;
}

static void what_is_offered_is_read_back(void **state)
{
    struct rig *r = *state;

    assert_int_equal(offering_read((struct slice){r->text, r->n}, &r->key, &r->read, &r->e), 0);
    assert_true(slice_eq(r->read.relay, SLICE("mx1.contoso.example")));
    assert_int_equal(r->read.offered_at, 1790000100);
    assert_int_equal(r->read.digest[0], 0xab);
    assert_true(slice_eq(r->read.manifest, slice_of(r->manifest)));
    assert_int_equal(r->read.m.generation, 12);
    assert_int_equal(r->read.m.tenants_n, 1);
    assert_true(slice_eq(r->read.m.tenants[0].name, SLICE("contoso")));
    offering_free(&r->read);
}

/* Every byte counts: what is changed anywhere, or cut, is no offer. */
static void every_changed_byte_and_every_cut_is_refused(void **state)
{
    struct rig *r = *state;

    for (size_t i = 0; i < r->n; i++) {
        memcpy(r->spoilt, r->text, r->n);
        r->spoilt[i] ^= 1;
        assert_int_equal(offering_read((struct slice){r->spoilt, r->n}, &r->key, &r->read, &r->e), -1);
        offering_free(&r->read);
        assert_int_equal(offering_read((struct slice){r->text, i}, &r->key, &r->read, &r->e), -1);
        offering_free(&r->read);
    }
}

/* Replaces the first `from` in what stands before the seal, and seals it anew. The length of r->spoilt. */
static size_t reseal(struct rig *r, const char *from, const char *to)
{
    struct buf b = BUF_OVER(r->spoilt);
    const char *at = strstr(r->text, from), *end = strstr(r->text, "\nseal ") + 1;

    assert_non_null(at);
    assert_true(at < end);
    buf_add(&b, (struct slice){r->text, (size_t)(at - r->text)});
    buf_addf(&b, "%s", to);
    at += strlen(from);
    buf_add(&b, (struct slice){at, (size_t)(end - at)});
    assert_int_equal(offering_seal(&r->key, &b, &r->e), 0);
    assert_false(b.full);
    return b.n;
}

/* What another relay may seal by mistake, or an older or newer one by design: the seal alone opens nothing. */
static void sealed_nonsense_is_refused_and_named(void **state)
{
    static const struct {
        const char *from, *to, *why;
    } rows[] = {
        {"postern-offer 1", "postern-offer 2", "upgrade the older of the two"},
        {"postern-offer 1", "postern-offer 0", "is not what postern-mirror offers"},
        {"postern-offer 1", "<html>", "is not what postern-mirror offers"},
        {"key ", "kay ", "line \"key\""},
        {"relay mx1.contoso.example", "relay ", "line \"relay\""},
        {"relay mx1.contoso.example\n", "", "line \"relay\""},
        {"offered 1790000100", "offered soon", "line \"offered\""},
        {"machine ", "machine 1", "another kind of machine"},
        {" little", " big", "another kind of machine"},
        {"digest abcd", "digest abc", "line \"digest\""},
        {"digest abcd", "digest abcg", "line \"digest\""},
        {"\nmanifest ", "\nmanifest 9", "line \"manifest\""},
        {"postern-directory 5", "postern-directory 6", "line \"manifest\"|is of format 6|has a wrong checksum"},
        {"generation 12", "generation 13", "has a wrong checksum"},
        {"tenant 0", "tenant 1", "has a wrong checksum"},
        {"\nend ", "\n", "line \"manifest\""},
    };
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = reseal(r, rows[i].from, rows[i].to);
        bool named = false;
        char whys[128];
        struct buf b = BUF_OVER(whys);

        assert_int_equal(offering_read((struct slice){r->spoilt, n}, &r->key, &r->read, &r->e), -1);
        offering_free(&r->read);
        buf_addf(&b, "%s", rows[i].why);
        for (char *rest = whys, *one; (one = strsep(&rest, "|")) != NULL;)
            named = named || strstr(r->e.text, one) != NULL;
        if (!named)
            print_error("row %zu (\"%s\"): \"%s\"\n", i, rows[i].to, r->e.text);
        assert_true(named);
    }
}

static void another_clusters_key_is_named_as_such(void **state)
{
    struct rig *r = *state;
    size_t n;

    assert_int_equal(offering_read((struct slice){r->text, r->n}, &r->other, &r->read, &r->e), -1);
    assert_non_null(strstr(r->e.text, "another cluster's key"));
    assert_non_null(strstr(r->e.text, r->other.check));
    /* One that calls itself ours is not opened by that. */
    n = reseal(r, r->key.check, r->other.check);
    assert_int_equal(offering_read((struct slice){r->spoilt, n}, &r->other, &r->read, &r->e), -1);
    assert_non_null(strstr(r->e.text, "has a seal that is not right"));
}

/* ---- what is noted of a pull ---- */

static void a_note_of_a_pull_is_read_back_or_not_at_all(void **state)
{
    struct rig *r = *state;
    struct pulled out, in = {.url = "https://mx1.contoso.example/postern",
                             .relay = "mx1",
                             .generation = 12,
                             .here = 14,
                             .offered_at = 1790000000,
                             .checked_at = 1790000300,
                             .digest = "00",
                             .manifest = 0x1234,
                             .etag = "W/\"a b\""};
    char folder[] = "/tmp/postern-pulled-XXXXXX", path[64];
    FILE *file;
    char text[TEXT_MAX];
    size_t n;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/" PULLED_NAME, folder);
    assert_int_equal(pulled_read(folder, &out, &r->e), 0);
    assert_int_equal(pulled_write(folder, &in, &r->e), 0);
    assert_int_equal(pulled_read(folder, &out, &r->e), 1);
    assert_string_equal(out.url, in.url);
    assert_string_equal(out.etag, in.etag);
    assert_int_equal(out.here, 14);
    assert_int_equal(out.manifest, 0x1234);
    assert_int_equal(out.checked_at, in.checked_at);
    in.etag[0] = '\0';
    assert_int_equal(pulled_write(folder, &in, &r->e), 0);
    assert_int_equal(pulled_read(folder, &out, &r->e), 1);
    assert_string_equal(out.etag, "");

    file = fopen(path, "r");
    assert_non_null(file);
    n = fread(text, 1, sizeof text, file);
    fclose(file);
    for (size_t i = 0; i < n; i++) {
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, i, file), i);
        fclose(file);
        assert_int_equal(pulled_read(folder, &out, &r->e), -1);
        assert_int_equal(out.here, 0);
    }
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_offered_is_read_back, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(every_changed_byte_and_every_cut_is_refused, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(sealed_nonsense_is_refused_and_named, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(another_clusters_key_is_named_as_such, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_note_of_a_pull_is_read_back_or_not_at_all, rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
