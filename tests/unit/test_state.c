#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/state/blocks.h"
#include "core/state/counters.h"
#include "core/state/state.h"
#include "core/state/state_map.h"
#include "tests/unit/state_version_1.h"

#define BOOT (5000 * NS_PER_S)
#define WALL (UINT64_C(1700000000) * NS_PER_S) /* 2023-11-14 22:13:20 UTC */
#define DAMAGED_NAME "state.damaged-20231114T221320"

/* A directory of its own for each test, and the clocks of the machine in it. */
struct room {
    char folder[64];
    char path[96];
    uint64_t boot_ns, wall_ns, boot_id;
    uint64_t entries;
    uint32_t blocks;
};

static int room_open(void **state)
{
    struct room *r = calloc(1, sizeof *r);

    if (r == NULL)
        return -1;
    *r = (struct room){.boot_ns = BOOT, .wall_ns = WALL, .boot_id = 0x1234, .entries = 256, .blocks = 32};
    /* In memory where possible: the clocks' property test pushes to the disk a hundred thousand times. */
    (void)snprintf(r->folder, sizeof r->folder, "%s/postern-test-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(r->folder) == NULL)
        return -1;
    (void)snprintf(r->path, sizeof r->path, "%s/state", r->folder);
    *state = r;
    return 0;
}

static void in_folder(const struct room *r, const char *name, char to[400])
{
    (void)snprintf(to, 400, "%s/%s", r->folder, name);
}

static int room_close(void **state)
{
    struct room *r = *state;
    DIR *folder = opendir(r->folder);
    char path[400];

    for (struct dirent *d; folder != NULL && (d = readdir(folder)) != NULL;) {
        in_folder(r, d->d_name, path);
        if (d->d_name[0] != '.' || strlen(d->d_name) > 2)
            (void)remove(path);
    }
    (void)closedir(folder);
    (void)remove(r->folder);
    free(r);
    return 0;
}

static bool exists(const struct room *r, const char *name)
{
    char path[400];
    struct stat st;

    in_folder(r, name, path);
    return lstat(path, &st) == 0;
}

/* But for the lock. */
static unsigned files_in(const struct room *r)
{
    DIR *folder = opendir(r->folder);
    unsigned n = 0;

    assert_non_null(folder);
    for (struct dirent *d; (d = readdir(folder)) != NULL;)
        n += strcmp(d->d_name, ".state.lock") != 0;
    (void)closedir(folder);
    return n - 2;
}

/* Locks a file of that name in the room: the descriptor. */
static int hold_lock(const struct room *r, const char *name)
{
    char lock[400];
    int fd;

    in_folder(r, name, lock);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    return fd;
}

static struct state *open_state(const struct room *r)
{
    struct state_options o = {r->path, r->entries, r->blocks, r->boot_ns, r->wall_ns, r->boot_id};
    struct state *s = NULL;
    struct error e;

    assert_int_equal(state_open(&o, &s, &e), 0);
    return s;
}

static int tick(struct room *r, struct state *s, struct error *e)
{
    r->boot_ns += NS_PER_S;
    r->wall_ns += NS_PER_S;
    return state_tick(s, r->boot_ns, r->wall_ns, e);
}

static uint64_t now(const struct room *r, const struct state *s)
{
    return state_now(s, r->boot_ns);
}

static bool take(const struct room *r, struct state *s, uint64_t key, uint64_t units)
{
    struct charge k = {key, 3600 * NS_PER_S, 100, units};
    struct charge_answer a;

    return counters_charge(state_counters(s), &k, 1, now(r, s), &a) == 1;
}

static uint64_t used(const struct room *r, struct state *s, uint64_t key)
{
    struct charge k = {key, 3600 * NS_PER_S, 100, 0};

    return counters_look(state_counters(s), &k, now(r, s)).used;
}

/* A message of a login whose habit is kept. */
static void send(const struct room *r, struct state *s, uint64_t key)
{
    struct habit_charge k = {.key = key, .units = {1, 1}};

    memset(&k.limit, 0xff, sizeof k.limit); /* HABIT_UNLIMITED */
    assert_true(habits_charge(state_habits(s), &k, now(r, s)));
}

static uint32_t sent(const struct room *r, struct state *s, uint64_t key)
{
    struct habit habit;

    habits_look(state_habits(s), key, now(r, s), &habit);
    return habit.now.of[HABIT_MESSAGES][HABIT_DAY];
}

static void block(const struct room *r, struct state *s, uint64_t key, uint64_t for_ns)
{
    struct block b = {.key = key, .from_ns = now(r, s), .subject = "user sean@contoso.example"};

    b.until_ns = for_ns == BLOCK_FOREVER ? BLOCK_FOREVER : now(r, s) + for_ns;
    assert_int_equal(blocks_add(state_blocks(s), &b, now(r, s), NULL), 0);
}

static bool is_blocked(const struct room *r, struct state *s, uint64_t key)
{
    uint64_t until;

    return blocks_find(state_blocks(s), key, now(r, s), &until);
}

static void write_at(const struct room *r, const char *name, off_t at, const void *bytes, size_t n)
{
    char path[400];
    int fd;

    in_folder(r, name, path);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
    (void)close(fd);
}

/* ---- making and opening ---- */

static void a_new_file_is_allocated_whole_and_private(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct stat st;

    assert_null(state_problem(s));
    assert_null(state_notice(s));
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(st.st_blocks * 512 >= st.st_size);
    assert_int_equal(files_in(r), 1);
    assert_int_equal(used(r, s, 7), 0);
    state_close(s);
}

static void the_lock_is_a_file_of_the_folders_owner_that_nobody_else_can_open(void **state)
{
    struct room *r = *state;
    char lock[400];
    struct stat st;

    if (geteuid() == 0)
        assert_int_equal(chown(r->folder, 4711, 4712), 0);
    state_close(open_state(r));
    in_folder(r, ".state.lock", lock);
    assert_int_equal(stat(lock, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_uid, geteuid() == 0 ? 4711 : geteuid());
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_uid, geteuid() == 0 ? 4711 : geteuid());
}

static void a_restart_keeps_counters_blocks_secret_and_time(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct hash_secret secret = *state_secret(s);
    uint64_t before = now(r, s);

    assert_true(take(r, s, 7, 60));
    block(r, s, 9, BLOCK_FOREVER);
    state_close(s);
    r->boot_ns += 3600 * NS_PER_S;
    s = open_state(r);
    assert_null(state_problem(s));
    assert_int_equal(now(r, s), before + 3600 * NS_PER_S);
    assert_int_equal(used(r, s, 7), 59);
    assert_true(is_blocked(r, s, 9));
    assert_memory_equal(state_secret(s), &secret, sizeof secret);
    state_close(s);
}

static void each_file_has_its_own_secret(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct hash_secret secret = *state_secret(s);

    state_close(s);
    assert_int_equal(unlink(r->path), 0);
    s = open_state(r);
    assert_memory_not_equal(state_secret(s), &secret, sizeof secret);
    state_close(s);
}

static void two_openers_share_one_table(void **state)
{
    struct room *r = *state;
    struct state *a = open_state(r), *b = open_state(r);

    assert_true(take(r, a, 7, 60));
    assert_false(take(r, b, 7, 41));
    assert_true(take(r, b, 7, 40));
    assert_int_equal(used(r, a, 7), 100);
    block(r, a, 9, NS_PER_S);
    assert_true(is_blocked(r, b, 9));
    state_close(a);
    assert_int_equal(used(r, b, 7), 100);
    state_close(b);
}

static uint64_t generation_told(const struct room *r, const struct state *s, size_t n)
{
    struct state_service told[STATE_SERVICES_MAX];

    assert_int_equal(state_services(s, r->boot_ns, told), n);
    return n > 0 ? told[0].generation : 0;
}

static void what_a_service_uses_is_known_to_others_while_it_runs(void **state)
{
    struct room *r = *state;
    struct state *service = open_state(r), *reader = open_state(r);

    (void)generation_told(r, reader, 0);
    state_tell_service(service, "postern-policyd", 4, r->boot_ns);
    assert_int_equal(generation_told(r, reader, 1), 4);
    state_tell_service(service, "postern-policyd", 5, r->boot_ns);
    assert_int_equal(generation_told(r, reader, 1), 5);
    /* One that was killed says nothing any more. */
    r->boot_ns += 60 * NS_PER_S;
    (void)generation_told(r, reader, 0);
    state_tell_service(service, "postern-policyd", 5, r->boot_ns);
    assert_int_equal(generation_told(r, reader, 1), 5);
    state_close(service);
    (void)generation_told(r, reader, 0);
    state_close(reader);
}

static void each_service_says_which_program_it_is(void **state)
{
    static const char *const names[] = {"postern-policyd", "postern-milter", "postern-sasl", "postern-of-tomorrow"};
    struct room *r = *state;
    struct state *services[4], *reader = open_state(r);
    struct state_service told[STATE_SERVICES_MAX];

    for (size_t i = 0; i < 4; i++) {
        services[i] = open_state(r);
        state_tell_service(services[i], names[i], 7, ++r->boot_ns);
    }
    assert_int_equal(state_services(reader, r->boot_ns, told), 4);
    for (size_t i = 0; i < 4; i++) {
        if (i < 3)
            assert_string_equal(told[i].program, names[i]);
        else
            assert_null(told[i].program);
        assert_int_equal(state_service_tells(names[i]), i < 3);
        assert_int_equal(told[i].pid, getpid());
        assert_int_equal(told[i].generation, 7);
        state_close(services[i]);
    }
    state_close(reader);
}

/* As many as there are places; more are not heard of until one has been silent for long. */
static void the_places_of_dead_services_are_used_again(void **state)
{
    struct room *r = *state;
    struct state *services[STATE_SERVICES_MAX], *late, *reader = open_state(r);

    for (unsigned i = 0; i < STATE_SERVICES_MAX; i++) {
        services[i] = open_state(r);
        state_tell_service(services[i], "postern-policyd", 1, ++r->boot_ns);
    }
    late = open_state(r);
    state_tell_service(late, "postern-policyd", 2, ++r->boot_ns);
    assert_int_equal(generation_told(r, reader, STATE_SERVICES_MAX), 1);
    r->boot_ns += 61 * NS_PER_S;
    state_tell_service(late, "postern-policyd", 2, r->boot_ns);
    assert_int_equal(generation_told(r, reader, 1), 2);
    state_close(late);
    for (unsigned i = 0; i < STATE_SERVICES_MAX; i++)
        state_close(services[i]);
    state_close(reader);
}

/* Eight processes begin at once where there is no file (or a damaged one): they all end up with the same. */
static void processes_that_start_at_once_make_one_file(void **state)
{
    struct room *r = *state;

    for (int damaged = 0; damaged < 2; damaged++) {
        pid_t pids[8];
        struct state *s;
        int status;

        (void)unlink(r->path);
        if (damaged)
            write_at(r, "state", 0, "nonsense", 8);
        for (unsigned i = 0; i < 8; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                s = open_state(r);
                _exit(state_problem(s) == NULL && take(r, s, 7, 10) ? 0 : 1);
            }
        }
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
        s = open_state(r);
        assert_int_equal(used(r, s, 7), 80);
        assert_int_equal(files_in(r), damaged ? 2 : 1);
        state_close(s);
    }
}

