/* Asks this machine's postern-cluster to change the lists that all relays of the cluster share. */
#ifndef POSTERN_CLI_LIST_REQUEST_H
#define POSTERN_CLI_LIST_REQUEST_H

#include "core/config/config.h"
#include "core/mail/list_note.h"

/*
 * Leaves the request in the spool and waits until it is taken. 0: it holds here, and the others are told as soon as
 * Redis is there. -1 with e: nothing was changed.
 */
int list_request(const struct config *config, const struct list_note *note, struct error *e);

/* Is the entry in one of these lists, as this relay knows them? A file that cannot be read has none. */
bool list_is_shared(const struct config *config, enum list_state state, struct slice entry);

#endif
