/* The torture of what postern keeps on the disk: state, journal, spool. */
#include "tests/torture/torture.h"

#include "core/base/clock.h"
#include "core/base/spool.h"
#include "core/journal/journal.h"
#include "core/journal/sign_ins.h"
#include "core/notice/alert.h"
#include "core/state/state.h"
#include "tests/torture/fail.h"
#include "tests/unit/journal_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the state ---- */

#define BLOCKED_KEY 9

static int open_state(uint64_t entries, struct state **s, struct error *e)
{
    struct state_options options = {.path = below("state/state"),
                                    .entries = entries,
                                    .blocks = 16,
                                    .boot_ns = 100 * NS_PER_S,
                                    .wall_ns = 1790000000 * NS_PER_S,
                                    .boot_id = 1};

    return state_open(&options, s, e);
}

static bool is_blocked(struct state *s)
{
    uint64_t until;

    return blocks_find(state_blocks(s), BLOCKED_KEY, state_now(s, 100 * NS_PER_S), &until);
}

void before_stored_state(struct tools *t)
{
    struct block block = {.key = BLOCKED_KEY, .subject = "user " BERT, .until_ns = BLOCK_FOREVER};
    struct state *s;
    struct error e;

    (void)t;
    remove_below("state");
    if (mkdir(below("state"), 0700) != 0 || open_state(64, &s, &e) != 0 ||
        blocks_add(state_blocks(s), &block, state_now(s, 100 * NS_PER_S), &e) != 0)
        die("the state", e.text);
    state_close(s);
}

/* It is resized, taken away, and set aside when it is damaged; what cannot be done now is done later. */
void stored_state(struct tools *t, bool works)
{
    struct state *s = NULL;
    struct error e = {.text = ""};

    (void)t;
    if (open_state(256, &s, &e) != 0) {
        MUST(!works && e.text[0] != '\0');
        return;
    }
    MUST(state_problem(s) != NULL || is_blocked(s));
    MUST(!works || state_problem(s) == NULL);
    (void)unlink(below("state/state"));
    for (uint64_t i = 0; i < 3; i++)
        MUST(state_tick(s, (100 + i) * NS_PER_S, (1790000000 + i) * NS_PER_S, &e) == 0 || e.text[0] != '\0');
    state_close(s);
}

void after_stored_state(struct tools *t)
{
    struct state *s = NULL;
    struct error e;

    (void)t;
    write_file("state/state", "no state at all\n");
    MUST(open_state(256, &s, &e) == 0);
    MUST(state_problem(s) == NULL && state_notice(s) != NULL);
    state_close(s);
}

/* ---- the journal ---- */

#define NOTED 4

static struct journal_record record_of(unsigned i)
{
    struct journal_record r = {.at_ns = (1790000000 + i) * NS_PER_S,
                               .action = ACTION_PASS,
                               .reason = REASON_ALLOWED,
                               .monitored = REASON_NOT_OURS,
                               .stage = STAGE_END,
                               .tls = TLS_V1_3,
                               .counts = true,
                               .recipients = 1,
                               .size = 1000};

    (void)snprintf(r.tenant, sizeof r.tenant, "contoso");
    (void)snprintf(r.login, sizeof r.login, ANNA);
    (void)snprintf(r.mailbox, sizeof r.mailbox, ANNA);
    (void)snprintf(r.instance, sizeof r.instance, "i%u", i);
    return r;
}

struct counted {
    uint64_t decisions, totals, mailboxes;
};

static bool count_decision(void *arg, const struct journal_record *record)
{
    ((struct counted *)arg)->decisions += strcmp(record->mailbox, ANNA) == 0;
    return true;
}

static bool count_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    (void)program;
    ((struct counted *)arg)->totals += action == ACTION_PASS && reason == REASON_ALLOWED ? count : 0;
    return true;
}

static bool count_mailbox(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    (void)tenant;
    ((struct counted *)arg)->mailboxes += slice_eq(mailbox, SLICE(ANNA)) && usage->messages == NOTED;
    return true;
}

/* True when all could be read. */
static bool read_all(struct journal *j, struct counted *counted)
{
    struct usage usage;
    struct error e = {.text = ""};
    bool all = journal_decisions(j, &(struct journal_query){.since_ns = 0}, count_decision, counted, &e) == 0 &&
               journal_totals(j, count_total, counted, &e) == 0 &&
               journal_usage(j, &(struct usage_query){.sent = true}, count_mailbox, counted, &e) == 0 &&
               journal_usage_of(j, SLICE("contoso"), SLICE(ANNA), &usage, &e) == 1;

    MUST(all || e.text[0] != '\0');
    return all;
}

void before_journal(struct tools *t)
{
    (void)t;
    remove_below("journal");
}

/* What a round could not write the next ones do: nothing is lost, and nothing is counted twice. */
void journal(struct tools *t, bool works)
{
    struct journal *j = NULL;
    struct error e = {.text = ""};
    struct counted counted = {0};

    (void)t;
    if (journal_open(below("journal"), "policyd", &j, &e) != 0) {
        MUST(!works && e.text[0] != '\0');
        return;
    }
    for (unsigned i = 0; i < NOTED; i++) {
        struct journal_record r = record_of(i);

        note_record(j, &r);
        if (i % 2 == 1)
            MUST(journal_flush(j, &e) == 0 || (!works && e.text[0] != '\0'));
    }
    (void)fail_end();
    MUST(journal_flush(j, &e) == 0); /* what waited */
    MUST(journal_flush(j, &e) == 0); /* what gathered meanwhile */
    MUST(read_all(j, &counted));
    MUST(counted.decisions == NOTED && counted.totals == NOTED && counted.mailboxes == 1);
    journal_close(j);
}