/* Somebody holds the locks for ever: an existing file is used all the same, a new one is not made. */
static void a_lock_that_is_never_given_back_stops_nobody(void **state)
{
    struct room *r = *state;
    struct room elsewhere = *r;
    int lock, other, status;
    struct state *s;
    pid_t pid;

    state_close(open_state(r));
    (void)snprintf(elsewhere.path, sizeof elsewhere.path, "%s/new", r->folder);
    lock = hold_lock(r, ".state.lock");
    other = hold_lock(r, ".new.lock");
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        s = open_state(&elsewhere);
        _exit(strstr(state_problem(s), "holds its lock") != NULL && take(r, s, 7, 100) && !take(r, s, 7, 1) ? 0 : 1);
    }
    s = open_state(r);
    assert_null(state_problem(s));
    assert_true(take(r, s, 7, 100));
    state_close(s);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(lock);
    (void)close(other);
}

/* As a backup program may, or whoever may read in the folder. */
static void a_lock_on_the_folder_or_on_the_file_is_nothing_to_us(void **state)
{
    struct room *r = *state;
    struct state *s;
    int folder, file;

    block(r, s = open_state(r), 9, BLOCK_FOREVER);
    state_close(s);
    folder = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file = open(r->path, O_RDONLY | O_CLOEXEC);
    assert_true(flock(folder, LOCK_EX) == 0 && flock(file, LOCK_EX) == 0);
    r->boot_id++;
    r->boot_ns = BOOT;
    r->entries = 512;
    s = open_state(r);
    assert_null(state_problem(s));
    assert_true(is_blocked(r, s, 9));
    state_close(s);
    (void)close(folder);
    (void)close(file);
}

static void a_reboot_while_the_lock_is_held_lifts_no_block_and_is_written_down_later(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r), *other;
    struct error e;
    uint64_t before;
    int lock;

    block(r, s, 9, 3600 * NS_PER_S);
    assert_true(take(r, s, 7, 50));
    assert_int_equal(tick(r, s, &e), 0);
    before = now(r, s);
    state_close(s);
    lock = hold_lock(r, ".state.lock");
    r->boot_id++;
    r->boot_ns = 10 * NS_PER_S;
    r->wall_ns += 60 * NS_PER_S;
    s = open_state(r);
    assert_null(state_problem(s));
    assert_true(is_blocked(r, s, 9));
    assert_int_equal(used(r, s, 7), 50);
    assert_in_range(now(r, s), before + 58 * NS_PER_S, before + 61 * NS_PER_S);
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_notice(s));
    (void)close(lock);
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_null(state_notice(s));
    other = open_state(r);
    assert_null(state_problem(other));
    assert_true(is_blocked(r, other, 9));
    assert_true(take(r, s, 7, 10));
    assert_int_equal(used(r, other, 7), 60);
    assert_in_range(now(r, other) - now(r, s) + 2 * NS_PER_S, 0, 4 * NS_PER_S);
    state_close(other);
    state_close(s);
}

