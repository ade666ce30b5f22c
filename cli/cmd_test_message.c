/* postern test-message: one real message through the relay's own submission port, and at which step it ended. */
#include "cli/commands.h"
#include "cli/password.h"
#include "cli/postfix_tools.h"
#include "cli/test_message.h"
#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/mail/address.h"
#include "core/mail/mechanism.h"
#include "core/mail/network.h"
#include "core/report/postfix_entrance.h"
#include "core/report/trail.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Exit statuses. */
enum { EXIT_UNREACHED = 3, EXIT_NO_LOGIN = 4, EXIT_REFUSED = 5, EXIT_DEFERRED = 8 };

#define TIMEOUT_DEFAULT_S 60u
#define TIMEOUT_MAX_S 3600u
#define PORT_SUBMISSION 587u
#define PORT_SUBMISSIONS 465u /* TLS from the first byte */
#define LOOK_TRIES 20         /* for the decision, which the services write within about a second */
#define LOOK_PAUSE_NS 250000000L

struct test_options {
    struct smtp_job job;
    const char *server, *password_fd, *folder;
    bool implicit_tls;
    char password[PASSWORD_MAX + 1];
};

/* ---- options ---- */

enum {
    OPT_TO = 256,
    OPT_FROM,
    OPT_USER,
    OPT_METHOD,
    OPT_PASSWORD_FD,
    OPT_SERVER,
    OPT_IMPLICIT_TLS,
    OPT_NAME,
    OPT_CA,
    OPT_CLIENT,
    OPT_TIMEOUT,
    OPT_CONFIG_DIR
};

static const struct option options[] = {{"to", required_argument, NULL, OPT_TO},
                                        {"from", required_argument, NULL, OPT_FROM},
                                        {"user", required_argument, NULL, OPT_USER},
                                        {"method", required_argument, NULL, OPT_METHOD},
                                        {"password-fd", required_argument, NULL, OPT_PASSWORD_FD},
                                        {"server", required_argument, NULL, OPT_SERVER},
                                        {"implicit-tls", no_argument, NULL, OPT_IMPLICIT_TLS},
                                        {"name", required_argument, NULL, OPT_NAME},
                                        {"ca", required_argument, NULL, OPT_CA},
                                        {"client", required_argument, NULL, OPT_CLIENT},
                                        {"timeout", required_argument, NULL, OPT_TIMEOUT},
                                        {"config-dir", required_argument, NULL, OPT_CONFIG_DIR},
                                        {"json", no_argument, NULL, CLI_OPTION_JSON},
                                        CLI_LAST_OPTIONS};

/* It goes into a command of SMTP and into a header as it is. */
static bool is_plain_address(const char *text)
{
    struct address address;

    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || *p == '<' || *p == '>' || *p == '"')
            return false;
    return address_parse_internal(slice_of(text), &address) == ADDRESS_OK;
}

static int take_method(struct cli *cli, struct smtp_job *job, const char *name)
{
    static const char *const methods[] = {"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (slice_ieq(slice_of(name), slice_of(methods[i]))) {
            job->method = methods[i];
            job->token = mechanism_proof(slice_of(methods[i])) == PROOF_TOKEN;
            return CLI_OK;
        }
    return cli_usage(cli, "--method is PLAIN, LOGIN, CRAM-MD5, XOAUTH2 or OAUTHBEARER");
}

