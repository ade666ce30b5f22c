#include "core/report/explain_input.h"

#include "core/report/text.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>

/* ---- names ---- */

/* Names of the log line's fields (core/engine/engine_log.c) and of the policy protocol's (SMTPD_POLICY_README). */
static const struct {
    const char *log, *policy;
    size_t offset;
} fields[] = {
    {"login", "sasl_username", offsetof(struct question, user)},
    {"client", "client_address", offsetof(struct question, client)},
    {"method", "sasl_method", offsetof(struct question, method)},
    {"tls", "encryption_protocol", offsetof(struct question, tls)},
    {"sender", "sender", offsetof(struct question, sender)},
    {"recipients", "recipient_count", offsetof(struct question, recipients)},
    {"size", "size", offsetof(struct question, size)},
    {"stage", "protocol_state", offsetof(struct question, stage)},
    {"queue_id", "queue_id", offsetof(struct question, queue_id)},
    {"instance", "instance", offsetof(struct question, instance)},
    {"field", NULL, offsetof(struct question, fault_field)},
    {"fault", NULL, offsetof(struct question, fault)},
    {"header", NULL, offsetof(struct question, fault_text)},
    {"from", NULL, offsetof(struct question, from)},
    {"header_sender", NULL, offsetof(struct question, header_sender)},
};

static void take_field(struct question *q, bool log, struct slice name, struct slice value)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (name.n > 0 && slice_eq(name, slice_of(log ? fields[i].log : fields[i].policy)))
            memcpy((char *)q + fields[i].offset, &value, sizeof value);
    if (slice_eq(name, SLICE("sender")))
        q->has_sender = true;
    if (slice_eq(name, SLICE("recipient")) && q->n_recipients < QUESTION_RECIPIENTS_MAX && value.n > 0)
        q->recipient[q->n_recipients++] = value;
}

/* ---- reading ---- */

/* Up to an empty line (with `lines`), the first end of line (without), or the end. */
static int read_input(struct question *q, FILE *from, bool lines, size_t *n, struct error *e)
{
    int c, last = '\n';

    *n = 0;
    while ((c = fgetc(from)) != EOF) {
        if (c == '\n' && (!lines || last == '\n') && *n > 0)
            break;
        if (*n == sizeof q->input)
            return error_set(e, "standard input: more than %zu bytes", sizeof q->input);
        q->input[(*n)++] = (char)c;
        last = c;
    }
    if (ferror(from))
        return error_set(e, "standard input: %s", strerror(errno));
    return *n > 0 ? 0 : error_set(e, "standard input is empty");
}

/* Turns \xHH back into bytes, in place. */
static struct slice unescape_text(char *p, size_t n)
{
    size_t to = 0;

    for (size_t i = 0; i < n; i++) {
        if (i + 3 < n && p[i] == '\\' && p[i + 1] == 'x' && hex_digit(p[i + 2]) >= 0 && hex_digit(p[i + 3]) >= 0) {
            p[to++] = (char)(hex_digit(p[i + 2]) * 16 + hex_digit(p[i + 3]));
            i += 3;
        } else {
            p[to++] = p[i];
        }
    }
    return (struct slice){p, to};
}

/* One key=value at *at; false at the end. Values of ours in quotes are skipped over. */
static bool next_field(char *p, size_t n, size_t *at, struct slice *name, struct slice *value)
{
    size_t from = *at, begin, end;
    bool quoted;

    while (from < n && p[from] == ' ')
        from++;
    for (begin = from; begin < n && p[begin] != '=' && p[begin] != ' ';)
        begin++;
    if (begin >= n)
        return false;
    *name = (struct slice){p + from, begin - from};
    if (p[begin] == ' ') {
        *at = begin + 1;
        *value = (struct slice){NULL, 0};
        return true;
    }
    begin++;
    quoted = begin < n && p[begin] == '"';
    begin += quoted ? 1 : 0;
    for (end = begin; end < n && (quoted ? p[end] != '"' : strchr(" \n\r", p[end]) == NULL);)
        end++;
    *value = unescape_text(p + begin, end - begin);
    *at = end + (quoted ? 1 : 0);
    return true;
}

static void take_text_event(struct question *q, char *event, size_t n)
{
    struct slice name, value;
    size_t at = 0;

    while (next_field(event, n, &at, &name, &value))
        take_field(q, true, name, value);
}