/* A file that can be read and no more: on a read-only file system, or with holes on a full one. */
static void what_can_be_read_of_a_file_that_cannot_be_used_holds_in_memory(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct stat before, after;
    int status;
    pid_t pid;

    block(r, s, 9, BLOCK_FOREVER);
    assert_true(take(r, s, 7, 50));
    state_close(s);
    assert_int_equal(chmod(r->path, 0444), 0);
    assert_int_equal(chmod(r->folder, 0555), 0);
    assert_int_equal(stat(r->path, &before), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(4712) != 0 || setuid(4711) != 0))
            _exit(2);
        s = open_state(r);
        _exit(state_problem(s) != NULL && strstr(state_problem(s), "memory only") != NULL && is_blocked(r, s, 9) &&
                      used(r, s, 7) == 50 && take(r, s, 7, 50) && !take(r, s, 7, 1)
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(r->folder, 0700), 0);
    assert_int_equal(stat(r->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* ---- files of the version before ---- */

static void write_version_1(const struct room *r, const char *name)
{
    char path[400];

    for (size_t i = 0; i < sizeof v1_rows / sizeof *v1_rows; i++)
        write_at(r, name, v1_rows[i].at, v1_rows[i].words, sizeof v1_rows[i].words);
    in_folder(r, name, path);
    assert_int_equal(truncate(path, V1_BYTES), 0);
    assert_int_equal(chmod(path, 0660), 0);
}

static void expect_block(const struct room *r, struct state *s, uint64_t key, uint64_t until_ns, uint32_t class,
                         const char *base)
{
    struct block b;
    struct ip ip = {{0}};
    uint64_t until;

    assert_true(blocks_find(state_blocks(s), key, now(r, s), &until));
    assert_true(until == until_ns);
    for (uint32_t at = 0; blocks_next(state_blocks(s), &at, now(r, s), &b);)
        if (b.key == key) {
            assert_int_equal(b.class, class);
            assert_true(base == NULL || ip_parse(slice_of(base), &ip));
            assert_memory_equal(&b.base, &ip, sizeof ip);
            assert_string_equal(b.reason, "made by version 1");
            return;
        }
    fail();
}

static void expect_version_1(const struct room *r, struct state *s)
{
    struct charge seconds = {8, 2 * NS_PER_S, 150, 0}, minutes = {0, 60 * NS_PER_S, 10, 0};
    uint64_t hour = now(r, s) + 3600 * NS_PER_S, prefixes = 0;
    uint32_t prefix;

    assert_int_equal(used(r, s, 7), 50);
    assert_int_equal(counters_look(state_counters(s), &seconds, now(r, s)).used, 10);
    assert_true(counters_marked(state_counters(s), 9, now(r, s)));
    for (size_t i = 0; i < sizeof V1_KEYS / sizeof *V1_KEYS; i++) {
        minutes.key = V1_KEYS[i];
        assert_true(counters_look(state_counters(s), &minutes, now(r, s)).used >= (i < BUCKET_SLOTS ? 3 : 6));
    }
    expect_block(r, s, 101, BLOCK_FOREVER, BLOCK_BY_OPERATOR, NULL);
    expect_block(r, s, 102, hour, BLOCK_OF_CLIENT, "203.0.113.9");
    expect_block(r, s, 103, hour + 3600 * NS_PER_S, BLOCK_OF_CLIENT, "2001:db8:1:2::");
    expect_block(r, s, 104, hour + 3600 * NS_PER_S, BLOCK_OF_LOGIN, NULL);
    expect_block(r, s, 105, BLOCK_FOREVER, BLOCK_BY_OPERATOR, "198.51.100.0");
    for (uint32_t at = 0; blocks_next_prefix(state_blocks(s), &at, &prefix);)
        prefixes += prefix;
    assert_int_equal(prefixes, 64 + 96 + 22);
}

static void a_file_of_version_1_is_renewed_with_all_that_it_holds(void **state)
{
    struct room *r = *state;
    static const uint64_t entries[] = {V1_ENTRIES, 0, 4096};

    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct state *s;

        write_version_1(r, "state");
        r->entries = entries[i];
        r->blocks = entries[i] == 0 ? 0 : 16;
        for (unsigned again = 0; again < 2; again++) {
            s = open_state(r);
            assert_null(state_problem(s));
            assert_null(state_notice(s));
            expect_version_1(r, s);
            state_close(s);
        }
        assert_int_equal(files_in(r), 1);
        assert_int_equal(unlink(r->path), 0);
    }
}

static void a_file_of_version_1_that_cannot_be_renewed_holds_in_memory_until_it_can(void **state)
{
    struct room *r = *state;
    struct error e;
    struct state *s;
    int lock = hold_lock(r, ".state.lock");

    write_version_1(r, "state");
    s = open_state(r);
    assert_non_null(strstr(state_problem(s), "older postern"));
    expect_version_1(r, s);
    block(r, s, 106, BLOCK_FOREVER);
    assert_true(take(r, s, 7, 10));
    (void)close(lock);
    r->boot_ns -= NS_PER_S; /* no time passes, so that the same can be expected */
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_int_equal(used(r, s, 7), 60);
    state_close(s);
    s = open_state(r);
    assert_true(is_blocked(r, s, 106) && is_blocked(r, s, 102));
    assert_int_equal(used(r, s, 7), 60);
    state_close(s);
}

/* Makes the file one without habits: it ends where these begin. */
static void make_version_2(const struct room *r)
{
    struct state_constants k;
    struct layout l;
    int fd = open(r->path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, &k, sizeof k), (ssize_t)sizeof k);
    (void)close(fd);
    l = layout_of_file(&k);
    assert_int_equal(l.version, 3);
    assert_int_equal(truncate(r->path, (off_t)l.habits_at), 0);
    l.version = 2;
    l.bytes = l.habits_at;
    k = constants_make(&l, &k.secret);
    write_at(r, "state", 0, &k, sizeof k);
}

static void a_file_of_version_2_keeps_all_and_gets_room_for_habits(void **state)
{
    struct room *r = *state;
    struct receipt receipt = {.n = 1, .charges = {{.key = 7, .ns = 5}}}, taken;
    struct state *s = open_state(r);
    struct habits_stats stats;

    assert_true(take(r, s, 7, 10));
    block(r, s, 9, BLOCK_FOREVER);
    receipts_keep(state_receipts(s), 0x77, &receipt, now(r, s));
    state_close(s);
    make_version_2(r);
    for (unsigned again = 0; again < 2; again++) {
        s = open_state(r);
        assert_null(state_problem(s));
        assert_null(state_notice(s));
        assert_int_equal(used(r, s, 7), 10);
        assert_true(is_blocked(r, s, 9));
        /* Of messages that were under way no receipt is left: they stay charged. */
        assert_false(receipts_take(state_receipts(s), 0x77, now(r, s), 60 * NS_PER_S, &taken));
        habits_stats(state_habits(s), now(r, s), &stats);
        assert_int_equal(stats.places, HABITS_MIN);
        assert_int_equal(sent(r, s, 77), again);
        send(r, s, 77);
        state_close(s);
    }
    assert_int_equal(files_in(r), 1);
}

