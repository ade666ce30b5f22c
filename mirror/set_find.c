/* Finds the mailboxes that "postern-mirror set" names: in the directory, which costs nothing, then in Exchange Online.
 */
#include "core/base/owner.h"
#include "core/directory/mailbox_name.h"
#include "mirror/set_private.h"
#include "mirror/words.h"

#include <stdlib.h>

/* ---- tenants ---- */

static bool is_online(const struct tenant_config *tenant)
{
    return tenant->exchange.tenant_id != NULL;
}

int set_only_tenant(const struct set_options *o, size_t *tenant, struct error *e)
{
    unsigned found = 0;

    for (size_t i = 0; i < o->config->n_tenants; i++)
        if (is_online(&o->config->tenants[i]) &&
            (o->tenant == NULL || strcmp(o->tenant, o->config->tenants[i].name) == 0)) {
            *tenant = i;
            found++;
        }
    if (found == 1)
        return 0;
    return o->tenant != NULL
               ? error_set(e, "no tenant \"%s\" in %s has exchange = { ... }", words(slice_of(o->tenant)).text,
                           o->config->file)
               : error_set(e, "it is not clear which organization is meant: name it with --tenant, one that has "
                              "exchange = { ... }");
}

static bool has_domain(const struct tenant_config *tenant, const struct address *address)
{
    for (size_t i = 0; i < tenant->n_domains; i++)
        if (slice_eq(tenant->domains[i], address_domain(address)))
            return true;
    return false;
}

/* The tenant of a name that is not in the directory: the one with its domain, or the only one. */
static int tenant_of_name(const struct set_options *o, struct slice name, size_t *tenant, struct error *e)
{
    struct address address;

    if (o->tenant == NULL && address_parse_internal(name, &address) == ADDRESS_OK)
        for (size_t i = 0; i < o->config->n_tenants; i++)
            if (is_online(&o->config->tenants[i]) && has_domain(&o->config->tenants[i], &address)) {
                *tenant = i;
                return 0;
            }
    if (set_only_tenant(o, tenant, NULL) == 0)
        return 0;
    return error_set(e,
                     "it is not clear whose mailbox \"%s\" is: name the tenant with --tenant, one that has "
                     "exchange = { ... }",
                     words(name).text);
}

static int check_allowed(const struct tenant_config *tenant, struct error *e)
{
    return tenant->exchange.writeback
               ? 0
               : error_set(e, "the configuration does not allow it: tenant %s has no exchange.writeback = true",
                           tenant->name);
}

struct exchange *set_session(struct set_run *run, size_t tenant, struct error *e)
{
    const struct set_options *o = run->o;
    struct exchange_options options = {.config = o->config, .tenant = &o->config->tenants[tenant], .log = o->log};

    if (check_allowed(options.tenant, e) != 0)
        return NULL;
    if (run->sessions == NULL && (run->sessions = calloc(o->config->n_tenants, sizeof(struct exchange *))) == NULL) {
        (void)error_set(e, "out of memory");
        return NULL;
    }
    if (run->sessions[tenant] == NULL) {
        struct exchange *x = calloc(1, sizeof *x);

        if (x == NULL || exchange_open(x, &options, e) != 0) {
            if (x == NULL)
                (void)error_set(e, "out of memory");
            else
                exchange_close(x);
            free(x);
            return NULL;
        }
        run->sessions[tenant] = x;
    }
    /* It holds for each mailbox. */
    session_begin_again(&run->sessions[tenant]->session,
                        o->at_most_s > 0 ? o->at_most_s : o->config->mirror_deadline_s);
    return run->sessions[tenant];
}

/* ---- the directory ---- */

int set_open_directory(struct set_run *run, struct error *e)
{
    struct owner_visit visit;
    int result;

    if (run->o->directory == NULL)
        return 0;
    if (owner_enter(run->o->directory, &visit, e) != 0)
        return -1;
    result = directory_open(run->o->directory, &run->directory, e);
    if (result == 0 && directory_refresh(run->directory, e) < 0)
        result = -1;
    if (result == 0)
        run->view = directory_view_get(run->directory);
    owner_leave(&visit);
    return result;
}

int set_row_fails(struct set_row *row, enum row_state state, const struct error *why)
{
    free(row->why);
    row->state = state;
    row->why = strdup(why->text);
    return row->why != NULL ? 0 : -1;
}

/* The row has no mailbox, or several. */
static int nobody(struct set_row *row, const struct error *why)
{
    return set_row_fails(row, ROW_NOBODY, why);
}

static int take_stored(const struct set_run *run, struct set_row *row, const struct mailbox_found *found,
                       struct error *e)
{
    const struct tenant_facts *facts = directory_tenant(run->view, found->first[0].tenant);
    struct buf address = BUF_OVER(row->address);
    struct mailbox_record record;

    for (size_t i = 0; facts != NULL && i < run->o->config->n_tenants; i++)
        if (is_online(&run->o->config->tenants[i]) && strcmp(run->o->config->tenants[i].name, facts->name) == 0) {
            row->tenant = i;
            row->stored = directory_mailbox(run->view, facts->tenant, &found->first[0].id, &record) == DIRECTORY_FOUND;
            if (!row->stored)
                return error_set(e, "the directory is damaged there; run \"postern-mirror verify\"");
            row->id = record.id;
            row->before = record.smtp_auth;
            buf_add(&address, slice_of(found->first[0].primary));
            return 0;
        }
    return error_set(e, "%s is a mailbox of tenant %s, which has no exchange = { ... }", found->first[0].primary,
                     facts != NULL ? facts->name : "?");
}

