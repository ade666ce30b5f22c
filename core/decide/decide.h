/*
 * The decision: may this login, from this client, send this message now?
 *
 * decide() is a pure function of (submission, configuration, directory view, counters and blocks, time). It reads
 * counters, but charges nothing; what has to be charged is in the verdict's plan (core/decide/limits.h). It
 * does no I/O, allocates nothing and knows no clock, so that the same code serves policyd, the milter, "postern
 * explain", the tests and the fuzzers.
 */
#ifndef POSTERN_DECIDE_H
#define POSTERN_DECIDE_H

#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/decide/submission.h"
#include "core/directory/directory.h"
#include "core/mail/action.h"
#include "core/mail/reason.h"
#include "core/state/blocks.h"
#include "core/state/counters.h"
#include "core/state/habits.h"

/* How far a message has been charged already. */
enum charged {
    CHARGED_NOTHING,
    CHARGED_BUT_BYTES, /* at DATA, where its size is not known yet */
    CHARGED_ALL
};

/* What a decision depends on. Nothing is owned. */
struct decide_context {
    const struct config *config;
    const struct directory_view *view; /* NULL: there is no directory */
    const struct counters *counters;
    const struct blocks *blocks;
    const struct habits *habits; /* NULL: none are kept, and limits relative to them don't apply */
    const struct hash_secret *secret;
    bool charging; /* the caller charges the plan at once, which tests the limits again: they need no look before */
    enum charged charged; /* by this front end or the other: those limits don't look at the message again */
    uint64_t now_ns;      /* state time */
    int64_t wall_s;       /* for the age of the directory */
};

/* How far a limit that was looked at is used up, before this message. */
struct limit_level {
    const struct limit_config *limit;
    uint64_t used, most; /* units; most is UINT64_MAX where any number may pass */
    uint64_t free_ns;    /* until the message fits; 0: it does, or never will */
    uint64_t empty_ns;   /* until nothing is used, if nothing else comes; 0: that is so, or it is relative to a habit */
};
struct limit_levels {
    size_t n;
    struct limit_level of[CONFIG_LIMITS_MAX];
};

/*
 * The steps taken, one line each, for explain; NULL: no trace. Text from outside is escaped.
 */
struct trace {
    struct buf *out;
    struct limit_levels *levels; /* NULL: nobody asks */
};

/* Who sends, as far as step 1 found out. */
struct identity {
    bool authenticated;
    const struct tenant_facts *tenant;         /* NULL: none found, or no directory */
    const struct tenant_config *tenant_config; /* NULL: not configured */
    struct mailbox_ref
        claims[DIRECTORY_CLAIMS_MAX]; /* the mailboxes that claim the login; if several, all must agree */
    unsigned n_claims;
    bool on_premises;                         /* Exchange Online's settings don't apply */
    bool mapped;                              /* address is from the logins file */
    bool completed;                           /* address is the typed name with its tenant's domain */
    struct address address;                   /* the login's address, where it has one */
    const struct connector_config *connector; /* not authenticated: the client's; NULL: none */
    /*
     * Parts of keys; 0: no such part. login is of what was typed; for a login without a mailbox in the directory all
     * spellings have the same. client is an IPv6 client's network (client_ipv6_prefix_length).
     */
    uint64_t user, login, client, tenant_hash;
};

#define PLAN_CHARGES_MAX COUNTERS_CHARGES_MAX

/* What has to be charged, once, when the message passes. Filled by step 7. */
struct plan {
    struct charge charges[PLAN_CHARGES_MAX];
    const struct limit_config *limits[PLAN_CHARGES_MAX]; /* whose each charge is */
    size_t n;
    bool marks;                /* some limit counts distinct things: limits_charge has them to remember */
    struct habit_charge habit; /* key 0: none */
};

struct verdict {
    enum action action;
    enum reason reason;
    struct slice reply; /* for ACTION_DEFER and ACTION_REJECT; constant, of the configuration, or in reply_text: not
                         * valid in a copy of the verdict */
    const char *limit;  /* the limit's name, for the reasons of limits; else NULL */
    const struct limit_config *limit_row;
    uint64_t limit_key; /* its counter */
    uint64_t retry_ns;  /* for REASON_LIMIT: the time until the same would pass */
    bool monitored;     /* without a monitor mode it would have been refused */
    enum reason monitored_reason;
    const char *monitored_limit;
    /* What is wrong with the header, when that is the reason or the monitored reason: "a route", "no such field" ...
     * Constant text; NULL for other reasons. */
    const char *fault;
    enum header_field fault_field; /* with fault: the field in which it is */
    struct slice fault_address; /* with fault: the address, or the text of a field that couldn't be read, raw and cut;
                                 * empty: there is none. Valid as long as the submission's headers are. */
    /* The message has no From, and the milter adds one with this address: the submission's sender, valid as long as
     * that. NULL: it has one, or gets none. */
    const struct address *add_from;
    bool would_add_from;     /* the same, if it were not in monitor mode */
    bool recipient_internal; /* STAGE_RCPT: for the counts of the message */
    struct identity identity;
    struct plan plan;
    bool habit_known;   /* habit is filled: some limit asked for it */
    bool repetition;    /* of a message that was deferred before */
    struct habit habit; /* of who sends */
    char reply_text[REPLY_MAX + 1];
};

void decide(const struct decide_context *context, const struct submission *submission,
            const struct recipients *recipients, struct verdict *verdict, struct trace *trace);

/*
 * Steps 1 and 4 alone: who is the submission's login, and is SMTP AUTH allowed for it with the submission's mechanism?
 * REASON_ALLOWED when neither refuses; blocks, networks, TLS and limits are not asked. The context needs no counters
 * and no blocks.
 */
void decide_smtp_auth(const struct decide_context *context, const struct submission *submission,
                      struct verdict *verdict);

/*
 * Signing in, before the password is checked and when it was wrong (core/engine/engine_auth.h); the verdict begins anew
 * in the first and the last. decide_client: is the client or its network blocked? decide_too_many: that limit on
 * failures has no room for another attempt. Both return true when that refuses, which it doesn't in monitor mode.
 * decide_failed: a refusal by the SASL server, with whom the login stands for, as somebody who has not proved that.
 */
bool decide_client(const struct decide_context *context, const struct submission *submission, struct verdict *verdict);
bool decide_too_many(const struct decide_context *context, const struct submission *submission, struct verdict *verdict,
                     const struct limit_config *limit, uint64_t retry_ns);
void decide_failed(const struct decide_context *context, const struct submission *submission, struct verdict *verdict);

/*
 * Adds the recipient of a submission at STAGE_RCPT that passed with this verdict, so that the later stages count it;
 * one that is there already is not counted again. Without memory it is counted, but not remembered.
 */
void recipients_note(struct recipients *r, const struct decide_context *c, const struct submission *s,
                     const struct verdict *v);

/* Adds a line to the trace, if there is one; without it the arguments are not even evaluated. The format is a literal
 * of ours. */
void trace_line(struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define trace_add(trace, ...) ((trace) != NULL ? trace_line((trace), __VA_ARGS__) : (void)0)

#endif
