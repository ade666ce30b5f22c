#include "core/journal/journal_file.h"

#include "core/base/buf.h"
#include "core/base/owner.h"
#include "core/base/quote.h"
#include "core/journal/journal_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define DATA_NAME "data.mdb"
#define LOCK_NAME "lock.mdb"
#define DAMAGED_NAME "damaged.mdb"
#define FORMER_NAME "former.mdb"
#define FORMER "is of another version's layout"
#define FILE_MODE 0660
#define FOLDER_MODE 0770
/* Room for LMDB's 126 readers. Allocated, since a hole in a mapped file kills who writes there on a full disk. */
#define LOCK_BYTES 16384
/* Programs that start together wait for each other. */
#define LOCK_TRIES 40
#define LOCK_PAUSE_NS 5000000
#define CONDEMNED 0xff

static const char *const table_names[JOURNAL_TABLES] = {"decisions", "usage", "seen", "totals", "refusals"};

int journal_file_error(struct error *e, const char *what, int code)
{
    return error_set(e, "cannot %s: %s", what, mdb_strerror(code));
}

bool journal_file_damage(int code)
{
    return code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID || code == MDB_VERSION_MISMATCH ||
           code == MDB_INCOMPATIBLE || code == MDB_CURSOR_FULL || code == MDB_PAGE_FULL;
}

bool journal_file_stale(int code)
{
    return code == MDB_PANIC || code == MDB_BAD_TXN || code == MDB_BAD_RSLOT || code == MDB_BAD_DBI;
}

bool journal_file_replaced(const struct journal_file *f)
{
    struct stat data, lock;

    return stat(f->data_path, &data) != 0 || stat(f->lock_path, &lock) != 0 || data.st_ino != f->data.st_ino ||
           data.st_dev != f->data.st_dev || lock.st_ino != f->lock.st_ino || lock.st_dev != f->lock.st_dev ||
           data.st_size < f->data.st_size;
}

void journal_file_grown(struct journal_file *f)
{
    MDB_envinfo info;
    MDB_stat pages;
    struct stat st;
    uint64_t wanted;
    int fd;

    if (mdb_env_get_fd(f->env, &fd) != 0 || fstat(fd, &st) != 0 || mdb_env_info(f->env, &info) != 0 ||
        mdb_env_stat(f->env, &pages) != 0)
        return;
    wanted = (info.me_last_pgno + 1) * (uint64_t)pages.ms_psize;
    /* Only allocates: what another program has written there by now stays. */
    if (wanted > (uint64_t)st.st_size && fallocate(fd, 0, st.st_size, (off_t)(wanted - (uint64_t)st.st_size)) != 0)
        return;
    f->data.st_size = st.st_size;
}

/* ---- the mark ---- */

/* A mark that cannot be written is none: there are other ends for a full disk. */
static void mark(struct journal_file *f, unsigned char faults)
{
    if (f->mark >= 0 && pwrite(f->mark, &faults, 1, 0) != 1)
        return;
}

void journal_file_enter(struct journal_file *f)
{
    mark(f, (unsigned char)(f->faults + 1));
}

void journal_file_leave(struct journal_file *f)
{
    f->faults = 0;
    mark(f, 0);
}

void journal_file_condemn(struct journal_file *f)
{
    mark(f, CONDEMNED);
}

/* ---- the folder and its files ---- */

static int make_folder(const char *folder, struct error *e)
{
    struct stat st;
    int fd;

    if (mkdir(folder, FOLDER_MODE) != 0)
        return errno == EEXIST ? 0 : error_set(e, "cannot make the folder: %s", strerror(errno));
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A service's umask leaves the group its rights; that of a person may not. */
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & FOLDER_MODE) != FOLDER_MODE)
        (void)fchmod(fd, (st.st_mode & 07777) | FOLDER_MODE);
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

/* Opens a file of ours, or makes it with the mode that all programs need, whatever the umask. */
static int open_file(int folder, const char *name, struct error *e)
{
    struct stat st;
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);

    if (fd >= 0) {
        if (fchmod(fd, FILE_MODE) == 0)
            return fd;
        (void)close(fd);
        return error_set(e, "cannot set the mode of %s: %s", name, strerror(errno));
    }
    if (errno == EEXIST)
        fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, "cannot open %s for writing: %s", name, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    (void)close(fd);
    return error_set(e, "%s is not a plain file", name);
}

static int make_lock(int folder, struct error *e)
{
    int fd = open_file(folder, LOCK_NAME, e), code;

    if (fd < 0)
        return -1;
    code = posix_fallocate(fd, 0, LOCK_BYTES);
    (void)close(fd);
    return code == 0 ? 0 : error_set(e, "cannot allocate " LOCK_NAME ": %s", strerror(code));
}

