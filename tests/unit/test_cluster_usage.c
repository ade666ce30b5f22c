/* links: cluster */
/* What relays tell each other of their usage, and what reports make of it: nothing is counted twice, and what is
 * missing is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/usage_heard.h"
#include "cluster/usage_teller.h"
#include "core/base/clock.h"
#include "core/journal/journal_parts.h"
#include "core/journal/usage_row.h"
#include "tests/unit/journal_fixture.h"

#define T0 INT64_C(1790000000)
#define DAY_S INT64_C(86400)

/* ---- a row ---- */

static struct ip ip_of(const char *text)
{
    struct ip ip;

    assert_true(ip_parse(slice_of(text), &ip));
    return ip;
}

static struct usage usual(void)
{
    struct usage u = {.first_s = T0 - 90 * DAY_S,
                      .last_s = T0,
                      .last_refused_s = T0 - 5,
                      .messages = 12345,
                      .recipients = 23456,
                      .bytes = UINT64_C(9876543210),
                      .basic = 12000,
                      .oauth = 345,
                      .tls = {[TLS_V1_2] = 345, [TLS_V1_3] = 12000},
                      .refused = {[REASON_UNLISTED] = 3}};

    for (int i = 0; i < 3; i++)
        u.clients[i] =
            (struct usage_client){ip_of((const char *[]){"192.0.2.1", "2001:db8::7", "198.51.100.9"}[i]), T0 - i};
    return u;
}

static struct slice packed(struct slice tenant, struct slice mailbox, const struct usage *u, unsigned char *mem)
{
    return (struct slice){(const char *)mem, usage_row_pack(tenant, mailbox, u, mem, USAGE_ROW_MAX)};
}

static void a_row_is_read_as_it_was_written(void **state)
{
    const struct usage rows[] = {usual(),
                                 {.first_s = 0},
                                 {.first_s = 1, .last_s = INT64_MAX, .messages = INT64_MAX, .bytes = INT64_MAX},
                                 {.last_refused_s = T0, .refused = {[0] = 1, [REASON_COUNT - 1] = INT64_MAX}},
                                 {.would = {[REASON_UNLISTED] = 7}, .tls = {1, 2, 3, 4, 5, 6, 7}},
                                 /* clients of one second */
                                 {.clients = {{{.b = {0x20, 1}}, T0}, {{.b = {0x20, 2}}, T0}, {{.b = {0x20}}, 5}}}};
    unsigned char mem[USAGE_ROW_MAX];
    struct slice tenant, mailbox, rest;
    struct usage back;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rest = packed(SLICE("contoso"), SLICE("sean@contoso.example"), &rows[i], mem);
        assert_true(rest.n > 0);
        assert_true(usage_row_take(&rest, &tenant, &mailbox, &back));
        assert_int_equal(rest.n, 0);
        assert_true(slice_eq(tenant, SLICE("contoso")) && slice_eq(mailbox, SLICE("sean@contoso.example")));
        assert_memory_equal(&back, &rows[i], sizeof back);
    }
}

static void a_usual_row_is_short(void **state)
{
    struct usage u = usual();
    unsigned char mem[USAGE_ROW_MAX];

    (void)state;
    assert_in_range(packed(SLICE("contoso"), SLICE("sean.miller@contoso.example"), &u, mem).n, 100, 200);
}

static void the_longest_row_fits(void **state)
{
    struct usage u = usual();
    char tenant[63], mailbox[127];
    unsigned char mem[USAGE_ROW_MAX];

    (void)state;
    memset(tenant, 't', sizeof tenant);
    memset(mailbox, 'm', sizeof mailbox);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        u.refused[i] = u.would[i] = INT64_MAX;
    for (unsigned i = 0; i < USAGE_CLIENTS; i++)
        u.clients[i] = (struct usage_client){{.b = {0x20, (uint8_t)i}}, INT64_MAX - i};
    assert_true(packed((struct slice){tenant, 63}, (struct slice){mailbox, 127}, &u, mem).n > 0);
}

