#include "mirror/writeback.h"

#include "core/base/json_text.h"
#include "mirror/exchange/service_error.h"
#include "mirror/read/rows.h"
#include "mirror/words.h"

#include <jansson.h>

#define READ_NEEDS "the Exchange role View-Only Recipients"
#define READ_ORGANIZATION_NEEDS "the Exchange role View-Only Configuration"
#define WRITE_ORGANIZATION_NEEDS                                                                                       \
    "the Exchange role Organization Transport Settings (in the role group Organization Management, or better one of "  \
    "its own), which a mirror that only reads has not"

/* The value, as JSON, and in the words of the log. */
static const struct {
    const char *json, *word;
} values[] = {[WRITEBACK_DISABLE] = {"true", "disabled"},
              [WRITEBACK_ENABLE] = {"false", "enabled"},
              [WRITEBACK_INHERIT] = {"null", "inherit"}};

const char *writeback_word(enum writeback value)
{
    return values[value].word;
}

bool writeback_named(struct slice word, enum writeback *out)
{
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (slice_eq(word, slice_of(values[i].word))) {
            *out = (enum writeback)i;
            return true;
        }
    return false;
}

/* ---- one row ---- */

/* {"Identity":"..."} and what else the cmdlet is to be told. */
static int identity_json(struct slice identity, const char *more, struct buf *out, struct error *e)
{
    buf_add(out, SLICE("{\"Identity\":"));
    json_add_string(out, identity);
    buf_addf(out, "%s}", more);
    return out->full ? error_set(e, "too long a name") : 0;
}

static enum exchange_result unable(struct error *e, const char *text)
{
    (void)error_set(e, "%s", text);
    return EXCHANGE_UNABLE;
}

/* The only row of the answer. */
static enum exchange_result only_row(struct rows *rows, struct row **row, struct error *e)
{
    struct row *second;
    int more = rows_next(rows, row, e);

    if (more < 0)
        return EXCHANGE_UNABLE;
    if (more == 0 || rows_columns(rows) == 0) {
        (void)error_set(e, "there is no such mailbox in Exchange Online");
        return EXCHANGE_NOT_FOUND;
    }
    /* This invalidates the first row, so the caller reads it again. */
    more = rows_next(rows, &second, e);
    if (more <= 0)
        return more < 0 ? EXCHANGE_UNABLE : EXCHANGE_OK;
    (void)error_set(e, "Exchange Online answered with several mailboxes; nothing was done");
    return EXCHANGE_NOT_FOUND;
}

typedef enum exchange_result take_row(void *arg, const struct row *row, struct error *e);

/* Asks for one object, checks that the answer has exactly one row, and passes it to `take`. */
static enum exchange_result ask_one(struct exchange *x, const char *cmdlet, const char *parameters, const char *needs,
                                    take_row *take, void *arg, struct error *e)
{
    struct http_answer answer;
    struct rows *rows;
    struct row *row;
    enum exchange_result result = exchange_invoke(x, cmdlet, parameters, NULL, needs, &answer, e);

    if (result == EXCHANGE_NOT_FOUND)
        (void)error_set(e, "there is no such mailbox in Exchange Online");
    if (result != EXCHANGE_OK)
        return result == EXCHANGE_EXPIRED ? EXCHANGE_UNABLE : result;
    if (rows_memory(answer.body, cmdlet, &rows, e) != 0)
        return EXCHANGE_UNABLE;
    result = rows_form(rows) == ROWS_JSON ? only_row(rows, &row, e) : unable(e, "the answer is no JSON");
    rows_close(rows);
    if (result != EXCHANGE_OK)
        return result;
    if (rows_memory(answer.body, cmdlet, &rows, e) != 0)
        return EXCHANGE_UNABLE;
    result = rows_next(rows, &row, e) == 1 ? take(arg, row, e) : EXCHANGE_UNABLE;
    rows_close(rows);
    return result;
}

