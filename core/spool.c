#include "core/spool.h"

#include "core/owner.h"
#include "core/write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0770
#define FILE_MODE 0660
#define PATH_MAX_BYTES 1024
#define NAME_MAX_BYTES 255

int spool_open_below(int folder, const char *name, struct error *e)
{
    int fd;

    if (mkdirat(folder, name, FOLDER_MODE) != 0 && errno != EEXIST)
        return error_set(e, "%s: %s", name, strerror(errno));
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 ? fd : error_set(e, "%s: %s", name, strerror(errno));
}

static int open_both(const char *spool, const char *name, struct error *e)
{
    int folder, fd;

    if (mkdir(spool, FOLDER_MODE) != 0 && errno != EEXIST)
        return error_set(e, "%s: %s", spool, strerror(errno));
    folder = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set(e, "%s: %s", spool, strerror(errno));
    fd = spool_open_below(folder, name, e);
    (void)close(folder);
    return fd >= 0 ? fd : error_prefix(e, "%s", spool);
}

int spool_open(const char *spool, const char *name, struct error *e)
{
    struct owner_visit visit;
    int fd;

    if (owner_enter(spool, &visit, e) != 0)
        return -1;
    fd = open_both(spool, name, e);
    owner_leave(&visit);
    return fd;
}

int spool_put(int folder, const char *name, struct slice text, struct error *e)
{
    char aside[NAME_MAX_BYTES + 1];
    int fd, why = 0;

    (void)snprintf(aside, sizeof aside, ".%s.%d", name, (int)getpid());
    (void)unlinkat(folder, aside, 0); /* of a process of that number that was killed */
    fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
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

unsigned spool_count(int folder, const char *ending)
{
    DIR *dir = walk_begin(folder);
    unsigned n = 0;

    while (dir != NULL && walk_next(dir, ending) != NULL)
        n++;
    if (dir != NULL)
        (void)closedir(dir);
    return n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int spool_names(int folder, const char *ending, size_t most, char ***names, size_t *n, struct error *e)
{
    DIR *dir = walk_begin(folder);
    char **list = calloc(most, sizeof *list);
    const char *name;
    size_t count = 0;

    if (dir == NULL || list == NULL) {
        if (dir != NULL)
            (void)closedir(dir);
        free(list);
        return error_set(e, "the folder cannot be read: %s", strerror(errno));
    }
    while (count < most && (name = walk_next(dir, ending)) != NULL)
        if ((list[count] = strdup(name)) != NULL)
            count++;
    (void)closedir(dir);
    if (count > 1)
        qsort(list, count, sizeof *list, by_name);
    *names = list;
    *n = count;
    return 0;
}

void spool_names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

int spool_get(int folder, const char *name, size_t most, char **text, size_t *n, struct error *e)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), result = -1;
    struct stat st;
    char *mem = NULL;
    ssize_t got = -1;

    if (fd < 0) {
        result = errno == ELOOP ? SPOOL_NEVER : -1;
        (void)error_set(e, "%s: %s", name, strerror(errno));
        return result;
    }
    if (fstat(fd, &st) != 0)
        (void)error_set(e, "%s: cannot be looked at: %s", name, strerror(errno));
    else if (!S_ISREG(st.st_mode) || (size_t)st.st_size > most) {
        (void)error_set(e, "%s: no regular file of at most %zu bytes", name, most);
        result = SPOOL_NEVER;
    } else if ((mem = malloc((size_t)st.st_size + 1)) == NULL)
        (void)error_set(e, "%s: out of memory", name);
    else if ((got = read(fd, mem, (size_t)st.st_size)) < 0)
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
