#include "cluster/usage_heard.h"

#include "core/journal/usage_row.h"

/* The row's own length is in front of it: core/journal/usage_row.h. */
static bool cut_row(struct slice *rest, struct slice *row)
{
    size_t size;

    if (rest->n < 2)
        return false;
    size = 2 + ((size_t)(unsigned char)rest->p[0] << 8 | (unsigned char)rest->p[1]);
    if (size > rest->n || size > USAGE_ROW_MAX)
        return false;
    *row = (struct slice){rest->p, size};
    *rest = (struct slice){rest->p + size, rest->n - size};
    return true;
}

static bool follows(const struct usage_record *r, const struct others_relay *relay)
{
    if (r->place.series == relay->last.series)
        return r->place.number == relay->last.number + 1;
    /* What was told before its start may have arrived without the relay knowing. */
    return r->place.number == 1 && r->after.series != 0 && r->after.series == relay->last.series &&
           r->after.number <= relay->last.number;
}

static void move_on(struct others_relay *relay, const struct usage_record *r, int64_t now_s)
{
    if (!follows(r, relay)) {
        relay->from = r->place;
        relay->complete = false;
    }
    relay->last = r->place;
    relay->complete = relay->complete || (r->all_told && !told_before(r->all_from, relay->from));
    /* By a clock that is fast it would not be late before that time. */
    relay->as_of_s = r->as_of_s < now_s ? r->as_of_s : now_s;
    relay->since_s = r->since_s;
    relay->heard_s = now_s;
}

static int put_rows(struct others *others, const struct others_relay *relay, struct slice rows, struct error *e)
{
    struct slice row;

    while (cut_row(&rows, &row))
        if (others_put_row(others, relay, row, e) != 0)
            return -1;
    return 0;
}

int usage_hear(struct others *others, const char *own_name, struct slice text, int64_t now_s, enum usage_heard *out,
               bool *asks, struct told_place *from, struct error *e)
{
    struct usage_record r;
    struct others_relay relay;
    int result = usage_record_read(text, &r);

    *asks = false;
    *out = result < 0 ? USAGE_HEARD_FALSE : result > 0 ? USAGE_HEARD_NEWER : USAGE_HEARD_BEFORE;
    if (result != 0 || slice_eq(r.name, slice_of(own_name)))
        return 0;
    if (others_relay(others, r.name, &relay, e) != 0)
        return -1;
    if (!told_before(relay.last, r.place))
        return 0;
    *out = USAGE_HEARD;
    for (size_t i = 0; i < r.n_asked; i++)
        if (slice_eq(r.asked[i].relay, slice_of(own_name))) {
            *from = *asks && told_before(r.asked[i].from, *from) ? *from : r.asked[i].from;
            *asks = true;
        }
    move_on(&relay, &r, now_s);
    return others_keep_relay(others, &relay, e) != 0 ? -1 : put_rows(others, &relay, r.rows, e);
}

int usage_hear_life(struct others *others, const char *own_name, struct slice name, int64_t now_s, struct error *e)
{
    struct others_relay relay;

    if (slice_eq(name, slice_of(own_name)) || name.n == 0 || name.n >= sizeof relay.name)
        return 0;
    if (others_relay(others, name, &relay, e) != 0)
        return -1;
    relay.heard_s = now_s;
    return others_keep_relay(others, &relay, e);
}

size_t usage_find_missed(const struct others_relay *list, size_t n, int64_t now_s,
                         struct usage_asked asked[OTHERS_RELAYS_MAX])
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        if (!list[i].complete && list[i].last.series != 0 && list[i].heard_s >= now_s - USAGE_TOLD_LATE_S)
            asked[found++] = (struct usage_asked){slice_of(list[i].name), list[i].from};
    return found;
}
