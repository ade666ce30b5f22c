#include "policyd/answer.h"

#include "policyd/translate.h"
#include "policyd/worker.h"

static void log_problem(const struct connection *c, enum request_problem problem, struct slice culprit)
{
    char text[512];
    struct buf b = BUF_OVER(text);
    uint64_t held;

    if (!complaint_due(c->worker->complaints, problem, c->worker->now_s, &held))
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
 * The recipients belong to one message, and all requests about one message carry the same instance
 * (SMTPD_POLICY_README). Without one, a new message begins where MAIL or an earlier command is asked about.
 */
static void follow_message(struct connection *c, const struct policy_request *request)
{
    struct slice instance = request->value[ATTRIBUTE_INSTANCE];
    size_t kept = instance.n < INSTANCE_KEPT_MAX ? instance.n : INSTANCE_KEPT_MAX;

    if (instance.n == c->instance_n && memcmp(c->instance, kept > 0 ? instance.p : "", kept) == 0 &&
        (instance.n > 0 || request->stage > STAGE_MAIL))
        return;
    recipients_clear(&c->recipients);
    c->instance_n = (uint32_t)instance.n;
    if (kept > 0)
        memcpy(c->instance, instance.p, kept);
}

static void answer(struct connection *c, const struct policy_request *request, struct buf *answers)
{
    struct worker *worker = c->worker;

    follow_message(c, request);
    submission_of_request(request, c->listener->has_tls ? &c->listener->tls : NULL, &worker->submission);
    submission_take_front(&worker->submission, &c->listener->front);
    policy_reply_add(answers, engine_decide(worker->user, &worker->submission, &c->recipients));
    worker->decided = true;
    if (request->stage == STAGE_END) {
        engine_header_due(worker->user, &worker->submission);
        recipients_clear(&c->recipients);
    }
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
