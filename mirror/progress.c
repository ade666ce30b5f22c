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

/* Is it time to say something? */
static bool is_due(struct progress *p)
{
    uint64_t now = clock_boot_ns();

    if (now < p->next_ns)
        return false;
    p->next_ns = now + PROGRESS_EVERY_NS;
    p->shown = true;
    return true;
}

void progress_step(struct progress *p, const char *what, size_t done, size_t of)
{
    if (p->out == NULL || of < 2 || !is_due(p))
        return;
    fprintf(p->out, "\r%s: %zu of %zu\033[K", what, done, of);
    fflush(p->out);
}

void progress_say(struct progress *p, const char *what, int percent, unsigned long long rows)
{
    if (p->out == NULL || rows % PROGRESS_EVERY_ROWS != 0 || !is_due(p))
        return;
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
    p->next_ns = 0;
}
