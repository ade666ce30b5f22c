#include "milter/session.h"

#include "core/base/buf.h"
#include "core/base/xtext.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

/* Bytes of a login that came encoded. No mailbox has a longer name. */
#define LOGIN_XTEXT_MAX 1024

/* The address in the form that ip_parse gives, with NAT64 unwrapped. */
static bool client_of(const struct sockaddr *address, struct ip *out, uint16_t *port)
{
    char text[INET6_ADDRSTRLEN];
    const void *bytes;

    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        bytes = &in->sin_addr;
        *port = ntohs(in->sin_port);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

        bytes = &in6->sin6_addr;
        *port = ntohs(in6->sin6_port);
    } else {
        return false;
    }
    return inet_ntop(address->sa_family, bytes, text, sizeof text) != NULL && ip_parse(slice_of(text), out);
}

static bool is_loopback(const struct ip *a)
{
    struct ip six = {.b = {[15] = 1}};

    return ip_is_v4(a) ? a->b[12] == 127 : memcmp(a, &six, sizeof six) == 0;
}

static void begin_instances(struct session *s)
{
    struct buf b = BUF_OVER(s->instance);

    buf_add_u64(&b, s->milter->born_ns);
    buf_add_char(&b, '.');
    buf_add_u64(&b, atomic_fetch_add(&s->milter->sessions, 1));
    buf_add_char(&b, '.');
    s->instance_n = b.n;
}

struct session *session_new(struct milter *milter, const char *hostname, const struct sockaddr *address)
{
    struct session *s = calloc(1, sizeof *s);
    uint16_t port = 0;

    if (s == NULL)
        return NULL;
    s->milter = milter;
    s->submission.has_client = client_of(address, &s->submission.client, &port);
    s->submission.listener_tls = milter->has_tls ? &milter->tls : NULL;
    s->submission.front_end = "milter";
    begin_instances(s);
    s->simulated = s->submission.has_client && port == 0 && is_loopback(&s->submission.client) &&
                   slice_ieq(slice_of(hostname), SLICE("localhost"));
    return s;
}

void session_free(struct session *s)
{
    if (s == NULL)
        return;
    session_clear(s);
    free(s);
}

static struct slice session_keep(char *room, size_t cap, struct slice s)
{
    if (s.n > cap)
        s.n = cap;
    if (s.n > 0)
        memcpy(room, s.p, s.n);
    return (struct slice){room, s.n};
}

static void set_login(struct session *s, const struct mail_facts *facts)
{
    struct submission *sub = &s->submission;
    struct slice login = slice_of(facts->login);
    char decoded[LOGIN_XTEXT_MAX];
    bool readable = !facts->login_in_xtext || xtext_decode(login, decoded, sizeof decoded, &login);

    sub->login_text = session_keep(s->login_text, sizeof s->login_text, login);
    sub->mechanism = session_keep(s->mechanism, sizeof s->mechanism, slice_of(facts->mechanism));
    login_parse(login, &sub->login);
    /* Authenticated, but nobody says as whom: never to be taken for "not authenticated". */
    if (!readable || (sub->login.kind == LOGIN_NONE && sub->mechanism.n > 0))
        sub->login.kind = LOGIN_BAD;
}

/*
 * The milter protocol has no "instance" as the policy protocol has: a name for this transaction, never used again. Of
 * the program, the connection, and the message in it.
 */
static void set_instance(struct session *s)
{
    struct buf b = buf_over(s->instance + s->instance_n, sizeof s->instance - s->instance_n);

    buf_add_u64(&b, s->messages++);
    s->submission.instance = (struct slice){s->instance, s->instance_n + b.n};
}

