/* What can be asked for over the web, what was, and what became of it: the helper's log, the newest first. */
#include "core/access/act_log.h"
#include "core/base/spool.h"
#include "core/mail/list.h"
#include "core/report/mailbox_of.h"
#include "web/page.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the log that are shown; all of it is in the file. */
#define SHOWN_MAX (2u << 20)

enum { AT, STATE, VERB, KIND, SUBJECT, FOR, REASON, WHO, ROLE, FROM, TENANT, BEFORE, AFTER, SAID, ID, COLUMNS };

static const struct column columns[COLUMNS] = {
    [AT] = {"time", VALUE_TIME},       [STATE] = {"state", VALUE_TEXT},     [VERB] = {"verb", VALUE_TEXT},
    [KIND] = {"kind", VALUE_TEXT},     [SUBJECT] = {"subject", VALUE_TEXT}, [FOR] = {"for", VALUE_TEXT},
    [REASON] = {"reason", VALUE_TEXT}, [WHO] = {"who", VALUE_TEXT},         [ROLE] = {"role", VALUE_TEXT},
    [FROM] = {"from", VALUE_TEXT},     [TENANT] = {"tenant", VALUE_TEXT},   [BEFORE] = {"before", VALUE_TEXT},
    [AFTER] = {"after", VALUE_TEXT},   [SAID] = {"said", VALUE_TEXT},       [ID] = {"id", VALUE_TEXT},
};

/*
 * Whose row it is: the subject's tenant; and what somebody was refused who is bound to the same tenants as who reads it
 * belongs to the first of these.
 */
static struct slice tenant_of(const struct page *page, const json_t *line)
{
    struct slice tenant = slice_of(act_line_text(line, "tenant")), first;

    if (tenant.n > 0 || scope_is_all(page->scope) || !slice_eq(slice_of(act_line_text(line, "tenants")), page->scope))
        return tenant;
    (void)slice_cut(page->scope, ',', &first, NULL);
    return first;
}

static void fill(const struct page *page, const json_t *line, struct value *cells)
{
    struct slice tenant = tenant_of(page, line);

    for (size_t i = 0; i < COLUMNS; i++)
        cells[i] = value_word_or_none(act_line_text(line, columns[i].name));
    cells[AT] = value_time(act_line_at(line));
    cells[TENANT] = tenant.n > 0 ? value_text(tenant) : value_none();
}

static int read_log(struct page *page, struct act_log *log)
{
    return act_log_read(page->files->config->web.action_log, SHOWN_MAX, log, &page->e) == 0 ? PAGE_OK : PAGE_NO_FILE;
}

/* What was begun is shown as long as nothing more is known of it. */
int page_actions(struct page *page)
{
    struct value cells[COLUMNS];
    char last[ACT_ID_MAX + 1] = "";
    struct act_log log;
    int status = read_log(page, &log);
    enum act_state state;
    json_t *line = NULL;

    if (status == PAGE_OK)
        page->out->table(page->out, &(struct table){TABLE_COLUMNS(columns)});
    while (status == PAGE_OK && !page->out->enough && act_log_back(&log, &line)) {
        const char *id = act_line_text(line, "id");

        if (!act_line_state(line, &state) || (state == ACT_BEGUN && strcmp(id, last) == 0))
            continue;
        (void)snprintf(last, sizeof last, "%s", id);
        fill(page, line, cells);
        page->out->row(page->out, cells);
    }
    if (status == PAGE_OK)
        page->out->end(page->out);
    json_decref(line);
    act_log_free(&log);
    return status;
}

/* ---- what can be asked for ---- */

/* A list that is no file can't be changed. */
static bool has_lists(const struct config *config, enum act_verb verb)
{
    bool allow = list_path(config->smtp_auth.allow) != NULL, deny = list_path(config->smtp_auth.deny) != NULL;

    return config->cluster.configured || (verb == ACT_FORGET ? allow || deny : verb == ACT_ALLOW ? allow : deny);
}

/* Who is bound to tenants is refused what is about nobody. */
static bool is_possible(const struct page *page, enum act_verb verb)
{
    const struct config *config = page->files->config;
    const struct act_row *row = &act_rows[verb];

    return (config->web.actions & 1u << verb) != 0 && (row->has_subject || scope_is_all(page->scope)) &&
           (!row->takes_cluster || has_lists(config, verb));
}

