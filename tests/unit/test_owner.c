/* Root among files that are not root's (core/base/owner.h). threads: what one takes the others don't have. */
#include "core/base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534u

/* root/ is root's, theirs/ nobody's, as is what is below it; "private" in root/ is what nobody must reach. */
struct tree {
    char folder[64];
};

static const char *at(const struct tree *t, const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", t->folder, name);
    return path;
}

static void make_folder(const struct tree *t, const char *name, uid_t uid, mode_t mode)
{
    assert_int_equal(mkdir(at(t, name), 0755), 0);
    assert_int_equal(chown(at(t, name), uid, uid), 0);
    assert_int_equal(chmod(at(t, name), mode), 0);
}

static int set_up(void **state)
{
    struct tree *t = calloc(1, sizeof *t);

    if (geteuid() != 0 || t == NULL) {
        *state = t;
        return 0;
    }
    (void)snprintf(t->folder, sizeof t->folder, "/tmp/postern-owner.XXXXXX");
    if (mkdtemp(t->folder) == NULL || chmod(t->folder, 0755) != 0)
        return -1;
    make_folder(t, "root", 0, 0755);
    make_folder(t, "root/private", 0, 0700);
    make_folder(t, "theirs", NOBODY, 0755);
    make_folder(t, "theirs/below", 0, 0755);
    make_folder(t, "loose", 0, 0777);
    make_folder(t, "sticky", 0, 01777);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct tree *t = *state;
    char command[128];
    int result = 0;

    if (t->folder[0] != '\0') {
        (void)snprintf(command, sizeof command, "rm -rf %s", t->folder);
        result = system(command); /* NOLINT: a name of our own */
    }
    free(t);
    return result;
}

static struct tree *of_root(void **state)
{
    struct tree *t = *state;

    if (t->folder[0] == '\0')
        skip();
    return t;
}

static void a_path_is_in_the_hands_of_the_first_who_is_not_root(void **state)
{
    struct tree *t = of_root(state);
    static const struct {
        const char *path, *link;
        bool other;
    } rows[] = {
        {"root", NULL, false},
        {"root/none/at/all", NULL, false},
        {"root//./private/../private/", NULL, false},
        {"theirs", NULL, true},
        {"theirs/none", NULL, true},
        {"theirs/below", NULL, true}, /* root's, but they could have put another one there */
        {"theirs/../root", NULL, true},
        {"sticky/none", NULL, false},
        {"root/link", "../theirs", true}, /* root's own links are followed */
        {"root/link", "private", false},
        {"root/link", "nowhere", false},
        {"theirs/link", "../root/private", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct owner owner = {.uid = 1};
        struct error e = {""};

        if (rows[i].link != NULL)
            assert_int_equal(symlink(rows[i].link, at(t, rows[i].path)), 0);
        if (owner_find(at(t, rows[i].path), &owner, &e) != 0 || owner.other != rows[i].other ||
            (owner.other && (owner.uid != NOBODY || owner.gid != NOBODY)))
            fail_msg("%s: user %u %s", rows[i].path, (unsigned)owner.uid, e.text);
        if (rows[i].link != NULL)
            assert_int_equal(unlink(at(t, rows[i].path)), 0);
    }
}

static void a_ring_of_links_is_said(void **state)
{
    struct tree *t = of_root(state);
    struct owner owner;
    struct error e = {""};

    assert_int_equal(symlink("link", at(t, "root/link")), 0);
    assert_int_equal(owner_find(at(t, "root/link"), &owner, &e), -1);
    assert_non_null(strstr(e.text, "leads nowhere"));
}

static void without_a_descriptor_nothing_is_guessed(void **state)
{
    struct tree *t = of_root(state);
    struct rlimit before, few;
    struct owner owner;
    struct error e = {""};
    int result;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 4; /* one: for "/" */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    result = owner_find(at(t, "theirs"), &owner, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, -1);
    assert_false(owner.other);
    assert_non_null(strstr(e.text, "cannot be looked for"));
}

static void a_link_of_theirs_in_a_folder_for_all_puts_the_path_in_their_hands(void **state)
{
    struct tree *t = of_root(state);
    struct owner owner;

    assert_int_equal(symlink("../root", at(t, "sticky/link")), 0);
    assert_int_equal(lchown(at(t, "sticky/link"), NOBODY, NOBODY), 0);
    assert_int_equal(owner_find(at(t, "sticky/link/private"), &owner, NULL), 0);
    assert_true(owner.other && owner.uid == NOBODY);
}

static void a_folder_of_root_that_a_group_may_write_to_is_in_the_hands_of_the_group(void **state)
{
    static const struct {
        gid_t gid;
        mode_t mode;
        bool other;
        gid_t as;
    } rows[] = {{0, 0777, true, NOBODY}, {0, 0770, false, 0},     {4, 0770, true, 4},  {4, 02775, true, 4},
                {4, 0777, true, 4},      {4, 0757, true, NOBODY}, {4, 0750, false, 0}, {4, 01770, false, 0}};
    struct tree *t = of_root(state);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct owner owner;

        assert_int_equal(chown(at(t, "loose"), 0, rows[i].gid), 0);
        assert_int_equal(chmod(at(t, "loose"), rows[i].mode), 0);
        assert_int_equal(owner_find(at(t, "loose/x"), &owner, NULL), 0);
        assert_int_equal(owner.other, rows[i].other);
        assert_int_equal(owner.shared, rows[i].other);
        assert_int_equal(owner.uid, rows[i].other ? OWNER_NOBODY : 0);
        assert_int_equal(owner.gid, rows[i].as);
    }
}

