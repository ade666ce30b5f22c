#include "core/report/mailbox_report.h"

#include "core/access/role.h"
#include "core/base/clock.h"
#include "core/base/guid.h"
#include "core/decide/blocked.h"
#include "core/decide/habit.h"
#include "core/directory/mailbox_name.h"
#include "core/journal/cloud_use.h"
#include "core/report/explain.h"
#include "core/report/mailbox_of.h"
#include "core/report/text.h"

#include <stdlib.h>

const char *mailbox_type_word(enum recipient_type type)
{
    static const char *const names[] = {[RECIPIENT_OTHER] = "other",
                                        [RECIPIENT_USER] = "user",
                                        [RECIPIENT_SHARED] = "shared",
                                        [RECIPIENT_ROOM] = "room",
                                        [RECIPIENT_EQUIPMENT] = "equipment",
                                        [RECIPIENT_GROUP] = "group",
                                        [RECIPIENT_MAIL_USER] = "mail-user",
                                        [RECIPIENT_SYSTEM] = "system",
                                        [RECIPIENT_HIGH_VOLUME] = "high-volume"};

    return (size_t)type < sizeof names / sizeof *names ? names[type] : "other";
}

const char *mailbox_setting_word(enum smtp_auth setting)
{
    static const char *const names[] = {[SMTP_AUTH_UNKNOWN] = "unknown",
                                        [SMTP_AUTH_INHERIT] = "inherited",
                                        [SMTP_AUTH_ENABLED] = "enabled",
                                        [SMTP_AUTH_DISABLED] = "disabled"};

    return (size_t)setting < sizeof names / sizeof *names ? names[setting] : "unknown";
}

/* ---- what the directory says ---- */

static struct value text_or_none(struct slice text)
{
    return text.n > 0 ? value_text(text) : value_none();
}

static struct value tri_value(enum tri tri)
{
    return tri == TRI_UNKNOWN ? value_none() : value_truth(tri == TRI_YES);
}

static void put_record(const struct decide_context *c, uint32_t tenant, const struct mailbox_record *m,
                       struct printer *out)
{
    const struct tenant_facts *facts = directory_tenant(c->view, tenant);
    const struct tenant_config *own = facts != NULL ? config_tenant(c->config, slice_of(facts->name)) : NULL;
    struct slice rest = m->proxies, one;
    char id[GUID_TEXT_MAX];

    guid_write(m->id.b, id);
    out->value(out, "tenant", value_word(facts != NULL ? facts->name : NULL));
    out->value(out, "id", value_word(id));
    out->value(out, "mailbox", value_text(m->primary));
    out->value(out, "name", text_or_none(m->name));
    out->value(out, "upn", text_or_none(m->upn));
    out->value(out, "alias", text_or_none(m->alias));
    out->value(out, "account", text_or_none(m->account));
    out->open(out, "addresses", TREE_LIST);
    while (packed_next(&rest, &one))
        out->value(out, NULL, value_text(one));
    out->close(out);
    out->value(out, "type", value_word(mailbox_type_word(m->recipient_type)));
    out->value(out, "setting", value_word(mailbox_setting_word(m->smtp_auth)));
    out->value(out, "organization_setting",
               value_word(mailbox_setting_word(facts != NULL ? facts->smtp_auth : SMTP_AUTH_UNKNOWN)));
    out->value(out, "auth_policy", text_or_none(m->auth_policy));
    out->value(out, "may_sign_in", tri_value(m->sign_in));
    out->value(out, "restricted", value_truth((m->knows & MAILBOX_RESTRICTED) != 0));
    out->value(out, "writeback", value_truth(own != NULL && own->exchange.writeback));
}

/* ---- what it may do ---- */

/* What a message of the login would get, from an unknown client. */
static void ask(const struct decide_context *c, struct slice login, const char *method, struct explained *x)
{
    struct question *q = calloc(1, sizeof *q);
    struct error e;

    x->context = *c;
    if (q == NULL)
        return;
    q->paths = true;
    q->user = login;
    q->method = slice_of(method);
    question_fill_in(q);
    if (question_submission(q, &x->submission, &x->headers, &e) == 0)
        explain_ask(x, q, STAGE_MAIL, true);
    free(q);
}

static void put_verdict(const struct explained *x, const char *name, struct printer *out)
{
    out->open(out, name, TREE_OBJECT);
    explain_put_verdict(x, out);
    out->close(out);
}

