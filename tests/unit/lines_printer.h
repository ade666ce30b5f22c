/* A printer that keeps the lines of a report, unfolded: the words, without colours and columns. */
#ifndef POSTERN_TEST_LINES_PRINTER_H
#define POSTERN_TEST_LINES_PRINTER_H

#include "core/base/buf.h"
#include "core/report/printer.h"

struct lines_printer {
    struct printer printer; /* first */
    struct buf b;           /* over the caller's memory */
};

static void lines_printer_line(struct printer *p, const struct line *line)
{
    struct buf *b = &((struct lines_printer *)p)->b;

    if (line->label != NULL)
        buf_addf(b, "%s ", line->label);
    for (size_t i = 0; i < LINE_SPANS_MAX && line->spans[i].text != NULL; i++)
        buf_add(b, slice_of(line->spans[i].text));
    buf_add_char(b, '\n');
}

static inline struct lines_printer lines_printer(char *mem, size_t cap)
{
    return (struct lines_printer){.printer = {.people = true, .line = lines_printer_line}, .b = buf_over(mem, cap)};
}

#endif
