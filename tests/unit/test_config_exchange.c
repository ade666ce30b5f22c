/* What postern-mirror needs to sign in to Exchange Online, and the way there: what is taken, and what is refused. */
#include "core/config/config.h"
#include "core/config/config_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TENANT_ID "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"
#define APPLICATION "0f9b6a52-1d9d-4c3c-8f0e-5a1e2b3c4d5e"
#define IDS "tenant_id = \"" TENANT_ID "\"; application = \"" APPLICATION "\"; "
#define SECRET IDS "secret_file = \"s\"; "

static int read_settings(const char *settings, struct config **c, struct error *e)
{
    char text[5000];

    (void)snprintf(text, sizeof text, "tenants = ({ name = \"contoso\"; exchange = { %s }; });", settings);
    return config_from_text(slice_of(text), "c", "/etc/postern", c, e);
}

static struct config *config_with(const char *settings)
{
    struct config *c;
    struct error e;

    if (read_settings(settings, &c, &e) != 0)
        fail_msg("%s\n%s", settings, e.text);
    return c;
}

static void what_cannot_be_meant_is_refused_with_what_was_expected(void **state)
{
    static char long_name[4400], long_anchor[700];
    static const struct {
        const char *settings, *says;
    } rows[] = {
        {"", "tenant_id"},
        {"tenant_id = \"contoso\"; application = \"" APPLICATION "\"; secret_file = \"s\";",
         "tenants[contoso].exchange.tenant_id: \"contoso\": expected a GUID, as in "},
        {"tenant_id = \"7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8dg\"; application = \"" APPLICATION
         "\"; secret_file = \"s\";",
         "expected a GUID"},
        {"tenant_id = \"7a5d1c3e052b0-4f0e-9c7d-2f6a10b4e8d1\"; application = \"" APPLICATION
         "\"; secret_file = \"s\";",
         "expected a GUID"},
        {"tenant_id = \"" TENANT_ID "\"; secret_file = \"s\";", "application"},
        {IDS, "no way to sign in; expected exactly one of certificate_file, secret_file, federated_token_file"},
        {SECRET "certificate_file = \"c\";", "more than one way to sign in"},
        {SECRET "key_file = \"k\";", "key_file is for certificate_file, which is missing"},
        {SECRET "passphrase_file = \"p\";", "passphrase_file is for certificate_file, which is missing"},
        {IDS "secret_file = \"\";", "an empty file name; leave the setting out instead"},
        {long_name, "a file name of more than 4095 bytes"},
        {SECRET "cloud = \"mars\";", "cloud: \"mars\" is not known here"},
        {SECRET "algorithm = \"HS256\";", "algorithm: \"HS256\" is not known here"},
        {SECRET "anchor_mailbox = \"a b\";", "expected 1 to 400 printable characters without blanks"},
        {SECRET "anchor_mailbox = \"a\\r\\nX-Header: b\";", "holds a control character"},
        {SECRET "anchor_mailbox = \"\";", "expected 1 to 400 printable characters"},
        {long_anchor, "expected 1 to 400 printable characters"},
        {SECRET "fetch = [];", "fetch: an empty list fetches nothing; leave it out for everything"},
        {SECRET "fetch = \"mailboxen\";", "fetch: \"mailboxen\" is not known here"},
        {SECRET "fetch = [7];", "fetch"},
        {SECRET "hosts = { login = \"https://login.contoso.example/\"; };", "hosts.login: "},
        {SECRET "hosts = { login = \"login.contoso.example/x\"; };", "expected a host's name"},
        {SECRET "hosts = { login = \"user@login.contoso.example\"; };", "expected a host's name"},
        {SECRET "hosts = { login = \".contoso.example\"; };", "expected a host's name"},
        {SECRET "hosts = { login = \"contoso.example.\"; };", "expected a host's name"},
        {SECRET "hosts = { login = \"contoso.example:0\"; };", "expected a host's name"},
        {SECRET "hosts = { login = \"contoso.example:65536\"; };", "expected a host's name"},
        {SECRET "hosts = { login = \":443\"; };", "expected a host's name"},
        {SECRET "hosts = { login = \"\"; };", "expected a host's name"},
        {SECRET "secrets_file = \"s\";", "unknown setting"},
    };
    struct buf name = BUF_OVER(long_name), anchor = BUF_OVER(long_anchor);

    (void)state;
    buf_add(&name, SLICE(IDS "secret_file = \"/"));
    buf_add(&anchor, SLICE(SECRET "anchor_mailbox = \""));
    for (int i = 0; i < 4095; i++)
        buf_add_char(&name, 'a');
    for (int i = 0; i < 401; i++)
        buf_add_char(&anchor, 'a');
    buf_add(&name, SLICE("\";"));
    buf_add(&anchor, SLICE("\";"));
    assert_false(name.full || anchor.full);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config *c;
        struct error e = {""};

        if (read_settings(rows[i].settings, &c, &e) == 0)
            fail_msg("accepted: %s", rows[i].settings);
        if (strstr(e.text, rows[i].says) == NULL)
            fail_msg("%s\n says: %s\n, not: %s", rows[i].settings, e.text, rows[i].says);
    }
}

