#include "web/answers.h"

#include "core/base/clock.h"
#include "core/report/text.h"
#include "web/server.h"

#include <stdio.h>
#include <stdlib.h>

/* What is kept; a whole page of rows has some hundred kilobytes. */
#define KEPT_MAX 32u
#define KEPT_BYTES_MAX (4u << 20)

/* Who asked the same. */
struct asking {
    STAILQ_ENTRY(asking) links;
    struct evhttp_request *request;
};
STAILQ_HEAD(asking_list, asking);

struct answer {
    struct job job; /* first */
    TAILQ_ENTRY(answer) links;
    struct answers *owner;
    const void *what;
    unsigned holds_ms;
    struct asking_list asking;
    bool made;
    uint64_t made_ns; /* boot clock */
    struct answer_text reply;
    size_t n, n_scope;
    char target[]; /* n bytes, and n_scope of the scope */
};
TAILQ_HEAD(answer_list, answer);

struct answers {
    struct pool *pool;
    answer_make *make;
    void *arg;
    struct answer_list all; /* the newest first */
    unsigned kept;
    size_t bytes; /* of those that are made */
};

const char *answer_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {{200, "OK"},
                   {202, "Accepted"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {415, "Unsupported Media Type"},
                   {429, "Too Many Requests"},
                   {503, "Service Unavailable"}};

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Internal Server Error";
}

void answer_now(struct evhttp_request *request, int status, const char *type, struct slice text)
{
    struct evbuffer *body = evbuffer_new();

    if (body == NULL || evbuffer_add(body, text.p, text.n) != 0)
        evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
    else
        server_reply(request, status, answer_phrase(status), type, body);
    if (body != NULL)
        evbuffer_free(body);
}

void answer_error(struct evhttp_request *request, int status, const char *text)
{
    char line[TEXT_CELL_MAX + 16];
    struct buf b = BUF_OVER(line);

    if (status == 401) /* RFC 9110 15.5.2 */
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate", "Bearer");
    buf_add(&b, SLICE("{\"error\": "));
    text_add_json(&b, slice_of(text));
    buf_add(&b, SLICE("}\n"));
    answer_now(request, status, TYPE_JSON, buf_slice(&b));
}

void answer_later(struct evhttp_request *request, int status, unsigned wait_s, const char *text)
{
    char seconds[16];

    (void)snprintf(seconds, sizeof seconds, "%u", wait_s);
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Retry-After", seconds);
    answer_error(request, status, text);
}

static void answer_remove(struct answer *answer)
{
    struct answers *answers = answer->owner;

    TAILQ_REMOVE(&answers->all, answer, links);
    answers->kept--;
    if (answer->made)
        answers->bytes -= answer->reply.n;
    free(answer->reply.text);
    free(answer);
}

/* The oldest that are made give way. */
static void make_room(struct answers *answers)
{
    struct answer *answer = TAILQ_LAST(&answers->all, answer_list), *before;

    for (; answer != NULL && (answers->kept > KEPT_MAX || answers->bytes > KEPT_BYTES_MAX); answer = before) {
        before = TAILQ_PREV(answer, answer_list, links);
        if (answer->made)
            answer_remove(answer);
    }
}

static void reply(struct evhttp_request *request, const struct answer_text *text)
{
    if (text->text == NULL)
        answer_later(request, HTTP_SERVUNAVAIL, 1, "out of memory");
    else
        answer_now(request, text->status, text->type, (struct slice){text->text, text->n});
}

static struct slice scope_of(const struct answer *answer)
{
    return (struct slice){answer->target + answer->n, answer->n_scope};
}

static void on_work(struct job *job)
{
    struct answer *answer = (struct answer *)job;

    answer->owner->make(answer->owner->arg, answer->what, scope_of(answer), (struct slice){answer->target, answer->n},
                        &answer->reply);
}

/* When the pool has ended meanwhile, it was not made, and there is no text. */
static void on_done(struct job *job)
{
    struct answer *answer = (struct answer *)job;
    struct answers *answers = answer->owner;
    struct asking *one;

    answer->made = true;
    answer->made_ns = clock_boot_ns();
    answers->bytes += answer->reply.n;
    while ((one = STAILQ_FIRST(&answer->asking)) != NULL) {
        STAILQ_REMOVE_HEAD(&answer->asking, links);
        reply(one->request, &answer->reply);
        free(one);
    }
    make_room(answers);
}

/* One that is being made, or can be had again. */
static struct answer *find(struct answers *answers, const void *what, struct slice scope, struct slice target)
{
    uint64_t now_ns = clock_boot_ns();
    struct answer *answer, *next;

    for (answer = TAILQ_FIRST(&answers->all); answer != NULL; answer = next) {
        next = TAILQ_NEXT(answer, links);
        if (answer->made && now_ns - answer->made_ns >= answer->holds_ms * NS_PER_MS)
            answer_remove(answer);
        else if (answer->what == what && slice_eq((struct slice){answer->target, answer->n}, target) &&
                 slice_eq(scope_of(answer), scope))
            return answer;
    }
    return NULL;
}

static struct answer *begin(struct answers *answers, const void *what, struct slice scope, struct slice target,
                            unsigned holds_ms)
{
    struct answer *answer = calloc(1, sizeof *answer + target.n + scope.n);

    if (answer == NULL)
        return NULL;
    answer->job.work = on_work;
    answer->job.done = on_done;
    answer->owner = answers;
    answer->what = what;
    answer->holds_ms = holds_ms;
    answer->n = target.n;
    memcpy(answer->target, target.p, target.n);
    answer->n_scope = scope.n;
    if (scope.n > 0)
        memcpy(answer->target + target.n, scope.p, scope.n);
    STAILQ_INIT(&answer->asking);
    if (pool_add(answers->pool, &answer->job) != 0) {
        free(answer);
        return NULL;
    }
    TAILQ_INSERT_HEAD(&answers->all, answer, links);
    answers->kept++;
    return answer;
}

void answers_serve(struct answers *answers, struct evhttp_request *request, const void *what, struct slice scope,
                   unsigned holds_ms)
{
    struct slice target = slice_of(evhttp_request_get_uri(request));
    struct answer *answer = find(answers, what, scope, target);
    struct asking *one;

    if (answer != NULL && answer->made) {
        reply(request, &answer->reply);
        return;
    }
    if ((one = malloc(sizeof *one)) == NULL ||
        (answer == NULL && (answer = begin(answers, what, scope, target, holds_ms)) == NULL)) {
        free(one);
        answer_later(request, HTTP_SERVUNAVAIL, 1, "too much is asked for at a time; try again");
        return;
    }
    one->request = request;
    STAILQ_INSERT_TAIL(&answer->asking, one, links);
}

struct answers *answers_new(struct pool *pool, answer_make *make, void *arg)
{
    struct answers *answers = calloc(1, sizeof *answers);

    if (answers == NULL)
        return NULL;
    answers->pool = pool;
    answers->make = make;
    answers->arg = arg;
    TAILQ_INIT(&answers->all);
    return answers;
}

void answers_free(struct answers *answers)
{
    struct answer *answer, *next;

    if (answers == NULL)
        return;
    for (answer = TAILQ_FIRST(&answers->all); answer != NULL; answer = next) {
        next = TAILQ_NEXT(answer, links);
        answer_remove(answer);
    }
    free(answers);
}
