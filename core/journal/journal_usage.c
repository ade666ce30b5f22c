/* Reading usage: this relay's own, and what the others of a cluster told of theirs, as one. */
#include "core/base/quote.h"
#include "core/journal/journal_parts.h"
#include "core/journal/usage_row.h"

#include <stdlib.h>

#define PIECE_USAGE 512u
#define PIECE_LOOKS 8192u /* rows that a piece goes over while none can be read */

/* ---- the others' ---- */

int journal_add_others(struct journal *j, const char *folder, struct error *e)
{
    j->others_folder = strdup(folder);
    return j->others_folder != NULL ? 0 : error_set(e, "journal: out of memory");
}

bool journal_has_others(const struct journal *j)
{
    return j->others_folder != NULL;
}

/* With file_lock held: opens them where they are not open, or were replaced. False with e: they cannot be read. */
static bool open_others(struct journal *j, struct error *e)
{
    struct error notice;

    if (j->others != NULL && others_stale(j->others)) {
        others_close(j->others);
        j->others = NULL;
    }
    return j->others != NULL || others_open(j->others_folder, false, &j->others, &notice, e) == 0;
}

/* With file_lock held. What can't be opened is said by journal_usage_gaps. */
static struct others *others_of(struct journal *j)
{
    return j->others_folder != NULL && open_others(j, NULL) ? j->others : NULL;
}

int journal_usage_gaps(struct journal *j, int64_t now_s, usage_gap_each *each, void *arg, struct error *e)
{
    struct usage_gap gap = {.kind = USAGE_GAP_ALL, .now_s = now_s};
    struct error why = {""};
    int result = 0;

    if (j->others_folder == NULL)
        return 0;
    journal_lock(j);
    if (open_others(j, &why))
        result = others_gaps(j->others, now_s, each, arg, e);
    else
        gap.why = why.text;
    journal_unlock(j);
    if (gap.why != NULL)
        each(arg, &gap);
    return result;
}

/* 1: it was heard of; 0: it was not; -1 with e. */
static int knows_relay(struct journal *j, struct slice name, struct error *e)
{
    struct others_relay relay = {.id = 0};
    struct others *others;
    int result;

    if (j == NULL)
        return 0;
    journal_lock(j);
    others = others_of(j);
    result = others != NULL ? others_relay(others, name, &relay, e) : 0;
    journal_unlock(j);
    return result == 0 ? relay.id != 0 : -1;
}

int journal_unknown_relays(struct journal *j, const struct slice *names, size_t n, usage_gap_each *each, void *arg,
                           struct error *e)
{
    for (size_t i = 0; i < n; i++) {
        int known = knows_relay(j, names[i], e);
        char name[256];
        struct buf b = BUF_OVER(name);

        if (known < 0)
            return -1;
        buf_add(&b, names[i]);
        if (known == 0)
            each(arg, &(struct usage_gap){.kind = USAGE_GAP_OTHER, .relay = name});
    }
    return 0;
}

/* ---- a walk: pieces of both, merged by their names ---- */

/* Rows of one of the two, in the order of their names. */
struct source {
    struct named_usage piece[PIECE_USAGE];
    struct named_usage last; /* the names of the last row that was looked at */
    unsigned n, at;
    bool begun, end;
};

struct usage_walk {
    const struct usage_query *query;
    struct others *others; /* NULL: there are none, or not for this query */
    struct source own, theirs;
};

/* 1: it was read; 0: it is left out; -1: it cannot be gone on from. */
static int take_usage(struct source *w, sqlite3_stmt *s)
{
    struct named_usage *u = &w->piece[w->n];

    if (!journal_copy_name(s, 0, u->tenant, sizeof u->tenant, &u->tenant_n) ||
        !journal_copy_name(s, 1, u->mailbox, sizeof u->mailbox, &u->mailbox_n))
        return -1;
    w->begun = true;
    memcpy(&w->last, u, offsetof(struct named_usage, usage));
    usage_read(s, 2, &u->usage);
    return u->mailbox_n > 0;
}

static void bind_name(sqlite3_stmt *s, int parameter, const char *text, size_t n)
{
    (void)sqlite3_bind_text(s, parameter, text, (int)n, SQLITE_STATIC);
}

