/* The proxy addresses of one mailbox, collected from several exports, then packed: sorted, without duplicates. */
#ifndef POSTERN_MIRROR_ADDRESS_SET_H
#define POSTERN_MIRROR_ADDRESS_SET_H

#include "core/directory/directory_record.h"

/*
 * Exchange Online allows 400 proxies a mailbox; two exports may differ. This many fit MAILBOX_PROXIES_MAX when packed.
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
/* Appends them to a packed list, except `but`. Sets b->full when they do not fit. */
void address_set_pack(struct address_set *set, struct slice but, struct buf *b);

#endif
