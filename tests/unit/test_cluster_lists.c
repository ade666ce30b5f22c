/* links: cluster */
/* Lists that several relays share: whatever the order in which they hear of each other's entries, they end with the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster/shared_lists.h"
#include "core/mail/list.h"

#define WALL UINT64_C(1800000000000)

static const struct hash_secret secret = {{1, 2}};

static struct list_note note(enum list_state state, uint64_t version, const char *entry)
{
    return (struct list_note){state, version, slice_of(entry), SLICE("by anna at a")};
}

static enum list_taken take(struct shared_lists *s, enum list_state state, uint64_t version, const char *entry)
{
    const struct list_note one = note(state, version, entry);

    return shared_lists_take(s, &one, LIST_OF_STREAM);
}

static struct shared_lists *lists_new(void)
{
    struct shared_lists *s = shared_lists_new(&secret);

    assert_non_null(s);
    return s;
}

/* Is it in the file of that list? */
static bool in_file(const struct shared_lists *s, enum list_state state, const char *entry)
{
    size_t n = 0;
    char *text = shared_lists_file(s, state, &n);
    struct list *list = NULL;
    struct error e = {""};
    bool found;

    assert_non_null(text);
    assert_int_equal(list_parse((struct slice){text, n}, "file", &list, &e), 0);
    found = list_has(list, slice_of(entry), NULL);
    list_free(list);
    free(text);
    return found;
}

static void assert_same(const struct shared_lists *a, const struct shared_lists *b)
{
    size_t n = 0, m = 0;
    char *one = shared_lists_text(a, "x", &n), *other = shared_lists_text(b, "x", &m);

    assert_true(one != NULL && other != NULL);
    assert_string_equal(one, other);
    assert_int_equal(n, m);
    assert_int_equal(shared_lists_digest(a), shared_lists_digest(b));
    free(one);
    free(other);
}

/* ---- what holds ---- */

static void the_higher_version_holds_and_what_is_shown_again_changes_nothing(void **state)
{
    struct shared_lists *s = lists_new();

    (void)state;
    assert_int_equal(take(s, LIST_ALLOWED, 10, "anna@contoso.example"), LIST_TAKEN);
    assert_int_equal(take(s, LIST_ALLOWED, 10, "anna@contoso.example"), LIST_KNOWN);
    assert_int_equal(take(s, LIST_DENIED, 11, "anna@contoso.example"), LIST_TAKEN);
    assert_int_equal(take(s, LIST_ALLOWED, 10, "anna@contoso.example"), LIST_OLDER);
    assert_true(in_file(s, LIST_DENIED, "anna@contoso.example"));
    assert_false(in_file(s, LIST_ALLOWED, "anna@contoso.example"));
    assert_int_equal(take(s, LIST_FORGOTTEN, 12, "anna@contoso.example"), LIST_TAKEN);
    assert_int_equal(take(s, LIST_ALLOWED, 10, "anna@contoso.example"), LIST_OLDER);
    assert_int_equal(take(s, LIST_DENIED, 11, "anna@contoso.example"), LIST_OLDER);
    assert_false(in_file(s, LIST_DENIED, "anna@contoso.example"));
    assert_int_equal(shared_lists_count(s, LIST_ALLOWED) + shared_lists_count(s, LIST_DENIED), 0);
    shared_lists_free(s);
}

static void at_the_same_moment_the_stricter_holds(void **state)
{
    static const enum list_state states[] = {LIST_ALLOWED, LIST_FORGOTTEN, LIST_DENIED};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 3; j++) {
            struct shared_lists *s = lists_new();

            (void)take(s, states[i], WALL, "sean");
            (void)take(s, states[j], WALL, "sean");
            assert_int_equal(shared_lists_count(s, states[i > j ? i : j]), 1);
            shared_lists_free(s);
        }
}

