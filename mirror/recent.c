#include "mirror/recent.h"

#include "core/base/hash.h"
#include "core/journal/journal.h"

#include <stdlib.h>
#include <sys/random.h>

#define DAY_S 86400

struct use {
    uint64_t hash; /* of the primary address */
    struct recent_use use;
};

struct recent {
    struct hash_secret secret;
    struct use *uses; /* sorted by hash */
    size_t n, cap;
};

/* What the walk over the journal needs. */
struct usage_reading {
    struct recent *r;
    bool no_memory;
};

static bool recent_grow(struct recent *r)
{
    size_t cap = r->cap == 0 ? 256 : r->cap * 2;
    struct use *bigger = realloc(r->uses, cap * sizeof *bigger);

    if (bigger == NULL)
        return false;
    r->uses = bigger;
    r->cap = cap;
    return true;
}

static bool add_use(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    struct usage_reading *reading = arg;
    struct recent *r = reading->r;

    (void)tenant;
    if (r->n == r->cap && !recent_grow(r)) {
        reading->no_memory = true;
        return false;
    }
    r->uses[r->n++] = (struct use){hash_slice(&r->secret, mailbox), {usage->last_s, usage->basic > 0}};
    return true;
}

static int by_hash(const void *a, const void *b)
{
    const struct use *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int read_usage(struct recent *r, const struct config *config, struct slice tenant, int64_t now, struct error *e)
{
    const struct usage_query query = {
        .tenant = tenant, .sent = true, .sent_since_s = now - (int64_t)RECENT_DAYS * DAY_S};
    struct usage_reading reading = {r, false};
    struct journal *journal = NULL;
    int result;

    if (config == NULL || config->journal == NULL || config->journal[0] == '\0')
        return error_set(e, "no journal is kept");
    if (journal_open(config->journal, NULL, &journal, e) != 0)
        return -1;
    result = journal_usage(journal, &query, add_use, &reading, e);
    journal_close(journal);
    if (reading.no_memory)
        return error_set(e, "no memory for %zu mailboxes that sent", r->n);
    if (result == 0 && r->n > 0)
        qsort(r->uses, r->n, sizeof *r->uses, by_hash);
    return result;
}

int recent_open(const struct config *config, struct slice tenant, int64_t now, struct recent **out, struct error *e)
{
    struct recent *r = calloc(1, sizeof *r);
    int result;

    *out = NULL;
    if (r == NULL || getrandom(&r->secret, sizeof r->secret, 0) != (ssize_t)sizeof r->secret)
        result = error_set(e, "no memory, or no random numbers");
    else
        result = read_usage(r, config, tenant, now, e);
    if (result != 0) {
        recent_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

void recent_close(struct recent *r)
{
    if (r == NULL)
        return;
    free(r->uses);
    free(r);
}

bool recent_find(const struct recent *r, struct slice primary, struct recent_use *use)
{
    struct use key = {.hash = hash_slice(&r->secret, primary)};
    const struct use *found = r->n == 0 ? NULL : bsearch(&key, r->uses, r->n, sizeof *r->uses, by_hash);

    if (found != NULL)
        *use = found->use;
    return found != NULL;
}
