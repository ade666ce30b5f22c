#include "core/base/notify.h"

#include "core/base/buf.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* With a copy of this descriptor (cmsg(3)); -1: of none. False when it wasn't sent. */
static bool send_with(struct slice state, int passed)
{
    struct slice path = slice_of(getenv("NOTIFY_SOCKET"));
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct iovec bytes = {.iov_base = (char *)(uintptr_t)state.p, .iov_len = state.n};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control = {.bytes = {0}};
    struct msghdr message = {.msg_name = &to, .msg_iov = &bytes, .msg_iovlen = 1};
    bool sent;
    int fd;

    if (path.n < 2 || path.n >= sizeof to.sun_path || (path.p[0] != '/' && path.p[0] != '@'))
        return false;
    memcpy(to.sun_path, path.p, path.n);
    if (path.p[0] == '@') /* abstract namespace: NUL instead of "@" */
        to.sun_path[0] = '\0';
    message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n);
    if (passed >= 0) {
        control.head =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof passed), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &passed, sizeof passed);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
    close(fd);
    return sent;
}

static void send_state(struct slice state)
{
    (void)send_with(state, -1);
}

void notify_ready(void)
{
    send_state(SLICE("READY=1"));
}

void notify_reloading(void)
{
    char text[64];
    struct buf b = BUF_OVER(text);
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    buf_addf(&b, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * UINT64_C(1000000) + (uint64_t)now.tv_nsec / 1000);
    send_state(buf_slice(&b));
}

void notify_alive(void)
{
    send_state(SLICE("WATCHDOG=1"));
}

void notify_stopping(void)
{
    send_state(SLICE("STOPPING=1"));
}

bool notify_keep(int fd)
{
    return send_with(SLICE("FDSTORE=1"), fd);
}
