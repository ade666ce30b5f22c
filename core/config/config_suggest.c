#include "core/config/config_table.h"

/* Longer names are not compared: no setting has one, and few mailboxes. */
#define NAME_MAX_BYTES 64

/* "Max-Age" and "max_age" count as equal. */
static char plain_letter(char c)
{
    return c == '-' || c == ' ' ? '_' : ascii_lower(c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/*
 * How many letters must be inserted, deleted, replaced or swapped with their neighbour (Damerau 1964, optimal string
 * alignment).
 */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][NAME_MAX_BYTES + 1];

    for (unsigned j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            bool equal = plain_letter(a.p[i - 1]) == plain_letter(b.p[j - 1]);

            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (equal ? 0 : 1));
            if (i > 1 && j > 1 && plain_letter(a.p[i - 1]) == plain_letter(b.p[j - 2]) &&
                plain_letter(a.p[i - 2]) == plain_letter(b.p[j - 1]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

const char *config_suggest(struct slice written, const char *const *names, size_t n)
{
    unsigned most = 1 + (unsigned)written.n / 4; /* beyond this a suggestion would only puzzle */
    const char *best = NULL;

    if (written.n > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct slice name = slice_of(names[i]);
        unsigned d = name.n <= NAME_MAX_BYTES ? distance(written, name) : most + 1;

        if (d <= most && d < written.n && (best == NULL || d < most)) {
            best = names[i];
            most = d;
        }
    }
    return best;
}
