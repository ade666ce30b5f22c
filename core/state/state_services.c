/* Which services there are, and which generation of the directory each uses. */
#include "core/state/state_inner.h"

#include "core/base/clock.h"
#include "core/base/hash.h"

#include <string.h>
#include <unistd.h>

/* Updated once a second; a loaded machine may be late. */
#define FRESH_NS (10 * NS_PER_S)
/* A place not renewed for this long belongs to a dead process. */
#define FREE_AFTER_NS (60 * NS_PER_S)

/*
 * Those that tell. A program's number, which is its place here and 1, is in the upper half of the word of the pid,
 * where versions that didn't say have 0: a row may be added, but none be moved.
 */
static const char *const programs[] = {"postern-policyd", "postern-milter", "postern-sasl"};
#define PROGRAMS (sizeof programs / sizeof *programs)
#define PROGRAM_SHIFT 32

/* 0: none of those. */
static uint64_t number_of(const char *program)
{
    for (size_t i = 0; i < PROGRAMS; i++)
        if (strcmp(programs[i], program) == 0)
            return i + 1;
    return 0;
}

bool state_service_tells(const char *program)
{
    return number_of(program) != 0;
}

/* The file is another's to write: a number without a row is nobody's. */
static struct state_service service_of(uint64_t word, uint64_t generation)
{
    uint64_t number = word >> PROGRAM_SHIFT;

    return (struct state_service){.program = number > 0 && number <= PROGRAMS ? programs[number - 1] : NULL,
                                  .pid = word & UINT32_MAX,
                                  .generation = generation};
}

static struct state_service_place *places(const struct state *s)
{
    return mapping_header(__atomic_load_n(&s->now, __ATOMIC_ACQUIRE))->services;
}

static uint64_t get(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void set_word(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* Was it updated less than most_ns ago? A time in the future is invalid. */
static bool is_younger(uint64_t told_ns, uint64_t now_ns, uint64_t most_ns)
{
    return told_ns != 0 && told_ns <= now_ns && now_ns - told_ns < most_ns;
}

/* This process's place, or a free one; NULL: all are in use. */
static struct state_service_place *service_place(struct state *s, uint64_t now_ns)
{
    struct state_service_place *all = places(s);

    for (unsigned i = 0; i < STATE_SERVICES_MAX; i++)
        if (get(&all[i].owner) == s->service)
            return &all[i];
    for (unsigned i = 0; i < STATE_SERVICES_MAX; i++) {
        uint64_t owner = get(&all[i].owner);

        if (!is_younger(get(&all[i].told_ns), now_ns, FREE_AFTER_NS) &&
            __atomic_compare_exchange_n(&all[i].owner, &owner, s->service, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return &all[i];
    }
    return NULL;
}

void state_tell_service(struct state *s, const char *program, uint64_t generation, uint64_t boot_ns)
{
    uint64_t now_ns = state_now(s, boot_ns), seed[2] = {boot_ns, (uint64_t)getpid()};
    struct state_service_place *place;

    if (s->service == 0)
        s->service = hash_slice(state_secret(s), (struct slice){(const char *)seed, sizeof seed}) | 1;
    if ((place = service_place(s, now_ns)) == NULL)
        return;
    set_word(&place->pid, seed[1] | number_of(program) << PROGRAM_SHIFT);
    set_word(&place->generation, generation);
    set_word(&place->told_ns, now_ns);
}

size_t state_services(const struct state *s, uint64_t boot_ns, struct state_service out[STATE_SERVICES_MAX])
{
    const struct state_service_place *all = places(s);
    uint64_t now_ns = state_now(s, boot_ns);
    size_t n = 0;

    for (unsigned i = 0; i < STATE_SERVICES_MAX; i++)
        if (get(&all[i].owner) != 0 && is_younger(get(&all[i].told_ns), now_ns, FRESH_NS))
            out[n++] = service_of(get(&all[i].pid), get(&all[i].generation));
    return n;
}

void state_leave_services(struct state *s)
{
    struct state_service_place *all = places(s);

    for (unsigned i = 0; s->service != 0 && i < STATE_SERVICES_MAX; i++)
        if (get(&all[i].owner) == s->service) {
            set_word(&all[i].told_ns, 0);
            set_word(&all[i].owner, 0);
        }
}
