/* links: sasl */
/*
 * The lines between Postfix and Dovecot: what is passed, what is answered in Dovecot's place, and what closes the
 * connection. The engine is a made-up one (sasl_seam.h).
 */
#include "sasl/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/sasl_seam.h"

#define RIP "\trip=192.0.2.9"
#define AUTH(id, mechanism, more) "AUTH\t" id "\t" mechanism "\tservice=smtp\tnologin\tlip=192.0.2.1" more
#define REFUSED "reason=" SEAM_REFUSED_TEXT

enum from { POSTFIX, DOVECOT };

/* A line; what Postfix and Dovecot get of it (NULL: nothing; SAME: the line); how the session ends. */
struct said {
    enum from from;
    const char *line, *to_postfix, *to_dovecot;
    enum session_end end;
};

static const char same[] = "the same";
#define SAME same

static struct session session;
static struct desk desk;
static struct listener listener;
static uint64_t now_s;

static int set_up(void **state)
{
    (void)state;
    memset(&seam, 0, sizeof seam);
    listener = (struct listener){.fd = -1};
    now_s = 1000;
    session_start(&session, &listener, now_s);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_finish(&session, &desk, FAULT_OURS);
    assert_int_equal(seam.held, 0);
    assert_int_equal(seam.begun, seam.succeeded + seam.failed + seam.aborted + seam.unavailable);
    return 0;
}

static void check(const char *what, struct slice got, const char *wanted, struct slice line)
{
    struct slice expected = wanted == SAME ? line : slice_of(wanted);

    if (wanted != NULL && wanted != SAME && got.n > 0 && got.p[got.n - 1] == '\n')
        got.n--;
    if (!slice_eq(got, expected))
        fail_msg("%.*s: %s gets %.*s, not %.*s", SLICE_ARG(line), what, SLICE_ARG(got), SLICE_ARG(expected));
}

static void say(const struct said *row)
{
    static char text[LINE_MAX_LONG + 1024];
    struct buf b = BUF_OVER(text);
    struct session_out out;
    enum session_end end;
    struct slice line;

    buf_addf(&b, "%s\n", row->line);
    line = buf_slice(&b);
    end = row->from == POSTFIX ? session_from_client(&session, &desk, line, now_s, &out)
                               : session_from_dovecot(&session, &desk, line, now_s, &out);
    if (end != row->end)
        fail_msg("%s: ends %d, not %d", row->line, (int)end, (int)row->end);
    if (end != SESSION_GOES_ON)
        return;
    check("Postfix", out.to_client, row->to_postfix, line);
    check("Dovecot", out.to_dovecot, row->to_dovecot, line);
}

static void talk(const struct said *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        say(&rows[i]);
}
/* Rows: passes upwards, to Dovecot; passes downwards; anything else; the end. */
#define UP(line)                                                                                                       \
    {                                                                                                                  \
        POSTFIX, line, NULL, SAME, SESSION_GOES_ON                                                                     \
    }
#define DOWN(line)                                                                                                     \
    {                                                                                                                  \
        DOVECOT, line, SAME, NULL, SESSION_GOES_ON                                                                     \
    }
#define SAID(from, line, to_postfix, to_dovecot)                                                                       \
    {                                                                                                                  \
        from, line, to_postfix, to_dovecot, SESSION_GOES_ON                                                            \
    }
#define ENDS(from, line, end)                                                                                          \
    {                                                                                                                  \
        from, line, NULL, NULL, end                                                                                    \
    }
#define TALK(...)                                                                                                      \
    talk((const struct said[]){__VA_ARGS__}, sizeof((const struct said[]){__VA_ARGS__}) / sizeof(struct said))

static void the_handshake_passes_with_lines_and_versions_that_are_not_known(void **state)
{
    (void)state;
    TALK(UP("VERSION\t1\t0"), UP("CPID\t4711"), DOWN("VERSION\t1\t4"), DOWN("MECH\tPLAIN\tplaintext"),
         DOWN("MECH\tSCRAM-SHA-256-PLUS\tmutual-auth\tchannel-binding"), DOWN("SPID\t12"), DOWN("CUID\t1"),
         DOWN("COOKIE\t0123456789abcdef0123456789abcdef"), DOWN("NEW\twords"), DOWN(""));
    assert_true(session_is_busy(&session));
    TALK(DOWN("DONE"));
    assert_false(session_is_busy(&session));
}

