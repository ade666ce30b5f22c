#include "core/base/log.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define RING_BYTES (512u << 10) /* about 2000 lines between two rounds of the writer */
#define ROUND_NS 5000000L       /* how long the writer collects lines: one wake-up for many */
#define RECONNECT_S 1
#define HEAD_ROOM 192    /* priority, head, level */
#define CLOSE_ROUNDS 200 /* how long log_close waits for a blocked receiver: 200 rounds of 5 ms */

/* Precedes each line in a buffer. */
struct line_head {
    uint32_t n;
    uint32_t level;
};

struct half {
    char bytes[RING_BYTES];
    size_t n;
};

/* The prefix of a line. */
enum head_kind { HEAD_SYSLOG, HEAD_TEXT, HEAD_JSON };

struct log {
    char program[32];
    pthread_t thread;
    pthread_mutex_t lock; /* guards `filling`, its contents and `waiting`; held only to copy */
    pthread_cond_t wake;
    struct half *filling, *writing;
    bool waiting;
    atomic_bool ending;
    atomic_uint_least64_t dropped;
    atomic_int to, format, facility;
    /* used by the writer alone */
    int socket;
    time_t tried;
    bool journal; /* stderr is connected to the journal, which adds time and name */
    time_t head_at;
    enum head_kind head_kind;
    size_t head_n;
    char head[128];
    uint64_t dropped_told;
};

static const struct {
    int syslog;
    const char *name;
} levels[] = {[LEVEL_ERROR] = {LOG_ERR, "error"},
              [LEVEL_WARNING] = {LOG_WARNING, "warning"},
              [LEVEL_NOTICE] = {LOG_NOTICE, "notice"},
              [LEVEL_INFO] = {LOG_INFO, "info"}};

/* ---- writing out ---- */

static int open_syslog(struct log *log)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    time_t now = time(NULL);

    if (log->socket >= 0)
        return log->socket;
    if (now - log->tried < RECONNECT_S)
        return -1;
    log->tried = now;
    log->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (log->socket >= 0 && connect(log->socket, (const struct sockaddr *)&where, sizeof where) != 0) {
        (void)close(log->socket);
        log->socket = -1;
    }
    return log->socket;
}

/* Adds the time zone as in RFC 3339 5.6. strftime's "+0100" lacks the colon that parsers of JSON logs expect. */
static void add_zone(struct buf *b, const struct tm *tm)
{
    long minutes = tm->tm_gmtoff / 60, all = minutes < 0 ? -minutes : minutes;

    buf_addf(b, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', all / 60, all % 60);
}

/* The prefix of all lines of a second, made once. */
static void renew_head(struct log *log, time_t now, enum head_kind kind)
{
    struct buf b = BUF_OVER(log->head);
    char stamp[32];
    struct tm tm;

    (void)localtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp,
                   kind == HEAD_SYSLOG ? "%b %e %H:%M:%S"
                   : kind == HEAD_TEXT ? "%Y-%m-%dT%H:%M:%S%z"
                                       : "%Y-%m-%dT%H:%M:%S",
                   &tm);
    if (kind == HEAD_JSON) {
        buf_addf(&b, "{\"time\":\"%s", stamp);
        add_zone(&b, &tm);
        buf_addf(&b, "\",\"program\":\"%s\",\"pid\":%d,\"level\":\"", log->program, (int)getpid());
    } else
        buf_addf(&b, "%s %s[%d]: ", stamp, log->program, (int)getpid());
    log->head_at = now;
    log->head_kind = kind;
    log->head_n = b.n;
}

/*
 * "<level>" for syslog (RFC 3164, as syslog(3) writes to /dev/log) and for the journal (sd-daemon(3)), which adds time
 * and name itself; time and name for all but the journal. On stderr a JSON line is one object: time, name and level are
 * its first members.
 */
static void add_line(struct log *log, enum log_level level, struct slice text, struct buf *b)
{
    bool syslog = atomic_load(&log->to) == LOG_TO_SYSLOG, json = !syslog && text.n > 0 && text.p[0] == '{';
    enum head_kind kind = syslog ? HEAD_SYSLOG : json ? HEAD_JSON : HEAD_TEXT;
    time_t now = time(NULL);

    if (syslog || log->journal) {
        buf_add_char(b, '<');
        buf_add_u64(b, (unsigned)((syslog ? atomic_load(&log->facility) : 0) | levels[level].syslog));
        buf_add_char(b, '>');
    }
    if (kind != HEAD_TEXT || !log->journal) {
        if (now != log->head_at || kind != log->head_kind)
            renew_head(log, now, kind);
        buf_add(b, (struct slice){log->head, log->head_n});
    }
    if (json) {
        buf_add(b, slice_of(levels[level].name));
        buf_add(b, SLICE("\","));
        text = (struct slice){text.p + 1, text.n - 1};
    }
    buf_add(b, text);
}