/* line is in q->input, and so is what becomes of it, which is never longer. */
static int take_json_event(struct question *q, struct slice line, struct error *e)
{
    json_error_t why;
    json_t *event = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &why);
    json_t *value;
    const char *key;
    char shown[200];
    struct buf kept;

    if (event == NULL)
        return error_set(e, "standard input: the line is cut or damaged: %s",
                         text_plain(shown, sizeof shown, slice_of(why.text)));
    kept = BUF_OVER(q->input);
    json_object_foreach(event, key, value)
    {
        size_t from = kept.n;

        if (json_is_integer(value))
            buf_addf(&kept, "%lld", (long long)json_integer_value(value));
        else
            buf_add(&kept, (struct slice){json_string_value(value), json_string_length(value)});
        take_field(q, true, slice_of(key), (struct slice){kept.p + from, kept.n - from});
    }
    json_decref(event);
    return 0;
}

/* Where the event begins, after whatever header syslog put before it. */
static char *find_event(char *p, size_t n, const char *mark)
{
    size_t length = strlen(mark);

    for (size_t i = 0; i + length <= n; i++)
        if (memcmp(p + i, mark, length) == 0)
            return p + i;
    return NULL;
}

int question_read_log_line(struct question *q, FILE *from, struct error *e)
{
    char *event, *brace;
    struct buf b;
    size_t n;

    if (read_input(q, from, false, &n, e) != 0)
        return -1;
    event = find_event(q->input, n, "\"event\":\"decision\"");
    brace = event != NULL ? memrchr(q->input, '{', (size_t)(event - q->input)) : NULL;
    if (brace != NULL) {
        if (take_json_event(q, (struct slice){brace, n - (size_t)(brace - q->input)}, e) != 0)
            return -1;
    } else {
        event = find_event(q->input, n, "event=decision");
        if (event == NULL)
            return error_set(e, "that is no line of postern's log: it has no \"event=decision\"");
        take_text_event(q, event, n - (size_t)(event - q->input));
    }
    if (slice_eq(q->tls, SLICE("none")))
        q->tls = (struct slice){NULL, 0};
    b = BUF_OVER(q->fault_words);
    buf_add(&b, q->fault);
    q->paths = false;
    q->log_line = true;
    return 0;
}

int question_read_policy(struct question *q, FILE *from, struct error *e)
{
    struct slice rest, line, name, value;
    char shown[200];
    struct buf b = BUF_OVER(shown);
    size_t n;

    if (read_input(q, from, true, &n, e) != 0)
        return -1;
    for (rest = (struct slice){q->input, n}; rest.n > 0;) {
        (void)slice_cut(rest, '\n', &line, &rest);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            continue;
        if (!slice_cut(line, '=', &name, &value)) {
            text_add_plain(&b, (struct slice){line.p, line.n < 40 ? line.n : 40});
            return error_set(e, "standard input: \"%s\" has no \"=\": expected lines name=value", shown);
        }
        take_field(q, false, name, value);
    }
    q->paths = false;
    return 0;
}

/* ---- meaning ---- */

bool question_tls(struct question *q, const char *text)
{
    static const struct {
        const char *said, *meant;
    } names[] = {{"none", ""},           {"1.0", "TLSv1"},       {"1.1", "TLSv1.1"},   {"1.2", "TLSv1.2"},
                 {"1.3", "TLSv1.3"},     {"TLSv1", "TLSv1"},     {"TLSv1.0", "TLSv1"}, {"TLSv1.1", "TLSv1.1"},
                 {"TLSv1.2", "TLSv1.2"}, {"TLSv1.3", "TLSv1.3"}, {"SSLv3", "SSLv3"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].said, text) == 0) {
            q->tls = slice_of(names[i].meant);
            return true;
        }
    return false;
}

void question_fill_in(struct question *q)
{
    if (q->tls.p == NULL)
        q->tls = SLICE("TLSv1.3");
    if (q->method.n == 0 && q->user.n > 0)
        q->method = SLICE("PLAIN");
    if (!q->has_sender && memchr(q->user.p != NULL ? q->user.p : "", '@', q->user.n) != NULL)
        q->sender = q->user;
}

static int number(struct slice text, const char *name, unsigned long long max, unsigned long long *out, struct error *e)
{
    char shown[100];
    struct buf b = BUF_OVER(shown);

    *out = 0;
    if (text.n == 0 || slice_to_u64(text, max, out))
        return 0;
    text_add_plain(&b, text);
    return error_set(e, "%s \"%s\" is not a number from 0 to %llu", name, shown, max);
}

static enum address_result parse_address(const struct question *q, struct slice text, struct address *out)
{
    return q->paths || slice_eq(text, SLICE("<>")) ? address_parse_path(text, out) : address_parse_envelope(text, out);
}

