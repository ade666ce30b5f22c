/*
 * The steps of the decision, in order (core/decide/decide.c). Each returns true when it has refused, which ends the
 * decision; a step in monitor mode notes what it would have refused and returns false. Not for use outside core/.
 */
#ifndef POSTERN_DECIDE_STEPS_H
#define POSTERN_DECIDE_STEPS_H

#include "core/decide/decide.h"

/* A limit that may be for this submission, and its counter. */
struct candidate {
    const struct limit_config *limit;
    uint64_t key;
};

struct deciding {
    const struct decide_context *c;
    const struct submission *s;
    const struct recipients *r;
    struct verdict *v;
    struct trace *trace;
    struct candidate candidates[CONFIG_LIMITS_MAX]; /* n_candidates of them, of limits_gather */
    size_t n_candidates;
    bool repeated; /* STAGE_RCPT: the recipient is among those that were let through already */
};

/* Refuses for `reason` unless rule_mode, the tenant's, the connector's or the whole mode is "monitor". True when it
 * refused. */
bool refuse(struct deciding *d, enum reason reason, enum mode rule_mode);

/* The verdict becomes a refusal for that reason, whatever the mode: action, reason and reply. */
void verdict_refuse(const struct config *config, const struct submission *s, struct verdict *v, enum reason reason);

/* Does monitor mode apply: to the whole, the tenant, the connector, or this rule? */
bool in_monitor_mode(const struct deciding *d, enum mode rule_mode);

/* 1. Who is it? Fills v->identity. */
bool step_who(struct deciding *d);
/* Gathers the limits for step 7, and prefetches their counters, since the table is larger than the caches. */
void limits_gather(struct deciding *d);
/* 2. Blocked? */
bool step_blocked(struct deciding *d);
/* And restricted by Exchange Online? The login's mailbox, or the one that the envelope sender is. */
bool step_restricted(struct deciding *d);
/* 3. TLS. */
bool step_tls(struct deciding *d);
/* 4. Is SMTP AUTH allowed? */
bool step_allowed(struct deciding *d);
/* And from this client's network? At AUTH, too, it needs nothing but who signs in and the client. */
bool step_logins_from(struct deciding *d);
/* 5. Sender: the envelope's and the header's. */
bool step_sender(struct deciding *d);
/* 6. Recipients. */
bool step_recipients(struct deciding *d);
/* 7. Limits: looks at all that match, as limits_gather found them, and makes the plan. */
bool step_limits(struct deciding *d);

/*
 * What a list is for, which decides whom an ambiguous entry means. A list that denies applies if it names one of the
 * mailboxes that claim a login, and a domain means every mailbox with an address in it. A list that permits must name
 * all of them, and a domain means the mailboxes whose primary address or user principal name is in it.
 */
enum listed_to { LISTED_TO_DENY, LISTED_TO_PERMIT };

/*
 * Does an operator's list name this login? An entry in whatever spelling means the mailbox: its UPN, any of its
 * addresses, its alias or account name alone or after one of the tenant's NetBIOS names, or a domain; without a mailbox
 * in the directory, the address that the login stands for. place may be NULL.
 */
enum directory_result identity_listed(const struct decide_context *c, const struct submission *s,
                                      const struct identity *id, const struct list *list, enum listed_to to,
                                      struct list_place *place);

/*
 * The row of logins_from that holds for who logged in, by at most one mailbox: a user's, else a group's, else a
 * domain's. DIRECTORY_FOUND and *row; DIRECTORY_NOT_FOUND: he may come from anywhere.
 */
enum directory_result logins_from_row(const struct decide_context *c, const struct submission *s,
                                      const struct identity *id, const struct logins_from **row);

/* The mailboxes that claim exactly this address, as sender_mailboxes has them. */
enum directory_result address_mailboxes(const struct decide_context *c, const struct address *a,
                                        struct mailbox_ref *refs, unsigned *n);

/*
 * The mailboxes that claim an envelope sender, by the first of the addresses that it may stand for
 * (core/decide/sender_forms.h); refs has DIRECTORY_CLAIMS_MAX places. Whichever tenant they are of.
 */
