#include "milter/callbacks.h"

#include "core/base/clock.h"
#include "milter/answer.h"
#include "milter/negotiate.h"
#include "milter/session.h"

#define COMPLAIN_EVERY_S 60

static struct milter *the_milter;

static sfsistat decide_now(SMFICTX *ctx, struct session *s, enum reason *reason)
{
    struct session_pool *pool = &s->milter->pool;
    struct lent_session *lent = session_pool_take(pool);
    const struct verdict *verdict;
    sfsistat answer;

    *reason = REASON_INTERNAL;
    if (lent == NULL)
        return answer_internal(ctx);
    verdict = engine_decide(lent->session, &s->submission, &s->recipients);
    *reason = verdict->reason;
    answer = answer_verdict(ctx, verdict, s->submission.stage);
    if (s->submission.stage == STAGE_MAIL && answer == SMFIS_CONTINUE)
        engine_milter_sees(lent->session, &s->submission);
    session_pool_give(pool, lent);
    return answer;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long unused2,
                             unsigned long unused3, unsigned long *want_actions, unsigned long *want_steps,
                             unsigned long *want2, unsigned long *want3)
{
    (void)unused2;
    (void)unused3;
    *want2 = 0;
    *want3 = 0;
    return negotiate(ctx, atomic_load(&the_milter->counts_bytes), actions, steps, want_actions, want_steps);
}

/*
 * Never ACCEPT here: it would switch the milter off for the whole connection, also for a login that comes later.
 * Without memory there is no session, and MAIL will be deferred.
 */
static sfsistat on_connect(SMFICTX *ctx, char *hostname, _SOCK_ADDR *address)
{
    session_free(smfi_getpriv(ctx));
    (void)smfi_setpriv(ctx, session_new(the_milter, hostname, address));
    return SMFIS_NOREPLY;
}

/* Only called by an MTA that cannot be told which macros to send with MAIL: those of HELO come along. */
static sfsistat on_helo(SMFICTX *ctx, char *name)
{
    (void)ctx;
    (void)name;
    return SMFIS_NOREPLY;
}

/*
 * With MAIL every MTA defines {mail_addr}. Where it is missing the macros did not come through (milter_mail_macros set
 * to something else, in an MTA that cannot be told), and "no login" would mean nothing.
 */
static bool macros_missing(SMFICTX *ctx, struct milter *m, const char *login)
{
    long long now_s, last_s;

    if (login != NULL || smfi_getsymval(ctx, "{mail_addr}") != NULL)
        return false;
    now_s = (long long)clock_wall_s();
    last_s = atomic_load(&m->complained_s);
    if (now_s - last_s >= COMPLAIN_EVERY_S && atomic_compare_exchange_strong(&m->complained_s, &last_s, now_s))
        milter_say(m, LEVEL_ERROR,
                   "the MTA sends no macros with MAIL, so nobody knows who is logged in: mail is deferred; Postfix's "
                   "milter_mail_macros must name at least {mail_addr} {auth_authen} {auth_type} {tls_version} i");
    return true;
}

/*
 * Postfix says {cert_subject}, which is the CommonName, of certificates alone that it trusts (smtpd_milter.c). Sendmail
 * has the CommonName in {cn_subject}, of others too, and says in {verify} whether it trusts them (op.me, STARTTLS).
 */
static const char *ccert_of(SMFICTX *ctx)
{
    const char *verify = smfi_getsymval(ctx, "{verify}"), *name = smfi_getsymval(ctx, "{cn_subject}");

    if (verify != NULL && strcmp(verify, "OK") != 0)
        return NULL;
    return verify != NULL ? name : smfi_getsymval(ctx, "{cert_subject}");
}

/*
 * {opMode} is a macro of Sendmail's that is always set (its Operations Guide, 5.2) and that Postfix does not know. {v}
 * would not do: in Postfix it is whatever milter_macro_v says, and most others are in both.
 */