/* Its own entry in the lists, which "postern allow", "deny" and "forget" change. */
static void put_listed(const struct smtp_auth_config *lists, const struct identity *id, struct printer *out)
{
    struct slice entry = address_slice(&id->address);
    const char *word = NULL;

    if (entry.n > 0)
        word = list_has(lists->deny, entry, NULL) ? "denied" : list_has(lists->allow, entry, NULL) ? "allowed" : NULL;
    out->value(out, "listed", value_word(word));
}

static void put_blocks(const struct decide_context *c, const struct explained *x, struct printer *out)
{
    static const struct column columns[] = {{"subject", VALUE_TEXT},
                                            {"since", VALUE_TIME},
                                            {"until", VALUE_TIME},
                                            {"limit", VALUE_TEXT},
                                            {"reason", VALUE_TEXT}};
    struct block block;

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "blocks"});
    for (uint32_t at = 0; blocks_next(c->blocks, &at, c->now_ns, &block);)
        if (key_blocks(c, &x->submission, &x->verdict.identity, &block))
            out->row(out, (const struct value[]){value_word(block.subject), value_time(block.from_wall_s),
                                                 value_time(block_until_wall_s(&block, c->now_ns, c->wall_s)),
                                                 value_word(block.limit), value_word(block.reason)});
    out->end(out);
}

static void put_habit(const struct decide_context *c, const struct identity *id, struct printer *out)
{
    uint64_t key = c->habits != NULL && c->config->limits_use_habits ? key_of_habit(c, id) : 0;
    struct habit habit = {.since_ns = 0};

    if (key != 0)
        habits_look(c->habits, key, c->now_ns, &habit);
    if (habit.since_ns == 0 && !habit.learnt) {
        out->value(out, "habit", value_none());
        return;
    }
    /* as in "postern report habits" */
    out->open(out, "habit", TREE_OBJECT);
    out->value(out, "messages_hour", value_number(habit.most.of[HABIT_MESSAGES][HABIT_HOUR]));
    out->value(out, "messages_day", value_number(habit.most.of[HABIT_MESSAGES][HABIT_DAY]));
    out->value(out, "now_hour", value_number(habit.now.of[HABIT_MESSAGES][HABIT_HOUR]));
    out->value(out, "today", value_number(habit.now.of[HABIT_MESSAGES][HABIT_DAY]));
    out->value(out, "learnt", value_truth(habit.learnt));
    out->value(out, "learning_until", value_time(habit_learning_until(c, &habit)));
    out->close(out);
}

/* ---- how it is used ---- */

static void put_clients(const struct usage_client clients[USAGE_CLIENTS], struct printer *out)
{
    static const struct column columns[] = {{"client", VALUE_TEXT}, {"last", VALUE_TIME}};
    char text[IP_TEXT_MAX];

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "clients"});
    for (size_t i = 0; i < USAGE_CLIENTS && clients[i].last_s > 0; i++)
        out->row(out, (const struct value[]){value_text(ip_text(&clients[i].ip, text)), value_time(clients[i].last_s)});
    out->end(out);
}

static void put_reasons(const uint64_t count[REASON_COUNT], const char *name, struct printer *out)
{
    static const struct column columns[] = {{"reason", VALUE_TEXT}, {"messages", VALUE_NUMBER}};

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = name});
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (count[i] > 0)
            out->row(out, (const struct value[]){value_word(reason_row((enum reason)i)->name), value_number(count[i])});
    out->end(out);
}

static void put_tls(const struct usage *u, struct printer *out)
{
    static const struct column columns[] = {{"tls", VALUE_TEXT}, {"messages", VALUE_NUMBER}};

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "by_tls"});
    for (unsigned i = 0; i <= TLS_NEWER; i++)
        if (u->tls[i] > 0)
            out->row(out, (const struct value[]){value_word(tls_version_name((enum tls_version)i)),
                                                 value_number(u->tls[i])});
    out->end(out);
}

static int put_usage(const struct report_files *f, struct slice tenant, struct slice mailbox, struct printer *out,
                     struct error *e)
{
    struct usage u = {.first_s = 0};
    int found = f->journal != NULL ? journal_usage_of(f->journal, tenant, mailbox, &u, e) : 0;

