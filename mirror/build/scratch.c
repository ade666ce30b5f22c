#include "mirror/build/scratch.h"

#include "core/base/owner.h"
#include "mirror/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes buffered before they are written; also the most that one read brings. */
#define SCRATCH_BUFFER (256u * 1024)

struct scratch {
    int fd;
    uint64_t written; /* bytes in the file; those in the buffer follow */
    size_t n;
    struct quote folder;
    char buffer[SCRATCH_BUFFER];
};

/* O_TMPFILE where the file system has it, else a file that is unlinked at once. */
static int open_in(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    if ((size_t)snprintf(path, sizeof path, "%s/.postern-import-XXXXXX", folder) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int open_nameless(const char *folder)
{
    struct owner_visit visit;
    int fd;

    if (owner_enter(folder, &visit, NULL) != 0) {
        errno = EPERM;
        return -1;
    }
    fd = open_in(folder);
    owner_leave(&visit);
    return fd;
}

int scratch_open(const char *folder, struct scratch **out, struct error *e)
{
    struct scratch *s = calloc(1, sizeof *s);
    const char *places[] = {folder, secure_getenv("TMPDIR"), "/tmp"};

    *out = NULL;
    if (s == NULL)
        return error_set(e, "no memory for a scratch file");
    s->fd = -1;
    for (size_t i = 0; i < sizeof places / sizeof places[0] && s->fd < 0; i++) {
        if (places[i] == NULL || places[i][0] == '\0')
            continue;
        s->folder = words(slice_of(places[i]));
        s->fd = open_nameless(places[i]);
    }
    if (s->fd < 0) {
        error_set(e, "%s: a scratch file cannot be made there: %s; set TMPDIR to a folder that can be written",
                  s->folder.text, strerror(errno));
        free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void scratch_close(struct scratch *s)
{
    if (s == NULL)
        return;
    close(s->fd);
    free(s);
}

uint64_t scratch_size(const struct scratch *s)
{
    return s->written + s->n;
}

static int write_all(struct scratch *s, struct slice bytes, struct error *e)
{
    while (bytes.n > 0) {
        ssize_t n = pwrite(s->fd, bytes.p, bytes.n, (off_t)s->written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(e, "%s: a scratch file cannot be written: %s", s->folder.text, strerror(errno));
        bytes = (struct slice){bytes.p + n, bytes.n - (size_t)n};
        s->written += (uint64_t)n;
    }
    return 0;
}

static int flush_buffer(struct scratch *s, struct error *e)
{
    if (write_all(s, (struct slice){s->buffer, s->n}, e) != 0)
        return -1;
    s->n = 0;
    return 0;
}

int scratch_add(struct scratch *s, struct slice bytes, uint64_t *at, struct error *e)
{
    *at = scratch_size(s);
    if (bytes.n > sizeof s->buffer - s->n && flush_buffer(s, e) != 0)
        return -1;
    if (bytes.n > sizeof s->buffer)
        return write_all(s, bytes, e);
    if (bytes.n > 0)
        memcpy(s->buffer + s->n, bytes.p, bytes.n);
    s->n += bytes.n;
    return 0;
}

int scratch_get(struct scratch *s, uint64_t at, void *out, size_t n, struct error *e)
{
    char *to = out;

    if (s->n > 0 && flush_buffer(s, e) != 0)
        return -1;
    while (n > 0) {
        ssize_t got = pread(s->fd, to, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(e, "%s: a scratch file cannot be read: %s", s->folder.text,
                             got < 0 ? strerror(errno) : "it ends too early");
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}