static void who_may_sign_in_does_and_the_line_stays_as_it_is(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tsecured\tresp=AGFubmEAc2VjcmV0")),
         DOWN("OK\t1\tuser=anna@contoso.example\toriginal_user=anna\tresp=dj1y"));
    assert_string_equal(seam.login, "anna@contoso.example");
    assert_string_equal(seam.mechanism, "PLAIN");
    assert_string_equal(seam.client, "192.0.2.9");
    assert_int_equal(seam.tls, TLS_NEWER);
    assert_int_equal(seam.succeeded, 1);
}

/* The place in the line is the connection's business. */
static void where_failures_are_limited_dovecot_is_told_not_to_delay_for_them(void **state)
{
    static const char line[] = AUTH("1", "PLAIN", RIP "\tsecured\tresp=AGFubmEAc2VjcmV0") "\n";
    struct session_out out;

    (void)state;
    assert_int_equal(session_from_client(&session, &desk, slice_of(line), now_s, &out), SESSION_GOES_ON);
    assert_int_equal(out.no_penalty_at, 0);
    seam.limited = true;
    assert_int_equal(session_from_client(&session, &desk, SLICE(AUTH("2", "PLAIN", RIP) "\n"), now_s, &out),
                     SESSION_GOES_ON);
    assert_int_equal(out.no_penalty_at, strlen("AUTH\t2\tPLAIN"));
    assert_int_equal(session_from_client(&session, &desk, SLICE("CANCEL\t2\n"), now_s, &out), SESSION_GOES_ON);
    assert_int_equal(out.no_penalty_at, 0);
}

static void who_may_not_gets_fail_with_the_reason(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=AGFubmEAc2VjcmV0")),
         SAID(DOVECOT, "OK\t1\tuser=noah@contoso.example\toriginal_user=noah",
              "FAIL\t1\tuser=noah@contoso.example\t" REFUSED, NULL),
         UP(AUTH("2", "XOAUTH2", RIP "\tsecured=tls\tresp=eA==")),
         SAID(DOVECOT, "OK\t2\tuser=nora", "FAIL\t2\tuser=nora\t" REFUSED, NULL));
    assert_string_equal(seam.mechanism, "XOAUTH2");
    assert_int_equal(seam.tls, TLS_NEWER);
}

static void a_wrong_password_stays_what_it_was(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), DOWN("FAIL\t1\tuser=anna"),
         UP(AUTH("2", "PLAIN", RIP "\tresp=eA==")),
         DOWN("FAIL\t2\tuser=anna\tcode=user_disabled\treason=Ask somebody"));
    assert_int_equal(seam.failed, 2);
    assert_string_equal(seam.login, "anna");
}

static void a_failure_without_words_gets_those_of_the_engine(void **state)
{
    (void)state;
    seam.failures_have_words = true;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")),
         SAID(DOVECOT, "FAIL\t1\tuser=anna\tcode=authz_fail",
              "FAIL\t1\tuser=anna\tcode=authz_fail\treason=" SEAM_FAILED_TEXT, NULL),
         UP(AUTH("2", "PLAIN", RIP "\tresp=eA==")), DOWN("FAIL\t2\tuser=anna\treason=Ask somebody"));
}

static void a_dialogue_of_several_steps(void **state)
{
    (void)state;
    TALK(UP(AUTH("7", "LOGIN", RIP)), DOWN("CONT\t7\tVXNlcm5hbWU6"), UP("CONT\t7\tbm9haA=="),
         DOWN("CONT\t7\tUGFzc3dvcmQ6"), UP("CONT\t7\tc2VjcmV0"),
         SAID(DOVECOT, "OK\t7\tuser=noah", "FAIL\t7\tuser=noah\t" REFUSED, NULL));
    assert_int_equal(seam.begun, 3);
    assert_int_equal(seam.aborted, 2);
}