    if (found <= 0) {
        out->value(out, "usage", value_none());
        return found;
    }
    out->open(out, "usage", TREE_OBJECT);
    out->value(out, "first", value_time(u.first_s));
    out->value(out, "last", value_time(u.last_s));
    out->value(out, "last_refused", value_time(u.last_refused_s));
    out->value(out, "messages", value_number(u.messages));
    out->value(out, "recipients", value_number(u.recipients));
    out->value(out, "bytes", value_bytes(u.bytes));
    out->value(out, "basic", value_number(u.basic));
    out->value(out, "oauth", value_number(u.oauth));
    put_tls(&u, out);
    put_clients(u.clients, out);
    put_reasons(u.refused, "refused", out);
    put_reasons(u.would, "would_refuse", out);
    out->close(out);
    return 0;
}

static int put_cloud(const struct report_files *f, struct slice tenant, struct slice mailbox, struct printer *out,
                     struct error *e)
{
    static const char *const sources[CLOUD_SOURCES] = {
        [CLOUD_SIGN_INS] = "cloud-sign-ins", [CLOUD_FAILURES] = "cloud-failures", [CLOUD_REPORT] = "cloud-report"};
    int found = 0;

    out->open(out, "cloud", TREE_LIST);
    for (unsigned i = 0; f->history != NULL && i < CLOUD_SOURCES && found >= 0; i++) {
        struct cloud_use u;

        if ((found = cloud_use_of(f->history, tenant, mailbox, (enum cloud_source)i, &u, e)) <= 0)
            continue;
        out->open(out, NULL, TREE_OBJECT);
        out->value(out, "source", value_word(sources[i]));
        out->value(out, "first", value_time(u.first_s));
        out->value(out, "last", value_time(u.last_s));
        out->value(out, "number", value_number(u.number));
        out->value(out, "basic", value_number(u.basic));
        out->value(out, "oauth", value_number(u.oauth));
        out->value(out, "tls", value_word(u.tls >= 0 ? tls_version_name((enum tls_version)u.tls) : NULL));
        put_clients(u.clients, out);
        out->close(out);
    }
    out->close(out);
    return found < 0 ? -1 : 0;
}

/* ---- all of it ---- */

/* Large: kept off the stack. */
struct mailbox_asked {
    struct mailbox_found named;
    bool known;
    uint32_t tenant;
    struct mailbox_record record;
    struct slice login; /* what is asked about */
    struct explained basic, oauth;
};

/* 1; 0 with e; -1 with e. */
static int find(const struct decide_context *c, struct slice scope, struct slice name, struct mailbox_asked *out,
                struct error *e)
{
    struct mailbox_found *named = &out->named;
    char text[1024];
    struct buf b = BUF_OVER(text);
    struct login login;
    enum directory_result result =
        c->view != NULL ? mailbox_named_of(c->view, scope, name, named) : DIRECTORY_NOT_FOUND;

    out->login = name;
    if (result == DIRECTORY_DAMAGED)
        return error_set(e, "a record of the directory is damaged: run postern-mirror verify");
    if (result == DIRECTORY_FOUND && named->n > 1 && named->name != MAILBOX_NAME_LOGIN) {
        mailbox_found_add(&b, named);
        (void)error_set(e, "that is %s: which one?", text);
        return 0;
    }
    if (result == DIRECTORY_FOUND) {
        out->known =
            directory_mailbox(c->view, named->first[0].tenant, &named->first[0].id, &out->record) == DIRECTORY_FOUND;
        out->tenant = named->first[0].tenant;
        if (out->known && named->name != MAILBOX_NAME_LOGIN)
            out->login = out->record.primary;
        return 1;
    }
    login_parse(name, &login);
    if (login.kind != LOGIN_BAD)
        return 1;
    (void)error_set(e, "%s",
                    scope_is_all(scope) ? "nobody has that name, and nobody can sign in with it" : NAME_NOT_SEEN);
    return 0;
}

static int put_mailbox(const struct decide_context *c, struct report_files *f, const struct mailbox_asked *m,
                       struct printer *out, struct error *e)
{
    const struct tenant_facts *tenant = m->basic.verdict.identity.tenant;
    struct slice name = m->known ? m->record.primary : m->login;
    struct slice tenant_name = tenant != NULL ? slice_of(tenant->name) : SLICE("");

    out->open(out, NULL, TREE_OBJECT);
    out->value(out, "login", value_text(m->login));
    out->value(out, "known", value_truth(m->known));
    if (m->known)
        put_record(c, m->tenant, &m->record, out);
    put_verdict(&m->basic, "basic", out);
    put_verdict(&m->oauth, "oauth", out);
    put_listed(&c->config->smtp_auth, &m->basic.verdict.identity, out);
    put_blocks(c, &m->basic, out);
    put_habit(c, &m->basic.verdict.identity, out);
    if (put_usage(f, tenant_name, name, out, e) < 0 || put_cloud(f, tenant_name, name, out, e) < 0)
        return -1;
    out->close(out);
    return 1;
}

