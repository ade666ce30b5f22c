/* links: cluster */
/* What a relay makes of the replies to its batches, honest ones and others: it only ever gets stricter, and not by more
 * than twice the burst. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cluster/batch.h"
#include "cluster/bytes.h"
#include "cluster/proof.h"
#include "core/base/clock.h"
#include "core/state/counters_table.h"

#define START (COUNTERS_LONGEST_WINDOW_NS + 12345)
#define ENTRIES 4096
#define UNIT (60 * NS_PER_S)
#define BURST 10

struct relay {
    struct counters c;
    void *memory, *rest;
    struct counters_met met;
    struct pending *pending;
    struct cluster_key key;
    unsigned char outbox[OUTBOX_IDENTITY_BYTES];
    struct batch batch;
    struct hot_list hot;
    struct batch_counts counts;
};

static struct relay *relay_new(unsigned char name)
{
    struct relay *r = calloc(1, sizeof *r);
    unsigned char bytes[CLUSTER_KEY_BYTES] = {7};
    struct error e;

    assert_non_null(r);
    r->memory = aligned_alloc(128, ENTRIES * sizeof(union pair));
    r->rest = aligned_alloc(128, COUNTERS_REST_PAIRS * sizeof(union pair));
    assert_true(r->memory != NULL && r->rest != NULL);
    memset(r->memory, 0, ENTRIES * sizeof(union pair));
    memset(r->rest, 0, COUNTERS_REST_PAIRS * sizeof(union pair));
    r->c = counters_over(r->memory, ENTRIES, r->rest, &r->met);
    assert_non_null(r->pending = pending_new());
    assert_int_equal(cluster_key_derive(bytes, &r->key, &e), 0);
    memset(r->outbox, name, sizeof r->outbox);
    return r;
}

static void relay_free(struct relay *r)
{
    pending_free(r->pending);
    free(r->memory);
    free(r->rest);
    free(r);
}

/* Charges as the mail path does, and takes what that leaves in the outbox. */
static void charge(struct relay *r, uint64_t key, uint64_t units, uint64_t now)
{
    const struct charge k = {.key = key, .interval_ns = UNIT, .burst = BURST, .cost = units};
    const struct outbox_record record = outbox_charge(OUTBOX_COUNTERS, &k);
    struct charge_answer a;

    assert_int_equal(counters_charge(&r->c, &k, 1, now, &a), 1);
    assert_true(pending_take(r->pending, &record));
}

static void charge_member(struct relay *r, uint64_t key, uint64_t member, uint64_t now)
{
    const struct charge k = {.key = key, .interval_ns = UNIT, .burst = BURST, .cost = 1};
    const struct outbox_record record = {.kind = OUTBOX_DISTINCT,
                                         .key = key,
                                         .ns = UNIT,
                                         .burst_ns = BURST * UNIT,
                                         .member = member,
                                         .keep_ns = BURST * UNIT};
    struct charge_answer a;
    bool crowded;

    assert_int_equal(counters_charge(&r->c, &k, 1, now, &a), 1);
    assert_true(counters_mark(&r->c, member, now, BURST * UNIT, true, &crowded));
    assert_true(pending_take(r->pending, &record));
}

static bool fill(struct relay *r, uint64_t now)
{
    (void)pending_begin_round(r->pending);
    return batch_fill(&r->batch, r->pending, &r->c, now);
}

#define WALL 1800000000

static int apply(struct relay *r, const struct reply *reply, uint64_t now)
{
    const struct batch_applying with = {.sender = {&r->key, r->outbox, WALL},
                                        .counters = &r->c,
                                        .pending = r->pending,
                                        .now_ns = now,
                                        .round_trip_ns = NS_PER_MS};
    struct error e;

    return batch_apply(&r->batch, reply, &with, &r->hot, &r->counts, &e);
}

/* A reply in memory: integers, and marks for members. */
struct built {
    struct reply reply, of[BATCH_ENTRIES_MAX + 2 * BATCH_MEMBERS_MAX];
    struct reply *elements[BATCH_ENTRIES_MAX + 2 * BATCH_MEMBERS_MAX];
};

static struct reply *build(struct built *b, size_t n)
{
    b->reply = (struct reply){.type = REPLY_ARRAY, .elements = b->elements, .n = n};
    for (size_t i = 0; i < n; i++) {
        b->of[i] = (struct reply){.type = REPLY_INTEGER};
        b->elements[i] = b->of + i;
    }
    return &b->reply;
}

static void set_left(struct built *b, size_t i, uint64_t ns)
{
    b->of[i].integer = (int64_t)(ns / 1000);
}

