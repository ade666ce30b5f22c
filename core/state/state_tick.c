#include "core/state/state_inner.h"

#include "core/base/clock.h"
#include "core/state/state_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* How long the housekeeping waits for another program that replaces the file. */
#define TICK_WAIT_MS 50
/*
 * After a power cut counters may be this old, plus the time to write: half a minute in all. Each sync writes every page
 * that was counted on, and the next count on it causes a page fault.
 */
#define SYNC_INTERVAL_NS (20 * NS_PER_S)
/* No thread uses a table this long after it was replaced, since decisions take microseconds. */
#define HOLLOW_AFTER_NS (60 * NS_PER_S)

/* State of the mapped file: in place and intact; intact, but not in its place; damaged. */
enum health { HEALTH_GOOD, HEALTH_ELSEWHERE, HEALTH_DAMAGED };

static enum health examine(const struct state *s, const struct mapping *m)
{
    struct stat ours, there;

    if (m->fd < 0)
        return HEALTH_ELSEWHERE;
    if (guard_tripped(m->guard) || fstat(m->fd, &ours) != 0 || ours.st_size < 0 ||
        (uint64_t)ours.st_size < m->layout.bytes)
        return HEALTH_DAMAGED;
    if (fstatat(AT_FDCWD, s->path, &there, AT_SYMLINK_NOFOLLOW) != 0 || there.st_dev != m->dev ||
        there.st_ino != m->ino)
        return HEALTH_ELSEWHERE;
    return HEALTH_GOOD;
}

/*
 * Restores a header that was overwritten while the file is in use; otherwise the next process that opens it would have
 * to set it aside. All programs write the same.
 */
static void repair_header(struct state *s, const struct mapping *m, const struct clock_reading *r)
{
    struct state_header *h = mapping_header(m);
    struct state_constants right = constants_make(&m->layout, &m->secret);
    struct error text;
    uint64_t offset;

    if (memcmp(&h->constants, &right, sizeof right) == 0 &&
        state_clock_read(&h->clock, &m->secret, r, &offset) == CLOCK_RUNS)
        return;
    h->constants = right;
    state_clock_set(&h->clock, &m->secret, m->offset_ns, r);
    (void)error_set(&text, "state file %s: its header was damaged while in use, and is put right; who writes to it?",
                    s->path);
    state_set_notice(s, &text);
}

/* Makes a file with our contents where there is none. */
static struct mapping *make_from(const struct state *s, const struct place *p, const struct mapping *old,
                                 const struct clock_reading *r, struct error *e)
{
    struct layout l = layout_of(s->any_layout ? old->layout.entries : s->wanted.entries, old->layout.blocks);
    struct mapping *m;

    m = store_make(p, &l, &old->secret, s->offset_ns, r, e);
    if (m == NULL)
        return NULL;
    mapping_follow(m, s->offset_ns);
    (void)mapping_take_over(m, old, r->boot_ns + s->offset_ns);
    (void)store_publish(p, &m, e);
    return m;
}

/* Is the file at the place the one mapped as m? */
static bool tick_same_file(const struct place *p, const struct mapping *m)
{
    struct stat st;

    return m->fd >= 0 && fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == m->dev &&
           st.st_ino == m->ino;
}

/*
 * Puts a file in use again: the one that is there now, or a new one. Counters are carried over, unless the file has
 * another secret, which makes its keys meaningless here. 0; -1 with e.
 */
static int attach(struct state *s, const struct clock_reading *r, enum health health, struct error *e)
{
    struct mapping *old = s->now, *m = NULL;
    enum place_found found;
    struct place p;

    if (place_open(&p, s->path, TICK_WAIT_MS, e) != 0)
        goto out;
    if (health == HEALTH_DAMAGED && tick_same_file(&p, old)) {
        (void)error_set(e, "state file %s was truncated or became unreadable while in use", s->path);
        found = PLACE_DAMAGED;
    } else {
        m = store_open(&p, r, &found, e);
    }
    if (m != NULL && m->ino == old->ino && m->dev == old->dev) {
        mapping_free(m);
        m = NULL;
        s->attached = true;
        goto out;
    }
    if (found == PLACE_DAMAGED && state_set_aside(s, &p, r, e) == 0)
        found = PLACE_NONE;
    if (m != NULL) {
        mapping_follow(m, s->offset_ns);
        if (memcmp(&m->secret, &old->secret, sizeof m->secret) == 0)
            (void)mapping_take_over(m, old, r->boot_ns + s->offset_ns);
    } else if (found == PLACE_NONE) {
        m = make_from(s, &p, old, r, e);
    }
    if (m != NULL)
        state_use(s, m, true, r->boot_ns);
out:
    place_close(&p);
    return s->attached ? 0 : -1;
}

