/* links: milter */
#include "tests/unit/milter_seam.h"

#include "milter/session.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct engine engine;
    struct milter milter;
    struct smfiDesc call;
    struct smfi_str ctx;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->engine.verdict = (struct verdict){.action = ACTION_PASS, .reason = REASON_ALLOWED};
    assert_int_equal(milter_init(&f->milter, &f->engine, &(struct listener_config){.fd = -1}), 0);
    f->call = callbacks_for(&f->milter);
    *state = f;
    return 0;
}

/* Every test ends with a closed connection, nothing open, and every user given back. */
static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->call.xxfi_close(&f->ctx), SMFIS_CONTINUE);
    assert_null(f->ctx.private_data);
    assert_int_equal(atomic_load(&f->milter.transactions), 0);
    assert_int_equal(session_pool_lent(&f->milter.pool), 0);
    assert_int_equal(session_pool_idle(&f->milter.pool), f->engine.sessions);
    milter_destroy(&f->milter);
    assert_int_equal(f->engine.sessions, 0);
    free(f);
    return 0;
}

/* ---- shorthands ---- */

static void set_macro(struct fixture *f, const char *name, const char *value)
{
    size_t i = 0;

    while (i < SEAM_MACROS && f->ctx.macros[i][0] != NULL && strcmp(f->ctx.macros[i][0], name) != 0)
        i++;
    assert_true(i < SEAM_MACROS);
    f->ctx.macros[i][0] = name;
    f->ctx.macros[i][1] = value;
}

static void connect_from(struct fixture *f, const char *host, const char *address, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr *at = NULL;

    if (address != NULL && inet_pton(AF_INET, address, &in.sin_addr) == 1)
        at = (struct sockaddr *)&in;
    else if (address != NULL && inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
        at = (struct sockaddr *)&in6;
    assert_true(at != NULL || address == NULL);
    assert_int_equal(f->call.xxfi_connect(&f->ctx, (char *)host, at), SMFIS_NOREPLY);
}

static void connect_login(struct fixture *f)
{
    connect_from(f, "laptop.contoso.example", "192.0.2.7", 50000);
    set_macro(f, "{mail_addr}", "sean@contoso.example");
    set_macro(f, "{auth_authen}", "sean@contoso.example");
    set_macro(f, "{auth_type}", "PLAIN");
    set_macro(f, "{tls_version}", "TLSv1.3");
}

static sfsistat mail(struct fixture *f, const char *path)
{
    return f->call.xxfi_envfrom(&f->ctx, (char *[]){(char *)path, NULL});
}

static sfsistat rcpt(struct fixture *f, const char *path)
{
    return f->call.xxfi_envrcpt(&f->ctx, (char *[]){(char *)path, NULL});
}

static void header(struct fixture *f, const char *name, const char *value)
{
    assert_int_equal(f->call.xxfi_header(&f->ctx, (char *)name, (char *)value), SMFIS_NOREPLY);
}

static sfsistat end(struct fixture *f)
{
    return f->call.xxfi_eom(&f->ctx);
}

static void verdict(struct fixture *f, enum action action, enum reason reason, const char *reply)
{
    f->engine.verdict = (struct verdict){.action = action, .reason = reason, .reply = slice_of(reply)};
}

static void assert_reply(struct fixture *f, const char *code, const char *enhanced, const char *text)
{
    assert_string_equal(f->ctx.code, code);
    assert_string_equal(f->ctx.enhanced, enhanced);
    assert_string_equal(f->ctx.text, text);
}

static void assert_internal(struct fixture *f, sfsistat answer)
{
    assert_int_equal(answer, SMFIS_TEMPFAIL);
    assert_string_equal(f->ctx.code, "451");
    assert_string_equal(f->ctx.enhanced, "4.3.0");
}

#define assert_slice(s, text)                                                                                          \
    do {                                                                                                               \
        assert_int_equal((s).n, strlen(text));                                                                         \
        assert_memory_equal((s).p, text, strlen(text));                                                                \
    } while (0)

/* ---- negotiation ---- */

static unsigned long negotiate_with(struct fixture *f, unsigned long actions, unsigned long steps,
                                    unsigned long *want_actions)
{
    unsigned long want_steps = 0, two = 99, three = 99;

    assert_int_equal(f->call.xxfi_negotiate(&f->ctx, actions, steps, 0, 0, want_actions, &want_steps, &two, &three),
                     SMFIS_CONTINUE);
    assert_int_equal(two | three, 0);
    return want_steps;
}

static void negotiation_asks_postfix_for_logins_and_tls_with_mail(void **state)
{
    static const char *const wanted[] = {"{auth_authen}", "{auth_type}",   "{tls_version}",
                                         "{mail_addr}",   "{client_addr}", "{opMode}"};
    struct fixture *f = *state;
    unsigned long actions, steps = negotiate_with(f, SMFI_CURR_ACTS, SMFI_CURR_PROT, &actions);

    assert_int_equal(actions, SMFIF_ADDHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST);
    assert_int_equal(steps, SMFIP_NOUNKNOWN | SMFIP_NOHELO | SMFIP_NOBODY | SMFIP_NR_CONN | SMFIP_NR_HELO |
                                SMFIP_NR_HDR | SMFIP_NR_EOH);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_non_null(strstr(f->ctx.lists[SMFIM_ENVFROM], wanted[i]));
    assert_string_equal(f->ctx.lists[SMFIM_DATA], "i");
    assert_string_equal(f->ctx.lists[SMFIM_HELO], "");
    assert_string_equal(f->ctx.lists[SMFIM_ENVRCPT], "");
}

static void an_mta_that_cannot_be_told_about_macros_keeps_sending_helo(void **state)
{
    struct fixture *f = *state;
    unsigned long actions, steps = negotiate_with(f, SMFI_V2_ACTS, SMFI_V1_PROT | SMFIP_NR_HELO, &actions);

    assert_int_equal(actions, SMFIF_ADDHDRS | SMFIF_QUARANTINE);
    assert_int_equal(steps & SMFIP_NOHELO, 0);
    assert_int_equal(steps | SMFI_V1_PROT | SMFIP_NR_HELO, SMFI_V1_PROT | SMFIP_NR_HELO);
    assert_string_equal(f->ctx.lists[SMFIM_ENVFROM], "");
    assert_int_equal(f->call.xxfi_helo(&f->ctx, (char *)"laptop"), SMFIS_NOREPLY);
}

/* One message as far as DATA, with that queue id, and then what comes in the place of its end. */
static unsigned lines_after_data(struct fixture *f, const char *queue_id, void (*then)(struct fixture *f))
{
    unsigned before = seam_lines;

    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
    assert_int_equal(rcpt(f, "<a@fabrikam.example>"), SMFIS_CONTINUE);
    set_macro(f, "i", queue_id);
    assert_int_equal(f->call.xxfi_data(&f->ctx), SMFIS_CONTINUE);
    then(f);
    return seam_lines - before;
}

static void ends(struct fixture *f)
{
    header(f, "From", "sean@contoso.example");
    assert_int_equal(end(f), SMFIS_CONTINUE);
}

static void aborts(struct fixture *f)
{
    assert_int_equal(f->call.xxfi_abort(&f->ctx), SMFIS_CONTINUE);
}

static void says_mail_again(struct fixture *f)
{
    (void)mail(f, "<sean@contoso.example>");
}

static void hangs_up(struct fixture *f)
{
    assert_int_equal(f->call.xxfi_close(&f->ctx), SMFIS_CONTINUE);
    connect_login(f);
}

static void messages_that_go_on_are_marked_as_shown_at_mail(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    assert_int_equal(f->engine.seen, 1);
    (void)rcpt(f, "<a@fabrikam.example>");
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_int_equal(f->engine.seen, 1);
    verdict(f, ACTION_REJECT, REASON_BLOCKED, "550 5.1.8 No");
    (void)mail(f, "<sean@contoso.example>");
    assert_int_equal(f->engine.seen, 1);
}

static void a_message_that_had_data_and_no_end_is_logged(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    assert_int_equal(lines_after_data(f, "4TzYyK", ends), 0);
    assert_int_equal(lines_after_data(f, "4TzYyK", aborts), 1);
    assert_non_null(strstr(seam_line, "queue_id=4TzYyK login=sean@contoso.example"));
    assert_int_equal(lines_after_data(f, "4TzYyL", says_mail_again), 1);
    assert_int_equal(lines_after_data(f, "4Tz\nevent=decision", hangs_up), 1);
    assert_null(strchr(seam_line, '\n'));
    /* begun, but never as far as DATA */
    (void)mail(f, "<sean@contoso.example>");
    aborts(f);
    assert_non_null(strstr(seam_line, "4Tz"));
    assert_false(f->milter.told_of_proxy);
}

static void mail_that_a_before_queue_filter_takes_away_is_told_of_once(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    assert_int_equal(lines_after_data(f, NULL, aborts), 1);
    assert_non_null(strstr(seam_line, "smtpd_proxy_filter"));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lines_after_data(f, NULL, aborts), 0);
        assert_int_equal(lines_after_data(f, "", hangs_up), 0);
    }
}

