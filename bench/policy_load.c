/*
 * A load generator for policy servers. As with Postfix, where each smtpd is a process of its own, every connection is a
 * process that asks what Postfix 3.7 asks about one message after the other (RCPT, END-OF-MESSAGE), and waits for each
 * answer before it goes on. Requests are patched in place rather than written anew.
 *
 *   policy_load [-c connections] [-i idle connections] [-d seconds] [-m mailboxes] [-p pid] [-1] ADDRESS
 *
 * ADDRESS is a path or host:port (IPv4). Logins are user0000001@contoso.example up to the number of mailboxes, drawn
 * pseudo-randomly, the same in each run. A tenth of the time is spent warming up. One line comes out:
 *
 *   requests=… seconds=… rps=… dunno=… other=… p50_us=… p99_us=… p999_us=… max_us=… cpu_us=…
 *
 * cpu_us: processor time of process pid a request, where -p was given. Exit status 1 if an answer was none.
 * -1 asks once, trying to connect until somebody listens, and prints how long that took: ms=…
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 2048
#define STEP_NS 250        /* of the histogram */
#define STEPS 200000       /* up to 50 ms; what is above counts as that */
#define FIRST_TRIES 100000 /* of 100 us */
#define LOGIN_DIGITS 7
#define COUNTER_DIGITS 12
#define NUMBERS_A_PROCESS 10000000u

/* The fields of fixed width are patched: U login, Q queue id, I instance. */
static const char template_rcpt[] =
    "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=192.0.2.15\n"
    "client_name=printer3.contoso.example\nclient_port=49152\nreverse_client_name=printer3.contoso.example\n"
    "server_address=198.51.100.7\nserver_port=587\nhelo_name=printer3\nsender=userUUUUUUU@contoso.example\n"
    "recipient=info@fabrikam.example\nrecipient_count=0\nqueue_id=\ninstance=3d2f.64f0a1b2.IIIIIIIIIIII.0\nsize=18345\n"
    "etrn_domain=\nstress=\nsasl_method=PLAIN\nsasl_username=userUUUUUUU@contoso.example\nsasl_sender=\n"
    "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"
    "encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n";
static const char template_end[] =
    "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nprotocol_name=ESMTP\nclient_address=192.0.2.15\n"
    "client_name=printer3.contoso.example\nclient_port=49152\nreverse_client_name=printer3.contoso.example\n"
    "server_address=198.51.100.7\nserver_port=587\nhelo_name=printer3\nsender=userUUUUUUU@contoso.example\n"
    "recipient=info@fabrikam.example\nrecipient_count=1\nqueue_id=4RQQQQQQQQQQQQz\n"
    "instance=3d2f.64f0a1b2.IIIIIIIIIIII.0\nsize=18412\n"
    "etrn_domain=\nstress=\nsasl_method=PLAIN\nsasl_username=userUUUUUUU@contoso.example\nsasl_sender=\n"
    "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"
    "encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n";

struct request {
    char text[REQUEST_MAX];
    size_t n;
    char *login[2], *instance, *queue_id; /* where to patch; queue_id may be NULL */
};

struct connection {
    int fd;
    bool at_end; /* END-OF-MESSAGE is being asked */
    uint64_t asked_ns;
};

struct options {
    unsigned connections, idle, mailboxes;
    double seconds;
    pid_t pid;
    bool once;
    const char *address;
};

struct figures {
    uint64_t requests, dunno, other, max_ns, cpu_ns;
    double seconds;
    uint32_t histogram[STEPS];
};

static struct request requests[2]; /* RCPT, END-OF-MESSAGE */
static uint64_t random_state = 88172645463325252u;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- requests ---- */

static void prepare(struct request *r, const char *text)
{
    r->n = strlen(text);
    memcpy(r->text, text, r->n + 1);
    r->login[0] = strstr(r->text, "sender=user") + strlen("sender=user");
    r->login[1] = strstr(r->text, "sasl_username=user") + strlen("sasl_username=user");
    r->instance = strstr(r->text, "IIIIIIIIIIII");
    r->queue_id = strstr(r->text, "QQQQQQQQQQQQ");
}

