/* links: mirror */
/* Readers beside a live writer: each view is one generation whole, old or new, never a mix. */
#include "directory_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/waiting.h"

#define MAILBOXES 400u
#define GENERATIONS 60u
#define READERS 3

/* The generation is told by a setting that all mailboxes share, and by the tenant's figure. */
static void publish_round(const struct fixture *f, unsigned round)
{
    struct writer *w = begin(f);
    struct tenant_facts facts = {.name = "contoso", .smtp_auth = SMTP_AUTH_DISABLED, .recipients_per_day = round};
    struct writer_summary summary;
    struct error e;
    uint32_t tenant;

    must(writer_set_tenant(w, &facts, &tenant, &e), &e);
    for (unsigned i = 0; i < MAILBOXES; i++) {
        char primary[64], proxy[64];

        (void)snprintf(primary, sizeof primary, "user%u@contoso.example", i);
        (void)snprintf(proxy, sizeof proxy, "round%u.user%u@contoso.example", round, i);
        put(tenant,
            &(struct mailbox_line){
                i, round % 2 ? SMTP_AUTH_ENABLED : SMTP_AUTH_DISABLED, primary, NULL, NULL, NULL, {proxy}, NULL});
    }
    summary = finish(w);
    assert_true(summary.published);
    assert_int_equal(summary.generation, round);
}

/* Looks at one view; -1 when it is not one generation whole, else the generation. */
static int64_t look(const struct directory_view *v)
{
    unsigned round = directory_tenant(v, 0)->recipients_per_day;
    uint8_t wanted = round % 2 ? SMTP_AUTH_ENABLED : SMTP_AUTH_DISABLED;

    if (directory_view_generation(v) != round)
        return -1;
    for (unsigned i = 0; i < MAILBOXES; i += 7) {
        struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
        char text[64];
        unsigned n;

        (void)snprintf(text, sizeof text, "user%u@contoso.example", i);
        if (directory_by_address(v, 0, slice_of(text), refs, &n) != DIRECTORY_FOUND || n != 1 ||
            refs[0].smtp_auth != wanted)
            return -1;
        (void)snprintf(text, sizeof text, "round%u.user%u@contoso.example", round, i);
        if (directory_by_address(v, 0, slice_of(text), refs, &n) != DIRECTORY_FOUND)
            return -1;
        (void)snprintf(text, sizeof text, "round%u.user%u@contoso.example", round + 1, i);
        if (directory_by_address(v, 0, slice_of(text), refs, &n) != DIRECTORY_NOT_FOUND)
            return -1;
    }
    return round;
}

struct readers {
    struct directory *directory;
    atomic_bool stop;
    atomic_uint looks, wrong;
};

static void *read_on(void *arg)
{
    struct readers *r = arg;
    struct directory_view *kept = NULL; /* a slow reader: a view is held over several generations */
    int64_t last = 0, kept_round = 0;

    for (unsigned i = 0; !atomic_load(&r->stop); i++) {
        struct directory_view *v = directory_view_get(r->directory);
        int64_t round = look(v);

        atomic_fetch_add(&r->wrong, round < last);
        last = round;
        directory_view_put(r->directory, v);
        if (i % 50 == 0) {
            if (kept != NULL)
                atomic_fetch_add(&r->wrong, look(kept) != kept_round);
            directory_view_put(r->directory, kept);
            kept = directory_view_get(r->directory);
            kept_round = look(kept);
        }
        atomic_fetch_add(&r->looks, 1);
    }
    directory_view_put(r->directory, kept);
    return NULL;
}

static void threads_see_each_generation_whole_while_new_ones_are_published(void **state)
{
    struct readers r = {.looks = 0};
    pthread_t threads[READERS];
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish_round(&f, 1);
    r.directory = open_directory(&f);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &r), 0);
    for (unsigned round = 2; round <= GENERATIONS; round++) {
        publish_round(&f, round);
        assert_int_equal(directory_refresh(r.directory, &e), 1);
        assert_int_equal(directory_generation(r.directory), round);
    }
    atomic_store(&r.stop, true);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    print_message("%u views looked at\n", atomic_load(&r.looks));
    assert_true(atomic_load(&r.looks) >= READERS);
    assert_int_equal(atomic_load(&r.wrong), 0);
    directory_close(r.directory);
    fixture_remove(&f);
}

/* ---- a reader that may write nothing ---- */

#define NOBODY 65534

/* Only root can: own view of the mounts with the folder read-only, and another user. False when the system forbids it.
 */
static bool lose_rights(const struct fixture *f)
{
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount(f->folder, f->folder, NULL, MS_BIND, NULL) == 0 &&
        mount(NULL, f->folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0)
        (void)fputs("the folder is mounted read-only\n", stderr);
    return setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
}

/* Reads until generation GENERATIONS is there. The exit code: 0 when all was well. */
static int read_without_rights(const struct fixture *f, bool root)
{
    struct directory *d = NULL;
    struct error e;

    if (root && (!lose_rights(f) || open(fixture_path(f, "written"), O_WRONLY | O_CREAT, 0600) >= 0))
        return 10;
    if (directory_open(f->folder, &d, &e) != 0)
        return 11;
    for (uint64_t since_ns = clock_boot_ns(); directory_generation(d) < GENERATIONS;) {
        struct directory_view *v;

        if (directory_refresh(d, &e) < 0 && strstr(e.text, "No such file") == NULL) {
            (void)fprintf(stderr, "%s\n", e.text);
            return 12;
        }
        v = directory_view_get(d);
        if (v != NULL && look(v) < 0)
            return 13;
        directory_view_put(d, v);
        if (clock_boot_ns() - since_ns > WAIT_MS * NS_PER_MS)
            return 14;
        (void)usleep(100);
    }
    directory_close(d);
    return 0;
}

static void a_process_that_may_not_write_sees_each_generation_whole(void **state)
{
    bool root = geteuid() == 0;
    struct fixture f;
    int status;
    pid_t child;

    (void)state;
    fixture_make(&f);
    /* As packages make it: what the mirror writes belongs to the group of the programs that read it. */
    assert_int_equal(mkdir(f.folder, 0750), 0);
    if (root) {
        assert_int_equal(chmod(f.top, 0755), 0);
        assert_int_equal(chown(f.folder, 0, NOBODY), 0);
        assert_int_equal(chmod(f.folder, 02750), 0);
    }
    publish_round(&f, 1);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(read_without_rights(&f, root));
    for (unsigned round = 2; round <= GENERATIONS; round++)
        publish_round(&f, round);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(fixture_files(&f, "directory-"), 2);
    assert_int_equal(fixture_files(&f, ""), 4); /* two files, manifest, lock: the reader left nothing */
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_see_each_generation_whole_while_new_ones_are_published),
        cmocka_unit_test(a_process_that_may_not_write_sees_each_generation_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
