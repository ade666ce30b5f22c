#include "cli/log_file.h"

#include "cli/spawn.h"
#include "core/base/clock.h"
#include "core/base/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 1000u
#define PEEK_LINES 1000u /* a time is looked for in so many */

/* ---- one file ---- */

struct source {
    const char *path;
    int fd;
    pid_t filter; /* what decompresses it; 0: nothing */
    const char *tool;
    int64_t written_s;
    char text[2 * POSTFIX_LOG_LINE_MAX]; /* what was read and not handed out yet */
    size_t begin, end;
    bool over, skipping; /* skipping: inside a line that was too long */
};

static const char *tool_of(const unsigned char *magic, size_t n)
{
    static const struct {
        unsigned char magic[4];
        size_t n;
        const char *paths[2];
    } tools[] = {{{0x1f, 0x8b}, 2, {"/usr/bin/gzip", "/bin/gzip"}},
                 {{'B', 'Z', 'h'}, 3, {"/usr/bin/bzip2", "/bin/bzip2"}},
                 {{0xfd, '7', 'z', 'X'}, 4, {"/usr/bin/xz", "/bin/xz"}},
                 {{0x28, 0xb5, 0x2f, 0xfd}, 4, {"/usr/bin/zstd", "/bin/zstd"}}};

    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (n >= tools[i].n && memcmp(magic, tools[i].magic, tools[i].n) == 0)
            return tools[i].paths[access(tools[i].paths[0], X_OK) == 0 ? 0 : 1];
    return NULL;
}

/* Lets a compressed file be decompressed by its tool, which gets the open file and no name. */
static int start_filter(struct source *s, struct error *e)
{
    unsigned char magic[4];
    ssize_t n = pread(s->fd, magic, sizeof magic, 0);
    const char *argv[] = {n > 0 ? tool_of(magic, (size_t)n) : NULL, "-dc", NULL};

    if (argv[0] == NULL)
        return 0;
    s->tool = argv[0];
    s->fd = spawn_filter(argv, s->fd, &s->filter, e);
    return s->fd >= 0 ? 0 : -1;
}

