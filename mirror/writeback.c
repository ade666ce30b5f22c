#include "mirror/writeback.h"

#include "core/base/guid.h"
#include "core/base/json_text.h"
#include "core/base/log.h"
#include "core/mail/address.h"
#include "mirror/confirm.h"
#include "mirror/exchange/exchange.h"
#include "mirror/read/rows.h"
#include "mirror/words.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_NEEDS "the Exchange role View-Only Recipients"
#define WRITE_NEEDS                                                                                                    \
    "the Exchange role Mail Recipients (in the role group Recipient Management, or better one of its own), which a "   \
    "mirror that only reads has not"

/* The value, as JSON and as the log calls it. */
static const struct {
    const char *json, *value;
} values[] = {[WRITEBACK_DISABLE] = {"true", "disabled"},
              [WRITEBACK_ENABLE] = {"false", "enabled"},
              [WRITEBACK_INHERIT] = {"null", "inherit"}};

struct target {
    struct exchange x;
    struct address user;
    char guid[GUID_TEXT_MAX];
    char primary[ADDRESS_OF_NAME_MAX + 1];
    enum writeback before;
};

/* ---- which tenant ---- */

static const struct tenant_config *find_users_tenant(const struct writeback_options *o, const struct address *user,
                                                     struct error *e)
{
    const struct tenant_config *found = NULL;
    unsigned online = 0;

    for (size_t i = 0; i < o->config->n_tenants; i++) {
        const struct tenant_config *t = &o->config->tenants[i];

        if (t->exchange.tenant_id == NULL)
            continue;
        online++;
        if (o->tenant != NULL) {
            found = strcmp(o->tenant, t->name) == 0 ? t : found;
            continue;
        }
        for (size_t j = 0; j < t->n_domains; j++)
            if (slice_eq(t->domains[j], address_domain(user)))
                return t;
        if (online == 1)
            found = t;
    }
    if (found != NULL && (o->tenant != NULL || online == 1))
        return found;
    (void)error_set(e,
                    "it is not clear whose mailbox \"%s\" is: name the tenant with --tenant, one that has "
                    "exchange = { ... }",
                    words(address_slice(user)).text);
    return NULL;
}

/* ---- one mailbox ---- */

/* {"Identity":"..."} and the cmdlet's other parameters. */
static int identity_json(struct slice identity, const char *more, struct buf *out, struct error *e)
{
    buf_add(out, SLICE("{\"Identity\":"));
    json_add_string(out, identity);
    buf_addf(out, "%s}", more);
    return out->full ? error_set(e, "too long a name") : 0;
}

static bool cell_is(const struct cell *cell, const struct address *user)
{
    struct address address;

    return address_parse_internal(cell_text(cell), &address) == ADDRESS_OK &&
           slice_eq(address_slice(&address), address_slice(user));
}

/*
 * Is it the mailbox that was asked for? For an Identity that doesn't exist these cmdlets return all mailboxes, so
 * check.
 */
static bool is_target(const struct row *row, const struct address *user)
{
    struct items items = cell_items(&row->cells[COLUMN_PROXIES], true);
    struct address address;
    struct slice item;

    if (cell_is(&row->cells[COLUMN_PRIMARY], user) || cell_is(&row->cells[COLUMN_UPN], user))
        return true;
    while (items_next(&items, &item)) {
        enum proxy_kind kind = proxy_parse(item, &address);

        if ((kind == PROXY_PRIMARY || kind == PROXY_SMTP) && slice_eq(address_slice(&address), address_slice(user)))
            return true;
    }
    return false;
}

/* Returns the only row of the answer; -1 with e when there are none or several. */
static int only_row(struct rows *rows, struct row **row, struct error *e)
{
    struct row *second;
    int more = rows_next(rows, row, e);

    if (more < 0)
        return -1;
    if (more == 0 || rows_columns(rows) == 0)
        return error_set(e, "there is no such mailbox in Exchange Online");
    /* This invalidates the first row, so the caller reads it again. */
    more = rows_next(rows, &second, e);
    return more < 0    ? -1
           : more == 0 ? 0
                       : error_set(e, "Exchange Online answered with several mailboxes; nothing was done");
}

typedef int take_row(struct target *t, const struct row *row, struct error *e);

/* Asks for one mailbox, checks that the answer has exactly one row, and passes it to `take`. */
static int ask_one(struct target *t, const char *cmdlet, struct slice identity, take_row *take, struct error *e)
{
    char text[ADDRESS_OF_NAME_MAX * 2 + 100];
    struct buf parameters = BUF_OVER(text);
    struct http_answer answer;
    enum exchange_result got;
    struct rows *rows;
    struct row *row;
    int result;

    if (identity_json(identity, "", &parameters, e) != 0)
        return -1;
    got = exchange_invoke(&t->x, cmdlet, text, NULL, READ_NEEDS, &answer, e);
    if (got == EXCHANGE_NOT_FOUND)
        return error_set(e, "there is no such mailbox in Exchange Online");
    if (got != EXCHANGE_OK || rows_memory(answer.body, cmdlet, &rows, e) != 0)
        return -1;
    result =
        rows_form(rows) == ROWS_JSON ? only_row(rows, &row, e) : error_set(e, "%s: the answer is not JSON", cmdlet);
    rows_close(rows);
    if (result != 0 || rows_memory(answer.body, cmdlet, &rows, e) != 0)
        return -1;
    result = rows_next(rows, &row, e) == 1 ? take(t, row, e) : -1;
    rows_close(rows);
    return result;
}

