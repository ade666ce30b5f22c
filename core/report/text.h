/* Foreign text and times, for people and programs. */
#ifndef POSTERN_CORE_REPORT_TEXT_H
#define POSTERN_CORE_REPORT_TEXT_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

#define TEXT_SHOWN_MAX 1024u /* bytes of one foreign text that are shown */
/* Room for one of them, escaped: every byte may become six. */
#define TEXT_CELL_MAX (6 * TEXT_SHOWN_MAX + 16)

/* Foreign text for a terminal: printable ASCII as it is, everything else \xHH. */
void text_add_plain(struct buf *b, struct slice text);
/* A JSON string with its quotes (core/base/json_text.h). */
void text_add_json(struct buf *b, struct slice text);
/* One CSV cell, quoted where needed; what a spreadsheet would take for a formula gets an apostrophe in front. */
void text_add_csv(struct buf *b, struct slice text);
/* "2025-11-21 08:36:01 +0100", local time with its zone, for people; "2025-11-21T07:36:01Z" for programs. Nothing for 0
 * and before. */
void text_add_local_time(struct buf *b, int64_t wall_s);
void text_add_utc_time(struct buf *b, int64_t wall_s);

/* Foreign text, printable, in the caller's memory, which is returned. */
const char *text_plain(char *mem, size_t cap, struct slice text);

/*
 * A moment, in seconds since 1970: "2025-11-21", "2025-11-21 08:30", "2025-11-21T08:30:00" in local time, the last one
 * with "Z" in UTC; "08:30" today; or a duration that is subtracted from now_s ("7d", "2h30m"). 0, or -1 with e.
 */
int text_read_time(const char *text, int64_t now_s, int64_t *out, struct error *e);
/* The same for what began then: "23:00" is yesterday's until it is 23:00 today. */
int text_read_since(const char *text, int64_t now_s, int64_t *out, struct error *e);

#endif
