/* links: mirror */
/*
 * Signing in: limits on failures, what they block and what they spare, and what is decided on when the password was
 * right; with the limits that ship unless a test names others.
 */
#include "tests/unit/virtual_engine.h"

#include "core/base/spool.h"
#include "core/decide/block_keys.h"
#include "core/engine/engine_auth.h"
#include "core/journal/journal.h"
#include "core/notice/alert.h"
#include "core/report/subject.h"
#include "core/report/would_refuse.h"

#define THIEF "192.0.2.9"
#define FAR "203.0.113.77"
/* Not of log lines lost: weeks of failures come within a second. */
#define TELL "alerts = ({ command = \"/bin/true\"; events = [\"block\", \"guessed\", \"failing\"]; });"

static struct submission attempt(const char *login, const char *client)
{
    struct submission s = {.stage = STAGE_AUTH,
                           .login_text = slice_of(login),
                           .mechanism = SLICE("PLAIN"),
                           .tls = TLS_NEWER,
                           .front_end = "sasl"};

    login_parse(s.login_text, &s.login);
    s.has_client = ip_parse(slice_of(client), &s.client);
    return s;
}

static struct slice said;

static enum auth_answer begin(struct bench *b, const char *client, struct auth_ticket *ticket)
{
    struct submission s = attempt(NULL, client);

    return engine_auth_begin(b->session, &s, ticket, &said);
}

static void end_failed(struct bench *b, const char *login, const char *client, struct auth_ticket *ticket)
{
    struct submission s = attempt(login, client);

    engine_auth_failed(b->session, &s, ticket, &said);
    assert_string_equal(said.n > 0 ? "text" : "", "text");
    assert_int_equal(ticket->hold.n, 0);
}

/* True when it reached the SASL server, which refused it. */
static bool guess(struct bench *b, const char *login, const char *client)
{
    struct auth_ticket ticket;

    if (begin(b, client, &ticket) != AUTH_PASS)
        return false;
    end_failed(b, login, client, &ticket);
    return true;
}

static enum auth_answer sign_in(struct bench *b, const char *login, const char *client)
{
    struct submission s = attempt(login, client);
    struct auth_ticket ticket;
    enum auth_answer answer = begin(b, client, &ticket);

    return answer != AUTH_PASS ? answer : engine_auth_succeeded(b->session, &s, &ticket, &said);
}

static const char *login_number(unsigned i)
{
    static char text[64];

    (void)snprintf(text, sizeof text, "user%u@contoso.example", i);
    return text;
}

static unsigned guess_often(struct bench *b, unsigned n, const char *login, const char *client)
{
    unsigned reached = 0;

    for (unsigned i = 0; i < n; i++)
        reached += guess(b, login, client);
    return reached;
}

static struct block the_block(struct bench *b)
{
    struct block block = {0};
    uint32_t at = 0;

    assert_int_equal(live_blocks(b), 1);
    assert_true(blocks_next(blocks_of(b), &at, now_of(b), &block));
    return block;
}

