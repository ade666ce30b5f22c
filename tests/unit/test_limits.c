/* links: mirror */
/* What a limit counts together, what it counts, and whom its blocks are about: a row for each word of per and count. */
#include "tests/unit/engine_fixture.h"

#define CONNECTORS                                                                                                     \
    "connectors = ({ name = \"printers\"; networks = \"192.0.2.0/24\"; },"                                             \
    "              { name = \"apps\"; networks = \"198.51.100.0/24\"; });"

/* A message: login (NULL: none), client (NULL: unknown), sender, size, and its recipients, separated by blanks. */
struct mail {
    const char *login, *client, *sender;
    uint64_t size;
    const char *to;
};

static bool passes(enum reason reason)
{
    return reason == REASON_ALLOWED || reason == REASON_CONNECTOR;
}

/* Asked about as Postfix asks: each recipient, then the whole. The verdict is the last one; it lasts until the next. */
static const struct verdict *verdict_of_mail(struct bench *b, const struct mail *m)
{
    struct submission s = message(b, m->login, m->client, m->sender);
    struct slice rest = slice_of(m->to), to;
    const struct verdict *v = NULL;

    s.recipient_count = 0;
    s.size = m->size;
    s.stage = STAGE_RCPT;
    s.has_recipient = true;
    for (bool more = rest.n > 0; more && (v == NULL || passes(v->reason));) {
        more = slice_cut(rest, ' ', &to, &rest);
        s.recipient_text = to;
        s.recipient_result = address_parse_internal(to, &s.recipient);
        v = engine_decide(b->session, &s, &b->recipients);
        s.recipient_count++;
    }
    if (s.recipient_count == 0)
        s.recipient_count = 1;
    s.has_recipient = false;
    s.stage = STAGE_END;
    if (v == NULL || passes(v->reason))
        v = engine_decide(b->session, &s, &b->recipients);
    recipients_clear(&b->recipients);
    return v;
}

static enum reason send_mail(struct bench *b, const struct mail *m)
{
    return verdict_of_mail(b, m)->reason;
}

#define FROM(login, client, sender)                                                                                    \
    {                                                                                                                  \
        login, client, sender, 1000, ""                                                                                \
    }
#define CLIENT "203.0.113.9"

static void a_limit_counts_together_what_it_is_per_and_nothing_else(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *per;
        struct mail first, same, other;
    } rows[] = {
        {"user", FROM(ANNA, CLIENT, ANNA), FROM("a.berg@contoso.example", "198.51.100.1", "a.berg@contoso.example"),
         FROM("paul@contoso.example", CLIENT, "paul@contoso.example")},
        {"login", FROM(ANNA, CLIENT, ANNA), FROM("ANNA@contoso.example", "198.51.100.1", ANNA),
         FROM("a.berg@contoso.example", CLIENT, ANNA)},
        {"client", FROM(ANNA, CLIENT, ANNA), FROM(DORA, "::ffff:203.0.113.9", DORA), FROM(ANNA, "203.0.113.10", ANNA)},
        {"client_net", FROM(ANNA, CLIENT, ANNA), FROM(DORA, "203.0.113.200", DORA), FROM(ANNA, "203.0.112.9", ANNA)},
        {"client_net", FROM(ANNA, "2001:db8::1", ANNA), FROM(DORA, "2001:db8::ffff:0:1", DORA),
         FROM(ANNA, "2001:db8:0:1::1", ANNA)},
        {"sender", FROM(ANNA, CLIENT, ANNA), FROM(ANNA, "198.51.100.1", "ANNA@Contoso.example"),
         FROM(ANNA, CLIENT, "info@contoso.example")},
        {"sender", FROM(ANNA, CLIENT, "anna+1@contoso.example"), FROM(ANNA, CLIENT, "anna+2@contoso.example"),
         FROM(ANNA, CLIENT, "info@contoso.example")},
        {"sender", FROM(ANNA, CLIENT, "prvs=12ab=anna@contoso.example"), FROM(ANNA, CLIENT, "a.berg@contoso.example"),
         FROM(ANNA, CLIENT, "info@contoso.example")},
        {"client", FROM(ANNA, "2001:db8::1", ANNA), FROM(DORA, "2001:db8::ffff:0:1", DORA),
         FROM(ANNA, "2001:db8:0:1::1", ANNA)},
        {"sender", FROM(ANNA, CLIENT, ""), FROM(DORA, CLIENT, ""), FROM(ANNA, CLIENT, ANNA)},
        {"sender_domain", FROM(ANNA, CLIENT, ANNA), FROM(ANNA, CLIENT, "info@contoso.example"),
         FROM(DORA, CLIENT, DORA)},
        {"tenant", FROM(ANNA, CLIENT, ANNA), FROM("paul@contoso.example", "198.51.100.1", "paul@contoso.example"),
         FROM(DORA, CLIENT, DORA)},
        {"connector", FROM(NULL, "192.0.2.5", "x@contoso.example"), FROM(NULL, "192.0.2.6", "y@adatum.example"),
         FROM(NULL, "198.51.100.5", "x@contoso.example")},
        {"user+client", FROM(ANNA, CLIENT, ANNA), FROM("a.berg@contoso.example", CLIENT, ANNA),
         FROM(ANNA, "203.0.113.10", ANNA)},
        {"user+client", FROM(ANNA, CLIENT, ANNA), FROM(ANNA, CLIENT, "info@contoso.example"), FROM(DORA, CLIENT, DORA)},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rules[600];

        (void)snprintf(
            rules, sizeof rules,
            "%s limits = ({ name = \"l\"; per = \"%s\"; count = \"messages\"; rate = \"1/d\"; burst = 1; });",
            strcmp(rows[i].per, "connector") == 0 ? CONNECTORS : "", rows[i].per);
        start(b, rules);
        if (!passes(send_mail(b, &rows[i].first)) || send_mail(b, &rows[i].same) != REASON_LIMIT ||
            !passes(send_mail(b, &rows[i].other)))
            fail_msg("row %zu: per %s", i, rows[i].per);
        stop(b);
    }
}

