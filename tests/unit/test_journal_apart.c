/* The journal read in a process of its own (core/journal/journal_apart.h): whatever is in the files, only that one
 * ends. */
#include "core/journal/journal_apart.h"

#include "core/base/clock.h"
#include "core/journal/journal_parts.h"
#include "tests/unit/journal_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534u
#define MAILBOXES 2500u /* more than a piece has */

struct place {
    char folder[64];
};

static const char *file_of(const struct place *p, const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", p->folder, name);
    return path;
}

static struct journal_record message(unsigned i)
{
    struct journal_record r = {.at_ns = clock_wall_ns() / NS_PER_S * NS_PER_S + i,
                               .action = ACTION_PASS,
                               .reason = REASON_ALLOWED,
                               .monitored = REASON_NOT_OURS,
                               .stage = STAGE_END,
                               .tls = TLS_V1_3,
                               .counts = true,
                               .recipients = 1,
                               .size = 1000};

    (void)snprintf(r.tenant, sizeof r.tenant, "contoso");
    (void)snprintf(r.mailbox, sizeof r.mailbox, "user%u@contoso.example", i);
    (void)snprintf(r.login, sizeof r.login, "user%u@contoso.example", i);
    return r;
}

static void fill(const struct place *p)
{
    const struct journal_bounds bounds = {
        .decisions = 2 * MAILBOXES, .gathered = 4096, .mailboxes = 2 * MAILBOXES, .map_size = (size_t)64 << 20};
    struct journal *j;
    struct error e;

    if (journal_open_bounded(p->folder, "policyd", &bounds, &j, &e) != 0)
        fail_msg("%s", e.text);
    for (unsigned i = 0; i < MAILBOXES; i++) {
        struct journal_record r = message(i);

        note_record(j, &r);
    }
    journal_close(j);
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-apart-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "damaged.mdb", "policyd.mark"};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink(file_of(p, names[i]));
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

static bool count_decision(void *arg, const struct journal_record *r)
{
    (void)r;
    ++*(uint64_t *)arg;
    return true;
}

static bool count_mailbox(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    (void)tenant;
    (void)mailbox;
    (void)usage;
    ++*(uint64_t *)arg;
    return true;
}

static bool count_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    (void)program;
    (void)action;
    (void)reason;
    *(uint64_t *)arg += count;
    return true;
}

/* The only child of this process; 0: it has none. */
static pid_t child_of_ours(void)
{
    char path[64], text[64] = "";
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    f = fopen(path, "r");
    if (f != NULL && fgets(text, sizeof text, f) == NULL)
        text[0] = '\0';
    if (f != NULL)
        (void)fclose(f);
    return (pid_t)strtol(text, NULL, 10);
}

static struct journal *open_apart(const struct place *p)
{
    struct journal *j;
    struct error e;

    if (journal_open_apart(p->folder, &j, &e) != 0)
        fail_msg("%s", e.text);
    return j;
}

static void it_hands_over_all_that_is_there(void **state)
{
    uint64_t decisions = 0, mailboxes = 0, totals = 0, lost;
    struct place *p = *state;
    struct usage usage;
    struct journal *j;
    struct error e;

    fill(p);
    j = open_apart(p);
    assert_int_equal(journal_decisions(j, 0, count_decision, &decisions, &e), 0);
    assert_int_equal(journal_usage(j, count_mailbox, &mailboxes, &e), 0);
    assert_int_equal(journal_totals(j, count_total, &totals, &e), 0);
    assert_int_equal(journal_dropped(j, &lost, &e), 0);
    assert_int_equal(decisions, MAILBOXES);
    assert_int_equal(mailboxes, MAILBOXES);
    assert_int_equal(totals, MAILBOXES);
    assert_int_equal(lost, 0);
    assert_int_equal(journal_usage_of(j, SLICE("contoso"), SLICE("user7@contoso.example"), &usage, &e), 1);
    assert_int_equal(usage.messages, 1);
    assert_int_equal(journal_usage_of(j, SLICE("contoso"), SLICE("user@contoso.example"), &usage, &e), 0);
    journal_close(j);
    assert_int_equal(child_of_ours(), 0);
}

static void that_there_is_none_is_said(void **state)
{
    struct place *p = *state;
    struct journal *j;
    struct error e;

    assert_int_equal(journal_open_apart(p->folder, &j, &e), -1);
    assert_non_null(strstr(e.text, "nothing is there yet"));
    assert_non_null(strstr(e.text, p->folder));
    assert_int_equal(journal_open_apart("/nowhere/at/all", &j, &e), -1);
    assert_int_equal(child_of_ours(), 0);
}

/* ---- damage ---- */

struct bytes {
    unsigned char *p;
    size_t n;
};

static struct bytes read_file(const char *path)
{
    struct bytes b = {NULL, 0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    b.n = (size_t)st.st_size;
    b.p = malloc(b.n);
    assert_true(b.p != NULL && read(fd, b.p, b.n) == (ssize_t)b.n);
    assert_int_equal(close(fd), 0);
    return b;
}

static void write_file(const char *path, const struct bytes *b)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && write(fd, b->p, b->n) == (ssize_t)b->n);
    assert_int_equal(close(fd), 0);
}

