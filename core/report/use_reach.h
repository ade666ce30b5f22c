/* How far back use of SMTP AUTH is known, at this relay and straight at Exchange Online: silence before says nothing.
 */
#ifndef POSTERN_CORE_REPORT_USE_REACH_H
#define POSTERN_CORE_REPORT_USE_REACH_H

#include "core/base/buf.h"
#include "core/report/files.h"

struct use_reach {
    int64_t relay_s;    /* wall clock: since then; now where nothing was let through yet */
    int64_t cloud_s;    /* the same for the tenant where it is least; 0: not known at all */
    const char *tenant; /* that one's name, as long as the directory's view; "": there is no tenant */
    bool cluster;       /* relay_s is of all relays of the cluster */
    int64_t tokens_s;   /* as cloud_s, for clients with tokens, which only the SMTP AUTH clients report has */
};

/* The directory is open. Without a journal relay_s is now; without a history cloud_s is 0. 0, or -1 with e. */
int use_reach_find(const struct report_files *f, int64_t now_s, struct use_reach *out, struct error *e);

/* "known from ... on at this relay, and from ... on at Exchange Online itself": of usage. */
void use_reach_words(const struct use_reach *reach, struct buf *b);

/* Do both reach back for so many days? */
bool use_reach_covers(const struct use_reach *reach, int64_t now_s, uint64_t days);
/* For how many whole days both do. */
uint64_t use_reach_days(const struct use_reach *reach, int64_t now_s);

#endif
