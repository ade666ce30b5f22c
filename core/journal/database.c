#include "core/journal/database.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/owner.h"
#include "core/base/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64 /* of a file, with its ending */
#define DAMAGED "is damaged"
#define FORMER "is of another version's layout"
#define FILE_MODE 0640
/* Programs that start together wait for each other. */
#define LOCK_TRIES 40
#define LOCK_PAUSE_NS 5000000
/* For another program's transaction. Nobody but the writers' own threads, or a reader, waits. */
#define BUSY_TRIES 1000
#define BUSY_PAUSE_NS 2000000
#define CACHE_KIB "-4096"     /* of pages, in memory: policyd has 32 MiB for everything (bench/README.md) */
#define CHECKPOINT_PAGES 4096 /* of the log, 16 MiB: from then on there is a checkpoint */
#define LOG_KEPT "16777216"   /* bytes of its file that are kept */
#define VALUE_MAX 65536       /* bytes; ours are much shorter */
#define DEADLINE_OPS 10000    /* steps of SQLite's machine between two looks at the clock */

static const char *const endings[3] = {"", "-wal", "-shm"};

/* ---- codes ---- */

bool database_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

int database_error(const struct database *f, struct error *e, const char *what, int code)
{
    int number = f != NULL && f->db != NULL ? sqlite3_system_errno(f->db) : 0;
    bool io = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;

    if (io && number != 0)
        return error_set(e, "cannot %s: %s: %s", what, sqlite3_errstr(code), strerror(number));
    return error_set(e, "cannot %s: %s", what, sqlite3_errstr(code));
}

/* ---- the folder and its files ---- */

/* Makes the folder. If it is this database's alone and its owner runs this, removes the group's write permission, which
 * earlier versions gave. */
static int make_folder(const struct database_kind *kind, const char *folder, struct error *e)
{
    bool made = mkdir(folder, kind->folder_mode & 0777) == 0;
    struct stat st;
    int fd;

    if (!made && errno != EEXIST)
        return error_set(e, "cannot make the folder: %s", strerror(errno));
    if (kind->shares_folder)
        return 0;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == owner_now() && (made || (st.st_mode & 022) != 0))
        if (fchmod(fd, kind->folder_mode) != 0) /* not allowed with RestrictSUIDSGID=; its files then have our group */
            (void)fchmod(fd, kind->folder_mode & 0777);
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
    char old_name[NAME_MAX_BYTES], new_name[NAME_MAX_BYTES];
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

static int take_off(int folder, const char *name, const char *ending, struct error *e)
{
    char whole[NAME_MAX_BYTES];
    struct buf b = BUF_OVER(whole);

    buf_addf(&b, "%s%s", name, ending);
    if (unlinkat(folder, whole, 0) == 0 || errno == ENOENT)
        return 0;
    return error_set(e, "%s cannot be removed: %s", whole, strerror(errno));
}

static int set_aside(const struct database_kind *kind, int folder, const char *why, const char *name,
                     struct error *notice, struct error *e)
{
    if (move(folder, kind->name, name, "-wal", e) != 0 || take_off(folder, kind->name, "-shm", e) != 0 ||
        move(folder, kind->name, name, "", e) != 0)
        return error_prefix(e, "%s %s", kind->name, why);
    (void)error_set(notice, "%s %s; it was set aside as %s and a new one begun", kind->name, why, name);
    return 0;
}

/*
 * All three must be regular files, since SQLite would block on a pipe. A reader creates none. 0; -1 with e. *there: the
 * database exists.
 */
