/* What the journal knows about a block's subject: where it came from and what it sent before it was blocked. */
#ifndef POSTERN_CORE_REPORT_EVIDENCE_H
#define POSTERN_CORE_REPORT_EVIDENCE_H

#include "core/journal/journal.h"
#include "core/mail/network.h"
#include "core/report/printer.h"
#include "core/report/spellings.h"
#include "core/state/blocks.h"

#define EVIDENCE_LAST 5                    /* the last different ones of each that are kept */
#define EVIDENCE_WINDOW_S (INT64_C(86400)) /* before the block */

struct last_texts {
    char text[EVIDENCE_LAST][160];
    unsigned n;
    bool more;
};

struct evidence {
    struct block block;
    int64_t ended_wall_s;   /* of one that ended; 0: it stands */
    struct network network; /* for clients and networks */
    bool spelled;           /* for users and logins: */
    struct spellings spellings;
    uint64_t passed, refused;                            /* in the window before the block */
    uint64_t since;                                      /* refusals since, until it ended */
    struct last_texts clients, senders, domains, logins; /* the newest first */
};

/* For each of n blocks, whose `block` is set (its subject and from_wall_s are enough): fills in the rest by one walk
 * over the journal. 0, or -1 with e. */
int evidence_gather(const struct decide_context *c, struct journal *journal, struct evidence *list, size_t n,
                    struct error *e);

/* The texts with commas between them, in the caller's memory, which is returned. */
const char *evidence_join(char *mem, size_t cap, const struct last_texts *l);
/* What was found, for people, by fields whose labels are so wide. */
void evidence_show(const struct evidence *x, unsigned label_width, struct printer *out);

#endif