static void while_a_file_of_version_2_cannot_be_renewed_habits_are_kept_in_memory(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct error e;
    int lock;

    assert_true(take(r, s, 7, 10));
    state_close(s);
    make_version_2(r);
    lock = hold_lock(r, ".state.lock");
    s = open_state(r);
    assert_non_null(strstr(state_problem(s), "older postern"));
    assert_int_equal(used(r, s, 7), 10);
    send(r, s, 77);
    assert_int_equal(sent(r, s, 77), 1);
    (void)close(lock);
    r->boot_ns -= NS_PER_S;
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_int_equal(used(r, s, 7), 10);
    assert_int_equal(sent(r, s, 77), 1);
    state_close(s);
}

/* ---- a folder of its own ---- */

/* The room whose state lies in a folder of its own, FOLDER/state/state, and is removed with it. */
static struct room in_own_folder(const struct room *r)
{
    struct room own = *r;

    (void)snprintf(own.path, sizeof own.path, "%s/state/state", r->folder);
    return own;
}

static void leave_own_folder(const struct room *r)
{
    static const char *const names[] = {"state/state", "state/.state.lock"};
    char path[400];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        in_folder(r, names[i], path);
        (void)unlink(path);
    }
}

static void a_file_in_the_place_of_the_folder_moves_into_it(void **state)
{
    struct room *r = *state;
    struct room own = in_own_folder(r);

    for (unsigned way = 0; way < 3; way++) {
        char waiting[400];
        struct state *s;
        struct stat st;

        if (way == 0) {
            write_version_1(r, "state");
        } else if (way == 1) { /* killed before the file was moved */
            write_version_1(r, "state");
            in_folder(r, ".state.folder", waiting);
            assert_int_equal(mkdir(waiting, 0750), 0);
        } else { /* killed afterwards */
            in_folder(r, ".state.folder", waiting);
            assert_int_equal(mkdir(waiting, 0750), 0);
            write_version_1(r, ".state.folder/state");
        }
        s = open_state(&own);
        assert_null(state_problem(s));
        expect_version_1(&own, s);
        state_close(s);
        in_folder(r, "state", waiting);
        assert_true(stat(waiting, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0027) == 0);
        assert_false(exists(r, ".state.folder"));
        assert_int_equal(files_in(r), 1);
        assert_false(exists(r, ".state.lock")); /* which was only needed for the move */
        leave_own_folder(r);
        assert_int_equal(rmdir(waiting), 0);
    }
}

static void a_missing_folder_is_made_and_another_file_in_its_place_left_alone(void **state)
{
    struct room *r = *state;
    struct room own = in_own_folder(r);
    char folder[400];
    struct state *s;

    s = open_state(&own);
    assert_null(state_problem(s));
    state_close(s);
    leave_own_folder(r);
    in_folder(r, "state", folder);
    assert_int_equal(rmdir(folder), 0);
    write_at(r, "state", 0, "something else", 14);
    s = open_state(&own);
    assert_non_null(strstr(state_problem(s), "Not a directory"));
    state_close(s);
    assert_true(exists(r, "state"));
    assert_false(exists(r, ".state.folder"));
}

/* ---- files that are not as they should be ---- */

enum outcome { SET_ASIDE, LEFT_ALONE };

static const struct {
    const char *what;
    off_t at;
    uint64_t value;
    unsigned bytes;
    long size; /* -1: as it is */
    enum outcome outcome;
    const char *says;
} damages[] = {
    {"another magic", 0, 0x58, 1, -1, SET_ASIDE, "does not begin like"},
    {"empty", 0, 0, 0, 0, SET_ASIDE, "too short"},
    {"half a header", 0, 0, 0, 40, SET_ASIDE, "too short"},
    {"cut in the middle", 0, 0, 0, 8192, SET_ASIDE, "has 8192 bytes instead of"},
    {"too long", 0, 0, 0, 1 << 20, SET_ASIDE, "bytes instead of"},
    {"other byte order", offsetof(struct state_constants, endian), 0x04030201, 4, -1, SET_ASIDE, "byte order"},
    {"version 0", offsetof(struct state_constants, version), 0, 4, -1, SET_ASIDE, "checksum"},
    {"a newer version", offsetof(struct state_constants, version), STATE_VERSION + 1, 4, -1, LEFT_ALONE, "version 4"},
    {"other sizes", offsetof(struct state_constants, entries), 1 << 30, 8, -1, SET_ASIDE, "checksum"},
    {"another secret", offsetof(struct state_constants, secret), 5, 8, -1, SET_ASIDE, "checksum"},
    {"another checksum", offsetof(struct state_constants, check), 5, 8, -1, SET_ASIDE, "checksum"},
    {"another clock", offsetof(struct state_header, clock), UINT64_MAX / 3, 8, -1, SET_ASIDE, "clock is damaged"},
    {"another note", offsetof(struct state_header, clock) + 16, UINT64_MAX / 3, 8, -1, SET_ASIDE, "clock is damaged"},
};

static void damage(struct room *r, size_t i)
{
    struct state *s;

    (void)unlink(r->path);
    s = open_state(r);
    assert_true(take(r, s, 7, 60));
    state_close(s);
    if (damages[i].bytes > 0)
        write_at(r, "state", damages[i].at, &damages[i].value, damages[i].bytes);
    if (damages[i].size >= 0)
        assert_int_equal(truncate(r->path, damages[i].size), 0);
}

static void a_damaged_file_is_set_aside_and_a_newer_one_left_alone(void **state)
{
    struct room *r = *state;

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        bool aside = damages[i].outcome == SET_ASIDE;
        struct stat before, after;
        const char *said;
        struct state *s;

        damage(r, i);
        assert_int_equal(stat(r->path, &before), 0);
        s = open_state(r);
        said = aside ? state_notice(s) : state_problem(s);
        if (said == NULL || strstr(said, damages[i].says) == NULL || (state_problem(s) == NULL) != aside)
            fail_msg("%s: %s", damages[i].what, said != NULL ? said : "nothing said");
        assert_non_null(strstr(said, r->path));
        assert_int_equal(used(r, s, 7), 0);
        assert_true(take(r, s, 7, 100));
        assert_false(take(r, s, 7, 1));
        assert_int_equal(stat(r->path, &after), 0);
        assert_int_equal(before.st_ino == after.st_ino, !aside);
        assert_int_equal(exists(r, DAMAGED_NAME), aside);
        if (aside)
            assert_non_null(strstr(said, DAMAGED_NAME));
        state_close(s);
        assert_int_equal(room_close(state), 0);
        assert_int_equal(room_open(state), 0);
        r = *state;
    }
}

