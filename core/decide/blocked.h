/* Step 2: is the sender blocked? And whom no limit may block. */
#ifndef POSTERN_BLOCKED_H
#define POSTERN_BLOCKED_H

#include "core/decide/decide.h"

/* Does never_block protect the user or login (by any address of its mailbox), the client, or its network? */
bool never_blocked(const struct decide_context *c, const struct submission *s, const struct identity *id,
                   enum limit_key_part part);

/*
 * Before anybody has proved who it is: is the client or its network blocked? Where a network is familiar to a tenant,
 * or the client is known or a connector's, only by an operator's block. *until_ns is the latest end.
 */
bool client_blocked(const struct decide_context *c, const struct submission *s, uint64_t *until_ns);

/* Does this block apply to the submission? For explain. */
bool key_blocks(const struct decide_context *c, const struct submission *s, const struct identity *id,
                const struct block *block);

/*
 * Is one of the submission's user, login, client, client network or connector blocked? *until_ns is the latest end;
 * *defers: what blocks it only defers.
 */
bool keys_blocked(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  uint64_t *until_ns, bool *defers);

#endif
