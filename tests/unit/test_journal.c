/* The journal: what was noted can be read, bounds hold, and neither a full disk, damage nor a killed writer stops it.
 * threads */
#include "core/base/clock.h"
#include "core/journal/journal_parts.h"
#include "tests/unit/journal_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/waiting.h"

#define DAY_S 86400
#define T0 (t0())

static const struct journal_bounds usual = {
    .decisions = 5000, .refusals = 5000, .gathered = 256, .mailboxes = 3000, .wal_pages = 16384};

/* The beginning of this hour. */
static uint64_t t0(void)
{
    static uint64_t t;

    if (t == 0)
        t = (uint64_t)clock_wall_s() / 3600 * 3600 * NS_PER_S;
    return t;
}

struct place {
    char folder[64], path[128];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-journal-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    *state = p;
    return 0;
}

static const char *file_of(struct place *p, const char *name)
{
    (void)snprintf(p->path, sizeof p->path, "%s/%s", p->folder, name);
    return p->path;
}

static int teardown(void **state)
{
    static const char *const names[] = {
        JOURNAL_NAME,    JOURNAL_NAME "-wal", JOURNAL_NAME "-shm", "damaged.sqlite", "damaged.sqlite-wal",
        "former.sqlite", "former.sqlite-wal", "former.mdb",        "copy.sqlite",    "copy.sqlite-journal"};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(file_of(p, names[i]));
    (void)rmdir(p->folder);
    free(p);
    return 0;
}

static struct journal *open_bounded(struct place *p, const struct journal_bounds *bounds)
{
    struct journal *j;
    struct error e;

    if (journal_open_bounded(p->folder, "policyd", bounds, &j, &e) != 0)
        fail_msg("%s", e.text);
    return j;
}

static struct journal *open_usual(struct place *p)
{
    return open_bounded(p, &usual);
}

static void flush_at(struct journal *j, uint64_t wall_ns)
{
    struct error e;

    if (journal_flush_at(j, wall_ns, &e) != 0)
        fail_msg("%s", e.text);
}

/* Beside a process that writes all the time, and may hold the file for longer than one waits: what is not written
 * stays. */
static void flush_beside_others(struct journal *j, uint64_t wall_ns)
{
    uint64_t since_ns = clock_boot_ns();
    struct error e;

    while (journal_flush_at(j, wall_ns, &e) != 0)
        if (!wait_more(since_ns))
            fail_msg("%s", e.text);
    (void)journal_notice(j); /* of the times in vain */
}

/* Twice: usage of many mailboxes is written when nothing new comes. */
static void flush_all_at(struct journal *j, uint64_t wall_ns)
{
    flush_at(j, wall_ns);
    flush_at(j, wall_ns);
}

/* A message of that mailbox that was let through. */
static struct journal_record message(const char *mailbox, uint64_t at_ns)
{
    struct journal_record r = {.at_ns = at_ns,
                               .action = ACTION_PASS,
                               .reason = REASON_ALLOWED,
                               .stage = STAGE_END,
                               .tls = TLS_V1_3,
                               .counts = true,
                               .has_client = true,
                               .recipients = 2,
                               .size = 1000};

    assert_true(ip_parse(SLICE("203.0.113.9"), &r.client));
    (void)snprintf(r.tenant, sizeof r.tenant, "contoso");
    (void)snprintf(r.login, sizeof r.login, "%s", mailbox);
    (void)snprintf(r.mailbox, sizeof r.mailbox, "%s", mailbox);
    (void)snprintf(r.method, sizeof r.method, "PLAIN");
    return r;
}

static struct journal_record refusal(const char *mailbox, uint64_t at_ns, enum reason reason, const char *instance)
{
    struct journal_record r = message(mailbox, at_ns);

    r.action = ACTION_REJECT;
    r.reason = reason;
    (void)snprintf(r.instance, sizeof r.instance, "%s", instance);
    return r;
}

static void note(struct journal *j, struct journal_record r)
{
    note_record(j, &r);
}

static struct usage usage_of(struct journal *j, const char *mailbox)
{
    struct usage usage;
    struct error e;
    int found = journal_usage_of(j, SLICE("contoso"), slice_of(mailbox), &usage, &e);

    if (found < 0)
        fail_msg("%s", e.text);
    if (found == 0)
        memset(&usage, 0, sizeof usage);
    return usage;
}

struct seen {
    struct journal_record first, last;
    size_t n, stop_after;
    size_t passed, refused, times, messages;
};

static bool see(void *arg, const struct journal_record *record)
{
    struct seen *seen = arg;

    if (seen->n == 0)
        seen->first = *record;
    else
        assert_true(record->at_ns <= seen->last.at_ns);
    seen->last = *record;
    seen->n++;
    *(record->action == ACTION_PASS ? &seen->passed : &seen->refused) += 1;
    seen->times += record->times;
    seen->messages += record->messages;
    return seen->stop_after == 0 || seen->n < seen->stop_after;
}

static struct seen decisions(struct journal *j, uint64_t since_ns, size_t stop_after)
{
    struct seen seen = {.stop_after = stop_after};
    struct error e;

    if (journal_decisions(j, &(struct journal_query){.since_ns = since_ns}, see, &seen, &e) != 0)
        fail_msg("%s", e.text);
    return seen;
}

static struct seen decisions_of(struct journal *j, const struct journal_query *query)
{
    struct seen seen = {.stop_after = 0};
    struct error e;

    if (journal_decisions(j, query, see, &seen, &e) != 0)
        fail_msg("%s", e.text);
    return seen;
}

struct total {
    enum action action;
    enum reason reason;
    uint64_t count;
};

static bool add_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    struct total *total = arg;

    assert_string_equal(program, "policyd");
    if (action == total->action && reason == total->reason)
        total->count += count;
    return true;
}

static uint64_t total_of(struct journal *j, enum action action, enum reason reason)
{
    struct total total = {action, reason, 0};
    struct error e;

    if (journal_totals(j, add_total, &total, &e) != 0)
        fail_msg("%s", e.text);
    return total.count;
}

struct count_sought {
    enum journal_counted what;
    const char *name;
    uint64_t count;
};

static bool add_count(void *arg, const char *program, enum journal_counted what, const char *name, uint64_t count)
{
    struct count_sought *sought = arg;

    assert_string_equal(program, "policyd");
    if (what == sought->what && strcmp(name, sought->name) == 0)
        sought->count += count;
    return true;
}

static uint64_t count_of(struct journal *j, enum journal_counted what, const char *name)
{
    struct count_sought sought = {what, name, 0};
    struct error e;

    if (journal_counts(j, add_count, &sought, &e) != 0)
        fail_msg("%s", e.text);
    return sought.count;
}

