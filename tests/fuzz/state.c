/*
 * Fuzz target: a state file with bytes changed, before it is opened and while it is in use. Whatever it says: no crash,
 * no reading outside the mapping, texts that can be shown; no key ever gets more than its burst at one time, no charge
 * above the burst passes, no refusal outlasts the longest window, and a block that was answered as added is found.
 *
 * Input: byte 0 says how many of the following changes are made before opening (the rest is made afterwards) and, by
 * its highest bit, whether the file is cut to the length in the first change. Then changes of 4 bytes: offset (16 bits,
 * little endian, scaled so that header, counters and blocks are all reached), value, and how (0 set, 1 xor, 2 a run of
 * 64 bytes, else a run to the page's end).
 *
 * --make-corpus=DIR writes seeds and ends.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/state/blocks.h"
#include "core/state/counters.h"
#include "core/state/state.h"
#include "core/state/state_map.h"

#define BOOT (5000 * NS_PER_S)
#define WALL (UINT64_C(1700000000) * NS_PER_S)
#define KEYS 40
#define BURST 8
#define ENTRIES 64
#define BLOCKS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char folder[64], path[96];
static unsigned char *sample; /* the undamaged file */
static size_t sample_bytes;

#define MUST(what)                                                                                                     \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            (void)fprintf(stderr, "state: broken promise: %s\n", #what);                                               \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static struct state *open_state(void)
{
    struct state_options o = {path, ENTRIES, BLOCKS, BOOT, WALL, 77};
    struct state *s = NULL;

    MUST(state_open(&o, &s, NULL) == 0);
    return s;
}

static void remove_folder(void)
{
    char name[160];

    (void)unlink(path);
    (void)snprintf(name, sizeof name, "%s.damaged-20231114T221320", path);
    (void)unlink(name);
    (void)rmdir(folder);
}

static void read_sample(void)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    MUST(fd >= 0 && fstat(fd, &st) == 0);
    sample_bytes = (size_t)st.st_size;
    sample = malloc(sample_bytes);
    MUST(sample != NULL && read(fd, sample, sample_bytes) == (ssize_t)sample_bytes);
    (void)close(fd);
}

static void make_sample(void)
{
    struct state *s;
    uint64_t now;

    (void)snprintf(folder, sizeof folder, "%s/postern-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/state", folder);
    MUST(atexit(remove_folder) == 0);
    s = open_state();
    now = state_now(s, BOOT);
    for (uint64_t key = 1; key <= KEYS; key++) {
        struct charge k = {key, NS_PER_S, BURST, key};
        struct charge_answer a;

        counters_force(state_counters(s), &k, now, &a);
    }
    for (uint64_t key = 1; key <= 8; key++) {
        struct block b = {.key = key, .from_ns = now, .until_ns = now + key * NS_PER_S, .subject = "user sean"};

        MUST(blocks_add(state_blocks(s), &b, now, NULL) == 0);
    }
    state_close(s);
    read_sample();
}

/* Half of all changes hit the header's first 512 bytes; the rest the whole file. */
static size_t where(const uint8_t *change)
{
    size_t at = (size_t)change[0] | (size_t)change[1] << 8;

    return (at & 1) != 0 ? (at >> 1) % 512 : (at >> 1) % sample_bytes;
}

static void change_bytes(unsigned char *file, const uint8_t *change)
{
    size_t at = where(change), run = 1;

    if (change[3] >= 2)
        run = change[3] == 2 ? 64 : 4096 - at % 4096;
    if (run > sample_bytes - at)
        run = sample_bytes - at;
    for (size_t i = 0; i < run; i++)
        file[at + i] = change[3] == 1 ? file[at + i] ^ change[2] : change[2];
}

static void write_file(const unsigned char *file, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);

    MUST(fd >= 0 && fchmod(fd, 0660) == 0 && write(fd, file, bytes) == (ssize_t)bytes);
    (void)close(fd);
}

/* Changes to the file that is in use. */
static void write_changes(const uint8_t *changes, size_t n)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned char *file = malloc(sample_bytes);

    MUST(file != NULL && fd >= 0 && pread(fd, file, sample_bytes, 0) == (ssize_t)sample_bytes);
    for (size_t i = 0; i < n; i++)
        change_bytes(file, changes + 4 * i);
    MUST(pwrite(fd, file, sample_bytes, 0) == (ssize_t)sample_bytes);
    free(file);
    (void)close(fd);
}

static void use_counters(struct state *s)
{
    uint64_t now = state_now(s, BOOT);
    struct counters_stats stats;

    for (uint64_t key = 1; key <= KEYS; key += 3) {
        struct charge k[2] = {{key, NS_PER_S, BURST, 1}, {key + 1, NS_PER_S, BURST, BURST + 1}};
        struct charge_answer a[2];
        unsigned passed = 0;
        bool crowded;

        while (counters_charge(state_counters(s), k, 1, now, a) == 1)
            MUST(++passed <= BURST);
        MUST(!a[0].allowed && a[0].retry_ns <= COUNTERS_LONGEST_WINDOW_NS && (a[0].retry_ns > 0 || a[0].never));
        MUST(counters_charge(state_counters(s), k + 1, 1, now, a) == 0 && a[0].never);
        MUST(counters_charge(state_counters(s), k, 2, now, a) < 2);
        counters_force(state_counters(s), k, now, a);
        (void)counters_mark(state_counters(s), key + 1000, now, NS_PER_S, true, &crowded);
        MUST(crowded || counters_marked(state_counters(s), key + 1000, now));
        (void)counters_reset(state_counters(s), key + 1000, now);
        MUST(!counters_marked(state_counters(s), key + 1000, now));
    }
    counters_stats(state_counters(s), now, &stats);
    MUST(stats.live <= stats.entries);
}

