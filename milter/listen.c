#include "milter/listen.h"

#include "core/base/buf.h"
#include "core/base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libmilter/mfapi.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough for every smtpd process of a busy relay to connect at once; the kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

/*
 * Held as long as the socket is ours. Without it two starts at the same time could take each other's socket for a
 * leftover. The file stays: to remove it would let a third one lock another file of the same name.
 */
static int take_lock(const char *path, struct error *e)
{
    char name[SOCKET_PATH_ROOM + 8];
    struct buf b = BUF_OVER(name);
    int fd;

    buf_addf(&b, "%s.lock", path);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return error_set(e, "cannot open the lock %s: %s; the folder must exist and be writable for postern", name,
                         strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    (void)error_set(e,
                    "%s is held by another postern-milter (%s): stop that one first, or give this one another "
                    "milter.listen",
                    name, strerror(errno));
    (void)close(fd);
    return -1;
}

/* Whether somebody accepts connections there: 0, or the errno of connect. */
static int probe(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), result;

    if (fd < 0)
        return errno;
    memcpy(address.sun_path, path, strlen(path) + 1);
    result = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    (void)close(fd);
    return result;
}

/* After kill -9 the socket file stays, and bind would fail. It is removed only when nobody listens on it any more. */
static int remove_leftover(const char *path, struct error *e)
{
    struct stat st;
    int result;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : error_set(e, "milter.listen: %s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return error_set(e, "milter.listen: %s exists and is not a socket: remove it, or choose another path", path);
    result = probe(path);
    if (result == 0 || result == EAGAIN)
        return error_set(e, "milter.listen: another program answers at %s: stop it, or choose another path", path);
    if (result != ECONNREFUSED)
        return error_set(e, "milter.listen: %s: cannot find out whether it is in use: %s", path, strerror(result));
    if (unlink(path) != 0)
        return error_set(e, "milter.listen: cannot remove the old socket %s: %s", path, strerror(errno));
    return 0;
}

/* Nothing is changed that is right already: a sandbox may forbid chown. */
static int set_group(const struct listener_config *config, struct error *e)
{
    const struct group *group;
    struct stat st;

    errno = 0;
    group = getgrnam(config->socket_group);
    if (group == NULL)
        return error_set(e, "milter.listen: there is no group \"%s\"", config->socket_group);
    if (lstat(config->path, &st) == 0 && st.st_gid == group->gr_gid)
        return 0;
    if (chown(config->path, (uid_t)-1, group->gr_gid) != 0)
        return error_set(e, "milter.listen: cannot give %s to the group %s: %s; postern must be a member of it",
                         config->path, config->socket_group, strerror(errno));
    return 0;
}

static int set_owner(const struct listener_config *config, struct error *e)
{
    if (config->socket_group != NULL && set_group(config, e) != 0)
        return -1;
    if (chmod(config->path, (mode_t)config->socket_mode) != 0)
        return error_set(e, "milter.listen: cannot set the mode of %s: %s", config->path, strerror(errno));
    return 0;
}

static int open_socket(const char *where, struct error *e)
{
    int result;
    mode_t before;

    if (smfi_setconn((char *)where) != MI_SUCCESS || smfi_setbacklog(BACKLOG) != MI_SUCCESS)
        return error_set(e, "milter.listen: out of memory");
    /* Nobody gets in between bind and the modes that are set afterwards. */
    before = umask(0177);
    errno = 0;
    result = smfi_opensocket(false);
    (void)umask(before);
    if (result != MI_SUCCESS)
        return error_set(e, "milter.listen: cannot listen on %s: %s; libmilter's own words are in the system log",
                         where, errno != 0 ? strerror(errno) : "refused by libmilter");
    return 0;
}

static int open_unix(const struct listener_config *config, struct listening *out, struct error *e)
{
    char where[SOCKET_PATH_ROOM + 8];
    struct buf b = BUF_OVER(where);

    buf_addf(&b, "unix:%s", config->path);
    /* libmilter wants one byte less than the kernel. */
    if (strlen(config->path) + 1 >= SOCKET_PATH_ROOM)
        return error_set(e, "milter.listen: the path %s is longer than a UNIX socket's may be", config->path);
    out->lock = take_lock(config->path, e);
    if (out->lock < 0 || remove_leftover(config->path, e) != 0 || open_socket(where, e) != 0)
        goto fail;
    memcpy(out->path, config->path, strlen(config->path) + 1);
    if (set_owner(config, e) == 0)
        return 0;
fail:
    listen_close(out);
    return -1;
}

/* The reading of the configuration cannot know what will be passed in. */
static int check_passed(const struct listener_config *config, bool allow_inet, struct error *e)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;

    if (allow_inet || getsockname(config->fd, (struct sockaddr *)&address, &n) != 0 || address.ss_family == AF_UNIX)
        return 0;
    return error_set(e,
                     "milter.listen \"%s\" is not a UNIX socket: whoever can connect to a milter can end it with one "
                     "malformed packet (libmilter); pass in a UNIX socket, or set milter.allow_inet = true",
                     config->address);
}

int listen_open(const struct listener_config *config, bool allow_inet, struct listening *out, struct error *e)
{
    char where[128];
    struct buf b = BUF_OVER(where);
    struct owner_visit visit;

    *out = (struct listening){.lock = -1};
    if (config->path != NULL) {
        int result = owner_enter(config->path, &visit, e);

        if (result == 0)
            result = open_unix(config, out, e);
        owner_leave(&visit);
        return result;
    }
    if (config->fd >= 0 && check_passed(config, allow_inet, e) != 0)
        return -1;
    if (config->fd >= 0)
        buf_addf(&b, "fd:%d", config->fd);
    else
        buf_addf(&b, "%s:%u@[%s]", strchr(config->host, ':') != NULL ? "inet6" : "inet", (unsigned)config->port,
                 config->host);
    return open_socket(where, e);
}

void listen_close(struct listening *listening)
{
    struct owner_visit visit;

    if (listening->path[0] != '\0' && owner_enter(listening->path, &visit, NULL) == 0) {
        (void)unlink(listening->path);
        owner_leave(&visit);
    }
    if (listening->lock >= 0)
        (void)close(listening->lock);
    *listening = (struct listening){.lock = -1};
}
