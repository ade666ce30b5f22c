/*
 * What a look-up of an identity costs, in nanoseconds, in a directory that is there:
 *
 *     directory_lookup DIRECTORY
 *
 * spread: all mailboxes of the first tenant in an order without any; hot: a hundred of them over and over; absent:
 * names that nobody has. The least of five rounds each. A view is what it costs to get one, ask once, and give it back.
 */
#include "core/base/clock.h"
#include "core/directory/directory_record.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 5
#define HOT 100u
#define ASKED 1000000u

struct names {
    struct slice *p;
    size_t n, cap;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "directory_lookup: %s\n", what);
    exit(EXIT_FAILURE);
}

static uint64_t next_random(void)
{
    static uint64_t state = 7;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 20;
}

static struct names read_names(const struct directory_view *v)
{
    struct names names = {0};
    struct mailbox_record r;

    for (enum directory_result found = directory_next_mailbox(v, 0, NULL, &r); found == DIRECTORY_FOUND;
         found = directory_next_mailbox(v, 0, &r.id, &r)) {
        char *copy = malloc(r.primary.n + 1);

        if (names.n == names.cap) {
            names.cap = names.cap > 0 ? 2 * names.cap : 1024;
            names.p = realloc(names.p, names.cap * sizeof *names.p);
        }
        if (names.p == NULL || copy == NULL)
            die("out of memory");
        memcpy(copy, r.primary.p, r.primary.n);
        names.p[names.n++] = (struct slice){copy, r.primary.n};
    }
    for (size_t i = names.n; i > 1; i--) {
        size_t j = next_random() % i;
        struct slice kept = names.p[i - 1];

        names.p[i - 1] = names.p[j];
        names.p[j] = kept;
    }
    return names;
}

static double ask(const struct directory_view *v, const struct names *names, size_t of, enum directory_result expected)
{
    uint64_t least = UINT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t began = clock_boot_ns(), took;

        for (size_t i = 0; i < ASKED; i++) {
            struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
            unsigned n;

            if (directory_by_address(v, 0, names->p[i % of], refs, &n) != expected)
                die("an answer is not as expected");
        }
        took = clock_boot_ns() - began;
        least = took < least ? took : least;
    }
    return (double)least / ASKED;
}

static double ask_views(struct directory *d, const struct names *names)
{
    uint64_t began = clock_boot_ns();

    for (size_t i = 0; i < ASKED; i++) {
        struct directory_view *v = directory_view_get(d);
        struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
        unsigned n;

        if (v == NULL || directory_by_address(v, 0, names->p[i % HOT], refs, &n) != DIRECTORY_FOUND)
            die("no view");
        directory_view_put(d, v);
    }
    return (double)(clock_boot_ns() - began) / ASKED;
}

int main(int argc, char **argv)
{
    struct directory *d = NULL;
    struct directory_view *v;
    struct names names, absent = {0};
    struct error e;

    if (argc != 2)
        die("expected a directory's folder");
    if (directory_open(argv[1], &d, &e) != 0 || directory_refresh(d, &e) < 0)
        die(e.text);
    if ((v = directory_view_get(d)) == NULL)
        die("there is no directory");
    names = read_names(v);
    if (names.n < HOT)
        die("too few mailboxes");
    absent.p = calloc(names.n, sizeof *absent.p);
    for (size_t i = 0; absent.p != NULL && i < names.n; i++)
        absent.p[i] = (struct slice){names.p[i].p, names.p[i].n - 1};
    printf("mailboxes=%zu spread_ns=%.0f hot_ns=%.0f absent_ns=%.0f view_ns=%.0f\n", names.n,
           ask(v, &names, names.n, DIRECTORY_FOUND), ask(v, &names, HOT, DIRECTORY_FOUND),
           ask(v, &absent, names.n, DIRECTORY_NOT_FOUND), ask_views(d, &names));
    directory_view_put(d, v);
    directory_close(d);
    return 0;
}
