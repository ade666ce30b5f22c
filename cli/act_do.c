#include "cli/act_do.h"

#include "cli/act_disable.h"
#include "cli/cluster_request.h"
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/decide/block_keys.h"
#include "core/decide/blocked.h"
#include "core/decide/keys.h"
#include "core/report/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 16

/* ---- a process of its own ---- */

/* What was printed: the end of it, whatever its length. */
struct tail {
    size_t n;
    char text[sizeof((struct act_outcome *)0)->said];
};

static void tail_add(struct tail *t, const char *more, size_t n)
{
    size_t room = sizeof t->text - 1;

    if (n >= room) {
        memcpy(t->text, more + n - room, room);
        t->n = room;
        return;
    }
    if (t->n + n > room) {
        size_t drop = t->n + n - room;

        memmove(t->text, t->text + drop, t->n - drop);
        t->n -= drop;
    }
    memcpy(t->text + t->n, more, n);
    t->n += n;
}

/*
 * It ends with us, unless it has taken another user's rights meanwhile, by which this is forgotten (prctl(2)). It
 * shares the lock of the log in any case, so that the next run waits for it.
 */
static void begin_child(pid_t parent, const char *who, int out, bool errors)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    char name[ACT_NAME_MAX + 8];

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || nothing < 0 ||
        dup2(nothing, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(errors ? out : nothing, STDERR_FILENO) < 0)
        _exit(CLI_FAILED);
    /* As whom the commands log it (core/base/caller.h). */
    (void)snprintf(name, sizeof name, "web:%s", who);
    (void)setenv("SUDO_USER", name, 1);
}

