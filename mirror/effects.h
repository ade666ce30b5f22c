/*
 * Which mailboxes a run opens and closes at this relay, by the settings before and after it. It names those that sent
 * lately, since these will notice.
 */
#ifndef POSTERN_MIRROR_EFFECTS_H
#define POSTERN_MIRROR_EFFECTS_H

#include "core/base/buf.h"
#include "core/config/config.h"
#include "core/directory/directory_record.h"
#include "core/mail/address.h"
#include "mirror/recent.h"

/* What the relay itself says of a tenant, beside what is mirrored. */
struct relay_rules {
    const struct config *config;        /* NULL: it was not read, and nothing is said */
    const struct tenant_config *tenant; /* NULL: nothing is said of this one */
};

/*
 * May the mailbox send through this relay? By the settings, Exchange Online's restricted senders, the gates that are
 * not switched off, and the operator's own lists; not what comes and goes, as blocks do. TRI_UNKNOWN: deferred.
 * password: by a mechanism that shows one.
 */
enum tri relay_lets(const struct relay_rules *rules, const struct tenant_facts *facts,
                    const struct mailbox_record *record, bool password);

/* What Exchange Online says alone, whatever this relay makes of it. */
enum tri settings_let(const struct tenant_facts *facts, const struct mailbox_record *record, bool password);

/* And of a mailbox without a setting and a policy of its own: is the organization open? */
enum tri organization_lets(const struct tenant_facts *facts);

/* Would a refusal only be noted? Of a restricted mailbox smtp_auth.mode does not decide. */
bool relay_only_monitors(const struct relay_rules *rules, bool restricted);

/* Is the mailbox restricted by Exchange Online? */
bool is_restricted(const struct mailbox_record *record);

#define EFFECT_NAMED 20
#define EFFECT_FIRST 5

struct effect {
    uint64_t mailboxes;
    uint64_t senders;    /* of them: those that sent lately */
    uint64_t restricted; /* of them: by Exchange Online's list of restricted senders */
    struct {
        char address[ADDRESS_MAX + 1]; /* the primary one */
        int64_t last_s;
    } named[EFFECT_NAMED]; /* those that sent last, the newest first */
    size_t n_named;
    char first[EFFECT_FIRST][ADDRESS_OF_NAME_MAX + 1]; /* the first that were counted, whether or not they sent */
    size_t n_first;
};

/* Counts one mailbox; last_s 0: it did not send lately. */
void effect_add(struct effect *effect, struct slice primary, int64_t last_s);

/* "anna@contoso.example (last 2026-11-28), ... and 3 more": at most n of them; "" for none. */
void effect_names(const struct effect *effect, size_t n, struct buf *out);

#endif