static bool send_syslog(struct log *log, enum log_level level, struct slice text)
{
    char line[LOG_LINE_MAX + HEAD_ROOM];
    struct buf b = BUF_OVER(line);

    if (open_syslog(log) < 0)
        return false;
    add_line(log, level, text, &b);
    if (send(log->socket, b.p, b.n, MSG_NOSIGNAL) >= 0)
        return true;
    if (errno != EAGAIN && errno != ENOBUFS) { /* the daemon went away: connect again */
        (void)close(log->socket);
        log->socket = -1;
    }
    return false;
}

static void drop(struct log *log, uint64_t lines)
{
    atomic_fetch_add_explicit(&log->dropped, lines, memory_order_relaxed);
}

struct batch {
    char bytes[64u << 10];
    size_t n;
    uint64_t lines;
};

static bool flush(struct log *log, struct batch *batch)
{
    bool taken = write_whole(STDERR_FILENO, (struct slice){batch->bytes, batch->n}) == 0;

    if (!taken)
        drop(log, batch->lines);
    batch->n = 0;
    batch->lines = 0;
    return taken;
}

/* False when syslog does not accept it; for stderr that shows only when the batch is flushed. */
static bool write_line(struct log *log, enum log_level level, struct slice text, struct batch *batch)
{
    struct buf b;

    if (atomic_load(&log->to) == LOG_TO_SYSLOG)
        return send_syslog(log, level, text);
    if (sizeof batch->bytes - batch->n < text.n + HEAD_ROOM)
        (void)flush(log, batch);
    b = buf_over(batch->bytes + batch->n, sizeof batch->bytes - batch->n);
    add_line(log, level, text, &b);
    buf_add_char(&b, '\n');
    batch->n += b.n;
    batch->lines++;
    return true;
}

static void write_half(struct log *log, struct half *half, struct batch *batch)
{
    struct line_head head;

    for (size_t at = 0; at < half->n; at += sizeof head + head.n) {
        memcpy(&head, half->bytes + at, sizeof head);
        if (!write_line(log, (enum log_level)head.level, (struct slice){half->bytes + at + sizeof head, head.n}, batch))
            drop(log, 1);
    }
    half->n = 0;
}

/*
 * Adds a line with the number of lines dropped since the last such line. Returns the count to store once the batch is
 * written; if it is not, the line comes again.
 */
static uint64_t tell_dropped(struct log *log, struct batch *batch)
{
    uint64_t dropped = atomic_load(&log->dropped);
    char text[96];
    struct buf b = BUF_OVER(text);

    if (dropped == log->dropped_told)
        return dropped;
    buf_addf(&b,
             atomic_load(&log->format) == LOG_JSON ? "{\"event\":\"log-dropped\",\"lines\":%llu}"
                                                   : "event=log-dropped lines=%llu",
             (unsigned long long)(dropped - log->dropped_told));
    return write_line(log, LEVEL_WARNING, buf_slice(&b), batch) ? dropped : log->dropped_told;
}

/* Waits for lines and takes them. True when there are some. */
static bool log_take(struct log *log)
{
    struct half *full;
    bool any;

    (void)pthread_mutex_lock(&log->lock);
    while (log->filling->n == 0 && !atomic_load(&log->ending)) {
        log->waiting = true;
        (void)pthread_cond_wait(&log->wake, &log->lock);
    }
    log->waiting = false;
    full = log->filling;
    log->filling = log->writing;
    log->writing = full;
    any = full->n > 0;
    (void)pthread_mutex_unlock(&log->lock);
    return any;
}

static void *writer(void *arg)
{
    struct log *log = arg;
    struct batch *batch = calloc(1, sizeof *batch);
    const struct timespec round = {0, ROUND_NS};
    uint64_t told;

    if (batch == NULL)
        return NULL;
    while (log_take(log)) {
        write_half(log, log->writing, batch);
        told = tell_dropped(log, batch);
        if (flush(log, batch))
            log->dropped_told = told;
        if (!atomic_load(&log->ending))
            (void)nanosleep(&round, NULL);
    }
    free(batch);
    return log;
}

