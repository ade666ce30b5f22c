#include "core/base/owner.h"

#include "core/base/buf.h"
#include "core/base/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40 /* the kernel's limit */

uid_t owner_now(void)
{
    return (uid_t)setfsuid((uid_t)-1); /* an invalid user changes nothing, and returns the current one */
}

/* ---- who could change a path ---- */

/* A path being resolved: what is left of it, and the folder from which it continues. */
struct way {
    char rest[2 * PATH_MAX];
    size_t at;
    int folder;
    unsigned links;
};

static void step_to(struct way *w, int folder)
{
    if (w->folder >= 0)
        (void)close(w->folder);
    w->folder = folder;
}

/*
 * Starts at the root. A relative path is resolved through the current folder's own path, since whoever could change
 * that counts, too.
 */
static int set_out(struct way *w, const char *path, struct error *e)
{
    char here[PATH_MAX] = "";
    struct buf b = BUF_OVER(w->rest);

    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return error_set(e, "the current folder has no name: %s", strerror(errno));
    buf_addf(&b, "%s/%s", here, path);
    w->at = 0;
    w->links = 0;
    w->folder = b.full ? -1 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w->folder >= 0)
        return 0;
    return error_set(e, "%s: cannot be looked for: %s", quote(slice_of(path)).text,
                     strerror(b.full ? ENAMETOOLONG : errno));
}

/* The next component, terminated in place; NULL at the end. */
static const char *next_part(struct way *w)
{
    size_t from;

    while (w->rest[w->at] == '/')
        w->at++;
    from = w->at;
    while (w->rest[w->at] != '/' && w->rest[w->at] != '\0')
        w->at++;
    if (w->at == from)
        return NULL;
    if (w->rest[w->at] == '/')
        w->rest[w->at++] = '\0';
    return w->rest + from;
}

/* Replaces a symbolic link by its target. 0, or -1 when that can't be followed. */
static int follow(struct way *w, int link)
{
    char target[PATH_MAX], whole[sizeof w->rest];
    ssize_t n = readlinkat(link, "", target, sizeof target - 1);
    struct buf b = BUF_OVER(whole);

    if (n <= 0 || ++w->links > LINKS_MAX)
        return -1;
    buf_add(&b, (struct slice){target, (size_t)n});
    buf_addf(&b, "/%s", w->rest + w->at);
    if (b.full)
        return -1;
    memcpy(w->rest, whole, b.n + 1);
    w->at = 0;
    if (target[0] == '/')
        step_to(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return w->folder >= 0 ? 0 : -1;
}

/*
 * Does the user exist in this namespace (user_namespaces(7))? In a container all users that aren't mapped look like
 * nobody, the host's root too. Their identity can't be assumed, and the container's root has no rights over their
 * files.
 */
static bool has_user(uid_t uid)
{
    uid_t before = owner_now();
    bool has;

    (void)setfsuid(uid);
    has = owner_now() == uid;
    (void)setfsuid(before);
    return has;
}

/*
 * Who may rename or replace what is in a folder, or may have put a link there. In a sticky folder all may do so with
 * their own files only. A group's members are not known: user nobody, with that group, stands for them.
 */
static struct owner hands_of(const struct stat *st)
{
    bool shared = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) == 0;

    if (st->st_uid == OWNER_NOBODY && !has_user(OWNER_NOBODY))
        return (struct owner){.other = false};
    if (st->st_uid != 0)
        return (struct owner){true, false, st->st_uid, st->st_gid};
    if (shared && (st->st_mode & S_IWGRP) != 0 && st->st_gid != 0)
        return (struct owner){true, true, OWNER_NOBODY, st->st_gid};
    if (shared && (st->st_mode & S_IWOTH) != 0)
        return (struct owner){true, true, OWNER_NOBODY, OWNER_NOBODY};
    return (struct owner){.other = false};
}

#define GO_ON 1

/*
 * Looks at one component. fd is closed, or becomes the folder to continue from. GO_ON; 0: the search ends; -1 with e.
 */
