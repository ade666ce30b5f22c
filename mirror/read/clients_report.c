#include "mirror/read/clients_report.h"

#include "core/base/buf.h"
#include "mirror/words.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAME_MAX_BYTES 64

/* What columns are called: lower-case letters and digits alone. */
static const struct {
    const char *text;
    enum clients_report_column column;
} names[] = {
    {"senderaddress", REPORT_SENDER},
    {"sender", REPORT_SENDER},
    {"senderemail", REPORT_SENDER},
    {"senderemailaddress", REPORT_SENDER},
    {"sendersmtpaddress", REPORT_SENDER},
    {"indirizzodelmittente", REPORT_SENDER}, /* the vendor's page in Italian */
    {"domain", REPORT_DOMAIN},
    {"dominio", REPORT_DOMAIN},
    {"senderdomain", REPORT_DOMAIN},
    {"sendingdomain", REPORT_DOMAIN},
    {"messagessent", REPORT_MESSAGES},
    {"messages", REPORT_MESSAGES},
    {"messagecount", REPORT_MESSAGES},
    {"sentmessages", REPORT_MESSAGES},
    {"numberofmessages", REPORT_MESSAGES},
    {"numberofmessagessent", REPORT_MESSAGES},
    {"totalmessages", REPORT_MESSAGES},
    {"totalmessagessent", REPORT_MESSAGES},
    {"messaggiinviati", REPORT_MESSAGES},
    {"tls10", REPORT_TLS_1_0},
    {"tls11", REPORT_TLS_1_1},
    {"tls12", REPORT_TLS_1_2},
    {"tls13", REPORT_TLS_1_3},
    {"authenticationprotocol", REPORT_PROTOCOL},
    {"authprotocol", REPORT_PROTOCOL},
    {"authenticationtype", REPORT_PROTOCOL},
    {"authenticationmethod", REPORT_PROTOCOL},
    {"authtype", REPORT_PROTOCOL},
    {"date", REPORT_DATE},
    {"day", REPORT_DATE},
    {"reportdate", REPORT_DATE},
};

/* What the report never has, and a message trace does. */
static const char *const strangers[] = {"recipientaddress", "recipient", "recipients",     "subject",
                                        "received",         "messageid", "messagetraceid", "reason"};

/* "(percentage)" and the like behind a version of TLS say nothing new. */
static const char *const endings[] = {"percentage", "percent", "percentuale", "messages", "count"};

/* ---- the header ---- */

static struct slice plain_name(struct slice name, char mem[NAME_MAX_BYTES])
{
    struct slice plain = {mem, 0};

    for (size_t i = 0; i < name.n && plain.n < NAME_MAX_BYTES; i++) {
        char c = ascii_lower(name.p[i]);

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            mem[plain.n++] = c;
    }
    for (size_t i = 0; slice_starts_with(plain, SLICE("tls")) && i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i]);

        if (plain.n > n && memcmp(plain.p + plain.n - n, endings[i], n) == 0)
            plain.n -= n;
    }
    return plain;
}

static bool is_stranger(struct slice plain)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (slice_eq(plain, slice_of(strangers[i])))
            return true;
    return false;
}

/* 0; 1: it has a column that no such report has; -1 with e. */
static int read_header(struct clients_report *r, struct error *e)
{
    char mem[NAME_MAX_BYTES];
    int more = csv_next(&r->csv, e);

    for (int i = 0; i < REPORT_COLUMNS; i++)
        r->at[i] = -1;
    if (more <= 0)
        return more < 0 ? -1 : 1;
    for (size_t i = 0; i < r->csv.n_cells; i++) {
        struct slice plain = plain_name(csv_cell(&r->csv, i), mem);

        if (is_stranger(plain))
            return 1;
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            if (slice_eq(plain, slice_of(names[j].text)) && r->at[names[j].column] < 0)
                r->at[names[j].column] = (int)i;
    }
    return 0;
}

static bool has(const struct clients_report *r, enum clients_report_column column)
{
    return r->at[column] >= 0;
}

/* Several signs, since a sender's address alone is in many an export. */
static bool looks_like_it(const struct clients_report *r)
{
    int tls = 0;

    for (int i = REPORT_TLS_1_0; i <= REPORT_TLS_1_3; i++)
        tls += has(r, (enum clients_report_column)i);
    return has(r, REPORT_SENDER) &&
           (tls >= 2 || (has(r, REPORT_MESSAGES) && (tls > 0 || has(r, REPORT_DOMAIN) || has(r, REPORT_PROTOCOL))));
}

void clients_report_close(struct clients_report *r)
{
    csv_close(&r->csv);
    input_close(&r->in);
}

bool clients_report_is(const char *path)
{
    struct clients_report r;
    struct stat st;
    struct error e;
    bool is;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || input_open(path, &r.in, &e) != 0)
        return false;
    csv_open(&r.csv, &r.in);
    is = read_header(&r, &e) == 0 && looks_like_it(&r);
    clients_report_close(&r);
    return is;
}

