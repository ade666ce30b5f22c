/* links: milter */
/*
 * The program as a whole, in a process of its own, spoken to as Postfix does. Clients of connectors need no directory,
 * so they carry most of the conversations.
 */
#include "bench/milter_wire.c" /* the MTA's side, shared with the benchmark */
#include "milter/serve.h"

#include "core/base/buf.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/waiting.h"

struct fixture {
    char folder[40], config[64], path[64], second[64], log[64];
    const char *second_has; /* settings of a listener at `second`; NULL: there is none */
    pid_t pid;
};

static const char general[] =
    "state = { file = \"state\"; entries = 1024; blocks = 16; };\n"
    "journal = \"\";\n"
    "log = { to = \"stderr\"; };\n"
    "tls = { required = false; };\n"
    "preset = \"none\";\n"
    "tenants = ( { name = \"contoso\"; domains = [\"contoso.example\"]; } );\n"
    "connectors = (\n"
    "  { name = \"printers\"; networks = [\"192.0.2.0/24\"]; senders = [\"@contoso.example\"]; null_sender = true;\n"
    "    recipients = \"internal\"; tenant = \"contoso\"; },\n"
    "  { name = \"apps\"; networks = [\"198.51.100.0/24\", \"2001:db8::/64\"]; } );\n";

static void write_file(const char *path, const char *const *parts)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    for (; *parts != NULL; parts++)
        assert_int_equal(write(fd, *parts, strlen(*parts)), strlen(*parts));
    assert_int_equal(close(fd), 0);
}

static void write_config(const struct fixture *f, const char *more)
{
    char places[500];
    struct buf b = BUF_OVER(places);

    buf_addf(&b, "directory = \"%s/directory\";\nmilter = { timeout = \"10m\"; listen = ( \"unix:%s\"", f->folder,
             f->path);
    if (f->second_has != NULL)
        buf_addf(&b, ", { address = \"unix:%s\"; %s }", f->second, f->second_has);
    buf_addf(&b, " ); };\n");
    write_file(f->config, (const char *const[]){general, places, more, NULL});
}

#if !defined(__clang__) /* whose sanitizers are part of the program, and so would be replaced */
#define CREATION_IS_OURS 1
#define DAWDLE_MS 300

static bool main_dawdles;

/* pthread_create blocks all signals while it works. It may take long to return: the new thread runs meanwhile. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*begin)(void *), void *arg)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *), result;
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    sigset_t all, before;

    memcpy(&create, &found, sizeof create);
    if (!main_dawdles || gettid() != getpid())
        return create(thread, attributes, begin, arg);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    result = create(thread, attributes, begin, arg);
    pause_ms(DAWDLE_MS);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}
#else
#define CREATION_IS_OURS 0
static bool main_dawdles;
#endif

static pid_t run_program(const struct fixture *f)
{
    pid_t pid = fork();
    int log;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    log = open(f->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)dup2(log, STDERR_FILENO);
    exit(serve(f->config));
}

/* Waits until somebody is there, and leaves again. */
static void wait_for_listener(const char *path)
{
    struct wire *w;
    struct error e;

    wait_until((w = wire_open(path, &e)) != NULL);
    wire_free(w);
}

/* Starts with more configuration, and waits until somebody answers. */
static void start(struct fixture *f, const char *more)
{
    write_config(f, more);
    f->pid = run_program(f);
    wait_for_listener(f->path);
}

