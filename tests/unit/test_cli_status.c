/* links: cli */
/* What status and metrics tell of a flood that the journal could not keep. */
#include "cli/commands.h"
#include "core/base/clock.h"
#include "tests/unit/journal_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DROPPED 10

struct place {
    char folder[64], config[80], journal[80];
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    FILE *f;

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-status-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->config, sizeof p->config, "%s/c", p->folder);
    (void)snprintf(p->journal, sizeof p->journal, "%s/journal", p->folder);
    assert_non_null(f = fopen(p->config, "w"));
    (void)fprintf(f, "journal = \"journal\"; directory = \"directory\"; state = { file = \"state\"; };\n"
                     "policyd = { listen = (); }; milter = { listen = \"\"; };\n");
    assert_int_equal(fclose(f), 0);
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    assert_int_equal(system(command), 0); /* the folder is ours: mkdtemp made its name */
    free(p);
    return 0;
}

/* So many messages in one round. */
static void flood(const struct place *p, unsigned messages)
{
    struct journal_record record = {.at_ns = clock_wall_ns(),
                                    .action = ACTION_PASS,
                                    .reason = REASON_ALLOWED,
                                    .monitored = REASON_NOT_OURS,
                                    .stage = STAGE_END,
                                    .counts = true,
                                    .recipients = 1,
                                    .tenant = "contoso",
                                    .login = "anna@contoso.example",
                                    .mailbox = "anna@contoso.example"};
    struct journal *j;
    struct error e;

    if (journal_open(p->journal, "policyd", &j, &e) != 0)
        fail_msg("%s", e.text);
    for (unsigned i = 0; i < messages; i++)
        note_record(j, &record);
    if (journal_flush(j, &e) != 0)
        fail_msg("%s", e.text);
    journal_close(j);
}

/* What the command prints; valid until the next. */
static const char *run(const struct place *p, int (*command)(struct cli *, int, char **), const char *name,
                       char *option)
{
    static char text[65536];
    struct cli cli = {.config_path = p->config, .command = cli_command_named(name)};
    char *argv[] = {(char *)(uintptr_t)name, option, NULL};
    FILE *out = tmpfile();
    int saved = dup(STDOUT_FILENO);

    assert_non_null(out);
    (void)fflush(stdout);
    assert_true(dup2(fileno(out), STDOUT_FILENO) >= 0);
    optind = 0; /* getopt(3): anew */
    (void)command(&cli, option != NULL ? 2 : 1, argv);
    (void)fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    (void)close(saved);
    rewind(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    (void)fclose(out);
    cli_close(&cli);
    return text;
}

static void says(const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        fail_msg("%s is not said by:\n%s", wanted, text);
}

static void decisions_that_came_too_fast_for_the_journal_are_told(void **state)
{
    const struct place *p = *state;
    char json[] = "--json";

    flood(p, JOURNAL_GATHERED_MAX + DROPPED);
    says(run(p, cmd_status, "status", NULL),
         "  10 of them are counted but not in the journal: too many came at once\n");
    says(run(p, cmd_status, "status", json), " \"journal_dropped\": 10,\n");
    says(run(p, cmd_metrics, "metrics", NULL), "\npostern_journal_dropped_total 10\n");
}

static void where_all_was_kept_only_the_metrics_say_so(void **state)
{
    const struct place *p = *state;

    flood(p, JOURNAL_GATHERED_MAX);
    assert_null(strstr(run(p, cmd_status, "status", NULL), "not in the journal"));
    says(run(p, cmd_metrics, "metrics", NULL), "\npostern_journal_dropped_total 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(decisions_that_came_too_fast_for_the_journal_are_told, begin, end),
        cmocka_unit_test_setup_teardown(where_all_was_kept_only_the_metrics_say_so, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
