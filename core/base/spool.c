#include "core/base/spool.h"

#include "core/base/owner.h"
#include "core/base/write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SPOOL_MODE 0750 /* those who may write into its folders must not be able to replace them */
#define FOLDER_MODE 0770
#define FILE_MODE 0660
#define WRITE_OF_OTHERS 022
#define PATH_MAX_BYTES 1024
#define NAME_MAX_BYTES 255

/*
 * The mode of a file made in the folder: `most`, without the permissions that the folder doesn't give to group and
 * others.
 */
static mode_t mode_in(int folder, mode_t most)
{
    struct stat st;

    return fstat(folder, &st) == 0 ? most & (0700 | st.st_mode) : most & 0700;
}

int spool_open_below(int folder, const char *name, struct error *e)
{
    int fd;

    if (mkdirat(folder, name, mode_in(folder, FOLDER_MODE)) != 0 && errno != EEXIST)
        return error_set(e, "%s: %s", name, strerror(errno));
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 ? fd : error_set(e, "%s: %s", name, strerror(errno));
}

/* Removes write permission of others, and of the group, which an earlier version gave. */
static int make_private(int fd, const char *name, struct error *e)
{
    struct stat st;

    if (fstat(fd, &st) == 0 &&
        ((st.st_mode & WRITE_OF_OTHERS) == 0 || fchmod(fd, (st.st_mode & 07777) & ~(mode_t)WRITE_OF_OTHERS) == 0))
        return fd;
    (void)error_set(e, "%s: others than its owner may write to it: %s", name, strerror(errno));
    (void)close(fd);
    return -1;
}

static int open_both(const char *spool, const char *name, bool private, struct error *e)
{
    int folder, fd;

    if (mkdir(spool, SPOOL_MODE) != 0 && errno != EEXIST)
        return error_set(e, "%s: %s", spool, strerror(errno));
    folder = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set(e, "%s: %s", spool, strerror(errno));
    if (mkdirat(folder, name, private ? SPOOL_MODE : FOLDER_MODE) != 0 && errno != EEXIST)
        fd = error_set(e, "%s: %s", name, strerror(errno));
    else if ((fd = spool_open_below(folder, name, e)) >= 0 && private)
        fd = make_private(fd, name, e);
    (void)close(folder);
    return fd >= 0 ? fd : error_prefix(e, "%s", spool);
}

static int open_visiting(const char *spool, const char *name, bool private, struct error *e)
{
    struct owner_visit visit;
    int fd;

    if (owner_enter_unshared(spool, &visit, e) != 0)
        return -1;
    fd = open_both(spool, name, private, e);
    owner_leave(&visit);
    return fd;
}

int spool_open(const char *spool, const char *name, struct error *e)
{
    return open_visiting(spool, name, false, e);
}

int spool_open_private(const char *spool, const char *name, struct error *e)
{
    return open_visiting(spool, name, true, e);
}

int spool_put(int folder, const char *name, struct slice text, struct error *e)
{
    char aside[NAME_MAX_BYTES + 1];
    int fd, why = 0;

    (void)snprintf(aside, sizeof aside, ".%s.%d", name, (int)getpid());
    (void)unlinkat(folder, aside, 0); /* left by a killed process with the same pid */
    fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_in(folder, FILE_MODE));
    if (fd < 0)
        return error_set(e, "%s: %s", name, strerror(errno));
    if (write_whole(fd, text) != 0 || fsync(fd) != 0)
        why = errno;
    (void)close(fd);
    if (why == 0 && renameat(folder, aside, folder, name) != 0)
        why = errno;
    if (why != 0) {
        (void)unlinkat(folder, aside, 0);
        return error_set(e, "%s cannot be written: %s", name, strerror(why));
    }
    (void)fsync(folder);
    return 0;
}

/* ---- reading ---- */

static DIR *walk_begin(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL && fd >= 0)
        (void)close(fd);
    return dir;
}

static const char *walk_next(DIR *dir, const char *ending)
{
    size_t m = strlen(ending);
    struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        size_t n = strlen(entry->d_name);

        if (entry->d_name[0] != '.' && n > m && strcmp(entry->d_name + n - m, ending) == 0)
            return entry->d_name;
    }
    return NULL;
}

