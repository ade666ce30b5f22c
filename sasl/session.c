#include "sasl/session.h"

#include "core/base/buf.h"

#include <stdlib.h>

static const char *const end_texts[END_KINDS] = {
    [END_TEMPORARY] = "Dovecot could not check a password (see its log); the client is told 454",
    [END_NO_ANSWER] = "Dovecot has not answered within 18 s; the client is told 454",
    [END_NO_HANDSHAKE] = "no handshake from sasl.upstream within 10 s; is it a socket of Dovecot's for clients?",
    [END_TOO_LONG] =
        "a line of the authentication protocol is too long: at most 8 KiB, from Dovecot and for tokens 64 KiB",
    [END_NUL] = "a line of the authentication protocol contains a NUL",
    [END_BAD_ID] = "a line of the authentication protocol has no id from 1 to 4294967295",
    [END_BAD_VERSION] = "another version of the authentication protocol than 1; Dovecot and Postfix have version 1",
    [END_BAD_MECHANISM] = "AUTH without the name of a SASL mechanism",
    [END_BAD_USER] = "Dovecot's answer names two users, or one of more than 16 KiB",
    [END_USED_ID] = "AUTH with an id that is in use",
    [END_UNASKED] = "CONT for a request that Dovecot has not answered yet",
    [END_TOO_MANY] = "more than 32 requests at a time on one connection",
    [END_UNKNOWN_ID] = "Dovecot answers a request that nobody made",
    [END_OUT_OF_TURN] = "Dovecot answers a request while it is the client's turn",
    [END_NO_USER] = "Dovecot's OK names no user",
    [END_STUCK] = "half a line of the authentication protocol, and nothing more for 18 s; the client is told 454",
    [END_UPSTREAM] = "cannot connect to the server at sasl.upstream; clients are told 454 until it listens",
    [END_MEMORY] = "no memory for a connection or a request; the client is told 454",
};

const char *session_end_text(enum session_end end)
{
    return end_texts[end];
}

static enum session_end end_of_problem(enum line_problem problem)
{
    static const enum session_end ends[] = {
        [LINE_FINE] = SESSION_GOES_ON,
        [LINE_HAS_NUL] = END_NUL,
        [LINE_BAD_ID] = END_BAD_ID,
        [LINE_BAD_VERSION] = END_BAD_VERSION,
        [LINE_BAD_MECHANISM] = END_BAD_MECHANISM,
        [LINE_BAD_USER] = END_BAD_USER,
    };

    return ends[problem];
}

void session_start(struct session *s, const struct listener *listener, uint64_t now_s)
{
    *s = (struct session){.listener = listener, .begun_s = now_s};
    TAILQ_INIT(&s->dialogues);
}

/* ---- dialogues ---- */

static struct dialogue *dialogue_of(const struct session *s, uint32_t id)
{
    struct dialogue *d;

    TAILQ_FOREACH(d, &s->dialogues, links)
    if (d->id == id)
        return d;
    return NULL;
}

static void turn_to(struct session *s, struct dialogue *d, enum turn turn, uint64_t now_s)
{
    s->n_asked += (unsigned)(turn == TURN_DOVECOT) - (unsigned)(d->turn == TURN_DOVECOT);
    d->turn = turn;
    d->since_s = now_s;
}

static void dialogue_end(struct session *s, struct dialogue *d)
{
    turn_to(s, d, TURN_NOBODY, 0);
    TAILQ_REMOVE(&s->dialogues, d, links);
    s->n_dialogues--;
    free(d);
}

/* Makes room for one more by forgetting one that its client has left. False when Dovecot is asked about all. */
static bool make_room(struct session *s)
{
    struct dialogue *d;

    if (s->n_dialogues < DIALOGUES_MAX)
        return true;
    TAILQ_FOREACH(d, &s->dialogues, links)
    if (d->turn != TURN_DOVECOT) {
        dialogue_end(s, d);
        return true;
    }
    return false;
}

/* What the engine is asked about. The login is known when Dovecot has answered. */
static struct submission submission_of(const struct session *s, const struct dialogue *d, struct slice login)
{
    struct submission out = {.stage = STAGE_AUTH,
                             .login_text = login,
                             .mechanism = slice_of(d->mechanism),
                             .has_client = d->has_client,
                             .client = d->client,
                             .tls = d->secured ? TLS_NEWER : TLS_NONE,
                             .front_end = "sasl"};

    login_parse(login, &out.login);
    if (s->listener->has_tls)
        out.listener_tls = &s->listener->tls;
    submission_take_front(&out, &s->listener->front);
    return out;
}

static const struct slice nobody = {NULL, 0};