static void nothing_is_asked_at_data(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->call.xxfi_data(&f->ctx), SMFIS_CONTINUE); /* no session */
    connect_login(f);
    assert_int_equal(f->call.xxfi_data(&f->ctx), SMFIS_CONTINUE); /* nothing open */
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    set_macro(f, "i", "4TzYyK");
    assert_int_equal(f->engine.decisions, 2);
    assert_int_equal(f->call.xxfi_data(&f->ctx), SMFIS_CONTINUE);
    assert_int_equal(f->engine.decisions, 2);
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_int_equal(f->engine.asked.recipient_count, 1);
    assert_string_equal(f->engine.queue_id, "4TzYyK");
}

static void bodies_are_asked_for_when_a_limit_counts_bytes(void **state)
{
    struct fixture *f = *state;
    struct limit_config limits[] = {{.count = COUNT_MESSAGES}, {.count = COUNT_BYTES}};
    unsigned long actions;

    f->engine.config.limits = limits;
    f->engine.config.n_limits = 1;
    milter_configure(&f->milter);
    assert_int_not_equal(negotiate_with(f, SMFI_V2_ACTS, SMFI_CURR_PROT, &actions) & SMFIP_NOBODY, 0);
    f->engine.config.n_limits = 2;
    milter_configure(&f->milter);
    assert_int_equal(negotiate_with(f, SMFI_V2_ACTS, SMFI_CURR_PROT, &actions) & SMFIP_NOBODY, 0);
    f->engine.config.n_limits = 0;
}

static void without_memory_for_the_macro_lists_the_connection_ends(void **state)
{
    struct fixture *f = *state;
    unsigned long a, b, c, d;

    f->ctx.no_list_memory = true;
    assert_int_equal(f->call.xxfi_negotiate(&f->ctx, SMFI_CURR_ACTS, SMFI_CURR_PROT, 0, 0, &a, &b, &c, &d),
                     SMFIS_REJECT);
}

/* ---- what MAIL brings ---- */

