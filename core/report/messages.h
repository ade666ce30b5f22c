/*
 * Which of the journal's records belong to one message? A record has an instance, and at the end of the message
 * Postfix's queue id, which both front ends know. Records come newest first, as the journal has them, and one that
 * shares either of the two with an earlier one is of the same message.
 */
#ifndef POSTERN_CORE_REPORT_MESSAGES_H
#define POSTERN_CORE_REPORT_MESSAGES_H

#include "core/journal/journal.h"

/* A growing map from 64-bit hashes to numbers. All zero is empty. */
struct numbers {
    struct number *slots;
    size_t n, capacity; /* capacity: a power of two, or 0 */
};

struct report_messages {
    struct numbers names, counted;
    uint64_t n;     /* messages so far */
    bool no_memory; /* from then on each record counts as a message */
};

/* Is this the first record of its message in that row of a report? A record with neither queue id nor instance is a
 * message of its own. */
bool messages_first(struct report_messages *m, const struct journal_record *r, struct slice row);
void messages_free(struct report_messages *m);

/* "Sender: www-data@web1.contoso.example (not permitted)": what is wrong with the record's header; as it was, to be
 * escaped by who shows it. */
void record_add_fault(struct buf *b, const struct journal_record *r);

#endif