static void several_requests_at_once_do_not_meet(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), UP(AUTH("4294967295", "XOAUTH2", "\trip=2001:db8::1\tresp=eA==")),
         UP(AUTH("3", "LOGIN", RIP)), DOWN("CONT\t3\tVXNlcm5hbWU6"),
         SAID(DOVECOT, "OK\t4294967295\tuser=noah", "FAIL\t4294967295\tuser=noah\t" REFUSED, NULL));
    assert_string_equal(seam.client, "2001:db8::1");
    assert_string_equal(seam.mechanism, "XOAUTH2");
    TALK(DOWN("OK\t1\tuser=anna"), UP("CONT\t3\tbm9haA=="), DOWN("FAIL\t3\tuser=noah"));
}

static void a_blocked_client_is_refused_before_dovecot_is_asked(void **state)
{
    (void)state;
    TALK(SAID(POSTFIX, AUTH("1", "PLAIN", "\trip=" SEAM_BLOCKED "\tresp=eA=="), "FAIL\t1\treason=" SEAM_BLOCKED_TEXT,
              NULL));
    assert_int_equal(seam.begun, 0);
}

static void a_client_that_is_blocked_in_the_midst_is_refused_and_the_request_cancelled(void **state)
{
    struct dialogue *d;

    (void)state;
    TALK(UP(AUTH("1", "LOGIN", RIP)), DOWN("CONT\t1\tVXNlcm5hbWU6"));
    d = TAILQ_FIRST(&session.dialogues);
    assert_true(ip_parse(SLICE(SEAM_BLOCKED), &d->client));
    TALK(SAID(POSTFIX, "CONT\t1\teA==", "FAIL\t1\treason=" SEAM_BLOCKED_TEXT, "CANCEL\t1"),
         SAID(DOVECOT, "FAIL\t1\tuser=anna", NULL, NULL), ENDS(DOVECOT, "OK\t1\tuser=anna", END_UNKNOWN_ID));
}

#define BUSY "\trip=" SEAM_BUSY

static void more_attempts_than_may_be_at_once_wait_for_room_and_then_end(void **state)
{
    (void)state;
    TALK(ENDS(POSTFIX, AUTH("1", "PLAIN", BUSY "\tresp=eA=="), SESSION_WAITS));
    now_s += ROOM_S - 1;
    TALK(ENDS(POSTFIX, AUTH("1", "PLAIN", BUSY "\tresp=eA=="), SESSION_WAITS));
    assert_int_equal(seam.tried, 2);
    now_s++;
    TALK(ENDS(POSTFIX, AUTH("1", "PLAIN", BUSY "\tresp=eA=="), END_WAIT));
    assert_int_equal(seam.tried, 2);         /* the last time the engine says so */
    assert_null(session_end_text(END_WAIT)); /* and nobody else */
}

static void who_waited_is_served_when_there_is_room(void **state)
{
    (void)state;
    seam.room = 1;
    TALK(DOWN("DONE"), UP(AUTH("1", "PLAIN", BUSY "\tresp=eA==")),
         ENDS(POSTFIX, AUTH("2", "LOGIN", BUSY), SESSION_WAITS), DOWN("OK\t1\tuser=anna"), UP(AUTH("2", "LOGIN", BUSY)),
         DOWN("CONT\t2\teA=="), UP(AUTH("3", "PLAIN", BUSY)), ENDS(POSTFIX, "CONT\t2\teA==", SESSION_WAITS));
    now_s += ROOM_S - 1;
    TALK(DOWN("FAIL\t3\tuser=bert"), UP("CONT\t2\teA=="));
    /* Dovecot's time to answer includes it. */
    assert_int_equal(session_look(&session, now_s + ANSWER_S - ROOM_S + 1), SESSION_GOES_ON);
    assert_int_equal(session_look(&session, now_s + ANSWER_S - ROOM_S + 3), END_NO_ANSWER);
    TALK(DOWN("OK\t2\tuser=anna"));
}

