/* The journal's database: its tables (postern-journal(5) tells people of them, and a test compares) and statements. */
#include "core/journal/journal_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LMDB_NAME "data.mdb" /* of versions that kept the journal in LMDB */
#define LMDB_LOCK_NAME "lock.mdb"
#define LMDB_ASIDE_NAME "former.mdb"

/* ---- tables ---- */

#define TEXT_COLUMN(column, member) "," #column " TEXT"
#define DECISIONS(table)                                                                                               \
    "CREATE TABLE " table " (at INTEGER PRIMARY KEY,part INTEGER NOT NULL,name_key INTEGER,login_key INTEGER,verdict " \
    "TEXT NOT NULL,reason TEXT NOT NULL,would TEXT,program TEXT NOT NULL,"                                             \
    "stage TEXT NOT NULL,tls TEXT NOT NULL,client TEXT,recipients INTEGER NOT NULL,size INTEGER NOT NULL,"             \
    "retry_s INTEGER NOT NULL,times INTEGER NOT NULL,messages INTEGER NOT NULL,"                                       \
    "fault_field TEXT" JOURNAL_TEXTS(TEXT_COLUMN) ") STRICT"
/* Ordered by part first: what is added, and what is dropped, lies on a few pages (PART_ROWS). */
#define BY_NAME(table) "CREATE INDEX " table "_by_name ON " table " (part,name_key)"
#define BY_LOGIN(table) "CREATE INDEX " table "_by_login ON " table " (part,login_key) WHERE login_key IS NOT NULL"
#define MONITORED(table) "CREATE INDEX " table "_monitored ON " table " (at) WHERE would IS NOT NULL"

#define USAGE                                                                                                          \
    "CREATE TABLE usage (tenant TEXT NOT NULL,mailbox TEXT NOT NULL,first INTEGER NOT NULL,last INTEGER NOT NULL,"     \
    "last_refused INTEGER NOT NULL,messages INTEGER NOT NULL,recipients INTEGER NOT NULL,bytes INTEGER NOT NULL,"      \
    "basic INTEGER NOT NULL,oauth INTEGER NOT NULL,tls_none INTEGER NOT NULL,tls_old INTEGER NOT NULL,"                \
    "tls_1_0 INTEGER NOT NULL,tls_1_1 INTEGER NOT NULL,tls_1_2 INTEGER NOT NULL,tls_1_3 INTEGER NOT NULL,"             \
    "tls_newer INTEGER NOT NULL,refused TEXT,would TEXT,clients TEXT,PRIMARY KEY (tenant,mailbox)) "                   \
    "STRICT,WITHOUT ROWID"
#define TOTALS                                                                                                         \
    "CREATE TABLE totals (program TEXT NOT NULL,verdict TEXT NOT NULL,reason TEXT NOT NULL,count INTEGER NOT NULL,"    \
    "PRIMARY KEY (program,verdict,reason)) STRICT,WITHOUT ROWID"
#define COUNTS                                                                                                         \
    "CREATE TABLE counts (program TEXT NOT NULL,what TEXT NOT NULL,name TEXT NOT NULL,count INTEGER NOT NULL,PRIMARY " \
    "KEY (program,what,name)) STRICT,WITHOUT ROWID"

/* Nobody but the reader of the clock knows that one has expired: it is not written down (block_history.h). */
#define BLOCKS                                                                                                         \
    "CREATE TABLE blocks (since INTEGER NOT NULL,subject TEXT NOT NULL,limit_name TEXT NOT NULL,until INTEGER NOT "    \
    "NULL,reason TEXT NOT NULL,ended INTEGER,how TEXT,ended_by TEXT,why TEXT,PRIMARY KEY "                             \
    "(since,subject,limit_name)) STRICT,WITHOUT ROWID"

static const char *const schema[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY,value INTEGER NOT NULL) STRICT,WITHOUT ROWID",
    DECISIONS("messages"),
    DECISIONS("refusals"),
    BY_NAME("messages"),
    BY_NAME("refusals"),
    BY_LOGIN("messages"),
    BY_LOGIN("refusals"),
    MONITORED("messages"),
    MONITORED("refusals"),
    USAGE,
    TOTALS,
    COUNTS,
    BLOCKS,
    "CREATE TABLE dropped (program TEXT PRIMARY KEY,count INTEGER NOT NULL) STRICT,WITHOUT ROWID",
};

/* ---- statements ---- */

_Static_assert(SQL_STATEMENTS <= DATABASE_STATEMENTS_MAX, "room for each");
static const char *const statements[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
#define QUESTION(column, member) ",?"
#define ADD_DECISION(table)                                                                                            \
    "INSERT INTO " table " (" DECISION_COLUMNS "," DECISION_KEYS                                                       \
    ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?" JOURNAL_TEXTS(QUESTION) ",?,?,?)"
    [SQL_ADD_MESSAGE] = ADD_DECISION("messages"),
    [SQL_ADD_REFUSAL] = ADD_DECISION("refusals"),
