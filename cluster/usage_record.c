#include "cluster/usage_record.h"

#include "cluster/bytes.h"

#define FLAG_ALL_TOLD 1u
#define PLACE_BYTES 16u

/* ---- writing ---- */

static unsigned char *put_place(unsigned char *p, struct told_place place)
{
    bytes_put64(p, place.series);
    bytes_put64(p + 8, place.number);
    return p + PLACE_BYTES;
}

static unsigned char *put_name(unsigned char *p, struct slice name)
{
    size_t n = name.n < RELAY_NAME_MAX ? name.n : RELAY_NAME_MAX - 1;

    *p++ = (unsigned char)n;
    if (n > 0)
        memcpy(p, name.p, n);
    return p + n;
}

size_t usage_record_write(const struct usage_record *r, unsigned char *out)
{
    unsigned char *p = out;

    *p++ = USAGE_RECORD_VERSION;
    *p++ = r->all_told ? FLAG_ALL_TOLD : 0;
    p = put_place(p, r->place);
    p = put_place(p, r->after);
    p = put_place(p, r->all_from);
    bytes_put64(p, (uint64_t)r->as_of_s);
    bytes_put64(p + 8, (uint64_t)r->since_s);
    p = put_name(p + 16, r->name);
    *p++ = (unsigned char)r->n_asked;
    for (size_t i = 0; i < r->n_asked; i++)
        p = put_place(put_name(p, r->asked[i].relay), r->asked[i].from);
    return (size_t)(p - out);
}

/* ---- reading ---- */

static bool take(struct slice *rest, size_t n, const unsigned char **p)
{
    if (n > rest->n)
        return false;
    *p = (const unsigned char *)rest->p;
    *rest = (struct slice){rest->p + n, rest->n - n};
    return true;
}

static bool take_number(struct slice *rest, uint64_t *v)
{
    const unsigned char *p;

    if (!take(rest, 8, &p))
        return false;
    *v = bytes_get64(p);
    return *v <= INT64_MAX; /* SQLite's largest */
}

static bool take_time(struct slice *rest, int64_t *v)
{
    uint64_t number;

    if (!take_number(rest, &number))
        return false;
    *v = (int64_t)number;
    return true;
}

static bool take_place(struct slice *rest, struct told_place *place)
{
    return take_number(rest, &place->series) && take_number(rest, &place->number);
}

/* Printable, as configured names and hosts' are, so that it can be shown. */
static bool take_name(struct slice *rest, struct slice *name)
{
    const unsigned char *p;

    if (!take(rest, 1, &p) || *p == 0 || *p >= RELAY_NAME_MAX)
        return false;
    name->n = *p;
    if (!take(rest, name->n, &p))
        return false;
    name->p = (const char *)p;
    for (size_t i = 0; i < name->n; i++)
        if (p[i] <= ' ' || p[i] > '~')
            return false;
    return true;
}

int usage_record_read(struct slice text, struct usage_record *out)
{
    const unsigned char *head, *n;
    struct slice rest = text;

    memset(out, 0, sizeof *out);
    if (!take(&rest, 2, &head))
        return -1;
    if (head[0] != USAGE_RECORD_VERSION)
        return head[0] > USAGE_RECORD_VERSION ? 1 : -1;
    out->all_told = (head[1] & FLAG_ALL_TOLD) != 0;
    if (!take_place(&rest, &out->place) || out->place.series == 0 || out->place.number == 0 ||
        !take_place(&rest, &out->after) || !take_place(&rest, &out->all_from) || !take_time(&rest, &out->as_of_s) ||
        !take_time(&rest, &out->since_s) || !take_name(&rest, &out->name) || !take(&rest, 1, &n) ||
        *n > USAGE_ASKED_MAX)
        return -1;
    for (; out->n_asked < *n; out->n_asked++)
        if (!take_name(&rest, &out->asked[out->n_asked].relay) || !take_place(&rest, &out->asked[out->n_asked].from))
            return -1;
    out->rows = rest;
    return 0;
}
