/* links: mirror */
/* The engine around the decision: charging once, distinct counts, denials, blocks, holds, exceptions, the log. threads
 */
#include "tests/unit/engine_fixture.h"

#define LIMIT(rest) "limits = ({ name = \"l\"; per = \"user\"; " rest " });"

static void a_burst_passes_and_the_next_message_is_deferred(void **state)
{
    struct bench *b = *state;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 3;"));
    for (int i = 0; i < 3; i++)
        assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_LIMIT);
    assert_int_equal(send_as(b, "a.berg@contoso.example", "203.0.113.9", "anna@contoso.example"), REASON_LIMIT);
    assert_int_equal(send_as(b, "dora@fabrikam.example", "203.0.113.9", "dora@fabrikam.example"), REASON_ALLOWED);
    stop(b);
}

static void what_was_counted_survives_a_restart(void **state)
{
    struct bench *b = *state;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1;"));
    assert_int_equal(anna(b), REASON_ALLOWED);
    bench_stop(b);
    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1;"));
    assert_int_equal(anna(b), REASON_LIMIT);
    stop(b);
}

static void a_message_is_charged_once_however_often_and_by_whom_it_is_asked_about(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 2;"));
    s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    s.queue_id = s.instance = SLICE("4QFIRST");
    for (int i = 0; i < 5; i++) {
        s.front_end = i % 2 == 0 ? "policyd" : "milter";
        assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    }
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_LIMIT);
    s.front_end = "milter";
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    stop(b);
}

static void asking_at_a_recipient_charges_nothing(void **state)
{
    struct bench *b = *state;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1;"));
    for (int i = 0; i < 20; i++) {
        struct submission s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");

        s.stage = STAGE_RCPT;
        s.recipient_count = 0;
        s.has_recipient = true;
        s.recipient_result = address_parse_internal(SLICE("x@adatum.example"), &s.recipient);
        assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
        recipients_clear(&b->recipients);
    }
    assert_int_equal(anna(b), REASON_ALLOWED);
    stop(b);
}

static void the_front_end_that_does_not_charge_only_looks(void **state)
{
    struct bench *b = *state;

    start(b, "charge = \"milter\";" LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1;"));
    for (int i = 0; i < 3; i++)
        assert_int_equal(anna(b), REASON_ALLOWED);
    stop(b);
}

static void a_message_that_costs_more_than_the_burst_is_refused_for_good(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"recipients\"; rate = \"10/h\"; burst = 10;"));
    s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    s.recipient_count = 11;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_LIMIT_NEVER);
    s.recipient_count = 10;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_LIMIT);
    stop(b);
}

