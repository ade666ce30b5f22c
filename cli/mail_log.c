#include "cli/mail_log.h"

#include "core/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where Debian and others let syslog write what mail programs say. */
static const char *const usual[] = {"/var/log/mail.log", "/var/log/maillog"};

static bool open_log(struct mail_log *log, struct slice path)
{
    struct buf b = BUF_OVER(log->path);
    struct stat st;

    buf_add(&b, path);
    log->fd = b.full ? -1 : open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (log->fd >= 0 && fstat(log->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        log->end = st.st_size;
        return true;
    }
    if (log->fd >= 0)
        (void)close(log->fd);
    log->fd = -1;
    return false;
}

void mail_log_begin(struct mail_log *log, struct slice named)
{
    *log = (struct mail_log){.fd = -1};
    if (named.n > 0) {
        (void)open_log(log, named);
        return;
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (open_log(log, slice_of(usual[i])))
            return;
}

/* From where the file ended before. */
static size_t read_added(struct mail_log *log)
{
    size_t n = 0;

    free(log->text);
    log->text = malloc(MAIL_LOG_READ_MAX);
    while (log->text != NULL && n < MAIL_LOG_READ_MAX) {
        ssize_t got = pread(log->fd, log->text + n, MAIL_LOG_READ_MAX - n, (off_t)(log->end + (int64_t)n));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return n;
}

static bool holds(struct slice line, const struct slice *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words[i].n > 0 && memmem(line.p, line.n, words[i].p, words[i].n) != NULL)
            return true;
    return false;
}

bool mail_log_find(struct mail_log *log, const struct slice *words, size_t n)
{
    struct slice rest, line;

    log->n = 0;
    if (log->fd < 0)
        return false;
    rest.n = read_added(log);
    rest.p = log->text;
    /* The last line may not have been written to its end. */
    while (slice_cut(rest, '\n', &line, &rest))
        if (log->n < MAIL_LOG_LINES_MAX && holds(line, words, n))
            log->lines[log->n++] = line;
    return log->n > 0;
}

void mail_log_end(struct mail_log *log)
{
    if (log->fd >= 0)
        (void)close(log->fd);
    free(log->text);
    *log = (struct mail_log){.fd = -1};
}
