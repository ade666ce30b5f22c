#include "cli/queue.h"

#include "cli/spawn.h"
#include "core/base/clock.h"

#include <jansson.h>
#include <stdlib.h>

#define SEEN_MOST 200000u /* as many as the journal keeps */

/* Between Postfix's making of the queue file, at the first recipient, and postern's decision at the end of the message.
 */
#define ARRIVAL_BEFORE_S 7200
#define ARRIVAL_BEHIND_S 60

/* ---- the ids that postern saw ---- */

struct queue_seen {
    char id[QUEUE_ID_MAX + 1];
    int64_t at_s;
};

struct queue_search {
    const struct cli *cli;
    const struct known *user;
    struct queue_seen *list;
    size_t n, capacity;
    bool failed;
};

static bool good_id(struct slice id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!(ascii_lower(id.p[i]) >= 'a' && ascii_lower(id.p[i]) <= 'z') && !(id.p[i] >= '0' && id.p[i] <= '9'))
            return false;
    return id.n >= QUEUE_ID_MIN && id.n <= QUEUE_ID_MAX;
}

static bool queue_note(void *arg, const struct journal_record *r)
{
    struct queue_search *s = arg;
    struct buf b;

    if (r->action != ACTION_PASS && r->action != ACTION_HOLD)
        return true;
    if (!good_id(slice_of(r->queue_id)) || !known_is(s->cli->files.config, s->user, r))
        return true;
    if (s->n == s->capacity) {
        size_t capacity = s->capacity == 0 ? 64 : s->capacity * 2;
        struct queue_seen *more = realloc(s->list, capacity * sizeof *more);

        if (more == NULL) {
            s->failed = true;
            return false;
        }
        s->list = more;
        s->capacity = capacity;
    }
    s->list[s->n].at_s = (int64_t)(r->at_ns / NS_PER_S);
    b = BUF_OVER(s->list[s->n].id);
    buf_add(&b, slice_of(r->queue_id));
    return ++s->n < SEEN_MOST;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct queue_seen *)a)->id, ((const struct queue_seen *)b)->id);
}

static bool was_seen(const struct queue_search *s, const char *id, int64_t arrival_s)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(s->list[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->n && strcmp(s->list[low].id, id) == 0; low++)
        if (arrival_s >= s->list[low].at_s - ARRIVAL_BEFORE_S && arrival_s <= s->list[low].at_s + ARRIVAL_BEHIND_S)
            return true;
    return false;
}

/* ---- the queue, as "postqueue -j" lists it: an object a line ---- */

static void copy_json_text(char *out, size_t cap, const json_t *value)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, slice_of(json_string_value(value)));
}

static bool read_message(struct slice line, struct queued *m)
{
    json_t *json = json_loadb(line.p, line.n, JSON_ALLOW_NUL, NULL), *recipients, *first;

    if (!json_is_object(json)) {
        json_decref(json);
        return false;
    }
    *m = (struct queued){.arrival_s = json_integer_value(json_object_get(json, "arrival_time"))};
    copy_json_text(m->id, sizeof m->id, json_object_get(json, "queue_id"));
    copy_json_text(m->queue, sizeof m->queue, json_object_get(json, "queue_name"));
    copy_json_text(m->sender, sizeof m->sender, json_object_get(json, "sender"));
    m->size = (uint64_t)json_integer_value(json_object_get(json, "message_size"));
    recipients = json_object_get(json, "recipients");
    first = json_array_get(recipients, 0);
    m->recipients = json_array_size(recipients);
    copy_json_text(m->recipient, sizeof m->recipient, json_object_get(first, "address"));
    copy_json_text(m->reason, sizeof m->reason, json_object_get(first, "delay_reason"));
    json_decref(json);
    return good_id(slice_of(m->id));
}

static int add_queued(struct queue_list *out, const struct queued *m, size_t *capacity, struct error *e)
{
    if (out->n == *capacity) {
        size_t more_capacity = *capacity == 0 ? 64 : *capacity * 2;
        struct queued *more = realloc(out->list, more_capacity * sizeof *more);

        if (more == NULL)
            return error_set(e, "out of memory");
        out->list = more;
        *capacity = more_capacity;
    }
    out->list[out->n++] = *m;
    return 0;
}