static void mail_fills_the_submission(void **state)
{
    struct fixture *f = *state;
    char *arguments[] = {(char *)"<Sean@Contoso.Example>", (char *)"BODY=8BITMIME", (char *)"size=2048",
                         (char *)"AUTH=<boss@contoso.example>", NULL};
    const struct submission *s = &f->engine.asked;

    connect_login(f);
    assert_int_equal(f->call.xxfi_envfrom(&f->ctx, arguments), SMFIS_CONTINUE);
    assert_int_equal(f->engine.decisions, 1);
    assert_int_equal(s->stage, STAGE_MAIL);
    assert_int_equal(s->login.kind, LOGIN_ADDRESS);
    assert_slice(s->login_text, "sean@contoso.example");
    assert_slice(s->mechanism, "PLAIN");
    assert_int_equal(s->tls, TLS_V1_3);
    assert_true(s->has_client && ip_is_v4(&s->client) && s->client.b[15] == 7);
    assert_int_equal(s->sender_result, ADDRESS_OK);
    assert_string_equal(s->sender.text, "sean@contoso.example");
    assert_slice(s->sender_text, "<Sean@Contoso.Example>");
    assert_int_equal(s->size, 2048);
    assert_string_equal(s->front_end, "milter");
    assert_false(s->has_recipient);
    assert_null(s->headers);
    assert_null(s->listener_tls);
}

static void senders_are_what_the_command_says(void **state)
{
    static const struct {
        const char *path;
        enum address_result result;
        const char *sender;
    } rows[] = {
        {"<>", ADDRESS_NULL, ""},
        {"sean@contoso.example", ADDRESS_OK, "sean@contoso.example"},
        {"<\"sean@contoso.example\"@evil.example>", ADDRESS_BAD, ""},
        {"<@a.example,@b.example:sean@contoso.example>", ADDRESS_OK, "sean@contoso.example"},
        {"<sean>", ADDRESS_NO_DOMAIN, ""},
        {"<sean@contoso.example", ADDRESS_BAD, ""},
        {NULL, ADDRESS_BAD, ""},
    };
    struct fixture *f = *state;

    connect_login(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(mail(f, rows[i].path), SMFIS_CONTINUE);
        assert_int_equal(f->engine.asked.sender_result, rows[i].result);
        if (rows[i].result == ADDRESS_OK)
            assert_string_equal(f->engine.asked.sender.text, rows[i].sender);
    }
}

static void logins_without_a_usable_name_never_count_as_not_authenticated(void **state)
{
    static const struct {
        const char *login, *mechanism;
        enum login_kind kind;
    } rows[] = {
        {NULL, NULL, LOGIN_NONE},
        {"", NULL, LOGIN_NONE},
        {"", "", LOGIN_NONE},
        {NULL, "PLAIN", LOGIN_BAD},
        {"", "LOGIN", LOGIN_BAD},
        {"a?b", "PLAIN", LOGIN_BAD},
        {"sean", "PLAIN", LOGIN_ACCOUNT},
        {"CONTOSO\\sean", "LOGIN", LOGIN_NETBIOS},
        {"sean@contoso.example", NULL, LOGIN_ADDRESS},
    };
    struct fixture *f = *state;

    connect_login(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_macro(f, "{auth_authen}", rows[i].login);
        set_macro(f, "{auth_type}", rows[i].mechanism);
        assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
        assert_int_equal(f->engine.asked.login.kind, rows[i].kind);
    }
}

