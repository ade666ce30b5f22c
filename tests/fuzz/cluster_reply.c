/* links: cluster */
/* Replies of a Redis that nobody trusts. The first byte says in which parts they come. */
#include "cluster/sentinels.h"
#include "cluster/slots.h"

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

/* As what names other servers, too. */
static uint64_t servers_in(const struct reply *reply)
{
    static struct slots_map map;
    struct slots_redirect redirect;
    struct server_name name;
    struct error e;

    return (uint64_t)(sentinel_reply_read(reply, &name) && name.port == 0) +
           (slots_redirect_read(reply, "192.0.2.9", &redirect) && redirect.to.port == 0) +
           (slots_read(reply, "192.0.2.9", &map, &e) == 0 && map.n > SLOTS_MASTERS_MAX);
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
                sum += sum_of(reply) + servers_in(reply);
        } while (reply != NULL);
    }
out:
    reply_reader_free(r);
    return 0;
}
