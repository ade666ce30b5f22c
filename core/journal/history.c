#include "core/journal/history_parts.h"

#include "core/base/buf.h"
#include "core/base/clock.h"

#include <stdlib.h>

#define READING_NS (UINT64_C(60) * NS_PER_S) /* a damaged database could keep a reader for ever */

/* postern-mirror(8) tells people of the tables. */
static const char *const schema[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY,value INTEGER NOT NULL) STRICT,WITHOUT ROWID",
    "CREATE TABLE cloud_use (tenant TEXT NOT NULL,mailbox TEXT NOT NULL,source TEXT NOT NULL,first INTEGER NOT NULL,"
    "last INTEGER NOT NULL,number INTEGER NOT NULL,basic INTEGER NOT NULL,oauth INTEGER NOT NULL,tls TEXT,"
    "clients TEXT,PRIMARY KEY (tenant,mailbox,source)) STRICT,WITHOUT ROWID",
    "CREATE TABLE cloud_reports (tenant TEXT NOT NULL,first INTEGER NOT NULL,last INTEGER NOT NULL,"
    "imported INTEGER NOT NULL,PRIMARY KEY (tenant,first,last)) STRICT,WITHOUT ROWID",
    "CREATE TABLE sign_ins_progress (tenant TEXT NOT NULL,outcome INTEGER NOT NULL,since INTEGER NOT NULL,"
    "until INTEGER NOT NULL,late INTEGER NOT NULL,PRIMARY KEY (tenant,outcome)) STRICT,WITHOUT ROWID",
    "CREATE TABLE sign_ins_seen (tenant TEXT NOT NULL,outcome INTEGER NOT NULL,at INTEGER NOT NULL,id TEXT NOT NULL,"
    "PRIMARY KEY (tenant,outcome,at,id)) STRICT,WITHOUT ROWID",
    "CREATE TABLE sign_ins_state (tenant TEXT PRIMARY KEY,read INTEGER NOT NULL,trouble_at INTEGER NOT NULL,"
    "trouble TEXT NOT NULL) STRICT,WITHOUT ROWID",
    "CREATE TABLE sign_in_networks (tenant TEXT NOT NULL,network TEXT NOT NULL,day INTEGER NOT NULL,"
    "PRIMARY KEY (tenant,network,day)) STRICT,WITHOUT ROWID",
    "CREATE TABLE setting_runs (run INTEGER PRIMARY KEY,seen INTEGER NOT NULL,tenant TEXT NOT NULL,how TEXT NOT NULL,"
    "by TEXT NOT NULL,generation INTEGER NOT NULL,published INTEGER NOT NULL) STRICT",
    "CREATE TABLE setting_changes (run INTEGER NOT NULL,number INTEGER NOT NULL,mailbox TEXT NOT NULL,id BLOB NOT NULL,"
    "setting TEXT NOT NULL,before TEXT NOT NULL,after TEXT NOT NULL,source TEXT NOT NULL,"
    "PRIMARY KEY (run,number)) STRICT,WITHOUT ROWID",
    "CREATE TABLE mirror_runs (tenant TEXT NOT NULL,number INTEGER NOT NULL,how TEXT NOT NULL,began INTEGER NOT NULL,"
    "ended INTEGER NOT NULL,result TEXT NOT NULL,changes INTEGER NOT NULL,trouble TEXT NOT NULL,"
    "PRIMARY KEY (tenant,number)) STRICT,WITHOUT ROWID",
    "CREATE TABLE mirror_results (tenant TEXT NOT NULL,result TEXT NOT NULL,ended INTEGER NOT NULL,"
    "PRIMARY KEY (tenant,result)) STRICT,WITHOUT ROWID",
};

