#include "cli/list_edit.h"

#include "core/base/buf.h"
#include "core/base/lines.h"
#include "core/base/owner.h"
#include "core/base/write.h"
#include "core/mail/list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_WAIT_MS 5000

/* One file that is being edited. */
struct edit {
    char path[PATH_MAX]; /* without symbolic links: a rename must not replace one */
    char name[NAME_MAX + 1], fresh[NAME_MAX + 8];
    int folder; /* locked */
    struct owner_visit visit;
    struct slice text;
    char *made; /* the new text */
    size_t made_n;
};

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

/* The lock on the folder goes with its descriptor, so that a killed editor leaves none behind. */
static int edit_begin(struct edit *x, const char *path, struct error *e)
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

static void end(struct edit *x)
{
    if (x->folder >= 0)
        (void)close(x->folder);
    owner_leave(&x->visit);
    free((char *)(uintptr_t)x->text.p);
    free(x->made);
}

/* ---- writing ---- */

/* The new file is on the disk before it takes the old one's name. */
static int publish(struct edit *x, struct error *e)
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

/* ---- the text ---- */

/* The first line that is the entry, from 1; 0: none. -1 with e when the file is not what it should be. */
static long line_of(struct slice text, const char *path, struct slice entry, struct error *e)
{
    struct list_place place = {NULL, 0};
    struct list *list;
    bool found;

    if (list_parse(text, path, &list, e) != 0)
        return -1;
    found = list_has(list, entry, &place);
    list_free(list);
    return found ? (long)place.line : 0;
}

static void cut_line(struct edit *x, long number)
{
    char *from = x->made, *to, *end = x->made + x->made_n;

    for (long i = 1; i < number && from < end; i++) {
        from = memchr(from, '\n', (size_t)(end - from));
        from = from != NULL ? from + 1 : end;
    }
    to = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
    to = to != NULL ? to + 1 : end;
    memmove(from, to, (size_t)(end - to));
    x->made_n -= (size_t)(to - from);
}

int list_edit_remove(const char *path, struct slice entry, struct error *e)
{
    struct edit x;
    long line = 0;
    int rc = -1;

    if (edit_begin(&x, path, e) != 0)
        goto out;
    if ((x.made = malloc(x.text.n + 1)) == NULL) {
        (void)error_set(e, "%s: no memory", path);
        goto out;
    }
    x.made_n = x.text.n;
    if (x.text.n > 0)
        memcpy(x.made, x.text.p, x.text.n);
    while ((line = line_of((struct slice){x.made, x.made_n}, x.path, entry, e)) > 0)
        cut_line(&x, line);
    if (line < 0)
        goto out;
    rc = x.made_n == x.text.n ? 0 : publish(&x, e) == 0 ? 1 : -1;
out:
    end(&x);
    return rc;
}

/* A line more could be another entry. */
static bool is_one_line(struct slice comment)
{
    for (size_t i = 0; i < comment.n; i++)
        if ((unsigned char)comment.p[i] < 0x20)
            return false;
    return true;
}

int list_edit_add(const char *path, struct slice entry, struct slice comment, struct error *e)
{
    struct edit x;
    struct buf b;
    size_t cap;
    long line;
    int rc = -1;

    if (!is_one_line(comment))
        return error_set(e, "%s: a comment is one line of printable text", path);
    if (edit_begin(&x, path, e) != 0)
        goto out;
    line = line_of(x.text, x.path, entry, e);
    rc = line < 0 ? -1 : 0;
    if (line != 0)
        goto out;
    rc = -1;
    cap = x.text.n + entry.n + comment.n + 16;
    if ((x.made = malloc(cap)) == NULL) {
        (void)error_set(e, "%s: no memory", path);
        goto out;
    }
    b = buf_over(x.made, cap);
    buf_add(&b, x.text);
    if (b.n > 0 && b.p[b.n - 1] != '\n')
        buf_add_char(&b, '\n');
    buf_add(&b, entry);
    buf_add(&b, SLICE(" # "));
    buf_add(&b, comment);
    buf_add_char(&b, '\n');
    x.made_n = b.n;
    /* What was made must read back, else the services would refuse the whole file. */
    line = line_of(buf_slice(&b), x.path, entry, e);
    if (line > 0)
        rc = publish(&x, e) == 0 ? 1 : -1;
    else if (line == 0)
        (void)error_set(e, "%s: \"%.*s\" would not be read back as it is", path, SLICE_ARG(entry));
out:
    end(&x);
    return rc;
}