void session_begin(struct session *s, const struct mail_facts *facts)
{
    struct submission *sub = &s->submission;

    session_clear(s);
    s->open = true;
    atomic_fetch_add(&s->milter->transactions, 1);
    sub->stage = STAGE_MAIL;
    set_instance(s);
    set_login(s, facts);
    if (!sub->has_client && facts->client != NULL)
        sub->has_client = ip_parse(slice_of(facts->client), &sub->client);
    sub->tls = tls_version_parse(slice_of(facts->tls_version));
    ccert_set_subject(&sub->ccert, slice_of(facts->ccert));
    submission_take_front(sub, &s->milter->front);
    sub->sender_text = session_keep(s->sender_text, sizeof s->sender_text, slice_of(facts->path));
    sub->sender_result = facts->path != NULL ? address_parse_path(slice_of(facts->path), &sub->sender) : ADDRESS_BAD;
    sub->size = facts->size;
    sub->has_recipient = false;
    sub->recipient_count = 0;
    sub->headers = NULL;
    sub->queue_id = (struct slice){NULL, 0};
}

static void tell_of_proxy(struct milter *m)
{
    if (!atomic_exchange(&m->told_of_proxy, true))
        milter_say(m, LEVEL_WARNING,
                   "a message had DATA, but no queue id and no end: Postfix hands this service's mail to an "
                   "smtpd_proxy_filter and shows milters neither header nor end, so nobody checks From, and nothing is "
                   "counted here; set smtpd_milters in the smtpd behind the filter, or filter with a milter "
                   "(logged once; postern check-postfix names the service)");
}

static void tell_of_missing_end(const struct session *s)
{
    char text[512];
    struct buf b = BUF_OVER(text);

    if (s->queue_id[0] == '\0') {
        tell_of_proxy(s->milter);
        return;
    }
    buf_add(&b, SLICE("no end of message: queue_id="));
    buf_add_escaped(&b, slice_of(s->queue_id), QUEUE_ID_MAX);
    buf_add(&b, SLICE(" login="));
    buf_add_escaped(&b, s->submission.login_text, LOGIN_TEXT_MAX / 4);
    buf_add(&b, SLICE(": the client gave up, or something before postern refused it or took it; not counted here"));
    milter_say(s->milter, LEVEL_INFO, text);
}

void session_clear(struct session *s)
{
    if (s->open && s->data)
        tell_of_missing_end(s);
    if (s->open)
        atomic_fetch_sub(&s->milter->transactions, 1);
    s->open = false;
    s->data = false;
    s->bytes = 0;
    s->saw_body = false;
    headers_clear(&s->headers);
    recipients_clear(&s->recipients);
}

void session_recipient(struct session *s, const char *path)
{
    struct submission *sub = &s->submission;

    sub->stage = STAGE_RCPT;
    sub->has_recipient = true;
    sub->recipient_text = slice_of(path);
    sub->recipient_result = path != NULL ? address_parse_path(sub->recipient_text, &sub->recipient) : ADDRESS_BAD;
}

void session_data(struct session *s, struct slice queue_id)
{
    struct buf kept = BUF_OVER(s->queue_id);

    s->data = true;
    buf_add(&kept, queue_id);
}

void session_header(struct session *s, const char *name, const char *value)
{
    struct slice n = slice_of(name), v = slice_of(value);

    headers_add(&s->headers, n, v);
    s->bytes += n.n + v.n + sizeof(": \r\n") - 1;
}

void session_body(struct session *s, size_t bytes)
{
    s->bytes += bytes;
    s->saw_body = true;
}

void session_end(struct session *s)
{
    struct submission *sub = &s->submission;

    s->data = false;
    sub->stage = STAGE_END;
    sub->has_recipient = false;
    sub->recipient_count = s->recipients.asked; /* one question for each that the MTA accepted */
    /* If the body was seen, its size counts, since the declared one may be wrong; the header alone is no size. */
    sub->size_is_part = !s->saw_body && s->bytes > sub->size;
    if (s->saw_body || sub->size_is_part)
        sub->size = s->bytes;
    /* Even without a single field: a message without From must not pass as one whose header was not seen. */
    s->headers.seen = true;
    sub->headers = &s->headers;
}

uint64_t declared_size(char *const *arguments)
{
    for (; *arguments != NULL; arguments++) {
        struct slice name, value;
        unsigned long long size;

        if (slice_cut(slice_of(*arguments), '=', &name, &value) && slice_ieq(name, SLICE("SIZE")))
            return slice_to_u64(value, UINT64_MAX, &size) ? size : 0;
    }
    return 0;
}
