/* The outbox's file: made whole, so that a full disk kills nobody; found again when it was removed or replaced. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/owner.h"
#include "core/state/outbox_ring.h"
#include "core/state/state_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* For the services' user alone: the folder's group may be that of the MTA, which reaches the sockets there. */
#define FILE_MODE 0600
#define FILE_BYTES (OUTBOX_HEADER_BYTES + OUTBOX_SLOTS * sizeof(struct outbox_slot))
#define ENDIAN_MARK UINT32_C(0x01020304)
/* No thread uses a ring this long after it was replaced, since posting takes nanoseconds. */
#define HOLLOW_AFTER_NS (60 * NS_PER_S)

_Static_assert(sizeof(struct outbox_header) <= OUTBOX_HEADER_BYTES, "the header fits its page");

static int failed(const char *what, const char *path, int number, struct error *e)
{
    char text[400];
    struct buf name = BUF_OVER(text);

    buf_add_escaped(&name, slice_of(path), 256);
    return error_set(e, "cannot %s the outbox %s: %s", what, name.p, strerror(number));
}

/* ---- the header ---- */

static struct outbox_constants constants_make(void)
{
    static const struct hash_secret fixed = {{UINT64_C(0x706f737465726e00), UINT64_C(0x6f7574626f780000)}};
    struct outbox_constants k = {.version = OUTBOX_VERSION, .endian = ENDIAN_MARK, .slots = OUTBOX_SLOTS};

    memcpy(k.magic, OUTBOX_MAGIC, sizeof k.magic);
    k.check = hash_bytes(&fixed, &k, offsetof(struct outbox_constants, check));
    return k;
}

static bool has_header(int fd, const struct stat *st)
{
    const struct outbox_constants right = constants_make();
    struct outbox_constants k;

    return (uint64_t)st->st_size == FILE_BYTES && pread(fd, &k, sizeof k, 0) == (ssize_t)sizeof k &&
           memcmp(&k, &right, sizeof k) == 0;
}

/* ---- the file ---- */

static int allocate(int fd)
{
    int number;

    do {
        number = posix_fallocate(fd, 0, (off_t)FILE_BYTES);
    } while (number == EINTR);
    return number;
}

/* Fills a new file. 0, or an errno. */
static int fill(int fd)
{
    const struct outbox_constants k = constants_make();
    int number;

    if ((number = allocate(fd)) != 0)
        return number;
    return pwrite(fd, &k, sizeof k, 0) == (ssize_t)sizeof k ? 0 : errno;
}

/*
 * Makes the file: beside its place, then moved there; what another program has put there meanwhile stays, unless
 * `replace`. 0; -1 with e.
 */
static int make(const char *path, bool replace, struct error *e)
{
    char text[4096];
    struct buf name = BUF_OVER(text);
    int fd, number;

    buf_addf(&name, "%s.%ld.new", path, (long)getpid());
    if (name.full)
        return failed("make", path, ENAMETOOLONG, e);
    (void)unlink(text);
    fd = open(text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return failed("make", path, errno, e);
    number = fill(fd);
    (void)close(fd);
    if (number == 0 && (replace ? rename(text, path) : link(text, path)) != 0 && errno != EEXIST)
        number = errno;
    (void)unlink(text);
    return number == 0 ? 0 : failed("make", path, number, e);
}

enum found { FOUND_GOOD, FOUND_NONE, FOUND_FOREIGN, FOUND_UNUSABLE };

/* Opens the file; *fd and *st when it is good, e when it can't be used. */
static enum found look(const char *path, int *fd, struct stat *st, struct error *e)
{
    enum found found = FOUND_UNUSABLE;

    *fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 && errno == ENOENT)
        return FOUND_NONE;
    if (*fd < 0 || fstat(*fd, st) != 0)
        (void)failed("open", path, errno, e);
    else if (!S_ISREG(st->st_mode) || (st->st_mode & S_IWOTH) != 0)
        (void)error_set(e, "the outbox %s is not a regular file, or everybody may write to it: remove it", path);
    else
        found = has_header(*fd, st) ? FOUND_GOOD : FOUND_FOREIGN;
    if (found != FOUND_GOOD && *fd >= 0)
        (void)close(*fd);
    return found;
}

/* Opens the file that is there, or makes one. A descriptor; -1 with e. */
static int open_or_make(const char *path, struct stat *st, struct error *e)
{
    struct owner_visit visit;
    enum found found;
    int fd = -1, made = 0;

    if (owner_enter(path, &visit, e) != 0)
        return -1;
    found = look(path, &fd, st, e);
    if ((found == FOUND_NONE || found == FOUND_FOREIGN) && visit.inside) {
        made = error_set(e, "there is no outbox %s yet: start the services", path); /* it would not be theirs */
    } else if (found == FOUND_NONE || found == FOUND_FOREIGN) {
        made = make(path, found == FOUND_FOREIGN, e);
        found = made != 0 ? FOUND_UNUSABLE : look(path, &fd, st, e);
    }
    owner_leave(&visit);
    if (found == FOUND_GOOD)
        return fd;
    return made != 0 || found == FOUND_UNUSABLE ? -1 : error_set(e, "the outbox %s is replaced all the time", path);
}

