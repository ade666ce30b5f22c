#include "core/journal/cloud_use.h"

#include "core/journal/history_parts.h"
#include "core/journal/usage_clients.h"

#include <stdlib.h>

#define NAME_MAX_BYTES 128u /* of a mailbox in the table, as in the journal */

static const char *const source_names[CLOUD_SOURCES] = {
    [CLOUD_SIGN_INS] = "sign-ins", [CLOUD_FAILURES] = "failures", [CLOUD_REPORT] = "report"};

/* ---- a row ---- */

static int tls_named(struct slice name)
{
    for (int i = 0; i <= TLS_NEWER; i++)
        if (name.n > 0 && slice_eq(name, slice_of(tls_version_name((enum tls_version)i))))
            return i;
    return -1;
}

/* CLOUD_USE_COLUMNS from that column on. */
static void read_use(sqlite3_stmt *s, int column, struct cloud_use *use)
{
    *use = (struct cloud_use){.first_s = (int64_t)database_column_number(s, column),
                              .last_s = (int64_t)database_column_number(s, column + 1),
                              .number = database_column_number(s, column + 2),
                              .basic = database_column_number(s, column + 3),
                              .oauth = database_column_number(s, column + 4),
                              .tls = tls_named(history_column_text(s, column + 5))};
    clients_read(history_column_text(s, column + 6), use->clients);
}

/* The mailbox's name, its ASCII letters in lower case. False: none of ours. */
static bool lower_name(struct slice name, char mem[NAME_MAX_BYTES], struct slice *out)
{
    if (name.n >= NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        mem[i] = ascii_lower(name.p[i]);
    *out = (struct slice){mem, name.n};
    return true;
}

static void bind_key(sqlite3_stmt *s, struct slice tenant, struct slice mailbox, enum cloud_source source)
{
    history_bind_text(s, 1, tenant);
    history_bind_text(s, 2, mailbox);
    history_bind_text(s, 3, slice_of(source_names[source]));
}

static int write_use(struct history *h, struct slice tenant, struct slice mailbox, enum cloud_source source,
                     const struct cloud_use *use, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_SET_CLOUD_USE, e);
    char text[USAGE_CLIENTS_TEXT_MAX];
    struct buf clients = BUF_OVER(text);

    if (s == NULL)
        return -1;
    clients_write(use->clients, &clients);
    bind_key(s, tenant, mailbox, source);
    database_bind_number(s, 4, use->first_s > 0 ? (uint64_t)use->first_s : 0);
    database_bind_number(s, 5, use->last_s > 0 ? (uint64_t)use->last_s : 0);
    database_bind_number(s, 6, use->number);
    database_bind_number(s, 7, use->basic);
    database_bind_number(s, 8, use->oauth);
    if (use->tls >= 0)
        history_bind_text(s, 9, slice_of(tls_version_name((enum tls_version)use->tls)));
    else
        (void)sqlite3_bind_null(s, 9);
    history_bind_text(s, 10, buf_slice(&clients));
    return history_run(h, s, "write", e);
}

/* As cloud_use_of; the name is in lower case. */
static int find_use(struct history *h, struct slice tenant, struct slice mailbox, enum cloud_source source,
                    struct cloud_use *use, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_CLOUD_USE_OF, e);
    int code, found = 0;

    if (s == NULL)
        return -1;
    bind_key(s, tenant, mailbox, source);
    if (sqlite3_step(s) == SQLITE_ROW) {
        read_use(s, 0, use);
        found = 1;
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? found : history_failed(h, "read", code, e);
}

/* ---- writing ---- */

static void add_up(struct cloud_use *use, const struct cloud_use *one)
{
    if (use->first_s == 0 || one->first_s < use->first_s)
        use->first_s = one->first_s;
    if (one->last_s > use->last_s)
        use->last_s = one->last_s;
    use->number += one->number;
    use->basic += one->basic;
    use->oauth += one->oauth;
    if (use->tls < 0 || (one->tls >= 0 && one->tls < use->tls))
        use->tls = one->tls;
    for (int i = USAGE_CLIENTS - 1; i >= 0; i--)
        if (one->clients[i].last_s > 0)
            clients_add(use->clients, &one->clients[i].ip, one->clients[i].last_s);
}

int cloud_use_add(struct history *h, struct slice tenant, struct slice mailbox, enum cloud_source source,
                  const struct cloud_use *one, struct error *e)
{
    struct cloud_use use = {.tls = -1};
    char mem[NAME_MAX_BYTES];

    if (!lower_name(mailbox, mem, &mailbox))
        return 0;
    if (find_use(h, tenant, mailbox, source, &use, e) < 0)
        return -1;
    add_up(&use, one);
    return write_use(h, tenant, mailbox, source, &use, e);
}

int cloud_use_report(struct history *h, struct slice tenant, struct slice mailbox, const struct cloud_use *row,
                     struct error *e)
{
    struct cloud_use before = {.last_s = 0};
    char mem[NAME_MAX_BYTES];