#define LAST_PART(table) "SELECT max(part),count(*) FROM " table " WHERE part=(SELECT max(part) FROM " table ")"
    [SQL_LAST_PART_OF_MESSAGES] = LAST_PART("messages"),
    [SQL_LAST_PART_OF_REFUSALS] = LAST_PART("refusals"),
    [SQL_COUNT_MESSAGES] = "SELECT count(*) FROM messages",
    [SQL_COUNT_REFUSALS] = "SELECT count(*) FROM refusals",
    [SQL_DROP_MESSAGES] = "DELETE FROM messages WHERE at<(SELECT at FROM messages ORDER BY at LIMIT 1 OFFSET ?1)",
    [SQL_DROP_REFUSALS] = "DELETE FROM refusals WHERE at<(SELECT at FROM refusals ORDER BY at LIMIT 1 OFFSET ?1)",
    [SQL_ADD_TOTAL] = "INSERT INTO totals VALUES (?1,?2,?3,?4) ON CONFLICT DO UPDATE SET count=count+excluded.count",
    [SQL_ADD_COUNT] = "INSERT INTO counts VALUES (?1,?2,?3,?4) ON CONFLICT DO UPDATE SET count=count+excluded.count",
    [SQL_ADD_DROPPED] = "INSERT INTO dropped VALUES (?1,?2) ON CONFLICT DO UPDATE SET count=count+excluded.count",
    [SQL_USAGE_OF] = "SELECT " USAGE_COLUMNS " FROM usage WHERE tenant=?1 AND mailbox=?2",
    [SQL_ADD_USAGE] =
        "INSERT INTO usage (tenant,mailbox," USAGE_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [SQL_SET_USAGE] =
        "UPDATE usage SET (" USAGE_COLUMNS ")=(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) WHERE tenant=? AND mailbox=?",
    [SQL_SET_FIRST] = "INSERT INTO meta VALUES ('first',?1) ON CONFLICT DO UPDATE SET value=min(value,excluded.value)",
    [SQL_COUNT_USAGE] = "SELECT count(*) FROM usage",
    [SQL_USAGE_BEHIND] = "SELECT tenant,mailbox FROM usage WHERE (tenant,mailbox)>(?1,?2) ORDER BY tenant,mailbox "
                         "LIMIT 1 OFFSET ?3",
    [SQL_FORGET] = "DELETE FROM usage WHERE (tenant,mailbox)>(?1,?2) AND (tenant,mailbox)<=(?3,?4) AND "
                   "max(last,last_refused)<?5",
    [SQL_FORGET_MOST] = "DELETE FROM usage WHERE (tenant,mailbox) IN (SELECT tenant,mailbox FROM usage ORDER BY "
                        "max(last,last_refused) LIMIT ?1)",
    /* One that stands has not ended, unless somebody has just lifted it. */
    [SQL_BLOCK_SEEN] = "INSERT INTO blocks (since,subject,limit_name,until,reason) VALUES (?1,?2,?3,?4,?5) "
                       "ON CONFLICT DO UPDATE SET until=excluded.until,reason=excluded.reason,ended=NULL,how=NULL,"
                       "ended_by=NULL WHERE how IS NULL OR how<>'lifted'",
    [SQL_BLOCK_GONE] = "UPDATE blocks SET ended=?4,how=?5,ended_by=?6 WHERE since=?1 AND subject=?2 AND limit_name=?3 "
                       "AND ended IS NULL AND (until=0 OR until>?4)",
    [SQL_BLOCK_LIFTED] = "INSERT INTO blocks VALUES (?1,?2,?3,?4,?5,?6,'lifted',?7,?8) ON CONFLICT DO UPDATE SET "
                         "ended=excluded.ended,how='lifted',ended_by=excluded.ended_by,why=excluded.why",
    [SQL_BLOCKS_OPEN] = "SELECT since,subject,limit_name FROM blocks WHERE ended IS NULL AND (until=0 OR until>?1)",
    [SQL_FORGET_BLOCKS] = "DELETE FROM blocks WHERE coalesce(ended,nullif(until,0))<?1",
    [SQL_FORGET_MOST_BLOCKS] = "DELETE FROM blocks WHERE (since,subject,limit_name) IN (SELECT "
                               "since,subject,limit_name FROM blocks ORDER BY ended IS NULL AND (until=0 OR until>?2),"
                               "since LIMIT max(0,(SELECT count(*) FROM blocks)-?1))",
};

/* ---- the kind ---- */

static int set_lmdb_aside(int folder, struct error *notice, struct error *e)
{
    struct stat st;

    if (fstatat(folder, LMDB_NAME, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (renameat(folder, LMDB_NAME, folder, LMDB_ASIDE_NAME) != 0)
        return error_set(e, LMDB_NAME " cannot be set aside: %s", strerror(errno));
    if (unlinkat(folder, LMDB_LOCK_NAME, 0) != 0 && errno != ENOENT)
        return error_set(e, LMDB_LOCK_NAME " cannot be removed: %s", strerror(errno));
    (void)error_set(notice, LMDB_NAME
                    " is of an earlier version, which kept the journal in LMDB; it was set aside as " LMDB_ASIDE_NAME
                    " and a new journal begun: reports and postern log begin anew");
    return 0;
}

const struct database_kind journal_kind = {
    .name = JOURNAL_NAME,
    .damaged = "damaged.sqlite",
    .former = "former.sqlite",
    .title = "journal",
    .writers = "postern-policyd or postern-milter",
    .nothing = "nothing is there yet; postern-policyd and postern-milter make it",
    .remade = "postern-policyd and postern-milter make them when they start",
    .folder_mode = 02750,
    .schema = schema,
    .n_schema = sizeof schema / sizeof schema[0],
    .version = JOURNAL_VERSION,
    .grows = true,
    .statements = statements,
    .prepare = set_lmdb_aside,
};
