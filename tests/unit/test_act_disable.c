/* links: cli */
/* What becomes of a request to switch SMTP AUTH off that "postern act" has left to postern-mirror. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/act_disable.h"
#include "core/notice/alert.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "1-a" ACT_ENDING

static char spool[] = "/tmp/postern-act-disable.XXXXXX";
static char folder[64], request[80], reply[96];

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(spool) == NULL)
        return -1;
    (void)snprintf(folder, sizeof folder, "%s/" ALERT_REQUESTS, spool);
    (void)snprintf(request, sizeof request, "%s/" NAME, folder);
    (void)snprintf(reply, sizeof reply, "%s/" ALERT_REPLIES, folder);
    if (mkdir(folder, 0750) != 0 || mkdir(reply, 0750) != 0)
        return -1;
    (void)snprintf(reply, sizeof reply, "%s/" ALERT_REPLIES "/" NAME, folder);
    return 0;
}

static int tear_down(void **state)
{
    char replies[96];

    (void)state;
    (void)snprintf(replies, sizeof replies, "%s/" ALERT_REPLIES, folder);
    return rmdir(replies) == 0 && rmdir(folder) == 0 && rmdir(spool) == 0 ? 0 : -1;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool ended(int64_t waited_s, struct act_outcome *out)
{
    const struct config config = {.spool = spool};
    const struct act act = {.id = "1-a", .verb = ACT_DISABLE};

    *out = (struct act_outcome){.state = ACT_DONE};
    return act_disable_ended(&config, &act, waited_s, out);
}

static void the_reply_says_how_it_ended(void **state)
{
    static const struct {
        const char *reply;
        enum act_state state;
        const char *said;
    } rows[] = {
        {"done\ndone; applied now", ACT_DONE, "done; applied now"},
        {"failed\nno \x1b[31mpermission\n", ACT_FAILED, "no \\x1b[31mpermission\\x0a"},
        {"done", ACT_DONE, ""},
        {"done \n", ACT_FAILED, ""},
        {"", ACT_FAILED, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct act_outcome out;

        put(reply, rows[i].reply);
        put(request, "{}");
        assert_false(ended(1, &out)); /* the request is removed behind the reply */
        assert_int_equal(unlink(request), 0);
        assert_true(ended(1, &out));
        assert_int_equal(out.state, rows[i].state);
        assert_string_equal(out.said, rows[i].said);
        assert_int_equal(access(reply, F_OK), -1);
    }
}

static void a_request_without_a_reply_is_not_known_to_be_done(void **state)
{
    struct act_outcome out;

    (void)state;
    assert_true(ended(1, &out));
    assert_int_equal(out.state, ACT_UNKNOWN);
    assert_int_equal(symlink("/etc/passwd", reply), 0);
    assert_true(ended(1, &out));
    assert_int_equal(out.state, ACT_UNKNOWN);
    assert_int_equal(unlink(reply), 0);
}

static void what_nobody_takes_is_taken_back(void **state)
{
    struct act_outcome out;
    int busy;

    (void)state;
    put(request, "{}");
    assert_false(ended(89, &out));
    assert_true(ended(90, &out));
    assert_int_equal(out.state, ACT_FAILED);
    assert_non_null(strstr(out.said, "nothing was done"));
    assert_int_equal(access(request, F_OK), -1);

    /* postern-mirror works, perhaps at this. */
    put(request, "{}");
    assert_true((busy = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
    assert_int_equal(flock(busy, LOCK_EX | LOCK_NB), 0);
    assert_false(ended(ACT_REPLY_S - 1, &out));
    assert_true(ended(ACT_REPLY_S, &out));
    assert_int_equal(out.state, ACT_UNKNOWN);
    assert_int_equal(access(request, F_OK), -1);
    assert_int_equal(close(busy), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reply_says_how_it_ended),
        cmocka_unit_test(a_request_without_a_reply_is_not_known_to_be_done),
        cmocka_unit_test(what_nobody_takes_is_taken_back),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