static void all_relays_end_with_the_same_in_whatever_order_they_hear(void **state)
{
    static const enum list_state states[] = {LIST_ALLOWED, LIST_FORGOTTEN, LIST_DENIED};
    static const char *const comments[] = {"by anna at a", "by bert at b"};
    struct list_note notes[60];
    char entries[6][24];

    (void)state;
    srandom(7);
    for (unsigned i = 0; i < 6; i++)
        (void)snprintf(entries[i], sizeof entries[i], "u%u@contoso.example", i);
    for (unsigned round = 0; round < 200; round++) {
        struct shared_lists *a = lists_new(), *b = lists_new();

        for (unsigned i = 0; i < 60; i++)
            notes[i] = (struct list_note){states[random() % 3], WALL + (uint64_t)(random() % 4),
                                          slice_of(entries[random() % 6]), slice_of(comments[random() % 2])};
        for (unsigned i = 0; i < 60; i++)
            (void)shared_lists_take(a, notes + i, LIST_OF_STREAM);
        for (unsigned i = 60; i-- > 0;) {
            (void)shared_lists_take(b, notes + i, LIST_OF_KEPT);
            (void)shared_lists_take(b, notes + random() % 60, LIST_OF_STREAM);
        }
        assert_same(a, b);
        shared_lists_free(a);
        shared_lists_free(b);
    }
}

static void who_knows_an_entry_comes_after_it_whatever_his_clock_says(void **state)
{
    struct shared_lists *s = lists_new();

    (void)state;
    assert_int_equal(shared_lists_next_version(s, WALL), WALL);
    assert_int_equal(take(s, LIST_DENIED, WALL + 3600000, "sean"), LIST_TAKEN);
    assert_int_equal(shared_lists_next_version(s, WALL), WALL + 3600001);
    assert_int_equal(shared_lists_next_version(s, WALL + 7200000), WALL + 7200000);
    shared_lists_free(s);
}

/* ---- room ---- */

static void what_was_forgotten_makes_room_and_does_not_come_back(void **state)
{
    struct shared_lists *s = lists_new();
    char entry[40];

    (void)state;
    assert_int_equal(take(s, LIST_FORGOTTEN, 5, "old@contoso.example"), LIST_TAKEN);
    for (unsigned i = 0; i < SHARED_LISTS_MAX; i++) {
        (void)snprintf(entry, sizeof entry, "u%u@contoso.example", i);
        assert_int_equal(take(s, LIST_ALLOWED, 10 + i, entry), LIST_TAKEN);
    }
    assert_int_equal(take(s, LIST_DENIED, 1000000, "one@contoso.example"), LIST_NO_ROOM);
    assert_int_equal(take(s, LIST_FORGOTTEN, 1000000, "u7@contoso.example"), LIST_TAKEN);
    assert_int_equal(take(s, LIST_DENIED, 1000001, "one@contoso.example"), LIST_TAKEN);
    assert_int_equal(shared_lists_count(s, LIST_FORGOTTEN), 0);
    assert_true(in_file(s, LIST_ALLOWED, "u8191@contoso.example"));
    assert_true(in_file(s, LIST_DENIED, "one@contoso.example"));
    assert_int_equal(take(s, LIST_FORGOTTEN, 1000002, "u8@contoso.example"), LIST_TAKEN);
    assert_int_equal(take(s, LIST_ALLOWED, 5, "old@contoso.example"), LIST_OLDER);
    assert_int_equal(take(s, LIST_ALLOWED, 17, "u7@contoso.example"), LIST_OLDER);
    assert_int_equal(take(s, LIST_DENIED, 4, "late@contoso.example"), LIST_TAKEN);
    shared_lists_free(s);
}

/* ---- what the others may not know ---- */

static unsigned tell_all(struct shared_lists *s)
{
    struct list_note one;
    unsigned n = 0;

    while (shared_lists_untold(s, &one)) {
        shared_lists_told(s, one.entry);
        n++;
    }
    return n;
}

static void what_redis_lacks_or_has_in_an_older_version_is_told(void **state)
{
    struct shared_lists *s = lists_new();
    const struct list_note ours = note(LIST_DENIED, 20, "ours"), theirs = note(LIST_ALLOWED, 19, "theirs"),
                           older = note(LIST_ALLOWED, 10, "ours");

    (void)state;
    assert_int_equal(shared_lists_take(s, &ours, LIST_OF_OURS), LIST_TAKEN);
    assert_int_equal(shared_lists_take(s, &theirs, LIST_OF_STREAM), LIST_TAKEN);
    assert_int_equal(tell_all(s), 1);
    assert_int_equal(tell_all(s), 0);
    shared_lists_scan_begin(s); /* Redis has both */
    (void)shared_lists_take(s, &ours, LIST_OF_KEPT);
    (void)shared_lists_take(s, &theirs, LIST_OF_KEPT);
    shared_lists_scan_end(s);
    assert_int_equal(tell_all(s), 0);
    shared_lists_scan_begin(s); /* one is older, the other missing */
    assert_int_equal(shared_lists_take(s, &older, LIST_OF_KEPT), LIST_OLDER);
    shared_lists_scan_end(s);
    assert_int_equal(tell_all(s), 2);
    shared_lists_tell_again(s);
    assert_int_equal(shared_lists_take(s, &theirs, LIST_OF_STREAM), LIST_KNOWN); /* another relay was faster */
    assert_int_equal(tell_all(s), 1);
    shared_lists_free(s);
}