int page_verbs(struct page *page)
{
    static const struct column verb_columns[] = {
        {"verb", VALUE_TEXT}, {"role", VALUE_TEXT},    {"subject", VALUE_TRUTH}, {"kind", VALUE_TRUTH},
        {"for", VALUE_TRUTH}, {"accept", VALUE_TRUTH}, {"cluster", VALUE_TRUTH}, {"confirm", VALUE_TRUTH}};
    bool cluster = page->files->config->cluster.configured;

    page->out->table(page->out, &(struct table){TABLE_COLUMNS(verb_columns)});
    for (unsigned i = 0; i < ACT_VERBS; i++) {
        const struct act_row *row = &act_rows[i];

        if (is_possible(page, (enum act_verb)i))
            page->out->row(page->out, (const struct value[]){
                                          value_word(row->word), value_word(role_word(row->least)),
                                          value_truth(row->has_subject), value_truth(row->takes_kind),
                                          value_truth(row->takes_duration), value_truth(row->takes_accept),
                                          value_truth(row->takes_cluster && cluster), value_truth(row->typed_again)});
    }
    page->out->end(page->out);
    return PAGE_OK;
}

/* ---- one of them ---- */

static void print_one(struct page *page, const struct value *cells)
{
    page->out->open(page->out, NULL, TREE_OBJECT);
    for (size_t i = 0; i < COLUMNS; i++)
        page->out->value(page->out, columns[i].name, cells[i]);
    page->out->close(page->out);
}

/* It is still in the spool. False: it isn't. */
static bool print_waiting(struct page *page, const char *id)
{
    char name[ACT_ID_MAX + sizeof ACT_ENDING], *text;
    struct buf b = BUF_OVER(name);
    struct value cells[COLUMNS];
    struct act act;
    struct slice own = {NULL, 0};
    int folder = spool_open_private(page->files->config->spool, ACT_FOLDER, NULL), rc;
    size_t n;

    if (folder < 0)
        return false;
    buf_addf(&b, "%s" ACT_ENDING, id);
    rc = spool_get(folder, name, ACT_TEXT_MAX, &text, &n, NULL);
    (void)close(folder);
    if (rc != 0)
        return false;
    rc = act_read((struct slice){text, n}, &act, NULL);
    free(text);
    if (rc != 0)
        return false;
    if (slice_eq(slice_of(act.tenants), page->scope))
        (void)slice_cut(page->scope, ',', &own, NULL);
    for (size_t i = 0; i < COLUMNS; i++)
        cells[i] = value_none();
    cells[AT] = value_time(act.at_s);
    cells[STATE] = value_word("waiting");
    cells[VERB] = value_word(act_rows[act.verb].word);
    cells[SUBJECT] = value_word_or_none(act.subject);
    cells[REASON] = value_word(act.reason);
    cells[WHO] = value_word(act.who);
    cells[TENANT] = scope_is_all(page->scope) ? value_none() : value_text(own);
    cells[ID] = value_word(act.id);
    print_one(page, cells);
    return true;
}

static bool print_logged(struct page *page, struct act_log *log, const char *id)
{
    bool found = false;
    json_t *line = NULL;

    while (!found && act_log_back(log, &line))
        found = strcmp(act_line_text(line, "id"), id) == 0;
    if (found) {
        struct value cells[COLUMNS];

        fill(page, line, cells);
        print_one(page, cells);
    }
    json_decref(line);
    return found;
}

/* PAGE_OK: it was in the log, and is printed. */
static int look_in_log(struct page *page, const char *id)
{
    struct act_log log;
    int status = read_log(page, &log);

    if (status == PAGE_OK && !print_logged(page, &log, id))
        status = PAGE_NOT_FOUND;
    act_log_free(&log);
    return status;
}

int page_action(struct page *page)
{
    const char *id = page->asked->rest.p;
    int status;

    if (!act_is_id(page->asked->rest)) {
        (void)error_set(&page->e, "expected the id of an action");
        return PAGE_BAD;
    }
    /* What is in both is done, and about to be removed; what is in neither may have been since the log was read. */
    status = look_in_log(page, id);
    if (status == PAGE_NOT_FOUND)
        status = print_waiting(page, id) ? PAGE_OK : look_in_log(page, id);
    if (status == PAGE_NOT_FOUND)
        (void)error_set(&page->e, "%s",
                        scope_is_all(page->scope) ? "there is no such action, or not any more" : NAME_NOT_SEEN);
    return status;
}
