/*
 * Drives rows of (who sends what as whom) through the decision itself, through postern-policyd and through
 * postern-milter, and compares what each says with what the row says (tests/attacks/bypass.tsv).
 *
 *   bypass replies               prints a "replies" setting that makes each refusal end with its reason's name
 *   bypass run FOLDER ROWS       FOLDER/RULES has postern.conf, policyd.sock and milter.sock for each RULES of a row
 *
 * The policy protocol never shows a header: where the row refuses for its header, policyd lets pass.
 */
#include "bench/milter_wire.h"
#include "core/base/clock.h"
#include "core/decide/decide.h"
#include "core/state/state.h"
#include "tests/unit/auth_alike.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 20000
#define FIELD_MAX 16384 /* bytes of one column, unescaped */
#define RULES_MAX 8
#define RECIPIENTS_MAX 8

enum column {
    C_RULES,
    C_LOGIN,
    C_MECHANISM,
    C_CLIENT,
    C_TLS,
    C_PATH,     /* as the client writes it behind MAIL FROM:, and as a milter sees it */
    C_INTERNAL, /* as the policy protocol shows it; "=": the same without the angle brackets */
    C_RECIPIENTS,
    C_HEADER,
    C_ACTION,
    C_REASON,
    C_WHAT,
    COLUMNS
};

/* "-" stands for a value that is not there: p is NULL. */
struct row {
    unsigned line;
    struct slice column[COLUMNS];
    char room[COLUMNS][FIELD_MAX];
};

struct world {
    char name[32], folder[256];
    struct config *config;
    struct directory *directory;
    struct directory_view *view;
    struct state *state;
    int policyd;
};

struct outcome {
    enum action action;
    char reason[32];
};

static struct world worlds[RULES_MAX];
static size_t n_worlds;

static _Noreturn void die(const char *what, const char *detail)
{
    (void)fprintf(stderr, "bypass: %s: %s\n", what, detail);
    exit(2);
}

/* ---- rows ---- */

static unsigned hex(const char *p, size_t n)
{
    unsigned value = 0;

    for (size_t i = 0; i < n; i++) {
        if (hex_digit(p[i]) < 0)
            die("a row has a wrong escape (hexadecimal digits are expected)", p);
        value = value * 16 + (unsigned)hex_digit(p[i]);
    }
    return value;
}

