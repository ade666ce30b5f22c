#include "core/report/learn.h"

#include "core/decide/familiar.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/report/subject.h"
#include "core/state/habits_teach.h"
#include "core/state/outbox.h"

#include <stdlib.h>

void learn_free(struct learn *l)
{
    for (size_t i = 0; i < l->n_logins; i++)
        free(l->logins[i].name);
    free(l->logins);
    free(l->networks);
    mail_seen_free(&l->mail);
}

struct learn_login *learn_add_login(struct learn *l, struct error *e)
{
    if (l->n_logins == l->logins_capacity) {
        size_t capacity = l->logins_capacity * 2 + 64;
        struct learn_login *more = reallocarray(l->logins, capacity, sizeof *more);

        if (more == NULL) {
            (void)error_set(e, "out of memory");
            return NULL;
        }
        l->logins = more;
        l->logins_capacity = capacity;
    }
    l->logins[l->n_logins] = (struct learn_login){.name = NULL};
    return &l->logins[l->n_logins++];
}

struct learn_network *learn_add_network(struct learn *l, struct error *e)
{
    if (l->n_networks == l->networks_capacity) {
        size_t capacity = l->networks_capacity * 2 + 64;
        struct learn_network *more = reallocarray(l->networks, capacity, sizeof *more);

        if (more == NULL) {
            (void)error_set(e, "out of memory");
            return NULL;
        }
        l->networks = more;
        l->networks_capacity = capacity;
    }
    l->networks[l->n_networks] = (struct learn_network){.tenant = NULL};
    return &l->networks[l->n_networks++];
}

/* ---- who it is ---- */

/* A login without a mailbox that may sign in all the same has a habit of its own; others share a key. */
static bool is_known(const struct identity *id)
{
    return id->connector != NULL || id->n_claims > 0 || id->user == id->login;
}

static void say_who(const struct decide_context *c, const struct subject *x, struct learn_login *out)
{
    const struct identity *id = &x->verdict.identity;
    struct address primary;

    out->tenant = id->tenant != NULL ? id->tenant->name : NULL;
    out->tenant_hash = id->tenant_hash;
    out->key = key_of_habit(c, id);
    if (id->n_claims == 0 ||
        directory_primary(c->view, id->claims[0].tenant, &id->claims[0].id, &primary) != DIRECTORY_FOUND)
        return;
    free(out->name);
    out->name = strdup(primary.text);
}

/* With the decision's own step: who a login is depends on more than its mailbox. */
static void find_user(const struct decide_context *c, struct subject *x)
{
    login_parse(x->submission.login_text, &x->submission.login);
    decide_smtp_auth(c, &x->submission, &x->verdict);
}

bool learn_find(const struct learn *l, const char *kind, const char *name, struct learn_login *out)
{
    const struct decide_context *c = l->context;
    struct subject *x = calloc(1, sizeof *x);
    char *words[] = {(char *)(uintptr_t)kind, (char *)(uintptr_t)name};
    bool connector = strcmp(kind, "connector") == 0;

    out->name = strdup(name);
    out->verdict = LEARN_UNKNOWN;
    if (x != NULL && out->name != NULL) {
        x->submission.stage = STAGE_MAIL;
        x->submission.login_text = slice_of(name);
        if (!connector)
            find_user(c, x);
        if (!connector || subject_parse(c, 2, words, x, NULL) == 0) {
            out->verdict = is_known(&x->verdict.identity) ? LEARN_TAKEN : LEARN_UNKNOWN;
            say_who(c, x, out);
        }
    }
    if (out->verdict == LEARN_UNKNOWN || out->key == 0) {
        out->verdict = LEARN_UNKNOWN;
        out->key = hash_slice(c->secret, slice_of(name));
    }
    free(x);
    return x != NULL && out->name != NULL;
}

/* ---- taking ---- */

size_t learn_count_logins(const struct learn *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_logins; i++)
        n += l->logins[i].verdict == LEARN_TAKEN;
    return n;
}

size_t learn_count_networks(const struct learn *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_networks; i++)
        n += l->networks[i].usual;
    return n;
}

/* The time in which a tenant's mail was seen. */
static int64_t tenant_span(const struct learn *l, uint64_t tenant_hash)
{
    int64_t first_s = INT64_MAX, last_s = 0;

    for (size_t i = 0; i < l->n_logins; i++) {
        const struct learn_login *x = &l->logins[i];

        if (x->verdict != LEARN_TAKEN || x->tenant_hash != tenant_hash)
            continue;
        /* Another relay has learnt it, which takes so long. */
        if (x->days == 0)
            return (int64_t)HABIT_LEARNING_S;
        first_s = x->first_s < first_s ? x->first_s : first_s;
        last_s = x->last_s > last_s ? x->last_s : last_s;
    }
    return last_s > first_s ? last_s - first_s : 0;
}

/* Here, and on the other relays. */
static bool teach(struct habits *habits, struct counters *counters, uint64_t key, const struct habit_figures *most,
                  uint64_t now_ns)
{
    if (!habits_teach(habits, key, most, now_ns))
        return false;
    outbox_tell(counters_outbox(counters), outbox_habit(OUTBOX_HABIT_TAUGHT, key, NULL, now_ns));
    return true;
}

/* A tenant whose mail was seen for long enough is no longer new: its other networks are unfamiliar, and habits count.
 */
static void take_tenant(const struct learn *l, const struct tenant_facts *tenant, struct habits *habits,
                        struct counters *counters)
{
    const struct decide_context *c = l->context;
    uint64_t hash = hash_slice(c->secret, slice_of(tenant->name));
    int64_t span = tenant_span(l, hash);
    bool networks = false;

    for (size_t i = 0; i < l->n_networks; i++)
        networks |= l->networks[i].usual && l->networks[i].tenant_hash == hash;
    if (networks && span >= (int64_t)FAMILIAR_AFTER_S)
        networks_teach_tenant(counters, c, hash);
    if (span >= (int64_t)HABIT_LEARNING_S)
        (void)teach(habits, counters, key_of_tenants_habit(hash), &(struct habit_figures){.of = {{0}}}, c->now_ns);
}

struct learn_taken learn_take(const struct learn *l, struct habits *habits, struct counters *counters)
{
    const struct decide_context *c = l->context;
    struct learn_taken taken = {.logins = 0};

    for (size_t i = 0; i < l->n_logins; i++)
        if (l->logins[i].verdict == LEARN_TAKEN) {
            bool room = teach(habits, counters, l->logins[i].key, &l->logins[i].most, c->now_ns);

            taken.logins += room;
            taken.no_room += !room;
        }
    for (size_t i = 0; i < l->n_networks; i++)
        if (l->networks[i].usual) {
            int64_t ago_s = c->wall_s - l->networks[i].last_s;

            networks_teach(counters, c, l->networks[i].tenant_hash, &l->networks[i].network,
                           ago_s > 0 ? (uint64_t)ago_s : 0);
            taken.networks++;
        }
    for (uint32_t i = 0; c->view != NULL && i < directory_tenants(c->view); i++)
        if (directory_tenant(c->view, i) != NULL)
            take_tenant(l, directory_tenant(c->view, i), habits, counters);
    return taken;
}
