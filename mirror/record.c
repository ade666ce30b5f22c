#include "mirror/record.h"

#include "core/base/clock.h"
#include "core/journal/mirror_runs.h"

#include <errno.h>
#include <unistd.h>

static enum mirror_result result_of(const struct record *r)
{
    if (r->result != IMPORT_DONE)
        return r->result == IMPORT_REFUSED ? MIRROR_REFUSED : MIRROR_FAILED;
    return r->tally->changes > 0 ? MIRROR_OK : MIRROR_UNCHANGED;
}

void record_run(const struct record *r, FILE *log)
{
    bool done = r->result == IMPORT_DONE;
    const struct mirror_run run = {.tenant = slice_of(r->tenant),
                                   .how = slice_of(r->how),
                                   .began_s = r->began_s,
                                   .ended_s = clock_wall_s(),
                                   .result = result_of(r),
                                   .changes = done ? r->tally->changes : 0,
                                   .trouble = done ? (struct slice){"", 0} : slice_of(r->why->text)};
    struct error notice = {.text = ""}, e;
    struct history *h = NULL;

    /* A first run that failed made nothing, so there is nothing to look at. */
    if (access(r->directory, F_OK) != 0 && errno == ENOENT)
        return;
    if (history_open(r->directory, true, &h, &notice, &e) != 0 || mirror_run_add(h, &run, &e) != 0)
        fprintf(log, "%s: how this run ended is not in the history: %s\n", r->tenant != NULL ? r->tenant : r->how,
                e.text);
    if (notice.text[0] != '\0')
        fprintf(log, "warning: %s\n", notice.text);
    history_close(h);
}