/* An error may come with status 200, so the body is checked, too. */
static enum exchange_result ask_to_set(struct exchange *x, const char *cmdlet, const char *parameters,
                                       const char *needs, struct error *e)
{
    struct http_answer answer;
    enum exchange_result result = exchange_invoke(x, cmdlet, parameters, NULL, needs, &answer, e);
    const json_t *errors;
    json_t *body;

    if (result == EXCHANGE_NOT_FOUND)
        (void)error_set(e, "there is no such mailbox in Exchange Online (any more)");
    if (result != EXCHANGE_OK)
        return result == EXCHANGE_EXPIRED ? EXCHANGE_UNABLE : result;
    body = json_loadb(answer.body.p, answer.body.n, JSON_REJECT_DUPLICATES, NULL);
    errors = json_object_get(body, "@adminapi.errors");
    if (!json_is_object(body) || json_object_get(body, "error") != NULL ||
        json_object_get(body, "@odata.error") != NULL || json_array_size(errors) > 0) {
        char said[2 * QUOTE_MAX_BYTES];

        service_error_text(answer.body, said, sizeof said);
        (void)error_set(e, "%s: the service answered 200, but with an error%s%s%s", cmdlet,
                        said[0] != '\0' ? ": \"" : "", said, said[0] != '\0' ? "\"" : "");
        result = EXCHANGE_UNABLE;
    }
    json_decref(body);
    return result;
}

/* ---- is it the mailbox that was asked for? ---- */

static bool cell_is(const struct cell *cell, const struct address *user)
{
    struct address address;

    return address_parse_internal(cell_text(cell), &address) == ADDRESS_OK &&
           slice_eq(address_slice(&address), address_slice(user));
}

static bool has_address(const struct row *row, struct slice text)
{
    struct items items = cell_items(&row->cells[COLUMN_PROXIES], ITEMS_ADDRESSES);
    struct address user, address;
    struct slice item;

    if (address_parse_internal(text, &user) != ADDRESS_OK)
        return false;
    if (cell_is(&row->cells[COLUMN_PRIMARY], &user) || cell_is(&row->cells[COLUMN_UPN], &user))
        return true;
    while (items_next(&items, &item)) {
        enum proxy_kind kind = proxy_parse(item, &address);

        if ((kind == PROXY_PRIMARY || kind == PROXY_SMTP) && slice_eq(address_slice(&address), address_slice(&user)))
            return true;
    }
    return false;
}

/* Without regard to case, as Exchange compares. */
static bool has_name(const struct row *row, struct slice name)
{
    static const enum column columns[] = {COLUMN_ALIAS,           COLUMN_ACCOUNT, COLUMN_NAME,
                                          COLUMN_DISPLAY_NAME,    COLUMN_GUID,    COLUMN_EXCHANGE_GUID,
                                          COLUMN_DIRECTORY_OBJECT};

    if (has_address(row, name))
        return true;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (name.n > 0 && slice_ieq(cell_text(&row->cells[columns[i]]), name))
            return true;
    return false;
}

/* ---- a mailbox ---- */

struct asked {
    struct slice address, name;
    struct writeback_mailbox *out;
};

static enum exchange_result another(const struct row *row, struct error *e)
{
    (void)error_set(e, "Exchange Online answered with another mailbox (%s) than the one asked for; nothing was done",
                    words(cell_text(&row->cells[COLUMN_PRIMARY])).text);
    return EXCHANGE_NOT_FOUND;
}

static enum exchange_result take_identity(void *arg, const struct row *row, struct error *e)
{
    struct asked *asked = arg;
    struct buf guid = BUF_OVER(asked->out->guid), primary = BUF_OVER(asked->out->primary);
    uint8_t binary[16];

    if (!has_name(row, asked->name))
        return another(row, e);
    buf_add(&guid, cell_text(&row->cells[COLUMN_GUID]));
    buf_add(&primary, cell_text(&row->cells[COLUMN_PRIMARY]));
    return !guid.full && guid_parse(buf_slice(&guid), binary) ? EXCHANGE_OK : unable(e, "the mailbox has no Guid");
}

static enum exchange_result take_setting(void *arg, const struct row *row, struct error *e)
{
    struct asked *asked = arg;
    const struct cell *cell = &row->cells[COLUMN_SMTP_AUTH_DISABLED];
    struct slice guid = cell_text(&row->cells[COLUMN_GUID]);
    struct buf out_guid, primary;
    bool disabled;
    int said = cell_bool(cell, &disabled);
    uint8_t binary[16];

