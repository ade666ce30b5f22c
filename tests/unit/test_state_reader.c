/* The state for who only reads it: another process writes, and is the only one that may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/pair.h"
#include "core/state/blocks.h"
#include "core/state/counters.h"
#include "core/state/habits.h"
#include "core/state/state_map.h"

/* A folder of its own, and the clocks of the machine in it. */
struct room {
    char folder[64], path[96], other[96];
    struct state_options options;
};

static int room_open(void **state)
{
    struct room *r = calloc(1, sizeof *r);

    if (r == NULL)
        return -1;
    (void)snprintf(r->folder, sizeof r->folder, "/tmp/postern-test-XXXXXX");
    if (mkdtemp(r->folder) == NULL)
        return -1;
    (void)snprintf(r->path, sizeof r->path, "%s/state", r->folder);
    (void)snprintf(r->other, sizeof r->other, "%s/other", r->folder);
    r->options = (struct state_options){.path = r->path,
                                        .entries = 256,
                                        .blocks = 32,
                                        .boot_ns = 5000 * NS_PER_S,
                                        .wall_ns = UINT64_C(1700000000) * NS_PER_S,
                                        .boot_id = 0x1234};
    *state = r;
    return 0;
}

static int room_close(void **state)
{
    struct room *r = *state;
    static const char *const names[] = {"state", "other", ".state.lock", ".other.lock"};
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", r->folder, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(r->folder), 0); /* nothing else was made */
    free(r);
    return 0;
}

static struct state *service_at(const struct room *r, const char *path)
{
    struct state_options o = r->options;
    struct state *s;
    struct error e;

    o.path = path;
    assert_int_equal(state_open(&o, &s, &e), 0);
    assert_null(state_problem(s));
    return s;
}

static struct state *reader(const struct room *r)
{
    struct state *s;
    struct error e;

    if (state_open_reader(&r->options, &s, &e) != 0)
        fail_msg("%s", e.text);
    return s;
}

static int follow(const struct room *r, struct state *s, struct error *e)
{
    return state_reader_follow(s, r->options.boot_ns, r->options.wall_ns, e);
}

static uint64_t now(const struct room *r, const struct state *s)
{
    return state_now(s, r->options.boot_ns);
}

static void charge(const struct room *r, struct state *s, uint64_t key, uint64_t units)
{
    struct charge k = {key, 3600 * NS_PER_S, 100, units};
    struct charge_answer a;

    assert_int_equal(counters_charge(state_counters(s), &k, 1, now(r, s), &a), 1);
}

static uint64_t used(const struct room *r, struct state *s, uint64_t key)
{
    struct charge k = {key, 3600 * NS_PER_S, 100, 0};

    return counters_look(state_counters(s), &k, now(r, s)).used;
}

static void block(const struct room *r, struct state *s, uint64_t key)
{
    struct block b = {
        .key = key, .from_ns = now(r, s), .until_ns = BLOCK_FOREVER, .subject = "user sean@contoso.example"};

    assert_int_equal(blocks_add(state_blocks(s), &b, now(r, s), NULL), 0);
}

static bool is_blocked(const struct room *r, struct state *s, uint64_t key)
{
    uint64_t until;

    return blocks_find(state_blocks(s), key, now(r, s), &until);
}

static void send(const struct room *r, struct state *s, uint64_t key)
{
    struct habit_charge k = {.key = key, .units = {1, 1}};

    memset(&k.limit, 0xff, sizeof k.limit); /* HABIT_UNLIMITED */
    assert_true(habits_charge(state_habits(s), &k, now(r, s)));
}

/* All that a reader asks. 0, or which of them was wrong. */
static int ask_all(const struct room *r, struct state *s)
{
    struct counters_stats stats;
    struct habits_stats habits;
    struct habit habit;
    struct block b;
    uint32_t at = 0;
    struct state_service told[STATE_SERVICES_MAX];

    counters_stats(state_counters(s), now(r, s), &stats);
    habits_stats(state_habits(s), now(r, s), &habits);
    habits_look(state_habits(s), 11, now(r, s), &habit);
    if (used(r, s, 7) != 60 || used(r, s, 8) != 0)
        return 1;
    if (!is_blocked(r, s, 9) || is_blocked(r, s, 10) || !blocks_next(state_blocks(s), &at, now(r, s), &b) ||
        strcmp(b.subject, "user sean@contoso.example") != 0)
        return 2;
    if (habit.now.of[HABIT_MESSAGES][HABIT_DAY] != 1 || habits.known != 1 || stats.live == 0)
        return 3;
    return state_services(s, r->options.boot_ns, told) == 1 && told[0].generation == 4 ? 0 : 4;
}

