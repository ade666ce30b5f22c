#include "web/request_head.h"

#include <limits.h>

static const struct refusal_row rows[REFUSAL_COUNT] = {
    [REFUSAL_NONE] = {200, "OK", ""},
    [REFUSAL_LINE] = {400, "Bad Request", "the first line is not METHOD /target HTTP/1.1, ended by CR LF"},
    [REFUSAL_VERSION] = {505, "HTTP Version Not Supported", "HTTP/1.1 and HTTP/1.0 are spoken here"},
    [REFUSAL_METHOD] = {501, "Not Implemented", "the methods here are GET, HEAD and POST"},
    [REFUSAL_TARGET] = {400, "Bad Request", "the target is no path with a query (RFC 3986) that begins with one slash"},
    [REFUSAL_TARGET_LONG] = {414, "URI Too Long", "the target has more than 2048 bytes"},
    [REFUSAL_FIELDS_LONG] = {431, "Request Header Fields Too Large", "the header has more than 8192 bytes or 64 lines"},
    [REFUSAL_FIELD] = {400, "Bad Request", "a header line is not name, colon, printable value, CR LF"},
    [REFUSAL_FOLDED] = {400, "Bad Request", "a header line begins with a blank"},
    [REFUSAL_TWICE] = {400, "Bad Request", "a header field is there twice"},
    [REFUSAL_CODING] = {400, "Bad Request", "Transfer-Encoding is not taken here; send Content-Length"},
    [REFUSAL_LENGTH] = {400, "Bad Request", "Content-Length is not one number"},
    [REFUSAL_NO_LENGTH] = {411, "Length Required", "POST needs Content-Length"},
    [REFUSAL_BODY_LONG] = {413, "Content Too Large", "the body has more than 65536 bytes"},
    [REFUSAL_BODY] = {400, "Bad Request", "only POST has a body here"},
    [REFUSAL_EXPECTATION] = {417, "Expectation Failed", "only 100-continue can be expected"},
    [REFUSAL_NO_HOST] = {400, "Bad Request", "there is no Host, or it is not a name with an optional port"},
    [REFUSAL_FOREIGN_HOST] = {421, "Misdirected Request", "the page is not called by that Host"},
};

const struct refusal_row *refusal_row(enum refusal refusal)
{
    return &rows[refusal];
}

/* ---- characters ---- */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* RFC 9110 5.6.2 */
static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], "!#$%&'*+-.^_`|~"))
            return false;
    return s.n > 0;
}

/* Visible ASCII, blanks and tabs; other bytes from 0x80 on too, where foreign ones are tolerated (RFC 9110 5.5). */
static bool is_value(struct slice s, bool foreign)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f || (c >= 0x80 && !foreign))
            return false;
    }
    return true;
}

/* Blanks and tabs around a value (RFC 9110 5.6.3); CR and LF are no blanks here. */
static struct slice trim_blanks(struct slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct slice){s.p + 1, s.n - 1};
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* The next line without its CR LF, which must be there; false for a bare LF, a bare CR, or no end. */
static bool next_line(struct slice *rest, struct slice *line)
{
    const char *lf = memchr(rest->p, '\n', rest->n);
    size_t n = lf != NULL ? (size_t)(lf - rest->p) : 0;

    if (n == 0 || rest->p[n - 1] != '\r' || memchr(rest->p, '\r', n - 1) != NULL)
        return false;
    *line = (struct slice){rest->p, n - 1};
    *rest = (struct slice){rest->p + n + 1, rest->n - n - 1};
    return true;
}

/* ---- the first line ---- */

/* pchar, "/" and "?" (RFC 3986 3.3, 3.4), whole percent-encoded bytes, and none of these a NUL. */
static bool is_target(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_alnum(s.p[i]) || is_one_of(s.p[i], "-._~!$&'()*+,;=:@/?"))
            continue;
        if (s.p[i] != '%' || s.n - i < 3 || hex_digit(s.p[i + 1]) < 0 || hex_digit(s.p[i + 2]) < 0 ||
            hex_digit(s.p[i + 1]) + hex_digit(s.p[i + 2]) == 0)
            return false;
        i += 2;
    }
    /* "//name/path" names another server to some readers. */
    return s.n > 0 && s.p[0] == '/' && !slice_starts_with(s, SLICE("//"));
}

static enum refusal read_first_line(struct slice line, struct request_head *out)
{
    struct slice rest, version;

