#include "mirror/confirm.h"

#include "core/base/slice.h"

#include <unistd.h>

int confirm(FILE *in, FILE *out, struct error *e)
{
    char answer[16];

    if (!isatty(fileno(in)))
        return error_set(e, "nothing was done: there is no terminal to ask on; --yes does it without asking");
    fprintf(out, "Type \"yes\" to do it: ");
    (void)fflush(out);
    if (fgets(answer, sizeof answer, in) == NULL || !slice_eq(slice_trim(slice_of(answer)), SLICE("yes")))
        return error_set(e, "nothing was done");
    return 0;
}
