#include "mirror/recent.h"

#include "core/base/hash.h"
#include "core/journal/cloud_use.h"

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
    struct buf missing; /* over: */
    char missing_text[300];
    unsigned n_missing;
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

static bool recent_add(struct recent *r, struct slice mailbox, struct recent_use use)
{
    if (r->n == r->cap && !recent_grow(r))
        return false;
    r->uses[r->n++] = (struct use){hash_slice(&r->secret, mailbox), use};
    return true;
}

static bool add_use(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    struct usage_reading *reading = arg;

    (void)tenant;
    reading->no_memory = !recent_add(reading->r, mailbox, (struct recent_use){usage->last_s, usage->basic > 0});
    return !reading->no_memory;
}

#define MISSING_NAMED 2u

static void add_gap(void *arg, const struct usage_gap *gap)
{
    struct recent *r = arg;
    char text[300];
    struct buf b = BUF_OVER(text);

    usage_gap_words(gap, &b);
    if (r->n_missing++ < MISSING_NAMED)
        buf_addf(&r->missing, "%s%s", r->n_missing > 1 ? ", " : "", text);
}

static int find_missing(struct recent *r, const struct config *config, struct journal *journal, int64_t now,
                        struct error *e)
{
    if (journal_unknown_relays(journal, config->other_relays, config->n_other_relays, add_gap, r, e) != 0)
        return -1;
    if (journal_usage_gaps(journal, now, add_gap, r, e) != 0)
        return -1;
    if (r->n_missing > MISSING_NAMED)
        buf_addf(&r->missing, " and %u more", r->n_missing - MISSING_NAMED);
    return 0;
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
    result = config->cluster.configured ? journal_add_others(journal, config->cluster.folder, e) : 0;
    if (result == 0)
        result = find_missing(r, config, journal, now, e);
    if (result == 0)
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
    if (r != NULL)
        r->missing = BUF_OVER(r->missing_text);
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

/* One entry a mailbox. */
static void recent_join(struct recent *r)
{
    size_t n = 0;

    if (r->n == 0)
        return;
    qsort(r->uses, r->n, sizeof *r->uses, by_hash);
    for (size_t i = 1; i < r->n; i++) {
        struct use *kept = &r->uses[n], *next = &r->uses[i];

        if (kept->hash != next->hash) {
            r->uses[++n] = *next;
            continue;
        }
        kept->use.password |= next->use.password;
        if (kept->use.last_s < next->use.last_s)
            kept->use.last_s = next->use.last_s;
    }
    r->n = n + 1;
}

static int add_cloud_uses(struct recent *r, struct history *h, struct slice tenant, int64_t now, struct error *e)
{
    const struct cloud_query query = {.since_s = now - (int64_t)RECENT_DAYS * DAY_S,
                                      .sources = 1u << CLOUD_SIGN_INS | 1u << CLOUD_REPORT};
    struct cloud_walk *walk;
    struct slice of_tenant, mailbox;
    enum cloud_source source;
    struct cloud_use use;
    int result;

    if (cloud_walk_open(h, &query, &walk, e) != 0)
        return -1;
    while ((result = cloud_walk_next(walk, &of_tenant, &mailbox, &source, &use, e)) == 1)
        if (slice_eq(of_tenant, tenant) && !recent_add(r, mailbox, (struct recent_use){use.last_s, use.basic > 0})) {
            result = error_set(e, "no memory for %zu mailboxes that sent", r->n);
            break;
        }
    cloud_walk_close(walk);
    recent_join(r);
    return result;
}

int recent_add_cloud(struct recent *r, const char *folder, struct slice tenant, int64_t now, struct error *e)
{
    struct cloud_reach reach;
    struct history *h = NULL;
    struct error notice;
    int result;

    if (history_open(folder, false, &h, &notice, e) != 0)
        return -1;
    result = cloud_reach_of(h, tenant, now, &reach, e);
    if (result == 0 && (reach.sign_ins_s != 0 || reach.report_s != 0))
        result = add_cloud_uses(r, h, tenant, now, e) == 0 ? 1 : -1;
    history_close(h);
    return result;
}

const char *recent_missing(const struct recent *r)
{
    return r->missing_text;
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