/* Waits for the program's end: its exit status, -1 when it was killed by a signal. */
static int wait_for_end(struct fixture *f)
{
    int status;

    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool logged(const struct fixture *f, const char *text)
{
    char content[65536];
    int fd = open(f->log, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, content, sizeof content - 1) : -1;

    if (fd >= 0)
        (void)close(fd);
    if (n < 0)
        return false;
    content[n] = '\0';
    return strstr(content, text) != NULL;
}

static void wait_for_log(const struct fixture *f, const char *text)
{
    uint64_t since_ns = clock_boot_ns();

    while (!logged(f, text) && wait_more(since_ns))
        ;
    if (!logged(f, text))
        fail_msg("never logged: %s", text);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct buf config, path, second, log;

    assert_non_null(f);
    memcpy(f->folder, "/tmp/postern-program-XXXXXX", sizeof "/tmp/postern-program-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    config = BUF_OVER(f->config);
    path = BUF_OVER(f->path);
    second = BUF_OVER(f->second);
    log = BUF_OVER(f->log);
    buf_addf(&config, "%s/postern.conf", f->folder);
    buf_addf(&path, "%s/milter.sock", f->folder);
    buf_addf(&second, "%s/second.sock", f->folder);
    buf_addf(&log, "%s/log", f->folder);
    *state = f;
    return 0;
}

static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;

    assert_non_null(d);
    while ((entry = readdir(d)) != NULL)
        (void)unlinkat(dirfd(d), entry->d_name, strcmp(entry->d_name, "directory") == 0 ? AT_REMOVEDIR : 0);
    (void)closedir(d);
    assert_int_equal(rmdir(folder), 0);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->pid > 0) {
        (void)kill(f->pid, SIGTERM);
        assert_int_equal(wait_for_end(f), 0);
    }
    assert_false(logged(f, "Sanitizer"));
    remove_folder(f->folder);
    free(f);
    return 0;
}

/* ---- a conversation ---- */

static struct wire *greet_at(const char *path, char family, const char *address)
{
    struct error e;
    struct wire *w = wire_open(path, &e);

    assert_non_null(w);
    assert_int_equal(wire_negotiate(w, WIRE_VERSION, WIRE_ACTIONS, WIRE_STEPS, WAIT_MS), 0);
    assert_false(wire_replies(w, SMFIP_NR_CONN));
    wire_connect(w, "client.contoso.example", family, 40000, address);
    return w;
}

static struct wire *greet_from(struct fixture *f, char family, const char *address)
{
    return greet_at(f->path, family, address);
}

static struct wire *greet(struct fixture *f, const char *address)
{
    return greet_from(f, strchr(address, ':') != NULL ? SMFIA_INET6 : SMFIA_INET, address);
}

/* The reply as one line: "c", "a", "t", "y 550 5.7.1 ...", "q reason"; "gone". */
static const char *ask(struct wire *w)
{
    static char line[1200];
    struct buf b = BUF_OVER(line);
    struct wire_reply reply = wire_read(w, WAIT_MS);

    if (reply.command == 0)
        return "gone";
    buf_add_char(&b, reply.command);
    if (reply.data.n > 0) {
        buf_add_char(&b, ' ');
        buf_add(&b, (struct slice){reply.data.p, strnlen(reply.data.p, reply.data.n)});
    }
    return line;
}

static const char *mail_as(struct wire *w, const char *path, const char *login)
{
    wire_macros(w, SMFIC_MAIL,
                login != NULL
                    ? (const char *const[]){"{mail_addr}", "x", "{auth_authen}", login, "{auth_type}", "PLAIN", NULL}
                    : (const char *const[]){"{mail_addr}", "x", NULL});
    wire_strings(w, SMFIC_MAIL, (const char *const[]){path, "SIZE=100", NULL});
    return ask(w);
}

static const char *mail(struct wire *w, const char *path)
{
    return mail_as(w, path, NULL);
}

static const char *rcpt(struct wire *w, const char *path)
{
    wire_macros(w, SMFIC_RCPT, (const char *const[]){"i", "4TzYyK", NULL});
    wire_strings(w, SMFIC_RCPT, (const char *const[]){path, NULL});
    return ask(w);
}

/* A step that the filter may not want, and need not reply to; NULL, 0 for no data. */
static void step(struct wire *w, uint32_t no_step, uint32_t no_reply, char command, const void *data, size_t n)
{
    if (!wire_wants(w, no_step))
        return;
    wire_packet(w, command, data, n);
    if (wire_replies(w, no_reply))
        assert_string_equal(ask(w), "c");
}

static void header(struct wire *w, const char *name, const char *value)
{
    wire_header(w, name, value);
    if (wire_replies(w, SMFIP_NR_HDR))
        assert_string_equal(ask(w), "c");
}

/* The end of the header, which no MTA leaves out, and that of the message, with the last piece of its body. */
static const char *end_with(struct wire *w, const void *piece, size_t n)
{
    step(w, SMFIP_NOEOH, SMFIP_NR_EOH, SMFIC_EOH, NULL, 0);
    wire_packet(w, SMFIC_BODYEOB, piece, n);
    return ask(w);
}

