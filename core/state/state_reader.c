/*
 * The state for who only reads it. How, with neither a lock nor the right to write:
 *
 * - A pair (core/base/pair.h) is not read by a compare-and-swap, which writes and would fault here, but as pair_read
 *   does: key, value, key again. All changes of a pair are one atomic step, so a value that was loaded while the same
 *   key stood before and after it belongs to that key. The one exception is a key that goes away and comes back between
 *   two loads, within nanoseconds: then the value may be of the key that was there meanwhile. Front ends have the same,
 *   and find out when their compare-and-swap fails; a reader would show a wrong figure, once. 16-byte loads (SSE, LDP)
 *   would close even this, but not every processor that we run on promises that they are atomic.
 * - A block's record has a version that is odd while it is written.
 * - The file is replaced by rename only, and the old one stays as it was: state_reader_follow takes the new one.
 */
#include "core/state/state_inner.h"

#include "core/state/state_guard.h"

#include <stdlib.h>
#include <string.h>

static struct mapping *read_at(const char *path, const struct clock_reading *r, struct error *e)
{
    struct mapping *m = NULL;
    struct place p;

    if (place_visit(&p, path, e) == 0)
        m = store_read(&p, r, e);
    place_close(&p);
    return m;
}

int state_open_reader(const struct state_options *options, struct state **out, struct error *e)
{
    struct clock_reading r = {options->boot_ns, options->wall_ns, options->boot_id};
    struct state *s = calloc(1, sizeof *s);
    struct mapping *m = NULL;

    *out = NULL;
    if (s == NULL || (s->path = strdup(options->path)) == NULL)
        (void)error_set(e, "no memory for the state");
    else
        m = read_at(s->path, &r, e);
    if (m == NULL) {
        state_close(s);
        return -1;
    }
    s->boot_id = options->boot_id;
    s->now = m;
    s->offset_ns = m->offset_ns;
    s->attached = true;
    *out = s;
    return 0;
}

/* Is what is mapped whole, and the file at its place? */
static bool is_current(const struct state *s)
{
    const struct mapping *m = s->now;
    struct stat ours, there;

    return !guard_tripped(m->guard) && fstat(m->fd, &ours) == 0 && ours.st_size >= 0 &&
           (uint64_t)ours.st_size >= m->layout.bytes && lstat(s->path, &there) == 0 && there.st_dev == m->dev &&
           there.st_ino == m->ino;
}

int state_reader_follow(struct state *s, uint64_t boot_ns, uint64_t wall_ns, struct error *e)
{
    struct clock_reading r = {boot_ns, wall_ns, s->boot_id};
    struct mapping *m = s->now;

    /* After a reboot a service is the one to set the clock, by its own reading. */
    if (!is_current(s) || state_clock_read(&mapping_header(m)->clock, &m->secret, &r, &m->offset_ns) == CLOCK_DAMAGED) {
        if ((m = read_at(s->path, &r, e)) == NULL)
            return -1;
        mapping_free(s->now);
        s->now = m;
    }
    s->offset_ns = m->offset_ns;
    return 0;
}