static int make_files(int folder, struct error *e)
{
    int fd = open_file(folder, DATA_NAME, e);

    if (fd < 0)
        return -1;
    (void)close(fd);
    return make_lock(folder, e);
}

static int set_aside(int folder, const char *why, const char *name, struct error *notice, struct error *e)
{
    if (renameat(folder, DATA_NAME, folder, name) != 0)
        return error_set(e, DATA_NAME " %s, and cannot be set aside: %s", why, strerror(errno));
    if (unlinkat(folder, LOCK_NAME, 0) != 0 && errno != ENOENT)
        return error_set(e, "cannot remove " LOCK_NAME ": %s", strerror(errno));
    (void)error_set(notice, DATA_NAME " %s; it was set aside as %s and a new one begun", why, name);
    return 0;
}

/*
 * Looks at data.mdb before LMDB does. NULL: fine, or there is none; else what is wrong with it. What it lacks at its
 * end is filled up by those who may write: LMDB then finds out itself whether something is missing, and a mapped file
 * that is too short would end the program. *passing: it says nothing of the file, and may be over in a moment.
 */
static const char *look(int folder, bool writer, bool *empty, bool *passing)
{
    int fd = openat(folder, DATA_NAME, (writer ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    uint64_t lacks;
    const char *why;
    struct stat st;
    char byte;

    *empty = fd < 0 && errno == ENOENT;
    *passing = fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EINTR || errno == EIO);
    if (fd < 0)
        return *empty ? NULL : strerror(errno);
    if (pread(fd, &byte, 1, 0) < 0 && errno != EISDIR) {
        *passing = true;
        (void)close(fd);
        return "cannot be read";
    }
    why = journal_header_check(fd, empty, &lacks);
    if (why == NULL && lacks > 0 && (!writer || fstat(fd, &st) != 0 || fallocate(fd, 0, st.st_size, (off_t)lacks) != 0))
        why = "is damaged: it was cut";
    (void)close(fd);
    return why;
}

/* Opens the mark, and says why the environment is not to be trusted; NULL: it is. */
static const char *read_mark(struct journal_file *f, int folder, const char *program)
{
    char name[64];
    struct buf b = BUF_OVER(name);

    buf_addf(&b, "%s.mark", program);
    f->mark = open_file(folder, name, NULL);
    if (f->mark < 0 || pread(f->mark, &f->faults, 1, 0) != 1)
        f->faults = 0;
    if (f->faults == CONDEMNED)
        return "is damaged, or full";
    return f->faults >= JOURNAL_FAULTS_MAX ? "ended the program each time it was written to" : NULL;
}

/* Makes sure that what LMDB opens is sound, and can be opened by all. */
static int prepare(struct journal_file *f, int folder, const char *program, struct error *notice, struct error *e)
{
    bool empty, passing;
    const char *fault = program != NULL ? read_mark(f, folder, program) : NULL,
               *why = look(folder, program != NULL, &empty, &passing);

    if (passing)
        return error_set(e, DATA_NAME " cannot be opened now: %s", why);
    if (program == NULL) {
        if (why != NULL)
            return error_set(e, DATA_NAME " %s; postern-policyd or postern-milter will set it aside", why);
        return empty ? error_set(e, "nothing is there yet; postern-policyd and postern-milter make it")
                     : make_lock(folder, e);
    }
    if (!empty && (why != NULL || fault != NULL) &&
        set_aside(folder, why != NULL ? why : fault, DAMAGED_NAME, notice, e) != 0)
        return -1;
    /* Not even its two first pages were written: nothing is lost, and LMDB would take it for damaged. */
    if (empty && unlinkat(folder, DATA_NAME, 0) != 0 && errno != ENOENT)
        return error_set(e, "cannot remove the empty " DATA_NAME ": %s", strerror(errno));
    if (why != NULL || fault != NULL)
        journal_file_leave(f);
    return make_files(folder, e);
}

/* ---- LMDB ---- */

static int open_tables(struct journal_file *f, bool writer, struct error *e)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(f->env, NULL, writer ? 0 : MDB_RDONLY, &txn);

    if (code != 0)
        return journal_file_error(e, "begin", code);
    for (int i = 0; i < JOURNAL_TABLES && code == 0; i++)
        code = mdb_dbi_open(txn, table_names[i], writer ? MDB_CREATE : 0, &f->dbi[i]);
    f->lacks_refusals = !writer && code == MDB_NOTFOUND && f->dbi[JOURNAL_TOTALS] != 0;
    code = f->lacks_refusals ? 0 : code;
    if (code == 0) {
        code = journal_layout_check(f, txn, writer);
        f->former = code == MDB_VERSION_MISMATCH;
    }
    if (code == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    if (code == 0)
        return 0;
    if (f->former)
        return error_set(e, DATA_NAME " " FORMER "; postern-policyd or postern-milter will set it aside");
    if (journal_file_damage(code))
        journal_file_condemn(f);
    return code == MDB_NOTFOUND ? error_set(e, "nothing is there yet; postern-policyd and postern-milter make it")
                                : journal_file_error(e, "open a table", code);
}

/*
 * MDB_NOMETASYNC: pages are on the disk before the transaction counts, only the word that it does may be late. So a
 * crash of the machine costs the last transactions, and half of the waiting for the disk is spared.
 */
static int open_env(struct journal_file *f, const char *folder, bool writer, size_t map_size, struct error *e)
{
    unsigned flags = MDB_NOTLS | (writer ? MDB_NOMETASYNC : MDB_RDONLY);
    int code = mdb_env_create(&f->env), dead;

    if (code != 0)
        return journal_file_error(e, "prepare", code);
    if ((code = mdb_env_set_maxdbs(f->env, JOURNAL_TABLES)) != 0 ||
        (writer && (code = mdb_env_set_mapsize(f->env, map_size)) != 0))
        return journal_file_error(e, "prepare", code);
    code = mdb_env_open(f->env, folder, flags, FILE_MODE);
    if (code != 0) {
        if (journal_file_damage(code))
            journal_file_condemn(f);
        return journal_file_error(e, "open " DATA_NAME, code);
    }
    (void)mdb_reader_check(f->env, &dead);
    return open_tables(f, writer, e);
}

static int open_marked(struct journal_file *f, const char *folder, bool writer, size_t map_size, struct error *e)
{
    unsigned char faults;
    int result;

    journal_file_enter(f);
    result = open_env(f, folder, writer, map_size, e);
    if (f->mark >= 0 && pread(f->mark, &faults, 1, 0) == 1 && faults != CONDEMNED)
        journal_file_leave(f);
    return result;
}

static int open_locked(struct journal_file *f, int dir, const char *folder, const char *program, size_t map_size,
                       struct error *notice, struct error *e)
{
    int result;

    if (prepare(f, dir, program, notice, e) != 0)
        return -1;
    result = open_marked(f, folder, program != NULL, map_size, e);
    if (f->former && program != NULL) {
        mdb_env_close(f->env);
        f->env = NULL;
        if (set_aside(dir, FORMER, FORMER_NAME, notice, e) != 0 || make_files(dir, e) != 0)
            return -1;
        result = open_marked(f, folder, true, map_size, e);
    }
    if (result == 0 && (stat(f->data_path, &f->data) != 0 || stat(f->lock_path, &f->lock) != 0))
        return error_set(e, "was removed while it was opened");
    return result;
}

static int open_owned(struct journal_file *f, const char *folder, const char *program, size_t map_size,
                      struct error *notice, struct error *e)
{
    int dir, result;

    if (program != NULL && make_folder(folder, e) != 0)
        return -1;
    dir = lock_folder(folder, e);
    if (dir < 0)
        return -1;
    result = open_locked(f, dir, folder, program, map_size, notice, e);
    (void)close(dir);
    return result;
}

int journal_file_open(const char *folder, const char *program, size_t map_size, struct journal_file **out,
                      struct error *notice, struct error *e)
{
    struct journal_file *f = calloc(1, sizeof *f);
    struct owner_visit visit;
    int result = -1;

    if (f == NULL)
        return error_set(e, "out of memory");
    f->mark = -1;
    if (asprintf(&f->data_path, "%s/" DATA_NAME, folder) < 0)
        f->data_path = NULL;
    if (asprintf(&f->lock_path, "%s/" LOCK_NAME, folder) < 0)
        f->lock_path = NULL;
    if (f->data_path == NULL || f->lock_path == NULL) {
        (void)error_set(e, "out of memory");
    } else if (owner_enter(folder, &visit, e) == 0) { /* LMDB opens by path: as root, any */
        result = open_owned(f, folder, program, map_size, notice, e);
        owner_leave(&visit);
    }
    if (result == 0)
        *out = f;
    else
        journal_file_close(f);
    return result;
}

void journal_file_close(struct journal_file *f)
{
    if (f == NULL)
        return;
    if (f->env != NULL)
        mdb_env_close(f->env);
    if (f->mark >= 0)
        (void)close(f->mark);
    free(f->data_path);
    free(f->lock_path);
    free(f);
}
