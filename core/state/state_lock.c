#include "core/state/state_lock.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_PAUSE_MS 5u
#define LOCK_MODE 0600
#define LOCK_NAME_MAX 320
/* How often to try again after finding another file in the lock's place; more often means tampering. */
#define OPENED_MAX 16

/* Removes another user's lock from a folder of ours: it is from before the folder changed its owner. */
static bool remove_foreign(int dir, const char *file)
{
    struct stat folder, st;

    return fstat(dir, &folder) == 0 && folder.st_uid == owner_now() &&
           fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != folder.st_uid &&
           unlinkat(dir, file, 0) == 0;
}

static bool lock_same_file(int dir, const char *file, int fd)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && S_ISREG(ours.st_mode) && fstatat(dir, file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* 0, or an errno. */
static int lock_wait(int fd, unsigned wait_ms)
{
    struct timespec pause = {0, (long)(LOCK_PAUSE_MS * NS_PER_MS)};

    for (unsigned waited = 0;; waited += LOCK_PAUSE_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return errno;
        if (waited >= wait_ms)
            return EAGAIN;
        (void)nanosleep(&pause, NULL);
    }
}

/* False when the name is too long. */
static bool file_of(const char *name, char to[LOCK_NAME_MAX])
{
    struct buf b = buf_over(to, LOCK_NAME_MAX);

    buf_addf(&b, ".%s.lock", name);
    return !b.full;
}

int state_lock(int dir, const char *name, unsigned wait_ms, int *number)
{
    char file[LOCK_NAME_MAX];

    *number = ENAMETOOLONG;
    if (!file_of(name, file))
        return -1;
    *number = EAGAIN;
    for (unsigned i = 0; i < OPENED_MAX; i++) {
        int fd = openat(dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, LOCK_MODE);

        if (fd < 0 && errno == EACCES && remove_foreign(dir, file))
            continue;
        if (fd < 0) {
            *number = errno;
            return -1;
        }
        *number = lock_wait(fd, wait_ms);
        if (*number == 0 && lock_same_file(dir, file, fd))
            return fd;
        (void)close(fd);
        if (*number != 0)
            return -1;
        *number = EAGAIN;
    }
    return -1;
}

void state_lock_remove(int dir, const char *name, int fd)
{
    char file[LOCK_NAME_MAX];

    if (file_of(name, file))
        (void)unlinkat(dir, file, 0);
    (void)close(fd);
}
