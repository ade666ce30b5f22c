#include "mirror/exchange/session.h"

#include "core/base/clock.h"
#include "mirror/exchange/service_error.h"
#include "mirror/words.h"

#include <stdarg.h>
#include <sys/random.h>
#include <time.h>

/* The service itself ends a cmdlet after 15 minutes; sending its answer takes a while too. */
#define REQUEST_MAX_MS ((uint64_t)20 * 60 * 1000)

void session_begin_again(struct exchange_session *s, uint64_t deadline_s)
{
    s->deadline_ns = clock_boot_ns() + deadline_s * NS_PER_S;
}

int session_open(struct exchange_session *s, const struct http_options *options, uint64_t deadline_s, FILE *log,
                 const char *tenant, struct error *e)
{
    *s = (struct exchange_session){.log = log, .tenant = tenant};
    session_begin_again(s, deadline_s);
    return http_open(options, &s->http, e);
}

void session_close(struct exchange_session *s)
{
    http_close(s->http);
    s->http = NULL;
}

void session_say(const struct exchange_session *s, const char *format, ...)
{
    va_list args;

    if (s->log == NULL)
        return;
    fprintf(s->log, "%s: ", s->tenant);
    va_start(args, format);
    vfprintf(s->log, format, args);
    va_end(args);
    fputc('\n', s->log);
    fflush(s->log);
}

static uint64_t left_ms(const struct exchange_session *s)
{
    uint64_t now = clock_boot_ns();

    return now < s->deadline_ns ? (s->deadline_ns - now) / NS_PER_MS : 0;
}

bool session_wait(const struct exchange_session *s, uint64_t ms)
{
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * NS_PER_MS)};

    if (ms >= left_ms(s))
        return false;
    while (nanosleep(&pause, &pause) != 0) {
    }
    return true;
}

/* Plain text with varying status: the tenant has too many concurrent requests. */
static bool is_concurrency(struct slice body)
{
    return slice_starts_with(body, SLICE("You have reached the maximum number of concurrent requests"));
}

static int out_of_time(const char *what, struct error *e)
{
    return error_set(e, "%s: mirror.deadline is reached", what);
}

/* Sets e to an answer that says "later", with the service's message. */
static void said_later(const char *what, const struct http_answer *answer, struct error *e)
{
    char said[2 * QUOTE_MAX_BYTES];
    bool page = service_error_page(slice_of(answer->content_type), answer->body);

    service_error_text(answer->body, said, sizeof said);
    (void)error_set(e, "%s: the service answered %ld%s%s%s%s%s", what, answer->status,
                    answer->failure == FAILURE_THROTTLED ? " (too many requests)" : "",
                    page ? ", with a page for people, as proxies send it" : "", said[0] != '\0' ? ": \"" : "", said,
                    said[0] != '\0' ? "\"" : "");
}

/* One try. 0: a final answer; 1: try again, e says why; -1: give up. */
static int one_try(struct exchange_session *s, const char *what, struct http_request *request,
                   struct http_answer *answer, struct error *e)
{
    uint64_t left = left_ms(s);
    int result;

    if (left == 0)
        return out_of_time(what, e);
    request->timeout_ms = left < REQUEST_MAX_MS ? left : REQUEST_MAX_MS;
    s->requests++;
    result = http_do(s->http, request, answer, e);
    s->bytes += answer->body.n + answer->taken;
    if (result != 0) {
        (void)error_prefix(e, "%s", what);
        return answer->failure == FAILURE_TRANSIENT ? 1 : -1;
    }
    if (is_concurrency(answer->body))
        answer->failure = FAILURE_THROTTLED;
    if (answer->failure == FAILURE_NONE || answer->failure == FAILURE_FINAL)
        return 0;
    said_later(what, answer, e);
    return 1;
}

/* Puts the reason for giving up before the last try's error. */
static int give_up(const struct retry_question *q, struct error *e)
{
    const char *tries = q->tried == 1 ? "y" : "ies";

    if (q->tried >= RETRY_TRIES)
        return error_prefix(e, "given up after %u tries", q->tried);
    if (q->after_s > 0)
        return error_prefix(e,
                            "given up after %u tr%s, as it asks to wait longer (Retry-After: %llu) than "
                            "mirror.deadline leaves (%llu s)",
                            q->tried, tries, (unsigned long long)q->after_s, (unsigned long long)q->left_ms / 1000);
    return error_prefix(e, "given up after %u tr%s, as mirror.deadline leaves %llu s", q->tried, tries,
                        (unsigned long long)q->left_ms / 1000);
}

int session_do(struct exchange_session *s, const char *what, const struct http_request *request,
               struct http_answer *answer, struct error *e)
{
    struct http_request timed = *request;
    struct retry_question q = {.tried = 0};
    int64_t pause;
    int result;

    for (;;) {
        char after[48];
        struct buf asked = BUF_OVER(after);

        result = one_try(s, what, &timed, answer, e);
        if (result <= 0)
            return result;
        q.tried++;
        q.failure = answer->failure;
        q.after_s = answer->retry_after_s;
        q.left_ms = left_ms(s);
        if (getrandom(&q.random, sizeof q.random, 0) != (ssize_t)sizeof q.random)
            q.random = clock_boot_ns();
        pause = retry_pause_ms(&q);
        if (pause == RETRY_GIVE_UP)
            return give_up(&q, e);
        if (q.after_s > 0)
            buf_addf(&asked, " (Retry-After: %llu)", (unsigned long long)q.after_s);
        session_say(s, "%s; again in %lld.%lld s%s", e->text, (long long)pause / 1000, (long long)pause / 100 % 10,
                    after);
        s->retries++;
        if (!session_wait(s, (uint64_t)pause))
            return out_of_time(what, e);
    }
}
