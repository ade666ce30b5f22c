#include "core/state/state_file.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/state/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The group reads (core/state/state_reader.c); who counts and blocks is the owner. */
#define FILE_MODE 0640
#define FOLDER_MODE 0750

static const struct {
    int number;
    const char *advice;
} advices[] = {
    {EACCES, "; a service must own it, and who only reads be of its group (mode 0640); both need the directory"},
    {EPERM, "; a service must own it, and who only reads be of its group (mode 0640); both need the directory"},
    {EROFS, "; the file system is mounted read-only here: let the service write to it (systemd: ReadWritePaths=)"},
    {ENOSPC, "; make room on the disk, or lower the state's number of entries"},
    {EDQUOT, "; make room in the quota, or lower the state's number of entries"},
    {EFBIG, "; raise the limit on the size of files, or lower the state's number of entries"},
    {ENOENT, "; make the directory"},
    {ELOOP, "; it is a symbolic link: name the file itself"},
    {EISDIR, "; it is a directory: name a file in it"},
    {EAGAIN, "; another program holds its lock"},
};

static int place_failed(const char *what, const struct place *p, int number, struct error *e)
{
    char text[400];
    struct buf path = BUF_OVER(text);
    const char *advice = "";

    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
        if (advices[i].number == number)
            advice = advices[i].advice;
    buf_add_escaped(&path, slice_of(p->path), 256);
    return error_set(e, "%s %s: %s%s", what, path.p, strerror(number), advice);
}

/* ---- the folder ---- */

/* The path's folder, to be freed. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* The temporary name of a new folder. */
static bool folder_name(const char *folder, char to[PLACE_NAME_MAX])
{
    struct buf b = buf_over(to, PLACE_NAME_MAX);

    buf_addf(&b, ".%s.folder", folder);
    return !b.full;
}

/* Does it look like a state file? */
static bool holds_state(int dir, const char *name)
{
    struct stat st;
    char head[8];
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool is = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
              pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head && memcmp(head, STATE_MAGIC, sizeof head) == 0;

    if (fd >= 0)
        (void)close(fd);
    return is;
}

/*
 * Makes the folder, and moves into it the file that had its name before the state had a folder of its own. Takes two
 * renames; if killed between them, the next process finds the folder under its temporary name.
 */
static void make_folder(int above, const char *folder, const char *name)
{
    char waiting[PLACE_NAME_MAX];
    int dir = -1;

    if (folder_name(folder, waiting) && (mkdirat(above, waiting, FOLDER_MODE) == 0 || errno == EEXIST))
        dir = openat(above, waiting, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir >= 0) {
        if (holds_state(above, folder) && renameat(above, folder, dir, name) == 0)
            (void)fsync(dir);
        if (renameat(above, waiting, above, folder) != 0)
            (void)unlinkat(above, waiting, AT_REMOVEDIR); /* does nothing unless it is empty */
        (void)fsync(above);
        (void)close(dir);
    }
}

/* Under the lock, since another process may have done it meanwhile. */
static void supply_folder(const char *folder, const char *name, unsigned wait_ms)
{
    const char *slash = strrchr(folder, '/');
    const char *last = slash != NULL ? slash + 1 : folder;
    char *path = folder_of(folder);
    int above = path == NULL ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), lock, number;
    struct stat st;

    free(path);
    if (above < 0)
        return;
    if ((lock = state_lock(above, last, wait_ms, &number)) >= 0) {
        if (fstatat(above, last, &st, 0) != 0 || !S_ISDIR(st.st_mode))
            make_folder(above, last, name);
        state_lock_remove(above, last, lock);
    }
    (void)close(above);
}

void place_supply(const char *path, unsigned wait_ms)
{
    const char *slash = strrchr(path, '/');
    char *folder = folder_of(path);
    struct owner_visit visit;
    struct error e;
    struct stat st;

    /* What root creates there must belong to the services. place_open reports what is wrong, if anything. */
    if (folder != NULL && slash != NULL && owner_enter_unshared(folder, &visit, &e) == 0) {
        if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
            supply_folder(folder, slash + 1, wait_ms);
        owner_leave(&visit);
    }
    free(folder);
}

int place_visit(struct place *p, const char *path, struct error *e)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    int number;

    *p = (struct place){.path = path, .name = slash != NULL ? slash + 1 : path, .dir = -1, .lock = -1};
    if (p->name[0] == '\0' || strcmp(p->name, ".") == 0 || strcmp(p->name, "..") == 0)
        return place_failed("cannot use the state file", p, EISDIR, e);
    if ((folder = folder_of(path)) == NULL)
        return error_set(e, "no memory for the state file's name");
    if (owner_enter_unshared(path, &p->visit, e) != 0) {
        free(folder);
        return -1;
    }
    p->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    number = errno;
    free(folder);
    if (p->dir < 0)
        return place_failed("cannot open the directory of the state file", p, number, e);
    return 0;
}

int place_open(struct place *p, const char *path, unsigned wait_ms, struct error *e)
{
    if (place_visit(p, path, e) != 0)
        return -1;
    p->lock = state_lock(p->dir, p->name, wait_ms, &p->lock_number);
    return 0;
}

void place_close(struct place *p)
{
    /* Closing releases the lock. */
    if (p->lock >= 0)
        (void)close(p->lock);
    if (p->dir >= 0)
        (void)close(p->dir);
    p->lock = p->dir = -1;
    owner_leave(&p->visit);
}

