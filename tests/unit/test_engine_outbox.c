/* links: mirror */
/* What an engine counts, its outbox tells: each count once, and only when it has succeeded here. */
#include "tests/unit/virtual_engine.h"

#include "core/decide/block_keys.h"
#include "core/decide/keys.h"
#include "core/engine/engine_auth.h"
#include "core/report/subject.h"
#include "core/state/outbox.h"

#define CLUSTER "cluster = { server = \"unix:/nowhere\"; outbox = \"~/outbox\"; };"
#define HOTEL "203.0.113.9"
#define RECORDS 256

static struct outbox *reader;
static struct outbox_record records[RECORDS];

static void begin(struct bench *b, const char *rules)
{
    char text[4096];
    struct error e;

    (void)snprintf(text, sizeof text, CLUSTER "%s%s", strstr(rules, "preset =") == NULL ? "preset = \"none\";" : "",
                   rules);
    start_at_0(b, text);
    assert_int_equal(outbox_open(world_file(b->world, "outbox"), OUTBOX_READER, &reader, &e), 0);
    assert_null(outbox_problem(reader));
}

static void end(struct bench *b)
{
    outbox_close(reader);
    stop(b);
    (void)unlink(world_file(b->world, "outbox"));
}

/* What was posted since the last call, all of which must be of one kind. */
static size_t told(enum outbox_kind kind)
{
    size_t n = outbox_drain(reader, clock_boot_ns(), records, RECORDS);

    assert_true(n < RECORDS);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(records[i].kind, kind);
    return n;
}

/* The one that was posted. */
static const struct outbox_record *told_one(enum outbox_kind kind)
{
    assert_int_equal(told(kind), 1);
    return records;
}

static uint64_t live_ns(struct bench *b, uint64_t key)
{
    return counters_marked_for(state_counters(b->shared), key, now_of(b));
}

static void a_message_tells_what_each_limit_charged(void **state)
{
    struct bench *b = *state;

    begin(b, "limits = ({ name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 3; },"
             "          { name = \"b\"; per = \"client\"; count = \"bytes\"; rate = \"1K/h\"; burst = \"3K\"; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(told(OUTBOX_ADD), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(records[i].table, OUTBOX_COUNTERS);
        assert_int_equal(records[i].ns, 3600 * NS_PER_S);
        assert_int_equal(records[i].burst_ns, 3 * 3600 * NS_PER_S);
        assert_int_equal(live_ns(b, records[i].key), records[i].ns);
    }
    end(b);
}

