#include "core/state.h"

#include "core/clock.h"
#include "core/state_file.h"
#include "core/state_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* How long opening waits for another program that makes the file, and how long the housekeeping does. */
#define OPEN_WAIT_MS 2000
#define TICK_WAIT_MS 50
/* Counters may be so old after a power cut, plus what the disk takes. */
#define SYNC_INTERVAL_NS (10 * NS_PER_S)
/* Nobody can still be using a table so long after it was replaced: decisions take microseconds. */
#define HOLLOW_AFTER_NS (60 * NS_PER_S)
/* A text that was handed out stays as it is for so many further ones. */
#define TEXTS 8

struct state {
    char *path;
    struct layout wanted;
    bool any_layout; /* take an existing file's numbers */
    uint64_t offset_ns;
    uint64_t boot_id;
    struct mapping *now;    /* atomic; the mail path reads it */
    struct mapping *shadow; /* what is blocked, copied each tick, in case the file is damaged behind us */
    uint64_t shadowed;      /* blocks_changes of the shadow's source */
    uint64_t synced;        /* blocks_changes that are on the disk */
    uint64_t synced_ns;     /* boot clock of the last push */
    bool attached;          /* `now` is the file at path */
    bool sync_failed;
    struct error texts[TEXTS];
    unsigned next_text;
    const char *problem; /* atomic */
    const char *notice;  /* atomic */
};

static struct mapping *current(const struct state *s)
{
    return __atomic_load_n(&s->now, __ATOMIC_ACQUIRE);
}

static const char *keep_text(struct state *s, const struct error *e)
{
    struct error *text = &s->texts[s->next_text++ % TEXTS];

    *text = *e;
    return text->text;
}

static void set_notice(struct state *s, const struct error *e)
{
    __atomic_store_n(&s->notice, keep_text(s, e), __ATOMIC_RELEASE);
}

/* NULL: there is none any more. True when it is another one than before. */
static bool set_problem(struct state *s, const struct error *e)
{
    const char *old = s->problem;

    if (e == NULL ? old == NULL : old != NULL && strcmp(old, e->text) == 0)
        return false;
    __atomic_store_n(&s->problem, e != NULL ? keep_text(s, e) : NULL, __ATOMIC_RELEASE);
    return true;
}

/* Puts a mapping in use. The one before stays mapped: threads may be using it. */
static void use(struct state *s, struct mapping *m, bool attached, uint64_t boot_ns)
{
    struct mapping *old = s->now;

    if (old != NULL)
        old->retired_ns = boot_ns;
    m->older = old;
    s->attached = attached;
    s->synced = blocks_changes(&m->blocks) - 1; /* so that the next tick does both */
    s->shadowed = s->synced;
    __atomic_store_n(&s->now, m, __ATOMIC_RELEASE);
}

/* ---- making, opening, migrating: under the directory's lock ---- */

