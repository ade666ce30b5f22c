#include "mirror/tenant_lock.h"

#include "core/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int tenant_lock(const char *folder, const char *tenant, struct error *e)
{
    char path[4096];
    struct buf b = BUF_OVER(path);
    struct stat st;
    int fd;

    buf_addf(&b, "%s/.sync-%s.lock", folder, tenant);
    if (b.full)
        return error_set(e, "the path of %s is too long", folder);
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return error_set(e, "the directory's folder %s cannot be made: %s", folder, strerror(errno));
    if (stat(folder, &st) != 0)
        return error_set(e, "the directory's folder %s cannot be looked at: %s", folder, strerror(errno));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return error_set(e, "lock file %s cannot be opened: %s", path, strerror(errno));
    /* A run by root must not keep the service's user out later. */
    if (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) != 0) {
        (void)close(fd);
        return error_set(e, "lock file %s cannot be given to the folder's owner: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    (void)error_set(e, "another run for this tenant is still going on (%s is locked%s%s)", path,
                    errno == EWOULDBLOCK ? "" : ": ", errno == EWOULDBLOCK ? "" : strerror(errno));
    (void)close(fd);
    return -1;
}