static int take_option(struct cli *cli, struct test_options *o, int option, const char *value)
{
    struct entrance named;
    struct error e;
    uint64_t seconds;
    struct ip ip;

    switch (option) {
    case OPT_TO:
        if (!is_plain_address(value))
            return cli_usage(cli, "--to: expected an address of printable ASCII, as guest@adatum.example");
        if (o->job.n_recipients == SMTP_RECIPIENTS_MAX)
            return cli_usage(cli, "--to: at most %u recipients", SMTP_RECIPIENTS_MAX);
        o->job.recipients[o->job.n_recipients++] = value;
        return CLI_OK;
    case OPT_FROM:
        o->job.sender = value;
        return is_plain_address(value) ? CLI_OK : cli_usage(cli, "--from: expected an address of printable ASCII");
    case OPT_USER:
        o->job.login = value;
        return value[0] != '\0' ? CLI_OK : cli_usage(cli, "--user: expected a login; leave it out for a connector");
    case OPT_METHOD:
        return take_method(cli, &o->job, value);
    case OPT_PASSWORD_FD:
        o->password_fd = value;
        return CLI_OK;
    case OPT_SERVER:
        o->server = value;
        return CLI_OK;
    case OPT_IMPLICIT_TLS:
        o->implicit_tls = true;
        return CLI_OK;
    case OPT_NAME:
        o->job.name = value;
        return entrance_parse(slice_of(value), 0, &named) && named.port == 0 && value[0] != '['
                   ? CLI_OK
                   : cli_usage(cli, "--name: expected the name in the certificate, as relay.contoso.example");
    case OPT_CA:
        o->job.ca_file = value;
        return access(value, R_OK) == 0 ? CLI_OK : cli_usage(cli, "--ca: the file cannot be read");
    case OPT_CLIENT:
        o->job.from_ip = value;
        return ip_parse(slice_of(value), &ip) && value[0] != '['
                   ? CLI_OK
                   : cli_usage(cli, "--client: expected an address of this machine, as 192.0.2.1");
    case OPT_TIMEOUT:
        if (duration_parse(slice_of(value), &seconds, &e) != 0)
            return cli_usage(cli, "--timeout: %s", e.text);
        o->job.timeout_s = (unsigned)seconds;
        return seconds > 0 && seconds <= TIMEOUT_MAX_S ? CLI_OK
                                                       : cli_usage(cli, "--timeout: expected \"1s\" to \"1h\"");
    default:
        o->folder = value;
        return CLI_OK;
    }
}

static int check_options(struct cli *cli, struct test_options *o)
{
    struct smtp_job *job = &o->job;

    if (job->n_recipients == 0)
        return cli_usage(cli, "--to is needed: who gets the message?");
    if (job->login == NULL && (o->password_fd != NULL || job->method != NULL))
        return cli_usage(cli, "--password-fd and --method are for a login: give --user, too");
    if (job->sender == NULL && job->login != NULL && is_plain_address(job->login))
        job->sender = job->login;
    if (job->sender == NULL)
        return cli_usage(cli, "--from is needed: the sender's address%s",
                         job->login != NULL ? ", since the login is none" : "");
    if (o->implicit_tls && o->server == NULL)
        return cli_usage(cli, "--implicit-tls is for --server; master.cf says it of its own services");
    return CLI_OPTIONS_END;
}

static int test_options(struct cli *cli, int argc, char **argv, struct test_options *o)
{
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        if ((status = take_option(cli, o, option, optarg)) != CLI_OK)
            return status;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    return check_options(cli, o);
}

/* ---- preparing ---- */

/* The server, from --server or Postfix's configuration; and where the mail log is. */
static int find_server(struct cli *cli, struct test_options *o, struct entrance *at, struct test_message *t)
{
    struct postfix p;
    struct error e;
    bool has_postfix = postfix_read(o->folder, &p, &e) == 0;

    if (!has_postfix && (o->server == NULL || o->folder != NULL))
        return cli_fail(cli, "%s", e.text);
    if (o->server != NULL) {
        if (!entrance_parse(slice_of(o->server), PORT_SUBMISSION, at)) {
            if (has_postfix)
                postfix_free(&p);
            return cli_usage(cli, "--server: expected HOST:PORT, as relay.contoso.example:587");
        }
        at->implicit_tls = o->implicit_tls || at->port == PORT_SUBMISSIONS;
        o->job.name = o->job.name != NULL ? o->job.name : at->host;
    } else if (entrance_find(&p, o->job.login != NULL, at, &e) != 0) {
        postfix_free(&p);
        return cli_fail(cli, "%s", e.text);
    } else {
        t->service = at->service;
        o->job.name = o->job.name != NULL ? o->job.name : at->name;
    }
    o->job.host = at->host;
    o->job.port = at->port;
    o->job.implicit_tls = at->implicit_tls;
    mail_log_begin(&t->log, has_postfix ? postfix_get(&p, NULL, "maillog_file") : (struct slice){NULL, 0});
    if (has_postfix)
        postfix_free(&p);
    return CLI_OK;
}