static void add_utf8(struct buf *b, unsigned c)
{
    if (c < 0x80) {
        buf_add_char(b, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_add_char(b, (char)(0xc0 | c >> 6));
    } else {
        buf_add_char(b, (char)(0xe0 | c >> 12));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_add_char(b, (char)(0x80 | (c & 0x3f)));
}

/* \\ \n \r \t \xHH, \uHHHH as UTF-8, and \{N:text} for N times the text. */
static void unescape(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        const char *p = text.p + i;

        if (*p != '\\') {
            buf_add_char(out, *p);
        } else if (p[1] == 'x') {
            buf_add_char(out, (char)hex(p + 2, 2));
            i += 3;
        } else if (p[1] == 'u') {
            add_utf8(out, hex(p + 2, 4));
            i += 5;
        } else if (p[1] == '{') {
            struct slice times, repeated, rest = {p + 2, text.n - i - 2};
            unsigned long long n;

            if (!slice_cut(rest, '}', &rest, NULL) || !slice_cut(rest, ':', &times, &repeated) ||
                !slice_to_u64(times, FIELD_MAX, &n))
                die("a row has a wrong repetition", p);
            while (n-- > 0)
                unescape(repeated, out);
            i += rest.n + 2;
        } else {
            buf_add_char(out, p[1] == 'n' ? '\n' : p[1] == 'r' ? '\r' : p[1] == 't' ? '\t' : p[1]);
            i++;
        }
    }
}

static void read_row(struct slice line, struct row *row)
{
    for (int i = 0; i < COLUMNS; i++) {
        struct buf out = buf_over(row->room[i], sizeof row->room[i]);
        struct slice text;

        (void)slice_cut(line, '\t', &text, &line);
        unescape(text, &out);
        if (out.full || text.n == 0)
            die("a row has an empty or a very long column (use - for none)", row->room[C_RULES]);
        row->column[i] = slice_eq(text, SLICE("-")) ? (struct slice){NULL, 0} : buf_slice(&out);
    }
}

static bool is_header_reason(struct slice reason)
{
    return slice_eq(reason, SLICE("from-bad")) || slice_eq(reason, SLICE("from-not-own")) ||
           slice_eq(reason, SLICE("connector-from"));
}

/* "RCPT" is "path|internal", or both alike. */
static void recipient_forms(struct slice rcpt, struct slice *path, struct slice *internal)
{
    if (!slice_cut(rcpt, '|', path, internal))
        *internal = rcpt;
}

static struct slice internal_sender(const struct row *row)
{
    struct slice path = row->column[C_PATH];

    if (!slice_eq(row->column[C_INTERNAL], SLICE("=")))
        return row->column[C_INTERNAL];
    if (path.n < 2 || path.p[0] != '<' || path.p[path.n - 1] != '>')
        die("= needs angle brackets", row->room[C_PATH]);
    return (struct slice){path.p + 1, path.n - 2};
}

/* ---- the decision itself ---- */

static struct outcome outcome_of(const struct verdict *v)
{
    struct outcome o = {.action = v->action};

    (void)snprintf(o.reason, sizeof o.reason, "%s", reason_row(v->reason)->name);
    return o;
}

/* Takes the first of "name: value || name: value ..." off; false at the end. */
static bool next_field(struct slice *fields, struct slice *name, struct slice *value)
{
    struct slice field = *fields;
    const char *end;

    if (field.n == 0)
        return false;
    end = memmem(field.p, field.n, " || ", 4);
    if (end != NULL)
        field.n = (size_t)(end - field.p);
    *fields = end != NULL ? (struct slice){end + 4, fields->n - field.n - 4} : (struct slice){NULL, 0};
    (void)slice_cut(field, ':', name, value);
    if (value->n > 0 && value->p[0] == ' ')
        *value = (struct slice){value->p + 1, value->n - 1};
    return true;
}

static void read_headers(struct slice fields, struct headers *headers)
{
    struct slice name, value;

    headers->seen = true;
    while (next_field(&fields, &name, &value))
        headers_add(headers, name, value);
}

static bool refused(const struct verdict *v)
{
    return v->action == ACTION_DEFER || v->action == ACTION_REJECT;
}

static void begin_submission(const struct row *row, bool milter, struct submission *s)
{
    *s = (struct submission){.login_text = row->column[C_LOGIN],
                             .mechanism = row->column[C_MECHANISM],
                             .tls = tls_version_parse(row->column[C_TLS]),
                             .sender_text = milter ? row->column[C_PATH] : internal_sender(row),
                             .size = 1000,
                             .front_end = milter ? "milter" : "policyd"};
    login_parse(s->login_text, &s->login);
    s->has_client = ip_parse(row->column[C_CLIENT], &s->client);
    s->sender_result =
        milter ? address_parse_path(s->sender_text, &s->sender) : address_parse_envelope(s->sender_text, &s->sender);
}

/* Recipients one by one, then the end, as both front ends do; the first refusal counts. */
static void decide_stages(const struct decide_context *c, struct submission *s, struct slice rcpts, bool milter,
                          struct verdict *v)
{
    struct recipients r = {0};
    struct slice rcpt, path, internal;

    while (rcpts.n > 0) {
        (void)slice_cut(rcpts, ' ', &rcpt, &rcpts);
        recipient_forms(rcpt, &path, &internal);
        s->stage = STAGE_RCPT;
        s->has_recipient = true;
        s->recipient_text = milter ? path : internal;
        s->recipient_result =
            milter ? address_parse_path(path, &s->recipient) : address_parse_envelope(internal, &s->recipient);
        decide(c, s, &r, v, NULL);
        if (refused(v))
            goto out;
        recipients_note(&r, c, s, v);
    }
    s->stage = STAGE_END;
    s->has_recipient = false;
    s->recipient_count = r.asked;
    decide(c, s, &r, v, NULL);
out:
    recipients_clear(&r);
}

/* *auth: what is wrong with the verdict at AUTH beside that; NULL: nothing. */
static struct outcome by_decision(const struct world *w, const struct row *row, bool milter, const char **auth)
{
    struct decide_context c = {.config = w->config,
                               .view = w->view,
                               .counters = state_counters(w->state),
                               .blocks = state_blocks(w->state),
                               .secret = state_secret(w->state),
                               .now_ns = state_now(w->state, clock_boot_ns()),
                               .wall_s = clock_wall_s()};
    struct headers headers = {0};
    struct submission s;
    struct verdict v;

    begin_submission(row, milter, &s);
    if (milter) {
        read_headers(row->column[C_HEADER], &headers);
        s.headers = &headers;
    }
    decide_stages(&c, &s, row->column[C_RECIPIENTS], milter, &v);
    *auth = auth_unlike(&c, &s, &v);
    headers_clear(&headers);
    return outcome_of(&v);
}

/* ---- the running programs ---- */

/* "550 5.7.60 sender-not-own": the configured replies end with the reason. */
static struct outcome outcome_of_reply(struct slice reply)
{
    struct outcome o = {.action = ACTION_DEFER};
    const char *last;

    /* One line of printable ASCII with both codes, whatever the submission held. */
    if (reply_check(reply, NULL) != 0)
        die("a program", "answers what may not be sent");
    if (reply.p[0] == '5')
        o.action = ACTION_REJECT;
    last = (const char *)memrchr(reply.p, ' ', reply.n) + 1;
    (void)snprintf(o.reason, sizeof o.reason, "%.*s", (int)(reply.p + reply.n - last), last);
    return o;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        die("cannot connect", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die(path, strerror(errno));
    return fd;
}

static void add_attribute(struct buf *b, const char *name, struct slice value)
{
    buf_add(b, slice_of(name));
    buf_add_char(b, '=');
    buf_add(b, value);
    buf_add_char(b, '\n');
}

/* The answer to one request, without "action=". */
static struct slice ask_policyd(int fd, const struct buf *request, char *room, size_t cap)
{
    size_t n = 0;

    if (request->full || send(fd, request->p, request->n, MSG_NOSIGNAL) != (ssize_t)request->n)
        die("policyd", "does not take the request");
    while (n < 2 || memcmp(room + n - 2, "\n\n", 2) != 0) {
        ssize_t got = n < cap ? recv(fd, room + n, cap - n, 0) : 0;

        if (got <= 0)
            die("policyd", "closed instead of answering");
        n += (size_t)got;
    }
    return (struct slice){room + strlen("action="), n - strlen("action=") - 2};
}

static void policy_request(const struct row *row, const char *stage, struct slice recipient, unsigned count,
                           struct buf *b)
{
    b->n = 0;
    buf_addf(b, "request=smtpd_access_policy\nprotocol_state=%s\nprotocol_name=ESMTP\ninstance=%x.%u\nsize=1000\n",
             stage, (unsigned)getpid(), row->line);
    add_attribute(b, "client_address", row->column[C_CLIENT]);
    add_attribute(b, "sender", internal_sender(row));
    add_attribute(b, "recipient", recipient);
    add_attribute(b, "sasl_username", row->column[C_LOGIN]);
    add_attribute(b, "sasl_method", row->column[C_MECHANISM]);
    add_attribute(b, "encryption_protocol", row->column[C_TLS]);
    buf_addf(b, "recipient_count=%u\nsasl_sender=boss@contoso.example\n\n", count);
}

static struct outcome by_policyd(const struct world *w, const struct row *row)
{
    char mem[2 * FIELD_MAX], answer[1024];
    struct buf b = BUF_OVER(mem);
    struct slice rcpts = row->column[C_RECIPIENTS], rcpt, path, internal, said;
    unsigned count = 0;

    while (rcpts.n > 0) {
        (void)slice_cut(rcpts, ' ', &rcpt, &rcpts);
        recipient_forms(rcpt, &path, &internal);
        policy_request(row, "RCPT", internal, 0, &b);
        said = ask_policyd(w->policyd, &b, answer, sizeof answer);
        if (!slice_eq(said, SLICE("DUNNO")))
            return outcome_of_reply(said);
        count++;
    }
    policy_request(row, "END-OF-MESSAGE", (struct slice){NULL, 0}, count, &b);
    said = ask_policyd(w->policyd, &b, answer, sizeof answer);
    return slice_eq(said, SLICE("DUNNO")) ? (struct outcome){ACTION_PASS, "passes"} : outcome_of_reply(said);
}

/* True when the milter refused, with *o; also when it accepted for good. */
static bool milter_is_done(struct wire *w, struct outcome *o)
{
    struct wire_reply reply = wire_read(w, WAIT_MS);

    while (wire_is_change(reply.command)) /* a From that is added */
        reply = wire_read(w, WAIT_MS);
    *o = (struct outcome){ACTION_PASS, "passes"};
    if (reply.command == SMFIR_CONTINUE)
        return false;
    if (reply.command == SMFIR_REPLYCODE)
        *o = outcome_of_reply((struct slice){reply.data.p, strnlen(reply.data.p, reply.data.n)});
    else if (reply.command != SMFIR_ACCEPT)
        die("milter", "says something unexpected");
    return true;
}

/* Terminated, for the wire: no column that the milter sees holds a NUL. */
static const char *terminated(struct slice s, char *room, size_t cap)
{
    if (s.n >= cap || (s.n > 0 && memchr(s.p, '\0', s.n) != NULL))
        die("a row cannot be shown to a milter", "NUL, or too long");
    if (s.n > 0)
        memcpy(room, s.p, s.n);
    room[s.n] = '\0';
    return room;
}

static bool milter_envelope(struct wire *w, const struct row *row, struct outcome *o)
{
    static char login[FIELD_MAX], method[FIELD_MAX], tls[FIELD_MAX], text[FIELD_MAX + 2];
    struct slice rcpts = row->column[C_RECIPIENTS], rcpt, path, internal;
    const char *pairs[16] = {"{mail_addr}", "x"};
    unsigned n = 2;

    if (row->column[C_LOGIN].p != NULL) {
        pairs[n++] = "{auth_authen}";
        pairs[n++] = terminated(row->column[C_LOGIN], login, sizeof login);
        pairs[n++] = "{auth_type}";
        pairs[n++] = terminated(row->column[C_MECHANISM], method, sizeof method);
        pairs[n++] = "{auth_author}";
        pairs[n++] = "boss@contoso.example"; /* MAIL ... AUTH=: never an identity */
    }
    if (row->column[C_TLS].p != NULL) {
        pairs[n++] = "{tls_version}";
        pairs[n++] = terminated(row->column[C_TLS], tls, sizeof tls);
    }
    wire_macros(w, SMFIC_MAIL, pairs);
    wire_strings(w, SMFIC_MAIL, (const char *const[]){terminated(row->column[C_PATH], text, sizeof text), NULL});
    if (milter_is_done(w, o))
        return true;
    while (rcpts.n > 0) {
        (void)slice_cut(rcpts, ' ', &rcpt, &rcpts);
        recipient_forms(rcpt, &path, &internal);
        wire_macros(w, SMFIC_RCPT, (const char *const[]){"i", "4BYPASS", NULL});
        wire_strings(w, SMFIC_RCPT, (const char *const[]){terminated(path, text, sizeof text), NULL});
        if (milter_is_done(w, o))
            return true;
    }
    return false;
}

static void milter_header(struct wire *w, struct slice fields)
{
    static char name_room[FIELD_MAX], value_room[FIELD_MAX];
    struct slice name, value;

    while (next_field(&fields, &name, &value))
        wire_header(w, terminated(name, name_room, sizeof name_room), terminated(value, value_room, sizeof value_room));
}

static struct outcome by_milter(const struct world *w, const struct row *row)
{
    char path[320], client[64];
    struct outcome o;
    struct error e;
    struct wire *wire;

    (void)snprintf(path, sizeof path, "%s/milter.sock", w->folder);
    wire = wire_open(path, &e);
    if (wire == NULL || wire_negotiate(wire, WIRE_VERSION, WIRE_ACTIONS, WIRE_STEPS, WAIT_MS) != 0)
        die("milter", e.text);
    (void)snprintf(client, sizeof client, "%s%.*s",
                   memchr(row->column[C_CLIENT].p, ':', row->column[C_CLIENT].n) ? "IPv6:" : "",
                   SLICE_ARG(row->column[C_CLIENT]));
    wire_connect(wire, "client.example", strchr(client, ':') != NULL ? SMFIA_INET6 : SMFIA_INET, 40000, client);
    if (wire_replies(wire, SMFIP_NR_CONN) && milter_is_done(wire, &o))
        die("milter", "ends the conversation at its beginning");
    if (!milter_envelope(wire, row, &o)) {
        milter_header(wire, row->column[C_HEADER]);
        wire_packet(wire, SMFIC_EOH, NULL, 0);
        wire_packet(wire, SMFIC_BODYEOB, NULL, 0);
        (void)milter_is_done(wire, &o);
    }
    wire_packet(wire, SMFIC_QUIT, NULL, 0);
    (void)wire_flush(wire);
    wire_free(wire);
    return o;
}

/* ---- comparing ---- */

static struct world *world_of(struct slice name, const char *folder)
{
    struct world *w = &worlds[n_worlds];
    struct state_options options = {
        .entries = 1024, .blocks = 16, .boot_ns = clock_boot_ns(), .wall_ns = NS_PER_S, .boot_id = 1};
    char path[320];
    struct error e;

    for (size_t i = 0; i < n_worlds; i++)
        if (slice_eq(slice_of(worlds[i].name), name))
            return &worlds[i];
    if (n_worlds++ == RULES_MAX)
        die("too many different rules", folder);
    (void)snprintf(w->name, sizeof w->name, "%.*s", SLICE_ARG(name));
    (void)snprintf(w->folder, sizeof w->folder, "%s/%.*s", folder, SLICE_ARG(name));
    (void)snprintf(path, sizeof path, "%s/postern.conf", w->folder);
    if (config_load(path, &w->config, &e) != 0 || directory_open(w->config->directory, &w->directory, &e) != 0 ||
        directory_refresh(w->directory, &e) < 0)
        die("the rules cannot be used", e.text);
    w->view = directory_view_get(w->directory);
    (void)snprintf(path, sizeof path, "%s/state-of-test", w->folder);
    options.path = path;
    if (w->view == NULL || state_open(&options, &w->state, &e) != 0)
        die("no directory or no state", w->folder);
    (void)snprintf(path, sizeof path, "%s/policyd.sock", w->folder);
    w->policyd = connect_to(path);
    return w;
}

static void close_worlds(void)
{
    for (size_t i = 0; i < n_worlds; i++) {
        config_free(worlds[i].config);
        directory_view_put(worlds[i].directory, worlds[i].view);
        directory_close(worlds[i].directory);
        state_close(worlds[i].state);
        (void)close(worlds[i].policyd);
    }
}

/* The programs don't say why they let pass. */
static bool agrees(const struct outcome *o, const struct outcome *wanted, const char *who)
{
    bool ok =
        o->action == wanted->action && (strcmp(o->reason, wanted->reason) == 0 || strcmp(o->reason, "passes") == 0);

    if (!ok)
        printf("#   %s: %s (%s), expected %s (%s)\n", who, action_name(o->action), o->reason,
               action_name(wanted->action), wanted->reason);
    return ok;
}

static bool row_is_kept(const struct row *row, const char *folder)
{
    const struct world *w = world_of(row->column[C_RULES], folder);
    struct slice action = row->column[C_ACTION], reason = row->column[C_REASON];
    struct outcome wanted = {.action = slice_eq(action, SLICE("pass"))     ? ACTION_PASS
                                       : slice_eq(action, SLICE("reject")) ? ACTION_REJECT
                                                                           : ACTION_DEFER};
    struct outcome decided, shown, policy_wanted;
    bool ok, by_header = is_header_reason(reason);
    const char *auth;

    (void)snprintf(wanted.reason, sizeof wanted.reason, "%.*s", SLICE_ARG(reason));
    policy_wanted = by_header ? (struct outcome){.action = ACTION_PASS} : wanted;
    if (by_header)
        (void)snprintf(policy_wanted.reason, sizeof policy_wanted.reason, "%s",
                       row->column[C_LOGIN].p != NULL ? "allowed" : "connector");
    decided = by_decision(w, row, true, &auth);
    ok = agrees(&decided, &wanted, "decision on what a milter sees");
    if (auth != NULL) {
        printf("# at AUTH: %s\n", auth);
        ok = false;
    }
    shown = by_milter(w, row);
    ok &= agrees(&shown, &wanted, "postern-milter");
    if (slice_eq(row->column[C_INTERNAL], SLICE("!")))
        return ok;
    decided = by_decision(w, row, false, &auth);
    ok &= agrees(&decided, &policy_wanted, "decision on what policyd sees");
    shown = by_policyd(w, row);
    return agrees(&shown, &policy_wanted, "postern-policyd") && ok;
}

static int run(const char *folder, const char *file)
{
    FILE *f = fopen(file, "r");
    static struct row row;
    unsigned rows = 0, failed = 0;
    size_t cap = 0;
    char *line = NULL;
    ssize_t n;

    if (f == NULL)
        die(file, strerror(errno));
    while ((n = getline(&line, &cap, f)) > 0) {
        bool ok;

        row.line++;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        read_row((struct slice){line, (size_t)n - 1}, &row);
        ok = row_is_kept(&row, folder);
        printf("%sok row %u: %.*s\n", ok ? "" : "not ", row.line, SLICE_ARG(row.column[C_WHAT]));
        rows++;
        failed += !ok;
    }
    free(line);
    (void)fclose(f);
    close_worlds();
    printf("# %u rows, %u of them not kept\n", rows, failed);
    return failed > 0 || rows == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int print_replies(void)
{
    const char *comma = "";

    printf("replies = {");
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason_row *row = reason_row((enum reason)i);
        struct slice code, enhanced, rest;

        if (row->reply == NULL)
            continue;
        (void)slice_cut(slice_of(row->reply), ' ', &code, &rest);
        (void)slice_cut(rest, ' ', &enhanced, NULL);
        printf("%s\n  %s = \"%.*s %.*s %s\"", comma, row->name, SLICE_ARG(code), SLICE_ARG(enhanced), row->name);
        comma = ";";
    }
    printf(";\n};\n");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "replies") == 0)
        return print_replies();
    if (argc == 4 && strcmp(argv[1], "run") == 0)
        return run(argv[2], argv[3]);
    (void)fprintf(stderr, "usage: bypass replies | bypass run FOLDER ROWS\n");
    return EXIT_FAILURE;
}
