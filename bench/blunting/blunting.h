/*
 * A year of a made-up organization's mail, and attacks on stolen logins, through the engine (core/engine/engine.h) as
 * it is shipped. Only the clock is made up (clock.c), so that a year takes seconds. One seed, one outcome.
 *
 * Times are milliseconds since the start of the simulation, which is the first of January 2026, a Thursday, 0:00.
 */
#ifndef POSTERN_BENCH_BLUNTING_H
#define POSTERN_BENCH_BLUNTING_H

#include "core/engine/engine.h"

#include <stddef.h>
#include <stdio.h>

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- clock.c: takes the place of core/base/clock.c ---- */

void clock_turn_to(uint64_t ms);

/* ---- random.c: the same numbers for the same seed, everywhere ---- */

struct dice {
    uint64_t state;
};

uint64_t dice_hash(uint64_t a, uint64_t b); /* of two numbers, one */
uint64_t dice_next(struct dice *d);
double dice_unit(struct dice *d);                                   /* [0, 1) */
uint64_t dice_between(struct dice *d, uint64_t low, uint64_t high); /* both may come */
bool dice_chance(struct dice *d, double p);
unsigned dice_poisson(struct dice *d, double mean);
double dice_lognormal(struct dice *d, double median, double sigma);

/* ---- organization.c: who there is ---- */

enum class {
    PERSON,
    PRINTER,
    MONITOR,
    TICKETS,
    BATCH,
    PAYROLL,
    NEWSLETTER,
    UNUSED, /* a mailbox that may use SMTP AUTH and never does */
    CLASSES
};
const char *class_name(enum class class);

/* IPv4: the address; IPv6: the upper 64 bits of the address. */
typedef uint64_t client_t;

enum home { HOME_V4, HOME_V4_DAILY, HOME_V6_DAILY };

#define HOLIDAYS_EACH 4

/* How a client goes on with a message that was deferred. */
enum again {
    AGAIN_LIKE_POSTFIX, /* after 5 minutes, then twice as long each time, at most 4,000 s */
    AGAIN_AT_ONCE,      /* after 10 s, then like Postfix */
    AGAIN_MINUTE,
    AGAIN_QUARTER,
    AGAIN_HOUR,
    AGAIN_NEVER
};

struct actor {
    enum class class;
    char name[64];
    struct login login;
    struct address address;
    /* people */
    double mean;        /* messages a working day */
    unsigned contacts;  /* correspondents */
    unsigned joins_day; /* 0: was there before */
    struct {
        unsigned from, to; /* days, both away */
    } away[HOLIDAYS_EACH];
    bool sales, traveller, private_vpn, mobile_v6;
    enum home home;
    unsigned provider, carrier;
    client_t home_net;
    unsigned trip_until; /* day; 0: none */
    uint64_t trip;       /* number of the trip */
    /* devices and applications; people's office */
    client_t net;
    enum again again;
    uint64_t begins; /* when it sent its first message, ms + 1; 0: not yet */
};

struct organization {
    uint64_t seed;
    unsigned n_people;
    struct actor *actors; /* people first */
    unsigned n;
};

/* The day on which a merger brings `merged` people more, and a second ticket system; that on which one person in fifty
 * gets another task, with three times the mail. */
#define MERGER_DAY 250u
#define ROLES_DAY 200u

/* NULL without memory. */
struct organization *organization_make(uint64_t seed, unsigned people, unsigned merged);
void organization_free(struct organization *o);
/* Writes the directory that postern reads. 0, or -1 with e. */
int organization_directory(const struct organization *o, const char *folder, struct error *e);

/* ---- days ---- */

bool is_weekend(unsigned day);
bool is_public_holiday(unsigned day);
unsigned day_of_month(unsigned day); /* 1..31 */
bool is_end_of_month(unsigned day);  /* its last three days */
bool is_december(unsigned day);

/* ---- mail ---- */

enum recipients_of {
    TO_CONTACTS,  /* correspondents of the sender */
    TO_STRANGERS, /* nobody wrote to them before */
    TO_FIXED,     /* the same few */
    TO_COLLEAGUE, /* one of the organization */
    TO_EVERYBODY, /* the seed-th member of a long list */
    TO_ONE,       /* always the same one */
    TO_MIXTURE    /* contacts and strangers in turn */
};

