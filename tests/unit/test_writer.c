/* links: mirror */
/* What a run of the mirror leaves behind: the right directory, or exactly what was there before. */
#include "directory_fixture.h"

#include "mirror/build/sorter.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* ---- a model: what the directory must say, worked out the slow way ---- */

#define MODEL_MAILBOXES 24
#define MODEL_TENANTS 2

struct model_mailbox {
    bool there;
    struct mailbox_line line;
    char primary[48], upn[48], alias[24], proxy[2][48];
};

static void model_randomize(struct model_mailbox *m, unsigned number, uint64_t *seed)
{
    static const char *const domains[] = {"contoso.example", "fabrikam.example", "contoso.local"};

    /* Few names, so that identities meet. */
    (void)snprintf(m->primary, sizeof m->primary, "u%u@%s", (unsigned)next_random(seed) % 12,
                   domains[next_random(seed) % 2]);
    (void)snprintf(m->upn, sizeof m->upn, "u%u@%s", (unsigned)next_random(seed) % 12, domains[next_random(seed) % 3]);
    (void)snprintf(m->alias, sizeof m->alias, "u%u", (unsigned)next_random(seed) % 12);
    for (int i = 0; i < 2; i++)
        (void)snprintf(m->proxy[i], sizeof m->proxy[i], "u%u@%s", (unsigned)next_random(seed) % 12,
                       domains[next_random(seed) % 2]);
    m->there = true;
    m->line = (struct mailbox_line){.number = number,
                                    .smtp_auth = (enum smtp_auth)(next_random(seed) % 4),
                                    .primary = m->primary,
                                    .upn = m->upn,
                                    .alias = m->alias,
                                    .account = NULL,
                                    .proxies = {m->proxy[0], next_random(seed) % 2 ? m->proxy[1] : NULL}};
}

static unsigned model_bits(const struct model_mailbox *m, bool account, const char *text)
{
    unsigned bits = 0;

    if (!m->there)
        return 0;
    if (account)
        return strcmp(m->alias, text) == 0 ? IDENTITY_ALIAS : 0;
    for (int i = 0; i < 2 && m->line.proxies[i] != NULL; i++)
        bits |= strcmp(m->line.proxies[i], text) == 0 ? IDENTITY_PROXY : 0;
    bits |= strcmp(m->primary, text) == 0 ? IDENTITY_PRIMARY : 0;
    return bits | (strcmp(m->upn, text) == 0 ? IDENTITY_UPN : 0);
}

/* Every identity that could be there, asked of directory and model. The number of those that are. */
static unsigned model_compare(const struct directory_view *v, uint32_t tenant, const struct model_mailbox *mailboxes)
{
    static const char *const domains[] = {"@contoso.example", "@fabrikam.example", "@contoso.local", ""};
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned identities = 0;

    for (unsigned form = 0; form < 4; form++) {
        for (unsigned name = 0; name < 12; name++) {
            unsigned n, expected = 0, matched = 0;
            char text[48];
            enum directory_result result;

            (void)snprintf(text, sizeof text, "u%u%s", name, domains[form]);
            result = form == 3 ? directory_by_account(v, tenant, slice_of(text), refs, &n)
                               : directory_by_address(v, tenant, slice_of(text), refs, &n);
            for (unsigned i = 0; i < MODEL_MAILBOXES; i++) {
                unsigned bits = model_bits(&mailboxes[i], form == 3, text);
                struct mailbox_id id = mailbox_number(i);

                expected += bits != 0;
                for (unsigned k = 0; k < n; k++)
                    matched += memcmp(refs[k].id.b, id.b, sizeof id.b) == 0 && refs[k].identity == bits &&
                               refs[k].smtp_auth == mailboxes[i].line.smtp_auth;
            }
            identities += expected > 0;
            if (expected > DIRECTORY_CLAIMS_MAX) {
                assert_int_equal(result, DIRECTORY_DAMAGED);
                continue;
            }
            assert_int_equal(result, expected > 0 ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND);
            assert_int_equal(n, expected);
            assert_int_equal(matched, expected);
        }
    }
    return identities;
}

