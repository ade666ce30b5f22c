#include "mirror/tenant_lock.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int open_lock(const char *folder, const char *path, struct error *e)
{
    int fd;

    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return error_set(e, "the directory's folder %s cannot be made: %s", folder, strerror(errno));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    return fd >= 0 ? fd : error_set(e, "lock file %s cannot be opened: %s", path, strerror(errno));
}

static bool take(int fd, unsigned seconds)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
    uint64_t end = clock_boot_ns() + seconds * NS_PER_S;

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || clock_boot_ns() >= end)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

int tenant_lock(const char *folder, const char *tenant, struct error *e)
{
    return tenant_lock_wait(folder, tenant, 0, e);
}

int tenant_lock_wait(const char *folder, const char *tenant, unsigned seconds, struct error *e)
{
    char path[4096];
    struct buf b = BUF_OVER(path);
    struct owner_visit visit;
    int fd;

    buf_addf(&b, "%s/.sync-%s.lock", folder, tenant);
    if (b.full)
        return error_set(e, "the path of %s is too long", folder);
    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    fd = open_lock(folder, path, e);
    owner_leave(&visit);
    if (fd < 0)
        return -1;
    if (take(fd, seconds))
        return fd;
    (void)error_set(e, "another run for this tenant is still going on (%s is locked%s%s)", path,
                    errno == EWOULDBLOCK ? "" : ": ", errno == EWOULDBLOCK ? "" : strerror(errno));
    (void)close(fd);
    return -1;
}
