/* Leaves how a run ended in the history. */
#ifndef POSTERN_MIRROR_RECORD_H
#define POSTERN_MIRROR_RECORD_H

#include "mirror/import.h"

struct record {
    const char *directory;
    const char *tenant; /* NULL: of all */
    const char *how;    /* "sync", "import", "pull" */
    int64_t began_s;    /* wall clock */
    const struct import_tally *tally;
    enum import_result result;
    const struct error *why; /* unless IMPORT_DONE */
};

/* It ended now. When that cannot be written, log says so: it is no reason for the run to fail. */
void record_run(const struct record *record, FILE *log);

#endif