static int get_password(struct cli *cli, struct test_options *o)
{
    char prompt[200], login[120];
    unsigned long long fd;
    struct error e;
    int result;

    if (o->job.login == NULL)
        return CLI_OK;
    if (o->password_fd != NULL && !slice_to_u64(slice_of(o->password_fd), INT32_MAX, &fd))
        return cli_usage(cli, "--password-fd: expected the number of an open descriptor");
    (void)snprintf(prompt, sizeof prompt, "%s of %s: ", o->job.token ? "Access token" : "Password",
                   text_plain(login, sizeof login, slice_of(o->job.login)));
    result = o->password_fd != NULL ? password_read((int)fd, o->password, &e) : password_ask(prompt, o->password, &e);
    o->job.secret = o->password;
    return result == 0 ? CLI_OK : cli_fail(cli, "%s", e.text);
}

/* For the decision; from here on not as root. That it can't be read is no reason to send nothing. */
static void open_journal(struct cli *cli, struct test_message *t)
{
    struct buf b = BUF_OVER(t->unread);
    struct error e;

    cli->files.leave_root = true;
    if (files_open_journal(&cli->files, &e) != 0)
        buf_add(&b, slice_of(e.text));
    cli->files.may_not_read = false; /* said, and no failure of this command */
}

#define TEXT_MAX 16384u /* with all recipients, and each as long as an address may be */
struct message_text {
    char id[100], text[TEXT_MAX];
};

static void write_message(const struct smtp_job *job, struct message_text *m)
{
    struct buf id = BUF_OVER(m->id), b = BUF_OVER(m->text);
    time_t now = (time_t)clock_wall_s();
    const char *domain = strrchr(job->sender, '@') + 1;
    char date[64] = "";
    uint64_t number = 0;
    struct tm tm;

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        number = clock_wall_ns();
    buf_addf(&id, "postern-test.%016llx@%.60s", (unsigned long long)number, domain);
    if (localtime_r(&now, &tm) != NULL)
        (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &tm);
    buf_addf(&b, "From: <%s>\r\nTo: ", job->sender);
    for (size_t i = 0; i < job->n_recipients; i++)
        buf_addf(&b, "%s<%s>", i > 0 ? ",\r\n " : "", job->recipients[i]);
    buf_addf(&b,
             "\r\nSubject: postern test message\r\nDate: %s\r\nMessage-ID: <%s>\r\nAuto-Submitted: auto-generated\r\n"
             "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
             "\"postern test-message\" sent this through the relay, to see whether it is accepted.\r\n",
             date, m->id);
}

/* ---- afterwards ---- */

/* "250 2.0.0 Ok: queued as 4bQvXk3Lz0z1": Postfix's words for it. */
static void take_queue_id(struct test_message *t)
{
    static const char words[] = "queued as ";
    const char *at = t->outcome.accepted ? strstr(t->outcome.reply[SMTP_END], words) : NULL;
    struct buf b = BUF_OVER(t->queue_id);
    struct slice id;

    if (at == NULL)
        return;
    (void)slice_cut(slice_of(at + strlen(words)), ' ', &id, NULL);
    if (id.n < TEST_QUEUE_ID_MAX)
        buf_add(&b, id);
}

static bool look_once(struct cli *cli, struct test_message *t, const struct trail *trail)
{
    struct buf b = BUF_OVER(t->unread);
    struct error e;
    int found;

    if (cli->files.journal == NULL || t->outcome.step < SMTP_MAIL)
        return true;
    if ((found = trail_decision(cli->files.journal, trail, &t->decision, &e)) < 0)
        buf_add(&b, slice_of(e.text));
    t->decided = found > 0;
    return found != 0;
}