static void an_exchange_that_is_no_group_is_refused(void **state)
{
    struct config *c;
    struct error e;

    (void)state;
    assert_int_equal(
        config_from_text(SLICE("tenants = ({ name = \"contoso\"; exchange = \"on\"; });"), "c", "/", &c, &e), -1);
    assert_non_null(strstr(e.text, "expected a group: { ... }"));
}

static void each_way_to_sign_in_is_read(void **state)
{
    struct config *c = config_with(IDS "certificate_file = \"tls/cert.pem\"; key_file = \"/keys/key.pem\"; "
                                       "passphrase_file = \"passphrase\"; algorithm = \"RS256\";");
    const struct exchange_config *x = &c->tenants[0].exchange;

    (void)state;
    assert_string_equal(x->certificate_file, "/etc/postern/tls/cert.pem"); /* begins at the configuration's folder */
    assert_string_equal(x->key_file, "/keys/key.pem");
    assert_string_equal(x->passphrase_file, "passphrase"); /* a bare name: a credential of systemd's */
    assert_null(x->secret_file);
    config_free(c);
    c = config_with(IDS "federated_token_file = \"/run/token\";");
    assert_string_equal(c->tenants[0].exchange.federated_token_file, "/run/token");
    config_free(c);
    c = config_with(SECRET);
    assert_string_equal(c->tenants[0].exchange.secret_file, "s");
    config_free(c);
}

static void without_more_everything_is_fetched_and_nothing_written_back(void **state)
{
    struct config *c = config_with(SECRET);
    const struct exchange_config *x = &c->tenants[0].exchange;

    (void)state;
    for (const struct choice *f = fetches; f->name != NULL; f++)
        assert_true((x->fetch & f->value) != 0);
    assert_false(x->writeback);
    assert_false(x->sign_ins); /* that permission is for everybody's sign-ins */
    assert_null(x->login_host);
    assert_null(x->anchor_mailbox);
    config_free(c);
}

static void what_is_fetched_can_be_narrowed(void **state)
{
    struct config *c = config_with(SECRET "fetch = [\"mailbox\", \"cas-mailbox\"];");
    struct config *one = config_with(SECRET "fetch = \"user\";");

    (void)state;
    assert_int_equal(c->tenants[0].exchange.fetch, FETCH_MAILBOX | FETCH_CAS_MAILBOX);
    assert_int_equal(one->tenants[0].exchange.fetch, FETCH_USER);
    config_free(c);
    config_free(one);
}

static void hosts_are_one_spelling_whatever_their_case(void **state)
{
    struct config *c = config_with("tenant_id = \"7A5D1C3E-52B0-4F0E-9C7D-2F6A10B4E8D1\"; application = \"" APPLICATION
                                   "\"; secret_file = \"s\"; anchor_mailbox = \"UPN:x@contoso.example\"; "
                                   "hosts = { login = \"Login.Contoso.EXAMPLE\"; exchange = \"127.0.0.1:8443\"; };");
    const struct exchange_config *x = &c->tenants[0].exchange;

    (void)state;
    assert_string_equal(x->tenant_id, TENANT_ID);
    assert_string_equal(x->login_host, "login.contoso.example");
    assert_string_equal(x->exchange_host, "127.0.0.1:8443");
    assert_string_equal(x->anchor_mailbox, "UPN:x@contoso.example");
    config_free(c);
}

static void a_proxy_is_an_address_without_a_password(void **state)
{
    static const struct {
        const char *proxy;
        bool right;
    } rows[] = {
        {"", true},
        {"http://proxy.contoso.example:3128", true},
        {"https://proxy.contoso.example", true},
        {"proxy.contoso.example:3128", false},
        {"socks5://proxy.contoso.example", false},
        {"http://me:secret@proxy.contoso.example", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        struct config *c = NULL;
        struct error e;
        bool right;

        (void)snprintf(text, sizeof text, "mirror = { proxy = \"%s\"; };", rows[i].proxy);
        right = config_from_text(slice_of(text), "c", "/", &c, &e) == 0;
        if (right != rows[i].right)
            fail_msg("%s: %s", rows[i].proxy, right ? "taken" : e.text);
        if (right)
            assert_string_equal(c->mirror_proxy, rows[i].proxy);
        else
            assert_non_null(strstr(e.text, "expected http://host:port"));
        config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_meant_is_refused_with_what_was_expected),
        cmocka_unit_test(an_exchange_that_is_no_group_is_refused),
        cmocka_unit_test(each_way_to_sign_in_is_read),
        cmocka_unit_test(without_more_everything_is_fetched_and_nothing_written_back),
        cmocka_unit_test(what_is_fetched_can_be_narrowed),
        cmocka_unit_test(hosts_are_one_spelling_whatever_their_case),
        cmocka_unit_test(a_proxy_is_an_address_without_a_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