static void after_any_sequence_of_runs_the_directory_says_what_was_put(void **state)
{
    static struct model_mailbox model[MODEL_TENANTS][MODEL_MAILBOXES];
    struct fixture f;
    uint64_t seed = 7;

    (void)state;
    fixture_make(&f);
    for (int run = 0; run < 60; run++) {
        struct writer *w = begin(&f);
        struct directory_totals totals;
        struct directory_view *v;
        struct directory *d;
        unsigned identities = 0, there = 0;
        struct error e;

        (void)add_tenant(w, "contoso", run);
        (void)add_tenant(w, "fabrikam", run);
        for (unsigned operation = 0; operation < next_random(&seed) % 30; operation++) {
            uint32_t tenant = (uint32_t)(next_random(&seed) % MODEL_TENANTS);
            unsigned i = (unsigned)(next_random(&seed) % MODEL_MAILBOXES);
            struct mailbox_id id = mailbox_number(i);

            if (next_random(&seed) % 3 == 0) {
                puts_delete(tenant, &id);
                model[tenant][i].there = false;
            } else {
                model_randomize(&model[tenant][i], i, &seed);
                put(tenant, &model[tenant][i].line);
            }
        }
        (void)finish(w);
        must(directory_verify(f.folder, &totals, &e), &e);
        d = open_directory(&f);
        v = directory_view_get(d);
        for (uint32_t tenant = 0; tenant < MODEL_TENANTS; tenant++) {
            unsigned mine = 0;

            for (unsigned i = 0; i < MODEL_MAILBOXES; i++)
                mine += model[tenant][i].there;
            assert_int_equal(directory_tenant(v, tenant)->mailboxes, mine);
            assert_int_equal(directory_tenant(v, tenant)->settings_at, run);
            identities += model_compare(v, tenant, model[tenant]);
            there += mine;
        }
        assert_int_equal(totals.mailboxes, there);
        assert_int_equal(totals.identities, identities);
        directory_view_put(d, v);
        directory_close(d);
    }
    assert_true(fixture_files(&f, "directory-") <= 2);
    fixture_remove(&f);
}

/* ---- single rules ---- */

static const struct mailbox_line sean = {1,   SMTP_AUTH_ENABLED, "sean@contoso.example", NULL, "sean", NULL, {NULL},
                                         NULL};
static const struct mailbox_line sean_off = {
    1, SMTP_AUTH_DISABLED, "sean@contoso.example", NULL, "sean", NULL, {NULL}, NULL};
static const struct mailbox_line anna = {2,   SMTP_AUTH_ENABLED, "anna@contoso.example", NULL, "anna", NULL, {NULL},
                                         NULL};

static void publish(const struct fixture *f, const struct mailbox_line *a, const struct mailbox_line *b)
{
    struct writer *w = begin(f);
    uint32_t tenant = add_tenant(w, "contoso", 1);

    put(tenant, a);
    if (b != NULL)
        put(tenant, b);
    (void)finish(w);
}

static void a_run_that_changes_nothing_publishes_nothing(void **state)
{
    static const struct accepted_domain domain = {SLICE("contoso.example"), DOMAIN_AUTHORITATIVE, false, 0};
    struct mailbox_id one = mailbox_number(1), two = mailbox_number(2);
    struct writer_summary summary;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    for (int run = 0; run < 3; run++) {
        struct writer *w = begin(&f);
        uint32_t tenant = add_tenant(w, "contoso", run);

        must(writer_set_domains(w, tenant, &domain, 1, &e), &e);
        must(writer_replace_rights(w, tenant, RIGHT_SEND_AS, &e), &e);
        must(writer_add_right(w, tenant, &one, &two, RIGHT_SEND_AS, &e), &e);
        put(tenant, &anna);
        put(tenant, &sean);
        summary = finish(w);
        assert_int_equal(summary.published, run == 0);
        assert_int_equal(summary.generation, 1);
        assert_int_equal(summary.added, run == 0 ? 2 : 0);
        assert_int_equal(summary.rights, 1);
        assert_int_equal(summary.domains, 1);
    }
    assert_int_equal(fixture_files(&f, ".next"), 0);
    fixture_remove(&f);
}

