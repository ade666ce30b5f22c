#include "core/report/new_networks.h"

#include "core/access/role.h"
#include "core/base/clock.h"
#include "core/decide/familiar.h"
#include "core/report/text.h"

#include <stdlib.h>

const struct column new_networks_columns[NEW_NETWORKS_COLUMNS] = {
    {"network", VALUE_TEXT},    {"tenant", VALUE_TEXT},   {"first", VALUE_TIME},      {"last", VALUE_TIME},
    {"messages", VALUE_NUMBER}, {"logins", VALUE_NUMBER}, {"last_login", VALUE_TEXT},
};

/* Where no limit learns networks; as in the preset. */
#define V4_PREFIX 24u
#define V6_PREFIX 64u

#define LOGINS_MAX 16u /* that are told apart, in each */
#define PLACES 4096u   /* twice as many as there can be networks, and more */

struct new_network {
    struct network network;
    char tenant[sizeof((struct journal_record *)NULL)->tenant];
    char login[sizeof((struct journal_record *)NULL)->login]; /* of the newest message */
    uint64_t logins[LOGINS_MAX];                              /* hashes */
    unsigned n_logins;
    int64_t first_s, last_s;
    uint64_t messages;
};

struct new_networks {
    const struct decide_context *c;
    const struct new_networks_wanted *wanted;
    unsigned v4_prefix, v6_prefix;
    struct new_network *found;
    uint16_t places[PLACES]; /* hash table of numbers of found, + 1 */
    size_t n;
    bool more; /* than there is room for */
};

static uint64_t hash_of(const struct new_networks *x, const struct network *network, struct slice tenant)
{
    return hash_slice(x->c->secret, tenant) ^
           hash_slice(x->c->secret, (struct slice){(const char *)network->base.b, sizeof network->base.b});
}

/* Since when it is in use, as far as limits have learnt it. */
static bool is_new(const struct new_networks *x, const struct journal_record *r, int64_t *first_s)
{
    uint64_t tenant_hash = r->tenant[0] != '\0' ? hash_slice(x->c->secret, slice_of(r->tenant)) : 0;
    enum network_seen seen = network_seen(x->c, &r->client, tenant_hash, first_s);

    return seen == NETWORK_UNSEEN || (seen == NETWORK_NEW && *first_s >= x->wanted->since_s);
}

/* The tenant's network that the message came from; NULL: it is not new, or there is no room. */
static struct new_network *network_of(struct new_networks *x, const struct journal_record *r)
{
    struct network network = network_around(&r->client, x->v4_prefix, x->v6_prefix);
    struct slice tenant = slice_of(r->tenant);
    uint64_t hash = hash_of(x, &network, tenant);
    struct new_network *found;
    struct buf b;
    int64_t first_s;
    uint16_t *place;

    for (;; hash++) {
        place = &x->places[hash % PLACES];
        if (*place == 0)
            break;
        found = &x->found[*place - 1];
        if (memcmp(found->network.base.b, network.base.b, sizeof network.base.b) == 0 &&
            slice_eq(slice_of(found->tenant), tenant))
            return found;
    }
    if (!is_new(x, r, &first_s))
        return NULL;
    x->more |= x->n == NEW_NETWORKS_MAX;
    if (x->more)
        return NULL;
    found = &x->found[x->n++];
    *place = (uint16_t)x->n;
    *found = (struct new_network){.network = network, .first_s = first_s};
    b = BUF_OVER(found->tenant);
    buf_add(&b, tenant);
    return found;
}

static void note_login(const struct new_networks *x, struct new_network *found, const struct journal_record *r)
{
    struct slice login = slice_of(r->mailbox[0] != '\0' ? r->mailbox : r->login);
    uint64_t hash = hash_slice(x->c->secret, login);
    struct buf b;

    if (found->n_logins == 0) {
        b = BUF_OVER(found->login);
        buf_add(&b, login);
    }
    for (unsigned i = 0; i < found->n_logins; i++)
        if (found->logins[i] == hash)
            return;
    if (found->n_logins < LOGINS_MAX)
        found->logins[found->n_logins++] = hash;
}