/*
 * Is the login that was asked about not these tenants' alone? Mailboxes of others may have it, too, or without a domain
 * it may be another tenant's: its blocks and limits are then for who sees all.
 */
static bool is_shared(const struct decide_context *c, struct slice scope, const struct mailbox_asked *m)
{
    const struct identity *id = &m->basic.verdict.identity;
    bool own = id->tenant != NULL && scope_has(scope, slice_of(id->tenant->name));

    for (unsigned i = 0; i < id->n_claims; i++)
        own &= tenant_is_of(c->view, scope, id->claims[i].tenant);
    return m->known && !own && !scope_is_all(scope);
}

int mailbox_report(const struct decide_context *c, struct report_files *f, struct slice scope, struct slice name,
                   struct printer *out, struct error *e)
{
    struct mailbox_asked *m = calloc(1, sizeof *m);
    int result;

    if (m == NULL)
        return error_set(e, "out of memory");
    if ((result = find(c, scope, name, m, e)) == 1) {
        ask(c, m->login, "PLAIN", &m->basic);
        if (is_shared(c, scope, m)) {
            explained_clear(&m->basic);
            memset(&m->basic, 0, sizeof m->basic);
            m->login = m->record.primary;
            ask(c, m->login, "PLAIN", &m->basic);
        }
        ask(c, m->login, "XOAUTH2", &m->oauth);
        result = put_mailbox(c, f, m, out, e);
        explained_clear(&m->basic);
        explained_clear(&m->oauth);
    }
    free(m);
    return result;
}

/* ---- connectors ---- */

static void put_networks(const struct connector_config *k, struct printer *out)
{
    char text[NETWORK_TEXT_MAX];

    out->open(out, "networks", TREE_LIST);
    for (size_t i = 0; i < k->n_networks && i < CONNECTOR_NETWORKS_SHOWN; i++)
        out->value(out, NULL, value_text(network_text(&k->networks[i], text)));
    out->close(out);
    out->value(out, "more_networks",
               value_number(k->n_networks > CONNECTOR_NETWORKS_SHOWN ? k->n_networks - CONNECTOR_NETWORKS_SHOWN : 0));
}

static void put_connector(const struct decide_context *c, const struct connector_config *k, struct explained *x,
                          struct printer *out)
{
    char client[NETWORK_TEXT_MAX];
    struct question *q = calloc(1, sizeof *q);
    struct error e;

    memset(x, 0, sizeof *x);
    x->context = *c;
    out->open(out, NULL, TREE_OBJECT);
    out->value(out, "name", value_word(k->name));
    out->value(out, "tenant", value_word(k->tenant));
    out->value(out, "recipients", value_word(k->recipients == RECIPIENTS_INTERNAL ? "internal" : "any"));
    out->value(out, "monitor", value_truth(k->mode == MODE_MONITOR || c->config->mode == MODE_MONITOR));
    put_networks(k, out);
    out->value(out, "certificates", value_number(k->n_ccert_fingerprints + k->n_ccert_subjects));
    if (q != NULL && k->n_networks > 0) {
        q->client = ip_text(&k->networks[0].base, client);
        question_fill_in(q);
        if (question_submission(q, &x->submission, &x->headers, &e) == 0)
            explain_ask(x, q, STAGE_MAIL, true);
    }
    put_verdict(x, "verdict", out);
    if (x->verdict.identity.connector == NULL)
        x->verdict.identity.connector = k;
    put_blocks(c, x, out);
    put_habit(c, &(struct identity){.connector = k}, out);
    out->close(out);
    explained_clear(x);
    free(q);
}

int connectors_report(const struct decide_context *c, struct slice scope, struct printer *out, struct error *e)
{
    struct explained *x = calloc(1, sizeof *x);

    if (x == NULL)
        return error_set(e, "out of memory");
    out->open(out, NULL, TREE_LIST);
    for (size_t i = 0; i < c->config->n_connectors; i++)
        if (scope_has(scope, slice_of(c->config->connectors[i].tenant)))
            put_connector(c, &c->config->connectors[i], x, out);
    out->close(out);
    free(x);
    return 0;
}