static int look(const struct database_kind *kind, int folder, bool writer, bool *there, struct error *e)
{
    char name[NAME_MAX_BYTES];
    struct stat st;
    int n = 0;

    *there = false;
    for (int i = 0; i < 3; i++) {
        struct buf b = BUF_OVER(name);

        buf_addf(&b, "%s%s", kind->name, endings[i]);
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
        return error_set(e, "%s-wal or %s-shm is missing, as when another program has opened the %s: %s", kind->name,
                         kind->name, kind->title, kind->remade);
    return 0;
}

/* SQLite gives the other two the mode of this one. */
static int make_file(const struct database_kind *kind, int folder, struct error *e)
{
    int fd;

    if (take_off(folder, kind->name, "-wal", e) != 0 || take_off(folder, kind->name, "-shm", e) != 0)
        return -1;
    fd = openat(folder, kind->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return error_set(e, "cannot make %s: %s", kind->name, strerror(errno));
    if (fchmod(fd, FILE_MODE) != 0) {
        (void)error_set(e, "cannot set the mode of %s: %s", kind->name, strerror(errno));
        (void)close(fd);
        return -1;
    }
    (void)close(fd);
    return 0;
}

/* ---- the database ---- */

sqlite3_stmt *database_statement(struct database *f, unsigned which)
{
    sqlite3_stmt **s = &f->statements[which];

    if (*s == NULL &&
        sqlite3_prepare_v3(f->db, f->kind->statements[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
        return NULL;
    (void)sqlite3_reset(*s);
    return *s;
}

void database_bind_number(sqlite3_stmt *s, int parameter, uint64_t v)
{
    (void)sqlite3_bind_int64(s, parameter, v < INT64_MAX ? (int64_t)v : INT64_MAX);
}

uint64_t database_column_number(sqlite3_stmt *s, int column)
{
    int64_t v = sqlite3_column_int64(s, column);

    return v > 0 ? (uint64_t)v : 0;
}

static int note_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct database *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static int is_late(void *arg)
{
    const struct database *f = arg;

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
static int configure(struct database *f)
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
static char *uri_of(const struct database *f)
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

static int open_error(const struct database *f, struct error *e, int code)
{
    char what[NAME_MAX_BYTES + 8];
    struct buf b = BUF_OVER(what);

    buf_addf(&b, "open %s", f->kind->name);
    return database_error(f, e, what, code);
}

static int open_database(struct database *f, struct error *e)
{
    int flags = (f->writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI |
                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    const char *vfs = database_vfs(e);
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
        (void)open_error(f, e, code);
    return code;
}

static void close_database(struct database *f, bool whole)
{
    for (unsigned i = 0; i < DATABASE_STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(f->statements[i]);
        f->statements[i] = NULL;
    }
    if (f->db != NULL && !whole)
        (void)sqlite3_db_config(f->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_close_v2(f->db); /* NULL is fine */
    f->db = NULL;
}

static void stat_files(const struct database *f, struct stat files[3])
{
    char path[PATH_MAX + 8];

    for (int i = 0; i < 3; i++) {
        struct buf b = BUF_OVER(path);

        buf_addf(&b, "%s%s", f->path, endings[i]);
        if (lstat(path, &files[i]) != 0)
            files[i] = (struct stat){.st_ino = 0};
    }
}

bool database_stale(const struct database *f)
{
    struct stat now[3];

    stat_files(f, now);
    for (int i = 0; i < 3; i++)
        if (now[i].st_ino != f->files[i].st_ino || now[i].st_dev != f->files[i].st_dev)
            return true;
    return database_shm_tripped(f->db);
}

/* A program creates missing tables. 0; -1 with e; 1: set it aside, because of *why. */
static int open_checked(struct database *f, const char **why, struct error *e)
{
    enum database_schema schema = DATABASE_EMPTY;
    int code = open_database(f, e);

    if (code == SQLITE_OK && (code = database_schema_check(f, &schema)) == SQLITE_OK && f->writer &&
        (schema == DATABASE_EMPTY || schema == DATABASE_PART) && (code = database_schema_make(f)) == SQLITE_OK)
        schema = DATABASE_OURS;
    if (code == SQLITE_OK && schema == DATABASE_OURS) {
        stat_files(f, f->files);
        return 0;
    }
    *why = database_damage(code) ? DAMAGED : schema == DATABASE_OTHER ? FORMER : NULL;
    if (code != SQLITE_OK)
        (void)open_error(f, e, code);
    else if (schema == DATABASE_EMPTY)
        (void)error_set(e, "%s", f->kind->nothing);
    else if (schema == DATABASE_PART)
        (void)error_set(e, "%s is an earlier version's: %s", f->kind->name, f->kind->remade);
    if (*why == NULL)
        return -1;
    return f->writer ? 1 : error_set(e, "%s %s; %s will set it aside", f->kind->name, *why, f->kind->writers);
}

static int open_locked(struct database *f, int folder, struct error *notice, struct error *e)
{
    const struct database_kind *kind = f->kind;
    const char *why = NULL;
    bool there;
    int result;

    if (f->writer && kind->prepare != NULL && kind->prepare(folder, notice, e) != 0)
        return -1;
    if (look(kind, folder, f->writer, &there, e) != 0)
        return -1;
    if (!there && !f->writer)
        return error_set(e, "%s", kind->nothing);
    if (!there && make_file(kind, folder, e) != 0)
        return -1;
    result = open_checked(f, &why, e);
    if (result != 1)
        return result;
    close_database(f, false);
    if (set_aside(kind, folder, why, strcmp(why, FORMER) == 0 ? kind->former : kind->damaged, notice, e) != 0 ||
        make_file(kind, folder, e) != 0)
        return -1;
    return open_checked(f, &why, e) == 0 ? 0 : -1;
}

/* The path of the database, with symbolic links resolved, since SQLite follows none. */
static int find_path(struct database *f, const char *folder, struct error *e)
{
    char *whole = realpath(folder, NULL);

    if (whole == NULL)
        return errno == ENOENT ? error_set(e, "%s", f->kind->nothing)
                               : error_set(e, "the folder cannot be found: %s", strerror(errno));
    if (asprintf(&f->path, "%s/%s", whole, f->kind->name) < 0)
        f->path = NULL;
    free(whole);
    return f->path != NULL ? 0 : error_set(e, "out of memory");
}

static int open_owned(struct database *f, const char *folder, struct error *notice, struct error *e)
{
    int fd, result;

    if ((f->writer && make_folder(f->kind, folder, e) != 0) || find_path(f, folder, e) != 0)
        return -1;
    fd = f->writer ? lock_folder(folder, e) : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return f->writer ? -1 : error_set(e, "cannot open the folder: %s", strerror(errno));
    result = open_locked(f, fd, notice, e);
    (void)close(fd);
    return result;
}

int database_open(const struct database_kind *kind, const char *folder, bool writer, struct database **out,
                  struct error *notice, struct error *e)
{
    struct database *f = calloc(1, sizeof *f);
    struct owner_visit visit;
    int result = -1;

    if (f == NULL)
        return error_set(e, "out of memory");
    f->kind = kind;
    f->writer = writer;
    if (owner_enter(folder, &visit, e) == 0) { /* SQLite opens by path; as root it could open any */
        result = open_owned(f, folder, notice, e);
        owner_leave(&visit);
    }
    if (result == 0)
        *out = f;
    else
        database_close(f, false);
    return result;
}

void database_close(struct database *f, bool whole)
{
    if (f == NULL)
        return;
    close_database(f, whole);
    free(f->path);
    free(f);
}

int database_set_aside(const struct database *f, const char *folder, struct error *notice, struct error *e)
{
    struct owner_visit visit;
    struct stat now;
    int fd, result = 0;

    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    fd = lock_folder(folder, e);
    if (fd < 0)
        result = -1;
    else if (fstatat(fd, f->kind->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == f->files[0].st_ino &&
             now.st_dev == f->files[0].st_dev)
        result = set_aside(f->kind, fd, DAMAGED, f->kind->damaged, notice, e);
    if (fd >= 0)
        (void)close(fd);
    owner_leave(&visit);
    return result;
}

bool database_checkpoint(struct database *f)
{
    int in_log = 0, moved = 0;

    if (f->wal_pages < CHECKPOINT_PAGES)
        return true;
    if (sqlite3_wal_checkpoint_v2(f->db, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved) != SQLITE_OK)
        return false;
    return moved >= in_log;
}