/* A decision in which a limit did something, or would have. */
static void note_hit(struct journal *j, enum action action, enum reason reason, enum reason would, const char *limit,
                     uint64_t took_ns)
{
    journal_note(j, &(struct journal_event){.at_ns = T0,
                                            .action = action,
                                            .reason = reason,
                                            .monitored = would,
                                            .stage = STAGE_END,
                                            .limit = slice_of(limit),
                                            .took_ns = took_ns});
}

static uint64_t dropped(struct journal *j)
{
    uint64_t count;
    struct error e;

    if (journal_dropped(j, &count, &e) != 0)
        fail_msg("%s", e.text);
    return count;
}

static bool count_usage(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    assert_true(slice_eq(tenant, SLICE("contoso")) && mailbox.n > 0);
    assert_true(usage->messages > 0 || usage->last_refused_s > 0);
    ++*(size_t *)arg;
    return true;
}

static size_t mailboxes(struct journal *j)
{
    size_t n = 0;
    struct error e;

    if (journal_usage(j, &(struct usage_query){.sent = false}, count_usage, &n, &e) != 0)
        fail_msg("%s", e.text);
    return n;
}

/* ---- what is noted ---- */

static void a_decision_is_read_back_as_it_was_noted(void **state)
{
    struct journal *j = open_usual(*state);
    struct journal_record r = refusal("anna@contoso.example", T0, REASON_LIMIT, "1f2.0");
    struct seen seen;

    r.monitored = REASON_SENDER_NOT_OWN;
    r.stage = STAGE_RCPT;
    r.milter = true;
    r.size = INT64_MAX;
    r.recipients = UINT32_MAX;
    r.retry_s = 61;
    (void)snprintf(r.connector, sizeof r.connector, "printers");
    (void)snprintf(r.limit, sizeof r.limit, "message-rate");
    (void)snprintf(r.sender, sizeof r.sender, "a\x1b[31m\n\"b@contoso.example");
    memset(r.recipient, 'x', sizeof r.recipient - 1);
    (void)snprintf(r.queue_id, sizeof r.queue_id, "4QABCD");
    (void)snprintf(r.from, sizeof r.from, "info@contoso.example");
    memset(r.header_sender, 's', sizeof r.header_sender - 1);
    r.fault_field = HEADER_RESENT_SENDER;
    (void)snprintf(r.fault, sizeof r.fault, "not permitted");
    memset(r.fault_text, '\xff', sizeof r.fault_text - 1);
    note(j, r);
    r.times = r.messages = 1;
    flush_at(j, T0);
    seen = decisions(j, 0, 0);
    assert_int_equal(seen.n, 1);
    assert_memory_equal(&seen.first, &r, sizeof r);
    journal_close(j);
}

static void decisions_come_newest_first_and_only_as_far_back_as_asked(void **state)
{
    struct journal *j = open_usual(*state);

    for (unsigned i = 0; i < 200; i++)
        note(j, message("anna@contoso.example", T0 + i * NS_PER_S));
    flush_at(j, T0);
    for (unsigned i = 200; i < 3000; i++) { /* more than a piece of reading */
        note(j, message("anna@contoso.example", T0 + i * NS_PER_S));
        if (i % 200 == 199)
            flush_at(j, T0);
    }
    assert_int_equal(decisions(j, 0, 0).n, 3000);
    assert_int_equal(decisions(j, 0, 0).first.at_ns, T0 + 2999 * NS_PER_S);
    assert_int_equal(decisions(j, T0 + 2990 * NS_PER_S, 0).n, 10);
    assert_int_equal(decisions(j, 0, 7).n, 7);
    journal_close(j);
}

static void usage_adds_up_over_rounds(void **state)
{
    struct journal *j = open_usual(*state);
    struct journal_record r;
    struct usage u;

    note(j, message("anna@contoso.example", T0));
    flush_at(j, T0);
    r = message("anna@contoso.example", T0 + 2 * DAY_S * NS_PER_S);
    (void)snprintf(r.method, sizeof r.method, "XOAUTH2");
    r.tls = TLS_V1_2;
    r.monitored = REASON_TLS_TOO_OLD;
    note(j, r);
    r.action = ACTION_HOLD;
    note(j, r);
    note(j, refusal("anna@contoso.example", T0 + 5 * NS_PER_S, REASON_BLOCKED, ""));
    flush_at(j, T0);
    u = usage_of(j, "Anna@Contoso.example");
    assert_int_equal(u.messages, 3);
    assert_int_equal(u.recipients, 6);
    assert_int_equal(u.bytes, 3000);
    assert_int_equal(u.basic, 1);
    assert_int_equal(u.oauth, 2);
    assert_int_equal(u.tls[TLS_V1_2], 2);
    assert_int_equal(u.tls[TLS_V1_3], 1);
    assert_int_equal(u.would[REASON_TLS_TOO_OLD], 2);
    assert_int_equal(u.refused[REASON_BLOCKED], 1);
    assert_int_equal(u.first_s, T0 / NS_PER_S);
    assert_int_equal(u.last_s, T0 / NS_PER_S + 2 * DAY_S);
    assert_int_equal(u.last_refused_s, T0 / NS_PER_S + 5);
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), 2);
    assert_int_equal(total_of(j, ACTION_HOLD, REASON_ALLOWED), 1);
    assert_int_equal(total_of(j, ACTION_REJECT, REASON_BLOCKED), 1);
    assert_int_equal(mailboxes(j), 1);
    journal_close(j);
}

static void a_login_without_a_mailbox_has_a_usage_and_a_client_without_a_login_has_none(void **state)
{
    struct journal *j = open_usual(*state);
    struct journal_record r = refusal("Ghost", T0, REASON_UNLISTED, "");

    r.mailbox[0] = '\0';
    note(j, r);
    r.login[0] = '\0';
    note(j, r);
    flush_at(j, T0);
    assert_int_equal(usage_of(j, "ghost").refused[REASON_UNLISTED], 1);
    assert_int_equal(mailboxes(j), 1);
    assert_int_equal(decisions(j, 0, 0).n, 2);
    journal_close(j);
}

