/*
 * What postern says of the header of a message: "fine", "foreign" (an address that is not the given one) or "bad"
 * (cannot be read without doubt). For the From oracle.
 *
 *   from_judge OWN-ADDRESS FILE...    of messages that arrived, as smtp-sink wrote them: a line each, with the
 *                                     recipient's local part, the verdict and the file
 *
 *   from_judge OWN-ADDRESS            of headers in standard input, a line of hexadecimal digits each: the verdict,
 *                                     what is wrong, and the addresses that were found
 */
#include "core/decide/sender_forms.h"
#include "core/decide/submission.h"

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
    static const struct sender_config config = {.separator = "+"};
    struct sender_forms forms;
    struct address form;

    sender_forms_start(&forms, &config, a, SENDER_IN_HEADER);
    while (sender_forms_next(&forms, &form))
        if (slice_eq(address_slice(&form), own))
            return true;
    return false;
}

static const char *judge(const struct headers *headers, struct slice own)
{
    bool any = false;

    for (size_t i = 0; i < headers->n; i++)
        any |= headers->list[i].field == HEADER_FROM;
    /* To a message without any From the milter adds the login's. */
    if (headers->bad != NULL || (!any && headers->from_possible))
        return "bad";
    for (size_t i = 0; i < headers->n; i++)
        if (!is_own(&headers->list[i].address, own))
            return "foreign";
    return "fine";
}

static void read_header(struct slice rest, struct headers *headers)
{
    struct slice name, value;

    while (next_field(&rest, &name, &value))
        headers_add(headers, name, value);
}

static void judge_file(const char *path, struct slice own)
{
    struct slice file = read_file(path), name;
    struct headers headers = {0};
    /* What stands in front of the first Received is the sink's own. */
    const char *received = memmem(file.p, file.n, "\nReceived:", 10);

    if (received == NULL)
        die(path, "no Received field");
    read_header((struct slice){received + 1, (size_t)(file.p + file.n - received - 1)}, &headers);
    name = recipient_of(file, path);
    printf("%.*s %s %s\n", SLICE_ARG(name), judge(&headers, own), path);
    headers_clear(&headers);
    free((void *)(uintptr_t)file.p);
}

static char nibble(char digit)
{
    const char *at = digit != '\0' ? strchr("0123456789abcdef", digit) : NULL;

    if (at == NULL)
        die("standard input", "not a line of hexadecimal digits");
    return (char)(at - "0123456789abcdef");
}

/* In its own place. */
static struct slice from_hex(char *line)
{
    size_t n = strcspn(line, "\n") / 2;

    for (size_t i = 0; i < n; i++)
        line[i] = (char)(nibble(line[2 * i]) << 4 | nibble(line[2 * i + 1]));
    return (struct slice){line, n};
}

static void judge_lines(struct slice own)
{
    char *line = NULL;
    size_t capacity = 0;

    while (getline(&line, &capacity, stdin) > 0) {
        struct headers headers = {0};

        read_header(from_hex(line), &headers);
        printf("%s\t%s\t", judge(&headers, own), headers.bad != NULL ? headers.bad : "");
        for (size_t i = 0; i < headers.n; i++)
            printf("%s ", headers.list[i].address.text);
        printf("\n");
        headers_clear(&headers);
    }
    free(line);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage", "from_judge OWN-ADDRESS [FILE...]");
    for (int i = 2; i < argc; i++)
        judge_file(argv[i], slice_of(argv[1]));
    if (argc == 2)
        judge_lines(slice_of(argv[1]));
    return EXIT_SUCCESS;
}
