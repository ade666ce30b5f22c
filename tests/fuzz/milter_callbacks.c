/*
 * Any sequence of callbacks with any arguments, macros and verdicts: no crash, no leak, and these rules hold:
 * what is refused by the engine never gets an answer that lets it through; nothing is let through that the engine was
 * not asked about, but for simulated connections; MAIL and the end of a message open and close a transaction.
 */

/*
 * The engine is played by the seam under other names, since the real one is linked too; so the milter's files, which
 * are to call the played one, are compiled here.
 */
#define engine_open seam_engine_open
#define engine_close seam_engine_close
#define engine_reload seam_engine_reload
#define engine_tick seam_engine_tick
#define engine_config seam_engine_config
#define engine_log seam_engine_log
#define engine_session_new seam_engine_session_new
#define engine_session_free seam_engine_session_free
#define engine_session_rest seam_engine_session_rest
#define engine_decide seam_engine_decide
#define engine_milter_sees seam_engine_milter_sees
#define engine_milter_runs seam_engine_milter_runs
#define log_say seam_log_say

#include "tests/unit/milter_seam.h"

#include "milter/answer.c"
#include "milter/callbacks.c"
#include "milter/milter.c"
#include "milter/negotiate.c"
#include "milter/session.c"
#include "milter/session_pool.c"

#include <assert.h>
#include <netinet/in.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *p;
    size_t n;
};

#define TEXTS 4
#define TEXT_MAX 512

struct run {
    struct input in;
    struct engine engine;
    struct milter milter;
    struct smfiDesc call;
    struct smfi_str ctx;
    char texts[TEXTS][TEXT_MAX];
};

static uint8_t take(struct run *r)
{
    if (r->in.n == 0)
        return 0;
    r->in.n--;
    return *r->in.p++;
}

/* Up to the next NUL, or the end; NULL for the single byte 0xff. */
static char *take_text(struct run *r, unsigned slot)
{
    char *text = r->texts[slot];
    size_t n = 0;

    while (r->in.n > 0 && n < TEXT_MAX - 1) {
        uint8_t c = take(r);

        if (c == 0)
            break;
        text[n++] = (char)c;
    }
    text[n] = '\0';
    return n == 1 && text[0] == (char)0xff ? NULL : text;
}

static void take_verdict(struct run *r)
{
    static const struct address sender = {.n = 6, .local_n = 1, .text = "a@b.cd"};
    static const char *const replies[] = {"550 5.7.60 No", "451 4.7.0 Later", "", "550 5.7.139 100% no"};
    uint8_t bits = take(r);

    r->engine.verdict = (struct verdict){
        .action = (enum action)(bits & 3),
        .reason = (bits & 4) != 0 ? REASON_NOT_OURS : REASON_ALLOWED,
        .reply = slice_of(replies[bits >> 3 & 3]),
        .limit = (bits & 32) != 0 ? "message-rate" : NULL,
    };
    r->ctx.no_reply_memory = (bits & 64) != 0;
    r->ctx.no_quarantine = (bits & 128) != 0;
    r->ctx.no_new_fields = (bits & 65) == 65;
    r->engine.verdict.add_from = (bits & 6) == 6 ? &sender : NULL;
    r->engine.no_sessions = bits == 255;
}

static bool lets_through(sfsistat answer)
{
    return answer == SMFIS_CONTINUE || answer == SMFIS_ACCEPT;
}

static bool simulated(const struct run *r)
{
    const struct session *s = r->ctx.private_data;

    return s != NULL && s->simulated;
}

/* After MAIL, RCPT and the end of the message: the answer agrees with what the engine said, if it was asked. */
static void check_answer(struct run *r, sfsistat answer, unsigned asked_before)
{
    const struct verdict *v = &r->engine.verdict;
    bool asked = r->engine.decisions > asked_before;

    assert(answer == SMFIS_REJECT || answer == SMFIS_TEMPFAIL || lets_through(answer));
    assert(r->engine.decisions <= asked_before + 1);
    if (lets_through(answer))
        assert(asked ? v->action == ACTION_PASS || v->action == ACTION_HOLD : simulated(r));
    if (asked && v->action == ACTION_PASS)
        assert(lets_through(answer) || (v->add_from != NULL && r->ctx.no_new_fields));
    if (answer == SMFIS_ACCEPT)
        assert(asked && r->engine.asked.stage == STAGE_MAIL && v->reason == REASON_NOT_OURS);
}

static void do_connect(struct run *r)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct sockaddr *all[] = {(struct sockaddr *)&in, (struct sockaddr *)&in6, &other, NULL};
    uint8_t which = take(r) & 3;

    in.sin_addr.s_addr = htonl(0x7f000000u | take(r));
    in.sin_port = in6.sin6_port = htons(take(r) & 1);
    for (size_t i = 0; which == 1 && i < 16; i++)
        in6.sin6_addr.s6_addr[i] = take(r);
    assert(r->call.xxfi_connect(&r->ctx, take_text(r, 0), all[which]) == SMFIS_NOREPLY);
    assert(r->ctx.private_data != NULL);
}

