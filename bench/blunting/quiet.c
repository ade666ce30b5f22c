/* In the place of core/engine/engine_log.c: nobody reads what is logged of a hundred million messages. */
#include "core/engine/engine_parts.h"

void engine_log_verdict(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                        const struct recipients *r, struct slice mailbox)
{
    (void)session;
    (void)c;
    (void)s;
    (void)r;
    (void)mailbox;
}

void engine_log_learning(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    (void)session;
    (void)c;
    (void)s;
}
