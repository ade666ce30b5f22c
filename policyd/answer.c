#include "policyd/answer.h"

#include "policyd/translate.h"
#include "policyd/worker.h"

static void log_problem(const struct connection *c, enum request_problem problem, struct slice culprit)
{
    char text[512];
    struct buf b = BUF_OVER(text);
    uint64_t held;

    if (!complaint_due(&c->worker->complaints->kind[problem], c->worker->now_s, &held))
        return;
    buf_addf(&b, "bad policy request on %s: %s", c->listener->address, request_problem_text(problem));
    if (culprit.n > 0) {
        buf_add(&b, SLICE(": \""));
        buf_add_escaped(&b, culprit, 80);
        buf_add_char(&b, '"');
    }
    buf_add(&b, SLICE("; answered with 451 and closed"));
    if (held > 0)
        buf_addf(&b, " (and %llu like it that were not logged)", (unsigned long long)held);
    log_say(engine_log(c->worker->engine), LEVEL_WARNING, "%s", text);
}

void connection_refuse(struct connection *c, struct buf *answers, enum request_problem problem, struct slice culprit)
{
    log_problem(c, problem, culprit);
    policy_reply_add_reason(answers, REASON_BAD_REQUEST);
    c->refused = true;
}

/*
 * All requests about one message carry the same instance (SMTPD_POLICY_README), whatever connection they come over.
 * Without one, a new message begins where MAIL or an earlier command is asked about, or after an end.
 */
static uint64_t message_of(struct connection *c, const struct policy_request *request)
{
    const struct messages *all = c->worker->messages;
    struct slice instance = request->value[ATTRIBUTE_INSTANCE];

    if (instance.n > 0)
        return messages_key(all, instance, request->value[ATTRIBUTE_CLIENT_ADDRESS]);
    if (request->stage <= STAGE_MAIL || c->ended)
        c->messages++;
    return messages_key_without(all, c->number, c->messages);
}

/* One process of Postfix's is behind a connection, and has one message under way. */
static void follow_message(struct connection *c, const struct policy_request *request)
{
    uint64_t key = message_of(c, request);

    if (c->message != 0 && c->message != key)
        messages_over(c->worker->messages, c->message, c->worker->now_s);
    c->message = key;
    c->ended = request->stage == STAGE_END;
}

static void answer(struct connection *c, const struct policy_request *request, struct buf *answers)
{
    struct worker *worker = c->worker;
    struct recipients unknown = {0};
    struct message *message;

    follow_message(c, request);
    submission_of_request(request, c->listener->has_tls ? &c->listener->tls : NULL, &worker->submission);
    submission_take_front(&worker->submission, &c->listener->front);
    message = messages_take(worker->messages, c->message, request->stage == STAGE_RCPT, worker->now_s);
    policy_reply_add(answers, engine_decide(worker->session, &worker->submission,
                                            message != NULL ? message_recipients(message) : &unknown));
    if (message != NULL)
        messages_give(worker->messages, message, c->ended, worker->now_s);
    recipients_clear(&unknown);
    if (c->ended)
        engine_header_due(worker->session, &worker->submission);
    worker->decided = true;
}

bool connection_answer(struct connection *c, struct slice *in, struct buf *answers)
{
    struct policy_request *request = &c->worker->request;
    bool any = false;

    while (in->n > 0 && !c->refused && answers->cap - answers->n > POLICY_REPLY_MAX) {
        size_t used = policy_request_read(*in, request);

        if (used == 0 && in->n < REQUEST_MAX)
            break;
        if (used == 0)
            connection_refuse(c, answers, REQUEST_TOO_LONG, (struct slice){NULL, 0});
        else if (request->problem != REQUEST_FINE)
            connection_refuse(c, answers, request->problem, request->culprit);
        else
            answer(c, request, answers);
        in->p += used;
        in->n -= used;
        any = true;
    }
    return any;
}
