/*
 * Signing in is decided on by the rules that hold for the message: whoever compares a verdict with a table asks the
 * same at AUTH, too.
 */
#ifndef POSTERN_TESTS_AUTH_ALIKE_H
#define POSTERN_TESTS_AUTH_ALIKE_H

#include "core/decide/decide.h"

/* Is it a reason that is known when somebody signs in? */
static inline bool auth_knows(enum reason reason)
{
    switch (reason) {
    case REASON_UNAUTHENTICATED:
    case REASON_BAD_LOGIN:
    case REASON_NO_TENANT:
    case REASON_UNLISTED:
    case REASON_BLOCKED:
    case REASON_TLS_REQUIRED:
    case REASON_TLS_BELOW:
    case REASON_DENY_FILE:
    case REASON_MAILBOX_DISABLED:
    case REASON_ORGANIZATION_DISABLED:
    case REASON_SECURITY_DEFAULTS:
    case REASON_BASIC_FORBIDDEN:
    case REASON_ACCOUNT_DISABLED:
    case REASON_LOGINS_FROM:
        return true;
    default:
        return false;
    }
}

/*
 * What is wrong with the verdict at AUTH beside that of the message; NULL: nothing. A message that Exchange Online's
 * own restriction refuses, which is none at AUTH, may be refused there for what comes after it.
 */
static inline const char *auth_unlike(const struct decide_context *c, const struct submission *message,
                                      const struct verdict *v)
{
    static const struct recipients none;
    struct submission s = *message;
    struct verdict at_auth, traced;
    char text[4096];
    struct buf b = BUF_OVER(text);
    struct trace trace = {.out = &b};

    if (s.login.kind == LOGIN_NONE) /* nobody signs in */
        return NULL;
    s.stage = STAGE_AUTH;
    decide(c, &s, &none, &at_auth, NULL);
    decide(c, &s, &none, &traced, &trace);
    if (at_auth.action != traced.action || at_auth.reason != traced.reason || at_auth.monitored != traced.monitored)
        return "explain says something else about signing in";
    if (at_auth.action == ACTION_REJECT)
        return auth_knows(at_auth.reason) && (v->reason == at_auth.reason || v->reason == REASON_RESTRICTED)
                   ? NULL
                   : "refused when signing in, for another reason than the message";
    if (at_auth.action != ACTION_PASS || at_auth.plan.n > 0)
        return "neither in nor refused when signing in, or charged";
    return v->action == ACTION_REJECT && auth_knows(v->reason) ? "let in, where the message is refused" : NULL;
}

#endif