/* ---- public functions ---- */

/* JOURNAL_STREAM has the journal's device and inode (systemd.exec(5)); they differ when stderr was redirected. */
static bool stderr_is_the_journals(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct slice device, inode;
    unsigned long long dev, ino;
    struct stat st;

    return stream != NULL && slice_cut(slice_of(stream), ':', &device, &inode) &&
           slice_to_u64(device, UINT64_MAX, &dev) && slice_to_u64(inode, UINT64_MAX, &ino) &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

struct log *log_open(const char *program, const struct log_config *config)
{
    struct log *log = calloc(1, sizeof *log);

    if (log == NULL)
        return NULL;
    log->filling = calloc(1, sizeof *log->filling);
    log->writing = calloc(1, sizeof *log->writing);
    (void)snprintf(log->program, sizeof log->program, "%s", program);
    log->socket = -1;
    log->journal = stderr_is_the_journals();
    log_configure(log, config);
    (void)pthread_mutex_init(&log->lock, NULL);
    (void)pthread_cond_init(&log->wake, NULL);
    if (log->filling != NULL && log->writing != NULL && pthread_create(&log->thread, NULL, writer, log) == 0)
        return log;
    free(log->filling);
    free(log->writing);
    free(log);
    return NULL;
}

void log_configure(struct log *log, const struct log_config *config)
{
    atomic_store(&log->to, (int)config->to);
    atomic_store(&log->format, (int)config->format);
    atomic_store(&log->facility, config->facility);
}

/* A receiver that blocks must not delay the exit: after a second the thread and its memory are abandoned. */
static bool thread_ended(struct log *log)
{
    const struct timespec round = {0, ROUND_NS};

    for (int i = 0; i < CLOSE_ROUNDS; i++) {
        if (pthread_tryjoin_np(log->thread, NULL) == 0)
            return true;
        (void)nanosleep(&round, NULL);
    }
    (void)pthread_detach(log->thread);
    return false;
}

void log_close(struct log *log)
{
    if (log == NULL)
        return;
    (void)pthread_mutex_lock(&log->lock);
    atomic_store(&log->ending, true);
    (void)pthread_cond_signal(&log->wake);
    (void)pthread_mutex_unlock(&log->lock);
    if (!thread_ended(log))
        return;
    if (log->socket >= 0)
        (void)close(log->socket);
    (void)pthread_cond_destroy(&log->wake);
    (void)pthread_mutex_destroy(&log->lock);
    free(log->filling);
    free(log->writing);
    free(log);
}

void log_line(struct log *log, enum log_level level, struct slice line)
{
    struct line_head head;
    struct half *half;
    bool wake = false;

    if (line.n > LOG_LINE_MAX)
        line.n = LOG_LINE_MAX;
    head = (struct line_head){.n = (uint32_t)line.n, .level = (uint32_t)level};
    (void)pthread_mutex_lock(&log->lock);
    half = log->filling;
    if (sizeof half->bytes - half->n < sizeof head + line.n) {
        drop(log, 1);
    } else {
        memcpy(half->bytes + half->n, &head, sizeof head);
        if (line.n > 0)
            memcpy(half->bytes + half->n + sizeof head, line.p, line.n);
        half->n += sizeof head + line.n;
        wake = log->waiting;
        log->waiting = false;
    }
    (void)pthread_mutex_unlock(&log->lock);
    if (wake)
        (void)pthread_cond_signal(&log->wake);
}

void log_say(struct log *log, enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    bool json = atomic_load(&log->format) == LOG_JSON;
    struct buf b = buf_over(text, sizeof text - sizeof "\"}");
    char sentence[LOG_LINE_MAX - 64];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (json) {
        buf_add(&b, SLICE("{\"event\":\"message\",\"text\":\""));
        json_add(&b, slice_of(sentence));
        b.cap = sizeof text;
        buf_add(&b, SLICE("\"}"));
    } else {
        buf_add_printable(&b, slice_of(sentence));
    }
    log_line(log, level, buf_slice(&b));
}

enum log_format log_format_of(const struct log *log)
{
    return (enum log_format)atomic_load(&log->format);
}

uint64_t log_dropped(const struct log *log)
{
    return atomic_load(&log->dropped);
}