static void what_is_refused_tells_nothing(void **state)
{
    struct bench *b = *state;

    begin(b, "limits = ({ name = \"wide\"; per = \"user\"; count = \"messages\"; rate = \"9/h\"; },"
             "          { name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 1; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(told(OUTBOX_ADD), 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(anna(b), REASON_LIMIT);
    assert_int_equal(told(OUTBOX_ADD), 0);
    end(b);
}

static void a_new_member_is_told_with_its_charge_and_a_known_one_now_and_then(void **state)
{
    struct bench *b = *state;
    const struct outbox_record *r;
    uint64_t key, member;
    size_t renewed = 0;

    begin(b,
          "limits = ({ name = \"r\"; per = \"user\"; count = \"distinct client_net\"; rate = \"6/d\"; burst = 6; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    r = told_one(OUTBOX_DISTINCT);
    key = r->key;
    member = r->member;
    assert_int_equal(r->ns, 4 * 3600 * NS_PER_S);
    assert_int_equal(r->burst_ns, 24 * 3600 * NS_PER_S);
    assert_int_equal(r->keep_ns, 24 * 3600 * NS_PER_S);
    assert_int_equal(live_ns(b, key), r->ns);
    assert_int_equal(live_ns(b, member), r->keep_ns);
    for (unsigned i = 1; i <= 240; i++) { /* a day, a message every six minutes */
        assert_int_equal(send_at(b, i * 0.1 * HOUR, ANNA, HOTEL), REASON_ALLOWED);
        if (told(OUTBOX_LATEST) == 1) {
            assert_int_equal(records[0].key, member);
            assert_int_equal(records[0].ns, 24 * 3600 * NS_PER_S);
            renewed++;
        }
    }
    assert_in_range(renewed, 15, 16);
    assert_int_equal(send_at(b, DAY, ANNA, OFFICE), REASON_ALLOWED);
    r = told_one(OUTBOX_DISTINCT);
    assert_int_equal(r->key, key);
    assert_true(r->member != member);
    end(b);
}

static void members_that_cost_several_domains_are_told_as_charges(void **state)
{
    struct bench *b = *state;
    size_t n;

    begin(b, "limits = ({ name = \"d\"; per = \"user+recipient_domain\"; count = \"distinct client\"; rate = \"6/d\"; "
             "burst = 6; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    n = outbox_drain(reader, clock_boot_ns(), records, RECORDS);
    assert_int_equal(n, 2);
    assert_int_equal(records[0].kind, OUTBOX_ADD);
    assert_int_equal(records[1].kind, OUTBOX_LATEST);
    end(b);
}

static void refusals_are_told_with_the_table_that_counts_them(void **state)
{
    struct bench *b = *state;
    const struct outbox_record *r;

    begin(b, "unauthenticated = \"reject\"; limits = ({ name = \"s\"; per = \"client\"; count = \"denials\"; rate = "
             "\"20/h\"; burst = 2; });");
    assert_int_equal(send_from(b, BERT, HOTEL), REASON_MAILBOX_DISABLED);
    assert_int_equal(told_one(OUTBOX_ADD)->table, OUTBOX_COUNTERS);
    for (int i = 0; i < 4; i++)
        (void)send_as(b, NULL, HOTEL, ANNA);
    assert_int_equal(told(OUTBOX_ADD), 2); /* the others are over the limit */
    r = records + 1;
    assert_int_equal(r->table, OUTBOX_STRANGERS_REFUSALS);
    assert_int_equal(r->ns, 180 * NS_PER_S);
    end(b);
}

static void a_failed_sign_in_is_told_where_attempts_are_counted_and_with_whom(void **state)
{
    struct bench *b = *state;
    const struct outbox_record *distinct = records + 1;
    struct submission s = {.stage = STAGE_AUTH, .mechanism = SLICE("PLAIN"), .tls = TLS_NEWER, .front_end = "sasl"};
    struct auth_ticket ticket;
    struct slice said;

    begin(b, "limits = ({ name = \"a\"; per = \"client\"; count = \"auth failures\"; rate = \"20/h\"; burst = 20; "
             "then = \"block 1h\"; }, { name = \"n\"; per = \"client\"; count = \"distinct failed login\"; rate = "
             "\"20/h\"; burst = 20; then = \"block 1h\"; });");
    s.has_client = ip_parse(SLICE(HOTEL), &s.client);
    assert_int_equal(engine_auth_begin(b->session, &s, &ticket, &said), AUTH_PASS);
    s.login_text = slice_of(BERT);
    login_parse(s.login_text, &s.login);
    engine_auth_failed(b->session, &s, &ticket, &said);
    assert_int_equal(outbox_drain(reader, clock_boot_ns(), records, RECORDS), 2);
    assert_int_equal(records[0].kind, OUTBOX_ADD);
    assert_int_equal(records[0].table, OUTBOX_STRANGERS_REFUSALS);
    assert_int_equal(records[0].ns, 180 * NS_PER_S);
    assert_int_equal(distinct->kind, OUTBOX_DISTINCT);
    assert_int_equal(distinct->table, OUTBOX_STRANGERS_REFUSALS);
    assert_int_equal(distinct->ns, 180 * NS_PER_S);
    assert_int_equal(distinct->keep_ns, 3600 * NS_PER_S);
    /* The same name again is no other one, and nothing that others need to know. */
    assert_int_equal(engine_auth_begin(b->session, &s, &ticket, &said), AUTH_PASS);
    engine_auth_failed(b->session, &s, &ticket, &said);
    assert_int_equal(told(OUTBOX_ADD), 1);
    end(b);
}

static void what_the_milter_gives_back_is_told(void **state)
{
    struct bench *b = *state;
    struct submission s;
    struct headers headers = {0};
    uint64_t key;

    begin(b, "limits = ({ name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 3; });");
    s = message(b, ANNA, HOTEL, ANNA);
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    key = told_one(OUTBOX_ADD)->key;
    virtual_now_s += 600;
    headers_add(&headers, SLICE("From"), slice_of(BERT));
    s.headers = &headers;
    s.front_end = "milter";
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_FROM_NOT_OWN);
    headers_clear(&headers);
    assert_int_equal(told_one(OUTBOX_RETURN)->key, key);
    assert_int_equal(records[0].ns, 3000 * NS_PER_S); /* what had not run off since */
    assert_int_equal(live_ns(b, key), 0);
    end(b);
}

static void a_block_tells_its_history(void **state)
{
    struct bench *b = *state;
    const struct outbox_record *r;
    struct block block;
    uint32_t at = 0;

    begin(b,
          "limits = ({ name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 1; then = \"block "
          "1h\"; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    (void)told_one(OUTBOX_ADD);
    assert_int_equal(anna(b), REASON_LIMIT_BLOCK);
    r = told_one(OUTBOX_ADD);
    assert_true(blocks_next(blocks_of(b), &at, now_of(b), &block));
    assert_int_equal(r->key,
                     block_history(&(struct decide_context){.config = engine_config(b->engine)}, block.key).key);
    assert_int_equal(live_ns(b, r->key), r->ns);
    end(b);
}

#define FAMILIAR                                                                                                       \
    "limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; from = \"unfamiliar\"; rate = \"2/d\"; burst = "  \
    "2; then = \"block 1h\"; });"

static void a_familiar_network_tells_when_it_was_first_seen_and_latest(void **state)
{
    struct bench *b = *state;
    uint64_t tenant, network;

    begin(b, FAMILIAR);
    assert_int_equal(send_at(b, 0, ANNA, OFFICE), REASON_ALLOWED);
    assert_int_equal(told(OUTBOX_FIRST), 2); /* the tenant's and the network's */
    tenant = records[0].key;
    network = records[1].key;
    assert_true(tenant != network);
    assert_int_equal(records[1].ns, 45 * 86400 * NS_PER_S);
    assert_int_equal(send_at(b, 1, ANNA, OFFICE), REASON_ALLOWED);
    assert_int_equal(told(OUTBOX_FIRST), 0);
    assert_int_equal(send_at(b, 8 * DAY, ANNA, OFFICE), REASON_ALLOWED);
    assert_int_equal(told(OUTBOX_LATEST), 2);
    assert_int_equal(records[1].ns, 90 * 86400 * NS_PER_S);
    assert_int_equal(live_ns(b, records[1].key), records[1].ns);
    end(b);
}

static void a_block_tells_that_a_new_network_begins_anew(void **state)
{
    struct bench *b = *state;
    size_t n, resets = 0;

    begin(b, FAMILIAR);
    assert_int_equal(send_at(b, 0, ANNA, OFFICE), REASON_ALLOWED);
    assert_int_equal(send_at(b, 8 * DAY, ANNA, OFFICE), REASON_ALLOWED);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_from(b, ANNA, HOTEL), REASON_ALLOWED);
    (void)outbox_drain(reader, clock_boot_ns(), records, RECORDS);
    assert_int_equal(send_from(b, ANNA, HOTEL), REASON_LIMIT_BLOCK);
    n = outbox_drain(reader, clock_boot_ns(), records, RECORDS);
    for (size_t i = 0; i < n; i++)
        resets += records[i].kind == OUTBOX_RESET;
    assert_int_equal(n, 2);
    assert_int_equal(resets, 1);
    end(b);
}

static void a_message_tells_what_its_login_sends_and_one_that_is_deferred_is_known(void **state)
{
    struct bench *b = *state;
    struct outbox_record of[4];
    size_t n, habits = 0;

    begin(b, "preset = \"none\"; limits = ({ name = \"hour\"; per = \"user\"; count = \"messages\"; rate = \"2/h\";"
             " beyond = \"habit\"; learning = 1; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    n = outbox_drain(reader, clock_boot_ns(), records, RECORDS);
    for (size_t i = 0; i < n; i++)
        if (records[i].kind == OUTBOX_HABIT)
            of[habits++] = records[i];
    assert_int_equal(habits, 2); /* the login's, and with it its tenant is known */
    assert_int_equal(of[0].units[HABIT_MESSAGES], 1);
    assert_int_equal(of[0].units[HABIT_RECIPIENTS], 1);
    assert_int_equal(of[0].at_s, now_of(b) / NS_PER_S);
    assert_int_equal(of[1].units[HABIT_MESSAGES], 0);
    assert_int_equal(anna(b), REASON_LIMIT);
    assert_int_equal(told(OUTBOX_HABIT_DEFERRED), 1);
    end(b);
}

static struct decide_context context_of(struct bench *b)
{
    return (struct decide_context){.config = engine_config(b->engine),
                                   .view = b->world->view,
                                   .counters = state_counters(b->shared),
                                   .blocks = blocks_of(b),
                                   .secret = state_secret(b->shared),
                                   .now_ns = now_of(b)};
}

static void what_an_operator_forgives_is_told(void **state)
{
    struct bench *b = *state;
    struct decide_context c;
    struct subject *x = calloc(1, sizeof *x);
    char *words[] = {(char *)(uintptr_t)ANNA};
    struct outbox *writer;
    uint64_t limit, history;
    struct error e;

    begin(b,
          "limits = ({ name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 1; then = \"block "
          "1h\"; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    limit = told_one(OUTBOX_ADD)->key;
    assert_int_equal(anna(b), REASON_LIMIT_BLOCK);
    history = told_one(OUTBOX_ADD)->key;
    assert_int_equal(outbox_open(world_file(b->world, "outbox"), OUTBOX_WRITER, &writer, &e), 0);
    state_share(b->shared, writer);
    c = context_of(b);
    assert_non_null(x);
    assert_int_equal(subject_parse(&c, 1, words, x, &e), 0);
    (void)snprintf(x->block.limit, sizeof x->block.limit, "m");
    subject_forgive(state_counters(b->shared), state_habits(b->shared), &c, x, &x->block);
    assert_int_equal(outbox_drain(reader, clock_boot_ns(), records, RECORDS), 3);
    assert_int_equal(records[0].kind, OUTBOX_RESET);
    assert_int_equal(records[0].key, limit);
    assert_int_equal(records[1].kind, OUTBOX_RESET);
    assert_int_equal(records[1].key, history);
    assert_int_equal(records[2].kind, OUTBOX_LIFT);
    assert_int_equal(records[2].key, x->block.key);
    assert_int_equal(live_ns(b, limit), 0);
    outbox_close(writer);
    free(x);
    end(b);
}

/* With another secret, as for a relay that joins a cluster: each has the key that the mail path will look up. */
static void the_subject_of_a_block_is_found_again_from_its_text(void **state)
{
    static const struct {
        const char *kind, *name;
    } names[] = {{"user", ANNA},
                 {"user", "bj\xc3\xb6rn@contoso.example"},
                 {"login", "CONTOSO\\anna"},
                 {"client", "192.0.2.7"},
                 {"network", "192.0.2.0/28"},
                 {"network", "2001:db8::/48"}};
    const struct hash_secret other = {{7, 8}};
    struct subject *before = calloc(1, sizeof *before), *again = calloc(1, sizeof *again),
                   *after = calloc(1, sizeof *after);
    struct bench *b = *state;
    struct decide_context c, there;
    struct error e;

    begin(b, "");
    c = context_of(b);
    there = c;
    there.secret = &other;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *words[] = {(char *)(uintptr_t)names[i].kind, (char *)(uintptr_t)names[i].name};

        assert_int_equal(subject_parse(&c, 2, words, before, &e), 0);
        assert_int_equal(subject_parse(&there, 2, words, after, &e), 0);
        assert_int_equal(subject_of_block(&there, &before->block, again, &e), 0);
        assert_int_equal(again->block.key, after->block.key);
        assert_int_not_equal(again->block.key, before->block.key);
        if (before->part == PER_USER || before->part == PER_LOGIN) {
            key_of_deferring(&c, &before->verdict.identity, before->part, &before->block);
            key_of_deferring(&there, &after->verdict.identity, after->part, &after->block);
        } else {
            key_of_strangers(&c, &before->submission, &before->block);
            key_of_strangers(&there, &after->submission, &after->block);
        }
        assert_int_equal(subject_of_block(&there, &before->block, again, &e), 0);
        assert_int_equal(again->block.key, after->block.key);
    }
    (void)snprintf(before->block.subject, sizeof before->block.subject, "user anna.with.a.long.na...");
    assert_int_equal(subject_of_block(&there, &before->block, again, &e), -1);
    free(before);
    free(again);
    free(after);
    end(b);
}

/* A mail path without an outbox decides and counts as ever. */
static void an_outbox_that_can_not_be_made_hinders_no_mail_and_is_logged(void **state)
{
    struct bench *b = *state;
    char *text;

    log_begin(b);
    start_at_0(b,
               "preset = \"none\"; cluster = { server = \"unix:/nowhere\"; outbox = \"~/none/outbox\"; }; limits = ({ "
               "name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 1; });");
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_LIMIT);
    engine_tick(b->engine);
    stop(b);
    text = strstr(log_end(b), "the other relays don't learn what is counted here: cannot make the outbox");
    assert_non_null(text);
    assert_null(strstr(text + 1, "the other relays don't")); /* said once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_tells_what_each_limit_charged, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_tells_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_member_is_told_with_its_charge_and_a_known_one_now_and_then, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(members_that_cost_several_domains_are_told_as_charges, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_are_told_with_the_table_that_counts_them, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_sign_in_is_told_where_attempts_are_counted_and_with_whom, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_the_milter_gives_back_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_block_tells_its_history, setup, teardown),
        cmocka_unit_test_setup_teardown(a_familiar_network_tells_when_it_was_first_seen_and_latest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_block_tells_that_a_new_network_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_tells_what_its_login_sends_and_one_that_is_deferred_is_known, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_an_operator_forgives_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_subject_of_a_block_is_found_again_from_its_text, setup, teardown),
        cmocka_unit_test_setup_teardown(an_outbox_that_can_not_be_made_hinders_no_mail_and_is_logged, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