/* With others each row may be a part of what is asked for: then the sum is looked at (is_asked_for). */
static sqlite3_stmt *open_usage(struct journal *j, const struct usage_walk *w, struct error *e)
{
    const struct usage_query *q = w->query;
    bool whole = w->others == NULL;
    char sql[700];
    struct buf b = BUF_OVER(sql);
    sqlite3_stmt *s;

    buf_addf(&b, "SELECT tenant,mailbox," USAGE_COLUMNS " FROM usage WHERE %s%s%s%s%s%s%s ORDER BY tenant,mailbox",
             w->own.begun ? "(tenant,mailbox)>(?1,?2)" : "1", q->tenant.n > 0 ? " AND tenant=?3" : "",
             whole && q->sent ? " AND messages>0 AND last>=?4" : "",
             whole && q->refused ? " AND refused<>'' AND last_refused>=?5" : "",
             whole && q->basic ? " AND basic>0" : "",
             whole && q->old_tls ? " AND tls_none+tls_old+tls_1_0+tls_1_1>0" : "",
             q->changed_since_s > 0 ? " AND max(last,last_refused)>=?6" : "");
    s = journal_prepare(j, sql, e);
    if (s == NULL)
        return NULL;
    bind_name(s, 1, w->own.last.tenant, w->own.last.tenant_n);
    bind_name(s, 2, w->own.last.mailbox, w->own.last.mailbox_n);
    if (q->tenant.n > 0)
        bind_name(s, 3, q->tenant.p, q->tenant.n);
    (void)sqlite3_bind_int64(s, 4, q->sent_since_s);
    (void)sqlite3_bind_int64(s, 5, q->refused_since_s);
    (void)sqlite3_bind_int64(s, 6, q->changed_since_s);
    return s;
}

static int fill_own(struct journal *j, struct usage_walk *w, struct error *e)
{
    sqlite3_stmt *s = open_usage(j, w, e);
    int code = SQLITE_ROW, took = 0;

    if (s == NULL)
        return -1;
    for (unsigned looks = 0; w->own.n < PIECE_USAGE && looks < PIECE_LOOKS && took >= 0; looks++) {
        if ((code = sqlite3_step(s)) != SQLITE_ROW)
            break;
        took = take_usage(&w->own, s);
        w->own.n += took > 0;
    }
    w->own.end = code == SQLITE_DONE;
    code = sqlite3_finalize(s);
    return code != SQLITE_OK || took < 0 ? journal_failed(j, "read", took < 0 ? SQLITE_CORRUPT : code, e) : 0;
}

static int fill_theirs(struct usage_walk *w, struct error *e)
{
    struct source *t = &w->theirs;
    int result =
        others_piece(w->others, t->begun ? &t->last : NULL, w->query->tenant, t->piece, PIECE_USAGE, &t->n, &t->end, e);

    if (result == 0 && t->n > 0) {
        t->begun = true;
        t->last = t->piece[t->n - 1];
    }
    return result;
}

/* Reads on where all of a piece was shown. */
static int fill(struct journal *j, struct usage_walk *w, struct error *e)
{
    int result = 0;

    journal_lock(j);
    for (struct source *s = &w->own; result == 0 && s->at == s->n && !s->end;) {
        s->at = s->n = 0;
        result = journal_begin_piece(j, e) == 0 ? fill_own(j, w, e) : -1;
    }
    for (struct source *s = &w->theirs; result == 0 && w->others != NULL && s->at == s->n && !s->end;) {
        s->at = s->n = 0;
        if (j->others != w->others)
            result = error_set(e, "the usage of the other relays was replaced meanwhile; try again");
        else
            result = fill_theirs(w, e);
    }
    journal_unlock(j);
    return result;
}

static int compare_names(const struct named_usage *a, const struct named_usage *b)
{
    int tenant = strcmp(a->tenant, b->tenant);

    return tenant != 0 ? tenant : strcmp(a->mailbox, b->mailbox);
}

/* The next of both, with the sum where both have it; NULL: neither has one left in its piece. */
static struct named_usage *next_of(struct usage_walk *w)
{
    struct named_usage *own = w->own.at < w->own.n ? &w->own.piece[w->own.at] : NULL;
    struct named_usage *theirs = w->theirs.at < w->theirs.n ? &w->theirs.piece[w->theirs.at] : NULL;
    int order = own == NULL ? 1 : theirs == NULL ? -1 : compare_names(own, theirs);

    if (own == NULL && theirs == NULL)
        return NULL;
    w->own.at += order <= 0;
    w->theirs.at += order >= 0;
    if (order == 0)
        usage_add(&own->usage, &theirs->usage);
    return order <= 0 ? own : theirs;
}

