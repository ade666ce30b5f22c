#include "cli/accept.h"

#include "cli/file_edit.h"
#include "core/base/caller.h"
#include "core/base/clock.h"
#include "core/report/accepted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_S INT64_C(86400)
#define LINE_CAP 1000 /* below LINE_MAX_BYTES */

void accept_take(struct accept *a, int option, const char *value)
{
    const char **const to[] = {&a->rule, &a->withdraw, &a->until, &a->where, &a->reason};

    if (option >= ACCEPT_OPTION && option <= ACCEPT_REASON)
        *to[option - ACCEPT_OPTION] = value;
}

bool accept_wanted(const struct accept *a)
{
    return a->rule != NULL || a->withdraw != NULL || a->until != NULL || a->where != NULL || a->reason != NULL;
}

/* ---- the file ---- */

/* An empty one, that those may read who may read the configuration. 0 also where it is there. */
static int make_file(const char *path, const char *config_path, struct error *e)
{
    struct stat st;
    int fd, rc;

    if (stat(config_path, &st) != 0)
        return error_set(e, "%s: %s", config_path, strerror(errno));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : error_set(e, "%s: %s", path, strerror(errno));
    rc = fchown(fd, (uid_t)-1, st.st_gid) != 0 || fchmod(fd, 0600 | (st.st_mode & 044)) != 0
             ? error_set(e, "%s: %s", path, strerror(errno))
             : 0;
    (void)close(fd);
    return rc;
}

/* Is it the line of what is accepted anew, or taken back? One that is no row is left alone. */
static bool is_meant(struct slice line, const struct accept *a, const char *suite)
{
    struct accepted one;
    bool meant = false;

    if (accepted_parse(line, "", &one, NULL) != 0)
        return false;
    if (one.n == 1 && slice_eq(one.rows->check, slice_of(suite)))
        meant = a->withdraw != NULL ? slice_eq(one.rows->rule, slice_of(a->withdraw)) &&
                                          (a->where == NULL || slice_eq(one.rows->where, slice_of(a->where)))
                                    : slice_eq(one.rows->rule, slice_of(a->rule)) &&
                                          slice_eq(one.rows->where, slice_of(a->where != NULL ? a->where : ""));
    accepted_free(&one);
    return meant;
}

/* The text without the lines that are meant, with the new one. Returns how many went. */
static size_t make_text(struct buf *out, struct slice text, const struct accept *a, const char *suite,
                        struct slice line)
{
    size_t went = 0;
    struct slice one;

    while (text.n > 0) {
        (void)slice_cut(text, '\n', &one, &text);
        if (is_meant(one, a, suite)) {
            went++;
            continue;
        }
        buf_add(out, one);
        buf_add_char(out, '\n');
    }
    if (line.n > 0) {
        buf_add(out, line);
        buf_add_char(out, '\n');
    }
    return went;
}

/* 0 with *went; -1 with e. */
static int change_file(const char *path, const struct accept *a, const char *suite, struct slice line, size_t *went,
                       struct error *e)
{
    struct accepted check = {.n = 0};
    struct file_edit x;
    int rc = file_edit_begin(&x, path, e);

    if (rc == 0) {
        size_t cap = x.text.n + line.n + 3;
        struct buf b;

        if ((x.made = malloc(cap)) == NULL) {
            rc = error_set(e, "out of memory");
        } else {
            b = buf_over(x.made, cap);
            *went = make_text(&b, x.text, a, suite, line);
            x.made_n = b.n;
            /* What was made must read back: a file that is wrong accepts nothing. */
            rc = accepted_parse(buf_slice(&b), path, &check, e);
        }
    }
    if (rc == 0 && (*went > 0 || line.n > 0))
        rc = file_edit_publish(&x, e);
    file_edit_end(&x);
    accepted_free(&check);
    return rc;
}

/* ---- what is wanted ---- */

static int check_text(const struct cli *cli, const char *option, const char *text)
{
    for (const char *c = text; text != NULL && *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || *c == '|' || *c == '#')
            return cli_usage(cli, "%s: printable ASCII without | and # is expected", option);
    return CLI_OK;
}

