/* "postern report habits": what each login and connector usually sends. Another relay learns from it as JSON. */
#include "core/report/report_habits.h"

#include "core/decide/familiar.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/directory/directory_record.h"
#include "core/report/text.h"
#include "core/state/habits_teach.h"

/* People read the first of these. */
const struct column habit_columns[HABIT_COLUMNS] = {{"login", VALUE_TEXT},
                                                    {"messages_hour", VALUE_NUMBER},
                                                    {"messages_day", VALUE_NUMBER},
                                                    {"today", VALUE_NUMBER},
                                                    {"weeks_ago", VALUE_NUMBER},
                                                    {"learning_until", VALUE_TIME},
                                                    {"recipients_hour", VALUE_NUMBER},
                                                    {"recipients_day", VALUE_NUMBER},
                                                    {"kind", VALUE_TEXT},
                                                    {"tenant", VALUE_TEXT},
                                                    {"learnt", VALUE_TRUTH},
                                                    {"last", VALUE_TIME},
                                                    {"networks", VALUE_TEXT}};

#define NETWORKS_TEXT_MAX (2 * USAGE_CLIENTS * (NETWORK_TEXT_MAX + 1))

/* The networks of the mailbox's last clients that are familiar to its tenant, each once. */
static struct value networks_of(const struct report *r, uint64_t tenant_hash, const struct usage *u,
                                char text[NETWORKS_TEXT_MAX])
{
    const struct decide_context *c = &r->context;
    const struct identity id = {.authenticated = true, .tenant_hash = tenant_hash};
    struct buf b = buf_over(text, NETWORKS_TEXT_MAX);

    for (size_t i = 0; i < USAGE_CLIENTS && u->clients[i].last_s > 0; i++) {
        const struct submission s = {.has_client = true, .client = u->clients[i].ip};

        for (const struct limit_config *size = networks_size(c->config, NULL);
             size != NULL && network_known(c, &s, &id); size = networks_size(c->config, size)) {
            struct network network = network_around(&s.client, size->v4_prefix, size->v6_prefix);
            char mem[NETWORK_TEXT_MAX];
            struct slice one = network_text(&network, mem);

            if (b.n > 0 && memmem(b.p, b.n, one.p, one.n) != NULL)
                continue;
            buf_add(&b, b.n > 0 ? SLICE(" ") : SLICE(""));
            buf_add(&b, one);
        }
    }
    return value_text(buf_slice(&b));
}

struct habit_owner {
    const char *kind;
    struct slice tenant, name;
    uint64_t tenant_hash, key;
};

static int put_habit(struct report *r, const struct habit_owner *w)
{
    const struct decide_context *c = &r->context;
    struct habit_figures earlier;
    char text[NETWORKS_TEXT_MAX];
    struct usage usage = {.messages = 0};
    struct habit habit;
    bool was;

    habits_look(c->habits, w->key, c->now_ns, &habit);
    if (habit.crowded || (habit.since_ns == 0 && !habit.learnt))
        return 0;
    was = habits_earlier(c->habits, w->key, c->now_ns, &earlier);
    if (r->files->journal != NULL && journal_usage_of(r->files->journal, w->tenant, w->name, &usage, r->e) < 0)
        return -1;
    r->out->row(r->out, (const struct value[]){
                            value_text(w->name), value_number(habit.most.of[HABIT_MESSAGES][HABIT_HOUR]),
                            value_number(habit.most.of[HABIT_MESSAGES][HABIT_DAY]),
                            value_number(habit.now.of[HABIT_MESSAGES][HABIT_DAY]),
                            was ? value_number(earlier.of[HABIT_MESSAGES][HABIT_DAY]) : value_none(),
                            value_time(habit_learning_until(c, &habit)),
                            value_number(habit.most.of[HABIT_RECIPIENTS][HABIT_HOUR]),
                            value_number(habit.most.of[HABIT_RECIPIENTS][HABIT_DAY]), value_word(w->kind),
                            w->tenant.n > 0 ? value_text(w->tenant) : value_none(), value_truth(habit.learnt),
                            value_time(usage.last_s), networks_of(r, w->tenant_hash, &usage, text)});
    return 0;
}

static int put_mailboxes(struct report *r, uint32_t tenant)
{
    const struct directory_view *view = r->files->view;
    const struct tenant_facts *facts = directory_tenant(view, tenant);
    struct mailbox_record m;
    struct mailbox_ref ref = {.tenant = tenant};
    enum directory_result found = directory_next_mailbox(view, tenant, NULL, &m);
    uint64_t hash;

    if (facts == NULL)
        return 0;
    hash = hash_slice(r->context.secret, slice_of(facts->name));
    for (; found == DIRECTORY_FOUND; found = directory_next_mailbox(view, tenant, &ref.id, &m)) {
        struct identity id = {.authenticated = true};

        ref.id = m.id;
        id.user = key_of_claims(r->context.secret, hash, &ref, 1);
        if (put_habit(r, &(struct habit_owner){"user", slice_of(facts->name), m.primary, hash,
                                               key_of_habit(&r->context, &id)}) != 0)
            return -1;
    }
    return found != DIRECTORY_DAMAGED
               ? 0
               : error_set(r->e, "a record of tenant %s is damaged: run postern-mirror verify", facts->name);
}

struct outsiders {
    struct report *r;
    int rc;
};

/* A login that may sign in without a mailbox in the directory. */
static bool put_outsider(void *arg, struct slice tenant, struct slice name, const struct usage *usage)
{
    struct outsiders *o = arg;
    struct submission s = {.stage = STAGE_MAIL, .login_text = name};
    struct verdict v;

    (void)usage;
    login_parse(name, &s.login);
    decide_smtp_auth(&o->r->context, &s, &v);
    if (v.identity.n_claims == 0 && v.identity.authenticated && v.identity.user == v.identity.login)
        o->rc = put_habit(o->r, &(struct habit_owner){"user", tenant, name, v.identity.tenant_hash,
                                                      key_of_habit(&o->r->context, &v.identity)});
    return o->rc == 0;
}

static int put_connectors(struct report *r)
{
    for (size_t i = 0; i < r->files->config->n_connectors; i++) {
        struct identity id = {.connector = &r->files->config->connectors[i]};

        if (put_habit(r, &(struct habit_owner){"connector", SLICE(""), slice_of(id.connector->name), 0,
                                               key_of_habit(&r->context, &id)}) != 0)
            return -1;
    }
    return 0;
}

int report_habits(struct report *r, const struct report_kind *kind)
{
    const struct usage_query sent = {.sent = true};
    struct outsiders outsiders = {.r = r};

    (void)kind;
    for (uint32_t i = 0; r->files->view != NULL && i < directory_tenants(r->files->view); i++)
        if (put_mailboxes(r, i) != 0)
            return -1;
    if (r->files->journal != NULL && journal_usage(r->files->journal, &sent, put_outsider, &outsiders, r->e) != 0)
        return -1;
    return outsiders.rc != 0 ? -1 : put_connectors(r);
}