/* All but that lines of the log were lost: on a busy machine who reads them may be late. */
static size_t notices(struct bench *b, char *text, size_t cap)
{
    struct buf out = buf_over(text, cap);
    struct error e;
    char **names;
    size_t n, lost = 0;
    int fd = spool_open(world_file(b->world, "spool"), ALERT_NOTICES, &e);

    assert_true(fd >= 0);
    assert_int_equal(spool_names(fd, ".json", 4096, &names, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        char *one;

        if (strstr(names[i], "-log-lost-") != NULL) {
            lost++;
            continue;
        }
        assert_int_equal(spool_get(fd, names[i], ALERT_FILE_MAX, &one, &length, &e), 0);
        buf_add(&out, (struct slice){one, length});
        free(one);
    }
    spool_names_free(names, n);
    (void)close(fd);
    return n - lost;
}

/* ---- attacks ---- */

static void guessing_from_one_network_reaches_the_sasl_server_20_times_and_is_blocked(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    assert_int_equal(guess_often(b, 10000, ANNA, THIEF), 20);
    assert_string_equal(the_block(b).subject, "network 192.0.2.0/24");
    assert_string_equal(the_block(b).limit, "guessing");
    assert_string_equal(the_block(b).reason, "20 failed attempts to sign in from 192.0.2.0/24");
    assert_int_equal(sign_in(b, ANNA, "192.0.2.200"), AUTH_REFUSE);
    assert_true(slice_starts_with(said, SLICE("5.1.8 Access denied")));
    assert_int_equal(sign_in(b, ANNA, FAR), AUTH_PASS);
    virtual_now_s += 16 * MINUTE;
    assert_true(guess(b, ANNA, THIEF));
    stop(b);
}

static void spraying_is_blocked_after_10_logins(void **state)
{
    struct bench *b = *state;
    unsigned reached = 0;

    start_at_0(b, "");
    for (unsigned i = 0; i < 500; i++)
        reached += guess(b, login_number(i), THIEF);
    assert_int_equal(reached, 10);
    assert_string_equal(the_block(b).limit, "spraying");
    assert_string_equal(the_block(b).reason, "10 logins tried from 192.0.2.0/24");
    assert_int_equal((the_block(b).until_ns - now_of(b)) / NS_PER_S, 3600);
    stop(b);
}

static void all_spellings_of_one_mailbox_are_one_login(void **state)
{
    static const char *const spellings[] = {"anna@contoso.example", "ANNA@Contoso.Example", "a.berg@contoso.example"};
    struct bench *b = *state;

    start_at_0(b, "");
    for (unsigned i = 0; i < 18; i++)
        assert_true(guess(b, spellings[i % 3], THIEF));
    assert_int_equal(live_blocks(b), 0);
    stop(b);
}

static void attempts_at_the_same_time_do_not_outrun_the_limit_and_wait(void **state)
{
    static struct auth_ticket tickets[10000];
    struct bench *b = *state;
    unsigned passed = 0, waited = 0;

    start_at_0(b, "");
    for (unsigned i = 0; i < 10000; i++) {
        char client[20];
        enum auth_answer answer;

        (void)snprintf(client, sizeof client, "192.0.2.%u", i % 256);
        answer = begin(b, client, &tickets[passed]);
        passed += answer == AUTH_PASS;
        waited += answer == AUTH_WAIT;
    }
    assert_int_equal(passed, 10);
    assert_int_equal(waited, 9990);
    for (unsigned i = 0; i < passed; i++)
        end_failed(b, login_number(i), THIEF, &tickets[i]);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(begin(b, THIEF, &tickets[0]), AUTH_REFUSE);
    stop(b);
}

static void an_attempt_whose_process_died_runs_off(void **state)
{
    struct auth_ticket ticket;
    struct bench *b = *state;
    unsigned n = 0;

    start_at_0(b, "");
    while (begin(b, THIEF, &ticket) == AUTH_PASS)
        n++;
    assert_int_equal(n, 10);
    virtual_now_s += HOUR;
    for (n = 0; begin(b, THIEF, &ticket) == AUTH_PASS;)
        n++;
    assert_int_equal(n, 10);
    assert_int_equal(live_blocks(b), 0);
    stop(b);
}

static void an_ipv6_subscriber_is_one_network(void **state)
{
    struct bench *b = *state;
    unsigned reached = 0;

    start_at_0(b, "");
    for (unsigned i = 0; i < 1000; i++) {
        char client[64];

        (void)snprintf(client, sizeof client, "2001:db8:1:2:%x:%x::1", i, i);
        reached += guess(b, ANNA, client);
    }
    assert_int_equal(reached, 20);
    assert_string_equal(the_block(b).subject, "network 2001:db8:1:2::/64");
    assert_true(guess(b, ANNA, "2001:db8:1:3::1"));
    stop(b);
}

static void one_login_from_many_networks_is_told_of_and_never_blocked(void **state)
{
    struct bench *b = *state;

    start_at_0(b, TELL);
    log_begin(b);
    for (unsigned i = 0; i < 200; i++) {
        char client[20];

        (void)snprintf(client, sizeof client, "198.18.%u.1", i);
        assert_true(guess(b, ANNA, client));
        assert_true(guess(b, "nobody@contoso.example", client));
    }
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_PASS);
    stop(b);
    {
        const char *log = log_end(b), *first = strstr(log, "failing login=anna@contoso.example");

        assert_non_null(first);
        assert_non_null(strstr(first, "limit=botnet failures=20"));
        assert_null(strstr(first + 1, "failing login"));
        assert_null(strstr(log, "failing login=nobody"));
    }
}

static void invented_names_and_networks_leave_the_counters_alone(void **state)
{
    struct bench *b = *state;
    struct counters_stats before, after;

    start_at_0(b, "");
    log_begin(b);
    counters_stats(state_counters(b->shared), now_of(b), &before);
    for (unsigned i = 0; i < 20000; i++) {
        char client[64];

        (void)snprintf(client, sizeof client, "2001:db8:%x:%x::1", i / 256, i % 256);
        (void)guess(b, login_number(i), client);
    }
    counters_stats(state_counters(b->shared), now_of(b), &after);
    assert_int_equal(after.live, before.live);
    assert_int_equal(after.crowded, before.crowded);
    stop(b);
    (void)log_end(b);
}

/* ---- what is no failure ---- */

static void successes_aborted_dialogues_and_troubles_of_the_server_do_not_count(void **state)
{
    struct bench *b = *state;
    struct auth_ticket ticket;

    start_at_0(b, "");
    for (unsigned i = 0; i < 100; i++) {
        struct submission s = attempt(ANNA, THIEF);

        assert_int_equal(sign_in(b, ANNA, THIEF), AUTH_PASS);
        assert_int_equal(begin(b, THIEF, &ticket), AUTH_PASS);
        engine_auth_aborted(b->session, &ticket);
        assert_int_equal(begin(b, THIEF, &ticket), AUTH_PASS);
        engine_auth_unavailable(b->session, &s, &ticket);
    }
    assert_int_equal(guess_often(b, 100, ANNA, THIEF), 20);
    stop(b);
}

