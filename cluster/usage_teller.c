#include "cluster/usage_teller.h"

#include "core/journal/usage_row.h"

/* A change is in the journal that long after it happened, and some more: a transaction can wait. */
#define LATE_S (USAGE_LATE_S + 30)

void usage_teller_begin(struct usage_teller *t, const char *name, const struct others_own *own, int64_t wall_ms)
{
    uint64_t series = wall_ms > 0 ? (uint64_t)wall_ms : 1;

    memset(t, 0, sizeof *t);
    t->name = name;
    t->after = own->told;
    t->now.own = *own;
    t->now.own.told = (struct told_place){series > own->told.series ? series : own->told.series + 1, 0};
    if (own->full_s == 0)
        t->now.own.changed_s = wall_ms / 1000; /* what was before is told with everything */
}

void usage_teller_asked(struct usage_teller *t, struct told_place from)
{
    /* Else it is told, or was told, everything since then. */
    if (told_before(t->now.own.full_from, from) && told_before(t->next.own.full_from, from))
        t->now.again = t->next.again = true;
}

/* ---- rows ---- */

struct adding {
    unsigned char *out;
    size_t n;
    char *tenant, *mailbox; /* the last one that was told */
    size_t tenant_cap, mailbox_cap;
    bool full;
};

static void keep(char *out, size_t cap, struct slice text)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, text);
}

static bool add_row(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    struct adding *a = arg;
    size_t room = USAGE_RECORD_MAX - a->n, size = usage_row_pack(tenant, mailbox, usage, a->out + a->n, room);

    /* What doesn't fit comes with the next record; what never does is left out. */
    if (size == 0 && room < USAGE_ROW_MAX) {
        a->full = true;
        return false;
    }
    a->n += size;
    keep(a->tenant, a->tenant_cap, tenant);
    keep(a->mailbox, a->mailbox_cap, mailbox);
    return true;
}

static int walk(struct journal *journal, int64_t since_s, struct adding *a, struct error *e)
{
    char tenant[64], mailbox[128];
    struct usage_query query = {.own = true, .changed_since_s = since_s};

    keep(tenant, sizeof tenant, slice_of(a->tenant)); /* which add_row writes over */
    keep(mailbox, sizeof mailbox, slice_of(a->mailbox));
    query.after_tenant = slice_of(tenant);
    query.after_mailbox = slice_of(mailbox);
    return journal_usage(journal, &query, add_row, a, e);
}

static int add_changes(struct usage_teller *t, struct journal *journal, int64_t now_s, unsigned char *out, size_t *n,
                       struct error *e)
{
    struct usage_changes *c = &t->next.changes;
    struct adding a = {out, *n, c->tenant, c->mailbox, sizeof c->tenant, sizeof c->mailbox, false};

    if (!c->walks) {
        *c = (struct usage_changes){.walks = true, .begun_s = now_s, .since_s = t->next.own.changed_s - LATE_S};
        c->since_s = c->since_s > 0 ? c->since_s : 1;
    }
    if (walk(journal, c->since_s, &a, e) != 0)
        return -1;
    *n = a.n;
    if (!a.full) {
        c->walks = false;
        t->next.own.changed_s = c->begun_s;
    }
    return 0;
}

/* *ended: with this record everything was told. */
static int add_all(struct usage_teller *t, struct journal *journal, unsigned char *out, size_t *n, bool *ended,
                   struct error *e)
{
    struct others_own *own = &t->next.own;
    struct adding a = {out, *n, own->tenant, own->mailbox, sizeof own->tenant, sizeof own->mailbox, false};

    if (walk(journal, 0, &a, e) != 0)
        return -1;
    *n = a.n;
    *ended = !a.full;
    own->full = a.full;
    return 0;
}

/* ---- a record ---- */

static bool changes_are_due(const struct usage_teller *t, int64_t now_s)
{
    const struct usage_changes *c = &t->now.changes;

    /* A clock that was set back is no reason to wait. */
    return c->walks || now_s >= c->begun_s + USAGE_CHANGES_EVERY_S || now_s < c->begun_s;
}

static void begin_all(struct usage_teller *t, int64_t now_s)
{
    struct others_own *own = &t->next.own;

    if (own->full ||
        !(t->next.again || own->full_s == 0 || now_s >= own->full_s + USAGE_ALL_EVERY_S || now_s < own->full_s))
        return;
    own->full = true;
    own->full_s = now_s;
    own->full_from = own->told;
    own->tenant[0] = own->mailbox[0] = '\0';
    t->next.again = false;
}

/* The head is written twice: the rows lie behind it, and decide some of it. */
static int make(struct usage_teller *t, struct journal *journal, int64_t now_s, struct usage_record *r, bool due,
                unsigned char *out, size_t *n, struct error *e)
{
    size_t size;

    if (journal_own_since(journal, &r->since_s, e) != 0)
        return -1;
    size = usage_record_write(r, out);
    if ((due && add_changes(t, journal, now_s, out, &size, e) != 0) ||
        (t->next.own.full && add_all(t, journal, out, &size, &r->all_told, e) != 0))
        return -1;
    r->all_from = t->next.own.full_from;
    r->as_of_s = t->next.own.changed_s;
    (void)usage_record_write(r, out);
    *n = size;
    return 0;
}

int usage_teller_next(struct usage_teller *t, struct journal *journal, int64_t now_s, const struct usage_asked *asked,
                      size_t n_asked, unsigned char *out, size_t *n, struct error *e)
{
    struct usage_record r = {.after = t->after, .name = slice_of(t->name)};
    bool due = changes_are_due(t, now_s);
    int result;

    *n = 0;
    t->next = t->now;
    t->next.own.told.number++;
    begin_all(t, now_s);
    if (!due && !t->next.own.full && n_asked == 0)
        return 0;
    r.place = t->next.own.told;
    r.n_asked = n_asked < USAGE_ASKED_MAX ? n_asked : USAGE_ASKED_MAX;
    if (r.n_asked > 0)
        memcpy(r.asked, asked, r.n_asked * sizeof *asked);
    if ((result = make(t, journal, now_s, &r, due, out, n, e)) != 0)
        t->next = t->now;
    return result;
}

void usage_teller_arrived(struct usage_teller *t)
{
    t->now = t->next;
}
