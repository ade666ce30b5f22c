/* Sends one notice to one place. */
#ifndef POSTERN_ALERT_SEND_H
#define POSTERN_ALERT_SEND_H

#include "alert/notice.h"
#include "core/config/config.h"

enum sent {
    SENT_DONE,
    SENT_LATER, /* try again: e says why */
    SENT_NEVER  /* permanently refused: e says why */
};

/* By HTTPS; one attempt, of at most the target's timeout. */
enum sent send_webhook(const struct alert_target *target, const struct notice *notice, struct error *e);

/*
 * Runs the target's command without a shell: the notice (JSON) on its standard input, POSTERN_ID, POSTERN_EVENT,
 * POSTERN_SUBJECT, POSTERN_SUMMARY, POSTERN_ADVICE, POSTERN_HOST and POSTERN_FACT_... in its environment. Status 0 is
 * done; any other, or more time than the timeout (it is killed then with all it started), is tried again.
 */
enum sent send_command(const struct alert_target *target, const struct notice *notice, struct error *e);

#endif
