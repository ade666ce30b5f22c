/* links: web */
/*
 * Any target: what is read of its query and of the name at the end of its path are terminated texts without a NUL, each
 * of which is taken once, and nothing is left then.
 */
#include "web/asked.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice text)
{
    assert(text.p[text.n] == '\0' && strlen(text.p) == text.n);
}

static void check(struct asked *asked)
{
    struct error e;
    size_t taken = 0;

    for (size_t i = 0; i < asked->n; i++) {
        check_text(asked->parts[i].name);
        check_text(asked->parts[i].value);
    }
    assert((asked_check(asked, &e) == 0) == (asked->n == 0));
    for (size_t i = 0; i < asked->n; i++)
        taken += asked_value(asked, asked->parts[i].name.p) != NULL;
    assert(taken == asked->n && asked_check(asked, &e) == 0);
    if (asked->path.n > 0 && asked_take_rest(asked, 1, &e) == 0)
        check_text(asked->rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy, so that reading beyond its end is seen. */
    char *copy = malloc(size > 0 ? size : 1);
    struct asked *asked = malloc(sizeof *asked);
    struct error e;

    assert(copy != NULL && asked != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    /* The guard lets no longer one pass. */
    if (size <= TARGET_MAX && asked_read((struct slice){copy, size}, asked, &e) == 0)
        check(asked);
    free(copy);
    free(asked);
    return 0;
}
