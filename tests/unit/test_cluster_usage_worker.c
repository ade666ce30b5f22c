/* links: cluster */
/* The thread that tells and keeps usage: what it is given is there after its end, and what did not arrive is told
 * again. threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/usage_worker.h"
#include "core/base/clock.h"
#include "core/journal/journal_file.h"
#include "core/journal/usage_row.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/waiting.h"

struct place {
    char folder[64];
    struct log *log;
    struct usage_worker *worker;
    unsigned char record[USAGE_RECORD_MAX];
    size_t n;
};

static struct beats nobody;

static int begin(void **state)
{
    static const struct log_config config = {.to = LOG_TO_STDERR};
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-worker-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    assert_non_null(p->log = log_open("test", &config));
    *state = p;
    return 0;
}

static int end(void **state)
{
    static const char *const names[] = {JOURNAL_NAME, OTHERS_NAME};
    struct place *p = *state;
    char path[128];

    for (size_t i = 0; i < 6; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s", p->folder, names[i / 3],
                       (const char *[]){"", "-wal", "-shm"}[i % 3]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(p->folder), 0);
    log_close(p->log);
    free(p);
    return 0;
}

static void sends(struct place *p, const char *mailbox)
{
    struct journal_record r = {.at_ns = clock_wall_ns(),
                               .action = ACTION_PASS,
                               .reason = REASON_ALLOWED,
                               .stage = STAGE_END,
                               .counts = true,
                               .times = 1,
                               .messages = 1,
                               .recipients = 1,
                               .tenant = "contoso"};
    struct journal *j;
    struct error e;

    (void)snprintf(r.mailbox, sizeof r.mailbox, "%s", mailbox);
    assert_int_equal(journal_open(p->folder, "policyd", &j, &e), 0);
    note_record(j, &r);
    journal_close(j);
}

static void start(struct place *p)
{
    const struct usage_worker_options options = {p->log, p->folder, p->folder, "mx1"};
    struct error e;

    assert_non_null(p->worker = usage_worker_new(&options, &e));
}

static void stop(struct place *p)
{
    usage_worker_free(p->worker);
    p->worker = NULL;
}

static bool has_record(struct place *p)
{
    usage_worker_shares(p->worker, &nobody, clock_boot_ns());
    return (p->n = usage_worker_take(p->worker, p->record)) > 0;
}

static bool keeps(struct place *p)
{
    unsigned long long id[2];

    return usage_worker_position(p->worker, "epoch", id);
}

static void what_did_not_arrive_is_told_again(void **state)
{
    struct place *p = *state;
    struct slice tenant, mailbox;
    struct usage_record r;
    struct usage usage;
    struct told_place first;

    sends(p, "sean@contoso.example");
    start(p);
    wait_until(has_record(p));
    assert_int_equal(usage_record_read((struct slice){(const char *)p->record, p->n}, &r), 0);
    assert_true(slice_eq(r.name, SLICE("mx1")) && r.all_told && r.place.number == 1);
    assert_true(usage_row_take(&r.rows, &tenant, &mailbox, &usage));
    assert_true(slice_eq(mailbox, SLICE("sean@contoso.example")) && usage.messages == 1);
    first = r.place;
    assert_int_equal(usage_worker_take(p->worker, p->record), 0); /* once */
    usage_worker_told(p->worker, false);
    wait_until(has_record(p));
    assert_int_equal(usage_record_read((struct slice){(const char *)p->record, p->n}, &r), 0);
    assert_memory_equal(&r.place, &first, sizeof first);
    usage_worker_told(p->worker, true);
    stop(p);
    /* After a restart it goes on: this is told, and everything is not told anew. */
    start(p);
    wait_until(has_record(p));
    assert_int_equal(usage_record_read((struct slice){(const char *)p->record, p->n}, &r), 0);
    assert_memory_equal(&r.after, &first, sizeof first);
    assert_true(r.place.series > first.series && !r.all_told);
    stop(p);
}

static void what_was_given_is_kept_with_its_position(void **state)
{
    struct place *p = *state;
    const struct usage_record r = {
        .place = {7, 1}, .all_told = true, .all_from = {7, 1}, .as_of_s = 5, .name = SLICE("mx2")};
    struct usage usage = {.first_s = 1, .last_s = clock_wall_s(), .messages = 3}, sum = {.messages = 0};
    unsigned char text[USAGE_RECORD_MAX];
    size_t n = usage_record_write(&r, text);
    unsigned long long id[2] = {1700000000000, 4};
    uint64_t false_records, newer;
    struct others *others;
    struct others_own own;
    struct error notice, e;

    n += usage_row_pack(SLICE("contoso"), SLICE("sean@contoso.example"), &usage, text + n, sizeof text - n);
    start(p);
    wait_until(keeps(p));
    assert_int_equal(usage_worker_room(p->worker), USAGE_WAITING_MAX);
    usage_worker_give(p->worker, (struct slice){(const char *)text, n}, id);
    id[1] = 5;
    usage_worker_give(p->worker, SLICE("nonsense"), id);
    id[1] = 6;
    usage_worker_give(p->worker, SLICE(""), id);
    assert_true(usage_worker_position(p->worker, "epoch", id) && id[1] == 6);
    stop(p);
    assert_int_equal(others_open(p->folder, false, &others, &notice, &e), 0);
    assert_int_equal(others_usage_of(others, SLICE("contoso"), SLICE("sean@contoso.example"), &sum, &e), 1);
    assert_int_equal(sum.messages, 3);
    assert_int_equal(others_load_own(others, &own, &e), 0);
    assert_true(own.read_to[0] == 1700000000000 && own.read_to[1] == 6);
    assert_string_equal(own.epoch, "epoch");
    others_close(others);
    /* Of another epoch all is read anew. */
    start(p);
    wait_until(keeps(p));
    assert_true(usage_worker_position(p->worker, "epoch", id) && id[1] == 6);
    assert_true(usage_worker_position(p->worker, "other", id) && id[0] == 0 && id[1] == 0);
    usage_worker_counts(p->worker, &false_records, &newer);
    assert_int_equal(false_records, 0); /* it was counted by the thread before */
    stop(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_did_not_arrive_is_told_again, begin, end),
        cmocka_unit_test_setup_teardown(what_was_given_is_kept_with_its_position, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
