#include "cli/file_edit.h"

#include "core/base/buf.h"
#include "core/base/lines.h"
#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_WAIT_MS 5000

/* ---- begin and end ---- */

static int lock_folder(int folder)
{
    struct timespec pause = {0, 20 * 1000000};

    for (int waited = 0; waited < LOCK_WAIT_MS; waited += 20) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        (void)nanosleep(&pause, NULL);
    }
    return -1;
}

int file_edit_begin(struct file_edit *x, const char *path, struct error *e)
{
    char folder[PATH_MAX], *slash;
    struct buf name = BUF_OVER(x->name), fresh = BUF_OVER(x->fresh), whole = BUF_OVER(folder);

    *x->path = '\0';
    x->folder = -1;
    x->text = (struct slice){NULL, 0};
    x->made = NULL;
    if (owner_enter_unshared(path, &x->visit, e) != 0)
        return -1;
    if (realpath(path, x->path) == NULL)
        return error_set(e, "%s: %s", path, strerror(errno));
    slash = strrchr(x->path, '/');
    buf_add(&name, slice_of(slash + 1));
    buf_addf(&fresh, ".%s.new", slash + 1);
    buf_add(&whole, (struct slice){x->path, slash == x->path ? 1 : (size_t)(slash - x->path)});
    if (name.full || fresh.full)
        return error_set(e, "%s: the name is too long", path);
    x->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (x->folder < 0)
        return error_set(e, "%s: %s", folder, strerror(errno));
    if (lock_folder(x->folder) != 0)
        return error_set(e, "%s: somebody else is changing it; try again", path);
    return lines_load(x->path, &x->text, e);
}

void file_edit_end(struct file_edit *x)
{
    if (x->folder >= 0)
        (void)close(x->folder);
    owner_leave(&x->visit);
    free((char *)(uintptr_t)x->text.p);
    free(x->made);
}

/* ---- writing ---- */

int file_edit_publish(struct file_edit *x, struct error *e)
{
    struct stat st;
    int fd = -1, number;

    if (fstatat(x->folder, x->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        goto failed;
    errno = ELOOP; /* a link was put there since we looked */
    if (!S_ISREG(st.st_mode))
        goto failed;
    (void)unlinkat(x->folder, x->fresh, 0); /* left by a killed editor: we hold the lock */
    fd = openat(x->folder, x->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        goto failed;
    /* Only root can change the owner; for others, a changed owner would lock out somebody who could write before. */
    if (fchown(fd, st.st_uid, st.st_gid) != 0 && (st.st_uid != owner_now() || fchown(fd, (uid_t)-1, st.st_gid) != 0))
        goto failed;
    if (fchmod(fd, st.st_mode & 0777) != 0 || write_whole(fd, (struct slice){x->made, x->made_n}) != 0 ||
        fsync(fd) != 0 || renameat(x->folder, x->fresh, x->folder, x->name) != 0)
        goto failed;
    (void)close(fd);
    (void)fsync(x->folder);
    return 0;
failed:
    number = errno;
    if (fd >= 0) {
        (void)close(fd);
        (void)unlinkat(x->folder, x->fresh, 0);
    }
    return error_set(e, "%s: %s; nothing was changed%s", x->path, strerror(number),
                     number != EACCES && number != EPERM ? ""
                     : owner_now() != geteuid()          ? " (the file must belong to the owner of its folder)"
                                                         : " (this command needs the right to write there)");
}