static int run_tool(const char *name, const char *folder, const char *option, const char *operand, struct slice input,
                    struct spawn_result *r, struct error *e)
{
    const char *tool = spawn_tool(name, e);
    const char *argv[] = {tool,
                          folder != NULL ? "-c" : option,
                          folder != NULL ? folder : operand,
                          folder != NULL ? option : NULL,
                          folder != NULL ? operand : NULL,
                          NULL};
    char said[4 * SPAWN_ERRORS_MAX];
    struct buf b = BUF_OVER(said);

    if (tool == NULL || spawn_run(argv, input, r, e) != 0)
        return -1;
    if (r->status == 0)
        return 0;
    text_add_plain(&b, slice_trim(slice_of(r->errors)));
    (void)error_set(e, "%s %s ended with status %d: %s", name, option, r->status, said);
    spawn_free(r);
    return -1;
}

static int match(const struct queue_search *s, const char *folder, struct queue_list *out, struct error *e)
{
    struct spawn_result r;
    struct slice line, rest;
    struct queued m;
    size_t capacity = 0;
    int result = 0;

    if (run_tool("postqueue", folder, "-j", NULL, (struct slice){NULL, 0}, &r, e) != 0)
        return -1;
    for (rest = (struct slice){r.out, r.n}; rest.n > 0 && result == 0;) {
        (void)slice_cut(rest, '\n', &line, &rest);
        if (read_message(line, &m) && was_seen(s, m.id, m.arrival_s))
            result = add_queued(out, &m, &capacity, e);
    }
    spawn_free(&r);
    return result;
}

int queue_find(const struct cli *cli, const char *folder, const struct known *user, int64_t since_s,
               struct queue_list *out, struct error *e)
{
    struct queue_search s = {.cli = cli, .user = user};
    int result;

    *out = (struct queue_list){.list = NULL};
    if (!user->spelled)
        return error_set(e, "that can be no login: neither an address nor an account name");
    result = journal_decisions(cli->files.journal, &(struct journal_query){.since_ns = (uint64_t)since_s * NS_PER_S},
                               queue_note, &s, e);
    if (result == 0 && s.failed)
        result = error_set(e, "out of memory");
    if (result == 0 && s.n > 0) {
        qsort(s.list, s.n, sizeof *s.list, by_id);
        result = match(&s, folder, out, e);
    }
    free(s.list);
    if (result != 0)
        queue_free(out);
    return result;
}

void queue_free(struct queue_list *list)
{
    free(list->list);
    *list = (struct queue_list){.list = NULL};
}

/* ---- doing ---- */

bool queue_concerns(enum queue_action action, const struct queued *message)
{
    bool held = strcmp(message->queue, "hold") == 0;

    return action == QUEUE_DISCARD || held == (action == QUEUE_RELEASE);
}

int queue_do(enum queue_action action, const char *folder, const struct queue_list *list, struct error *e)
{
    static const char *const options[] = {[QUEUE_HOLD] = "-h", [QUEUE_RELEASE] = "-H", [QUEUE_DISCARD] = "-d"};
    size_t cap = list->n * (QUEUE_ID_MAX + 1) + 1;
    char *text = malloc(cap);
    struct spawn_result r;
    struct buf b;
    int result;

    if (text == NULL)
        return error_set(e, "out of memory");
    b = buf_over(text, cap);
    for (size_t i = 0; i < list->n; i++)
        if (queue_concerns(action, &list->list[i]))
            buf_addf(&b, "%s\n", list->list[i].id);
    /* "-": the ids are on standard input, however many they are. */
    result = b.n == 0 ? 0 : run_tool("postsuper", folder, options[action], "-", buf_slice(&b), &r, e);
    if (result == 0 && b.n > 0)
        spawn_free(&r);
    free(text);
    return result;
}
