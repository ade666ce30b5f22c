/*
 * Each thing that postern does, over and over, with its 1st, 2nd, 3rd ... allocation or I/O call failing, once alone
 * and once with all that follow it: no crash, no leak (the sanitizers tell), an error that says something, and never a
 * pass for who may not send. Afterwards, with everything working again, the same must succeed.
 *
 *   torture [EVERY [NAME]]    only every EVERY-th call; only the scenario of that name
 */
#include "tests/torture/torture.h"
#include "core/engine/engine.h"
#include "core/engine/engine_parts.h"
#include "core/state/state.h"
#include "mirror/import.h"
#include "policyd/server.h"
#include "tests/torture/fail.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#define LEAKS() (__lsan_do_recoverable_leak_check() != 0)
#else
#define LEAKS() false
#endif

static char folder[64];
static unsigned broken;       /* promises that were */
static const char *scenario;  /* that runs */
static unsigned long failing; /* the call that fails in it */

void must(bool kept, const char *promise)
{
    if (!kept && broken++ < 20)
        printf("#   %s, call %lu (%s): broken promise: %s\n", scenario, failing, fail_what(), promise);
}

_Noreturn void die(const char *what, const char *why)
{
    printf("not ok %s: %s\n", what, why);
    exit(2);
}

/* ---- the world ---- */

const char *below(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void write_file(const char *name, const char *text)
{
    FILE *f = fopen(below(name), "w");

    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
        die(name, strerror(errno));
    }
}

static void write_config(const char *name, const char *more)
{
    char text[4096];

    (void)snprintf(
        text, sizeof text,
        "preset = \"none\"; tls = { required = false; }; log = { to = \"stderr\"; }; journal = \"%s/%s.journal\";\n"
        "directory = \"%s/directory\"; state = { file = \"%s/%s.state\"; entries = 1024; blocks = 16; };\n"
        "policyd = { listen = \"unix:%s/policyd.sock\"; workers = 2; };\n"
        "sasl = { listen = \"unix:%s/sasl.sock\"; upstream = \"unix:%s/dovecot.sock\"; };\n"
        "limits = ({ name = \"few\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 4; },\n"
        "          { name = \"fewer\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; beyond = \"habit\";\n"
        "            learning = 3; });\n%s",
        folder, name, folder, folder, name, folder, folder, folder, more);
    write_file(name, text);
}

#define CAS "\"Guid\",\"PrimarySmtpAddress\",\"EmailAddresses\",\"OWAEnabled\",\"SmtpClientAuthenticationDisabled\"\n"
#define CAS_ANNA                                                                                                       \
    "\"0a7d6d2c-0001-4b7e-9d55-000000000001\",\"" ANNA "\",\"SMTP:" ANNA                                               \
    " smtp:a.berg@contoso.example\",\"True\",\"False\"\n"
#define CAS_BERT "\"0a7d6d2c-0001-4b7e-9d55-000000000002\",\"" BERT "\",\"SMTP:" BERT "\",\"True\",\"True\"\n"
#define CAS_CLEO                                                                                                       \
    "\"0a7d6d2c-0001-4b7e-9d55-000000000003\",\"cleo@contoso.example\",\"SMTP:cleo@contoso.example\",\"True\",\"\"\n"

static enum import_result import(const char *directory, const char *const *files, size_t n, FILE *out, struct error *e)
{
    struct import_options options = {.directory = directory,
                                     .tenant = "contoso",
                                     .kind = KINDS,
                                     .force = true,
                                     .max_change = IMPORT_MAX_CHANGE,
                                     .files = files,
                                     .n_files = n,
                                     .now = 1790000000,
                                     .out = out};
    enum import_result result;

    e->text[0] = '\0';
    result = import_run(&options, e);

    MUST(result == IMPORT_DONE || e->text[0] != '\0');
    return result;
}