static void what_dovecot_could_not_tell_closes_the_connection(void **state)
{
    static const char *const lines[] = {"FAIL\t1\tuser=anna\ttemp", "FAIL\t1\tuser=anna\tcode=temp_fail",
                                        "FAIL\t1\ttemp\tuser=anna\tcode=user_disabled", "FAIL\t1\tcode=temp_fail"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        set_up(state);
        TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), ENDS(DOVECOT, lines[i], END_TEMPORARY));
        assert_int_equal(seam.unavailable, 1);
        assert_int_equal(seam.failed, 0);
    }
}

static void a_dialogue_that_breaks_off_is_no_failure(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "LOGIN", RIP)), DOWN("CONT\t1\tVXNlcm5hbWU6"),
         /* The client says "*", which Postfix keeps to itself, and begins again. */
         UP(AUTH("2", "LOGIN", RIP)), DOWN("CONT\t2\tVXNlcm5hbWU6"), UP("CANCEL\t2"),
         UP(AUTH("3", "PLAIN", RIP "\tresp=!")),
         DOWN("FAIL\t3\tcode=invalid_base64\treason=Invalid base64 data in initial response"),
         DOWN("FAIL\t1\treason=Authentication request timed out"));
    assert_int_equal(seam.failed, 0);
    assert_int_equal(seam.held, 0);
}

static void what_dovecot_says_of_a_cancelled_request_is_dropped(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), UP("CANCEL\t1"), SAID(DOVECOT, "CONT\t1\teA==", NULL, NULL),
         SAID(POSTFIX, "CONT\t1\teA==", "FAIL\t1\treason=Authentication request timed out", NULL),
         ENDS(POSTFIX, AUTH("1", "PLAIN", RIP), END_USED_ID));
    TALK(SAID(DOVECOT, "OK\t1\tuser=anna", NULL, NULL));
    assert_int_equal(seam.held, 0);
    TALK(UP(AUTH("2", "LOGIN", RIP)), DOWN("CONT\t2\teA=="), UP("CANCEL\t2"),
         SAID(DOVECOT, "OK\t2\tuser=anna", NULL, NULL));
    assert_int_equal(seam.succeeded, 1);
}

static void who_cancels_before_the_answer_does_not_guess_for_nothing(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), UP("CANCEL\t1"), SAID(DOVECOT, "FAIL\t1\tuser=anna", NULL, NULL));
    assert_int_equal(seam.failed, 1);
}

static void stays_counted(enum session_fault fault, unsigned held)
{
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")));
    session_finish(&session, &desk, fault);
    assert_int_equal(seam.held, held);
    seam_keep();
}

static void an_attempt_that_the_client_ends_stays_counted(void **state)
{
    (void)state;
    stays_counted(FAULT_CLIENT, 1);
    stays_counted(FAULT_OURS, 0);
    stays_counted(FAULT_DOVECOT, 0);
}

static void a_refused_token_counts_also_if_its_client_says_no_more(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "XOAUTH2", RIP)), DOWN("CONT\t1\t"));
    assert_int_equal(seam.held, 0); /* it was asked for, and is not there yet */
    TALK(UP("CONT\t1\teA=="), DOWN("CONT\t1\teyJzdGF0dXMiOiI0MDEifQ=="));
    assert_int_equal(seam.held, 1);
    TALK(UP("CONT\t1\t"), DOWN("FAIL\t1\tuser=anna"));
    assert_int_equal(seam.failed, 1);
    assert_int_equal(seam.begun, 2);
    TALK(UP(AUTH("2", "OAUTHBEARER", RIP "\tresp=eA==")), DOWN("CONT\t2\teyJzdGF0dXMiOiI0MDEifQ=="));
    session_finish(&session, &desk, FAULT_OURS);
    assert_int_equal(seam.held, 1);
    seam_keep();
}

