/* postern block, postern unblock. */
#include "cli/commands.h"
#include "cli/known.h"
#include "core/base/caller.h"
#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/decide/block_keys.h"
#include "core/decide/blocked.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/decide/limits.h"
#include "core/journal/block_history.h"
#include "core/report/subject.h"

#include <stdlib.h>

static void print_until(uint64_t until_ns, const struct decide_context *c)
{
    char text[64];
    struct buf b = BUF_OVER(text);

    if (until_ns == BLOCK_FOREVER) {
        puts("until it is unblocked");
        return;
    }
    text_add_local_time(&b, c->wall_s + (int64_t)((until_ns - c->now_ns) / NS_PER_S));
    printf("until %s\n", text);
}

/* ---- whom ---- */

/* Is it a user whom the services don't know by that name? "login NAME" is never anything but the login. */
static bool is_strange(int n, char **words, int parsed, const struct subject *x)
{
    return x->part == PER_USER && (n == 1 || strcmp(words[0], "user") == 0) &&
           (parsed != 0 || x->verdict.identity.n_claims == 0);
}

/*
 * The subject again, if its name is a mailbox's Guid or display name. 0 with the subject; 1: it is neither, and x and e
 * are as they were; -1 after an error was printed.
 */
static int find_displayed(const struct cli *cli, const struct decide_context *c, int n, char **words, struct subject *x,
                          struct known *known, struct error *e)
{
    char *named[2] = {words[0], words[n - 1]};

    known_user(cli, slice_of(words[n - 1]), known);
    if (known_login(cli, words[n - 1], known) == NULL)
        return -1;
    if (known->named == MAILBOX_NAME_NONE)
        return 1;
    named[n - 1] = known->mailbox;
    return subject_parse(c, n, named, x, e) == 0 ? 0 : (cli_fail(cli, "%s", e->text), -1);
}

/* An unknown login is mostly a typing error, and then the thief would go on. */
static int check_name(const struct cli *cli, const struct subject *x, struct known *known)
{
    char shown[4 * TEXT_SHOWN_MAX + 8], hint[4 * ADDRESS_MAX + 40];

    if ((x->part != PER_USER && x->part != PER_LOGIN) || x->verdict.identity.n_claims > 0)
        return CLI_OK;
    if (!known->checked)
        known_user(cli, x->submission.login_text, known);
    if (!known->checked || known->exists)
        return CLI_OK;
    return cli_fail(cli, "no mailbox has the name \"%s\", and no such login was seen%s; --force blocks it all the same",
                    text_plain(shown, sizeof shown, x->submission.login_text), known_hint(known, hint, sizeof hint));
}

/* ---- block ---- */

struct block_options {
    const char *seconds, *reason;
    bool force;
};

/* False when not all of it has room there. */
static bool say_reason(struct block *block, const struct block_options *o)
{
    char caller[CALLER_NAME_MAX];
    struct buf reason = BUF_OVER(block->reason), name = BUF_OVER(block->limit);
    char plain[4 * TEXT_SHOWN_MAX + 8];

    (void)caller_name(caller);
    buf_add(&name, SLICE("operator"));
    buf_addf(&reason, "%s: ", caller);
    buf_add(&reason, slice_of(o->reason != NULL ? text_plain(plain, sizeof plain, slice_of(o->reason)) : "no reason"));
    return !reason.full;
}

