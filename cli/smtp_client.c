#include "cli/smtp_client.h"

#include "core/base/buf.h"

#include <curl/curl.h>
#include <unistd.h>

#define TRIES_TIMEOUT_S 4 /* all of it may take as many times the wait for one reply */
#define LINES_MAX 200u    /* of one server, in all */

struct client {
    const struct smtp_job *job;
    struct smtp_outcome *out;
    CURL *curl;
    struct slice rest; /* of the message */
    bool goes_on;      /* the reply has further lines */
    unsigned lines;
    char why[CURL_ERROR_SIZE];
    char url[300], route[300], interface[80];
};

static const char *const step_names[] = {
    [SMTP_CONNECT] = "connect",   [SMTP_GREETING] = "greeting", [SMTP_HELLO] = "EHLO",
    [SMTP_STARTTLS] = "STARTTLS", [SMTP_TLS] = "TLS",           [SMTP_CERTIFICATE] = "certificate",
    [SMTP_AUTH] = "AUTH",         [SMTP_MAIL] = "MAIL",         [SMTP_RCPT] = "RCPT",
    [SMTP_DATA] = "DATA",         [SMTP_END] = "message",
};

const char *smtp_step_name(enum smtp_step step)
{
    return step_names[step];
}

static void step_begin(struct client *c, enum smtp_step step)
{
    c->out->step = step;
    c->out->reached[step] = true;
    c->out->code = 0;
}

/* ---- what is sent ---- */

static void take_word(char *out, size_t cap, struct slice word)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, word);
}

/*
 * A line of ours begins a step. Lines in the middle of AUTH are base64, in which a command without a blank could stand
 * by chance ("DATA"), so that these count only where they may come.
 */
static void take_command(struct client *c, struct slice line)
{
    static const struct {
        struct slice verb;
        enum smtp_step step;
        int after; /* the step that it may follow; -1: any */
    } commands[] = {
        {{"EHLO ", 5}, SMTP_HELLO, -1},
        {{"HELO ", 5}, SMTP_HELLO, -1},
        {{"STARTTLS", 8}, SMTP_STARTTLS, SMTP_HELLO},
        {{"AUTH ", 5}, SMTP_AUTH, -1},
        {{"MAIL ", 5}, SMTP_MAIL, -1},
        {{"RCPT ", 5}, SMTP_RCPT, -1},
        {{"DATA", 4}, SMTP_DATA, SMTP_RCPT},
    };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!slice_starts_with(line, commands[i].verb) ||
            (commands[i].after >= 0 && commands[i].after != (int)c->out->step))
            continue;
        step_begin(c, commands[i].step);
        if (commands[i].step == SMTP_HELLO)
            c->out->offered[0] = '\0'; /* what was offered without TLS is no more */
        if (commands[i].step == SMTP_AUTH) {
            struct slice mechanism = slice_trim((struct slice){line.p + 5, line.n - 5});

            (void)slice_cut(mechanism, ' ', &mechanism, NULL);
            take_word(c->out->mechanism, sizeof c->out->mechanism, mechanism);
        }
        return;
    }
}

static void take_tls(struct client *c, struct slice text)
{
    struct slice prefix = SLICE("SSL connection using ");

    if (slice_starts_with(text, prefix))
        take_word(c->out->tls, sizeof c->out->tls, slice_trim((struct slice){text.p + prefix.n, text.n - prefix.n}));
}

static int on_trace(CURL *curl, curl_infotype type, char *bytes, size_t n, void *arg)
{
    struct client *c = arg;

    (void)curl;
    if (type == CURLINFO_HEADER_OUT)
        take_command(c, (struct slice){bytes, n});
    else if (type == CURLINFO_TEXT)
        take_tls(c, (struct slice){bytes, n});
    return 0;
}

static size_t on_read(char *out, size_t size, size_t n, void *arg)
{
    struct client *c = arg;
    size_t cap = size * n, part = c->rest.n < cap ? c->rest.n : cap;

    memcpy(out, c->rest.p, part);
    c->rest = (struct slice){c->rest.p + part, c->rest.n - part};
    return part;
}

/* ---- what comes back ---- */

/* "250-AUTH PLAIN LOGIN" */
static void take_offer(struct client *c, struct slice text)
{
    if (slice_starts_with_icase(text, SLICE("AUTH ")))
        take_word(c->out->offered, sizeof c->out->offered, (struct slice){text.p + 5, text.n - 5});
}