enum directory_result sender_mailboxes(const struct decide_context *c, const struct address *sender,
                                       struct mailbox_ref *refs, unsigned *n);

/*
 * May `unlisted` speak for a login that the directory doesn't know? Only if it is ASCII: the password check may treat
 * other letters as equal. Active Directory ignores accents and characters without a width, so that a mailbox could be
 * missed by another spelling.
 */
bool may_be_unlisted(const struct submission *s, const struct identity *id);

/* Makes an address of a name without a domain, with its tenant's domain. False if the tenant has none. */
bool identity_complete(const struct decide_context *c, const struct login *login, struct identity *id);

/* The domain of names without one, in the identity's tenant; empty where that has none. */
struct slice tenant_domain(const struct decide_context *c, const struct identity *id);

/*
 * Have the mailboxes of the login's tenant (or of any tenant, if it has none) been imported? Until then nobody knows
 * whether a login has a mailbox: the directory may hold only organizations and domains, or not have the configured
 * tenant at all. Such a login is deferred.
 */
bool mailboxes_are_known(const struct deciding *d);

/* ---- words for the trace (core/decide/trace.c); each does nothing without a trace ---- */

/* Who it is; mapped is the place in the logins file, where that was used. */
void trace_who(const struct deciding *d, const struct list_place *mapped);
/* The live blocks on who sends. */
void trace_blocks(const struct deciding *d);
/* An entry of an operator's list. */
void trace_list(const struct deciding *d, const char *text, const struct list_place *place);
/* That the mailbox lives on premises, and by which line. */
void trace_on_premises(const struct deciding *d);
/* A mailbox's own setting, an organization's, and where they came from. */
void trace_mailbox_setting(const struct deciding *d, const struct mailbox_ref *claim);
void trace_organization(const struct deciding *d, enum smtp_auth setting);
/* What else of the tenant closes, and where that came from. */
void trace_gate(const struct deciding *d, const char *what, enum mirrored_part part);
/* How a limit stands beside the habit of who sends, of which `most` may come with this message. */
void trace_habit(const struct deciding *d, const struct limit_config *limit, const struct limit_rate *figure,
                 uint32_t most, bool passes);
/* From where a row lets its logins come, and whether the client is there. */
void trace_logins_from(const struct deciding *d, const struct logins_from *row, bool here);
/* A limit's level, and what this message would do to it. */
void trace_limit(const struct deciding *d, const struct limit_config *limit, const struct limit_rate *figure,
                 const struct charge *charge, const struct charge_answer *answer);

/*
 * How many recipients the message has, as far as is known at this stage, the one in question among them. From DATA on
 * the MTA's own number holds. Where it is uncertain, it is the larger: Postfix may have accepted fewer than were let
 * through here, and those that nobody asked about may be of either kind.
 */
struct recipient_counts {
    uint64_t all, external, internal;
    uint64_t different; /* without repetitions, which the MTA counts */
    uint64_t unknown;   /* accepted by the MTA without a question about them */
    uint64_t untold;    /* these, and those that were not told apart */
};
struct recipient_counts recipient_counts(const struct deciding *d);
/* From DATA on: the MTA has accepted one recipient, and says which, or nobody was asked about any other. */
bool only_recipient(const struct deciding *d);

/* The key of a recipient: the hash of its canonical address, or of its text if it is no address. Never 0. */
uint64_t recipient_hash(const struct decide_context *c, const struct submission *s);
/* Is the recipient of a submission at STAGE_RCPT among those that were let through already? (core/decide/recipients.c)
 */
bool recipient_is_repeated(const struct recipients *r, const struct decide_context *c, const struct submission *s);
/* Of the recipients that the MTA accepted: how many it never asked about, at least as far as can be told. */
uint64_t recipients_never_asked(const struct recipients *r, uint64_t accepted);

/* Is mail for this canonical domain internal, for the login's tenant or the connector's? */
enum directory_result domain_is_internal(const struct deciding *d, struct slice domain);

#endif
