/* The journal among others: damage, rows that nobody of ours wrote, foreign locks, readers that stay, a cut index, and
 * what each user may do. */
#include "core/base/clock.h"
#include "core/journal/journal_parts.h"
#include "core/state/state.h"
#include "tests/unit/journal_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534u
#define MAILBOXES 1500u /* more than a piece has */
#define BASE_NS (UINT64_C(1790000000) * NS_PER_S)

struct place {
    char folder[64], journal[96];
};

static const char *file_of(const struct place *p, const char *name)
{
    static char path[160];

    (void)snprintf(path, sizeof path, "%s/%s", p->journal, name);
    return path;
}

static struct journal_record message(unsigned i)
{
    struct journal_record r = {.at_ns = BASE_NS + i,
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

static struct journal *open_program(const struct place *p, uint32_t wal_pages)
{
    const struct journal_bounds bounds = {.decisions = 2 * MAILBOXES,
                                          .refusals = 1000,
                                          .gathered = 4096,
                                          .mailboxes = 2 * MAILBOXES,
                                          .wal_pages = wal_pages};
    struct journal *j;
    struct error e;

    if (journal_open_bounded(p->journal, "policyd", &bounds, &j, &e) != 0)
        fail_msg("%s", e.text);
    return j;
}

static void note_some(struct journal *j, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        struct journal_record r = message(i);

        note_record(j, &r);
    }
}

static void flush(struct journal *j)
{
    struct error e;

    if (journal_flush_at(j, BASE_NS, &e) != 0)
        fail_msg("%s", e.text);
}

static void fill(const struct place *p)
{
    struct journal *j = open_program(p, 16384);

    note_some(j, 0, MAILBOXES);
    journal_close(j);
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-hostile-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->journal, sizeof p->journal, "%s/journal", p->folder);
    *state = p;
    return 0;
}