static int owner_look_at(struct way *w, int fd, const char *path, const char *part, struct owner *out, struct error *e)
{
    struct stat st;
    int result = 0;

    if (fstat(fd, &st) != 0) {
        result = error_set(e, "%s: cannot be looked at: %s", quote(slice_of(path)).text, strerror(errno));
    } else if ((!S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode)) || (*out = hands_of(&st)).other) {
        result = 0;
    } else if (S_ISDIR(st.st_mode)) {
        step_to(w, fd);
        return GO_ON;
    } else {
        result = follow(w, fd) == 0 ? GO_ON
                                    : error_set(e, "%s: the link \"%s\" on the way to it leads nowhere",
                                                quote(slice_of(path)).text, quote(slice_of(part)).text);
    }
    (void)close(fd);
    return result;
}

int owner_find(const char *path, struct owner *out, struct error *e)
{
    const char *part;
    struct way w;
    int result;

    *out = (struct owner){.other = false};
    if (geteuid() != 0)
        return 0;
    result = set_out(&w, path, e) == 0 ? GO_ON : -1;
    while (result == GO_ON) {
        int fd = -1;

        errno = ENOENT;
        if ((part = next_part(&w)) != NULL)
            fd = openat(w.folder, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            result = owner_look_at(&w, fd, path, part, out, e);
        else if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
            result = 0; /* the path ends, or opening it will say what is wrong */
        else            /* no descriptor: going on as root would be a guess */
            result = error_set(e, "%s: cannot be looked for: %s", quote(slice_of(path)).text, strerror(errno));
    }
    step_to(&w, -1);
    return result;
}

/* ---- changing identity and back ---- */

/* libc's setgroups changes all threads of the process; the system call only this one. */
#ifdef SYS_setgroups32
#define SETGROUPS_OF_THREAD SYS_setgroups32
#else
#define SETGROUPS_OF_THREAD SYS_setgroups
#endif

static int set_groups(size_t n, const gid_t *groups)
{
    return (int)syscall(SETGROUPS_OF_THREAD, n, groups);
}

static int take_rights(const char *path, const struct owner *owner, struct owner_visit *visit, struct error *e)
{
    visit->groups_n = getgroups(OWNER_GROUPS_MAX, visit->groups);
    if (visit->groups_n < 0 || set_groups(1, &owner->gid) != 0)
        return error_set(e, "%s: cannot take the groups of its owner (user %lu): %s", quote(slice_of(path)).text,
                         (unsigned long)owner->uid, strerror(errno));
    visit->inside = true;
    visit->gid = (gid_t)setfsgid(owner->gid);
    (void)setfsuid(owner->uid); /* can't report a failure */
    if (owner_now() == owner->uid)
        return 0;
    owner_leave(visit);
    return error_set(e, "%s: cannot take the rights of its owner (user %lu)", quote(slice_of(path)).text,
                     (unsigned long)owner->uid);
}

static int enter(const char *path, bool shared_too, struct owner_visit *visit, struct error *e)
{
    struct owner owner;

    visit->inside = false;
    if (geteuid() != 0 || owner_now() != 0)
        return 0;
    if (owner_find(path, &owner, e) != 0)
        return -1;
    return owner.other && (shared_too || !owner.shared) ? take_rights(path, &owner, visit, e) : 0;
}

int owner_enter(const char *path, struct owner_visit *visit, struct error *e)
{
    return enter(path, true, visit, e);
}

int owner_enter_unshared(const char *path, struct owner_visit *visit, struct error *e)
{
    return enter(path, false, visit, e);
}

void owner_leave(struct owner_visit *visit)
{
    int kept = errno;

    if (!visit->inside)
        return;
    visit->inside = false;
    (void)setfsuid(0);
    (void)setfsgid(visit->gid);
    /* Fails only without CAP_SETGID, which was there a moment ago; and root needs no groups. */
    (void)set_groups((size_t)visit->groups_n, visit->groups);
    errno = kept;
}

int owner_become(const struct owner *owner, struct error *e)
{
    if (!owner->other || geteuid() != 0)
        return 0;
    if (setgroups(1, &owner->gid) == 0 && setresgid(owner->gid, owner->gid, owner->gid) == 0 &&
        setresuid(owner->uid, owner->uid, owner->uid) == 0)
        return 0;
    return error_set(e, "cannot become user %lu: %s", (unsigned long)owner->uid, strerror(errno));
}
