/* Has a file the tables of its kind, exactly as we make them? */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/journal/database.h"

#include <string.h>

#define SCHEMA_MAX 64u /* statements of a kind: a bit each */

static bool find_statement(const struct database_kind *kind, const char *sql, unsigned *at)
{
    for (*at = 0; *at < kind->n_schema && *at < SCHEMA_MAX; ++*at)
        if (strcmp(sql, kind->schema[*at]) == 0)
            return true;
    return false;
}

/* Which statements of the schema are there, a bit each, and how many others. A code. */
static int find_schema(const struct database *f, uint64_t *found, unsigned *others)
{
    sqlite3_stmt *s;
    unsigned at;
    int code = sqlite3_prepare_v2(f->db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", -1, &s, NULL);

    *found = 0;
    *others = 0;
    while (code == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(s, 0);

        if (sql != NULL && find_statement(f->kind, sql, &at))
            *found |= UINT64_C(1) << at;
        else
            ++*others;
    }
    return code == SQLITE_OK ? sqlite3_finalize(s) : code;
}

/* A code, and *version; 0: none is said. */
static int find_version(const struct database *f, int *version)
{
    sqlite3_stmt *s;
    int code = sqlite3_prepare_v2(f->db, "SELECT value FROM meta WHERE name='version'", -1, &s, NULL);

    *version = 0;
    if (code != SQLITE_OK)
        return code;
    if (sqlite3_step(s) == SQLITE_ROW)
        *version = sqlite3_column_int(s, 0);
    return sqlite3_finalize(s);
}

int database_schema_check(const struct database *f, enum database_schema *out)
{
    uint64_t found, all = (UINT64_C(1) << f->kind->n_schema) - 1;
    unsigned others;
    int version, code = find_schema(f, &found, &others);

    if (code != SQLITE_OK)
        return code;
    *out = DATABASE_OTHER;
    if (found == 0 && others == 0)
        *out = DATABASE_EMPTY;
    /* The first of the schema is the table that says the version. */
    if (others > 0 || (found & 1) == 0 || (found != all && !f->kind->grows))
        return SQLITE_OK;
    code = find_version(f, &version);
    if (version == f->kind->version)
        *out = found == all ? DATABASE_OURS : DATABASE_PART;
    return code;
}

static int make_version(const struct database *f)
{
    char meta[160];
    struct buf b = BUF_OVER(meta);

    buf_addf(&b, "INSERT INTO meta VALUES ('version',%d),('begun',%lld)", f->kind->version, (long long)clock_wall_s());
    return sqlite3_exec(f->db, meta, NULL, NULL, NULL);
}

int database_schema_make(const struct database *f)
{
    uint64_t found = 0;
    unsigned others;
    int code = sqlite3_exec(f->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (code == SQLITE_OK)
        code = find_schema(f, &found, &others);
    for (unsigned i = 0; i < f->kind->n_schema && code == SQLITE_OK; i++)
        if ((found >> i & 1) == 0)
            code = sqlite3_exec(f->db, f->kind->schema[i], NULL, NULL, NULL);
    if (code == SQLITE_OK && found == 0)
        code = make_version(f);
    if (code == SQLITE_OK)
        code = sqlite3_exec(f->db, "COMMIT", NULL, NULL, NULL);
    return code;
}
