#include "core/report/subject.h"

#include "core/decide/block_keys.h"
#include "core/decide/failures.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/decide/limits.h"
#include "core/report/text.h"
#include "core/state/outbox.h"

#include <stdlib.h>

static const struct {
    const char *name;
    enum limit_key_part part;
} kinds[] = {{"user", PER_USER},
             {"login", PER_LOGIN},
             {"client", PER_CLIENT},
             {"network", PER_CLIENT_NET},
             {"connector", PER_CONNECTOR}};

static const struct connector_config *connector_named(const struct config *config, struct slice name)
{
    for (size_t i = 0; i < config->n_connectors; i++)
        if (slice_eq(slice_of(config->connectors[i].name), name))
            return &config->connectors[i];
    return NULL;
}

/* "contoso/sean", as some clients write it, is no network. */
static bool is_netbios(const struct config *config, struct slice word)
{
    struct login login;

    login_parse(word, &login);
    for (size_t i = 0; login.kind == LOGIN_NETBIOS && i < config->n_tenants; i++)
        for (size_t j = 0; j < config->tenants[i].n_netbios; j++)
            if (slice_eq(config->tenants[i].netbios[j], login_netbios(&login)))
                return true;
    return false;
}

/*
 * What a single word means: addresses and networks first, since these are no logins; a connector before an account
 * name.
 */
static enum limit_key_part guess(const struct config *config, struct slice word)
{
    struct ip ip;

    if (ip_parse(word, &ip))
        return PER_CLIENT;
    if (memchr(word.p, '/', word.n) != NULL && memchr(word.p, '@', word.n) == NULL && !is_netbios(config, word))
        return PER_CLIENT_NET;
    return connector_named(config, word) != NULL ? PER_CONNECTOR : PER_USER;
}

static int take_client(struct subject *x, const struct decide_context *c, struct slice word, struct error *e)
{
    char shown[160];
    struct buf b = BUF_OVER(shown);

    x->submission.has_client = ip_parse(word, &x->submission.client);
    if (!x->submission.has_client) {
        text_add_plain(&b, word);
        return error_set(e, "\"%s\" is not an IP address", shown);
    }
    x->verdict.identity.client = key_of_client(c, &x->submission.client);
    key_of_block_on(c, &x->submission, &x->verdict.identity, PER_CLIENT, &x->block);
    return 0;
}

static int take_network(struct subject *x, const struct decide_context *c, struct slice word, struct error *e)
{
    if (network_parse(word, &x->network, e) != 0)
        return -1;
    if (x->network.prefix == 0 || (x->network.prefix == 96 && ip_is_v4(&x->network.base)))
        return error_set(e, "that network is everybody; stop Postfix's submission service instead");
    x->submission.has_client = true;
    x->submission.client = x->network.base;
    key_of_block_on_network(c, &x->network, &x->block);
    return 0;
}

static int take_connector(struct subject *x, const struct decide_context *c, struct slice word, struct error *e)
{
    char shown[160];
    struct buf b = BUF_OVER(shown);

    x->verdict.identity.connector = connector_named(c->config, word);
    if (x->verdict.identity.connector == NULL) {
        text_add_plain(&b, word);
        return error_set(e, "there is no connector \"%s\" in %s", shown, c->config->file);
    }
    key_of_block_on(c, &x->submission, &x->verdict.identity, PER_CONNECTOR, &x->block);
    return 0;
}

/* By the mailbox where the login has one, else by what it stands for: all of its spellings are meant. Or as it was
 * typed. */
static int take_login(struct subject *x, const struct decide_context *c, struct slice word, bool by_mailbox,
                      struct error *e)
{
    struct recipients none = {0};
    char shown[160];
    struct buf b = BUF_OVER(shown);

    x->submission.login_text = word;
    login_parse(word, &x->submission.login);
    if (x->submission.login.kind == LOGIN_BAD || x->submission.login.kind == LOGIN_NONE) {
        text_add_plain(&b, word);
        return error_set(e, "\"%s\" can be no login", shown);
    }
    x->submission.stage = STAGE_MAIL;
    decide(c, &x->submission, &none, &x->verdict, NULL);
    if (x->verdict.identity.n_claims == 0) /* never the key that invented names share */
        x->verdict.identity.user = x->verdict.identity.login;
    x->part = by_mailbox ? PER_USER : PER_LOGIN;
    key_of_block_on(c, &x->submission, &x->verdict.identity, x->part, &x->block);
    return 0;
}

static bool find_kind(struct slice word, enum limit_key_part *part)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (slice_eq(slice_of(kinds[i].name), word)) {
            *part = kinds[i].part;
            return true;
        }
    return false;
}