static bool is_sendmail(SMFICTX *ctx)
{
    return smfi_getsymval(ctx, "{opMode}") != NULL;
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
    struct session *s = smfi_getpriv(ctx);
    const char *login = smfi_getsymval(ctx, "{auth_authen}");
    enum reason reason;
    sfsistat answer;

    if (s == NULL)
        return answer_internal(ctx);
    session_clear(s);
    /* 421 makes Postfix hang up, and the client comes back to the next instance: without it, Postfix would defer
     * everything else in this connection by itself. */
    if (atomic_load(&s->milter->closing))
        return answer_refusal(ctx, SLICE("421 4.3.2 Service restarting, try again in a moment"));
    if (!s->simulated && macros_missing(ctx, s->milter, login))
        return answer_internal(ctx);
    session_begin(s, &(struct mail_facts){
                         .path = arguments[0],
                         .login = login,
                         .login_in_xtext = is_sendmail(ctx),
                         .mechanism = smfi_getsymval(ctx, "{auth_type}"),
                         .tls_version = smfi_getsymval(ctx, "{tls_version}"),
                         .client = smfi_getsymval(ctx, "{client_addr}"),
                         .ccert = ccert_of(ctx),
                         .size = arguments[0] != NULL ? declared_size(arguments + 1) : 0,
                     });
    /* A simulated connection has no login. One that has is none. */
    s->simulated = s->simulated && s->submission.login.kind == LOGIN_NONE;
    if (s->simulated)
        return SMFIS_CONTINUE;
    answer = decide_now(ctx, s, &reason);
    if (answer != SMFIS_CONTINUE)
        session_clear(s);
    else if (reason == REASON_NOT_OURS) {
        /* ACCEPT at MAIL is for this message alone, and saves a relay the rest of all its incoming mail. */
        session_clear(s);
        return SMFIS_ACCEPT;
    }
    return answer;
}

static struct slice macro(SMFICTX *ctx, char *name)
{
    return slice_of(smfi_getsymval(ctx, name));
}

static sfsistat on_rcpt(SMFICTX *ctx, char **arguments)
{
    struct session *s = smfi_getpriv(ctx);
    enum reason reason;

    if (s == NULL || !s->open)
        return answer_internal(ctx);
    if (s->simulated)
        return SMFIS_CONTINUE;
    session_recipient(s, arguments[0]);
    s->submission.queue_id = macro(ctx, "i");
    return decide_now(ctx, s, &reason);
}

static sfsistat on_data(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);

    if (s != NULL && s->open && !s->simulated)
        session_data(s, macro(ctx, "i"));
    return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    struct session *s = smfi_getpriv(ctx);

    if (s != NULL && s->open)
        session_header(s, name, value);
    return SMFIS_NOREPLY;
}

/* The step is taken for libmilter's sake (negotiate.c). */
static sfsistat on_end_of_header(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_NOREPLY;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *piece, size_t n)
{
    struct session *s = smfi_getpriv(ctx);

    (void)piece;
    if (s != NULL && s->open)
        session_body(s, n);
    return SMFIS_CONTINUE;
}

static sfsistat on_end(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);
    enum reason reason;
    sfsistat answer = SMFIS_CONTINUE;

    if (s == NULL || !s->open)
        return answer_internal(ctx);
    if (!s->simulated) {
        session_end(s);
        s->submission.queue_id = macro(ctx, "i");
        answer = decide_now(ctx, s, &reason);
    }
    session_clear(s);
    return answer;
}

static sfsistat on_abort(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);

    if (s != NULL)
        session_clear(s);
    return SMFIS_CONTINUE;
}

/* May be the only callback of a connection, and may come more than once (QUIT_NC). */
static sfsistat on_close(SMFICTX *ctx)
{
    session_free(smfi_getpriv(ctx));
    (void)smfi_setpriv(ctx, NULL);
    return SMFIS_CONTINUE;
}

struct smfiDesc callbacks_for(struct milter *milter)
{
    the_milter = milter;
    return (struct smfiDesc){
        .xxfi_name = "postern-milter",
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_NONE,
        .xxfi_negotiate = on_negotiate,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_data = on_data,
        .xxfi_header = on_header,
        .xxfi_eoh = on_end_of_header,
        .xxfi_body = on_body,
        .xxfi_eom = on_end,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
    };
}