static void hits_of_limits_are_counted_by_what_the_limit_did(void **state)
{
    struct journal *j = open_usual(*state);

    for (int i = 0; i < 3; i++)
        note_hit(j, ACTION_DEFER, REASON_LIMIT, REASON_NOT_OURS, "user", 0);
    note_hit(j, ACTION_REJECT, REASON_LIMIT_REJECT, REASON_NOT_OURS, "user", 0);
    note_hit(j, ACTION_REJECT, REASON_LIMIT_NEVER, REASON_NOT_OURS, "user", 0);
    flush_at(j, T0);
    note_hit(j, ACTION_REJECT, REASON_LIMIT_BLOCK, REASON_NOT_OURS, "roaming", 0);
    note_hit(j, ACTION_HOLD, REASON_LIMIT_HOLD, REASON_NOT_OURS, "user", 0);
    note_hit(j, ACTION_PASS, REASON_ALLOWED, REASON_LIMIT, "user", 0);
    note_hit(j, ACTION_REJECT, REASON_BLOCKED, REASON_NOT_OURS, "roaming", 0); /* the limit that made the block */
    journal_note_block(j, SLICE("roaming"));
    flush_at(j, T0);
    assert_int_equal(count_of(j, COUNTED_DEFER, "user"), 3);
    assert_int_equal(count_of(j, COUNTED_REJECT, "user"), 2);
    assert_int_equal(count_of(j, COUNTED_HOLD, "user"), 1);
    assert_int_equal(count_of(j, COUNTED_MONITOR, "user"), 1);
    assert_int_equal(count_of(j, COUNTED_BLOCK, "roaming"), 1);
    assert_int_equal(count_of(j, COUNTED_BLOCKS, "roaming"), 1);
    assert_int_equal(count_of(j, COUNTED_WOULD, "limit"), 1);
    assert_int_equal(count_of(j, COUNTED_REJECT, "roaming"), 0);
    journal_close(j);
}

static void limits_beyond_the_bound_are_counted_together(void **state)
{
    struct journal *j = open_usual(*state);
    char name[16];

    for (unsigned i = 0; i < COUNTS_LIMITS_MAX + 9; i++) {
        (void)snprintf(name, sizeof name, "limit%u", i);
        note_hit(j, ACTION_DEFER, REASON_LIMIT, REASON_NOT_OURS, name, 0);
    }
    flush_at(j, T0);
    assert_int_equal(count_of(j, COUNTED_DEFER, "limit254"), 1);
    assert_int_equal(count_of(j, COUNTED_DEFER, "limit255"), 0);
    assert_int_equal(count_of(j, COUNTED_DEFER, ""), 10);
    journal_close(j);
}

static void the_time_of_a_decision_is_in_its_part_of_the_histogram(void **state)
{
    struct journal *j = open_usual(*state);

    note_hit(j, ACTION_PASS, REASON_ALLOWED, REASON_NOT_OURS, "", 2000);
    note_hit(j, ACTION_PASS, REASON_ALLOWED, REASON_NOT_OURS, "", 2001);
    note_hit(j, ACTION_PASS, REASON_ALLOWED, REASON_NOT_OURS, "", 5 * NS_PER_S);
    note_hit(j, ACTION_PASS, REASON_ALLOWED, REASON_NOT_OURS, "", 0); /* not measured */
    flush_at(j, T0);
    assert_int_equal(count_of(j, COUNTED_TIME, "2"), 1);
    assert_int_equal(count_of(j, COUNTED_TIME, "5"), 1);
    assert_int_equal(count_of(j, COUNTED_TIME, "inf"), 1);
    assert_int_equal(count_of(j, COUNTED_TIME_SUM, ""), 4001 + 5 * NS_PER_S);
    journal_close(j);
}

static void a_message_that_is_refused_for_each_of_its_recipients_is_one_refusal(void **state)
{
    struct journal *j = open_usual(*state);
    struct seen seen;

    for (int i = 0; i < 20; i++)
        note(j, refusal("anna@contoso.example", T0, REASON_EXTERNAL_RECIPIENT, "77.1.0"));
    flush_at(j, T0);
    note(j, refusal("anna@contoso.example", T0, REASON_EXTERNAL_RECIPIENT, "77.1.0"));
    note(j, refusal("anna@contoso.example", T0, REASON_BLOCKED, "77.1.0"));
    note(j, refusal("anna@contoso.example", T0, REASON_EXTERNAL_RECIPIENT, "77.2.0"));
    flush_at(j, T0);
    assert_int_equal(usage_of(j, "anna@contoso.example").refused[REASON_EXTERNAL_RECIPIENT], 2);
    assert_int_equal(usage_of(j, "anna@contoso.example").refused[REASON_BLOCKED], 1);
    seen = decisions(j, 0, 0);
    assert_int_equal(seen.n, 3); /* what differs in the recipient or the message alone is one record a round */
    assert_int_equal(seen.times, 23);
    assert_int_equal(seen.messages, 3);
    assert_int_equal(total_of(j, ACTION_REJECT, REASON_EXTERNAL_RECIPIENT), 22);
    journal_close(j);
}

/* Whoever is refused can be so as often as he likes. */
static void a_flood_of_refusals_pushes_no_message_out(void **state)
{
    struct journal_bounds bounds = usual;
    struct journal *j;
    struct seen seen;

    bounds.decisions = 500;
    bounds.refusals = 500;
    j = open_bounded(*state, &bounds);
    for (unsigned i = 0; i < 20; i++)
        note(j, message("thief@contoso.example", T0 + i));
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < usual.gathered; i++) {
            char login[64];

            (void)snprintf(login, sizeof login, "guess%u@contoso.example", round * usual.gathered + i);
            note(j, refusal(login, T0 + 1000 * (round + 1) + i, REASON_UNLISTED, ""));
        }
        note(j, message("thief@contoso.example", T0 + 1000 * (round + 1) + 500)); /* also within a flooded round */
        flush_at(j, T0);
    }
    flush_at(j, T0); /* nothing new comes: the usage is written */
    seen = decisions(j, 0, 0);
    assert_int_equal(seen.passed, 60);
    assert_true(seen.refused >= 500 && seen.refused <= 500 + 500 / 32);
    assert_int_equal(usage_of(j, "thief@contoso.example").messages, 60);
    assert_int_equal(total_of(j, ACTION_REJECT, REASON_UNLISTED), 40 * usual.gathered);
    journal_close(j);
}

static void refusals_that_differ_in_more_than_the_recipient_stay_apart(void **state)
{
    struct journal *j = open_usual(*state);
    struct journal_record r = refusal("anna@contoso.example", T0, REASON_FROM_NOT_OWN, ""), s = r;

    note(j, r);
    (void)snprintf(s.recipient, sizeof s.recipient, "other@adatum.example");
    note(j, s); /* the same */
    (void)snprintf(s.sender, sizeof s.sender, "other@contoso.example");
    note(j, s);
    s = r;
    (void)snprintf(s.fault_text, sizeof s.fault_text, "boss@contoso.example");
    note(j, s);
    s = r;
    s.client.b[15]++;
    note(j, s);
    s = r;
    s.milter = !s.milter;
    note(j, s);
    s = r;
    s.action = ACTION_DEFER;
    note(j, s);
    flush_at(j, T0);
    assert_int_equal(decisions(j, 0, 0).n, 6);
    assert_int_equal(decisions(j, 0, 0).times, 7);
    journal_close(j);
}

