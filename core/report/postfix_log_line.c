#include "core/report/postfix_log_line.h"

#include <time.h>

#define DAY_S 86400
#define HOUR_S 3600
/* The years that a line without one may be back: the last 29th of February. */
#define YEARS_BACK 8

/* ---- reading ---- */

/* Takes a prefix off; false, and nothing taken, where the text begins otherwise. */
static bool take(struct slice *text, struct slice prefix)
{
    if (!slice_starts_with(*text, prefix))
        return false;
    *text = (struct slice){text->p + prefix.n, text->n - prefix.n};
    return true;
}

/* Takes exactly so many digits off. */
static bool take_digits(struct slice *text, size_t n, int *out)
{
    unsigned long long value;

    if (text->n < n || !slice_to_u64((struct slice){text->p, n}, 999999, &value))
        return false;
    *out = (int)value;
    *text = (struct slice){text->p + n, text->n - n};
    return true;
}

/* Takes the fraction of a second off, if there is one. */
static void skip_fraction(struct slice *text)
{
    size_t n = 1;

    if (text->n < 2 || (text->p[0] != '.' && text->p[0] != ','))
        return;
    while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
        n++;
    *text = (struct slice){text->p + n, text->n - n};
}

static bool take_clock(struct slice *text, int *minute, int *second)
{
    return take_digits(text, 2, minute) && *minute < 60 && take(text, SLICE(":")) && take_digits(text, 2, second) &&
           *second <= 60;
}

/* ---- times ---- */

static int month_named(struct slice name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++)
        if (memcmp(months + 3 * i, name.p, 3) == 0)
            return i;
    return -1;
}

/* The newest such hour that is not a day after the file was written. False: there is none. */
static bool find_year(const struct postfix_log_years *y, int month, int day, int hour, int64_t *out)
{
    time_t newest = (time_t)y->newest_s, at;
    struct tm now, tm;

    if (localtime_r(&newest, &now) == NULL)
        return false;
    for (int year = now.tm_year + 1; year > now.tm_year - YEARS_BACK; year--) {
        tm = (struct tm){.tm_year = year, .tm_mon = month, .tm_mday = day, .tm_hour = hour, .tm_isdst = -1};
        at = mktime(&tm);
        if (at > 0 && at <= newest + DAY_S && tm.tm_mon == month && tm.tm_mday == day) {
            *out = at;
            return true;
        }
    }
    return false;
}

/* "Nov 30 06:50:20", local time */
static bool take_traditional(struct slice *text, struct postfix_log_years *y, int64_t *out)
{
    struct slice rest = *text, hour_text = {text->p, sizeof y->hour};
    int month, day, hour, minute, second;

    if (rest.n < 15 || (month = month_named(rest)) < 0 || rest.p[3] != ' ')
        return false;
    rest = (struct slice){rest.p + 4, rest.n - 4};
    if (!(take(&rest, SLICE(" ")) ? take_digits(&rest, 1, &day) : take_digits(&rest, 2, &day)) || day < 1 || day > 31 ||
        !take(&rest, SLICE(" ")) || !take_digits(&rest, 2, &hour) || hour > 23 || !take(&rest, SLICE(":")) ||
        !take_clock(&rest, &minute, &second))
        return false;
    skip_fraction(&rest);
    if (memcmp(y->hour, hour_text.p, sizeof y->hour) != 0) {
        if (!find_year(y, month, day, hour, &y->hour_s))
            return false;
        memcpy(y->hour, hour_text.p, sizeof y->hour);
    }
    *out = y->hour_s + minute * 60 + second;
    *text = rest;
    return true;
}