static void an_answer_that_nobody_asked_for_lets_nobody_in(void **state)
{
    static const char *const lines[] = {
        "OK\t2\tuser=anna", "FAIL\t2", "CONT\t2\teA==", "OK\t01\tuser=anna",         "OK\t0\tuser=anna",
        "OK\t\tuser=anna",  "OK",      "OK\tuser=anna", "OK\t4294967297\tuser=anna", "OK\t+1\tuser=anna",
        "OK\t1 \tuser=anna"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        set_up(state);
        TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), ENDS(DOVECOT, lines[i], i < 3 ? END_UNKNOWN_ID : END_BAD_ID));
        tear_down(state);
    }
    set_up(state);
    TALK(UP(AUTH("1", "LOGIN", RIP)), DOWN("CONT\t1\teA=="), ENDS(DOVECOT, "OK\t1\tuser=anna", END_OUT_OF_TURN),
         ENDS(DOVECOT, "CONT\t1\teA==", END_OUT_OF_TURN), DOWN("FAIL\t1\tuser=anna"),
         ENDS(DOVECOT, "OK\t1\tuser=anna", END_UNKNOWN_ID));
    assert_int_equal(seam.succeeded, 0);
}

static void an_ok_without_one_name_lets_nobody_in(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), ENDS(DOVECOT, "OK\t1", END_NO_USER),
         ENDS(DOVECOT, "OK\t1\tuser=", END_NO_USER), ENDS(DOVECOT, "OK\t1\tuser", END_NO_USER),
         ENDS(DOVECOT, "OK\t1\tUSER=anna", END_NO_USER), ENDS(DOVECOT, "OK\t1\tuser=anna\tuser=bert", END_BAD_USER),
         ENDS(DOVECOT, "OK\t1\tuser=anna\tuser=", END_BAD_USER), DOWN("OK\t1\tuser=anna\tuser=anna"));
}

static void the_login_is_judged_and_not_the_master_user(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")),
         DOWN("OK\t1\tuser=anna\toriginal_user=anna*nobody\tauth_user=nobody"));
    assert_string_equal(seam.login, "anna");
}

static void names_are_read_as_they_are_and_answered_as_they_were_written(void **state)
{
    static const struct {
        const char *written, *read;
        enum login_kind kind;
    } rows[] = {
        {"no\\anna", "no\\anna", LOGIN_NETBIOS},
        {"no anna", "no anna", LOGIN_BAD},
        {"no\001tanna@contoso.example", "no\tanna@contoso.example", LOGIN_BAD},
        {"no\001n\001r\0011\001x\001", "no\n\r\001x", LOGIN_BAD},
        {"no\xc3\xbc@contoso.example", "no\xc3\xbc@contoso.example", LOGIN_ADDRESS},
        {"no=user=x@contoso.example", "no=user=x@contoso.example", LOGIN_ADDRESS},
    };
    char line[200], expected[400];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(line, sizeof line, "OK\t1\tuser=%s", rows[i].written);
        (void)snprintf(expected, sizeof expected, "FAIL\t1\tuser=%s\t" REFUSED, rows[i].written);
        TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), SAID(DOVECOT, line, expected, NULL));
        assert_string_equal(seam.login, rows[i].read);
        assert_int_equal(seam.kind, rows[i].kind);
    }
}

static void a_name_of_4_kib_is_a_name(void **state)
{
    static char ok[5000], name[4097], expected[6000];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    memcpy(name, "no", 2);
    (void)snprintf(ok, sizeof ok, "OK\t1\tuser=%s", name);
    (void)snprintf(expected, sizeof expected, "FAIL\t1\tuser=%s\t" REFUSED, name);
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), SAID(DOVECOT, ok, expected, NULL));
    assert_string_equal(seam.login, name);
}

static void a_password_is_not_taken_for_a_parameter(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==\trip=" SEAM_BLOCKED "\tsecured")));
    assert_string_equal(seam.client, "192.0.2.9");
    assert_int_equal(seam.tls, TLS_NONE);
    TALK(UP(AUTH("2", "PLAIN", "\trip=\tsecured\tresp=eA==")));
    assert_string_equal(seam.client, "");
}

