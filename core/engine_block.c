/* Blocks that limits make: as long as the limit says, longer when they come again, never on who is protected. */
#include "core/clock.h"
#include "core/decide_steps.h"
#include "core/engine_parts.h"
#include "core/event.h"
#include "core/familiar.h"
#include "core/keys.h"
#include "core/limits.h"

/* An earlier block of the same subject counts for blocks.longest, and at most so many count. */
#define EARLIER_MAX 16

struct charge block_history(const struct decide_context *c, uint64_t block_key)
{
    uint64_t interval = c->config->block_longest_s * NS_PER_S;
    uint64_t most = STATE_LONGEST_WINDOW_NS / interval;

    return (struct charge){.key = key_within(block_key, 3),
                           .interval_ns = interval,
                           .burst = most < EARLIER_MAX ? most : EARLIER_MAX,
                           .cost = 1};
}

/* base * grow^earlier, at most the longest, but never less than the limit says. */
static uint64_t seconds_of(const struct config *config, uint64_t base_s, uint64_t earlier)
{
    uint64_t longest = config->block_longest_s > base_s ? config->block_longest_s : base_s;
    uint64_t seconds = base_s;

    for (uint64_t i = 0; i < earlier && seconds < longest && config->block_grow > 1; i++)
        seconds = seconds > longest / config->block_grow ? longest : seconds * config->block_grow;
    return seconds < longest ? seconds : longest;
}

static void log_block(struct engine_user *user, const struct block *block, uint64_t seconds)
{
    struct event e = event_begin(user->line, sizeof user->line, log_format_of(user->engine->log), "block");

    event_text(&e, "subject", slice_of(block->subject));
    event_word(&e, "limit", block->limit);
    event_number(&e, "seconds", seconds);
    event_sentence(&e, "why", block->reason);
    log_line(user->engine->log, LEVEL_WARNING, event_end(&e));
}

/* "over 6/d with a burst of 6, 2nd time" */
static void say_reason(const struct decide_context *c, const struct submission *s, const struct identity *id,
                       const struct limit_config *limit, uint64_t earlier, struct buf *out)
{
    struct limit_rate room;
    const struct limit_rate *figure = limit_figure(c, s, id, limit, &room);

    buf_add(out, limit->count == COUNT_DENIALS     ? SLICE("too many refusals: over ")
                 : limit->count == COUNT_DEFERRALS ? SLICE("over limits again and again: over ")
                                                   : SLICE("over "));
    rate_add(out, figure->rate);
    buf_addf(out, ", burst %llu", (unsigned long long)figure->burst);
    if (earlier > 0)
        buf_addf(out, "; %llu before", (unsigned long long)earlier);
}

void engine_block(struct engine_user *user, const struct decide_context *c, const struct submission *s,
                  const struct limit_config *limit)
{
    struct counters *counters = state_counters(user->engine->state);
    const struct identity *id = &user->verdict.identity;
    struct block b = {.from_ns = c->now_ns, .from_wall_s = c->wall_s};
    struct buf name = BUF_OVER(b.limit), reason = BUF_OVER(b.reason);
    uint64_t earlier, seconds, until_ns;
    struct charge_answer answer;
    struct charge history;
    struct error e;

    key_of_block(c, s, id, limit, &b);
    if (never_blocked(c, s, id, (enum limit_key_part)limit->per)) {
        log_say(user->engine->log, LEVEL_WARNING, "no block of %s by limit %s: never_block protects it", b.subject,
                limit->name);
        return;
    }
    history = block_history(c, b.key);
    earlier = counters_look(counters, &history, c->now_ns).used;
    seconds = seconds_of(c->config, limit->block_s, earlier);
    b.until_ns = c->now_ns + seconds * NS_PER_S;
    buf_add(&name, slice_of(limit->name));
    say_reason(c, s, id, limit, earlier, &reason);
    /* Messages that met the limit at the same time are one occasion. */
    if (blocks_find(c->blocks, b.key, c->now_ns, &until_ns))
        return;
    if (blocks_add(state_blocks(user->engine->state), &b, c->now_ns, &e) != 0) {
        log_say(user->engine->log, LEVEL_ERROR, "block of %s failed: %s", b.subject, e.text);
        return;
    }
    counters_force(counters, &history, c->now_ns, &answer);
    networks_forget(counters, c, s, id);
    log_block(user, &b, seconds);
    engine_alert_block(user, s, &b, seconds);
    if (limit->disable_at_source)
        engine_request_disable(user, c, s, limit);
}
