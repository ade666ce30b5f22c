/* What notices may tell of: in the configuration's alerts, in the notices themselves. */
#ifndef POSTERN_ALERT_EVENT_H
#define POSTERN_ALERT_EVENT_H

enum alert_event {
    ALERT_BLOCK,         /* a limit made a block */
    ALERT_STALE_MIRROR,  /* a tenant's settings are older than max_age */
    ALERT_MIRROR_FAILED, /* a run of the mirror was refused or failed */
    ALERT_STATE,         /* the state cannot be used: limits count in memory */
    ALERT_LOG_LOST,      /* log lines were dropped */
    ALERT_GUESSED,       /* somebody signed in after many failures, from an unfamiliar network */
    ALERT_FAILING,       /* a login fails to sign in again and again, and nothing is blocked for it */
    ALERT_DISABLED,      /* SMTP AUTH was switched off at the source, or could not be */
    ALERT_SETTINGS, /* an organization was opened or closed, mailboxes that sent lately were closed, or something was
                       opened */
    ALERT_UNUSUAL,  /* a new login sends much from elsewhere; several at once, or a connector, far more than usual; or a
                       habit has grown */
    ALERT_CLUSTER,  /* relays that count as one: Redis is away, a relay is silent or differs, clocks differ */
    ALERT_TEST,     /* nothing: somebody sees whether notices arrive; goes to every target */
    ALERT_EVENTS
};

#define ALERT_ALL_EVENTS ((1u << ALERT_EVENTS) - 1)

/* "block", "stale-mirror" ... */
const char *alert_event_name(enum alert_event event);

#endif