static void set_mark(struct built *b, size_t i, struct slice mark)
{
    b->of[i] = (struct reply){.type = REPLY_TEXT, .text = mark};
}

static uint64_t left(const struct relay *r, uint64_t key, uint64_t now)
{
    return counters_marked_for(&r->c, key, now);
}

static void what_all_relays_consumed_is_what_a_reply_leaves_here(void **state)
{
    struct relay *r = relay_new(1);
    static struct built b;

    (void)state;
    charge(r, 5, 2, START);
    assert_true(fill(r, START));
    assert_int_equal(r->batch.n, 1);
    assert_int_equal(r->batch.entries[0].add_ns, 2 * UNIT);
    charge(r, 5, 1, START); /* while the reply is under way */
    build(&b, 1);
    set_left(&b, 0, 7 * UNIT);
    assert_int_equal(apply(r, &b.reply, START), 0);
    assert_int_equal(left(r, 5, START), 8 * UNIT);
    assert_int_equal(r->counts.raised, 1);
    relay_free(r);
}

static void amounts_of_one_key_are_one_sum_and_what_has_passed_is_not_owed(void **state)
{
    struct relay *r = relay_new(1);

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        charge(r, 5, 1, START + i * UNIT);
    /* Eight were charged while Redis was away, of which one is left by now. */
    assert_true(fill(r, START + 7 * UNIT));
    assert_int_equal(r->batch.n, 1);
    assert_int_equal(r->batch.entries[0].add_ns, UNIT);
    assert_false(fill(r, START + 7 * UNIT));
    relay_free(r);
}

static void a_redis_that_has_forgotten_is_told_what_is_left_here(void **state)
{
    struct relay *r = relay_new(1);
    static struct built b;

    (void)state;
    charge(r, 5, 6, START);
    assert_true(fill(r, START));
    build(&b, 1);
    set_left(&b, 0, 6 * UNIT);
    assert_int_equal(apply(r, &b.reply, START), 0);
    assert_int_equal(r->counts.floors, 0);
    charge(r, 5, 1, START);
    assert_true(fill(r, START));
    set_left(&b, 0, UNIT); /* all but the last is gone */
    assert_int_equal(apply(r, &b.reply, START), 0);
    assert_int_equal(left(r, 5, START), 7 * UNIT);
    assert_int_equal(r->counts.floors, 1);
    assert_true(fill(r, START));
    assert_int_equal(r->batch.entries[0].add_ns, 0);
    assert_int_equal(r->batch.floors_ns[0], 7 * UNIT);
    relay_free(r);
}

static void a_member_that_another_relay_charged_is_given_back_against_its_proof_only(void **state)
{
    struct relay *r = relay_new(1), *other = relay_new(2);
    const struct proof_of theirs = {5, 77, bytes_get32(other->outbox), WALL};
    unsigned char proof[PROOF_BYTES];
    static struct built b;

    (void)state;
    assert_int_equal(proof_make(&other->key, &theirs, proof), 0);
    charge_member(r, 5, 77, START);
    charge_member(r, 5, 78, START);
    charge_member(r, 5, 79, START);
    assert_true(fill(r, START));
    assert_int_equal(r->batch.n_members, 3);
    build(&b, 6);
    set_left(&b, 0, 3 * UNIT);
    set_mark(&b, 1, (struct slice){(const char *)proof, sizeof proof});
    set_left(&b, 2, 3 * UNIT);
    set_mark(&b, 3, (struct slice){(const char *)proof, sizeof proof}); /* of another member */
    set_left(&b, 4, 3 * UNIT);
    set_mark(&b, 5, SLICE("known"));
    r->counts = (struct batch_counts){.keys = 0};
    assert_int_equal(apply(r, &b.reply, START), 0);
    assert_int_equal(r->counts.known, 1);
    assert_int_equal(r->counts.unproven, 2);
    assert_int_equal(left(r, 5, START), 3 * UNIT); /* 3 charged, 1 given back, raised to what all have */
    relay_free(r);
    relay_free(other);
}

static void members_that_wait_do_not_count_twice_in_a_floor(void **state)
{
    struct relay *r = relay_new(1);
    static struct built b;

    (void)state;
    charge(r, 5, 4, START);
    assert_true(fill(r, START));
    charge_member(r, 5, 77, START);
    build(&b, 1);
    set_left(&b, 0, 4 * UNIT);
    assert_int_equal(apply(r, &b.reply, START), 0);
    assert_int_equal(r->counts.floors, 0);
    relay_free(r);
}