static void tokens_are_counted_apart_from_passwords(void **state)
{
    struct bench *b = *state;
    struct auth_ticket ticket;
    struct submission s = attempt(ANNA, THIEF);

    start_at_0(b, "");
    s.mechanism = SLICE("XOAUTH2");
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(engine_auth_begin(b->session, &s, &ticket, &said), AUTH_PASS);
        engine_auth_failed(b->session, &s, &ticket, &said);
        assert_true(slice_starts_with(said, SLICE("5.7.8 The access token")));
    }
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(guess_often(b, 30, ANNA, THIEF), 20);
    stop(b);
}

/* ---- whom it spares ---- */

static void networks_that_are_known_or_a_connectors_are_spared(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "known_networks = [\"192.0.2.0/26\"];"
                  "connectors = ({ name = \"lab\"; networks = [\"192.0.2.128/26\"]; });");
    assert_int_equal(guess_often(b, 100, ANNA, "192.0.2.7"), 100);
    assert_int_equal(guess_often(b, 100, ANNA, "192.0.2.130"), 100);
    assert_int_equal(guess_often(b, 100, ANNA, "192.0.2.70"), 20);
    assert_int_equal(sign_in(b, ANNA, "192.0.2.70"), AUTH_REFUSE);
    /* The block of the network around them doesn't hold them back either. */
    assert_int_equal(sign_in(b, ANNA, "192.0.2.7"), AUTH_PASS);
    assert_int_equal(sign_in(b, ANNA, "192.0.2.130"), AUTH_PASS);
    stop(b);
}

static void what_never_block_protects_is_spared(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "never_block = [\"192.0.2.7\"];");
    assert_int_equal(guess_often(b, 100, ANNA, "192.0.2.7"), 100);
    assert_int_equal(guess_often(b, 100, ANNA, "192.0.2.8"), 20);
    assert_int_equal(sign_in(b, ANNA, "192.0.2.7"), AUTH_PASS);
    stop(b);
}

static void a_network_that_any_tenant_is_familiar_with_is_spared(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    live(b, 0, 10, DORA);
    assert_int_equal(guess_often(b, 100, ANNA, OFFICE), 100);
    assert_int_equal(guess_often(b, 100, ANNA, THIEF), 20);
    stop(b);
}

/* A relay whose limits on messages ask for no networks learns those of the limits on failures. */
static void networks_are_learnt_for_limits_on_failures_alone(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "preset = \"none\"; limits = ({ name = \"guesses\"; per = \"client_net\"; count = \"auth failures\";"
                  "rate = \"5/h\"; then = \"block 15m\"; from = \"unfamiliar\"; });");
    live(b, 0, 10, DORA);
    assert_int_equal(guess_often(b, 100, ANNA, OFFICE), 100);
    assert_int_equal(guess_often(b, 100, ANNA, THIEF), 5);
    stop(b);
}

static void in_the_first_week_a_network_that_mail_came_from_is_spared_and_no_other(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    assert_int_equal(send_at(b, 9 * HOUR, ANNA, OFFICE), REASON_ALLOWED);
    assert_int_equal(guess_often(b, 100, ANNA, OFFICE), 100);
    assert_int_equal(guess_often(b, 100, ANNA, THIEF), 20);
    stop(b);
}

/* After that week it must be familiar. */
static void later_one_message_makes_no_network_familiar(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    live(b, 0, 10, ANNA);
    assert_int_equal(send_at(b, 11 * DAY, ANNA, THIEF), REASON_ALLOWED);
    assert_int_equal(guess_often(b, 100, ANNA, THIEF), 20);
    stop(b);
}

/* A week in an office behind one address: 50 people sign in, each mistypes once or twice, and a printer has an old
 * password. */
static void office_week(struct bench *b, unsigned from_day)
{
    for (unsigned minute = 0; minute < 7 * 24 * 60; minute++) {
        unsigned person = minute / 7 % 50;

        virtual_now_s = from_day * DAY + 10 * HOUR + minute * MINUTE;
        assert_true(guess(b, PAUL, OFFICE));
        if (minute % 7 == 0)
            assert_int_equal(sign_in(b, login_number(person), OFFICE), AUTH_PASS);
        if (minute % 133 == 0)
            assert_true(guess(b, login_number(person), OFFICE));
        if (minute % 60 == 0)
            engine_tick(b->engine);
    }
}

static void expect_one_notice_of_the_printer(struct bench *b)
{
    static char text[16384];

    assert_int_equal(live_blocks(b), 0);
    engine_tick(b->engine);
    assert_int_equal(notices(b, text, sizeof text), 1);
    assert_non_null(strstr(text, "\"event\": \"failing\""));
    assert_non_null(strstr(text, "paul@contoso.example fails to sign in again and again from 198.51.100.7"));
}

