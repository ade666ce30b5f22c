/*
 * The floor: a policy server that answers without thinking. One thread, one epoll, one recv and one send a request:
 * what a policy server on this machine cannot go below. postern-policyd is measured against it.
 *
 *   policy_floor /path/of/socket      runs until it is killed; the path must not exist
 */
#include "bench/policy_wire.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_MAX 65536
#define EVENTS 64

static const char answer[] = "action=DUNNO\n\n";
static bool at_line_start[FD_MAX]; /* by descriptor: what came last was a newline */

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0 && fd < FD_MAX) {
        at_line_start[fd] = false;
        watch(epoll, fd);
    }
}

static void serve(int fd)
{
    static char in[65536];
    ssize_t n = recv(fd, in, sizeof in, 0);

    if (n <= 0) {
        close(fd);
        return;
    }
    if (in[n - 1] == '\n' && (n == 1 ? at_line_start[fd] : in[n - 2] == '\n'))
        (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    at_line_start[fd] = in[n - 1] == '\n';
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener;

    if (argc != 2) {
        fprintf(stderr, "usage: policy_floor SOCKET\n");
        return EXIT_FAILURE;
    }
    listener = policy_listen(argv[1]);
    watch(epoll, listener);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                serve(events[i].data.fd);
        }
    }
}
