/* The tables of settings, the shipped configuration and the manual page say the same. */
#include "core/config/config.h"
#include "core/config/config_table.h"
#include "core/mail/reason.h"
#include "core/report/config_report.h"
#include "tests/unit/lines_printer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX 65536

/* ---- the files of the source tree ---- */

/* The tree is the current folder, or one above the program. */
static bool tree_file(const char *name, char *path, size_t cap)
{
    char program[1024];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

    (void)snprintf(path, cap, "%s", name);
    if (access(path, R_OK) == 0)
        return true;
    program[n > 0 ? n : 0] = '\0';
    for (char *slash; (slash = strrchr(program, '/')) != NULL;) {
        *slash = '\0';
        (void)snprintf(path, cap, "%s/%s", program, name);
        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}

static void tree_text(const char *name, char *text)
{
    char path[1200];
    FILE *file = tree_file(name, path, sizeof path) ? fopen(path, "r") : NULL;
    size_t n;

    if (file == NULL)
        fail_msg("%s is not in the current folder, nor above this program", name);
    n = fread(text, 1, TEXT_MAX - 1, file);
    assert_true(n > 0 && n < TEXT_MAX - 1);
    assert_int_equal(fclose(file), 0);
    text[n] = '\0';
}

/* ---- words in texts ---- */

static bool is_word(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

/* The first place of the word, not a part of a longer one, from `at` to `end`; NULL without one. */
static const char *word_find(const char *at, const char *end, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = at; (p = strstr(p, word)) != NULL && p < end; p++) {
        const char *behind = p + n;

        if ((p == at || *p == '\n' || !is_word(p[-1])) &&
            (!is_word(*behind) || (*behind == '.' && !is_word(behind[1]))))
            return p;
    }
    return NULL;
}

/* "name = value": where the value begins; any value with NULL. */
static const char *assignment_find(const char *at, const char *end, const char *name, const char *value)
{
    for (const char *p = at; (p = word_find(p, end, name)) != NULL; p++) {
        const char *v = p + strlen(name);

        if (strncmp(v, " = ", 3) != 0)
            continue;
        v += v[3] == '"' ? 4 : 3;
        if (value == NULL || (strncmp(v, value, strlen(value)) == 0 && !is_word(v[strlen(value)])))
            return v;
    }
    return NULL;
}

/* ---- the manual page ---- */

/* The item of a setting: from its ".It Va" line to the next item's; items that follow at once share a text. */
static const char *item_find(const char *manual, const char *path, const char **end)
{
    for (const char *p = manual; (p = strstr(p, "\n.It Va ")) != NULL;) {
        const char *line_end = strchr(++p, '\n');

        if (word_find(p, line_end, path) == NULL)
            continue;
        *end = strstr(line_end, "\n.It Va ");
        if (*end == NULL)
            *end = p + strlen(p);
        return p;
    }
    return NULL;
}

static void check_number_named(const char *item, const char *end, uint64_t number, const char *path)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    if (word_find(item, end, text) == NULL)
        fail_msg("the manual page does not say %s at %s", text, path);
}

static void check_manual(void *arg, const char *path, const struct setting *row)
{
    const char *end = NULL, *item = item_find(arg, path, &end), *line_end;

    if (item == NULL)
        fail_msg("the manual page has no item for %s", path);
    line_end = strchr(item, '\n');
    if (row->standard != NULL && strstr(item, "No = ") == NULL)
        fail_msg("the manual page has no default for %s", path);
    if (row->standard != NULL && (strstr(item, row->standard) == NULL || strstr(item, row->standard) > line_end))
        fail_msg("the manual page's default for %s is not %s", path, row->standard);
    for (const struct choice *choice = row->choices; choice != NULL && choice->name != NULL; choice++)
        if (word_find(item, end, choice->name) == NULL)
            fail_msg("the manual page does not name \"%s\" at %s", choice->name, path);
    if (row->kind != SETTING_NUMBER)
        return;
    check_number_named(item, end, row->least, path);
    check_number_named(item, end, row->most, path);
}

static void every_setting_is_in_the_manual_page(void **state)
{
    static char manual[TEXT_MAX];

    (void)state;
    tree_text("doc/postern.conf.5", manual);
    section_each(&config_section, check_manual, manual);
}

static void every_reason_that_is_replied_to_is_in_the_manual_page(void **state)
{
    static char manual[TEXT_MAX];

    (void)state;
    tree_text("doc/postern.conf.5", manual);
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        char item[80];

        if (reason_row((enum reason)i)->reply == NULL)
            continue;
        (void)snprintf(item, sizeof item, "\n.Ql %s ", reason_row((enum reason)i)->name);
        if (strstr(manual, item) == NULL)
            fail_msg("the manual page does not name the reason %s", reason_row((enum reason)i)->name);
    }
}

