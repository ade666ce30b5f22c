#include "alert/deliver.h"

#include "alert/send.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/owner.h"
#include "core/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TARGETS_MAX 16
#define BACKOFF_FIRST_NS NS_PER_S
#define BACKOFF_MOST_NS (300 * NS_PER_S)
#define KEEP_S (7 * 86400) /* what was sent, or given up, and episodes */
#define TIDY_AGAIN_NS (UINT64_C(3600) * NS_PER_S)

struct target_wait {
    uint64_t until_ns, pause_ns; /* no attempt before; the next pause */
};

struct delivery {
    const struct config *config;
    struct log *log;
    int folder, sent, failed, episodes;
    struct target_wait targets[TARGETS_MAX];
    uint64_t tidied_ns;
};

static int open_folders(struct delivery *d, struct error *e)
{
    struct owner_visit visit;
    int result = owner_enter_unshared(d->config->spool, &visit, e);

    if (result == 0 && ((d->folder = spool_open(d->config->spool, "alerts", e)) < 0 ||
                        (d->sent = spool_open_below(d->folder, "sent", e)) < 0 ||
                        (d->failed = spool_open_below(d->folder, "failed", e)) < 0 ||
                        (d->episodes = spool_open_below(d->folder, "episodes", e)) < 0))
        result = -1;
    owner_leave(&visit);
    return result;
}

int delivery_open(const struct config *config, struct log *log, struct delivery **out, struct error *e)
{
    struct delivery *d = malloc(sizeof *d);

    if (d == NULL)
        return error_set(e, "out of memory");
    *d = (struct delivery){.config = config, .log = log, .folder = -1, .sent = -1, .failed = -1, .episodes = -1};
    if (open_folders(d, e) != 0)
        goto failed;
    if (flock(d->folder, LOCK_EX | LOCK_NB) != 0) {
        (void)error_set(e, "%s/alerts: %s", config->spool,
                        errno == EWOULDBLOCK ? "another postern-alert works it off" : strerror(errno));
        goto failed;
    }
    *out = d;
    return 0;
failed:
    delivery_close(d);
    return -1;
}

void delivery_close(struct delivery *d)
{
    const int fds[] = {d->folder, d->sent, d->failed, d->episodes};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    free(d);
}

void delivery_configure(struct delivery *d, const struct config *config)
{
    d->config = config;
    memset(d->targets, 0, sizeof d->targets);
}

/* ---- notes of what was done ---- */

static const char *target_name(const struct alert_target *target)
{
    if (target->command != NULL)
        return target->command[0];
    return target->url != NULL ? "the webhook" : target->url_file;
}

/* What a target is, whatever its place in the list. */
static uint64_t target_hash(const struct alert_target *target)
{
    static const struct hash_secret fixed = {{0, 0}};
    const char *where = target->url != NULL ? target->url : target->url_file;
    uint64_t hash = hash_slice(&fixed, slice_of(where)) + target->format;

    for (const char **word = target->command; word != NULL && *word != NULL; word++)
        hash = hash_mix(hash, hash_slice(&fixed, slice_of(*word)));
    return hash;
}

static void note_name(const struct notice *notice, const struct alert_target *target, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s.%016llx", notice->id, (unsigned long long)target_hash(target));
}

static bool was_done(const struct delivery *d, const struct notice *notice, const struct alert_target *target)
{
    char name[NOTICE_NAME_MAX + 32];

    note_name(notice, target, name, sizeof name);
    return faccessat(d->sent, name, F_OK, 0) == 0;
}

static void note_done(const struct delivery *d, const struct notice *notice, const struct alert_target *target)
{
    char name[NOTICE_NAME_MAX + 32];
    struct error e;

    note_name(notice, target, name, sizeof name);
    if (spool_put(d->sent, name, (struct slice){NULL, 0}, &e) != 0)
        log_say(d->log, LEVEL_ERROR, "%s was sent, but that cannot be noted, so it may be sent again: %s", notice->id,
                e.text);
}

/* An undeliverable notice is kept in "failed", with the reason, where "postern status" counts it. */
static void note_given_up(const struct delivery *d, const struct notice *notice, const struct alert_target *target,
                          const char *why)
{
    char name[NOTICE_NAME_MAX + 32];
    struct error e;

    log_say(d->log, LEVEL_ERROR, "%s: given up for %s: %s", notice->id, target_name(target), why);
    note_name(notice, target, name, sizeof name);
    if (spool_put(d->failed, name, slice_of(why), &e) != 0)
        log_say(d->log, LEVEL_ERROR, "%s was given up, but that cannot be noted: %s", notice->id, e.text);
    note_done(d, notice, target);
}