/* ---- from Postfix ---- */

/* "FAIL <TAB> id [<TAB> user=...] <TAB> reason=...". */
static struct slice fail_line(struct desk *desk, uint32_t id, struct slice user, struct slice reason)
{
    struct buf b = BUF_OVER(desk->answer);

    buf_addf(&b, "FAIL\t%u", id);
    if (user.n > 0) {
        buf_add(&b, SLICE("\tuser="));
        buf_add(&b, user);
    }
    buf_add(&b, SLICE("\treason="));
    buf_add(&b, reason);
    buf_add_char(&b, '\n');
    return buf_slice(&b);
}

static struct slice cancel_line(struct desk *desk, uint32_t id)
{
    struct buf b = BUF_OVER(desk->cancel);

    buf_addf(&b, "CANCEL\t%u\n", id);
    return buf_slice(&b);
}

/*
 * Before each line with which Dovecot could find a password right. Between two of them the client may wait for long,
 * and nothing is at stake: so the ticket is for a turn of Dovecot's, not for the whole dialogue.
 */
static enum auth_answer ask(struct session *s, struct desk *desk, struct dialogue *d, uint64_t now_s,
                            struct slice *text)
{
    struct submission submission = submission_of(s, d, nobody);
    uint64_t since_s = s->waits_s != 0 ? s->waits_s : now_s;
    bool last = now_s - since_s >= ROOM_S;
    enum auth_answer answer = last ? engine_auth_begin(desk->engine, &submission, &d->ticket, text)
                                   : engine_auth_try(desk->engine, &submission, &d->ticket, text);

    s->waits_s = answer == AUTH_WAIT && !last ? since_s : 0;
    d->held = answer == AUTH_PASS;
    if (d->held)
        turn_to(s, d, TURN_DOVECOT, since_s);
    return answer;
}

static void give_back(struct desk *desk, struct dialogue *d)
{
    engine_auth_aborted(desk->engine, &d->ticket);
    d->held = false;
}

/* After AUTH_WAIT. */
static enum session_end wait_or_end(const struct session *s)
{
    return s->waits_s != 0 ? SESSION_WAITS : END_WAIT;
}

static enum session_end from_client_auth(struct session *s, struct desk *desk, const struct line *line,
                                         struct slice text, uint64_t now_s, struct session_out *out)
{
    struct auth_parameters p;
    enum line_problem problem = line_read_auth(line->rest, &p);
    struct dialogue *d;
    struct slice reason;
    enum auth_answer answer;

    if (problem != LINE_FINE)
        return end_of_problem(problem);
    if (dialogue_of(s, line->id) != NULL)
        return END_USED_ID;
    if (!make_room(s))
        return END_TOO_MANY;
    if ((d = calloc(1, sizeof *d)) == NULL)
        return END_MEMORY;
    *d = (struct dialogue){.id = line->id, .turn = TURN_CLIENT, .has_client = p.has_client, .secured = p.secured};
    d->client = p.client;
    memcpy(d->mechanism, p.mechanism.p, p.mechanism.n);
    TAILQ_INSERT_TAIL(&s->dialogues, d, links);
    s->n_dialogues++;
    answer = ask(s, desk, d, now_s, &reason);
    if (answer == AUTH_PASS) {
        out->to_dovecot = text;
        out->no_penalty_at = d->ticket.limited ? (size_t)(p.mechanism.p + p.mechanism.n - text.p) : 0;
        return SESSION_GOES_ON;
    }
    dialogue_end(s, d);
    if (answer == AUTH_REFUSE)
        out->to_client = fail_line(desk, line->id, nobody, reason);
    return answer == AUTH_REFUSE ? SESSION_GOES_ON : wait_or_end(s);
}

/* Dovecot forgets a dialogue, too, and then says this. */
static const struct slice timed_out = {"Authentication request timed out", 32};

static enum session_end from_client_cont(struct session *s, struct desk *desk, const struct line *line,
                                         struct slice text, uint64_t now_s, struct session_out *out)
{
    struct dialogue *d = dialogue_of(s, line->id);
    struct slice reason;

    if (d == NULL || d->turn == TURN_NOBODY) {
        out->to_client = fail_line(desk, line->id, nobody, timed_out);
        return SESSION_GOES_ON;
    }
    if (d->turn == TURN_DOVECOT)
        return END_UNASKED;
    if (d->held) { /* a token that is refused already */
        turn_to(s, d, TURN_DOVECOT, now_s);
        out->to_dovecot = text;
        return SESSION_GOES_ON;
    }
    switch (ask(s, desk, d, now_s, &reason)) {
    case AUTH_PASS:
        out->to_dovecot = text;
        return SESSION_GOES_ON;
    case AUTH_REFUSE:
        out->to_client = fail_line(desk, line->id, nobody, reason);
        out->to_dovecot = cancel_line(desk, line->id);
        turn_to(s, d, TURN_NOBODY, now_s);
        return SESSION_GOES_ON;
    case AUTH_WAIT:
        break;
    }
    return wait_or_end(s);
}