static const char *end(struct wire *w)
{
    return end_with(w, NULL, 0);
}

static void assert_begins(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", text, with);
}

static void quit(struct wire *w)
{
    wire_packet(w, SMFIC_ABORT, NULL, 0);
    wire_packet(w, SMFIC_QUIT, NULL, 0);
    assert_int_equal(wire_flush(w), 0);
    wire_free(w);
}

/* One message that passes: somebody is at home. */
static void assert_serves(struct fixture *f)
{
    struct wire *w = greet(f, "198.51.100.7");

    assert_string_equal(mail(w, "<app@contoso.example>"), "c");
    assert_string_equal(rcpt(w, "<a@fabrikam.example>"), "c");
    wire_header(w, "From", "app@contoso.example");
    assert_string_equal(end(w), "c");
    quit(w);
}

/* ---- mail ---- */

static void a_connectors_mail_passes_message_after_message(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f, "");
    w = greet(f, "192.0.2.7");
    assert_int_equal(w->actions, SMFIF_ADDHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST);
    assert_non_null(strstr(w->lists[SMFIM_ENVFROM], "{auth_authen}"));
    assert_false(wire_wants(w, SMFIP_NOBODY));
    assert_false(wire_wants(w, SMFIP_NOHELO));
    for (int i = 0; i < 50; i++) {
        assert_string_equal(mail(w, i % 2 == 0 ? "<scan@contoso.example>" : "<>"), "c");
        assert_string_equal(rcpt(w, "<a@contoso.example>"), "c");
        assert_true(wire_wants(w, SMFIP_NODATA) && wire_replies(w, SMFIP_NR_DATA));
        wire_macros(w, SMFIC_DATA, (const char *const[]){"i", "4TzYyK", NULL});
        wire_packet(w, SMFIC_DATA, NULL, 0);
        assert_string_equal(ask(w), "c");
        wire_header(w, "Subject", "scan");
        wire_header(w, "From", "Scanner\n <scan@contoso.example>");
        assert_string_equal(end(w), "c");
        wire_packet(w, SMFIC_ABORT, NULL, 0);
    }
    quit(w);
    w = greet(f, "IPv6:2001:db8::7");
    assert_string_equal(mail(w, "<app@anything.example>"), "c");
    quit(w);
}

static void who_is_nobodys_is_accepted_at_mail(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f, "");
    w = greet(f, "203.0.113.7");
    assert_string_equal(mail(w, "<x@fabrikam.example>"), "a");
    assert_string_equal(mail(w, "<y@fabrikam.example>"), "a");
    quit(w);
    w = greet_from(f, SMFIA_UNKNOWN, NULL);
    assert_string_equal(mail(w, "<x@fabrikam.example>"), "a");
    quit(w);
    w = greet_from(f, SMFIA_UNIX, "/var/run/some.sock");
    assert_string_equal(mail(w, "<x@fabrikam.example>"), "a");
    quit(w);
}

static void refusals_come_with_their_own_words(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f, "replies = { connector-sender = \"550 5.7.60 100% no\"; };\n");
    w = greet(f, "192.0.2.7");
    assert_string_equal(mail(w, "<boss@fabrikam.example>"), "y 550 5.7.60 100%% no");
    assert_string_equal(mail(w, "<scan@contoso.example>"), "c");
    assert_string_equal(rcpt(w, "<a@contoso.example>"), "c");
    assert_begins(rcpt(w, "<b@fabrikam.example>"), "y 4"); /* internal or not? Without a directory nobody knows */
    assert_string_equal(rcpt(w, "<c@contoso.example>"), "c");
    wire_header(w, "From", "scan@contoso.example");
    assert_string_equal(end(w), "c");
    quit(w);
}

static void logins_are_deferred_while_there_is_no_directory(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f, "");
    w = greet(f, "192.0.2.7");
    assert_begins(mail_as(w, "<sean@contoso.example>", "sean@contoso.example"), "y 451 4.7.0 ");
    assert_begins(mail_as(w, "<sean@contoso.example>", "se?an"), "y 550 5.7.139 ");
    assert_string_equal(mail(w, "<scan@contoso.example>"), "c");
    quit(w);
}