static void take_reply(struct client *c, struct slice line)
{
    unsigned long long code;
    struct slice text;
    struct buf b;
    char *reply;
    size_t had;

    if (line.n < 3 || !slice_to_u64((struct slice){line.p, 3}, 999, &code) || code == 221)
        return; /* 221: goodbye, which is no outcome */
    text = line.n > 4 ? slice_trim((struct slice){line.p + 4, line.n - 4}) : (struct slice){NULL, 0};
    if (c->out->step == SMTP_CONNECT)
        step_begin(c, SMTP_GREETING);
    if (c->out->step == SMTP_HELLO)
        take_offer(c, text);
    c->out->code = (unsigned)code;
    reply = c->out->reply[c->out->step];
    had = c->goes_on ? strlen(reply) : 0;
    b = buf_over(reply + had, SMTP_REPLY_MAX - had);
    if (c->goes_on)
        buf_add_char(&b, ' ');
    buf_add(&b, c->goes_on ? text : slice_trim(line));
    c->goes_on = line.n > 3 && line.p[3] == '-';
    if (c->goes_on)
        return;
    if (c->out->step == SMTP_STARTTLS && code == 220)
        step_begin(c, SMTP_TLS);
    else if (c->out->step == SMTP_DATA && code == 354)
        step_begin(c, SMTP_END);
}

static size_t on_reply(char *bytes, size_t size, size_t n, void *arg)
{
    struct client *c = arg;

    if (++c->lines > LINES_MAX)
        return 0;
    take_reply(c, (struct slice){bytes, size * n});
    return size * n;
}

/*
 * Between signing in and the message: libcurl goes on without a login where a server offers no AUTH at all, and what
 * was to be tested would not be.
 */
static int on_signed_in(void *arg, char *to_ip, char *from_ip, int to_port, int from_port)
{
    struct client *c = arg;

    (void)to_ip;
    (void)from_ip;
    (void)to_port;
    (void)from_port;
    if (c->job->login == NULL || c->out->mechanism[0] != '\0')
        return CURL_PREREQFUNC_OK;
    step_begin(c, SMTP_AUTH);
    return CURL_PREREQFUNC_ABORT;
}

/* ---- the handle ---- */

/* The name that EHLO says: this host's, where it can stand there. */
static void add_own_name(struct buf *b)
{
    char name[256] = "";
    bool fits = gethostname(name, sizeof name - 1) == 0 && name[0] != '\0';

    for (const char *p = name; *p != '\0'; p++)
        fits &=
            (ascii_lower(*p) >= 'a' && ascii_lower(*p) <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '.';
    buf_add(b, fits ? slice_of(name) : SLICE("localhost"));
}

/* The certificate is judged by the URL's name; the route says where that is. */
static int add_places(struct client *c, struct error *e)
{
    struct buf url = BUF_OVER(c->url), route = BUF_OVER(c->route), interface = BUF_OVER(c->interface);
    bool v6_name = strchr(c->job->name, ':') != NULL, v6_host = strchr(c->job->host, ':') != NULL;

    buf_addf(&url, "%s://%s%s%s:%u/", c->job->implicit_tls ? "smtps" : "smtp", v6_name ? "[" : "", c->job->name,
             v6_name ? "]" : "", c->job->port);
    add_own_name(&url);
    buf_addf(&route, "::%s%s%s:%u", v6_host ? "[" : "", c->job->host, v6_host ? "]" : "", c->job->port);
    if (c->job->from_ip != NULL)
        buf_addf(&interface, "host!%s", c->job->from_ip);
    return url.full || route.full || interface.full ? error_set(e, "the server's name is too long") : 0;
}

static unsigned set_login(CURL *curl, const struct smtp_job *job)
{
    char method[64];
    struct buf b = BUF_OVER(method);
    unsigned bad = 0;

    if (job->login == NULL)
        return 0;
    bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, job->login);
    bad |= curl_easy_setopt(curl, job->token ? CURLOPT_XOAUTH2_BEARER : CURLOPT_PASSWORD, job->secret);
    if (job->method != NULL)
        buf_addf(&b, "AUTH=%s", job->method);
    else /* of its own accord it would take Kerberos for every login with a domain, if that is offered */
        buf_add(&b, SLICE("AUTH=PLAIN;AUTH=LOGIN"));
    bad |= curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, method);
    return bad;
}

