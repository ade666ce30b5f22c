/* links: cluster */
/* What relays tell each other: sealed, once, and by who has the cluster's key; and the key's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/proof.h"
#include "cluster/seal.h"

struct relay {
    struct cluster_key key;
    struct sealer *sealer;
    struct opener *opener;
};

static void relay_begin(struct relay *r, unsigned char first)
{
    unsigned char bytes[CLUSTER_KEY_BYTES] = {first, 2, 3};
    struct error e;

    assert_int_equal(cluster_key_derive(bytes, &r->key, &e), 0);
    assert_non_null(r->sealer = sealer_new(&r->key, &e));
    assert_non_null(r->opener = opener_new(&r->key, r->sealer, &e));
}

static void relay_end(struct relay *r)
{
    opener_free(r->opener);
    sealer_free(r->sealer);
}

#define TEXT SLICE("user anna@contoso.example")

static struct slice seal_text(struct relay *r, enum seal_context context, unsigned char *out)
{
    size_t n = seal(r->sealer, context, TEXT, out);

    assert_int_equal(n, TEXT.n + SEAL_EXTRA_BYTES);
    return (struct slice){(const char *)out, n};
}

static void what_one_relay_seals_another_opens_and_nobody_reads(void **state)
{
    unsigned char out[256];
    struct relay a, b;
    struct slice record, text;

    (void)state;
    relay_begin(&a, 1);
    relay_begin(&b, 1);
    record = seal_text(&a, SEAL_EVENT, out);
    assert_null(memmem(record.p, record.n, "anna", 4));
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, record, &text, NULL), OPENED);
    assert_true(slice_eq(text, TEXT));
    assert_int_equal(seal_open(a.opener, SEAL_EVENT, record, &text, NULL), OPENED_OWN);
    relay_end(&a);
    relay_end(&b);
}

static void a_record_with_any_bit_changed_or_cut_is_false(void **state)
{
    unsigned char out[256];
    struct relay a, b;
    struct slice record, text;

    (void)state;
    relay_begin(&a, 1);
    relay_begin(&b, 1);
    record = seal_text(&a, SEAL_EVENT, out);
    for (size_t i = 0; i < record.n * 8; i++) {
        enum opened opened;

        out[i / 8] ^= (unsigned char)(1u << i % 8);
        opened = seal_open(b.opener, SEAL_EVENT, record, &text, NULL);
        assert_true(opened == OPENED_FALSE || (i < 8 && opened == OPENED_NEWER));
        out[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    for (size_t n = 0; n < record.n; n++)
        assert_int_equal(seal_open(b.opener, SEAL_EVENT, (struct slice){record.p, n}, &text, NULL), OPENED_FALSE);
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, record, &text, NULL), OPENED);
    relay_end(&a);
    relay_end(&b);
}

static void another_key_opens_nothing_and_shows_another_check_value(void **state)
{
    unsigned char out[256];
    struct relay a, b;
    struct slice record, text;

    (void)state;
    relay_begin(&a, 1);
    relay_begin(&b, 9);
    record = seal_text(&a, SEAL_PUSH, out);
    assert_int_equal(seal_open(b.opener, SEAL_PUSH, record, &text, NULL), OPENED_FALSE);
    assert_string_not_equal(a.key.check, b.key.check);
    relay_end(&a);
    relay_end(&b);
}

static void a_record_shown_again_or_after_a_later_one_is_a_replay(void **state)
{
    unsigned char first[256], second[256], kept[256];
    struct relay a, b;
    struct slice one, two, text;

    (void)state;
    relay_begin(&a, 1);
    relay_begin(&b, 1);
    one = seal_text(&a, SEAL_EVENT, first);
    two = seal_text(&a, SEAL_EVENT, second);
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, two, &text, NULL), OPENED);
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, two, &text, NULL), OPENED_REPLAYED);
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, one, &text, NULL), OPENED_REPLAYED);
    /* What is kept for those who come later is read any number of times. */
    one = seal_text(&a, SEAL_KEPT, kept);
    assert_int_equal(seal_open(b.opener, SEAL_KEPT, one, &text, NULL), OPENED);
    assert_int_equal(seal_open(b.opener, SEAL_KEPT, one, &text, NULL), OPENED);
    relay_end(&a);
    relay_end(&b);
}