void before_reports(struct tools *t)
{
    before_journal(t);
    journal(t, true);
}

/* A reader never invents: it has all, or says that it has not. */
void reports(struct tools *t, bool works)
{
    struct journal *j = NULL;
    struct error e = {.text = ""};
    struct counted counted = {0};
    bool all;

    (void)t;
    if (journal_open(below("journal"), NULL, &j, &e) != 0) {
        MUST(!works && e.text[0] != '\0');
        return;
    }
    all = read_all(j, &counted);
    MUST(all || !works);
    MUST(!all || (counted.decisions == NOTED && counted.totals == NOTED && counted.mailboxes == 1));
    journal_close(j);
}

/* ---- the history ---- */

void before_history(struct tools *t)
{
    (void)t;
    remove_below("history");
}

/* A sign-in as a run counts it: once, with its id, or not at all. */
static bool count_sign_in(struct history *h, struct error *e)
{
    const struct sign_in_progress progress = {1790000000, 1790000060, 1790000060};
    struct cloud_use use = {.first_s = 1790000000, .last_s = 1790000000, .number = 1, .basic = 1, .tls = -1};
    int is_new;

    if (history_begin(h, e) != 0)
        return false;
    is_new = sign_in_is_new(h, SLICE("contoso"), SIGN_IN_SUCCESS, 1790000000, SLICE("id"), e);
    if (is_new >= 0 && (is_new == 0 || cloud_use_add(h, SLICE("contoso"), SLICE(ANNA), CLOUD_SIGN_INS, &use, e) == 0) &&
        sign_in_progress_set(h, SLICE("contoso"), SIGN_IN_SUCCESS, &progress, 0, e) == 0 &&
        sign_in_state_set(h, SLICE("contoso"), 1790000060, true, SLICE(""), e) == 0 &&
        cloud_report_begin(h, SLICE("contoso"), 1780000000, 1790000000, 1790000000, e) == 0 &&
        cloud_use_forget(h, 1790000060, e) == 0 && history_commit(h, e) == 0)
        return true;
    history_rollback(h);
    return false;
}

/* What a run could not write the next one does, and nothing counts twice. */
void history(struct tools *t, bool works)
{
    struct error e = {.text = ""}, notice = {.text = ""};
    struct cloud_use use = {.number = 0};
    struct cloud_reach reach;
    struct history *h = NULL;

    (void)t;
    if (history_open(below("history"), true, &h, &notice, &e) == 0) {
        MUST(count_sign_in(h, &e) || (!works && e.text[0] != '\0'));
        history_close(h);
    } else {
        MUST(!works && e.text[0] != '\0');
    }
    (void)fail_end();
    MUST(history_open(below("history"), true, &h, &notice, &e) == 0);
    MUST(count_sign_in(h, &e));
    history_close(h);
    MUST(history_open(below("history"), false, &h, &notice, &e) == 0);
    MUST(cloud_use_of(h, SLICE("contoso"), SLICE(ANNA), CLOUD_SIGN_INS, &use, &e) == 1 && use.number == 1);
    MUST(cloud_reach_of(h, SLICE("contoso"), 1790000060, &reach, &e) == 0 && reach.since_s == 1780000000);
    history_close(h);
}

/* ---- the spool ---- */

void before_notices(struct tools *t)
{
    (void)t;
    remove_below("spool");
}

static void take_notice(bool works)
{
    char **names = NULL, *text = NULL;
    size_t count = 0, n;
    struct error e = {.text = ""};
    int folder = spool_open(below("spool"), ALERT_NOTICES, &e);

    MUST(folder >= 0 || (!works && e.text[0] != '\0'));
    if (folder < 0)
        return;
    if (spool_names(folder, ".json", 10, &names, &count, &e) == 0) {
        MUST(count == 1 || !works);
        for (size_t i = 0; i < count; i++) {
            bool got = spool_get(folder, names[i], ALERT_FILE_MAX, &text, &n, &e) == 0;

            MUST(got || (!works && e.text[0] != '\0'));
            MUST(!got || strstr(text, "is blocked") != NULL); /* whole, or not at all */
            free(got ? text : NULL);
        }
        spool_names_free(names, count);
    } else {
        MUST(!works && e.text[0] != '\0');
    }
    (void)close(folder);
}

/* It is there, or it is said that it is not; then the next try puts it there. */
void notices(struct tools *t, bool works)
{
    struct alert alert = alert_of(ALERT_BLOCK, 1790000000, SLICE("user " ANNA));
    struct error e = {.text = ""};
    int first;

    (void)t;
    alert_summary(&alert, "user " ANNA " is blocked");
    first = alert_post(below("spool"), ALERT_NOTICES, &alert, 60, &e);
    MUST(first == 1 || (!works && first == -1 && e.text[0] != '\0'));
    take_notice(works);
    (void)fail_end();
    MUST(alert_post(below("spool"), ALERT_NOTICES, &alert, 60, &e) >= 0);
    take_notice(false);
}