static void a_reply_of_another_form_changes_nothing(void **state)
{
    struct relay *r = relay_new(1);
    static struct built b;

    (void)state;
    charge(r, 5, 2, START);
    charge_member(r, 6, 77, START);
    assert_true(fill(r, START));
    build(&b, 3);
    set_left(&b, 0, 9 * UNIT);
    set_left(&b, 1, 9 * UNIT);
    assert_int_equal(apply(r, &b.reply, START), -1); /* an integer in the place of the mark */
    set_mark(&b, 2, SLICE(""));
    b.reply.n = 2;
    assert_int_equal(apply(r, &b.reply, START), -1);
    b.reply.n = 3;
    b.of[0].type = REPLY_ERROR;
    assert_int_equal(apply(r, &b.reply, START), -1);
    assert_int_equal(left(r, 5, START), 2 * UNIT);
    b.of[0].type = REPLY_INTEGER;
    assert_int_equal(apply(r, &b.reply, START), 0);
    relay_free(r);
}

static uint64_t random_u64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Replies of any numbers, and "known" of everybody. */
static void a_redis_that_lies_makes_a_relay_stricter_up_to_twice_the_burst_and_never_laxer(void **state)
{
    struct relay *r = relay_new(1);
    static struct built b;
    uint64_t seed = 4711, now = START, members = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t key = 100 + random_u64(&seed) % 50, before[50];
        struct charge k = {.key = key, .interval_ns = UNIT, .burst = BURST, .cost = 1};

        now += random_u64(&seed) % (UNIT / 4);
        if (!counters_look(&r->c, &k, now).allowed)
            continue;
        if (random_u64(&seed) % 4 == 0)
            charge_member(r, key, 1000000 + members++, now);
        else
            charge(r, key, 1, now);
        if (random_u64(&seed) % 3 != 0 || !fill(r, now))
            continue;
        for (unsigned i = 0; i < 50; i++)
            before[i] = left(r, 100 + i, now);
        build(&b, r->batch.n + 2 * r->batch.n_members);
        for (size_t i = 0; i < b.reply.n; i++) {
            bool mark = i >= r->batch.n && (i - r->batch.n) % 2 == 1;

            b.of[i].integer = random_u64(&seed) % 2 == 0 ? 0 : (int64_t)random_u64(&seed);
            if (mark)
                set_mark(&b, i, SLICE("M1234567890123456"));
        }
        assert_int_equal(apply(r, &b.reply, now), 0);
        for (unsigned i = 0; i < 50; i++) {
            assert_true(left(r, 100 + i, now) >= before[i]);
            assert_true(left(r, 100 + i, now) <= 2 * BURST * UNIT || left(r, 100 + i, now) == before[i]);
        }
    }
    assert_true(r->counts.unproven > 100);
    assert_int_equal(r->counts.known, 0);
    relay_free(r);
}

/* ---- hot keys ---- */

static void a_key_becomes_hot_at_a_quarter_and_again_with_each_sixteenth(void **state)
{
    struct hot_list list = {.n = 0};
    const uint64_t burst = 160;
    struct hot_entry entry = {9, OUTBOX_COUNTERS, 0, burst};

    (void)state;
    for (uint64_t left_ns = 0; left_ns < burst; left_ns++) {
        entry.left_ns = left_ns + 1;
        hot_note(&list, &entry, left_ns);
    }
    assert_int_equal(list.n, 13); /* 40, 50, ... 160 */
    assert_int_equal(list.entries[0].left_ns, 40);
    assert_int_equal(list.entries[12].left_ns, 160);
}

static void another_relays_hot_keys_are_raised_here_and_bounded(void **state)
{
    struct relay *r = relay_new(1);
    static struct hot_list list;
    static unsigned char text[HOT_MAX * HOT_ENTRY_BYTES];
    size_t n;

    (void)state;
    charge(r, 5, 1, START);
    list.n = 2;
    list.entries[0] = (struct hot_entry){5, OUTBOX_COUNTERS, 4 * UNIT, BURST * UNIT};
    list.entries[1] = (struct hot_entry){6, OUTBOX_COUNTERS, UINT64_MAX, BURST * UNIT};
    n = hot_write(&list, text);
    assert_int_equal(hot_apply((struct slice){(const char *)text, n}, &r->c, r->pending, START), 2);
    assert_int_equal(left(r, 5, START), 5 * UNIT); /* with what is pending here */
    assert_int_equal(left(r, 6, START), 2 * BURST * UNIT);
    assert_int_equal(hot_apply((struct slice){(const char *)text, n - 1}, &r->c, r->pending, START), -1);
    assert_int_equal(hot_apply((struct slice){(const char *)text, 0}, &r->c, r->pending, START), -1);
    relay_free(r);
}

