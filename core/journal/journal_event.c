/* Decisions as they are noted, gathered, and kept in chunks. */
#include "core/journal/journal_code.h"

enum { FLAG_MILTER = 1, FLAG_CLIENT = 2, FLAG_COUNTS = 4, FLAG_CLIENT_V4 = 8, FLAG_MORE = 16, FLAGS = 31 };

#define EVENT_HEAD 10u  /* size and at_ns */
#define EVENT_FLAGS 10u /* where flags and action are */
#define EVENT_ACTION 11u
#define COUNTS_SIZE 8u     /* what an event with FLAG_MORE ends with: times and messages, 32 bits each */
#define SAME_AS_LOGIN 255u /* in the place of a length: texts are shorter */
#define CAP(member) sizeof((struct journal_record *)0)->member

/* ---- writing ---- */

/* Most people sign in with their address and send from it. */
static uint8_t *put_text_beside(uint8_t *p, struct slice text, size_t cap, struct slice login)
{
    if (login.n == 0 || !slice_eq(text, login))
        return put_text(p, text, cap);
    *p++ = SAME_AS_LOGIN;
    return p;
}

static bool passes(enum action action)
{
    return action == ACTION_PASS || action == ACTION_HOLD;
}

/* What a message that is let through from its own sender does not have: the header, and counts that grow. */
static uint8_t *put_more(uint8_t *p, const struct journal_event *v, bool counts)
{
    const uint32_t numbers[] = {v->times > 0 ? v->times : 1, !counts ? 0 : v->messages > 0 ? v->messages : 1};

    p = put_text(p, v->from, CAP(from));
    p = put_text(p, v->header_sender, CAP(header_sender));
    *p++ = (uint8_t)v->fault_field;
    p = put_text(p, v->fault, CAP(fault));
    p = put_text(p, v->fault_text, CAP(fault_text));
    memcpy(p, numbers, sizeof numbers);
    return p + sizeof numbers;
}

size_t event_pack(const struct journal_event *v, bool counts, uint8_t *out)
{
    bool more =
        !counts || !passes(v->action) || v->times > 1 || v->from.n > 0 || v->header_sender.n > 0 || v->fault.n > 0;
    bool v4 = v->has_client && ip_is_v4(&v->client);
    struct slice login = {v->login.p, v->login.n < CAP(login) ? v->login.n : CAP(login) - 1};
    uint8_t *p = out + EVENT_HEAD;
    uint16_t n;

    *p++ = (uint8_t)((v->milter ? FLAG_MILTER : 0) | (v->has_client ? FLAG_CLIENT : 0) | (counts ? FLAG_COUNTS : 0) |
                     (v4 ? FLAG_CLIENT_V4 : 0) | (more ? FLAG_MORE : 0));
    *p++ = (uint8_t)v->action;
    *p++ = (uint8_t)v->stage;
    *p++ = (uint8_t)v->tls;
    p = put_reason(p, v->reason);
    p = put_reason(p, v->monitored);
    if (v->has_client)
        p = put_ip(p, &v->client, v4);
    p = put_number(p, v->recipients);
    p = put_number(p, v->size);
    p = put_number(p, v->retry_s);
    p = put_text(p, v->tenant, CAP(tenant));
    p = put_text(p, login, CAP(login));
    p = put_text_beside(p, v->mailbox, CAP(mailbox), login);
    p = put_text(p, v->method, CAP(method)); /* those above are what usage is counted by */
    p = put_text(p, v->connector, CAP(connector));
    p = put_text(p, v->limit, CAP(limit));
    p = put_text_beside(p, v->sender, CAP(sender), login);
    p = put_text(p, v->recipient, CAP(recipient));
    p = put_text(p, v->queue_id, CAP(queue_id));
    p = put_text(p, v->instance, CAP(instance));
    if (more)
        p = put_more(p, v, counts);
    n = (uint16_t)(p - out);
    memcpy(out, &n, sizeof n);
    memcpy(out + sizeof n, &v->at_ns, sizeof v->at_ns);
    return n;
}

size_t event_size(const uint8_t *packed)
{
    uint16_t n;

    memcpy(&n, packed, sizeof n);
    return n;
}

bool event_is_message(const uint8_t *packed)
{
    return (packed[EVENT_FLAGS] & FLAG_COUNTS) != 0 && passes((enum action)packed[EVENT_ACTION]);
}

void event_repeat(uint8_t *packed, bool counts)
{
    uint8_t *p = packed + event_size(packed) - COUNTS_SIZE;
    uint32_t numbers[2];

    memcpy(numbers, p, sizeof numbers);
    if (numbers[0] == UINT32_MAX)
        return;
    numbers[0]++;
    numbers[1] += counts;
    memcpy(p, numbers, sizeof numbers);
}

uint64_t event_at(const uint8_t *packed)
{
    uint64_t at_ns;

    memcpy(&at_ns, packed + sizeof(uint16_t), sizeof at_ns);
    return at_ns;
}

/* ---- reading ---- */

static struct slice take_text_beside(struct source *s, size_t cap, struct slice login)
{
    if (s->n == 0 || *s->p != SAME_AS_LOGIN)
        return take_text(s, cap);
    (void)take(s, 1);
    return login;
}

/* Times and messages are the end of the event, since they change while it gathers. */
static void take_counts(struct source *s, struct journal_event *v, bool more)
{
    uint32_t numbers[2] = {1, v->counts};

    v->times = 1;
    if (more && (s->bad || s->n < COUNTS_SIZE)) {
        s->bad = true;
        return;
    }
    if (more) {
        s->n -= COUNTS_SIZE;
        memcpy(numbers, s->p + s->n, sizeof numbers);
        s->bad = numbers[0] == 0 || numbers[1] > numbers[0];
    }
    v->times = numbers[0];
    v->messages = numbers[1];
    v->counts = v->messages > 0;
}

