/* The proxy addresses of one mailbox, gathered from several places, then packed: sorted, each once. */
#ifndef POSTERN_MIRROR_ADDRESS_SET_H
#define POSTERN_MIRROR_ADDRESS_SET_H

#include "core/directory/directory_record.h"

/* Exchange Online allows 400 proxies a mailbox; two exports of it may differ. Packed, so many fit MAILBOX_PROXIES_MAX.
 */
#define ADDRESS_SET_MAX 800

struct address_set {
    size_t n, text_n;
    struct slice items[ADDRESS_SET_MAX];
    char text[ADDRESS_SET_MAX * ADDRESS_OF_NAME_MAX];
};

void address_set_clear(struct address_set *set);
/* A canonical address, copied. False when the set is full. */
bool address_set_add(struct address_set *set, struct slice address);
/* Appends them to a packed list, without `but`. b->full is set when they do not fit. */
void address_set_pack(struct address_set *set, struct slice but, struct buf *b);

#endif
