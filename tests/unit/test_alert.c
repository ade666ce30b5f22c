/* Notices: their form, one an episode, bounded, and off the mail path; and where they may go. */
#include "core/base/spool.h"
#include "core/config/config.h"
#include "core/config/config_table.h"
#include "core/notice/alert.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOON 1763726400

struct place {
    char spool[64];
    int folder;
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct error e;

    assert_non_null(p);
    (void)snprintf(p->spool, sizeof p->spool, "/tmp/postern-alert-XXXXXX");
    assert_non_null(mkdtemp(p->spool));
    p->folder = spool_open(p->spool, "alerts", &e);
    assert_true(p->folder >= 0);
    *state = p;
    return 0;
}

static void empty(int folder)
{
    char **names;
    struct error e;
    size_t n;

    assert_int_equal(spool_names(folder, "", 4096, &names, &n, &e), 0);
    for (size_t i = 0; i < n; i++)
        (void)unlinkat(folder, names[i], unlinkat(folder, names[i], 0) == 0 ? 0 : AT_REMOVEDIR);
    spool_names_free(names, n);
}

static int end(void **state)
{
    struct place *p = *state;
    struct error e;
    int episodes = spool_open_below(p->folder, "episodes", &e), top;

    empty(episodes);
    close(episodes);
    empty(p->folder);
    close(p->folder);
    top = open(p->spool, O_RDONLY | O_DIRECTORY);
    empty(top);
    close(top);
    assert_int_equal(rmdir(p->spool), 0);
    free(p);
    return 0;
}

static struct alert notice(const char *subject, int64_t at_s)
{
    struct alert alert = alert_of(ALERT_BLOCK, at_s, slice_of(subject));

    alert_summary(&alert, "%s is blocked", subject);
    return alert;
}

static void a_notice_is_one_line_of_printable_json_whatever_its_texts_hold(void **state)
{
    struct alert alert = alert_of(ALERT_BLOCK, NOON, SLICE("user \"x\\\"@contoso.example\n\033[2J\xff"));
    char text[ALERT_FILE_MAX];
    struct buf b = BUF_OVER(text);

    (void)state;
    alert_summary(&alert, "s");
    alert_advice(&alert, "a");
    alert_fact(&alert, "client", SLICE("192.0.2.1"));
    alert_fact(&alert, "none", SLICE(""));
    alert_fact_number(&alert, "seconds", 3600);
    alert_write(&alert, "7-block-1", &b);
    assert_string_equal(text, "{\"version\": 1, \"id\": \"7-block-1\", \"event\": \"block\", \"at\": 1763726400, "
                              "\"subject\": \"user \\\"x\\\\\\\"@contoso.example\\\\x0a\\\\x1b[2J\\\\xff\", "
                              "\"summary\": \"s\", \"advice\": \"a\", "
                              "\"facts\": {\"client\": \"192.0.2.1\", \"seconds\": \"3600\"}}\n");
}

static void the_longest_notice_fits_into_its_file(void **state)
{
    char text[ALERT_FILE_MAX], wild[400];
    struct buf b = BUF_OVER(text);
    struct alert alert;

    (void)state;
    memset(wild, 1, sizeof wild);
    alert = alert_of(ALERT_BLOCK, NOON, (struct slice){wild, sizeof wild});
    memset(alert.summary, 1, sizeof alert.summary - 1);
    memset(alert.advice, 1, sizeof alert.advice - 1);
    for (unsigned i = 0; i <= ALERT_FACTS_MAX; i++)
        alert_fact(&alert, "client", (struct slice){wild, sizeof wild});
    assert_int_equal(alert.n_facts, ALERT_FACTS_MAX);
    alert_write(&alert, "1", &b);
    assert_false(b.full);
}

