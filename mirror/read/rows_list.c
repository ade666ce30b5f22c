#include "mirror/read/rows_private.h"

#include <stdlib.h>

/* For an address and a comment; a longer line means that this is no list. */
#define LIST_LINE_MAX 1024

/* Reads a line into rows->text. 1; 0 at the end; -1 with e. */
static int read_line(struct rows *rows, struct error *e)
{
    struct input *in = &rows->in;
    struct json_text *line = &rows->text;
    bool ended = false;

    if (line->p == NULL && (line->p = malloc(LIST_LINE_MAX)) == NULL)
        return error_set(e, "%s: no memory to read it", in->path);
    line->n = 0;
    while (!ended) {
        int more = input_more(in, e);
        const char *feed;
        size_t n;

        if (more < 0)
            return -1;
        if (more == 0)
            break;
        feed = memchr(in->at, '\n', (size_t)(in->end - in->at));
        n = (size_t)((feed != NULL ? feed : in->end) - in->at);
        if (n > LIST_LINE_MAX - line->n)
            return error_set(e, "%s: line %lu: longer than %d bytes: this is not a list of addresses", in->path,
                             rows->line + 1, LIST_LINE_MAX);
        memcpy(line->p + line->n, in->at, n);
        line->n += n;
        ended = feed != NULL;
        in->at += n + ended;
    }
    if (!ended && line->n == 0)
        return 0;
    rows->unended = !ended;
    rows->line++;
    return 1;
}

/*
 * Removes a comment. "#" begins one at the start of the line and after a blank, but not in
 * "guest#EXT#@contoso.example".
 */
static struct slice without_comment(struct slice line)
{
    for (size_t i = 0; line.p != NULL && i < line.n; i++)
        if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return slice_trim((struct slice){line.p, i});
    return slice_trim(line);
}

int rows_next_list(struct rows *rows, struct error *e)
{
    int more;

    while ((more = read_line(rows, e)) > 0) {
        struct slice entry = without_comment((struct slice){rows->text.p, rows->text.n});

        if (entry.n == 0) {
            rows->unended = false; /* a comment may be cut off */
            continue;
        }
        rows->row.place = (row_place)rows->line;
        rows->row.cells[COLUMN_PRIMARY] = (struct cell){.kind = CELL_TEXT, .text = entry};
        rows->columns = COLUMN_BIT(COLUMN_PRIMARY);
        return 1;
    }
    return more;
}
