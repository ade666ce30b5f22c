#include "tests/torture/fail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

static atomic_long left = -1; /* calls until the one that fails; below 0: none will */
static atomic_bool on, failed;
static _Atomic(const char *) what = "nothing";

void fail_begin(unsigned long n, enum fail_how how)
{
    atomic_store(&failed, false);
    atomic_store(&on, how == FAIL_ON);
    atomic_store(&left, (long)n);
}

bool fail_end(void)
{
    atomic_store(&left, -1);
    return atomic_load(&failed);
}

const char *fail_what(void)
{
    return atomic_load(&what);
}

static bool fails(const char *name, int error)
{
    long n = atomic_load(&left);

    do {
        if (n < 0)
            return false;
    } while (!atomic_compare_exchange_weak(&left, &n, n > 0 ? n - 1 : atomic_load(&on) ? 0 : -1));
    if (n > 0)
        return false;
    atomic_store(&failed, true);
    atomic_store(&what, name);
    errno = error;
    return true;
}

/* One row a function: its type, name, what it answers when it fails, errno, parameters, arguments. */
#define FAILING(type, name, answer, error, parameters, arguments)                                                      \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        return fails(#name, error) ? (answer) : __real_##name arguments;                                               \
    }

FAILING(void *, malloc, NULL, ENOMEM, (size_t n), (n))
FAILING(void *, calloc, NULL, ENOMEM, (size_t n, size_t size), (n, size))
FAILING(void *, realloc, NULL, ENOMEM, (void *p, size_t n), (p, n))
FAILING(void *, reallocarray, NULL, ENOMEM, (void *p, size_t n, size_t size), (p, n, size))
FAILING(char *, strdup, NULL, ENOMEM, (const char *s), (s))
FAILING(char *, strndup, NULL, ENOMEM, (const char *s, size_t n), (s, n))
FAILING(void *, mmap, MAP_FAILED, ENOMEM, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o))
FAILING(ssize_t, pread, -1, EIO, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
FAILING(ssize_t, pwrite, -1, ENOSPC, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
FAILING(int, ftruncate, -1, ENOSPC, (int fd, off_t n), (fd, n))
FAILING(int, posix_fallocate, ENOSPC, ENOSPC, (int fd, off_t at, off_t n), (fd, at, n))
FAILING(int, fallocate, -1, ENOSPC, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
FAILING(int, fsync, -1, EIO, (int fd), (fd))
FAILING(int, fdatasync, -1, EIO, (int fd), (fd))
FAILING(int, fflush, EOF, ENOSPC, (FILE * f), (f))
FAILING(int, fstat, -1, EIO, (int fd, struct stat *st), (fd, st))
FAILING(int, stat, -1, EACCES, (const char *path, struct stat *st), (path, st))
FAILING(int, lstat, -1, EACCES, (const char *path, struct stat *st), (path, st))
FAILING(int, fstatat, -1, EACCES, (int fd, const char *path, struct stat *st, int f), (fd, path, st, f))
FAILING(int, renameat, -1, EROFS, (int a, const char *from, int b, const char *to), (a, from, b, to))
FAILING(int, renameat2, -1, EINVAL, (int a, const char *from, int b, const char *to, unsigned f), (a, from, b, to, f))
FAILING(int, unlinkat, -1, EROFS, (int fd, const char *path, int f), (fd, path, f))
FAILING(int, flock, -1, ENOLCK, (int fd, int how), (fd, how))
FAILING(int, fchmod, -1, EPERM, (int fd, mode_t mode), (fd, mode))
FAILING(int, fchown, -1, EPERM, (int fd, uid_t u, gid_t g), (fd, u, g))
FAILING(int, mkdir, -1, EROFS, (const char *path, mode_t mode), (path, mode))
FAILING(int, mkdirat, -1, EROFS, (int fd, const char *path, mode_t mode), (fd, path, mode))
FAILING(DIR *, fdopendir, NULL, ENOMEM, (int fd), (fd))
FAILING(char *, realpath, NULL, ENOMEM, (const char *path, char *out), (path, out))
FAILING(ssize_t, getrandom, -1, ENOSYS, (void *p, size_t n, unsigned f), (p, n, f))
FAILING(int, eventfd, -1, EMFILE, (unsigned n, int f), (n, f))
FAILING(int, pthread_create, EAGAIN, EAGAIN, (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *arg),
        (t, a, f, arg))

/* LMDB's errors are its answers. */
FAILING(int, mdb_env_create, ENOMEM, 0, (MDB_env * *env), (env))
FAILING(int, mdb_env_open, EIO, 0, (MDB_env * env, const char *path, unsigned f, mdb_mode_t mode), (env, path, f, mode))
FAILING(int, mdb_env_set_mapsize, EINVAL, 0, (MDB_env * env, size_t n), (env, n))
FAILING(int, mdb_env_set_maxdbs, EINVAL, 0, (MDB_env * env, MDB_dbi n), (env, n))
FAILING(int, mdb_env_sync, EIO, 0, (MDB_env * env, int force), (env, force))
FAILING(int, mdb_txn_begin, ENOMEM, 0, (MDB_env * env, MDB_txn *parent, unsigned f, MDB_txn **txn),
        (env, parent, f, txn))
FAILING(int, mdb_dbi_open, MDB_DBS_FULL, 0, (MDB_txn * txn, const char *name, unsigned f, MDB_dbi *dbi),
        (txn, name, f, dbi))
FAILING(int, mdb_stat, EIO, 0, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *stat), (txn, dbi, stat))
FAILING(int, mdb_get, EIO, 0, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value), (txn, dbi, key, value))
FAILING(int, mdb_put, ENOSPC, 0, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned f),
        (txn, dbi, key, value, f))