static void empty(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[400];

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static int teardown(void **state)
{
    struct place *p = *state;

    empty(p->journal);
    (void)rmdir(p->journal);
    empty(p->folder);
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

static bool count_decision(void *arg, const struct journal_record *r)
{
    assert_true(r->action <= ACTION_HOLD && r->reason < REASON_COUNT && r->monitored < REASON_COUNT);
    assert_true(r->stage <= STAGE_END && r->tls <= TLS_NEWER && r->times > 0 && r->messages <= r->times);
    assert_non_null(memchr(r->sender, '\0', sizeof r->sender));
    ++*(uint64_t *)arg;
    return true;
}

static bool count_mailbox(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    (void)tenant;
    assert_true(mailbox.n > 0);
    assert_true(usage->first_s >= 0 && usage->last_s >= 0 && usage->last_refused_s >= 0);
    ++*(uint64_t *)arg;
    return true;
}

static bool count_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    assert_true(program[0] != '\0' && action <= ACTION_HOLD && reason < REASON_COUNT);
    *(uint64_t *)arg += count;
    return true;
}

static const struct journal_query all;
static const struct usage_query everybody;

struct found {
    uint64_t decisions, mailboxes, totals;
};

/* What can be read is read; the rest is an error that says where. False: it was not all there. */
static bool read_all(const struct place *p, struct found *found, struct error *e)
{
    struct journal *j;
    bool good = journal_open(p->journal, NULL, &j, e) == 0;

    *found = (struct found){0};
    if (good) {
        good = journal_decisions(j, &all, count_decision, &found->decisions, e) == 0 &&
               journal_usage(j, &everybody, count_mailbox, &found->mailboxes, e) == 0 &&
               journal_totals(j, count_total, &found->totals, e) == 0;
        journal_close(j);
    }
    assert_true(good || strstr(e->text, p->folder) != NULL);
    return good;
}

static void expect_all(const struct place *p, uint64_t n)
{
    struct found found;
    struct error e;

    if (!read_all(p, &found, &e))
        fail_msg("%s", e.text);
    assert_int_equal(found.decisions, n);
    assert_int_equal(found.mailboxes, n);
    assert_int_equal(found.totals, n);
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
    b.p = malloc(b.n + 1);
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

/* Mostly in the heads of pages, where SQLite keeps its bounds. */
static void harm(struct bytes *b, uint32_t *seed)
{
    for (uint32_t n = 1 + chance(seed) % 20; n > 0; n--) {
        size_t at = chance(seed) % b->n;

        if (chance(seed) % 4 != 0)
            at = (at & ~(size_t)4095) + chance(seed) % 64;
        b->p[at < b->n ? at : 0] = (unsigned char)chance(seed);
    }
}

static void damaged_pages_end_in_an_error_and_not_the_program(void **state)
{
    struct place *p = *state;
    struct found found;
    struct bytes whole;
    struct error e;
    uint32_t seed = 7;
    unsigned failed = 0;

    fill(p);
    whole = read_file(file_of(p, JOURNAL_NAME));
    for (unsigned round = 0; round < 60; round++) {
        struct bytes harmed = {malloc(whole.n), whole.n};

        assert_non_null(harmed.p);
        memcpy(harmed.p, whole.p, whole.n);
        harm(&harmed, &seed);
        write_file(file_of(p, JOURNAL_NAME), &harmed);
        failed += !read_all(p, &found, &e);
        free(harmed.p);
    }
    assert_true(failed > 10);
    write_file(file_of(p, JOURNAL_NAME), &whole);
    expect_all(p, MAILBOXES);
    free(whole.p);
}

/* Whatever is in the files: a program goes on with them, or begins anew, and nothing that is noted is lost for long. */
static void a_program_goes_on_over_any_damage(void **state)
{
    static const char *const files[] = {JOURNAL_NAME, JOURNAL_NAME "-wal", JOURNAL_NAME "-shm"};
    struct place *p = *state;
    uint32_t seed = 11;

    fill(p);
    for (unsigned round = 0; round < 60; round++) {
        const char *name = files[round % 3];
        struct bytes b = read_file(file_of(p, name));
        struct journal *j;
        unsigned tries = 0;
        struct error e;

        if (b.n > 0)
            harm(&b, &seed);
        write_file(file_of(p, name), &b);
        free(b.p);
        j = open_program(p, 16384);
        note_some(j, 0, 500);
        while (journal_flush_at(j, BASE_NS, &e) != 0)
            if (++tries == 4)
                fail_msg("round %u: %s", round, e.text);
        note_some(j, 0, 10);
        while (journal_flush_at(j, BASE_NS, &e) != 0)
            if (++tries == 4)
                fail_msg("round %u: %s", round, e.text);
        journal_close(j);
    }
}

/* ---- rows that we did not write ---- */

static void execute(const struct place *p, const char *sql)
{
    sqlite3 *db;
    int on = 1;

    assert_int_equal(sqlite3_open(file_of(p, JOURNAL_NAME), &db), SQLITE_OK);
    assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The tables take values of any kind, and look as before. */
static void loosen(const struct place *p)
{
    execute(p, "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(replace(replace(sql,' STRICT,',' "
               "'),') STRICT',')'),'NOT NULL','') WHERE type='table'");
}

static void tighten(const struct place *p)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    int on = 1;

    assert_int_equal(sqlite3_open(file_of(p, JOURNAL_NAME), &db), SQLITE_OK);
    assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA writable_schema=ON", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "UPDATE sqlite_schema SET sql=?1 WHERE type='table' AND "
                                        "substr(?1,1,length('CREATE TABLE '||name||' ('))='CREATE TABLE '||name||' ('",
                                        -1, &s, NULL),
                     SQLITE_OK);
    for (unsigned i = 0; i < journal_kind.n_schema; i++) {
        assert_int_equal(sqlite3_bind_text(s, 1, journal_kind.schema[i], -1, SQLITE_STATIC), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
        assert_int_equal(sqlite3_reset(s), SQLITE_OK);
    }
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

enum outcome { LEFT_OUT, READ, FAILS };

static void rows_that_nobody_of_ours_wrote_are_left_out_clamped_or_refused(void **state)
{
    static const struct {
        const char *sql; /* changes one of 1,500 messages, or one of as many mailboxes */
        enum outcome decisions, usage;
    } rows[] = {
        {"UPDATE messages SET verdict=NULL", LEFT_OUT, READ},
        {"UPDATE messages SET verdict=x'70617373ff'", LEFT_OUT, READ},
        {"UPDATE messages SET verdict='perhaps'", LEFT_OUT, READ},
        {"UPDATE messages SET reason='of another version'", LEFT_OUT, READ},
        {"UPDATE messages SET would=7", LEFT_OUT, READ},
        {"UPDATE messages SET stage=''", LEFT_OUT, READ},
        {"UPDATE messages SET tls=1.2", LEFT_OUT, READ},
        {"UPDATE messages SET fault_field='X-Mailer'", LEFT_OUT, READ},
        {"UPDATE messages SET client='300.1.1.1'", LEFT_OUT, READ},
        {"UPDATE messages SET client=x'00'", READ, READ},
        {"UPDATE messages SET times=0", LEFT_OUT, READ},
        {"UPDATE messages SET times=-1", LEFT_OUT, READ},
        {"UPDATE messages SET messages=2", LEFT_OUT, READ},
        {"UPDATE messages SET at=-at", LEFT_OUT, READ},
        {"UPDATE messages SET recipients=-5,size='many',retry_s=1e300", READ, READ},
        {"UPDATE messages SET recipients=9223372036854775807", READ, READ},
        {"UPDATE messages SET sender=printf('%.5000c','x'),instance=x'410042'", READ, READ},
        {"UPDATE messages SET sender=zeroblob(60000)", READ, READ},
        {"UPDATE messages SET sender=zeroblob(10000000)", FAILS, READ},
        {"UPDATE usage SET first=-1,last=-9223372036854775808,last_refused='x',messages=NULL", READ, READ},
        {"UPDATE usage SET refused='a=b',would='=1 ==',clients='203.0.113.1'", READ, READ},
        {"UPDATE usage SET refused='unlisted=99999999999999999999',clients=x'ff3d31'", READ, READ},
        {"UPDATE usage SET refused=printf('%.9000c','='),clients=replace(printf('%.900c','x'),'x','192.0.2.1=5 ')",
         READ, READ},
        {"UPDATE usage SET clients='203.0.113.1=5 203.0.113.2=9 198.51.100.1=-4'", READ, READ},
        {"UPDATE usage SET clients=zeroblob(10000000)", READ, FAILS},
        {"UPDATE usage SET mailbox=''", READ, LEFT_OUT},
        {"UPDATE usage SET mailbox=printf('%.128c','x')", READ, FAILS},
        {"UPDATE usage SET tenant=printf('%.64c','x')", READ, FAILS},
        {"UPDATE totals SET reason='x'", READ, READ},
        {"UPDATE totals SET count=-1", READ, READ},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t decisions = 0, mailboxes = 0, totals = 0;
        struct journal *j;
        struct error e;
        char sql[512];

        empty(p->journal);
        fill(p);
        loosen(p);
        (void)snprintf(sql, sizeof sql, "%s%s", rows[i].sql,
                       strstr(rows[i].sql, "messages SET") != NULL ? " WHERE login='user700@contoso.example'"
                       : strstr(rows[i].sql, "usage SET") != NULL  ? " WHERE mailbox='user700@contoso.example'"
                                                                   : "");
        execute(p, sql);
        tighten(p);
        if (journal_open(p->journal, NULL, &j, &e) != 0)
            fail_msg("%s: %s", rows[i].sql, e.text);
        if ((journal_decisions(j, &all, count_decision, &decisions, &e) != 0) != (rows[i].decisions == FAILS) ||
            (rows[i].decisions != FAILS && decisions != MAILBOXES - (rows[i].decisions == LEFT_OUT)))
            fail_msg("%s: %llu decisions", rows[i].sql, (unsigned long long)decisions);
        if ((journal_usage(j, &everybody, count_mailbox, &mailboxes, &e) != 0) != (rows[i].usage == FAILS) ||
            (rows[i].usage != FAILS && mailboxes != MAILBOXES - (rows[i].usage == LEFT_OUT)))
            fail_msg("%s: %llu mailboxes", rows[i].sql, (unsigned long long)mailboxes);
        assert_int_equal(journal_totals(j, count_total, &totals, &e), 0);
        journal_close(j);
    }
}

/* ---- others' locks and snapshots ---- */

/* A process that does what it is told to, says so, and stays until it is killed. */
static pid_t start(void (*what)(const struct place *p), const struct place *p)
{
    int ends[2];
    pid_t pid;
    char c;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        what(p);
        if (write(ends[1], "x", 1) == 1)
            for (;;)
                (void)pause();
        _exit(1);
    }
    assert_true(pid > 0);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], &c, 1), 1);
    assert_int_equal(close(ends[0]), 0);
    return pid;
}

