#include "core/base/slice.h"

bool slice_ieq(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool slice_cut(struct slice s, char at, struct slice *head, struct slice *tail)
{
    const char *found = s.n > 0 ? memchr(s.p, at, s.n) : NULL;
    struct slice before = s, behind = {NULL, 0};

    if (found != NULL) {
        before.n = (size_t)(found - s.p);
        behind = (struct slice){found + 1, s.n - before.n - 1};
    }
    if (head != NULL)
        *head = before;
    if (tail != NULL)
        *tail = behind;
    return found != NULL;
}

bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool slice_starts_with_icase(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && slice_ieq((struct slice){s.p, prefix.n}, prefix);
}

bool slice_contains_icase(struct slice s, struct slice part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (slice_ieq((struct slice){s.p + i, part.n}, part))
            return true;
    return false;
}

bool slice_to_u64(struct slice s, unsigned long long max, unsigned long long *out)
{
    unsigned long long value = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)((unsigned char)s.p[i] - (unsigned char)'0');

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}
