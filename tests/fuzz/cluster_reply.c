/* links: cluster */
/* Replies of a Redis that nobody trusts. The first byte says in which parts they come. */
#include "cluster/reply.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches all of it. */
static uint64_t sum_of(const struct reply *reply)
{
    uint64_t sum = (uint64_t)reply->integer;

    for (size_t i = 0; i < reply->text.n; i++)
        sum += (unsigned char)reply->text.p[i];
    for (size_t i = 0; i < reply->n; i++)
        sum += sum_of(reply->elements[i]);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reply_reader *r = reply_reader_new();
    size_t step = size > 0 ? data[0] % 64 + 1u : 1;
    const struct reply *reply;
    volatile uint64_t sum = 0;
    struct error e;

    for (size_t at = 1; r != NULL && at < size; at += step) {
        if (reply_feed(r, data + at, size - at < step ? size - at : step, &e) != 0)
            break;
        do {
            if (reply_next(r, &reply, &e) != 0)
                goto out;
            if (reply != NULL)
                sum += sum_of(reply);
        } while (reply != NULL);
    }
out:
    reply_reader_free(r);
    return 0;
}
