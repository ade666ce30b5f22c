/* links: web */
/*
 * Any bytes, in any pieces: what the guard passes doesn't depend on the pieces, is a row of heads that read the same
 * again and are written the same again, each with its body, and has at most one refusal, at its end.
 *
 * Input: the first byte says how long the pieces are; the rest are a connection's bytes.
 */
#include "web/guard.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"localhost", "[::1]"};
static const struct site site = {
    .names = names, .n = 2, .user_field = "X-Postern-User", .groups_field = "X-Postern-Groups"};

/* In a buffer of one piece, which the caller frees. */
static struct slice pass(struct slice bytes, size_t piece, struct evbuffer *out)
{
    struct guard *guard = calloc(1, sizeof *guard);
    size_t n;

    assert(guard != NULL);
    guard->site = &site;
    for (; bytes.n > 0; bytes = (struct slice){bytes.p + n, bytes.n - n}) {
        /* A copy, so that reading beyond its end is seen. */
        char *copy = malloc(n = bytes.n < piece ? bytes.n : piece);

        assert(copy != NULL);
        memcpy(copy, bytes.p, n);
        assert(guard_take(guard, (struct slice){copy, n}, out) == 0);
        free(copy);
    }
    free(guard);
    n = evbuffer_get_length(out);
    return (struct slice){n > 0 ? (const char *)evbuffer_pullup(out, -1) : "", n};
}

static void check_refused(struct slice rest)
{
    unsigned long long number;
    struct slice line;

    assert(slice_starts_with(rest, SLICE(GUARD_REFUSED " /")));
    assert(slice_cut((struct slice){rest.p + sizeof(GUARD_REFUSED " /") - 1, rest.n - (sizeof(GUARD_REFUSED " /") - 1)},
                     ' ', &line, NULL));
    assert(slice_to_u64(line, REFUSAL_COUNT - 1, &number) && number != REFUSAL_NONE);
    assert(request_head_length(rest, 0) == rest.n);
}

static void check_passed(struct slice rest)
{
    while (rest.n > 0) {
        char again[HEAD_WRITTEN_MAX];
        struct buf b = BUF_OVER(again);
        struct request_head head;
        size_t n = request_head_length(rest, 0), body;

        assert(n > 0);
        if (request_head_read((struct slice){rest.p, n}, &site, &head) != REFUSAL_NONE) {
            check_refused(rest);
            return;
        }
        request_head_write(&head, &b);
        assert(slice_eq(buf_slice(&b), (struct slice){rest.p, n}));
        body = head.body < rest.n - n ? head.body : rest.n - n;
        rest = (struct slice){rest.p + n + body, rest.n - n - body};
        assert(!head.closes || rest.n == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data + 1, size - 1};
    struct evbuffer *whole, *pieces;
    struct slice passed, in_pieces;

    if (size == 0)
        return 0;
    whole = evbuffer_new();
    pieces = evbuffer_new();
    assert(whole != NULL && pieces != NULL);
    passed = pass(bytes, SIZE_MAX, whole);
    check_passed(passed);
    in_pieces = pass(bytes, 1 + (size_t)data[0], pieces);
    assert(slice_eq(passed, in_pieces));
    evbuffer_free(whole);
    evbuffer_free(pieces);
    return 0;
}