static bool look_in_log(struct test_message *t, const struct message_text *m)
{
    char at_recipient[2 * SMTP_REPLY_MAX], at_auth[80] = "";
    struct buf r = BUF_OVER(at_recipient), a = BUF_OVER(at_auth);

    buf_addf(&r, "from=<%s> to=<%s>", t->job->sender, t->job->recipients[0]);
    if (t->outcome.step == SMTP_AUTH)
        buf_addf(&a, "[%s]: SASL ", t->outcome.client);
    return mail_log_find(&t->log,
                         (const struct slice[]){slice_of(t->queue_id), slice_of(m->id), buf_slice(&r), buf_slice(&a),
                                                t->decided ? slice_of(t->decision.instance) : (struct slice){NULL, 0}},
                         5);
}

/* The journal and the log come a moment later. */
static void look_afterwards(struct cli *cli, struct test_message *t, const struct message_text *m, uint64_t since_ns)
{
    const struct timespec pause = {0, LOOK_PAUSE_NS};
    struct ip client;
    struct trail trail = {.since_ns = since_ns,
                          .queue_id = slice_of(t->queue_id),
                          .login = slice_of(t->job->login),
                          .sender = slice_of(t->job->sender)};
    bool decided = false, logged = t->log.fd < 0;

    if (ip_parse(slice_of(t->outcome.client), &client))
        trail.client = &client;
    for (int i = 0; i < LOOK_TRIES && (!decided || !logged); i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        decided = decided || look_once(cli, t, &trail);
        logged = look_in_log(t, m);
        if (t->outcome.step < SMTP_AUTH)
            break; /* neither has anything to say */
    }
}

/* ---- the command ---- */

static int test_status(enum test_end end)
{
    static const int statuses[] = {[TEST_ACCEPTED] = CLI_OK,
                                   [TEST_UNREACHED] = EXIT_UNREACHED,
                                   [TEST_NO_LOGIN] = EXIT_NO_LOGIN,
                                   [TEST_REFUSED] = EXIT_REFUSED,
                                   [TEST_DEFERRED] = EXIT_DEFERRED};

    return statuses[end];
}

static int send_and_look(struct cli *cli, struct test_options *o, struct test_message *t, struct message_text *m)
{
    uint64_t since_ns = clock_wall_ns();
    struct printer *out;
    struct error e;

    write_message(&o->job, m);
    o->job.text = slice_of(m->text);
    if (smtp_send(&o->job, &t->outcome, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    take_queue_id(t);
    look_afterwards(cli, t, m, since_ns);
    if ((out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    test_message_report(t, out);
    return cli_finish(cli, out) == CLI_OK ? test_status(test_end(&t->outcome)) : CLI_FAILED;
}

static int test_run(struct cli *cli, struct test_options *o, struct test_message *t, struct message_text *m)
{
    struct entrance at = {.port = 0};
    int status = find_server(cli, o, &at, t);

    if (status == CLI_OK && (status = get_password(cli, o)) == CLI_OK) {
        open_journal(cli, t);
        status = send_and_look(cli, o, t, m);
    }
    explicit_bzero(o->password, sizeof o->password);
    return status;
}

int cmd_test_message(struct cli *cli, int argc, char **argv)
{
    struct test_options o = {.job = {.timeout_s = TIMEOUT_DEFAULT_S}};
    struct test_message *t = calloc(1, sizeof *t);
    struct message_text *m = calloc(1, sizeof *m);
    int status = test_options(cli, argc, argv, &o);

    if (status != CLI_OPTIONS_END) {
        /* it has been said */
    } else if (t == NULL || m == NULL) {
        status = cli_fail(cli, "out of memory");
    } else {
        t->job = &o.job;
        t->log.fd = -1;
        status = test_run(cli, &o, t, m);
        mail_log_end(&t->log);
    }
    free(t);
    free(m);
    return status;
}