static void logins_are_decoded_where_sendmail_says_them(void **state)
{
    static const struct {
        const char *said, *mode; /* mode NULL: Postfix */
        enum login_kind kind;
        const char *login;
    } rows[] = {
        {"sean@contoso.example", "d", LOGIN_ADDRESS, "sean@contoso.example"},
        {"sean+2Bscan@contoso.example", "d", LOGIN_ADDRESS, "sean+scan@contoso.example"},
        {"CONTOSO+5Csean", "d", LOGIN_NETBIOS, "CONTOSO\\sean"},
        {"kim.o'neil@contoso.example", "d", LOGIN_ADDRESS, "kim.o'neil@contoso.example"},
        {"a=b@contoso.example", "d", LOGIN_ADDRESS, "a=b@contoso.example"},
        {"a+3Db@contoso.example", "d", LOGIN_ADDRESS, "a=b@contoso.example"},
        {"sean+2Bscan@contoso.example", NULL, LOGIN_ADDRESS, "sean+2Bscan@contoso.example"},
        {"sean+scan@contoso.example", NULL, LOGIN_ADDRESS, "sean+scan@contoso.example"},
        /* what decodes to nothing that can name a mailbox, and what is no xtext */
        {"sean+00@contoso.example", "d", LOGIN_BAD, NULL},
        {"sean+0A", "d", LOGIN_BAD, NULL},
        {"sean+2bscan@contoso.example", "d", LOGIN_BAD, "sean+2bscan@contoso.example"},
        {"sean+2", "d", LOGIN_BAD, "sean+2"},
        {"sean+", "d", LOGIN_BAD, "sean+"},
        {"se an", "d", LOGIN_BAD, "se an"},
    };
    struct fixture *f = *state;
    char longest[LOGIN_TEXT_MAX * 8];

    connect_login(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_macro(f, "{auth_authen}", rows[i].said);
        set_macro(f, "{opMode}", rows[i].mode);
        assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
        assert_int_equal(f->engine.asked.login.kind, rows[i].kind);
        if (rows[i].login != NULL)
            assert_slice(f->engine.asked.login_text, rows[i].login);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    set_macro(f, "{auth_authen}", longest);
    set_macro(f, "{opMode}", "d");
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
    assert_int_equal(f->engine.asked.login.kind, LOGIN_BAD);
}

static void overlong_texts_are_cut_for_the_log_but_parsed_whole(void **state)
{
    struct fixture *f = *state;
    char login[2000], path[4000];

    memset(login, 'a', sizeof login - 1);
    login[sizeof login - 1] = '\0';
    memset(path, 'b', sizeof path - 1);
    path[0] = '<';
    path[sizeof path - 1] = '\0';
    connect_login(f);
    set_macro(f, "{auth_authen}", login);
    set_macro(f, "{auth_type}", login);
    assert_int_equal(mail(f, path), SMFIS_CONTINUE);
    assert_int_equal(f->engine.asked.login.kind, LOGIN_BAD);
    assert_int_equal(f->engine.asked.login_text.n, LOGIN_TEXT_MAX);
    assert_int_equal(f->engine.asked.mechanism.n, MECHANISM_TEXT_MAX);
    assert_int_equal(f->engine.asked.sender_text.n, SENDER_TEXT_MAX);
    assert_int_equal(f->engine.asked.sender_result, ADDRESS_BAD);
}

static void sizes_are_read_as_rfc_1870_has_them(void **state)
{
    static const struct {
        const char *parameter;
        uint64_t size;
    } rows[] = {{"SIZE=1", 1},
                {"Size=0", 0},
                {"SIZE=", 0},
                {"SIZE=-1", 0},
                {"SIZE", 0},
                {"XSIZE=5", 0},
                {"SIZE=18446744073709551615", UINT64_MAX},
                {"SIZE=18446744073709551616", 0},
                {"SIZE=5x", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(declared_size((char *[]){(char *)"BODY=7BIT", (char *)rows[i].parameter, NULL}), rows[i].size);
    assert_int_equal(declared_size((char *[]){NULL}), 0);
}

static void missing_macros_defer_and_are_told_once_a_minute(void **state)
{
    struct fixture *f = *state;
    unsigned before = seam_lines;

    connect_from(f, "laptop", "192.0.2.7", 50000);
    for (int i = 0; i < 5; i++)
        assert_internal(f, mail(f, "<sean@contoso.example>"));
    assert_int_equal(f->engine.decisions, 0);
    assert_int_equal(seam_lines - before, 1);
}

static void without_macros_at_the_end_there_is_no_queue_id(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    assert_string_equal(f->engine.queue_id, "");
    set_macro(f, "i", "4TzYyK");
    (void)rcpt(f, "<b@fabrikam.example>");
    assert_string_equal(f->engine.queue_id, "4TzYyK");
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_string_equal(f->engine.queue_id, "4TzYyK");
}

/* ---- clients ---- */

static void clients_are_taken_from_the_connection_else_from_the_macro(void **state)
{
    static const struct {
        const char *address, *macro, *client; /* client NULL: none */
    } rows[] = {
        {"192.0.2.7", "198.51.100.1", "192.0.2.7"},
        {"2001:db8::7", NULL, "2001:db8::7"},
        {"::ffff:192.0.2.7", NULL, "192.0.2.7"},
        {"64:ff9b::c000:207", NULL, "192.0.2.7"},
        {NULL, "192.0.2.9", "192.0.2.9"},
        {NULL, "IPv6:2001:db8::9", "2001:db8::9"},
        {NULL, "unknown", NULL},
        {NULL, NULL, NULL},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[IP_TEXT_MAX];

        connect_from(f, "laptop", rows[i].address, 50000);
        set_macro(f, "{mail_addr}", "");
        set_macro(f, "{client_addr}", rows[i].macro);
        assert_int_equal(mail(f, "<>"), SMFIS_CONTINUE);
        assert_int_equal(f->engine.asked.has_client, rows[i].client != NULL);
        if (rows[i].client != NULL)
            assert_slice(ip_text(&f->engine.asked.client, text), rows[i].client);
    }
}

/* Postfix tells the name of a trusted certificate alone; Sendmail of any, and whether it is trusted. */
static void a_certificate_counts_where_the_mta_trusts_it(void **state)
{
    static const struct {
        const char *verify, *cert_subject, *cn_subject, *name;
    } rows[] = {
        {NULL, "erp.contoso.example", NULL, "erp.contoso.example"}, /* Postfix */
        {NULL, NULL, NULL, ""},
        {"OK", "/O=Contoso/CN=erp.contoso.example", "erp.contoso.example", "erp.contoso.example"}, /* Sendmail */
        {"FAIL", "/O=Thief/CN=erp.contoso.example", "erp.contoso.example", ""},
        {"NO", NULL, NULL, ""},
        {"", "erp.contoso.example", "erp.contoso.example", ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        connect_from(f, "erp", "192.0.2.7", 50000);
        set_macro(f, "{mail_addr}", "");
        set_macro(f, "{verify}", rows[i].verify);
        set_macro(f, "{cert_subject}", rows[i].cert_subject);
        set_macro(f, "{cn_subject}", rows[i].cn_subject);
        assert_int_equal(mail(f, "<>"), SMFIS_CONTINUE);
        assert_slice(((struct slice){f->engine.asked.ccert.subject, f->engine.asked.ccert.subject_n}), rows[i].name);
    }
}

static void an_unknown_kind_of_address_is_no_client(void **state)
{
    struct fixture *f = *state;
    struct sockaddr local = {.sa_family = AF_UNIX};

    assert_int_equal(f->call.xxfi_connect(&f->ctx, (char *)"localhost", &local), SMFIS_NOREPLY);
    set_macro(f, "{mail_addr}", "");
    assert_int_equal(mail(f, "<>"), SMFIS_CONTINUE);
    assert_false(f->engine.asked.has_client);
    assert_int_equal(f->call.xxfi_connect(&f->ctx, NULL, NULL), SMFIS_NOREPLY);
    assert_int_equal(mail(f, "<>"), SMFIS_CONTINUE);
}

/* ---- connections that are none ---- */

static void simulated_connections_are_let_alone(void **state)
{
    static const struct {
        const char *host, *address;
        uint16_t port;
        const char *login;
        bool decided;
    } rows[] = {
        {"localhost", "127.0.0.1", 0, NULL, false},    {"localhost", "::1", 0, NULL, false},
        {"localhost", "127.0.0.1", 40000, NULL, true}, {"localhost", "192.0.2.7", 0, NULL, true},
        {"printer", "127.0.0.1", 0, NULL, true},       {"localhost", "127.0.0.1", 0, "sean@contoso.example", true},
    };
    struct fixture *f = *state;

    verdict(f, ACTION_REJECT, REASON_BLOCKED, "550 5.1.8 No");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sfsistat expected = rows[i].decided ? SMFIS_REJECT : SMFIS_CONTINUE;

        f->engine.decisions = 0;
        connect_from(f, rows[i].host, rows[i].address, rows[i].port);
        set_macro(f, "{mail_addr}", rows[i].decided ? "x" : NULL);
        set_macro(f, "{auth_authen}", rows[i].login);
        assert_int_equal(mail(f, "<a@contoso.example>"), expected);
        if (!rows[i].decided) {
            assert_int_equal(rcpt(f, "<b@fabrikam.example>"), SMFIS_CONTINUE);
            header(f, "From", "boss@contoso.example");
            assert_int_equal(end(f), SMFIS_CONTINUE);
        }
        assert_int_equal(f->engine.decisions, rows[i].decided ? 1 : 0);
    }
}

static void what_is_not_ours_is_accepted_for_this_message_alone(void **state)
{
    struct fixture *f = *state;

    connect_from(f, "mx.fabrikam.example", "198.51.100.1", 25000);
    set_macro(f, "{mail_addr}", "x@fabrikam.example");
    verdict(f, ACTION_PASS, REASON_NOT_OURS, NULL);
    assert_int_equal(mail(f, "<x@fabrikam.example>"), SMFIS_ACCEPT);
    assert_int_equal(atomic_load(&f->milter.transactions), 0);
    set_macro(f, "{auth_authen}", "sean@contoso.example");
    verdict(f, ACTION_REJECT, REASON_BLOCKED, "550 5.1.8 No");
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_REJECT);
}

/* ---- answers ---- */

static void verdicts_become_replies(void **state)
{
    char longest[REPLY_MAX + 1], doubled[2 * REPLY_MAX];
    const struct {
        enum action action;
        const char *reply;
        sfsistat answer;
        const char *code, *enhanced, *text;
    } rows[] = {
        {ACTION_REJECT, "550 5.7.60 No", SMFIS_REJECT, "550", "5.7.60", "No"},
        {ACTION_REJECT, "550 5.7.139 Disabled for the mailbox", SMFIS_REJECT, "550", "5.7.139",
         "Disabled for the mailbox"},
        {ACTION_DEFER, "451 4.7.0 Later, please", SMFIS_TEMPFAIL, "451", "4.7.0", "Later, please"},
        {ACTION_DEFER, "421 4.7.0 Good bye", SMFIS_TEMPFAIL, "421", "4.7.0", "Good bye"},
        /* the text's own class counts: a reply of the other class would be kept by libmilter for later */
        {ACTION_REJECT, "451 4.7.0 An operator's milder text", SMFIS_TEMPFAIL, "451", "4.7.0",
         "An operator's milder text"},
        {ACTION_DEFER, "550 5.7.1 100% sure %s", SMFIS_REJECT, "550", "5.7.1", "100%% sure %%s"},
        {ACTION_REJECT, longest, SMFIS_REJECT, "550", "5.7.1", doubled},
        /* what is no reply is our own fault, and never a way through */
        {ACTION_REJECT, "", SMFIS_TEMPFAIL, "451", "4.3.0", "Temporary local problem, try again later"},
        {ACTION_REJECT, "550", SMFIS_TEMPFAIL, "451", "4.3.0", "Temporary local problem, try again later"},
        {ACTION_REJECT, "550 5.7.1", SMFIS_TEMPFAIL, "451", "4.3.0", "Temporary local problem, try again later"},
        {ACTION_REJECT, "550 5.7.1 ", SMFIS_TEMPFAIL, "451", "4.3.0", "Temporary local problem, try again later"},
        {ACTION_REJECT, "550 4.7.1 No", SMFIS_TEMPFAIL, "451", "4.3.0", "Temporary local problem, try again later"},
        {ACTION_REJECT, "250 2.0.0 Yes", SMFIS_TEMPFAIL, "451", "4.3.0", "Temporary local problem, try again later"},
        {ACTION_REJECT, "5500 5.7.1 No", SMFIS_TEMPFAIL, "451", "4.3.0", "Temporary local problem, try again later"},
        {ACTION_REJECT, "550 5.7777.1111 No", SMFIS_TEMPFAIL, "451", "4.3.0",
         "Temporary local problem, try again later"},
    };
    struct buf l = BUF_OVER(longest), d = BUF_OVER(doubled);
    struct fixture *f = *state;

    buf_add(&l, SLICE("550 5.7.1 "));
    while (!l.full && l.n < REPLY_MAX) {
        buf_add_char(&l, '%');
        buf_add(&d, SLICE("%%"));
    }
    connect_login(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        verdict(f, rows[i].action, REASON_BLOCKED, rows[i].reply);
        assert_int_equal(mail(f, "<sean@contoso.example>"), rows[i].answer);
        assert_reply(f, rows[i].code, rows[i].enhanced, rows[i].text);
        assert_int_equal(atomic_load(&f->milter.transactions), 0);
    }
}

static void every_reason_has_a_reply_that_libmilter_takes(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const char *reply = reason_row((enum reason)i)->reply;

        if (reply == NULL)
            continue;
        f->ctx.code[0] = '\0';
        verdict(f, reply[0] == '5' ? ACTION_REJECT : ACTION_DEFER, (enum reason)i, reply);
        assert_int_equal(mail(f, "<sean@contoso.example>"), reply[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL);
        assert_memory_equal(f->ctx.code, reply, 3);
    }
}

static void a_reply_that_cannot_be_set_still_refuses(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    f->ctx.no_reply_memory = true;
    verdict(f, ACTION_REJECT, REASON_BLOCKED, "550 5.1.8 No");
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_REJECT);
    verdict(f, ACTION_DEFER, REASON_BLOCKED, "451 4.7.0 No");
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_TEMPFAIL);
    f->ctx.no_reply_memory = false;
}