/* ---- the file ---- */

static int check_kind(const struct place *p, const struct stat *st, struct error *e)
{
    char text[400];
    struct buf path = BUF_OVER(text);

    buf_add_escaped(&path, slice_of(p->path), 256);
    if (!S_ISREG(st->st_mode))
        return error_set(e, "the state file %s is not a regular file; move it away", path.p);
    if ((st->st_mode & S_IWOTH) != 0)
        return error_set(e,
                         "the state file %s can be written by everybody (mode %04o): it is not trusted; remove it, or "
                         "check it and set its mode to 0640",
                         path.p, (unsigned)(st->st_mode & 07777));
    return 0;
}

static enum place_found open_and_look(const struct place *p, int mode, int *fd, struct stat *st,
                                      struct state_constants *constants, struct error *e)
{
    enum constants_found found;
    ssize_t n;

    /* O_NONBLOCK: a FIFO must not block this. */
    *fd = openat(p->dir, p->name, mode | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 && errno == ENOENT)
        return PLACE_NONE;
    if (*fd < 0 || fstat(*fd, st) != 0) {
        (void)place_failed("cannot open the state file", p, errno, e);
        goto unusable;
    }
    if (check_kind(p, st, e) != 0)
        goto unusable;
    n = pread(*fd, constants, sizeof *constants, 0);
    if (n < 0) { /* a read error says nothing about the contents, so the file must not be set aside */
        (void)place_failed("cannot read the state file", p, errno, e);
        goto unusable;
    }
    if (n != (ssize_t)sizeof *constants) {
        (void)error_set(e, "it is too short");
        found = CONSTANTS_DAMAGED;
    } else {
        found = constants_check(constants, (uint64_t)st->st_size, e);
    }
    if (found == CONSTANTS_GOOD) {
        /*
         * A copy may have holes, and writing to one on a full disk is SIGBUS. Not posix_fallocate, whose emulation
         * writes to the file.
         */
        if (mode == O_RDONLY || fallocate(*fd, 0, 0, st->st_size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
            return PLACE_GOOD;
        (void)place_failed("cannot allocate the state file", p, errno, e);
    }
    (void)error_prefix(e, "state file %s", p->path);
    if (found == CONSTANTS_DAMAGED) {
        (void)close(*fd);
        *fd = -1;
        return PLACE_DAMAGED;
    }
unusable:
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    return PLACE_UNUSABLE;
}

enum place_found place_look(const struct place *p, int *fd, struct stat *st, struct state_constants *constants,
                            struct error *e)
{
    return open_and_look(p, O_RDWR, fd, st, constants, e);
}

enum place_found place_read(const struct place *p, int *fd, struct stat *st, struct state_constants *constants,
                            struct error *e)
{
    return open_and_look(p, O_RDONLY, fd, st, constants, e);
}

static void new_name(const struct place *p, char to[PLACE_NAME_MAX])
{
    struct buf b = buf_over(to, PLACE_NAME_MAX);

    buf_addf(&b, ".%s.new", p->name);
}

static int allocate(int fd, uint64_t bytes)
{
    int number;

    do {
        number = posix_fallocate(fd, 0, (off_t)bytes);
    } while (number == EINTR);
    return number;
}

int place_make(const struct place *p, const struct layout *l, struct error *e)
{
    char name[PLACE_NAME_MAX];
    int fd, number;

    if (!place_is_locked(p))
        return place_failed("cannot make the state file", p, p->lock_number, e);
    new_name(p, name);
    if (unlinkat(p->dir, name, 0) != 0 && errno != ENOENT)
        return place_failed("cannot make the state file", p, errno, e);
    fd = openat(p->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return place_failed("cannot make the state file", p, errno, e);
    number = fchmod(fd, FILE_MODE) != 0 ? errno : allocate(fd, l->bytes);
    if (number == 0)
        return fd;
    (void)close(fd);
    (void)unlinkat(p->dir, name, 0);
    return place_failed("cannot make the state file", p, number, e);
}

int place_publish(const struct place *p, int fd, struct error *e)
{
    char name[PLACE_NAME_MAX];
    int number;

    new_name(p, name);
    if (fsync(fd) == 0 && renameat(p->dir, name, p->dir, p->name) == 0) {
        /* If this fails, only the name is not on disk yet; the next sync brings it there. */
        (void)fsync(p->dir);
        return 0;
    }
    number = errno;
    (void)unlinkat(p->dir, name, 0);
    return place_failed("cannot put in place the state file", p, number, e);
}

int place_set_aside(const struct place *p, uint64_t wall_ns, char to[PLACE_NAME_MAX], struct error *e)
{
    struct buf b = buf_over(to, PLACE_NAME_MAX);
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    char stamp[32] = "19700101T000000";
    struct tm tm;

    if (!place_is_locked(p))
        return place_failed("cannot set aside the damaged state file", p, p->lock_number, e);
    if (gmtime_r(&seconds, &tm) != NULL)
        (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
    buf_addf(&b, "%s.damaged-%s", p->name, stamp);
    if (b.full)
        return place_failed("cannot set aside the damaged state file", p, ENAMETOOLONG, e);
    if (renameat2(p->dir, p->name, p->dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    /* Not every file system supports RENAME_NOREPLACE. */
    if (errno == EINVAL && faccessat(p->dir, to, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
        renameat(p->dir, p->name, p->dir, to) == 0)
        return 0;
    return place_failed("cannot set aside the damaged state file", p, errno, e);
}