static void a_record_shown_again_after_a_restart_is_a_replay(void **state)
{
    unsigned char out[256], own[256], later[256], heard[SEAL_HEARD_MAX * SEAL_HEARD_BYTES];
    struct relay a, b, again;
    struct slice one, two, three, text;
    size_t n;

    (void)state;
    relay_begin(&a, 1);
    relay_begin(&b, 1);
    one = seal_text(&a, SEAL_EVENT, out);
    two = seal_text(&b, SEAL_EVENT, own);
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, one, &text, NULL), OPENED);
    n = opener_heard(b.opener, SEAL_EVENT, heard);
    relay_end(&b);
    relay_begin(&again, 1);
    assert_int_equal(opener_hear_on(again.opener, SEAL_EVENT, (struct slice){(const char *)heard, n - 1}), -1);
    assert_int_equal(opener_hear_on(again.opener, SEAL_EVENT, (struct slice){(const char *)heard, n}), 0);
    assert_int_equal(seal_open(again.opener, SEAL_EVENT, one, &text, NULL), OPENED_REPLAYED);
    assert_int_equal(seal_open(again.opener, SEAL_EVENT, two, &text, NULL), OPENED_REPLAYED); /* its own, then */
    three = seal_text(&a, SEAL_EVENT, later);
    assert_int_equal(seal_open(again.opener, SEAL_EVENT, three, &text, NULL), OPENED);
    relay_end(&a);
    relay_end(&again);
}

static void a_record_is_not_taken_for_one_of_another_kind(void **state)
{
    unsigned char out[256];
    struct relay a, b;
    struct slice record, text;

    (void)state;
    relay_begin(&a, 1);
    relay_begin(&b, 1);
    record = seal_text(&a, SEAL_KEPT, out);
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, record, &text, NULL), OPENED_FALSE);
    out[1] = SEAL_EVENT;
    assert_int_equal(seal_open(b.opener, SEAL_EVENT, record, &text, NULL), OPENED_FALSE);
    relay_end(&a);
    relay_end(&b);
}

static void more_relays_than_are_remembered_are_heard_all_the_same(void **state)
{
    unsigned char out[256];
    struct relay b;
    struct slice text;

    (void)state;
    relay_begin(&b, 1);
    for (unsigned i = 0; i < 1200; i++) {
        struct error e;
        struct sealer *s = sealer_new(&b.key, &e);
        size_t n;

        assert_non_null(s);
        n = seal(s, SEAL_PUSH, TEXT, out);
        assert_int_equal(seal_open(b.opener, SEAL_PUSH, (struct slice){(const char *)out, n}, &text, NULL), OPENED);
        sealer_free(s);
    }
    relay_end(&b);
}

static void a_text_that_is_too_long_is_not_sealed(void **state)
{
    static char text[SEAL_TEXT_MAX + 1];
    static unsigned char out[SEAL_TEXT_MAX + 1 + SEAL_EXTRA_BYTES];
    struct relay a;

    (void)state;
    relay_begin(&a, 1);
    assert_int_equal(seal(a.sealer, SEAL_EVENT, (struct slice){text, sizeof text}, out), 0);
    assert_int_equal(seal(a.sealer, SEAL_EVENT, (struct slice){text, SEAL_TEXT_MAX}, out),
                     SEAL_TEXT_MAX + SEAL_EXTRA_BYTES);
    relay_end(&a);
}

/* ---- proofs ---- */