static void what_does_not_fit_is_seen_to_be_cut(void **state)
{
    struct alert alert = alert_of(ALERT_MIRROR_FAILED, NOON, SLICE("contoso failed"));
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    alert_summary(&alert, "%s", text);
    alert_advice(&alert, "%.*s", (int)sizeof alert.advice - 1, text);
    alert_fact(&alert, "reason", slice_of(text));
    assert_int_equal(strlen(alert.summary), sizeof alert.summary - 1);
    assert_string_equal(alert.summary + sizeof alert.summary - 5, "x...");
    assert_string_equal(alert.facts[0].value + sizeof alert.facts[0].value - 5, "x...");
    assert_string_equal(alert.advice + sizeof alert.advice - 5, "xxxx");
}

static void the_same_about_the_same_is_told_once_an_episode(void **state)
{
    static const struct {
        const char *subject;
        int64_t at_s;
        int told;
        const char *why;
    } rows[] = {
        {"user a@contoso.example", NOON, 1, "the first time"},
        {"user a@contoso.example", NOON + 59, 0, "the same episode"},
        {"user b@contoso.example", NOON + 59, 1, "somebody else"},
        {"user a@contoso.example", NOON + 60, 1, "the next episode"},
        {"user a@contoso.example", NOON - 86400, 1, "a clock that went back silences nothing"},
    };
    struct place *p = *state;
    unsigned told = 0;
    struct error e;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct alert alert = notice(rows[i].subject, rows[i].at_s);

        if (alert_post(p->spool, ALERT_NOTICES, &alert, 60, &e) != rows[i].told)
            fail_msg("%s", rows[i].why);
        told += (unsigned)rows[i].told;
        assert_int_equal(spool_count(p->folder, "", ".json"), told);
    }
}