static void a_limit_per_sender_of_a_connector_counts_sub_addresses_together(void **state)
{
    struct bench *b = *state;
    static const struct mail one = FROM(NULL, "192.0.2.5", "scan+1@contoso.example"),
                             two = FROM(NULL, "192.0.2.5", "scan+2@contoso.example"),
                             other = FROM(NULL, "192.0.2.5", "copy+1@contoso.example");

    start(b, CONNECTORS
          "limits = ({ name = \"l\"; per = \"sender\"; count = \"messages\"; rate = \"1/d\"; burst = 1; });");
    assert_int_equal(send_mail(b, &one), REASON_CONNECTOR);
    assert_int_equal(send_mail(b, &two), REASON_LIMIT);
    assert_int_equal(send_mail(b, &other), REASON_CONNECTOR);
    stop(b);
}

static void a_limit_per_tenant_counts_the_connectors_that_name_it(void **state)
{
    struct bench *b = *state;
    static const struct mail scan = FROM(NULL, "192.0.2.5", "scan@contoso.example"),
                             shop = FROM(NULL, "198.51.100.5", "shop@contoso.example"), anna = FROM(ANNA, CLIENT, ANNA),
                             dora = FROM(DORA, CLIENT, DORA);

    start(b, "connectors = ({ name = \"printers\"; networks = \"192.0.2.0/24\"; tenant = \"contoso\"; },"
             "              { name = \"servers\"; networks = \"198.51.100.0/24\"; });"
             "limits = ({ name = \"l\"; per = \"tenant\"; count = \"messages\"; rate = \"2/d\"; burst = 2; });");
    assert_int_equal(send_mail(b, &scan), REASON_CONNECTOR);
    assert_int_equal(send_mail(b, &anna), REASON_ALLOWED);
    assert_int_equal(send_mail(b, &scan), REASON_LIMIT);
    assert_int_equal(send_mail(b, &anna), REASON_LIMIT);
    assert_int_equal(send_mail(b, &dora), REASON_ALLOWED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(send_mail(b, &shop), REASON_CONNECTOR);
    stop(b);
}

/* A message of the first kind uses the limit up for those like it; of the other kind any number passes. */
static void a_limit_is_about_the_messages_that_it_names_and_no_others(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *only;
        struct mail first, same, other;
    } rows[] = {
        {"sender_domain = \"@.onmicrosoft.com\";", FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"),
         FROM("paul@contoso.example", CLIENT, "B+tag@Contoso.Mail.OnMicrosoft.COM"), FROM(ANNA, CLIENT, ANNA)},
        {"sender_domain = \"@.onmicrosoft.com\";", FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"),
         FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"), FROM(ANNA, CLIENT, "a@onmicrosoft.com")},
        {"sender_domain = \"@.onmicrosoft.com\";", FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"),
         FROM(NULL, "192.0.2.5", "a@contoso.onmicrosoft.com"), FROM(ANNA, CLIENT, "a@contoso.notonmicrosoft.com")},
        /* the null sender has no domain, and what is no address has none either */
        {"sender_domain = \"@.onmicrosoft.com\";", FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"),
         FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"), FROM(ANNA, CLIENT, "")},
        {"sender_domain = \"@.onmicrosoft.com\";", FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"),
         FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"), FROM(ANNA, CLIENT, "@contoso.onmicrosoft.com")},
        /* the domain that the service sees counts, not what is wrapped in the name before it */
        {"sender_domain = \"@.onmicrosoft.com\";",
         FROM(ANNA, CLIENT, "SRS0=HHH=TT=contoso.example=anna@contoso.onmicrosoft.com"),
         FROM(ANNA, CLIENT, "a@contoso.onmicrosoft.com"),
         FROM(ANNA, CLIENT, "SRS0=HHH=TT=contoso.onmicrosoft.com=anna@contoso.example")},
        {"sender_domain = [\"@adatum.example\", \"@b\xc3\xbc"
         "cher.example\"];",
         FROM(ANNA, CLIENT, "a@xn--bcher-kva.example"),
         FROM(ANNA, CLIENT,
              "a@B\xc3\xbc"
              "cher.example"),
         FROM(ANNA, CLIENT, "a@buecher.example")},
        {"group = \"staff\";", FROM(ANNA, CLIENT, ANNA), FROM("a.berg@contoso.example", CLIENT, ANNA),
         FROM("paul@contoso.example", CLIENT, ANNA)},
        {"group = [\"staff\", \"fabrikam\"];", FROM(ANNA, CLIENT, ANNA), FROM(ANNA, CLIENT, ANNA),
         FROM(NULL, "192.0.2.5", ANNA)},
        {"connector = [\"apps\", \"printers\"];", FROM(NULL, "192.0.2.5", ANNA), FROM(NULL, "198.51.100.5", ANNA),
         FROM(ANNA, CLIENT, ANNA)},
        {"connector = \"printers\"; sender_domain = \"@contoso.example\";", FROM(NULL, "192.0.2.5", ANNA),
         FROM(NULL, "192.0.2.6", "b@contoso.example"), FROM(NULL, "192.0.2.5", "b@adatum.example")},
        {"group = \"staff\"; sender_domain = \"@contoso.example\";", FROM(ANNA, CLIENT, ANNA), FROM(ANNA, CLIENT, ANNA),
         FROM(ANNA, CLIENT, "b@adatum.example")},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rules[1200];

        (void)snprintf(rules, sizeof rules,
                       "sender = { envelope = \"any\"; null_sender = \"allow\"; };"
                       "groups = ({ name = \"staff\"; members = \"a.berg@contoso.example\"; },"
                       "          { name = \"fabrikam\"; members = \"@fabrikam.example\"; });"
                       "connectors = ({ name = \"printers\"; networks = \"192.0.2.0/24\"; tenant = \"contoso\"; },"
                       "              { name = \"apps\"; networks = \"198.51.100.0/24\"; tenant = \"contoso\"; });"
                       "limits = ({ name = \"l\"; per = \"tenant\"; count = \"messages\"; rate = \"1/d\"; burst = 1; "
                       "            only = { %s }; });",
                       rows[i].only);
        start(b, rules);
        for (int j = 0; j < 3; j++)
            if (!passes(send_mail(b, &rows[i].other)))
                fail_msg("row %zu: only %s: what it doesn't name", i, rows[i].only);
        if (!passes(send_mail(b, &rows[i].first)) || send_mail(b, &rows[i].same) != REASON_LIMIT ||
            !passes(send_mail(b, &rows[i].other)))
            fail_msg("row %zu: only %s", i, rows[i].only);
        stop(b);
    }
}

static void refusals_and_distinct_things_are_counted_of_the_named_messages_alone(void **state)
{
    struct bench *b = *state;
    static const struct mail of = FROM(ANNA, CLIENT, "x@adatum.example"), other = FROM(ANNA, CLIENT, BERT),
                             to[] = {{ANNA, CLIENT, ANNA, 1000, "1@adatum.example"},
                                     {ANNA, CLIENT, ANNA, 1000, "2@adatum.example"},
                                     {ANNA, CLIENT, "info@contoso.example", 1000, "3@adatum.example"}};

    start(b, "limits = ({ name = \"l\"; per = \"user\"; count = \"denials\"; rate = \"1/d\"; burst = 1; "
             "then = \"block 1h\"; only = { sender_domain = \"@adatum.example\"; }; });");
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_mail(b, &other), REASON_SENDER_NOT_OWN);
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(send_mail(b, &of), REASON_SENDER_NOT_OWN);
    assert_int_equal(send_mail(b, &of), REASON_SENDER_NOT_OWN);
    assert_int_equal(live_blocks(b), 1);
    stop(b);
    start(b, "groups = ({ name = \"staff\"; members = \"paul@contoso.example\"; });"
             "limits = ({ name = \"l\"; per = \"tenant\"; count = \"distinct recipient\"; rate = \"1/d\"; burst = 1; "
             "only = { group = \"staff\"; }; });");
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        assert_int_equal(send_mail(b, &to[i]), REASON_ALLOWED);
    stop(b);
}

/* The last reply of a message to so many new recipients of adatum.example. */
static const char *reply_to(struct bench *b, const char *login, const char *sender, unsigned n)
{
    static unsigned recipients;
    static char text[8192], reply[REPLY_MAX + 1];
    struct buf to = BUF_OVER(text), out = BUF_OVER(reply);
    struct mail m = {login, CLIENT, sender, 1000, text};
    const struct verdict *v;

    for (unsigned i = 0; i < n; i++)
        buf_addf(&to, "%s%u@adatum.example", i > 0 ? " " : "", recipients++);
    assert_false(to.full);
    v = verdict_of_mail(b, &m);
    if (!passes(v->reason))
        buf_add(&out, v->reply);
    return reply;
}

#define PAUL "paul@contoso.example"

static void an_organizations_onmicrosoft_addresses_reach_100_external_recipients_a_day(void **state)
{
    struct bench *b = *state;
    static const struct mail inside = {ANNA, CLIENT, "a@contoso.onmicrosoft.com", 1000, "bert@contoso.example"};

    start(b, "preset = \"exchange-online\"; sender = { envelope = \"any\"; };");
    assert_string_equal(reply_to(b, ANNA, "a@contoso.onmicrosoft.com", 99), "");
    assert_string_equal(reply_to(b, PAUL, "p@contoso.onmicrosoft.com", 1), "");
    assert_true(strstr(reply_to(b, PAUL, "p@contoso.onmicrosoft.com", 1), "550 5.7.236 Your message can't be sent ") !=
                NULL);
    assert_true(strstr(reply_to(b, PAUL, "p@contoso.onmicrosoft.com", 101), "550 5.7.236 ") != NULL);
    assert_int_equal(send_mail(b, &inside), REASON_ALLOWED);
    assert_string_equal(reply_to(b, ANNA, ANNA, 1), "");
    assert_string_equal(reply_to(b, DORA, "d@fabrikam.onmicrosoft.com", 1), "");
    stop(b);
}

static void an_organization_reaches_as_many_external_recipients_a_day_as_its_licences_give(void **state)
{
    struct bench *b = *state;
    static const struct mail scan = {NULL, "192.0.2.5", "scan@contoso.example", 1000, "a@adatum.example"};

    start(b, "preset = \"exchange-online\"; tenants = ({ name = \"contoso\"; external_recipients_per_day = 5; },"
             "                                         { name = \"fabrikam\"; });"
             "connectors = ({ name = \"printers\"; networks = \"192.0.2.0/24\"; tenant = \"contoso\"; });");
    assert_string_equal(reply_to(b, ANNA, ANNA, 3), "");
    assert_string_equal(reply_to(b, PAUL, PAUL, 1), "");
    assert_int_equal(send_mail(b, &scan), REASON_CONNECTOR);
    assert_true(strstr(reply_to(b, PAUL, PAUL, 1), "550 5.7.233 Your message can't be sent ") != NULL);
    assert_int_equal(send_mail(b, &scan), REASON_LIMIT_REJECT);
    assert_string_equal(reply_to(b, DORA, DORA, 2), "");
    stop(b);
}

static void a_limits_own_reply_goes_before_the_reasons_and_never_changes_what_happens(void **state)
{
    struct bench *b = *state;

    start(b, "replies = { limit = \"451 4.7.1 general\"; limit-never = \"550 5.5.3 general\"; };"
             "limits = ({ name = \"l\"; per = \"user\"; count = \"recipients\"; rate = \"1/d\"; burst = 2;"
             "            reply = \"450 4.2.1 {limit} of {login} is full\"; });");
    /* what can never pass is refused for good, by a text of that class */
    assert_string_equal(reply_to(b, ANNA, ANNA, 3), "550 5.5.3 general");
    assert_string_equal(reply_to(b, ANNA, ANNA, 2), "");
    assert_string_equal(reply_to(b, ANNA, ANNA, 1), "450 4.2.1 l of anna@contoso.example is full");
    assert_true(strstr(reply_to(b, ANNA, BERT, 1), "550 5.7.60 ") != NULL);
    stop(b);
}

static void every_ipv6_address_is_a_client_where_the_configuration_says_so(void **state)
{
    struct bench *b = *state;
    static const struct mail one = FROM(ANNA, "2001:db8::1", ANNA), two = FROM(ANNA, "2001:db8::2", ANNA);

    start(b, "client_ipv6_prefix_length = 128;"
             "limits = ({ name = \"l\"; per = \"client\"; count = \"messages\"; rate = \"1/d\"; burst = 1; "
             "then = \"block 1h\"; });");
    assert_int_equal(send_mail(b, &one), REASON_ALLOWED);
    assert_int_equal(send_mail(b, &one), REASON_LIMIT_BLOCK);
    assert_int_equal(send_mail(b, &two), REASON_ALLOWED);
    assert_int_equal(send_mail(b, &one), REASON_BLOCKED);
    stop(b);
}

static void a_limit_that_asks_for_what_a_message_lacks_is_not_for_it(void **state)
{
    struct bench *b = *state;
    static const struct mail local = {ANNA, NULL, ANNA, 1000, ""}, alone = {NULL, "192.0.2.5", ANNA, 1000, ""};

    start(b, CONNECTORS
          "limits = ({ name = \"net\"; per = \"client_net\"; count = \"messages\"; rate = \"1/d\"; burst = 1; "
          "            for = \"logins\"; },"
          "          { name = \"user\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 2; });");
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_mail(b, &local), REASON_ALLOWED);
    assert_int_equal(send_mail(b, &local), REASON_LIMIT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_mail(b, &alone), REASON_CONNECTOR);
    stop(b);
}

#define TO(to)                                                                                                         \
    {                                                                                                                  \
        ANNA, CLIENT, ANNA, 1000, to                                                                                   \
    }
#define SIZED(size)                                                                                                    \
    {                                                                                                                  \
        ANNA, CLIENT, ANNA, size, ""                                                                                   \
    }

static void each_thing_that_can_be_counted_is(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *limit;
        struct mail mail[5];
        enum reason reason[5]; /* of each; REASON_NOT_OURS: no more */
    } rows[] = {
        {"count = \"bytes\"; rate = \"4K/d\"; burst = \"4K\";",
         {SIZED(1024), SIZED(1025), SIZED(1025), SIZED(1024), SIZED(4097)},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED, REASON_LIMIT_NEVER}},
        {"count = \"distinct sender\"; rate = \"1/d\"; burst = 1;", /* mailboxes, however they are written */
         {FROM(ANNA, CLIENT, ANNA), FROM(ANNA, CLIENT, "a.berg@contoso.example"),
          FROM(ANNA, CLIENT, "anna+2@contoso.example"), FROM(ANNA, CLIENT, "info@contoso.example"),
          FROM(ANNA, CLIENT, "prvs=1a2b=A.Berg@contoso.example")},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED}},
        {"count = \"distinct recipient\"; rate = \"3/d\"; burst = 3;",
         {TO("x@adatum.example y@adatum.example"), TO("y@adatum.example X@adatum.example"),
          TO("z@adatum.example z@adatum.example z@adatum.example"), TO("new@adatum.example"), TO("z@adatum.example")},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED}},
        {"count = \"distinct recipient\"; rate = \"2/d\"; burst = 2;",
         {TO("no-address"), TO("no-address"), TO("another"), TO("a-third"), TO("no-address another")},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED}},
        {"count = \"distinct recipient_domain\"; rate = \"2/d\"; burst = 2;",
         {TO("x@adatum.example y@ADATUM.example z@adatum.example"), TO("x@contoso.example"), TO("x@fabrikam.example"),
          TO("q@adatum.example q@contoso.example")},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED}},
        {"count = \"external recipients\"; rate = \"2/d\"; burst = 2;",
         {TO("x@adatum.example bert@contoso.example y@adatum.example"),
          TO("cleo@contoso.example eva@contoso.example bert@contoso.example"), TO("z@adatum.example"),
          TO("paul@contoso.example")},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED}},
        {"count = \"internal recipients\"; rate = \"2/d\"; burst = 2;",
         {TO("bert@contoso.example x@adatum.example y@adatum.example"), TO("x@adatum.example"),
          TO("cleo@contoso.example"), TO("eva@contoso.example"), TO("x@adatum.example")},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED}},
        {"per = \"user+recipient_domain\"; count = \"recipients\"; rate = \"3/d\"; burst = 3;",
         {TO("1@adatum.example 2@adatum.example 1@fabrikam.example"), TO("3@adatum.example 4@adatum.example"),
          TO("3@adatum.example"), TO("2@fabrikam.example 3@fabrikam.example"), TO("5@adatum.example")},
         {REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT}},
        {"per = \"user+recipient_domain\"; count = \"messages\"; rate = \"2/d\"; burst = 2;",
         {TO("1@adatum.example 2@adatum.example 3@adatum.example"), TO("1@adatum.example 1@fabrikam.example"),
          TO("1@adatum.example"), TO("1@fabrikam.example"), TO("2@fabrikam.example")},
         {REASON_ALLOWED, REASON_ALLOWED, REASON_LIMIT, REASON_ALLOWED, REASON_LIMIT}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rules[600];

        (void)snprintf(rules, sizeof rules, "limits = ({ name = \"l\"; %s %s });",
                       strstr(rows[i].limit, "per =") != NULL ? "" : "per = \"user\";", rows[i].limit);
        start(b, rules);
        for (size_t j = 0; j < 5 && rows[i].reason[j] != REASON_NOT_OURS; j++) {
            enum reason reason = send_mail(b, &rows[i].mail[j]);

            if (reason != rows[i].reason[j])
                fail_msg("%s: message %zu: %s, not %s", rows[i].limit, j, reason_row(reason)->name,
                         reason_row(rows[i].reason[j])->name);
        }
        stop(b);
    }
}