/* The same each time (xorshift). */
static uint32_t chance(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Mostly in the heads of pages, where LMDB keeps its bounds. */
static void harm(struct bytes *b, uint32_t *seed)
{
    for (uint32_t n = 1 + chance(seed) % 20; n > 0; n--) {
        size_t at = 8192 + chance(seed) % (b->n - 8192);

        if (chance(seed) % 4 != 0)
            at = (at & ~(size_t)4095) + chance(seed) % 64;
        b->p[at] = (unsigned char)chance(seed);
    }
}

/* What can be read is read; the rest is an error that says where. False: it was not all there. */
static bool read_all(const struct place *p)
{
    uint64_t n = 0;
    struct journal *j;
    struct error e = {""};
    bool good = journal_open_apart(p->folder, &j, &e) == 0;

    if (good) {
        good = journal_decisions(j, 0, count_decision, &n, &e) == 0 && journal_usage(j, count_mailbox, &n, &e) == 0 &&
               journal_totals(j, count_total, &n, &e) == 0;
        journal_close(j);
    }
    assert_true(good || strstr(e.text, p->folder) != NULL);
    return good;
}

static void damaged_pages_end_in_an_error_and_not_the_program(void **state)
{
    struct place *p = *state;
    struct bytes whole;
    uint32_t seed = 7;
    unsigned failed = 0;

    fill(p);
    whole = read_file(file_of(p, "data.mdb"));
    for (unsigned round = 0; round < 60; round++) {
        struct bytes harmed = {malloc(whole.n), whole.n};

        assert_non_null(harmed.p);
        memcpy(harmed.p, whole.p, whole.n);
        harm(&harmed, &seed);
        write_file(file_of(p, "data.mdb"), &harmed);
        (void)unlink(file_of(p, "lock.mdb"));
        failed += !read_all(p);
        free(harmed.p);
    }
    assert_true(failed > 10);
    write_file(file_of(p, "data.mdb"), &whole);
    assert_true(read_all(p));
    free(whole.p);
    assert_int_equal(child_of_ours(), 0);
}

/* As a page that is no page would end it. */
static void the_end_of_the_process_that_reads_is_said_and_stays_the_only_one(void **state)
{
    static const struct {
        int signal;
        const char *text;
    } rows[] = {{SIGBUS, "data.mdb is damaged: reading it ends in \"Bus error\""},
                {SIGSEGV, "data.mdb is damaged: reading it ends in \"Segmentation fault\""},
                {SIGABRT, "data.mdb is damaged: reading it ends in \"Aborted\""},
                {SIGPROF, "data.mdb is damaged: reading it ends in \"Profiling timer expired\""},
                {SIGKILL, "the process that read it was ended (Killed)"}};
    struct place *p = *state;

    fill(p);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct journal *j = open_apart(p);
        pid_t child = child_of_ours();
        uint64_t n = 0;
        struct error e = {""};

        assert_true(child > 0);
        assert_int_equal(kill(child, rows[i].signal), 0);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(journal_usage(j, count_mailbox, &n, &e), -1);
            assert_non_null(strstr(e.text, rows[i].text));
            assert_non_null(strstr(e.text, p->folder));
        }
        journal_close(j);
    }
}

/* ---- rights ---- */

static bool has_line(pid_t pid, const char *name, const char *wanted)
{
    char path[64], line[256];
    bool found = false;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        found = found || strcmp(line, wanted) == 0;
    (void)fclose(f);
    return found;
}

static unsigned descriptors_of(pid_t pid)
{
    const struct dirent *entry;
    char path[64];
    unsigned n = 0;
    DIR *dir;

    (void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

static void for_root_it_is_read_with_the_rights_of_its_owner_alone(void **state)
{
    static const char *const names[] = {"", "data.mdb", "lock.mdb", "policyd.mark"};
    struct place *p = *state;
    struct journal *j;
    int held = open("/dev/null", O_RDONLY);
    pid_t child;

    if (geteuid() != 0)
        skip();
    fill(p);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(chown(file_of(p, names[i]), NOBODY, NOBODY), 0);
    j = open_apart(p);
    child = child_of_ours();
    assert_true(has_line(child, "status", "Uid:\t65534\t65534\t65534\t65534\n"));
    assert_true(has_line(child, "status", "Gid:\t65534\t65534\t65534\t65534\n"));
    assert_true(has_line(child, "status", "CapEff:\t0000000000000000\n"));
    /* 0 to 2, the socket, and LMDB's three. What was open here is not there. */
    assert_true(descriptors_of(child) <= 7);
    assert_true(fcntl(held, F_GETFD) >= 0);
    journal_close(j);
    assert_int_equal(close(held), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_hands_over_all_that_is_there),
        TEST(that_there_is_none_is_said),
        TEST(damaged_pages_end_in_an_error_and_not_the_program),
        TEST(the_end_of_the_process_that_reads_is_said_and_stays_the_only_one),
        TEST(for_root_it_is_read_with_the_rights_of_its_owner_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
