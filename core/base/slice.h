/*
 * A slice: bytes that somebody else owns. Inside postern text is passed as slices, never as terminated strings, so that
 * a NUL or a missing terminator in text from outside cannot change what is compared.
 *
 * A slice never owns memory and is valid only as long as what it points into. p may be NULL only if n is 0.
 */
#ifndef POSTERN_SLICE_H
#define POSTERN_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

/* For string literals: the length is known to the compiler. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
/* For printf("%.*s"). */
#define SLICE_ARG(s) (int)(s).n, ((s).p != NULL ? (s).p : "")

/* The slice of a terminated string; NULL gives the empty slice. */
static inline struct slice slice_of(const char *s)
{
    return (struct slice){s, s != NULL ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII only, whatever the locale: RFC 5321 2.4 leaves other letters alone, and a Turkish locale would map I to another
 * letter. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit, upper or lower case; -1 for any other character. */
static inline int hex_digit(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Equal, ignoring the case of ASCII letters. */
bool slice_ieq(struct slice a, struct slice b);

/* Without leading and trailing spaces, tabs, CR and LF. */
struct slice slice_trim(struct slice s);

/*
 * Splits s at the first byte `at`: what is before it goes to *head, what is after it to *tail. Without such a byte
 * *head is all of s, *tail is empty, and it returns false. head and tail may be NULL.
 */
bool slice_cut(struct slice s, char at, struct slice *head, struct slice *tail);

bool slice_starts_with(struct slice s, struct slice prefix);
/* The same, ignoring the case of ASCII letters. */
bool slice_starts_with_icase(struct slice s, struct slice prefix);

/* Is it somewhere in s, ignoring the case of ASCII letters? */
bool slice_contains_icase(struct slice s, struct slice part);

/* Decimal digits only, no sign, no blanks; false when empty, not a number, or above max. */
bool slice_to_u64(struct slice s, unsigned long long max, unsigned long long *out);

#endif