FAILING(int, mdb_del, EIO, 0, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value), (txn, dbi, key, value))
FAILING(int, mdb_cursor_open, ENOMEM, 0, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **cursor), (txn, dbi, cursor))
FAILING(int, mdb_cursor_get, EIO, 0, (MDB_cursor * cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op),
        (cursor, key, value, op))
FAILING(int, mdb_cursor_del, ENOSPC, 0, (MDB_cursor * cursor, unsigned f), (cursor, f))

/* A commit that fails has ended its transaction. */
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (!fails("mdb_txn_commit", 0))
        return __real_mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return ENOSPC;
}

/* Pipes and sockets don't fail so: what they do (EAGAIN, a peer that is gone) has tests of its own. */
static bool is_file(int fd)
{
    struct stat st;

    return __real_fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n)
{
    return is_file(fd) && fails("read", EIO) ? -1 : __real_read(fd, p, n);
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    return is_file(fd) && fails("write", ENOSPC) ? -1 : __real_write(fd, p, n);
}

/* These two have a mode only where they make a file. */
static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = mode_of(flags, arguments);
    va_end(arguments);
    return fails("open", EMFILE) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = mode_of(flags, arguments);
    va_end(arguments);
    return fails("openat", EMFILE) ? -1 : __real_openat(fd, path, flags, mode);
}

/* ---- SQLite: it has its memory and its system calls from functions that can be replaced. A lock that fails is one
 * that somebody else has, and is waited for: tests/unit/test_journal_hostile.c has those. ---- */

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_malloc(int n)
{
    return fails("sqlite's malloc", ENOMEM) ? NULL : sqlite_memory.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n)
{
    return fails("sqlite's realloc", ENOMEM) ? NULL : sqlite_memory.xRealloc(p, n);
}

#define SQLITE_FAILING(type, name, answer, error, parameters, arguments)                                               \
    static type(*sqlite_real_##name) parameters;                                                                       \
    static type sqlite_##name parameters                                                                               \
    {                                                                                                                  \
        return fails("sqlite's " #name, error) ? (answer) : sqlite_real_##name arguments;                              \
    }

SQLITE_FAILING(int, open, -1, EMFILE, (const char *path, int flags, int mode), (path, flags, mode))
SQLITE_FAILING(int, fstat, -1, EIO, (int fd, struct stat *st), (fd, st))
SQLITE_FAILING(int, stat, -1, EACCES, (const char *path, struct stat *st), (path, st))
SQLITE_FAILING(int, ftruncate, -1, EIO, (int fd, off_t n), (fd, n))
SQLITE_FAILING(ssize_t, pread64, -1, EIO, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
SQLITE_FAILING(ssize_t, pread, -1, EIO, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
SQLITE_FAILING(ssize_t, read, -1, EIO, (int fd, void *p, size_t n), (fd, p, n))
SQLITE_FAILING(ssize_t, pwrite64, -1, ENOSPC, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
SQLITE_FAILING(ssize_t, pwrite, -1, ENOSPC, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
SQLITE_FAILING(ssize_t, write, -1, ENOSPC, (int fd, const void *p, size_t n), (fd, p, n))
SQLITE_FAILING(int, unlink, -1, EROFS, (const char *path), (path))
SQLITE_FAILING(int, fchmod, -1, EPERM, (int fd, mode_t mode), (fd, mode))
SQLITE_FAILING(int, openDirectory, SQLITE_CANTOPEN, EMFILE, (const char *path, int *fd), (path, fd))
SQLITE_FAILING(void *, mmap, MAP_FAILED, ENOMEM, (void *a, size_t n, int p, int f, int fd, off_t o),
               (a, n, p, f, fd, o))

void fail_prepare(void)
{
#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, (sqlite3_syscall_ptr)sqlite_##name, (sqlite3_syscall_ptr *)(void *)&sqlite_real_##name                  \
    }
    static const struct {
        const char *name;
        sqlite3_syscall_ptr ours, *real;
    } calls[] = {ROW(open),     ROW(fstat),  ROW(stat),  ROW(ftruncate), ROW(pread64), ROW(pread),         ROW(read),
                 ROW(pwrite64), ROW(pwrite), ROW(write), ROW(unlink),    ROW(fchmod),  ROW(openDirectory), ROW(mmap)};
    sqlite3_mem_methods failing;
    sqlite3_vfs *vfs;

    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory) != SQLITE_OK)
        abort();
    failing = sqlite_memory;
    failing.xMalloc = sqlite_malloc;
    failing.xRealloc = sqlite_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK || (vfs = sqlite3_vfs_find(NULL)) == NULL)
        abort();
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        *calls[i].real = vfs->xGetSystemCall(vfs, calls[i].name);
        if (*calls[i].real != NULL && vfs->xSetSystemCall(vfs, calls[i].name, calls[i].ours) != SQLITE_OK)
            abort();
    }
}
