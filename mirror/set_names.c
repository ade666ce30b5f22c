/* The names for "postern-mirror set": those of the command line, then those of the file. */
#include "core/base/lines.h"
#include "mirror/set_private.h"
#include "mirror/words.h"

#include <errno.h>
#include <stdlib.h>

#define PIECE 65536u

/* Reads all of a stream; the bound is that of lines_load. */
static int read_all(FILE *in, char **text, size_t *n, struct error *e)
{
    size_t cap = 0;

    *text = NULL;
    *n = 0;
    do {
        if (*n == cap) {
            char *more = realloc(*text, cap + PIECE);

            if (more == NULL)
                return error_set(e, "no memory for the names");
            *text = more;
            cap += PIECE;
        }
        *n += fread(*text + *n, 1, cap - *n, in);
        if (*n > LINES_MAX_FILE)
            return error_set(e, "standard input: more than %u bytes", LINES_MAX_FILE);
    } while (!feof(in) && !ferror(in));
    return ferror(in) ? error_set(e, "standard input cannot be read: %s", strerror(errno)) : 0;
}

static const char *file_name(const struct set_options *o)
{
    return strcmp(o->file, "-") == 0 ? "standard input" : o->file;
}

static int add_row(struct set_run *run, struct slice name, unsigned line, struct error *e)
{
    if (run->n == SET_NAMES_MAX)
        return error_set(e, "more than %d names: give them in several runs", SET_NAMES_MAX);
    if (run->n % 256 == 0) {
        struct set_row *more = reallocarray(run->rows, run->n + 256, sizeof *more);

        if (more == NULL)
            return error_set(e, "no memory for %zu names", run->n);
        run->rows = more;
    }
    run->rows[run->n++] = (struct set_row){.name = slice_trim(name), .line = line};
    return 0;
}

static int read_file(struct set_run *run, struct error *e)
{
    const struct set_options *o = run->o;
    struct slice text, entry;
    struct lines lines;
    size_t n;
    int more;

    if (strcmp(o->file, "-") == 0) {
        if (read_all(o->in, &run->text, &n, e) != 0)
            return -1;
        text = (struct slice){run->text, n};
    } else {
        if (lines_load(o->file, &text, e) != 0)
            return -1;
        run->text = (char *)(uintptr_t)text.p;
    }
    lines_start(&lines, text, file_name(o));
    while ((more = lines_next(&lines, &entry, e)) > 0)
        if (add_row(run, entry, lines.number, e) != 0)
            return -1;
    return more;
}

int set_read_names(struct set_run *run, struct error *e)
{
    const struct set_options *o = run->o;

    for (size_t i = 0; i < o->n_names; i++)
        if (add_row(run, slice_of(o->names[i]), 0, e) != 0)
            return -1;
    if (o->file != NULL && read_file(run, e) != 0)
        return -1;
    if (run->n > 0)
        return 0;
    return o->file != NULL ? error_set(e, "%s holds no name of a mailbox", words(slice_of(file_name(o))).text)
                           : error_set(e, "no mailbox is named");
}

void set_say_place(const struct set_run *run, const struct set_row *row, FILE *out)
{
    if (row->line > 0)
        fprintf(out, "%s:%u: ", words(slice_of(file_name(run->o))).text, row->line);
}