enum session_end session_from_client(struct session *s, struct desk *desk, struct slice text, uint64_t now_s,
                                     struct session_out *out)
{
    struct line line;
    enum line_problem problem = line_read((struct slice){text.p, text.n - 1}, &line);
    struct dialogue *d;

    *out = (struct session_out){.to_client = nobody};
    if (problem != LINE_FINE)
        return end_of_problem(problem);
    switch (line.command) {
    case LINE_AUTH:
        return from_client_auth(s, desk, &line, text, now_s, out);
    case LINE_CONT:
        return from_client_cont(s, desk, &line, text, now_s, out);
    case LINE_CANCEL:
        if ((d = dialogue_of(s, line.id)) != NULL)
            turn_to(s, d, TURN_NOBODY, now_s);
        break;
    default:
        break;
    }
    out->to_dovecot = text;
    return SESSION_GOES_ON;
}

/* Command, id and mechanism are in it. */
#define LINE_HEAD_MAX 64

size_t session_line_max(const struct session *s, struct slice beginning)
{
    struct slice head = {beginning.p, beginning.n < LINE_HEAD_MAX ? beginning.n : LINE_HEAD_MAX};
    struct slice mechanism = line_mechanism(head);
    struct dialogue *d;
    struct line line;

    if (mechanism.n == 0 && line_read(head, &line) == LINE_FINE && line.command == LINE_CONT &&
        (d = dialogue_of(s, line.id)) != NULL)
        mechanism = slice_of(d->mechanism);
    return mechanism_is_basic(mechanism) ? LINE_MAX_SHORT : LINE_MAX_LONG;
}

/* ---- from Dovecot ---- */

static enum session_end from_dovecot_ok(struct session *s, struct desk *desk, struct dialogue *d,
                                        const struct answer_parameters *p, struct slice text, struct session_out *out)
{
    struct submission submission;
    struct slice reason;
    uint32_t id = d->id;

    if (p->user.n == 0)
        return END_NO_USER;
    submission = submission_of(s, d, line_unescape(p->user, desk->login));
    if (engine_auth_succeeded(desk->engine, &submission, &d->ticket, &reason) == AUTH_PASS)
        out->to_client = text;
    else
        out->to_client = fail_line(desk, id, p->user, reason);
    dialogue_end(s, d);
    return SESSION_GOES_ON;
}

/* A FAIL with words for the client behind what it says already; as it is where that is very long. */
static struct slice with_reason(struct desk *desk, struct slice text, struct slice words)
{
    struct buf b = BUF_OVER(desk->answer);

    buf_add(&b, (struct slice){text.p, text.n - 1});
    buf_add(&b, SLICE("\treason="));
    buf_add(&b, words);
    buf_add_char(&b, '\n');
    return b.full ? text : buf_slice(&b);
}

/*
 * A FAIL that names nobody is about the dialogue, not about a password: broken base64, a request that timed out, an
 * exchange that ended before a name was said.
 */
static enum session_end from_dovecot_fail(struct session *s, struct desk *desk, struct dialogue *d,
                                          const struct answer_parameters *p, struct slice text, struct session_out *out)
{
    struct submission submission = submission_of(s, d, line_unescape(p->user, desk->login));
    struct slice words = nobody;

    if (p->temporary)
        engine_auth_unavailable(desk->engine, &submission, &d->ticket);
    else if (p->user.n > 0)
        engine_auth_failed(desk->engine, &submission, &d->ticket, &words);
    else
        engine_auth_aborted(desk->engine, &d->ticket);
    dialogue_end(s, d);
    out->to_client = p->has_reason || words.n == 0 ? text : with_reason(desk, text, words);
    return p->temporary ? END_TEMPORARY : SESSION_GOES_ON;
}

/* The client's turn; but OAuth's refusal comes in a CONT with words (RFC 7628 3.2.2), and the FAIL after an empty
 * answer. */
static void from_dovecot_cont(struct session *s, struct desk *desk, struct dialogue *d, const struct line *line,
                              uint64_t now_s)
{
    bool refused = mechanism_proof(slice_of(d->mechanism)) == PROOF_TOKEN && line->rest.n > 0;

    if (!refused && d->held)
        give_back(desk, d);
    turn_to(s, d, TURN_CLIENT, now_s);
}