static void fill(const struct room *r, struct state *s)
{
    charge(r, s, 7, 60);
    block(r, s, 9);
    send(r, s, 11);
    state_tell_service(s, "postern-policyd", 4, r->options.boot_ns);
}

static void who_is_of_the_group_reads_all_and_can_open_nothing_for_writing(void **state)
{
    struct room *r = *state;
    struct state *service = service_at(r, r->path), *s;
    int status;
    pid_t pid;

    fill(r, service);
    if (geteuid() == 0)
        assert_true(chown(r->path, 4711, 4712) == 0 && chown(r->folder, 4711, 4712) == 0 &&
                    chmod(r->folder, 0750) == 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(4712) != 0 || setuid(4713) != 0))
            _exit(10);
        if (geteuid() == 4713 &&
            (open(r->path, O_RDWR | O_CLOEXEC) >= 0 || open(r->other, O_CREAT | O_RDWR, 0600) >= 0))
            _exit(11);
        s = reader(r);
        _exit(ask_all(r, s));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    state_close(service);
}

static void what_a_service_does_is_seen_at_once(void **state)
{
    struct room *r = *state;
    struct state *service = service_at(r, r->path), *s = reader(r);

    assert_int_equal(used(r, s, 7), 0);
    fill(r, service);
    assert_int_equal(ask_all(r, s), 0);
    assert_true(blocks_lift(state_blocks(service), 9, now(r, service)));
    assert_false(is_blocked(r, s, 9));
    state_close(s);
    state_close(service);
}

static void a_reader_that_writes_all_the_same_is_ended(void **state)
{
    struct room *r = *state;
    struct state *service = service_at(r, r->path), *s;
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* not the sanitizer's */
        s = reader(r);
        charge(r, s, 7, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_int_equal(used(r, service, 7), 0);
    state_close(service);
}

/* What cannot be read as it is, is told, and left as it is. */
static void a_file_that_is_missing_damaged_or_old_is_told_and_left_alone(void **state)
{
    static const struct {
        const char *said;
        uint32_t version;
        bool damaged;
    } rows[] = {
        {"there is none; the services make it", 0, false},
        {"its header is damaged", STATE_VERSION, true},
        {"that of an older postern", STATE_VERSION_WITHOUT_HABITS, false},
        {"the newer postern", STATE_VERSION + 1, false},
    };
    struct room *r = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct state_constants k;
        struct state *s = NULL;
        struct layout l;
        struct error e;
        struct stat before, after;
        int fd;

        if (rows[i].version != 0) {
            state_close(service_at(r, r->path));
            fd = open(r->path, O_RDWR | O_CLOEXEC);
            assert_int_equal(pread(fd, &k, sizeof k, 0), sizeof k);
            k.version = rows[i].version;
            l = layout_of_file(&k);
            if (rows[i].version <= STATE_VERSION)
                k = constants_make(&l, &k.secret);
            k.check ^= rows[i].damaged;
            assert_int_equal(pwrite(fd, &k, sizeof k, 0), sizeof k);
            assert_int_equal(ftruncate(fd, (off_t)k.bytes), 0);
            assert_int_equal(fstat(fd, &before), 0);
            (void)close(fd);
        }
        assert_int_equal(state_open_reader(&r->options, &s, &e), -1);
        assert_null(s);
        assert_non_null(strstr(e.text, rows[i].said));
        if (rows[i].version != 0) {
            assert_int_equal(stat(r->path, &after), 0);
            assert_true(after.st_ino == before.st_ino && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
            assert_int_equal(unlink(r->path), 0);
        }
    }
}

static void a_file_that_took_the_place_is_followed(void **state)
{
    struct room *r = *state;
    struct state *service = service_at(r, r->path), *other = service_at(r, r->other), *s = reader(r);
    struct error e;

    fill(r, other);
    assert_int_equal(follow(r, s, &e), 0);
    assert_int_equal(used(r, s, 7), 0);
    assert_int_equal(rename(r->other, r->path), 0);
    assert_int_equal(used(r, s, 7), 0);
    assert_int_equal(follow(r, s, &e), 0);
    assert_int_equal(ask_all(r, s), 0);
    assert_memory_equal(state_secret(s), state_secret(other), sizeof(struct hash_secret));
    state_close(s);
    state_close(other);
    state_close(service);
}

/* Not "nobody is blocked", because what is not there reads as zeros. */
static void a_file_that_was_cut_or_removed_is_not_believed_until_there_is_one_again(void **state)
{
    struct room *r = *state;
    struct error e;
    struct state *s;

    assert_int_equal(state_guard_install(&e), 0);
    for (int removed = 0; removed < 2; removed++) {
        state_close(service_at(r, r->path));
        s = reader(r);
        assert_int_equal(removed ? unlink(r->path) : truncate(r->path, 4096), 0);
        if (!removed)
            (void)is_blocked(r, s, 9);
        assert_int_equal(follow(r, s, &e), -1);
        assert_int_equal(follow(r, s, &e), -1);
        (void)unlink(r->path);
        state_close(service_at(r, r->path));
        assert_int_equal(follow(r, s, &e), 0);
        assert_int_equal(used(r, s, 7), 0);
        state_close(s);
    }
}

/* The reader starts first after a reboot: the clock is what a service makes of it. */
static void after_a_reboot_time_is_that_of_the_service(void **state)
{
    struct room *r = *state;
    struct state *service = service_at(r, r->path), *s;
    struct error e;

    state_close(service);
    r->options.boot_id++;
    r->options.boot_ns = 10 * NS_PER_S;
    r->options.wall_ns += 60 * NS_PER_S;
    s = reader(r);
    r->options.wall_ns += 7 * NS_PER_S;
    r->options.boot_ns += 2 * NS_PER_S;
    service = service_at(r, r->path);
    assert_int_not_equal(now(r, s), now(r, service));
    assert_int_equal(follow(r, s, &e), 0);
    assert_int_equal(now(r, s), now(r, service));
    state_close(s);
    state_close(service);
}

/* ---- a process that writes all the time ---- */

#define READS 1000000u
#define PAIRS 8u

/* Keys that never come back, as far as a reader can see. */
static void write_pairs(union pair *pairs)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails */
    for (uint64_t key = 1;; key++)
        pair_write(pairs + key % PAIRS, pair_of(key, ~key));
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_pair_is_never_read_as_halves_of_two(void **state)
{
    int fd = memfd_create("pairs", MFD_CLOEXEC);
    union pair *written, *seen, pair;
    uint64_t before = 0, changes = 0;
    pid_t pid;

    (void)state;
    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    written = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    seen = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(written != MAP_FAILED && seen != MAP_FAILED);
    if ((pid = fork()) == 0)
        write_pairs(written);
    assert_true(pid > 0);
    for (unsigned i = 0; i < READS || changes < 1000; i++) {
        pair = pair_read(seen + i % PAIRS);
        if (pair.both != 0)
            assert_int_equal(pair.value, ~pair.key);
        changes += pair.key != before;
        before = pair.key;
    }
    end(pid);
    (void)munmap(written, 4096);
    (void)munmap(seen, 4096);
    (void)close(fd);
}

/* Blocks whose texts all say the same number. Each is lifted before the next on its key: one that is prolonged may be
 * shown with the texts of both (core/state/blocks.c). */
static void write_blocks(const struct room *r, struct state *s)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0;; i++) {
        struct block b = {.key = 1 + i % 16, .from_ns = now(r, s), .until_ns = BLOCK_FOREVER, .from_wall_s = i};

        (void)snprintf(b.subject, sizeof b.subject, "user u%u@contoso.example", i);
        (void)snprintf(b.limit, sizeof b.limit, "l%u", i);
        (void)blocks_lift(state_blocks(s), b.key, now(r, s));
        (void)blocks_add(state_blocks(s), &b, now(r, s), NULL);
    }
}