static void the_last_of_several_operations_on_a_mailbox_counts(void **state)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct mailbox_id id = mailbox_number(1);
    struct writer_summary summary;
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    struct writer *w;
    unsigned n;

    (void)state;
    fixture_make(&f);
    publish(&f, &sean, &anna);
    w = begin(&f); /* changed, and changed back */
    put(0, &sean_off);
    put(0, &sean);
    assert_false(finish(w).published);
    w = begin(&f); /* deleted, and put again with another setting */
    puts_delete(0, &id);
    put(0, &sean_off);
    summary = finish(w);
    assert_true(summary.published);
    assert_int_equal(summary.changed, 1);
    assert_int_equal(summary.deleted, 0);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(directory_by_account(v, 0, SLICE("sean"), refs, &n), DIRECTORY_FOUND);
    assert_int_equal(refs[0].smtp_auth, SMTP_AUTH_DISABLED);
    directory_view_put(d, v);
    directory_close(d);
    w = begin(&f);
    put(0, &sean);
    puts_delete(0, &id);
    summary = finish(w);
    assert_int_equal(summary.deleted, 1);
    assert_int_equal(summary.mailboxes, 1);
    assert_int_equal(summary.identities, 2);
    fixture_remove(&f);
}

static void a_writer_answers_with_the_last_generation(void **state)
{
    struct mailbox_id id = mailbox_number(1);
    struct mailbox_record r;
    struct fixture f;
    struct writer *w;
    struct error e;

    (void)state;
    fixture_make(&f);
    w = begin(&f);
    assert_null(writer_before(w));
    assert_null(writer_tenant_before(w, SLICE("contoso")));
    writer_close(w);
    publish(&f, &sean, NULL);
    w = begin(&f);
    puts_delete(0, &id);
    must(puts_write(w, &e), &e);
    assert_int_equal(directory_mailbox(writer_before(w), 0, &id, &r), DIRECTORY_FOUND);
    assert_int_equal(writer_tenant_before(w, SLICE("contoso"))->mailboxes, 1);
    writer_close(w);
    fixture_remove(&f);
}

static struct mailbox_record stored(const struct writer *w, unsigned number)
{
    struct mailbox_id id = mailbox_number(number);
    struct mailbox_record r;

    assert_int_equal(directory_mailbox(writer_before(w), 0, &id, &r), DIRECTORY_FOUND);
    return r;
}

static void a_run_that_skips_a_stored_mailbox_or_leaves_the_order_is_refused(void **state)
{
    struct mailbox_record one, two;
    struct writer_summary summary;
    struct fixture f;
    struct writer *w;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish(&f, &sean, &anna);
    w = begin(&f); /* anna's id is the lower one */
    one = stored(w, 1);
    two = stored(w, 2);
    must(writer_put_mailbox(w, 0, &one, &one, &e), &e);
    assert_int_equal(writer_put_mailbox(w, 0, &two, &two, &e), -1);
    assert_non_null(strstr(e.text, "ascending"));
    writer_close(w);
    w = begin(&f);
    one = stored(w, 1);
    must(writer_put_mailbox(w, 0, &one, &one, &e), &e);
    assert_int_equal(writer_finish(w, &summary, &e), -1);
    assert_non_null(strstr(e.text, "1 of its 2 mailboxes"));
    writer_close(w);
    w = begin(&f); /* under another id it is the same mailbox */
    one = stored(w, 1);
    two = stored(w, 2);
    must(writer_put_mailbox(w, 0, &two, &two, &e), &e);
    {
        struct mailbox_record moved = one;

        moved.id = mailbox_number(3);
        must(writer_put_mailbox(w, 0, &one, &moved, &e), &e);
    }
    must(writer_finish(w, &summary, &e), &e);
    assert_int_equal(summary.changed, 1);
    assert_int_equal(summary.added + summary.deleted, 0);
    assert_int_equal(summary.mailboxes, 2);
    writer_close(w);
    fixture_remove(&f);
}

