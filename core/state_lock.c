#include "core/state_lock.h"

#include "core/buf.h"
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_PAUSE_MS 5u
#define LOCK_MODE 0600
#define LOCK_NAME_MAX 320
/* Who finds another file in the lock's place tries again; more often than that somebody plays with it. */
#define OPENED_MAX 16

/* Linux keeps these for each thread; a process without the right to change them stays as it is. */
struct file_user file_user_become(int dir)
{
    struct file_user before = {geteuid(), getegid()};
    struct stat st;

    if (before.uid == 0 && fstat(dir, &st) == 0 && st.st_uid != 0) {
        (void)setfsgid(st.st_gid);
        (void)setfsuid(st.st_uid);
    }
    return before;
}

void file_user_back(struct file_user before)
{
    (void)setfsuid(before.uid);
    (void)setfsgid(before.gid);
}

static int open_as_owner(int dir, const char *file)
{
    struct file_user before = file_user_become(dir);
    int fd = openat(dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, LOCK_MODE);
    int number = errno;

    file_user_back(before);
    errno = number;
    return fd;
}

/* A lock that is somebody else's, in a folder of ours: it was made before the folder changed hands. */
static bool remove_foreign(int dir, const char *file)
{
    struct stat folder, st;

    return fstat(dir, &folder) == 0 && folder.st_uid == geteuid() &&
           fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != folder.st_uid &&
           unlinkat(dir, file, 0) == 0;
}

static bool same_file(int dir, const char *file, int fd)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && S_ISREG(ours.st_mode) && fstatat(dir, file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* 0, or an errno. */
static int wait_for(int fd, unsigned wait_ms)
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

int state_lock(int dir, const char *name, unsigned wait_ms, int *number)
{
    char file[LOCK_NAME_MAX];
    struct buf b = BUF_OVER(file);

    buf_addf(&b, ".%s.lock", name);
    *number = b.full ? ENAMETOOLONG : EAGAIN;
    for (unsigned i = 0; i < OPENED_MAX && !b.full; i++) {
        int fd = open_as_owner(dir, file);

        if (fd < 0 && errno == EACCES && remove_foreign(dir, file))
            continue;
        if (fd < 0) {
            *number = errno;
            return -1;
        }
        *number = wait_for(fd, wait_ms);
        if (*number == 0 && same_file(dir, file, fd))
            return fd;
        (void)close(fd);
        if (*number != 0)
            return -1;
        *number = EAGAIN;
    }
    return -1;
}
