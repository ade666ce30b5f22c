/*
 * Which mailboxes a run opens and closes at this relay, by the settings before and after it. Those that sent lately are
 * named, since they will notice.
 */
#ifndef POSTERN_MIRROR_EFFECTS_H
#define POSTERN_MIRROR_EFFECTS_H

#include "core/base/buf.h"
#include "core/config/config.h"
#include "core/directory/directory_record.h"
#include "core/mail/address.h"
#include "mirror/recent.h"

/* The relay's own rules for a tenant. */
struct relay_rules {
    const struct config *config;        /* NULL: not read; no rules */
    const struct tenant_config *tenant; /* NULL: the tenant isn't configured */
};

/*
 * May the mailbox send through this relay? By the settings, Exchange Online's restricted senders, the gates that are
 * on, and the operator's lists; not by what passes, such as blocks. TRI_UNKNOWN: deferred. password: with a mechanism
 * that uses one.
 */
enum tri relay_lets(const struct relay_rules *rules, const struct tenant_facts *facts,
                    const struct mailbox_record *record, bool password);

/* By Exchange Online's settings alone. */
enum tri settings_let(const struct tenant_facts *facts, const struct mailbox_record *record, bool password);

/* The same for a mailbox without a setting or policy of its own: is the organization open? */
enum tri organization_lets(const struct tenant_facts *facts);

/* Would a refusal only be logged (monitor mode)? smtp_auth.mode doesn't apply to restricted mailboxes. */
bool relay_only_monitors(const struct relay_rules *rules, bool restricted);

/* Is the mailbox restricted by Exchange Online? */
bool is_restricted(const struct mailbox_record *record);

#define EFFECT_NAMED 20
#define EFFECT_FIRST 5

struct effect {
    uint64_t mailboxes;
    uint64_t senders;    /* those of them that sent lately */
    uint64_t restricted; /* those of them that Exchange Online restricts */
    struct {
        char address[ADDRESS_MAX + 1]; /* the primary one */
        int64_t last_s;
    } named[EFFECT_NAMED]; /* those that sent most recently, newest first */
    size_t n_named;
    char first[EFFECT_FIRST][ADDRESS_OF_NAME_MAX + 1]; /* the first that were counted, whether or not they sent */
    size_t n_first;
};

/* Counts one mailbox; last_s 0: it did not send lately. */
void effect_add(struct effect *effect, struct slice primary, int64_t last_s);

/* "anna@contoso.example (last 2026-11-28), ... and 3 more", with at most n names; "" for none. */
void effect_names(const struct effect *effect, size_t n, struct buf *out);

#endif
