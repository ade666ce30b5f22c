#include "cli/list_edit.h"

#include "cli/file_edit.h"
#include "core/base/buf.h"
#include "core/mail/list.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the text ---- */

/* The first line that is the entry, from 1; 0: none. -1 with e when the file is not what it should be. */
static long line_of(struct slice text, const char *path, struct slice entry, struct error *e)
{
    struct list_place place = {NULL, 0};
    struct list *list;
    bool found;

    if (list_parse(text, path, &list, e) != 0)
        return -1;
    found = list_has(list, entry, &place);
    list_free(list);
    return found ? (long)place.line : 0;
}

static void cut_line(struct file_edit *x, long number)
{
    char *from = x->made, *to, *end = x->made + x->made_n;

    for (long i = 1; i < number && from < end; i++) {
        from = memchr(from, '\n', (size_t)(end - from));
        from = from != NULL ? from + 1 : end;
    }
    to = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
    to = to != NULL ? to + 1 : end;
    memmove(from, to, (size_t)(end - to));
    x->made_n -= (size_t)(to - from);
}

int list_edit_remove(const char *path, struct slice entry, struct error *e)
{
    struct file_edit x;
    long line = 0;
    int rc = -1;

    if (file_edit_begin(&x, path, e) != 0)
        goto out;
    if ((x.made = malloc(x.text.n + 1)) == NULL) {
        (void)error_set(e, "%s: no memory", path);
        goto out;
    }
    x.made_n = x.text.n;
    if (x.text.n > 0)
        memcpy(x.made, x.text.p, x.text.n);
    while ((line = line_of((struct slice){x.made, x.made_n}, x.path, entry, e)) > 0)
        cut_line(&x, line);
    if (line < 0)
        goto out;
    rc = x.made_n == x.text.n ? 0 : file_edit_publish(&x, e) == 0 ? 1 : -1;
out:
    file_edit_end(&x);
    return rc;
}

/* A line more could be another entry. */
static bool is_one_line(struct slice comment)
{
    for (size_t i = 0; i < comment.n; i++)
        if ((unsigned char)comment.p[i] < 0x20)
            return false;
    return true;
}

int list_edit_add(const char *path, struct slice entry, struct slice comment, struct error *e)
{
    struct file_edit x;
    struct buf b;
    size_t cap;
    long line;
    int rc = -1;

    if (!is_one_line(comment))
        return error_set(e, "%s: a comment is one line of printable text", path);
    if (file_edit_begin(&x, path, e) != 0)
        goto out;
    line = line_of(x.text, x.path, entry, e);
    rc = line < 0 ? -1 : 0;
    if (line != 0)
        goto out;
    rc = -1;
    cap = x.text.n + entry.n + comment.n + 16;
    if ((x.made = malloc(cap)) == NULL) {
        (void)error_set(e, "%s: no memory", path);
        goto out;
    }
    b = buf_over(x.made, cap);
    buf_add(&b, x.text);
    if (b.n > 0 && b.p[b.n - 1] != '\n')
        buf_add_char(&b, '\n');
    buf_add(&b, entry);
    buf_add(&b, SLICE(" # "));
    buf_add(&b, comment);
    buf_add_char(&b, '\n');
    x.made_n = b.n;
    /* What was made must read back, else the services would refuse the whole file. */
    line = line_of(buf_slice(&b), x.path, entry, e);
    if (line > 0)
        rc = file_edit_publish(&x, e) == 0 ? 1 : -1;
    else if (line == 0)
        (void)error_set(e, "%s: \"%.*s\" would not be read back as it is", path, SLICE_ARG(entry));
out:
    file_edit_end(&x);
    return rc;
}
