#include "mirror/set.h"

#include "core/base/caller.h"
#include "core/base/log.h"
#include "mirror/confirm.h"
#include "mirror/set_private.h"
#include "mirror/words.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define SHOWN 20 /* of a list that is only to be looked over */

void set_note(const struct set_options *o, const struct tenant_config *tenant, const char *key, struct slice subject,
              enum writeback before, const char *outcome)
{
    char caller[CALLER_NAME_MAX];
    struct log *log = log_open("postern-mirror", &o->config->log);

    if (log != NULL)
        log_say(log, LEVEL_NOTICE, "event=write-back tenant=%s %s=%s smtp_auth=%s before=%s by=%s uid=%u result=%s",
                tenant->name, key, quote(subject).text, writeback_word(o->value), writeback_word(before),
                o->by != NULL ? o->by : caller_name(caller).p, (unsigned)getuid(), outcome);
    log_close(log);
}

/* ---- before: what was found, and the question ---- */

static void say_nobodies(const struct set_run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        const struct set_row *row = &run->rows[i];

        if (row->state != ROW_NOBODY)
            continue;
        set_say_place(run, row, run->o->out);
        fprintf(run->o->out, "\"%s\": %s\n", words(row->name).text, row->why);
    }
}

static void say_already(const struct set_run *run)
{
    const char *value = writeback_word(run->o->value);
    size_t said = 0, n = set_count(run, ROW_ALREADY);

    for (size_t i = 0; i < run->n && said < SHOWN; i++) {
        if (run->rows[i].state != ROW_ALREADY)
            continue;
        fprintf(run->o->out, "%s: SMTP AUTH is %s already; nothing to do\n",
                words(slice_of(run->rows[i].mailbox.primary)).text, value);
        said++;
    }
    if (n > said)
        fprintf(run->o->out, "and %zu more that are %s already\n", n - said, value);
}

static void say_found(const struct set_run *run)
{
    size_t said = 0, n = set_count(run, ROW_FOUND);

    for (size_t i = 0; i < run->n && said < SHOWN; i++) {
        const struct writeback_mailbox *mailbox = &run->rows[i].mailbox;

        if (run->rows[i].state != ROW_FOUND)
            continue;
        fprintf(run->o->out, "%s: SMTP AUTH %s → %s, in Exchange Online itself\n",
                words(slice_of(mailbox->primary)).text, writeback_word(mailbox->before), writeback_word(run->o->value));
        said++;
    }
    if (n > said)
        fprintf(run->o->out, "and %zu more\n", n - said);
    if (n > 1)
        fprintf(run->o->out, "%zu mailboxes in all\n", n);
}

/* When the names come from standard input, the answer comes from the terminal itself. */
static int ask(const struct set_run *run, struct error *e)
{
    const struct set_options *o = run->o;
    FILE *terminal = o->file != NULL && strcmp(o->file, "-") == 0 ? fopen("/dev/tty", "re") : NULL;
    int result = confirm(terminal != NULL ? terminal : o->in, o->out, e);

    if (terminal != NULL)
        (void)fclose(terminal);
    return result;
}

static int refuse(const struct set_run *run, struct error *e)
{
    return error_set(
        e,
        "refused, and nothing was set: %zu of %zu names have no mailbox, or several; correct them, or --force sets "
        "the others",
        set_count(run, ROW_NOBODY), run->n);
}

/* SET_DONE: go on; else e says why not. */
static enum set_result permit(const struct set_run *run, struct error *e)
{
    const struct set_options *o = run->o;
    size_t nobodies = set_count(run, ROW_NOBODY);

    if (o->dry_run) {
        if (set_count(run, ROW_FOUND) > 0)
            fprintf(o->out, "nothing was set (--dry-run)\n");
        return nobodies == 0 || o->force ? SET_DONE : (refuse(run, e), SET_REFUSED);
    }
    if (nobodies > 0 && o->yes && !o->force)
        return refuse(run, e), SET_REFUSED;
    if (nobodies > 0 && !o->yes)
        fprintf(o->out, "The %zu names above with no mailbox, or several, are left out.\n", nobodies);
    return o->yes || ask(run, e) == 0 ? SET_DONE : SET_FAILED;
}

/* ---- setting ---- */

/* SIGINT or SIGTERM: what was set so far is published and reported first; a second one ends the run at once. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void catch_signals(bool begin)
{
    static struct sigaction before[2];
    const int numbers[] = {SIGINT, SIGTERM};
    struct sigaction own = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaction(numbers[i], begin ? &own : &before[i], begin ? &before[i] : NULL);
}

/* Sets one mailbox. 0, whether it worked or not; -1 with e: no other one could be set, either. */
static int set_one(struct set_run *run, struct set_row *row, struct error *e)
{
    const struct tenant_config *tenant = &run->o->config->tenants[row->tenant];
    struct exchange *x = set_session(run, row->tenant, e);
    enum exchange_result result = x != NULL ? writeback_set(x, &row->mailbox, run->o->value, e) : EXCHANGE_FAILED;

    set_note(run->o, tenant, "mailbox", slice_of(row->mailbox.primary), row->mailbox.before,
             result == EXCHANGE_OK ? "done" : "failed");
    if (result == EXCHANGE_OK)
        row->state = ROW_SET;
    else if (set_row_fails(row, ROW_FAILED, e) != 0)
        return error_set(e, "out of memory");
    return result == EXCHANGE_FAILED || result == EXCHANGE_FORBIDDEN ? -1 : 0;
}