static void a_passing_record_that_was_not_charged_is_no_message(void **state)
{
    struct journal *j = open_usual(*state);
    struct journal_record r = message("anna@contoso.example", T0);

    r.counts = false;
    r.monitored = REASON_EXTERNAL_RECIPIENT;
    note(j, r);
    flush_at(j, T0);
    assert_int_equal(decisions(j, 0, 0).n, 1);
    assert_int_equal(mailboxes(j), 0);
    journal_close(j);
}

static void the_last_different_clients_are_kept_newest_first(void **state)
{
    struct journal *j = open_usual(*state);
    struct journal_record r;
    struct usage u;

    for (uint8_t i = 0; i < 12; i++) {
        r = message("anna@contoso.example", T0 + i * NS_PER_S);
        r.client.b[15] = i;
        note(j, r);
        if (i % 5 == 4)
            flush_at(j, T0);
    }
    r = message("anna@contoso.example", T0 + 20 * NS_PER_S);
    r.client.b[15] = 7;
    note(j, r);
    r = message("anna@contoso.example", T0 - 20 * NS_PER_S); /* older than all */
    r.client.b[15] = 99;
    note(j, r);
    flush_at(j, T0);
    u = usage_of(j, "anna@contoso.example");
    static const uint8_t order[USAGE_CLIENTS] = {7, 11, 10, 9, 8, 6, 5, 4};
    for (unsigned i = 0; i < USAGE_CLIENTS; i++)
        assert_int_equal(u.clients[i].ip.b[15], order[i]);
    journal_close(j);
}

static void texts_are_cut_where_they_are_too_long_and_at_a_nul(void **state)
{
    struct journal *j = open_usual(*state);
    struct journal_record r = message("anna@contoso.example", T0);
    struct journal_event v;
    char text[400];
    struct seen seen;

    memset(text, 'x', sizeof text);
    v = event_of(&r);
    v.login = v.mailbox = v.sender = (struct slice){text, sizeof text};
    v.recipient = SLICE("cut\0here");
    journal_note(j, &v);
    v.at_ns++;
    v.login = v.mailbox = SLICE("bert\0@contoso.example");
    journal_note(j, &v);
    flush_at(j, T0);
    seen = decisions(j, 0, 0);
    assert_int_equal(seen.n, 2);
    assert_int_equal(strlen(seen.last.login), sizeof seen.last.login - 1);
    assert_int_equal(strlen(seen.last.mailbox), sizeof seen.last.mailbox - 1);
    assert_int_equal(strlen(seen.last.sender), sizeof seen.last.sender - 1);
    assert_string_equal(seen.last.recipient, "cut");
    assert_string_equal(seen.first.login, "bert");
    assert_int_equal(usage_of(j, "bert").messages, 1);
    assert_int_equal(mailboxes(j), 2);
    journal_close(j);
}

static void note_mailboxes(struct journal *j, unsigned from, unsigned n)
{
    char name[64];

    for (unsigned i = from; i < from + n; i++) {
        (void)snprintf(name, sizeof name, "user%u@contoso.example", i);
        note(j, message(name, T0 + i));
    }
}

static void usage_of_many_mailboxes_is_written_when_it_is_late(void **state)
{
    struct journal *j = open_usual(*state);

    note_mailboxes(j, 0, USAGE_SOON);
    flush_at(j, T0);
    assert_int_equal(mailboxes(j), USAGE_SOON); /* of few it is written at once */
    note_mailboxes(j, 100, USAGE_SOON + 1);
    flush_at(j, T0);
    assert_int_equal(mailboxes(j), USAGE_SOON);
    assert_int_equal(decisions(j, 0, 0).n, 2 * USAGE_SOON + 1);
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), 2 * USAGE_SOON + 1);
    note_mailboxes(j, 200, 1);
    flush_at(j, T0 + (USAGE_LATE_S - 1) * NS_PER_S);
    assert_int_equal(mailboxes(j), USAGE_SOON);
    note_mailboxes(j, 100, 1);
    flush_at(j, T0 + USAGE_LATE_S * NS_PER_S);
    assert_int_equal(mailboxes(j), 2 * USAGE_SOON + 2);
    assert_int_equal(usage_of(j, "user100@contoso.example").messages, 2);
    journal_close(j);
}

static void usage_of_many_mailboxes_is_written_when_nothing_new_comes(void **state)
{
    struct journal *j = open_usual(*state);

    note_mailboxes(j, 0, 100);
    flush_at(j, T0);
    assert_int_equal(mailboxes(j), 0);
    flush_at(j, T0);
    assert_int_equal(mailboxes(j), 100);
    note_mailboxes(j, 0, 100);
    flush_at(j, T0);
    journal_close(j); /* or when the program ends */
    j = open_usual(*state);
    assert_int_equal(usage_of(j, "user99@contoso.example").messages, 2);
    journal_close(j);
}

static void usage_of_many_mailboxes_is_written_when_its_room_is_full(void **state)
{
    struct journal *j = open_usual(*state);

    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(mailboxes(j), 0);
        note_mailboxes(j, i * 250, 250);
        flush_at(j, T0);
    }
    assert_int_equal(mailboxes(j), 750);
    flush_at(j, T0);
    assert_int_equal(mailboxes(j), 1000);
    for (unsigned i = 0; i < 1000; i += 333) {
        char name[64];

        (void)snprintf(name, sizeof name, "user%u@contoso.example", i);
        assert_int_equal(usage_of(j, name).messages, 1);
    }
    journal_close(j);
}

static void rounds_without_anything_new_cost_nothing_of_the_next(void **state)
{
    struct journal *j = open_usual(*state);

    for (unsigned i = 0; i < 8; i++) {
        for (unsigned idle = 0; idle < i % 3; idle++)
            flush_at(j, T0);
        note(j, message("anna@contoso.example", T0 + i));
        flush_at(j, T0);
        assert_int_equal(usage_of(j, "anna@contoso.example").messages, i + 1);
    }
    assert_int_equal(decisions(j, 0, 0).n, 8);
    journal_close(j);
}

/* ---- bounds ---- */

static void beyond_what_gathers_in_a_round_decisions_are_dropped_and_usage_stays_exact(void **state)
{
    struct journal *j = open_usual(*state);
    char name[64];

    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "user%u@contoso.example", i % 250);
        note(j, message(name, T0 + i));
    }
    flush_all_at(j, T0);
    assert_int_equal(dropped(j), 1000 - usual.gathered);
    assert_int_equal(decisions(j, 0, 0).n, usual.gathered);
    assert_int_equal(mailboxes(j), 250);
    for (unsigned i = 0; i < 250; i++) {
        (void)snprintf(name, sizeof name, "user%u@contoso.example", i);
        assert_int_equal(usage_of(j, name).messages, 4);
    }
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), 1000);
    note(j, message("anna@contoso.example", T0));
    flush_at(j, T0);
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), 1001);
    journal_close(j);
}

