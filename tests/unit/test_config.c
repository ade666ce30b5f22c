#include "core/config/config.h"
#include "core/config/config_table.h"
#include "core/mail/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#define FAILURES(per, count, rest) "limits=({name=\"a\";per=\"" per "\";count=\"" count "\";rate=\"5/h\";" rest "});"
#define BEYOND "limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"30/h\";beyond=\"habit\";"
#define LIMIT "limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"30/m\";"
#define CONNECTOR "connectors=({name=\"p\";networks=[\"192.0.2.0/24\"];"

/* ---- files of a test ---- */

struct folder {
    char path[64];
};

static struct folder folder_new(void)
{
    struct folder f = {"/tmp/postern-config-XXXXXX"};

    if (mkdtemp(f.path) == NULL)
        fail_msg("no temporary folder");
    return f;
}

static void file_path(const struct folder *f, const char *name, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);

    buf_addf(&b, "%s/%s", f->path, name);
    assert_false(b.full);
}

static void file_write(const struct folder *f, const char *name, const char *text)
{
    char path[200];
    FILE *file;

    file_path(f, name, path, sizeof path);
    if ((file = fopen(path, "w")) == NULL)
        fail_msg("%s cannot be written", path);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0640), 0);
}

static void folder_remove(const struct folder *f, const char *const *names)
{
    char path[200];

    for (; *names != NULL; names++) {
        file_path(f, *names, path, sizeof path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(f->path), 0);
}

static struct config *config_of(const char *text)
{
    struct config *c;
    struct error e;

    if (config_from_text(slice_of(text), "c", "/nowhere", &c, &e) != 0)
        fail_msg("%s", e.text);
    return c;
}

/* ---- what is wrong is said, with line and setting ---- */

struct wrong {
    const char *text, *says;
};

static void check_wrong(const struct wrong *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct config *c = NULL;
        struct error e = {""};

        if (config_from_text(slice_of(rows[i].text), "c", "/nowhere", &c, &e) == 0) {
            config_free(c);
            fail_msg("accepted: %s", rows[i].text);
        }
        if (strstr(e.text, rows[i].says) == NULL)
            fail_msg("%s\n says: %s\n, not: %s", rows[i].text, e.text, rows[i].says);
    }
}
#define CHECK_WRONG(rows) check_wrong((rows), sizeof(rows) / sizeof((rows)[0]))

