/*
 * Logins whose habit has grown: somebody who raises it week by week, as far as learning lets him, or an owner who has
 * more to send. People are told, once a day and of all together; nothing is held back by it.
 *
 * What is noted waits in memory for the next notice. What a process forgets when it ends is noted again with the
 * login's next message, since only the notice makes the marks by which a login rests.
 */
#include "core/base/clock.h"
#include "core/decide/keys.h"
#include "core/engine/engine_parts.h"
#include "core/state/habits_teach.h"

#include <stdlib.h>

/* Over 1.5 times and 20 of what it was eight to sixteen weeks ago. Learning allows 1.5 times and 40. */
#define GROWN_PLUS 20u
/* A login is named once a week while that lasts, and there is one notice a day. */
#define GROWN_AGAIN_NS (UINT64_C(7) * 86400 * NS_PER_S)
#define GROWN_DIGEST_NS (UINT64_C(86400) * NS_PER_S)
/* The marks rule how often it is posted; two processes may do so at once. */
#define GROWN_EPISODE_S 3600u
#define GROWN_NAMED 10u /* in a notice */

#define SALT_GROWN UINT64_C(0x6f7574677265770a) /* "outgrew" */

static uint64_t digest_key(const struct hash_secret *secret)
{
    return key_within(hash_slice(secret, SLICE("grown habits")), SALT_GROWN);
}

static bool has_grown(uint32_t now, uint32_t before)
{
    return now > before + before / 2 + GROWN_PLUS;
}

static bool is_noted(const struct grown_logins *g, uint64_t key)
{
    for (unsigned i = 0; i < g->n; i++)
        if (g->list[i].key == key)
            return true;
    return false;
}

static void note(struct grown_logins *g, const struct grown_login *one, struct slice login)
{
    struct grown_login named = *one;
    struct buf b = BUF_OVER(named.name);

    buf_add_escaped(&b, login, sizeof named.name / 4);
    (void)pthread_mutex_lock(&g->lock);
    /* For whom there is no room, he is in the notice of another day. */
    if (g->n < GROWN_MOST && !is_noted(g, one->key))
        g->list[g->n++] = named;
    (void)pthread_mutex_unlock(&g->lock);
}

void engine_note_grown(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    const struct verdict *v = &session->verdict;
    struct grown_login one = {.key = v->plan.habit.key};
    struct habit_figures earlier;

    if (c->config->n_alerts == 0 || one.key == 0 || !v->identity.authenticated || !v->habit.learnt ||
        v->habit.crowded || !habits_earlier(c->habits, one.key, c->now_ns, &earlier))
        return;
    for (unsigned count = 0; count < HABIT_COUNTS && one.what == NULL; count++) {
        one.now = v->habit.most.of[count][HABIT_DAY];
        one.before = earlier.of[count][HABIT_DAY];
        if (has_grown(one.now, one.before))
            one.what = count == HABIT_MESSAGES ? "messages" : "recipients";
    }
    if (one.what != NULL && !counters_marked(c->counters, key_within(one.key, SALT_GROWN), c->now_ns))
        note(&session->engine->grown, &one, s->login_text);
}

/* ---- the notice ---- */

static int most_grown_first(const void *a, const void *b)
{
    const struct grown_login *x = a, *y = b;
    uint32_t p = x->now - x->before, q = y->now - y->before;

    return p != q ? (p < q ? 1 : -1) : strcmp(x->name, y->name);
}

static struct alert digest_of(const struct grown_logins *g)
{
    struct alert alert = alert_of(ALERT_UNUSUAL, clock_wall_s(), SLICE("grown habits"));

    alert_summary(&alert, "%u login%s far more a day than eight weeks ago: over 1.5 times and %u", g->n,
                  g->n == 1 ? " sends" : "s send", GROWN_PLUS);
    alert_advice(&alert,
                 "See whether their owners know of it: postern report habits, postern log --user. Nothing is held "
                 "back by this");
    for (unsigned i = 0; i < g->n && i < GROWN_NAMED; i++) {
        char key[24], text[160];
        struct buf k = BUF_OVER(key), t = BUF_OVER(text);

        buf_addf(&k, "login_%u", i + 1);
        buf_addf(&t, "%s: %u %s a day, %u before", g->list[i].name, g->list[i].now, g->list[i].what, g->list[i].before);
        alert_fact(&alert, key, buf_slice(&t));
    }
    if (g->n > GROWN_NAMED)
        alert_fact_number(&alert, "others", g->n - GROWN_NAMED);
    return alert;
}

void engine_tell_grown(struct engine *engine)
{
    struct counters *counters = state_counters(engine->state);
    uint64_t now_ns = state_now(engine->state, clock_boot_ns());
    struct grown_logins *g = &engine->grown;
    struct alert alert;

    (void)pthread_mutex_lock(&g->lock);
    if (g->n > 0 &&
        counters_mark(counters, digest_key(state_secret(engine->state)), now_ns, GROWN_DIGEST_NS, false, NULL)) {
        qsort(g->list, g->n, sizeof *g->list, most_grown_first);
        alert = digest_of(g);
        alert_queue_put(engine->alerts, &alert, GROWN_EPISODE_S);
        for (unsigned i = 0; i < g->n; i++)
            (void)counters_mark(counters, key_within(g->list[i].key, SALT_GROWN), now_ns, GROWN_AGAIN_NS, false, NULL);
        g->n = 0;
    }
    (void)pthread_mutex_unlock(&g->lock);
}