static void stop(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void lock_bytes(const char *path, int flags, short type, off_t from, off_t n)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = n};
    int fd = open(path, flags);

    if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0)
        _exit(1);
}

/* As whoever may read the files can do: SQLite's locks in the index are bytes 120 to 128, the first is the writer's. */
static void lock_index_for_reading(const struct place *p)
{
    lock_bytes(file_of(p, JOURNAL_NAME "-shm"), O_RDONLY, F_RDLCK, 120, 9);
}

/* The database's own are at 1 GiB (SQLite's PENDING_BYTE and what follows). */
static void lock_database(const struct place *p)
{
    lock_bytes(file_of(p, JOURNAL_NAME), O_RDWR, F_WRLCK, 0x40000000, 512);
}

/* Only decisions are compared: the mailboxes are the same ones again. */
static uint64_t decisions_of(const struct place *p)
{
    struct found found;
    struct error e;

    if (!read_all(p, &found, &e))
        fail_msg("%s", e.text);
    return found.decisions;
}

static void a_foreign_lock_costs_no_decision_that_has_room_in_memory(void **state)
{
    static void (*const locks[])(const struct place *) = {lock_index_for_reading, lock_database};
    struct place *p = *state;

    fill(p);
    for (size_t i = 0; i < 2; i++) {
        pid_t pid = start(locks[i], p);
        struct journal *j = open_program(p, 16384);
        struct error e;

        note_some(j, 0, 100);
        assert_int_equal(journal_flush_at(j, BASE_NS, &e), -1);
        assert_non_null(strstr(e.text, "locked"));
        note_some(j, 0, 100); /* nobody waits here */
        stop(pid);
        flush(j);
        flush(j);
        journal_close(j);
        assert_int_equal(decisions_of(p), MAILBOXES + 200 * (i + 1));
    }
}