static bool keeps_receipts(const struct room *r, struct state *s)
{
    struct receipt receipt = {.n = 1, .charges = {{7, 1}}};

    receipts_keep(state_receipts(s), 10, &receipt, now(r, s));
    return receipts_take(state_receipts(s), 10, now(r, s), NS_PER_S, &receipt);
}

static void receipts_are_kept_in_the_file_and_in_memory(void **state)
{
    struct room *r = *state, elsewhere = *r;
    struct state *s = open_state(r), *other = open_state(r);
    struct receipt receipt = {.n = 1, .charges = {{7, 1}}};

    assert_true(keeps_receipts(r, s));
    receipts_keep(state_receipts(s), 12, &receipt, now(r, s));
    assert_true(receipts_take(state_receipts(other), 12, now(r, other), NS_PER_S, &receipt));
    state_close(s);
    state_close(other);
    (void)snprintf(elsewhere.path, sizeof elsewhere.path, "/proc/no/state");
    s = open_state(&elsewhere);
    assert_non_null(state_problem(s));
    assert_true(keeps_receipts(&elsewhere, s));
    state_close(s);
}

static void what_is_no_plain_file_of_ours_is_left_alone(void **state)
{
    static const char *const kinds[] = {"symbolic link", "not a regular file", "directory", "everybody"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct room *r = *state;
        char other[400];
        struct state *s;

        in_folder(r, "other", other);
        if (i == 0)
            assert_int_equal(symlink(other, r->path), 0);
        else if (i == 1)
            assert_int_equal(mkfifo(r->path, 0600), 0);
        else if (i == 2)
            assert_int_equal(mkdir(r->path, 0700), 0);
        else {
            state_close(open_state(r));
            assert_int_equal(chmod(r->path, 0666), 0);
        }
        s = open_state(r);
        assert_non_null(state_problem(s));
        if (strstr(state_problem(s), kinds[i]) == NULL || strstr(state_problem(s), "memory only") == NULL)
            fail_msg("%s: %s", kinds[i], state_problem(s));
        assert_true(take(r, s, 7, 100));
        assert_false(take(r, s, 7, 1));
        assert_false(exists(r, "other"));
        assert_int_equal(files_in(r), 1);
        state_close(s);
        assert_int_equal(room_close(state), 0);
        assert_int_equal(room_open(state), 0);
    }
}

static void without_its_directory_the_state_is_in_memory_and_says_so(void **state)
{
    struct room *r = *state;
    struct room elsewhere = *r;
    struct state *s;

    (void)snprintf(elsewhere.path, sizeof elsewhere.path, "%s/missing/folder/state", r->folder);
    s = open_state(&elsewhere);
    assert_non_null(strstr(state_problem(s), "/missing/folder/state: No such file or directory; make the directory"));
    assert_true(take(r, s, 7, 100));
    assert_false(take(r, s, 7, 1));
    block(r, s, 9, NS_PER_S);
    assert_true(is_blocked(r, s, 9));
    state_close(s);
}

static void a_path_without_a_name_is_refused_with_words(void **state)
{
    struct room *r = *state;
    struct room elsewhere = *r;
    struct state *s;

    (void)snprintf(elsewhere.path, sizeof elsewhere.path, "%s/", r->folder);
    s = open_state(&elsewhere);
    assert_non_null(strstr(state_problem(s), "directory"));
    state_close(s);
}

/* The limit on file sizes stands in for a full disk: the same call fails. */
static void without_room_on_the_disk_the_state_is_in_memory_until_there_is(void **state)
{
    struct room *r = *state;
    struct rlimit before, small = {8192, 8192};
    struct state *s;
    struct error e;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    s = open_state(r);
    assert_non_null(state_problem(s));
    assert_non_null(strstr(state_problem(s), "File too large; raise the limit"));
    assert_int_equal(files_in(r), 0);
    assert_true(take(r, s, 7, 60));
    block(r, s, 9, BLOCK_FOREVER);
    assert_int_equal(tick(r, s, &e), 0);
    assert_non_null(state_problem(s));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    /* Now there is: what was counted in memory goes into the file. */
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_non_null(state_notice(s));
    assert_int_equal(used(r, s, 7), 60);
    state_close(s);
    s = open_state(r);
    assert_null(state_problem(s));
    assert_int_equal(used(r, s, 7), 60);
    assert_true(is_blocked(r, s, 9));
    state_close(s);
}

static void what_several_programs_counted_without_room_comes_together_in_the_file(void **state)
{
    struct room *r = *state;
    struct rlimit before, small = {8192, 8192};
    struct state *first, *second;
    struct error e;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    first = open_state(r);
    second = open_state(r);
    assert_non_null(state_problem(first));
    assert_non_null(state_problem(second));
    assert_true(take(r, first, 7, 60));
    assert_true(take(r, second, 8, 50));
    block(r, second, 9, BLOCK_FOREVER);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(tick(r, first, &e), 0); /* makes the file */
    assert_int_equal(tick(r, second, &e), 0);
    for (int i = 0; i < 2; i++) {
        struct state *s = i == 0 ? first : second;

        assert_null(state_problem(s));
        assert_int_equal(used(r, s, 7), 60);
        assert_int_equal(used(r, s, 8), 50);
        assert_true(is_blocked(r, s, 9));
    }
    state_close(first);
    state_close(second);
}

static void half_made_files_of_a_killed_program_do_no_harm(void **state)
{
    struct room *r = *state;
    struct state *s;

    write_at(r, ".state.new", 0, "half", 4);
    s = open_state(r);
    assert_null(state_problem(s));
    assert_int_equal(files_in(r), 1);
    state_close(s);
}

/* ---- another size ---- */

static void another_number_of_entries_keeps_all_that_is_counted(void **state)
{
    static const uint64_t sizes[] = {4096, 128, 1024};
    struct room *r = *state;
    struct state *s = open_state(r);
    struct counters_stats stats;

    for (uint64_t key = 1; key <= 20; key++)
        assert_true(take(r, s, key * 1000003, key));
    send(r, s, 77);
    send(r, s, 77);
    block(r, s, 9, BLOCK_FOREVER);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct hash_secret secret = *state_secret(s);
        uint64_t before = now(r, s);

        state_close(s);
        r->entries = sizes[i];
        s = open_state(r);
        assert_null(state_problem(s));
        assert_null(state_notice(s));
        counters_stats(state_counters(s), now(r, s), &stats);
        assert_int_equal(stats.entries, sizes[i] / 8 * 7);
        for (uint64_t key = 1; key <= 20; key++)
            assert_int_equal(used(r, s, key * 1000003), key);
        assert_int_equal(sent(r, s, 77), 2);
        assert_true(is_blocked(r, s, 9));
        assert_memory_equal(state_secret(s), &secret, sizeof secret);
        assert_int_equal(now(r, s), before);
        assert_int_equal(files_in(r), 1);
    }
    state_close(s);
}