/* They come newest first. */
static bool take_record(void *arg, const struct journal_record *r)
{
    const struct decide_context *c = ((struct new_networks *)arg)->c;
    struct new_networks *x = arg;
    struct new_network *found;
    unsigned value;

    if ((r->action != ACTION_PASS && r->action != ACTION_HOLD) || !r->counts || !r->has_client || r->login[0] == '\0' ||
        (x->wanted->scope.n > 0 && !scope_has(x->wanted->scope, slice_of(r->tenant))) ||
        (c->config->known_networks != NULL && network_map_find(c->config->known_networks, &r->client, &value)))
        return true;
    if ((found = network_of(x, r)) == NULL)
        return true;
    note_login(x, found, r);
    if (found->messages == 0)
        found->last_s = (int64_t)(r->at_ns / NS_PER_S);
    if (found->first_s == 0 || found->first_s > (int64_t)(r->at_ns / NS_PER_S))
        found->first_s = (int64_t)(r->at_ns / NS_PER_S);
    found->messages += r->messages;
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const struct new_network *x = a, *y = b;

    return (x->first_s < y->first_s) - (x->first_s > y->first_s);
}

static void put(const struct new_networks *x, struct printer *out)
{
    char text[NETWORK_TEXT_MAX];

    for (size_t i = 0; i < x->n && !out->enough; i++) {
        const struct new_network *one = &x->found[i];

        out->row(out, (const struct value[NEW_NETWORKS_COLUMNS]){
                          value_text(network_text(&one->network, text)), value_word_or_none(one->tenant),
                          value_time(one->first_s), value_time(one->last_s), value_number(one->messages),
                          value_number(one->n_logins), value_word(one->login)});
    }
}

/* What the rows don't say. */
static int tell_bounds(const struct new_networks *x, struct journal *journal, struct printer *out, struct error *e)
{
    uint64_t oldest_ns;
    char text[40];
    struct buf b = BUF_OVER(text);

    if (journal_oldest(journal, &oldest_ns, e) != 0)
        return -1;
    if ((int64_t)(oldest_ns / NS_PER_S) > x->wanted->since_s + 3600) {
        text_add_local_time(&b, (int64_t)(oldest_ns / NS_PER_S));
        printer_remark(out, REMARK_NOTE, "the journal reaches back to %s only", text);
    }
    if (networks_size(x->c->config, NULL) == NULL)
        printer_remark(out, REMARK_NOTE,
                       "no limit learns which networks are familiar: all that the journal has of that time are new");
    if (x->more)
        printer_remark(out, REMARK_WARNING, "there were more than %u networks: further ones are left out",
                       NEW_NETWORKS_MAX);
    return 0;
}

int new_networks_report(const struct decide_context *c, struct journal *journal,
                        const struct new_networks_wanted *wanted, struct printer *out, struct error *e)
{
    const struct journal_query query = {.since_ns = wanted->since_s > 0 ? (uint64_t)wanted->since_s * NS_PER_S : 0};
    const struct limit_config *size = networks_size(c->config, NULL);
    struct new_networks *x = calloc(1, sizeof *x);
    int rc = -1;

    if (x == NULL || (x->found = calloc(NEW_NETWORKS_MAX, sizeof *x->found)) == NULL) {
        free(x);
        return error_set(e, "out of memory");
    }
    x->c = c;
    x->wanted = wanted;
    x->v4_prefix = size != NULL ? size->v4_prefix : V4_PREFIX;
    x->v6_prefix = size != NULL ? size->v6_prefix : V6_PREFIX;
    if (journal_decisions(journal, &query, take_record, x, e) == 0) {
        qsort(x->found, x->n, sizeof *x->found, newest_first);
        put(x, out);
        rc = tell_bounds(x, journal, out, e);
    }
    free(x->found);
    free(x);
    return rc;
}