static void when_one_limit_refuses_the_others_are_not_charged(void **state)
{
    struct bench *b = *state;

    start(b, "limits = ({ name = \"a\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 3; },"
             "          { name = \"b\"; per = \"client\"; count = \"messages\"; rate = \"1/h\"; burst = 1; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    for (int i = 0; i < 5; i++)
        assert_int_equal(anna(b), REASON_LIMIT);
    assert_int_equal(send_as(b, "anna@contoso.example", "203.0.113.10", "anna@contoso.example"), REASON_ALLOWED);
    assert_int_equal(send_as(b, "anna@contoso.example", "203.0.113.11", "anna@contoso.example"), REASON_ALLOWED);
    assert_int_equal(send_as(b, "anna@contoso.example", "203.0.113.12", "anna@contoso.example"), REASON_LIMIT);
    stop(b);
}

static void a_login_seen_from_too_many_networks_is_blocked_everywhere(void **state)
{
    struct bench *b = *state;
    static const char *const clients[] = {"192.0.2.1", "198.51.100.1", "192.0.2.99", "198.51.100.7"};

    start(b, LIMIT("count = \"distinct client_net\"; rate = \"2/d\"; burst = 2; then = \"block 1h\";"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(send_as(b, "anna@contoso.example", clients[i], "anna@contoso.example"), REASON_ALLOWED);
    assert_int_equal(send_as(b, "anna@contoso.example", "203.0.113.1", "anna@contoso.example"), REASON_LIMIT_BLOCK);
    assert_int_equal(send_as(b, "anna@contoso.example", "192.0.2.1", "anna@contoso.example"), REASON_BLOCKED);
    assert_int_equal(send_as(b, "a.berg@contoso.example", "192.0.2.1", "anna@contoso.example"), REASON_BLOCKED);
    assert_int_equal(send_as(b, "dora@fabrikam.example", "192.0.2.1", "dora@fabrikam.example"), REASON_ALLOWED);
    stop(b);
}

static void a_client_that_is_refused_too_often_is_blocked(void **state)
{
    struct bench *b = *state;

    start(b, "limits = ({ name = \"spray\"; per = \"client\"; count = \"denials\"; rate = \"1/h\"; burst = 3; then = "
             "\"block 15m\"; });");
    for (int i = 0; i < 4; i++)
        assert_int_equal(send_as(b, "ghost@contoso.example", "203.0.113.9", "ghost@contoso.example"), REASON_UNLISTED);
    assert_int_equal(anna(b), REASON_BLOCKED);
    assert_int_equal(send_as(b, "anna@contoso.example", "203.0.113.10", "anna@contoso.example"), REASON_ALLOWED);
    stop(b);
}

static void one_message_is_one_denial_however_many_recipients_are_refused(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, "limits = ({ name = \"spray\"; per = \"client\"; count = \"denials\"; rate = \"1/h\"; burst = 1; then = "
             "\"block 15m\"; });");
    s = message(b, "ghost@contoso.example", "203.0.113.9", "ghost@contoso.example");
    for (int i = 0; i < 10; i++)
        assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_UNLISTED);
    assert_int_equal(anna(b), REASON_ALLOWED);
    stop(b);
}

static void over_a_limit_that_holds_the_message_is_held(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1; then = \"hold\";"));
    assert_int_equal(anna(b), REASON_ALLOWED);
    s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->action, ACTION_HOLD);
    stop(b);
}

static void over_a_limit_that_is_only_watched_the_message_passes(void **state)
{
    struct bench *b = *state;
    struct submission s;
    const struct verdict *v;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1; then = \"monitor\";"));
    assert_int_equal(anna(b), REASON_ALLOWED);
    s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    v = engine_decide(b->session, &s, &b->recipients);
    assert_int_equal(v->action, ACTION_PASS);
    assert_true(v->monitored);
    assert_string_equal(v->monitored_limit, "l");
    stop(b);
}

static void a_user_a_group_and_a_connector_can_have_their_own_rate(void **state)
{
    struct bench *b = *state;

    start(b, "groups = ({ name = \"apps\"; members = [\"paul@contoso.example\"]; });"
             "connectors = ({ name = \"printers\"; networks = [\"192.0.2.0/24\"]; });"
             "limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 1;"
             "  except = ({ user = \"anna@contoso.example\"; rate = \"1/h\"; burst = 2; }, { group = \"apps\"; rate = "
             "\"unlimited\"; }); },"
             " { name = \"c\"; per = \"client\"; for = \"connectors\"; count = \"messages\"; rate = \"1/h\"; burst = 1;"
             "  except = ({ connector = \"printers\"; rate = \"1/h\"; burst = 2; }); });");
    assert_int_equal(send_as(b, "a.berg@contoso.example", "203.0.113.9", "anna@contoso.example"), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_LIMIT);
    for (int i = 0; i < 10; i++)
        assert_int_equal(send_as(b, "p.ulrich@contoso.example", "203.0.113.9", "paul@contoso.example"), REASON_ALLOWED);
    assert_int_equal(send_as(b, "dora@fabrikam.example", "203.0.113.9", "dora@fabrikam.example"), REASON_ALLOWED);
    assert_int_equal(send_as(b, "dora@fabrikam.example", "203.0.113.9", "dora@fabrikam.example"), REASON_LIMIT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_as(b, NULL, "192.0.2.5", "x@contoso.example"), REASON_CONNECTOR);
    assert_int_equal(send_as(b, NULL, "192.0.2.5", "x@contoso.example"), REASON_LIMIT);
    stop(b);
}