/* Saves the clock that was carried over a reboot without the lock. The first process to do so is right. */
static void settle_clock(struct state *s, const struct clock_reading *r)
{
    struct mapping *m = NULL;
    enum place_found found;
    struct place p;

    if (place_open(&p, s->path, TICK_WAIT_MS, NULL) == 0 && place_is_locked(&p) && tick_same_file(&p, s->now))
        m = store_open(&p, r, &found, NULL);
    place_close(&p);
    if (m == NULL)
        return;
    mapping_follow(m, s->offset_ns);
    state_use(s, m, true, r->boot_ns);
}

/* Copies the blocks when they have changed. */
static void renew_shadow(struct state *s, const struct mapping *m, uint64_t now_ns)
{
    uint64_t changes = blocks_changes(&m->blocks);

    if (changes == s->shadowed)
        return;
    blocks_clear(&s->shadow->blocks);
    (void)blocks_take_over(&s->shadow->blocks, &m->blocks, now_ns);
    s->shadowed = changes;
}

/* Syncs blocks as soon as they change, counters now and then. 0; -1 with e when that newly fails. */
static int push_to_disk(struct state *s, const struct mapping *m, uint64_t boot_ns, struct error *e)
{
    uint64_t changes = blocks_changes(&m->blocks);
    bool due = boot_ns - s->synced_ns >= SYNC_INTERVAL_NS, failed = false;

    if (changes != s->synced)
        failed = fdatasync(m->fd) != 0;
    else if (due)
        failed = sync_file_range(m->fd, 0, 0, SYNC_FILE_RANGE_WRITE) != 0 && errno == EIO;
    if (due || changes != s->synced)
        s->synced_ns = boot_ns;
    else
        return 0;
    /* A failed sync is not tried again: the kernel has dropped what it could not write, and would report success. */
    s->synced = changes;
    if (!failed) {
        s->sync_failed = false;
        return 0;
    }
    (void)error_set(e, "state file %s: cannot be put to the disk: %s; a power cut would lose counters and blocks",
                    s->path, strerror(errno));
    failed = !s->sync_failed;
    s->sync_failed = true;
    return failed ? -1 : 0;
}

static void hollow_retired(struct state *s, uint64_t boot_ns)
{
    for (struct mapping *m = s->now->older; m != NULL; m = m->older)
        if (!m->hollow && boot_ns - m->retired_ns >= HOLLOW_AFTER_NS)
            mapping_hollow(m);
}

static void say_attached(struct state *s, enum health health)
{
    struct error text;

    /* A damaged file has its own notice from setting it aside. */
    if (health == HEALTH_DAMAGED)
        return;
    (void)error_set(&text, "state file %s was missing or another one: in use (again), with what was counted meanwhile",
                    s->path);
    state_set_notice(s, &text);
}

int state_tick(struct state *s, uint64_t boot_ns, uint64_t wall_ns, struct error *e)
{
    struct clock_reading r = {boot_ns, wall_ns, s->boot_id};
    enum health health = examine(s, s->now);
    uint64_t now_ns = state_now(s, boot_ns);
    struct mapping *m = s->now;
    struct error why = {""};

    if (health == HEALTH_DAMAGED) {
        /* The blocks lost with the file's end are in force again at once, whatever becomes of the file. */
        guard_replace_tail(m->guard);
        (void)blocks_take_over(&m->blocks, &s->shadow->blocks, now_ns);
    }
    if (health != HEALTH_GOOD) {
        s->attached = false;
        if (attach(s, &r, health, &why) != 0) {
            state_explain_memory(&why);
            blocks_sweep(&m->blocks, now_ns);
            renew_shadow(s, m, now_ns);
            return state_set_problem(s, &why) ? error_set(e, "%s", why.text) : 0;
        }
        say_attached(s, health);
        m = s->now;
    }
    (void)state_set_problem(s, NULL);
    s->attached = true;
    if (m->clock_pending)
        settle_clock(s, &r);
    m = s->now;
    if (!m->clock_pending)
        repair_header(s, m, &r);
    state_clock_note(&mapping_header(m)->clock, &m->secret, m->offset_ns, boot_ns, wall_ns);
    blocks_sweep(&m->blocks, now_ns);
    blocks_check_head(&m->blocks);
    renew_shadow(s, m, now_ns);
    hollow_retired(s, boot_ns);
    return push_to_disk(s, m, boot_ns, e);
}