    if (!slice_cut(line, ' ', &out->method, &rest) || !slice_cut(rest, ' ', &out->target, &version) ||
        !is_token(out->method) || !slice_starts_with(version, SLICE("HTTP/")))
        return REFUSAL_LINE;
    if (!slice_eq(version, SLICE("HTTP/1.1")) && !slice_eq(version, SLICE("HTTP/1.0")))
        return REFUSAL_VERSION;
    out->closes = slice_eq(version, SLICE("HTTP/1.0"));
    if (out->target.n > TARGET_MAX)
        return REFUSAL_TARGET_LONG;
    if (!slice_eq(out->method, SLICE("GET")) && !slice_eq(out->method, SLICE("HEAD")) &&
        !slice_eq(out->method, SLICE("POST")))
        return REFUSAL_METHOD;
    return is_target(out->target) ? REFUSAL_NONE : REFUSAL_TARGET;
}

/* ---- fields ---- */

static const struct slice kept_names[KEPT_FIELDS] = {
    [KEPT_ACCEPT] = {"Accept", 6},
    [KEPT_AUTHORIZATION] = {"Authorization", 13},
    [KEPT_CONTENT_TYPE] = {"Content-Type", 12},
    [KEPT_COOKIE] = {"Cookie", 6},
    [KEPT_IF_NONE_MATCH] = {"If-None-Match", 13},
    [KEPT_ORIGIN] = {"Origin", 6},
    [KEPT_SEC_FETCH_SITE] = {"Sec-Fetch-Site", 14},
    [KEPT_PROOF] = {"X-Postern-Proof", 15},
    [KEPT_PROXY] = {"X-Postern-Proxy", 15},
    [KEPT_PROXY_PROTO] = {"X-Forwarded-Proto", 17},
    [KEPT_PROXY_USER] = {"X-Postern-User", 14},
    [KEPT_PROXY_GROUPS] = {"X-Postern-Groups", 16},
};

const char *kept_field_name(enum kept_field field)
{
    return kept_names[field].p;
}

struct fields {
    struct slice length, expect, connection;
};

/* Where a field's value is noted; NULL: it is left out. */
static struct slice *place_of(struct slice name, const struct site *site, struct request_head *head,
                              struct fields *fields)
{
    if (slice_ieq(name, SLICE("Host")))
        return &head->host;
    if (slice_ieq(name, SLICE("Content-Length")))
        return &fields->length;
    if (slice_ieq(name, SLICE("Expect")))
        return &fields->expect;
    if (slice_ieq(name, SLICE("Connection")))
        return &fields->connection;
    if (site->user_field != NULL && slice_ieq(name, slice_of(site->user_field)))
        return &head->kept[KEPT_PROXY_USER];
    if (site->groups_field != NULL && slice_ieq(name, slice_of(site->groups_field)))
        return &head->kept[KEPT_PROXY_GROUPS];
    for (size_t i = 0; i < KEPT_PROXY_USER; i++)
        if (slice_ieq(name, kept_names[i]))
            return &head->kept[i];
    return NULL;
}

/* What two readers might take differently is refused, even where a list may stand in several lines. */
static enum refusal read_field(struct slice line, const struct site *site, struct request_head *head,
                               struct fields *fields)
{
    struct slice name, value, *place;

    if (line.p[0] == ' ' || line.p[0] == '\t')
        return REFUSAL_FOLDED;
    if (!slice_cut(line, ':', &name, &value) || !is_token(name))
        return REFUSAL_FIELD;
    if (slice_ieq(name, SLICE("Transfer-Encoding")))
        return REFUSAL_CODING;
    place = place_of(name, site, head, fields);
    /* Groups are named as their directory has it; only those in ASCII are compared with. */
    if (!is_value(value, place == NULL || place == &head->kept[KEPT_PROXY_GROUPS]))
        return REFUSAL_FIELD;
    if (place == NULL)
        return REFUSAL_NONE;
    if (place->p != NULL)
        return REFUSAL_TWICE;
    *place = trim_blanks(value);
    return REFUSAL_NONE;
}

static enum refusal read_fields(struct slice rest, const struct site *site, struct request_head *head,
                                struct fields *fields)
{
    struct slice line;
    enum refusal refusal;

    if (rest.n > FIELDS_MAX)
        return REFUSAL_FIELDS_LONG;
    for (unsigned i = 0; i <= FIELD_LINES_MAX; i++) {
        if (!next_line(&rest, &line))
            return REFUSAL_FIELD;
        if (line.n == 0)
            return rest.n == 0 ? REFUSAL_NONE : REFUSAL_FIELD;
        if ((refusal = read_field(line, site, head, fields)) != REFUSAL_NONE)
            return refusal;
    }
    return REFUSAL_FIELDS_LONG;
}

