#include "core/state/state_inner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* How long to wait for another program that creates the file. */
#define OPEN_WAIT_MS 2000

static struct mapping *current(const struct state *s)
{
    return __atomic_load_n(&s->now, __ATOMIC_ACQUIRE);
}

static const char *keep_text(struct state *s, const struct error *e)
{
    struct error *text = &s->texts[s->next_text++ % STATE_TEXTS];

    *text = *e;
    return text->text;
}

void state_set_notice(struct state *s, const struct error *e)
{
    __atomic_store_n(&s->notice, keep_text(s, e), __ATOMIC_RELEASE);
}

bool state_set_problem(struct state *s, const struct error *e)
{
    const char *old = s->problem;

    if (e == NULL ? old == NULL : old != NULL && strcmp(old, e->text) == 0)
        return false;
    __atomic_store_n(&s->problem, e != NULL ? keep_text(s, e) : NULL, __ATOMIC_RELEASE);
    return true;
}

void state_use(struct state *s, struct mapping *m, bool attached, uint64_t boot_ns)
{
    struct mapping *old = s->now;

    if (old != NULL)
        old->retired_ns = boot_ns;
    m->older = old;
    s->attached = attached;
    s->synced = blocks_changes(&m->blocks) - 1; /* so that the next tick syncs both */
    s->shadowed = s->synced;
    m->counters.outbox = s->outbox;
    __atomic_store_n(&s->now, m, __ATOMIC_RELEASE);
}

int state_set_aside(struct state *s, const struct place *p, const struct clock_reading *r, struct error *e)
{
    char to[PLACE_NAME_MAX];
    struct error why = *e;

    if (place_set_aside(p, r->wall_ns, to, e) != 0)
        return error_prefix(e, "%s", why.text);
    (void)error_set(e, "%s: set aside as %s beside it, and replaced", why.text, to);
    state_set_notice(s, e);
    return 0;
}

/*
 * The secret while there is no file, the same for all programs of this boot: when one of them can create the file, the
 * others' counters can be taken over. Machine and boot ids are not known outside the machine (machine-id(5)); a random
 * secret would be safer still, and is used when there is no boot id.
 */
static void secret_of_boot(uint64_t boot_id, struct hash_secret *secret)
{
    const struct hash_secret first = {{boot_id, 1}}, second = {{boot_id, 2}};
    char machine[64];
    struct slice id = {machine, 0};
    int fd = open("/etc/machine-id", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, machine, sizeof machine);

    if (fd >= 0)
        (void)close(fd);
    if (boot_id == 0)
        return;
    if (n > 0)
        id.n = (size_t)n;
    *secret = (struct hash_secret){{hash_slice(&first, id), hash_slice(&second, id)}};
}

/* ---- opening ---- */

void state_explain_memory(struct error *e)
{
    (void)error_prefix(e, "counters and blocks are kept in this process's memory only");
}

static struct mapping *open_file(struct state *s, const struct place *p, const struct clock_reading *r,
                                 const struct hash_secret *fresh, struct error *e)
{
    struct mapping *m, *migrated;
    enum place_found found;

    m = store_open(p, r, &found, e);
    if (found == PLACE_DAMAGED && state_set_aside(s, p, r, e) == 0)
        found = PLACE_NONE;
    if (found == PLACE_NONE) {
        m = store_make(p, &s->wanted, fresh, state_clock_begin(r), r, e);
        if (m != NULL)
            (void)store_publish(p, &m, e);
        return m;
    }
    /* More room for blocks than wanted is no reason to move. */
    if (m == NULL || s->any_layout || (m->layout.entries == s->wanted.entries && m->layout.blocks >= s->wanted.blocks))
        return m;
    migrated = store_migrate(p, m, &s->wanted, r, e);
    if (migrated != NULL) {
        mapping_free(m);
        m = migrated;
    } else {
        (void)error_prefix(e, "the state keeps its %llu entries and %u blocks", (unsigned long long)m->layout.entries,
                           m->layout.blocks);
        state_set_notice(s, e);
    }
    return m;
}

/* Opens the file; or, when there is a problem, memory with what can be read of the file. NULL with e: no memory. */
static struct mapping *open_at_start(struct state *s, const struct clock_reading *r, struct hash_secret *fresh,
                                     struct error *e)
{
    struct error why = {""};
    struct mapping *m = NULL;
    struct place p;

    place_supply(s->path, OPEN_WAIT_MS);
    if (place_open(&p, s->path, OPEN_WAIT_MS, &why) == 0)
        m = open_file(s, &p, r, fresh, &why);
    if (m == NULL) {
        state_explain_memory(&why);
        (void)state_set_problem(s, &why);
        m = store_copy(&p, &s->wanted, r);
    }
    place_close(&p);
    if (m != NULL)
        return m;
    secret_of_boot(s->boot_id, fresh);
    m = mapping_make(-1, &s->wanted, fresh, e);
    if (m != NULL)
        m->offset_ns = state_clock_begin(r);
    return m;
}

int state_open(const struct state_options *options, struct state **out, struct error *e)
{
    struct clock_reading r = {options->boot_ns, options->wall_ns, options->boot_id};
    struct state *s = calloc(1, sizeof *s);
    struct layout shadow_layout;
    struct hash_secret fresh;
    struct mapping *m;

    *out = NULL;
    if (s == NULL || (s->path = strdup(options->path)) == NULL ||
        getrandom(&fresh, sizeof fresh, 0) != (ssize_t)sizeof fresh) {
        state_close(s);
        return error_set(e, "the state: no memory or no randomness");
    }
    s->boot_id = options->boot_id;
    s->any_layout = options->entries == 0;
    s->wanted = layout_of(options->entries, options->blocks);
    m = open_at_start(s, &r, &fresh, e);
    if (m != NULL) {
        s->offset_ns = m->offset_ns;
        s->synced_ns = r.boot_ns;
        state_use(s, m, m->fd >= 0, r.boot_ns);
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
    if (s->now != NULL)
        state_leave_services(s);
    for (struct mapping *m = s->now, *older; m != NULL; m = older) {
        older = m->older;
        mapping_free(m);
    }
    mapping_free(s->shadow);
    free(s->path);
    free(s);
}

void state_share(struct state *s, struct outbox *o)
{
    s->outbox = o;
    s->now->counters.outbox = o;
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

struct receipts *state_receipts(struct state *s)
{
    return &current(s)->receipts;
}

struct habits *state_habits(struct state *s)
{
    return &current(s)->habits;
}

const struct hash_secret *state_secret(const struct state *s)
{
    return &current(s)->secret;
}