static void every_reason_in_the_manual_page_is_one_that_is_replied_to(void **state)
{
    static char manual[TEXT_MAX];
    const char *item;

    (void)state;
    tree_text("doc/postern.conf.5", manual);
    item = strstr(manual, "\nThe reasons:\n");
    assert_non_null(item);
    for (item = strchr(item + 1, '\n') + 1; strncmp(item, ".Ql ", 4) == 0; item = strchr(item, '\n') + 1) {
        struct slice name = {item + 4, strcspn(item + 4, " \n")};
        enum reason reason;

        if (!reason_find(name, &reason) || reason_row(reason)->reply == NULL)
            fail_msg("%.*s is no reason that is replied to", SLICE_ARG(name));
    }
}

/* "550 5.7.60" of a reply. */
static struct slice codes_of(const char *reply)
{
    return (struct slice){reply, 4 + strcspn(reply + 4, " ")};
}

static void the_readme_has_every_reason_with_the_codes_of_its_reply(void **state)
{
    static char readme[TEXT_MAX];

    (void)state;
    tree_text("README.md", readme);
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason_row *row = reason_row((enum reason)i);
        const char *line = readme, *end = readme;
        char cell[80];

        if (row->reply == NULL)
            continue;
        (void)snprintf(cell, sizeof cell, "`%s`", row->name);
        while ((line = strstr(end, "\n| `")) != NULL) {
            end = strchr(++line, '\n');
            if (memmem(line, (size_t)(end - line), cell, strlen(cell)) != NULL)
                break;
        }
        if (line == NULL)
            fail_msg("the README's table has no reason %s", row->name);
        if (memmem(line, (size_t)(end - line), codes_of(row->reply).p, codes_of(row->reply).n) == NULL)
            fail_msg("the README does not say %.*s at %s", SLICE_ARG(codes_of(row->reply)), row->name);
    }
}

/* ---- the shipped configuration ---- */

/* Where a section ends: its closing bracket stands at the beginning of a line, perhaps as a comment. */
static const char *section_end(const char *at)
{
    static const char *const ends[] = {"\n};", "\n#);", "\n#};"};
    const char *first = at + strlen(at);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const char *end = strstr(at, ends[i]);

        if (end != NULL && end < first)
            first = end;
    }
    return first;
}

static void check_shipped(void *arg, const char *path, const struct setting *row)
{
    const char *at = arg, *end = at + strlen(at);
    char name[SETTING_PATH_MAX];

    if (strncmp(path, "milter.listen.", 14) == 0 || strncmp(path, "sasl.listen.", 12) == 0 ||
        strncmp(path, "web.listen.", 11) == 0)
        return; /* the section of policyd.listen */
    for (struct slice part, rest = slice_of(path); rest.n > 0;) {
        bool more = slice_cut(rest, '.', &part, &rest);
        bool top = part.p == path;

        (void)snprintf(name, sizeof name, "%s%.*s", top ? "\n" : "", SLICE_ARG(part));
        if (top && strstr(at, name) == NULL)
            name[0] = '#'; /* an example: the line begins with "#" */
        at = assignment_find(at, end, name, more ? NULL : row->standard);
        if (at == NULL)
            fail_msg("the shipped configuration has no %s%s%s", path, row->standard != NULL ? " = " : "",
                     row->standard != NULL ? row->standard : "");
        if (top)
            end = section_end(at);
    }
}

static void every_setting_is_in_the_shipped_configuration_with_its_default(void **state)
{
    static char shipped[TEXT_MAX];

    (void)state;
    tree_text("conf/postern.conf", shipped);
    section_each(&config_section, check_shipped, shipped);
}

static struct config *config_of(const char *text, const char *folder)
{
    struct config *c;
    struct error e;

    if (config_from_text(slice_of(text), "postern.conf", folder, &c, &e) != 0)
        fail_msg("%s", e.text);
    return c;
}

static void the_shipped_configuration_is_the_defaults(void **state)
{
    static char shipped[TEXT_MAX], said[2][TEXT_MAX];
    struct config *c[2];

    (void)state;
    tree_text("conf/postern.conf", shipped);
    c[0] = config_of(shipped, "/nowhere");
    c[1] = config_of("", "/nowhere");
    for (size_t i = 0; i < 2; i++) {
        struct lines_printer lines = lines_printer(said[i], sizeof said[i]);

        config_report(c[i], NULL, &lines.printer);
        assert_false(lines.b.full);
    }
    assert_string_equal(said[0], said[1]);
    assert_int_equal(c[0]->policyd.workers, c[1]->policyd.workers);
    assert_int_equal(c[0]->policyd.max_connections, c[1]->policyd.max_connections);
    assert_int_equal(c[0]->policyd.idle_timeout_s, c[1]->policyd.idle_timeout_s);
    assert_int_equal(c[0]->policyd.request_timeout_s, c[1]->policyd.request_timeout_s);
    assert_int_equal(c[0]->milter.timeout_s, c[1]->milter.timeout_s);
    assert_string_equal(c[0]->sasl.upstream.address, c[1]->sasl.upstream.address);
    assert_int_equal(c[0]->sasl.n_listen, c[1]->sasl.n_listen);
    assert_int_equal(c[0]->sasl.max_connections, c[1]->sasl.max_connections);
    assert_int_equal(c[0]->mirror_max_change, c[1]->mirror_max_change);
    assert_memory_equal(&c[0]->log, &c[1]->log, sizeof c[0]->log);
    config_free(c[0]);
    config_free(c[1]);
}

