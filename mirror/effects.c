#include "mirror/effects.h"

#include "core/decide/smtp_auth.h"
#include "core/mail/list.h"
#include "mirror/words.h"

#include <time.h>

/* Exchange Online's restriction takes precedence over the operator's lists. */
bool is_restricted(const struct mailbox_record *record)
{
    return (record->knows & MAILBOX_RESTRICTED) != 0;
}

/* The mirrored settings alone, for a relay that applies all of them and has no rules of its own. */
static struct smtp_auth_question mirrored_question(const struct tenant_facts *facts,
                                                   const struct mailbox_record *record, bool password)
{
    return (struct smtp_auth_question){.tenant = facts,
                                       .organization = TENANT_MIRRORED,
                                       .heeds_security_defaults = true,
                                       .heeds_authentication_policy = true,
                                       .disabled_accounts = DISABLED_PEOPLE,
                                       .setting = record->smtp_auth,
                                       .basic_smtp = record->basic_smtp,
                                       .sign_in = record->sign_in,
                                       .recipient_type = record->recipient_type,
                                       .password = password};
}

/* Unknown settings come first: they are deferred, whatever the other rules say. */
static enum tri may_send(const struct smtp_auth_question *q)
{
    for (unsigned rule = 0; rule < SMTP_AUTH_RULES; rule++) {
        enum reason reason = smtp_auth_refusal(q, (enum smtp_auth_rule)rule);

        if (reason != REASON_ALLOWED)
            return reason == REASON_SETTING_UNKNOWN ? TRI_UNKNOWN : TRI_NO;
    }
    return TRI_YES;
}

enum tri settings_let(const struct tenant_facts *facts, const struct mailbox_record *record, bool password)
{
    struct smtp_auth_question q = mirrored_question(facts, record, password);

    return is_restricted(record) ? TRI_NO : may_send(&q);
}

enum tri organization_lets(const struct tenant_facts *facts)
{
    static const struct mailbox_record inherits = {.smtp_auth = SMTP_AUTH_INHERIT};

    return settings_let(facts, &inherits, true);
}

/* Is the address or its domain on the list? */
static bool has_address_or_domain(const struct list *list, struct slice text)
{
    struct address address;

    return text.n > 0 && address_parse_internal(text, &address) == ADDRESS_OK && list_has_address(list, &address, NULL);
}

/* By any of its names. For what a domain means see enum listed_to in core/decide/decide_steps.h. */
static bool has_listed_name(const struct list *list, const struct mailbox_record *record, bool to_deny)
{
    struct slice proxies = record->proxies, proxy;

    if (list_count(list) == 0)
        return false;
    if (has_address_or_domain(list, record->primary) || has_address_or_domain(list, record->upn) ||
        (record->alias.n > 0 && list_has(list, record->alias, NULL)))
        return true;
    while (packed_next(&proxies, &proxy))
        if (to_deny ? has_address_or_domain(list, proxy) : list_has(list, proxy, NULL))
            return true;
    return false;
}

enum tri relay_lets(const struct relay_rules *rules, const struct tenant_facts *facts,
                    const struct mailbox_record *record, bool password)
{
    struct smtp_auth_question q = mirrored_question(facts, record, password);
    const struct smtp_auth_config *own;

    if (rules->config == NULL)
        return settings_let(facts, record, password);
    own = &rules->config->smtp_auth;
    if (is_restricted(record) || has_listed_name(own->deny, record, true))
        return TRI_NO;
    if (has_listed_name(own->allow, record, false) || has_listed_name(own->on_premises, record, false))
        return TRI_YES;
    q.organization = rules->tenant != NULL ? rules->tenant->smtp_auth : TENANT_MIRRORED;
    q.heeds_security_defaults = own->security_defaults;
    q.heeds_authentication_policy = own->authentication_policy;
    q.disabled_accounts = own->disabled_accounts;
    return may_send(&q);
}

bool relay_only_monitors(const struct relay_rules *rules, bool restricted)
{
    return rules->config != NULL &&
           (rules->config->mode == MODE_MONITOR || (rules->config->smtp_auth.mode == MODE_MONITOR && !restricted) ||
            (rules->tenant != NULL && rules->tenant->mode == MODE_MONITOR));
}

void effect_add(struct effect *effect, struct slice primary, int64_t last_s)
{
    struct buf b;
    size_t at;

    effect->mailboxes++;
    if (effect->n_first < EFFECT_FIRST) {
        b = BUF_OVER(effect->first[effect->n_first]);
        buf_add(&b, primary);
        effect->n_first++;
    }
    if (last_s == 0)
        return;
    effect->senders++;
    for (at = effect->n_named; at > 0 && effect->named[at - 1].last_s < last_s; at--) {
    }
    if (at == EFFECT_NAMED)
        return;
    effect->n_named += effect->n_named < EFFECT_NAMED;
    memmove(&effect->named[at + 1], &effect->named[at], (effect->n_named - at - 1) * sizeof effect->named[0]);
    b = BUF_OVER(effect->named[at].address);
    buf_add(&b, primary);
    effect->named[at].last_s = last_s;
}

void effect_names(const struct effect *effect, size_t n, struct buf *out)
{
    size_t i;

    for (i = 0; i < effect->n_named && i < n; i++) {
        time_t t = (time_t)effect->named[i].last_s;
        char day[16] = "?";
        struct tm tm;

        if (gmtime_r(&t, &tm) != NULL)
            (void)strftime(day, sizeof day, "%Y-%m-%d", &tm);
        buf_addf(out, "%s%s (last %s)", i > 0 ? ", " : "", words(slice_of(effect->named[i].address)).text, day);
    }
    if (effect->senders > i)
        buf_addf(out, " and %llu more", (unsigned long long)(effect->senders - i));
}