static int add_block(struct cli *cli, const struct decide_context *c, struct subject *x, struct known *known,
                     const struct block_options *o)
{
    struct block *b = &x->block;
    uint64_t seconds = 0, until_ns;
    bool whole_reason;
    struct error e;

    if (o->seconds != NULL && duration_parse(slice_of(o->seconds), &seconds, &e) != 0)
        return cli_usage(cli, "--for: %s", e.text);
    if (o->seconds != NULL && seconds == 0)
        return cli_usage(cli, "--for 0s would be no block");
    if (!o->force && never_blocked(c, &x->submission, &x->verdict.identity, x->part))
        return cli_fail(cli, "never_block in %s protects %s; take it out there, or give --force",
                        cli->files.config->file, b->subject);
    if (!o->force && check_name(cli, x, known) != CLI_OK)
        return CLI_FAILED;
    b->from_ns = c->now_ns;
    b->from_wall_s = c->wall_s;
    b->until_ns = o->seconds != NULL ? c->now_ns + seconds * NS_PER_S : BLOCK_FOREVER;
    whole_reason = say_reason(b, o);
    if (blocks_add(state_blocks(cli->files.state), b, c->now_ns, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    if (!blocks_find(c->blocks, b->key, c->now_ns, &until_ns))
        return cli_fail(cli, "the block was lifted at the same time by somebody else");
    cli_log(cli, "block", (const struct cli_field[]){{"subject", b->subject}, {"why", b->reason}}, 2);
    printf("blocked: %s, ", b->subject);
    print_until(until_ns, c);
    if (!whole_reason)
        (void)cli_fail(cli, "the reason was cut, since it is too long for a block: \"%s\"", b->reason);
    return cli_make_durable(cli);
}

/* With --force a name that can be a login is one, whoever has it. */
static int block_subject(struct cli *cli, const struct decide_context *c, int n, char **words, struct subject *x,
                         const struct block_options *o)
{
    struct known known = {.checked = false};
    struct error e;
    int parsed = subject_parse(c, n, words, x, &e);

    if (is_strange(n, words, parsed, x) && (parsed != 0 || !o->force)) {
        int found = find_displayed(cli, c, n, words, x, &known, &e);

        if (found < 0)
            return CLI_FAILED;
        parsed = found == 0 ? 0 : parsed;
    }
    return parsed == 0 ? add_block(cli, c, x, &known, o) : cli_fail(cli, "%s", e.text);
}

int cmd_block(struct cli *cli, int argc, char **argv)
{
    enum { FOR = 256, REASON, FORCE };
    static const struct option options[] = {{"for", required_argument, NULL, FOR},
                                            {"reason", required_argument, NULL, REASON},
                                            {"force", no_argument, NULL, FORCE},
                                            CLI_LAST_OPTIONS};
    struct block_options o = {0};
    struct decide_context c;
    struct subject *x;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        o.seconds = option == FOR ? optarg : o.seconds;
        o.reason = option == REASON ? optarg : o.reason;
        o.force |= option == FORCE;
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 1, 2)) != CLI_OK)
        return status;
    if (cli_open_context_to_change(cli, &c) != 0)
        return CLI_FAILED;
    if ((x = malloc(sizeof *x)) == NULL)
        return cli_fail(cli, "out of memory");
    status = block_subject(cli, &c, argc - optind, argv + optind, x, &o);
    free(x);
    return status;
}

/* ---- unblock ---- */

struct unblock_options {
    bool accept;
    unsigned most; /* blocks that are lifted; 0: any number */
    const char *reason;
};

/* Who lifted it, and why, for "postern blocks --ended". It is lifted, whether or not that can be written down. */
static void note_lifted(const struct cli *cli, const struct decide_context *c, const struct block *block,
                        const char *reason)
{
    const char *folder = cli->files.config->journal;
    char caller[CALLER_NAME_MAX], plain[4 * TEXT_SHOWN_MAX + 8];
    struct block_row row;
    struct error e;
    struct buf b;

    if (folder == NULL || folder[0] == '\0')
        return;
    block_row_of(block, c->now_ns, c->wall_s, &row);
    row.ended_s = c->wall_s;
    b = BUF_OVER(row.by);
    buf_add(&b, caller_name(caller));
    b = BUF_OVER(row.why);
    if (reason != NULL)
        buf_add(&b, slice_of(text_plain(plain, sizeof plain, slice_of(reason))));
    if (block_lifted_note(folder, &row, &e) != 0)
        (void)cli_fail(cli, "who lifted it could not be written down: %s", e.text);
}

/* One block; true when it was live. */
static bool lift(struct cli *cli, const struct decide_context *c, const struct subject *x, struct block *block,
                 const struct unblock_options *o)
{
    if (!blocks_lift(state_blocks(cli->files.state), block->key, c->now_ns))
        return false;
    subject_forgive(state_counters(cli->files.state), state_habits(cli->files.state), c, x, block);
    printf("unblocked: %s (was blocked by %s)\n", block->subject, block->limit);
    cli_log(cli, "unblock", (const struct cli_field[]){{"subject", block->subject}, {"limit", block->limit}}, 2);
    note_lifted(cli, c, block, o->reason);
    return true;
}

/* By the words that "postern blocks" shows: works also for names that no longer exist. */
static bool is_named(const struct block *block, int n, char **words)
{
    struct slice kind, name;

    if (n > 2 || !slice_cut(slice_of(block->subject), ' ', &kind, &name))
        return false;
    return slice_eq(name, slice_of(words[n - 1])) && (n == 1 || slice_eq(kind, slice_of(words[0])));
}

/* Is it about the subject, or shown by these words? */
static bool is_meant(const struct decide_context *c, const struct subject *x, bool parsed, int n, char **words,
                     const struct block *block)
{
    return (parsed && (block->key == x->block.key ||
                       (block->prefix == 0 && key_blocks(c, &x->submission, &x->verdict.identity, block)))) ||
           is_named(block, n, words);
}

/* Lifts what is meant, or nothing after an error was printed. Returns how many, or -1. */
static int lift_matching(struct cli *cli, const struct decide_context *c, const struct subject *x, bool parsed, int n,
                         char **words, const struct unblock_options *o)
{
    struct block block;
    unsigned meant = 0;
    int lifted = 0;

    for (uint32_t at = 0; o->most > 0 && blocks_next(c->blocks, &at, c->now_ns, &block);)
        meant += is_meant(c, x, parsed, n, words, &block);
    if (o->most > 0 && meant > o->most)
        return cli_fail(cli, "nothing was lifted: these are %u blocks, and at most %u were to be lifted", meant,
                        o->most),
               -1;
    for (uint32_t at = 0; blocks_next(c->blocks, &at, c->now_ns, &block);) {
        if (is_meant(c, x, parsed, n, words, &block))
            lifted += lift(cli, c, x, &block, o);
        else if (parsed && x->part == PER_CLIENT && key_blocks(c, &x->submission, &x->verdict.identity, &block))
            printf("still blocked: %s, which holds this address\n", block.subject);
    }
    return lifted;
}