    if (asked->address.n > 0 ? !has_address(row, asked->address) : !slice_ieq(guid, slice_of(asked->out->guid)))
        return another(row, e);
    out_guid = BUF_OVER(asked->out->guid);
    primary = BUF_OVER(asked->out->primary);
    if (cell->kind == CELL_ABSENT || said < 0)
        return unable(e, "the mailbox's present setting is not understood; nothing was done");
    buf_add(&out_guid, guid);
    buf_add(&primary, cell_text(&row->cells[COLUMN_PRIMARY]));
    asked->out->before = said == 0 ? WRITEBACK_INHERIT : disabled ? WRITEBACK_DISABLE : WRITEBACK_ENABLE;
    return guid_parse(guid, binary) ? EXCHANGE_OK : unable(e, "the mailbox has no Guid");
}

static enum exchange_result ask_mailbox(struct exchange *x, const char *cmdlet, struct slice identity, take_row *take,
                                        struct asked *asked, struct error *e)
{
    char text[ADDRESS_OF_NAME_MAX * 6 + 100];
    struct buf parameters = BUF_OVER(text);

    return identity_json(identity, "", &parameters, e) != 0 ? EXCHANGE_NOT_FOUND
                                                            : ask_one(x, cmdlet, text, READ_NEEDS, take, asked, e);
}

enum exchange_result writeback_find(struct exchange *x, struct slice address, struct slice name,
                                    struct writeback_mailbox *out, struct error *e)
{
    struct asked asked = {address, name, out};
    enum exchange_result result = EXCHANGE_NOT_FOUND;

    *out = (struct writeback_mailbox){.before = WRITEBACK_INHERIT};
    if (address.n > 0)
        result = ask_mailbox(x, "Get-CASMailbox", address, take_setting, &asked, e);
    if (result != EXCHANGE_NOT_FOUND)
        return result;
    /* Its addresses may have changed since the directory was mirrored. */
    asked.address = (struct slice){NULL, 0};
    result = ask_mailbox(x, "Get-Mailbox", name, take_identity, &asked, e);
    return result == EXCHANGE_OK ? ask_mailbox(x, "Get-CASMailbox", slice_of(out->guid), take_setting, &asked, e)
                                 : result;
}

enum exchange_result writeback_set(struct exchange *x, const struct writeback_mailbox *mailbox, enum writeback value,
                                   struct error *e)
{
    char text[300], more[100];
    struct buf parameters = BUF_OVER(text), setting = BUF_OVER(more);

    buf_addf(&setting, ",\"SmtpClientAuthenticationDisabled\":%s", values[value].json);
    if (identity_json(slice_of(mailbox->guid), more, &parameters, e) != 0)
        return EXCHANGE_UNABLE;
    return ask_to_set(x, "Set-CASMailbox", text, WRITEBACK_NEEDS, e);
}

/* ---- the organization ---- */

static enum exchange_result take_organization(void *arg, const struct row *row, struct error *e)
{
    enum writeback *before = arg;
    bool disabled;

    if (cell_bool(&row->cells[COLUMN_SMTP_AUTH_DISABLED], &disabled) != 1)
        return unable(e, "the organization's present setting is not understood; nothing was done");
    *before = disabled ? WRITEBACK_DISABLE : WRITEBACK_ENABLE;
    return EXCHANGE_OK;
}

enum exchange_result writeback_find_organization(struct exchange *x, enum writeback *before, struct error *e)
{
    return ask_one(x, "Get-TransportConfig", "{}", READ_ORGANIZATION_NEEDS, take_organization, before, e);
}

enum exchange_result writeback_set_organization(struct exchange *x, enum writeback value, struct error *e)
{
    char text[100];
    struct buf parameters = BUF_OVER(text);

    buf_addf(&parameters, "{\"SmtpClientAuthenticationDisabled\":%s}", values[value].json);
    return ask_to_set(x, "Set-TransportConfig", text, WRITE_ORGANIZATION_NEEDS, e);
}
