#include "mirror/progress.h"

#include "core/base/clock.h"

#include <unistd.h>

#define PROGRESS_EVERY_NS (250 * NS_PER_MS)
/* The clock is read only this often, since a row takes microseconds. */
#define PROGRESS_EVERY_ROWS 1024

struct progress progress_begin(FILE *out)
{
    return (struct progress){.out = out != NULL && isatty(fileno(out)) ? out : NULL};
}

void progress_say(struct progress *p, const char *what, int percent, unsigned long long rows)
{
    uint64_t now;

    if (p->out == NULL || rows % PROGRESS_EVERY_ROWS != 0)
        return;
    now = clock_boot_ns();
    if (now < p->next_ns)
        return;
    p->next_ns = now + PROGRESS_EVERY_NS;
    p->shown = true;
    if (percent >= 0)
        fprintf(p->out, "\r%s: %d %%, %llu rows\033[K", what, percent, rows);
    else
        fprintf(p->out, "\r%s: %llu rows\033[K", what, rows);
    fflush(p->out);
}

void progress_end(struct progress *p)
{
    if (p->out == NULL || !p->shown)
        return;
    fputs("\r\033[K", p->out);
    fflush(p->out);
    p->shown = false;
}
