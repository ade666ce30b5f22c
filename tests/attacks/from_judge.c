/*
 * What postern would say of the header of a message that arrived: for each file that smtp-sink wrote, one line with its
 * recipient's local part and "fine", "foreign" (an address that is not among the given ones) or "bad" (cannot be read
 * without doubt). The From oracle compares it with what postern-milter said of the same message on its way.
 *
 *   from_judge OWN-ADDRESS FILE...
 */
#include "core/submission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void die(const char *file, const char *what)
{
    (void)fprintf(stderr, "from_judge: %s: %s\n", file, what);
    exit(2);
}

static struct slice read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t n = 0;

    if (f == NULL || getdelim(&text, &n, EOF, f) < 0)
        die(path, strerror(errno));
    n = (size_t)ftell(f);
    (void)fclose(f);
    return (struct slice){text, n};
}

/* The text between the brackets of "X-Rcpt-Args: <r7@adatum.example>", up to the "@". */
static struct slice recipient_of(struct slice file, const char *path)
{
    static const char mark[] = "X-Rcpt-Args: <";
    const char *begin = memmem(file.p, file.n, mark, sizeof mark - 1), *end;

    if (begin == NULL)
        die(path, "no recipient");
    begin += sizeof mark - 1;
    end = memchr(begin, '@', (size_t)(file.p + file.n - begin));
    return (struct slice){begin, (size_t)(end - begin)};
}

/* The next field with its continuation lines, as a milter is shown it: folded by LF, without what leads the value. */
static bool next_field(struct slice *rest, struct slice *name, struct slice *value)
{
    struct slice field = *rest;
    size_t n = 0;

    if (rest->n == 0 || rest->p[0] == '\n')
        return false;
    do {
        const char *end = memchr(rest->p + n, '\n', rest->n - n);

        n = end == NULL ? rest->n : (size_t)(end - rest->p) + 1;
    } while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
    field.n = n;
    *rest = (struct slice){rest->p + n, rest->n - n};
    if (field.p[field.n - 1] == '\n')
        field.n--;
    if (!slice_cut(field, ':', name, value))
        return false;
    while (name->n > 0 && (name->p[name->n - 1] == ' ' || name->p[name->n - 1] == '\t'))
        name->n--;
    if (value->n > 0 && value->p[0] == ' ')
        *value = (struct slice){value->p + 1, value->n - 1};
    return true;
}

static bool is_own(const struct address *a, struct slice own)
{
    struct address base;

    return slice_eq(address_slice(a), own) ||
           (address_without_tag(a, '+', &base) && slice_eq(address_slice(&base), own));
}

static const char *judge(const struct headers *headers, struct slice own)
{
    bool any = false;

    for (size_t i = 0; i < headers->n; i++)
        any |= headers->list[i].field == HEADER_FROM;
    if (headers->bad != NULL || !any)
        return "bad";
    for (size_t i = 0; i < headers->n; i++)
        if (!is_own(&headers->list[i].address, own))
            return "foreign";
    return "fine";
}

int main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        struct slice file = read_file(argv[i]), rest = file, name, value;
        struct headers headers = {0};
        /* What stands in front of the first Received is the sink's own. */
        const char *received = memmem(file.p, file.n, "\nReceived:", 10);

        if (received == NULL)
            die(argv[i], "no Received field");
        rest = (struct slice){received + 1, (size_t)(file.p + file.n - received - 1)};
        while (next_field(&rest, &name, &value))
            headers_add(&headers, name, value);
        name = recipient_of(file, argv[i]);
        printf("%.*s %s %s\n", SLICE_ARG(name), judge(&headers, slice_of(argv[1])), argv[i]);
        headers_clear(&headers);
        free((void *)(uintptr_t)file.p);
    }
    return EXIT_SUCCESS;
}