static void mail_without_macros_is_deferred(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f, "");
    w = greet(f, "203.0.113.7");
    wire_strings(w, SMFIC_MAIL, (const char *const[]){"<x@fabrikam.example>", NULL});
    assert_begins(ask(w), "y 451 4.3.0 ");
    quit(w);
    wait_for_log(f, "milter_mail_macros");
}

static void no_from_hides_from_the_rules(void **state)
{
    static const struct {
        const char *fields[8]; /* name, value ... */
        const char *reply;
    } rows[] = {
        {{"From", "scan@contoso.example"}, "c"},
        {{"FROM", "\"boss@fabrikam.example\" <scan@contoso.example>"}, "c"},
        {{"From", "scan@contoso.example", "From", "boss@fabrikam.example"}, "y 550 5."},
        {{"From", "scan@contoso.example, boss@fabrikam.example"}, "y 550 5."},
        {{"From", "Team: scan@contoso.example, boss@fabrikam.example;"}, "y 550 5."},
        {{"From", "boss:;"}, "y 550 5.6.0 "},
        {{"From", ""}, "y 550 5.6.0 "},
        {{"From", "nobody"}, "y 550 5.6.0 "},
        {{"Subject", "x\nFrom: boss@fabrikam.example"}, "y 550 5.6.0 "},
        {{"From ", "boss@fabrikam.example"}, "y 550 5.7.60 "},
        {{"From", "scan@contoso.example\n"}, "y 550 5.6.0 "},
        {{"From", "\n scan\n @contoso.example"}, "c"},
        {{"From", "scan@contoso.example", "Sender", "boss@fabrikam.example"}, "y 550 5."},
        {{"From", "scan@contoso.example", "Resent-From", "boss@fabrikam.example"}, "y 550 5."},
    };
    struct fixture *f = *state;
    struct wire *w;

    start(f, "");
    w = greet(f, "192.0.2.7");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(mail(w, "<scan@contoso.example>"), "c");
        assert_string_equal(rcpt(w, "<a@contoso.example>"), "c");
        for (size_t k = 0; k + 1 < 8 && rows[i].fields[k] != NULL; k += 2)
            wire_header(w, rows[i].fields[k], rows[i].fields[k + 1]);
        assert_begins(end(w), rows[i].reply);
    }
    quit(w);
}

static void limits_count_messages_that_ended_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f,
          "limits = ( { name = \"few\"; per = \"connector\"; count = \"messages\"; rate = \"1/h\"; burst = 2; } );\n");
    w = greet(f, "198.51.100.7");
    for (int i = 0; i < 5; i++) { /* begun, never ended */
        assert_string_equal(mail(w, "<app@contoso.example>"), "c");
        assert_string_equal(rcpt(w, "<a@fabrikam.example>"), "c");
        wire_packet(w, SMFIC_ABORT, NULL, 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_string_equal(mail(w, "<app@contoso.example>"), "c");
        wire_macros(w, SMFIC_RCPT,
                    i == 0 ? (const char *const[]){"i", "4AAA", NULL} : (const char *const[]){"i", "4BBB", NULL});
        wire_strings(w, SMFIC_RCPT, (const char *const[]){"<a@fabrikam.example>", NULL});
        assert_string_equal(ask(w), "c");
        wire_header(w, "From", "app@contoso.example");
        assert_string_equal(end(w), "c");
    }
    assert_string_equal(mail(w, "<app@contoso.example>"), "c");
    assert_begins(rcpt(w, "<a@fabrikam.example>"), "y 45");
    quit(w);
}

static void a_limit_may_hold(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f, "limits = ( { name = \"few\"; per = \"connector\"; count = \"messages\"; rate = \"1/h\"; burst = 1;\n"
             "             then = \"hold\"; } );\n");
    w = greet(f, "198.51.100.7");
    for (int i = 0; i < 3; i++) {
        assert_string_equal(mail(w, "<app@contoso.example>"), "c");
        assert_string_equal(rcpt(w, "<a@fabrikam.example>"), "c");
        wire_header(w, "From", "app@contoso.example");
        wire_macros(w, SMFIC_BODYEOB, (const char *const[]){"i", i == 0 ? "4AAA" : i == 1 ? "4BBB" : "4CCC", NULL});
        if (i > 0) {
            assert_string_equal(end(w), "q postern: limit-hold few");
            assert_string_equal(ask(w), "c");
        } else
            assert_string_equal(end(w), "c");
    }
    quit(w);
}

