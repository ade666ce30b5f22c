#include "core/base/lines.h"

#include "core/base/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- loading ---- */

/* Reads the whole file, at most cap bytes. Returns the count, or -1 with errno. */
static ssize_t read_all(int fd, char *into, size_t cap)
{
    size_t n = 0;

    while (n < cap) {
        ssize_t got = read(fd, into + n, cap - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static int check_kind(const struct stat *st, struct error *e)
{
    if (S_ISDIR(st->st_mode))
        return error_set(e, "is a directory; expected a text file");
    if (!S_ISREG(st->st_mode))
        return error_set(e, "is not a regular file; expected a text file");
    if (st->st_size > (off_t)LINES_MAX_FILE)
        return error_set(e, "has %lld bytes; at most %u are read", (long long)st->st_size, LINES_MAX_FILE);
    return 0;
}

static bool same_content(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int load_fd(int fd, struct slice *text, struct error *e)
{
    struct stat before, after;
    char *p;
    ssize_t n;

    if (fstat(fd, &before) != 0)
        return error_set(e, "cannot be examined: %s", strerror(errno));
    if (check_kind(&before, e) != 0)
        return -1;
    /* One byte more than its size, to notice that it grew. */
    p = malloc((size_t)before.st_size + 1);
    if (p == NULL)
        return error_set(e, "no memory for its %lld bytes", (long long)before.st_size);
    n = read_all(fd, p, (size_t)before.st_size + 1);
    if (n < 0) {
        (void)error_set(e, "cannot be read: %s", strerror(errno));
        goto fail;
    }
    if (n != before.st_size || fstat(fd, &after) != 0 || !same_content(&before, &after)) {
        (void)error_set(e, "was changed while it was read; write a new file, rename it into place and reload");
        goto fail;
    }
    *text = (struct slice){p, (size_t)n};
    return 0;

fail:
    free(p);
    return -1;
}

int lines_load(const char *path, struct slice *text, struct error *e)
{
    /* O_NONBLOCK: opening a FIFO without a writer must not hang the start. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    int rc;

    if (fd < 0)
        return error_set(e, "%s: cannot be opened: %s", quote(slice_of(path)).text, strerror(errno));
    rc = load_fd(fd, text, e);
    (void)close(fd);
    return rc == 0 ? 0 : error_prefix(e, "%s", quote(slice_of(path)).text);
}

/* ---- walking ---- */

void lines_start(struct lines *lines, struct slice text, const char *path)
{
    static const struct slice bom = {"\xef\xbb\xbf", 3};

    if (slice_starts_with(text, bom))
        text = (struct slice){text.p + bom.n, text.n - bom.n};
    *lines = (struct lines){.path = path, .rest = text};
}

int lines_error(const struct lines *lines, struct error *e)
{
    return error_prefix(e, "%s:%u", quote(slice_of(lines->path)).text, lines->number);
}

static int check_bytes(struct slice line, struct error *e)
{
    if (line.n > LINE_MAX_BYTES)
        return error_set(e, "the line has %zu bytes; at most %d are allowed", line.n, LINE_MAX_BYTES);
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return error_set(e,
                             "byte %zu of the line is the control character 0x%02x; expected text in UTF-8, one "
                             "entry a line",
                             i + 1, c);
    }
    return 0;
}

static struct slice without_comment(struct slice line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return (struct slice){line.p, i};
    return line;
}

/* What Windows calls "Unicode". */
static bool is_utf16(struct slice text)
{
    return slice_starts_with(text, SLICE("\xff\xfe")) || slice_starts_with(text, SLICE("\xfe\xff"));
}

int lines_next(struct lines *lines, struct slice *entry, struct error *e)
{
    while (lines->rest.n > 0) {
        struct slice line;

        lines->number++;
        if (lines->number == 1 && is_utf16(lines->rest)) {
            (void)error_set(e, "the file is in UTF-16; save it as UTF-8");
            return lines_error(lines, e);
        }
        if (slice_cut(lines->rest, '\n', &line, &lines->rest) && line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (check_bytes(line, e) != 0)
            return lines_error(lines, e);
        *entry = slice_trim(without_comment(line));
        if (entry->n > 0)
            return 1;
    }
    return 0;
}
