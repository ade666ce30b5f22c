/*
 * The measure for bench/mirror.sh: how much processor time jansson takes to parse pages of Exchange Online's answers,
 * and nothing else. Each file holds pages, each behind its length: "123\n" and 123 bytes. Prints seconds and bytes.
 */
#include <jansson.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double processor_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The next page, malloc'ed; NULL at the end. */
static char *read_page(FILE *file, size_t *n)
{
    char line[32], *page;

    if (fgets(line, sizeof line, file) == NULL)
        return NULL;
    *n = strtoul(line, NULL, 10);
    page = malloc(*n + 1);
    if (page == NULL || fread(page, 1, *n, file) != *n) {
        fprintf(stderr, "a page is cut\n");
        exit(1);
    }
    return page;
}

int main(int argc, char **argv)
{
    double parsing = 0;
    size_t bytes = 0, pages = 0, n;

    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        char *page;

        if (file == NULL) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
            return 1;
        }
        while ((page = read_page(file, &n)) != NULL) {
            double from = processor_s();
            json_t *root = json_loadb(page, n, JSON_REJECT_DUPLICATES, NULL);

            if (root == NULL)
                return 1;
            json_decref(root);
            parsing += processor_s() - from;
            bytes += n;
            pages++;
            free(page);
        }
        fclose(file);
    }
    printf("%.3f s %zu bytes %zu pages\n", parsing, bytes, pages);
    return 0;
}