static int open_source(struct source *s, const char *path, struct error *e)
{
    struct stat st;

    *s = (struct source){.path = path, .fd = -1, .written_s = clock_wall_s()};
    s->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return error_set(e, "cannot be opened: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(e, "is a folder; expected a log");
    if (!S_ISREG(st.st_mode))
        return 0;
    s->written_s = st.st_mtim.tv_sec;
    return start_filter(s, e);
}

static void close_source(struct source *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    if (s->filter > 0)
        (void)spawn_end(s->filter);
    s->fd = -1;
    s->filter = 0;
}

/* Reads more behind what is there. 0, or -1 with e. */
static int fill(struct source *s, struct error *e)
{
    ssize_t n;

    memmove(s->text, s->text + s->begin, s->end - s->begin);
    s->end -= s->begin;
    s->begin = 0;
    do
        n = read(s->fd, s->text + s->end, sizeof s->text - s->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_set(e, "cannot be read: %s", strerror(errno));
    s->over = n == 0;
    s->end += (size_t)n;
    return 0;
}

/*
 * The next line: 1 and *line, whose p is NULL when it was too long; 0 at the end; -1 with e. A last line without its
 * end counts: journalctl may be cut off.
 */
static int next_line(struct source *s, struct slice *line, struct error *e)
{
    for (;;) {
        struct slice rest = {s->text + s->begin, s->end - s->begin};
        bool whole = slice_cut(rest, '\n', line, &rest), last = s->over && (line->n > 0 || s->skipping);

        if (whole || last) {
            s->begin += line->n + whole;
            if (s->skipping)
                line->p = NULL;
            s->skipping = false;
            if (line->p != NULL && line->n > 0 && line->p[line->n - 1] == '\r')
                line->n--;
            return 1;
        }
        if (s->over)
            return 0;
        if (rest.n == 0 && line->n > POSTFIX_LOG_LINE_MAX) {
            s->skipping = true;
            s->begin = s->end;
        }
        if (fill(s, e) != 0)
            return -1;
    }
}

/* A filter that failed has not written everything. */
static int end_source(struct source *s, struct error *e)
{
    int status;

    if (s->filter == 0)
        return 0;
    (void)close(s->fd);
    s->fd = -1;
    status = spawn_end(s->filter);
    s->filter = 0;
    return status == 0 ? 0 : error_set(e, "is damaged: %s ended with status %d", s->tool, status);
}

/* ---- an export ---- */

static int read_export(struct log_files *f, struct source *s, struct error *e)
{
    size_t n = s->end - s->begin;
    char *text = malloc(LOG_FILE_EXPORT_MAX + 1);
    int rc = 0;

    if (text == NULL)
        return error_set(e, "out of memory");
    memcpy(text, s->text + s->begin, n);
    while (!s->over && rc == 0) {
        s->begin = s->end;
        rc = fill(s, e);
        if (rc == 0 && n + s->end > LOG_FILE_EXPORT_MAX)
            rc = error_set(e, "is longer than %u bytes", LOG_FILE_EXPORT_MAX);
        if (rc == 0) {
            memcpy(text + n, s->text, s->end);
            n += s->end;
        }
    }
    if (rc == 0)
        rc = f->export(f->arg, (struct slice){text, n}, e);
    free(text);
    return rc;
}

/* ---- all ---- */

static int read_log(struct log_files *f, struct source *s, struct error *e)
{
    struct slice line;
    int more;

    f->any_log = true;
    postfix_log_file(f->log, s->written_s);
    while ((more = next_line(s, &line, e)) > 0)
        if (line.p != NULL)
            postfix_log_line(f->log, line);
        else
            postfix_log_long_line(f->log);
    return more;
}

static int read_source(struct log_files *f, const char *path, struct error *e)
{
    struct source s;
    int rc = open_source(&s, path, e);

    if (rc == 0)
        rc = fill(&s, e);
    if (rc == 0) {
        struct slice begin = slice_trim((struct slice){s.text, s.end});

        rc = begin.n > 0 && (begin.p[0] == '[' || begin.p[0] == '{') ? read_export(f, &s, e) : read_log(f, &s, e);
    }
    if (rc == 0)
        rc = end_source(&s, e);
    close_source(&s);
    return rc;
}

struct named {
    const char *path;
    int64_t first_s; /* time of its first line; 0: it is no regular file, or has none */
    size_t place;    /* as they were named */
};

/* Of regular files alone: what was read of others is gone. */
static int peek(struct named *named, struct error *e)
{
    struct postfix_log_years years = {.newest_s = 0};
    struct postfix_log_line read;
    struct slice line;
    struct source s;
    struct stat st;
    int rc;

    if (strcmp(named->path, "-") == 0 || (stat(named->path, &st) == 0 && !S_ISREG(st.st_mode)))
        return 0;
    rc = open_source(&s, named->path, e);
    years.newest_s = s.written_s;
    for (unsigned i = 0; rc == 0 && i < PEEK_LINES && named->first_s == 0; i++) {
        int more = next_line(&s, &line, e);

        rc = more < 0 ? -1 : 0;
        if (more <= 0)
            break;
        if (line.p != NULL) {
            postfix_log_read(line, &years, &read);
            named->first_s = read.at_s;
        }
    }
    close_source(&s);
    return rc;
}

static int in_time(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    if (x->first_s != y->first_s)
        return x->first_s < y->first_s ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static int wrong(const char *path, struct error *e)
{
    char shown[300];
    struct buf b = BUF_OVER(shown);

    buf_add_printable(&b, slice_of(strcmp(path, "-") == 0 ? "standard input" : path));
    return error_prefix(e, "%s", shown);
}

int log_files_read(struct log_files *f, char *const *paths, size_t n, struct error *e)
{
    struct named *files = calloc(n + 1, sizeof *files);
    int rc = 0;

    if (files == NULL || n > FILES_MAX) {
        free(files);
        return n > FILES_MAX ? error_set(e, "more than %u files", FILES_MAX) : error_set(e, "out of memory");
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        files[i] = (struct named){.path = paths[i], .place = i};
        if (peek(&files[i], e) != 0)
            rc = wrong(paths[i], e);
    }
    qsort(files, n, sizeof *files, in_time);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (read_source(f, files[i].path, e) != 0)
            rc = wrong(files[i].path, e);
    free(files);
    return rc;
}
