/* Who gets a message: it follows from the message's seed, so that a repetition goes to the same people. */
#include "bench/blunting/blunting.h"

#include <math.h>

#define FIXED 3 /* whom monitoring tells */

/* A person's contact: three of five are colleagues, each has a number among 40,000 outsiders else. */
static void contact(const struct organization *o, uint32_t who, uint64_t number, char *out, size_t size)
{
    uint64_t hash = dice_hash(dice_hash(o->seed ^ 0xc0417ac7, who), number);

    if (hash % 5 < 3)
        (void)snprintf(out, size, "p%u@contoso.example", (unsigned)((hash >> 8) % o->n_people));
    else
        (void)snprintf(out, size, "c%u@customer%u.example", (unsigned)((hash >> 8) % 40000),
                       (unsigned)((hash >> 8) % 4000));
}

static void stranger(uint64_t hash, char *out, size_t size)
{
    (void)snprintf(out, size, "s%llx@d%u.example", (unsigned long long)(hash >> 20), (unsigned)(hash % 20000));
}

void recipient_text(const struct organization *o, const struct mail *m, unsigned i, char *out, size_t size)
{
    const struct actor *a = &o->actors[m->actor];
    uint64_t hash = dice_hash(m->seed, i);
    double u = (double)(m->seed >> 11) * 0x1p-53;

    switch ((enum recipients_of)m->to) {
    case TO_MIXTURE:
        if (hash % 2 == 0) {
            stranger(hash, out, size);
            break;
        }
        /* fall through */
    case TO_CONTACTS: /* few people get most */
        contact(o, m->actor, (uint64_t)(pow(u, 2.5) * (a->contacts > 0 ? a->contacts : 100)) + i, out, size);
        break;
    case TO_STRANGERS:
        stranger(hash, out, size);
        break;
    case TO_FIXED:
        (void)snprintf(out, size, i % FIXED == 2 ? "pager%u@adatum.example" : "p%u@contoso.example",
                       (m->actor * 7 + i) % o->n_people);
        break;
    case TO_COLLEAGUE:
        (void)snprintf(out, size, "p%u@contoso.example", (unsigned)(hash % o->n_people));
        break;
    case TO_EVERYBODY:
        (void)snprintf(out, size, "reader%llu@d%llu.example", (unsigned long long)m->seed,
                       (unsigned long long)(m->seed % 700));
        break;
    case TO_ONE:
        (void)snprintf(out, size, "victim@adatum.example");
        break;
    }
}
