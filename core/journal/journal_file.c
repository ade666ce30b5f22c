#include "core/journal/journal_file.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/owner.h"
#include "core/base/quote.h"
#include "core/journal/journal_parts.h"
#include "core/journal/journal_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define DAMAGED_NAME "damaged.sqlite"
#define FORMER_NAME "former.sqlite"
#define LMDB_NAME "data.mdb" /* of versions that kept the journal in LMDB */
#define LMDB_LOCK_NAME "lock.mdb"
#define LMDB_ASIDE_NAME "former.mdb"
#define FORMER "is of another version's layout"
#define NOTHING_YET "nothing is there yet; postern-policyd and postern-milter make it"
#define FILE_MODE 0640
#define FOLDER_MODE 02750
/* Programs that start together wait for each other. */
#define LOCK_TRIES 40
#define LOCK_PAUSE_NS 5000000
/* For another program's transaction. Nobody but the journal's thread, or a reader, waits. */
#define BUSY_TRIES 1000
#define BUSY_PAUSE_NS 2000000
#define CACHE_KIB "-4096"     /* of pages, in memory: policyd has 32 MiB for everything (bench/README.md) */
#define CHECKPOINT_PAGES 4096 /* of the log, 16 MiB: from then on there is a checkpoint */
#define LOG_KEPT "16777216"   /* bytes of its file that are kept */
#define VALUE_MAX 65536       /* bytes; ours are much shorter */
#define DEADLINE_OPS 10000    /* steps of SQLite's machine between two looks at the clock */

static const char *const endings[3] = {"", "-wal", "-shm"};

/* ---- codes ---- */

bool journal_file_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

int journal_file_error(const struct journal_file *f, struct error *e, const char *what, int code)
{
    int number = f != NULL && f->db != NULL ? sqlite3_system_errno(f->db) : 0;
    bool io = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;

    if (io && number != 0)
        return error_set(e, "cannot %s: %s: %s", what, sqlite3_errstr(code), strerror(number));
    return error_set(e, "cannot %s: %s", what, sqlite3_errstr(code));
}

/* ---- the folder and its files ---- */

/* Makes the folder. If its owner runs this, removes the group's write permission, which earlier versions gave. */
static int make_folder(const char *folder, struct error *e)
{
    bool made = mkdir(folder, FOLDER_MODE & 0777) == 0;
    struct stat st;
    int fd;

    if (!made && errno != EEXIST)
        return error_set(e, "cannot make the folder: %s", strerror(errno));
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == owner_now() && (made || (st.st_mode & 022) != 0))
        if (fchmod(fd, FOLDER_MODE) != 0) /* not allowed with RestrictSUIDSGID=; its files then have our own group */
            (void)fchmod(fd, FOLDER_MODE & 0777);
    if (fd >= 0)
        (void)close(fd);
    return 0;
}

/* The folder, locked against others that open or set aside; closing it unlocks. -1 with e. */
static int lock_folder(const char *folder, struct error *e)
{
    const struct timespec pause = {0, LOCK_PAUSE_NS};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_set(e, "cannot open the folder: %s", strerror(errno));
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        (void)nanosleep(&pause, NULL);
    }
    (void)close(fd);
    return error_set(e, "another program keeps the folder locked");
}

/* By name only: opening and closing one of the three files would release SQLite's locks (fcntl(2)). */
static int move(int folder, const char *from, const char *to, const char *ending, struct error *e)
{
    char old_name[64], new_name[64];
    struct buf o = BUF_OVER(old_name), n = BUF_OVER(new_name);

    buf_addf(&o, "%s%s", from, ending);
    buf_addf(&n, "%s%s", to, ending);
    if (renameat(folder, old_name, folder, new_name) == 0)
        return 0;
    if (errno != ENOENT)
        return error_set(e, "%s cannot be set aside: %s", old_name, strerror(errno));
    if (unlinkat(folder, new_name, 0) != 0 && errno != ENOENT) /* of an older one */
        return error_set(e, "%s cannot be removed: %s", new_name, strerror(errno));
    return 0;
}

static int take_off(int folder, const char *name, struct error *e)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    return error_set(e, "%s cannot be removed: %s", name, strerror(errno));
}