static void the_mailboxes_of_other_tenants_stay_on_either_side_of_the_run(void **state)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct directory_totals totals;
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    struct writer *w;
    struct error e;
    unsigned n;

    (void)state;
    fixture_make(&f);
    w = begin(&f);
    for (uint32_t tenant = 0; tenant < 3; tenant++) {
        static const char *const names[] = {"contoso", "fabrikam", "tailspin"};

        put(add_tenant(w, names[tenant], 1), &sean);
        put(tenant, &anna);
    }
    (void)finish(w);
    w = begin(&f);
    put(1, &sean_off);
    assert_int_equal(finish(w).mailboxes, 6);
    must(directory_verify(f.folder, &totals, &e), &e);
    assert_int_equal(totals.identities, 12);
    d = open_directory(&f);
    v = directory_view_get(d);
    for (uint32_t tenant = 0; tenant < 3; tenant++) {
        assert_int_equal(directory_by_account(v, tenant, SLICE("sean"), refs, &n), DIRECTORY_FOUND);
        assert_int_equal(refs[0].smtp_auth, tenant == 1 ? SMTP_AUTH_DISABLED : SMTP_AUTH_ENABLED);
        assert_int_equal(directory_tenant(v, tenant)->mailboxes, 2);
    }
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void tenants_keep_their_index_whatever_the_order(void **state)
{
    struct fixture f;
    struct writer *w;

    (void)state;
    fixture_make(&f);
    w = begin(&f);
    assert_int_equal(add_tenant(w, "contoso", 1), 0);
    assert_int_equal(add_tenant(w, "fabrikam", 1), 1);
    assert_int_equal(add_tenant(w, "contoso", 1), 0);
    (void)finish(w);
    w = begin(&f);
    assert_int_equal(add_tenant(w, "northwind", 1), 2);
    assert_int_equal(add_tenant(w, "fabrikam", 1), 1);
    (void)finish(w);
    w = begin(&f);
    assert_int_equal(writer_tenant_before(w, SLICE("northwind"))->tenant, 2);
    assert_int_equal(add_tenant(w, "northwind", 1), 2);
    writer_close(w);
    fixture_remove(&f);
}

static unsigned right_of(const struct directory_view *v, uint32_t tenant, unsigned trustee, unsigned target)
{
    struct mailbox_id from = mailbox_number(trustee), to = mailbox_number(target);
    unsigned rights;

    assert_int_not_equal(directory_rights(v, tenant, &from, &to, &rights), DIRECTORY_DAMAGED);
    return rights;
}

static void add_right(struct writer *w, uint32_t tenant, unsigned trustee, unsigned target, unsigned kinds)
{
    struct mailbox_id from = mailbox_number(trustee), to = mailbox_number(target);
    struct error e;

    must(writer_add_right(w, tenant, &from, &to, kinds, &e), &e);
}