static void what_was_dropped_is_known_to_readers_and_after_a_restart(void **state)
{
    struct place *p = *state;
    struct journal *j, *reader;
    struct error e;

    for (unsigned i = 1; i <= 2; i++) {
        j = open_usual(p);
        for (unsigned n = 0; n < usual.gathered + 10; n++)
            note(j, message("anna@contoso.example", T0 + n));
        flush_at(j, T0);
        flush_at(j, T0); /* not once more for each round */
        assert_int_equal(dropped(j), 10 * i);
        journal_close(j);
    }
    assert_int_equal(journal_open(p->folder, NULL, &reader, &e), 0);
    assert_int_equal(dropped(reader), 20);
    assert_int_equal(total_of(reader, ACTION_PASS, REASON_ALLOWED), 2 * (usual.gathered + 10));
    journal_close(reader);
}

static void the_oldest_decisions_give_way(void **state)
{
    struct journal_bounds bounds = usual;
    struct journal *j;
    struct seen seen;

    bounds.decisions = 500;
    j = open_bounded(*state, &bounds);
    for (unsigned i = 0; i < 2000; i++) {
        note(j, message("anna@contoso.example", T0 + i));
        if (i % 200 == 199)
            flush_at(j, T0);
    }
    seen = decisions(j, 0, 0);
    assert_true(seen.n >= 500 && seen.n <= 500 + 500 / 32);
    assert_int_equal(seen.last.at_ns, T0 + 2000 - seen.n);
    assert_int_equal(usage_of(j, "anna@contoso.example").messages, 2000);
    journal_close(j);
}

static void the_mailbox_that_was_seen_longest_ago_gives_way(void **state)
{
    struct journal_bounds bounds = usual;
    struct journal *j;
    char name[64];

    bounds.mailboxes = 100;
    j = open_bounded(*state, &bounds);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 40; i++) {
            (void)snprintf(name, sizeof name, "user%u@contoso.example", round * 40 + i);
            note(j, message(name, T0 + round * 3600 * NS_PER_S));
        }
        note(j, message("always@contoso.example", T0 + round * 3600 * NS_PER_S));
        flush_all_at(j, T0);
    }
    assert_int_equal(mailboxes(j), 100);
    assert_int_equal(usage_of(j, "always@contoso.example").messages, 10);
    assert_int_equal(usage_of(j, "user399@contoso.example").messages, 1);
    assert_int_equal(usage_of(j, "user0@contoso.example").messages, 0);
    journal_close(j);
}

static void a_mailbox_that_was_not_seen_for_400_days_is_forgotten(void **state)
{
    struct journal *j = open_usual(*state);

    note(j, message("old@contoso.example", T0));
    note(j, message("refused@contoso.example", T0));
    note(j, message("new@contoso.example", T0));
    flush_at(j, T0);
    note(j, refusal("refused@contoso.example", T0 + 3 * DAY_S * NS_PER_S, REASON_BLOCKED, ""));
    note(j, message("new@contoso.example", T0 + 10 * DAY_S * NS_PER_S));
    flush_at(j, T0 + 399 * DAY_S * NS_PER_S);
    assert_int_equal(mailboxes(j), 3);
    flush_at(j, T0 + 401 * DAY_S * NS_PER_S); /* nothing gathered: forgetting needs no mail */
    assert_int_equal(mailboxes(j), 2);
    assert_int_equal(usage_of(j, "old@contoso.example").messages, 0);
    flush_at(j, T0 + 404 * DAY_S * NS_PER_S);
    assert_int_equal(mailboxes(j), 1);
    flush_at(j, T0 + 411 * DAY_S * NS_PER_S);
    assert_int_equal(mailboxes(j), 0);
    journal_close(j);
}

/* ---- trouble ---- */

static void a_full_disk_keeps_what_gathered_until_there_is_room(void **state)
{
    struct place *p = *state;
    struct journal *j = open_usual(p);
    struct rlimit before, full;
    struct error e;

    note(j, message("anna@contoso.example", T0));
    flush_at(j, T0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = before;
    full.rlim_cur = 8192;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    for (unsigned i = 0; i < 900; i++) {
        note(j, message("anna@contoso.example", T0 + 1 + i));
        if (i % 300 == 0)
            assert_int_equal(journal_flush_at(j, T0, &e), -1);
    }
    assert_non_null(strstr(e.text, p->folder));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    flush_at(j, T0);
    flush_at(j, T0);
    assert_int_equal(usage_of(j, "anna@contoso.example").messages, 901);
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), 901);
    assert_int_equal(decisions(j, 0, 0).n + dropped(j), 901);
    journal_close(j);
}

static void a_folder_that_cannot_be_made_is_an_error_that_names_it_and_notes_go_on(void **state)
{
    struct journal *j;
    struct error e;

    (void)state;
    assert_int_equal(journal_open_bounded("/nowhere/at/all", "policyd", &usual, &j, &e), 0);
    note(j, message("anna@contoso.example", T0));
    assert_int_equal(journal_flush_at(j, T0, &e), -1);
    assert_non_null(strstr(e.text, "/nowhere/at/all"));
    journal_close(j);
}

static void a_reader_is_told_that_there_is_no_journal(void **state)
{
    struct place *p = *state;
    struct journal *j;
    struct error e;

    assert_int_equal(journal_open(p->folder, NULL, &j, &e), -1);
    assert_non_null(strstr(e.text, "nothing is there yet"));
    assert_int_not_equal(access(file_of(p, JOURNAL_NAME), F_OK), 0);
    assert_int_equal(journal_open("/nowhere/at/all", NULL, &j, &e), -1);
}

static void a_reader_reads_what_a_program_left_and_writes_nothing(void **state)
{
    struct place *p = *state;
    struct journal *j = open_usual(p);
    struct error e;

    note(j, message("anna@contoso.example", T0));
    journal_close(j);
    assert_int_equal(journal_open(p->folder, NULL, &j, &e), 0);
    note(j, message("anna@contoso.example", T0));
    assert_int_equal(journal_flush(j, &e), 0);
    assert_int_equal(decisions(j, 0, 0).n, 1);
    assert_int_equal(usage_of(j, "anna@contoso.example").messages, 1);
    journal_close(j);
}

static const char *const files[] = {JOURNAL_NAME, JOURNAL_NAME "-wal", JOURNAL_NAME "-shm"};