static int check_day(const struct cli *cli, const char *day, int64_t now_s)
{
    int64_t ends_s;
    struct error e;

    if (day == NULL)
        return cli_usage(cli, "--until DAY is missing: nothing is accepted for ever");
    if (accepted_day(slice_of(day), &ends_s, &e) != 0)
        return cli_usage(cli, "--until: %s", e.text);
    if (ends_s <= now_s || ends_s > now_s + (ACCEPTED_DAYS_MAX + 1) * DAY_S)
        return cli_usage(cli, "--until %s: expected a day from today on, at most %d days ahead", day,
                         ACCEPTED_DAYS_MAX);
    return CLI_OK;
}

static int check_wanted(const struct cli *cli, const struct accept *a, const struct rule *rules, size_t n,
                        int64_t now_s)
{
    const char *id = a->rule != NULL ? a->rule : a->withdraw;
    char shown[80];
    size_t i = 0;

    if (id == NULL || (a->rule != NULL && a->withdraw != NULL))
        return cli_usage(cli, "--until, --where and --reason are for --accept or --withdraw, one of them");
    while (i < n && strcmp(rules[i].id, id) != 0)
        i++;
    if (i == n)
        return cli_usage(cli, "there is no rule \"%s\": --json lists all of them",
                         text_plain(shown, sizeof shown, slice_of(id)));
    if (check_text(cli, "--where", a->where) != CLI_OK || check_text(cli, "--reason", a->reason) != CLI_OK)
        return CLI_USAGE;
    if (a->withdraw != NULL)
        return a->until == NULL && a->reason == NULL ? CLI_OK : cli_usage(cli, "--withdraw takes --where only");
    if (a->reason == NULL)
        return cli_usage(cli, "--reason is missing: for those who look at the finding later");
    return check_day(cli, a->until, now_s);
}

static void say_line(struct buf *b, const struct accept *a, const char *suite, int64_t now_s)
{
    char caller[CALLER_NAME_MAX], plain[CALLER_NAME_MAX];
    struct slice who = caller_name(caller);
    char today[32];
    struct buf day = BUF_OVER(today);

    for (size_t i = 0; i <= who.n; i++)
        plain[i] = i < who.n ? (strchr("|#", who.p[i]) != NULL ? '?' : who.p[i]) : '\0';
    text_add_utc_time(&day, now_s);
    buf_addf(b, "%s | %s | %s | %s | %s, %.10s | %s", suite, a->rule, a->where != NULL ? a->where : "", a->until, plain,
             today, a->reason);
}

int accept_run(struct cli *cli, const struct accept *a, const char *suite, const struct rule *rules, size_t n)
{
    int64_t now_s = clock_wall_s();
    char line[LINE_CAP];
    struct buf b = BUF_OVER(line);
    const char *path;
    size_t went = 0;
    struct error e;

    if (check_wanted(cli, a, rules, n, now_s) != CLI_OK)
        return CLI_USAGE;
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    path = cli->files.config->accepted_findings;
    if (a->rule != NULL)
        say_line(&b, a, suite, now_s);
    if (b.full)
        return cli_usage(cli, "--where and --reason are longer than a line may be");
    if ((a->rule != NULL && make_file(path, cli->files.config->file, &e) != 0) ||
        change_file(path, a, suite, buf_slice(&b), &went, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    if (a->withdraw != NULL && went == 0)
        return cli_fail(cli, "%s: %s is not accepted there", path, a->withdraw);
    cli_log(cli, "finding",
            (const struct cli_field[]){{"change", a->rule != NULL ? "accept" : "withdraw"},
                                       {"check", suite},
                                       {"rule", a->rule != NULL ? a->rule : a->withdraw},
                                       {"where", a->where != NULL ? a->where : ""},
                                       {"until", a->until != NULL ? a->until : ""},
                                       {"why", a->reason != NULL ? a->reason : ""}},
            6);
    printf("%s: %s %s\n", path,
           a->rule != NULL ? "accepted" : "no longer accepted:", a->rule != NULL ? a->rule : a->withdraw);
    return CLI_OK;
}