static void no_part_of_a_row_is_taken_for_one(void **state)
{
    struct usage u = usual(), back;
    unsigned char mem[USAGE_ROW_MAX];
    struct slice row = packed(SLICE("contoso"), SLICE("sean@contoso.example"), &u, mem), tenant, mailbox;

    (void)state;
    for (size_t n = 0; n < row.n; n++) {
        struct slice part = {row.p, n};

        assert_false(usage_row_take(&part, &tenant, &mailbox, &back));
        if (n < 2)
            continue;
        /* Nor with a length that says so. */
        mem[0] = (unsigned char)((n - 2) >> 8);
        mem[1] = (unsigned char)(n - 2);
        part = (struct slice){row.p, n};
        assert_false(usage_row_take(&part, &tenant, &mailbox, &back));
        mem[0] = (unsigned char)((row.n - 2) >> 8);
        mem[1] = (unsigned char)(row.n - 2);
    }
}

static void what_a_later_version_adds_is_left_out(void **state)
{
    struct usage u = usual(), back;
    unsigned char mem[USAGE_ROW_MAX];
    struct slice row = packed(SLICE("contoso"), SLICE("sean@contoso.example"), &u, mem), tenant, mailbox;

    (void)state;
    memset(mem + row.n, 7, 4);
    row.n += 4;
    mem[1] = (unsigned char)(mem[1] + 4);
    assert_true(usage_row_take(&row, &tenant, &mailbox, &back));
    assert_memory_equal(&back, &u, sizeof back);
    assert_int_equal(row.n, 0);
}

/* ---- adding up ---- */

