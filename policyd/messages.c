#include "policyd/messages.h"

#include "core/base/hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/random.h>

#define STRIPES 16u /* each with a lock, for the workers not to wait for each other */
/* Of a stripe: four times as many as it has messages, since most look-ups are of a message that isn't there, and an
 * empty chain spares a look at another message, which is in no cache. */
#define CHAINS (4 * MESSAGES_MAX / STRIPES)

struct message {
    uint64_t key;
    uint64_t asked_s; /* last */
    bool over;
    TAILQ_ENTRY(message) order;
    LIST_ENTRY(message) chain;
    struct recipients recipients;
};

TAILQ_HEAD(message_queue, message);
LIST_HEAD(message_chain, message);

struct stripe {
    pthread_mutex_t lock;
    struct message_queue live, over; /* asked about least lately first */
    size_t n;
    size_t room; /* for recipients, in all of them */
    struct message_chain chains[CHAINS];
};

struct messages {
    struct hash_secret secret;
    _Atomic uint64_t forgotten;
    struct stripe stripes[STRIPES];
};

static struct stripe *stripe_of(struct messages *all, uint64_t key)
{
    return &all->stripes[key % STRIPES];
}

static struct message_chain *chain_of(struct stripe *s, uint64_t key)
{
    return &s->chains[key / STRIPES % CHAINS];
}

static struct message_queue *queue_of(struct stripe *s, const struct message *m)
{
    return m->over ? &s->over : &s->live;
}

struct messages *messages_new(void)
{
    struct messages *all = calloc(1, sizeof *all);
    unsigned n = 0;

    if (all == NULL || getrandom(&all->secret, sizeof all->secret, 0) != (ssize_t)sizeof all->secret) {
        free(all);
        return NULL;
    }
    for (; n < STRIPES && pthread_mutex_init(&all->stripes[n].lock, NULL) == 0; n++) {
        TAILQ_INIT(&all->stripes[n].live);
        TAILQ_INIT(&all->stripes[n].over);
    }
    if (n == STRIPES)
        return all;
    while (n-- > 0)
        (void)pthread_mutex_destroy(&all->stripes[n].lock);
    free(all);
    return NULL;
}

static void forget_message(struct stripe *s, struct message *m)
{
    TAILQ_REMOVE(queue_of(s, m), m, order);
    LIST_REMOVE(m, chain);
    s->n--;
    s->room -= m->recipients.capacity;
    recipients_clear(&m->recipients);
    free(m);
}

void messages_free(struct messages *all)
{
    if (all == NULL)
        return;
    for (unsigned i = 0; i < STRIPES; i++) {
        struct stripe *s = &all->stripes[i];
        struct message *m;

        while ((m = TAILQ_FIRST(&s->over)) != NULL || (m = TAILQ_FIRST(&s->live)) != NULL)
            forget_message(s, m);
        (void)pthread_mutex_destroy(&s->lock);
    }
    free(all);
}

/* ---- keys ---- */

static uint64_t never_0(uint64_t hash)
{
    return hash != 0 ? hash : 1;
}

uint64_t messages_key(const struct messages *all, struct slice instance, struct slice client)
{
    return never_0(hash_mix(hash_slice(&all->secret, instance), hash_slice(&all->secret, client)));
}

uint64_t messages_key_without(const struct messages *all, uint64_t connection, uint64_t message)
{
    const uint64_t words[] = {connection, message};

    return never_0(hash_words(&all->secret, words, sizeof words / sizeof words[0]));
}

/* ---- taking and giving ---- */

static void forget_old(struct stripe *s, uint64_t now_s)
{
    struct message *m;

    while ((m = TAILQ_FIRST(&s->over)) != NULL && now_s > m->asked_s + MESSAGE_OVER_S)
        forget_message(s, m);
    while ((m = TAILQ_FIRST(&s->live)) != NULL && now_s > m->asked_s + MESSAGE_KEPT_S)
        forget_message(s, m);
}

/* At most this many messages and this much room; the last one stays. */
static void shrink(struct messages *all, struct stripe *s, size_t most)
{
    while (s->n > most || (s->room > MESSAGES_RECIPIENTS_MAX / STRIPES && s->n > 1)) {
        struct message *m = TAILQ_FIRST(&s->over);

        if (m == NULL) {
            m = TAILQ_FIRST(&s->live);
            atomic_fetch_add_explicit(&all->forgotten, 1, memory_order_relaxed);
        }
        forget_message(s, m);
    }
}

static struct message *message_find(struct stripe *s, uint64_t key)
{
    struct message *m;

    LIST_FOREACH(m, chain_of(s, key), chain)
    if (m->key == key)
        return m;
    return NULL;
}

static void requeue(struct stripe *s, struct message *m, bool over, uint64_t now_s)
{
    TAILQ_REMOVE(queue_of(s, m), m, order);
    m->over = over;
    m->asked_s = now_s;
    TAILQ_INSERT_TAIL(queue_of(s, m), m, order);
}

static struct message *make_message(struct stripe *s, uint64_t key, uint64_t now_s)
{
    struct message *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->key = key;
    m->asked_s = now_s;
    TAILQ_INSERT_TAIL(&s->live, m, order);
    LIST_INSERT_HEAD(chain_of(s, key), m, chain);
    s->n++;
    return m;
}

struct message *messages_take(struct messages *all, uint64_t key, bool may_make, uint64_t now_s)
{
    struct stripe *s = stripe_of(all, key);
    struct message *m;

    (void)pthread_mutex_lock(&s->lock);
    forget_old(s, now_s);
    m = message_find(s, key);
    if (m == NULL && may_make) {
        shrink(all, s, MESSAGES_MAX / STRIPES - 1);
        m = make_message(s, key, now_s);
    }
    if (m == NULL) {
        (void)pthread_mutex_unlock(&s->lock);
        return NULL;
    }
    s->room -= m->recipients.capacity; /* counted again when it is given back */
    return m;
}

struct recipients *message_recipients(struct message *message)
{
    return &message->recipients;
}

void messages_give(struct messages *all, struct message *message, bool over, uint64_t now_s)
{
    struct stripe *s = stripe_of(all, message->key);

    s->room += message->recipients.capacity;
    requeue(s, message, over, now_s);
    shrink(all, s, MESSAGES_MAX / STRIPES);
    (void)pthread_mutex_unlock(&s->lock);
}

void messages_over(struct messages *all, uint64_t key, uint64_t now_s)
{
    struct stripe *s = stripe_of(all, key);
    struct message *m;

    (void)pthread_mutex_lock(&s->lock);
    m = message_find(s, key);
    if (m != NULL && !m->over)
        requeue(s, m, true, now_s);
    (void)pthread_mutex_unlock(&s->lock);
}

uint64_t messages_forgotten(struct messages *all)
{
    return atomic_exchange_explicit(&all->forgotten, 0, memory_order_relaxed);
}
