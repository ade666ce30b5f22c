/*
 * The relays whose usage is not, or not all, in what is read here: those of other_relays, and what a cluster's have not
 * told. A mailbox that sends through one of them may seem unused, so whoever reports on usage names them.
 */
#ifndef POSTERN_CORE_REPORT_USAGE_MISSING_H
#define POSTERN_CORE_REPORT_USAGE_MISSING_H

#include "core/config/config.h"
#include "core/journal/journal.h"
#include "core/report/printer.h"

struct usage_missing {
    size_t n;
    char words[400]; /* of the first three, for a sentence, and how many more there are; "": none is missing */
    char names[256]; /* of all, blanks between them, for programs; cut where they are too many; "*": all others */
};

/* words: one of them, a sentence without its full stop. */
typedef void usage_missing_each(void *arg, const char *words);

/* Without a journal (NULL) nothing of a cluster's relays is known. each may be NULL. 0, or -1 with e. */
int usage_missing_find(const struct config *config, struct journal *journal, int64_t now_s, struct usage_missing *out,
                       usage_missing_each *each, void *arg, struct error *e);

/* A warning about each. 0, or -1 with e. */
int usage_missing_warn(const struct config *config, struct journal *journal, int64_t now_s, struct printer *out,
                       struct error *e);

#endif
