#include "core/report/cloud_rows.h"

#include <stdlib.h>

struct cloud_rows {
    struct report *r;
    struct cloud_walk *walk;
    cloud_put *put;
    struct cloud_row row; /* the next one, while more is 1 */
    int more;             /* as cloud_walk_next returned it */
};

static void step(struct cloud_rows *c)
{
    c->more = cloud_walk_next(c->walk, &c->row.tenant, &c->row.mailbox, &c->row.source, &c->row.use, c->r->e);
}

int cloud_rows_open(struct report *r, const struct cloud_query *query, cloud_put *put, struct cloud_rows **out)
{
    struct cloud_rows *c = calloc(1, sizeof *c);

    if (c == NULL)
        return error_set(r->e, "out of memory");
    if (cloud_walk_open(r->files->history, query, &c->walk, r->e) != 0) {
        free(c);
        return -1;
    }
    c->r = r;
    c->put = put;
    step(c);
    *out = c;
    return 0;
}

/* As SQLite compares texts. */
static int compare(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static bool is_before(const struct cloud_row *row, struct slice tenant, struct slice mailbox)
{
    int order = compare(row->tenant, tenant);

    return order < 0 || (order == 0 && compare(row->mailbox, mailbox) < 0);
}

bool cloud_rows_before(struct cloud_rows *c, struct slice tenant, struct slice mailbox)
{
    if (c == NULL)
        return true;
    for (; c->more > 0 && is_before(&c->row, tenant, mailbox); step(c))
        c->put(c->r, &c->row);
    return c->more >= 0;
}

int cloud_rows_close(struct cloud_rows *c, bool rest)
{
    int more;

    if (c == NULL)
        return 0;
    for (; rest && c->more > 0 && !c->r->out->enough; step(c))
        c->put(c->r, &c->row);
    more = c->more;
    cloud_walk_close(c->walk);
    free(c);
    return more < 0 ? -1 : 0;
}