static void hold_a_snapshot(const struct place *p)
{
    sqlite3 *db;

    if (sqlite3_open_v2(file_of(p, JOURNAL_NAME), &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "BEGIN; SELECT count(*) FROM messages", NULL, NULL, NULL) != SQLITE_OK)
        _exit(1);
}

static off_t size_of(const struct place *p, const char *name)
{
    struct stat st;

    return stat(file_of(p, name), &st) == 0 ? st.st_size : -1;
}

static void a_reader_that_stays_costs_decisions_and_no_disk(void **state)
{
    const uint32_t pages = 5000; /* above those from which on they are moved into the database */
    struct place *p = *state;
    struct journal *j;
    uint64_t dropped;
    struct error e;
    unsigned written = 0;
    pid_t pid;

    fill(p);
    pid = start(hold_a_snapshot, p);
    j = open_program(p, pages);
    for (unsigned i = 0; i < 2000; i++) {
        note_some(j, MAILBOXES * i, 2000);
        if (journal_flush_at(j, BASE_NS, &e) != 0)
            break;
        written++;
    }
    assert_true(written > 1 && written < 2000);
    assert_non_null(strstr(e.text, "somebody reads an old state of it"));
    for (unsigned i = 0; i < 20; i++) {
        note_some(j, MAILBOXES * i, 2000);
        assert_int_equal(journal_flush_at(j, BASE_NS, &e), -1);
    }
    assert_true(size_of(p, JOURNAL_NAME "-wal") < 2 * 4096 * (off_t)pages);
    stop(pid);
    flush(j);
    flush(j);
    assert_int_equal(journal_dropped(j, &dropped, &e), 0);
    assert_true(dropped > 10000);
    assert_true(size_of(p, JOURNAL_NAME "-wal") < 4096 * (off_t)pages + 8 * 1048576);
    journal_close(j);
    assert_true(decisions_of(p) >= 2 * MAILBOXES);
}

