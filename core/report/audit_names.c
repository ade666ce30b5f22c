#include "core/report/audit.h"
#include "core/report/text.h"

void audit_names_begin(struct audit_names *names)
{
    names->b = BUF_OVER(names->text);
    names->n = 0;
}

void audit_names_add(struct audit_names *names, struct slice name)
{
    if (names->n++ >= AUDIT_NAMES_SHOWN)
        return;
    if (names->n > 1)
        buf_add(&names->b, SLICE(", "));
    output_add_plain(&names->b, (struct slice){name.p, name.n < 60 ? name.n : 60});
}

const char *audit_names_end(struct audit_names *names)
{
    if (names->n > AUDIT_NAMES_SHOWN)
        buf_addf(&names->b, " and %llu more", (unsigned long long)(names->n - AUDIT_NAMES_SHOWN));
    return names->text;
}