_Static_assert(HISTORY_STATEMENTS <= DATABASE_STATEMENTS_MAX, "room for each");
static const char *const statements[HISTORY_STATEMENTS] = {
    [HISTORY_BEGIN] = "BEGIN IMMEDIATE",
    [HISTORY_COMMIT] = "COMMIT",
    [HISTORY_ROLLBACK] = "ROLLBACK",
    [HISTORY_CLOUD_USE_OF] = "SELECT " CLOUD_USE_COLUMNS " FROM cloud_use WHERE tenant=?1 AND mailbox=?2 AND source=?3",
    [HISTORY_SET_CLOUD_USE] =
        "INSERT OR REPLACE INTO cloud_use (tenant,mailbox,source," CLOUD_USE_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?)",
    [HISTORY_FORGET_CLOUD_USE] = "DELETE FROM cloud_use WHERE last<?1",
    [HISTORY_COUNT_CLOUD_USE] = "SELECT count(*) FROM cloud_use",
    [HISTORY_FORGET_MOST_CLOUD_USE] = "DELETE FROM cloud_use WHERE (tenant,mailbox,source) IN (SELECT tenant,mailbox,"
                                      "source FROM cloud_use ORDER BY last LIMIT ?1)",
    [HISTORY_TAKE_REPORT_BACK] = "DELETE FROM cloud_use WHERE tenant=?1 AND source='report' AND first=?2 AND last=?3",
    [HISTORY_ADD_REPORT] = "INSERT INTO cloud_reports VALUES (?1,?2,?3,?4) ON CONFLICT DO NOTHING",
    [HISTORY_REPORTS_OF] = "SELECT first,last FROM cloud_reports WHERE tenant=?1 ORDER BY last DESC,first LIMIT ?2",
    [HISTORY_FORGET_REPORTS] = "DELETE FROM cloud_reports WHERE last<?1",
    [HISTORY_SIGN_IN_PROGRESS] = "SELECT since,until,late FROM sign_ins_progress WHERE tenant=?1 AND outcome=?2",
    [HISTORY_SET_SIGN_IN_PROGRESS] = "INSERT OR REPLACE INTO sign_ins_progress VALUES (?1,?2,?3,?4,?5)",
    [HISTORY_ADD_SIGN_IN] = "INSERT INTO sign_ins_seen VALUES (?1,?2,?3,?4) ON CONFLICT DO NOTHING",
    [HISTORY_FORGET_SIGN_INS] = "DELETE FROM sign_ins_seen WHERE tenant=?1 AND outcome=?2 AND at<?3",
    [HISTORY_SIGN_IN_STATE] = "SELECT read,trouble_at,trouble FROM sign_ins_state WHERE tenant=?1",
    [HISTORY_SET_SIGN_IN_STATE] =
        "INSERT INTO sign_ins_state VALUES (?1,?2,iif(?4='',0,?3),?4) ON CONFLICT DO UPDATE SET read=max(read,?2),"
        "trouble_at=iif(?4='',0,iif(trouble_at=0,?3,trouble_at)),trouble=?4",
    [HISTORY_ADD_SIGN_IN_NETWORK] = "INSERT INTO sign_in_networks VALUES (?1,?2,?3) ON CONFLICT DO NOTHING",
    [HISTORY_FORGET_SIGN_IN_NETWORKS] = "DELETE FROM sign_in_networks WHERE day<?1",
    [HISTORY_FORGET_MOST_SIGN_IN_NETWORKS] =
        "DELETE FROM sign_in_networks WHERE (tenant,network,day) IN (SELECT tenant,"
        "network,day FROM sign_in_networks ORDER BY day DESC LIMIT -1 OFFSET ?1)",
    [HISTORY_SETTLE_SETTING_RUNS] = "UPDATE setting_runs SET published=1 WHERE published=0 AND generation<=?1",
    [HISTORY_FORGET_UNPUBLISHED_CHANGES] =
        "DELETE FROM setting_changes WHERE run IN (SELECT run FROM setting_runs WHERE published=0)",
    [HISTORY_FORGET_UNPUBLISHED_RUNS] = "DELETE FROM setting_runs WHERE published=0",
    [HISTORY_ADD_SETTING_RUN] = "INSERT INTO setting_runs (seen,tenant,how,by,generation,published) "
                                "VALUES (?1,?2,?3,?4,?5,0)",
    [HISTORY_ADD_SETTING_CHANGE] = "INSERT INTO setting_changes VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
    [HISTORY_PUBLISH_SETTING_RUN] = "UPDATE setting_runs SET published=1 WHERE run=?1",
    [HISTORY_DROP_SETTING_RUN] = "DELETE FROM setting_changes WHERE run=?1",
    [HISTORY_FORGET_SETTING_CHANGES] =
        "DELETE FROM setting_changes WHERE run IN (SELECT run FROM setting_runs WHERE seen<?1)",
    [HISTORY_COUNT_SETTING_CHANGES] = "SELECT count(*) FROM setting_changes",
    [HISTORY_FORGET_MOST_SETTING_CHANGES] = "DELETE FROM setting_changes WHERE (run,number) IN (SELECT run,number FROM "
                                            "setting_changes ORDER BY run,number LIMIT ?1)",
    [HISTORY_FORGET_EMPTY_SETTING_RUNS] = "DELETE FROM setting_runs WHERE NOT EXISTS (SELECT 1 FROM "
                                          "setting_changes WHERE setting_changes.run=setting_runs.run)",
    [HISTORY_SETTING_CHANGES] = "SELECT seen,tenant,how,by,mailbox,id,setting,before,after,source FROM setting_changes "
                                "JOIN setting_runs USING (run) WHERE (published=1 OR generation<=?1) AND seen>=?2 "
                                "ORDER BY run DESC,number DESC",
    [HISTORY_ADD_MIRROR_RUN] = "INSERT INTO mirror_runs SELECT ?1,ifnull(max(number),0)+1,?2,?3,?4,?5,?6,?7 "
                               "FROM mirror_runs WHERE tenant=?1",
    [HISTORY_SET_MIRROR_RESULT] = "INSERT OR REPLACE INTO mirror_results VALUES (?1,?2,?3)",
    [HISTORY_FORGET_MIRROR_RUNS] = "DELETE FROM mirror_runs WHERE tenant=?1 AND number<=(SELECT max(number) FROM "
                                   "mirror_runs WHERE tenant=?1)-?2",
    [HISTORY_MIRROR_RUNS] = "SELECT tenant,how,began,ended,result,changes,trouble FROM mirror_runs WHERE ended>=?1 "
                            "ORDER BY ended DESC,tenant,number DESC LIMIT ?2",
    [HISTORY_MIRROR_RESULTS] = "SELECT tenant,result,ended FROM mirror_results ORDER BY tenant,result",
};

