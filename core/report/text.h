/* Foreign text and times, as people and programs get to read them. */
#ifndef POSTERN_CORE_REPORT_TEXT_H
#define POSTERN_CORE_REPORT_TEXT_H

#include "core/base/buf.h"
#include "core/base/slice.h"

#include <stdint.h>

enum output_format { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON };

#define OUTPUT_TEXT_MAX 512u /* bytes of one foreign text that are shown */
/* Room for one of them, escaped: every byte may become six. */
#define TEXT_CELL_MAX (6 * OUTPUT_TEXT_MAX + 16)

/* Foreign text for a terminal: printable ASCII as it is, everything else \xHH. */
void output_add_plain(struct buf *b, struct slice text);
/* A JSON string with its quotes (core/base/json_text.h). */
void output_add_json(struct buf *b, struct slice text);
/* One CSV cell, quoted where needed; what a spreadsheet would take for a formula is defused with an apostrophe. */
void output_add_csv(struct buf *b, struct slice text);
/* "2025-11-21 08:36:01 +0100", local time with its zone, for people, "2025-11-21T07:36:01Z" else. Nothing for 0 and
 * before. */
void output_add_time(struct buf *b, int64_t wall_s, enum output_format format);

/* Foreign text, printable, in the caller's memory, which is returned. */
const char *text_plain(char *mem, size_t cap, struct slice text);

#endif
