/*
 * The keys of blocks, made of those in core/decide/keys.h; their subjects in words; and the counter of how often the
 * same subject was blocked before.
 */
#ifndef POSTERN_BLOCK_KEYS_H
#define POSTERN_BLOCK_KEYS_H

#include "core/decide/decide.h"

/* A block for refusals without a login has a key of its own, beside one that applies to everybody. */
#define OF_STRANGERS 0x10000u
/* So has one that defers what it blocks, beside one that refuses. */
#define OF_DEFERRING 0x20000u

/*
 * What a limit with THEN_BLOCK blocks: sets key, prefix, and the subject in words ("user sean@contoso.example"). The
 * configuration allows such limits only for one of user, login, client, client_net, connector.
 */
void key_of_block(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  const struct limit_config *limit, struct block *block);

/*
 * The same for an operator, on one part: PER_USER of the identity (PER_LOGIN where the login has no mailbox of its
 * own), PER_LOGIN, PER_CLIENT of the submission, PER_CONNECTOR of the identity.
 */
void key_of_block_on(const struct decide_context *c, const struct submission *s, const struct identity *id,
                     enum limit_key_part part, struct block *block);
/* The name in such a block's subject, as it was typed, into mem. False when it was cut, or the subject has no name. */
bool block_subject_name(const struct block *block, char *mem, size_t cap, struct slice *name);
void key_of_block_on_network(const struct decide_context *c, const struct network *network, struct block *block);

/*
 * Makes the block of the submission's client, or of a network, one of strangers: it applies to clients without a login,
 * and to logins from networks that are not trusted (core/decide/familiar.h). It may exist beside one for everybody.
 */
void key_of_strangers(const struct decide_context *c, const struct submission *s, struct block *block);

/* Makes the block of a user, login or connector one that defers; value is that of its part. */
void key_of_deferring(const struct decide_context *c, const struct identity *id, enum limit_key_part part,
                      struct block *block);

/* The counter of recent automatic blocks of the same subject; block_key is the block's. */
struct charge block_history(const struct decide_context *c, uint64_t block_key);

#endif