/* The only block there is, in words. */
static void expect_block(struct bench *b, const char *subject)
{
    struct block block;
    uint32_t at = 0;

    assert_true(blocks_next(blocks_of(b), &at, now_of(b), &block));
    assert_string_equal(block.subject, subject);
    assert_false(blocks_next(blocks_of(b), &at, now_of(b), &block));
}

static void a_block_is_about_what_its_limit_is_per(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *per, *subject;
        struct mail first, blocked, other;
    } rows[] = {
        {"user", "user anna@contoso.example", FROM("a.berg@contoso.example", CLIENT, ANNA),
         FROM(ANNA, "198.51.100.1", ANNA), FROM("paul@contoso.example", CLIENT, "paul@contoso.example")},
        {"login", "login a.berg@contoso.example", FROM("a.berg@contoso.example", CLIENT, ANNA),
         FROM("A.Berg@contoso.example", "198.51.100.1", ANNA), FROM(ANNA, CLIENT, ANNA)},
        {"client", "client 203.0.113.9", FROM(ANNA, CLIENT, ANNA), FROM(DORA, CLIENT, DORA),
         FROM(ANNA, "203.0.113.10", ANNA)},
        {"client", "network 2001:db8::/64", FROM(ANNA, "2001:db8::1", ANNA), FROM(DORA, "2001:db8::77", DORA),
         FROM(ANNA, "2001:db8:0:1::1", ANNA)},
        {"client_net", "network 203.0.113.0/24", FROM(ANNA, CLIENT, ANNA), FROM(DORA, "203.0.113.77", DORA),
         FROM(ANNA, "203.0.112.9", ANNA)},
        {"connector", "connector printers", FROM(NULL, "192.0.2.5", "x@contoso.example"),
         FROM(NULL, "192.0.2.77", "y@adatum.example"), FROM(NULL, "198.51.100.5", "x@contoso.example")},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rules[600];

        (void)snprintf(rules, sizeof rules,
                       "%s limits = ({ name = \"l\"; per = \"%s\"; count = \"messages\"; rate = \"1/d\"; burst = 1; "
                       "then = \"block 1h\"; });",
                       strcmp(rows[i].per, "connector") == 0 ? CONNECTORS : "", rows[i].per);
        start(b, rules);
        assert_true(passes(send_mail(b, &rows[i].first)));
        assert_int_equal(send_mail(b, &rows[i].first), REASON_LIMIT_BLOCK);
        expect_block(b, rows[i].subject);
        if (send_mail(b, &rows[i].blocked) != REASON_BLOCKED || !passes(send_mail(b, &rows[i].other)))
            fail_msg("per %s", rows[i].per);
        stop(b);
    }
}