static void more_blocks_are_made_room_for_and_live_ones_never_dropped(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);

    for (uint64_t key = 1; key <= 32; key++)
        block(r, s, key, BLOCK_FOREVER);
    state_close(s);
    r->blocks = 16;
    r->entries = 512;
    s = open_state(r);
    for (uint64_t key = 1; key <= 32; key++)
        assert_true(is_blocked(r, s, key));
    state_close(s);
    r->blocks = 64;
    s = open_state(r);
    for (uint64_t key = 33; key <= 64; key++)
        block(r, s, key, BLOCK_FOREVER);
    for (uint64_t key = 1; key <= 64; key++)
        assert_true(is_blocked(r, s, key));
    state_close(s);
}

static void a_program_that_names_no_size_takes_the_file_as_it_is(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct counters_stats stats;
    struct stat before, after;

    state_close(s);
    assert_int_equal(stat(r->path, &before), 0);
    r->entries = 0;
    r->blocks = 0;
    s = open_state(r);
    counters_stats(state_counters(s), now(r, s), &stats);
    assert_int_equal(stats.entries, 256 / 8 * 7);
    assert_int_equal(stat(r->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    state_close(s);
}

static void running_programs_follow_a_migration_with_what_they_counted(void **state)
{
    struct room *r = *state;
    struct state *old = open_state(r), *new;
    struct error e;

    assert_true(take(r, old, 7, 10));
    r->entries = 1024;
    new = open_state(r);
    assert_int_equal(used(r, new, 7), 10);
    assert_true(take(r, old, 8, 30));
    block(r, old, 9, BLOCK_FOREVER);
    assert_int_equal(tick(r, old, &e), 0);
    assert_null(state_problem(old));
    assert_int_equal(used(r, new, 8), 30);
    assert_true(is_blocked(r, new, 9));
    assert_true(take(r, new, 7, 20));
    assert_int_equal(used(r, old, 7), 30);
    state_close(old);
    state_close(new);
}

/* ---- behind our back ---- */

static void a_removed_file_comes_back_with_all_that_was_counted(void **state)
{
    struct room *r = *state;
    struct state *a = open_state(r), *b = open_state(r);
    struct error e;

    assert_true(take(r, a, 7, 10));
    send(r, a, 77);
    block(r, a, 9, BLOCK_FOREVER);
    assert_int_equal(unlink(r->path), 0);
    assert_true(take(r, a, 7, 10));
    send(r, a, 77);
    assert_int_equal(tick(r, a, &e), 0);
    assert_null(state_problem(a));
    assert_non_null(strstr(state_notice(a), "missing"));
    assert_int_equal(used(r, a, 7), 20);
    assert_int_equal(sent(r, a, 77), 2);
    assert_true(is_blocked(r, a, 9));
    assert_int_equal(state_tick(b, r->boot_ns, r->wall_ns, &e), 0);
    assert_true(take(r, b, 7, 10));
    assert_int_equal(used(r, a, 7), 30);
    state_close(a);
    state_close(b);
    a = open_state(r);
    assert_int_equal(used(r, a, 7), 30);
    state_close(a);
}

static void a_removed_directory_means_memory_until_it_is_there_again(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    char moved[96];
    struct error e;

    assert_true(take(r, s, 7, 10));
    (void)snprintf(moved, sizeof moved, "%s-moved", r->folder);
    assert_int_equal(rename(r->folder, moved), 0);
    assert_int_equal(tick(r, s, &e), -1);
    assert_non_null(strstr(e.text, "memory only"));
    assert_string_equal(state_problem(s), e.text);
    /* Said once, not each second. */
    assert_int_equal(tick(r, s, &e), 0);
    assert_non_null(state_problem(s));
    assert_true(take(r, s, 7, 10));
    assert_int_equal(rename(moved, r->folder), 0);
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_int_equal(used(r, s, 7), 20);
    state_close(s);
}

static void another_file_in_its_place_is_used_from_the_next_tick_on(void **state)
{
    struct room *r = *state;
    struct room other = *r;
    struct state *s = open_state(r), *o;
    struct error e;

    (void)snprintf(other.path, sizeof other.path, "%s/other", r->folder);
    /* Made before the last reboot, so that its time has another offset. */
    other.boot_ns += 1000000 * NS_PER_S;
    other.boot_id = 99;
    other.wall_ns -= 5000 * NS_PER_S;
    state_close(open_state(&other));
    other.wall_ns = r->wall_ns;
    other.boot_ns = r->boot_ns;
    other.boot_id = r->boot_id;
    o = open_state(&other);
    assert_int_not_equal(now(r, s), now(&other, o));
    assert_true(take(r, s, 7, 10));
    assert_true(take(&other, o, 8, 55));
    block(&other, o, 9, 50 * NS_PER_S);
    state_close(o);
    assert_int_equal(rename(other.path, r->path), 0);
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_int_equal(used(r, s, 8), 55);
    assert_true(is_blocked(r, s, 9));
    /* Its keys are made with another secret: ours mean nothing there. */
    assert_int_equal(used(r, s, 7), 0);
    r->boot_ns += 50 * NS_PER_S;
    assert_false(is_blocked(r, s, 9));
    state_close(s);
}

static void a_header_that_was_written_over_is_put_right(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    char zeros[STATE_HEADER_BYTES] = {0};
    struct error e;

    assert_true(take(r, s, 7, 10));
    block(r, s, 9, BLOCK_FOREVER);
    assert_int_equal(tick(r, s, &e), 0);
    write_at(r, "state", 0, zeros, sizeof zeros);
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_non_null(strstr(state_notice(s), "header was damaged"));
    assert_true(is_blocked(r, s, 9));
    state_close(s);
    s = open_state(r);
    assert_null(state_notice(s));
    assert_int_equal(used(r, s, 7), 10);
    assert_true(is_blocked(r, s, 9));
    state_close(s);
}

static void a_closed_file_whose_count_of_blocks_was_wiped_hides_none(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct blocks_head none = {0};

    for (uint64_t key = 1; key <= 30; key++)
        block(r, s, key, BLOCK_FOREVER);
    state_close(s);
    write_at(r, "state", offsetof(struct state_header, blocks), &none, sizeof none);
    s = open_state(r);
    for (uint64_t key = 1; key <= 30; key++)
        assert_true(is_blocked(r, s, key));
    state_close(s);
}

/* In a child of its own: the handler is the process's. */
static int survive_truncation(struct room *r, off_t size)
{
    struct state *s = open_state(r);
    struct error e;
    bool good;

    block(r, s, 9, BLOCK_FOREVER);
    for (uint64_t key = 1; key <= 100; key++)
        (void)take(r, s, key, 10);
    good = tick(r, s, &e) == 0 && state_guard_install(&e) == 0 && truncate(r->path, size) == 0;
    /* Each page is touched; the gate still counts. */
    for (uint64_t key = 1; key <= 500; key++)
        good = good && take(r, s, key, 90) && !take(r, s, key, 11);
    (void)is_blocked(r, s, 9);
    good = good && tick(r, s, &e) == 0 && state_problem(s) == NULL && exists(r, "state.damaged-20231114T221322");
    good = good && strstr(state_notice(s), "truncated") != NULL;
    for (uint64_t key = 1; key <= 500; key++)
        good = good && !take(r, s, key, 11);
    good = good && is_blocked(r, s, 9);
    state_close(s);
    r->boot_ns += NS_PER_S;
    s = open_state(r);
    good = good && state_problem(s) == NULL && !take(r, s, 400, 11) && is_blocked(r, s, 9);
    state_close(s);
    return good ? 0 : 1;
}

static void a_truncated_file_kills_nobody_and_loses_no_block(void **state)
{
    static const off_t sizes[] = {0, 1000, 4096, 12288};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct room *r = *state;
        int status;
        pid_t pid;

        r->entries = 4096;
        (void)fflush(NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            exit(survive_truncation(r, sizes[i])); /* not _exit: leaks and coverage are looked at there */
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status != 0)
            fail_msg("truncated to %ld: status %d", (long)sizes[i], status);
        assert_int_equal(room_close(state), 0);
        assert_int_equal(room_open(state), 0);
    }
}

static void a_truncated_file_that_nobody_touched_is_noticed_by_the_tick(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct error e;

    block(r, s, 9, BLOCK_FOREVER);
    assert_int_equal(tick(r, s, &e), 0);
    assert_int_equal(truncate(r->path, 4096), 0);
    assert_int_equal(tick(r, s, &e), 0);
    assert_null(state_problem(s));
    assert_true(is_blocked(r, s, 9));
    assert_true(take(r, s, 7, 100));
    assert_false(take(r, s, 7, 1));
    state_close(s);
}

static void another_programs_fault_is_still_its_death(void **state)
{
    (void)state;
    for (int sent = 0; sent < 2; sent++) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
            struct room *r = *state;
            struct error e;
            int fd = open(r->folder, O_TMPFILE | O_RDWR, 0600);
            volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

            (void)signal(SIGBUS, SIG_DFL);
            (void)open_state(r);
            if (fd < 0 || p == MAP_FAILED || state_guard_install(&e) != 0)
                _exit(1);
            if (sent)
                (void)raise(SIGBUS);
            else
                (void)*p;
            _exit(2);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    }
}

