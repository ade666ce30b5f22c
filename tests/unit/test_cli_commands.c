/* links: cli */
/* The table of commands, the completion and the manual page know the same commands and options. */
#include "cli/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* The tree is the current folder, or one above the program. malloc'ed. */
static char *tree_text(const char *name)
{
    char program[1024], path[1200];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    FILE *file = fopen(name, "r");
    char *text = calloc(1, 200000);

    program[n > 0 ? n : 0] = '\0';
    for (char *slash; file == NULL && (slash = strrchr(program, '/')) != NULL;) {
        *slash = '\0';
        (void)snprintf(path, sizeof path, "%s/%s", program, name);
        file = fopen(path, "r");
    }
    if (file == NULL || text == NULL)
        fail_msg("%s is not in the current folder, nor above this program", name);
    assert_true(fread(text, 1, 199999, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
        if ((p == text || strchr(" \n\t\"", p[-1]) != NULL) && strchr(" \n\t\";|)", p[n]) != NULL)
            return true;
    return false;
}

static void every_command_is_completed_and_in_the_manual(void **state)
{
    char *completion = tree_text("conf/completion/postern.bash"), *manual = tree_text("doc/postern.8");

    (void)state;
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        char item[80];

        (void)snprintf(item, sizeof item, "\n.It Ic %s", c->name);
        if (!has_word(completion, c->name))
            fail_msg("conf/completion/postern.bash does not know %s", c->name);
        if (strstr(manual, item) == NULL)
            fail_msg("doc/postern.8 has no item for %s", c->name);
    }
    free(completion);
    free(manual);
}

/* The options that a command's own help names. */
static void every_option_is_completed(void **state)
{
    char *completion = tree_text("conf/completion/postern.bash");

    (void)state;
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        for (const char *p = c->details; p != NULL && (p = strstr(p, "  --")) != NULL;) {
            char option[40];
            size_t n = strcspn(p += 2, " ,=\n");

            assert_true(n < sizeof option);
            memcpy(option, p, n);
            option[n] = '\0';
            if (!has_word(completion, option))
                fail_msg("conf/completion/postern.bash does not know %s %s", c->name, option);
        }
    free(completion);
}

static void help_fits_a_screen(void **state)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    (void)state;
    cli_print_commands(to);
    assert_int_equal(fclose(to), 0);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > 80)
            fail_msg("wider than 80 columns: %.*s", (int)strcspn(line, "\n"), line);
    free(text);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        unsigned lines = 0;

        to = open_memstream(&text, &n);
        cli_print_command(to, c);
        assert_int_equal(fclose(to), 0);
        for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
            lines++;
        if (lines > 24)
            fail_msg("postern %s --help has %u lines", c->name, lines);
        free(text);
    }
}

static void each_command_has_one_name(void **state)
{
    (void)state;
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        assert_ptr_equal(cli_command_named(c->name), c);
    assert_null(cli_command_named(""));
    assert_null(cli_command_named("explai"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_completed_and_in_the_manual),
        cmocka_unit_test(every_option_is_completed),
        cmocka_unit_test(help_fits_a_screen),
        cmocka_unit_test(each_command_has_one_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