/* A list of addresses that was too long for the log: the last one may not be whole. */
static struct slice whole_addresses(struct slice list)
{
    if (list.n < 3 || memcmp(list.p + list.n - 3, "...", 3) != 0)
        return list;
    while (list.n > 0 && list.p[list.n - 1] != ',')
        list.n--;
    return list;
}

/* The fault of an address that is not the sender's (core/decide/decide_sender.c); the others are of fields that can't
 * be read.
 */
#define NOT_PERMITTED SLICE("not permitted")

static void say_bad(const struct question *q, struct headers *headers)
{
    struct buf b = BUF_OVER(headers->bad_text);

    buf_add(&b, q->fault_text);
    headers->bad = q->fault_words;
    headers->bad_n = (uint16_t)b.n;
    for (unsigned i = HEADER_FROM; i <= HEADER_RESENT_SENDER; i++)
        if (slice_ieq(q->fault_field, slice_of(header_field_name((enum header_field)i))))
            headers->bad_field = (enum header_field)i;
}

/*
 * The header as the log has it: the addresses, the one at fault among them, and what is wrong with a field that could
 * not be parsed, of which the line has only the beginning.
 */
static void header_of_log_line(const struct question *q, struct headers *headers)
{
    struct slice from = whole_addresses(q->from), sender = whole_addresses(q->header_sender);

    if (from.n > 0)
        headers_add(headers, SLICE("From"), from);
    if (sender.n > 0)
        headers_add(headers, SLICE("Sender"), sender);
    if (slice_eq(q->fault, NOT_PERMITTED))
        headers_add(headers, q->fault_field, q->fault_text);
    else if (q->fault.n > 0)
        say_bad(q, headers);
    headers->seen = from.n > 0 || sender.n > 0 || q->fault.n > 0;
}

int question_submission(const struct question *q, struct submission *s, struct headers *headers, struct error *e)
{
    unsigned long long size, count;
    char shown[100];
    struct buf b = BUF_OVER(shown);

    *s = (struct submission){.login_text = q->user, .mechanism = q->method, .sender_text = q->sender};
    s->queue_id = q->queue_id;
    s->instance = q->instance;
    s->front_end = "explain";
    login_parse(q->user, &s->login);
    s->has_client = ip_parse(q->client, &s->client);
    if (q->client.n > 0 && !s->has_client && !slice_eq(q->client, SLICE("unknown"))) {
        text_add_plain(&b, q->client);
        return error_set(e, "the client \"%s\" is not an IP address", shown);
    }
    /* "unknown": a line of the log at AUTH, where only the use of TLS is known. */
    s->tls = slice_eq(q->tls, SLICE("unknown")) ? TLS_NEWER : tls_version_parse(q->tls);
    s->sender_result = parse_address(q, q->sender, &s->sender);
    if (number(q->size, "the size", INT64_MAX, &size, e) != 0 ||
        number(q->recipients, "the number of recipients", INT32_MAX, &count, e) != 0)
        return -1;
    s->size = size;
    s->recipient_count = (uint32_t)count;
    if (q->log_line)
        header_of_log_line(q, headers);
    else if (q->from.n > 0)
        headers_add(headers, SLICE("From"), q->from);
    s->headers = headers;
    return 0;
}

void question_recipient(const struct question *q, size_t i, struct submission *s)
{
    s->has_recipient = true;
    s->recipient_text = q->recipient[i];
    s->recipient_result = parse_address(q, q->recipient[i], &s->recipient);
}

int question_stage(const struct question *q, enum stage *stage, bool *all, struct error *e)
{
    static const struct {
        const char *name;
        enum stage stage;
    } names[] = {{"connect", STAGE_CONNECT}, {"ehlo", STAGE_CONNECT}, {"helo", STAGE_CONNECT},
                 {"auth", STAGE_AUTH},       {"mail", STAGE_MAIL},    {"rcpt", STAGE_RCPT},
                 {"data", STAGE_DATA},       {"end", STAGE_END},      {"end-of-message", STAGE_END}};
    char shown[100];
    struct buf b = BUF_OVER(shown);

    *all = q->stage.n == 0;
    *stage = STAGE_END;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_ieq(q->stage, slice_of(names[i].name))) {
            *stage = names[i].stage;
            return 0;
        }
    if (*all)
        return 0;
    text_add_plain(&b, q->stage);
    return error_set(e, "there is no stage \"%s\": expected auth, mail, rcpt, data or end", shown);
}