static void sums_of_counts_and_the_first_and_last_of_times(void **state)
{
    static const struct {
        struct usage a, b, sum;
    } rows[] = {
        {{.first_s = 0}, {.first_s = 0}, {.first_s = 0}},
        {{.first_s = 5, .last_s = 9, .messages = 2}, {.first_s = 0}, {.first_s = 5, .last_s = 9, .messages = 2}},
        {{.first_s = 0}, {.first_s = 5, .last_s = 9, .messages = 2}, {.first_s = 5, .last_s = 9, .messages = 2}},
        {{.first_s = 5, .last_s = 9, .messages = 2, .recipients = 3, .bytes = 4, .basic = 1, .oauth = 1},
         {.first_s = 7, .last_s = 8, .messages = 1, .recipients = 1, .bytes = 1, .basic = 1},
         {.first_s = 5, .last_s = 9, .messages = 3, .recipients = 4, .bytes = 5, .basic = 2, .oauth = 1}},
        {{.last_refused_s = 3, .refused = {[REASON_UNLISTED] = 2}, .would = {[REASON_UNLISTED] = 1}},
         {.last_refused_s = 4, .refused = {[REASON_UNLISTED] = 1, [REASON_NO_TENANT] = 1}},
         {.last_refused_s = 4,
          .refused = {[REASON_UNLISTED] = 3, [REASON_NO_TENANT] = 1},
          .would = {[REASON_UNLISTED] = 1}}},
        {{.tls = {[TLS_NONE] = 1}},
         {.tls = {[TLS_NONE] = 2, [TLS_V1_3] = 3}},
         {.tls = {[TLS_NONE] = 3, [TLS_V1_3] = 3}}},
        {{.messages = INT64_MAX}, {.messages = 5}, {.messages = INT64_MAX}},
        {{.clients = {{{.b = {1}}, 9}, {{.b = {2}}, 5}}},
         {.clients = {{{.b = {3}}, 7}, {{.b = {1}}, 6}}},
         {.clients = {{{.b = {1}}, 9}, {{.b = {3}}, 7}, {{.b = {2}}, 5}}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct usage sum = rows[i].a;

        usage_add(&sum, &rows[i].b);
        if (memcmp(&sum, &rows[i].sum, sizeof sum) != 0)
            fail_msg("row %zu", i);
    }
}

/* ---- relays ---- */

struct relay {
    const char *name;
    char folder[64]; /* its journal, and what the others told */
    struct journal *journal;
    struct others *others;
    struct usage_teller teller;
};

/* What was told, in order, as Redis' stream keeps it. */
struct stream {
    unsigned char text[64][USAGE_RECORD_MAX];
    size_t size[64], n;
};

static void relay_begin(struct relay *r, const char *name)
{
    struct error e = {""}, notice;
    struct others_own own;

    r->name = name;
    (void)snprintf(r->folder, sizeof r->folder, "/tmp/postern-usage-XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    assert_int_equal(others_open(r->folder, true, &r->others, &notice, &e), 0);
    assert_int_equal(others_load_own(r->others, &own, &e), 0);
    usage_teller_begin(&r->teller, name, &own, T0 * 1000);
}

static void relay_end(struct relay *r)
{
    static const char *const names[] = {JOURNAL_NAME, OTHERS_NAME};
    char path[128];

    journal_close(r->journal);
    others_close(r->others);
    for (size_t i = 0; i < 6; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s", r->folder, names[i / 3],
                       (const char *[]){"", "-wal", "-shm"}[i % 3]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(r->folder), 0);
}

/* n mailboxes, "prefix0@contoso.example" and so on, sent one message at that time. */
static void sends(struct relay *r, const char *prefix, unsigned n, int64_t at_s, const char *method)
{
    struct journal *j;
    struct error e;

    journal_close(r->journal);
    assert_int_equal(journal_open(r->folder, "policyd", &j, &e), 0);
    for (unsigned i = 0; i < n; i++) {
        struct journal_record record = {.at_ns = (uint64_t)at_s * NS_PER_S,
                                        .action = ACTION_PASS,
                                        .reason = REASON_ALLOWED,
                                        .stage = STAGE_END,
                                        .tls = TLS_V1_3,
                                        .counts = true,
                                        .times = 1,
                                        .messages = 1,
                                        .recipients = 1,
                                        .tenant = "contoso"};

        (void)snprintf(record.mailbox, sizeof record.mailbox, "%s%u@contoso.example", prefix, i);
        (void)snprintf(record.method, sizeof record.method, "%s", method);
        note_record(j, &record);
    }
    journal_close(j);
    assert_int_equal(journal_open(r->folder, NULL, &r->journal, &e), 0);
}

/* Tells one record; false: there is nothing to tell. */
static bool tell(struct relay *r, int64_t now_s, struct stream *s)
{
    struct others_relay list[OTHERS_RELAYS_MAX];
    struct usage_asked asked[OTHERS_RELAYS_MAX];
    size_t n_list, n;
    struct error e;

    assert_int_equal(others_relays(r->others, list, &n_list, &e), 0);
    assert_true(s->n < 64);
    assert_int_equal(usage_teller_next(&r->teller, r->journal, now_s, asked,
                                       usage_find_missed(list, n_list, now_s, asked), s->text[s->n], &n, &e),
                     0);
    if (n == 0)
        return false;
    s->size[s->n++] = n;
    usage_teller_arrived(&r->teller);
    return true;
}

static void tell_all(struct relay *r, int64_t now_s, struct stream *s)
{
    while (tell(r, now_s, s) && (r->teller.now.own.full || r->teller.now.changes.walks || r->teller.now.again))
        continue;
}

/* Hears the records from there on. What was missed is asked for at the sender. */
static enum usage_heard hear(struct relay *r, const struct stream *s, size_t from, size_t to, int64_t now_s)
{
    enum usage_heard heard = USAGE_HEARD_BEFORE;
    struct error e = {""};

    assert_int_equal(others_begin(r->others, &e), 0);
    for (size_t i = from; i < to; i++) {
        struct told_place place;
        bool asks;

        if (usage_hear(r->others, r->name, (struct slice){(const char *)s->text[i], s->size[i]}, now_s, &heard, &asks,
                       &place, &e) != 0)
            fail_msg("%s", e.text);
        if (asks)
            usage_teller_asked(&r->teller, place);
    }
    assert_int_equal(others_commit(r->others, &e), 0);
    return heard;
}

static struct others_relay seen(struct relay *r, const char *name)
{
    struct others_relay relay;
    struct error e;

    assert_int_equal(others_relay(r->others, slice_of(name), &relay, &e), 0);
    return relay;
}

static uint64_t messages_of(struct relay *r, const char *mailbox)
{
    struct usage u = {.messages = 0};
    struct error e;

    assert_true(others_usage_of(r->others, SLICE("contoso"), slice_of(mailbox), &u, &e) >= 0);
    return u.messages;
}

static struct stream stream;
static struct relay a, b, c;

static int begin(void **state)
{
    (void)state;
    memset(&stream, 0, sizeof stream);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    memset(&c, 0, sizeof c);
    relay_begin(&a, "a");
    relay_begin(&b, "b");
    relay_begin(&c, "c");
    return 0;
}

static int end(void **state)
{
    (void)state;
    relay_end(&a);
    relay_end(&b);
    relay_end(&c);
    return 0;
}

static void everything_is_told_in_bounded_parts(void **state)
{
    (void)state;
    sends(&b, "m", 1000, T0, "PLAIN");
    tell_all(&b, T0, &stream);
    assert_in_range(stream.n, 4, 12);
    for (size_t i = 0; i < stream.n; i++)
        assert_in_range(stream.size[i], 1, USAGE_RECORD_MAX);
    (void)hear(&a, &stream, 0, stream.n - 1, T0);
    assert_false(seen(&a, "b").complete);
    (void)hear(&a, &stream, stream.n - 1, stream.n, T0);
    assert_true(seen(&a, "b").complete);
    for (unsigned i = 0; i < 1000; i += 111) {
        char mailbox[64];

        (void)snprintf(mailbox, sizeof mailbox, "m%u@contoso.example", i);
        assert_int_equal(messages_of(&a, mailbox), 1);
    }
}

static void only_what_changed_is_told_afterwards(void **state)
{
    size_t before;

    (void)state;
    sends(&b, "m", 300, T0 - 10 * DAY_S, "PLAIN");
    tell_all(&b, T0, &stream);
    assert_false(tell(&b, T0 + 1, &stream)); /* it is not a minute later */
    sends(&b, "m", 1, T0 + 30, "PLAIN");
    before = stream.n;
    assert_true(tell(&b, T0 + 70, &stream));
    assert_int_equal(stream.n, before + 1);
    assert_in_range(stream.size[before], 80, 400);
    (void)hear(&a, &stream, 0, stream.n, T0 + 70);
    assert_int_equal(messages_of(&a, "m0@contoso.example"), 2);
    assert_int_equal(messages_of(&a, "m1@contoso.example"), 1);
    assert_int_equal(seen(&a, "b").as_of_s, T0 + 70);
}

static void what_is_told_again_counts_once(void **state)
{
    (void)state;
    sends(&b, "m", 3, T0, "PLAIN");
    tell_all(&b, T0, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0);
    assert_int_equal(hear(&a, &stream, 0, stream.n, T0), USAGE_HEARD_BEFORE);
    assert_int_equal(messages_of(&a, "m0@contoso.example"), 1);
    /* What is older does not come back, whoever plays it again. */
    sends(&b, "m", 3, T0 + 60, "PLAIN");
    assert_true(tell(&b, T0 + 120, &stream));
    (void)hear(&a, &stream, stream.n - 1, stream.n, T0);
    assert_int_equal(messages_of(&a, "m0@contoso.example"), 2);
    assert_int_equal(hear(&a, &stream, 0, stream.n - 1, T0), USAGE_HEARD_BEFORE);
    assert_int_equal(messages_of(&a, "m0@contoso.example"), 2);
}

static void rows_of_relays_are_added_and_those_of_one_replaced(void **state)
{
    struct stream *s = &stream;
    size_t n;

    (void)state;
    sends(&b, "m", 1, T0, "PLAIN");
    sends(&c, "m", 1, T0, "XOAUTH2");
    tell_all(&b, T0, s);
    tell_all(&c, T0, s);
    n = s->n;
    sends(&c, "m", 1, T0 + 50, "XOAUTH2");
    tell_all(&c, T0 + 60, s);
    (void)hear(&a, s, 0, n, T0);
    assert_int_equal(messages_of(&a, "m0@contoso.example"), 2);
    (void)hear(&a, s, n, s->n, T0);
    assert_int_equal(messages_of(&a, "m0@contoso.example"), 3);
    assert_int_equal(hear(&b, s, 0, 1, T0), USAGE_HEARD_BEFORE); /* its own */
    assert_int_equal(messages_of(&b, "m0@contoso.example"), 0);
}

static void a_relay_whose_clock_is_fast_is_late_all_the_same(void **state)
{
    (void)state;
    sends(&b, "m", 1, T0, "PLAIN");
    tell_all(&b, T0 + DAY_S, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0);
    assert_int_equal(seen(&a, "b").as_of_s, T0);
}

static void what_was_missed_is_known_asked_for_and_told_again(void **state)
{
    (void)state;
    sends(&b, "m", 500, T0, "PLAIN");
    tell_all(&b, T0, &stream);
    (void)hear(&a, &stream, 0, 2, T0);
    (void)hear(&a, &stream, 3, stream.n, T0); /* one is lost */
    assert_false(seen(&a, "b").complete);
    sends(&a, "n", 1, T0, "PLAIN");
    stream.n = 0;
    tell_all(&a, T0, &stream);
    (void)hear(&b, &stream, 0, stream.n, T0);
    assert_true(b.teller.now.again);
    (void)hear(&b, &stream, 0, stream.n, T0); /* asked twice is asked once */
    stream.n = 0;
    tell_all(&b, T0 + 1, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0 + 1);
    assert_true(seen(&a, "b").complete);
    assert_int_equal(messages_of(&a, "m250@contoso.example"), 1);
    /* And not once more. */
    assert_false(b.teller.now.again || b.teller.now.own.full);
}

static void a_relay_that_comes_in_the_middle_asks_for_the_whole(void **state)
{
    (void)state;
    sends(&b, "m", 500, T0, "PLAIN");
    assert_true(tell(&b, T0, &stream) && tell(&b, T0, &stream));
    (void)hear(&a, &stream, 1, 2, T0);
    sends(&a, "n", 1, T0, "PLAIN");
    stream.n = 0;
    tell_all(&a, T0, &stream);
    (void)hear(&b, &stream, 0, stream.n, T0);
    stream.n = 0;
    tell_all(&b, T0, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0);
    assert_true(seen(&a, "b").complete);
    assert_int_equal(messages_of(&a, "m0@contoso.example"), 1);
}

static void after_a_restart_it_goes_on_where_it_stopped(void **state)
{
    struct others_own own;
    size_t n;

    (void)state;
    sends(&b, "m", 500, T0, "PLAIN");
    assert_true(tell(&b, T0, &stream) && tell(&b, T0, &stream));
    own = b.teller.now.own;
    /* The next one arrives, and it is killed before it knows that. */
    assert_true(tell(&b, T0, &stream));
    n = stream.n;
    usage_teller_begin(&b.teller, "b", &own, T0 * 1000 + 5000);
    assert_true(b.teller.now.own.full);
    tell_all(&b, T0 + 5, &stream);
    (void)hear(&a, &stream, 0, n, T0);
    assert_true(seen(&a, "b").last.number == 3);
    (void)hear(&a, &stream, n, stream.n, T0 + 5);
    assert_true(seen(&a, "b").complete);
    assert_int_equal(messages_of(&a, "m499@contoso.example"), 1);
    /* A clock that was set back makes no series that is older. */
    own = b.teller.now.own;
    usage_teller_begin(&b.teller, "b", &own, 1000);
    assert_true(own.told.series < b.teller.now.own.told.series);
}

static void what_no_relay_wrote_changes_nothing(void **state)
{
    enum usage_heard heard;
    struct told_place from;
    struct error e;
    bool asks;

    (void)state;
    sends(&b, "m", 3, T0, "PLAIN");
    tell_all(&b, T0, &stream);
    assert_int_equal(others_begin(a.others, &e), 0);
    for (size_t n = 0; n < 68; n++) {
        assert_int_equal(
            usage_hear(a.others, "a", (struct slice){(const char *)stream.text[0], n}, T0, &heard, &asks, &from, &e),
            0);
        assert_int_equal(heard, USAGE_HEARD_FALSE);
    }
    stream.text[0][0] = 9;
    assert_int_equal(usage_hear(a.others, "a", (struct slice){(const char *)stream.text[0], stream.size[0]}, T0, &heard,
                                &asks, &from, &e),
                     0);
    assert_int_equal(heard, USAGE_HEARD_NEWER);
    assert_int_equal(others_commit(a.others, &e), 0);
    assert_int_equal(seen(&a, "b").id, 0);
}

static void rows_and_relays_that_are_too_old_are_forgotten(void **state)
{
    struct error e;

    (void)state;
    sends(&b, "old", 2, T0 - 200 * DAY_S, "PLAIN");
    sends(&b, "new", 2, T0, "PLAIN");
    tell_all(&b, T0, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0);
    assert_int_equal(messages_of(&a, "old1@contoso.example"), 1);
    assert_int_equal(others_forget(a.others, T0 + (USAGE_DAYS - 199) * DAY_S, &e), 0);
    assert_int_equal(messages_of(&a, "old1@contoso.example"), 0);
    assert_int_equal(messages_of(&a, "new1@contoso.example"), 1);
    assert_int_equal(others_forget(a.others, T0 + (USAGE_DAYS + 1) * DAY_S, &e), 0);
    assert_int_equal(messages_of(&a, "new1@contoso.example"), 0);
    assert_int_equal(others_forget(a.others, T0 + (USAGE_DAYS + 1) * DAY_S, &e), 0);
    assert_int_equal(seen(&a, "b").id, 0);
}

/* ---- reading all as one ---- */

struct list {
    char text[2000];
    struct buf b;
};

static bool list_row(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct list *l = arg;

    (void)tenant;
    buf_addf(&l->b, "%.*s=%llu ", (int)(mailbox.n - strlen("@contoso.example")), mailbox.p,
             (unsigned long long)u->messages);
    return true;
}

static void reader_begin(struct relay *r)
{
    struct error e;

    others_close(r->others);
    r->others = NULL;
    assert_int_equal(journal_add_others(r->journal, r->folder, &e), 0);
}

static void a_walk_sees_each_mailbox_once_with_the_sum_of_all(void **state)
{
    static const struct {
        struct usage_query query;
        const char *rows;
    } walks[] = {
        {{.sent = false}, "both0=3 here0=1 here1=1 there0=1 there1=1 "},
        {{.own = true}, "both0=1 here0=1 here1=1 "},
        {{.sent = true, .sent_since_s = T0 - 10}, "both0=3 there0=1 there1=1 "},
        {{.basic = true}, "both0=3 here0=1 here1=1 "},
        /* Sent lately at one relay, with a password at another. */
        {{.sent = true, .sent_since_s = T0 - 10, .basic = true}, "both0=3 "},
        {{.refused = true}, ""},
        {{.old_tls = true}, ""},
        {{.tenant = SLICE("contoso")}, "both0=3 here0=1 here1=1 there0=1 there1=1 "},
        {{.tenant = SLICE("fabrikam")}, ""},
    };
    struct usage u;
    struct error e;

    (void)state;
    sends(&a, "both", 1, T0 - DAY_S, "PLAIN");
    sends(&a, "here", 2, T0 - DAY_S, "PLAIN");
    sends(&b, "both", 1, T0 - 2 * DAY_S, "XOAUTH2");
    sends(&b, "both", 1, T0, "XOAUTH2");
    sends(&b, "there", 2, T0, "XOAUTH2");
    tell_all(&b, T0, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0);
    reader_begin(&a);
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        struct list l;

        l.b = BUF_OVER(l.text);
        assert_int_equal(journal_usage(a.journal, &walks[i].query, list_row, &l, &e), 0);
        assert_string_equal(l.text, walks[i].rows);
    }
    assert_int_equal(journal_usage_of(a.journal, SLICE("contoso"), SLICE("There1@contoso.example"), &u, &e), 1);
    assert_int_equal(u.last_s, T0);
    assert_int_equal(journal_usage_of(a.journal, SLICE("contoso"), SLICE("both0@contoso.example"), &u, &e), 1);
    assert_true(u.messages == 3 && u.first_s == T0 - 2 * DAY_S && u.last_s == T0 && u.basic == 1 && u.oauth == 2);
    assert_int_equal(journal_usage_of(a.journal, SLICE("contoso"), SLICE("nobody@contoso.example"), &u, &e), 0);
}

static void long_walks_are_merged_across_their_pieces(void **state)
{
    struct list l;
    struct error e;
    size_t n = 0;

    (void)state;
    sends(&a, "m", 1500, T0, "PLAIN");
    sends(&b, "m", 1300, T0, "PLAIN");
    tell_all(&b, T0, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0);
    reader_begin(&a);
    l.b = BUF_OVER(l.text);
    assert_int_equal(journal_usage(a.journal, &(struct usage_query){.sent = true}, list_row, &l, &e), 0);
    for (unsigned i = 0; i < 1500; i++) {
        char mailbox[64];
        struct usage u;

        (void)snprintf(mailbox, sizeof mailbox, "m%u@contoso.example", i);
        assert_int_equal(journal_usage_of(a.journal, SLICE("contoso"), slice_of(mailbox), &u, &e), 1);
        n += u.messages;
    }
    assert_int_equal(n, 2800);
    assert_true(slice_starts_with(slice_of(l.text), SLICE("m0=2 m1000=2 m1001=2 m1002=2 ")));
}

static void usage_is_known_since_the_latest_of_all_relays_times(void **state)
{
    int64_t since_s;
    struct error e;

    (void)state;
    sends(&a, "m", 1, T0 - 100 * DAY_S, "PLAIN");
    sends(&b, "m", 1, T0 - 50 * DAY_S, "PLAIN");
    tell_all(&b, T0, &stream);
    (void)hear(&a, &stream, 0, stream.n, T0);
    assert_int_equal(journal_usage_since(a.journal, &since_s, &e), 0);
    assert_int_equal(since_s, T0 - 100 * DAY_S);
    reader_begin(&a);
    assert_int_equal(journal_usage_since(a.journal, &since_s, &e), 0);
    assert_int_equal(since_s, T0 - 50 * DAY_S);
}

/* ---- what is missing ---- */

static void list_gap(void *arg, const struct usage_gap *gap)
{
    struct list *l = arg;

    usage_gap_words(gap, &l->b);
    buf_add(&l->b, SLICE("; "));
}

static void whoever_is_not_known_is_named(void **state)
{
    static const struct {
        struct others_relay relay;
        int64_t shared_s;
        const char *words;
    } rows[] = {
        {{.as_of_s = T0 - 60, .complete = true, .last = {5, 5}, .heard_s = T0}, T0, ""},
        {{.as_of_s = T0 - 60, .last = {5, 5}, .heard_s = T0},
         T0,
         "relay x has told a part of its usage only, and goes on; "},
        {{.heard_s = T0}, T0, "relay x has not told its usage; "},
        {{.as_of_s = T0 - 1260, .complete = true, .last = {5, 5}, .heard_s = T0},
         T0,
         "relay x told its usage last 21m ago; "},
        {{.as_of_s = T0 - 3 * DAY_S - 5, .complete = true, .last = {5, 5}, .heard_s = T0 - 3 * DAY_S},
         T0,
         "relay x told its usage last 3d ago; "},
        {{.as_of_s = T0 - 31 * DAY_S, .complete = true, .last = {5, 5}, .heard_s = T0 - 31 * DAY_S}, T0, ""},
        {{.as_of_s = T0 - 60, .complete = true, .last = {5, 5}, .heard_s = T0},
         T0 - 700,
         "the usage of the cluster's other relays is not known (postern-cluster does not run here, or reaches no "
         "Redis); "},
    };
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct others_own own = {.shared_s = rows[i].shared_s};
        struct others_relay relay = rows[i].relay;
        struct list l;

        relay.id = seen(&a, "x").id;
        (void)snprintf(relay.name, sizeof relay.name, "x");
        assert_int_equal(others_begin(a.others, &e), 0);
        assert_int_equal(others_keep_relay(a.others, &relay, &e), 0);
        assert_int_equal(others_save_own(a.others, &own, &e), 0);
        assert_int_equal(others_commit(a.others, &e), 0);
        l.b = BUF_OVER(l.text);
        assert_int_equal(others_gaps(a.others, T0, list_gap, &l, &e), 0);
        assert_string_equal(l.text, rows[i].words);
    }
}

static void what_cannot_be_read_is_said(void **state)
{
    struct error e;
    struct list l;

    (void)state;
    sends(&a, "m", 1, T0, "PLAIN");
    l.b = BUF_OVER(l.text);
    assert_int_equal(journal_usage_gaps(a.journal, T0, list_gap, &l, &e), 0);
    assert_string_equal(l.text, ""); /* no cluster */
    assert_int_equal(journal_add_others(a.journal, "/nonexistent/folder", &e), 0);
    assert_int_equal(journal_usage_gaps(a.journal, T0, list_gap, &l, &e), 0);
    assert_non_null(strstr(l.text, "other relays is not known (postern-cluster has not run here yet)"));
    assert_int_equal(journal_usage(a.journal, &(struct usage_query){.sent = true}, list_row, &l, &e), 0);
    assert_non_null(strstr(l.text, "m0=1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_read_as_it_was_written),
        cmocka_unit_test(a_usual_row_is_short),
        cmocka_unit_test(the_longest_row_fits),
        cmocka_unit_test(no_part_of_a_row_is_taken_for_one),
        cmocka_unit_test(what_a_later_version_adds_is_left_out),
        cmocka_unit_test(sums_of_counts_and_the_first_and_last_of_times),
        cmocka_unit_test_setup_teardown(everything_is_told_in_bounded_parts, begin, end),
        cmocka_unit_test_setup_teardown(only_what_changed_is_told_afterwards, begin, end),
        cmocka_unit_test_setup_teardown(what_is_told_again_counts_once, begin, end),
        cmocka_unit_test_setup_teardown(rows_of_relays_are_added_and_those_of_one_replaced, begin, end),
        cmocka_unit_test_setup_teardown(a_relay_whose_clock_is_fast_is_late_all_the_same, begin, end),
        cmocka_unit_test_setup_teardown(what_was_missed_is_known_asked_for_and_told_again, begin, end),
        cmocka_unit_test_setup_teardown(a_relay_that_comes_in_the_middle_asks_for_the_whole, begin, end),
        cmocka_unit_test_setup_teardown(after_a_restart_it_goes_on_where_it_stopped, begin, end),
        cmocka_unit_test_setup_teardown(what_no_relay_wrote_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(rows_and_relays_that_are_too_old_are_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(a_walk_sees_each_mailbox_once_with_the_sum_of_all, begin, end),
        cmocka_unit_test_setup_teardown(long_walks_are_merged_across_their_pieces, begin, end),
        cmocka_unit_test_setup_teardown(usage_is_known_since_the_latest_of_all_relays_times, begin, end),
        cmocka_unit_test_setup_teardown(whoever_is_not_known_is_named, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_said, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
