#include "core/report/postfix_log.h"

#include <stdlib.h>
#include <sys/random.h>

/* Places of the hash table, a power of two. Half of them stay free; those of messages that ended are used until it is
 * swept, when at least half of the others are free. */
#define PLACES_LEAST 1024u
#define PLACES_MOST (4u * POSTFIX_LOG_OPEN_MAX)
/* Longer than Postfix tries (maximal_queue_lifetime): such a message's end is not in the log. */
#define OPEN_FOR_S (7 * 86400)

struct open_message {
    uint64_t key; /* 0: a free place */
    uint32_t sent;
    uint32_t queued; /* recipients that the queue manager told of; 0: none yet */
    bool over;
    struct mail_message message;
};

struct postfix_log {
    struct mail_seen *seen;
    struct hash_secret secret;
    struct open_message *places;
    size_t n_places, used;
    struct postfix_log_years years;
    struct postfix_log_tally tally;
};

struct postfix_log *postfix_log_new(struct mail_seen *seen)
{
    struct postfix_log *log = calloc(1, sizeof *log);

    if (log == NULL)
        return NULL;
    log->seen = seen;
    log->n_places = PLACES_LEAST;
    log->places = calloc(log->n_places, sizeof *log->places);
    if (log->places == NULL || getrandom(&log->secret, sizeof log->secret, 0) != (ssize_t)sizeof log->secret) {
        postfix_log_free(log);
        return NULL;
    }
    return log;
}

void postfix_log_free(struct postfix_log *log)
{
    if (log == NULL)
        return;
    free(log->places);
    free(log);
}

/* ---- messages that are followed ---- */

static uint64_t key_of(const struct postfix_log *log, const struct postfix_log_line *line)
{
    uint64_t key = hash_mix(hash_slice(&log->secret, line->host), hash_slice(&log->secret, line->queue_id));

    return key != 0 ? key : 1;
}

/* Its place, or the free one where it would stand. */
static struct open_message *place_of(struct postfix_log *log, uint64_t key)
{
    for (uint64_t i = key;; i++) {
        struct open_message *place = &log->places[i & (log->n_places - 1)];

        if (place->key == 0 || place->key == key)
            return place;
    }
}

static void end_message(struct postfix_log *log, struct open_message *m)
{
    if (m->over)
        return;
    m->over = true;
    /* Aliases may make more of one recipient than were queued. */
    m->message.recipients = m->queued != 0 && m->queued < m->sent ? m->queued : m->sent;
    if (m->sent == 0)
        log->tally.unsent++;
    else
        mail_seen_add(log->seen, &m->message);
}

static int oldest_first(const void *a, const void *b)
{
    uint32_t x = ((const struct open_message *)a)->message.at_s, y = ((const struct open_message *)b)->message.at_s;

    return x < y ? -1 : x > y ? 1 : 0;
}

/* Ends what is open for too long, and moves the others to the beginning, the oldest first. Returns how many. */
static size_t gather_open(struct postfix_log *log, int64_t now_s)
{
    struct open_message *m = log->places;
    size_t n = 0;

    for (size_t i = 0; i < log->n_places; i++) {
        if (m[i].key == 0 || m[i].over)
            continue;
        if ((int64_t)m[i].message.at_s + OPEN_FOR_S < now_s)
            end_message(log, &m[i]);
        else
            m[n++] = m[i];
    }
    qsort(m, n, sizeof *m, oldest_first);
    return n;
}