static void the_group_may_read_all_files_whatever_the_umask(void **state)
{
    struct place *p = *state;
    mode_t before = umask(0077);
    struct journal *j = open_usual(p);
    struct stat st;

    flush_at(j, T0);
    (void)umask(before);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(file_of(p, files[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
    }
    journal_close(j);
}

static void write_over(struct place *p, const char *name, off_t at, size_t n, char c)
{
    int fd = open(file_of(p, name), O_WRONLY | O_CREAT, 0660);
    char *bytes = malloc(n + 1);

    assert_non_null(bytes);
    memset(bytes, c, n);
    assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
    free(bytes);
    assert_int_equal(close(fd), 0);
}

static void fill(struct place *p)
{
    struct journal *j = open_usual(p);
    char name[64];

    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "user%u@contoso.example", i);
        note(j, message(name, T0 + i));
    }
    journal_close(j);
    (void)unlink(file_of(p, "damaged.sqlite"));
}

static off_t size_of(struct place *p)
{
    struct stat st;

    assert_int_equal(stat(file_of(p, JOURNAL_NAME), &st), 0);
    return st.st_size;
}

static void expect_set_aside(struct place *p, bool after_one_error)
{
    struct journal *j = open_usual(p);
    struct error e;
    const char *notice;

    note(j, message("anna@contoso.example", T0));
    if (after_one_error)
        (void)journal_flush_at(j, T0, &e);
    flush_at(j, T0);
    notice = journal_notice(j);
    assert_non_null(notice);
    assert_non_null(strstr(notice, "damaged.sqlite"));
    assert_null(journal_notice(j));
    assert_int_equal(access(file_of(p, "damaged.sqlite"), F_OK), 0);
    assert_int_equal(usage_of(j, "anna@contoso.example").messages, 1);
    assert_int_equal(mailboxes(j), 1);
    journal_close(j);
}

static void a_damaged_database_is_set_aside_and_a_new_one_begun(void **state)
{
    struct place *p = *state;

    fill(p);
    write_over(p, JOURNAL_NAME, 0, 200, 'x');
    expect_set_aside(p, false);
    fill(p);
    write_over(p, JOURNAL_NAME, 4096, 200, 'x');
    expect_set_aside(p, false);
    fill(p);
    write_over(p, JOURNAL_NAME, 8192, (size_t)size_of(p) - 8192, '\0');
    expect_set_aside(p, true);
    fill(p);
    assert_int_equal(truncate(file_of(p, JOURNAL_NAME), 12288), 0);
    expect_set_aside(p, true);
}

/* Descriptors run out for a moment: that says nothing of the file. */
static void what_cannot_be_opened_for_a_moment_is_kept(void **state)
{
    struct place *p = *state;
    struct rlimit before, none;
    struct journal *j;
    struct error e;

    fill(p);
    j = open_usual(p);
    note(j, message("bert@contoso.example", T0));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){3, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(journal_flush_at(j, T0, &e), -1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(access(file_of(p, "damaged.sqlite"), F_OK), -1);
    flush_at(j, T0);
    assert_null(journal_notice(j));
    assert_int_equal(usage_of(j, "user7@contoso.example").messages, 1);
    assert_int_equal(usage_of(j, "bert@contoso.example").messages, 1);
    journal_close(j);
}

/* By another connection, as a program of another version or a person would. */
static void execute(struct place *p, const char *sql)
{
    sqlite3 *db;
    int on = 1;

    assert_int_equal(sqlite3_open(file_of(p, JOURNAL_NAME), &db), SQLITE_OK);
    assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_database_of_another_layout_is_set_aside(void **state)
{
    static const char *const rows[] = {"UPDATE meta SET value=1 WHERE name='version'",
                                       "DELETE FROM meta",
                                       "CREATE TABLE another(x)",
                                       "CREATE TRIGGER t AFTER INSERT ON messages BEGIN DELETE FROM usage; END",
                                       "CREATE VIEW v AS SELECT * FROM messages",
                                       "ALTER TABLE usage ADD COLUMN more TEXT",
                                       "ALTER TABLE messages RENAME COLUMN size TO bytes"};
    struct place *p = *state;
    struct journal *j;
    struct error e;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *notice;

        (void)unlink(file_of(p, "former.sqlite"));
        fill(p);
        execute(p, rows[i]);
        assert_int_equal(journal_open(p->folder, NULL, &j, &e), -1);
        if (strstr(e.text, "another version's layout") == NULL)
            fail_msg("%s: %s", rows[i], e.text);
        assert_int_equal(access(file_of(p, JOURNAL_NAME), F_OK), 0);
        j = open_usual(p);
        note(j, message("anna@contoso.example", T0));
        flush_at(j, T0);
        notice = journal_notice(j);
        assert_non_null(notice);
        assert_non_null(strstr(notice, "set aside as former.sqlite"));
        assert_int_equal(access(file_of(p, "former.sqlite"), F_OK), 0);
        assert_int_equal(mailboxes(j), 1);
        journal_close(j);
        j = open_usual(p);
        flush_at(j, T0);
        assert_null(journal_notice(j));
        assert_int_equal(decisions(j, 0, 0).n, 1);
        journal_close(j);
    }
}

static void what_an_earlier_version_lacks_is_added_and_nothing_lost(void **state)
{
    static const char *const rows[] = {"DROP TABLE counts", "DROP INDEX messages_by_name"};
    struct place *p = *state;
    struct journal *j;
    struct error e;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fill(p);
        execute(p, rows[i]);
        assert_int_equal(journal_open(p->folder, NULL, &j, &e), -1);
        assert_non_null(strstr(e.text, "is an earlier version's: postern-policyd and postern-milter make them"));
        j = open_usual(p);
        flush_at(j, T0);
        assert_null(journal_notice(j));
        assert_int_equal(mailboxes(j), 200);
        note_hit(j, ACTION_DEFER, REASON_LIMIT, REASON_NOT_OURS, "user", 0);
        flush_at(j, T0 + NS_PER_S);
        assert_int_equal(count_of(j, COUNTED_DEFER, "user"), 1);
        journal_close(j);
        (void)unlink(file_of(p, JOURNAL_NAME));
    }
}

static void a_journal_of_a_version_with_lmdb_is_set_aside(void **state)
{
    struct place *p = *state;
    struct journal *j;
    const char *notice;
    struct error e;

    write_over(p, "data.mdb", 0, 8192, 'x');
    write_over(p, "lock.mdb", 0, 8192, 'x');
    assert_int_equal(journal_open(p->folder, NULL, &j, &e), -1);
    assert_non_null(strstr(e.text, "nothing is there yet"));
    j = open_usual(p);
    note(j, message("anna@contoso.example", T0));
    flush_at(j, T0);
    notice = journal_notice(j);
    assert_non_null(notice);
    assert_non_null(strstr(notice, "data.mdb"));
    assert_non_null(strstr(notice, "set aside as former.mdb"));
    assert_int_equal(access(file_of(p, "former.mdb"), F_OK), 0);
    assert_int_not_equal(access(file_of(p, "data.mdb"), F_OK), 0);
    assert_int_not_equal(access(file_of(p, "lock.mdb"), F_OK), 0);
    assert_int_equal(mailboxes(j), 1);
    journal_close(j);
}