/* 0: found, or to be asked of the service; -1 with e: no mailbox has the name, or several do. */
static int find_stored(const struct set_run *run, struct set_row *row, struct error *e)
{
    const struct tenant_facts *facts = NULL;
    struct mailbox_found found = {.n = 0};
    enum directory_result result;
    char text[1024];
    struct buf b = BUF_OVER(text);

    if (run->view != NULL && run->o->tenant != NULL)
        facts = directory_tenant_named(run->view, slice_of(run->o->tenant));
    if (run->view == NULL || (run->o->tenant != NULL && facts == NULL))
        return tenant_of_name(run->o, row->name, &row->tenant, e);
    result = mailbox_named(run->view, facts != NULL ? facts->tenant : EVERY_TENANT, row->name, &found);
    if (result == DIRECTORY_DAMAGED)
        return error_set(e, "the directory is damaged; run \"postern-mirror verify\"");
    if (result == DIRECTORY_NOT_FOUND)
        return tenant_of_name(run->o, row->name, &row->tenant, e);
    if (found.n == 1)
        return take_stored(run, row, &found, e);
    mailbox_found_add(&b, &found);
    return error_set(e, "it is %.600s: which one? Give an address", text);
}

/* ---- one after the other ---- */

static bool is_same(const struct set_row *a, const struct set_row *b)
{
    if (a->mailbox.guid[0] != '\0' && b->mailbox.guid[0] != '\0')
        return strcasecmp(a->mailbox.guid, b->mailbox.guid) == 0;
    return slice_ieq(a->name, b->name) ||
           (a->stored && b->stored && a->tenant == b->tenant && memcmp(&a->id, &b->id, sizeof a->id) == 0);
}

/* Did an earlier row name the same mailbox? */
static bool is_again(const struct set_run *run, const struct set_row *row)
{
    for (const struct set_row *before = run->rows; before < row; before++)
        if (before->state != ROW_AGAIN && is_same(before, row))
            return true;
    return false;
}

/*
 * Is it the same mailbox as in the directory? Its address may belong to another one by now; then only the next sync
 * brings it in.
 */
static bool is_stored(const struct set_row *row)
{
    char id[GUID_TEXT_MAX];

    guid_write(row->id.b, id);
    return row->stored && (slice_ieq(slice_of(row->mailbox.guid), slice_of(id)) ||
                           slice_ieq(slice_of(row->mailbox.primary), slice_of(row->address)));
}

/* The row's state says what was found. EXCHANGE_FAILED, EXCHANGE_FORBIDDEN with e: no other could be found, either. */
static enum exchange_result find_online(struct set_run *run, struct set_row *row, struct error *e)
{
    struct exchange *x = set_session(run, row->tenant, e);
    enum exchange_result result =
        x != NULL ? writeback_find(x, slice_of(row->address), row->name, &row->mailbox, e) : EXCHANGE_FAILED;

    if (result == EXCHANGE_FAILED || result == EXCHANGE_FORBIDDEN)
        return result;
    if (result != EXCHANGE_OK) {
        row->mailbox.guid[0] = '\0';
        return nobody(row, e) == 0 ? result : ((void)error_set(e, "out of memory"), EXCHANGE_FAILED);
    }
    row->stored = is_stored(row);
    row->state = is_again(run, row) ? ROW_AGAIN : row->mailbox.before == run->o->value ? ROW_ALREADY : ROW_FOUND;
    return EXCHANGE_OK;
}

/* Finds the mailbox of one row; *in_a_row counts consecutive ones that the service could not answer. */
static int find_one(struct set_run *run, struct set_row *row, unsigned *in_a_row, struct error *e)
{
    enum exchange_result result;
    struct error why;

    if (find_stored(run, row, &why) != 0)
        return nobody(row, &why) == 0 ? 0 : error_set(e, "out of memory");
    if (is_again(run, row)) {
        row->state = ROW_AGAIN;
        return 0;
    }
    result = find_online(run, row, e);
    *in_a_row = result == EXCHANGE_UNABLE ? *in_a_row + 1 : 0;
    if (*in_a_row == SET_IN_A_ROW_MAX)
        return error_prefix(e, "nothing was set, as %u look-ups in a row failed", *in_a_row);
    return result == EXCHANGE_FAILED || result == EXCHANGE_FORBIDDEN ? -1 : 0;
}

int set_find_all(struct set_run *run, struct error *e)
{
    unsigned in_a_row = 0;

    for (size_t i = 0; i < run->n; i++) {
        progress_step(&run->progress, "looking up", i, run->n);
        if (find_one(run, &run->rows[i], &in_a_row, e) != 0)
            return -1;
    }
    progress_end(&run->progress);
    return 0;
}

void set_close(struct set_run *run)
{
    progress_end(&run->progress);
    for (size_t i = 0; run->sessions != NULL && i < run->o->config->n_tenants; i++)
        if (run->sessions[i] != NULL) {
            exchange_close(run->sessions[i]);
            free(run->sessions[i]);
        }
    free(run->sessions);
    if (run->view != NULL)
        directory_view_put(run->directory, run->view);
    directory_close(run->directory);
    for (size_t i = 0; i < run->n; i++)
        free(run->rows[i].why);
    free(run->rows);
    free(run->text);
}

size_t set_count(const struct set_run *run, enum row_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n; i++)
        n += run->rows[i].state == state;
    return n;
}
