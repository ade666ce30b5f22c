/* Blocks that ended: when, why and by whom, and the evidence from the journal; the newest end first. */
#ifndef POSTERN_CORE_REPORT_ENDED_BLOCKS_H
#define POSTERN_CORE_REPORT_ENDED_BLOCKS_H

#include "core/report/files.h"
#include "core/report/printer.h"

/* Beyond so many rows the evidence is left out, with a remark: each row is looked for in all of the journal. */
#define ENDED_EVIDENCE_MAX 200u

/* Those since then, at most so many rows. The context is that of the files, whose journal is open. 0, or -1 with e. */
int ended_blocks_report(const struct decide_context *c, struct report_files *f, int64_t since_s, size_t most,
                        struct printer *out, struct error *e);

#endif
