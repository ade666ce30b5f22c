/*
 * The thread that reads this relay's usage and keeps the others': all that touches the disk, so that sharing what
 * counts never waits for it. Once a second it makes a round. The other functions are the node's thread's, and only
 * take a short lock.
 */
#ifndef POSTERN_CLUSTER_USAGE_WORKER_H
#define POSTERN_CLUSTER_USAGE_WORKER_H

#include "cluster/beat.h"
#include "cluster/usage_record.h"
#include "core/base/log.h"

#define USAGE_WAITING_MAX 256u /* heard, and not yet kept */

struct usage_worker;

struct usage_worker_options {
    struct log *log;
    const char *journal; /* its folder; empty: this relay keeps none, and has nothing to tell */
    const char *folder;  /* of what came from the others */
    const char *name;    /* of this relay */
};

/* Starts the thread. All that options point to outlives it. NULL with e. */
struct usage_worker *usage_worker_new(const struct usage_worker_options *options, struct error *e);
/* Ends it, behind its round. NULL is fine. */
void usage_worker_free(struct usage_worker *w);

/* Up to where in the stream of that epoch all was given; false: it can't be kept at the moment. */
bool usage_worker_position(struct usage_worker *w, const char *epoch, unsigned long long id[2]);
/* How much may be given now. */
size_t usage_worker_room(struct usage_worker *w);
/* What was heard: an opened record, and its id in the stream; an empty one only moves the position on. */
void usage_worker_give(struct usage_worker *w, struct slice text, const unsigned long long id[2]);

/* Copies what is to be told now into out. Its size; 0: nothing. Returned once. */
size_t usage_worker_take(struct usage_worker *w, unsigned char out[USAGE_RECORD_MAX]);
/* It has arrived, or is to be told once more. */
void usage_worker_told(struct usage_worker *w, bool arrived);

/* Now and then while it is so: this relay is connected to the others, and these live. The names are copied. */
void usage_worker_shares(struct usage_worker *w, const struct beats *beats, uint64_t boot_ns);

/* Records that were false, or of a later version, since it was asked last. */
void usage_worker_counts(struct usage_worker *w, uint64_t *false_records, uint64_t *newer);

#endif
