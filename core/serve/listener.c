#include "core/serve/listener.h"

#include "core/base/notify.h"
#include "core/base/owner.h"
#include "core/serve/address.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* The kernel cuts it to net.core.somaxconn. After a restart every smtpd connects again at once. */
#define BACKLOG 4096
/* Descriptors that connections never take. */
#define DESCRIPTORS_RESERVED 64
#define PASSED_FIRST 3 /* SD_LISTEN_FDS_START */
/* How long another program may take from checking the path to listening: 5 s. */
#define LOCK_TRIES 500
#define LOCK_PAUSE_NS 10000000L

static int fail_errno(struct error *e, const char *what)
{
    return error_set(e, "%s: %s", what, strerror(errno));
}

/* ---- passed in ---- */

/* How many descriptors from fd:3 on the manager passed in for this process (sd_listen_fds(3)); -1: it says nothing. */
static int count_passed(void)
{
    struct slice pid = slice_of(getenv("LISTEN_PID")), count = slice_of(getenv("LISTEN_FDS"));
    unsigned long long for_pid, n;

    if (!slice_to_u64(pid, INT32_MAX, &for_pid) || for_pid != (unsigned long long)getpid() ||
        !slice_to_u64(count, 4096, &n))
        return -1;
    return (int)n;
}

static bool is_listening(int fd, struct sockaddr_storage *address)
{
    int listening = 0, type = 0;
    socklen_t n = sizeof listening, address_n = sizeof *address;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening != 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM &&
           getsockname(fd, (struct sockaddr *)address, &address_n) == 0;
}

static int set_up_passed(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ? -1 : fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The socket at that path that the manager has kept since this program last ran (listener_keep); -1: none. */
static int find_kept(const char *path)
{
    struct stat there;
    int n = count_passed();

    if (lstat(path, &there) != 0 || !S_ISSOCK(there.st_mode))
        return -1;
    for (int fd = PASSED_FIRST; fd < PASSED_FIRST + n; fd++) {
        struct sockaddr_storage address = {0};
        const struct sockaddr_un *at = (const struct sockaddr_un *)(const void *)&address;

        if (is_listening(fd, &address) && at->sun_family == AF_UNIX &&
            strncmp(at->sun_path, path, sizeof at->sun_path) == 0 && set_up_passed(fd) == 0)
            return fd;
    }
    return -1;
}

/* ---- UNIX sockets ---- */

/*
 * Two programs that start at once must not take each other's socket for a left-over, between bind and listen: so a lock
 * on the folder is held from checking the path until listen. Returns the descriptor; -1 without a lock: then bind will
 * report what is wrong with the folder, or a stranger holds the lock, and we go on without.
 */
static int lock_folder(const char *path)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    const char *slash = strrchr(path, '/');
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path] = ".";
    size_t n = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    int fd;

    if (n >= sizeof folder)
        return -1;
    if (n > 0) {
        memcpy(folder, path, n);
        folder[n] = '\0';
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
            close(fd);
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
    return fd;
}

/* Makes the path free: removes a socket where nobody answers. 0, or -1 with e. */
static int clear_path(const char *program, const char *path, const struct socket_address *address, struct error *e)
{
    struct stat there;
    int fd, answered, why;

    if (lstat(path, &there) != 0)
        return errno == ENOENT ? 0 : fail_errno(e, "cannot look at the path");
    if (!S_ISSOCK(there.st_mode))
        return error_set(e, "something there is not a socket; remove it, or choose another path");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno(e, "cannot make a socket");
    answered = connect(fd, socket_address_at(address), address->n);
    why = errno;
    close(fd);
    if (answered == 0 || why == EAGAIN) /* EAGAIN: its backlog is full */
        return error_set(e, "a program answers there already; is %s running?", program);
    if (why != ECONNREFUSED) {
        errno = why;
        return fail_errno(e, "cannot tell whether a program answers there");
    }
    if (unlink(path) != 0 && errno != ENOENT)
        return fail_errno(e, "cannot remove the left-over socket");
    return 0;
}

/* Group and mode of the new socket, and what it can be known by later. */
static int dress_socket(const struct listener_config *config, struct listener *out, struct error *e)
{
    struct stat made;

    if (config->socket_group != NULL) {
        const struct group *group = getgrnam(config->socket_group);

        if (group == NULL)
            return error_set(e, "there is no group \"%s\"", config->socket_group);
        if (chown(config->path, (uid_t)-1, group->gr_gid) != 0)
            return fail_errno(e, "cannot give the socket to its group (are we a member of it?)");
    }
    if (chmod(config->path, config->socket_mode) != 0)
        return fail_errno(e, "cannot set the socket's mode");
    if (stat(config->path, &made) != 0)
        return fail_errno(e, "cannot look at the socket");
    out->device = made.st_dev;
    out->inode = made.st_ino;
    out->made_socket = true;
    return 0;
}

