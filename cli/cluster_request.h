/* Asks this machine's postern-cluster for something. */
#ifndef POSTERN_CLI_CLUSTER_REQUEST_H
#define POSTERN_CLI_CLUSTER_REQUEST_H

#include "core/config/config.h"
#include "core/mail/cluster_request.h"
#include "core/mail/list_note.h"

/*
 * Leaves the request in the spool and waits until it has been dealt with. end: CLUSTER_REQUEST_LIST or another one.
 * *reply (may be NULL; malloc'ed and terminated) is NULL when there is none. 0; -1 with e: nothing was done.
 */
int cluster_request(const struct config *config, const char *end, struct slice text, char **reply, size_t *n,
                    struct error *e);

/* To change a list: when it returns 0, that holds here, and the others are told as soon as Redis is there. */
int list_request(const struct config *config, const struct list_note *note, struct error *e);

/* Is the entry in one of these lists, as this relay knows them? A file that cannot be read has none. */
bool list_is_shared(const struct config *config, enum list_state state, struct slice entry);

#endif
