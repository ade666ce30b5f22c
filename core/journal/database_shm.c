/*
 * SQLite's own VFS, but that the mapped index of the write-ahead log is watched: a page that cannot be had any more is
 * replaced instead of ending the program.
 */
#include "core/journal/database.h"
#include "core/state/state_guard.h"

#include <pthread.h>
#include <string.h>

#define WATCHED_MAX 64 /* of 32 KiB each, for 4096 pages of the log: a log of 64 MiB has five */

struct shm_region {
    sqlite3_file *file; /* NULL: free */
    volatile void *base;
    int place; /* the guard's */
};

/* A method has no argument that is ours, so this is global. Another VFS's methods are never mixed in: there is one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shm_region regions[WATCHED_MAX];
static sqlite3_vfs *real, ours;
static const sqlite3_io_methods *real_methods;
static sqlite3_io_methods our_methods;

static void watch(sqlite3_file *file, volatile void *base, size_t bytes)
{
    struct shm_region *free_one = NULL;

    (void)pthread_mutex_lock(&lock);
    for (int i = 0; i < WATCHED_MAX; i++) {
        if (regions[i].file == file && regions[i].base == base) {
            (void)pthread_mutex_unlock(&lock);
            return;
        }
        if (regions[i].file == NULL && free_one == NULL)
            free_one = &regions[i];
    }
    if (free_one != NULL) /* no descriptor: to close one would take SQLite's locks away (fcntl(2)) */
        *free_one = (struct shm_region){file, base, guard_watch((void *)(uintptr_t)base, bytes, -1)};
    (void)pthread_mutex_unlock(&lock);
}

static void forget(const sqlite3_file *file)
{
    (void)pthread_mutex_lock(&lock);
    for (int i = 0; i < WATCHED_MAX; i++)
        if (regions[i].file == file) {
            guard_forget(regions[i].place);
            regions[i].file = NULL;
        }
    (void)pthread_mutex_unlock(&lock);
}

static int shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **out)
{
    int code = real_methods->xShmMap(file, region, bytes, extend, out);

    if (code == SQLITE_OK && *out != NULL)
        watch(file, *out, (size_t)bytes);
    return code;
}

static int shm_unmap(sqlite3_file *file, int delete_it)
{
    forget(file);
    return real_methods->xShmUnmap(file, delete_it);
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    int code = real->xOpen(real, name, file, flags, out_flags);

    (void)vfs;
    if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0 || file->pMethods == NULL ||
        file->pMethods->iVersion < 2)
        return code;
    (void)pthread_mutex_lock(&lock);
    if (real_methods == NULL) {
        real_methods = file->pMethods;
        our_methods = *real_methods;
        our_methods.xShmMap = shm_map;
        our_methods.xShmUnmap = shm_unmap;
    }
    if (file->pMethods == real_methods)
        file->pMethods = &our_methods;
    (void)pthread_mutex_unlock(&lock);
    return code;
}

static void make_vfs(void)
{
    real = sqlite3_vfs_find(NULL);
    if (real == NULL)
        return;
    ours = *real;
    ours.pNext = NULL;
    ours.zName = "postern";
    ours.xOpen = open_file;
    if (sqlite3_vfs_register(&ours, 0) != SQLITE_OK)
        real = NULL;
}

const char *database_vfs(struct error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_vfs);
    if (real != NULL)
        return ours.zName;
    (void)error_set(e, "SQLite cannot be started: out of memory");
    return NULL;
}

bool database_shm_tripped(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    bool tripped = false;

    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL)
        return false;
    (void)pthread_mutex_lock(&lock);
    for (int i = 0; i < WATCHED_MAX; i++)
        tripped = tripped || (regions[i].file == file && guard_tripped(regions[i].place));
    (void)pthread_mutex_unlock(&lock);
    return tripped;
}