static void without_an_engine_session_mail_is_deferred(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    f->engine.no_sessions = true;
    assert_internal(f, mail(f, "<sean@contoso.example>"));
    f->engine.no_sessions = false;
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
}

static void without_a_session_everything_is_deferred(void **state)
{
    struct fixture *f = *state;

    assert_internal(f, mail(f, "<sean@contoso.example>"));
    assert_internal(f, rcpt(f, "<a@fabrikam.example>"));
    header(f, "From", "sean@contoso.example");
    assert_int_equal(f->call.xxfi_eoh(&f->ctx), SMFIS_NOREPLY);
    assert_int_equal(f->call.xxfi_body(&f->ctx, (unsigned char *)"x", 1), SMFIS_CONTINUE);
    assert_internal(f, end(f));
    assert_int_equal(f->call.xxfi_abort(&f->ctx), SMFIS_CONTINUE);
    assert_int_equal(f->engine.decisions, 0);
}

/* ---- recipients ---- */

static void a_refused_recipient_leaves_the_others_alone(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
    assert_int_equal(rcpt(f, "<a@fabrikam.example>"), SMFIS_CONTINUE);
    verdict(f, ACTION_REJECT, REASON_EXTERNAL_RECIPIENT, "550 5.7.1 No");
    assert_int_equal(rcpt(f, "<b@fabrikam.example>"), SMFIS_REJECT);
    assert_true(f->engine.asked.has_recipient);
    assert_string_equal(f->engine.asked.recipient.text, "b@fabrikam.example");
    verdict(f, ACTION_PASS, REASON_ALLOWED, NULL);
    assert_int_equal(rcpt(f, "<c@fabrikam.example>"), SMFIS_CONTINUE);
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_int_equal(f->engine.asked.stage, STAGE_END);
    assert_int_equal(f->engine.asked.recipient_count, 2);
    assert_int_equal(f->engine.asked_recipients, 2);
    assert_false(f->engine.asked.has_recipient);
}

