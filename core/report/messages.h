/*
 * Which of the journal's records are of one message? A front end gives a message its instance, Postfix a queue id,
 * which both front ends know at its end: so records are looked at from the newest on, as the journal shows them, and
 * what had one of the two names in common with an earlier one is the same message.
 */
#ifndef POSTERN_CORE_REPORT_MESSAGES_H
#define POSTERN_CORE_REPORT_MESSAGES_H

#include "core/journal/journal.h"

/* 64-bit hashes with numbers; grows as they come. All zero is empty. */
struct numbers {
    struct number *slots;
    size_t n, capacity; /* capacity: a power of two, or 0 */
};

struct report_messages {
    struct numbers names, counted;
    uint64_t n;     /* messages so far */
    bool no_memory; /* what came since counts as a message each */
};

/* Is this the first record of its message that is told of under that name (a row of a report)? Records without any
 * name are a message each. */
bool messages_first(struct report_messages *m, const struct journal_record *r, struct slice row);
void messages_free(struct report_messages *m);

/* "Sender: www-data@web1.contoso.example (not permitted)": what is wrong with the record's header; as it was, to be
 * escaped by who shows it. */
void record_add_fault(struct buf *b, const struct journal_record *r);

#endif
