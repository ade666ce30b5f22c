/* What the log of acts has of the last hour, kept while its lock is held. */
#include "core/access/act_log.h"

#include <stdio.h>
#include <stdlib.h>

#define HOUR_S 3600

struct act_past {
    struct past_line {
        char id[ACT_ID_MAX + 1];
        enum act_state state;
        int64_t at_s;
    } * lines; /* as they come, the newest last */
    size_t n, capacity;
};

static int add(struct act_past *past, const char *id, enum act_state state, int64_t at_s, struct error *e)
{
    if (past->n == past->capacity) {
        size_t capacity = past->capacity == 0 ? 256 : past->capacity * 2;
        struct past_line *more = reallocarray(past->lines, capacity, sizeof *more);

        if (more == NULL)
            return error_set(e, "the log of actions: no memory");
        past->lines = more;
        past->capacity = capacity;
    }
    past->lines[past->n] = (struct past_line){.state = state, .at_s = at_s};
    (void)snprintf(past->lines[past->n].id, sizeof past->lines->id, "%s", id);
    past->n++;
    return 0;
}

static void turn_round(struct act_past *past)
{
    for (size_t i = 0; i < past->n / 2; i++) {
        struct past_line line = past->lines[i];

        past->lines[i] = past->lines[past->n - 1 - i];
        past->lines[past->n - 1 - i] = line;
    }
}

struct act_past *act_past_read(const char *path, struct error *e)
{
    struct act_past *past = calloc(1, sizeof *past);
    struct act_log log = {NULL, 0};
    json_t *line = NULL;
    enum act_state state;
    int rc;

    if (past == NULL) {
        (void)error_set(e, "the log of actions: no memory");
        return NULL;
    }
    rc = act_log_read(path, ACT_LOG_MAX, &log, e);
    while (rc == 0 && act_log_back(&log, &line))
        if (act_line_state(line, &state))
            rc = add(past, act_line_text(line, "id"), state, act_line_at(line), e);
    json_decref(line);
    act_log_free(&log);
    if (rc == 0) {
        turn_round(past);
        return past;
    }
    act_past_free(past);
    return NULL;
}

void act_past_free(struct act_past *past)
{
    if (past != NULL)
        free(past->lines);
    free(past);
}

int act_past_add(struct act_past *past, const struct act *act, const struct act_outcome *outcome, struct error *e)
{
    return add(past, act->id, outcome->state, outcome->at_s, e);
}

bool act_past_find(const struct act_past *past, const char *id, enum act_state *out)
{
    for (size_t i = past->n; i-- > 0;)
        if (strcmp(past->lines[i].id, id) == 0) {
            *out = past->lines[i].state;
            return true;
        }
    return false;
}

unsigned act_past_count(const struct act_past *past, enum act_state state, int64_t now_s)
{
    unsigned n = 0;

    for (size_t i = 0; i < past->n; i++)
        n += past->lines[i].state == state && now_s - past->lines[i].at_s < HOUR_S;
    return n;
}