/* "Z", "+01:00", "+0100": seconds east */
static bool take_zone(struct slice *text, int *east_s)
{
    int hours, minutes, sign;

    if (take(text, SLICE("Z"))) {
        *east_s = 0;
        return true;
    }
    sign = take(text, SLICE("+")) ? 1 : take(text, SLICE("-")) ? -1 : 0;
    if (sign == 0 || !take_digits(text, 2, &hours))
        return false;
    (void)take(text, SLICE(":"));
    if (!take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *east_s = sign * (hours * HOUR_S + minutes * 60);
    return true;
}

/* RFC 3339, or ISO 8601 as journalctl writes it: "2026-11-30T06:50:20.123456+01:00" */
static bool take_rfc3339(struct slice *text, int64_t *out)
{
    struct slice rest = *text;
    struct tm tm = {0};
    int east_s;

    if (!take_digits(&rest, 4, &tm.tm_year) || !take(&rest, SLICE("-")) || !take_digits(&rest, 2, &tm.tm_mon) ||
        !take(&rest, SLICE("-")) || !take_digits(&rest, 2, &tm.tm_mday) || !take(&rest, SLICE("T")) ||
        !take_digits(&rest, 2, &tm.tm_hour) || !take(&rest, SLICE(":")) || !take_clock(&rest, &tm.tm_min, &tm.tm_sec))
        return false;
    if (tm.tm_year < 1971 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23)
        return false;
    skip_fraction(&rest);
    if (!take_zone(&rest, &east_s))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *out = (int64_t)timegm(&tm) - east_s;
    *text = rest;
    return true;
}

/* "1796021420.123456", of journalctl --output=short-unix */
static bool take_unix(struct slice *text, int64_t *out)
{
    struct slice seconds, rest;
    unsigned long long value;

    if (!slice_cut(*text, '.', &seconds, &rest) || seconds.n < 9 || seconds.n > 10 ||
        !slice_to_u64(seconds, UINT32_MAX, &value) || rest.n == 0)
        return false;
    while (rest.n > 0 && rest.p[0] >= '0' && rest.p[0] <= '9')
        rest = (struct slice){rest.p + 1, rest.n - 1};
    *out = (int64_t)value;
    *text = rest;
    return true;
}

/* ---- the program ---- */

/* What each of Postfix's programs writes about a queued message. */
enum program { PROGRAM_OTHER, PROGRAM_SMTPD, PROGRAM_QMGR, PROGRAM_DELIVERS };

static enum program program_named(struct slice name)
{
    static const struct {
        const char *name;
        enum program program;
    } programs[] = {{"smtpd", PROGRAM_SMTPD},    {"qmgr", PROGRAM_QMGR},        {"nqmgr", PROGRAM_QMGR},
                    {"oqmgr", PROGRAM_QMGR},     {"smtp", PROGRAM_DELIVERS},    {"lmtp", PROGRAM_DELIVERS},
                    {"local", PROGRAM_DELIVERS}, {"virtual", PROGRAM_DELIVERS}, {"pipe", PROGRAM_DELIVERS}};

    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (slice_eq(name, slice_of(programs[i].name)))
            return programs[i].program;
    return PROGRAM_OTHER;
}

/*
 * "postfix/submission/smtpd[17]: ". Postfix's programs have the name of their service or instance before a slash
 * (syslog_name), and their number behind. False: no program's name.
 */
static bool take_program(struct slice *text, enum program *out)
{
    struct slice tag, rest, name;
    const char *slash;

    if (!slice_cut(*text, ':', &tag, &rest) || tag.n == 0 || memchr(tag.p, ' ', tag.n) != NULL)
        return false;
    *out = PROGRAM_OTHER;
    *text = rest;
    if (!take(text, SLICE(" ")) || !slice_cut(tag, '[', &name, NULL) ||
        (slash = memrchr(name.p, '/', name.n)) == NULL || slash == name.p)
        return true;
    *out = program_named((struct slice){slash + 1, (size_t)(name.p + name.n - (slash + 1))});
    return true;
}

/* ---- what it says ---- */

/*
 * Short queue ids are hexadecimal in upper case, long ones of digits and consonants (postconf(5),
 * enable_long_queue_ids): no word that a message of Postfix begins with is one.
 */
static bool take_queue_id(struct slice *text, struct slice *out)
{
    static const char digits[] = "0123456789", letters[] = "BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
    struct slice id, rest;
    bool hex = true, consonants = true;

    if (!slice_cut(*text, ':', &id, &rest) || id.n < 5 || id.n > 32 || !take(&rest, SLICE(" ")))
        return false;
    for (size_t i = 0; i < id.n; i++) {
        bool digit = memchr(digits, id.p[i], sizeof digits - 1) != NULL;

        hex &= digit || (id.p[i] >= 'A' && id.p[i] <= 'F');
        consonants &= digit || memchr(letters, id.p[i], sizeof letters - 1) != NULL;
    }
    if (!hex && !consonants)
        return false;
    *out = id;
    *text = rest;
    return true;
}

/* "NAME=VALUE" up to a comma or the end. */
static bool take_field(struct slice *text, struct slice name, struct slice *value)
{
    struct slice rest = *text;

    if (!take(&rest, name) || !take(&rest, SLICE("=")))
        return false;
    (void)slice_cut(rest, ',', value, text);
    return true;
}

/* "NAME[ADDRESS]", or with smtpd_client_port_logging "NAME[ADDRESS]:PORT". The address may be "unknown". */
static bool read_name_and_address(struct slice text, struct postfix_log_line *out)
{
    struct slice address, port;
    unsigned long long number;

    if (!slice_cut(text, '[', NULL, &text) || !slice_cut(text, ']', &address, &port) ||
        (port.n > 0 && !(take(&port, SLICE(":")) && slice_to_u64(port, 65535, &number))))
        return false;
    out->has_client = ip_parse(address, &out->client);
    return true;
}

/*
 * "client=NAME[ADDRESS], orig_queue_id=..., orig_client=..., sasl_method=..., sasl_username=..., sasl_sender=...": all
 * but the first may be missing, the order is this one. A login with a comma is not read.
 */
static bool read_client(struct slice text, struct postfix_log_line *out)
{
    static const struct slice fields[] = {
        {"orig_queue_id", 13}, {"orig_client", 11}, {"sasl_method", 11}, {"sasl_username", 13}, {"sasl_sender", 11}};
    struct slice value;
    size_t next = 0;

    if (!take_field(&text, SLICE("client"), &value) || !read_name_and_address(value, out))
        return false;
    while (text.n > 0) {
        size_t before = next;

        if (!take(&text, SLICE(" ")))
            return false;
        while (next < sizeof fields / sizeof *fields && !take_field(&text, fields[next], &value))
            next++;
        if (next == sizeof fields / sizeof *fields)
            return before == 5; /* what follows sasl_sender is part of it */
        if (next == 3)
            out->login = value;
        next++;
    }
    return true;
}

/* Takes "NAME=<ADDRESS>" off, whatever its quoted parts hold. */
static bool take_address(struct slice *text, struct slice name)
{
    struct slice rest = *text;
    bool quoted = false;
    size_t i;

    if (!take(&rest, name) || !take(&rest, SLICE("=<")))
        return false;
    for (i = 0; i < rest.n && (quoted || rest.p[i] != '>'); i++) {
        if (quoted && rest.p[i] == '\\')
            i++;
        else if (rest.p[i] == '"')
            quoted = !quoted;
    }
    if (i >= rest.n)
        return false;
    *text = (struct slice){rest.p + i + 1, rest.n - i - 1};
    return true;
}

/* "from=<ADDRESS>, size=651, nrcpt=1 (queue active)" */
static bool read_queued(struct slice text, struct postfix_log_line *out)
{
    struct slice size, count;
    unsigned long long n;

    if (!take_address(&text, SLICE("from")) || !take(&text, SLICE(", ")) || !take_field(&text, SLICE("size"), &size) ||
        !take(&text, SLICE(" nrcpt=")) || !slice_cut(text, ' ', &count, NULL) || !slice_to_u64(count, UINT32_MAX, &n))
        return false;
    out->recipients = (uint32_t)n;
    return true;
}

/* "to=<ADDRESS>, orig_to=<ADDRESS>, relay=..., delay=..., delays=..., dsn=..., status=sent (...)". Only names of
 * servers and numbers stand between the addresses and the status. */
static enum postfix_log_event read_delivery(struct slice text)
{
    static const struct slice status = {", status=", 9};
    const char *at;

    if (!take_address(&text, SLICE("to")))
        return POSTFIX_LOG_UNREAD;
    if (slice_starts_with(text, SLICE(", orig_to=")) &&
        (!take(&text, SLICE(", ")) || !take_address(&text, SLICE("orig_to"))))
        return POSTFIX_LOG_UNREAD;
    if (text.n < status.n || (at = memmem(text.p, text.n, status.p, status.n)) == NULL)
        return POSTFIX_LOG_UNREAD;
    text = (struct slice){at + status.n, (size_t)(text.p + text.n - at) - status.n};
    return slice_starts_with(text, SLICE("sent ")) || slice_eq(text, SLICE("sent")) ? POSTFIX_LOG_SENT
                                                                                    : POSTFIX_LOG_OTHER;
}

static enum postfix_log_event read_queue_manager(struct slice text, struct postfix_log_line *out)
{
    if (slice_eq(text, SLICE("removed")))
        return POSTFIX_LOG_REMOVED;
    /* "from=<...>, status=expired, returned to sender" */
    if (!slice_starts_with(text, SLICE("from=<")) || memmem(text.p, text.n, ", nrcpt=", 8) == NULL)
        return POSTFIX_LOG_OTHER;
    return read_queued(text, out) ? POSTFIX_LOG_QUEUED : POSTFIX_LOG_UNREAD;
}

/* A message that a filter gets before it is queued; its reply names the queue id, in words of the filter's. */
static enum postfix_log_event read_unqueued(struct slice text, struct postfix_log_line *out)
{
    return take(&text, SLICE("NOQUEUE: ")) && slice_starts_with(text, SLICE("client=")) && read_client(text, out) &&
                   out->login.n > 0
               ? POSTFIX_LOG_FILTER
               : POSTFIX_LOG_OTHER;
}

static enum postfix_log_event read_message(enum program program, struct slice text, struct postfix_log_line *out)
{
    if (program == PROGRAM_OTHER)
        return POSTFIX_LOG_OTHER;
    if (!take_queue_id(&text, &out->queue_id))
        return program == PROGRAM_SMTPD ? read_unqueued(text, out) : POSTFIX_LOG_OTHER;
    if (program == PROGRAM_QMGR)
        return read_queue_manager(text, out);
    if (program == PROGRAM_DELIVERS)
        return slice_starts_with(text, SLICE("to=<")) ? read_delivery(text) : POSTFIX_LOG_OTHER;
    if (!slice_starts_with(text, SLICE("client=")))
        return POSTFIX_LOG_OTHER;
    return read_client(text, out) ? POSTFIX_LOG_CLIENT : POSTFIX_LOG_UNREAD;
}

void postfix_log_read(struct slice line, struct postfix_log_years *years, struct postfix_log_line *out)
{
    enum program program;
    struct slice host;

    *out = (struct postfix_log_line){.event = POSTFIX_LOG_OTHER};
    /* "-- Boot 2f... --", as journalctl has between others. */
    if (line.n == 0 || slice_starts_with(line, SLICE("-- ")))
        return;
    out->event = POSTFIX_LOG_UNREAD;
    if ((!take_traditional(&line, years, &out->at_s) && !take_rfc3339(&line, &out->at_s) &&
         !take_unix(&line, &out->at_s)) ||
        !take(&line, SLICE(" ")) || !slice_cut(line, ' ', &host, &line) || host.n == 0)
        return;
    out->host = host;
    out->event = take_program(&line, &program) ? read_message(program, line, out) : POSTFIX_LOG_OTHER;
}