/* What a message is, for the table. */
enum kind {
    KIND_WRITTEN,
    KIND_TRAVELLING,
    KIND_OUTBOX, /* written without a network, sent in one go from a new one */
    KIND_MERGE,
    KIND_PROSPECTS, /* many new recipients, by hand */
    KIND_SCAN,
    KIND_ALERT,
    KIND_TICKET,
    KIND_BATCH,
    KIND_PAYROLL,
    KIND_PAYROLL_DOUBLED, /* the second half of the December run */
    KIND_NEWSLETTER,
    KINDS,
    KIND_ATTACK
};
const char *mail_kind_name(enum kind kind);

struct mail {
    uint64_t at, first; /* of this attempt, of the first one */
    uint64_t order;     /* among those of the same time */
    uint64_t seed;      /* recipients follow from it */
    client_t client;
    uint32_t actor;
    uint16_t n;      /* recipients */
    uint16_t attack; /* the row of its result */
    uint8_t kind, to, tries;
};

#define MAIL_RECIPIENTS_MAX 1000

/* A queue by time. */
struct queue {
    struct mail *mail;
    size_t n, capacity;
    uint64_t order;
};
void queue_put(struct queue *q, const struct mail *m);
bool queue_take(struct queue *q, struct mail *out);

/* Puts what all of the organization send on that day into the queue. */
void people_day(struct organization *o, struct queue *q, unsigned day);
void machines_day(const struct organization *o, struct queue *q, unsigned day);
/* Where a person's client is at that time. */
client_t person_client(const struct organization *o, uint32_t who, uint64_t at);

/* The i-th recipient of a message as text. */
void recipient_text(const struct organization *o, const struct mail *m, unsigned i, char *out, size_t size);

/* ---- relay.c: what postern says ---- */

enum outcome { PASSED, DEFERRED, REFUSED, BLOCKED };

struct relay {
    struct engine *engine;
    struct engine_session *session;
    struct recipients recipients;
    const char *limit;   /* that spoke last; of the configuration */
    uint64_t blocked_ms; /* how long the login's block still lasts; 0: there is none, or it never ends */
};

int relay_open(struct relay *r, const char *config, struct error *e);
void relay_close(struct relay *r);
/* spread: the sender is a sub-address, another one each time. */
enum outcome relay_submit(struct relay *r, const struct organization *o, const struct mail *m, bool spread,
                          enum reason *reason);

/* ---- attacks.c ---- */

struct attack_result {
    unsigned attack; /* which */
    uint32_t victim;
    uint64_t first_hour, first_day, total; /* messages let through */
    uint64_t recipients_first_day, recipients;
    uint64_t worst_day; /* after the first */
    uint64_t today, today_day;
    uint64_t before_block, blocked_at; /* UINT64_MAX: never blocked */
    uint64_t attempts, row;            /* refusals in a row */
    uint64_t waiting;                  /* messages that are to be tried again */
    uint64_t began;
    uint64_t own_sent, own_refused, own_deferred; /* the victim's own mail meanwhile */
};

unsigned attacks_count(void);
const char *attack_name(unsigned attack);
/* Does this attempt use another sub-address of the login as its sender? */
bool attack_spreads_senders(const struct attack_result *r);
/* How long it lasts, days; on which day it is prepared; and by which all is over. */
unsigned attack_days(unsigned attack);
unsigned attack_first_day(unsigned attack);
unsigned attack_last_day(unsigned attack);
/* Whose login it is: the k-th victim of this attack; attacks have different victims. */
uint32_t attack_victim(const struct organization *o, unsigned attack, unsigned k);
#define ATTACK_DAYS 14
#define ATTACK_START_DAY 61 /* a Tuesday in March */
#define ATTACK_EARLY_DAY 2  /* when postern has just been put in place */
/* Puts the first attempt of each row, which names attack and victim, into the queue. */
void attacks_begin(const struct organization *o, struct queue *q, struct attack_result *rows, unsigned n);
/* Notes what became of an attempt, and puts the next one into the queue. blocked_ms: how long a block lasts. */
void attack_goes_on(const struct organization *o, struct queue *q, const struct mail *m, enum outcome outcome,
                    uint64_t blocked_ms, struct attack_result *result);

#endif