static void make_world(FILE *out)
{
    const char *files[3];
    struct error e;

    write_file("cas.csv", CAS CAS_ANNA CAS_BERT);
    write_file("cas3.csv", CAS CAS_ANNA CAS_BERT CAS_CLEO);
    write_file("blocked.json", "[ { \"SenderAddress\": \"" CLEO "\", \"Reason\": \"x\" } ]\n");
    write_file("cas2.csv", CAS CAS_BERT CAS_CLEO CAS_ANNA);
    write_file("transport.json", "{ \"JournalingReportNdrTo\": \"<>\", \"SmtpClientAuthenticationDisabled\": true }\n");
    write_file("list", BERT "\n@adatum.example\nscanner\n");
    write_file("logins", "scanner7 " BERT "\nscanner8 " ANNA "\n");
    write_file("networks", "192.0.2.0/24\n2001:db8::/32\n");
    files[0] = below("cas3.csv");
    files[1] = below("transport.json");
    files[2] = below("blocked.json");
    scenario = "the world";
    if (import(below("directory"), files, 3, out, &e) != IMPORT_DONE)
        die("the import", e.text);
}

/* ---- scenarios: run with one call failing (`works` is false) or with none ---- */

static struct submission message_of(const char *login, const char *queue_id)
{
    struct submission s = submission_of(login);

    s.queue_id = slice_of(queue_id);
    return s;
}

/* For bert, whatever fails. */
static bool refuses_bert(struct engine_session *session, struct recipients *r, const char *queue_id,
                         enum reason *reason)
{
    struct submission s = message_of(BERT, queue_id);
    const struct verdict *v = engine_decide(session, &s, r);

    *reason = v->reason;
    return !passes(v);
}

/* Never more than three of anna's messages, and none of bert's; whatever the state's file can't do. */
static void engine(struct tools *t, bool works)
{
    struct engine *engine = NULL;
    struct engine_session *session, *late[3];
    struct recipients r = {0};
    struct error e = {.text = ""};
    enum reason reason;
    unsigned passed = 0;

    (void)t;
    if (engine_open(below("engine.conf"), "torture", &engine, &e) != 0) {
        MUST(!works && e.text[0] != '\0');
        return;
    }
    session = engine_session_new(engine);
    MUST(!works || session != NULL);
    for (unsigned i = 0; session != NULL && i < 5; i++) {
        static const char *const ids[] = {"4TA", "4TB", "4TC", "4TD", "4TE"};
        struct submission s = message_of(ANNA, ids[i]);

        passed += passes(engine_decide(session, &s, &r));
        MUST(refuses_bert(session, &r, ids[i], &reason));
        if (i == 1)
            (void)engine_reload(engine, &e);
        if (i == 2)
            engine_tick(engine);
    }
    MUST(passed <= 3 && (!works || passed == 3));
    /* More sessions than views are lying about, so that new ones have to be made. */
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        late[i] = engine_session_new(engine);
        MUST(late[i] == NULL || refuses_bert(late[i], &r, "4TF", &reason));
    }
    /* Where there is a directory, it is used as soon as nothing fails any more. */
    (void)fail_end();
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        if (late[i] != NULL && directory_generation(engine->directory) != 0)
            MUST(refuses_bert(late[i], &r, "4TG", &reason) && reason == REASON_MAILBOX_DISABLED);
        engine_session_free(late[i]);
    }
    recipients_clear(&r);
    engine_session_free(session);
    engine_close(engine);
    (void)unlink(below("engine.conf.state"));
}

void remove_below(const char *name)
{
    char command[192];

    (void)snprintf(command, sizeof command, "rm -rf '%s/%s'", folder, name);
    if (system(command) != 0) /* the folder is ours: mkdtemp made its name */
        die("rm", name);
}

/* What was imported before stays, or the new is there, whole. */
static void importing(struct tools *t, bool works)
{
    const char *files[] = {below("cas2.csv"), below("transport.json")};
    struct error e;
    enum import_result result = import(below("imported"), files, 2, t->out, &e);

    MUST(!works || result == IMPORT_DONE);
}

static void before_importing(struct tools *t)
{
    const char *files[] = {below("cas.csv"), below("transport.json")};
    struct error e;

    remove_below("imported");
    if (import(below("imported"), files, 2, t->out, &e) != IMPORT_DONE)
        die("the import", e.text);
}

