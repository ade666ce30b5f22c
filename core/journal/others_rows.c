/* The rows of mailboxes that the other relays told: written, forgotten, and read as sums. */
#include "core/journal/others_parts.h"
#include "core/journal/usage_row.h"

/* Mailboxes that one transaction looks at, or rows that it removes. */
#define FORGET_AT_ONCE INT64_C(8192)

int others_put_row(struct others *o, const struct others_relay *relay, struct slice row, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, OTHERS_PUT_ROW, e);
    struct slice rest = row, tenant, mailbox;
    struct usage usage;

    if (s == NULL)
        return -1;
    if (!usage_row_take(&rest, &tenant, &mailbox, &usage) || rest.n > 0)
        return 0; /* it would say nothing to a reader */
    others_bind_text(s, 1, tenant);
    others_bind_text(s, 2, mailbox);
    (void)sqlite3_bind_int64(s, 3, relay->id);
    (void)sqlite3_bind_int64(s, 4, usage_seen_s(&usage));
    (void)sqlite3_bind_blob(s, 5, row.p, (int)row.n, SQLITE_STATIC);
    o->fresh += o->fresh < UINT32_MAX;
    return others_run(o, s, e);
}

/* ---- forgetting ---- */

/* The mailbox up to which this time is looked; false with *last: there are not so many. */
static int find_next(struct others *o, char tenant[64], char mailbox[128], bool *last, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, OTHERS_BEHIND, e);
    int code;

    *last = true;
    if (s == NULL)
        return -1;
    others_bind_text(s, 1, slice_of(o->tenant));
    others_bind_text(s, 2, slice_of(o->mailbox));
    (void)sqlite3_bind_int64(s, 3, FORGET_AT_ONCE);
    if (sqlite3_step(s) == SQLITE_ROW) {
        *last = false;
        (void)others_read_text(s, 0, tenant, sizeof o->tenant);
        (void)others_read_text(s, 1, mailbox, sizeof o->mailbox);
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : others_failed(o, "read", code, e);
}

/* There is no index by time, since each change would change it, too: see core/journal/journal_write.c. */
static int forget_part(struct others *o, int64_t before_s, struct error *e)
{
    char tenant[sizeof o->tenant], mailbox[sizeof o->mailbox];
    sqlite3_stmt *s;
    bool last;

    if (!o->forgets)
        o->tenant[0] = o->mailbox[0] = '\0';
    if (find_next(o, tenant, mailbox, &last, e) != 0 || (s = others_statement(o, OTHERS_FORGET, e)) == NULL)
        return -1;
    others_bind_text(s, 1, slice_of(o->tenant));
    others_bind_text(s, 2, slice_of(o->mailbox));
    if (last)
        (void)sqlite3_bind_zeroblob(s, 3, 0); /* in SQLite's order behind all texts */
    else
        others_bind_text(s, 3, slice_of(tenant));
    others_bind_text(s, 4, last ? SLICE("") : slice_of(mailbox));
    (void)sqlite3_bind_int64(s, 5, before_s);
    if (others_run(o, s, e) != 0)
        return -1;
    o->forgets = !last;
    if (!last) {
        memcpy(o->tenant, tenant, sizeof tenant);
        memcpy(o->mailbox, mailbox, sizeof mailbox);
    }
    return 0;
}

static int forget_beyond(struct others *o, struct error *e)
{
    sqlite3_stmt *s;
    int64_t beyond;

    if (o->fresh < OTHERS_ROWS_MAX / 32)
        return 0;
    if ((s = others_statement(o, OTHERS_COUNT, e)) == NULL)
        return -1;
    beyond = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) - (int64_t)OTHERS_ROWS_MAX : 0;
    (void)sqlite3_reset(s);
    o->fresh = beyond > FORGET_AT_ONCE ? o->fresh : 0; /* or again the next time */
    if (beyond <= 0)
        return 0;
    if ((s = others_statement(o, OTHERS_FORGET_MOST, e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, beyond < FORGET_AT_ONCE ? beyond : FORGET_AT_ONCE);
    return others_run(o, s, e);
}

int others_forget(struct others *o, int64_t now_s, struct error *e)
{
    sqlite3_stmt *s;

    if (others_begin(o, e) != 0 || forget_part(o, now_s - USAGE_DAYS * INT64_C(86400), e) != 0 ||
        forget_beyond(o, e) != 0 || (s = others_statement(o, OTHERS_FORGET_RELAYS, e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, now_s - USAGE_RELAY_GONE_S);
    return others_run(o, s, e) == 0 ? others_commit(o, e) : -1;
}

/* ---- reading ---- */

static struct slice row_of(sqlite3_stmt *s, int column)
{
    const void *bytes = sqlite3_column_blob(s, column);

    return (struct slice){bytes, bytes != NULL ? (size_t)sqlite3_column_bytes(s, column) : 0};
}

/* A row that can't be read is left out, as the journal's are. */
static bool add_row(struct slice row, struct usage *usage)
{
    struct slice tenant, mailbox;
    struct usage one;

    if (!usage_row_take(&row, &tenant, &mailbox, &one))
        return false;
    usage_add(usage, &one);
    return true;
}

int others_usage_of(struct others *o, struct slice tenant, struct slice mailbox, struct usage *usage, struct error *e)
{
    sqlite3_stmt *s;
    int found = 0, code;

    others_begin_reading(o);
    if ((s = others_statement(o, OTHERS_USAGE_OF, e)) == NULL)
        return -1;
    others_bind_text(s, 1, tenant);
    others_bind_text(s, 2, mailbox);
    while (sqlite3_step(s) == SQLITE_ROW)
        found |= add_row(row_of(s, 0), usage);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? found : others_failed(o, "read", code, e);
}

static bool is_named(const struct named_usage *u, const struct named_usage *other)
{
    return u->tenant_n == other->tenant_n && u->mailbox_n == other->mailbox_n &&
           memcmp(u->tenant, other->tenant, u->tenant_n) == 0 && memcmp(u->mailbox, other->mailbox, u->mailbox_n) == 0;
}

static void read_names(sqlite3_stmt *s, struct named_usage *u)
{
    memset(u, 0, sizeof *u);
    u->tenant_n = others_read_text(s, 0, u->tenant, sizeof u->tenant);
    u->mailbox_n = others_read_text(s, 1, u->mailbox, sizeof u->mailbox);
}

int others_piece(struct others *o, const struct named_usage *behind, struct slice tenant, struct named_usage *piece,
                 unsigned most, unsigned *n, bool *end, struct error *e)
{
    struct named_usage next;
    sqlite3_stmt *s;
    int code;

    *n = 0;
    *end = true;
    others_begin_reading(o);
    if ((s = others_statement(o, tenant.n > 0 ? OTHERS_TENANT_FROM : OTHERS_USAGE_FROM, e)) == NULL)
        return -1;
    others_bind_text(s, 1, tenant.n > 0 ? tenant : behind != NULL ? slice_of(behind->tenant) : SLICE(""));
    others_bind_text(s, 2, behind != NULL ? slice_of(behind->mailbox) : SLICE(""));
    while (sqlite3_step(s) == SQLITE_ROW) {
        read_names(s, &next);
        if (*n > 0 && is_named(&next, &piece[*n - 1])) {
            (void)add_row(row_of(s, 2), &piece[*n - 1].usage);
            continue;
        }
        if (*n == most) {
            *end = false;
            break;
        }
        if (next.mailbox_n > 0 && add_row(row_of(s, 2), &next.usage))
            piece[(*n)++] = next;
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : others_failed(o, "read", code, e);
}
