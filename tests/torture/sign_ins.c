/* The torture of the door at AUTH: a client that may not send, and a Dovecot that says that its password is right. */
#include "tests/torture/fail.h"
#include "tests/torture/torture.h"

#include "sasl/door.h"

#include <errno.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

static int dovecot = -1; /* listens */

static struct sockaddr_un address_of(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", below(name));
    return address;
}

/* True when it can be read, or was closed. */
static bool comes(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&p, 1, ANSWER_MS) == 1;
}

/* What comes until `wanted` is in it. False when it is closed before that. */
static bool hears(int fd, const char *wanted, char *text, size_t cap)
{
    size_t n = 0;

    text[0] = '\0';
    while (strstr(text, wanted) == NULL) {
        ssize_t got = n + 1 < cap && comes(fd) ? recv(fd, text + n, cap - 1 - n, 0) : 0;

        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
    }
    return true;
}

static bool says(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/*
 * Does the client hear that it is refused? That it is in, only while something fails by which nobody can tell: what
 * would be deferred passes here, and is deferred at RCPT.
 */
static bool dialogue(int client, int server, bool failing)
{
    char text[512];
    bool heard = says(client, "AUTH\t1\tPLAIN\tservice=smtp\trip=203.0.113.9\tresp=x\n") &&
                 hears(server, "resp=x\n", text, sizeof text) && says(server, "OK\t1\tuser=" BERT "\n") &&
                 hears(client, "\n", text, sizeof text);

    heard = heard && strncmp(text, "FAIL\t1\t", 7) == 0;
    MUST(heard || failing);
    return heard;
}

/* False also when the connection is closed: Postfix says 454. */
static bool bert_is_refused_at_auth(bool failing)
{
    const struct sockaddr_un address = address_of("sasl.sock");
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), server = -1;
    bool heard = false;

    if (connect(client, (const struct sockaddr *)&address, sizeof address) == 0) {
        /* Whichever comes first: the door asks Dovecot, or closes. */
        struct pollfd p[2] = {{.fd = client, .events = POLLIN}, {.fd = dovecot, .events = POLLIN}};

        if (poll(p, 2, ANSWER_MS) > 0 && (p[1].revents & POLLIN) != 0)
            server = accept4(dovecot, NULL, NULL, SOCK_CLOEXEC);
        heard = server >= 0 && dialogue(client, server, failing);
    }
    if (server >= 0)
        (void)close(server);
    (void)close(client);
    return heard;
}

void sign_ins(struct tools *t, bool works)
{
    struct door *door = NULL;
    struct error e = {.text = ""};

    if (door_start(t->engine, &door, &e) != 0) {
        MUST(!works && e.text[0] != '\0');
        return;
    }
    MUST(bert_is_refused_at_auth(!works) || !works);
    /* One failure must not be the end of the service. */
    (void)fail_end();
    MUST(bert_is_refused_at_auth(false));
    door_stop(door);
}

void before_sign_ins(struct tools *t)
{
    const struct sockaddr_un address = address_of("dovecot.sock");
    struct error e;

    if (dovecot >= 0)
        (void)close(dovecot); /* with what waits there from the last time */
    (void)unlink(address.sun_path);
    dovecot = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(dovecot, (const struct sockaddr *)&address, sizeof address) != 0 || listen(dovecot, 16) != 0)
        die("Dovecot's socket", strerror(errno));
    if (t->engine == NULL && engine_open(below("sasl.conf"), "torture", &t->engine, &e) != 0)
        die("the engine", e.text);
}