/* ---- the index of the log ---- */

static void a_cut_index_kills_and_stops_nobody(void **state)
{
    static const off_t sizes[] = {0, 1, 4096, 32767, 16384};
    struct place *p = *state;
    struct journal *j;
    struct found found;
    struct error e;

    assert_int_equal(state_guard_install(&e), 0);
    fill(p);
    j = open_program(p, 16384);
    flush(j);
    for (unsigned i = 0; i < 40; i++) {
        note_some(j, 10000 + i, 1);
        flush(j);
        assert_int_equal(truncate(file_of(p, JOURNAL_NAME "-shm"), sizes[i % 5]), 0);
        note_some(j, 20000 + i, 1);
        if (journal_flush_at(j, BASE_NS, &e) != 0) /* it may cost a round */
            flush(j);
    }
    journal_close(j);
    if (!read_all(p, &found, &e))
        fail_msg("%s", e.text);
    assert_int_equal(found.decisions, MAILBOXES + 80);
    assert_int_equal(found.totals, MAILBOXES + 80);
    execute(p, "PRAGMA integrity_check");
}

/* ---- who may what ---- */

static int as_user(uid_t uid, gid_t gid, bool (*what)(const struct place *p), const struct place *p)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
            _exit(2);
        _exit(what(p) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool reads_all(const struct place *p)
{
    struct found found;
    struct error e;
    bool good = read_all(p, &found, &e);

    if (!good)
        print_error("%s\n", e.text);
    return good && found.decisions == MAILBOXES && found.mailboxes == MAILBOXES;
}

static bool is_refused(const struct place *p)
{
    struct found found;
    struct error e;

    return !read_all(p, &found, &e) && strstr(e.text, "Permission denied") != NULL;
}

/* A group that may read is enough, whether the services run or not; and nothing of it changes a file. */
static void the_group_reads_it_with_nobody_there_and_beside_a_program(void **state)
{
    struct place *p = *state;
    struct stat before[3], after[3];
    static const char *const files[] = {JOURNAL_NAME, JOURNAL_NAME "-wal", JOURNAL_NAME "-shm"};
    struct journal *j;

    if (geteuid() != 0)
        skip();
    fill(p);
    assert_int_equal(chmod(p->folder, 0755), 0);
    assert_int_equal(chown(p->journal, 0, 12345), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(chown(file_of(p, files[i]), 0, 12345), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(stat(file_of(p, files[i]), &before[i]), 0);
    assert_int_equal(as_user(NOBODY, 12345, reads_all, p), 0);
    assert_int_equal(as_user(NOBODY, NOBODY, is_refused, p), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stat(file_of(p, files[i]), &after[i]), 0);
        assert_int_equal(before[i].st_mtim.tv_nsec, after[i].st_mtim.tv_nsec);
        assert_int_equal(before[i].st_size, after[i].st_size);
        assert_int_equal(before[i].st_ino, after[i].st_ino);
    }
    j = open_program(p, 16384);
    flush(j);
    assert_int_equal(as_user(NOBODY, 12345, reads_all, p), 0);
    journal_close(j);
}

static void root_makes_it_as_the_folders_owner(void **state)
{
    static const char *const files[] = {"", JOURNAL_NAME, JOURNAL_NAME "-wal", JOURNAL_NAME "-shm"};
    struct place *p = *state;
    struct journal *j;
    struct stat st;

    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(p->folder, NOBODY, NOBODY), 0);
    fill(p);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(stat(file_of(p, files[i]), &st), 0);
        assert_int_equal(st.st_uid, NOBODY);
        assert_int_equal(st.st_gid, NOBODY);
        assert_int_equal(st.st_mode & 07777, i == 0 ? 02750 : 0640);
    }
    expect_all(p, MAILBOXES);
    j = open_program(p, 16384);
    note_some(j, MAILBOXES, 10);
    flush(j);
    journal_close(j);
    expect_all(p, MAILBOXES + 10);
    assert_int_equal(chown(p->folder, 0, 0), 0);
}