/*
 * Postfix names the mailer of what it accepts for a virtual alias domain "error". Recipients that it refused it shows
 * only to a milter that asks for them, which ours doesn't.
 */
static void recipients_of_virtual_alias_domains_are_judged_and_counted(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    set_macro(f, "{rcpt_mailer}", "error");
    assert_int_equal(rcpt(f, "<a@fabrikam.example>"), SMFIS_CONTINUE);
    assert_int_equal(f->engine.decisions, 2);
    verdict(f, ACTION_REJECT, REASON_EXTERNAL_RECIPIENT, "550 5.7.1 No");
    assert_int_equal(rcpt(f, "<b@fabrikam.example>"), SMFIS_REJECT);
    verdict(f, ACTION_PASS, REASON_ALLOWED, NULL);
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_int_equal(f->engine.asked.recipient_count, 1);
}

static void counts_begin_anew_with_each_message(void **state)
{
    struct fixture *f = *state;
    char first[64];

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    seam_copy(first, sizeof first, f->engine.instance);
    (void)rcpt(f, "<a@fabrikam.example>");
    assert_string_equal(f->engine.instance, first);
    header(f, "From", "sean@contoso.example");
    assert_int_equal(f->call.xxfi_abort(&f->ctx), SMFIS_CONTINUE);
    assert_int_equal(atomic_load(&f->milter.transactions), 0);
    (void)mail(f, "<sean@contoso.example>"); /* RSET, and MAIL again; then MAIL over an open one */
    (void)rcpt(f, "<a@fabrikam.example>");
    (void)mail(f, "<sean@contoso.example>");
    assert_string_not_equal(f->engine.instance, first);
    assert_int_equal(atomic_load(&f->milter.transactions), 1);
    (void)rcpt(f, "<a@fabrikam.example>");
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_int_equal(f->engine.asked.recipient_count, 1);
    assert_int_equal(f->engine.asked_headers.from_fields, 0);
    assert_internal(f, rcpt(f, "<late@fabrikam.example>"));
    assert_internal(f, end(f));
}

static void abort_is_harmless_at_any_time(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 1000; i++) {
        if (i % 7 == 0)
            connect_login(f);
        if (i % 3 == 0)
            (void)mail(f, "<sean@contoso.example>");
        if (i % 5 == 0)
            (void)rcpt(f, "<a@fabrikam.example>");
        if (i % 2 == 0)
            header(f, "From", "sean@contoso.example, boss@contoso.example");
        assert_int_equal(f->call.xxfi_abort(&f->ctx), SMFIS_CONTINUE);
        assert_int_equal(atomic_load(&f->milter.transactions), 0);
        if (i % 11 == 0)
            assert_int_equal(f->call.xxfi_close(&f->ctx), SMFIS_CONTINUE);
    }
}

/* ---- header and body ---- */