static void after_importing(struct tools *t)
{
    struct directory_totals totals;
    struct error e = {.text = ""};

    (void)t;
    MUST(directory_verify(below("imported"), &totals, &e) == 0);
    MUST((totals.generation == 1 && totals.mailboxes == 2) || (totals.generation == 2 && totals.mailboxes == 3));
}

/* ---- requests: a client of the policy server ---- */

static bool ask(int fd, const char *login, const char *stage, bool *let_through)
{
    char text[512], answer[600];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = snprintf(text, sizeof text,
                         "request=smtpd_access_policy\nprotocol_state=%s\ninstance=%lu.%d\nsasl_method=PLAIN\n"
                         "sasl_username=%s\nsender=%s\nrecipient=x@adatum.example\nclient_address=203.0.113.9\n\n",
                         stage, failing, fd, login, login);

    *let_through = false;
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n || poll(&p, 1, ANSWER_MS) != 1)
        return false;
    n = recv(fd, answer, sizeof answer - 1, 0);
    if (n <= 0)
        return false;
    answer[n] = '\0';
    *let_through = strncmp(answer, "action=4", 8) != 0 && strncmp(answer, "action=5", 8) != 0;
    return true;
}

/* False when nobody answers. */
static bool bert_is_refused(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool through = false, answered;

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/policyd.sock", folder);
    answered = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
               ask(fd, BERT, "RCPT", &through);
    MUST(!through);
    answered = answered && ask(fd, BERT, "END-OF-MESSAGE", &through);
    MUST(!through);
    if (fd >= 0)
        (void)close(fd);
    return answered;
}

static void requests(struct tools *t, bool works)
{
    struct server *server = NULL;
    struct error e = {.text = ""};

    if (server_start(t->engine, &server, &e) != 0) {
        MUST(!works && e.text[0] != '\0');
        return;
    }
    MUST(bert_is_refused() || !works);
    /* One failure must not be the end of the service. */
    (void)fail_end();
    MUST(bert_is_refused());
    server_stop(server);
}

static void before_requests(struct tools *t)
{
    struct error e;

    if (t->engine == NULL && engine_open(below("engine.conf"), "torture", &t->engine, &e) != 0)
        die("the engine", e.text);
}

/* Nothing is counted: the same engine sees hundreds of messages. */
static void before_milter(struct tools *t)
{
    char text[512];
    struct error e;

    (void)snprintf(
        text, sizeof text,
        "preset = \"none\"; tls = { required = false; }; log = { to = \"stderr\"; }; journal = \"\";\n"
        "directory = \"%s/directory\"; state = { file = \"%s/milter.state\"; entries = 1024; blocks = 16; };\n",
        folder, folder);
    write_file("milter.conf", text);
    if (t->engine == NULL && engine_open(below("milter.conf"), "torture", &t->engine, &e) != 0)
        die("the engine", e.text);
}

/* ---- the run ---- */

static const struct scene rows[] = {
    {"addresses", addresses, NULL, NULL},
    {"configuration", configuration, NULL, NULL},
    {"narrow_limits", narrow_limits, NULL, NULL},
    {"directory", reading_the_directory, NULL, NULL},
    {"engine", engine, NULL, NULL},
    {"import", importing, before_importing, after_importing},
    {"requests", requests, before_requests, NULL},
    {"state", stored_state, before_stored_state, after_stored_state},
    {"journal", journal, before_journal, NULL},
    {"reports", reports, before_reports, NULL},
    {"history", history, before_history, NULL},
    {"notices", notices, before_notices, NULL},
    {"milter", milter_sessions, before_milter, NULL},
    {"sign_ins", sign_ins, before_sign_ins, NULL},
    {"alert", alert, before_alert, after_alert},
};

/* True when a call failed: there may be more. */
static bool run_once(const struct scene *row, struct tools *t, unsigned long n, enum fail_how how)
{
    bool failed;

    failing = n;
    if (row->before != NULL)
        row->before(t);
    fail_begin(n, how);
    row->run(t, false);
    failed = fail_end();
    if (row->after != NULL)
        row->after(t);
    return failed;
}

