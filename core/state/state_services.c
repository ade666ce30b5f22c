/* Which generation of the directory each service uses. */
#include "core/state/state_inner.h"

#include "core/base/clock.h"
#include "core/base/hash.h"

#include <unistd.h>

/* Updated once a second; a loaded machine may be late. */
#define FRESH_NS (10 * NS_PER_S)
/* A place not renewed for this long belongs to a dead process. */
#define FREE_AFTER_NS (60 * NS_PER_S)

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

void state_tell_service(struct state *s, uint64_t generation, uint64_t boot_ns)
{
    uint64_t now_ns = state_now(s, boot_ns), seed[2] = {boot_ns, (uint64_t)getpid()};
    struct state_service_place *place;

    if (s->service == 0)
        s->service = hash_slice(state_secret(s), (struct slice){(const char *)seed, sizeof seed}) | 1;
    if ((place = service_place(s, now_ns)) == NULL)
        return;
    set_word(&place->pid, seed[1]);
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
            out[n++] = (struct state_service){get(&all[i].pid), get(&all[i].generation)};
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