static void wait_of_kind(struct place *p, enum alert_kind kind, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        int fd;

        (void)snprintf(name, sizeof name, "%u-%u.json", kind + 1u, i);
        fd = openat(p->folder, name, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
}

static void only_so_many_notices_of_a_kind_wait_and_the_others_have_room(void **state)
{
    static const struct {
        const char *subject;
        enum alert_event event;
        bool digest;
        enum alert_kind kind;
    } rows[] = {{"user z@contoso.example", ALERT_BLOCK, false, ALERT_OF_LOGIN},
                {"connector printers", ALERT_BLOCK, false, ALERT_OF_LOGIN},
                {"z@contoso.example", ALERT_DISABLED, false, ALERT_OF_LOGIN},
                {"contoso", ALERT_STALE_MIRROR, false, ALERT_OF_SERVICE},
                {"clients", ALERT_BLOCK, true, ALERT_DIGEST},
                {"client 192.0.2.1", ALERT_BLOCK, false, ALERT_OF_CLIENT},
                {"network 192.0.2.0/24", ALERT_BLOCK, false, ALERT_OF_CLIENT}};
    struct place *p = *state;
    unsigned all = 0;
    struct error e;

    for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
        all += alert_quota((enum alert_kind)kind).waiting;
    assert_int_equal(all, ALERT_PENDING_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct alert alert = alert_of(rows[i].event, NOON, slice_of(rows[i].subject));

        alert.digest = rows[i].digest;
        assert_int_equal(alert_kind(&alert), rows[i].kind);
        empty(p->folder);
        for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
            if (kind != rows[i].kind)
                wait_of_kind(p, (enum alert_kind)kind, alert_quota((enum alert_kind)kind).waiting);
        assert_int_equal(alert_post(p->spool, ALERT_NOTICES, &alert, 0, &e), 1);
        wait_of_kind(p, rows[i].kind, alert_quota(rows[i].kind).waiting);
        assert_int_equal(alert_post(p->spool, ALERT_NOTICES, &alert, 0, &e), ALERT_FULL);
        assert_non_null(strstr(e.text, "postern-alert"));
    }
}

static void what_is_to_be_sent_first_is_found_first(void **state)
{
    static const char *const subjects[] = {"client 192.0.2.1", "user a@contoso.example", "client 192.0.2.2",
                                           "user b@contoso.example"};
    struct place *p = *state;
    struct error e;
    char **names;
    size_t n;

    for (size_t i = 0; i < 4; i++) {
        struct alert alert = notice(subjects[i], NOON);

        assert_int_equal(alert_post(p->spool, ALERT_NOTICES, &alert, 60, &e), 1);
    }
    assert_int_equal(spool_names(p->folder, ".json", 3, &names, &n, &e), 0);
    assert_int_equal(n, 3); /* the first three, not any three */
    for (size_t i = 0; i < n; i++)
        assert_int_equal(names[i][0], i < 2 ? '1' : '4');
    spool_names_free(names, n);
}

static void put_blocks(struct alert_queue *q, const char *kind, unsigned from, unsigned n, int64_t at_s)
{
    for (unsigned i = from; i < from + n; i++) {
        char subject[40];
        struct alert alert;

        (void)snprintf(subject, sizeof subject, "%s %u", kind, i);
        alert = notice(subject, at_s);
        alert_queue_put(q, &alert, 60);
    }
}

/* The text of the one notice whose name begins so; valid until the next. */
static const char *text_of(struct place *p, const char *beginning)
{
    static char kept[ALERT_FILE_MAX + 1];
    char **names, *text = NULL;
    struct error e;
    size_t n, size;

    kept[0] = '\0';
    assert_int_equal(spool_names(p->folder, ".json", 4096, &names, &n, &e), 0);
    for (size_t i = 0; i < n; i++)
        if (strncmp(names[i], beginning, strlen(beginning)) == 0) {
            assert_int_equal(spool_get(p->folder, names[i], ALERT_FILE_MAX, &text, &size, &e), 0);
            memcpy(kept, text, size + 1);
            free(text);
        }
    spool_names_free(names, n);
    return kept;
}

static void a_flood_of_blocked_clients_leaves_room_for_the_stolen_login(void **state)
{
    struct place *p = *state;
    struct alert_queue *q = alert_queue_new(ALERT_NOTICES, true);
    unsigned beyond = 0, all = 0;
    struct error e;

    assert_non_null(q);
    for (unsigned second = 0; second < 100; second++) {
        put_blocks(q, "client", second * 1000, 1000, NOON + second);
        if (second == 90)
            put_blocks(q, "user", 0, 1, NOON + second);
        assert_int_equal(alert_queue_flush(q, p->spool, NOON + second, &beyond, &e), 0);
        all += beyond;
    }
    assert_int_equal(spool_count(p->folder, "1-", ".json"), 1);
    assert_non_null(strstr(text_of(p, "1-"), "\"user 0\""));
    assert_int_equal(spool_count(p->folder, "4-", ".json"), alert_quota(ALERT_OF_CLIENT).hourly);
    assert_int_equal(all, 100000 - alert_quota(ALERT_OF_CLIENT).hourly);
    /* One digest so far, and the next one in its time has the others. */
    assert_int_equal(spool_count(p->folder, "3-", ".json"), 1);
    assert_non_null(strstr(text_of(p, "3-"), "more blocks of clients and networks"));
    assert_non_null(strstr(text_of(p, "3-"), "\"subject_1\": \"client 16\""));
    empty(p->folder);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON + 659, &beyond, &e), 0);
    assert_int_equal(spool_count(p->folder, "", ".json"), 0);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON + 660, &beyond, &e), 0);
    assert_int_equal(spool_count(p->folder, "3-", ".json"), 1);
    /* And in the next hour they are told one by one again. */
    put_blocks(q, "client", 0, 1, NOON + 3600);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON + 3600, &beyond, &e), 0);
    assert_int_equal(spool_count(p->folder, "4-", ".json"), 1);
    alert_queue_free(q);
}

