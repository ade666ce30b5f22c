/* What people write, when, from where. README.md has the assumptions in words. */
#include "bench/blunting/blunting.h"

/* Salts, so that one person's day has several independent streams of numbers. */
enum salt { SALT_DAY = 1, SALT_PLACE, SALT_MOBILE, SALT_HOME, SALT_TRIP, SALT_VPN, SALT_HOST };

static uint64_t salted(const struct organization *o, uint32_t who, enum salt salt, uint64_t what)
{
    return dice_hash(dice_hash(o->seed ^ (uint64_t)salt << 56, who), what);
}

static double unit_of(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53;
}

/* ---- where ---- */

/* Some network somewhere: an hotel's, a café's, a private VPN's. */
static client_t net_somewhere(uint64_t hash)
{
    return (client_t)((100 + hash % 80) << 24 | ((hash >> 8) & 0xffff) << 8 | ((hash >> 24) & 0xff));
}

/* A carrier hides its customers behind networks that change every few hours; with IPv6 each day brings another /64. */
static client_t mobile_client(const struct organization *o, uint32_t who, uint64_t at)
{
    const struct actor *a = &o->actors[who];
    uint64_t hash = salted(o, who, SALT_MOBILE, at / (3 * HOUR));

    if (a->mobile_v6)
        return (UINT64_C(0x2a000000) + a->carrier) << 32 | (salted(o, who, SALT_MOBILE, at / (12 * HOUR)) & 0xffffffff);
    return (client_t)((60 + a->carrier) << 24 | (hash % 96) << 8 | ((hash >> 32) & 0xff));
}

static client_t home_client(const struct organization *o, uint32_t who, uint64_t at)
{
    const struct actor *a = &o->actors[who];
    uint64_t today = salted(o, who, SALT_HOME, at / DAY);

    switch (a->home) {
    case HOME_V4_DAILY:
        return (client_t)((80 + a->provider) << 24 | (today % 2000) << 8 | ((today >> 32) & 0xff));
    case HOME_V6_DAILY:
        return (UINT64_C(0x2a010000) + a->provider) << 32 | (today & 0xffffff00);
    default:
        return a->home_net;
    }
}

static client_t travelling_client(const struct organization *o, uint32_t who, uint64_t at)
{
    const struct actor *a = &o->actors[who];
    uint64_t hash = salted(o, who, SALT_PLACE, at / (2 * HOUR));
    unsigned hour = (unsigned)(at % DAY / HOUR);
    double place = unit_of(hash);

    if (a->private_vpn && place < 0.3)
        return net_somewhere(salted(o, 0, SALT_VPN, hash % 300));
    if (hour < 8 || hour >= 18)
        return place < 0.8 ? net_somewhere(salted(o, who, SALT_TRIP, a->trip)) : mobile_client(o, who, at);
    return place < 0.4 ? net_somewhere(hash) : place < 0.85 ? mobile_client(o, who, at) : a->net + 5;
}

client_t person_client(const struct organization *o, uint32_t who, uint64_t at)
{
    const struct actor *a = &o->actors[who];
    unsigned day = (unsigned)(at / DAY), hour = (unsigned)(at % DAY / HOUR);
    double place = unit_of(salted(o, who, SALT_PLACE, at / (30 * MINUTE)));
    bool at_home = is_weekend(day) || hour < 7 || hour >= 19 || unit_of(salted(o, who, SALT_DAY, day)) < 0.35;

    if (a->trip_until > day)
        return travelling_client(o, who, at);
    if (at_home)
        return place < 0.85 ? home_client(o, who, at) : mobile_client(o, who, at);
    return place < 0.88 ? a->net + 20 + (who & 0x7f) : mobile_client(o, who, at);
}

/* ---- when ---- */

static uint64_t time_of_day(struct dice *d)
{
    static const double weight[24] = {.1, .05, .03, .03, .1, .4, 1, 4, 9,   11,  11, 9,
                                      6,  8,   10,  10,  9,  6,  3, 2, 1.5, 1.2, .8, .4};
    double sum = 0, at;
    unsigned hour = 0;

    for (unsigned i = 0; i < 24; i++)
        sum += weight[i];
    at = dice_unit(d) * sum;
    while (hour < 23 && at >= weight[hour])
        at -= weight[hour++];
    return hour * HOUR + dice_between(d, 0, HOUR - 1);
}

static bool is_away(const struct actor *a, unsigned day)
{
    for (unsigned i = 0; i < HOLIDAYS_EACH; i++)
        if (day >= a->away[i].from && day <= a->away[i].to)
            return true;
    return false;
}

static bool was_away_yesterday(const struct actor *a, unsigned day)
{
    for (unsigned i = 0; i < HOLIDAYS_EACH; i++)
        if (day > a->away[i].to && day <= a->away[i].to + 3 && a->away[i].to >= a->away[i].from + 4)
            return true;
    return false;
}

/* ---- what ---- */

