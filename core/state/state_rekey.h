/* A state gets another secret, when its relay joins others: all keys change with it. */
#ifndef POSTERN_STATE_REKEY_H
#define POSTERN_STATE_REKEY_H

#include "core/base/hash.h"
#include "core/state/blocks.h"
#include "core/state/state.h"

struct state_rekeyed {
    bool same;       /* it had that secret already: nothing was done */
    unsigned blocks; /* taken along */
};

/* Sets block->key by the new secret. 0; -1 with e: then the state stays as it is. */
typedef int state_key_block(void *arg, struct block *block, struct error *e);

/*
 * Makes a new file with that secret in the place of the state's, which may be in use, or missing: programs that have it
 * open follow at their next tick. Blocks are taken along, each with a key from key_block; counters are not, since
 * nobody knows whose they are. 0; -1 with e, and nothing has changed.
 */
int state_rekey(const struct state_options *options, const struct hash_secret *secret, state_key_block *key_block,
                void *arg, struct state_rekeyed *out, struct error *e);

#endif