/* What lies where a file should be, or leads elsewhere, is neither followed nor waited for. */
static void neither_links_nor_pipes_are_opened(void **state)
{
    static const char *const files[] = {JOURNAL_NAME, JOURNAL_NAME "-wal", JOURNAL_NAME "-shm"};
    struct place *p = *state;

    for (int i = 0; i < 6; i++) {
        struct found found;
        struct journal *j;
        struct error e;
        struct stat st;
        char elsewhere[120];

        empty(p->journal);
        fill(p);
        (void)snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", p->folder);
        (void)unlink(elsewhere);
        assert_int_equal(unlink(file_of(p, files[i / 2])), 0);
        if (i % 2 == 0)
            assert_int_equal(symlink(elsewhere, file_of(p, files[i / 2])), 0);
        else
            assert_int_equal(mkfifo(file_of(p, files[i / 2]), 0600), 0);
        assert_false(read_all(p, &found, &e));
        assert_non_null(strstr(e.text, "not a plain file"));
        j = open_program(p, 16384);
        note_some(j, 0, 1);
        assert_int_equal(journal_flush_at(j, BASE_NS, &e), -1);
        assert_non_null(strstr(e.text, "not a plain file"));
        journal_close(j);
        assert_int_not_equal(stat(elsewhere, &st), 0);
    }
}

static void a_folder_that_a_link_leads_to_is_the_journals(void **state)
{
    struct place *p = *state;
    char real[120];

    (void)snprintf(real, sizeof real, "%s/real", p->folder);
    assert_int_equal(mkdir(real, 0750), 0);
    assert_int_equal(symlink(real, p->journal), 0);
    fill(p);
    expect_all(p, MAILBOXES);
    empty(real);
    assert_int_equal(rmdir(real), 0);
    assert_int_equal(unlink(p->journal), 0);
}

/* ---- the copy ---- */

static void a_copy_is_whole_and_its_owners_alone(void **state)
{
    struct place *p = *state;
    struct journal *j;
    sqlite3_stmt *s;
    char path[120];
    struct stat st;
    struct error e;
    sqlite3 *db;

    fill(p);
    (void)snprintf(path, sizeof path, "%s/copy of \"it\".sqlite", p->folder);
    assert_int_equal(journal_open(p->journal, NULL, &j, &e), 0);
    if (journal_export(j, path, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(journal_export(j, path, &e), -1); /* what is there stays */
    assert_non_null(strstr(e.text, "File exists"));
    assert_int_equal(journal_export(j, "/nowhere/at/all", &e), -1);
    journal_close(j);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT (SELECT count(*) FROM messages),(SELECT sum(messages) FROM usage)",
                                        -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(s, 0), MAILBOXES);
    assert_int_equal(sqlite3_column_int(s, 1), MAILBOXES);
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(damaged_pages_end_in_an_error_and_not_the_program),
        TEST(a_program_goes_on_over_any_damage),
        TEST(rows_that_nobody_of_ours_wrote_are_left_out_clamped_or_refused),
        TEST(a_foreign_lock_costs_no_decision_that_has_room_in_memory),
        TEST(a_reader_that_stays_costs_decisions_and_no_disk),
        TEST(a_cut_index_kills_and_stops_nobody),
        TEST(the_group_reads_it_with_nobody_there_and_beside_a_program),
        TEST(root_makes_it_as_the_folders_owner),
        TEST(neither_links_nor_pipes_are_opened),
        TEST(a_folder_that_a_link_leads_to_is_the_journals),
        TEST(a_copy_is_whole_and_its_owners_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