static void do_command(struct run *r, bool is_mail)
{
    char *arguments[] = {take_text(r, 0), NULL, NULL};
    unsigned before = r->engine.decisions;
    sfsistat answer;

    if (arguments[0] != NULL)
        arguments[1] = take_text(r, 1);
    answer = is_mail ? r->call.xxfi_envfrom(&r->ctx, arguments) : r->call.xxfi_envrcpt(&r->ctx, arguments);
    check_answer(r, answer, before);
    if (is_mail)
        assert((atomic_load(&r->milter.transactions) == 1) == (answer == SMFIS_CONTINUE));
}

static void do_end(struct run *r)
{
    unsigned before = r->engine.decisions;

    check_answer(r, r->call.xxfi_eom(&r->ctx), before);
    assert(atomic_load(&r->milter.transactions) == 0);
}

static void do_macro(struct run *r)
{
    static const char *const names[SEAM_MACROS] = {"{opMode}",    "{mail_addr}",   "{auth_authen}",
                                                   "{auth_type}", "{tls_version}", "{client_addr}",
                                                   "i",           "{daemon_name}"};
    static char values[SEAM_MACROS][64];
    unsigned i = take(r) % SEAM_MACROS;
    const char *text = take_text(r, 2);
    struct buf b = BUF_OVER(values[i]);

    buf_add(&b, slice_of(text));
    r->ctx.macros[i][0] = names[i];
    r->ctx.macros[i][1] = text != NULL ? values[i] : NULL;
}

static void do_negotiate(struct run *r)
{
    unsigned long actions = take(r) | 0x100u * (take(r) & 1), steps = take(r) | 0x100u * take(r) | 0x10000u * take(r);
    unsigned long want_actions = 0, want_steps = 0, two, three;

    memset(r->ctx.lists, 0, sizeof r->ctx.lists);
    assert(r->call.xxfi_negotiate(&r->ctx, actions, steps, 0, 0, &want_actions, &want_steps, &two, &three) ==
           SMFIS_CONTINUE);
    assert((want_actions & ~actions) == 0 && (want_steps & ~steps) == 0);
    assert((want_steps & (SMFIP_NOCONNECT | SMFIP_NOMAIL | SMFIP_NORCPT | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NR_MAIL |
                          SMFIP_NR_RCPT | SMFIP_NR_DATA | SMFIP_NR_BODY | SMFIP_RCPT_REJ)) == 0);
}

static void do_header(struct run *r)
{
    char *name = take_text(r, 0), *value = take_text(r, 1);

    assert(r->call.xxfi_header(&r->ctx, name, value) == SMFIS_NOREPLY);
}

static void step(struct run *r)
{
    switch (take(r) % 13) {
    case 0:
        do_connect(r);
        break;
    case 1:
    case 2:
        do_command(r, true);
        break;
    case 3:
    case 4:
        do_command(r, false);
        break;
    case 5:
        do_header(r);
        break;
    case 6:
        assert(r->call.xxfi_body(&r->ctx, (unsigned char *)"", take(r)) == SMFIS_CONTINUE);
        break;
    case 7:
        do_end(r);
        break;
    case 8:
        assert(r->call.xxfi_abort(&r->ctx) == SMFIS_CONTINUE && atomic_load(&r->milter.transactions) == 0);
        break;
    case 9:
        do_macro(r);
        break;
    case 10:
        take_verdict(r);
        break;
    case 12:
        assert(r->call.xxfi_data(&r->ctx) == SMFIS_CONTINUE && r->call.xxfi_eoh(&r->ctx) == SMFIS_NOREPLY);
        break;
    default:
        switch (take(r) & 3) {
        case 0:
            do_negotiate(r);
            break;
        case 1:
            atomic_store(&r->milter.closing, !atomic_load(&r->milter.closing));
            break;
        case 2:
            atomic_store(&r->milter.pool.closed, !atomic_load(&r->milter.pool.closed));
            break;
        default:
            assert(r->call.xxfi_close(&r->ctx) == SMFIS_CONTINUE && r->ctx.private_data == NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run r;

    memset(&r, 0, sizeof r);
    r.in = (struct input){data, size};
    if (milter_init(&r.milter, &r.engine, &(struct listener_config){.fd = -1}) != 0)
        return 0;
    r.call = callbacks_for(&r.milter);
    while (r.in.n > 0)
        step(&r);
    assert(r.call.xxfi_close(&r.ctx) == SMFIS_CONTINUE);
    assert(atomic_load(&r.milter.transactions) == 0 && session_pool_lent(&r.milter.pool) == 0);
    assert(session_pool_idle(&r.milter.pool) == r.engine.sessions);
    milter_destroy(&r.milter);
    assert(r.engine.sessions == 0);
    return 0;
}