static void an_invented_login_is_blocked_by_the_name_it_gave(void **state)
{
    struct bench *b = *state;
    static const struct mail ghost = FROM("ghost@contoso.example", CLIENT, "ghost@contoso.example");

    start(b, "limits = ({ name = \"l\"; per = \"user\"; count = \"denials\"; rate = \"1/d\"; burst = 1; "
             "then = \"block 1h\"; });");
    assert_int_equal(send_mail(b, &ghost), REASON_UNLISTED);
    assert_int_equal(send_mail(b, &ghost), REASON_UNLISTED);
    expect_block(b, "user ghost@contoso.example");
    assert_int_equal(send_mail(b, &ghost), REASON_BLOCKED);
    stop(b);
}

static void more_domains_than_can_be_charged_at_once_never_pass_uncounted(void **state)
{
    struct bench *b = *state;
    static char to[8192];
    struct buf list = BUF_OVER(to);
    struct mail m = {ANNA, CLIENT, ANNA, 1000, to};

    for (int i = 0; i < 200; i++)
        buf_addf(&list, "%sx@d%d.adatum.example", i > 0 ? " " : "", i);
    start(b, "limits = ({ name = \"l\"; per = \"user+recipient_domain\"; count = \"messages\"; rate = \"1/d\"; "
             "burst = 100; });");
    assert_int_equal(send_mail(b, &m), REASON_LIMIT_NEVER);
    m.to = "x@d0.adatum.example x@d1.adatum.example";
    assert_int_equal(send_mail(b, &m), REASON_ALLOWED);
    stop(b);
}