static void must_be_text(const char *text, size_t size)
{
    MUST(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++)
        MUST(*text >= 0x20 && *text <= 0x7e);
}

static void use_blocks(struct state *s)
{
    uint64_t now = state_now(s, BOOT), until;
    struct blocks *blocks = state_blocks(s);
    struct block b = {.key = 99, .from_ns = now, .until_ns = now + NS_PER_S, .subject = "client 192.0.2.1"};
    unsigned n = 0;

    for (uint64_t key = 1; key <= 8; key++)
        if (blocks_find(blocks, key, now, &until))
            MUST(until > now);
    if (blocks_add(blocks, &b, now, NULL) == 0)
        MUST(blocks_find(blocks, 99, now, &until) && until >= now + NS_PER_S);
    for (uint32_t at = 0; blocks_next(blocks, &at, now, &b); n++) {
        MUST(b.key != 0 && b.until_ns > now);
        must_be_text(b.subject, sizeof b.subject);
        must_be_text(b.limit, sizeof b.limit);
        must_be_text(b.reason, sizeof b.reason);
    }
    MUST(n <= BLOCKS_PLACES_EACH * BLOCKS); /* whatever stands in the index */
    (void)blocks_lift(blocks, 99, now);
    MUST(!blocks_find(blocks, 99, now, &until));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size > 0 ? (size - 1) / 4 : 0, before = size > 0 ? data[0] & 0x7f : 0, bytes;
    unsigned char *file;
    struct state *s;

    if (sample == NULL)
        make_sample();
    if (n > 64)
        return 0;
    before = before < n ? before : n;
    bytes = sample_bytes;
    if (before > 0 && (data[0] & 0x80) != 0)
        bytes = where(data + 1);
    file = malloc(sample_bytes);
    MUST(file != NULL);
    memcpy(file, sample, sample_bytes);
    for (size_t i = 0; i < before; i++)
        change_bytes(file, data + 1 + 4 * i);
    write_file(file, bytes);
    free(file);

    s = open_state();
    use_counters(s);
    use_blocks(s);
    /* A file that was left alone (a newer version) may have another length. */
    if (n > before && state_problem(s) == NULL) {
        write_changes(data + 1 + 4 * before, n - before);
        use_counters(s);
        use_blocks(s);
        (void)state_tick(s, BOOT + NS_PER_S, WALL, NULL);
        use_counters(s);
        use_blocks(s);
    }
    state_close(s);
    return 0;
}

/* ---- seeds ---- */

#define HEADER(at) (uint8_t)(((at) << 1 | 1) & 0xff), (uint8_t)(((at) << 1 | 1) >> 8)
#define FILE_AT(at) (uint8_t)((at) << 1 & 0xff), (uint8_t)((at) << 1 >> 8)

static const struct {
    const char *name;
    uint8_t bytes[16];
    size_t n;
} seeds[] = {
    {"whole", {0}, 1},
    {"magic", {1, HEADER(0), 0, 0}, 5},
    {"version", {1, HEADER(8), 2, 0}, 5},
    {"byte-order", {1, HEADER(12), 9, 0}, 5},
    {"sizes", {1, HEADER(24), 255, 0}, 5},
    {"secret", {1, HEADER(41), 1, 1}, 5},
    {"check", {1, HEADER(56), 1, 1}, 5},
    {"clock", {1, HEADER(67), 1, 1}, 5},
    {"note", {1, HEADER(83), 1, 1}, 5},
    {"blocks-used", {1, HEADER(192), 0, 2}, 5},
    {"cut", {0x81, FILE_AT(4097), 0, 0}, 5},
    {"cut-header", {0x81, HEADER(20), 0, 0}, 5},
    {"counters-ones", {1, FILE_AT(4096), 255, 3}, 5},
    {"counters-running", {0, FILE_AT(4096), 255, 3, FILE_AT(4160), 1, 2}, 9},
    {"blocks-ones", {1, FILE_AT(5120), 255, 3}, 5},
    {"blocks-running", {0, FILE_AT(5120), 255, 3}, 5},
    {"records-running", {0, FILE_AT(5376), 27, 3, FILE_AT(8192), 27, 3}, 9},
    {"header-running", {0, HEADER(0), 0, 3}, 5},
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char flag[] = "--make-corpus=";

    for (int i = 1; i < *argc; i++) {
        const char *to = (*argv)[i];

        if (strncmp(to, flag, sizeof flag - 1) != 0)
            continue;
        for (size_t j = 0; j < sizeof seeds / sizeof *seeds; j++) {
            char name[400];
            FILE *f;

            (void)snprintf(name, sizeof name, "%s/%s", to + sizeof flag - 1, seeds[j].name);
            f = fopen(name, "wb");
            MUST(f != NULL && fwrite(seeds[j].bytes, 1, seeds[j].n, f) == seeds[j].n && fclose(f) == 0);
        }
        exit(0);
    }
    return 0;
}
