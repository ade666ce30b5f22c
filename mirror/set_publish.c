/*
 * Publishes what was set in Exchange Online to the directory, as a sync would: with the same code and notices, in one
 * generation. Other mailboxes, and the age of the tenant's settings, stay as they are.
 */
#include "core/base/caller.h"
#include "core/base/clock.h"
#include "mirror/build/gather.h"
#include "mirror/import.h"
#include "mirror/set_private.h"
#include "mirror/tenant_lock.h"

#include <unistd.h>

#define SOURCE "exchange-online"
/* A running sync may have read the settings before they were set, so it must end first. */
#define LOCK_WAIT_S 300

struct news {
    const struct set_run *run; /* NULL: of the organization */
    size_t tenant;
    enum writeback value;
};

static enum smtp_auth smtp_auth_of(enum writeback value)
{
    static const enum smtp_auth settings[] = {[WRITEBACK_DISABLE] = SMTP_AUTH_DISABLED,
                                              [WRITEBACK_ENABLE] = SMTP_AUTH_ENABLED,
                                              [WRITEBACK_INHERIT] = SMTP_AUTH_INHERIT};

    return settings[value];
}

static struct row row_of(enum kind kind, enum writeback value, row_place place)
{
    struct row row = {.path = kind_name(kind), .place = PLACE_ROW | place};

    row.cells[COLUMN_SMTP_AUTH_DISABLED] =
        (struct cell){.kind = value == WRITEBACK_INHERIT ? CELL_NULL : CELL_BOOL, .truth = value == WRITEBACK_DISABLE};
    return row;
}

static struct cell text_cell(const char *text)
{
    return (struct cell){.kind = CELL_TEXT, .text = slice_of(text)};
}

/* What was set is published even if the view already has it: another run may have published the old setting since. */
static bool is_news(const struct news *news, const struct set_row *row)
{
    if (!row->stored || row->tenant != news->tenant)
        return false;
    return row->state == ROW_SET || (row->state == ROW_ALREADY && row->before != smtp_auth_of(news->value));
}

static int feed_mailboxes(const struct news *news, struct gathered *g, struct error *e)
{
    row_place place = 0;

    g->kinds |= 1u << KIND_CAS_MAILBOX;
    g->some_only = true;
    for (size_t i = 0; i < news->run->n; i++) {
        const struct set_row *from = &news->run->rows[i];
        struct row row = row_of(KIND_CAS_MAILBOX, news->value, ++place);
        char id[GUID_TEXT_MAX];

        if (!is_news(news, from))
            continue;
        /* The id of the directory, which may not be Exchange's Guid. */
        guid_write(from->id.b, id);
        row.cells[COLUMN_GUID] = text_cell(id);
        row.cells[COLUMN_PRIMARY] = text_cell(from->address);
        if (gather_row(g, KIND_CAS_MAILBOX, KIND_CAS_MAILBOX, &row, e) != 0)
            return -1;
    }
    return 0;
}

static int feed(void *arg, struct gathered *g, struct error *e)
{
    const struct news *news = arg;
    struct row row = row_of(KIND_TRANSPORT_CONFIG, news->value, 1);

    if (news->run != NULL)
        return feed_mailboxes(news, g, e);
    g->kinds |= 1u << KIND_TRANSPORT_CONFIG;
    return gather_row(g, KIND_TRANSPORT_CONFIG, KIND_TRANSPORT_CONFIG, &row, e);
}

/* The change was confirmed, so no share of mailboxes is too large. */
static int publish(const struct set_options *o, const struct news *news, struct error *e)
{
    char caller[CALLER_NAME_MAX];
    const char *names[KINDS];
    struct import_options options = {
        .config = o->config,
        .directory = o->directory,
        .tenant = o->config->tenants[news->tenant].name,
        .kind = KINDS,
        .force = true,
        .max_change = 100,
        .files = names,
        .n_files = KINDS,
        .now = clock_wall_s(),
        .out = o->out,
        .feed = feed,
        .feed_arg = (void *)(uintptr_t)news,
        .source = SOURCE,
        .by = o->by != NULL ? o->by : caller_name(caller).p,
        .wait_s = o->at_most_s > 0 ? o->at_most_s : LOCK_WAIT_S,
    };
    int lock = tenant_lock_wait(o->directory, options.tenant, options.wait_s, e);
    enum import_result result;

    if (lock < 0)
        return -1;
    for (unsigned i = 0; i < KINDS; i++)
        names[i] = kind_name((enum kind)i);
    result = import_run(&options, e);
    (void)close(lock);
    return result == IMPORT_DONE ? 0 : -1;
}

static bool has_news(const struct news *news)
{
    for (size_t i = 0; i < news->run->n; i++)
        if (is_news(news, &news->run->rows[i]))
            return true;
    return false;
}

int set_publish(struct set_run *run, bool *written, struct error *e)
{
    struct news news = {.run = run, .value = run->o->value};
    int result = 0;

    *written = false;
    for (news.tenant = 0; run->o->directory != NULL && news.tenant < run->o->config->n_tenants; news.tenant++) {
        struct error why;

        if (!has_news(&news))
            continue;
        if (publish(run->o, &news, &why) == 0) {
            *written = true;
            continue;
        }
        result = -1;
        if (e != NULL)
            *e = why;
    }
    return result;
}

int set_publish_organization(const struct set_options *o, size_t tenant, struct error *e)
{
    struct news news = {.tenant = tenant, .value = o->value};

    return publish(o, &news, e);
}