/* r->in is open. */
static int report_begin(struct clients_report *r, struct error *e)
{
    int result;

    csv_open(&r->csv, &r->in);
    result = read_header(r, e);
    if (result == 0 && looks_like_it(r) && has(r, REPORT_MESSAGES))
        return 0;
    if (result >= 0)
        (void)error_set(e,
                        "%s: looks like the SMTP AUTH clients report, but has no column \"Messages sent\"; export the "
                        "whole table",
                        r->in.path);
    clients_report_close(r);
    return -1;
}

int clients_report_open(const char *path, struct clients_report *r, struct error *e)
{
    return input_open(path, &r->in, e) == 0 ? report_begin(r, e) : -1;
}

int clients_report_memory(struct slice bytes, const char *name, struct clients_report *r, struct error *e)
{
    return input_memory(bytes, name, &r->in, e) == 0 ? report_begin(r, e) : -1;
}

/* ---- rows ---- */

static struct slice cell(const struct clients_report *r, enum clients_report_column column)
{
    return has(r, column) ? slice_trim(csv_cell(&r->csv, (size_t)r->at[column])) : (struct slice){NULL, 0};
}

static int bad_cell(const struct clients_report *r, const char *what, struct slice text, struct error *e)
{
    return error_set(e, "%s: line %lu: \"%s\" is not a %s", r->in.path, r->csv.line, words(text).text, what);
}

/* How long a separator of thousands is there: "1,234", "1.234", "1 234" (also with a no-break space); 0: none is. */
static size_t separator(struct slice rest)
{
    if (rest.n >= 2 && (memcmp(rest.p, "\xc2\xa0", 2) == 0))
        return 2;
    if (rest.n >= 3 && (memcmp(rest.p, "\xe2\x80\xaf", 3) == 0))
        return 3;
    return rest.n >= 1 && strchr(",. '", rest.p[0]) != NULL ? 1 : 0;
}

/* Digits, in groups of three where there are separators. */
static bool read_count(struct slice text, uint64_t *out)
{
    char digits[24];
    struct buf b = BUF_OVER(digits);
    size_t i = 0, group = 0, n;
    bool grouped = false;
    unsigned long long value;

    while (i < text.n) {
        if (text.p[i] >= '0' && text.p[i] <= '9') {
            buf_add_char(&b, text.p[i++]);
            group++;
        } else if ((n = separator((struct slice){text.p + i, text.n - i})) > 0 && (grouped ? group == 3 : group > 0) &&
                   group <= 3) {
            grouped = true;
            group = 0;
            i += n;
        } else {
            return false;
        }
    }
    if (b.full || (grouped && group != 3) || !slice_to_u64(buf_slice(&b), INT64_MAX, &value))
        return false;
    *out = value;
    return true;
}

static bool is_some(struct slice share)
{
    for (size_t i = 0; i < share.n; i++)
        if (share.p[i] >= '1' && share.p[i] <= '9')
            return true;
    return false;
}

static int oldest_tls(const struct clients_report *r)
{
    for (int i = REPORT_TLS_1_0; i <= REPORT_TLS_1_3; i++)
        if (is_some(cell(r, (enum clients_report_column)i)))
            return i - REPORT_TLS_1_0;
    return -1;
}

static enum report_protocol protocol_of(struct slice text)
{
    bool basic = slice_contains_icase(text, SLICE("basic")),
         oauth = slice_contains_icase(text, SLICE("oauth")) || slice_contains_icase(text, SLICE("modern"));

    return basic == oauth ? PROTOCOL_UNKNOWN : basic ? PROTOCOL_BASIC : PROTOCOL_OAUTH;
}

/* "2026-11-30" and whatever time follows; other orders of day and month are anybody's guess. */
static bool read_day(struct slice text, int64_t *day_s)
{
    char copy[11];
    struct tm tm = {.tm_isdst = 0};
    const char *end;

    if (text.n < 10 || (text.n > 10 && text.p[10] != 'T' && text.p[10] != ' '))
        return false;
    memcpy(copy, text.p, 10);
    copy[10] = '\0';
    end = strptime(copy, "%Y-%m-%d", &tm);
    if (end != copy + 10)
        return false;
    *day_s = (int64_t)timegm(&tm);
    return *day_s > 0;
}

int clients_report_next(struct clients_report *r, struct clients_report_row *row, struct error *e)
{
    struct slice text, day;
    int more = csv_next(&r->csv, e);

    if (more <= 0)
        return more;
    *row = (struct clients_report_row){
        .sender = cell(r, REPORT_SENDER), .tls = oldest_tls(r), .protocol = protocol_of(cell(r, REPORT_PROTOCOL))};
    text = cell(r, REPORT_MESSAGES);
    day = cell(r, REPORT_DATE);
    if (row->sender.n == 0)
        return bad_cell(r, "sender's address", row->sender, e);
    if (!read_count(text, &row->messages))
        return bad_cell(r, "number of messages", text, e);
    if (day.n > 0 && !read_day(day, &row->day_s))
        return bad_cell(r, "day as in 2026-11-30", day, e);
    return 1;
}