static void only_rights_of_the_replaced_kinds_and_tenant_go(void **state)
{
    struct mailbox_id id = mailbox_number(1);
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    struct writer *w;
    struct error e;

    (void)state;
    fixture_make(&f);
    w = begin(&f);
    for (uint32_t tenant = 0; tenant < 2; tenant++) {
        (void)add_tenant(w, tenant == 0 ? "contoso" : "fabrikam", 1);
        must(writer_replace_rights(w, tenant, RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF, &e), &e);
        add_right(w, tenant, 1, 2, RIGHT_SEND_AS);
        add_right(w, tenant, 1, 2, RIGHT_SEND_ON_BEHALF);
        add_right(w, tenant, 1, 3, RIGHT_SEND_AS);
        add_right(w, tenant, 3, 1, RIGHT_SEND_ON_BEHALF);
    }
    assert_int_equal(finish(w).rights, 6);
    w = begin(&f);
    assert_int_equal(writer_add_right(w, 0, &id, &id, RIGHT_SEND_AS, &e), -1);
    writer_close(w);
    w = begin(&f);
    must(writer_replace_rights(w, 0, RIGHT_SEND_AS, &e), &e);
    add_right(w, 0, 2, 1, RIGHT_SEND_AS);
    assert_int_equal(finish(w).rights, 6);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(right_of(v, 0, 1, 2), RIGHT_SEND_ON_BEHALF);
    assert_int_equal(right_of(v, 0, 1, 3), 0);
    assert_int_equal(right_of(v, 0, 3, 1), RIGHT_SEND_ON_BEHALF);
    assert_int_equal(right_of(v, 0, 2, 1), RIGHT_SEND_AS);
    assert_int_equal(right_of(v, 1, 1, 2), RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF);
    assert_int_equal(right_of(v, 1, 1, 3), RIGHT_SEND_AS);
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void domains_stay_until_their_tenant_brings_a_list(void **state)
{
    static const struct accepted_domain lists[][2] = {
        {{SLICE("contoso.example"), DOMAIN_AUTHORITATIVE, false, 0},
         {SLICE("old.example"), DOMAIN_INTERNAL_RELAY, true, 0}},
        {{SLICE("contoso.example"), DOMAIN_AUTHORITATIVE, false, 0},
         {SLICE("new.example"), DOMAIN_AUTHORITATIVE, false, 0}},
    };
    static const char *const expected[] = {"old.example", "old.example", "new.example"};
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    for (unsigned run = 0; run < 3; run++) {
        struct writer *w = begin(&f);
        uint32_t tenant = add_tenant(w, "contoso", 1);
        struct domain_fact fact;
        struct directory_view *v;
        struct directory *d;

        put(tenant, run == 1 ? &sean_off : &sean);
        if (run != 1)
            must(writer_set_domains(w, tenant, lists[run / 2], 2, &e), &e);
        assert_int_equal(finish(w).domains, 2);
        d = open_directory(&f);
        v = directory_view_get(d);
        assert_int_equal(directory_domain(v, slice_of(expected[run]), &fact), DIRECTORY_FOUND);
        assert_int_equal(fact.match_subdomains, run < 2);
        directory_view_put(d, v);
        directory_close(d);
    }
    fixture_remove(&f);
}

static void an_identity_with_two_claims_is_reported_with_both_primaries(void **state)
{
    static const struct mailbox_line other = {
        3, SMTP_AUTH_DISABLED, "sean.b@contoso.example", NULL, "sean", NULL, {"sean@contoso.example"}, NULL};
    struct identity_conflict conflict;
    struct writer_summary summary;
    struct slice primary;
    struct fixture f;
    struct writer *w;
    struct error e;
    unsigned n = 0;

    (void)state;
    fixture_make(&f);
    publish(&f, &sean, &anna);
    w = begin(&f);
    put(0, &other);
    must(puts_write(w, &e), &e);
    must(writer_finish(w, &summary, &e), &e);
    assert_int_equal(summary.conflicts, 2);
    assert_true(writer_conflict(w, 0, &conflict));
    assert_true(slice_eq(conflict.identity, SLICE("sean@contoso.example")));
    assert_false(conflict.account);
    assert_int_equal(conflict.claims, 2);
    while (packed_next(&conflict.primaries, &primary)) {
        assert_true(slice_eq(primary, SLICE("sean@contoso.example")) ||
                    slice_eq(primary, SLICE("sean.b@contoso.example")));
        n++;
    }
    assert_int_equal(n, 2);
    assert_true(writer_conflict(w, 1, &conflict));
    assert_true(conflict.account);
    assert_false(writer_conflict(w, 2, &conflict));
    writer_close(w);
    fixture_remove(&f);
}

static void what_breaks_a_rule_of_the_record_is_refused(void **state)
{
    static char long_name[MAILBOX_NAME_MAX + 2];
    const struct mailbox_record good = {.primary = SLICE("sean@contoso.example")};
    struct mailbox_record rows[9];
    struct fixture f;
    struct writer *w;
    struct error e;

    (void)state;
    memset(long_name, 'x', sizeof long_name - 1);
    for (size_t i = 0; i < 9; i++)
        rows[i] = good;
    rows[0].primary = SLICE("");
    rows[1].primary = SLICE("sean");
    rows[2].primary = SLICE("@contoso.example");
    rows[3].upn = SLICE("sean");
    rows[4].alias = slice_of(long_name);
    rows[5].name = SLICE("a\nb");
    rows[6].proxies = SLICE("\x05\x00"
                            "abc");
    rows[7].proxies = SLICE("\x03\x00"
                            "abc");
    rows[8].smtp_auth = (enum smtp_auth)4;
    fixture_make(&f);
    w = begin(&f);
    assert_int_equal(writer_put_mailbox(w, 0, NULL, &good, &e), -1); /* no such tenant */
    (void)add_tenant(w, "contoso", 1);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(writer_put_mailbox(w, 0, NULL, &rows[i], &e), -1);
        print_message("%s\n", e.text);
    }
    must(writer_put_mailbox(w, 0, NULL, &good, &e), &e);
    assert_int_equal(finish(w).mailboxes, 1);
    fixture_remove(&f);
}