static void check_four_fields(struct engine *engine, const struct submission *s, const struct recipients *r)
{
    static const char *const expected[] = {"sean@contoso.example", "boss@contoso.example", "info@contoso.example",
                                           "sean@contoso.example"};

    (void)r;
    if (s->stage != STAGE_END)
        return;
    assert_int_equal(s->headers->n, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(s->headers->list[i].address.text, expected[i]);
    engine->look = NULL;
}

static void every_address_of_every_from_is_seen(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    f->engine.look = check_four_fields;
    header(f, "Subject", "from: nobody@fabrikam.example");
    header(f, "FROM", "Sean\n <sean@contoso.example>,\n\tBoss <boss@contoso.example>");
    header(f, "from", "Team: info@contoso.example;");
    header(f, "Sender", "sean@contoso.example");
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_null(f->engine.look);
    assert_int_equal(f->engine.asked_headers.from_fields, 2);
    assert_null(f->engine.asked_headers.bad);
}

static void a_message_without_any_field_was_looked_at_too(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_non_null(f->engine.asked.headers);
    assert_true(f->engine.asked_headers.seen);
    assert_int_equal(f->engine.asked_headers.from_fields, 0);
}

/* The header alone is no size, and what the client declared is believed only while nobody saw the body. */
static void the_size_is_the_real_one_or_the_declared_one_and_never_the_headers(void **state)
{
    static const struct {
        const char *declared;
        size_t body;
        uint64_t least, most;
        bool part;
    } rows[] = {{"SIZE=5000", 100, 120, 140, false}, {"SIZE=1", 70000, 70000, 70100, false},
                {"SIZE=5000", 0, 5000, 5000, false}, {"BODY=7BIT", 100, 120, 140, false},
                {"BODY=7BIT", 0, 20, 40, true},      {"SIZE=1", 0, 20, 40, true}};
    struct fixture *f = *state;

    connect_login(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)f->call.xxfi_envfrom(&f->ctx,
                                   (char *[]){(char *)"<sean@contoso.example>", (char *)rows[i].declared, NULL});
        (void)rcpt(f, "<a@fabrikam.example>");
        header(f, "From", "sean@contoso.example");
        if (rows[i].body > 0)
            assert_int_equal(f->call.xxfi_body(&f->ctx, (unsigned char *)"", rows[i].body), SMFIS_CONTINUE);
        assert_int_equal(end(f), SMFIS_CONTINUE);
        assert_in_range(f->engine.asked.size, rows[i].least, rows[i].most);
        assert_int_equal(f->engine.asked.size_is_part, rows[i].part);
    }
}

/* ---- a message without From ---- */

static void a_missing_from_is_added_when_the_engine_says_so(void **state)
{
    struct fixture *f = *state;
    struct address sender;

    assert_int_equal(address_parse_internal(SLICE("sean@contoso.example"), &sender), ADDRESS_OK);
    connect_login(f);
    f->engine.verdict.add_from = &sender;
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
    assert_int_equal(rcpt(f, "<a@fabrikam.example>"), SMFIS_CONTINUE);
    assert_string_equal(f->ctx.added, "");
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_string_equal(f->ctx.added, "From: sean@contoso.example");
    /* and held too */
    f->ctx.added[0] = '\0';
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    f->engine.verdict.action = ACTION_HOLD;
    f->engine.verdict.reason = REASON_LIMIT_HOLD;
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_string_equal(f->ctx.added, "From: sean@contoso.example");
    assert_string_equal(f->ctx.held, "postern: limit-hold");
    /* not to what is refused */
    f->ctx.added[0] = '\0';
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    verdict(f, ACTION_REJECT, REASON_LIMIT_REJECT, "550 5.7.1 No");
    f->engine.verdict.add_from = &sender;
    assert_int_equal(end(f), SMFIS_REJECT);
    assert_string_equal(f->ctx.added, "");
}

static void a_message_that_cannot_get_its_from_is_deferred(void **state)
{
    struct fixture *f = *state;
    struct address sender;

    assert_int_equal(address_parse_internal(SLICE("sean@contoso.example"), &sender), ADDRESS_OK);
    connect_login(f);
    f->engine.verdict.add_from = &sender;
    f->ctx.no_new_fields = true;
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    assert_internal(f, end(f));
}

/* ---- hold ---- */

static void a_message_to_be_held_goes_into_quarantine_at_its_end(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    verdict(f, ACTION_HOLD, REASON_LIMIT_HOLD, NULL);
    f->engine.verdict.limit = "message-rate";
    assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
    assert_int_equal(rcpt(f, "<a@fabrikam.example>"), SMFIS_CONTINUE);
    assert_string_equal(f->ctx.held, "");
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_string_equal(f->ctx.held, "postern: limit-hold message-rate");
}

static void a_message_that_cannot_be_held_is_deferred(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    verdict(f, ACTION_HOLD, REASON_LIMIT_HOLD, NULL);
    f->ctx.no_quarantine = true;
    (void)mail(f, "<sean@contoso.example>");
    (void)rcpt(f, "<a@fabrikam.example>");
    assert_internal(f, end(f));
}

/* ---- the end of the program ---- */

static void while_closing_open_transactions_finish_and_new_ones_hear_421(void **state)
{
    struct fixture *f = *state;
    struct smfi_str other = {0};

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    atomic_store(&f->milter.closing, true);
    other = f->ctx;
    other.private_data = NULL;
    assert_int_equal(f->call.xxfi_connect(&other, (char *)"laptop", NULL), SMFIS_NOREPLY);
    assert_int_equal(f->call.xxfi_envfrom(&other, (char *[]){(char *)"<sean@contoso.example>", NULL}), SMFIS_TEMPFAIL);
    assert_string_equal(other.code, "421");
    assert_int_equal(f->call.xxfi_close(&other), SMFIS_CONTINUE);
    assert_int_equal(rcpt(f, "<a@fabrikam.example>"), SMFIS_CONTINUE);
    assert_int_equal(end(f), SMFIS_CONTINUE);
    assert_true(milter_drain(&f->milter, 0));
}

