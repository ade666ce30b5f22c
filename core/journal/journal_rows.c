/* Decisions and usage as rows of SQLite's tables. What is read may be anything: it is cut, clamped, or left out. */
#include "core/journal/journal_parts.h"
#include "core/journal/usage_clients.h"

#define TEXT(column, member)                                                                                           \
    {offsetof(struct journal_event, member), offsetof(struct journal_record, member),                                  \
     sizeof((struct journal_record *)0)->member},
const struct journal_text journal_texts[JOURNAL_TEXT_COUNT] = {JOURNAL_TEXTS(TEXT)};
#undef TEXT

/* The places of DECISION_COLUMNS. */
enum {
    AT,
    VERDICT,
    REASON,
    WOULD,
    PROGRAM,
    STAGE,
    TLS,
    CLIENT,
    RECIPIENTS,
    SIZE,
    RETRY,
    TIMES,
    MESSAGES,
    FAULT_FIELD,
    TEXTS
};
#define KEYS (TEXTS + JOURNAL_TEXT_COUNT) /* DECISION_KEYS behind them */

/* No secret: who makes names that have the same key makes looking for them slower, and that is all. */
static const struct hash_secret names_secret;

/* ---- one value ---- */

static void bind_text(sqlite3_stmt *s, int parameter, struct slice text)
{
    if (text.n > 0)
        (void)sqlite3_bind_text(s, parameter, text.p, (int)text.n, SQLITE_STATIC);
    else
        (void)sqlite3_bind_null(s, parameter);
}

static void bind_name(sqlite3_stmt *s, int parameter, const char *name)
{
    bind_text(s, parameter, slice_of(name));
}

/* Up to a NUL. Valid until the statement's next step. */
static struct slice read_text(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    return (struct slice){text, text != NULL ? strnlen(text, (size_t)sqlite3_column_bytes(s, column)) : 0};
}