/* Different logins that fail at two relays: of those that one has charged before, the other gets its charge back. */
static void a_strangers_member_is_charged_once_as_well(void **state)
{
    struct relay *r = relay_new(1), *other = relay_new(2);
    const struct charge k = {.key = 5, .interval_ns = UNIT, .burst = BURST, .cost = 1};
    const struct proof_of theirs = {5, 77, bytes_get32(other->outbox), WALL};
    struct outbox_record record = outbox_charge(OUTBOX_STRANGERS_REFUSALS, &k);
    unsigned char proof[PROOF_BYTES];
    static struct built b;

    (void)state;
    record.kind = OUTBOX_DISTINCT;
    record.member = 77;
    record.keep_ns = BURST * UNIT;
    assert_true(strangers_charge(&r->c, STRANGERS_REFUSALS, &k, START).allowed);
    assert_true(pending_take(r->pending, &record));
    assert_true(fill(r, START));
    assert_int_equal(r->batch.members[0].table, OUTBOX_STRANGERS_REFUSALS);
    assert_int_equal(r->batch.members[0].ns, UNIT);
    assert_int_equal(proof_make(&other->key, &theirs, proof), 0);
    (void)build(&b, 2);
    set_left(&b, 0, UNIT);
    set_mark(&b, 1, (struct slice){(const char *)proof, sizeof proof});
    assert_int_equal(apply(r, &b.reply, START), 0);
    assert_int_equal(r->counts.known, 1);
    assert_int_equal(strangers_look(&r->c, STRANGERS_REFUSALS, &k, START).used, 1); /* the other relay's */
    relay_free(r);
    relay_free(other);
}

/* ---- pending ---- */

static void what_finds_no_room_is_counted_and_the_oldest_leaves_first(void **state)
{
    struct pending *p = pending_new();
    struct outbox_record record = {.kind = OUTBOX_ADD, .ns = UNIT, .burst_ns = UNIT};
    struct pending_entry entry;

    (void)state;
    for (uint64_t i = 0; i < PENDING_ENTRIES_MAX + 3; i++) {
        record.key = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        assert_true(pending_take(p, &record));
    }
    assert_int_equal(pending_lost(p), 3);
    assert_true(pending_begin_round(p));
    for (unsigned tag = 1; tag <= KEY_TAGS; tag++)
        for (uint64_t i = 0; i < PENDING_ENTRIES_MAX; i++) {
            uint64_t key = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

            if (tag_of_key(key) != tag)
                continue;
            assert_true(pending_next(p, tag % 2 == 0 ? tag : 0, &entry)); /* one tag after the other */
            assert_int_equal(entry.key, key);
        }
    assert_false(pending_next(p, 0, &entry));
    assert_int_equal(pending_count(p), 0);
    pending_free(p);
}

/* Whatever the replies to its first batches were, and whatever came meanwhile. */
static void a_round_that_is_told_again_is_in_the_same_batches(void **state)
{
    struct relay *first = relay_new(1), *second = relay_new(1);
    static struct batch batches[4];
    struct outbox_record record = {.kind = OUTBOX_ADD, .ns = UNIT, .burst_ns = BURST * UNIT};

    (void)state;
    for (uint64_t i = 1; i <= 2 * BATCH_ENTRIES_MAX + 5; i++) {
        charge(first, i, 1 + i % 3, START);
        record.key = i;
        record.ns = (1 + i % 3) * UNIT;
        assert_true(pending_take(second->pending, &record));
        /* To one relay the others have told more of some keys since, and another's time has passed. */
        if (i % 2 == 0)
            assert_true(counters_raise(&second->c, i, 3 * UNIT, START));
    }
    assert_true(pending_begin_round(first->pending));
    for (size_t i = 0; i < 3; i++) {
        assert_true(batch_fill(batches + i, first->pending, &first->c, START));
        charge(first, 1000 + i, 1, START);
        pending_floor(first->pending, 2000 + i, OUTBOX_COUNTERS, BURST * UNIT);
    }
    assert_true(pending_begin_round(second->pending));
    for (size_t i = 0, at; i < 3; i++) {
        (void)batch_fill(batches + 3, second->pending, &second->c, START);
        assert_int_equal(batches[3].of_round, batches[i].of_round);
        at = 0;
        for (size_t j = 0; j < batches[3].n; j++) {
            while (at < batches[i].n && batches[i].entries[at].key != batches[3].entries[j].key)
                at++;
            assert_true(at < batches[i].n);
        }
    }
    assert_int_equal(pending_in_round(second->pending), 0);
    relay_free(first);
    relay_free(second);
}