static void bad_lines_of_postfix_end_the_connection(void **state)
{
    (void)state;
    TALK(ENDS(POSTFIX, "AUTH", END_BAD_ID), ENDS(POSTFIX, "AUTH\tx\tPLAIN", END_BAD_ID),
         ENDS(POSTFIX, "AUTH\t0\tPLAIN", END_BAD_ID), ENDS(POSTFIX, "AUTH\t010\tPLAIN", END_BAD_ID),
         ENDS(POSTFIX, "CONT\t-1\teA==", END_BAD_ID), ENDS(POSTFIX, "CANCEL\t", END_BAD_ID),
         ENDS(POSTFIX, "AUTH\t1", END_BAD_MECHANISM), ENDS(POSTFIX, "AUTH\t1\t", END_BAD_MECHANISM),
         ENDS(POSTFIX, "AUTH\t1\tPLA IN", END_BAD_MECHANISM),
         ENDS(POSTFIX, "AUTH\t1\tTWENTY-ONE-CHARACTERS", END_BAD_MECHANISM),
         ENDS(POSTFIX, "VERSION\t2\t0", END_BAD_VERSION), ENDS(DOVECOT, "VERSION\t2\t0", END_BAD_VERSION),
         UP(AUTH("1", "PLAIN", RIP)), ENDS(POSTFIX, AUTH("1", "PLAIN", RIP), END_USED_ID),
         ENDS(POSTFIX, "CONT\t1\teA==", END_UNASKED), UP("something\telse"));
}

static void a_nul_ends_the_connection(void **state)
{
    static const char line[] = "OK\0\t1\tuser=anna\n";
    struct session_out out;

    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP)));
    assert_int_equal(session_from_dovecot(&session, &desk, (struct slice){line, sizeof line - 1}, now_s, &out),
                     END_NUL);
    assert_int_equal(session_from_client(&session, &desk, (struct slice){line, sizeof line - 1}, now_s, &out), END_NUL);
}

static void so_many_requests_at_once_and_those_that_were_left_make_room(void **state)
{
    char line[100], answer[100];

    (void)state;
    for (unsigned i = 1; i <= 3 * DIALOGUES_MAX; i++) {
        (void)snprintf(line, sizeof line, AUTH("%u", "LOGIN", RIP), i);
        (void)snprintf(answer, sizeof answer, "CONT\t%u\tVXNlcm5hbWU6", i);
        TALK(UP(line), DOWN(answer));
    }
    assert_int_equal(session.n_dialogues, DIALOGUES_MAX);
    TALK(SAID(POSTFIX, "CONT\t1\teA==", "FAIL\t1\treason=Authentication request timed out", NULL));
    for (unsigned i = 1001; i <= 1000 + DIALOGUES_MAX; i++) {
        (void)snprintf(line, sizeof line, AUTH("%u", "PLAIN", RIP), i);
        TALK(UP(line));
    }
    TALK(ENDS(POSTFIX, AUTH("2000", "PLAIN", RIP), END_TOO_MANY));
}

static void dovecot_has_its_time_to_answer_and_the_client_a_longer_one(void **state)
{
    (void)state;
    now_s += HANDSHAKE_S;
    assert_int_equal(session_look(&session, now_s), SESSION_GOES_ON);
    assert_int_equal(session_look(&session, now_s + 1), END_NO_HANDSHAKE);
    TALK(DOWN("DONE"), UP(AUTH("1", "LOGIN", RIP)));
    assert_int_equal(session_look(&session, now_s + ANSWER_S), SESSION_GOES_ON);
    assert_int_equal(session_look(&session, now_s + ANSWER_S + 1), END_NO_ANSWER);
    TALK(DOWN("CONT\t1\teA=="));
    assert_int_equal(session_look(&session, now_s + DIALOGUE_S), SESSION_GOES_ON);
    assert_true(session_is_busy(&session));
    assert_int_equal(session_look(&session, now_s + DIALOGUE_S + 1), SESSION_GOES_ON);
    assert_false(session_is_busy(&session));
}