static uint32_t read_u32(sqlite3_stmt *s, int column)
{
    uint64_t v = database_column_number(s, column);

    return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

/* The number of a name, below n; n: there is none. */
static unsigned number_of(struct slice name, unsigned n, const char *(*name_of)(unsigned))
{
    unsigned i = 0;

    while (i < n && !slice_eq(name, slice_of(name_of(i))))
        i++;
    return i;
}

static const char *action_of(unsigned i)
{
    return action_name((enum action)i);
}

static const char *stage_of(unsigned i)
{
    return stage_name((enum stage)i);
}

static const char *tls_of(unsigned i)
{
    return tls_version_name((enum tls_version)i);
}

static const char *field_of(unsigned i)
{
    return header_field_name((enum header_field)i);
}

/* An empty name is REASON_NOT_OURS; false when it is none of ours. */
static bool read_reason(sqlite3_stmt *s, int column, enum reason *out)
{
    struct slice name = read_text(s, column);

    *out = REASON_NOT_OURS;
    return name.n == 0 || reason_find(name, out);
}

/* ---- a decision ---- */

int32_t decision_key(struct slice name)
{
    char text[256]; /* longer than any that is kept */
    size_t n = name.n < sizeof text ? name.n : sizeof text;

    for (size_t i = 0; i < n; i++)
        text[i] = ascii_lower(name.p[i]);
    return (int32_t)(uint32_t)hash_slice(&names_secret, (struct slice){text, n});
}

static void bind_keys(sqlite3_stmt *s, const struct journal_event *v, int64_t part)
{
    struct slice name = v->mailbox.n > 0   ? v->mailbox
                        : v->account.n > 0 ? v->account
                        : v->login.n > 0   ? v->login
                                           : v->connector;

    (void)sqlite3_bind_int64(s, 1 + KEYS, part);
    if (name.n > 0)
        (void)sqlite3_bind_int(s, 2 + KEYS, decision_key(name));
    else
        (void)sqlite3_bind_null(s, 2 + KEYS);
    if (v->login.n > 0 && !slice_ieq(v->login, name))
        (void)sqlite3_bind_int(s, 3 + KEYS, decision_key(v->login));
    else
        (void)sqlite3_bind_null(s, 3 + KEYS);
}

void decision_bind(sqlite3_stmt *s, const struct journal_event *v, int64_t part)
{
    char client[IP_TEXT_MAX];

    database_bind_number(s, 1 + AT, v->at_ns);
    bind_name(s, 1 + VERDICT, action_name(v->action));
    bind_name(s, 1 + REASON, reason_row(v->reason)->name);
    bind_name(s, 1 + WOULD, v->monitored != REASON_NOT_OURS ? reason_row(v->monitored)->name : NULL);
    bind_name(s, 1 + PROGRAM, journal_program(v->stage, v->milter));
    bind_name(s, 1 + STAGE, stage_name(v->stage));
    bind_name(s, 1 + TLS, tls_version_name(v->tls));
    if (v->has_client) {
        struct slice text = ip_text(&v->client, client);

        (void)sqlite3_bind_text(s, 1 + CLIENT, text.p, (int)text.n, SQLITE_TRANSIENT);
    } else
        (void)sqlite3_bind_null(s, 1 + CLIENT);
    database_bind_number(s, 1 + RECIPIENTS, v->recipients);
    database_bind_number(s, 1 + SIZE, v->size);
    database_bind_number(s, 1 + RETRY, v->retry_s);
    database_bind_number(s, 1 + TIMES, v->times);
    database_bind_number(s, 1 + MESSAGES, v->messages);
    bind_name(s, 1 + FAULT_FIELD, v->fault.n > 0 ? header_field_name(v->fault_field) : NULL);
    for (int i = 0; i < JOURNAL_TEXT_COUNT; i++)
        bind_text(s, 1 + TEXTS + i, *journal_text_of((struct journal_event *)(uintptr_t)v, i));
    bind_keys(s, v, part);
}

static bool read_names(sqlite3_stmt *s, struct journal_record *r)
{
    struct slice field = read_text(s, FAULT_FIELD);
    unsigned action = number_of(read_text(s, VERDICT), ACTION_HOLD + 1, action_of);
    unsigned stage = number_of(read_text(s, STAGE), STAGE_END + 1, stage_of);
    unsigned tls = number_of(read_text(s, TLS), TLS_NEWER + 1, tls_of);
    unsigned fault = field.n == 0 ? HEADER_FROM : number_of(field, HEADER_RESENT_SENDER + 1, field_of);

    r->action = (enum action)action;
    r->stage = (enum stage)stage;
    r->tls = (enum tls_version)tls;
    r->fault_field = (enum header_field)fault;
    return action <= ACTION_HOLD && stage <= STAGE_END && tls <= TLS_NEWER && fault <= HEADER_RESENT_SENDER &&
           read_reason(s, REASON, &r->reason) && read_reason(s, WOULD, &r->monitored);
}

bool decision_read(sqlite3_stmt *s, struct journal_record *r)
{
    struct slice client = read_text(s, CLIENT);

    memset(r, 0, sizeof *r);
    if (!read_names(s, r))
        return false;
    r->at_ns = database_column_number(s, AT);
    r->milter = slice_eq(read_text(s, PROGRAM), SLICE("milter"));
    r->has_client = client.n > 0;
    if (r->has_client && !ip_parse(client, &r->client))
        return false;
    r->recipients = read_u32(s, RECIPIENTS);
    r->size = database_column_number(s, SIZE);
    r->retry_s = database_column_number(s, RETRY);
    r->times = read_u32(s, TIMES);
    r->messages = read_u32(s, MESSAGES);
    r->counts = r->messages > 0;
    for (int i = 0; i < JOURNAL_TEXT_COUNT; i++) {
        struct slice text = read_text(s, TEXTS + i);
        size_t most = (size_t)journal_texts[i].cap - 1;

        if (text.n > 0)
            memcpy((char *)r + journal_texts[i].record, text.p, text.n < most ? text.n : most);
    }
    return r->times > 0 && r->messages <= r->times;
}

/* ---- usage ---- */

static const uint16_t usage_numbers[] = {
    offsetof(struct usage, first_s),        offsetof(struct usage, last_s),
    offsetof(struct usage, last_refused_s), offsetof(struct usage, messages),
    offsetof(struct usage, recipients),     offsetof(struct usage, bytes),
    offsetof(struct usage, basic),          offsetof(struct usage, oauth),
    offsetof(struct usage, tls[TLS_NONE]),  offsetof(struct usage, tls[TLS_OLD]),
    offsetof(struct usage, tls[TLS_V1_0]),  offsetof(struct usage, tls[TLS_V1_1]),
    offsetof(struct usage, tls[TLS_V1_2]),  offsetof(struct usage, tls[TLS_V1_3]),
    offsetof(struct usage, tls[TLS_NEWER]),
};
#define NUMBERS USAGE_NUMBERS
_Static_assert(sizeof usage_numbers / sizeof usage_numbers[0] == USAGE_NUMBERS, "each has its place");
_Static_assert(USAGE_NUMBERS + 3 == USAGE_COLUMN_COUNT, "a column for each");

/* All of them are 64 bits wide, and those that are signed are not negative. */
static uint64_t *number_in(struct usage *u, int i)
{
    return (uint64_t *)(void *)((char *)u + usage_numbers[i]);
}

void usage_numbers_get(const struct usage *u, uint64_t numbers[USAGE_NUMBERS])
{
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = *number_in((struct usage *)(uintptr_t)u, i);
}

void usage_numbers_set(struct usage *u, const uint64_t numbers[USAGE_NUMBERS])
{
    for (int i = 0; i < NUMBERS; i++)
        *number_in(u, i) = numbers[i];
}

/* "unlisted=3 blocked=1": reasons, and how often. */
static void write_reasons(struct buf *b, const uint64_t *counts)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        buf_addf(b, "%s%s=", b->n > 0 ? " " : "", reason_row((enum reason)i)->name);
        buf_add_u64(b, counts[i]);
    }
}

