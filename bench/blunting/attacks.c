/*
 * Attacks on stolen logins. An attacker goes on for two weeks, whatever the answers; after many refusals in a row he
 * tries less often, which lets nothing less through and spares the simulation.
 */
#include "bench/blunting/blunting.h"

#define AT_FULL_SPEED (200 * 1) /* ms between attempts */
#define ROW_LONG 3000           /* refusals in a row, from which on a try every ten seconds, */
#define TRY_AGAIN (10 * SECOND) /* and on later days every minute, is as good as any */
#define TRY_LATER (1 * MINUTE)
#define WEEKS_LONG (10 * DAY)
#define ONE_AGAIN (1 * MINUTE) /* a thief who tries again does so once for each message */

enum retries { RETRIES_NOT, RETRIES_AFTER_A_MINUTE, RETRIES_AT_ONCE };

static const struct attack {
    const char *name;
    enum class victim;
    unsigned clients; /* addresses; 0: the victim's own */
    unsigned recipients;
    enum recipients_of to;
    uint64_t gap; /* between attempts */
    unsigned day, hour;
    bool spread;      /* senders */
    uint64_t warm_up; /* one message a day for so long before */
    enum retries retries;
    unsigned days; /* 0: two weeks */
    bool top;      /* those who send most */
} attacks[] = {
    {"one address, full speed", PERSON, 1, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"40 addresses, full speed", PERSON, 40, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"4,000 addresses, full speed", PERSON, 4000, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"to the victim's own correspondents", PERSON, 1, 1, TO_CONTACTS, AT_FULL_SPEED, .hour = 10},
    {"all to one recipient", PERSON, 1, 1, TO_ONE, AT_FULL_SPEED, .hour = 10},
    {"another sender each time, 40 addresses", PERSON, 40, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10, .spread = true},
    {"a printer's login, from outside", PRINTER, 1, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"a login that was never used", UNUSED, 1, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"at three in the morning", PERSON, 1, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 3},
    {"20 recipients each", PERSON, 1, 20, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"500 recipients each", PERSON, 1, 500, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"mixture: 40 addresses, known and new recipients, 5 each", PERSON, 40, 5, TO_MIXTURE, AT_FULL_SPEED, .hour = 10},
    {"slow: one a minute, one address", PERSON, 1, 1, TO_STRANGERS, MINUTE, .hour = 10},
    {"slow: one in ten minutes, one address", PERSON, 1, 1, TO_STRANGERS, 10 * MINUTE, .hour = 10},
    {"slow: one in ten minutes, 20 recipients each", PERSON, 1, 20, TO_STRANGERS, 10 * MINUTE, .hour = 10},
    {"slow: one a minute, 4,000 addresses", PERSON, 4000, 1, TO_STRANGERS, MINUTE, .hour = 10},
    {"slow: one in ten minutes, 4,000 addresses", PERSON, 4000, 1, TO_STRANGERS, 10 * MINUTE, .hour = 10},
    {"patient: one a day for ten days, then full speed", PERSON, 1, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10,
     .warm_up = WEEKS_LONG},
    {"from the victim's own computer, full speed", PERSON, 0, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"from the victim's own computer, one a minute", PERSON, 0, 1, TO_STRANGERS, MINUTE, .hour = 10},
    {"two days after postern was put in place", PERSON, 1, 1, TO_STRANGERS, AT_FULL_SPEED, .day = ATTACK_EARLY_DAY,
     .hour = 10},
    {"own computer, while postern is new", PERSON, 0, 1, TO_STRANGERS, AT_FULL_SPEED, .day = ATTACK_EARLY_DAY,
     .hour = 10, .days = 3},
    {"own computer, trying each message again after a minute", PERSON, 0, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10,
     .retries = RETRIES_AFTER_A_MINUTE},
    {"own computer, trying each message again at once", PERSON, 0, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10,
     .retries = RETRIES_AT_ONCE},
    {"own computer, just below the limits for eight weeks", PERSON, 0, 1, TO_STRANGERS, 5 * MINUTE, .hour = 10,
     .days = 56},
    {"own computer, those who send most", PERSON, 0, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10, .top = true},
    {"own computer, 20 recipients each", PERSON, 0, 20, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"a printer's own network", PRINTER, 0, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
    {"a nightly batch's own computer", BATCH, 0, 1, TO_STRANGERS, AT_FULL_SPEED, .hour = 10},
};

unsigned attacks_count(void)
{
    return sizeof attacks / sizeof *attacks;
}

const char *attack_name(unsigned attack)
{
    return attacks[attack].name;
}

bool attack_spreads_senders(const struct attack_result *r)
{
    return attacks[r->attack].spread;
}

unsigned attack_days(unsigned attack)
{
    return attacks[attack].days > 0 ? attacks[attack].days : ATTACK_DAYS;
}

static uint64_t begins(const struct attack *a)
{
    return (a->day > 0 ? a->day : ATTACK_START_DAY) * DAY + a->hour * HOUR;
}

unsigned attack_first_day(unsigned attack)
{
    return (unsigned)((begins(&attacks[attack]) - attacks[attack].warm_up) / DAY);
}

unsigned attack_last_day(unsigned attack)
{
    return (unsigned)(begins(&attacks[attack]) / DAY) + attack_days(attack) + 1;
}

static bool may_be_victim(const struct actor *a, enum class victim)
{
    return a->class == victim && a->joins_day == 0;
}

/* Who has exactly k people above him that send more. */
static uint32_t top_sender(const struct organization *o, unsigned k)
{
    for (uint32_t i = 0; i < o->n_people; i++) {
        unsigned above = 0;

        for (uint32_t j = 0; may_be_victim(&o->actors[i], PERSON) && j < o->n_people; j++)
            above += may_be_victim(&o->actors[j], PERSON) &&
                     (o->actors[j].mean > o->actors[i].mean || (o->actors[j].mean == o->actors[i].mean && j < i));
        if (may_be_victim(&o->actors[i], PERSON) && above == k)
            return i;
    }
    return 0;
}

/* People of many habits: neither those who sell nor those who travel are left out, but they are there by then. */
uint32_t attack_victim(const struct organization *o, unsigned attack, unsigned k)
{
    enum class victim = attacks[attack].victim;
    unsigned all = 0, n = 0, wanted;

    if (attacks[attack].top)
        return top_sender(o, k);
    for (uint32_t i = 0; i < o->n; i++)
        all += may_be_victim(&o->actors[i], victim);
    wanted = (victim == PERSON ? attack * 3 + k * 5 : k) % (all > 0 ? all : 1);
    for (uint32_t i = 0; i < o->n; i++)
        if (may_be_victim(&o->actors[i], victim) && n++ == wanted)
            return i;
    return 0;
}

static client_t client_of(const struct organization *o, const struct attack *a, const struct mail *m, uint64_t attempt)
{
    uint64_t number, hash;

    if (a->clients == 0)
        return o->actors[m->actor].class == PERSON ? person_client(o, m->actor, m->at) : o->actors[m->actor].net;
    number = dice_hash(attempt, o->seed) % a->clients;
    hash = dice_hash(dice_hash(o->seed, m->attack + 1u), number);
    return (client_t)((20 + hash % 38) << 24 | ((hash >> 8) & 0xffffff));
}

static void put(const struct organization *o, struct queue *q, const struct attack_result *r, unsigned row, uint64_t at,
                uint64_t attempt)
{
    const struct attack *a = &attacks[r->attack];
    struct mail m = {.at = at,
                     .actor = r->victim,
                     .attack = (uint16_t)row,
                     .kind = KIND_ATTACK,
                     .n = (uint16_t)a->recipients,
                     .to = (uint8_t)a->to};

    m.first = at;
    m.seed = dice_hash(dice_hash(o->seed ^ 0xa77ac4, row), attempt);
    m.client = client_of(o, a, &m, attempt);
    queue_put(q, &m);
}

void attacks_begin(const struct organization *o, struct queue *q, struct attack_result *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct attack *a = &attacks[rows[i].attack];

        rows[i].blocked_at = UINT64_MAX;
        rows[i].began = begins(a);
        put(o, q, &rows[i], i, rows[i].began - a->warm_up, 0);
    }
}