static void after_the_drain_nothing_touches_the_engine(void **state)
{
    struct fixture *f = *state;

    connect_login(f);
    (void)mail(f, "<sean@contoso.example>");
    assert_true(milter_drain(&f->milter, 20));
    assert_internal(f, rcpt(f, "<a@fabrikam.example>"));
    assert_internal(f, end(f));
    assert_int_equal(f->engine.decisions, 1);
}

static void the_listeners_own_tls_rule_is_passed_on(void **state)
{
    struct listener_config listener = {.fd = -1, .has_tls = true, .tls.required = true};
    struct fixture *f = *state;

    milter_destroy(&f->milter);
    assert_int_equal(milter_init(&f->milter, &f->engine, &listener), 0);
    connect_login(f);
    set_macro(f, "{tls_version}", NULL);
    (void)mail(f, "<sean@contoso.example>");
    assert_ptr_equal(f->engine.asked.listener_tls, &f->milter.tls);
    assert_true(f->engine.asked.listener_tls->required);
    assert_int_equal(f->engine.asked.tls, TLS_NONE);
}

static void what_stands_before_the_mta_says_tls_and_mechanism(void **state)
{
    static const struct {
        struct front_config front;
        const char *login, *said_method, *said_tls, *method;
        enum tls_version tls;
    } rows[] = {
        {{TLS_ANY, ""}, "sean", "XCLIENT", NULL, "XCLIENT", TLS_NONE},
        {{TLS_1_2, "unknown"}, "sean", "XCLIENT", NULL, "unknown", TLS_V1_2},
        {{TLS_1_3, "XOAUTH2"}, "sean", "XCLIENT", "TLSv1.2", "XOAUTH2", TLS_V1_3},
        {{TLS_1_2, ""}, "sean", "PLAIN", NULL, "PLAIN", TLS_V1_2},
        {{TLS_ANY, "PLAIN"}, "sean", "XCLIENT", "TLSv1.3", "PLAIN", TLS_V1_3},
        {{TLS_1_2, "PLAIN"}, NULL, NULL, NULL, "", TLS_V1_2}, /* no login: none is made up */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct listener_config listener = {.fd = -1, .front = rows[i].front};

        milter_destroy(&f->milter);
        assert_int_equal(milter_init(&f->milter, &f->engine, &listener), 0);
        connect_login(f);
        set_macro(f, "{auth_authen}", rows[i].login);
        set_macro(f, "{auth_type}", rows[i].said_method);
        set_macro(f, "{tls_version}", rows[i].said_tls);
        assert_int_equal(mail(f, "<sean@contoso.example>"), SMFIS_CONTINUE);
        assert_slice(f->engine.asked.mechanism, rows[i].method);
        assert_int_equal(f->engine.asked.tls, rows[i].tls);
        assert_int_equal(f->engine.asked.login.kind, rows[i].login != NULL ? LOGIN_ACCOUNT : LOGIN_NONE);
        assert_int_equal(f->call.xxfi_close(&f->ctx), SMFIS_CONTINUE);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(negotiation_asks_postfix_for_logins_and_tls_with_mail),
        T(an_mta_that_cannot_be_told_about_macros_keeps_sending_helo),
        T(messages_that_go_on_are_marked_as_shown_at_mail),
        T(a_message_that_had_data_and_no_end_is_logged),
        T(mail_that_a_before_queue_filter_takes_away_is_told_of_once),
        T(nothing_is_asked_at_data),
        T(bodies_are_asked_for_when_a_limit_counts_bytes),
        T(without_memory_for_the_macro_lists_the_connection_ends),
        T(mail_fills_the_submission),
        T(senders_are_what_the_command_says),
        T(logins_without_a_usable_name_never_count_as_not_authenticated),
        T(logins_are_decoded_where_sendmail_says_them),
        T(overlong_texts_are_cut_for_the_log_but_parsed_whole),
        T(sizes_are_read_as_rfc_1870_has_them),
        T(missing_macros_defer_and_are_told_once_a_minute),
        T(without_macros_at_the_end_there_is_no_queue_id),
        T(clients_are_taken_from_the_connection_else_from_the_macro),
        T(a_certificate_counts_where_the_mta_trusts_it),
        T(an_unknown_kind_of_address_is_no_client),
        T(simulated_connections_are_let_alone),
        T(what_is_not_ours_is_accepted_for_this_message_alone),
        T(verdicts_become_replies),
        T(every_reason_has_a_reply_that_libmilter_takes),
        T(a_reply_that_cannot_be_set_still_refuses),
        T(without_an_engine_session_mail_is_deferred),
        T(without_a_session_everything_is_deferred),
        T(a_refused_recipient_leaves_the_others_alone),
        T(recipients_of_virtual_alias_domains_are_judged_and_counted),
        T(counts_begin_anew_with_each_message),
        T(abort_is_harmless_at_any_time),
        T(every_address_of_every_from_is_seen),
        T(a_message_without_any_field_was_looked_at_too),
        T(the_size_is_the_real_one_or_the_declared_one_and_never_the_headers),
        T(a_missing_from_is_added_when_the_engine_says_so),
        T(a_message_that_cannot_get_its_from_is_deferred),
        T(a_message_to_be_held_goes_into_quarantine_at_its_end),
        T(a_message_that_cannot_be_held_is_deferred),
        T(while_closing_open_transactions_finish_and_new_ones_hear_421),
        T(after_the_drain_nothing_touches_the_engine),
        T(the_listeners_own_tls_rule_is_passed_on),
        T(what_stands_before_the_mta_says_tls_and_mechanism),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
