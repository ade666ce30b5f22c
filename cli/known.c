#include "cli/known.h"

#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void look_apart(const struct cli *cli, struct slice name, int to)
{
    struct report_files own = {.config_path = cli->files.config_path, .config = cli->files.config};
    struct known found = {.checked = false};
    struct error e;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere >= 0)
        (void)dup2(nowhere, STDERR_FILENO);
    if (files_leave_root(&own, &e) == 0)
        known_look(&own, SLICE(SCOPE_ALL), name, true, &found);
    (void)write_whole(to, (struct slice){(const char *)&found, sizeof found});
    _exit(0);
}

void known_user(const struct cli *cli, struct slice name, struct known *out)
{
    struct known got;
    int ends[2], status;
    pid_t child;
    ssize_t n;

    *out = (struct known){.checked = false};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    (void)fflush(NULL);
    child = fork();
    if (child == 0)
        look_apart(cli, name, ends[1]);
    (void)close(ends[1]);
    /* Less than a pipe takes at once. */
    do
        n = child > 0 ? read(ends[0], &got, sizeof got) : 0;
    while (n < 0 && errno == EINTR);
    (void)close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (n != (ssize_t)sizeof got) {
        (void)cli_fail(cli, "whether anybody has that name could not be looked up: the directory or the journal may be "
                            "damaged");
        return;
    }
    got.mailbox[ADDRESS_MAX] = got.near[ADDRESS_MAX] = got.several[sizeof got.several - 1] = '\0';
    *out = got;
}

const char *known_login(const struct cli *cli, const char *name, const struct known *known)
{
    char shown[4 * TEXT_SHOWN_MAX + 8], mailbox[4 * ADDRESS_MAX + 8];

    (void)text_plain(shown, sizeof shown, slice_of(name));
    if (known->several[0] != '\0') {
        (void)cli_fail(cli, "\"%s\" is %s: which one? Give an address", shown, known->several);
        return NULL;
    }
    if (known->named == MAILBOX_NAME_NONE)
        return name;
    (void)cli_fail(cli, "\"%s\" is the %s of %s", shown, mailbox_name_word(known->named),
                   text_plain(mailbox, sizeof mailbox, slice_of(known->mailbox)));
    return known->mailbox;
}