static void the_preset_takes_the_figures_of_the_tenants_own_outbound_policy(void **state)
{
    struct bench *b = *state;

    start(b, "preset = \"exchange-online\";");
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_as(b, "dora@fabrikam.example", "203.0.113.9", "dora@fabrikam.example"), REASON_ALLOWED);
    assert_int_equal(send_as(b, "dora@fabrikam.example", "203.0.113.9", "dora@fabrikam.example"), REASON_LIMIT);
    for (int i = 0; i < 5; i++)
        assert_int_equal(anna(b), REASON_ALLOWED);
    stop(b);
}

static void recipients_are_counted_by_domain_and_by_where_they_are(void **state)
{
    struct bench *b = *state;
    static const char *const to[] = {"a@adatum.example", "b@adatum.example", "c@contoso.example"};
    struct submission s;

    start(b,
          "limits = ({ name = \"ext\"; per = \"user\"; count = \"external recipients\"; rate = \"1/h\"; burst = 3; },"
          "          { name = \"dom\"; per = \"user+recipient_domain\"; count = \"recipients\"; rate = \"1/h\"; burst "
          "= 100; });");
    s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    s.stage = STAGE_RCPT;
    for (int i = 0; i < 3; i++) {
        s.has_recipient = true;
        s.recipient_count = 0;
        s.recipient_result = address_parse_internal(slice_of(to[i]), &s.recipient);
        assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    }
    assert_int_equal(b->recipients.n, 3);
    assert_int_equal(b->recipients.external, 2);
    s.stage = STAGE_END;
    s.has_recipient = false;
    s.recipient_count = 3;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    recipients_clear(&b->recipients);
    /* one external is left; a recipient that was never shown counts as external */
    s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    s.recipient_count = 2;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_LIMIT);
    s.recipient_count = 1;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    stop(b);
}

static void a_reload_with_a_mistake_keeps_the_old_rules(void **state)
{
    struct bench *b = *state;
    struct error e;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1;"));
    world_write(b->world, "postern.conf", "limmits = ();");
    assert_int_equal(engine_reload(b->engine, &e), -1);
    assert_non_null(strstr(e.text, "limmits"));
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_LIMIT);
    stop(b);
}

/* A new generation of the directory, in use. */
static void allow_bert(struct bench *b)
{
    struct world_mailbox bert = world_mailboxes[1];
    struct writer_summary summary;
    struct writer *writer;
    uint32_t tenants[3];
    struct error e;

    assert_string_equal(bert.primary, BERT);
    bert.smtp_auth = SMTP_AUTH_ENABLED;
    if (writer_begin(world_file(b->world, "directory"), &writer, &e) != 0)
        fail_msg("%s", e.text);
    world_tenants(writer, tenants);
    world_put(tenants, &bert);
    if (puts_write(writer, &e) != 0 || writer_finish(writer, &summary, &e) != 0)
        fail_msg("%s", e.text);
    writer_close(writer);
    engine_tick(b->engine);
}