static void an_exception_that_is_unlimited_counts_neither_messages_nor_refusals(void **state)
{
    struct bench *b = *state;
    static const struct mail good = FROM(ANNA, CLIENT, ANNA), bad = FROM(ANNA, CLIENT, BERT);

    start(
        b,
        "limits = ({ name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 1;"
        "            except = ({ user = \"anna@contoso.example\"; rate = \"unlimited\"; }); },"
        "          { name = \"d\"; per = \"user\"; count = \"denials\"; rate = \"1/d\"; burst = 1; "
        "            then = \"block 1h\"; except = ({ user = \"anna@contoso.example\"; rate = \"unlimited\"; }); });");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send_mail(b, &bad), REASON_SENDER_NOT_OWN);
        assert_int_equal(send_mail(b, &good), REASON_ALLOWED);
    }
    stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_counts_together_what_it_is_per_and_nothing_else),
        cmocka_unit_test(a_limit_per_sender_of_a_connector_counts_sub_addresses_together),
        cmocka_unit_test(a_limit_per_tenant_counts_the_connectors_that_name_it),
        cmocka_unit_test(a_limit_is_about_the_messages_that_it_names_and_no_others),
        cmocka_unit_test(refusals_and_distinct_things_are_counted_of_the_named_messages_alone),
        cmocka_unit_test(an_organizations_onmicrosoft_addresses_reach_100_external_recipients_a_day),
        cmocka_unit_test(an_organization_reaches_as_many_external_recipients_a_day_as_its_licences_give),
        cmocka_unit_test(a_limits_own_reply_goes_before_the_reasons_and_never_changes_what_happens),
        cmocka_unit_test(every_ipv6_address_is_a_client_where_the_configuration_says_so),
        cmocka_unit_test(a_limit_that_asks_for_what_a_message_lacks_is_not_for_it),
        cmocka_unit_test(each_thing_that_can_be_counted_is),
        cmocka_unit_test(a_block_is_about_what_its_limit_is_per),
        cmocka_unit_test(an_invented_login_is_blocked_by_the_name_it_gave),
        cmocka_unit_test(more_domains_than_can_be_charged_at_once_never_pass_uncounted),
        cmocka_unit_test(an_exception_that_is_unlimited_counts_neither_messages_nor_refusals),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