static void what_is_no_configuration_is_named_with_its_line(void **state)
{
    static const struct wrong rows[] = {
        {"mode = ;", "c:1: syntax error"},
        {"mode = \"enforce\";\n\nlog = {\n to = ;\n};", "c:4: syntax error"},
        {"mode = \"enforce\"; mode = \"monitor\";", "c:1: the same setting occurs twice"},
        {"log = { to = \"stderr\";\n to = \"stderr\"; };", "c:2: the same setting occurs twice"},
        {"mode = \"enforce;\ncharge = \"auto\";", "c:1: a text has no closing quote"},
        {"mode = \"a\\", "c:1: a text has no closing quote"},
        {"\n/* to the end", "c:2: a comment that begins here"},
        {"recipients = { max = 4294967297; };", "c:1: the number 4294967297 is too large"},
        {"recipients = { max = 99999999999999999999L; };", "c:1: the number 99999999999999999999 is too large"},
        {"\nrecipients = { max = 0x10; };", "c:2: a number with 0x"},
        {"a=((((((((((((((((((1))))))))))))))))));", "c:1: too many brackets"},
        {"/* over\n   lines */ mode = ;", "c:2: syntax error"},
        {"@include \"not-there\"", "c:1: cannot open the file of @include"},
        {"tenants = [{}];", "c:1: syntax error"},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void a_nul_byte_is_no_configuration(void **state)
{
    static const char text[] = "mode = \"enforce\";\0 mode = \"monitor\";";
    struct config *c;
    struct error e;

    (void)state;
    assert_int_equal(config_from_text(SLICE(text), "c", "/nowhere", &c, &e), -1);
    assert_non_null(strstr(e.text, "c: contains a NUL byte"));
}

static void an_unknown_setting_is_named_with_what_was_meant(void **state)
{
    static const struct wrong rows[] = {
        {"mod = \"enforce\";", "c:1: mod: unknown setting; did you mean \"mode\"? Known here: mode, directory, state"},
        {"smtp_auth = {\n unlistd = \"reject\";\n};",
         "c:2: smtp_auth.unlistd: unknown setting; did you mean \"unlisted\"?"},
        {"SMTP-Auth = { };", "c:1: SMTP-Auth: unknown setting; did you mean \"smtp_auth\"?"},
        {"unlisted = \"reject\";", "c:1: unlisted: unknown setting; its place is smtp_auth.unlisted."},
        {"zebra = 1;", "c:1: zebra: unknown setting. Known here: mode,"},
        {"policyd = { listen = { address = \"fd:3\"; tls = { mode = \"monitor\"; }; }; };",
         "policyd.listen.tls.mode: unknown setting"},
        {LIMIT "\nbrust = 60;});", "c:2: limits[a].brust: unknown setting; did you mean \"burst\"?"},
        {CONNECTOR "}, {name=\"q\"; network=[];});",
         "connectors[q].network: unknown setting; did you mean \"networks\"?"},
        {"limits = ({ rat = 1; });", "limits[1].rat: unknown setting; did you mean \"rate\"?"},
        {"mirror = { max_chnage = 1; };", "did you mean \"max_change\"?"},
        {"a_name_that_is_longer_than_any_of_postern_s = 1;",
         "longer_than_any_of_postern_s: unknown setting. Known here: "},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void a_wrong_type_says_what_was_found_and_what_is_wanted(void **state)
{
    static const struct wrong rows[] = {
        {"mode = 1;", "c:1: mode: found the number 1; expected a text in quotes"},
        {"mode = true;", "c:1: mode: found true; expected a text in quotes"},
        {"recipients = { max = \"60\"; };", "recipients.max: found the text \"60\"; expected a whole number"},
        {"recipients = { max = 1.5; };", "recipients.max: found the number 1.5; expected a whole number"},
        {"tls = { required = \"yes\"; };", "tls.required: found the text \"yes\"; expected true or false"},
        {"tls = { required = 1; };", "tls.required: found the number 1; expected true or false"},
        {"tls = \"1.2\";", "tls: found the text \"1.2\"; expected a group"},
        {"smtp_auth = ();", "smtp_auth: found a list ( ... ); expected a group"},
        {"tenants = { name = \"a\"; };", "tenants: found a group { ... }; expected a list of groups"},
        {"tenants = ( \"contoso\" );", "tenants[1]: found the text \"contoso\"; expected a group"},
        {"policyd = { idle_timeout = 5; };", "policyd.idle_timeout: found the number 5; expected a duration in quotes"},
        {"directory = 5;", "directory: found the number 5; expected a file name in quotes"},
        {"tenants = ({ name = \"a\"; domains = 3; });",
         "tenants[a].domains: found the number 3; expected a list of texts"},
        {"tenants = ({ name = \"a\"; domains = (3); });", "tenants[a].domains[1]: found the number 3; expected a text"},
        {"connectors = ({ name = \"p\"; networks = { a = 1; }; });", "connectors[p].networks: found a group"},
        {LIMIT "burst = \"60\"; });", "limits[a].burst: found the text \"60\"; expected a whole number"},
        {"limits=({name=\"a\";per=\"user\";count=\"bytes\";rate=\"10M/h\";burst=50;});",
         "limits[a].burst: found the number 50; expected a size in quotes"},
        {"replies = [];", "replies: found an array [ ... ]; expected a group"},
        {"replies = { blocked = 550; };", "replies.blocked: found the number 550; expected a text"},
        {"milter = { listen = \"inet:127.0.0.1:10041\"; };",
         "milter.listen: inet:127.0.0.1:10041: whoever can connect to a milter can end it"},
        {"milter = { listen = (\"unix:/run/a\", { address = \"inet6:[::1]:10041\"; }); };", "milter.allow_inet = true"},
        {"milter = { allow_inet = false; listen = \"inet:127.0.0.1:10041\"; };", "expected unix:/path"},
        {"milter = { listen = (\"unix:/run/a\", \"unix:/run/a\"); };", "milter.listen[2]: unix:/run/a is listed twice"},
        {"policyd = { listen = { address = \"unix:/run/a\"; front = { tls = \"1.4\"; }; }; };",
         "policyd.listen.front.tls: \"1.4\""},
        {"policyd = { listen = { address = \"unix:/run/a\"; front = { method = \"\"; }; }; };",
         "expected a SASL mechanism"},
        {"policyd = { listen = { address = \"unix:/run/a\"; front = { method = \"PLAIN LOGIN\"; }; }; };",
         "expected a SASL mechanism"},
        {"policyd = { listen = { address = \"unix:/run/a\"; front = { method = \"ABCDEFGHIJKLMNOPQRSTU\"; }; }; };",
         "expected a SASL mechanism"},
        {"policyd = { listen = (3); };",
         "policyd.listen[1]: found the number 3; expected a text in quotes: expected unix:"},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void a_value_that_is_not_allowed_is_named_with_those_that_are(void **state)
{
    static const struct wrong rows[] = {
        {"mode = \"monitr\";",
         "mode: \"monitr\" is not known here; did you mean \"monitor\"? Allowed: \"enforce\", \"monitor\""},
        {"mode = \"\";", "mode: \"\" is not known here; allowed: \"enforce\", \"monitor\""},
        {"tls = { minimum = \"1.4\"; };", "tls.minimum: \"1.4\" is not known here"},
        {"recipients = { max = -1; };",
         "recipients.max: found the number -1; expected a whole number from 0 to 1000000"},
        {"state = { entries = 12; };",
         "state.entries: found the number 12; expected a whole number from 1024 to 268435456"},
        {"mirror = { max_change = 101; };", "mirror.max_change: found the number 101"},
        {"policyd = { workers = 0; };", "policyd.workers: found the number 0; expected a whole number from 1 to 256"},
        {"policyd = { request_timeout = \"0s\"; };",
         "policyd.request_timeout: \"0s\" is out of range; allowed: 1s to 1h"},
        {"policyd = { idle_timeout = \"10\"; };", "policyd.idle_timeout: duration \"10\""},
        {"sender = { separator = \"++\"; };", "sender.separator: \"++\": expected some of + - = _ #, each once"},
        {"sender = { separator = \"a\"; };", "sender.separator: \"a\": expected some of"},
        {"sender = { separator = \"+-=_#+\"; };", "expected some of"},
        {"log = { facility = \"news\"; };", "log.facility: \"news\" is not known here"},
        {"mode = \"mon\titor\";", "mode: \"mon\\x09itor\" holds a control character"},
        {"mode = \"m\xff\";", "mode: \"m\\xff\" is not UTF-8"},
        {"directory = \"\";", "directory: an empty file name"},
        {"smtp_auth = { allow_file = \"not-there\"; };",
         "c:1: smtp_auth.allow_file: /nowhere/not-there: No such file or directory"},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void tenants_that_would_confuse_logins_are_refused(void **state)
{
    static const struct wrong rows[] = {
        {"tenants = ({ domains = [\"a.example\"]; });", "c:1: tenants[1]: the setting \"name\" is missing here"},
        {"tenants = ({ name = \"a b\"; });", "tenants[a\\x20b].name: a name has 1 to 63 letters"},
        {"tenants = ({ name = \"a\"; },\n{ name = \"A\"; });", "c:2: tenants[A]: a second tenant of the name \"A\""},
        {"tenants = ({ name = \"a\"; domains = [\"x.example\"]; },\n{ name = \"b\"; domains = [\"X.Example.\"]; });",
         "c:2: tenants[b]: \"x.example\" belongs to tenant \"a\" already"},
        {"tenants = ({ name = \"a\"; netbios = [\"X\"]; }, { name = \"b\"; netbios = \"x\"; });",
         "tenants[b]: \"x\" belongs to tenant \"a\" already"},
        {"tenants = ({ name = \"a\"; domains = [\"@x.example\"]; });",
         "\"@x.example\": a domain is written without \"@\""},
        {"tenants = ({ name = \"a\"; domains = [\"x..example\"]; });",
         "tenants[a].domains[1]: \"x..example\" is not a domain"},
        {"tenants = ({ name = \"a\"; netbios = [\"X\\\\y\"]; });", "is not a NetBIOS domain name"},
        {"tenants = ({ name = \"a\"; netbios = [\"\"]; });", "a NetBIOS domain name has 1 to 64 characters"},
        {"default_tenant = \"b\"; tenants = ({ name = \"a\"; });",
         "c:1: default_tenant: \"b\" is not among the tenants"},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void connectors_and_groups_that_cannot_be_meant_are_refused(void **state)
{
    static const struct wrong rows[] = {
        {"connectors = ({ networks = [\"192.0.2.0/24\"]; });", "connectors[1]: the setting \"name\" is missing"},
        {"connectors = ({ name = \"p\"; });",
         "connectors[p]: a connector needs networks, networks_file, ccert_fingerprints or ccert_subjects"},
        {CONNECTOR "ccert_fingerprints = \"C2:9D\"; });",
         "connectors[p].ccert_fingerprints: \"C2:9D\" is not a fingerprint"},
        {CONNECTOR "ccert_subjects = [\"\"]; });", "a subject is a certificate's CommonName"},
        {CONNECTOR "ccert_subjects = \"mfp\"; },\n{ name = \"q\"; ccert_subjects = [\"x\", \"mfp\"]; });",
         "c:2: connectors[q]: a certificate of it belongs to connector \"p\" already"},
        {CONNECTOR "senders = [\"contoso.example\"]; });", "a whole domain is written \"@contoso.example\""},
        {"tenants = ({ name = \"c\"; domains = \"contoso.example\"; }); never_block = \"contoso.example\";",
         "never_block:1: \"contoso.example\" is the domain of a tenant; as an entry it is written "
         "\"@contoso.example\""},
        {"groups = ({ name = \"g\"; members = \"CORP\\\\sean\"; });",
         "\"corp\\x5csean\" can never match: no tenant has \"corp\" among its netbios names"},
        {"sender = { except = ({ senders = \"@a.example\"; }); };",
         "an exception is for one of user or group; found neither"},
        {"sender = { except = ({ user = \"a\"; }); };", "an exception needs senders or senders_file"},
        {"sender = { except = ({ user = \"@a.example\"; senders = \"@a.example\"; }); };",
         "a whole domain can be a member of a group"},
        {"sender = { except = ({ group = \"g\"; senders = \"@a.example\"; }); };",
         "is not the name of one of the groups"},
        {"sender = { except = ({ user = \"a\"; senders = \"@a.example\"; }, { user = \"A\"; senders = \"@b.example\"; "
         "}); };",
         "a second exception for \"a\""},
        {CONNECTOR "},\n{ name = \"p\"; networks = \"fd00::/8\"; });",
         "c:2: connectors[p]: a second connector of the name"},
        {CONNECTOR "},\n{ name = \"q\"; networks = [\"192.0.2.0/24\"]; });",
         "c:2: connectors[q].networks: the network 192.0.2.0/24 belongs to connector \"p\" already"},
        {CONNECTOR "},{ name = \"q\"; networks = [\"::ffff:192.0.2.0/120\"]; });",
         "belongs to connector \"p\" already"},
        {"connectors = ({ name = \"p\"; networks = [\"192.0.2.1/24\"]; });", "connectors[p].networks[1]: "},
        {"connectors = ({ name = \"p\"; networks = \"printer.example\"; });", "connectors[p].networks: "},
        {CONNECTOR "recipients = \"intern\"; });", "connectors[p].recipients: \"intern\" is not known here"},
        {CONNECTOR "senders = [\"*@contoso.example\"]; });", "connectors[p].senders: connectors[p].senders:1: "},
        {CONNECTOR "senders = [\"a@contoso.example # b\"]; });", "connectors[p].senders[1]: \"a@contoso.example\\x20#"},
        {CONNECTOR "senders = [\"\"]; });", "connectors[p].senders[1]: \"\": expected user@domain"},
        {CONNECTOR "senders = []; senders_file = \"x\"; });", "connectors[p].senders_file: senders is there too"},
        {CONNECTOR "tenant = \"b\"; }); tenants = ({ name = \"a\"; });",
         "connectors[p].tenant: \"b\" is not among the tenants"},
        {CONNECTOR "tls = { mode = \"monitor\"; }; });", "connectors[p].tls.mode: unknown setting"},
        {"groups = ({ name = \"g\"; });", "groups[g]: a group needs members or members_file"},
        {"groups = ({ name = \"g\"; members = [\"a@b.example\"]; members_file = \"x\"; });",
         "groups[g].members_file: members is there too"},
        {"groups = ({ name = \"g\"; members = []; }, { name = \"g\"; members = []; });",
         "a second group of the name \"g\""},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void rows_of_logins_from_that_cannot_be_meant_are_refused(void **state)
{
    static const struct wrong rows[] = {
        {"logins_from = ({ networks = \"192.0.2.0/24\"; });",
         "logins_from[1]: a row is for one of user, group or domain; found 0 of them"},
        {"logins_from = ({ user = \"a@b.example\"; domain = \"b.example\"; networks = \"192.0.2.0/24\"; });",
         "logins_from[1]: a row is for one of user, group or domain; found 2 of them"},
        {"logins_from = ({ user = \"a@b.example\"; });", "logins_from[1]: a row needs networks or networks_file"},
        {"logins_from = ({ user = \"a b\"; networks = []; });", "logins_from[1].user: \"a\\x20b\" is neither"},
        {"logins_from = ({ user = \"@b.example\"; networks = []; });",
         "logins_from[1].user: \"@b.example\" is neither"},
        {"logins_from = ({ group = \"g\"; networks = []; });", "\"g\" is not the name of one of the groups"},
        {"logins_from = ({ domain = \"@b.example\"; networks = []; });",
         "logins_from[1].domain: \"@b.example\": a domain is written without \"@\" here"},
        {"logins_from = ({ domain = \"b..example\"; networks = []; });", "\"b..example\" is no domain"},
        {"logins_from = ({ user = \"a@b.example\"; networks = \"192.0.2.1/24\"; });",
         "logins_from[1].networks: network \"192.0.2.1/24\" has host bits set"},
        {"logins_from = ({ user = \"a@b.example\"; networks_file = \"/nowhere/networks\"; });",
         "logins_from[1].networks_file: /nowhere/networks: "},
        {"logins_from = ({ user = \"a@b.example\"; networks = []; }, { user = \"A@B.example\"; networks = []; });",
         "logins_from[2]: a second row for \"a@b.example\"; put all of its networks into one"},
        {"logins_from = ({ domain = \"b\\xc3\\xbccher.example\"; networks = []; },"
         "               { domain = \"xn--bcher-kva.example\"; networks = []; });",
         "logins_from[2]: a second row for \"@xn--bcher-kva.example\""},
        {"tenants = ({ name = \"b\"; domains = [\"b.example\"]; });"
         "logins_from = ({ user = \"b.example\"; networks = []; });",
         "is the domain of a tenant"},
        {"logins_from = ({ user = \"NOBODY\\\\a\"; networks = []; });", "can never match: no tenant has \"nobody\""},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void limits_that_cannot_be_meant_are_refused(void **state)
{
    static const struct wrong rows[] = {
        {"limits = ({ per = \"user\"; count = \"messages\"; rate = \"1/m\"; });",
         "limits[1]: the setting \"name\" is missing"},
        {"limits = ({ name = \"a\"; count = \"messages\"; rate = \"1/m\"; });",
         "limits[a]: the setting \"per\" is missing"},
        {"limits = ({ name = \"a\"; per = \"user\"; rate = \"1/m\"; });",
         "limits[a]: the setting \"count\" is missing"},
        {"limits = ({ name = \"a\"; per = \"user\"; count = \"messages\"; });",
         "limits[a]: the setting \"rate\" is missing"},
        {"limits = ({ name = \"A\"; });", "\"A\": a limit's name has 1 to 39 lower-case letters"},
        {"limits = ({ name = \"a234567890123456789012345678901234567890\"; });", "a limit's name has 1 to 39"},
        {LIMIT "},{name=\"a\";per=\"user\";count=\"messages\";rate=\"1/m\";});", "a second limit of the name \"a\""},
        {"limits=({name=\"a\";per=\"usr\";});", "limits[a].per: \"usr\" is not known here; did you mean \"user\"?"},
        {"limits=({name=\"a\";per=\"user+user\";});", "\"user+user\" names the same thing twice"},
        {"limits=({name=\"a\";per=\"user+client+sender\";});", "at most 2 things can be joined"},
        {"limits=({name=\"a\";per=\"user+\";});", "limits[a].per: \"\" is not known here"},
        {"limits=({name=\"a\";per=\"user\";count=\"distinct country\";});",
         "\"distinct\\x20country\" is not known here"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"30\";});", "limits[a].rate: rate \"30\""},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"0/m\";});", "limits[a].rate: rate \"0/m\""},
        {"limits=({name=\"a\";per=\"user\";count=\"bytes\";rate=\"5Q/h\";});",
         "limits[a].rate: rate \"5Q/h\": expected bytes"},
        {"limits=({name=\"a\";per=\"user\";count=\"bytes\";rate=\"0/h\";});", "expected bytes and a period"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"2M/s\";});", "above a million a second"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"1/d\";burst=401;});", "more than 400 days"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"unlimited\";burst=1;});",
         "limits[a].burst: a burst has no"},
        {LIMIT "burst = 0; });", "limits[a].burst: found the number 0; expected a whole number from 1"},
        {LIMIT "then = \"bounce\"; });", "limits[a].then: \"bounce\" is not known here"},
        {LIMIT "then = \"block\"; });", "limits[a].then: \"block\" needs a time"},
        {LIMIT "then = \"block 1\"; });", "limits[a].then: duration \"1\""},
        {LIMIT "then = \"block 0s\"; });", "limits[a].then: \"block\\x200s\": a block of no time"},
        {LIMIT "then = \"block 1h, enable\"; });", "only \", disable\" and \", defer\" are possible"},
        {LIMIT "then = \"block 1h, defer, disabled\"; });", "only \", disable\" and \", defer\" are possible"},
        {LIMIT "factor = 2; });", "factor: this has a meaning with beyond = \"habit\" only"},
        {LIMIT "learning = 60; });", "learning: this has a meaning with beyond = \"habit\" only"},
        {LIMIT "beyond = \"habit\"; });", "has a rate such as \"20/h\" or \"100/d\""},
        {BEYOND "burst = 40; });", "and no burst"},
        {BEYOND "then = \"block 1h\"; });", "can only \"defer\" or \"monitor\""},
        {BEYOND "from = \"unfamiliar\"; });", "a habit is the same from wherever a login is used"},
        {BEYOND "factor = 101; });", "a factor is between 0 and 100"},
        {BEYOND "factor = -0.5; });", "a factor is between 0 and 100"},
        {BEYOND "factor = \"2\"; });", "expected a number such as 1.25"},
        {BEYOND "ceiling = 200001; });", "200000"},
        {BEYOND "except = ({user = \"a@contoso.example\"; rate = \"20/d\";}); });", "the limit's own unit of time"},
        {BEYOND "except = ({user = \"a@contoso.example\"; rate = \"20/h\"; burst = 3;}); });", "and no burst"},
        {"limits=({name=\"a\";per=\"client\";count=\"messages\";rate=\"30/h\";beyond=\"habit\";});",
         "per user and per connector only"},
        {"limits=({name=\"a\";per=\"user\";count=\"bytes\";rate=\"30K/h\";beyond=\"habit\";});",
         "of messages and recipients only"},
        {"limits=({name=\"a\";per=\"user\";count=\"deferred messages\";rate=\"30/h\";});",
         "can only lead to \"block 24h\""},
        {"limits=({name=\"a\";per=\"client\";count=\"denials\";rate=\"30/h\";then=\"block 1h, defer\";});",
         "only a block of a user, login or connector can defer"},
        {LIMIT "then = \"block 1h,\"; });", "are possible"},
        {FAILURES("user", "auth failures", "then=\"block 1h\";"), "limits[a].then: anybody can fail to sign in under"},
        {FAILURES("mailbox", "auth failures", "then=\"reject\";"), "limits[a].then: anybody can fail to sign in under"},
        {FAILURES("login", "auth failures", ""), "could lock the owner out by limit \"a\"; use then = \"monitor\""},
        {FAILURES("login", "distinct failing client_net", "then=\"block 1h\";"), "limits[a].then: anybody can fail"},
        {FAILURES("login", "distinct failing client_net", "then=\"hold\";"), "limits[a].then: anybody can fail"},
        {FAILURES("login+client", "auth failures", "then=\"defer\";"), "limits[a].then: anybody can fail"},
        {FAILURES("client_net+user", "auth failures", "then=\"defer\";"), "limits[a].then: anybody can fail"},
        {FAILURES("tenant", "distinct failed login", "then=\"defer\";"), "limits[a].then: anybody can fail"},
        {FAILURES("sender", "auth failures", "then=\"monitor\";"), "limits[a].per: who signs in has neither"},
        {FAILURES("sender_domain", "auth failures", "then=\"block 1h\";"), "limits[a].per: who signs in has neither"},
        {FAILURES("recipient_domain", "auth failures", ""), "limits[a].per: who signs in has neither"},
        {FAILURES("connector", "auth failures", "then=\"block 1h\";"), "limits[a].per: who signs in has neither"},
        {FAILURES("login", "distinct failed login", "then=\"monitor\";"), "limits[a].count: with this \"per\""},
        {FAILURES("client", "distinct failing client_net", "then=\"monitor\";"), "limits[a].count: with this \"per\""},
        {FAILURES("client", "auth failures", "then=\"reject\";"), "limits[a].then: what has failed can't be refused"},
        {FAILURES("client", "auth failures", "then=\"hold\";"), "limits[a].then: what has failed can't be refused"},
        {FAILURES("client", "auth failures", "then=\"block 1h, disable\";"),
         "limits[a].then: only the mailbox of a user"},
        {FAILURES("client", "auth failures", "reply=\"550 5.7.1 x\";"), "limits[a].reply: failures to sign in are"},
        {FAILURES("client", "auth failures", "for=\"connectors\";"), "limits[a].for: a connector's clients don't"},
        {FAILURES("client", "auth failures", "only={sender_domain=\"@a.example\";};"),
         "limits[a].only: failures to sign in are counted before anybody"},
        {FAILURES("client", "auth failures", "except=({user=\"u@a.example\";rate=\"1/h\";});"),
         "limits[a].except: failures to sign in are counted before anybody"},
        {LIMIT "then = \"defer 1h\"; });", "limits[a].then: \"defer\\x201h\": only \"block\" has a time"},
        {LIMIT "for = \"connectors\"; });", "limits[a].for: a limit per user or login can't be for connectors only"},
        {LIMIT "client_net = \"/24 /64\"; });", "limits[a].client_net: nothing in this limit is about client_net"},
        {"limits=({name=\"a\";per=\"client_net\";count=\"messages\";rate=\"1/m\";client_net=\"/24\";});",
         "such as \"/24 /64\""},
        {"limits=({name=\"a\";per=\"client_net\";count=\"messages\";rate=\"1/m\";client_net=\"/33 /64\";});",
         "\"/33\\x20/64\""},
        {"limits=({name=\"a\";per=\"connector\";count=\"messages\";rate=\"1/m\";for=\"logins\";});",
         "limits[a].for: a limit per connector can't be for logins only"},
        {"limits=({name=\"a\";per=\"user+connector\";count=\"messages\";rate=\"1/m\";});",
         "both a login and a connector"},
        {"limits=({name=\"a\";per=\"client\";count=\"distinct client\";rate=\"1/m\";});",
         "never more than one of them"},
        {"limits=({name=\"a\";per=\"client\";count=\"denials\";rate=\"1/m\";then=\"block 1h, disable\";});",
         "only the mailbox of a user or login can be disabled"},
        {"limits=({name=\"a\";per=\"user+client\";count=\"distinct client_net\";rate=\"1/m\";});",
         "never more than one"},
        {"limits=({name=\"a\";per=\"sender\";count=\"denials\";rate=\"1/m\";});",
         "per user, login, client or client_net"},
        {"limits=({name=\"a\";per=\"client+sender_domain\";count=\"denials\";rate=\"1/m\";});", "in a sender's name"},
        {"limits=({name=\"a\";per=\"client\";count=\"denials\";rate=\"1/m\";then=\"hold\";});",
         "what was denied can't be held"},
        {"limits=({name=\"a\";per=\"tenant\";count=\"messages\";rate=\"1/m\";then=\"block 1h\";});",
         "can be blocked; set \"per\" so"},
        {"limits=({name=\"a\";per=\"user+client\";count=\"messages\";rate=\"1/m\";then=\"block 1h\";});",
         "can be blocked"},
        {LIMIT "except = ({ rate = \"1/m\"; }); });",
         "limits[a].except[1]: an exception is for one of user, group or connector"},
        {LIMIT "except = ({ user = \"a@b.example\"; }); });", "limits[a].except[1]: the setting \"rate\" is missing"},
        {LIMIT "except = ({ user = \"a b\"; rate = \"1/m\"; }); });",
         "limits[a].except[1].user: \"a\\x20b\" is neither"},
        {LIMIT "except = ({ group = \"g\"; rate = \"1/m\"; }); });", "except[1].group: \"g\" is not the name of one"},
        {LIMIT
         "except = ({ user = \"A@b.example\"; rate = \"1/m\"; }, { user = \"a@B.example\"; rate = \"2/m\"; }); });",
         "limits[a].except[2]: a second exception for \"a@b.example\""},
        {CONNECTOR "});" LIMIT "except = ({ connector = \"p\"; rate = \"1/m\"; }); });",
         "not for connectors, so it needs no exception"},
        {"limits=({name=\"a\";per=\"connector\";count=\"messages\";rate=\"1/m\";except=({user=\"a@b.example\";rate=\"1/"
         "m\";});});",
         "this limit is for connectors"},
        {LIMIT "for = \"some\"; });", "limits[a].for: \"some\" is not known here"},
        {LIMIT "except = ({ connector = \"p\"; rate = \"1/m\"; }); });",
         "\"p\" is not the name of one of the connectors"},
        {"limits=({name=\"a\";per=\"user\";count=\"bytes\";rate=\"1M/h\";burst=5;});", "expected a size in quotes"},
        {"limits=({name=\"a\";per=\"user\";count=\"bytes\";rate=\"1M/h\";burst=\"much\";});", "limits[a].burst: "},
        {"limits=({name=\"a\";per=\"user\";count=\"bytes\";rate=\"1M/h\";burst=\"0\";});",
         "a burst of 0 would let nothing through"},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void conditions_and_replies_of_limits_that_cannot_be_meant_are_refused(void **state)
{
    static const struct wrong rows[] = {
        {LIMIT "only = {}; });", "limits[a].only: expected some of sender_domain, group and connector"},
        {LIMIT "only = { sender = \"@b.example\"; }; });", "limits[a].only.sender: unknown setting"},
        {LIMIT "only = { sender_domain = []; }; });", "limits[a].only.sender_domain: the list is empty"},
        {LIMIT "only = { group = []; }; });", "limits[a].only.group: the list is empty"},
        {LIMIT "only = { sender_domain = \"a@b.example\"; }; });",
         "limits[a].only.sender_domain: \"a@b.example\": expected a domain, \"@contoso.example\", or "},
        {LIMIT "only = { sender_domain = \"b.example\"; }; });", "a whole domain is written \"@b.example\""},
        {LIMIT "only = { sender_domain = \"*.onmicrosoft.com\"; }; });",
         "all domains below onmicrosoft.com are written \"@.onmicrosoft.com\""},
        {LIMIT "only = { sender_domain = \"@*.onmicrosoft.com\"; }; });",
         "all domains below onmicrosoft.com are written \"@.onmicrosoft.com\""},
        {LIMIT "only = { group = \"g\"; }; });", "limits[a].only.group: \"g\" is not the name of one of the groups"},
        {LIMIT "only = { connector = \"q\"; }; });",
         "limits[a].only.connector: \"q\" is not the name of one of the connectors"},
        {CONNECTOR "});" LIMIT "only = { connector = [\"p\"]; }; });",
         "limits[a].only: this limit is for logins, which have no connector"},
        {CONNECTOR "}); groups = ({ name = \"g\"; members = []; });"
                   "limits = ({ name = \"a\"; per = \"tenant\"; count = \"messages\"; rate = \"1/m\";"
                   "only = { group = \"g\"; connector = \"p\"; }; });",
         "limits[a].only: no message has both a login, for the group, and a connector"},
        {"groups = ({ name = \"g\"; members = []; });"
         "limits = ({ name = \"a\"; per = \"client\"; count = \"messages\"; rate = \"1/m\"; for = \"connectors\";"
         "only = { group = \"g\"; }; });",
         "limits[a].only: a group is of logins, and this limit is for connectors"},
        {LIMIT "reply = \"550 5.7.1 no\"; });", "limits[a].reply: with this \"then\" a reply begins with 4"},
        {LIMIT "then = \"reject\"; reply = \"451 4.7.1 no\"; });",
         "limits[a].reply: with this \"then\" a reply begins with 5"},
        {LIMIT "then = \"hold\"; reply = \"451 4.7.1 no\"; });",
         "limits[a].reply: with this \"then\" nobody is refused"},
        {LIMIT "reply = \"451 no\"; });", "limits[a].reply: a reply must have an enhanced code"},
        {LIMIT "reply = \"451 4.7.1 {who}\"; });", "limits[a].reply: "},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void listeners_and_replies_that_would_not_work_are_refused(void **state)
{
    static const struct wrong rows[] = {
        {"policyd = { listen = \"/run/x.sock\"; };", "policyd.listen: \"/run/x.sock\": expected unix:/path"},
        {"policyd = { listen = \"unix:x.sock\"; };", "expected an absolute path of at most 107 bytes"},
        {"policyd = { listen = \"inet:localhost:10040\"; };", "\"localhost\" is not an IPv4 address"},
        {"policyd = { listen = \"inet:127.0.0.1\"; };", "has no port"},
        {"policyd = { listen = \"inet:127.0.0.1:0\"; };", "\"0\" is not a port; expected 1 to 65535"},
        {"policyd = { listen = \"inet:127.0.0.1:65536\"; };", "\"65536\" is not a port"},
        {"policyd = { listen = \"inet6:::1:10040\"; };", "an IPv6 address must be in brackets"},
        {"policyd = { listen = \"inet6:[127.0.0.1]:10040\"; };", "is not an IPv6 address"},
        {"policyd = { listen = \"fd:2\"; };", "expected the number of a passed socket, 3 to 1023"},
        {"policyd = { listen = (\"fd:3\", \"fd:3\"); };", "policyd.listen[2]: fd:3 is listed twice"},
        {"policyd = { listen = { address = \"fd:3\"; tls = true; }; };",
         "policyd.listen.tls: found true; expected a group: { ... }"},
        {"policyd = { listen = \"unix:/run/a\"; }; milter = { listen = (\"unix:/run/b\", \"unix:/run/a\"); };",
         "milter.listen: unix:/run/a is one of policyd.listen"},
        {"policyd = { listen = \"unix:/run/a\"; }; milter = { listen = \"unix:/run/a\"; };",
         "milter.listen: unix:/run/a is one of policyd.listen"},
        {"sasl = { listen = \"inet:192.0.2.1:10050\"; };",
         "sasl.listen: inet:192.0.2.1:10050: whoever can connect names"},
        {"sasl = { listen = (\"unix:/run/a\", \"inet6:[2001:db8::1]:10050\"); };",
         "sasl.listen: inet6:[2001:db8::1]:10050: whoever can connect names the client's address"},
        {"sasl = { listen = \"inet:0.0.0.0:10050\"; };", "expected unix:/path, or inet:127.0.0.1:PORT"},
        {"sasl = { listen = \"unix:/run/postern/policyd.sock\"; };",
         "sasl.listen: unix:/run/postern/policyd.sock is one of policyd.listen"},
        {"sasl = { listen = \"unix:/run/postern/milter.sock\"; };",
         "sasl.listen: unix:/run/postern/milter.sock is one of milter.listen"},
        {"sasl = { listen = { address = \"unix:/run/a\"; front = { tls = \"1.2\"; method = \"XOAUTH2\"; }; }; };",
         "sasl.listen: unix:/run/a: front.method is not for here"},
        {"web = { listen = \"inet:192.0.2.1:8080\"; };",
         "web.listen: inet:192.0.2.1:8080: there is no TLS here, so others would read along"},
        {"web = { listen = \"inet6:[::]:8080\"; };", "there is no TLS here"},
        {"web = { proxy = { }; };", "web.proxy: secret_file is missing"},
        {"web = { proxy = { secret_file = \"s\"; user_header = \"Cookie\"; }; };",
         "web.proxy.user_header: \"Cookie\": expected the name of a header field"},
        {"web = { proxy = { secret_file = \"s\"; user_header = \"X-A_B\"; }; };",
         "expected the name of a header field"},
        {"web = { proxy = { secret_file = \"s\"; user_header = \"X-postern-Proxy\"; }; };", "has another meaning here"},
        {"web = { proxy = { secret_file = \"s\"; user_header = \"X-A\"; groups_header = \"x-a\"; }; };",
         "user_header and groups_header are the same"},
        {"web = { proxy = { secret_file = \"s\"; sign_out = \"https://fabrikam.example/\"; }; };",
         "web.proxy.sign_out: \"https://fabrikam.example/\": expected a path of this site"},
        {"web = { proxy = { secret_file = \"s\"; sign_out = \"//fabrikam.example/\"; }; };",
         "expected a path of this site"},
        {"web = { proxy = { secret_file = \"s\"; sign_out = \"/\\\\fabrikam.example/\"; }; };",
         "expected a path of this site"},
        {"web = { proxy = { secret_file = \"s\"; roles = ( { group = \"a\"; role = \"root\"; } ); }; };",
         "web.proxy.roles[1].role: \"root\" is no role"},
        {"web = { proxy = { secret_file = \"s\"; roles = ( { group = \"a,b\"; role = \"reader\"; } ); }; };",
         "expected the name or id of a group in printable ASCII, without a comma"},
        {"tenants = ( { name = \"contoso\"; } ); web = { proxy = { secret_file = \"s\"; roles = ( { group = \"a\"; "
         "role = "
         "\"reader\"; tenants = [\"adatum\"]; } ); }; };",
         "there is no tenant \"adatum\" in tenants"},
        {"web = { proxy = { secret_file = \"s\"; roles = ( { group = \"a\"; role = \"viewer\"; tenants = [\"adatum\"]; "
         "} ); "
         "}; };",
         "it can't be bound to some"},
        {"web = { proxy = { secret_file = \"s\"; roles = ( { group = \"a\"; role = \"reader\"; tenants = []; } ); }; "
         "};",
         "leave it out for all tenants"},
        {"web = { listen = \"unix:/run/postern/policyd.sock\"; };",
         "web.listen: unix:/run/postern/policyd.sock is one of policyd.listen"},
        {"sasl = { listen = \"unix:/run/a\"; }; web = { listen = \"unix:/run/a\"; };",
         "web.listen: unix:/run/a is one of sasl.listen"},
        {"web = { listen = { address = \"unix:/run/a\"; tls = { required = true; }; }; };", "tls"},
        {"web = { hosts = \"relay.contoso.example:8080\"; };", "expected a name without a port"},
        {"web = { hosts = [\"localhost\", \"*\"]; };", "\"*\": expected a name without a port"},
        {"web = { hosts = \"\"; };", "web.hosts: \"\": expected a name without a port"},
        {"web = { hosts = \"::1\"; };", "web.hosts: \"::1\": expected a name without a port"},
        {"sasl = { upstream = \"inet:192.0.2.1:1\"; };",
         "sasl.upstream: \"inet:192.0.2.1:1\": passwords cross this connection in the clear"},
        {"sasl = { upstream = \"fd:3\"; };", "expected unix:/path, inet:127.0.0.1:PORT or inet6:[::1]:PORT"},
        {"sasl = { upstream = \"/run/dovecot/auth\"; };", "sasl.upstream: \"/run/dovecot/auth\": expected unix:/path"},
        {"sasl = { listen = \"unix:/run/a\"; upstream = \"unix:/run/a\"; };",
         "sasl.upstream: unix:/run/a is one of sasl.listen: the door would ask itself"},
        {"policyd = { listen = { mode = \"0660\"; }; };", "policyd.listen: the setting \"address\" is missing"},
        {"policyd = { listen = { address = \"fd:3\"; mode = \"0660\"; }; };", "listen.mode: is for unix: sockets only"},
        {"policyd = { listen = { address = \"unix:/x\"; mode = \"0888\"; }; };",
         "expected permissions in octal digits"},
        {"policyd = { listen = { address = \"unix:/x\"; mode = \"rw\"; }; };", "expected permissions in octal digits"},
        {"replies = { mailbox-disbled = \"550 5.7.1 no\"; };", "did you mean \"mailbox-disabled\"?"},
        {"replies = { zebra = \"550 5.7.1 no\"; };",
         "replies.zebra: no reason that is replied to. There are: bad-request"},
        {"replies = { allowed = \"550 5.7.1 no\"; };", "replies.allowed: no reason that is replied to"},
        {"replies = { blocked = \"550 no\"; };", "replies.blocked: a reply must have an enhanced code"},
        {"replies = { blocked = \"550 5.7.1\"; };", "replies.blocked: a reply must"},
        {"replies = { blocked = \"550 5.7.1 {limits}\"; };",
         "replies.blocked: a reply with {limits}; what it can name is"},
        {"replies = { blocked = \"250 2.0.0 ok\"; };", "replies.blocked: a reply must begin with 4xx or 5xx"},
    };

    (void)state;
    CHECK_WRONG(rows);
}

static void limits_are_bounded_with_the_preset_among_them(void **state)
{
    char text[8192], half[8192];
    struct buf b = BUF_OVER(text);
    struct config *c;
    struct error e;

    (void)state;
    buf_add(&b, SLICE("limits=("));
    for (unsigned i = 0; i < CONFIG_LIMITS_MAX; i++)
        buf_addf(&b, "%s{name=\"l%u\";per=\"user\";count=\"messages\";rate=\"1/m\";}", i > 0 ? "," : "", i);
    buf_add(&b, SLICE(");"));
    memcpy(half, text, b.n + 1);
    assert_int_equal(config_from_text(slice_of(half), "c", "/nowhere", &c, &e), -1);
    assert_non_null(strstr(e.text, "c: limits: 66 limits, with the preset's; at most 48 are allowed"));
    buf_add(&b, SLICE("preset=\"none\";"));
    c = config_of(text);
    assert_int_equal(c->n_limits, CONFIG_LIMITS_MAX);
    config_free(c);
}

/* ---- what is read ---- */

static void a_name_that_is_too_long_for_any_file_is_refused(void **state)
{
    static char text[5000];
    struct buf b = BUF_OVER(text);
    struct config *c;
    struct error e;

    (void)state;
    buf_add(&b, SLICE("directory = \""));
    for (int i = 0; i < 4096; i++)
        buf_add_char(&b, 'd');
    buf_add(&b, SLICE("\";"));
    assert_int_equal(config_from_text(buf_slice(&b), "c", "/nowhere", &c, &e), -1);
    assert_non_null(strstr(e.text, "c:1: directory: a file name of more than "));
}

static void more_entries_than_anybody_has_are_refused(void **state)
{
    static const struct {
        const char *begin, *entry, *end, *says;
        unsigned n;
    } rows[] = {
        {"tenants=(", "{name=\"t%u\";}", ");", "tenants: 1025 entries; at most 1024 are allowed", 1025},
        {"policyd={listen=(", "\"inet:127.0.0.1:%u\"", ");};", "policyd.listen: 65 listeners; at most 64 are allowed",
         65},
        {"alerts=({command=\"/bin/true\";events=[", "\"block\"", "];});", "at most 12 are allowed here", 13},
        {"alerts=({command=[", "\"/bin/x%u\"", "];});", "are allowed here", 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static char text[65536];
        struct buf b = BUF_OVER(text);
        struct config *c;
        struct error e;

        buf_add(&b, slice_of(rows[i].begin));
        for (unsigned j = 1; j <= rows[i].n; j++) {
            const char *number = strstr(rows[i].entry, "%u");

            buf_add(&b, number == NULL ? SLICE("") : (struct slice){rows[i].entry, (size_t)(number - rows[i].entry)});
            if (number != NULL)
                buf_addf(&b, "%u", j);
            buf_add(&b, slice_of(number == NULL ? rows[i].entry : number + 2));
            if (j < rows[i].n)
                buf_add_char(&b, ',');
        }
        buf_add(&b, slice_of(rows[i].end));
        assert_false(b.full);
        assert_int_equal(config_from_text(buf_slice(&b), "c", "/nowhere", &c, &e), -1);
        if (strstr(e.text, rows[i].says) == NULL)
            fail_msg("%s, not: %s", e.text, rows[i].says);
    }
}

static void an_empty_list_is_as_good_as_none(void **state)
{
    struct config *c = config_of("tenants=(); limits=(); connectors=(); groups=(); alerts=();");

    (void)state;
    assert_int_equal(c->n_tenants + c->n_connectors + c->n_groups + c->n_alerts, 0);
    config_free(c);
}

static void an_empty_configuration_has_defaults_that_are_safe(void **state)
{
    struct config *c = config_of("");
    struct ip client;
    unsigned connector;

    (void)state;
    assert_int_equal(c->mode, MODE_ENFORCE);
    assert_string_equal(c->directory, "/var/lib/postern/directory");
    assert_string_equal(c->state_path, "/var/lib/postern/state/state");
    /* The default of before is the same file. */
    config_free(c);
    c = config_of("state={file=\"/var/lib/postern/state\";};");
    assert_string_equal(c->state_path, "/var/lib/postern/state/state");
    assert_int_equal(c->state_entries, 1048576);
    assert_int_equal(c->state_blocks, 4096);
    assert_int_equal(c->log.to, LOG_TO_SYSLOG);
    assert_int_equal(c->log.facility, LOG_MAIL);
    assert_null(c->default_tenant);
    assert_int_equal(c->smtp_auth.unlisted, UNLISTED_REJECT);
    assert_true(c->smtp_auth.security_defaults && c->smtp_auth.authentication_policy);
    assert_int_equal(c->sender.envelope, SENDER_OWN);
    assert_int_equal(c->sender.header_from, SENDER_OWN);
    assert_int_equal(c->sender.null_sender, NULL_DSN);
    assert_string_equal(c->sender.separator, "+");
    assert_true(c->tls.required);
    assert_int_equal(c->tls.minimum, TLS_1_2);
    assert_int_equal(c->max_recipients, 1000);
    assert_false(c->reject_unauthenticated);
    assert_true(ip_parse(SLICE("192.0.2.1"), &client));
    assert_false(network_map_find(c->connector_map, &client, &connector));
    assert_int_equal(c->charge, CHARGE_AUTO);
    assert_int_equal(c->policyd.n_listen, 1);
    assert_string_equal(c->policyd.listen[0].path, "/run/postern/policyd.sock");
    assert_int_equal(c->policyd.listen[0].socket_mode, 0660);
    assert_int_equal(c->policyd.listen[0].fd, -1);
    assert_false(c->policyd.listen[0].has_tls);
    assert_int_equal(c->policyd.idle_timeout_s, 1100);
    assert_string_equal(c->milter.listen[0].path, "/run/postern/milter.sock");
    assert_int_equal(c->milter.timeout_s, 600);
    assert_int_equal(c->mirror_max_change, 10);
    config_free(c);
}

static void one_preset_has_exchange_onlines_published_figures(void **state)
{
    static const struct {
        const char *name;
        enum limit_count count;
        enum limit_mirrored mirrored;
        struct limit_rate figure;
        unsigned per;
        enum limit_then then;
        const char *reply, *only;
    } rows[] = {
        {"message-rate", COUNT_MESSAGES, FIGURE_OWN, {.rate = {30, 60}, .burst = 30}, PER_USER, THEN_DEFER, "", NULL},
        {"recipient-rate",
         COUNT_RECIPIENTS,
         FIGURE_RECIPIENTS_PER_DAY,
         {.rate = {10000, 86400}, .burst = 1000},
         PER_USER,
         THEN_DEFER,
         "",
         NULL},
        {"external-rate",
         COUNT_EXTERNAL,
         FIGURE_EXTERNAL_PER_HOUR,
         {.unlimited = true},
         PER_USER,
         THEN_DEFER,
         "",
         NULL},
        {"internal-rate",
         COUNT_INTERNAL,
         FIGURE_INTERNAL_PER_HOUR,
         {.unlimited = true},
         PER_USER,
         THEN_DEFER,
         "",
         NULL},
        {"onmicrosoft-rate",
         COUNT_EXTERNAL,
         FIGURE_OWN,
         {.rate = {100, 86400}, .burst = 100},
         PER_TENANT,
         THEN_REJECT,
         "550 5.7.236 ",
         "@.onmicrosoft.com"},
        {"tenant-external-rate",
         COUNT_EXTERNAL,
         FIGURE_EXTERNAL_PER_DAY,
         {.unlimited = true},
         PER_TENANT,
         THEN_REJECT,
         "550 5.7.233 ",
         NULL},
    };
    struct config *c = config_of("preset = \"exchange-online\";");

    (void)state;
    assert_int_equal(c->n_limits, sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < c->n_limits; i++) {
        const struct limit_config *limit = &c->limits[i];

        assert_string_equal(limit->name, rows[i].name);
        assert_int_equal(limit->per, rows[i].per);
        assert_int_equal(limit->count, rows[i].count);
        assert_int_equal(limit->mirrored, rows[i].mirrored);
        assert_int_equal(limit->then, rows[i].then);
        assert_true(slice_starts_with(slice_of(limit->reply), slice_of(rows[i].reply)));
        assert_int_equal(limit->only.set, rows[i].only != NULL);
        assert_int_equal(list_has(limit->only.sender_domains, slice_of(rows[i].only), NULL), rows[i].only != NULL);
        if (limit->reply != NULL)
            assert_int_equal(reply_check(slice_of(limit->reply), NULL), 0);
        assert_int_equal(limit->figure.unlimited, rows[i].figure.unlimited);
        assert_int_equal(limit->figure.rate.count, rows[i].figure.rate.count);
        assert_int_equal(limit->figure.rate.period_s, rows[i].figure.rate.period_s);
        assert_int_equal(limit->figure.burst, rows[i].figure.burst);
        assert_int_equal(figure_check(&limit->figure, limit->count, NULL), 0);
    }
    config_free(c);
    c = config_of("preset = \"none\";");
    assert_int_equal(c->n_limits, 0);
    config_free(c);
}

/* What an honest login might meet first is slower than what the service itself allows; what refuses all of a login's
 * mail is only about unfamiliar networks. */
static void the_standard_preset_is_no_wider_than_the_service_and_refuses_strangers_only(void **state)
{
    struct config *c = config_of("");
    unsigned blocks = 0, failures = 0;

    (void)state;
    assert_int_equal(c->preset, PRESET_STANDARD);
    assert_int_equal(c->n_limits, 18);
    for (size_t i = 0; i < c->n_limits; i++) {
        const struct limit_config *limit = &c->limits[i];

        assert_int_equal(limit->disable_at_source, false);
        if (limit_counts_failures(limit)) {
            failures++;
            continue;
        }
        /* Connectors are only held beyond their habit, by the day: what they send may come once only. */
        assert_true(limit->per == PER_USER || limit->per == PER_CONNECTOR);
        if (limit->per == PER_CONNECTOR)
            assert_true(limit->beyond_habit && limit->figure.rate.period_s == 86400 && limit->learning_known == 0);
        assert_true(limit->then == THEN_DEFER || limit->then == THEN_BLOCK);
        assert_int_equal(figure_check(&limit->figure, limit->count, NULL), 0);
        if (limit->then == THEN_BLOCK) {
            /* The owner's mail waits, where he may be the one who is held back. */
            assert_true(limit->unfamiliar != limit->defers);
            assert_int_equal(limit->block_s, limit->defers ? 86400 : 3600);
            blocks++;
        }
        if (limit->count == COUNT_MESSAGES)
            assert_true(limit->figure.rate.count * 60 <= 30 * limit->figure.rate.period_s);
        if (limit->count == COUNT_RECIPIENTS) { /* a message as large as recipients.max allows is never refused */
            assert_true(limit->figure.rate.count <= 10000);
            assert_true(limit->figure.burst >= c->max_recipients ||
                        (limit->beyond_habit && limit->figure.rate.period_s == 3600));
        }
        if (limit->beyond_habit && limit->count != COUNT_DEFERRED)
            assert_int_equal(limit->ceiling, limit->per == PER_USER ? 10000 : 0);
    }
    assert_int_equal(blocks, 3);
    assert_int_equal(failures, 3);
    config_free(c);
}

static const struct limit_config *limit_named(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_limits; i++)
        if (strcmp(c->limits[i].name, name) == 0)
            return &c->limits[i];
    return NULL;
}

/* Whoever fails to sign in is nobody yet: clients of unfamiliar networks are held back, never a login. */
static void the_standard_preset_blocks_no_login_for_failures(void **state)
{
    static const struct {
        const char *name;
        unsigned per;
        enum limit_count count;
        struct rate rate;
        uint64_t burst, block_s;
    } rows[] = {{"guessing", PER_CLIENT_NET, COUNT_FAILURES, {20, 3600}, 20, 900},
                {"spraying", PER_CLIENT_NET, COUNT_FAILED_LOGINS, {10, 3600}, 10, 3600},
                {"botnet", PER_LOGIN, COUNT_FAILING_NETS, {20, 86400}, 20, 0}};
    struct config *c = config_of("");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct limit_config *limit = limit_named(c, rows[i].name);

        assert_non_null(limit);
        assert_int_equal(limit->per, rows[i].per);
        assert_int_equal(limit->count, rows[i].count);
        assert_int_equal(limit->figure.rate.count, rows[i].rate.count);
        assert_int_equal(limit->figure.rate.period_s, rows[i].rate.period_s);
        assert_int_equal(limit->figure.burst, rows[i].burst);
        assert_int_equal(limit->block_s, rows[i].block_s);
        assert_int_equal(limit->then, rows[i].block_s > 0 ? THEN_BLOCK : THEN_MONITOR);
        assert_int_equal(limit->unfamiliar, rows[i].block_s > 0);
        assert_int_equal(limit->v4_prefix, 24);
        assert_int_equal(limit->v6_prefix, 64);
    }
    config_free(c);
}

static void a_limit_of_the_same_name_replaces_the_presets(void **state)
{
    struct config *c = config_of("limits=({name=\"message-rate\";per=\"login\";count=\"messages\";rate=\"5/m\";});");

    (void)state;
    assert_int_equal(c->n_limits, 18);
    assert_string_equal(c->limits[0].name, "recipient-rate");
    assert_string_equal(c->limits[17].name, "message-rate");
    assert_int_equal(c->limits[17].per, PER_LOGIN);
    assert_int_equal(c->limits[17].figure.rate.count, 5);
    assert_true(c->limits[0].until_habit); /* the operator's own holds whatever is usual */
    assert_false(c->limits[17].until_habit);
    config_free(c);
}

static void a_limits_figures_are_read_in_the_units_of_what_it_counts(void **state)
{
    static const struct {
        const char *count, *rest;
        uint64_t n, period_s, burst;
    } rows[] = {
        {"messages", "rate=\"30/m\";", 30, 60, 30},
        {"messages", "rate=\"30/m\";burst=60;", 30, 60, 60},
        {"recipients", "rate=\"10K/d\";burst=1000;", 10000, 86400, 1000},
        {"messages", "burst=1;rate=\"6/15m\";", 6, 900, 1},
        {"bytes", "rate=\"10M/h\";burst=\"50M\";", 10485760, 3600, 51200},
        {"bytes", "rate=\"1500/h\";", 1500, 3600, 2},
        {"bytes", "rate=\"1G/d\";burst=\"1\";", 1 << 30, 86400, 1},
        {"distinct recipient_domain", "rate=\"6/d\";", 6, 86400, 6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        struct buf b = BUF_OVER(text);
        struct config *c;

        buf_addf(&b, "preset=\"none\";limits=({name=\"a\";per=\"user\";count=\"%s\";%s});", rows[i].count,
                 rows[i].rest);
        c = config_of(text);
        assert_int_equal(c->limits[0].figure.rate.count, rows[i].n);
        assert_int_equal(c->limits[0].figure.rate.period_s, rows[i].period_s);
        assert_int_equal(c->limits[0].figure.burst, rows[i].burst);
        config_free(c);
    }
}

static void exceptions_name_users_groups_and_connectors(void **state)
{
    struct config *c = config_of(
        "preset=\"none\"; groups=({name=\"f\"; members=[];}, {name=\"g\"; "
        "members=[\"news@contoso.example\"];});" CONNECTOR "}); limits=("
        "{name=\"a\"; per=\"client_net + tenant\"; count=\"bytes\"; rate=\"6M/d\"; client_net=\"/16 /48\"; for=\"all\";"
        " except=({user=\"Scan@Contoso.example\"; rate=\"unlimited\";}, {user=\"Scanner7\"; rate=\"7M/h\";}, "
        "{group=\"g\"; rate=\"1M/h\"; burst=\"3K\";},"
        "         {connector=\"p\"; rate=\"2M/h\";}); },"
        "{name=\"b\"; per=\"client\"; count=\"denials\"; rate=\"20/h\"; then=\"block 1h30m\"; for=\"connectors\";});");
    const struct limit_config *a = &c->limits[0], *b = &c->limits[1];

    (void)state;
    assert_int_equal(a->per, PER_CLIENT_NET | PER_TENANT);
    assert_int_equal(a->v4_prefix, 16);
    assert_int_equal(a->v6_prefix, 48);
    assert_true(a->authenticated && a->connectors);
    assert_int_equal(a->n_exceptions, 4);
    assert_int_equal(a->exceptions[0].of, EXCEPT_USER);
    assert_string_equal(a->exceptions[0].name, "scan@contoso.example");
    assert_true(a->exceptions[0].figure.unlimited);
    assert_int_equal(a->exceptions[1].of, EXCEPT_USER);
    assert_string_equal(a->exceptions[1].name, "scanner7");
    assert_int_equal(a->exceptions[2].of, EXCEPT_GROUP);
    assert_int_equal(a->exceptions[2].group, 1);
    assert_int_equal(a->exceptions[2].figure.burst, 3);
    assert_int_equal(a->exceptions[3].of, EXCEPT_CONNECTOR);
    assert_int_equal(a->exceptions[3].connector, 0);
    assert_int_equal(a->exceptions[3].figure.burst, 2048);
    assert_int_equal(b->then, THEN_BLOCK);
    assert_int_equal(b->block_s, 5400);
    assert_int_equal(b->v4_prefix, 24);
    assert_int_equal(b->v6_prefix, 64);
    assert_false(b->authenticated);
    assert_true(b->connectors);
    config_free(c);
}

static void the_longest_network_decides_whose_a_client_is(void **state)
{
    struct config *c = config_of("connectors=({name=\"all\"; networks=[\"192.0.2.0/24\",\"2001:db8::/32\"];},"
                                 "{name=\"one\"; networks=\"192.0.2.128/25\"; senders=[\"@contoso.example\"];"
                                 " null_sender=false; recipients=\"internal\"; max_recipients=5;"
                                 " tls={required=true;}; mode=\"monitor\";});");
    static const struct {
        const char *client;
        int connector;
    } rows[] = {{"192.0.2.1", 0}, {"192.0.2.200", 1}, {"2001:db8::1", 0}, {"198.51.100.1", -1}};
    const struct connector_config *one = &c->connectors[1];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ip client;
        unsigned connector = 99;

        assert_true(ip_parse(slice_of(rows[i].client), &client));
        assert_int_equal(network_map_find(c->connector_map, &client, &connector), rows[i].connector >= 0);
        if (rows[i].connector >= 0)
            assert_int_equal(connector, rows[i].connector);
    }
    assert_null(c->connectors[0].senders);
    assert_true(c->connectors[0].null_sender);
    assert_false(c->connectors[0].tls.required);
    assert_int_equal(c->connectors[0].tls.minimum, TLS_ANY);
    assert_true(list_has(one->senders, SLICE("@contoso.example"), NULL));
    assert_false(one->null_sender);
    assert_int_equal(one->recipients, RECIPIENTS_INTERNAL);
    assert_int_equal(one->max_recipients, 5);
    assert_true(one->tls.required);
    assert_int_equal(one->mode, MODE_MONITOR);
    config_free(c);
}

static void an_empty_list_of_senders_is_not_any_sender(void **state)
{
    struct config *c = config_of(CONNECTOR "senders=[];});");

    (void)state;
    assert_non_null(c->connectors[0].senders);
    assert_int_equal(list_count(c->connectors[0].senders), 0);
    config_free(c);
}

static void the_only_tenant_is_the_default_one(void **state)
{
    struct config *c = config_of("tenants=({name=\"contoso\"; domains=[\"Contoso.Example\",\"b\xc3\xbc"
                                 "cher.example\"]; netbios=[\"CONTOSO\"]; smtp_auth=\"disabled\"; max_age=\"0s\";"
                                 " when_stale=\"defer\";});");

    (void)state;
    assert_string_equal(c->default_tenant, "contoso");
    assert_true(slice_eq(c->tenants[0].domains[0], SLICE("contoso.example")));
    assert_true(slice_eq(c->tenants[0].domains[1], SLICE("xn--bcher-kva.example")));
    assert_true(slice_eq(c->tenants[0].netbios[0], SLICE("contoso")));
    assert_int_equal(c->tenants[0].smtp_auth, TENANT_DISABLED);
    assert_int_equal(c->tenants[0].max_age_s, 0);
    assert_int_equal(c->tenants[0].when_stale, STALE_DEFER);
    config_free(c);
    c = config_of("tenants=({name=\"a\";},{name=\"b\";});");
    assert_null(c->default_tenant);
    assert_int_equal(c->tenants[1].max_age_s, 2 * 86400);
    config_free(c);
    c = config_of("default_tenant=\"b\"; tenants=({name=\"a\";},{name=\"b\";});");
    assert_string_equal(c->default_tenant, "b");
    config_free(c);
}

static void listeners_have_one_form_for_both_programs(void **state)
{
    struct config *c = config_of("tls={minimum=\"1.3\";};"
                                 "policyd={listen=(\"inet:192.0.2.1:10040\",\"inet6:[::1]:10040\",\"fd:3\","
                                 "{address=\"unix:/run/p.sock\"; mode=\"0660\"; group=\"postfix\";"
                                 " tls={required=false;};});};"
                                 "milter={listen=\"\";};");
    const struct listener_config *l = c->policyd.listen;

    (void)state;
    assert_int_equal(c->policyd.n_listen, 4);
    assert_string_equal(l[0].host, "192.0.2.1");
    assert_int_equal(l[0].port, 10040);
    assert_null(l[0].path);
    assert_string_equal(l[1].host, "::1");
    assert_int_equal(l[2].fd, 3);
    assert_null(l[2].host);
    assert_string_equal(l[3].path, "/run/p.sock");
    assert_int_equal(l[3].socket_mode, 0660);
    assert_string_equal(l[3].socket_group, "postfix");
    assert_true(l[3].has_tls);
    assert_false(l[3].tls.required);
    assert_int_equal(l[3].tls.minimum, TLS_1_3); /* what it does not say is as in the general section */
    assert_int_equal(c->milter.n_listen, 0);
    config_free(c);
    /* A service manager passes each of them its own socket, and both count from 3. */
    c = config_of("policyd={listen=\"fd:3\";}; milter={listen=\"fd:3\";};");
    assert_int_equal(c->policyd.listen[0].fd, 3);
    assert_int_equal(c->milter.listen[0].fd, 3);
    config_free(c);
    c = config_of("milter={allow_inet=true; listen=(\"unix:/run/m.sock\",{address=\"inet:127.0.0.1:10041\";"
                  " front={tls=\"1.2\"; method=\"XOAUTH2\";};});};");
    assert_int_equal(c->milter.n_listen, 2);
    assert_int_equal(c->milter.listen[0].front.tls, TLS_ANY);
    assert_string_equal(c->milter.listen[0].front.method, "");
    assert_int_equal(c->milter.listen[1].port, 10041);
    assert_int_equal(c->milter.listen[1].front.tls, TLS_1_2);
    assert_string_equal(c->milter.listen[1].front.method, "XOAUTH2");
    config_free(c);
}

static void replies_are_kept_by_the_names_of_reasons(void **state)
{
    struct config *c = config_of("replies={mailbox-disabled=\"550 5.7.139 \" \"Ask the help desk\";};");

    (void)state;
    assert_int_equal(c->n_replies, 1);
    assert_string_equal(c->replies[0].reason, "mailbox-disabled");
    assert_string_equal(c->replies[0].text, "550 5.7.139 Ask the help desk");
    config_free(c);
}

static void a_clusters_servers_are_hosts_or_sockets(void **state)
{
    struct config *c = config_of("cluster={server=[\"Redis.contoso.example\",\"192.0.2.1:7000\",\"[2001:db8::7]:7001\","
                                 "\"[::1]\",\"unix:/run/redis.sock\"]; user=\"postern\"; password_file=\"p\";};");
    const struct cluster_server *s = c->cluster.servers;

    (void)state;
    assert_true(c->cluster.configured);
    assert_int_equal(c->cluster.n_servers, 5);
    assert_string_equal(s[0].host, "Redis.contoso.example");
    assert_int_equal(s[0].port, 6379);
    assert_int_equal(s[1].port, 7000);
    assert_string_equal(s[2].host, "2001:db8::7");
    assert_int_equal(s[2].port, 7001);
    assert_string_equal(s[3].host, "::1");
    assert_int_equal(s[3].port, 6379);
    assert_null(s[4].host);
    assert_string_equal(s[4].path, "/run/redis.sock");
    assert_string_equal(c->cluster.password_file, "/nowhere/p");
    assert_string_equal(c->cluster.key_file, "/nowhere/secrets/cluster.key");
    assert_int_equal(c->cluster.tls, CLUSTER_TLS_AUTO);
    config_free(c);
    c = config_of("cluster={sentinels=\"192.0.2.1\"; sentinel_name=\"postern\"; tls=\"always\";};");
    assert_int_equal(c->cluster.n_sentinels, 1);
    assert_int_equal(c->cluster.sentinels[0].port, 26379);
    assert_int_equal(c->cluster.tls, CLUSTER_TLS_ALWAYS);
    config_free(c);
    c = config_of("");
    assert_false(c->cluster.configured);
    config_free(c);
}

static void a_cluster_that_can_not_be_reached_is_refused(void **state)
{
    static const struct wrong rows[] = {
        {"cluster = {};", "c:1: cluster: no server; expected one of server and sentinels"},
        {"cluster = { server = \"a\"; sentinels = \"b\"; sentinel_name = \"m\"; };", "both server and sentinels"},
        {"cluster = { sentinels = \"b\"; };", "sentinels need sentinel_name"},
        {"cluster = { server = \"a\"; sentinel_name = \"m\"; };", "sentinel_name is for sentinels"},
        {"cluster = { sentinels = \"b\"; sentinel_name = \"m\"; sentinel_user = \"u\"; };",
         "sentinel_user needs sentinel_password_file"},
        {"cluster = { server = \"a\"; sentinel_password_file = \"p\"; };", "sentinel_password_file is for sentinels"},
        {"cluster = { server = []; };", "cluster.server: an empty list"},
        {"cluster = { server = \"\"; };", "expected redis.contoso.example:6379"},
        {"cluster = { server = \"a:0\"; };", "\"a:0\": expected redis.contoso.example:6379"},
        {"cluster = { server = \"a:65536\"; };", "\"a:65536\": expected"},
        {"cluster = { server = \"2001:db8::7\"; };", "\"2001:db8::7\": expected"},
        {"cluster = { server = \"[::1\"; };", "\"[::1\": expected"},
        {"cluster = { server = \"[::1]7\"; };", "\"[::1]7\": expected"},
        {"cluster = { server = \"redis://a\"; };", "\"redis://a\": expected"},
        {"cluster = { server = \"a b\"; };", "\"a\\x20b\": expected"},
        {"cluster = { server = \"unix:redis.sock\"; };", "expected an absolute path of at most 107 bytes"},
        {"cluster = { server = \"a\"; user = \"u\"; };", "user needs password_file"},
        {"cluster = { server = \"a\"; tls = \"never\"; ca_file = \"c\"; };", "ca_file is for TLS"},
        {"cluster = { server = \"a\"; node = \"mx 1\"; };", "\"mx\\x201\": expected 1 to 63 printable characters"},
    };

    (void)state;
    CHECK_WRONG(rows);
}

/* ---- files ---- */

static void relative_names_begin_at_the_configurations_folder(void **state)
{
    struct folder f = folder_new();
    struct config *c;
    struct error e;
    struct address mailbox;
    struct login login;
    char path[200], expected[200];

    (void)state;
    file_write(&f, "c",
               "smtp_auth={allow_file=\"allow\";deny_file=\"deny\";logins_file=\"logins\";"
               "on_premises_file=\"local\";};\n@include \"more\"\nstate={file=\"s\";};");
    file_write(&f, "more",
               "connectors=({name=\"p\";networks=\"192.0.2.1\";networks_file=\"nets\";"
               "senders_file=\"allow\";});\ngroups=({name=\"g\";members_file=\"deny\";});");
    file_write(&f, "allow", "a@contoso.example # the first\n");
    file_write(&f, "deny", "@fabrikam.example\n");
    file_write(&f, "logins", "sean sean@contoso.example\n");
    file_write(&f, "local", "");
    file_write(&f, "nets", "198.51.100.0/24\n2001:db8::/64\n");
    file_path(&f, "c", path, sizeof path);
    if (config_load(path, &c, &e) != 0)
        fail_msg("%s", e.text);
    file_path(&f, "s", expected, sizeof expected);
    assert_string_equal(c->file, path);
    assert_string_equal(c->state_path, expected);
    assert_true(list_has(c->smtp_auth.allow, SLICE("a@contoso.example"), NULL));
    assert_true(list_has(c->smtp_auth.deny, SLICE("@fabrikam.example"), NULL));
    login_parse(SLICE("Sean"), &login);
    assert_true(list_pair(c->smtp_auth.logins, &login, &mailbox, NULL));
    assert_string_equal(mailbox.text, "sean@contoso.example");
    assert_non_null(c->smtp_auth.on_premises);
    assert_int_equal(c->connectors[0].n_networks, 3);
    assert_true(list_has(c->connectors[0].senders, SLICE("a@contoso.example"), NULL));
    assert_true(list_has(c->groups[0].members, SLICE("@fabrikam.example"), NULL));
    config_free(c);
    folder_remove(&f, (const char *const[]){"c", "more", "allow", "deny", "logins", "local", "nets", NULL});
}

static void errors_in_files_name_the_file_and_its_line(void **state)
{
    static const struct {
        const char *config, *name, *text, *says;
    } rows[] = {
        {"@include \"x\"", "x", "\nmod=1;", "x:2: mod: unknown setting"},
        {"@include \"x\"", "x", "\nmode=;", "x:2: syntax error"},
        {"@include \"x\"", "x", "\nrecipients={max=4294967297;};", "x:2: the number 4294967297 is too large"},
        {"\nsmtp_auth={allow_file=\"x\";};", "x", "\n\n*\n", "c:2: smtp_auth.allow_file: "},
        {"smtp_auth={allow_file=\"x\";};", "x", "\n\n*\n", "/x:3: "},
        {"smtp_auth={logins_file=\"x\";};", "x", "a\n", "/x:1: "},
        {"connectors=({name=\"p\";networks_file=\"x\";});", "x", "192.0.2.0/24\n192.0.2.1/24\n", "/x:2: "},
        {"connectors=({name=\"p\";networks=\"192.0.2.0/24\";},{name=\"q\";networks_file=\"x\";});", "x",
         "192.0.2.0/24\n",
         "c:1: connectors[q].networks_file: the network 192.0.2.0/24 belongs to connector \"p\" already"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct folder f = folder_new();
        char path[200];
        struct config *c;
        struct error e;

        file_write(&f, "c", rows[i].config);
        file_write(&f, rows[i].name, rows[i].text);
        file_path(&f, "c", path, sizeof path);
        assert_int_equal(config_load(path, &c, &e), -1);
        if (strstr(e.text, rows[i].says) == NULL)
            fail_msg("says: %s, not: %s", e.text, rows[i].says);
        folder_remove(&f, (const char *const[]){"c", rows[i].name, NULL});
    }
}

static void what_everybody_may_write_to_is_refused(void **state)
{
    static const char *const names[] = {"c", "more", "allow"};
    struct folder f = folder_new();
    char path[200], writable[200];
    struct config *c;
    struct error e;

    (void)state;
    file_write(&f, "c", "@include \"more\"\nsmtp_auth={allow_file=\"allow\";};");
    file_write(&f, "more", "mode=\"enforce\";");
    file_write(&f, "allow", "");
    file_path(&f, "c", path, sizeof path);
    for (size_t i = 0; i < 3; i++) {
        file_path(&f, names[i], writable, sizeof writable);
        assert_int_equal(chmod(writable, 0646), 0);
        assert_int_equal(config_load(path, &c, &e), -1);
        assert_non_null(strstr(e.text, "everybody may write to this file; take that away with chmod o-w"));
        assert_non_null(strstr(e.text, writable));
        assert_int_equal(chmod(writable, 0640), 0);
    }
    assert_int_equal(config_load(path, &c, &e), 0);
    config_free(c);
    folder_remove(&f, (const char *const[]){"c", "more", "allow", NULL});
}

static void only_regular_files_of_a_bounded_size_are_read(void **state)
{
    struct folder f = folder_new();
    struct config *c;
    struct error e;
    char path[200];

    (void)state;
    file_path(&f, "c", path, sizeof path);
    assert_int_equal(config_load(path, &c, &e), -1);
    assert_non_null(strstr(e.text, "No such file"));
    assert_int_equal(config_load(f.path, &c, &e), -1);
    assert_non_null(strstr(e.text, "not a regular file"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(config_load(path, &c, &e), -1);
    assert_non_null(strstr(e.text, "not a regular file"));
    assert_int_equal(unlink(path), 0);
    file_write(&f, "c", "");
    assert_int_equal(truncate(path, CONFIG_MAX_BYTES + 1), 0);
    assert_int_equal(config_load(path, &c, &e), -1);
    assert_non_null(strstr(e.text, "1048577 bytes; a configuration has at most 1048576"));
    folder_remove(&f, (const char *const[]){"c", NULL});
}

static void a_changed_list_is_noticed(void **state)
{
    struct folder f = folder_new();
    char path[200], list[200], other[200];
    struct config *c;
    struct error e;

    (void)state;
    file_write(&f, "c", "smtp_auth={allow_file=\"allow\";};");
    file_write(&f, "allow", "a@contoso.example\n");
    file_path(&f, "c", path, sizeof path);
    file_path(&f, "allow", list, sizeof list);
    file_path(&f, "new", other, sizeof other);
    assert_int_equal(config_load(path, &c, &e), 0);
    assert_false(config_files_changed(c));
    file_write(&f, "new", "b@contoso.example\n"); /* as long as the old one */
    assert_false(config_files_changed(c));
    assert_int_equal(rename(other, list), 0);
    assert_true(config_files_changed(c));
    config_free(c);
    assert_int_equal(config_load(path, &c, &e), 0);
    assert_false(config_files_changed(c));
    assert_int_equal(unlink(list), 0);
    assert_true(config_files_changed(c));
    config_free(c);
    folder_remove(&f, (const char *const[]){"c", NULL});
}

static void lists_of_other_relays_count_as_soon_as_they_are_there(void **state)
{
    struct folder f = folder_new();
    char path[200];
    struct config *c;
    struct error e;

    (void)state;
    file_write(&f, "c",
               "cluster={server=\"a\"; folder=\".\";}; smtp_auth={allow_file=\"own\"; "
               "logins_file=\"logins\";};");
    file_write(&f, "own", "a@contoso.example\n");
    file_write(&f, "logins", "bert b@contoso.example\n");
    file_path(&f, "c", path, sizeof path);
    assert_int_equal(config_load(path, &c, &e), 0);
    assert_null(c->smtp_auth.deny);
    assert_false(config_files_changed(c));
    file_write(&f, "deny", "bert\n");
    assert_true(config_files_changed(c));
    config_free(c);
    file_write(&f, "allow", "*nobody@nowhere.example\n");
    assert_int_equal(config_load(path, &c, &e), -1);
    assert_non_null(strstr(e.text, "allow:1: "));
    file_write(&f, "allow", "c@elsewhere.example\n");
    assert_int_equal(config_load(path, &c, &e), 0);
    assert_false(config_files_changed(c));
    assert_true(list_has(c->smtp_auth.deny, SLICE("b@contoso.example"), NULL)); /* whom bert is here */
    assert_true(list_has(c->smtp_auth.allow, SLICE("a@contoso.example"), NULL));
    assert_true(list_has(c->smtp_auth.allow, SLICE("c@elsewhere.example"), NULL));
    config_free(c);
    folder_remove(&f, (const char *const[]){"c", "own", "logins", "allow", "deny", NULL});
}

static void without_room_for_an_error_it_is_refused_all_the_same(void **state)
{
    struct config *c;

    (void)state;
    assert_int_equal(config_from_text(SLICE("mod=1;"), "c", "/nowhere", &c, NULL), -1);
    assert_int_equal(config_from_text(SLICE("mode=1;"), "c", "/nowhere", &c, NULL), -1);
    assert_int_equal(config_from_text(SLICE("mode=;"), "c", "/nowhere", &c, NULL), -1);
    assert_int_equal(config_load("/nowhere/at/all", &c, NULL), -1);
    config_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_configuration_is_named_with_its_line),
        cmocka_unit_test(a_nul_byte_is_no_configuration),
        cmocka_unit_test(an_unknown_setting_is_named_with_what_was_meant),
        cmocka_unit_test(a_wrong_type_says_what_was_found_and_what_is_wanted),
        cmocka_unit_test(a_value_that_is_not_allowed_is_named_with_those_that_are),
        cmocka_unit_test(tenants_that_would_confuse_logins_are_refused),
        cmocka_unit_test(connectors_and_groups_that_cannot_be_meant_are_refused),
        cmocka_unit_test(rows_of_logins_from_that_cannot_be_meant_are_refused),
        cmocka_unit_test(limits_that_cannot_be_meant_are_refused),
        cmocka_unit_test(conditions_and_replies_of_limits_that_cannot_be_meant_are_refused),
        cmocka_unit_test(listeners_and_replies_that_would_not_work_are_refused),
        cmocka_unit_test(limits_are_bounded_with_the_preset_among_them),
        cmocka_unit_test(a_name_that_is_too_long_for_any_file_is_refused),
        cmocka_unit_test(more_entries_than_anybody_has_are_refused),
        cmocka_unit_test(an_empty_list_is_as_good_as_none),
        cmocka_unit_test(an_empty_configuration_has_defaults_that_are_safe),
        cmocka_unit_test(one_preset_has_exchange_onlines_published_figures),
        cmocka_unit_test(the_standard_preset_is_no_wider_than_the_service_and_refuses_strangers_only),
        cmocka_unit_test(the_standard_preset_blocks_no_login_for_failures),
        cmocka_unit_test(a_limit_of_the_same_name_replaces_the_presets),
        cmocka_unit_test(a_limits_figures_are_read_in_the_units_of_what_it_counts),
        cmocka_unit_test(exceptions_name_users_groups_and_connectors),
        cmocka_unit_test(the_longest_network_decides_whose_a_client_is),
        cmocka_unit_test(an_empty_list_of_senders_is_not_any_sender),
        cmocka_unit_test(the_only_tenant_is_the_default_one),
        cmocka_unit_test(listeners_have_one_form_for_both_programs),
        cmocka_unit_test(replies_are_kept_by_the_names_of_reasons),
        cmocka_unit_test(a_clusters_servers_are_hosts_or_sockets),
        cmocka_unit_test(a_cluster_that_can_not_be_reached_is_refused),
        cmocka_unit_test(relative_names_begin_at_the_configurations_folder),
        cmocka_unit_test(errors_in_files_name_the_file_and_its_line),
        cmocka_unit_test(what_everybody_may_write_to_is_refused),
        cmocka_unit_test(only_regular_files_of_a_bounded_size_are_read),
        cmocka_unit_test(a_changed_list_is_noticed),
        cmocka_unit_test(lists_of_other_relays_count_as_soon_as_they_are_there),
        cmocka_unit_test(without_room_for_an_error_it_is_refused_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
