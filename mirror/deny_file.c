#include "mirror/deny_file.h"

#include "core/base/owner.h"
#include "core/base/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DENY_FILE_MODE 0640

struct deny_file {
    const char *path;
    char name[NAME_MAX + 1], fresh[NAME_MAX + 8];
    int folder; /* locked */
    FILE *to;   /* the new file; NULL: published, or none */
    struct stat old;
    bool has_old, has_group;
    struct owner_visit visit;
};

bool deny_name_add(struct buf *b, struct slice name)
{
    size_t before = b->n;

    if (name.n == 0 || name.p[0] == '#')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (c == ':' || (unsigned char)c < ' ' || c == 0x7f)
            break;
        if (c == '"' || c == '\\' || c == '\'')
            buf_add_char(b, '\\');
        buf_add_char(b, c);
        if (i + 1 == name.n && !b->full)
            return true;
    }
    b->n = before;
    b->p[before] = '\0';
    return false;
}

/* ---- begin and end ---- */

static int failed(const struct deny_file *f, struct error *e)
{
    int number = errno;

    return error_set(e, "%s: %s; the old list stays%s", quote(slice_of(f->path)).text, strerror(number),
                     number == EACCES || number == EPERM
                         ? ". The user that the directory belongs to must be able to write in that folder"
                         : "");
}

static int open_folder(struct deny_file *f, struct error *e)
{
    const char *slash = strrchr(f->path, '/');
    char folder[PATH_MAX];
    struct buf name = BUF_OVER(f->name), fresh = BUF_OVER(f->fresh), whole = BUF_OVER(folder);

    buf_add(&name, slice_of(slash != NULL ? slash + 1 : f->path));
    buf_addf(&fresh, ".%s.new", f->name);
    buf_add(&whole, slash == NULL      ? SLICE(".")
                    : slash == f->path ? SLICE("/")
                                       : (struct slice){f->path, (size_t)(slash - f->path)});
    if (name.full || fresh.full || whole.full || name.n == 0)
        return error_set(e, "%s: expected the path of a file", quote(slice_of(f->path)).text);
    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return f->folder >= 0 && flock(f->folder, LOCK_EX) == 0 ? 0 : failed(f, e);
}

/* What is there now: a file, or nothing. */
static int look(struct deny_file *f, struct error *e)
{
    if (fstatat(f->folder, f->name, &f->old, AT_SYMLINK_NOFOLLOW) == 0) {
        f->has_old = true;
        if (!S_ISREG(f->old.st_mode))
            return error_set(e, "%s: is no regular file (a symbolic link?); nothing is written there",
                             quote(slice_of(f->path)).text);
    }
    return f->has_old || errno == ENOENT ? 0 : failed(f, e);
}

static int make(struct deny_file *f, struct error *e)
{
    int fd;

    (void)unlinkat(f->folder, f->fresh, 0); /* left by a killed run: we hold the lock */
    fd = openat(f->folder, f->fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(f, e);
    f->to = fdopen(fd, "w+");
    if (f->to == NULL) {
        (void)failed(f, e);
        (void)close(fd);
        (void)unlinkat(f->folder, f->fresh, 0);
    }
    return f->to != NULL ? 0 : -1;
}

int deny_file_begin(const char *path, struct deny_file **out, struct error *e)
{
    struct deny_file *f = calloc(1, sizeof *f);

    if (f == NULL)
        return error_set(e, "out of memory");
    f->path = path;
    f->folder = -1;
    if (owner_enter_unshared(path, &f->visit, e) != 0 || open_folder(f, e) != 0 || look(f, e) != 0 || make(f, e) != 0) {
        deny_file_close(f);
        return -1;
    }
    *out = f;
    return 0;
}

void deny_file_close(struct deny_file *f)
{
    if (f == NULL)
        return;
    if (f->to != NULL) {
        (void)fclose(f->to);
        (void)unlinkat(f->folder, f->fresh, 0);
    }
    if (f->folder >= 0)
        (void)close(f->folder);
    owner_leave(&f->visit);
    free(f);
}

/* ---- writing ---- */

static int write_line(struct deny_file *f, const char *before, struct slice line, struct error *e)
{
    return fprintf(f->to, "%s%.*s\n", before, SLICE_ARG(line)) > 0 ? 0 : failed(f, e);
}

int deny_file_comment(struct deny_file *f, struct slice line, struct error *e)
{
    return write_line(f, "# ", line, e);
}

int deny_file_name(struct deny_file *f, struct slice name, struct error *e)
{
    return write_line(f, "", name, e);
}

/* ---- publishing ---- */

/* The next character behind the comment lines; EOF at the end. */
static int first_of_names(FILE *from)
{
    int c = getc(from);

    while (c == '#') {
        while (c != '\n' && c != EOF)
            c = getc(from);
        if (c == '\n')
            c = getc(from);
    }
    return c;
}

/* Has the old file the same names? When in doubt, no. */
static bool has_same_names(struct deny_file *f)
{
    int fd = openat(f->folder, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    FILE *old = fd >= 0 ? fdopen(fd, "r") : NULL;
    bool same = false;
    int a, b;

    if (old == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    rewind(f->to);
    for (a = first_of_names(old), b = first_of_names(f->to); a == b && a != EOF; a = getc(old), b = getc(f->to)) {
    }
    same = a == b && ferror(old) == 0 && ferror(f->to) == 0;
    (void)fclose(old);
    return same;
}

/*
 * Dovecot reads a file again when its size or its time in whole seconds has changed, so a second list of a second must
 * not have the first one's time.
 */
static int set_time(const struct deny_file *f)
{
    struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};

    if (clock_gettime(CLOCK_REALTIME, &times[1]) != 0)
        return -1;
    if (f->has_old && times[1].tv_sec <= f->old.st_mtim.tv_sec)
        times[1].tv_sec = f->old.st_mtim.tv_sec + 1;
    return futimens(fileno(f->to), times);
}

/* In a folder with the set-group-ID bit the file has its group already, and nobody else may need to give it away. */
static int set_group(struct deny_file *f)
{
    struct stat folder, fresh;

    if (fstat(f->folder, &folder) != 0 || fstat(fileno(f->to), &fresh) != 0)
        return -1;
    f->has_group = fresh.st_gid == folder.st_gid || fchown(fileno(f->to), (uid_t)-1, folder.st_gid) == 0;
    return fchmod(fileno(f->to), DENY_FILE_MODE);
}

static bool is_unchanged(struct deny_file *f)
{
    struct stat fresh;

    return f->has_old && fstat(fileno(f->to), &fresh) == 0 && f->old.st_gid == fresh.st_gid &&
           (f->old.st_mode & 07777) == DENY_FILE_MODE && has_same_names(f);
}

int deny_file_publish(struct deny_file *f, struct error *e)
{
    if (fflush(f->to) != 0 || set_group(f) != 0)
        return failed(f, e);
    if (is_unchanged(f))
        return 0;
    if (set_time(f) != 0 || fsync(fileno(f->to)) != 0 || renameat(f->folder, f->fresh, f->folder, f->name) != 0)
        return failed(f, e);
    (void)fclose(f->to);
    f->to = NULL;
    (void)fsync(f->folder);
    return 1;
}

bool deny_file_has_group(const struct deny_file *f)
{
    return f->has_group;
}