static void only_another_relays_own_fresh_proof_holds(void **state)
{
    const struct proof_of theirs = {11, 22, 0x1000, 1800000000}, ours = {11, 22, 0x2000, 1800000000};
    const uint64_t day = 86400;
    unsigned char out[PROOF_BYTES];
    struct slice proof = {(const char *)out, sizeof out};
    struct proof_of x;
    struct relay a, b;

    (void)state;
    relay_begin(&a, 1);
    relay_begin(&b, 9);
    assert_int_equal(proof_make(&a.key, &theirs, out), 0);
    assert_true(proof_holds(&a.key, &ours, day, proof));
    assert_false(proof_holds(&b.key, &ours, day, proof));
    assert_false(proof_holds(&a.key, &theirs, day, proof)); /* our own, shown to us */
    x = ours, x.limit_key = 12;
    assert_false(proof_holds(&a.key, &x, day, proof));
    x = ours, x.member_key = 23;
    assert_false(proof_holds(&a.key, &x, day, proof));
    x = ours, x.wall_s += (int64_t)day + 3601;
    assert_false(proof_holds(&a.key, &x, day, proof));
    x = ours, x.wall_s += (int64_t)day + 3599;
    assert_true(proof_holds(&a.key, &x, day, proof));
    x = ours, x.wall_s -= 3601; /* from the future */
    assert_false(proof_holds(&a.key, &x, day, proof));
    for (size_t n = 0; n < sizeof out; n++)
        assert_false(proof_holds(&a.key, &ours, day, (struct slice){proof.p, n}));
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] ^= 1;
        assert_false(proof_holds(&a.key, &ours, day, proof));
        out[i] ^= 1;
    }
    relay_end(&a);
    relay_end(&b);
}

/* ---- the key's file ---- */

static void a_key_is_read_as_it_was_written_and_holds_the_secret_of_the_state(void **state)
{
    const struct hash_secret hash = {{UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)}};
    char folder[] = "/tmp/postern-cluster-XXXXXX", path[64];
    unsigned char bytes[CLUSTER_KEY_BYTES];
    struct cluster_key made, read;
    struct stat st;
    struct error e;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/cluster.key", folder);
    assert_int_equal(cluster_key_make(&hash, bytes, &e), 0);
    assert_int_equal(cluster_key_derive(bytes, &made, &e), 0);
    assert_int_equal(cluster_key_read(path, &read, &e), -1);
    assert_non_null(strstr(e.text, "postern-cluster init"));
    assert_int_equal(cluster_key_write(path, bytes, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 2 * CLUSTER_KEY_BYTES + 1);
    assert_int_equal(cluster_key_read(path, &read, &e), 0);
    assert_memory_equal(made.sealing, read.sealing, sizeof made.sealing);
    assert_memory_equal(made.proving, read.proving, sizeof made.proving);
    assert_string_equal(made.check, read.check);
    assert_memory_equal(&read.hash, &hash, sizeof hash);
    assert_int_equal(cluster_key_write(path, bytes, &e), -1); /* never replaced */
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(cluster_key_read(path, &read, &e), -1);
    assert_non_null(strstr(e.text, "chmod o="));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_key_file_that_is_not_one_is_refused_without_showing_it(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddee\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeffff\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeefg\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff x\n",
    };
    char folder[] = "/tmp/postern-cluster-XXXXXX", path[64];
    struct cluster_key key;
    struct error e;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/cluster.key", folder);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), (ssize_t)strlen(texts[i]));
        assert_int_equal(close(fd), 0);
        assert_int_equal(cluster_key_read(path, &key, &e), -1);
        assert_null(strstr(e.text, "0011"));
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cluster_key_read(folder, &key, &e), -1);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_relay_seals_another_opens_and_nobody_reads),
        cmocka_unit_test(a_record_with_any_bit_changed_or_cut_is_false),
        cmocka_unit_test(another_key_opens_nothing_and_shows_another_check_value),
        cmocka_unit_test(a_record_shown_again_or_after_a_later_one_is_a_replay),
        cmocka_unit_test(a_record_shown_again_after_a_restart_is_a_replay),
        cmocka_unit_test(a_record_is_not_taken_for_one_of_another_kind),
        cmocka_unit_test(more_relays_than_are_remembered_are_heard_all_the_same),
        cmocka_unit_test(a_text_that_is_too_long_is_not_sealed),
        cmocka_unit_test(only_another_relays_own_fresh_proof_holds),
        cmocka_unit_test(a_key_is_read_as_it_was_written_and_holds_the_secret_of_the_state),
        cmocka_unit_test(a_key_file_that_is_not_one_is_refused_without_showing_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
