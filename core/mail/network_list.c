#include "core/base/lines.h"
#include "core/mail/network.h"

#include <stdlib.h>

int network_list_parse(struct slice text, const char *path, network_add *add, void *arg, struct error *e)
{
    struct lines lines;
    struct slice entry;
    int rc;

    lines_start(&lines, text, path);
    while ((rc = lines_next(&lines, &entry, e)) == 1) {
        struct network net;

        if (network_parse(entry, &net, e) != 0 || add(arg, &net, lines.number, e) != 0)
            return lines_error(&lines, e);
    }
    return rc;
}

int network_list_load(const char *path, network_add *add, void *arg, struct error *e)
{
    struct slice text;
    int rc;

    if (lines_load(path, &text, e) != 0)
        return -1;
    rc = network_list_parse(text, path, add, arg, e);
    free((void *)text.p); /* the slice is the only owner: lines_load */
    return rc;
}
