#include "core/journal/journal_apart.h"

#include "core/base/owner.h"
#include "core/base/quote.h"
#include "core/journal/journal_piece.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN_S 60      /* opening waits for nobody longer than a moment; a pipe in the place of the file would */
#define PIECE_CPU_S 20 /* of the processor, for one piece: a ring of damaged pages has no end */
#define DESCRIPTORS 1024

struct request {
    uint32_t table, last_n;
    bool backwards, exact;
    uint8_t last[PIECE_KEY_MAX];
};

/* Then come n entries, and `used` bytes. */
struct reply {
    int32_t result; /* of opening, or of journal_read_piece */
    uint32_t n, used, last_n;
    bool end;
    uint8_t last[PIECE_KEY_MAX];
    struct error error;
};

struct apart {
    struct journal_apart reader; /* first: this is what the journal knows of us */
    char *folder;
    int fd;
    pid_t child;        /* 0: it has ended */
    struct error ended; /* how */
};

/* All of it, over the socket. 0; -1 when the other one is gone. */
static int send_all(int fd, const void *from, size_t n)
{
    const char *p = from;

    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static int receive_all(int fd, void *to, size_t n)
{
    char *p = to;

    while (n > 0) {
        ssize_t done = read(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

/* ---- the process that reads ---- */

/* A fault ends it, whatever the parent made of faults. */
static void forget_handlers(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Nothing of the parent's is left to it but the socket: no terminal, no file, no rights. */
static int give_up_all(int fd, pid_t parent, const struct owner *owner, struct error *e)
{
    const struct rlimit none = {0, 0};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (nothing < 0 || owner_become(owner, e) != 0)
        return nothing < 0 ? error_set(e, "/dev/null: %s", strerror(errno)) : -1;
    (void)setsid();
    for (int i = 0; i < 3; i++)
        (void)dup2(nothing, i);
    for (int i = 3; i < DESCRIPTORS; i++)
        if (i != fd)
            (void)close(i);
    (void)setrlimit(RLIMIT_CORE, &none);
    forget_handlers();
    /* A change of user takes it back, so it comes last; and the parent may be gone by now. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(EXIT_SUCCESS);
    return 0;
}

static void answer(int fd, int result, const struct piece *p, const struct error *e)
{
    struct reply reply = {.result = result};

    if (result != 0) {
        reply.error = *e;
    } else if (p != NULL) {
        reply.n = p->n;
        reply.used = (uint32_t)p->used;
        reply.last_n = (uint32_t)p->last_n;
        reply.end = p->end;
        memcpy(reply.last, p->last, p->last_n);
    }
    if (send_all(fd, &reply, sizeof reply) != 0 ||
        (reply.n > 0 &&
         (send_all(fd, p->entries, reply.n * sizeof *p->entries) != 0 || send_all(fd, p->bytes, reply.used) != 0)))
        _exit(EXIT_SUCCESS);
}

static void read_for(int fd, const char *folder)
{
    const struct itimerval most = {.it_value = {.tv_sec = PIECE_CPU_S}};
    struct piece *p = malloc(sizeof *p);
    struct error e = {"out of memory"};
    struct journal *j = NULL;
    struct request request;
    int result = -1;

    (void)alarm(OPEN_S);
    if (p != NULL)
        result = journal_open(folder, NULL, &j, &e);
    (void)alarm(0);
    answer(fd, result, NULL, &e);
    while (result == 0 && receive_all(fd, &request, sizeof request) == 0) {
        p->table = (enum journal_table)request.table;
        p->backwards = request.backwards;
        p->exact = request.exact;
        p->end = false;
        p->last_n = request.last_n;
        memcpy(p->last, request.last, sizeof p->last);
        (void)setitimer(ITIMER_PROF, &most, NULL);
        answer(fd, journal_read_piece(j, p, &e), p, &e);
    }
    _exit(EXIT_SUCCESS);
}

/* ---- the process that asks ---- */

/* The other one has ended: why, in a->ended. */
static void find_out(struct apart *a)
{
    static const char advice[] = "postern-policyd and postern-milter stop using it when they find that out; to begin a "
                                 "new one at once, stop them, move data.mdb away, and start them";
    int status = 0;
    pid_t child = a->child;

    a->child = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            break;
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
        (void)error_set(&a->ended, "the process that read it was ended (%s)", strsignal(WTERMSIG(status)));
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)error_set(&a->ended, "data.mdb or lock.mdb could not be opened within %d s", OPEN_S);
    else if (WIFSIGNALED(status))
        (void)error_set(&a->ended, "data.mdb is damaged: reading it ends in \"%s\"; %s", strsignal(WTERMSIG(status)),
                        advice);
    else
        (void)error_set(&a->ended, "data.mdb is damaged: reading it fails (status %d); %s", WEXITSTATUS(status),
                        advice);
    (void)error_prefix(&a->ended, "journal %s", quote(slice_of(a->folder)).text);
}

static int ended(struct apart *a, struct error *e)
{
    if (a->child != 0)
        find_out(a);
    if (e != NULL)
        *e = a->ended;
    return -1;
}

/* What it says is for people: nothing in it may steer a terminal, should it not be what it was. */
static int take_error(struct reply *reply, struct error *e)
{
    char *text = reply->error.text;

    reply->error.text[sizeof reply->error.text - 1] = '\0';
    for (size_t i = 0; text[i] != '\0'; i++)
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f)
            text[i] = '?';
    if (e != NULL)
        *e = reply->error;
    return -1;
}

/* memcmp's order, a prefix first: LMDB's. */
static int compare(struct slice a, struct slice b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* Is it what was asked for: within its bounds, and each key behind the one before? Else a walk might never end. */
static bool makes_sense(const struct piece *p, const struct request *asked)
{
    struct slice before = {(const char *)asked->last, asked->last_n};

    for (uint32_t i = 0; i < p->n; i++) {
        const struct piece_entry *entry = &p->entries[i];
        struct slice key;

        if (entry->key_n > PIECE_KEY_MAX || entry->value_n > USAGE_PACKED_MAX ||
            (uint64_t)entry->at + entry->key_n + entry->value_n > p->used)
            return false;
        key = piece_key(p, i);
        if (asked->exact)
            return p->n == 1 && slice_eq(key, before);
        if (before.n > 0 && (asked->backwards ? compare(key, before) >= 0 : compare(key, before) <= 0))
            return false;
        before = key;
    }
    return p->end || p->n > 0 || asked->exact;
}

static int take_reply(struct apart *a, struct piece *p, const struct request *asked, struct error *e)
{
    struct reply reply;

    if (receive_all(a->fd, &reply, sizeof reply) != 0)
        return ended(a, e);
    if (reply.result != 0)
        return take_error(&reply, e);
    if (reply.n > PIECE_ENTRIES || reply.used > PIECE_BYTES || reply.last_n > PIECE_KEY_MAX)
        return error_set(e, "journal %s: data.mdb is damaged", quote(slice_of(a->folder)).text);
    if (receive_all(a->fd, p->entries, reply.n * sizeof *p->entries) != 0 ||
        (reply.n > 0 && receive_all(a->fd, p->bytes, reply.used) != 0))
        return ended(a, e);
    p->n = reply.n;
    p->used = reply.used;
    p->end = reply.end;
    p->last_n = reply.last_n;
    memcpy(p->last, reply.last, sizeof p->last);
    return makes_sense(p, asked) ? 0
                                 : error_set(e, "journal %s: data.mdb is damaged: its keys are not in order",
                                             quote(slice_of(a->folder)).text);
}

static int read_apart(struct journal_apart *reader, struct piece *p, struct error *e)
{
    struct apart *a = (struct apart *)(void *)reader;
    struct request request = {
        .table = (uint32_t)p->table, .last_n = (uint32_t)p->last_n, .backwards = p->backwards, .exact = p->exact};

    memcpy(request.last, p->last, p->last_n);
    if (a->child == 0 || send_all(a->fd, &request, sizeof request) != 0)
        return ended(a, e);
    return take_reply(a, p, &request, e);
}

static void close_apart(struct journal_apart *reader)
{
    struct apart *a = (struct apart *)(void *)reader;

    if (a->fd >= 0)
        (void)close(a->fd); /* which ends it */
    if (a->child != 0) {
        (void)kill(a->child, SIGKILL); /* should it not be listening */
        find_out(a);
    }
    free(a->folder);
    free(a);
}

/* ---- both ---- */

/* Makes the other process. 0; -1 with e. */
static int start(struct apart *a, const struct owner *owner, struct error *e)
{
    pid_t parent = getpid();
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set(e, "a pair of sockets cannot be made: %s", strerror(errno));
    a->child = fork();
    if (a->child == 0) {
        struct error why;

        if (give_up_all(ends[1], parent, owner, &why) != 0) {
            (void)error_prefix(&why, "journal %s", quote(slice_of(a->folder)).text);
            answer(ends[1], -1, NULL, &why);
            _exit(EXIT_SUCCESS);
        }
        read_for(ends[1], a->folder);
    }
    (void)close(ends[1]);
    a->fd = ends[0];
    if (a->child > 0)
        return 0;
    a->child = 0;
    return error_set(e, "a process to read it cannot be made: %s", strerror(errno));
}

/* How opening went there: a reply without anything. */
static int await_opening(struct apart *a, struct error *e)
{
    struct reply reply;

    if (receive_all(a->fd, &reply, sizeof reply) != 0)
        return ended(a, e);
    return reply.result == 0 ? 0 : take_error(&reply, e);
}

int journal_open_apart(const char *folder, struct journal **out, struct error *e)
{
    struct apart *a = calloc(1, sizeof *a);
    struct owner owner;
    int result = -1;

    if (a == NULL || (a->folder = strdup(folder)) == NULL) {
        free(a);
        return error_set(e, "journal: out of memory");
    }
    a->fd = -1;
    a->reader = (struct journal_apart){read_apart, close_apart};
    if (owner_find(folder, &owner, e) != 0 || start(a, &owner, e) != 0)
        (void)error_prefix(e, "journal %s", quote(slice_of(folder)).text);
    else if (await_opening(a, e) == 0)
        result = journal_open_read_by(&a->reader, out, e);
    if (result != 0)
        close_apart(&a->reader);
    return result;
}