/* As open_usage asks SQLite. */
static bool is_asked_for(const struct usage_query *q, const struct usage *u)
{
    uint64_t refused = 0, old_tls = 0;

    for (unsigned i = 0; i < REASON_COUNT; i++)
        refused += u->refused[i];
    for (unsigned i = 0; i < TLS_V1_2; i++)
        old_tls += u->tls[i];
    return (!q->sent || (u->messages > 0 && u->last_s >= q->sent_since_s)) &&
           (!q->refused || (refused > 0 && u->last_refused_s >= q->refused_since_s)) && (!q->basic || u->basic > 0) &&
           (!q->old_tls || old_tls > 0);
}

static void begin_walk(struct journal *j, struct usage_walk *w)
{
    const struct usage_query *q = w->query;
    struct buf tenant = BUF_OVER(w->own.last.tenant), mailbox = BUF_OVER(w->own.last.mailbox);

    w->own.begun = q->after_mailbox.n > 0;
    buf_add(&tenant, q->after_tenant);
    buf_add(&mailbox, q->after_mailbox);
    w->own.last.tenant_n = tenant.n;
    w->own.last.mailbox_n = mailbox.n;
    journal_lock(j);
    w->others = q->own ? NULL : others_of(j);
    journal_unlock(j);
    w->theirs.end = w->others == NULL;
}

int journal_usage(struct journal *j, const struct usage_query *query,
                  bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage),
                  void *arg, struct error *e)
{
    struct usage_walk *w = calloc(1, sizeof *w);
    const struct named_usage *u;
    bool more = true;
    int result;

    if (w == NULL)
        return error_set(e, "out of memory");
    w->query = query;
    begin_walk(j, w);
    while (more && (result = fill(j, w, e)) == 0 && (u = next_of(w)) != NULL)
        if (w->others == NULL || is_asked_for(query, &u->usage))
            more =
                each(arg, (struct slice){u->tenant, u->tenant_n}, (struct slice){u->mailbox, u->mailbox_n}, &u->usage);
    free(w);
    return result;
}

/* ---- of one mailbox ---- */

/* With file_lock held. */
static int read_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage,
                         struct error *e)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_USAGE_OF);
    int found = 0, code;

    if (s == NULL)
        return journal_failed(j, "read", sqlite3_extended_errcode(j->file->db), e);
    bind_name(s, 1, tenant.p, tenant.n);
    bind_name(s, 2, mailbox.p, mailbox.n);
    if (sqlite3_step(s) == SQLITE_ROW) {
        usage_read(s, 0, usage);
        found = 1;
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? found : journal_failed(j, "read", code, e);
}

/* With file_lock held: the same, and what the others told. */
static int read_all_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage,
                             struct error *e)
{
    int own = journal_begin_piece(j, e) == 0 ? read_usage_of(j, tenant, mailbox, usage, e) : -1, theirs = 0;
    struct others *others = own >= 0 ? others_of(j) : NULL;

    if (others == NULL)
        return own;
    if (own == 0)
        memset(usage, 0, sizeof *usage);
    theirs = others_usage_of(others, tenant, mailbox, usage, e);
    return theirs < 0 ? -1 : own | theirs;
}

int journal_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage, struct error *e)
{
    char name[USAGE_NAME_MAX];
    struct slice key = {name, usage_name(tenant, mailbox, name)};
    int result;

    if (key.n == 0)
        return 0;
    (void)slice_cut(key, '\0', &tenant, &mailbox);
    journal_lock(j);
    result = read_all_usage_of(j, tenant, mailbox, usage, e);
    journal_unlock(j);
    return result;
}

/* ---- since when ---- */

/* When the journal was begun, where nothing was let through yet. */
int journal_own_since(struct journal *j, int64_t *since_s, struct error *e)
{
    uint64_t since;
    int result = journal_read_one(
        j, "SELECT coalesce((SELECT value FROM meta WHERE name='first'),(SELECT value FROM meta WHERE name='begun'))",
        &since, e);

    *since_s = (int64_t)since;
    return result;
}

int journal_usage_since(struct journal *j, int64_t *first_s, struct error *e)
{
    int64_t theirs_s = 0;
    struct others *others;
    uint64_t first;
    int result;

    if (j->others_folder == NULL) {
        result = journal_read_one(j, "SELECT value FROM meta WHERE name='first'", &first, e);
        *first_s = (int64_t)first;
        return result;
    }
    if (journal_own_since(j, first_s, e) != 0)
        return -1;
    journal_lock(j);
    others = others_of(j);
    result = others != NULL ? others_since(others, &theirs_s, e) : 0;
    journal_unlock(j);
    if (theirs_s > *first_s)
        *first_s = theirs_s;
    return result;
}