static void an_office_with_a_printer_that_fails_for_a_week_is_told_of_once_and_not_blocked(void **state)
{
    struct bench *b = *state;

    start_at_0(b, TELL "smtp_auth = { unlisted = \"allow\"; };");
    log_begin(b);
    live(b, 0, 10, ANNA);
    office_week(b, 10);
    (void)log_end(b);
    expect_one_notice_of_the_printer(b);
    stop(b);
}

/* The relay is new: nothing is familiar yet, but somebody's mail from there was accepted. */
static void nor_is_it_in_the_relays_first_week(void **state)
{
    struct bench *b = *state;

    start_at_0(b, TELL "smtp_auth = { unlisted = \"allow\"; };");
    log_begin(b);
    assert_int_equal(send_at(b, 9 * HOUR, ANNA, OFFICE), REASON_ALLOWED);
    office_week(b, 0);
    (void)log_end(b);
    expect_one_notice_of_the_printer(b);
    stop(b);
}

/* ---- after the password ---- */

static void a_forbidden_login_is_refused_with_the_words_of_exchange_online(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    assert_int_equal(sign_in(b, BERT, OFFICE), AUTH_REFUSE);
    assert_true(slice_starts_with(
        said, SLICE("5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.")));
    assert_true(said.n <= AUTH_TEXT_MAX);
    assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_PASS);
    assert_int_equal(said.n, 0);
    stop(b);
}

static void what_would_be_deferred_passes(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    assert_int_equal(sign_in(b, "tom@tailspin.example", OFFICE), AUTH_PASS);
    assert_int_equal(send_from(b, "tom@tailspin.example", OFFICE), REASON_SETTING_UNKNOWN);
    stop(b);
    start_at_0(b, "replies = { mailbox-disabled = \"451 4.7.1 Later\"; };");
    assert_int_equal(sign_in(b, BERT, OFFICE), AUTH_PASS);
    assert_int_equal(send_from(b, BERT, OFFICE), REASON_MAILBOX_DISABLED);
    stop(b);
}

static void a_block_that_only_defers_makes_attempts_wait(void **state)
{
    struct bench *b = *state;
    struct auth_ticket ticket;

    start_at_0(b, "replies = { blocked = \"451 4.7.1 Later\"; };");
    (void)guess_often(b, 30, ANNA, THIEF);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(begin(b, THIEF, &ticket), AUTH_WAIT);
    assert_int_equal(said.n, 0);
    stop(b);
}

static void denials_at_auth_are_counted_and_charge_nothing(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "preset = \"none\"; limits = ("
                  "{ name = \"denied\"; per = \"client\"; count = \"denials\"; rate = \"3/h\"; then = \"block 15m\"; },"
                  "{ name = \"few\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; then = \"reject\"; });");
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_PASS);
    assert_int_equal(send_from(b, ANNA, OFFICE), REASON_ALLOWED);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(sign_in(b, BERT, THIEF), AUTH_REFUSE);
    assert_string_equal(the_block(b).limit, "denied");
    assert_string_equal(the_block(b).subject, "client 192.0.2.9");
    stop(b);
}

static void block_by_operator(struct bench *b, const char *network)
{
    struct decide_context c = {.secret = state_secret(b->shared)};
    struct block block = {.class = BLOCK_BY_OPERATOR, .until_ns = BLOCK_FOREVER, .limit = "operator"};
    struct network net;
    struct error e;

    assert_int_equal(network_parse(slice_of(network), &net, &e), 0);
    key_of_block_on_network(&c, &net, &block);
    assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), &e), 0);
}

static void a_familiar_network_is_refused_before_the_password_only_by_an_operators_block(void **state)
{
    struct bench *b = *state;
    struct auth_ticket ticket;

    start_at_0(b,
               "preset = \"none\"; limits = ("
               "{ name = \"far\"; per = \"user\"; count = \"messages\"; rate = \"unlimited\"; from = \"unfamiliar\"; },"
               "{ name = \"guesses\"; per = \"client_net\"; count = \"auth failures\"; rate = \"5/h\";"
               "then = \"block 15m\"; });");
    live(b, 0, 10, ANNA);
    assert_int_equal(guess_often(b, 5, ANNA, OFFICE), 5);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(begin(b, OFFICE, &ticket), AUTH_WAIT); /* nothing is left of the limit */
    virtual_now_s += 13 * MINUTE;
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_PASS);
    block_by_operator(b, "198.51.100.0/24");
    assert_int_equal(begin(b, OFFICE, &ticket), AUTH_REFUSE);
    stop(b);
}