static void what_was_given_back_and_reset_is_told(void **state)
{
    struct pending *p = pending_new();
    struct outbox_record record = {.kind = OUTBOX_ADD, .key = 5, .ns = 3 * UNIT, .burst_ns = UNIT};
    struct pending_entry entry;

    (void)state;
    assert_true(pending_take(p, &record));
    record.kind = OUTBOX_RETURN;
    record.ns = 5 * UNIT;
    assert_true(pending_take(p, &record));
    assert_int_equal(pending_own(p, 5), 0);
    assert_true(pending_begin_round(p));
    assert_true(pending_next(p, 0, &entry));
    assert_int_equal(entry.add_ns, -2 * (int64_t)UNIT);
    record.kind = OUTBOX_ADD;
    assert_true(pending_take(p, &record));
    record.kind = OUTBOX_RESET;
    assert_true(pending_take(p, &record));
    record.kind = OUTBOX_ADD;
    record.ns = UNIT;
    assert_true(pending_take(p, &record));
    assert_false(pending_next(p, 0, &entry)); /* until the next round */
    assert_true(pending_begin_round(p));
    assert_true(pending_next(p, 0, &entry));
    assert_true(entry.reset);
    assert_int_equal(entry.add_ns, UNIT);
    record.kind = OUTBOX_LATEST;
    assert_false(pending_take(p, &record));
    pending_free(p);
}

static void what_is_left_of_a_round_is_told_in_the_next(void **state)
{
    struct pending *p = pending_new();
    struct outbox_record record = {.kind = OUTBOX_ADD, .key = 5, .ns = 3 * UNIT, .burst_ns = UNIT};
    struct outbox_record member = {.kind = OUTBOX_DISTINCT, .key = 5, .member = 6, .ns = UNIT};
    struct pending_entry entry;
    struct pending_member m;

    (void)state;
    assert_true(pending_take(p, &record));
    assert_true(pending_take(p, &member));
    record.key = 7;
    assert_true(pending_take(p, &record));
    assert_true(pending_begin_round(p));
    assert_true(pending_has(p, tag_of_key(5)));
    assert_false(pending_has(p, tag_of_key(5) + 1));
    assert_false(pending_begin_round(p));
    /* Meanwhile: more of one, and the other is forgotten. */
    record.key = 5;
    assert_true(pending_take(p, &record));
    record.key = 7;
    record.kind = OUTBOX_RESET;
    assert_true(pending_take(p, &record));
    pending_carry(p);
    assert_false(pending_has(p, 0));
    assert_int_equal(pending_own(p, 5), 7 * UNIT);
    assert_true(pending_begin_round(p));
    assert_true(pending_next_member(p, 0, &m));
    assert_int_equal(m.member, 6);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(pending_next(p, 0, &entry));
        assert_int_equal(entry.add_ns, entry.key == 5 ? 6 * (int64_t)UNIT : 0);
        assert_int_equal(entry.reset, entry.key == 7);
    }
    assert_false(pending_next(p, 0, &entry));
    pending_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_relays_consumed_is_what_a_reply_leaves_here),
        cmocka_unit_test(amounts_of_one_key_are_one_sum_and_what_has_passed_is_not_owed),
        cmocka_unit_test(a_redis_that_has_forgotten_is_told_what_is_left_here),
        cmocka_unit_test(a_member_that_another_relay_charged_is_given_back_against_its_proof_only),
        cmocka_unit_test(members_that_wait_do_not_count_twice_in_a_floor),
        cmocka_unit_test(a_reply_of_another_form_changes_nothing),
        cmocka_unit_test(a_redis_that_lies_makes_a_relay_stricter_up_to_twice_the_burst_and_never_laxer),
        cmocka_unit_test(a_key_becomes_hot_at_a_quarter_and_again_with_each_sixteenth),
        cmocka_unit_test(another_relays_hot_keys_are_raised_here_and_bounded),
        cmocka_unit_test(what_finds_no_room_is_counted_and_the_oldest_leaves_first),
        cmocka_unit_test(a_strangers_member_is_charged_once_as_well),
        cmocka_unit_test(a_round_that_is_told_again_is_in_the_same_batches),
        cmocka_unit_test(what_was_given_back_and_reset_is_told),
        cmocka_unit_test(what_is_left_of_a_round_is_told_in_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