static void patch(char *at, uint64_t number, int digits)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* xorshift64 (Marsaglia 2003): the same draw in every run */
static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Both requests of a message carry its number. */
static void ask(struct connection *c, uint64_t message, uint64_t login)
{
    struct request *r = &requests[c->at_end];

    patch(r->login[0], login, LOGIN_DIGITS);
    patch(r->login[1], login, LOGIN_DIGITS);
    patch(r->instance, message, COUNTER_DIGITS);
    if (r->queue_id != NULL)
        patch(r->queue_id, message, COUNTER_DIGITS);
    c->asked_ns = clock_ns(CLOCK_MONOTONIC);
    if (send(c->fd, r->text, r->n, MSG_NOSIGNAL) != (ssize_t)r->n)
        fail("send");
}

/* ---- connections ---- */

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path || fd < 0)
        fail(path);
    memcpy(address.sun_path, path, strlen(path));
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    return fd;
}

static int connect_tcp(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(text, ':');
    char host[64] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (colon == NULL || (size_t)(colon - text) >= sizeof host || fd < 0)
        fail(text);
    memcpy(host, text, (size_t)(colon - text));
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        fail(text);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int open_connection(const char *address)
{
    return address[0] == '/' ? connect_unix(address) : connect_tcp(address);
}

/* ---- measuring ---- */

static void note(struct figures *f, const char *answer, ssize_t n, uint64_t took_ns)
{
    uint64_t step = took_ns / STEP_NS;

    if (n < 9 || memcmp(answer, "action=", 7) != 0 || memcmp(answer + n - 2, "\n\n", 2) != 0) {
        fprintf(stderr, "policy_load: no answer: \"%.*s\"\n", n > 0 ? (int)n : 0, answer);
        exit(EXIT_FAILURE);
    }
    f->requests++;
    if (n == 14 && memcmp(answer, "action=DUNNO\n\n", 14) == 0)
        f->dunno++;
    else
        f->other++;
    if (took_ns > f->max_ns)
        f->max_ns = took_ns;
    f->histogram[step < STEPS ? step : STEPS - 1]++;
}

static double percentile_us(const struct figures *f, double share)
{
    uint64_t wanted = (uint64_t)((double)f->requests * share), seen = 0;

    for (size_t i = 0; i < STEPS; i++) {
        seen += f->histogram[i];
        if (seen > wanted)
            return ((double)i + 0.5) * STEP_NS / 1000.0;
    }
    return 0;
}

/*
 * One process: its own share of the figures, which the parent reads when all have ended. Its messages are numbered as no
 * other process's are: one that was charged in an earlier run would cost nothing.
 */
static void run(const struct options *o, unsigned which, double seconds, struct figures *f)
{
    struct connection c = {.fd = open_connection(o->address)};
    uint64_t number = (uint64_t)getpid() % 100000u * NUMBERS_A_PROCESS, login = 1, start = clock_ns(CLOCK_MONOTONIC), now = start;
    char answer[1024];
    ssize_t got;

    random_state += which * 7919u;
    while (now - start < (uint64_t)(seconds * 1e9)) {
        if (!c.at_end) {
            number++;
            login = draw() % o->mailboxes + 1;
        }
        ask(&c, number, login);
        got = recv(c.fd, answer, sizeof answer, 0);
        now = clock_ns(CLOCK_MONOTONIC);
        note(f, answer, got, now - c.asked_ns);
        c.at_end = !c.at_end;
    }
    close(c.fd);
}

static void run_all(const struct options *o, double seconds, struct figures *each, struct figures *sum)
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    int status, failed = 0;

    memset(sum, 0, sizeof *sum);
    for (unsigned i = 0; i < o->connections; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            memset(&each[i], 0, sizeof each[i]);
            run(o, i, seconds, &each[i]);
            _exit(EXIT_SUCCESS);
        }
    }
    for (unsigned i = 0; i < o->connections; i++)
        failed |= wait(&status) < 0 || status != 0;
    if (failed)
        exit(EXIT_FAILURE);
    sum->seconds = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
    for (unsigned i = 0; i < o->connections; i++) {
        sum->requests += each[i].requests;
        sum->dunno += each[i].dunno;
        sum->other += each[i].other;
        sum->max_ns = each[i].max_ns > sum->max_ns ? each[i].max_ns : sum->max_ns;
        for (size_t step = 0; step < STEPS; step++)
            sum->histogram[step] += each[i].histogram[step];
    }
}

