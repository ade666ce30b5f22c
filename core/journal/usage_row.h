/*
 * A mailbox's usage as relays tell each other, and keep what others told: packed, about 100 to 200 bytes.
 *
 *     length 2, of what follows | tenant: length 1, text | mailbox: length 1, text | numbers: how many 1, each varint
 *     | refused: how many 1, each: length 1, reason, varint | would: likewise
 *     | clients: how many 1, each: 4 or 16, address, varint
 *
 * A varint has 7 bits a byte, the lowest first. A later version adds numbers behind those that there are, or fields
 * behind the clients: what a reader doesn't know it leaves out.
 */
#ifndef POSTERN_USAGE_ROW_H
#define POSTERN_USAGE_ROW_H

#include "core/journal/journal.h"

#define USAGE_ROW_MAX 4096u

/* Packs it into out, which has cap bytes. The size; 0 when it does not fit, or the names cannot be those of a row. */
size_t usage_row_pack(struct slice tenant, struct slice mailbox, const struct usage *usage, unsigned char *out,
                      size_t cap);

/*
 * Takes the first row off *rest, which may be anything. The names lie in *rest. False: there is none, or it is not what
 * usage_row_pack writes; then *rest is not worth another look.
 */
bool usage_row_take(struct slice *rest, struct slice *tenant, struct slice *mailbox, struct usage *usage);

/* Adds what the mailbox did elsewhere: counts are summed, times are the first and the last, the newest clients stay. */
void usage_add(struct usage *sum, const struct usage *more);

/* When it was seen last, let through or refused; 0: never. */
static inline int64_t usage_seen_s(const struct usage *u)
{
    return u->last_s > u->last_refused_s ? u->last_s : u->last_refused_s;
}

#endif