static void who_a_login_is_follows_a_reload_and_a_new_directory(void **state)
{
    struct bench *b = *state;
    struct engine_session *other;
    struct error e;

    start(b, "tenants = ({ name = \"contoso\"; smtp_auth = \"enabled\"; });");
    assert_int_equal(send_from(b, "cleo@contoso.example", "203.0.113.9"), REASON_ALLOWED);
    other = b->session;
    b->session = engine_session_new(b->engine);
    assert_non_null(b->session);
    assert_int_equal(send_from(b, "cleo@contoso.example", "203.0.113.9"), REASON_ALLOWED);
    engine_session_free(other);
    bench_configure(b, "tenants = ({ name = \"contoso\"; smtp_auth = \"disabled\"; });");
    if (engine_reload(b->engine, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(send_from(b, "cleo@contoso.example", "203.0.113.9"), REASON_ORGANIZATION_DISABLED);
    assert_int_equal(send_from(b, BERT, "203.0.113.9"), REASON_MAILBOX_DISABLED);
    allow_bert(b);
    assert_int_equal(send_from(b, BERT, "203.0.113.9"), REASON_ALLOWED);
    stop(b);
}

static void a_reload_takes_the_new_rules_and_forgets_nothing(void **state)
{
    struct bench *b = *state;
    struct error e;

    start(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1;"));
    assert_int_equal(anna(b), REASON_ALLOWED);
    bench_configure(b, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 2;"));
    if (engine_reload(b->engine, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_LIMIT);
    stop(b);
}

static void each_message_is_one_line_in_the_log_and_nothing_foreign_breaks_it(void **state)
{
    struct bench *b = *state;
    char *log;

    log_begin(b);
    start(b, "");
    (void)anna(b);
    (void)send_as(b, "bad\nlogin=x action=pass", "203.0.113.9", "e\033[31m@contoso.example");
    stop(b);
    log = log_end(b);
    assert_non_null(strstr(log,
                           "event=decision action=pass reason=allowed by=policyd stage=end login=anna@contoso.example "
                           "tenant=contoso client=203.0.113.9 method=PLAIN tls=TLSv1.3 sender=anna@contoso.example "
                           "recipients=1 size=1000 queue_id="));
    assert_non_null(
        strstr(log, "action=reject reason=bad-login by=policyd stage=end login=\"bad\\x0alogin=x\\x20action=pass\""));
    for (char *p = log; *p != '\0'; p++)
        assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
}

static void a_line_shows_the_header_and_what_is_wrong_with_it(void **state)
{
    static const struct {
        const char *from, *sender, *said;
    } rows[] = {
        {"Anna <anna@contoso.example>", NULL, " from=anna@contoso.example\n"},
        {"anna@contoso.example", "boss@contoso.example",
         "\" field=Sender fault=\"not permitted\" header=boss@contoso.example from=anna@contoso.example "
         "header_sender=boss@contoso.example\n"},
        {"boss:;", NULL, "\" field=From fault=\"no address\""},
    };
    struct bench *b = *state;
    char *log;

    log_begin(b);
    start(b, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = message(b, "anna@contoso.example", "203.0.113.9", "anna@contoso.example");
        struct headers headers = {.seen = true};

        headers_add(&headers, SLICE("From"), slice_of(rows[i].from));
        if (rows[i].sender != NULL)
            headers_add(&headers, SLICE("Sender"), slice_of(rows[i].sender));
        s.front_end = "milter";
        s.headers = &headers;
        (void)engine_decide(b->session, &s, &b->recipients);
        headers_clear(&headers);
    }
    stop(b);
    log = log_end(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(log, rows[i].said) == NULL)
            fail_msg("%s: %s", rows[i].said, log);
}

/* Neighbours differ in one thing each: the format, the action, the reason, the front end, the stage. */
static void a_line_begins_with_its_own_verdict_whatever_the_one_before_it_was(void **state)
{
    static const struct {
        const char *login, *front_end;
        enum stage stage;
        bool json;
        const char *begin;
    } rows[] = {
        {"anna", "policyd", STAGE_END, false,
         "event=decision action=pass reason=allowed by=policyd stage=end login=anna"},
        {"anna", "policyd", STAGE_END, false,
         "event=decision action=pass reason=allowed by=policyd stage=end login=anna"},
        {"nobody", "policyd", STAGE_END, false,
         "event=decision action=reject reason=unlisted by=policyd stage=end login=n"},
        {"nobody", "policyd", STAGE_RCPT, false,
         "event=decision action=reject reason=unlisted by=policyd stage=rcpt login"},
        {"nobody", "milter", STAGE_RCPT, false,
         "event=decision action=reject reason=unlisted by=milter stage=rcpt login=n"},
        {"a b", "milter", STAGE_RCPT, false,
         "event=decision action=reject reason=bad-login by=milter stage=rcpt login=a"},
        {"a b", "milter", STAGE_RCPT, true,
         "\"event\":\"decision\",\"action\":\"reject\",\"reason\":\"bad-login\",\"by\":\"mil"},
        {"c d", "milter", STAGE_RCPT, true,
         "\"event\":\"decision\",\"action\":\"reject\",\"reason\":\"bad-login\",\"by\":\"mil"},
        {"c d", "milter", STAGE_RCPT, false,
         "event=decision action=reject reason=bad-login by=milter stage=rcpt login=c"},
    };
    static const struct log_config formats[] = {{LOG_TO_STDERR, LOG_TEXT, 0}, {LOG_TO_STDERR, LOG_JSON, 0}};
    struct bench *b = *state;
    char *log;

    log_begin(b);
    start(b, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char login[64];
        struct submission s;

        (void)snprintf(login, sizeof login, "%s@contoso.example", rows[i].login);
        s = message(b, login, "203.0.113.9", login);
        s.front_end = rows[i].front_end;
        s.stage = rows[i].stage;
        log_configure(engine_log(b->engine), &formats[rows[i].json]);
        (void)engine_decide(b->session, &s, &b->recipients);
    }
    stop(b);
    log = log_end(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *line = strpbrk(log, "{=");

        assert_non_null(line);
        line = *line == '{' ? strstr(line, "\"event\"") : line - strlen("event"); /* behind the time */
        if (strncmp(line, rows[i].begin, strlen(rows[i].begin)) != 0)
            fail_msg("line %zu: %s", i, line);
        log = strchr(line, '\n') + 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_the_next_message_is_deferred),
        cmocka_unit_test(what_was_counted_survives_a_restart),
        cmocka_unit_test(a_message_is_charged_once_however_often_and_by_whom_it_is_asked_about),
        cmocka_unit_test(asking_at_a_recipient_charges_nothing),
        cmocka_unit_test(the_front_end_that_does_not_charge_only_looks),
        cmocka_unit_test(a_message_that_costs_more_than_the_burst_is_refused_for_good),
        cmocka_unit_test(when_one_limit_refuses_the_others_are_not_charged),
        cmocka_unit_test(a_login_seen_from_too_many_networks_is_blocked_everywhere),
        cmocka_unit_test(a_client_that_is_refused_too_often_is_blocked),
        cmocka_unit_test(one_message_is_one_denial_however_many_recipients_are_refused),
        cmocka_unit_test(over_a_limit_that_holds_the_message_is_held),
        cmocka_unit_test(over_a_limit_that_is_only_watched_the_message_passes),
        cmocka_unit_test(a_user_a_group_and_a_connector_can_have_their_own_rate),
        cmocka_unit_test(the_preset_takes_the_figures_of_the_tenants_own_outbound_policy),
        cmocka_unit_test(recipients_are_counted_by_domain_and_by_where_they_are),
        cmocka_unit_test(a_reload_with_a_mistake_keeps_the_old_rules),
        cmocka_unit_test(who_a_login_is_follows_a_reload_and_a_new_directory),
        cmocka_unit_test(a_reload_takes_the_new_rules_and_forgets_nothing),
        cmocka_unit_test(each_message_is_one_line_in_the_log_and_nothing_foreign_breaks_it),
        cmocka_unit_test(a_line_shows_the_header_and_what_is_wrong_with_it),
        cmocka_unit_test(a_line_begins_with_its_own_verdict_whatever_the_one_before_it_was),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
