/*
 * Any bytes as the body of a From field: the walk ends, its addresses are canonical, and a field that is a list of
 * mailboxes can stand beside another mailbox without changing what either of them says.
 */
#include "core/mail/header_from.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(const struct address *a)
{
    struct address again;

    assert(a->n > 0 && a->n <= ADDRESS_MAX && a->text[a->n] == '\0');
    for (size_t i = 0; i < a->n; i++)
        assert((unsigned char)a->text[i] >= 0x20 && a->text[i] != 0x7f);
    assert(address_parse_envelope(address_slice(a), &again) == ADDRESS_OK);
    assert(again.local_n == a->local_n && slice_eq(address_slice(a), address_slice(&again)));
}

/* The number of addresses, or -1 for FROM_BAD. *last is the last of them. */
static int walk_all(struct slice value, struct address *last, enum header_reading *reading)
{
    struct header_from walk;
    enum from_result result;
    const char *why = NULL, *same = NULL;
    struct address a;
    int count = 0;

    last->n = 0;
    header_from_start(&walk, value);
    *reading = walk.reading;
    while ((result = header_from_next(&walk, &a, &why)) == FROM_ADDRESS) {
        check_address(&a);
        *last = a;
        count++;
        assert(count <= FROM_MAX_ADDRESSES && why == NULL);
    }
    assert(a.n == 0 && (result == FROM_BAD) == (why != NULL));
    assert(header_from_next(&walk, &a, &same) == result && same == why && a.n == 0);
    return result == FROM_BAD ? -1 : count;
}

static void check_beside_another(struct slice value, int count)
{
    static const char before[] = "Other <x@y.example>,", behind[] = ",x@y.example";
    const size_t before_n = sizeof before - 1, behind_n = sizeof behind - 1;
    char *longer = malloc(before_n + value.n + behind_n);
    struct address last;
    enum header_reading reading;

    assert(longer != NULL);
    memcpy(longer, before, before_n);
    memcpy(longer + before_n, value.p, value.n);
    memcpy(longer + before_n + value.n, behind, behind_n);
    assert(walk_all((struct slice){longer, before_n + value.n + behind_n}, &last, &reading) == count + 2);
    assert(reading == READING_STRICT);
    assert(slice_eq(address_slice(&last), SLICE("x@y.example")));
    free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice value = {(const char *)data, size};
    struct address last;
    enum header_reading reading;
    int count = walk_all(value, &last, &reading);

    assert(count != 0 || reading == READING_STRICT); /* otherwise a field without an address is bad */
    if (size > 0 && reading == READING_STRICT && count >= 0 && count + 2 <= FROM_MAX_ADDRESSES &&
        size + 64 < FROM_MAX_BYTES)
        check_beside_another(value, count);
    return 0;
}
