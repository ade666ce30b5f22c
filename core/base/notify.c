#include "core/base/notify.h"

#include "core/base/buf.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void send_state(struct slice state)
{
    struct slice path = slice_of(getenv("NOTIFY_SOCKET"));
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (path.n < 2 || path.n >= sizeof to.sun_path || (path.p[0] != '/' && path.p[0] != '@'))
        return;
    memcpy(to.sun_path, path.p, path.n);
    if (path.p[0] == '@') /* abstract namespace: NUL instead of "@" */
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state.p, state.n, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n));
    close(fd);
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

void notify_stopping(void)
{
    send_state(SLICE("STOPPING=1"));
}
