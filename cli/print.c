#include "cli/print.h"

#include <errno.h>
#include <stdlib.h>

static void remark(struct printer *p, enum remark remark, const char *text)
{
    const struct print *print = (const struct print *)p;

    if (remark == REMARK_WARNING)
        fprintf(stderr, "postern%s%s: ", print->command != NULL ? " " : "",
                print->command != NULL ? print->command : "");
    fprintf(stderr, "%s\n", text);
}

struct printer *print_begin(FILE *to, enum output_format format, const struct terminal *terminal, const char *command)
{
    struct print *print = format == OUTPUT_CSV ? print_csv() : format == OUTPUT_JSON ? print_json() : print_text();

    if (print == NULL)
        return NULL;
    print->to = to;
    print->terminal = *terminal;
    print->command = command;
    print->printer.remark = remark;
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