/* ---- peers that are no MTA ---- */

static void send_raw(struct fixture *f, const void *bytes, size_t n)
{
    struct error e;
    struct wire *w = wire_open(f->path, &e);

    assert_non_null(w);
    (void)!send(w->fd, bytes, n, MSG_NOSIGNAL);
    wire_free(w);
}

static void whatever_a_peer_sends_the_others_are_served(void **state)
{
    static const struct slice rows[] = {
        SLICE(""),
        SLICE("GET / HTTP/1.0\r\n\r\n"),
        SLICE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        SLICE("\xff\xff\xff\xffO"),
        SLICE("\0\0\0\0O"),
        SLICE("\0\0\0\1O"),
        SLICE("\0\0\0\1Q"),
        SLICE("\0\0"),
        SLICE("\0\0\0\15O\0\0\0\6\0\0"),
        SLICE("\0\0\0\1A\0\0\0\1A\0\0\0\1E\0\0\0\1E\0\0\0\1N"),
        SLICE("\0\0\0\4M<>\0"),
        SLICE("\0\0\0\4R<>\0"),
        SLICE("\0\0\0\15O\0\0\0\1\0\0\0\0\0\0\0\0"),
        SLICE("\0\0\0\15O\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1T\0\0\0\1E"),
    };
    struct fixture *f = *state;

    start(f, "");
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            send_raw(f, rows[i].p, rows[i].n);
    assert_serves(f);
}

/*
 * libmilter gives each half packet a thread of its own until it is whole, and other sessions may have to wait for one
 * to come free: that is why only the MTA may connect. When the peers leave, all is well again.
 */
static void half_packets_do_no_lasting_harm(void **state)
{
    struct fixture *f = *state;
    struct wire *half[40];
    struct error e;

    start(f, "");
    for (size_t i = 0; i < 40; i++) {
        half[i] = wire_open(f->path, &e);
        assert_non_null(half[i]);
        assert_int_equal(send(half[i]->fd, "\0\0\0\15O\0\0", 7, MSG_NOSIGNAL), 7);
    }
    for (size_t i = 0; i < 40; i++)
        wire_free(half[i]);
    assert_serves(f);
}

/* ---- every way through the protocol ---- */

struct offer {
    uint32_t version, actions, steps;
};

/* What a message has, of what an MTA may leave out. */
enum part { PART_HELO = 1, PART_HEADER = 2, PART_BODY = 4, PART_LAST_PIECE = 8, PARTS_END = 16 };

static struct wire *greet_with(struct fixture *f, struct offer offer, unsigned parts)
{
    struct error e;
    struct wire *w = wire_open(f->path, &e);

    assert_non_null(w);
    assert_int_equal(wire_negotiate(w, offer.version, offer.actions, offer.steps, WAIT_MS), 0);
    wire_connect(w, "client.contoso.example", SMFIA_INET, 40000, "192.0.2.7");
    if (wire_replies(w, SMFIP_NR_CONN))
        assert_string_equal(ask(w), "c");
    if ((parts & PART_HELO) != 0)
        step(w, SMFIP_NOHELO, SMFIP_NR_HELO, SMFIC_HELO, "client", sizeof "client");
    return w;
}

static const char *deliver(struct wire *w, const char *from, unsigned parts)
{
    assert_string_equal(mail(w, "<scan@contoso.example>"), "c");
    assert_string_equal(rcpt(w, "<a@contoso.example>"), "c");
    step(w, SMFIP_NODATA, SMFIP_NR_DATA, SMFIC_DATA, NULL, 0);
    if ((parts & PART_HEADER) != 0) {
        header(w, "Subject", "scan");
        header(w, "From", from);
    }
    step(w, SMFIP_NOEOH, SMFIP_NR_EOH, SMFIC_EOH, NULL, 0);
    for (int i = 0; i < 2 && (parts & PART_BODY) != 0; i++)
        step(w, SMFIP_NOBODY, SMFIP_NR_BODY, SMFIC_BODY, "text\r\n", 6);
    wire_packet(w, SMFIC_BODYEOB, "end\r\n", (parts & PART_LAST_PIECE) != 0 ? 5 : 0);
    return ask(w);
}