/* ---- files ---- */

static void a_file_gives_back_what_was_written_to_its_own_cluster_alone(void **state)
{
    struct shared_lists *s = lists_new(), *again = lists_new();
    size_t n = 0;
    char *text;

    (void)state;
    (void)take(s, LIST_ALLOWED, 10, "@fabrikam.example");
    (void)take(s, LIST_DENIED, 11, "contoso\\sean");
    (void)take(s, LIST_FORGOTTEN, 12, "anna@contoso.example");
    assert_non_null(text = shared_lists_text(s, "0011223344556677", &n));
    assert_int_equal(shared_lists_load(again, (struct slice){text, n}, "1111111111111111"), -1);
    assert_int_equal(shared_lists_count(again, LIST_ALLOWED), 0);
    assert_int_equal(shared_lists_load(again, (struct slice){text, n}, "0011223344556677"), 0);
    assert_same(s, again);
    assert_int_equal(shared_lists_load(again, (struct slice){text, n - 20}, "0011223344556677"), 1);
    assert_int_equal(shared_lists_load(again, SLICE(""), "0011223344556677"), -1);
    free(text);
    shared_lists_free(s);
    shared_lists_free(again);
}

static void a_text_that_is_no_entry_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "A",
        "A\t1\tanna@contoso.example",
        "X\t1\tanna@contoso.example\tx",
        "AA\t1\tanna@contoso.example\tx",
        "A\t-1\tanna@contoso.example\tx",
        "A\t99999999999999999999\tanna@contoso.example\tx",
        "A\t9223372036854775807\tanna@contoso.example\tx",
        "A\t1\t\tx",
        "A\t1\t#anna\tx",
        "A\t1\tanna # bert\tx",
        "A\t1\t anna@contoso.example\tx",
        "A\t1\tAnna@Contoso.example\tx", /* not canonical */
        "A\t1\t*@contoso.example\tx",
        "A\t1\t@.contoso.example\tx",
        "A\t1\t@\tx",
        "A\t1\tanna@contoso.example\tone\nbert@contoso.example",
        "A\t1\tanna@contoso.example\nbert@contoso.example\tx",
        "A\t1\tanna@contoso.example\tb\033[31mred",
        "A\t1\tanna@contoso.example\tb\xc3\xa4r",
        "A\t1\tanna@contoso.example\tone\ttwo",
        "A\t1\tanna\x01@contoso.example\tx",
    };
    static const char *const right[] = {"A\t0\tanna@contoso.example\tx", "D\t1\t@contoso.example\t",
                                        "F\t4611686018427387904\tcontoso\\sean\tby anna: \"why\" # not"};
    char longest[LIST_NOTE_MAX + 100];
    struct list_note one;
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (list_note_read(slice_of(wrong[i]), &one, &e) == 0)
            fail_msg("taken: %s", wrong[i]);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        if (list_note_read(slice_of(right[i]), &one, &e) != 0)
            fail_msg("refused: %s: %s", right[i], e.text);
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "A\t1\tanna\t", 9);
    assert_int_equal(list_note_read((struct slice){longest, 9 + LIST_COMMENT_MAX}, &one, &e), 0);
    assert_int_equal(list_note_read((struct slice){longest, 10 + LIST_COMMENT_MAX}, &one, &e), -1);
    assert_int_equal(list_note_read((struct slice){longest, sizeof longest}, &one, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_higher_version_holds_and_what_is_shown_again_changes_nothing),
        cmocka_unit_test(at_the_same_moment_the_stricter_holds),
        cmocka_unit_test(all_relays_end_with_the_same_in_whatever_order_they_hear),
        cmocka_unit_test(who_knows_an_entry_comes_after_it_whatever_his_clock_says),
        cmocka_unit_test(what_was_forgotten_makes_room_and_does_not_come_back),
        cmocka_unit_test(what_redis_lacks_or_has_in_an_older_version_is_told),
        cmocka_unit_test(a_file_gives_back_what_was_written_to_its_own_cluster_alone),
        cmocka_unit_test(a_text_that_is_no_entry_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
