#include "core/decide/habit.h"

#include "core/base/clock.h"
#include "core/decide/decide_steps.h"
#include "core/decide/keys.h"
#include "core/state/outbox.h"

/* Domain separation, as in familiar.c. */
#define SALT_HABIT UINT64_C(0x6163637573746f6d)    /* "accustom" */
#define SALT_DEFERRED UINT64_C(0x72656d656d626572) /* "remember" */
#define SALT_SOON UINT64_C(0x6265666f72656861)     /* "beforeha" */

/* Sooner than that no client tries a message again, but for a second address of the relay: it is another one, alike. */
#define SOON_NS (UINT64_C(5) * NS_PER_S)

/* So many deferred messages of one login are remembered a day: all of a large newsletter, but one login can't make
 * those of the others be forgotten. */
#define REMEMBERED_A_DAY 8192

uint64_t key_of_habit(const struct decide_context *c, const struct identity *id)
{
    uint64_t who = id->authenticated ? id->user : key_of_connector(c, id);

    return who != 0 ? key_within(who, SALT_HABIT) : 0;
}

uint64_t key_of_tenants_habit(uint64_t tenant_hash)
{
    return key_within(tenant_hash, SALT_HABIT);
}

bool habit_of_application(const struct habit *habit)
{
    return habit->learnt && habit->most.of[HABIT_MESSAGES][HABIT_HOUR] > HABIT_PERSONS_HOUR;
}

/* All recipients that were let through, in whatever order; where they weren't told apart, how many there are. */
static uint64_t all_recipients(const struct decide_context *c, const struct submission *s, const struct recipients *r)
{
    uint64_t all = s->recipient_count != 0 ? s->recipient_count : r->n;

    for (uint32_t i = 0; i < r->kept; i++)
        all += r->seen[i].address;
    return r->kept == 0 && s->has_recipient ? recipient_hash(c, s) : all;
}

/* A message to these recipients, of that size. */
static uint64_t key_of_message_to(const struct decide_context *c, const struct submission *s, const struct identity *id,
                                  uint64_t recipients, uint64_t size)
{
    uint64_t key = key_within(key_of_habit(c, id), hash_slice(c->secret, address_slice(&s->sender)));

    return key_within(hash_mix(key, recipients), size);
}

static uint64_t key_of_message(const struct decide_context *c, const struct submission *s, const struct recipients *r,
                               const struct identity *id)
{
    return key_of_message_to(c, s, id, s->stage == STAGE_RCPT ? recipient_hash(c, s) : all_recipients(c, s, r),
                             s->size);
}

bool habit_repeats(const struct decide_context *c, const struct submission *s, const struct recipients *r,
                   const struct identity *id)
{
    /* At the end it is the same message if one of its recipients was so at RCPT. */
    if (s->stage >= STAGE_DATA && r->repeated > 0)
        return true;
    return s->stage >= STAGE_RCPT && habits_deferred(c->habits, key_of_message(c, s, r, id), c->now_ns);
}

/* May so many more be remembered of that login's? */
static bool has_room(struct counters *counters, const struct decide_context *c, const struct identity *id, uint64_t n)
{
    struct charge room = {.key = key_within(key_of_habit(c, id), SALT_DEFERRED),
                          .interval_ns = UINT64_C(86400) * NS_PER_S / REMEMBERED_A_DAY,
                          .burst = REMEMBERED_A_DAY,
                          .cost = n};
    struct charge_answer answer;

    return counters_charge(counters, &room, 1, c->now_ns, &answer) == 1;
}

/* Here, and on the other relays: the client may try it there. */
static bool note_deferred(struct habits *habits, struct counters *counters, const struct decide_context *c,
                          uint64_t key)
{
    bool first = habits_deferred_note(habits, key, c->now_ns);

    if (first && c->config->limits_use_habits)
        outbox_tell(counters_outbox(counters), outbox_habit(OUTBOX_HABIT_DEFERRED, key, NULL, c->now_ns));
    return first;
}

bool habit_note_deferred(struct habits *habits, struct counters *counters, const struct decide_context *c,
                         const struct submission *s, const struct recipients *r, const struct identity *id)
{
    uint32_t recipients = s->stage >= STAGE_DATA ? r->kept : 0;
    uint64_t soon = key_within(key_of_message(c, s, r, id), SALT_SOON);
    bool comes_soon = !counters_once(counters, soon, c->now_ns, SOON_NS);

    if (habit_repeats(c, s, r, id))
        return comes_soon;
    if (!has_room(counters, c, id, 1 + recipients))
        return true;
    /* When it comes again it is known from its first recipient on. */
    for (uint32_t i = 0; i < recipients; i++)
        (void)note_deferred(habits, counters, c, key_of_message_to(c, s, id, r->seen[i].address, r->declared));
    return note_deferred(habits, counters, c, key_of_message(c, s, r, id));
}

int64_t habit_learning_until(const struct decide_context *c, const struct habit *habit)
{
    uint64_t ends_ns = habit->since_ns + HABIT_LEARNING_S * NS_PER_S;

    if (habit->learnt || habit->since_ns == 0 || ends_ns <= c->now_ns)
        return 0;
    return c->wall_s + (int64_t)((ends_ns - c->now_ns) / NS_PER_S);
}