/* Without a header the message gets the sender as its From. */
static void check_message(struct wire *w, unsigned parts)
{
    bool has_from = (parts & PART_HEADER) != 0;

    assert_string_equal(deliver(w, "scan@contoso.example", parts), has_from ? "c" : "h From");
    if (!has_from)
        assert_string_equal(ask(w), "c");
    if (has_from)
        assert_begins(deliver(w, "boss@fabrikam.example", parts), "y 550 5.7.60 ");
    wire_packet(w, SMFIC_ABORT, NULL, 0);
}

static void check_offer(struct fixture *f, struct offer offer)
{
    for (unsigned parts = 0; parts < PARTS_END; parts++) {
        struct wire *w = greet_with(f, offer, parts);

        for (int i = 0; i < 2; i++)
            check_message(w, parts);
        quit(w);
    }
}

static void check_every_offer(struct fixture *f)
{
    /* What Sendmail and Postfix offered over the years (mfapi.h; milter_protocol in postconf(5)), and nothing at all.
     */
    static const struct offer offers[] = {
        {2, SMFI_V2_ACTS, SMFI_V2_PROT},
        {2, SMFI_V2_ACTS, SMFI_V1_PROT},
        {2, 0, 0},
        {3, SMFI_V2_ACTS, 0x1ff},
        {4, SMFI_V2_ACTS, 0x3ff},
        {6, WIRE_ACTIONS, WIRE_STEPS},
        {6, 0xff, WIRE_STEPS},
        {6, WIRE_ACTIONS, 0},
        {6, 0, WIRE_STEPS},
        {7, WIRE_ACTIONS, WIRE_STEPS},
        {99, UINT32_MAX & ~0xf0000000u, WIRE_STEPS},
    };

    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++)
        check_offer(f, offers[i]);
    for (uint32_t missing = 1; missing < WIRE_STEPS; missing <<= 1) /* one of the abilities is missing */
        check_offer(f, (struct offer){6, WIRE_ACTIONS, WIRE_STEPS & ~missing});
}

static void every_message_is_answered_whatever_steps_an_mta_offers_and_takes(void **state)
{
    struct fixture *f = *state;

    start(f, "");
    check_every_offer(f);
}

static void so_it_is_where_bodies_are_looked_at(void **state)
{
    struct fixture *f = *state;

    start(f, "limits = ( { name = \"much\"; per = \"connector\"; count = \"bytes\"; rate = \"1000M/d\";\n"
             "             burst = \"1000M\"; } );\n");
    check_every_offer(f);
}

/* ---- signals ---- */

static void a_reload_takes_the_new_configuration_or_keeps_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    start(f, "");
    w = greet(f, "203.0.113.7");
    assert_string_equal(mail(w, "<x@fabrikam.example>"), "a");
    write_config(f, "unauthenticated = \"reject\";\n");
    assert_int_equal(kill(f->pid, SIGUSR1), 0);
    wait_for_log(f, "loaded");
    assert_begins(mail(w, "<x@fabrikam.example>"), "y 530 5.7.57 ");
    write_config(f, "nonsense = 1;\n");
    for (int i = 0; i < 20; i++)
        assert_int_equal(kill(f->pid, SIGUSR1), 0);
    wait_for_log(f, "reload refused");
    assert_begins(mail(w, "<x@fabrikam.example>"), "y 530 5.7.57 ");
    quit(w);
}

static void sighup_is_no_reason_to_stop(void **state)
{
    struct fixture *f = *state;

    start(f, "");
    assert_int_equal(kill(f->pid, SIGHUP), 0);
    wait_for_log(f, "SIGHUP ignored");
    assert_serves(f);
}

/* Whoever is served takes the program for started: from then on libmilter's own thread must get no signal. */
static void sighup_is_none_either_while_the_main_thread_is_late(void **state)
{
    struct fixture *f = *state;

    if (!CREATION_IS_OURS)
        skip();
    main_dawdles = true;
    start(f, "");
    main_dawdles = false;
    quit(greet(f, "198.51.100.7"));
    assert_int_equal(kill(f->pid, SIGHUP), 0);
    wait_for_log(f, "SIGHUP ignored");
    assert_serves(f);
}