/* A program that was killed between making the file and filling it. */
static void an_empty_file_is_no_damage(void **state)
{
    struct place *p = *state;
    struct journal *j;

    write_over(p, JOURNAL_NAME, 0, 0, '\0');
    j = open_usual(p);
    note(j, message("anna@contoso.example", T0));
    flush_at(j, T0);
    assert_null(journal_notice(j));
    assert_int_equal(mailboxes(j), 1);
    journal_close(j);
}

static void a_removed_database_is_made_again_without_a_restart(void **state)
{
    struct place *p = *state;
    struct journal *j = open_usual(p);

    for (unsigned removed = 1; removed < 8; removed++) { /* each set of the three files */
        note(j, message("anna@contoso.example", T0 + removed));
        flush_at(j, T0);
        for (unsigned i = 0; i < 3; i++)
            if ((removed & 1u << i) != 0)
                assert_int_equal(unlink(file_of(p, files[i])), 0);
        note(j, message("bert@contoso.example", T0 + 10 + removed));
        flush_at(j, T0);
        flush_at(j, T0);
        assert_true(decisions(j, T0 + 10 + removed, 0).n == 1);
        assert_int_equal(decisions(j, T0 + 10 + removed, 0).first.at_ns, T0 + 10 + removed);
    }
    journal_close(j);
}

/* ---- several ---- */

/* In a process of its own: notes and flushes until `rounds` are over, or for ever. As the services do, it tries again
 * where another program holds the folder. */
static pid_t writer(struct place *p, const char *mailbox, unsigned rounds)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    struct journal *j;
    uint64_t since_ns = clock_boot_ns();

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (journal_open_bounded(p->folder, "policyd", &usual, &j, NULL) != 0)
        _exit(1);
    for (unsigned i = 0; rounds == 0 || i < rounds; i++) {
        for (unsigned k = 0; k < 10; k++)
            note(j, message(mailbox, T0 + i));
        while (journal_flush_at(j, T0, NULL) != 0)
            if (!wait_more(since_ns))
                _exit(1);
    }
    journal_close(j);
    _exit(0);
}

static void programs_write_at_the_same_time_and_nothing_is_lost(void **state)
{
    struct place *p = *state;
    struct journal *j;
    pid_t pids[4];
    int status;

    for (int i = 0; i < 4; i++)
        assert_true((pids[i] = writer(p, i < 2 ? "anna@contoso.example" : "bert@contoso.example", 25)) > 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    j = open_usual(p);
    assert_int_equal(usage_of(j, "anna@contoso.example").messages, 500);
    assert_int_equal(usage_of(j, "bert@contoso.example").messages, 500);
    assert_int_equal(decisions(j, 0, 0).n, 1000);
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), 1000);
    journal_close(j);
}

/* A process opens a journal once at a time: each of them in turn. */
static void decisions_of_several_programs_come_newest_first(void **state)
{
    struct journal *j = open_usual(*state);

    for (unsigned i = 0; i < 250; i++) /* over 250 s, in few chunks, as after a full disk */
        note(j, message("anna@contoso.example", T0 + i * NS_PER_S));
    journal_close(j);
    j = open_usual(*state);
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 5; k++)
            note(j, message("bert@contoso.example", T0 + (i * 25 + k) * NS_PER_S + 1));
        flush_at(j, T0);
    }
    assert_int_equal(decisions(j, 0, 0).n, 300); /* and newest first, as `see` asserts */
    assert_int_equal(decisions(j, T0 + 225 * NS_PER_S, 0).n, 25 + 5);
    assert_int_equal(decisions(j, 0, 20).n, 20);
    journal_close(j);
}

/* We fork while we have nothing open: SQLite would take its parent's locks for its own. */
static void a_killed_writer_holds_up_nobody_and_leaves_no_half_round(void **state)
{
    struct place *p = *state;
    struct journal *j;
    struct usage u;
    uint64_t before = 0;
    int status;

    for (unsigned i = 0; i < 10; i++) {
        pid_t pid = writer(p, "killed@contoso.example", 0);

        assert_true(pid > 0);
        j = open_usual(p);
        flush_beside_others(j, T0);
        wait_until(usage_of(j, "killed@contoso.example").messages > before);
        pause_ms((int)i * 2); /* somewhere in a round */
        note(j, message("anna@contoso.example", T0));
        flush_beside_others(j, T0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        note(j, message("anna@contoso.example", T0));
        flush_at(j, T0);
        assert_null(journal_notice(j));
        before = usage_of(j, "killed@contoso.example").messages;
        journal_close(j);
    }
    j = open_usual(p);
    flush_at(j, T0);
    u = usage_of(j, "killed@contoso.example");
    assert_true(u.messages > 0 && u.messages % 10 == 0);
    assert_int_equal(usage_of(j, "anna@contoso.example").messages, 20);
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), u.messages + 20);
    journal_close(j);
}

static void *note_many(void *arg)
{
    for (unsigned i = 0; i < 2000; i++)
        note(arg, message("anna@contoso.example", T0 + i));
    return NULL;
}

static void threads_note_while_another_flushes_and_reads(void **state)
{
    struct journal *j = open_usual(*state);
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_many, j), 0);
    for (int i = 0; i < 20; i++) {
        flush_at(j, T0);
        (void)decisions(j, 0, 10);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    flush_at(j, T0);
    assert_int_equal(usage_of(j, "anna@contoso.example").messages, 4000);
    assert_int_equal(total_of(j, ACTION_PASS, REASON_ALLOWED), 4000);
    assert_int_equal(decisions(j, 0, 0).n + dropped(j), 4000);
    journal_close(j);
}

/* The callback may take its time: writers need not keep old pages for it. */
static bool flush_meanwhile(void *arg, const struct journal_record *record)
{
    struct journal *j = arg;

    (void)record;
    note(j, message("anna@contoso.example", T0 - NS_PER_S));
    flush_at(j, T0);
    return true;
}

static void nothing_is_held_while_a_reader_looks_at_a_record(void **state)
{
    struct journal *j = open_usual(*state);
    struct error e;

    for (unsigned i = 0; i < 20; i++)
        note(j, message("anna@contoso.example", T0 + i));
    flush_at(j, T0);
    assert_int_equal(journal_decisions(j, &(struct journal_query){.since_ns = T0}, flush_meanwhile, j, &e), 0);
    assert_int_equal(decisions(j, 0, 0).n, 40);
    journal_close(j);
}