static int set_aside(int folder, const char *why, const char *name, struct error *notice, struct error *e)
{
    if (move(folder, JOURNAL_NAME, name, "-wal", e) != 0 || take_off(folder, JOURNAL_NAME "-shm", e) != 0 ||
        move(folder, JOURNAL_NAME, name, "", e) != 0)
        return error_prefix(e, JOURNAL_NAME " %s", why);
    (void)error_set(notice, JOURNAL_NAME " %s; it was set aside as %s and a new one begun", why, name);
    return 0;
}

static int set_lmdb_aside(int folder, struct error *notice, struct error *e)
{
    struct stat st;

    if (fstatat(folder, LMDB_NAME, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (move(folder, LMDB_NAME, LMDB_ASIDE_NAME, "", e) != 0 || take_off(folder, LMDB_LOCK_NAME, e) != 0)
        return -1;
    (void)error_set(notice, LMDB_NAME
                    " is of an earlier version, which kept the journal in LMDB; it was set aside as " LMDB_ASIDE_NAME
                    " and a new journal begun: reports and postern log begin anew");
    return 0;
}

/*
 * All three must be regular files, since SQLite would block on a pipe. A reader creates none. 0; -1 with e. *there: the
 * database exists.
 */
static int look(int folder, bool writer, bool *there, struct error *e)
{
    char name[64];
    struct stat st;
    int n = 0;

    *there = false;
    for (int i = 0; i < 3; i++) {
        struct buf b = BUF_OVER(name);

        buf_addf(&b, JOURNAL_NAME "%s", endings[i]);
        if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT)
                return error_set(e, "%s cannot be looked at: %s", name, strerror(errno));
            continue;
        }
        if (!S_ISREG(st.st_mode))
            return error_set(e, "%s is not a plain file", name);
        n++;
        *there = *there || i == 0;
    }
    if (*there && !writer && n < 3)
        return error_set(e, JOURNAL_NAME "-wal or " JOURNAL_NAME "-shm is missing, as when another program has opened "
                                         "the journal: postern-policyd and postern-milter make them when they start");
    return 0;
}

/* SQLite gives the other two the mode of this one. */
static int make_file(int folder, struct error *e)
{
    int fd;

    if (take_off(folder, JOURNAL_NAME "-wal", e) != 0 || take_off(folder, JOURNAL_NAME "-shm", e) != 0)
        return -1;
    fd = openat(folder, JOURNAL_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return error_set(e, "cannot make " JOURNAL_NAME ": %s", strerror(errno));
    if (fchmod(fd, FILE_MODE) != 0) {
        (void)error_set(e, "cannot set the mode of " JOURNAL_NAME ": %s", strerror(errno));
        (void)close(fd);
        return -1;
    }
    (void)close(fd);
    return 0;
}

/* ---- the database ---- */

static const char *const statements[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
#define QUESTION(column, member) ",?"
#define ADD_DECISION(table)                                                                                            \
    "INSERT INTO " table " (" DECISION_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?" JOURNAL_TEXTS(QUESTION) ")"
    [SQL_ADD_MESSAGE] = ADD_DECISION("messages"),
    [SQL_ADD_REFUSAL] = ADD_DECISION("refusals"),
    [SQL_COUNT_MESSAGES] = "SELECT count(*) FROM messages",
    [SQL_COUNT_REFUSALS] = "SELECT count(*) FROM refusals",
    [SQL_DROP_MESSAGES] = "DELETE FROM messages WHERE at IN (SELECT at FROM messages ORDER BY at LIMIT ?1)",
    [SQL_DROP_REFUSALS] = "DELETE FROM refusals WHERE at IN (SELECT at FROM refusals ORDER BY at LIMIT ?1)",
    [SQL_ADD_TOTAL] = "INSERT INTO totals VALUES (?1,?2,?3,?4) ON CONFLICT DO UPDATE SET count=count+excluded.count",
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
};