static int take_identity(struct target *t, const struct row *row, struct error *e)
{
    struct buf guid = BUF_OVER(t->guid), primary = BUF_OVER(t->primary);
    uint8_t binary[16];

    if (!is_target(row, &t->user))
        return error_set(e,
                         "Exchange Online answered with another mailbox (%s) than the one asked for; nothing was done",
                         words(cell_text(&row->cells[COLUMN_PRIMARY])).text);
    buf_add(&guid, cell_text(&row->cells[COLUMN_GUID]));
    buf_add(&primary, cell_text(&row->cells[COLUMN_PRIMARY]));
    return !guid.full && guid_parse(buf_slice(&guid), binary) ? 0 : error_set(e, "the mailbox has no Guid");
}

static int take_setting(struct target *t, const struct row *row, struct error *e)
{
    const struct cell *cell = &row->cells[COLUMN_SMTP_AUTH_DISABLED];
    bool disabled;
    int said = cell_bool(cell, &disabled);

    if (!slice_ieq(cell_text(&row->cells[COLUMN_GUID]), slice_of(t->guid)))
        return error_set(e, "Get-CASMailbox answered with another mailbox; nothing was done");
    if (cell->kind == CELL_ABSENT || said < 0)
        return error_set(e, "the mailbox's present setting is not understood; nothing was done");
    t->before = said == 0 ? WRITEBACK_INHERIT : disabled ? WRITEBACK_DISABLE : WRITEBACK_ENABLE;
    return 0;
}

static int set_value(struct target *t, enum writeback what, struct error *e)
{
    char text[300], more[100];
    struct buf parameters = BUF_OVER(text), setting = BUF_OVER(more);
    struct http_answer answer;

    buf_addf(&setting, ",\"SmtpClientAuthenticationDisabled\":%s", values[what].json);
    if (identity_json(slice_of(t->guid), more, &parameters, e) != 0)
        return -1;
    return exchange_invoke(&t->x, "Set-CASMailbox", text, NULL, WRITE_NEEDS, &answer, e) == EXCHANGE_OK ? 0 : -1;
}

/* ---- the whole ---- */

static int announce(const struct writeback_options *o, const struct target *t, struct error *e)
{
    fprintf(o->out, "%s: SMTP AUTH %s → %s, in Exchange Online itself\n", words(slice_of(t->primary)).text,
            values[t->before].value, values[o->what].value);
    return o->yes ? 0 : confirm(o->in, o->out, e);
}

static void note(const struct writeback_options *o, const struct tenant_config *tenant, const struct target *t,
                 const char *outcome)
{
    const struct passwd *user = getpwuid(getuid());
    struct log *log = log_open("postern-mirror", &o->config->log);

    if (log != NULL)
        log_say(log, LEVEL_NOTICE,
                "event=write-back tenant=%s mailbox=%s smtp_auth=%s before=%s by=%s uid=%u result=%s", tenant->name,
                quote(slice_of(t->primary)).text, values[o->what].value, values[t->before].value,
                user != NULL ? user->pw_name : "?", (unsigned)getuid(), outcome);
    log_close(log);
}

static int change_mailbox(const struct writeback_options *o, const struct tenant_config *tenant, struct target *t,
                          struct error *e)
{
    if (ask_one(t, "Get-Mailbox", address_slice(&t->user), take_identity, e) != 0 ||
        ask_one(t, "Get-CASMailbox", slice_of(t->guid), take_setting, e) != 0)
        return -1;
    if (t->before == o->what) {
        fprintf(o->out, "%s: SMTP AUTH is %s already; nothing to do\n", words(slice_of(t->primary)).text,
                values[o->what].value);
        return 0;
    }
    if (announce(o, t, e) != 0)
        return -1;
    if (set_value(t, o->what, e) != 0) {
        note(o, tenant, t, "failed");
        return -1;
    }
    note(o, tenant, t, "done");
    fprintf(o->out, "done; Exchange Online may take up to an hour to apply it, and the relay applies it after the next "
                    "\"postern-mirror sync\"\n");
    return 0;
}

int writeback_run(const struct writeback_options *o, struct error *e)
{
    struct target t = {.before = WRITEBACK_INHERIT};
    const struct tenant_config *tenant;
    struct exchange_options options = {.config = o->config, .log = o->log};
    int result;

    if (address_parse_internal(slice_of(o->user), &t.user) != ADDRESS_OK)
        return error_set(e, "\"%s\" is not a mail address", words(slice_of(o->user)).text);
    tenant = find_users_tenant(o, &t.user, e);
    if (tenant == NULL)
        return -1;
    if (!tenant->exchange.writeback)
        return error_set(e, "the configuration does not allow it: tenant %s has no exchange.writeback = true",
                         tenant->name);
    options.tenant = tenant;
    result = exchange_open(&t.x, &options, e);
    if (result == 0)
        result = change_mailbox(o, tenant, &t, e);
    exchange_close(&t.x);
    return result;
}
