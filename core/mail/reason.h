/*
 * Why a submission was decided as it was: one table of reasons with names (for log lines and for the configuration's
 * "replies") and replies. A new rule is a new row.
 */
#ifndef POSTERN_REASON_H
#define POSTERN_REASON_H

#include "core/base/error.h"
#include "core/base/slice.h"

enum reason {
    /* let through */
    REASON_NOT_OURS, /* neither a login nor a connector */
    REASON_ALLOWED,
    REASON_CONNECTOR,
    /* the request itself */
    REASON_BAD_REQUEST,
    REASON_INTERNAL, /* a failure of ours */
    /* who */
    REASON_NO_DIRECTORY,
    REASON_DIRECTORY_DAMAGED,
    REASON_DIRECTORY_STALE,
    REASON_UNAUTHENTICATED,
    REASON_BAD_LOGIN,
    REASON_NO_TENANT,
    REASON_UNLISTED,
    REASON_BLOCKED,
    REASON_HELD_BACK,  /* by a block that defers */
    REASON_RESTRICTED, /* by Exchange Online */
    /* TLS */
    REASON_TLS_REQUIRED,
    REASON_TLS_TOO_OLD, /* 1.0 or 1.1 */
    REASON_TLS_BELOW,   /* another version that is below the minimum */
    /* SMTP AUTH */
    REASON_DENY_FILE,
    REASON_MAILBOX_DISABLED,
    REASON_ORGANIZATION_DISABLED,
    REASON_SECURITY_DEFAULTS,
    REASON_BASIC_FORBIDDEN,
    REASON_ACCOUNT_DISABLED,
    REASON_SETTING_UNKNOWN,
    REASON_LOGINS_FROM, /* from a network that logins_from doesn't name */
    /* signing in, before there is anything to decide */
    REASON_AUTH_FAILED,
    REASON_AUTH_TOKEN_FAILED,
    REASON_AUTH_WAITS,
    REASON_AUTH_UNAVAILABLE,
    /* sender */
    REASON_SENDER_BAD,
    REASON_SENDER_NOT_OWN,
    REASON_NULL_SENDER,
    REASON_FROM_BAD,
    REASON_FROM_NOT_OWN,
    REASON_CONNECTOR_SENDER,
    REASON_CONNECTOR_FROM,
    REASON_SENDER_DOMAIN, /* SendingFromDomainDisabled */
    REASON_FROM_DOMAIN,   /* the same, of an address in the header */
    /* recipients */
    REASON_EXCESS_RECIPIENT,
    REASON_TOO_MANY_RECIPIENTS,
    REASON_EXTERNAL_RECIPIENT,
    REASON_RECIPIENT_DOMAIN, /* SendingToDomainDisabled */
    REASON_RECIPIENTS_UNKNOWN,
    /* limits */
    REASON_LIMIT, /* over a limit, later it may pass */
    REASON_LIMIT_REJECT,
    REASON_LIMIT_NEVER, /* costs more than the whole burst */
    REASON_LIMIT_HOLD,
    REASON_LIMIT_BLOCK,
    REASON_COUNT /* how many there are */
};

struct reason_row {
    const char *name;  /* "mailbox-disabled" */
    const char *reply; /* what the client is told: code, enhanced code, text; NULL for those that let through */
    const char *help;  /* for people: what it means and what to do */
};

/* The row of a reason. */
const struct reason_row *reason_row(enum reason reason);
/* The reason of that name; false when there is none. */
bool reason_find(struct slice name, enum reason *out);

/*
 * May this text replace a reason's own reply? ASCII, at most REPLY_MAX bytes, "4xx 4.x.x text" or "5xx 5.x.x
 * text" with a text (without one, older Postfix may crash: CVE-2026-43964). A "%" is fine: it is never used as a
 * format. 0, or -1 with e.
 */
#define REPLY_MAX 450
int reply_check(struct slice text, struct error *e);

#endif
