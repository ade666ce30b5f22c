/* Any file in the place of a kept check of Postfix: it is shown as an object that is whole, and never with more
 * findings or longer texts than are kept. */
#include "core/report/postfix_kept.h"
#include "core/print/print.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_findings(const json_t *list)
{
    size_t i;
    json_t *x;

    json_array_foreach(list, i, x)
    {
        assert(json_string_length(json_object_get(x, "where")) < sizeof((struct finding *)0)->where);
        assert(json_string_length(json_object_get(x, "evidence")) < sizeof((struct finding *)0)->evidence);
        assert(json_is_string(json_object_get(x, "id")) && json_is_string(json_object_get(x, "severity")));
    }
    assert(i <= 80);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct terminal none = {.columns = 0};
    const struct accepted accepted = {.n = 0};
    char *copy = malloc(size > 0 ? size : 1), *made = NULL;
    json_error_t problem;
    struct printer *out;
    struct error e;
    size_t n = 0;
    json_t *o;
    FILE *to = open_memstream(&made, &n);

    assert(copy != NULL && to != NULL && (out = print_begin(to, OUTPUT_JSON, &none, "fuzz", NULL)) != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    assert(postfix_kept_show((struct slice){copy, size}, "/etc/postern/postern.conf", &accepted, 1800000000, out, &e) ==
           0);
    assert(print_end(out) == 0 && fclose(to) == 0);
    assert((o = json_loadb(made, n, 0, &problem)) != NULL && json_is_string(json_object_get(o, "state")));
    check_findings(json_object_get(json_object_get(o, "result"), "findings"));
    json_decref(o);
    free(made);
    free(copy);
    return 0;
}