const struct database_kind history_kind = {
    .name = HISTORY_NAME,
    .damaged = "history-damaged.sqlite",
    .former = "history-former.sqlite",
    .title = "history",
    .writers = "postern-mirror",
    .nothing = "there is no history yet; postern-mirror makes it",
    .remade = "the next run of postern-mirror makes what is missing",
    .folder_mode = 0750,
    .shares_folder = true,
    .schema = schema,
    .n_schema = sizeof schema / sizeof schema[0],
    .version = HISTORY_VERSION,
    .grows = true,
    .statements = statements,
};

int history_open(const char *folder, bool writer, struct history **out, struct error *notice, struct error *e)
{
    struct history *h = calloc(1, sizeof *h);
    struct buf b;

    if (h == NULL)
        return error_set(e, "out of memory");
    b = buf_over(h->folder, sizeof h->folder);
    buf_add(&b, slice_of(folder));
    if (b.full)
        (void)error_set(e, "the folder's name is too long");
    else if (database_open(&history_kind, folder, writer, &h->file, notice, e) == 0) {
        *out = h;
        return 0;
    }
    free(h);
    return error_prefix(e, HISTORY_NAME " in %s", folder);
}

void history_close(struct history *h)
{
    if (h == NULL)
        return;
    history_rollback(h);
    database_close(h->file, h->file->writer);
    free(h);
}

int history_failed(struct history *h, const char *what, int code, struct error *e)
{
    struct error notice, trouble;

    history_rollback(h);
    (void)database_error(h->file, e, what, code);
    if (database_damage(code) && h->file->writer)
        (void)database_set_aside(h->file, h->folder, &notice, &trouble);
    return error_prefix(e, HISTORY_NAME " in %s", h->folder);
}

sqlite3_stmt *history_statement(struct history *h, enum history_sql which, struct error *e)
{
    sqlite3_stmt *s = database_statement(h->file, which);

    if (s == NULL)
        (void)history_failed(h, "read", sqlite3_extended_errcode(h->file->db), e);
    return s;
}

int history_run(struct history *h, sqlite3_stmt *s, const char *what, struct error *e)
{
    int code;

    (void)sqlite3_step(s);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : history_failed(h, what, code, e);
}

static int run_named(struct history *h, enum history_sql which, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, which, e);

    return s != NULL ? history_run(h, s, "write", e) : -1;
}

int history_begin(struct history *h, struct error *e)
{
    if (run_named(h, HISTORY_BEGIN, e) != 0)
        return -1;
    h->transacts = true;
    return 0;
}

int history_commit(struct history *h, struct error *e)
{
    if (run_named(h, HISTORY_COMMIT, e) != 0)
        return -1;
    h->transacts = false;
    (void)database_checkpoint(h->file);
    return 0;
}

void history_rollback(struct history *h)
{
    sqlite3_stmt *s;

    if (!h->transacts)
        return;
    h->transacts = false;
    if ((s = database_statement(h->file, HISTORY_ROLLBACK)) == NULL)
        return;
    (void)sqlite3_step(s);
    (void)sqlite3_reset(s);
}

void history_begin_reading(struct history *h)
{
    h->file->deadline_ns = clock_boot_ns() + READING_NS;
}

void history_bind_text(sqlite3_stmt *s, int parameter, struct slice text)
{
    (void)sqlite3_bind_text(s, parameter, text.n > 0 ? text.p : "", (int)text.n, SQLITE_STATIC);
}

struct slice history_column_text(sqlite3_stmt *s, int column)
{
    const void *text = sqlite3_column_text(s, column);

    return (struct slice){text, text != NULL ? (size_t)sqlite3_column_bytes(s, column) : 0};
}