static void torture(const struct scene *row, struct tools *t, unsigned long every)
{
    unsigned before = broken;
    unsigned long runs = 0;

    scenario = row->name;
    for (int how = FAIL_ONCE; how <= FAIL_ON; how++)
        for (unsigned long n = 0; run_once(row, t, n, (enum fail_how)how); n += every)
            runs++;
    if (row->before != NULL)
        row->before(t);
    row->run(t, true);
    if (row->after != NULL)
        row->after(t);
    if (t->engine != NULL)
        engine_close(t->engine);
    t->engine = NULL;
    MUST(!LEAKS());
    MUST(runs > 0);
    printf("%sok %s: %lu calls fail, and nobody gets through\n", broken == before ? "" : "not ", row->name, runs);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    unsigned long every = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    struct tools tools = {0};
    char command[128];

    fail_prepare();
    /* In memory where possible: each of the runs pushes to the disk. */
    (void)snprintf(folder, sizeof folder, "%s/postern-torture.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    tools.out = fopen("/dev/null", "w");
    if (every == 0 || tools.out == NULL || mkdtemp(folder) == NULL)
        return 2;
    make_world(tools.out);
    write_config("engine.conf", "alerts = ({ command = \"/bin/true\"; }); spool = \"engine.spool\";\n");
    write_config("sasl.conf", "");
    write_file("denied", "a.berg@contoso.example\n");
    write_config("deny.conf", "smtp_auth = { deny_file = \"denied\"; };\n"
                              "connectors = ({ name = \"printers\"; networks = \"203.0.113.0/24\"; });\n");
    write_config(
        "full.conf",
        "tenants = ({ name = \"contoso\"; domains = [\"contoso.example\", \"b\xc3\xbc"
        "cher.example\"]; netbios = [\"CONTOSO\"]; exchange = { tenant_id = "
        "\"7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1\"; application = \"0f9b6a52-1d9d-4c3c-8f0e-5a1e2b3c4d5e\";\n"
        "secret_file = \"secret\"; fetch = \"user\"; anchor_mailbox = \"UPN:x\"; hosts = { login = \"x\"; }; }; });\n"
        "smtp_auth = { deny_file = \"list\"; allow_file = \"list\"; on_premises_file = \"list\"; logins_file "
        "= \"logins\"; };\n"
        "connectors = ({ name = \"a\"; networks_file = \"networks\"; senders = [\"@contoso.example\"]; },\n"
        "              { name = \"b\"; networks = [\"198.51.100.0/24\"]; });\n"
        "groups = ({ name = \"g\"; members_file = \"list\"; });\n"
        "logins_from = ({ user = \"" ANNA "\"; networks = \"192.0.2.0/24\"; networks_file = \"networks\"; },\n"
        "               { group = \"g\"; networks = []; }, { domain = \"fabrikam.example\"; networks = \"::/0\"; });\n"
        "never_block = [\"" ANNA "\", \"192.0.2.0/24\"]; known_networks = [\"198.51.100.0/24\"];\n"
        "alerts = ({ command = [\"/bin/true\", \"x\"]; events = [\"block\"]; },\n"
        "          { url = \"https://hooks.contoso.example/\"; secret_file = \"secret\"; });\n"
        "mirror = { proxy = \"http://proxy.contoso.example:3128\"; };\n"
        "replies = { unlisted = \"550 5.7.139 Not here, {login}\"; };\n");
    write_file("narrow.conf",
               "preset = \"exchange-online\"; groups = ({ name = \"g\"; members = \"@contoso.example\"; });\n"
               "connectors = ({ name = \"a\"; networks = \"198.51.100.0/24\"; });\n"
               "limits = ({ name = \"l\"; per = \"tenant\"; count = \"messages\"; rate = \"1/d\";\n"
               "            only = { sender_domain = \"@.contoso.example\"; connector = \"a\"; };\n"
               "            reply = \"451 4.7.1 {limit}\"; },\n"
               "          { name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; only = { group = "
               "\"g\"; }; });\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (argc < 3 || strcmp(argv[2], rows[i].name) == 0)
            torture(&rows[i], &tools, every);
    (void)fclose(tools.out);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 && broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
