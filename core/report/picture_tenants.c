/* A picture of what is some tenants' own. */
#include "core/access/role.h"
#include "core/base/clock.h"
#include "core/report/picture_parts.h"
#include "core/report/subject.h"

#include <stdlib.h>

struct hour {
    struct picture *picture;
    struct slice scope;
    picture_each *each;
    void *arg;
};

static bool take_record(void *arg, const struct journal_record *r)
{
    const struct hour *hour = arg;

    if (!scope_has(hour->scope, slice_of(r->tenant)))
        return true;
    picture_rank(hour->picture, r);
    if (hour->each != NULL)
        hour->each(hour->arg, r);
    return true;
}

static void read_hour(struct report_files *f, struct hour *hour)
{
    struct picture *p = hour->picture;
    int64_t since = p->wall_s - PICTURE_WINDOW_S;
    struct journal_query query = {.since_ns = since > 0 ? (uint64_t)since * NS_PER_S : 0};
    struct error e;

    if (files_open_journal(f, &e) != 0 || journal_decisions(f->journal, &query, take_record, hour, &e) != 0)
        picture_add_problem(p, &e);
    else
        p->has_journal = true;
}

static void count_blocks(struct report_files *f, struct slice scope, struct picture *p)
{
    const struct decide_context c = files_context(f);
    struct block block;

    for (uint32_t at = 0; blocks_next(c.blocks, &at, c.now_ns, &block);)
        p->blocks += scope_has(scope, slice_of(block_tenant(&c, &block)));
}

struct picture *picture_take_tenants(struct report_files *f, struct slice scope, picture_each *each, void *arg,
                                     struct error *e)
{
    struct picture *p = calloc(1, sizeof *p);

    if (p == NULL) {
        (void)error_set(e, "out of memory");
        return NULL;
    }
    p->wall_s = clock_wall_s();
    p->directory = picture_open_part(f, p, files_open_directory);
    (void)picture_open_part(f, p, files_open_history);
    p->state = picture_open_part(f, p, files_open_state);
    if (p->state == PART_READ)
        count_blocks(f, scope, p);
    read_hour(f, &(struct hour){.picture = p, .scope = scope, .each = each, .arg = arg});
    return p;
}