static int end_of(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return CLI_FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs it there. The exit status; what it printed is in *tail. */
static int run_apart(const struct cli *cli, const struct act *act, bool errors,
                     int (*run)(struct cli *own, const struct act *act), struct tail *tail)
{
    struct cli own = {.files = {.config_path = cli->files.config_path}};
    pid_t parent = getpid(), child;
    char more[1024];
    int ends[2];
    ssize_t n;

    tail->n = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return CLI_FAILED;
    (void)fflush(NULL);
    if ((child = fork()) == 0) {
        int status;

        begin_child(parent, act->who, ends[1], errors);
        status = run(&own, act);
        _exit(fflush(NULL) == 0 ? status : CLI_FAILED);
    }
    (void)close(ends[1]);
    while (child > 0 && ((n = read(ends[0], more, sizeof more)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            tail_add(tail, more, (size_t)n);
    (void)close(ends[0]);
    return child > 0 ? end_of(child) : CLI_FAILED;
}

/* ---- how it stands ---- */

static bool is_block_of(const struct decide_context *c, const struct subject *x, const struct block *block)
{
    return block->key == x->block.key ||
           (block->prefix == 0 && key_blocks(c, &x->submission, &x->verdict.identity, block));
}

static void print_blocks(const struct decide_context *c, const struct subject *x)
{
    struct block block, first = {.key = 0};
    unsigned n = 0;

    for (uint32_t at = 0; blocks_next(c->blocks, &at, c->now_ns, &block);)
        if (is_block_of(c, x, &block) && n++ == 0)
            first = block;
    if (n == 0)
        printf("not blocked");
    else if (first.until_ns == BLOCK_FOREVER)
        printf("blocked by %s until it is lifted", first.limit);
    else {
        char until[64];
        struct buf b = BUF_OVER(until);

        text_add_utc_time(&b, c->wall_s + (int64_t)((first.until_ns - c->now_ns) / NS_PER_S));
        printf("blocked by %s until %s", first.limit, until);
    }
    if (n > 1)
        printf(", and by %u more", n - 1);
}

static bool is_listed(const struct config *config, const struct act *act, const struct list *own, enum list_state state,
                      struct slice entry)
{
    return act->cluster ? list_is_shared(config, state, entry) : list_has(own, entry, NULL);
}

static void print_lists(const struct config *config, const struct act *act, const struct subject *x)
{
    struct slice entry = address_slice(&x->verdict.identity.address);

    if (entry.n > 0)
        printf("%s", is_listed(config, act, config->smtp_auth.deny, LIST_DENIED, entry)     ? "denied"
                     : is_listed(config, act, config->smtp_auth.allow, LIST_ALLOWED, entry) ? "allowed"
                                                                                            : "in neither list");
}

/* As the directory has it. */
static void print_setting(const struct subject *x)
{
    static const char *const words[] = {
        [SMTP_AUTH_ENABLED] = "enabled", [SMTP_AUTH_DISABLED] = "disabled", [SMTP_AUTH_INHERIT] = "inherit"};
    const struct identity *id = &x->verdict.identity;

    if (id->n_claims == 1 && id->claims[0].smtp_auth != SMTP_AUTH_UNKNOWN)
        printf("SMTP AUTH %s", words[id->claims[0].smtp_auth]);
}

/* The tenant whose mailboxes alone have the name; NULL: there is none. */
static const char *tenant_of(const struct decide_context *c, const struct subject *x)
{
    bool is_login = x->part == PER_USER || x->part == PER_LOGIN;

    return is_login && x->verdict.identity.n_claims > 0 ? subject_tenant(c, x) : NULL;
}

static int print_subject(struct cli *own, const struct act *act, struct subject *x)
{
    char kind[sizeof act->kind], name[sizeof act->subject];
    char *words[2] = {kind, name};
    bool typed = act->kind[0] != '\0';
    const char *tenant;
    struct decide_context c;
    struct error e;

    memcpy(kind, act->kind, sizeof kind);
    memcpy(name, act->subject, sizeof name);
    own->files.leave_root = true;
    if (cli_open_context(own, &c) != 0 || subject_parse(&c, typed ? 2 : 1, typed ? words : words + 1, x, &e) != 0)
        return CLI_FAILED;
    tenant = tenant_of(&c, x);
    printf("%s\n", tenant != NULL ? tenant : "");
    if (act->verb == ACT_BLOCK || act->verb == ACT_UNBLOCK)
        print_blocks(&c, x);
    else if (act->verb == ACT_ALLOW || act->verb == ACT_DENY || act->verb == ACT_FORGET)
        print_lists(own->files.config, act, x);
    else if (act->verb == ACT_DISABLE)
        print_setting(x);
    printf("\n");
    return CLI_OK;
}

/* Two lines: the tenant's name, and how it stands. */
static int print_look(struct cli *own, const struct act *act)
{
    struct subject *x = malloc(sizeof *x);
    int status = x != NULL ? print_subject(own, act, x) : CLI_FAILED;

    free(x);
    return status;
}

static void keep(char *out, size_t cap, struct slice text)
{
    struct buf b = buf_over(out, cap);

    buf_add_printable(&b, text);
}

void act_look(const struct cli *cli, const struct act *act, char *tenant, size_t tenant_cap, char *text,
              size_t text_cap)
{
    struct slice first, second;
    struct tail tail;

    tenant[0] = text[0] = '\0';
    if (!act_rows[act->verb].has_subject || run_apart(cli, act, false, print_look, &tail) != CLI_OK)
        return;
    (void)slice_cut((struct slice){tail.text, tail.n}, '\n', &first, &second);
    keep(tenant, tenant_cap, first);
    keep(text, text_cap, slice_trim(second));
}

/* ---- doing ---- */

static int run_command(struct cli *own, const struct act *act)
{
    const struct act_row *row = &act_rows[act->verb];
    const char *words[WORDS_MAX] = {row->word};
    char *argv[WORDS_MAX];
    int n = 1;

    if (act->duration[0] != '\0') {
        words[n++] = "--for";
        words[n++] = act->duration;
    }
    if (row->takes_reason) {
        words[n++] = "--reason";
        words[n++] = act->reason;
    }
    if (act->accept)
        words[n++] = "--accept";
    if (act->cluster)
        words[n++] = "--cluster";
    if (act->verb == ACT_UNBLOCK && !act->confirmed) {
        words[n++] = "--at-most";
        words[n++] = ACT_LIFTED_MAX;
    }
    if (act->verb == ACT_DISCARD)
        words[n++] = "--yes";
    words[n++] = "--";
    if (act->kind[0] != '\0')
        words[n++] = act->kind;
    if (row->has_subject)
        words[n++] = act->subject;
    /* getopt changes their order, so they can't be constant. */
    for (int i = 0; i < n; i++)
        if ((argv[i] = strdup(words[i])) == NULL)
            return cli_fail(own, "out of memory");
    argv[n] = NULL;
    own->command = cli_command_named(row->word);
    optind = 0;
    return own->command->run(own, n, argv);
}

/* The last lines that are there in full, on one line. */
static void keep_said(char *out, size_t cap, const struct tail *tail)
{
    struct slice rest = {tail->text, tail->n}, line;
    struct buf b = buf_over(out, cap);

    if (tail->n == sizeof tail->text - 1)
        (void)slice_cut(rest, '\n', &line, &rest);
    while (rest.n > 0) {
        (void)slice_cut(rest, '\n', &line, &rest);
        line = slice_trim(line);
        if (line.n > 0 && b.n > 0)
            buf_add(&b, SLICE("; "));
        buf_add_printable(&b, line);
    }
}

void act_do(const struct cli *cli, const struct act *act, struct act_outcome *out)
{
    struct tail tail;
    int status = run_apart(cli, act, true, act->verb == ACT_DISABLE ? act_disable_ask : run_command, &tail);

    out->state = status == CLI_OK ? ACT_DONE : ACT_FAILED;
    keep_said(out->said, sizeof out->said, &tail);
    if (status > 128 && out->said[0] == '\0')
        (void)snprintf(out->said, sizeof out->said, "signal %d ended it", status - 128);
}