static void a_tenant_that_cannot_be_is_refused(void **state)
{
    struct tenant_facts rows[5] = {{.name = ""},
                                   {.name = "a b"},
                                   {.name = "ok", .organization = "a b"},
                                   {.name = "ok", .smtp_auth = SMTP_AUTH_INHERIT},
                                   {.name = "ok"}};
    struct fixture f;
    struct writer *w;
    uint32_t index;
    struct error e;

    (void)state;
    memset(rows[4].source, 'x', sizeof rows[4].source);
    fixture_make(&f);
    w = begin(&f);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(writer_set_tenant(w, &rows[i], &index, &e), -1);
    writer_close(w);
    assert_int_equal(fixture_files(&f, "directory-"), 0);
    fixture_remove(&f);
}

/* ---- failures ---- */

static void a_second_writer_is_told_the_pid_of_the_first(void **state)
{
    struct writer *first, *second = NULL;
    struct fixture f;
    struct error e;
    char pid[32];

    (void)state;
    fixture_make(&f);
    first = begin(&f);
    assert_int_equal(writer_begin(f.folder, &second, &e), -1);
    (void)snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    assert_non_null(strstr(e.text, pid));
    writer_close(first);
    writer_close(begin(&f));
    fixture_remove(&f);
}

static void a_run_that_is_given_up_leaves_nothing(void **state)
{
    struct writer_summary summary;
    struct fixture f;
    struct writer *w;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish(&f, &sean, NULL);
    w = begin(&f);
    put(0, &anna);
    writer_close(w);
    w = begin(&f);
    must(writer_finish(w, &summary, &e), &e);
    assert_false(summary.published);
    assert_int_equal(summary.mailboxes, 1);
    assert_int_equal(writer_finish(w, &summary, &e), -1);
    writer_close(w);
    assert_int_equal(fixture_files(&f, ".next"), 0);
    assert_int_equal(fixture_files(&f, "directory-"), 1);
    fixture_remove(&f);
}

static void a_damaged_directory_is_not_written_over(void **state)
{
    struct directory_totals totals;
    struct writer *w = NULL;
    struct fixture f;
    struct error e;
    char moved[512];

    (void)state;
    fixture_make(&f);
    publish(&f, &sean, &anna);
    publish(&f, &sean_off, NULL);
    assert_int_equal(truncate(fixture_path(&f, "directory-0000000002.mdb"), 4096), 0);
    assert_int_equal(writer_begin(f.folder, &w, &e), -1);
    print_message("%s\n", e.text);
    assert_non_null(strstr(e.text, "To start over"));
    (void)snprintf(moved, sizeof moved, "%s/current.damaged", f.folder);
    assert_int_equal(rename(fixture_path(&f, "current"), moved), 0);
    publish(&f, &anna, NULL); /* a new beginning, with a number that was never used */
    must(directory_verify(f.folder, &totals, &e), &e);
    assert_int_equal(totals.generation, 3);
    assert_int_equal(totals.mailboxes, 1);
    fixture_remove(&f);
}