/* Makes room: takes out what has ended, and where too many are left, those that began first; without memory all. */
static void sweep(struct postfix_log *log, int64_t now_s)
{
    struct open_message *before = log->places, *after;
    size_t n = gather_open(log, now_s), first = 0, n_places = PLACES_LEAST;

    /* Half of them, so that this isn't done again for each message. */
    if (n >= POSTFIX_LOG_OPEN_MAX)
        first = n - POSTFIX_LOG_OPEN_MAX / 2;
    while (n_places < 4 * (n - first) && n_places < PLACES_MOST)
        n_places *= 2;
    if ((after = calloc(n_places, sizeof *after)) == NULL)
        first = n;
    for (size_t i = 0; i < first; i++)
        end_message(log, &before[i]);
    log->tally.forgotten += first;
    log->used = n - first;
    if (after == NULL) {
        memset(before, 0, log->n_places * sizeof *before);
        return;
    }
    log->places = after;
    log->n_places = n_places;
    for (size_t i = first; i < n; i++)
        *place_of(log, before[i].key) = before[i];
    free(before);
}

static void begin_message(struct postfix_log *log, const struct postfix_log_line *line)
{
    uint64_t key = key_of(log, line);
    struct open_message *m = place_of(log, key);

    /* Queue ids are used again; the end of the one before wasn't seen. */
    if (m->key != 0)
        end_message(log, m);
    if (line->login.n == 0)
        return;
    if (m->key == 0) {
        if (log->used >= log->n_places / 2)
            sweep(log, line->at_s);
        m = place_of(log, key);
        log->used++;
    }
    *m = (struct open_message){.key = key,
                               .message = {.login = mail_seen_login(log->seen, line->login),
                                           .at_s = (uint32_t)line->at_s,
                                           .has_client = line->has_client,
                                           .client = line->client,
                                           .mark = {key & 0xff, key >> 8 & 0xff, (key >> 16 & 0xff) | 1}}};
    if (m->message.login != MAIL_SEEN_NOBODY)
        return;
    m->over = true;
    log->seen->beyond++;
}

static void go_on(struct postfix_log *log, const struct postfix_log_line *line)
{
    struct open_message *m = place_of(log, key_of(log, line));

    if (m->key == 0 || m->over)
        return;
    if (line->event == POSTFIX_LOG_QUEUED && line->recipients > m->queued)
        m->queued = line->recipients;
    else if (line->event == POSTFIX_LOG_SENT && m->sent < UINT32_MAX)
        m->sent++;
    else if (line->event == POSTFIX_LOG_REMOVED)
        end_message(log, m);
}

/* ---- lines ---- */

void postfix_log_file(struct postfix_log *log, int64_t written_s)
{
    log->years = (struct postfix_log_years){.newest_s = written_s};
}

void postfix_log_line(struct postfix_log *log, struct slice text)
{
    struct postfix_log_line line;

    if (text.n > POSTFIX_LOG_LINE_MAX) {
        postfix_log_long_line(log);
        return;
    }
    postfix_log_read(text, &log->years, &line);
    log->tally.lines++;
    log->tally.unread += line.event == POSTFIX_LOG_UNREAD;
    if (line.at_s > 0 && line.at_s <= UINT32_MAX) {
        if (log->tally.first_s == 0 || line.at_s < log->tally.first_s)
            log->tally.first_s = line.at_s;
        if (line.at_s > log->tally.last_s)
            log->tally.last_s = line.at_s;
    } else if (line.event != POSTFIX_LOG_OTHER) {
        return;
    }
    log->tally.filtered += line.event == POSTFIX_LOG_FILTER;
    if (line.event == POSTFIX_LOG_CLIENT)
        begin_message(log, &line);
    else if (line.event == POSTFIX_LOG_QUEUED || line.event == POSTFIX_LOG_SENT || line.event == POSTFIX_LOG_REMOVED)
        go_on(log, &line);
}

void postfix_log_long_line(struct postfix_log *log)
{
    log->tally.lines++;
    log->tally.unread++;
    log->tally.too_long++;
}

void postfix_log_end(struct postfix_log *log)
{
    for (size_t i = 0; i < log->n_places; i++)
        if (log->places[i].key != 0)
            end_message(log, &log->places[i]);
}

const struct postfix_log_tally *postfix_log_tally(const struct postfix_log *log)
{
    return &log->tally;
}
