#include "cli/password.h"

#include "core/base/slice.h"
#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* Byte by byte, so that what follows the line stays where it is. */
int password_read(int fd, char *out, struct error *e)
{
    size_t n = 0;
    ssize_t got;

    for (;;) {
        char c;

        got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || c == '\n')
            break;
        if (n == PASSWORD_MAX)
            return error_set(e, "the password is longer than %u bytes", PASSWORD_MAX);
        if (c == '\0')
            return error_set(e, "the password holds a NUL: expected one line of text");
        out[n++] = c;
    }
    if (got < 0)
        return error_set(e, "the password cannot be read from descriptor %d: %s", fd, strerror(errno));
    if (n > 0 && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    return n > 0 ? 0 : error_set(e, "the password is empty");
}

/* Until a line was typed. False: a signal came, which is still pending. */
static bool await_line(int terminal, const sigset_t *signals)
{
    int fd = signalfd(-1, signals, SFD_CLOEXEC);
    struct pollfd waits[2] = {{terminal, POLLIN, 0}, {fd, POLLIN, 0}};
    bool typed;

    while (poll(waits, 2, -1) < 0 && errno == EINTR)
        continue;
    typed = waits[1].revents == 0;
    if (fd >= 0)
        (void)close(fd);
    return typed;
}

/* Signals that end or stop the process are kept back meanwhile: they would leave the terminal without its echo. */
static int ask_quietly(int terminal, const char *prompt, char *out, struct error *e)
{
    static const int ends[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};
    struct termios before, quiet;
    sigset_t signals, old;
    int result;

    if (tcgetattr(terminal, &before) != 0)
        return error_set(e, "the terminal cannot be asked: %s", strerror(errno));
    quiet = before;
    quiet.c_lflag = (quiet.c_lflag & ~(tcflag_t)ECHO) | ECHONL;
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        (void)sigaddset(&signals, ends[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, &old);
    if (tcsetattr(terminal, TCSAFLUSH, &quiet) != 0) {
        result = error_set(e, "the terminal's echo cannot be switched off: %s", strerror(errno));
    } else {
        (void)write_whole(terminal, slice_of(prompt));
        result = await_line(terminal, &signals) ? password_read(terminal, out, e)
                                                : error_set(e, "interrupted while the password was asked for");
        (void)tcsetattr(terminal, TCSAFLUSH, &before);
    }
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return result;
}

int password_ask(const char *prompt, char *out, struct error *e)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), result;

    if (terminal < 0)
        return error_set(e, "there is no terminal to ask for the password on: give --password-fd");
    result = ask_quietly(terminal, prompt, out, e);
    (void)close(terminal);
    return result;
}