/* What usage is counted by; the other texts are empty. Has it more than older versions wrote? */
static bool take_counted(struct source *s, struct journal_event *v)
{
    unsigned flags = take_below(s, FLAGS + 1);
    uint64_t recipients;

    *v = (struct journal_event){.milter = (flags & FLAG_MILTER) != 0,
                                .has_client = (flags & FLAG_CLIENT) != 0,
                                .counts = (flags & FLAG_COUNTS) != 0};
    v->action = (enum action)take_below(s, ACTION_HOLD + 1);
    v->stage = (enum stage)take_below(s, STAGE_END + 1);
    v->tls = (enum tls_version)take_below(s, TLS_NEWER + 1);
    v->reason = take_reason(s);
    v->monitored = take_reason(s);
    if (v->has_client)
        take_ip(s, &v->client, (flags & FLAG_CLIENT_V4) != 0);
    recipients = take_number(s);
    v->recipients = (uint32_t)recipients;
    v->size = take_number(s);
    v->retry_s = take_number(s);
    v->tenant = take_text(s, CAP(tenant));
    v->login = take_text(s, CAP(login));
    v->mailbox = take_text_beside(s, CAP(mailbox), v->login);
    v->method = take_text(s, CAP(method));
    if (recipients > UINT32_MAX || v->reason == REASON_COUNT || v->monitored == REASON_COUNT)
        s->bad = true;
    take_counts(s, v, (flags & FLAG_MORE) != 0);
    return (flags & FLAG_MORE) != 0;
}

static void take_rest(struct source *s, struct journal_event *v, bool more)
{
    v->connector = take_text(s, CAP(connector));
    v->limit = take_text(s, CAP(limit));
    v->sender = take_text_beside(s, CAP(sender), v->login);
    v->recipient = take_text(s, CAP(recipient));
    v->queue_id = take_text(s, CAP(queue_id));
    v->instance = take_text(s, CAP(instance));
    if (!more)
        return;
    v->from = take_text(s, CAP(from));
    v->header_sender = take_text(s, CAP(header_sender));
    v->fault_field = (enum header_field)take_below(s, HEADER_RESENT_SENDER + 1);
    v->fault = take_text(s, CAP(fault));
    v->fault_text = take_text(s, CAP(fault_text));
    if (v->fault.n == 0)
        v->fault_field = HEADER_FROM;
}

/* Takes the event off the beginning of *packed: its bytes behind the head; bad when there is none. */
static struct source take_one(struct slice *packed)
{
    const uint8_t *p = (const uint8_t *)packed->p;
    size_t n;

    if (packed->n < EVENT_HEAD || (n = event_size(p)) < EVENT_HEAD || n > packed->n) {
        packed->n = 0;
        return (struct source){NULL, 0, true};
    }
    *packed = (struct slice){packed->p + n, packed->n - n};
    return (struct source){p + EVENT_HEAD, n - EVENT_HEAD, false};
}

bool event_unpack(struct slice *packed, struct journal_event *out)
{
    struct source s = take_one(packed);
    const uint8_t *p = s.p;
    bool more;

    if (s.bad)
        return false;
    more = take_counted(&s, out);
    take_rest(&s, out, more);
    out->at_ns = event_at(p - EVENT_HEAD);
    return !s.bad && s.n == 0;
}

bool event_unpack_counted(struct slice *packed, struct journal_event *out)
{
    struct source s = take_one(packed);
    const uint8_t *p = s.p;

    if (s.bad)
        return false;
    (void)take_counted(&s, out);
    out->at_ns = event_at(p - EVENT_HEAD);
    return !s.bad;
}

/* Up to a NUL; the rest of out is zero. */
static void set_text(char *out, struct slice text)
{
    if (text.n > 0)
        memcpy(out, text.p, strnlen(text.p, text.n));
}

void record_of(const struct journal_event *v, struct journal_record *r)
{
    memset(r, 0, sizeof *r);
    r->at_ns = v->at_ns;
    r->action = v->action;
    r->reason = v->reason;
    r->monitored = v->monitored;
    r->stage = v->stage;
    r->tls = v->tls;
    r->milter = v->milter;
    r->counts = v->counts;
    r->times = v->times;
    r->messages = v->messages;
    r->has_client = v->has_client;
    r->client = v->client;
    r->recipients = v->recipients;
    r->size = v->size;
    r->retry_s = v->retry_s;
    set_text(r->tenant, v->tenant);
    set_text(r->connector, v->connector);
    set_text(r->login, v->login);
    set_text(r->mailbox, v->mailbox);
    set_text(r->method, v->method);
    set_text(r->limit, v->limit);
    set_text(r->sender, v->sender);
    set_text(r->queue_id, v->queue_id);
    set_text(r->instance, v->instance);
    set_text(r->recipient, v->recipient);
    set_text(r->from, v->from);
    set_text(r->header_sender, v->header_sender);
    r->fault_field = v->fault_field;
    set_text(r->fault, v->fault);
    set_text(r->fault_text, v->fault_text);
}

uint16_t chunk_count(struct slice chunk)
{
    uint16_t n;

    if (chunk.n < CHUNK_HEAD)
        return 0;
    memcpy(&n, chunk.p, sizeof n);
    return n;
}