/* Sets all mailboxes of one tenant. What stops it, such as an expired secret, need not stop other tenants. */
static void set_tenant(struct set_run *run, size_t tenant, size_t *done)
{
    const size_t n = set_count(run, ROW_FOUND) + *done;
    unsigned in_a_row = 0;
    bool stopped = false;
    struct error e;

    for (size_t i = 0; i < run->n; i++) {
        struct set_row *row = &run->rows[i];

        if (row->state != ROW_FOUND || row->tenant != tenant)
            continue;
        if (stopped || interrupted) {
            row->state = ROW_NOT_TRIED;
            continue;
        }
        progress_step(&run->progress, "setting", (*done)++, n);
        stopped = set_one(run, row, &e) != 0;
        in_a_row = row->state == ROW_FAILED ? in_a_row + 1 : 0;
        stopped = stopped || in_a_row == SET_IN_A_ROW_MAX;
    }
}

static void set_all(struct set_run *run)
{
    size_t done = 0;

    catch_signals(true);
    for (size_t i = 0; i < run->o->config->n_tenants; i++)
        set_tenant(run, i, &done);
    catch_signals(false);
    progress_end(&run->progress);
}

/* ---- after ---- */

static void say_failed(const struct set_run *run)
{
    size_t not_tried = set_count(run, ROW_NOT_TRIED);

    for (size_t i = 0; i < run->n; i++) {
        const struct set_row *row = &run->rows[i];

        if (row->state != ROW_FAILED)
            continue;
        set_say_place(run, row, run->o->out);
        fprintf(run->o->out, "%s: not set: %s\n", words(slice_of(row->mailbox.primary)).text, row->why);
    }
    if (not_tried > 0)
        fprintf(run->o->out, "%zu more were not tried%s\n", not_tried,
                interrupted ? ": the run was interrupted" : ", since they would fail, too");
}

/* Why the first row in that state is in it; "" when there is none. */
static const char *first_why(const struct set_run *run, enum row_state state)
{
    for (size_t i = 0; i < run->n; i++)
        if (run->rows[i].state == state)
            return run->rows[i].why;
    return "";
}

static void say_done(const struct set_run *run, bool published)
{
    size_t n = set_count(run, ROW_SET), unknown = 0;

    for (size_t i = 0; i < run->n; i++)
        unknown += run->rows[i].state == ROW_SET && !run->rows[i].stored;
    if (run->n > 1)
        fprintf(run->o->out, "%zu of %zu mailboxes set; ", n,
                n + set_count(run, ROW_FAILED) + set_count(run, ROW_NOT_TRIED));
    else
        fprintf(run->o->out, "done; ");
    fprintf(run->o->out, "Exchange Online may take up to an hour to apply it, and the relay applies it %s\n",
            published ? "now" : "after the next \"postern-mirror sync\"");
    if (published && unknown > 0)
        fprintf(run->o->out, "%zu of them are not in the directory yet: the next sync brings them\n", unknown);
}

static enum set_result conclude(struct set_run *run, struct error *e)
{
    size_t set = set_count(run, ROW_SET), failed = set_count(run, ROW_FAILED);
    size_t left = failed + set_count(run, ROW_NOT_TRIED);
    bool written = false;
    struct error why;
    int published = set_publish(run, &written, &why);

    if (run->n == 1 && failed == 1)
        return error_set(e, "%s", first_why(run, ROW_FAILED)), SET_FAILED;
    say_failed(run);
    if (set > 0)
        say_done(run, written);
    if (published != 0) {
        (void)error_set(e, "%zu mailboxes were set, but the directory could not be written: %s", set, why.text);
        return SET_PARTLY;
    }
    if (left > 0) {
        (void)error_set(e, "%zu of %zu mailboxes were not set: %s", left, set + left,
                        failed > 0 ? first_why(run, ROW_FAILED) : "the run was interrupted");
        return set > 0 ? SET_PARTLY : SET_FAILED;
    }
    if (set_count(run, ROW_NOBODY) == 0)
        return SET_DONE;
    (void)error_set(e, "names with no mailbox, or several, were left out: %zu", set_count(run, ROW_NOBODY));
    return SET_PARTLY;
}

static enum set_result run_all(struct set_run *run, struct error *e)
{
    enum set_result result;

    if (set_read_names(run, e) != 0 || set_open_directory(run, e) != 0 || set_find_all(run, e) != 0)
        return SET_FAILED;
    if (run->n == 1 && run->rows[0].line == 0 && run->rows[0].state == ROW_NOBODY)
        return error_set(e, "%s", run->rows[0].why), SET_FAILED;
    say_already(run);
    say_nobodies(run);
    say_found(run);
    if (set_count(run, ROW_FOUND) == 0 && set_count(run, ROW_NOBODY) > 0)
        return refuse(run, e), SET_REFUSED;
    if (set_count(run, ROW_FOUND) > 0 || run->o->dry_run) {
        result = permit(run, e);
        if (result != SET_DONE || run->o->dry_run)
            return result;
        (void)fflush(run->o->out);
        set_all(run);
    }
    return conclude(run, e);
}

enum set_result set_mailboxes(const struct set_options *o, struct error *e)
{
    struct set_run run = {.o = o, .progress = progress_begin(o->log)};
    enum set_result result = run_all(&run, e);

    set_close(&run);
    return result;
}
