#include "core/state/state_store.h"

#include <unistd.h>

struct mapping *store_make(const struct place *p, const struct layout *l, const struct hash_secret *secret,
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

int store_publish(const struct place *p, struct mapping **m, struct error *e)
{
    if (place_publish(p, (*m)->fd, e) == 0)
        return 0;
    mapping_free(*m);
    *m = NULL;
    return -1;
}

struct mapping *store_migrate(const struct place *p, const struct mapping *old, const struct layout *wanted,
                              const struct clock_reading *r, struct error *e)
{
    uint64_t now_ns = r->boot_ns + old->offset_ns;
    uint32_t live = blocks_count(&old->blocks, now_ns);
    struct layout l = layout_of(wanted->entries, wanted->blocks > live ? wanted->blocks : live);
    struct mapping *m = store_make(p, &l, &old->secret, old->offset_ns, r, e);

    if (m == NULL)
        return NULL;
    (void)mapping_take_over(m, old, now_ns);
    (void)store_publish(p, &m, e);
    return m;
}

/* Maps the file after checking it. NULL with e; *damaged when only its contents are wrong. Owns fd. */
static struct mapping *map_file(const struct place *p, int fd, const struct state_constants *k,
                                const struct clock_reading *r, bool *damaged, struct error *e)
{
    struct layout l = layout_of_file(k);
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
        /* Without the lock the clock runs on, and is saved as soon as there is one, so that blocks stay in force. */
        m->clock_pending = !place_is_locked(p);
        if (!m->clock_pending)
            state_clock_set(clock, &m->secret, m->offset_ns, r);
        break;
    default:
        (void)error_set(e, "state file %s: its clock is damaged", p->path);
        *damaged = true;
        mapping_free(m);
        return NULL;
    }
    blocks_check_head(&m->blocks);
    return m;
}

/* Makes a copy in today's version. NULL with e, and the old file is untouched. */
static struct mapping *modernize(const struct place *p, struct mapping *old, const struct clock_reading *r,
                                 struct error *e)
{
    struct layout same = layout_of(old->layout.entries, old->layout.blocks);
    struct mapping *m = store_migrate(p, old, &same, r, e);

    if (m == NULL)
        (void)error_prefix(e, "its format is that of an older postern, and can't be renewed");
    mapping_free(old);
    return m;
}

struct mapping *store_open(const struct place *p, const struct clock_reading *r, enum place_found *found,
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
    if (m != NULL && m->layout.version != STATE_VERSION)
        m = modernize(p, m, r, e);
    if (m == NULL)
        *found = damaged ? PLACE_DAMAGED : PLACE_UNUSABLE;
    return m;
}

struct mapping *store_read(const struct place *p, const struct clock_reading *r, struct error *e)
{
    struct state_constants k;
    struct mapping *m;
    struct layout l;
    struct stat st;
    int fd;
    enum place_found found = place_read(p, &fd, &st, &k, e);

    if (found == PLACE_NONE)
        (void)error_set(e, "state file %s: there is none; the services make it when they start", p->path);
    if (found != PLACE_GOOD)
        return NULL;
    l = layout_of_file(&k);
    if (l.version != STATE_VERSION) {
        (void)error_set(e, "state file %s: its format is that of an older postern, which services renew at their start",
                        p->path);
        m = NULL;
    } else {
        m = mapping_read(fd, &l, &k.secret, e);
    }
    if (m == NULL) {
        (void)close(fd);
        return NULL;
    }
    if (state_clock_read(&mapping_header(m)->clock, &k.secret, r, &m->offset_ns) == CLOCK_DAMAGED) {
        (void)error_set(e, "state file %s: its clock is damaged", p->path);
        mapping_free(m);
        return NULL;
    }
    return m;
}

struct mapping *store_copy(const struct place *p, const struct layout *wanted, const struct clock_reading *r)
{
    struct mapping *file, *m = NULL;
    struct state_constants k;
    struct layout l;
    struct stat st;
    int fd;

    if (p->dir < 0 || place_read(p, &fd, &st, &k, NULL) != PLACE_GOOD)
        return NULL;
    l = layout_of_file(&k);
    file = mapping_look(fd, &l, &k.secret, NULL);
    if (file == NULL) {
        (void)close(fd);
        return NULL;
    }
    if (state_clock_read(&mapping_header(file)->clock, &k.secret, r, &file->offset_ns) != CLOCK_DAMAGED) {
        blocks_check_head(&file->blocks);
        l = layout_of(wanted->entries, wanted->blocks > k.blocks ? wanted->blocks : k.blocks);
        m = mapping_make(-1, &l, &k.secret, NULL);
    }
    if (m != NULL) {
        m->offset_ns = file->offset_ns;
        (void)mapping_take_over(m, file, r->boot_ns + m->offset_ns);
    }
    mapping_free(file);
    return m;
}