/* ---- mapping ---- */

static void ring_free(struct outbox_ring *ring)
{
    guard_forget(ring->guard);
    (void)munmap(ring->header, FILE_BYTES);
    if (ring->fd >= 0)
        (void)close(ring->fd);
    free(ring);
}

/* Owns fd. NULL with e. */
static struct outbox_ring *ring_map(const struct outbox *o, int fd, const struct stat *st, struct error *e)
{
    struct outbox_ring *ring = malloc(sizeof *ring);
    void *base = MAP_FAILED;

    if (ring == NULL)
        (void)error_set(e, "no memory for the outbox");
    else if (o->role == OUTBOX_READER && flock(fd, LOCK_EX | LOCK_NB) != 0)
        (void)error_set(e, "another program reads the outbox %s: each record would be counted twice", o->path);
    else if ((base = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0)) == MAP_FAILED)
        (void)failed("map", o->path, errno, e);
    if (base == MAP_FAILED) {
        free(ring);
        (void)close(fd);
        return NULL;
    }
    *ring = outbox_over(base, OUTBOX_SLOTS);
    ring->fd = fd;
    ring->dev = st->st_dev;
    ring->ino = st->st_ino;
    ring->guard = guard_watch(base, FILE_BYTES, fd);
    return ring;
}

/* Puts a ring in use. The one before stays mapped: threads may be posting to it. */
static void use(struct outbox *o, struct outbox_ring *ring, uint64_t boot_ns)
{
    ring->older = o->now;
    if (o->now != NULL)
        o->now->retired_ns = boot_ns;
    if (o->role == OUTBOX_READER)
        outbox_resume(o, ring);
    __atomic_store_n(&o->now, ring, __ATOMIC_RELEASE);
}

static void attach(struct outbox *o, uint64_t boot_ns)
{
    struct stat st = {.st_dev = 0};
    int fd = open_or_make(o->path, &st, &o->problem);
    struct outbox_ring *ring = fd < 0 ? NULL : ring_map(o, fd, &st, &o->problem);

    o->has_problem = ring == NULL;
    if (ring != NULL)
        use(o, ring, boot_ns);
    else if (o->role == OUTBOX_WRITER)
        (void)error_prefix(&o->problem, "the other relays don't learn what is counted here");
}

/* ---- the interface ---- */

int outbox_open(const char *path, enum outbox_role role, struct outbox **out, struct error *e)
{
    struct outbox *o = calloc(1, sizeof *o);

    *out = NULL;
    if (o == NULL || (o->path = strdup(path)) == NULL) {
        free(o);
        return error_set(e, "no memory for the outbox");
    }
    o->role = role;
    attach(o, 0);
    *out = o;
    return 0;
}

void outbox_close(struct outbox *o)
{
    if (o == NULL)
        return;
    for (struct outbox_ring *ring = o->now, *older; ring != NULL; ring = older) {
        older = ring->older;
        ring_free(ring);
    }
    free(o->path);
    free(o);
}

const char *outbox_problem(const struct outbox *o)
{
    return o->has_problem ? o->problem.text : NULL;
}

enum health { HEALTH_GOOD, HEALTH_ELSEWHERE, HEALTH_DAMAGED };

static enum health examine(const struct outbox *o)
{
    const struct outbox_ring *ring = o->now;
    struct stat ours, there;

    if (ring == NULL)
        return HEALTH_ELSEWHERE;
    if (guard_tripped(ring->guard) || fstat(ring->fd, &ours) != 0 || (uint64_t)ours.st_size != FILE_BYTES)
        return HEALTH_DAMAGED;
    return stat(o->path, &there) != 0 || there.st_dev != ring->dev || there.st_ino != ring->ino ? HEALTH_ELSEWHERE
                                                                                                : HEALTH_GOOD;
}

static void hollow_retired(struct outbox *o, uint64_t boot_ns)
{
    for (struct outbox_ring *ring = o->now != NULL ? o->now->older : NULL; ring != NULL; ring = ring->older) {
        if (ring->hollow || boot_ns - ring->retired_ns < HOLLOW_AFTER_NS ||
            mmap(ring->header, FILE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
            continue;
        guard_forget(ring->guard);
        (void)close(ring->fd);
        ring->guard = ring->fd = -1;
        ring->hollow = true;
    }
}

void outbox_tick(struct outbox *o, uint64_t boot_ns)
{
    enum health health = examine(o);
    struct outbox_stats stats;

    outbox_stats(o, &stats);
    if (health == HEALTH_DAMAGED && o->role == OUTBOX_READER)
        (void)flock(o->now->fd, LOCK_UN); /* it may be the same file again */
    if (health == HEALTH_GOOD)
        o->has_problem = false;
    else if (health == HEALTH_DAMAGED || o->role == OUTBOX_WRITER || stats.waiting == 0 || o->has_problem)
        attach(o, boot_ns);
    /* Else the reader first drains what it has. */
    hollow_retired(o, boot_ns);
}

_Static_assert(OUTBOX_SLOTS != 0 && (OUTBOX_SLOTS & (OUTBOX_SLOTS - 1)) == 0,
               "a sequence maps to a slot by its low bits");