/* A run in a process of its own that turns the setting of many mailboxes. 0: published. */
#define MANY 1000u

static int run_many(const struct fixture *f, enum smtp_auth setting)
{
    struct writer *w = NULL;
    struct writer_summary summary;
    struct error e;
    uint32_t tenant;

    if (writer_begin(f->folder, &w, &e) != 0)
        return -1;
    tenant = add_tenant(w, "contoso", 1);
    for (unsigned i = 0; i < MANY; i++) {
        char primary[64], alias[32];

        (void)snprintf(primary, sizeof primary, "user%u@contoso.example", i);
        (void)snprintf(alias, sizeof alias, "user%u", i);
        put(tenant, &(struct mailbox_line){i, setting, primary, NULL, alias, NULL, {NULL}, NULL});
    }
    if (puts_write(w, &e) != 0 || writer_finish(w, &summary, &e) != 0) {
        writer_close(w);
        return -1;
    }
    writer_close(w);
    return 0;
}

/* All mailboxes have one and the same setting, which is answered; SMTP_AUTH_UNKNOWN without a generation. */
static enum smtp_auth common_setting(const struct fixture *f)
{
    enum smtp_auth setting = SMTP_AUTH_UNKNOWN;
    struct directory *d = open_directory(f);
    struct directory_view *v = directory_view_get(d);

    for (unsigned i = 0; v != NULL && i < MANY; i++) {
        struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
        char alias[32];
        unsigned n;

        (void)snprintf(alias, sizeof alias, "user%u", i);
        assert_int_equal(directory_by_account(v, 0, slice_of(alias), refs, &n), DIRECTORY_FOUND);
        if (i > 0)
            assert_int_equal(refs[0].smtp_auth, setting);
        setting = (enum smtp_auth)refs[0].smtp_auth;
    }
    directory_view_put(d, v);
    directory_close(d);
    return setting;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void a_writer_killed_at_any_moment_leaves_the_last_generation_whole(void **state)
{
    struct directory_totals totals;
    uint64_t seed = 11, most;
    unsigned old = 0, new = 0;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    assert_int_equal(run_many(&f, SMTP_AUTH_ENABLED), 0);
    most = now_ns();
    assert_int_equal(run_many(&f, SMTP_AUTH_DISABLED), 0);
    most = 2 * (now_ns() - most);
    for (int round = 0; round < 40; round++) {
        enum smtp_auth before = common_setting(&f), after;
        enum smtp_auth wanted = before == SMTP_AUTH_ENABLED ? SMTP_AUTH_DISABLED : SMTP_AUTH_ENABLED;
        uint64_t wait_ns = next_random(&seed) % most;
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0)
            _exit(run_many(&f, wanted) == 0 ? 0 : 1);
        (void)nanosleep(&(struct timespec){(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)}, NULL);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        after = common_setting(&f);
        assert_true(after == before || after == wanted);
        old += after == before;
        new += after == wanted;
        /* How long a run takes changes with what else the machine does. */
        most = after == before ? most + most / 4 : most - most / 8;
    }
    print_message("%u runs killed before the publication, %u behind it\n", old, new);
    assert_true(old > 0 && new > 0);
    assert_int_equal(run_many(&f, SMTP_AUTH_INHERIT), 0);
    assert_int_equal(common_setting(&f), SMTP_AUTH_INHERIT);
    must(directory_verify(f.folder, &totals, &e), &e);
    assert_int_equal(totals.mailboxes, MANY);
    assert_int_equal(fixture_files(&f, ".next"), 0);
    assert_int_equal(fixture_files(&f, "directory-"), 2);
    fixture_remove(&f);
}

