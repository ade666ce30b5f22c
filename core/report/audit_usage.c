/* What was seen: who signs in with a password, and over which TLS. */
#include "core/report/audit.h"

#define RECENT_DAYS 30

struct usage_seen {
    struct audit_names basic, old;
    uint64_t basic_messages, old_messages;
};

static bool audit_usage_of(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    struct usage_seen *s = arg;
    uint64_t old = usage->tls[TLS_NONE] + usage->tls[TLS_OLD] + usage->tls[TLS_V1_0] + usage->tls[TLS_V1_1];

    (void)tenant;
    if (usage->basic > 0)
        audit_names_add(&s->basic, mailbox);
    if (old > 0)
        audit_names_add(&s->old, mailbox);
    s->basic_messages += usage->basic;
    s->old_messages += old;
    return true;
}

static void add_missing(void *arg, const char *words)
{
    struct audit *a = arg;

    if (a->config->cluster.configured)
        findings_add(a->findings, AUDIT_USAGE_MISSING, "", "%s", words);
}

int audit_relays(struct audit *a, struct error *e)
{
    return usage_missing_find(a->config, a->journal, a->now_s, &a->missing, add_missing, a, e);
}

int audit_usage(struct audit *a, struct error *e)
{
    const struct usage_query lately = {.sent = true, .sent_since_s = a->now_s - RECENT_DAYS * 86400};
    struct usage_seen s = {.basic_messages = 0};
    int64_t first_s;

    if (a->journal == NULL) {
        findings_skip(a->findings, AUDIT_BASIC_USED, "there is no journal");
        findings_skip(a->findings, AUDIT_OLD_TLS_USED, "there is no journal");
        return 0;
    }
    audit_names_begin(&s.basic);
    audit_names_begin(&s.old);
    if (journal_usage_since(a->journal, &first_s, e) != 0 ||
        journal_usage(a->journal, &lately, audit_usage_of, &s, e) != 0)
        return -1;
    a->seen_days = first_s > 0 && first_s < a->now_s ? (uint64_t)(a->now_s - first_s) / 86400 : 0;
    if (s.basic.n > 0)
        findings_add(a->findings, AUDIT_BASIC_USED, "",
                     "%llu mailboxes that sent in the last %d days have signed in with a password (%llu messages since "
                     "they are counted): %s",
                     (unsigned long long)s.basic.n, RECENT_DAYS, (unsigned long long)s.basic_messages,
                     audit_names_end(&s.basic));
    if (s.old.n > 0)
        findings_add(a->findings, AUDIT_OLD_TLS_USED, "",
                     "%llu mailboxes that sent in the last %d days have done so without TLS or with one older than 1.2 "
                     "(%llu messages since they are counted): %s",
                     (unsigned long long)s.old.n, RECENT_DAYS, (unsigned long long)s.old_messages,
                     audit_names_end(&s.old));
    return 0;
}
