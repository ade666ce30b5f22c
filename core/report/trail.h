/* What became of one message that was just sent through this relay: the decision about it, found in the journal. */
#ifndef POSTERN_CORE_REPORT_TRAIL_H
#define POSTERN_CORE_REPORT_TRAIL_H

#include "core/journal/journal.h"
#include "core/report/printer.h"

struct trail {
    uint64_t since_ns;       /* when it was begun to be sent, wall clock */
    struct slice queue_id;   /* what Postfix called it; empty: it refused it */
    struct slice login;      /* as it was typed; empty: none */
    struct slice sender;     /* of the envelope */
    const struct ip *client; /* NULL: not known */
};

/*
 * The decision about that message. By its queue id, where it has one; else the last one since then about that login,
 * client and sender that did not let it through. 1 with *out, 0 when there is none (yet), -1 with e.
 */
int trail_decision(struct journal *journal, const struct trail *t, struct journal_record *out, struct error *e);

/* The decision in postern's words, for people; or as members of an open object. */
void trail_report(const struct journal_record *r, struct printer *out);

#endif
