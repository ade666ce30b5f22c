#include "core/report/settings_log.h"

#include "core/access/role.h"
#include "core/journal/setting_changes.h"

#include <stdio.h>
#include <stdlib.h>

#define TENANT_TEXT_MAX 64u

/* One change, with texts of its own. */
struct kept_change {
    int64_t seen_s;
    char tenant[TENANT_TEXT_MAX], how[16], by[64], setting[40], before[40], after[40];
    char mailbox[SETTING_TEXT_MAX + 1], source[SETTING_TEXT_MAX + 1];
};

struct settings_search {
    const struct settings_wanted *wanted;
    struct mailbox_id ids[DIRECTORY_CLAIMS_MAX]; /* of the mailboxes that have that name now */
    size_t n_ids;
    struct kept_change *found; /* the newest first */
    size_t n;
};

/* A mailbox keeps its id when its address changes. */
static void find_ids(struct settings_search *x, const struct directory_view *view)
{
    struct slice primary = slice_of(x->wanted->named->mailbox);

    for (uint32_t tenant = 0; view != NULL && tenant < directory_tenants(view) && x->n_ids == 0; tenant++) {
        struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
        unsigned n = 0;

        if (primary.n == 0 || directory_by_address(view, tenant, primary, refs, &n) != DIRECTORY_FOUND)
            continue;
        for (unsigned i = 0; i < n; i++)
            x->ids[x->n_ids++] = refs[i].id;
    }
}

static bool is_user(const struct settings_search *x, const struct setting_run *run, const struct setting_change *c)
{
    struct slice user = slice_of(x->wanted->user);

    for (size_t i = 0; i < x->n_ids; i++)
        if (memcmp(x->ids[i].b, c->id, sizeof c->id) == 0)
            return true;
    if (c->mailbox.n == 0)
        return slice_ieq(user, run->tenant);
    return slice_ieq(user, c->mailbox) ||
           (x->wanted->named != NULL && slice_eq(slice_of(x->wanted->named->mailbox), c->mailbox));
}

static void settings_keep(char *out, size_t cap, struct slice text)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, text);
}
#define KEEP(member, text) settings_keep(kept->member, sizeof kept->member, text)

static bool settings_take(void *arg, const struct setting_run *run, const struct setting_change *c)
{
    struct settings_search *x = arg;
    struct kept_change *kept = &x->found[x->n];

    if ((x->wanted->user != NULL && !is_user(x, run, c)) ||
        (x->wanted->scope.n > 0 && !scope_has(x->wanted->scope, run->tenant)))
        return true;
    kept->seen_s = run->seen_s;
    KEEP(tenant, run->tenant);
    KEEP(how, run->how);
    KEEP(by, run->by);
    KEEP(mailbox, c->mailbox);
    KEEP(setting, c->setting);
    KEEP(before, c->before);
    KEEP(after, c->after);
    KEEP(source, c->source);
    return ++x->n < x->wanted->most;
}

/* ---- showing ---- */

static const struct column people_columns[] = {
    {"seen", VALUE_TIME},  {"mailbox", VALUE_TEXT}, {"setting", VALUE_TEXT}, {"before", VALUE_TEXT},
    {"after", VALUE_TEXT}, {"source", VALUE_TEXT},  {"by", VALUE_TEXT},
};

static const struct column all_columns[] = {
    {"seen", VALUE_TIME},    {"tenant", VALUE_TEXT}, {"mailbox", VALUE_TEXT},
    {"setting", VALUE_TEXT}, {"before", VALUE_TEXT}, {"after", VALUE_TEXT},
    {"how", VALUE_TEXT},     {"source", VALUE_TEXT}, {"by", VALUE_TEXT},
};

static void put_person_row(struct printer *out, const struct kept_change *c)
{
    char organization[TENANT_TEXT_MAX + 16];

    (void)snprintf(organization, sizeof organization, "(all of %s)", c->tenant);
    out->row(out, (const struct value[]){
                      value_time(c->seen_s), value_word(c->mailbox[0] != '\0' ? c->mailbox : organization),
                      value_word(c->setting), value_word(c->before), value_word(c->after),
                      value_word_or_none(c->source), value_word(c->by[0] != '\0' ? c->by : "(not known)")});
}

static void put_row(struct printer *out, const struct kept_change *c)
{
    out->row(out, (const struct value[]){value_time(c->seen_s), value_word(c->tenant), value_word_or_none(c->mailbox),
                                         value_word(c->setting), value_word(c->before), value_word(c->after),
                                         value_word(c->how), value_word_or_none(c->source), value_word_or_none(c->by)});
}

static void settings_show(const struct settings_search *x, struct printer *out)
{
    struct table table = {.name = x->wanted->name,
                          .columns = out->people ? people_columns : all_columns,
                          .n = out->people ? sizeof people_columns / sizeof *people_columns
                                           : sizeof all_columns / sizeof *all_columns,
                          .empty = "no such change of a setting was seen"};

    out->table(out, &table);
    /* The newest last, as in every log. */
    for (size_t i = x->n; i > 0; i--)
        (out->people ? put_person_row : put_row)(out, &x->found[x->wanted->newest_first ? x->n - i : i - 1]);
    out->end(out);
    if (out->people && x->n > 0)
        printer_remark(out, REMARK_NOTE,
                       "\"seen\" is when the mirror saw it, not when it was done; who did it in Exchange Online itself "
                       "is in its audit log alone (Search-UnifiedAuditLog -Operations "
                       "Set-CASMailbox,Set-TransportConfig)");
}

int settings_log_report(const struct report_files *files, const struct settings_wanted *wanted, struct printer *out,
                        size_t *n, struct error *e)
{
    /* Untouched pages cost nothing, so room for the maximum is allocated at once. */
    struct settings_search x = {.wanted = wanted, .found = calloc(wanted->most, sizeof *x.found)};
    struct setting_query query = {.since_s = wanted->since_s};
    int result;

    if (files->history == NULL) {
        free(x.found);
        return error_set(e, "there is no history yet; postern-mirror makes it when a setting changes");
    }
    if (x.found == NULL)
        return error_set(e, "out of memory; ask for fewer changes");
    if (files->view != NULL)
        query.generation = directory_view_generation(files->view);
    if (wanted->user != NULL && wanted->named != NULL)
        find_ids(&x, files->view);
    result = setting_changes(files->history, &query, settings_take, &x, e);
    if (result == 0)
        settings_show(&x, out);
    *n = x.n;
    free(x.found);
    return result;
}