static unsigned set_tls(CURL *curl, const struct smtp_job *job)
{
    unsigned bad = 0;

    bad |= curl_easy_setopt(curl, CURLOPT_USE_SSL, job->login != NULL ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (job->ca_file != NULL) {
        bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, job->ca_file);
        bad |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    return bad;
}

static unsigned set_options(struct client *c, const struct curl_slist *route, const struct curl_slist *recipients)
{
    const struct smtp_job *job = c->job;
    CURL *curl = c->curl;
    unsigned bad = 0;

    bad |= curl_easy_setopt(curl, CURLOPT_URL, c->url);
    bad |= curl_easy_setopt(curl, CURLOPT_CONNECT_TO, route);
    bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    bad |= curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    bad |= curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)job->timeout_s);
    bad |= curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)job->timeout_s);
    bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)job->timeout_s * TRIES_TIMEOUT_S);
    if (job->from_ip != NULL)
        bad |= curl_easy_setopt(curl, CURLOPT_INTERFACE, c->interface);
    bad |= set_tls(curl, job);
    bad |= set_login(curl, job);
    bad |= curl_easy_setopt(curl, CURLOPT_MAIL_FROM, job->sender);
    bad |= curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    bad |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->text.n);
    bad |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    bad |= curl_easy_setopt(curl, CURLOPT_READDATA, c);
    bad |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_reply);
    bad |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
    bad |= curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_trace);
    bad |= curl_easy_setopt(curl, CURLOPT_DEBUGDATA, c);
    bad |= curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L); /* for on_trace alone: nothing is printed */
    bad |= curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_signed_in);
    bad |= curl_easy_setopt(curl, CURLOPT_PREREQDATA, c);
    bad |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->why);
    return bad;
}

/* ---- the outcome ---- */

static void say(struct client *c, const char *text)
{
    take_word(c->out->why, sizeof c->out->why, slice_of(text));
}

/* Where it ended, if no command and no reply say so. */
static void place_failure(struct client *c, CURLcode result)
{
    curl_off_t connected = 0, secured = 0;

    (void)curl_easy_getinfo(c->curl, CURLINFO_CONNECT_TIME_T, &connected);
    (void)curl_easy_getinfo(c->curl, CURLINFO_APPCONNECT_TIME_T, &secured);
    if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE)
        step_begin(c, SMTP_CERTIFICATE);
    else if (result == CURLE_USE_SSL_FAILED && c->out->step != SMTP_STARTTLS)
        step_begin(c, SMTP_STARTTLS);
    else if (result == CURLE_SSL_CONNECT_ERROR)
        step_begin(c, SMTP_TLS);
    else if (result == CURLE_LOGIN_DENIED && c->out->step == SMTP_HELLO)
        step_begin(c, SMTP_AUTH);
    else if (c->out->step == SMTP_CONNECT && connected > 0)
        step_begin(c, c->job->implicit_tls && secured == 0 ? SMTP_TLS : SMTP_GREETING);
}

static void say_failure(struct client *c, CURLcode result)
{
    place_failure(c, result);
    c->out->timed_out = result == CURLE_OPERATION_TIMEDOUT;
    if (c->out->code >= 400)
        return; /* the reply says it */
    if (c->out->step == SMTP_AUTH && c->out->mechanism[0] == '\0')
        say(c, c->out->offered[0] == '\0' ? "the server offers no AUTH" : "the server offers no such mechanism");
    else if (result == CURLE_USE_SSL_FAILED)
        say(c, "the server does not offer STARTTLS");
    else if (c->out->timed_out)
        say(c, "no answer in time");
    else
        say(c, c->why[0] != '\0' ? c->why : curl_easy_strerror(result));
}

static int perform(struct client *c, struct error *e)
{
    struct curl_slist *route = curl_slist_append(NULL, c->route), *recipients = NULL;
    const char *ip = NULL;
    CURLcode result;

    for (size_t i = 0; i < c->job->n_recipients; i++) {
        struct curl_slist *more = curl_slist_append(recipients, c->job->recipients[i]);

        if (more == NULL)
            break;
        recipients = more;
    }
    if (route == NULL || recipients == NULL || set_options(c, route, recipients) != 0) {
        (void)error_set(e, "libcurl cannot be used: it was built without SMTP or TLS, or there is no memory");
        result = CURLE_FAILED_INIT;
    } else if ((result = curl_easy_perform(c->curl)) == CURLE_OK) {
        c->out->accepted = true;
    } else {
        say_failure(c, result);
    }
    if (curl_easy_getinfo(c->curl, CURLINFO_LOCAL_IP, &ip) == CURLE_OK && ip != NULL)
        take_word(c->out->client, sizeof c->out->client, slice_of(ip));
    curl_slist_free_all(route);
    curl_slist_free_all(recipients);
    return result == CURLE_FAILED_INIT ? -1 : 0;
}

int smtp_send(const struct smtp_job *job, struct smtp_outcome *out, struct error *e)
{
    struct client c = {.job = job, .out = out, .rest = job->text};
    int result = -1;

    *out = (struct smtp_outcome){.reached = {[SMTP_CONNECT] = true}};
    if (add_places(&c, e) != 0)
        return -1;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (c.curl = curl_easy_init()) == NULL)
        (void)error_set(e, "libcurl cannot be used: there is no memory");
    else
        result = perform(&c, e);
    if (c.curl != NULL)
        curl_easy_cleanup(c.curl);
    return result;
}