static void tables_that_were_replaced_stay_readable_and_are_emptied_later(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct counters *old = state_counters(s);
    struct charge k = {7, 3600 * NS_PER_S, 100, 0};
    struct error e;

    assert_true(take(r, s, 7, 10));
    assert_int_equal(unlink(r->path), 0);
    assert_int_equal(tick(r, s, &e), 0);
    assert_ptr_not_equal(state_counters(s), old);
    assert_int_equal(counters_look(old, &k, now(r, s)).used, 10);
    for (int i = 0; i < 61; i++)
        assert_int_equal(tick(r, s, &e), 0);
    assert_int_equal(counters_look(old, &k, now(r, s)).used, 0);
    assert_int_equal(used(r, s, 7), 10);
    state_close(s);
}

/* ---- threads ---- */

struct user {
    const struct room *r;
    struct state *s;
    uint32_t stop;
    uint64_t passed;
};

static void *charge_all_the_time(void *arg)
{
    struct user *u = arg;

    while (__atomic_load_n(&u->stop, __ATOMIC_ACQUIRE) == 0) {
        struct charge k = {7, 1, 1000000000, 1};
        struct charge_answer a;
        uint64_t until;

        if (counters_charge(state_counters(u->s), &k, 1, state_now(u->s, BOOT), &a) == 1)
            (void)__atomic_fetch_add(&u->passed, 1, __ATOMIC_RELAXED);
        (void)blocks_find(state_blocks(u->s), 9, state_now(u->s, BOOT), &until);
        (void)state_problem(u->s);
        (void)state_notice(u->s);
    }
    return NULL;
}

static void threads_go_on_while_the_file_is_taken_away(void **state)
{
    struct room *r = *state;
    struct room clocks = *r;
    struct state *s = open_state(r);
    struct user u = {r, s, 0, 0};
    pthread_t thread;
    struct error e;

    assert_int_equal(pthread_create(&thread, NULL, charge_all_the_time, &u), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(unlink(r->path), 0);
        assert_int_equal(tick(&clocks, s, &e), 0);
        assert_null(state_problem(s));
        block(&clocks, s, 9, 100 * NS_PER_S);
    }
    while (__atomic_load_n(&u.passed, __ATOMIC_RELAXED) == 0) /* a busy machine may not have run it yet */
        (void)sched_yield();
    __atomic_store_n(&u.stop, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    state_close(s);
}

/* ---- clocks ---- */

static const struct {
    const char *what;
    int64_t wall_s;    /* how far the wall clock advances over the reboot */
    uint64_t passes_s; /* how far state time advances; a second less is right, too: seconds are rounded down */
} reboots[] = {
    {"a minute", 60, 60},
    {"the wall clock stands still", 0, 0},
    {"the wall clock goes back a second", -1, 0},
    {"the wall clock goes back a year", -365 * 86400, 0},
    {"the wall clock begins at 1970", -1700000000, 0},
    {"a day", 86400, 86400},
    {"400 days", 400 * 86400, 400 * 86400},
    {"two years", 730 * 86400, 400 * 86400},
    {"2106", INT64_C(2594967296), 400 * 86400},
};

static void over_a_reboot_passes_what_the_wall_clock_says_within_bounds(void **state)
{
    for (size_t i = 0; i < sizeof reboots / sizeof *reboots; i++) {
        struct room *r = *state;
        struct state *s = open_state(r);
        uint64_t before, passed;
        struct error e;

        assert_int_equal(tick(r, s, &e), 0);
        before = now(r, s);
        block(r, s, 9, BLOCK_FOREVER);
        state_close(s);
        r->wall_ns += (uint64_t)reboots[i].wall_s * NS_PER_S;
        r->boot_ns = 3 * NS_PER_S;
        r->boot_id++;
        s = open_state(r);
        assert_null(state_problem(s));
        passed = now(r, s) - before;
        if (passed > reboots[i].passes_s * NS_PER_S || passed + NS_PER_S < reboots[i].passes_s * NS_PER_S)
            fail_msg("%s: %llu ns passed", reboots[i].what, (unsigned long long)passed);
        assert_true(is_blocked(r, s, 9));
        state_close(s);
        /* The second opener of this boot finds it done. */
        r->boot_ns += NS_PER_S;
        s = open_state(r);
        assert_int_equal(now(r, s) - before, passed + NS_PER_S);
        state_close(s);
        assert_int_equal(room_close(state), 0);
        assert_int_equal(room_open(state), 0);
    }
}

static void steps_of_the_wall_clock_do_nothing_while_running(void **state)
{
    static const int64_t steps[] = {1, -1, 3600, -3600, 365 * 86400, -365 * 86400};
    struct room *r = *state;
    struct state *s = open_state(r);
    struct error e;

    assert_true(take(r, s, 7, 50));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint64_t before = now(r, s);

        r->wall_ns += (uint64_t)steps[i] * NS_PER_S;
        assert_int_equal(tick(r, s, &e), 0);
        assert_int_equal(now(r, s), before + NS_PER_S);
        state_close(s);
        s = open_state(r);
        assert_int_equal(now(r, s), before + NS_PER_S);
        assert_int_equal(used(r, s, 7), 50);
    }
    state_close(s);
}

