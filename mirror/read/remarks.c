#include "mirror/read/remarks.h"

#include <stdarg.h>

void remarks_add(struct remarks *r, uint64_t topic, const char *format, ...)
{
    va_list args;

    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].topic == topic) {
            r->list[i].more++;
            return;
        }
    if (r->n == REMARKS_MAX) {
        r->lost++;
        return;
    }
    r->list[r->n].topic = topic;
    r->list[r->n].more = 0;
    va_start(args, format);
    (void)vsnprintf(r->list[r->n++].text, REMARK_TEXT_MAX, format, args);
    va_end(args);
}

void remarks_print(const struct remarks *r, FILE *out)
{
    for (size_t i = 0; i < r->n; i++) {
        fprintf(out, "warning: %s", r->list[i].text);
        if (r->list[i].more > 0)
            fprintf(out, " (and %llu more like it)", (unsigned long long)r->list[i].more);
        fputc('\n', out);
    }
    if (r->lost > 0)
        fprintf(out, "warning: %llu more remarks were not kept\n", (unsigned long long)r->lost);
}