/* Examples are comments whose "#" stands first in its line, without the blank that prose has. */
static void uncomment(const char *text, struct buf *out)
{
    for (struct slice line, rest = slice_of(text); rest.n > 0;) {
        (void)slice_cut(rest, '\n', &line, &rest);
        if (line.n > 1 && line.p[0] == '#' && line.p[1] != '#' && (line.p[1] != ' ' || line.p[2] == ' ') &&
            !(line.n > 4 && strncmp(line.p, "#   ", 4) == 0 && line.p[4] != ' '))
            line = (struct slice){line.p + 1, line.n - 1};
        buf_add(out, line);
        buf_add_char(out, '\n');
    }
}

static void the_examples_of_the_shipped_configuration_are_right(void **state)
{
    static const char *const files[] = {"allow", "deny", "logins", "on-premises", "printers"};
    static char shipped[TEXT_MAX], live[TEXT_MAX];
    struct buf b = BUF_OVER(live);
    char folder[] = "/tmp/postern-shipped-XXXXXX", path[80];
    struct config *c;

    (void)state;
    tree_text("conf/postern.conf", shipped);
    uncomment(shipped, &b);
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        FILE *file;

        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        assert_non_null(file = fopen(path, "w"));
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0600), 0);
    }
    c = config_of(live, folder);
    assert_string_equal(c->default_tenant, "contoso");
    assert_int_equal(c->n_tenants, 1);
    assert_int_equal(c->n_groups, 1);
    assert_int_equal(c->n_connectors, 1);
    assert_int_equal(c->n_logins_from, 2);
    assert_int_equal(c->n_limits, 15 + 8);
    assert_int_equal(c->n_replies, 2);
    assert_non_null(c->smtp_auth.on_premises);
    assert_int_equal(c->n_alerts, 3);
    config_free(c);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void the_manual_pages_example_is_right(void **state)
{
    static char manual[TEXT_MAX];
    char *from, *to;
    struct config *c;

    (void)state;
    tree_text("doc/postern.conf.5", manual);
    from = strstr(manual, "\n.Sh EXAMPLES");
    assert_non_null(from);
    from = strstr(from, "\n.Bd ");
    assert_non_null(from);
    from = strchr(from + 1, '\n');
    assert_non_null(from);
    to = strstr(from, "\n.Ed");
    assert_non_null(to);
    *to = '\0';
    c = config_of(from, "/nowhere");
    assert_int_equal(c->n_connectors, 1);
    assert_int_equal(c->n_limits, 17 + 2);
    config_free(c);
}

/* A mask over a file goes away with the file, when another one is renamed into its place; one over its folder stays. */
static void what_hides_the_state_from_a_service_covers_its_folder(void **state)
{
    static const char *const units[] = {
        "conf/systemd/postern-alert.service",          "conf/systemd/postern-mirror.service",
        "conf/systemd/postern-mirror-respond.service", "conf/systemd/postern-mirror-rebuild.service",
        "conf/systemd/postern-mirror-pull.service",    "conf/systemd/postern-mirror-offer.service"};
    static char text[TEXT_MAX];
    struct config *c = config_of("", "/nowhere");
    char folder[256];

    (void)state;
    (void)snprintf(folder, sizeof folder, "%s", c->state_path);
    *strrchr(folder, '/') = '\0';
    config_free(c);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        char *line, *found;

        tree_text(units[i], text);
        assert_non_null(line = strstr(text, "\nInaccessiblePaths="));
        *strchr(line + 1, '\n') = '\0';
        assert_non_null(found = strstr(line, folder));
        assert_true(found[-1] == '-' && (found[strlen(folder)] == '\0' || found[strlen(folder)] == ' '));
    }
    tree_text("conf/systemd/tmpfiles.conf", text);
    assert_non_null(strstr(text, folder)); /* it is there before any service is started */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_in_the_manual_page),
        cmocka_unit_test(every_reason_that_is_replied_to_is_in_the_manual_page),
        cmocka_unit_test(every_reason_in_the_manual_page_is_one_that_is_replied_to),
        cmocka_unit_test(the_readme_has_every_reason_with_the_codes_of_its_reply),
        cmocka_unit_test(every_setting_is_in_the_shipped_configuration_with_its_default),
        cmocka_unit_test(the_shipped_configuration_is_the_defaults),
        cmocka_unit_test(the_examples_of_the_shipped_configuration_are_right),
        cmocka_unit_test(the_manual_pages_example_is_right),
        cmocka_unit_test(what_hides_the_state_from_a_service_covers_its_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
