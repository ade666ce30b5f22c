/* The last different clients of a mailbox: USAGE_CLIENTS of them, the newest first. */
#ifndef POSTERN_USAGE_CLIENTS_H
#define POSTERN_USAGE_CLIENTS_H

#include "core/base/buf.h"
#include "core/journal/journal.h"

/* Puts a client where its time belongs, and takes an older time of the same one away. */
void clients_add(struct usage_client clients[USAGE_CLIENTS], const struct ip *ip, int64_t at_s);

#define USAGE_CLIENTS_TEXT_MAX (USAGE_CLIENTS * (IP_TEXT_MAX + 24))

/* As the databases have them: "192.0.2.1=1790000000 ...", each with when it was seen last. */
void clients_write(const struct usage_client clients[USAGE_CLIENTS], struct buf *b);
/* What cannot be read, and what follows it, is left out. The array is zero before. */
void clients_read(struct slice text, struct usage_client clients[USAGE_CLIENTS]);

/* Takes "NAME=NUMBER" off the beginning of such a text. False: there is nothing more that can be read. */
bool usage_take_pair(struct slice *rest, struct slice *name, uint64_t *number);

#endif
