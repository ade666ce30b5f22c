#include "web/guard.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int refuse(struct guard *guard, enum refusal refusal, struct evbuffer *out)
{
    guard->state = GUARD_CLOSED;
    return evbuffer_add_printf(out, GUARD_REFUSED " /%d HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                               (int)refusal) < 0
               ? -1
               : 0;
}

/* The head that is complete. */
static int pass_head(struct guard *guard, struct evbuffer *out)
{
    char text[HEAD_WRITTEN_MAX];
    struct buf b = BUF_OVER(text);
    struct request_head head;
    enum refusal refusal = request_head_read((struct slice){guard->head, guard->n}, guard->site, &head);

    if (refusal != REFUSAL_NONE)
        return refuse(guard, refusal, out);
    request_head_write(&head, &b);
    guard->body = head.body;
    guard->state = head.body > 0 ? GUARD_BODY : head.closes ? GUARD_CLOSED : GUARD_HEAD;
    guard->closes = head.closes;
    guard->n = 0;
    return b.full ? refuse(guard, REFUSAL_FIELDS_LONG, out) : evbuffer_add(out, b.p, b.n);
}

/* Gathers up to the end of the head. How many bytes were taken is *taken. */
static int take_head(struct guard *guard, struct slice bytes, size_t *taken, struct evbuffer *out)
{
    size_t looked = guard->n, room = least(bytes.n, sizeof guard->head - looked), length;

    memcpy(guard->head + looked, bytes.p, room);
    guard->n += room;
    *taken = room;
    /* A method is in capitals: what begins otherwise, such as TLS, need not be waited for. */
    if (guard->head[0] < 'A' || guard->head[0] > 'Z')
        return refuse(guard, REFUSAL_LINE, out);
    length = request_head_length((struct slice){guard->head, guard->n}, looked);
    if (length == 0)
        return guard->n < sizeof guard->head
                   ? 0
                   : refuse(guard, request_head_too_long((struct slice){guard->head, guard->n}), out);
    *taken = length - looked;
    guard->n = length;
    return pass_head(guard, out);
}

static int take_body(struct guard *guard, struct slice bytes, size_t *taken, struct evbuffer *out)
{
    *taken = least(bytes.n, guard->body);
    guard->body -= (unsigned)*taken;
    if (guard->body == 0)
        guard->state = guard->closes ? GUARD_CLOSED : GUARD_HEAD;
    return evbuffer_add(out, bytes.p, *taken);
}

int guard_take(struct guard *guard, struct slice bytes, struct evbuffer *out)
{
    while (bytes.n > 0 && guard->state != GUARD_CLOSED) {
        size_t taken;
        int result =
            guard->state == GUARD_HEAD ? take_head(guard, bytes, &taken, out) : take_body(guard, bytes, &taken, out);

        if (result != 0)
            return -1;
        bytes = (struct slice){bytes.p + taken, bytes.n - taken};
    }
    return 0;
}
