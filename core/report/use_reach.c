#include "core/report/use_reach.h"

#include "core/journal/cloud_use.h"
#include "core/report/text.h"

#define DAY_S 86400

/* Does one reach less far back than the other? 0: not at all. */
static bool is_less(int64_t since_s, int64_t other_s)
{
    return other_s != 0 && (since_s == 0 || since_s > other_s);
}

/* The least of all tenants' decides: a list of mailboxes is one for all. */
static int find_cloud(const struct report_files *f, int64_t now_s, struct use_reach *out, struct error *e)
{
    struct cloud_reach reach;
    bool first = true;

    for (uint32_t i = 0; f->view != NULL && i < directory_tenants(f->view); i++) {
        const struct tenant_facts *t = directory_tenant(f->view, i);

        reach = (struct cloud_reach){.since_s = 0};
        if (t == NULL)
            continue;
        if (f->history != NULL && cloud_reach_of(f->history, slice_of(t->name), now_s, &reach, e) != 0)
            return -1;
        if (first || is_less(reach.tokens_s, out->tokens_s))
            out->tokens_s = reach.tokens_s;
        if (first || is_less(reach.since_s, out->cloud_s)) {
            out->tenant = t->name;
            out->cloud_s = reach.since_s;
        }
        first = false;
    }
    return 0;
}

int use_reach_find(const struct report_files *f, int64_t now_s, struct use_reach *out, struct error *e)
{
    *out = (struct use_reach){.relay_s = now_s, .tenant = "", .cluster = f->config->cluster.configured};
    if (f->journal != NULL && journal_usage_since(f->journal, &out->relay_s, e) != 0)
        return -1;
    if (out->relay_s == 0 || out->relay_s > now_s)
        out->relay_s = now_s;
    return find_cloud(f, now_s, out, e);
}

void use_reach_words(const struct use_reach *reach, struct buf *b)
{
    buf_add(b, SLICE("known from "));
    text_add_local_time(b, reach->relay_s);
    buf_addf(b, " on at %s, and ", reach->cluster ? "all relays that told it" : "this relay");
    if (reach->cloud_s > 0) {
        buf_add(b, SLICE("from "));
        text_add_local_time(b, reach->cloud_s);
        buf_add(b, SLICE(" on"));
    } else {
        buf_add(b, SLICE("not at all"));
    }
    buf_addf(b, " at Exchange Online itself%s%s%s", reach->tenant[0] != '\0' ? " (tenant " : "", reach->tenant,
             reach->tenant[0] != '\0' ? ")" : "");
}

bool use_reach_covers(const struct use_reach *reach, int64_t now_s, uint64_t days)
{
    return use_reach_days(reach, now_s) >= days;
}

uint64_t use_reach_days(const struct use_reach *reach, int64_t now_s)
{
    int64_t since = reach->relay_s > reach->cloud_s ? reach->relay_s : reach->cloud_s;

    return reach->cloud_s > 0 && since < now_s ? (uint64_t)((now_s - since) / DAY_S) : 0;
}