static void measure(const struct options *o, struct figures *sum)
{
    struct figures *each =
        mmap(NULL, o->connections * sizeof *each, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    clockid_t cpu = CLOCK_MONOTONIC;
    uint64_t cpu_before;

    if (each == MAP_FAILED || (o->pid > 0 && clock_getcpuclockid(o->pid, &cpu) != 0))
        fail("policy_load");
    for (unsigned i = 0; i < o->idle; i++)
        (void)open_connection(o->address);
    run_all(o, o->seconds / 10, each, sum);
    cpu_before = o->pid > 0 ? clock_ns(cpu) : 0;
    run_all(o, o->seconds, each, sum);
    sum->cpu_ns = o->pid > 0 ? clock_ns(cpu) - cpu_before : 0;
    munmap(each, o->connections * sizeof *each);
}

static int first_answer(const struct options *o)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    struct connection c = {.fd = -1};
    char answer[1024];

    memcpy(address.sun_path, o->address, strnlen(o->address, sizeof address.sun_path - 1));
    for (unsigned i = 0; i < FIRST_TRIES; i++) {
        c.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(c.fd, (const struct sockaddr *)&address, sizeof address) == 0)
            break;
        close(c.fd);
        usleep(100);
    }
    ask(&c, 1, 1);
    if (recv(c.fd, answer, sizeof answer, 0) < 9)
        return EXIT_FAILURE;
    printf("ms=%.1f answer=%.12s\n", (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e6, answer);
    return EXIT_SUCCESS;
}

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool read_options(int argc, char **argv, struct options *o)
{
    int option;

    while ((option = getopt(argc, argv, "c:i:d:m:p:1")) != -1) {
        if (option == 'c')
            o->connections = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'i')
            o->idle = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'd')
            o->seconds = strtod(optarg, NULL);
        else if (option == 'm')
            o->mailboxes = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == '1')
            o->once = true;
        else if (option == 'p')
            o->pid = (pid_t)strtol(optarg, NULL, 10);
        else
            return false;
    }
    o->address = argv[optind];
    return optind + 1 == argc && o->connections > 0 && o->mailboxes > 0 && o->mailboxes < 10000000 && o->seconds > 0;
}

int main(int argc, char **argv)
{
    struct options o = {.connections = 16, .seconds = 5, .mailboxes = 10000};
    static struct figures f;

    if (!read_options(argc, argv, &o)) {
        fprintf(stderr,
                "usage: policy_load [-c connections] [-i idle] [-d seconds] [-m mailboxes] [-p pid] [-1] ADDRESS\n");
        return EXIT_FAILURE;
    }
    raise_descriptors();
    prepare(&requests[0], template_rcpt);
    prepare(&requests[1], template_end);
    if (o.once)
        return first_answer(&o);
    measure(&o, &f);
    printf("requests=%llu seconds=%.2f rps=%.0f dunno=%llu other=%llu p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f "
           "cpu_us=%.2f\n",
           (unsigned long long)f.requests, f.seconds, (double)f.requests / f.seconds, (unsigned long long)f.dunno,
           (unsigned long long)f.other, percentile_us(&f, 0.5), percentile_us(&f, 0.99), percentile_us(&f, 0.999),
           (double)f.max_ns / 1000.0, (double)f.cpu_ns / 1000.0 / (double)(f.requests > 0 ? f.requests : 1));
    return EXIT_SUCCESS;
}