/* RLIMIT_FSIZE stands in for a full disk: writes behind it fail with EFBIG once SIGXFSZ is ignored. */
static void a_disk_that_is_full_at_any_size_leaves_the_last_generation_whole(void **state)
{
    unsigned failed = 0, published = 0;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    assert_int_equal(run_many(&f, SMTP_AUTH_ENABLED), 0);
    for (rlim_t size = 0; size < 2048 * 1024; size = size * 2 + 1000) {
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            (void)signal(SIGXFSZ, SIG_IGN);
            (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){size, size});
            _exit(run_many(&f, SMTP_AUTH_DISABLED) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        failed += WEXITSTATUS(status) == 1;
        published += WEXITSTATUS(status) == 0;
        assert_int_equal(common_setting(&f), published > 0 ? SMTP_AUTH_DISABLED : SMTP_AUTH_ENABLED);
        assert_int_equal(fixture_files(&f, ".next"), 0);
    }
    print_message("%u failed, %u published\n", failed, published);
    assert_true(failed > 3 && published > 0);
    fixture_remove(&f);
}

/* ---- the sorter ---- */

static void a_sorter_with_little_memory_sorts_as_one_with_much(void **state)
{
    struct sorter *little, *much;
    struct fixture f;
    struct error e;
    uint64_t seed = 3;
    int more;
    unsigned n = 0;

    (void)state;
    fixture_make(&f);
    must(sorter_make(f.top, 2000, &little, &e), &e);
    must(sorter_make(f.top, 1 << 20, &much, &e), &e);
    for (unsigned i = 0; i < 3000; i++) {
        static char large[300000];
        char key[16], value[16];
        struct slice k, v;

        k = (struct slice){key, (size_t)snprintf(key, sizeof key, "%x", (unsigned)next_random(&seed) % 997)};
        v = (struct slice){value, (size_t)snprintf(value, sizeof value, "%u", i)};
        if (i % 1000 == 999)
            v = (struct slice){large, sizeof large}; /* larger than any buffer */
        must(sorter_add(little, k, v, &e), &e);
        must(sorter_add(much, k, v, &e), &e);
    }
    must(sorter_sort(little, &e), &e);
    must(sorter_sort(much, &e), &e);
    do {
        struct slice k1, v1, k2, v2;

        more = sorter_next(little, &k1, &v1, &e);
        must(more, &e);
        assert_int_equal(sorter_next(much, &k2, &v2, &e), more);
        if (more == 1) {
            assert_true(slice_eq(k1, k2) && slice_eq(v1, v2));
            n++;
        }
    } while (more == 1);
    assert_int_equal(n, 3000);
    assert_int_equal(sorter_next(little, &(struct slice){0}, &(struct slice){0}, &e), 0);
    sorter_free(little);
    sorter_free(much);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_any_sequence_of_runs_the_directory_says_what_was_put),
        cmocka_unit_test(a_run_that_changes_nothing_publishes_nothing),
        cmocka_unit_test(the_last_of_several_operations_on_a_mailbox_counts),
        cmocka_unit_test(a_writer_answers_with_the_last_generation),
        cmocka_unit_test(a_run_that_skips_a_stored_mailbox_or_leaves_the_order_is_refused),
        cmocka_unit_test(the_mailboxes_of_other_tenants_stay_on_either_side_of_the_run),
        cmocka_unit_test(tenants_keep_their_index_whatever_the_order),
        cmocka_unit_test(only_rights_of_the_replaced_kinds_and_tenant_go),
        cmocka_unit_test(domains_stay_until_their_tenant_brings_a_list),
        cmocka_unit_test(an_identity_with_two_claims_is_reported_with_both_primaries),
        cmocka_unit_test(what_breaks_a_rule_of_the_record_is_refused),
        cmocka_unit_test(a_tenant_that_cannot_be_is_refused),
        cmocka_unit_test(a_second_writer_is_told_the_pid_of_the_first),
        cmocka_unit_test(a_run_that_is_given_up_leaves_nothing),
        cmocka_unit_test(a_damaged_directory_is_not_written_over),
        cmocka_unit_test(a_writer_killed_at_any_moment_leaves_the_last_generation_whole),
        cmocka_unit_test(a_disk_that_is_full_at_any_size_leaves_the_last_generation_whole),
        cmocka_unit_test(a_sorter_with_little_memory_sorts_as_one_with_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