/* A new file, whole but not yet in its place, with the live contents of `from` (may be NULL). */
static struct mapping *make_file(const struct place *p, const struct layout *l, const struct hash_secret *secret,
                                 uint64_t offset_ns, const struct clock_reading *r, struct error *e)
{
    int fd = place_make(p, l, e);
    struct mapping *m = fd < 0 ? NULL : mapping_make(fd, l, secret, e);

    if (m == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    mapping_header(m)->constants = constants_make(l, secret);
    m->offset_ns = offset_ns;
    state_clock_set(&mapping_header(m)->clock, secret, offset_ns, r);
    return m;
}

static int publish(const struct place *p, struct mapping **m, struct error *e)
{
    if (place_publish(p, (*m)->fd, e) == 0)
        return 0;
    mapping_free(*m);
    *m = NULL;
    return -1;
}

/* The same contents in a file of another size, in the old one's place. NULL with e; then the old one is untouched. */
static struct mapping *migrate(const struct place *p, const struct mapping *old, const struct layout *wanted,
                               const struct clock_reading *r, struct error *e)
{
    uint64_t now_ns = r->boot_ns + old->offset_ns;
    uint32_t live = blocks_count(&old->blocks, now_ns);
    struct layout l = layout_of(wanted->entries, wanted->blocks > live ? wanted->blocks : live);
    struct mapping *m = make_file(p, &l, &old->secret, old->offset_ns, r, e);

    if (m == NULL)
        return NULL;
    (void)mapping_take_over(m, old, now_ns);
    (void)publish(p, &m, e);
    return m;
}

/* Maps the file that was found good. NULL with e; *damaged when only its contents are at fault. Owns fd. */
static struct mapping *map_file(const struct place *p, int fd, const struct state_constants *k,
                                const struct clock_reading *r, bool *damaged, struct error *e)
{
    struct layout l = layout_of(k->entries, k->blocks);
    struct mapping *m = mapping_make(fd, &l, &k->secret, e);
    struct state_clock *clock;

    if (m == NULL) {
        (void)close(fd);
        return NULL;
    }
    clock = &mapping_header(m)->clock;
    switch (state_clock_read(clock, &m->secret, r, &m->offset_ns)) {
    case CLOCK_RUNS:
        break;
    case CLOCK_BOOTED:
        if (p->locked) {
            state_clock_set(clock, &m->secret, m->offset_ns, r);
            break;
        }
        (void)error_set(
            e, "state file %s: it must be brought over the reboot, but another program has locked its directory",
            p->path);
        mapping_free(m);
        return NULL;
    default:
        (void)error_set(e, "state file %s: its clock is damaged", p->path);
        *damaged = true;
        mapping_free(m);
        return NULL;
    }
    blocks_check_head(&m->blocks);
    return m;
}

/* Opens the file at the place; NULL when there is none to be used: *found says why, with e. */
static struct mapping *open_file(const struct place *p, const struct clock_reading *r, enum place_found *found,
                                 struct error *e)
{
    struct state_constants k;
    struct mapping *m = NULL;
    bool damaged = false;
    struct stat st;
    int fd;

    *found = place_look(p, &fd, &st, &k, e);
    if (*found != PLACE_GOOD)
        return NULL;
    m = map_file(p, fd, &k, r, &damaged, e);
    if (m == NULL)
        *found = damaged ? PLACE_DAMAGED : PLACE_UNUSABLE;
    return m;
}

/* Sets the damaged file aside, which e described, and says so in a notice. */
static int set_aside(struct state *s, const struct place *p, const struct clock_reading *r, struct error *e)
{
    char to[PLACE_NAME_MAX];
    struct error why = *e;

    if (place_set_aside(p, r->wall_ns, to, e) != 0)
        return error_prefix(e, "%s", why.text);
    (void)error_set(e, "%s: set aside as %s beside it, and replaced", why.text, to);
    set_notice(s, e);
    return 0;
}

static int random_secret(struct hash_secret *secret)
{
    return getrandom(secret, sizeof *secret, 0) == (ssize_t)sizeof *secret ? 0 : -1;
}

/* ---- opening ---- */

static struct mapping *open_at_start(struct state *s, const struct clock_reading *r, const struct hash_secret *fresh,
                                     struct error *e)
{
    struct mapping *m = NULL, *migrated;
    enum place_found found;
    struct place p;

    if (place_open(&p, s->path, OPEN_WAIT_MS, e) != 0)
        goto out;
    m = open_file(&p, r, &found, e);
    if (found == PLACE_DAMAGED && set_aside(s, &p, r, e) == 0)
        found = PLACE_NONE;
    if (found == PLACE_NONE) {
        m = make_file(&p, &s->wanted, fresh, state_clock_begin(r), r, e);
        if (m != NULL)
            (void)publish(&p, &m, e);
        goto out;
    }
    if (m == NULL || s->any_layout || (m->layout.entries == s->wanted.entries && m->layout.blocks >= s->wanted.blocks))
        goto out;
    migrated = migrate(&p, m, &s->wanted, r, e);
    if (migrated != NULL) {
        mapping_free(m);
        m = migrated;
    } else {
        (void)error_prefix(e, "the state keeps its %llu entries and %u blocks", (unsigned long long)m->layout.entries,
                           m->layout.blocks);
        set_notice(s, e);
    }
out:
    place_close(&p);
    return m;
}

static void explain_memory(struct error *e)
{
    (void)error_prefix(e, "counters and blocks are kept in this process's memory only");
}

int state_open(const struct state_options *options, struct state **out, struct error *e)
{
    struct clock_reading r = {options->boot_ns, options->wall_ns, options->boot_id};
    struct state *s = calloc(1, sizeof *s);
    struct layout shadow_layout;
    struct hash_secret fresh;
    struct mapping *m;
    struct error why = {""};

    *out = NULL;
    if (s == NULL || (s->path = strdup(options->path)) == NULL || random_secret(&fresh) != 0) {
        state_close(s);
        return error_set(e, "the state: no memory or no randomness");
    }
    s->boot_id = options->boot_id;
    s->any_layout = options->entries == 0;
    s->wanted = layout_of(options->entries, options->blocks);
    m = open_at_start(s, &r, &fresh, &why);
    if (m == NULL) {
        explain_memory(&why);
        (void)set_problem(s, &why);
        m = mapping_make(-1, &s->wanted, &fresh, e);
        if (m != NULL)
            m->offset_ns = state_clock_begin(&r);
    }
    if (m != NULL) {
        s->offset_ns = m->offset_ns;
        s->synced_ns = r.boot_ns;
        use(s, m, m->fd >= 0, r.boot_ns);
        shadow_layout = layout_of(COUNTERS_ENTRIES_MIN, m->layout.blocks);
        s->shadow = mapping_make(-1, &shadow_layout, &m->secret, e);
    }
    if (m == NULL || s->shadow == NULL) {
        state_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void state_close(struct state *s)
{
    if (s == NULL)
        return;
    for (struct mapping *m = s->now, *older; m != NULL; m = older) {
        older = m->older;
        mapping_free(m);
    }
    mapping_free(s->shadow);
    free(s->path);
    free(s);
}

/* ---- the mail path ---- */

const char *state_problem(const struct state *s)
{
    return __atomic_load_n(&s->problem, __ATOMIC_ACQUIRE);
}

const char *state_notice(const struct state *s)
{
    return __atomic_load_n(&s->notice, __ATOMIC_ACQUIRE);
}

uint64_t state_now(const struct state *s, uint64_t boot_ns)
{
    return boot_ns + s->offset_ns;
}

struct counters *state_counters(struct state *s)
{
    return &current(s)->counters;
}

struct blocks *state_blocks(struct state *s)
{
    return &current(s)->blocks;
}

const struct hash_secret *state_secret(const struct state *s)
{
    return &current(s)->secret;
}

/* ---- housekeeping ---- */

/* What has happened to our file: in place and whole; whole, but not in its place; damaged. */
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

/* A file with our contents for a place where none is. */
static struct mapping *make_from(const struct state *s, const struct place *p, const struct mapping *old,
                                 const struct clock_reading *r, struct error *e)
{
    struct layout l = layout_of(s->wanted.entries, old->layout.blocks);
    struct mapping *m;

    if (s->any_layout)
        l = old->layout;
    m = make_file(p, &l, &old->secret, s->offset_ns, r, e);
    if (m == NULL)
        return NULL;
    mapping_follow(m, s->offset_ns);
    (void)mapping_take_over(m, old, r->boot_ns + s->offset_ns);
    (void)blocks_take_over(&m->blocks, &s->shadow->blocks, r->boot_ns + s->offset_ns);
    (void)publish(p, &m, e);
    return m;
}

/* Whether the file that stands at the place is the one that is mapped as m. */
static bool same_file(const struct place *p, const struct mapping *m)
{
    struct stat st;

    return m->fd >= 0 && fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == m->dev &&
           st.st_ino == m->ino;
}

/*
 * Gets a file in use again: the one that now stands there, or a new one. What was counted meanwhile comes along, unless
 * the file has another secret, for then its keys mean nothing to us. 0; -1 with e.
 */
static int attach(struct state *s, const struct clock_reading *r, enum health health, struct error *e)
{
    struct mapping *old = s->now, *m = NULL;
    enum place_found found;
    struct place p;

    if (place_open(&p, s->path, TICK_WAIT_MS, e) != 0)
        goto out;
    if (health == HEALTH_DAMAGED && same_file(&p, old)) {
        (void)error_set(e, "state file %s was truncated or became unreadable while in use", s->path);
        found = PLACE_DAMAGED;
    } else {
        m = open_file(&p, r, &found, e);
    }
    if (m != NULL && m->ino == old->ino && m->dev == old->dev) {
        mapping_free(m);
        m = NULL;
        s->attached = true;
        goto out;
    }
    if (found == PLACE_DAMAGED && set_aside(s, &p, r, e) == 0)
        found = PLACE_NONE;
    if (m != NULL) {
        mapping_follow(m, s->offset_ns);
        if (memcmp(&m->secret, &old->secret, sizeof m->secret) == 0)
            (void)mapping_take_over(m, old, r->boot_ns + s->offset_ns);
    } else if (found == PLACE_NONE) {
        m = make_from(s, &p, old, r, e);
    }
    if (m != NULL)
        use(s, m, true, r->boot_ns);
out:
    place_close(&p);
    return s->attached ? 0 : -1;
}

/* Copies what is blocked, when that has changed. */
static void renew_shadow(struct state *s, const struct mapping *m, uint64_t now_ns)
{
    uint64_t changes = blocks_changes(&m->blocks);

    if (changes == s->shadowed)
        return;
    blocks_clear(&s->shadow->blocks);
    (void)blocks_take_over(&s->shadow->blocks, &m->blocks, now_ns);
    s->shadowed = changes;
}

/* Blocks are put to the disk as soon as they change, counters now and then. 0; -1 with e when that newly fails. */
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
    /* A failed sync is not tried again: the kernel has dropped what it could not write, and would say all is well. */
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
    set_notice(s, &text);
}

int state_tick(struct state *s, uint64_t boot_ns, uint64_t wall_ns, struct error *e)
{
    struct clock_reading r = {boot_ns, wall_ns, s->boot_id};
    enum health health = examine(s, s->now);
    uint64_t now_ns = state_now(s, boot_ns);
    struct mapping *m = s->now;
    struct error why = {""};

    if (health == HEALTH_DAMAGED) {
        guard_replace_tail(m->guard);
        (void)blocks_take_over(&m->blocks, &s->shadow->blocks, now_ns);
    }
    if (health != HEALTH_GOOD) {
        s->attached = false;
        if (attach(s, &r, health, &why) != 0) {
            explain_memory(&why);
            blocks_sweep(&m->blocks, now_ns);
            renew_shadow(s, m, now_ns);
            return set_problem(s, &why) ? error_set(e, "%s", why.text) : 0;
        }
        say_attached(s, health);
        m = s->now;
    }
    (void)set_problem(s, NULL);
    s->attached = true;
    state_clock_note(&mapping_header(m)->clock, &m->secret, m->offset_ns, boot_ns, wall_ns);
    blocks_sweep(&m->blocks, now_ns);
    renew_shadow(s, m, now_ns);
    hollow_retired(s, boot_ns);
    return push_to_disk(s, m, boot_ns, e);
}
