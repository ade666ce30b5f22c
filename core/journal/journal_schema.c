/* The tables: postern-journal(5) tells people of them, and a test compares. */
#include "core/journal/journal_schema.h"

#include "core/base/clock.h"
#include "core/journal/journal_parts.h"

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
    "CREATE TABLE dropped (program TEXT PRIMARY KEY,count INTEGER NOT NULL) STRICT,WITHOUT ROWID",
};
#define STATEMENTS (sizeof schema / sizeof schema[0])

const char *journal_schema_statement(size_t i)
{
    return i < STATEMENTS ? schema[i] : NULL;
}

static bool is_ours(const char *sql)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        if (strcmp(sql, schema[i]) == 0)
            return true;
    return false;
}

int journal_schema_check(sqlite3 *db, enum journal_schema *out)
{
    sqlite3_stmt *s;
    size_t found = 0, others = 0;
    int code = sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", -1, &s, NULL);

    while (code == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(s, 0);

        *(sql != NULL && is_ours(sql) ? &found : &others) += 1;
    }
    if (code == SQLITE_OK)
        code = sqlite3_finalize(s);
    if (code != SQLITE_OK)
        return code;
    *out = others > 0 || (found > 0 && found != STATEMENTS) ? JOURNAL_SCHEMA_OTHER
           : found == 0                                     ? JOURNAL_SCHEMA_NONE
                                                            : JOURNAL_SCHEMA_OURS;
    if (*out != JOURNAL_SCHEMA_OURS)
        return SQLITE_OK;
    code = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name='version'", -1, &s, NULL);
    if (code != SQLITE_OK)
        return code;
    if (sqlite3_step(s) != SQLITE_ROW || sqlite3_column_int(s, 0) != JOURNAL_VERSION)
        *out = JOURNAL_SCHEMA_OTHER;
    return sqlite3_finalize(s);
}

int journal_schema_make(sqlite3 *db)
{
    char meta[160];
    struct buf b = BUF_OVER(meta);
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    buf_addf(&b, "INSERT INTO meta VALUES ('version',%d),('begun',%lld)", JOURNAL_VERSION, (long long)clock_wall_s());
    for (size_t i = 0; i < STATEMENTS && code == SQLITE_OK; i++)
        code = sqlite3_exec(db, schema[i], NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, meta, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    return code;
}