static void a_digest_that_cannot_be_written_is_told_with_what_comes(void **state)
{
    struct place *p = *state;
    struct alert_queue *q = alert_queue_new(ALERT_NOTICES, true);
    struct error e;

    assert_non_null(q);
    put_blocks(q, "user", 0, 66, NOON); /* two more than wait */
    assert_int_equal(alert_queue_flush(q, p->spool, NOON, NULL, &e), 0);
    empty(p->folder);
    wait_of_kind(p, ALERT_DIGEST, alert_quota(ALERT_DIGEST).waiting);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON + 60, NULL, &e), -1);
    assert_non_null(strstr(e.text, "postern-alert"));
    empty(p->folder);
    put_blocks(q, "user", 100, 65, NOON + 61);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON + 61, NULL, &e), 0);
    assert_non_null(strstr(text_of(p, "3-"),
                           "\"events\": \"3\", \"subject_1\": \"user 64\", \"subject_2\": \"user 65\", "
                           "\"subject_3\": \"user 164\"}"));
    alert_queue_free(q);
}

/* What the mirror is asked to do cannot be told together. */
static void requests_are_no_digest(void **state)
{
    struct place *p = *state;
    struct alert_queue *q = alert_queue_new(ALERT_NOTICES, false);
    unsigned lost = 0;
    struct error e;

    assert_non_null(q);
    put_blocks(q, "user", 0, 70, NOON);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON, &lost, &e), 0);
    assert_int_equal(lost, 6);
    for (int i = 1; i < 5; i++) {
        put_blocks(q, "user", (unsigned)i * 100, 64, NOON);
        assert_int_equal(alert_queue_flush(q, p->spool, NOON + 100 * i, &lost, &e), 0);
    }
    assert_int_equal(spool_count(p->folder, "1-", ".json"), 5 * 64);
    assert_int_equal(spool_count(p->folder, "", ".json"), 5 * 64);
    wait_of_kind(p, ALERT_OF_LOGIN, alert_quota(ALERT_OF_LOGIN).waiting);
    put_blocks(q, "user", 1000, 1, NOON);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON, &lost, &e), -1);
    empty(p->folder);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON, &lost, &e), 0);
    assert_int_equal(spool_count(p->folder, "1-", ".json"), 1);
    alert_queue_free(q);
}

static void a_notice_waits_in_memory_until_the_housekeeping_writes_it(void **state)
{
    struct place *p = *state;
    struct alert_queue *q = alert_queue_new(ALERT_NOTICES, true);
    unsigned beyond = 9;
    struct error e;

    assert_non_null(q);
    put_blocks(q, "user", 0, 20, NOON);
    assert_int_equal(spool_count(p->folder, "", ".json"), 0);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON, &beyond, &e), 0);
    assert_int_equal(spool_count(p->folder, "", ".json"), 20);
    assert_int_equal(beyond, 0);
    alert_queue_free(q);
}

static void a_notice_that_cannot_be_written_is_kept_for_later(void **state)
{
    struct place *p = *state;
    struct alert_queue *q = alert_queue_new(ALERT_NOTICES, true);
    struct error e;

    put_blocks(q, "user", 0, 1, NOON);
    assert_int_equal(alert_queue_flush(q, "/proc/nowhere", NOON, NULL, &e), -1);
    assert_int_equal(alert_queue_flush(q, p->spool, NOON, NULL, &e), 0);
    assert_int_equal(spool_count(p->folder, "", ".json"), 1);
    alert_queue_free(q);
}