static enum session_end from_dovecot_asked(struct session *s, struct desk *desk, struct dialogue *d,
                                           const struct line *line, struct slice text, uint64_t now_s,
                                           struct session_out *out)
{
    struct answer_parameters p;
    enum line_problem problem;

    if (line->command == LINE_CONT) {
        from_dovecot_cont(s, desk, d, line, now_s);
        out->to_client = text;
        return SESSION_GOES_ON;
    }
    problem = line_read_answer(line->rest, &p);
    if (problem != LINE_FINE)
        return end_of_problem(problem);
    return line->command == LINE_OK ? from_dovecot_ok(s, desk, d, &p, text, out)
                                    : from_dovecot_fail(s, desk, d, &p, text, out);
}

/* The end of a dialogue while it is not Dovecot's turn: a verdict only where the ticket is held still. */
static enum session_end from_dovecot_unasked(struct session *s, struct desk *desk, struct dialogue *d,
                                             const struct line *line, struct slice text, uint64_t now_s,
                                             struct session_out *out)
{
    if (d->held)
        return from_dovecot_asked(s, desk, d, line, text, now_s, out);
    dialogue_end(s, d);
    out->to_client = text;
    return SESSION_GOES_ON;
}

static enum session_end answered(struct session *s, struct desk *desk, const struct line *line, struct slice text,
                                 uint64_t now_s, struct session_out *out)
{
    struct dialogue *d = dialogue_of(s, line->id);
    enum session_end why;

    if (d == NULL)
        return END_UNKNOWN_ID;
    switch (d->turn) {
    case TURN_DOVECOT:
        return from_dovecot_asked(s, desk, d, line, text, now_s, out);
    case TURN_CLIENT:
        if (line->command != LINE_FAIL)
            return END_OUT_OF_TURN;
        return from_dovecot_unasked(s, desk, d, line, text, now_s, out); /* Dovecot waits no longer */
    case TURN_NOBODY:
        if (line->command == LINE_CONT)
            return SESSION_GOES_ON;
        why = from_dovecot_unasked(s, desk, d, line, text, now_s, out);
        out->to_client = nobody;
        return why;
    }
    return END_UNKNOWN_ID;
}

enum session_end session_from_dovecot(struct session *s, struct desk *desk, struct slice text, uint64_t now_s,
                                      struct session_out *out)
{
    struct line line;
    enum line_problem problem = line_read((struct slice){text.p, text.n - 1}, &line);

    *out = (struct session_out){.to_client = nobody};
    if (problem != LINE_FINE)
        return end_of_problem(problem);
    if (line.command == LINE_OK || line.command == LINE_FAIL || line.command == LINE_CONT)
        return answered(s, desk, &line, text, now_s, out);
    s->greeted |= line.command == LINE_DONE;
    out->to_client = text;
    return SESSION_GOES_ON;
}

/* ---- time, and the end ---- */

bool session_is_busy(const struct session *s)
{
    return !s->greeted || s->n_dialogues > 0;
}

enum session_end session_look(struct session *s, uint64_t now_s)
{
    struct dialogue *d, *next;

    if (!s->greeted && now_s - s->begun_s > HANDSHAKE_S)
        return END_NO_HANDSHAKE;
    for (d = TAILQ_FIRST(&s->dialogues); d != NULL; d = next) {
        next = TAILQ_NEXT(d, links);
        if (d->turn == TURN_DOVECOT && now_s - d->since_s > ANSWER_S)
            return END_NO_ANSWER;
        if (d->turn != TURN_DOVECOT && now_s - d->since_s > DIALOGUE_S)
            dialogue_end(s, d);
    }
    return SESSION_GOES_ON;
}

/* What an attempt was that Dovecot has not answered, by whose doing it ends. */
static void unanswered(struct session *s, struct desk *desk, struct dialogue *d, enum session_fault fault)
{
    struct submission submission = submission_of(s, d, nobody);

    switch (fault) {
    case FAULT_CLIENT:
        break;
    case FAULT_DOVECOT:
        engine_auth_unavailable(desk->engine, &submission, &d->ticket);
        break;
    case FAULT_OURS:
        give_back(desk, d);
        break;
    }
}

void session_finish(struct session *s, struct desk *desk, enum session_fault fault)
{
    struct dialogue *d, *next;

    for (d = TAILQ_FIRST(&s->dialogues); d != NULL; d = next) {
        next = TAILQ_NEXT(d, links);
        if (d->held && d->turn != TURN_CLIENT)
            unanswered(s, desk, d, fault);
        dialogue_end(s, d);
    }
}