static uint16_t number_of_recipients(struct dice *d)
{
    double u = dice_unit(d);

    if (u < 0.68)
        return 1;
    if (u < 0.90)
        return (uint16_t)dice_between(d, 2, 4);
    if (u < 0.98)
        return (uint16_t)dice_between(d, 5, 12);
    if (u < 0.9998)
        return (uint16_t)dice_between(d, 13, 80); /* replies to all */
    return (uint16_t)dice_between(d, 150, 450);   /* invitations, as blind copies */
}

static void put(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, uint64_t at,
                enum kind kind, enum recipients_of to)
{
    struct mail m = {.at = at,
                     .seed = dice_next(d),
                     .actor = who,
                     .client = person_client(o, who, at),
                     .n = to == TO_CONTACTS ? number_of_recipients(d) : 1,
                     .kind = (uint8_t)kind,
                     .to = (uint8_t)to};

    /* One message in twenty goes to somebody new. */
    if (to == TO_CONTACTS && dice_chance(d, 0.05))
        m.to = TO_STRANGERS;
    queue_put(q, &m);
}

/* As many messages as a mail merge makes, one every second or so, or as many as one person writes in a day. */
static void sales_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day)
{
    uint64_t at = day * DAY + 9 * HOUR + dice_between(d, 0, 6 * HOUR);
    bool travels = o->actors[who].trip_until > day;
    unsigned n;

    if (dice_chance(d, travels ? 0.004 : 0.02)) {
        uint64_t gap = dice_between(d, 700, 3000);

        n = (unsigned)dice_between(d, 50, 150);
        for (unsigned i = 0; i < n; i++)
            put(o, q, d, who, at + i * gap, KIND_MERGE, TO_STRANGERS);
    } else if (dice_chance(d, 0.01)) {
        n = (unsigned)dice_between(d, 80, 120);
        for (unsigned i = 0; i < n; i++)
            put(o, q, d, who, day * DAY + 8 * HOUR + dice_between(d, 0, 9 * HOUR), KIND_PROSPECTS, TO_STRANGERS);
    } else if (travels && dice_chance(d, 0.1)) { /* after a fair, in the hotel */
        n = (unsigned)dice_between(d, 15, 40);
        for (unsigned i = 0; i < n; i++)
            put(o, q, d, who, day * DAY + 19 * HOUR + dice_between(d, 0, 3 * HOUR), KIND_PROSPECTS, TO_STRANGERS);
    }
}

static void written_while_flying(const struct organization *o, struct queue *q, struct dice *d, uint32_t who,
                                 unsigned day)
{
    uint64_t at = day * DAY + 11 * HOUR + dice_between(d, 0, 9 * HOUR);
    unsigned n = 2 + dice_poisson(d, o->actors[who].mean * dice_unit(d) * 0.35); /* up to a third of a day's */

    for (unsigned i = 0; i < n && i < 40; i++)
        put(o, q, d, who, at + i * 400, KIND_OUTBOX, TO_CONTACTS);
}

static void begin_trip(const struct organization *o, struct actor *a, struct dice *d, unsigned day)
{
    (void)o;
    if (a->trip_until > day || is_weekend(day) || !a->traveller || !dice_chance(d, a->sales ? 0.07 : 0.04))
        return;
    a->trip_until = day + (unsigned)dice_between(d, 2, 5);
    a->trip = dice_next(d);
}

static void person_day(struct organization *o, struct queue *q, uint32_t who, unsigned day)
{
    struct actor *a = &o->actors[who];
    struct dice d = {dice_hash(dice_hash(o->seed, who), day)};
    bool free_day = is_weekend(day) || is_public_holiday(day);
    double mean = a->mean * dice_lognormal(&d, 0.95, 0.3);
    unsigned n;
    bool travels;

    if (day < a->joins_day || is_away(a, day))
        return;
    begin_trip(o, a, &d, day);
    travels = a->trip_until > day;
    if (free_day)
        mean *= travels ? 0.3 : dice_chance(&d, 0.1) ? 0.15 : 0;
    if (was_away_yesterday(a, day))
        mean *= 2;
    if (a->joins_day > 0 && day < a->joins_day + 14)
        mean *= 0.5;
    if (who % 50 == 7 && day >= ROLES_DAY)
        mean *= 3;
    n = dice_poisson(&d, mean);
    for (unsigned i = 0; i < n && i < 180; i++)
        put(o, q, &d, who, day * DAY + time_of_day(&d), travels ? KIND_TRAVELLING : KIND_WRITTEN, TO_CONTACTS);
    if (travels && dice_chance(&d, 0.25))
        written_while_flying(o, q, &d, who, day);
    if (a->sales && !free_day)
        sales_day(o, q, &d, who, day);
}

void people_day(struct organization *o, struct queue *q, unsigned day)
{
    for (uint32_t i = 0; i < o->n_people; i++)
        person_day(o, q, i, day);
}