static enum refusal judge_host(struct slice host, const struct site *site)
{
    bool bracketed = slice_starts_with(host, SLICE("["));
    struct slice name, port;
    unsigned long long number;

    if (host.n == 0)
        return REFUSAL_NO_HOST;
    if (bracketed && slice_cut(host, ']', &name, &port)) /* the bracket belongs to the name */
        name.n++;
    else if (slice_cut(host, ':', &name, NULL))
        port = (struct slice){name.p + name.n, host.n - name.n};
    else
        port = SLICE("");
    if (name.n == 0 ||
        (port.n > 0 && (port.p[0] != ':' || !slice_to_u64((struct slice){port.p + 1, port.n - 1}, 65535, &number))))
        return REFUSAL_NO_HOST;
    for (size_t i = 0; i < site->n; i++)
        if (slice_ieq(name, slice_of(site->names[i])))
            return REFUSAL_NONE;
    return REFUSAL_FOREIGN_HOST;
}

static enum refusal judge_body(const struct fields *fields, struct request_head *head)
{
    bool post = slice_eq(head->method, SLICE("POST"));
    unsigned long long length = 0;

    if (fields->length.p == NULL)
        return post ? REFUSAL_NO_LENGTH : REFUSAL_NONE;
    if (!slice_to_u64(fields->length, ULLONG_MAX, &length))
        return REFUSAL_LENGTH;
    if (!post && length > 0)
        return REFUSAL_BODY;
    if (length > BODY_MAX)
        return REFUSAL_BODY_LONG;
    head->body = (unsigned)length;
    return REFUSAL_NONE;
}

static bool has_word(struct slice list, struct slice word)
{
    struct slice item;

    while (list.n > 0) {
        (void)slice_cut(list, ',', &item, &list);
        if (slice_ieq(trim_blanks(item), word))
            return true;
    }
    return false;
}

/* ---- all of it ---- */

size_t request_head_length(struct slice bytes, size_t looked)
{
    size_t from = looked > 3 ? looked - 3 : 0;
    const char *end = bytes.n > from ? memmem(bytes.p + from, bytes.n - from, "\r\n\r\n", 4) : NULL;

    return end != NULL ? (size_t)(end - bytes.p) + 4 : 0;
}

enum refusal request_head_too_long(struct slice bytes)
{
    return memchr(bytes.p, '\n', bytes.n < REQUEST_LINE_MAX ? bytes.n : REQUEST_LINE_MAX) == NULL ? REFUSAL_TARGET_LONG
                                                                                                  : REFUSAL_FIELDS_LONG;
}

enum refusal request_head_read(struct slice head, const struct site *site, struct request_head *out)
{
    struct fields fields = {.length = {NULL, 0}};
    struct slice line;
    enum refusal refusal;

    *out = (struct request_head){.body = 0};
    if (!next_line(&head, &line))
        return REFUSAL_LINE;
    if ((refusal = read_first_line(line, out)) != REFUSAL_NONE ||
        (refusal = read_fields(head, site, out, &fields)) != REFUSAL_NONE ||
        (refusal = judge_host(out->host, site)) != REFUSAL_NONE || (refusal = judge_body(&fields, out)) != REFUSAL_NONE)
        return refusal;
    if (fields.expect.p != NULL && !slice_ieq(fields.expect, SLICE("100-continue")))
        return REFUSAL_EXPECTATION;
    out->waits = fields.expect.p != NULL && out->body > 0 && !out->closes; /* not in HTTP/1.0 (RFC 9110 10.1.1) */
    out->closes |= has_word(fields.connection, SLICE("close"));
    return REFUSAL_NONE;
}

static void write_field(struct buf *out, struct slice name, struct slice value)
{
    buf_add(out, name);
    buf_add(out, SLICE(": "));
    buf_add(out, value);
    buf_add(out, SLICE("\r\n"));
}

void request_head_write(const struct request_head *head, struct buf *out)
{
    buf_add(out, head->method);
    buf_add_char(out, ' ');
    buf_add(out, head->target);
    buf_add(out, SLICE(" HTTP/1.1\r\n"));
    write_field(out, SLICE("Host"), head->host);
    for (size_t i = 0; i < KEPT_FIELDS; i++)
        if (head->kept[i].p != NULL)
            write_field(out, kept_names[i], head->kept[i]);
    if (slice_eq(head->method, SLICE("POST")))
        buf_addf(out, "Content-Length: %u\r\n", head->body);
    if (head->waits)
        write_field(out, SLICE("Expect"), SLICE("100-continue"));
    if (head->closes)
        write_field(out, SLICE("Connection"), SLICE("close"));
    buf_add(out, SLICE("\r\n"));
}