static void what_is_written_meanwhile_is_read_whole_or_not_at_all(void **state)
{
    struct room *r = *state;
    struct state *service = service_at(r, r->path), *s = reader(r);
    uint64_t seen = 0;
    pid_t pid = fork();

    if (pid == 0)
        write_blocks(r, service);
    assert_true(pid > 0);
    while (seen < 20000) {
        struct block b;

        for (uint32_t at = 0; blocks_next(state_blocks(s), &at, now(r, s), &b); seen++) {
            char subject[sizeof b.subject], limit[sizeof b.limit];

            (void)snprintf(subject, sizeof subject, "user u%lld@contoso.example", (long long)b.from_wall_s);
            (void)snprintf(limit, sizeof limit, "l%lld", (long long)b.from_wall_s);
            assert_string_equal(b.subject, subject);
            assert_string_equal(b.limit, limit);
        }
    }
    end(pid);
    state_close(s);
    state_close(service);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_of_the_group_reads_all_and_can_open_nothing_for_writing),
        TEST(what_a_service_does_is_seen_at_once),
        TEST(a_reader_that_writes_all_the_same_is_ended),
        TEST(a_file_that_is_missing_damaged_or_old_is_told_and_left_alone),
        TEST(a_file_that_took_the_place_is_followed),
        TEST(a_file_that_was_cut_or_removed_is_not_believed_until_there_is_one_again),
        TEST(after_a_reboot_time_is_that_of_the_service),
        TEST(a_pair_is_never_read_as_halves_of_two),
        TEST(what_is_written_meanwhile_is_read_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