static void a_blocked_login_is_refused_only_after_its_password(void **state)
{
    struct bench *b = *state;
    struct auth_ticket ticket;

    start_at_0(b,
               "preset = \"none\"; limits = ({ name = \"flood\"; per = \"user\"; count = \"messages\"; rate = \"1/h\";"
               "then = \"block 1h\"; });");
    (void)send_from(b, ANNA, OFFICE);
    (void)send_from(b, ANNA, OFFICE);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(begin(b, OFFICE, &ticket), AUTH_PASS);
    end_failed(b, ANNA, OFFICE, &ticket);
    assert_true(slice_starts_with(said, SLICE("5.7.8 The user name or password")));
    assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_REFUSE);
    assert_true(slice_starts_with(said, SLICE("5.1.8 Access denied")));
    stop(b);
}

/* One of the guesses that were under way when the block was made is right. */
static void a_success_that_was_under_way_when_the_client_was_blocked_is_refused(void **state)
{
    struct bench *b = *state;
    struct submission s = attempt(ANNA, THIEF);
    struct auth_ticket ticket;

    start_at_0(b, "preset = \"none\"; limits = ({ name = \"guesses\"; per = \"client\"; count = \"auth failures\";"
                  "rate = \"5/h\"; burst = 6; then = \"block 15m\"; });");
    assert_int_equal(begin(b, THIEF, &ticket), AUTH_PASS);
    assert_int_equal(guess_often(b, 5, BERT, THIEF), 5);
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(guess(b, BERT, THIEF), false);
    engine_auth_failed(b->session, &s, &ticket, &said);
    assert_int_equal(live_blocks(b), 1);
    ticket.hold.n = 0;
    assert_int_equal(engine_auth_succeeded(b->session, &s, &ticket, &said), AUTH_REFUSE);
    stop(b);
}

/* ---- notices ---- */

static void a_success_after_many_failures_from_an_unfamiliar_network_is_told_of(void **state)
{
    static char text[16384];
    struct bench *b = *state;

    start_at_0(b, TELL);
    live(b, 0, 10, ANNA);
    assert_int_equal(guess_often(b, 15, ANNA, OFFICE), 15);
    assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_PASS);
    assert_int_equal(guess_often(b, 10, ANNA, THIEF), 10);
    assert_int_equal(sign_in(b, ANNA, THIEF), AUTH_PASS);
    engine_tick(b->engine);
    assert_int_equal(notices(b, text, sizeof text), 0);
    assert_true(guess(b, ANNA, THIEF));
    assert_int_equal(sign_in(b, ANNA, THIEF), AUTH_PASS);
    assert_int_equal(sign_in(b, ANNA, THIEF), AUTH_PASS);
    engine_tick(b->engine);
    assert_int_equal(notices(b, text, sizeof text), 1);
    assert_non_null(strstr(text, "\"event\": \"guessed\""));
    assert_non_null(strstr(text, "\"subject\": \"anna@contoso.example\""));
    assert_non_null(strstr(text, "anna@contoso.example signed in from 192.0.2.9, an unfamiliar network, after 11 "
                                 "attempts failed: the password may be guessed"));
    stop(b);
}

static void a_block_is_told_of_with_what_was_tried(void **state)
{
    static char text[16384];
    struct bench *b = *state;

    start_at_0(b, TELL);
    for (unsigned i = 0; i < 20; i++)
        (void)guess(b, login_number(i), THIEF);
    engine_tick(b->engine);
    assert_int_equal(notices(b, text, sizeof text), 1);
    assert_non_null(strstr(text, "\"event\": \"block\""));
    assert_non_null(strstr(text, "10 logins tried from 192.0.2.0/24"));
    assert_non_null(strstr(text, "\"program\": \"sasl\""));
    stop(b);
}

/* ---- explain, unblock ---- */

static struct decide_context context(struct bench *b)
{
    return (struct decide_context){.config = engine_config(b->engine),
                                   .view = b->world->view,
                                   .counters = state_counters(b->shared),
                                   .blocks = state_blocks(b->shared),
                                   .secret = state_secret(b->shared),
                                   .now_ns = now_of(b),
                                   .wall_s = clock_wall_s()};
}

/* What explain makes of somebody who signs in. */
static const char *explained(struct bench *b, const char *login, const char *client, struct verdict *v)
{
    static char text[8192];
    static const struct recipients none;
    struct decide_context c = context(b);
    struct submission s = attempt(login, client);
    struct buf out = BUF_OVER(text);
    struct trace trace = {.out = &out};

    decide(&c, &s, &none, v, &trace);
    return text;
}

static void explain_shows_how_the_limits_on_failures_stand(void **state)
{
    struct bench *b = *state;
    struct verdict v;

    start_at_0(b, "");
    live(b, 0, 10, ANNA);
    assert_int_equal(guess_often(b, 3, ANNA, THIEF), 3);
    assert_non_null(strstr(explained(b, ANNA, THIEF, &v), "limit guessing: 3 used, 17 left of 20 at 20/h"));
    assert_non_null(strstr(explained(b, ANNA, THIEF, &v), "limit spraying: 1 used, 9 left of 10 at 10/h"));
    assert_non_null(strstr(explained(b, ANNA, THIEF, &v), "limit botnet: 1 used, 19 left of 20 at 20/d"));
    assert_non_null(strstr(explained(b, ANNA, THIEF, &v), "let in"));
    assert_int_equal(v.reason, REASON_ALLOWED);
    assert_non_null(
        strstr(explained(b, ANNA, OFFICE, &v), "limit guessing: not for this client network, which is familiar"));
    (void)guess_often(b, 20, ANNA, THIEF);
    assert_non_null(strstr(explained(b, ANNA, THIEF, &v), "blocked: the client or its network"));
    assert_int_equal(v.action, ACTION_REJECT);
    assert_int_equal(v.reason, REASON_BLOCKED);
    stop(b);
}