/* What the subject sent is usual from now on. */
static int accept_sent(struct cli *cli, const struct decide_context *c, const struct subject *x)
{
    uint64_t key = key_of_habit(c, &x->verdict.identity);
    struct habit habit;

    if (key == 0)
        return cli_fail(cli, "%s has no habit: only logins and connectors have one", x->block.subject);
    subject_accept(state_counters(cli->files.state), state_habits(cli->files.state), c, x);
    habits_look(c->habits, key, c->now_ns, &habit);
    if (habit.crowded || habit.since_ns == 0)
        return cli_fail(cli, "%s has sent nothing that a habit was learnt from", x->block.subject);
    printf("accepted: %s; %s %u messages in an hour, %u in a day\n", x->block.subject,
           habit.learnt ? "usually at most" : "being learnt: so far at most", habit.most.of[HABIT_MESSAGES][HABIT_HOUR],
           habit.most.of[HABIT_MESSAGES][HABIT_DAY]);
    cli_log(cli, "accept", (const struct cli_field[]){{"subject", x->block.subject}}, 1);
    return cli_make_durable(cli);
}

/* It may be deferred all the same. */
static int fail_not_blocked(const struct cli *cli, const struct decide_context *c, const struct subject *x)
{
    uint64_t key = key_of_habit(c, &x->verdict.identity);
    struct habit habit = {.learnt = false};

    if (key != 0)
        habits_look(c->habits, key, c->now_ns, &habit);
    if (!habit.learnt || habit.now.of[HABIT_MESSAGES][HABIT_DAY] <= habit.most.of[HABIT_MESSAGES][HABIT_DAY])
        return cli_fail(cli, "%s is not blocked", x->block.subject);
    return cli_fail(cli,
                    "%s is not blocked; it sent %u messages in the last day, usually at most %u: --accept takes that "
                    "for usual and lets it go on",
                    x->block.subject, habit.now.of[HABIT_MESSAGES][HABIT_DAY],
                    habit.most.of[HABIT_MESSAGES][HABIT_DAY]);
}

static int lift_all(struct cli *cli, const struct decide_context *c, struct subject *x, int n, char **words,
                    const struct unblock_options *o)
{
    struct known known;
    struct error e;
    int parsed = subject_parse(c, n, words, x, &e);
    int lifted = lift_matching(cli, c, x, parsed == 0, n, words, o);

    if (lifted == 0 && is_strange(n, words, parsed, x)) {
        int found = find_displayed(cli, c, n, words, x, &known, &e);

        if (found < 0)
            return CLI_FAILED;
        if (found == 0) {
            parsed = 0;
            lifted = lift_matching(cli, c, x, true, n, words, o);
        }
    }
    if (lifted < 0)
        return CLI_FAILED;
    if (lifted > 0 && !o->accept)
        return cli_make_durable(cli);
    if (parsed != 0)
        return cli_fail(cli, "%s", e.text);
    if (o->accept)
        return accept_sent(cli, c, x);
    /* Counters are reset even if the block has already ended by itself. */
    subject_forgive(state_counters(cli->files.state), state_habits(cli->files.state), c, x, &x->block);
    return fail_not_blocked(cli, c, x);
}

static bool read_most(const char *text, unsigned *most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    *most = (unsigned)n;
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && n <= UINT32_MAX;
}

int cmd_unblock(struct cli *cli, int argc, char **argv)
{
    enum { ACCEPT = 256, AT_MOST, REASON };
    static const struct option options[] = {{"accept", no_argument, NULL, ACCEPT},
                                            {"at-most", required_argument, NULL, AT_MOST},
                                            {"reason", required_argument, NULL, REASON},
                                            CLI_LAST_OPTIONS};
    struct unblock_options o = {.accept = false};
    struct decide_context c;
    struct subject *x;
    int option, status, told;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        if (option == ACCEPT)
            o.accept = true;
        else if (option == REASON)
            o.reason = optarg;
        else if (!read_most(optarg, &o.most))
            return cli_usage(cli, "--at-most: expected a number of blocks, from 1");
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 1, 2)) != CLI_OK)
        return status;
    if (cli_open_context_to_change(cli, &c) != 0)
        return CLI_FAILED;
    if ((x = malloc(sizeof *x)) == NULL)
        return cli_fail(cli, "out of memory");
    told = cli_tell_others(cli); /* they must forget what led to the block, too, or they block again */
    status = lift_all(cli, &c, x, argc - optind, argv + optind, &o);
    free(x);
    return status != CLI_OK ? status : told;
}
