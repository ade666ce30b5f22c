/* Writes notices into the spool: aside first, then renamed, one an episode. */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/owner.h"
#include "core/base/spool.h"
#include "core/notice/alert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME_MAX_BYTES 80
#define EPISODE_MAX 256 /* bytes of an episode's file: the time, the subject */

/* The file of the episode, locked; -1 with e; -2: another process is posting the same. */
static int episode_open(int folder, const char *name, struct error *e)
{
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0660), why;

    if (fd < 0)
        return error_set(e, "episodes/%s: %s", name, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    why = errno;
    (void)close(fd);
    return why == EWOULDBLOCK ? -2 : error_set(e, "episodes/%s: %s", name, strerror(why));
}

static size_t episode_text(const struct alert *alert, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);

    buf_addf(&b, "%020lld ", (long long)alert->at_s);
    buf_add(&b, slice_of(alert->subject));
    return b.n;
}

/* Was this subject reported less than period_s ago? A clock that went back does not silence anything. */
static bool episode_goes_on(int fd, const struct alert *alert, uint64_t period_s)
{
    char had[EPISODE_MAX], now[EPISODE_MAX];
    ssize_t n = pread(fd, had, sizeof had, 0);
    struct slice time, had_subject, subject;
    unsigned long long at;

    (void)slice_cut((struct slice){now, episode_text(alert, now, sizeof now)}, ' ', NULL, &subject);
    if (n <= 0 || !slice_cut((struct slice){had, (size_t)n}, ' ', &time, &had_subject))
        return false;
    return slice_eq(subject, had_subject) && slice_to_u64(time, INT64_MAX, &at) && (int64_t)at <= alert->at_s &&
           (uint64_t)alert->at_s - at < period_s;
}

static void episode_note(int fd, const struct alert *alert)
{
    char text[EPISODE_MAX];
    size_t n = episode_text(alert, text, sizeof text);

    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, n, 0) == (ssize_t)n)
        return;
    /* What could not be noted is told once more: better than not at all. */
    if (ftruncate(fd, 0) != 0)
        return;
}

/* Two subjects that meet are told apart by the text of the episode's file. */
static uint64_t key_of(struct slice subject)
{
    static const struct hash_secret fixed = {{0, 0}};

    return hash_slice(&fixed, subject);
}

void alert_id_end(enum alert_event event, struct slice subject, char *out, size_t cap)
{
    (void)snprintf(out, cap, "-%s-%08llx", alert_event_name(event), (unsigned long long)(key_of(subject) & 0xffffffff));
}

static int put_file(int folder, const struct alert *alert, struct error *e)
{
    char end[40], id[NAME_MAX_BYTES], name[NAME_MAX_BYTES + 8], text[ALERT_FILE_MAX];
    struct buf b = BUF_OVER(text);

    alert_id_end(alert->event, slice_of(alert->subject), end, sizeof end);
    (void)snprintf(id, sizeof id, "%u-%020llu%s", alert_kind(alert) + 1u, (unsigned long long)clock_wall_ns(), end);
    (void)snprintf(name, sizeof name, "%s.json", id);
    alert_write(alert, id, &b);
    return spool_put(folder, name, buf_slice(&b), e);
}

/* Names begin with the kind, so that what is sent first is found first. */
static bool kind_is_full(int folder, enum alert_kind kind, struct error *e)
{
    unsigned most = alert_quota(kind).waiting;
    char beginning[16];

    (void)snprintf(beginning, sizeof beginning, "%u-", kind + 1u);
    if (spool_count(folder, beginning, ".json") < most)
        return false;
    (void)error_set(e, "%u notices of one kind wait to be sent; no more are written. Is postern-alert running?", most);
    return true;
}

static int post_in_folder(int folder, int episodes, const struct alert *alert, uint64_t period_s, struct error *e)
{
    uint64_t key = key_of(slice_of(alert->subject));
    char name[NAME_MAX_BYTES];
    int fd, result;

    if (kind_is_full(folder, alert_kind(alert), e))
        return ALERT_FULL;
    (void)snprintf(name, sizeof name, "%s-%016llx", alert_event_name(alert->event), (unsigned long long)key);
    if ((fd = episode_open(episodes, name, e)) < 0)
        return fd == -2 ? 0 : -1;
    if (episode_goes_on(fd, alert, period_s))
        result = 0;
    else if ((result = put_file(folder, alert, e)) == 0) {
        episode_note(fd, alert);
        result = 1;
    }
    (void)close(fd);
    return result;
}

static int post_owned(const char *spool, const char *name, const struct alert *alert, uint64_t period_s,
                      struct error *e)
{
    bool private = strcmp(name, ALERT_REQUESTS) == 0;
    int folder = private ? spool_open_private(spool, name, e) : spool_open(spool, name, e), episodes, result = -1;

    if (folder < 0)
        return -1;
    if ((episodes = spool_open_below(folder, "episodes", e)) >= 0) {
        result = post_in_folder(folder, episodes, alert, period_s, e);
        (void)close(episodes);
    }
    (void)close(folder);
    return result;
}

int alert_post(const char *spool, const char *name, const struct alert *alert, uint64_t period_s, struct error *e)
{
    struct owner_visit visit;
    int result = owner_enter_unshared(spool, &visit, e);

    if (result == 0) {
        result = post_owned(spool, name, alert, period_s, e);
        owner_leave(&visit);
    }
    if (result < 0)
        (void)error_prefix(e, "%s/%s", spool, name);
    return result;
}