static int open_unix(const char *program, const struct listener_config *config, struct listener *out, struct error *e)
{
    struct socket_address address;
    mode_t before;
    int bound;

    if (socket_address_of(config, &address, e) != 0)
        return -1;
    if ((out->fd = find_kept(config->path)) >= 0)
        return 0;
    if (clear_path(program, config->path, &address, e) != 0)
        return -1;
    out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out->fd < 0)
        return fail_errno(e, "cannot make a socket");
    before = umask(0177); /* nobody else gets in before group and mode are right */
    bound = bind(out->fd, socket_address_at(&address), address.n);
    umask(before);
    if (bound != 0)
        return fail_errno(e, "cannot bind (does the folder exist, may we write there?)");
    if (dress_socket(config, out, e) != 0) {
        unlink(config->path);
        return -1;
    }
    return 0;
}

/* ---- TCP ---- */

static int open_tcp(const struct listener_config *config, struct listener *out, struct error *e)
{
    struct socket_address address;
    int on = 1;

    if (socket_address_of(config, &address, e) != 0)
        return -1;
    out->is_tcp = true;
    out->fd = socket(address.a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out->fd < 0)
        return fail_errno(e, "cannot make a socket");
    if (setsockopt(out->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (address.a.ss_family == AF_INET6 && setsockopt(out->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0))
        return fail_errno(e, "cannot set a socket option");
    if (bind(out->fd, socket_address_at(&address), address.n) != 0)
        return fail_errno(e, "cannot bind");
    return 0;
}

/* ---- passed in, by number ---- */

static int check_passed(const struct listener_config *config, struct error *e)
{
    int n = count_passed();

    if (n >= 0 && (config->fd < PASSED_FIRST || config->fd >= PASSED_FIRST + n))
        return error_set(e, "the service manager passed %d sockets in; the first is fd:%d", n, PASSED_FIRST);
    return 0;
}

static int open_passed(const struct listener_config *config, struct listener *out, struct error *e)
{
    struct sockaddr_storage address = {0};

    if (check_passed(config, e) != 0)
        return -1;
    if (!is_listening(config->fd, &address))
        return error_set(e, "the descriptor is not a listening stream socket; start by the service manager's socket "
                            "unit, or name a path or host:port");
    if (set_up_passed(config->fd) != 0)
        return fail_errno(e, "cannot set it up");
    out->fd = config->fd;
    out->is_tcp = address.ss_family != AF_UNIX;
    return 0;
}

static int open_any(const char *program, const struct listener_config *config, struct listener *out, struct error *e)
{
    const char *dash = strchr(program, '-');
    int folder = config->path != NULL ? lock_folder(config->path) : -1, result;

    *out = (struct listener){.fd = -1, .has_tls = config->has_tls, .tls = config->tls, .front = config->front};
    out->address = strdup(config->address);
    out->path = config->path != NULL ? strdup(config->path) : NULL;
    if (out->address == NULL || (config->path != NULL && out->path == NULL))
        result = error_set(e, "no memory");
    else if (config->path != NULL)
        result = open_unix(program, config, out, e);
    else if (config->fd >= 0)
        result = open_passed(config, out, e);
    else
        result = open_tcp(config, out, e);
    if (result == 0 && config->fd < 0 && listen(out->fd, BACKLOG) != 0)
        result = fail_errno(e, "cannot listen");
    if (folder >= 0)
        close(folder);
    if (result == 0)
        return 0;
    listener_free(out);
    return error_prefix(e, "%s.listen \"%s\"", dash != NULL ? dash + 1 : program, config->address);
}

int listener_open(const char *program, const struct listener_config *config, struct listener *out, struct error *e)
{
    struct owner_visit visit = {.inside = false};
    int result;

    *out = (struct listener){.fd = -1};
    if (config->path != NULL && owner_enter(config->path, &visit, e) != 0)
        return -1;
    result = open_any(program, config, out, e);
    owner_leave(&visit);
    return result;
}

void listener_keep(struct listener *listener)
{
    if (listener->made_socket && notify_keep(listener->fd))
        listener->made_socket = false;
}

int listener_accept(const struct listener *listener)
{
    const int on = 1;
    int fd;

    do
        fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd < 0 && (errno == ECONNABORTED || errno == EINTR || errno == EPROTO));
    if (fd >= 0 && listener->is_tcp)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

unsigned listener_connections(unsigned most, unsigned descriptors_each, unsigned long long *limit)
{
    struct rlimit descriptors;
    rlim_t room;

    *limit = 0;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_cur == RLIM_INFINITY)
        return most;
    *limit = descriptors.rlim_cur;
    room = descriptors.rlim_cur > 2 * DESCRIPTORS_RESERVED ? descriptors.rlim_cur - DESCRIPTORS_RESERVED
                                                           : descriptors.rlim_cur / 2;
    return room / descriptors_each < most ? (unsigned)(room / descriptors_each) : most;
}

static void remove_socket(const struct listener *listener)
{
    struct owner_visit visit;
    struct stat there;

    if (listener->path == NULL || owner_enter(listener->path, &visit, NULL) != 0)
        return;
    if (lstat(listener->path, &there) == 0 && there.st_dev == listener->device && there.st_ino == listener->inode)
        unlink(listener->path);
    owner_leave(&visit);
}

void listener_close(struct listener *listener)
{
    if (listener->made_socket)
        remove_socket(listener);
    listener->made_socket = false;
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

void listener_free(struct listener *listener)
{
    listener_close(listener);
    free(listener->address);
    free(listener->path);
    *listener = (struct listener){.fd = -1};
}