static void without_a_boot_id_a_boot_clock_that_went_back_shows_the_reboot(void **state)
{
    struct room *r = *state;
    struct state *s;
    uint64_t before;

    r->boot_id = 0;
    s = open_state(r);
    before = now(r, s);
    state_close(s);
    r->boot_ns = 10 * NS_PER_S;
    r->wall_ns += 100 * NS_PER_S;
    s = open_state(r);
    assert_true(now(r, s) >= before + 99 * NS_PER_S && now(r, s) <= before + 100 * NS_PER_S);
    state_close(s);
}

/* One step of what can happen to a machine's clocks: time passes, the wall clock is set, a restart, a reboot. */
static void random_step(struct room *r, struct state **s, uint64_t *seed)
{
    uint64_t kind, ahead;
    struct error e;

    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    kind = *seed % 100;
    ahead = *seed / 100 % (1000 * NS_PER_S);
    if (kind < 70) {
        r->boot_ns += ahead;
        r->wall_ns += ahead;
    } else if (kind < 80) {
        r->wall_ns = *seed / 100 % (UINT64_C(4291747200) * NS_PER_S);
    } else if (kind < 97) {
        assert_int_equal(state_tick(*s, r->boot_ns, r->wall_ns, &e), 0);
    } else {
        state_close(*s);
        if (kind < 99) {
            r->boot_id = *seed;
            r->boot_ns = ahead;
            r->wall_ns = kind == 98 ? *seed % (UINT64_C(4291747200) * NS_PER_S) : r->wall_ns + ahead;
        }
        *s = open_state(r);
    }
}

/*
 * Whatever the clocks do: in a step no more passes than the burst and what the rate allows for the state time that went
 * by; state time goes back by no more than what was never noted; and no refusal is longer than the limit's window.
 */
static void a_hundred_thousand_steps_of_the_clocks_neither_open_nor_jam_the_gate(void **state)
{
    struct room *r = *state;
    struct state *s = open_state(r);
    struct charge k = {7, 60 * NS_PER_S, 20, 1};
    uint64_t seed = 0x9e3779b97f4a7c15, noted = now(r, s), units;
    struct charge_answer a;

    for (int i = 0; i < 100000; i++) {
        random_step(r, &s, &seed);
        /* After centuries of wrong wall clocks a new file. */
        if (noted > UINT64_MAX / 4) {
            state_close(s);
            assert_int_equal(unlink(r->path), 0);
            s = open_state(r);
            noted = 0;
        }
        assert_true(now(r, s) >= noted);
        noted = now(r, s);
        assert_int_equal(state_tick(s, r->boot_ns, r->wall_ns, NULL), 0);
        for (units = 0; counters_charge(state_counters(s), &k, 1, now(r, s), &a) == 1; units++)
            continue;
        assert_true(units <= k.burst);
        assert_true(a.retry_ns <= k.interval_ns * k.burst);
        assert_true(a.retry_ns > 0 && a.used == k.burst);
    }
    assert_null(state_problem(s));
    assert_null(state_notice(s));
    state_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_is_allocated_whole_and_private),
        TEST(the_lock_is_a_file_of_the_folders_owner_that_nobody_else_can_open),
        TEST(a_lock_on_the_folder_or_on_the_file_is_nothing_to_us),
        TEST(a_reboot_while_the_lock_is_held_lifts_no_block_and_is_written_down_later),
        TEST(what_can_be_read_of_a_file_that_cannot_be_used_holds_in_memory),
        TEST(a_file_of_version_1_is_renewed_with_all_that_it_holds),
        TEST(a_file_of_version_1_that_cannot_be_renewed_holds_in_memory_until_it_can),
        TEST(a_file_of_version_2_keeps_all_and_gets_room_for_habits),
        TEST(while_a_file_of_version_2_cannot_be_renewed_habits_are_kept_in_memory),
        TEST(a_file_in_the_place_of_the_folder_moves_into_it),
        TEST(a_missing_folder_is_made_and_another_file_in_its_place_left_alone),
        TEST(a_restart_keeps_counters_blocks_secret_and_time),
        TEST(each_file_has_its_own_secret),
        TEST(two_openers_share_one_table),
        TEST(what_a_service_uses_is_known_to_others_while_it_runs),
        TEST(each_service_says_which_program_it_is),
        TEST(the_places_of_dead_services_are_used_again),
        TEST(processes_that_start_at_once_make_one_file),
        TEST(a_lock_that_is_never_given_back_stops_nobody),
        TEST(a_damaged_file_is_set_aside_and_a_newer_one_left_alone),
        TEST(receipts_are_kept_in_the_file_and_in_memory),
        TEST(what_is_no_plain_file_of_ours_is_left_alone),
        TEST(without_its_directory_the_state_is_in_memory_and_says_so),
        TEST(a_path_without_a_name_is_refused_with_words),
        TEST(without_room_on_the_disk_the_state_is_in_memory_until_there_is),
        TEST(what_several_programs_counted_without_room_comes_together_in_the_file),
        TEST(half_made_files_of_a_killed_program_do_no_harm),
        TEST(another_number_of_entries_keeps_all_that_is_counted),
        TEST(more_blocks_are_made_room_for_and_live_ones_never_dropped),
        TEST(a_program_that_names_no_size_takes_the_file_as_it_is),
        TEST(running_programs_follow_a_migration_with_what_they_counted),
        TEST(a_removed_file_comes_back_with_all_that_was_counted),
        TEST(a_removed_directory_means_memory_until_it_is_there_again),
        TEST(another_file_in_its_place_is_used_from_the_next_tick_on),
        TEST(a_header_that_was_written_over_is_put_right),
        TEST(a_closed_file_whose_count_of_blocks_was_wiped_hides_none),
        TEST(a_truncated_file_kills_nobody_and_loses_no_block),
        TEST(a_truncated_file_that_nobody_touched_is_noticed_by_the_tick),
        TEST(another_programs_fault_is_still_its_death),
        TEST(tables_that_were_replaced_stay_readable_and_are_emptied_later),
        TEST(threads_go_on_while_the_file_is_taken_away),
        TEST(over_a_reboot_passes_what_the_wall_clock_says_within_bounds),
        TEST(steps_of_the_wall_clock_do_nothing_while_running),
        TEST(without_a_boot_id_a_boot_clock_that_went_back_shows_the_reboot),
        TEST(a_hundred_thousand_steps_of_the_clocks_neither_open_nor_jam_the_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