static void count(const struct attack *a, const struct mail *m, struct attack_result *r)
{
    uint64_t since = m->at - r->began, day = since / DAY;

    r->total++;
    r->recipients += a->recipients;
    r->first_hour += since < HOUR;
    r->first_day += day == 0;
    r->recipients_first_day += day == 0 ? a->recipients : 0;
    r->before_block += r->blocked_at == UINT64_MAX;
    r->today = r->today_day == day ? r->today + 1 : 1;
    r->today_day = day;
    if (day > 0 && r->today > r->worst_day)
        r->worst_day = r->today;
}

static uint64_t wait_of(const struct attack *a, const struct mail *m, const struct attack_result *r)
{
    uint64_t since = m->at - r->began, gap = a->gap;

    if (m->at < r->began)
        return m->at + DAY < r->began ? DAY : r->began - m->at;
    /* Nothing lets more through than this, so that nobody need try faster for long. */
    if (gap == AT_FULL_SPEED && since >= HOUR)
        gap = (since < DAY ? SECOND : 2 * SECOND) * (a->recipients > 5 ? 5 : a->recipients);
    if (r->row > ROW_LONG)
        gap = since < DAY ? TRY_AGAIN : TRY_LATER;
    return gap > a->gap ? gap : a->gap;
}

/* The same message once more. True: and the next one only then. */
static bool try_again(const struct attack *a, struct queue *q, const struct mail *m, enum outcome outcome,
                      struct attack_result *r)
{
    struct mail again = *m;