/* Passwords and tokens. */
static void an_unblocked_network_begins_anew(void **state)
{
    struct bench *b = *state;
    char *words[] = {(char *)(uintptr_t) "192.0.2.0/24"};
    struct decide_context c;
    struct subject subject;
    struct block block;
    struct error e;

    start_at_0(b, "");
    (void)guess_often(b, 30, ANNA, THIEF);
    block = the_block(b);
    c = context(b);
    assert_int_equal(subject_parse(&c, 1, words, &subject, &e), 0);
    assert_int_equal(subject.block.prefix, block.prefix);
    assert_true(blocks_lift(blocks_of(b), block.key, now_of(b)));
    assert_int_equal(guess_often(b, 30, ANNA, THIEF), 0);
    subject_forgive(state_counters(b->shared), state_habits(b->shared), &c, &subject, &block);
    assert_int_equal(guess_often(b, 30, ANNA, THIEF), 20);
    stop(b);
}

/* ---- journal ---- */

struct records {
    struct journal_record at[64]; /* newest first */
    size_t n;
};

static bool keep(void *arg, const struct journal_record *record)
{
    struct records *records = arg;

    assert_true(records->n < 64);
    records->at[records->n++] = *record;
    return true;
}

static bool add_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    uint64_t *totals = arg;

    assert_string_equal(program, "sasl");
    assert_int_equal(action,
                     reason == REASON_AUTH_WAITS || reason == REASON_AUTH_UNAVAILABLE ? ACTION_DEFER : ACTION_REJECT);
    totals[reason] += count;
    return true;
}

static bool usage_of_whom(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    struct buf *b = arg;

    (void)tenant;
    buf_add(b, mailbox);
    buf_addf(b, ":%llu/%llu ", (unsigned long long)usage->refused[REASON_AUTH_FAILED],
             (unsigned long long)usage->refused[REASON_MAILBOX_DISABLED]);
    return true;
}

static void refusals_and_failures_are_in_the_journal_and_invented_names_not_in_the_usage(void **state)
{
    static uint64_t totals[REASON_COUNT];
    struct bench *b = *state;
    struct records r = {.n = 0};
    struct auth_ticket ticket, held[10];
    struct submission s = attempt(NULL, THIEF);
    struct journal *j;
    struct error e;
    char text[1024];
    struct buf who = BUF_OVER(text);

    virtual_now_s = 0;
    bench_start(b, "postern-sasl", "preset = \"standard\"; journal = \"~/journal\";");
    assert_true(guess(b, ANNA, THIEF));
    virtual_now_s += 1; /* the journal orders by time */
    assert_true(guess(b, "nobody@contoso.example", THIEF));
    assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_PASS);
    virtual_now_s += 1;
    assert_int_equal(sign_in(b, BERT, OFFICE), AUTH_REFUSE);
    virtual_now_s += 1;
    assert_int_equal(begin(b, THIEF, &ticket), AUTH_PASS);
    engine_auth_unavailable(b->session, &s, &ticket);
    virtual_now_s += 1;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(begin(b, THIEF, &held[i]), AUTH_PASS);
    assert_int_equal(engine_auth_try(b->session, &s, &ticket, &said), AUTH_WAIT); /* leaves nothing there */
    assert_int_equal(begin(b, THIEF, &ticket), AUTH_WAIT);
    bench_stop(b);
    if (journal_open(world_file(b->world, "journal"), NULL, &j, &e) != 0 ||
        journal_decisions(j, &(struct journal_query){.since_ns = 0}, keep, &r, &e) != 0 ||
        journal_totals(j, add_total, totals, &e) != 0 ||
        journal_usage(j, &(struct usage_query){.refused = true}, usage_of_whom, &who, &e) != 0)
        fail_msg("%s", e.text);
    journal_close(j);
    assert_int_equal(r.n, 5);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.at[i].stage, STAGE_AUTH);
        assert_string_equal(journal_program(r.at[i].stage, r.at[i].milter), "sasl");
        assert_string_equal(r.at[i].sender, "");
        assert_true(r.at[i].has_client);
    }
    assert_int_equal(r.at[0].reason, REASON_AUTH_WAITS);
    assert_string_equal(r.at[0].limit, "spraying");
    assert_int_equal(r.at[1].reason, REASON_AUTH_UNAVAILABLE);
    assert_int_equal(r.at[2].reason, REASON_MAILBOX_DISABLED);
    assert_string_equal(r.at[3].login, "nobody@contoso.example");
    assert_int_equal(r.at[4].reason, REASON_AUTH_FAILED);
    assert_string_equal(r.at[4].mailbox, ANNA);
    assert_int_equal(totals[REASON_AUTH_FAILED], 2);
    assert_int_equal(totals[REASON_MAILBOX_DISABLED], 1);
    assert_int_equal(totals[REASON_AUTH_WAITS], 1);
    assert_string_equal(text, "anna@contoso.example:1/0 bert@contoso.example:0/1 ");
}