    if (!lower_name(mailbox, mem, &mailbox))
        return 0;
    if (find_use(h, tenant, mailbox, CLOUD_REPORT, &before, e) < 0)
        return -1;
    if (before.last_s > row->last_s)
        return 0;
    if (before.last_s != row->last_s || before.first_s != row->first_s)
        return write_use(h, tenant, mailbox, CLOUD_REPORT, row, e);
    add_up(&before, row);
    return write_use(h, tenant, mailbox, CLOUD_REPORT, &before, e);
}

static int forget_most(struct history *h, int64_t most, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_COUNT_CLOUD_USE, e);
    int64_t n = 0;
    int code;

    if (s == NULL)
        return -1;
    if (sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    if ((code = sqlite3_reset(s)) != SQLITE_OK)
        return history_failed(h, "read", code, e);
    if (n <= most)
        return 0;
    if ((s = history_statement(h, HISTORY_FORGET_MOST_CLOUD_USE, e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, n - most);
    return history_run(h, s, "write", e);
}

int cloud_use_forget(struct history *h, int64_t now_s, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_FORGET_CLOUD_USE, e);

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, now_s - USAGE_DAYS * INT64_C(86400));
    return history_run(h, s, "write", e) != 0 ? -1 : forget_most(h, USAGE_MAILBOXES_MAX, e);
}

int cloud_use_forget_tenant(struct history *h, struct slice tenant, struct error *e)
{
    static const char *const deletions[] = {
        "DELETE FROM cloud_use WHERE tenant=?1",         "DELETE FROM cloud_reports WHERE tenant=?1",
        "DELETE FROM sign_ins_progress WHERE tenant=?1", "DELETE FROM sign_ins_seen WHERE tenant=?1",
        "DELETE FROM sign_ins_state WHERE tenant=?1",    "DELETE FROM sign_in_networks WHERE tenant=?1",
        "DELETE FROM mirror_runs WHERE tenant=?1",       "DELETE FROM mirror_results WHERE tenant=?1"};

    for (size_t i = 0; i < sizeof deletions / sizeof deletions[0]; i++) {
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(h->file->db, deletions[i], -1, &s, NULL);

        if (code == SQLITE_OK) {
            history_bind_text(s, 1, tenant);
            (void)sqlite3_step(s);
            code = sqlite3_finalize(s);
        }
        if (code != SQLITE_OK)
            return history_failed(h, "write", code, e);
    }
    return 0;
}

/* ---- reading ---- */

int cloud_use_of(struct history *h, struct slice tenant, struct slice mailbox, enum cloud_source source,
                 struct cloud_use *use, struct error *e)
{
    char mem[NAME_MAX_BYTES];

    history_begin_reading(h);
    return lower_name(mailbox, mem, &mailbox) ? find_use(h, tenant, mailbox, source, use, e) : 0;
}

struct cloud_walk {
    struct history *h;
    sqlite3_stmt *s;
    unsigned sources;
};

int cloud_walk_open(struct history *h, const struct cloud_query *query, struct cloud_walk **out, struct error *e)
{
    struct cloud_walk *w = calloc(1, sizeof *w);
    char sql[300];
    struct buf b = BUF_OVER(sql);
    int code;

    if (w == NULL)
        return error_set(e, "out of memory");
    buf_addf(&b,
             "SELECT tenant,mailbox,source," CLOUD_USE_COLUMNS " FROM cloud_use WHERE last>=?1%s "
             "ORDER BY tenant,mailbox,source",
             query->basic ? " AND basic>0" : "");
    w->h = h;
    w->sources = query->sources != 0 ? query->sources : ~0u;
    code = sqlite3_prepare_v2(h->file->db, sql, (int)b.n, &w->s, NULL);
    if (code != SQLITE_OK) {
        free(w);
        return history_failed(h, "read", code, e);
    }
    (void)sqlite3_bind_int64(w->s, 1, query->since_s);
    *out = w;
    return 0;
}

/* CLOUD_SOURCES for none of ours. */
static enum cloud_source source_named(struct slice name)
{
    unsigned i = 0;

    while (i < CLOUD_SOURCES && !slice_eq(name, slice_of(source_names[i])))
        i++;
    return (enum cloud_source)i;
}

int cloud_walk_next(struct cloud_walk *w, struct slice *tenant, struct slice *mailbox, enum cloud_source *source,
                    struct cloud_use *use, struct error *e)
{
    int code;

    for (;;) {
        history_begin_reading(w->h); /* whoever prints may take his time between two rows */
        if ((code = sqlite3_step(w->s)) != SQLITE_ROW)
            return code == SQLITE_DONE ? 0 : history_failed(w->h, "read", code, e);
        *source = source_named(history_column_text(w->s, 2));
        if (*source < CLOUD_SOURCES && (w->sources & 1u << *source) != 0)
            break;
    }
    *tenant = history_column_text(w->s, 0);
    *mailbox = history_column_text(w->s, 1);
    read_use(w->s, 3, use);
    return 1;
}

void cloud_walk_close(struct cloud_walk *w)
{
    if (w == NULL)
        return;
    (void)sqlite3_finalize(w->s);
    free(w);
}
