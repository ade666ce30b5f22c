/* Any file of accepted findings: it is refused, or each row is whole, and found by its own words. */
#include "core/report/accepted.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct accepted *all, const struct accepted_row *row)
{
    const struct accepted_row *found = accepted_find(all, row->check, row->rule, row->where);
    struct error e;
    int64_t ends_s;

    assert(row->rule.n > 0 && found != NULL && found->ends_s >= row->ends_s);
    assert(accepted_day(row->until, &ends_s, &e) == 0 && ends_s == row->ends_s);
    assert(accepted_find(all, SLICE("nonsense"), row->rule, row->where) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy, so that reading beyond its end is seen. */
    char *copy = malloc(size > 0 ? size : 1);
    struct accepted accepted;
    struct error e;

    assert(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    if (accepted_parse((struct slice){copy, size}, "f", &accepted, &e) == 0) {
        for (size_t i = 0; i < accepted.n; i++)
            check_row(&accepted, &accepted.rows[i]);
        accepted_free(&accepted);
    }
    assert(accepted.n == 0 && accepted.rows == NULL && accepted.text == NULL);
    free(copy);
    return 0;
}