static void tidying_takes_all_that_is_old_however_much_there_is(void **state)
{
    const struct timespec old[] = {{NOON - 8 * 86400, 0}, {NOON - 8 * 86400, 0}};
    struct place *p = *state;
    struct error e;
    char name[32];

    for (unsigned i = 0; i < 10000; i++) {
        int fd;

        (void)snprintf(name, sizeof name, "%s%u", i % 3 == 0 ? "." : "", i);
        fd = openat(p->folder, name, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        if (i > 0)
            assert_int_equal(futimens(fd, old), 0);
        close(fd);
    }
    assert_int_equal(spool_tidy(p->folder, NOON, 7 * 86400, &e), 0);
    assert_int_equal(spool_count(p->folder, "", ""), 0);
    assert_int_equal(faccessat(p->folder, ".0", F_OK, 0), 0);
    assert_int_equal(unlinkat(p->folder, ".0", 0), 0);
    assert_int_equal(spool_tidy(-1, NOON, 0, &e), -1);
}

static void only_places_that_make_sense_are_told(void **state)
{
    static const struct {
        const char *target, *said; /* NULL: it is right */
    } rows[] = {
        {"url = \"https://hooks.contoso.example/a?b=c\";", NULL},
        {"url_file = \"u\"; format = \"teams\";", NULL},
        {"command = [\"/usr/local/bin/page\", \"-x\"]; events = [\"block\", \"state\"];", NULL},
        {"command = \"/usr/local/bin/page\"; events = \"block\";", NULL},
        {"url = \"http://hooks.contoso.example/\";", "expected https://"},
        {"url = \"https://me:secret@hooks.contoso.example/\";", "without a user or password"},
        {"url = \"https:///path\";", "expected https://host"},
        {"url = \"https://hooks.contoso.example/a b\";", "no blanks"},
        {"", "nowhere to send"},
        {"url = \"https://a.example/\"; command = [\"/bin/true\"];", "more than one way"},
        {"command = [\"page\"];", "full path"},
        {"command = [];", "empty command"},
        {"command = [\"/bin/true\"]; secret_file = \"k\";", "for a webhook"},
        {"url = \"https://a.example/\"; events = [\"blocks\"];", "events"},
        {"url = \"https://a.example/\"; events = [];", "empty list"},
        {"url = \"https://a.example/\"; format = \"slack\";", "format"},
        {"url = \"https://a.example/\"; timeout = \"1h\";", "timeout"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[400];
        struct config *c = NULL;
        struct error e;
        int result;

        (void)snprintf(text, sizeof text, "alerts = ( { %s } );", rows[i].target);
        result = config_from_text(slice_of(text), "postern.conf", "/nowhere", &c, &e);
        if ((result == 0) != (rows[i].said == NULL))
            fail_msg("%s: %s", rows[i].target, result == 0 ? "taken" : e.text);
        if (result != 0 && strstr(e.text, rows[i].said) == NULL)
            fail_msg("%s: %s", rows[i].target, e.text);
        if (result == 0)
            config_free(c);
    }
}

static void without_a_list_of_events_all_are_told(void **state)
{
    struct config *c;
    struct error e;

    (void)state;
    assert_int_equal(config_from_text(SLICE("alerts = ( { command = [\"/bin/true\"]; } );"), "c", "/", &c, &e), 0);
    assert_int_equal(c->alerts[0].events, ALERT_ALL_EVENTS);
    assert_null(c->alerts[0].command[1]);
    assert_int_equal(c->alerts[0].timeout_s, 15);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_notice_is_one_line_of_printable_json_whatever_its_texts_hold),
        cmocka_unit_test(the_longest_notice_fits_into_its_file),
        cmocka_unit_test(what_does_not_fit_is_seen_to_be_cut),
        cmocka_unit_test_setup_teardown(the_same_about_the_same_is_told_once_an_episode, begin, end),
        cmocka_unit_test_setup_teardown(only_so_many_notices_of_a_kind_wait_and_the_others_have_room, begin, end),
        cmocka_unit_test_setup_teardown(what_is_to_be_sent_first_is_found_first, begin, end),
        cmocka_unit_test_setup_teardown(a_flood_of_blocked_clients_leaves_room_for_the_stolen_login, begin, end),
        cmocka_unit_test_setup_teardown(a_digest_that_cannot_be_written_is_told_with_what_comes, begin, end),
        cmocka_unit_test_setup_teardown(requests_are_no_digest, begin, end),
        cmocka_unit_test_setup_teardown(tidying_takes_all_that_is_old_however_much_there_is, begin, end),
        cmocka_unit_test_setup_teardown(a_notice_waits_in_memory_until_the_housekeeping_writes_it, begin, end),
        cmocka_unit_test_setup_teardown(a_notice_that_cannot_be_written_is_kept_for_later, begin, end),
        cmocka_unit_test(only_places_that_make_sense_are_told),
        cmocka_unit_test(without_a_list_of_events_all_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