static void a_decision_is_found_by_each_name_that_it_has(void **state)
{
    static const struct {
        const char *login, *mailbox, *connector, *account;
    } rows[] = {
        {"Anna@contoso.example", "anna@contoso.example", "", ""},
        {"CONTOSO\\anna", "anna@contoso.example", "", ""},
        {"scanner@contoso.example", "", "", "scanner"},
        {"CONTOSO\\Scanner", "", "", "scanner"},
        {"scanner", "", "", "scanner"},
        {"bad ? login", "", "", ""},
        {"", "", "Printers", ""},
        {"", "", "", ""},
    };
    static const struct {
        const char *name, *mailbox, *account;
        size_t n;
    } queries[] = {
        {"ANNA@contoso.example", NULL, "", 2},
        {"contoso\\Anna", NULL, "", 1},
        {"contoso\\Anna", "anna@contoso.example", "", 2},
        {"anna", NULL, "anna", 0},
        {"Scanner@contoso.example", NULL, "", 1},
        {"contoso\\scanner", "", "", 1},
        {"scanner", NULL, "", 1},
        {"nobody", NULL, "scanner", 3},
        {"BAD ? LOGIN", NULL, "", 1},
        {"printers", NULL, "", 1},
        {"nobody", NULL, "", 0},
        {"", NULL, "", 0},
    };
    struct place *p = *state;
    struct journal *j = open_usual(p);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct journal_record r = message(rows[i].mailbox, T0 + i);
        struct journal_event event;

        (void)snprintf(r.login, sizeof r.login, "%s", rows[i].login);
        (void)snprintf(r.connector, sizeof r.connector, "%s", rows[i].connector);
        event = event_of(&r);
        event.account = slice_of(rows[i].account);
        journal_note(j, &event);
    }
    flush_at(j, T0);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct journal_query query = {
            .name = queries[i].name, .mailbox = queries[i].mailbox, .account = slice_of(queries[i].account)};
        size_t n = decisions_of(j, &query).n;

        if (n != queries[i].n)
            fail_msg("%s: %zu", queries[i].name, n);
    }
    journal_close(j);
}

/* Of both tables, in all of their parts, those that gave way aside. */
static void decisions_of_a_name_are_found_however_many_came_between(void **state)
{
    enum { NAMES = 1000, EACH = 3 * PART_ROWS, KEPT = 2 * PART_ROWS };
    const struct journal_bounds bounds = {
        .decisions = KEPT, .refusals = EACH, .gathered = 16384, .mailboxes = 3000, .wal_pages = 16384};
    struct place *p = *state;
    struct journal *j = open_bounded(p, &bounds);
    struct journal_query query = {.name = "user7@contoso.example"};
    struct seen all, one;

    for (unsigned i = 0; i < EACH; i++) {
        struct journal_record refused;
        char mailbox[64], instance[32];

        (void)snprintf(mailbox, sizeof mailbox, "user%u@contoso.example", i % NAMES);
        (void)snprintf(instance, sizeof instance, "%u", i);
        note(j, message(mailbox, T0 + 2 * i));
        refused = refusal(mailbox, T0 + 2 * i + 1, REASON_UNLISTED, instance);
        (void)snprintf(refused.sender, sizeof refused.sender, "%u", i); /* else some are one */
        note(j, refused);
        if (i % 4096 == 4095)
            flush_at(j, T0);
    }
    flush_at(j, T0);
    all = decisions(j, 0, 0);
    one = decisions_of(j, &query);
    assert_true(all.passed >= KEPT && all.passed <= KEPT + KEPT / 32 + 4096);
    assert_true(one.passed >= KEPT / NAMES && one.passed <= all.passed / NAMES + 1);
    assert_int_equal(all.refused, EACH);
    assert_int_equal(one.refused, EACH / NAMES + 1);
    assert_string_equal(one.first.login, "user7@contoso.example");
    query.since_ns = T0 + 2 * (EACH - NAMES);
    one = decisions_of(j, &query);
    assert_int_equal(one.passed, 1);
    assert_int_equal(one.refused, 1);
    query.name = "user1000@contoso.example";
    assert_int_equal(decisions_of(j, &query).n, 0);
    journal_close(j);
}

int main(void)
{
    (void)t0(); /* before there are threads and other processes */
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_decision_is_read_back_as_it_was_noted),
        T(decisions_come_newest_first_and_only_as_far_back_as_asked),
        T(a_decision_is_found_by_each_name_that_it_has),
        T(decisions_of_a_name_are_found_however_many_came_between),
        T(usage_adds_up_over_rounds),
        T(a_login_without_a_mailbox_has_a_usage_and_a_client_without_a_login_has_none),
        T(hits_of_limits_are_counted_by_what_the_limit_did),
        T(limits_beyond_the_bound_are_counted_together),
        T(the_time_of_a_decision_is_in_its_part_of_the_histogram),
        T(a_message_that_is_refused_for_each_of_its_recipients_is_one_refusal),
        T(a_flood_of_refusals_pushes_no_message_out),
        T(refusals_that_differ_in_more_than_the_recipient_stay_apart),
        T(a_passing_record_that_was_not_charged_is_no_message),
        T(the_last_different_clients_are_kept_newest_first),
        T(texts_are_cut_where_they_are_too_long_and_at_a_nul),
        T(usage_of_many_mailboxes_is_written_when_it_is_late),
        T(usage_of_many_mailboxes_is_written_when_nothing_new_comes),
        T(usage_of_many_mailboxes_is_written_when_its_room_is_full),
        T(rounds_without_anything_new_cost_nothing_of_the_next),
        T(beyond_what_gathers_in_a_round_decisions_are_dropped_and_usage_stays_exact),
        T(what_was_dropped_is_known_to_readers_and_after_a_restart),
        T(the_oldest_decisions_give_way),
        T(the_mailbox_that_was_seen_longest_ago_gives_way),
        T(a_mailbox_that_was_not_seen_for_400_days_is_forgotten),
        T(a_full_disk_keeps_what_gathered_until_there_is_room),
        T(a_folder_that_cannot_be_made_is_an_error_that_names_it_and_notes_go_on),
        T(a_reader_is_told_that_there_is_no_journal),
        T(a_reader_reads_what_a_program_left_and_writes_nothing),
        T(the_group_may_read_all_files_whatever_the_umask),
        T(a_damaged_database_is_set_aside_and_a_new_one_begun),
        T(what_cannot_be_opened_for_a_moment_is_kept),
        T(a_database_of_another_layout_is_set_aside),
        T(what_an_earlier_version_lacks_is_added_and_nothing_lost),
        T(a_journal_of_a_version_with_lmdb_is_set_aside),
        T(an_empty_file_is_no_damage),
        T(a_removed_database_is_made_again_without_a_restart),
        T(programs_write_at_the_same_time_and_nothing_is_lost),
        T(decisions_of_several_programs_come_newest_first),
        T(a_killed_writer_holds_up_nobody_and_leaves_no_half_round),
        T(threads_note_while_another_flushes_and_reads),
        T(nothing_is_held_while_a_reader_looks_at_a_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
