/* A login's messages in Postfix's queue, found by the queue ids that postern saw. */
#ifndef POSTERN_CLI_QUEUE_H
#define POSTERN_CLI_QUEUE_H

#include "cli/cli.h"
#include "cli/known.h"

#define QUEUE_ID_MIN 6
#define QUEUE_ID_MAX 20

struct queued {
    char id[QUEUE_ID_MAX + 1];
    char queue[16];                                /* "deferred", "hold", "active" ... */
    char sender[160], recipient[160], reason[200]; /* the first recipient, and why it waits; may hold anything */
    int64_t arrival_s;
    uint64_t size, recipients;
};

struct queue_list {
    struct queued *list;
    size_t n;
};

/*
 * The messages of that user (a login in whatever spelling, or a mailbox's name) that are in the queue now and went
 * through postern since since_s; the journal is open. folder: Postfix's configuration (NULL: its default). 0 with *out,
 * to be freed by queue_free; -1 with e.
 *
 * Short queue ids are reused, so a message counts only if it arrived in the queue when postern saw it.
 */
int queue_find(const struct cli *cli, const char *folder, const struct known *user, int64_t since_s,
               struct queue_list *out, struct error *e);
void queue_free(struct queue_list *list);

enum queue_action { QUEUE_HOLD, QUEUE_RELEASE, QUEUE_DISCARD };

/* Does the action apply to a message in that queue? What is on hold already is not put on hold again. */
bool queue_concerns(enum queue_action action, const struct queued *message);

/* Runs postsuper(1) on the messages to which the action applies; needs root. 0, or -1 with e. */
int queue_do(enum queue_action action, const char *folder, const struct queue_list *list, struct error *e);

#endif