    if (outcome != DEFERRED || a->retries == RETRIES_NOT || m->tries > 0)
        return false;
    again.tries = 1;
    again.at += a->retries == RETRIES_AT_ONCE ? AT_FULL_SPEED : ONE_AGAIN;
    queue_put(q, &again);
    r->waiting++;
    return a->retries == RETRIES_AT_ONCE;
}

/*
 * Attempts at a login that is blocked change nothing: only that each is another one counts. All blocks are of logins,
 * so that other addresses do no better. Where messages wait to be tried again, these count in between.
 */
static uint64_t skip_blocked(const struct attack *a, struct mail m, uint64_t blocked_ms, struct attack_result *r)
{
    uint64_t until = r->waiting == 0 ? m.at + blocked_ms : 0, end = r->began + attack_days(r->attack) * DAY;

    for (m.at += wait_of(a, &m, r); m.at >= r->began && m.at < until && m.at < end; m.at += wait_of(a, &m, r)) {
        r->attempts++;
        r->row++;
    }
    return m.at;
}

void attack_goes_on(const struct organization *o, struct queue *q, const struct mail *m, enum outcome outcome,
                    uint64_t blocked_ms, struct attack_result *r)
{
    const struct attack *a = &attacks[r->attack];
    uint64_t next;

    r->attempts++;
    r->waiting -= m->tries > 0;
    r->row = outcome == PASSED ? 0 : r->row + 1;
    if (outcome == PASSED && m->at >= r->began)
        count(a, m, r);
    if (outcome == BLOCKED && r->blocked_at == UINT64_MAX && m->at >= r->began)
        r->blocked_at = m->at - r->began;
    if (try_again(a, q, m, outcome, r) || (m->tries > 0 && a->retries == RETRIES_AFTER_A_MINUTE))
        return;
    next = outcome == BLOCKED ? skip_blocked(a, *m, blocked_ms, r) : m->at + wait_of(a, m, r);
    if (next < r->began + attack_days(r->attack) * DAY)
        put(o, q, r, m->attack, next, r->attempts);
}