static void read_reasons(struct slice text, uint64_t *counts)
{
    enum reason reason;
    struct slice name;
    uint64_t count;

    while (usage_take_pair(&text, &name, &count))
        if (reason_find(name, &reason)) /* else another version's */
            counts[reason] = count;
}

void usage_bind(sqlite3_stmt *s, int parameter, const struct usage *u, char texts[USAGE_TEXT_MAX])
{
    const size_t room = USAGE_TEXT_MAX * 3 / 8; /* for the reasons of each kind: 38 of them are about 1 KiB */
    struct buf refused = buf_over(texts, room), would = buf_over(texts + room, room);
    struct buf clients = buf_over(texts + 2 * room, USAGE_TEXT_MAX - 2 * room);

    write_reasons(&refused, u->refused);
    write_reasons(&would, u->would);
    clients_write(u->clients, &clients);
    for (int i = 0; i < NUMBERS; i++)
        database_bind_number(s, parameter + i, *number_in((struct usage *)(uintptr_t)u, i));
    bind_text(s, parameter + NUMBERS, buf_slice(&refused));
    bind_text(s, parameter + NUMBERS + 1, buf_slice(&would));
    bind_text(s, parameter + NUMBERS + 2, buf_slice(&clients));
}

void usage_read(sqlite3_stmt *s, int column, struct usage *u)
{
    memset(u, 0, sizeof *u);
    for (int i = 0; i < NUMBERS; i++)
        *number_in(u, i) = database_column_number(s, column + i);
    read_reasons(read_text(s, column + NUMBERS), u->refused);
    read_reasons(read_text(s, column + NUMBERS + 1), u->would);
    clients_read(read_text(s, column + NUMBERS + 2), u->clients);
}
