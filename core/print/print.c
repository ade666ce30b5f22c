#include "core/print/print.h"

#include <errno.h>
#include <stdlib.h>

static void remark(struct printer *p, enum remark remark, const char *text)
{
    const struct print *print = (const struct print *)p;

    (void)fflush(print->to); /* in the order in which it was said, where both go to one place */
    if (remark == REMARK_WARNING)
        fprintf(stderr, "%s%s%s: ", print->program, print->command != NULL ? " " : "",
                print->command != NULL ? print->command : "");
    fprintf(stderr, "%s\n", text);
}

/* ---- what a printer has no use for ---- */

static void ignore_line(struct printer *p, const struct line *line)
{
    (void)p;
    (void)line;
}

static void ignore_open(struct printer *p, const char *name, enum tree tree)
{
    (void)p;
    (void)name;
    (void)tree;
}

static void ignore_value(struct printer *p, const char *name, struct value value)
{
    (void)p;
    (void)name;
    (void)value;
}

static void ignore_end(struct printer *p)
{
    (void)p;
}

static void fill_in(struct printer *p)
{
    p->line = p->line != NULL ? p->line : ignore_line;
    p->end = p->end != NULL ? p->end : ignore_end;
    p->open = p->open != NULL ? p->open : ignore_open;
    p->value = p->value != NULL ? p->value : ignore_value;
    p->close = p->close != NULL ? p->close : ignore_end;
    p->remark = remark;
}

struct printer *print_begin(FILE *to, enum output_format format, const struct terminal *terminal, const char *program,
                            const char *command)
{
    struct print *print = format == OUTPUT_CSV ? print_csv() : format == OUTPUT_JSON ? print_json() : print_text();

    if (print == NULL)
        return NULL;
    print->to = to;
    print->terminal = *terminal;
    print->program = program;
    print->command = command;
    fill_in(&print->printer);
    return &print->printer;
}

int print_end(struct printer *printer)
{
    struct print *print = (struct print *)printer;
    bool failed = print == NULL || print->failed;

    if (print != NULL) {
        failed |= fflush(print->to) != 0 || ferror(print->to);
        if (print->free != NULL)
            print->free(print);
    }
    if (print == NULL || print->failed)
        errno = ENOMEM;
    free(print);
    return failed ? -1 : 0;
}