static void sigterm_lets_open_transactions_finish(void **state)
{
    struct fixture *f = *state;
    struct wire *open_one, *other;
    const char *reply;

    start(f, "");
    open_one = greet(f, "198.51.100.7");
    other = greet(f, "198.51.100.8");
    assert_string_equal(mail(other, "<app@contoso.example>"), "c");
    wire_packet(other, SMFIC_ABORT, NULL, 0);
    assert_string_equal(mail(open_one, "<app@contoso.example>"), "c");
    assert_int_equal(kill(f->pid, SIGTERM), 0);
    /* Until the signal has arrived. */
    while (strcmp(reply = mail(other, "<app@contoso.example>"), "c") == 0) {
        wire_packet(other, SMFIC_ABORT, NULL, 0);
        pause_ms(5);
    }
    assert_begins(reply, "y 421 4.3.2 ");
    assert_string_equal(rcpt(open_one, "<a@fabrikam.example>"), "c");
    wire_header(open_one, "From", "app@contoso.example");
    assert_string_equal(end(open_one), "c");
    assert_int_equal(wait_for_end(f), 0);
    assert_int_equal(access(f->path, F_OK), -1);
    wire_free(open_one);
    wire_free(other);
}

static void after_kill_9_the_next_start_serves(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        start(f, "");
        assert_serves(f);
        assert_int_equal(kill(f->pid, SIGKILL), 0);
        assert_int_equal(wait_for_end(f), -1);
    }
    start(f, "");
    assert_serves(f);
}

static void a_second_instance_ends_with_a_clear_error(void **state)
{
    struct fixture *f = *state;
    struct fixture second;

    start(f, "");
    second = *f;
    second.pid = run_program(&second);
    assert_int_equal(wait_for_end(&second), 1);
    assert_true(logged(f, "another postern-milter"));
    assert_serves(f);
}

static void a_wrong_configuration_is_no_start(void **state)
{
    struct fixture *f = *state;

    write_config(f, "milter = 5;\n");
    f->pid = run_program(f);
    assert_int_equal(wait_for_end(f), 1);
    assert_true(logged(f, f->config));
}

/* ---- several listeners ---- */

static const char *app_sends(struct wire *w)
{
    assert_string_equal(mail(w, "<app@contoso.example>"), "c");
    assert_string_equal(rcpt(w, "<a@fabrikam.example>"), "c");
    wire_header(w, "From", "app@contoso.example");
    return end(w);
}

/* Is there somebody at the second socket? */
static struct wire *greet_second(struct fixture *f)
{
    wait_for_listener(f->second);
    return greet_at(f->second, SMFIA_INET, "198.51.100.7");
}

static pid_t first_child(pid_t parent)
{
    char path[64], text[64];
    struct buf b = BUF_OVER(path);
    ssize_t n;
    int fd;

    buf_addf(&b, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    assert_true(n > 0);
    text[n] = '\0';
    return (pid_t)strtol(text, NULL, 10);
}

static void each_listener_has_rules_of_its_own_and_all_share_the_counters(void **state)
{
    struct fixture *f = *state;
    struct wire *plain, *front;

    f->second_has = "tls = { required = true; }; front = { tls = \"1.2\"; };";
    start(f,
          "limits = ( { name = \"few\"; per = \"connector\"; count = \"messages\"; rate = \"1/h\"; burst = 2; } );\n");
    front = greet_second(f);
    plain = greet(f, "198.51.100.7");
    wire_macros(front, SMFIC_RCPT, (const char *const[]){"i", "4AAA", NULL});
    assert_string_equal(app_sends(front), "c");
    assert_string_equal(mail(plain, "<app@contoso.example>"), "c");
    wire_macros(plain, SMFIC_RCPT, (const char *const[]){"i", "4BBB", NULL});
    wire_strings(plain, SMFIC_RCPT, (const char *const[]){"<a@fabrikam.example>", NULL});
    assert_string_equal(ask(plain), "c");
    wire_header(plain, "From", "app@contoso.example");
    assert_string_equal(end(plain), "c");
    assert_string_equal(mail(front, "<app@contoso.example>"), "c");
    assert_begins(rcpt(front, "<a@fabrikam.example>"), "y 45");
    quit(plain);
    quit(front);
    assert_int_equal(kill(f->pid, SIGTERM), 0);
    assert_int_equal(wait_for_end(f), 0);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(f->second, F_OK), -1);
}