static void a_limit_on_clients_that_only_tells_blocks_nobody(void **state)
{
    static char text[16384];
    struct bench *b = *state;

    start_at_0(b, TELL "preset = \"none\"; limits = ({ name = \"watch\"; per = \"client\"; count = \"auth failures\";"
                       "rate = \"5/h\"; then = \"monitor\"; });");
    for (unsigned i = 0; i < 20; i++)
        assert_true(guess(b, "nobody@contoso.example", THIEF));
    assert_int_equal(live_blocks(b), 0);
    engine_tick(b->engine);
    assert_int_equal(notices(b, text, sizeof text), 1);
    assert_non_null(strstr(text, "\"event\": \"failing\""));
    assert_non_null(strstr(text, "\"subject\": \"192.0.2.9\""));
    assert_non_null(strstr(text, "192.0.2.9 is over limit watch: 5 attempts failed"));
    stop(b);
}

static void who_signs_in_without_a_name_is_refused(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    assert_int_equal(sign_in(b, "", OFFICE), AUTH_REFUSE);
    assert_int_equal(sign_in(b, NULL, OFFICE), AUTH_REFUSE);
    assert_true(slice_starts_with(said, SLICE("5.7.139 Authentication unsuccessful, this user name")));
    stop(b);
}

static void tokens_that_had_run_out_are_no_guesses(void **state)
{
    static char text[16384];
    struct bench *b = *state;
    struct submission s = attempt(ANNA, THIEF);
    struct auth_ticket ticket;

    start_at_0(b, TELL);
    s.mechanism = SLICE("OAUTHBEARER");
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(engine_auth_begin(b->session, &s, &ticket, &said), AUTH_PASS);
        engine_auth_failed(b->session, &s, &ticket, &said);
        assert_int_equal(engine_auth_begin(b->session, &s, &ticket, &said), AUTH_PASS);
        assert_int_equal(engine_auth_succeeded(b->session, &s, &ticket, &said), AUTH_PASS);
    }
    engine_tick(b->engine);
    assert_int_equal(notices(b, text, sizeof text), 0);
    stop(b);
}

/* ---- monitor mode, log ---- */

static void monitor_mode_lets_all_in_and_says_what_it_would_do(void **state)
{
    struct bench *b = *state;
    struct auth_ticket ticket;
    const char *log;

    start_at_0(b, "mode = \"monitor\"; preset = \"none\"; limits = ({ name = \"guesses\"; per = \"client_net\";"
                  "count = \"auth failures\"; rate = \"5/h\"; then = \"block 15m\"; });");
    log_begin(b);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(begin(b, THIEF, &ticket), AUTH_PASS);
        end_failed(b, ANNA, THIEF, &ticket);
    }
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(sign_in(b, BERT, THIEF), AUTH_PASS);
    block_by_operator(b, "192.0.2.0/24");
    assert_int_equal(begin(b, THIEF, &ticket), AUTH_PASS);
    stop(b);
    log = log_end(b);
    assert_non_null(strstr(log,
                           "decision action=reject reason=auth-failed by=sasl stage=auth login=anna@contoso.example "
                           "tenant=contoso client=192.0.2.9 method=PLAIN tls=unknown would=limit-block "
                           "would_limit=guesses status=5.7.8"));
    assert_non_null(strstr(log, "would=auth-waits would_limit=guesses"));
    assert_non_null(strstr(log, "stage=auth login=bert@contoso.example tenant=contoso client=192.0.2.9 method=PLAIN "
                                "tls=unknown would=mailbox-disabled"));
    assert_non_null(strstr(log, "would=blocked"));
}

/* A printer that keeps the first four cells of each row. */
struct rows_printer {
    struct printer printer; /* first */
    struct buf b;
};

static void no_table(struct printer *p, const struct table *table)
{
    (void)p;
    (void)table;
}

static void keep_row(struct printer *p, const struct value *cells)
{
    struct buf *b = &((struct rows_printer *)p)->b;

    for (size_t i = 0; i < 3; i++) {
        buf_add(b, cells[i].text);
        buf_add_char(b, i < 2 ? '|' : ' ');
    }
    buf_addf(b, "%llu\n", (unsigned long long)cells[3].number);
}

static void no_end(struct printer *p)
{
    (void)p;
}

static void no_remark(struct printer *p, enum remark remark, const char *text)
{
    (void)p;
    (void)remark;
    (void)text;
}