static void when_dovecot_is_gone_its_requests_were_no_failures(void **state)
{
    (void)state;
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), UP(AUTH("2", "LOGIN", RIP)), DOWN("CONT\t2\teA=="));
    session_finish(&session, &desk, FAULT_DOVECOT);
    assert_int_equal(seam.unavailable, 1);
    assert_int_equal(seam.failed, 0);
}

static void tokens_may_be_longer_than_passwords(void **state)
{
    (void)state;
    assert_int_equal(session_line_max(&session, SLICE("AUTH\t1\tPLAIN\tservice=smtp")), LINE_MAX_SHORT);
    assert_int_equal(session_line_max(&session, SLICE("AUTH\t1\tOAUTHBEARER\tservice=smtp")), LINE_MAX_LONG);
    assert_int_equal(session_line_max(&session, SLICE("AUTH\t1\tGSSAPI")), LINE_MAX_SHORT); /* not whole */
    assert_int_equal(session_line_max(&session, SLICE("CONT\t1\teA==")), LINE_MAX_SHORT);
    assert_int_equal(session_line_max(&session, SLICE("xxxxxxxxxxxx")), LINE_MAX_SHORT);
    TALK(UP(AUTH("1", "GSSAPI", RIP)), UP(AUTH("2", "LOGIN", RIP)));
    assert_int_equal(session_line_max(&session, SLICE("CONT\t1\teA==")), LINE_MAX_LONG);
    assert_int_equal(session_line_max(&session, SLICE("CONT\t2\teA==")), LINE_MAX_SHORT);
}

static void a_listener_may_have_a_tls_rule_and_a_front(void **state)
{
    (void)state;
    listener.front = (struct front_config){.tls = TLS_1_2};
    TALK(UP(AUTH("1", "PLAIN", RIP "\tresp=eA==")), DOWN("OK\t1\tuser=anna"));
    assert_int_equal(seam.tls, TLS_V1_2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_handshake_passes_with_lines_and_versions_that_are_not_known),
        TEST(who_may_sign_in_does_and_the_line_stays_as_it_is),
        TEST(where_failures_are_limited_dovecot_is_told_not_to_delay_for_them),
        TEST(who_may_not_gets_fail_with_the_reason),
        TEST(a_wrong_password_stays_what_it_was),
        TEST(a_failure_without_words_gets_those_of_the_engine),
        TEST(a_dialogue_of_several_steps),
        TEST(several_requests_at_once_do_not_meet),
        TEST(a_blocked_client_is_refused_before_dovecot_is_asked),
        TEST(a_client_that_is_blocked_in_the_midst_is_refused_and_the_request_cancelled),
        TEST(more_attempts_than_may_be_at_once_wait_for_room_and_then_end),
        TEST(who_waited_is_served_when_there_is_room),
        TEST(what_dovecot_could_not_tell_closes_the_connection),
        TEST(a_dialogue_that_breaks_off_is_no_failure),
        TEST(what_dovecot_says_of_a_cancelled_request_is_dropped),
        TEST(who_cancels_before_the_answer_does_not_guess_for_nothing),
        TEST(an_attempt_that_the_client_ends_stays_counted),
        TEST(a_refused_token_counts_also_if_its_client_says_no_more),
        TEST(an_answer_that_nobody_asked_for_lets_nobody_in),
        TEST(an_ok_without_one_name_lets_nobody_in),
        TEST(the_login_is_judged_and_not_the_master_user),
        TEST(names_are_read_as_they_are_and_answered_as_they_were_written),
        TEST(a_name_of_4_kib_is_a_name),
        TEST(a_password_is_not_taken_for_a_parameter),
        TEST(bad_lines_of_postfix_end_the_connection),
        TEST(a_nul_ends_the_connection),
        TEST(so_many_requests_at_once_and_those_that_were_left_make_room),
        TEST(dovecot_has_its_time_to_answer_and_the_client_a_longer_one),
        TEST(when_dovecot_is_gone_its_requests_were_no_failures),
        TEST(tokens_may_be_longer_than_passwords),
        TEST(a_listener_may_have_a_tls_rule_and_a_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
