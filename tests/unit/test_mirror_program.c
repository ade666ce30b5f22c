/* links: mirror */
/* postern-mirror as a person runs it: options, configuration, exit statuses, what goes where. */
#include "import_fixture.h"

#define main mirror_main
int mirror_main(int argc, char **argv);
#include "mirror/main.c"
#undef main

#include <fcntl.h>
#include <sys/wait.h>

#define ARGUMENTS 16

struct outcome {
    int status;
    char out[8192], err[4096];
};

static void read_file(const char *path, char *text, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, cap - 1);

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
    unlink(path);
}

/* The arguments behind the program's name, ended by NULL. */
static struct outcome call(const struct fixture *f, const char *const *arguments)
{
    static struct outcome o;
    char *argv[ARGUMENTS + 1] = {(char *)(uintptr_t) "postern-mirror"};
    char out[96], err[96];
    struct buf b = BUF_OVER(out);
    int argc = 1, status;
    pid_t pid;

    for (; *arguments != NULL && argc < ARGUMENTS; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    buf_addf(&b, "%s/stdout", f->folder);
    b = BUF_OVER(err);
    buf_addf(&b, "%s/stderr", f->folder);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (freopen(out, "w", stdout) == NULL || freopen(err, "w", stderr) == NULL)
            _exit(99);
        optind = 1;
        status = mirror_main(argc, argv);
        (void)fflush(NULL);
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    o.status = WEXITSTATUS(status);
    read_file(out, o.out, sizeof o.out);
    read_file(err, o.err, sizeof o.err);
    return o;
}
#define CALL(f, ...) call((f), (const char *const[]){__VA_ARGS__, NULL})

#define CAS                                                                                                            \
    "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\na@contoso.example,\nb@contoso.example,\nc@contoso.example,"  \
    "\n"                                                                                                               \
    "d@contoso.example,\n"

static void the_exit_status_tells_done_failed_misused_and_refused_apart(void **state)
{
    struct fixture *f = *state;
    struct outcome o;

    give(f, "cas.csv", CAS);
    give(f, "less.csv", "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\na@contoso.example,\n");
    give(f, "bad.csv", "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\na@contoso.example\n");
    o = CALL(f, "import", "-d", f->directory, "--tenant", "contoso", f->paths[0]);
    assert_int_equal(o.status, 0);
    assert_says(o.out, "contoso: 4 mailboxes (0 enabled, 0 disabled, 4 inherit, 0 unknown)");
    assert_string_equal(o.err, "");
    o = CALL(f, "import", "-d", f->directory, "--tenant", "contoso", f->paths[1]);
    assert_int_equal(o.status, 3);
    assert_string_equal(o.out, "");
    assert_says(o.err, "postern-mirror: of the 4 mailboxes of contoso this run would drop 3");
    o = CALL(f, "import", "-d", f->directory, "--tenant", "contoso", f->paths[2]);
    assert_int_equal(o.status, 1);
    assert_says(o.err, "bad.csv: line 2: ");
    o = CALL(f, "import", "-d", f->directory, "--tenant", "contoso", "--dry-run", "--force", f->paths[1]);
    assert_int_equal(o.status, 0);
    assert_says(o.out, "removed d@contoso.example");
    o = CALL(f, "import", "-d", f->directory, "--tenant", "contoso", "--max-change", "75", f->paths[1]);
    assert_int_equal(o.status, 0);
    o = CALL(f, "show", "-d", f->directory, "a@contoso.example");
    assert_int_equal(o.status, 0);
    assert_says(o.out, "SMTP AUTH                      inherit");
    o = CALL(f, "show", "-d", f->directory, "d@contoso.example");
    assert_int_equal(o.status, 1);
}

static const struct {
    const char *arguments[6];
    const char *error;
} misuses[] = {
    {{"import", "file"}, "import needs --tenant NAME"},
    {{"import", "--tenant", "contoso"}, "import needs at least one file"},
    {{"import", "--tenant", "contoso", "--kind", "printer", "file"}, "there is none called \"printer\""},
    {{"import", "--tenant", "contoso", "--max-change", "101", "file"}, "from 0 to 100, not \"101\""},
    {{"import", "--max-change", "-1"}, "from 0 to 100, not \"-1\""},
    {{"import", "--colour"}, "unrecognized option"},
    {{"show", "a@contoso.example", "b@contoso.example"}, "unexpected argument"},
    {{"export"}, "export takes --dovecot-deny FILE and nothing else"},
    {{"export", "--dovecot-deny", "list", "file"}, "and nothing else \"file\""},
    {{"exports"}, "exports"},
    {{NULL}, "a command is needed: sync, import, show"},
};

static void wrong_options_are_misuse(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        const char *arguments[7] = {NULL};
        struct outcome o;

        for (size_t j = 0; j < 6; j++)
            arguments[j] = misuses[i].arguments[j];
        o = call(f, arguments);
        assert_int_equal(o.status, 2);
        assert_says(o.err, misuses[i].error);
        assert_says(o.err, "usage: postern-mirror");
    }
}

static void help_and_version_are_no_errors(void **state)
{
    struct fixture *f = *state;
    struct outcome o = CALL(f, "--help");

    assert_int_equal(o.status, 0);
    for (int i = 0; i < KINDS; i++)
        assert_says(o.out, kind_option((enum kind)i));
    o = CALL(f, "import", "--help");
    assert_int_equal(o.status, 0);
    o = CALL(f, "-V");
    assert_int_equal(o.status, 0);
    assert_says(o.out, "postern-mirror ");
}

static void every_kind_can_be_named_by_its_option_and_its_cmdlet(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        assert_int_equal(kind_named(slice_of(kind_option((enum kind)i))), i);
        assert_int_equal(kind_named(slice_of(kind_name((enum kind)i))), i);
    }
    assert_int_equal(kind_named(SLICE("get-casMAILBOX")), KIND_CAS_MAILBOX);
}

static void the_configuration_says_where_the_directory_is_and_how_much_may_change(void **state)
{
    struct fixture *f = *state;
    char config[1024], path[128];
    struct buf b = BUF_OVER(config);
    struct outcome o;

    buf_addf(&b, "directory = \"%s\";\nmirror = { max_change = 75; };\n", f->directory);
    give_bytes(f, "postern.conf", buf_slice(&b));
    give(f, "cas.csv", CAS);
    give(f, "less.csv", "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\na@contoso.example,\n");
    b = BUF_OVER(path);
    buf_addf(&b, "%s/postern.conf", f->folder);
    o = CALL(f, "import", "-c", path, "--tenant", "contoso", f->paths[1]);
    if (o.status != 0)
        fail_msg("%s", o.err);
    o = CALL(f, "import", "-c", path, "--tenant", "contoso", f->paths[2]);
    if (o.status != 0)
        fail_msg("%s", o.err);
    assert_int_equal(generation(f), 2);
    o = CALL(f, "import", "-c", "/nowhere/postern.conf", "--tenant", "contoso", f->paths[2]);
    assert_int_equal(o.status, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(the_exit_status_tells_done_failed_misused_and_refused_apart),
        T(wrong_options_are_misuse),
        T(help_and_version_are_no_errors),
        T(every_kind_can_be_named_by_its_option_and_its_cmdlet),
        T(the_configuration_says_where_the_directory_is_and_how_much_may_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
