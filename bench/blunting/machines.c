/* What devices and applications send. */
#include "bench/blunting/blunting.h"

static void put(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, uint64_t at,
                enum kind kind, enum recipients_of to, unsigned n)
{
    struct mail m = {.at = at,
                     .seed = dice_next(d),
                     .actor = who,
                     .client = o->actors[who].net,
                     .n = (uint16_t)n,
                     .kind = (uint8_t)kind,
                     .to = (uint8_t)to};

    queue_put(q, &m);
}

/* Single scans over the working day; and whole folders, page after page. */
static void printer_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day)
{
    bool free_day = is_weekend(day) || is_public_holiday(day);
    unsigned n = dice_poisson(d, free_day ? 0.3 : 20);

    for (unsigned i = 0; i < n; i++)
        put(o, q, d, who, day * DAY + 7 * HOUR + dice_between(d, 0, 11 * HOUR), KIND_SCAN, TO_COLLEAGUE, 1);
    for (n = free_day ? 0 : dice_poisson(d, 0.3); n > 0; n--) {
        uint64_t at = day * DAY + 8 * HOUR + dice_between(d, 0, 8 * HOUR), colleague = dice_next(d);
        unsigned pages = (unsigned)dice_between(d, 20, 60);
        uint64_t gap = dice_between(d, 2 * MINUTE, 6 * MINUTE) / pages;

        for (unsigned i = 0; i < pages; i++) {
            struct mail m = {.at = at + i * gap,
                             .seed = colleague,
                             .actor = who,
                             .client = o->actors[who].net,
                             .n = 1,
                             .kind = KIND_SCAN,
                             .to = TO_COLLEAGUE};

            queue_put(q, &m);
        }
    }
}

/* A few a day; when something large breaks, dozens in minutes, at any hour; now and then a bad day of hours. */
static void monitor_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day)
{
    unsigned n = dice_poisson(d, 12);

    for (unsigned i = 0; i < n; i++)
        put(o, q, d, who, day * DAY + dice_between(d, 0, DAY - 1), KIND_ALERT, TO_FIXED, 3);
    if (dice_chance(d, 0.1)) {
        uint64_t at = day * DAY + dice_between(d, 0, DAY - 1), length = dice_between(d, 1 * MINUTE, 6 * MINUTE);

        n = (unsigned)dice_between(d, 30, 100);
        for (unsigned i = 0; i < n; i++)
            put(o, q, d, who, at + dice_between(d, 0, length), KIND_ALERT, TO_FIXED, 3);
    }
    if (dice_chance(d, 0.01)) {
        uint64_t at = day * DAY + dice_between(d, 0, DAY - 1), length = dice_between(d, 3, 8);

        n = (unsigned)length * 20;
        for (unsigned i = 0; i < n; i++)
            put(o, q, d, who, at + dice_between(d, 0, length * HOUR), KIND_ALERT, TO_FIXED, 3);
    }
}

static void tickets_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day)
{
    unsigned n = is_weekend(day) || is_public_holiday(day) ? 30 : 250 + dice_poisson(d, 150);

    for (unsigned i = 0; day >= o->actors[who].joins_day && i < n; i++)
        put(o, q, d, who, day * DAY + 7 * HOUR + dice_between(d, 0, 13 * HOUR), KIND_TICKET, TO_STRANGERS, 1);
}

/* Invoices and reminders, from one to five in the morning of working days; twice as many at the end of a month, and
 * half as many again in December. */
static void batch_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day)
{
    unsigned n = is_weekend(day) ? 0 : 4 * (unsigned)dice_between(d, 200, 500);

    n = is_end_of_month(day) ? n * 2 : is_december(day) ? n * 3 / 2 : n;
    for (unsigned i = 0; i < n; i++)
        put(o, q, d, who, day * DAY + HOUR + dice_between(d, 0, 4 * HOUR), KIND_BATCH, TO_STRANGERS, 1);
}

/* To everybody, pensioners among them, within minutes on the 25th; in December twice. */
static void payroll_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day)
{
    unsigned n = day_of_month(day) != 25 ? 0 : is_december(day) ? 4000 : 2000;

    for (unsigned i = 0; i < n; i++) {
        struct mail m = {.at = day * DAY + 10 * HOUR + i * 240,
                         .seed = i,
                         .actor = who,
                         .client = o->actors[who].net,
                         .n = 1,
                         .kind = i < 2000 ? KIND_PAYROLL : KIND_PAYROLL_DOUBLED,
                         .to = TO_EVERYBODY};

        queue_put(q, &m);
    }
    (void)d;
}

static void newsletter_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day)
{
    for (unsigned i = 0; day % 14 == 5 && i < 6000; i++) {
        struct mail m = {.at = day * DAY + 14 * HOUR + i * 100,
                         .seed = 100000 + i,
                         .actor = who,
                         .client = o->actors[who].net,
                         .n = 1,
                         .kind = KIND_NEWSLETTER,
                         .to = TO_EVERYBODY};

        queue_put(q, &m);
    }
    (void)d;
}

typedef void machine_day(const struct organization *o, struct queue *q, struct dice *d, uint32_t who, unsigned day);

void machines_day(const struct organization *o, struct queue *q, unsigned day)
{
    static machine_day *const days[CLASSES] = {
        [PRINTER] = printer_day, [MONITOR] = monitor_day, [TICKETS] = tickets_day,
        [BATCH] = batch_day,     [PAYROLL] = payroll_day, [NEWSLETTER] = newsletter_day};

    for (uint32_t i = o->n_people; i < o->n; i++) {
        struct dice d = {dice_hash(dice_hash(o->seed ^ 0xdeb1ce, i), day)};

        if (days[o->actors[i].class] != NULL)
            days[o->actors[i].class](o, q, &d, i, day);
    }
}