static void what_monitor_mode_would_refuse_at_auth_is_reported_as_signing_in(void **state)
{
    struct bench *b = *state;
    struct auth_ticket ticket;
    char text[2048];
    struct rows_printer out = {.printer = {.table = no_table, .row = keep_row, .end = no_end, .remark = no_remark},
                               .b = BUF_OVER(text)};
    struct journal *j;
    struct error e;

    virtual_now_s = 0;
    bench_start(b, "postern-sasl",
                "mode = \"monitor\"; preset = \"none\"; journal = \"~/journal\"; limits = ({ name = \"guesses\";"
                "per = \"client_net\"; count = \"auth failures\"; rate = \"2/h\"; then = \"block 15m\"; });");
    assert_int_equal(sign_in(b, BERT, OFFICE), AUTH_PASS);
    assert_true(guess(b, ANNA, THIEF));
    assert_true(guess(b, ANNA, THIEF));
    assert_int_equal(begin(b, THIEF, &ticket), AUTH_PASS);
    bench_stop(b);
    if (journal_open(world_file(b->world, "journal"), NULL, &j, &e) != 0 ||
        would_refuse_report(j, 0, &out.printer, &e) != 0)
        fail_msg("%s", e.text);
    journal_close(j);
    assert_non_null(strstr(text, "bert@contoso.example|mailbox-disabled|signing in 1\n"));
    assert_non_null(strstr(text, "anna@contoso.example|limit-block|signing in, limit guesses 1\n"));
    assert_non_null(strstr(text, "|auth-waits|signing in, limit guesses 1\n"));
}

static void each_refusal_is_a_line_and_no_success(void **state)
{
    struct bench *b = *state;
    const char *log;

    start_at_0(b, "");
    log_begin(b);
    assert_int_equal(sign_in(b, ANNA, OFFICE), AUTH_PASS);
    assert_int_equal(sign_in(b, BERT, OFFICE), AUTH_REFUSE);
    assert_true(guess(b, "x\n=\xff y", OFFICE));
    stop(b);
    log = log_end(b);
    assert_null(strstr(log, "anna"));
    assert_non_null(strstr(log, "decision action=reject reason=mailbox-disabled by=sasl stage=auth "
                                "login=bert@contoso.example tenant=contoso client=198.51.100.7 method=PLAIN "
                                "tls=unknown status=5.7.139 why="));
    assert_non_null(strstr(log, "reason=auth-failed by=sasl stage=auth login=\"x\\x0a=\\xff\\x20y\" client="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(guessing_from_one_network_reaches_the_sasl_server_20_times_and_is_blocked),
        T(spraying_is_blocked_after_10_logins),
        T(all_spellings_of_one_mailbox_are_one_login),
        T(attempts_at_the_same_time_do_not_outrun_the_limit_and_wait),
        T(an_attempt_whose_process_died_runs_off),
        T(an_ipv6_subscriber_is_one_network),
        T(one_login_from_many_networks_is_told_of_and_never_blocked),
        T(invented_names_and_networks_leave_the_counters_alone),
        T(successes_aborted_dialogues_and_troubles_of_the_server_do_not_count),
        T(tokens_are_counted_apart_from_passwords),
        T(networks_that_are_known_or_a_connectors_are_spared),
        T(what_never_block_protects_is_spared),
        T(a_network_that_any_tenant_is_familiar_with_is_spared),
        T(networks_are_learnt_for_limits_on_failures_alone),
        T(in_the_first_week_a_network_that_mail_came_from_is_spared_and_no_other),
        T(later_one_message_makes_no_network_familiar),
        T(an_office_with_a_printer_that_fails_for_a_week_is_told_of_once_and_not_blocked),
        T(nor_is_it_in_the_relays_first_week),
        T(a_forbidden_login_is_refused_with_the_words_of_exchange_online),
        T(what_would_be_deferred_passes),
        T(a_block_that_only_defers_makes_attempts_wait),
        T(denials_at_auth_are_counted_and_charge_nothing),
        T(a_familiar_network_is_refused_before_the_password_only_by_an_operators_block),
        T(a_blocked_login_is_refused_only_after_its_password),
        T(a_success_that_was_under_way_when_the_client_was_blocked_is_refused),
        T(a_success_after_many_failures_from_an_unfamiliar_network_is_told_of),
        T(a_block_is_told_of_with_what_was_tried),
        T(explain_shows_how_the_limits_on_failures_stand),
        T(an_unblocked_network_begins_anew),
        T(refusals_and_failures_are_in_the_journal_and_invented_names_not_in_the_usage),
        T(a_limit_on_clients_that_only_tells_blocks_nobody),
        T(who_signs_in_without_a_name_is_refused),
        T(tokens_that_had_run_out_are_no_guesses),
        T(monitor_mode_lets_all_in_and_says_what_it_would_do),
        T(what_monitor_mode_would_refuse_at_auth_is_reported_as_signing_in),
        T(each_refusal_is_a_line_and_no_success),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