/* Out of the way; where that fails it is found again, and its notes say that it was done. */
static void put_away(const struct delivery *d, const char *name, int where)
{
    if (renameat(d->folder, name, where, name) != 0)
        log_say(d->log, LEVEL_ERROR, "%s cannot be put away: %s", name, strerror(errno));
}

/* ---- sending ---- */

static void target_wait(struct target_wait *w, uint64_t now_ns)
{
    w->pause_ns = w->pause_ns == 0 ? BACKOFF_FIRST_NS : w->pause_ns * 2;
    if (w->pause_ns > BACKOFF_MOST_NS)
        w->pause_ns = BACKOFF_MOST_NS;
    w->until_ns = now_ns + w->pause_ns;
}

/* True when nothing is left to do for this notice and target. */
static bool attempt(struct delivery *d, size_t i, const struct notice *notice, int64_t wall_s)
{
    const struct alert_target *target = &d->config->alerts[i];
    struct target_wait *w = &d->targets[i];
    enum sent sent;
    struct error e;

    if (wall_s - notice->at_s > (int64_t)target->max_age_s) {
        note_given_up(d, notice, target, "older than max_age");
        return true;
    }
    sent = target->command != NULL ? send_command(target, notice, &e) : send_webhook(target, notice, &e);
    if (sent == SENT_DONE) {
        *w = (struct target_wait){0};
        note_done(d, notice, target);
        log_say(d->log, LEVEL_NOTICE, "%s: told %s", notice->id, target_name(target));
        return true;
    }
    if (sent == SENT_NEVER) {
        note_given_up(d, notice, target, e.text);
        return true;
    }
    target_wait(w, clock_boot_ns());
    log_say(d->log, LEVEL_WARNING, "%s: %s: %s; again in %llu s", notice->id, target_name(target), e.text,
            (unsigned long long)(w->pause_ns / NS_PER_S));
    return false;
}

static bool wants(const struct alert_target *target, const struct notice *notice)
{
    return notice->event == ALERT_TEST || (target->events & 1u << notice->event) != 0;
}

static void deliver_notice(struct delivery *d, const char *name, uint64_t boot_ns, int64_t wall_s, bool (*stop)(void))
{
    struct notice notice;
    struct error e;
    bool all = true;
    int result = notice_load(d->folder, name, &notice, &e);

    if (result != 0) {
        log_say(d->log, LEVEL_ERROR, "%s", e.text);
        if (result == NOTICE_NONE)
            put_away(d, name, d->failed);
        return;
    }
    for (size_t i = 0; i < d->config->n_alerts && i < TARGETS_MAX; i++) {
        const struct alert_target *target = &d->config->alerts[i];

        if (!wants(target, &notice) || was_done(d, &notice, target))
            continue;
        if (stop() || d->targets[i].until_ns > boot_ns || !attempt(d, i, &notice, wall_s))
            all = false;
    }
    if (all)
        put_away(d, name, d->sent);
    notice_free(&notice);
}

/* ---- tidying ---- */

static void tidy(const struct delivery *d, int64_t wall_s)
{
    const int folders[] = {d->sent, d->failed, d->episodes};
    struct error e;

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (spool_tidy(folders[i], wall_s, KEEP_S, &e) != 0)
            log_say(d->log, LEVEL_ERROR, "%s/alerts: cannot be tidied: %s", d->config->spool, e.text);
}

void delivery_round(struct delivery *d, uint64_t boot_ns, int64_t wall_s, bool (*stop)(void))
{
    char **names;
    struct error e;
    size_t n;

    if (spool_names(d->folder, ".json", ALERT_PENDING_MAX, &names, &n, &e) != 0) {
        log_say(d->log, LEVEL_ERROR, "%s/alerts: %s", d->config->spool, e.text);
        return;
    }
    for (size_t i = 0; i < n && !stop(); i++)
        deliver_notice(d, names[i], boot_ns, wall_s, stop);
    spool_names_free(names, n);
    if (d->tidied_ns == 0 || boot_ns - d->tidied_ns > TIDY_AGAIN_NS) {
        tidy(d, wall_s);
        d->tidied_ns = boot_ns;
    }
}