bool spool_has(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

unsigned spool_count(int folder, const char *beginning, const char *ending)
{
    DIR *dir = walk_begin(folder);
    const char *name;
    unsigned n = 0;

    while (dir != NULL && (name = walk_next(dir, ending)) != NULL)
        if (strncmp(name, beginning, strlen(beginning)) == 0)
            n++;
    if (dir != NULL)
        (void)closedir(dir);
    return n;
}

int spool_tidy(int folder, int64_t wall_s, int64_t keep_s, struct error *e)
{
    DIR *dir = walk_begin(folder);
    struct dirent *entry;
    struct stat st;

    if (dir == NULL)
        return error_set(e, "the folder cannot be read: %s", strerror(errno));
    while ((entry = readdir(dir)) != NULL)
        if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            wall_s - (int64_t)st.st_mtime > keep_s)
            (void)unlinkat(folder, entry->d_name, 0);
    (void)closedir(dir);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lowest names so far, as a heap with the greatest first, which a lower one replaces. */
struct first_names {
    char **list;
    size_t n, most;
};

/* Puts a name in at a place of the heap, and restores the heap's order. */
static void sink(struct first_names *f, size_t at, char *name)
{
    for (size_t child = 2 * at + 1; child < f->n; child = 2 * at + 1) {
        if (child + 1 < f->n && strcmp(f->list[child + 1], f->list[child]) > 0)
            child++;
        if (strcmp(name, f->list[child]) >= 0)
            break;
        f->list[at] = f->list[child];
        at = child;
    }
    f->list[at] = name;
}

static void rise(struct first_names *f, size_t at, char *name)
{
    while (at > 0 && strcmp(f->list[(at - 1) / 2], name) < 0) {
        f->list[at] = f->list[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    f->list[at] = name;
}

/* A name for which there is no memory is left for later. */
static void keep_if_first(struct first_names *f, const char *name)
{
    char *copy;

    if (f->n == f->most && (f->most == 0 || strcmp(name, f->list[0]) >= 0))
        return;
    copy = strdup(name);
    if (copy == NULL)
        return;
    if (f->n < f->most) {
        rise(f, f->n++, copy);
    } else {
        free(f->list[0]);
        sink(f, 0, copy);
    }
}

int spool_names(int folder, const char *ending, size_t most, char ***names, size_t *n, struct error *e)
{
    struct first_names first = {calloc(most, sizeof *first.list), 0, most};
    DIR *dir = walk_begin(folder);
    const char *name;

    if (dir == NULL || first.list == NULL) {
        if (dir != NULL)
            (void)closedir(dir);
        free(first.list);
        return error_set(e, "the folder cannot be read: %s", strerror(errno));
    }
    while ((name = walk_next(dir, ending)) != NULL)
        keep_if_first(&first, name);
    (void)closedir(dir);
    if (first.n > 1)
        qsort(first.list, first.n, sizeof *first.list, by_name);
    *names = first.list;
    *n = first.n;
    return 0;
}

void spool_names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

int spool_get_stat(int folder, const char *name, size_t most, char **text, size_t *n, struct stat *st, struct error *e)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), result = -1;
    char *mem = NULL;
    ssize_t got = -1;

    if (fd < 0) {
        result = errno == ELOOP || errno == ENXIO ? SPOOL_NEVER : -1; /* a symbolic link, a socket */
        (void)error_set(e, "%s: %s", name, strerror(errno));
        return result;
    }
    if (fstat(fd, st) != 0)
        (void)error_set(e, "%s: cannot be looked at: %s", name, strerror(errno));
    else if (!S_ISREG(st->st_mode) || (size_t)st->st_size > most) {
        (void)error_set(e, "%s: no regular file of at most %zu bytes", name, most);
        result = SPOOL_NEVER;
    } else if ((mem = malloc((size_t)st->st_size + 1)) == NULL)
        (void)error_set(e, "%s: out of memory", name);
    else if ((got = read(fd, mem, (size_t)st->st_size)) < 0)
        (void)error_set(e, "%s: %s", name, strerror(errno));
    (void)close(fd);
    if (got < 0) {
        free(mem);
        return result;
    }
    mem[got] = '\0';
    *text = mem;
    *n = (size_t)got;
    return 0;
}

int spool_get(int folder, const char *name, size_t most, char **text, size_t *n, struct error *e)
{
    struct stat st;

    return spool_get_stat(folder, name, most, text, n, &st, e);
}