static bool second_has_new_words(struct fixture *f)
{
    struct wire *w = greet_at(f->second, SMFIA_INET, "203.0.113.7");
    bool new = strcmp(mail(w, "<x@fabrikam.example>"), "y 530 5.7.57 New") == 0;

    quit(w);
    return new;
}

static void a_reload_reaches_every_listener(void **state)
{
    struct fixture *f = *state;
    struct wire *w;

    f->second_has = "";
    start(f, "");
    w = greet_second(f);
    assert_string_equal(mail(w, "<app@contoso.example>"), "c");
    write_config(
        f, "unauthenticated = \"reject\"; mode = \"enforce\";\nreplies = { unauthenticated = \"530 5.7.57 New\"; };\n");
    assert_int_equal(kill(f->pid, SIGUSR1), 0);
    wait_for_log(f, "loaded");
    quit(w);
    wait_until(second_has_new_words(f));
}

static void when_one_listeners_process_dies_all_end_for_a_new_start(void **state)
{
    struct fixture *f = *state;

    f->second_has = "";
    start(f, "");
    quit(greet_second(f));
    assert_int_equal(kill(first_child(f->pid), SIGKILL), 0);
    assert_int_equal(wait_for_end(f), 1);
    assert_true(logged(f, "has ended"));
    start(f, "");
    quit(greet_second(f));
    assert_serves(f);
}

static void when_the_parent_is_killed_nobody_stays_behind(void **state)
{
    struct fixture *f = *state;

    f->second_has = "";
    for (int i = 0; i < 3; i++) {
        start(f, "");
        quit(greet_second(f));
        assert_int_equal(kill(f->pid, SIGKILL), 0);
        assert_int_equal(wait_for_end(f), -1);
        wait_until(access(f->second, F_OK) != 0); /* it went as at SIGTERM */
        wait_until(access(f->path, F_OK) != 0);
    }
    start(f, "");
    assert_serves(f);
}

static void a_listener_that_cannot_be_opened_is_no_start(void **state)
{
    struct fixture *f = *state;

    f->second_has = "group = \"no-such-group\";";
    write_config(f, "");
    f->pid = run_program(f);
    assert_int_equal(wait_for_end(f), 1);
    assert_true(logged(f, "no-such-group"));
    assert_int_equal(access(f->path, F_OK), -1);
    write_file(f->config, (const char *const[]){"milter = { listen = \"\"; };\n", NULL});
    f->pid = run_program(f);
    assert_int_equal(wait_for_end(f), 1);
    assert_true(logged(f, "switched off"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_connectors_mail_passes_message_after_message),
        T(who_is_nobodys_is_accepted_at_mail),
        T(refusals_come_with_their_own_words),
        T(logins_are_deferred_while_there_is_no_directory),
        T(mail_without_macros_is_deferred),
        T(no_from_hides_from_the_rules),
        T(limits_count_messages_that_ended_and_nothing_else),
        T(a_limit_may_hold),
        T(whatever_a_peer_sends_the_others_are_served),
        T(half_packets_do_no_lasting_harm),
        T(every_message_is_answered_whatever_steps_an_mta_offers_and_takes),
        T(so_it_is_where_bodies_are_looked_at),
        T(a_reload_takes_the_new_configuration_or_keeps_the_old_one),
        T(sighup_is_no_reason_to_stop),
        T(sighup_is_none_either_while_the_main_thread_is_late),
        T(sigterm_lets_open_transactions_finish),
        T(after_kill_9_the_next_start_serves),
        T(a_second_instance_ends_with_a_clear_error),
        T(a_wrong_configuration_is_no_start),
        T(each_listener_has_rules_of_its_own_and_all_share_the_counters),
        T(a_reload_reaches_every_listener),
        T(when_one_listeners_process_dies_all_end_for_a_new_start),
        T(when_the_parent_is_killed_nobody_stays_behind),
        T(a_listener_that_cannot_be_opened_is_no_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
