#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file's identity and times, to notice both a rename by an editor and a write in place. */
struct mark {
    char *path;
    bool missing;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec written;
};

struct config_files {
    struct mark *marks;
    size_t n, capacity;
};

struct config_files *config_files_new(void)
{
    return calloc(1, sizeof(struct config_files));
}

void config_files_free(struct config_files *files)
{
    if (files == NULL)
        return;
    for (size_t i = 0; i < files->n; i++)
        free(files->marks[i].path);
    free(files->marks);
    free(files);
}

static bool is_missing(int number)
{
    return number == ENOENT || number == ENOTDIR;
}

static bool same(const struct mark *mark, const struct stat *now)
{
    return !mark->missing && mark->device == now->st_dev && mark->inode == now->st_ino && mark->size == now->st_size &&
           mark->written.tv_sec == now->st_mtim.tv_sec && mark->written.tv_nsec == now->st_mtim.tv_nsec;
}

bool config_files_differ(const struct config_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        struct stat now;

        if (stat(files->marks[i].path, &now) != 0 ? !(files->marks[i].missing && is_missing(errno))
                                                  : !same(&files->marks[i], &now))
            return true;
    }
    return false;
}

/* Whoever may write to a list could allow himself. */
static int refuse_writable(const char *path, const struct stat *st, struct error *e)
{
    if ((st->st_mode & S_IWOTH) != 0)
        return error_set(e, "%s: everybody may write to this file; take that away with chmod o-w",
                         quote(slice_of(path)).text);
    return 0;
}

static bool files_grow(struct config_files *files)
{
    size_t capacity = files->capacity == 0 ? 8 : 2 * files->capacity;
    struct mark *marks = reallocarray(files->marks, capacity, sizeof *marks);

    if (marks == NULL)
        return false;
    files->marks = marks;
    files->capacity = capacity;
    return true;
}

static int note(const struct reader *r, const char *path, bool optional)
{
    struct config_files *files = r->files;
    struct stat st = {.st_size = 0};
    bool missing = stat(path, &st) != 0;
    char *copy;

    if (missing && !(optional && is_missing(errno)))
        return error_set(r->e, "%s: %s", quote(slice_of(path)).text, strerror(errno));
    if (!missing && refuse_writable(path, &st, r->e) != 0)
        return -1;
    if (files->n == files->capacity && !files_grow(files))
        return error_set(r->e, "%s: no memory", quote(slice_of(path)).text);
    copy = strdup(path);
    if (copy == NULL)
        return error_set(r->e, "%s: no memory", quote(slice_of(path)).text);
    files->marks[files->n++] = (struct mark){copy, missing, st.st_dev, st.st_ino, st.st_size, st.st_mtim};
    // cppcheck-suppress memleak // the marks own the copy
    return missing ? 1 : 0;
}

int config_files_note(const struct reader *r, const char *path)
{
    return note(r, path, false);
}

int config_files_note_optional(const struct reader *r, const char *path)
{
    return note(r, path, true);
}

/* Reads up to one byte more than the size, to notice a file that grows meanwhile. */
static int read_whole(int fd, size_t size, char **text, size_t *n)
{
    char *p = malloc(size + 2);
    size_t at = 0;
    ssize_t got = 1;

    if (p == NULL)
        return -1;
    while (at < size + 1 && got != 0) {
        got = read(fd, p + at, size + 1 - at);
        if (got < 0 && errno != EINTR) {
            free(p);
            return -1;
        }
        at += got > 0 ? (size_t)got : 0;
    }
    p[at] = '\0';
    *text = p;
    *n = at;
    return 0;
}

static int text_check(int fd, const char *path, size_t *size, struct error *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return error_set(e, "%s: %s", quote(slice_of(path)).text, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(e, "%s: not a regular file", quote(slice_of(path)).text);
    if (st.st_size > (off_t)CONFIG_MAX_BYTES)
        return error_set(e, "%s: %lld bytes; a configuration has at most %u", quote(slice_of(path)).text,
                         (long long)st.st_size, CONFIG_MAX_BYTES);
    *size = (size_t)st.st_size;
    return refuse_writable(path, &st, e);
}

int config_text_load(const char *path, char **text, size_t *n, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    size_t size = 0;
    int rc = -1;

    if (fd < 0)
        return error_set(e, "%s: %s", quote(slice_of(path)).text, strerror(errno));
    if (text_check(fd, path, &size, e) != 0)
        goto out;
    if (read_whole(fd, size, text, n) != 0) {
        (void)error_set(e, "%s: %s", quote(slice_of(path)).text, strerror(errno));
        goto out;
    }
    rc = 0;
    if (*n != size) {
        free(*text);
        rc = error_set(e, "%s: changed while it was read; try again", quote(slice_of(path)).text);
    }
out:
    (void)close(fd);
    return rc;
}