static int make(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0 ? 0 : errno;
}

static void *in_another_thread(void *arg)
{
    *(int *)arg = (int)owner_now();
    return NULL;
}

static void root_goes_no_further_than_the_owner_could_and_comes_back_whole(void **state)
{
    struct tree *t = of_root(state);
    gid_t before[OWNER_GROUPS_MAX], after[OWNER_GROUPS_MAX];
    int groups = getgroups(OWNER_GROUPS_MAX, before), seen = -1;
    struct owner_visit visit, nested;
    struct stat st;
    struct error e;
    pthread_t thread;

    assert_int_equal(symlink("../root/private/made", at(t, "theirs/lock")), 0);
    assert_int_equal(owner_enter(at(t, "theirs"), &visit, &e), 0);
    assert_int_equal(owner_now(), NOBODY);
    assert_int_equal(make(at(t, "theirs/lock")), EACCES);
    assert_int_equal(make(at(t, "root/made")), EACCES);
    assert_int_equal(make(at(t, "theirs/file")), 0);
    assert_int_equal(pthread_create(&thread, NULL, in_another_thread, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    /* A visit within a visit changes nothing, and its end neither. */
    assert_int_equal(owner_enter(at(t, "root"), &nested, &e), 0);
    owner_leave(&nested);
    assert_int_equal(owner_now(), NOBODY);
    errno = ENOTDIR;
    owner_leave(&visit);
    assert_int_equal(errno, ENOTDIR);
    owner_leave(&visit);

    assert_int_equal(owner_now(), 0);
    assert_int_equal(seen, NOBODY); /* a thread that is made inside is inside */
    assert_int_equal(getgroups(OWNER_GROUPS_MAX, after), groups);
    assert_memory_equal(before, after, (size_t)groups * sizeof *after);
    assert_int_equal(make(at(t, "root/private/made")), 0);
    assert_int_equal(stat(at(t, "theirs/file"), &st), 0);
    assert_int_equal(st.st_uid, NOBODY); /* and belongs to who will need it */
    assert_int_equal(st.st_gid, NOBODY);
}

static void root_may_stay_root_in_a_folder_that_it_shares_itself(void **state)
{
    struct tree *t = of_root(state);
    struct owner_visit visit;
    struct error e;

    assert_int_equal(owner_enter_unshared(at(t, "loose"), &visit, &e), 0);
    assert_int_equal(owner_now(), 0);
    owner_leave(&visit);
    assert_int_equal(owner_enter_unshared(at(t, "theirs"), &visit, &e), 0);
    assert_int_equal(owner_now(), NOBODY);
    owner_leave(&visit);
}

struct meeting {
    const char *path;
    pthread_barrier_t there;
};

static void *visit_there(void *arg)
{
    struct meeting *m = arg;
    struct owner_visit visit;
    intptr_t result = owner_enter(m->path, &visit, NULL);

    (void)pthread_barrier_wait(&m->there); /* inside ... */
    (void)pthread_barrier_wait(&m->there); /* ... while the other looked */
    owner_leave(&visit);
    return (void *)result;
}

static void only_the_thread_that_enters_takes_the_rights(void **state)
{
    struct tree *t = of_root(state);
    struct meeting m = {.path = at(t, "theirs")};
    pthread_t thread;
    void *result;

    assert_int_equal(pthread_barrier_init(&m.there, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, visit_there, &m), 0);
    (void)pthread_barrier_wait(&m.there);
    assert_int_equal(owner_now(), 0);
    assert_int_equal(make(at(t, "root/private/of-another-thread")), 0);
    (void)pthread_barrier_wait(&m.there);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    (void)pthread_barrier_destroy(&m.there);
}

static void who_becomes_the_owner_is_root_no_more(void **state)
{
    struct tree *t = of_root(state);
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        struct owner owner;

        if (owner_find(at(t, "theirs"), &owner, NULL) != 0 || owner_become(&owner, NULL) != 0)
            _exit(1);
        if (setuid(0) == 0 || seteuid(0) == 0 || getgroups(0, NULL) != 1 || getgid() != NOBODY)
            _exit(2);
        _exit(make(at(t, "root/private/x")) == EACCES ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* 77 for what cannot be tried here. */
static int in_a_container(const char *path)
{
    struct owner_visit visit;
    struct owner owner;
    int fd;

    if (unshare(CLONE_NEWUSER) != 0 || (fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC)) < 0)
        return 77;
    if (write(fd, "0 0 1\n", 6) != 6 || close(fd) != 0 || setresuid(0, 0, 0) != 0)
        return 77;
    if (owner_find(path, &owner, NULL) != 0 || owner.other)
        return 1;
    return owner_enter(path, &visit, NULL) == 0 && !visit.inside && owner_now() == 0 ? 0 : 2;
}

static void whom_a_container_does_not_know_nobody_in_it_can_become(void **state)
{
    struct tree *t = of_root(state);
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0)
        _exit(in_a_container(at(t, "theirs")));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void nobody_but_root_has_anything_to_take(void **state)
{
    struct tree *t = of_root(state);
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        struct owner_visit visit;

        if (setuid(NOBODY) != 0)
            _exit(1);
        _exit(owner_enter(at(t, "theirs"), &visit, NULL) == 0 && !visit.inside ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_is_in_the_hands_of_the_first_who_is_not_root),
        TEST(a_ring_of_links_is_said),
        TEST(without_a_descriptor_nothing_is_guessed),
        TEST(a_link_of_theirs_in_a_folder_for_all_puts_the_path_in_their_hands),
        TEST(a_folder_of_root_that_a_group_may_write_to_is_in_the_hands_of_the_group),
        TEST(root_goes_no_further_than_the_owner_could_and_comes_back_whole),
        TEST(root_may_stay_root_in_a_folder_that_it_shares_itself),
        TEST(only_the_thread_that_enters_takes_the_rights),
        TEST(who_becomes_the_owner_is_root_no_more),
        TEST(whom_a_container_does_not_know_nobody_in_it_can_become),
        TEST(nobody_but_root_has_anything_to_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