sqlite3_stmt *journal_file_statement(struct journal_file *f, enum journal_sql which)
{
    sqlite3_stmt **s = &f->statements[which];

    if (*s == NULL && sqlite3_prepare_v3(f->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
        return NULL;
    (void)sqlite3_reset(*s);
    return *s;
}

static int note_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct journal_file *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static int is_late(void *arg)
{
    const struct journal_file *f = arg;

    return f->deadline_ns != 0 && clock_boot_ns() > f->deadline_ns;
}

/* Short pauses: SQLite's own grow to 100 ms, in which a busy program finishes a transaction and begins the next. */
static int wait_for_others(void *arg, int tries)
{
    const struct timespec pause = {0, BUSY_PAUSE_NS};

    (void)arg;
    (void)nanosleep(&pause, NULL);
    return tries < BUSY_TRIES;
}

/* Settings of all connections: nothing in the file is trusted, and it is never mapped. */
static int configure(struct journal_file *f)
{
    static const char *const program[] = {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
                                          "PRAGMA secure_delete=OFF", "PRAGMA journal_size_limit=" LOG_KEPT,
                                          "PRAGMA cache_size=" CACHE_KIB};
    int on = 1, code;

    (void)sqlite3_extended_result_codes(f->db, 1);
    (void)sqlite3_busy_handler(f->db, wait_for_others, NULL);
    (void)sqlite3_limit(f->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    (void)sqlite3_db_config(f->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(f->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    code = sqlite3_exec(f->db, "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY", NULL, NULL,
                        NULL);
    if (!f->writer)
        sqlite3_progress_handler(f->db, DEADLINE_OPS, is_late, f);
    for (size_t i = 0; f->writer && code == SQLITE_OK && i < sizeof program / sizeof program[0]; i++)
        code = sqlite3_exec(f->db, program[i], NULL, NULL, NULL);
    if (!f->writer || code != SQLITE_OK)
        return code;
    (void)sqlite3_file_control(f->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    (void)sqlite3_wal_hook(f->db, note_pages, f);
    return SQLITE_OK;
}

/* The path as a "file:" URI. A reader does not even touch the index of the log. NULL without memory. */
static char *uri_of(const struct journal_file *f)
{
    size_t cap = 3 * strlen(f->path) + 64;
    char *text = malloc(cap);
    struct buf b;

    if (text == NULL)
        return NULL;
    b = buf_over(text, cap);
    buf_add(&b, SLICE("file:"));
    for (const char *p = f->path; *p != '\0'; p++)
        if (*p == '?' || *p == '#' || *p == '%')
            buf_addf(&b, "%%%02X", (unsigned char)*p);
        else
            buf_add_char(&b, *p);
    if (!f->writer)
        buf_add(&b, SLICE("?readonly_shm=1"));
    return text;
}

static int open_database(struct journal_file *f, struct error *e)
{
    int flags = (f->writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI |
                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    const char *vfs = journal_vfs(e);
    char *uri;
    int code;

    if (vfs == NULL)
        return SQLITE_NOMEM;
    uri = uri_of(f);
    code = uri != NULL ? sqlite3_open_v2(uri, &f->db, flags, vfs) : SQLITE_NOMEM;
    free(uri);
    if (code == SQLITE_OK)
        code = configure(f);
    if (code != SQLITE_OK)
        (void)journal_file_error(f, e, "open " JOURNAL_NAME, code);
    return code;
}

static void close_database(struct journal_file *f, bool whole)
{
    for (int i = 0; i < SQL_STATEMENTS; i++) {
        (void)sqlite3_finalize(f->statements[i]);
        f->statements[i] = NULL;
    }
    if (f->db != NULL && !whole)
        (void)sqlite3_db_config(f->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_close_v2(f->db); /* NULL is fine */
    f->db = NULL;
}

static void stat_files(const struct journal_file *f, struct stat files[3])
{
    char path[PATH_MAX + 8];

    for (int i = 0; i < 3; i++) {
        struct buf b = BUF_OVER(path);

        buf_addf(&b, "%s%s", f->path, endings[i]);
        if (lstat(path, &files[i]) != 0)
            files[i] = (struct stat){.st_ino = 0};
    }
}

bool journal_file_stale(const struct journal_file *f)
{
    struct stat now[3];

    stat_files(f, now);
    for (int i = 0; i < 3; i++)
        if (now[i].st_ino != f->files[i].st_ino || now[i].st_dev != f->files[i].st_dev)
            return true;
    return journal_shm_tripped(f->db);
}

/* A program creates missing tables. 0; -1 with e; 1: set it aside, because of *why. */
static int open_checked(struct journal_file *f, const char **why, struct error *e)
{
    enum journal_schema schema = JOURNAL_SCHEMA_NONE;
    int code = open_database(f, e);

    if (code == SQLITE_OK && (code = journal_schema_check(f->db, &schema)) == SQLITE_OK && f->writer &&
        schema == JOURNAL_SCHEMA_NONE && (code = journal_schema_make(f->db)) == SQLITE_OK)
        schema = JOURNAL_SCHEMA_OURS;
    if (code == SQLITE_OK && schema == JOURNAL_SCHEMA_OURS) {
        stat_files(f, f->files);
        return 0;
    }
    *why = journal_file_damage(code) ? "is damaged" : schema == JOURNAL_SCHEMA_OTHER ? FORMER : NULL;
    if (code != SQLITE_OK)
        (void)journal_file_error(f, e, "open " JOURNAL_NAME, code);
    else if (schema == JOURNAL_SCHEMA_NONE)
        (void)error_set(e, NOTHING_YET);
    if (*why == NULL)
        return -1;
    return f->writer ? 1 : error_set(e, JOURNAL_NAME " %s; postern-policyd or postern-milter will set it aside", *why);
}

static int open_locked(struct journal_file *f, int folder, struct error *notice, struct error *e)
{
    const char *why = NULL;
    bool there;
    int result;

    if (f->writer && set_lmdb_aside(folder, notice, e) != 0)
        return -1;
    if (look(folder, f->writer, &there, e) != 0)
        return -1;
    if (!there && !f->writer)
        return error_set(e, NOTHING_YET);
    if (!there && make_file(folder, e) != 0)
        return -1;
    result = open_checked(f, &why, e);
    if (result != 1)
        return result;
    close_database(f, false);
    if (set_aside(folder, why, strcmp(why, FORMER) == 0 ? FORMER_NAME : DAMAGED_NAME, notice, e) != 0 ||
        make_file(folder, e) != 0)
        return -1;
    return open_checked(f, &why, e) == 0 ? 0 : -1;
}

/* The path of the database, with symbolic links resolved, since SQLite follows none. */
static int find_path(struct journal_file *f, const char *folder, struct error *e)
{
    char *whole = realpath(folder, NULL);

    if (whole == NULL)
        return errno == ENOENT ? error_set(e, NOTHING_YET)
                               : error_set(e, "the folder cannot be found: %s", strerror(errno));
    if (asprintf(&f->path, "%s/" JOURNAL_NAME, whole) < 0)
        f->path = NULL;
    free(whole);
    return f->path != NULL ? 0 : error_set(e, "out of memory");
}

static int open_owned(struct journal_file *f, const char *folder, struct error *notice, struct error *e)
{
    int fd, result;

    if ((f->writer && make_folder(folder, e) != 0) || find_path(f, folder, e) != 0)
        return -1;
    fd = f->writer ? lock_folder(folder, e) : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return f->writer ? -1 : error_set(e, "cannot open the folder: %s", strerror(errno));
    result = open_locked(f, fd, notice, e);
    (void)close(fd);
    return result;
}

int journal_file_open(const char *folder, bool writer, struct journal_file **out, struct error *notice, struct error *e)
{
    struct journal_file *f = calloc(1, sizeof *f);
    struct owner_visit visit;
    int result = -1;

    if (f == NULL)
        return error_set(e, "out of memory");
    f->writer = writer;
    if (owner_enter(folder, &visit, e) == 0) { /* SQLite opens by path; as root it could open any */
        result = open_owned(f, folder, notice, e);
        owner_leave(&visit);
    }
    if (result == 0)
        *out = f;
    else
        journal_file_close(f, false);
    return result;
}

void journal_file_close(struct journal_file *f, bool whole)
{
    if (f == NULL)
        return;
    close_database(f, whole);
    free(f->path);
    free(f);
}

int journal_file_set_aside(const struct journal_file *f, const char *folder, struct error *notice, struct error *e)
{
    struct owner_visit visit;
    struct stat now;
    int fd, result = 0;

    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    fd = lock_folder(folder, e);
    if (fd < 0)
        result = -1;
    else if (fstatat(fd, JOURNAL_NAME, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == f->files[0].st_ino &&
             now.st_dev == f->files[0].st_dev)
        result = set_aside(fd, "is damaged", DAMAGED_NAME, notice, e);
    if (fd >= 0)
        (void)close(fd);
    owner_leave(&visit);
    return result;
}

bool journal_file_checkpoint(struct journal_file *f)
{
    int in_log = 0, moved = 0;

    if (f->wal_pages < CHECKPOINT_PAGES)
        return true;
    if (sqlite3_wal_checkpoint_v2(f->db, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved) != SQLITE_OK)
        return false;
    return moved >= in_log;
}