/* The rest of out is zeroed. */
static int take_word(struct subject *out, const struct decide_context *c, enum limit_key_part part, struct slice word,
                     struct error *e)
{
    out->part = part;
    switch (part) {
    case PER_CLIENT:
        return take_client(out, c, word, e);
    case PER_CLIENT_NET:
        return take_network(out, c, word, e);
    case PER_CONNECTOR:
        return take_connector(out, c, word, e);
    default:
        return take_login(out, c, word, part == PER_USER, e);
    }
}

int subject_parse(const struct decide_context *c, int n, char **words, struct subject *out, struct error *e)
{
    struct slice word = slice_of(words[n - 1]);
    enum limit_key_part part = PER_USER;

    memset(out, 0, sizeof *out);
    if (n == 1)
        part = guess(c->config, word);
    else if (!find_kind(slice_of(words[0]), &part))
        return error_set(e, "expected one name, or user, login, client, network or connector and a name");
    return take_word(out, c, part, word, e);
}

const char *subject_tenant(const struct decide_context *c, const struct subject *subject)
{
    const struct identity *id = &subject->verdict.identity;
    const struct tenant_facts *tenant = id->n_claims > 0 ? directory_tenant(c->view, id->claims[0].tenant) : id->tenant;

    if (id->connector != NULL)
        return id->connector->tenant;
    if (subject->part != PER_USER && subject->part != PER_LOGIN)
        return NULL;
    for (unsigned i = 1; i < id->n_claims; i++)
        if (id->claims[i].tenant != id->claims[0].tenant)
            return NULL;
    return tenant != NULL ? tenant->name : NULL;
}

int subject_of_block(const struct decide_context *c, const struct block *block, struct subject *out, struct error *e)
{
    enum limit_key_part part;
    struct slice kind, name;

    memset(out, 0, sizeof *out);
    if (!slice_cut(slice_of(block->subject), ' ', &kind, NULL) || !find_kind(kind, &part) ||
        !block_subject_name(block, out->name, sizeof out->name, &name))
        return error_set(e, "its subject is cut, or names nobody");
    if (take_word(out, c, part, name, e) != 0)
        return -1;
    if (block->class == BLOCK_OF_STRANGERS)
        key_of_strangers(c, &out->submission, &out->block);
    else if (block->defers)
        key_of_deferring(c, &out->verdict.identity, part, &out->block);
    return 0;
}

const char *block_tenant(const struct decide_context *c, const struct block *block)
{
    struct subject *x = malloc(sizeof *x);
    const char *tenant = x != NULL && subject_of_block(c, block, x, NULL) == 0 ? subject_tenant(c, x) : NULL;

    free(x);
    return tenant;
}

static void forgive_key(struct counters *counters, uint64_t key, uint64_t now_ns)
{
    (void)counters_reset(counters, key, now_ns);
    outbox_tell_reset(counters_outbox(counters), key);
}

/* Here, and on the other relays. */
static void lift_habit(struct counters *counters, struct habits *habits, const struct decide_context *c,
                       const struct subject *subject, bool accept)
{
    uint64_t key = key_of_habit(c, &subject->verdict.identity);

    if (key == 0)
        return;
    habits_lift(habits, key, c->now_ns, accept);
    outbox_tell(counters_outbox(counters),
                outbox_habit(accept ? OUTBOX_HABIT_ACCEPT : OUTBOX_HABIT_LIFT, key, NULL, c->now_ns));
}

void subject_accept(struct counters *counters, struct habits *habits, const struct decide_context *c,
                    const struct subject *subject)
{
    lift_habit(counters, habits, c, subject, true);
}

void subject_forgive(struct counters *counters, struct habits *habits, const struct decide_context *c,
                     const struct subject *subject, const struct block *block)
{
    uint64_t key;

    for (size_t i = 0; i < c->config->n_limits; i++) {
        const struct limit_config *limit = &c->config->limits[i];

        if (strcmp(limit->name, block->limit) == 0 && limit_counts_failures(limit))
            failures_forgive(counters, c, &subject->submission, &subject->verdict.identity, limit);
        else if (strcmp(limit->name, block->limit) == 0 &&
                 key_of_limit(c, &subject->submission, &subject->verdict.identity, limit, &key))
            forgive_key(counters, key, c->now_ns);
    }
    forgive_key(counters, block_history(c, block->key).key, c->now_ns);
    outbox_tell(counters_outbox(counters), (struct outbox_record){.kind = OUTBOX_LIFT, .key = block->key});
    if (block->defers)
        lift_habit(counters, habits, c, subject, false);
}
