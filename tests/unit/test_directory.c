/* links: mirror */
/* What a reader is told, and what it refuses to read. */
#include "directory_fixture.h"

#include "core/base/checksum.h"
#include "core/directory/directory_view.h"
#include "core/directory/manifest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

static void contoso(struct writer *w)
{
    static const struct mailbox_line lines[] = {
        {1,
         SMTP_AUTH_ENABLED,
         "sean@contoso.example",
         "sean@contoso.local",
         "sean",
         "$a1-1",
         {"s.berg@contoso.example", "sean@contoso.example"},
         NULL},
        {2,
         SMTP_AUTH_DISABLED,
         "anna@contoso.example",
         "anna@contoso.example",
         "anna",
         "$a1-2",
         {"shared@contoso.example"},
         NULL},
        {3, SMTP_AUTH_INHERIT, "ole@contoso.example", NULL, NULL, NULL, {"shared@contoso.example"}, NULL},
    };
    uint32_t tenant = add_tenant(w, "contoso", 1000);

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        put(tenant, &lines[i]);
}

static void publish_contoso(const struct fixture *f)
{
    struct writer *w = begin(f);

    contoso(w);
    (void)finish(w);
}

static void without_a_folder_there_are_no_views_and_no_error(void **state)
{
    struct directory *d;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    d = open_directory(&f);
    assert_int_equal(directory_refresh(d, &e), 0);
    assert_null(directory_view_get(d));
    assert_int_equal(directory_generation(d), 0);
    publish_contoso(&f);
    assert_int_equal(directory_refresh(d, &e), 1);
    assert_int_equal(directory_generation(d), 1);
    directory_close(d);
    fixture_remove(&f);
}

static void a_mailbox_is_found_by_each_of_its_identities(void **state)
{
    static const struct {
        bool account;
        const char *text;
        unsigned number, bits;
        enum smtp_auth smtp_auth;
    } rows[] = {
        {false, "sean@contoso.example", 1, IDENTITY_PRIMARY | IDENTITY_PROXY, SMTP_AUTH_ENABLED},
        {false, "s.berg@contoso.example", 1, IDENTITY_PROXY, SMTP_AUTH_ENABLED},
        {false, "sean@contoso.local", 1, IDENTITY_UPN, SMTP_AUTH_ENABLED},
        {true, "sean", 1, IDENTITY_ALIAS, SMTP_AUTH_ENABLED},
        {true, "$a1-1", 1, IDENTITY_ACCOUNT, SMTP_AUTH_ENABLED},
        {false, "anna@contoso.example", 2, IDENTITY_PRIMARY | IDENTITY_UPN, SMTP_AUTH_DISABLED},
        {false, "ole@contoso.example", 3, IDENTITY_PRIMARY, SMTP_AUTH_INHERIT},
        {false, "sean", 0, 0, 0},
        {true, "sean@contoso.example", 0, 0, 0},
        {false, "sean@contoso.exampl", 0, 0, 0},
        {false, "", 0, 0, 0},
    };
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct directory_view *v;
    struct directory *d;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mailbox_id id = mailbox_number(rows[i].number);
        unsigned n;
        enum directory_result result = rows[i].account ? directory_by_account(v, 0, slice_of(rows[i].text), refs, &n)
                                                       : directory_by_address(v, 0, slice_of(rows[i].text), refs, &n);

        print_message("%s\n", rows[i].text);
        assert_int_equal(result, rows[i].number > 0 ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND);
        assert_int_equal(n, rows[i].number > 0);
        if (n == 0)
            continue;
        assert_memory_equal(refs[0].id.b, id.b, sizeof id.b);
        assert_int_equal(refs[0].identity, rows[i].bits);
        assert_int_equal(refs[0].smtp_auth, rows[i].smtp_auth);
        assert_int_equal(refs[0].recipient_type, RECIPIENT_USER);
        assert_int_equal(refs[0].tenant, 0);
    }
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void an_identity_that_two_mailboxes_claim_gives_both(void **state)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    unsigned n;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(directory_by_address(v, 0, SLICE("shared@contoso.example"), refs, &n), DIRECTORY_FOUND);
    assert_int_equal(n, 2);
    assert_int_equal(refs[0].smtp_auth + refs[1].smtp_auth, SMTP_AUTH_DISABLED + SMTP_AUTH_INHERIT);
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void an_identity_with_too_many_claims_is_answered_as_damaged(void **state)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    struct writer *w;
    unsigned n;

    (void)state;
    fixture_make(&f);
    w = begin(&f);
    (void)add_tenant(w, "contoso", 1);
    for (unsigned i = 0; i <= DIRECTORY_CLAIMS_MAX; i++) {
        char primary[64];

        (void)snprintf(primary, sizeof primary, "user%u@contoso.example", i);
        put(0,
            &(struct mailbox_line){
                i, SMTP_AUTH_ENABLED, primary, NULL, i < DIRECTORY_CLAIMS_MAX ? "eight" : NULL, "nine", {NULL}, NULL});
    }
    assert_int_equal(finish(w).conflicts, 2);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(directory_by_account(v, 0, SLICE("eight"), refs, &n), DIRECTORY_FOUND);
    assert_int_equal(n, DIRECTORY_CLAIMS_MAX);
    assert_int_equal(directory_by_account(v, 0, SLICE("nine"), refs, &n), DIRECTORY_DAMAGED);
    assert_int_equal(n, 0);
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

/* Two tenants with accepted domains, and mailboxes with addresses in other ones. */
static void publish_two_tenants(const struct fixture *f)
{
    static const struct accepted_domain contoso_domains[] = {
        {SLICE("contoso.example"), DOMAIN_AUTHORITATIVE, false, 0},
        {SLICE("relay.example"), DOMAIN_INTERNAL_RELAY, true, 0},
        {SLICE("both.example"), DOMAIN_AUTHORITATIVE, false, 0},
    };
    static const struct accepted_domain fabrikam_domains[] = {
        {SLICE("fabrikam.example"), DOMAIN_AUTHORITATIVE, true, 0},
        {SLICE("both.example"), DOMAIN_AUTHORITATIVE, false, 0},
    };
    struct writer *w = begin(f);
    uint32_t one = add_tenant(w, "contoso", 1), two = add_tenant(w, "fabrikam", 1);
    struct error e;

    must(writer_set_domains(w, one, contoso_domains, 3, &e), &e);
    must(writer_set_domains(w, two, fabrikam_domains, 2, &e), &e);
    put(one,
        &(struct mailbox_line){1, 1, "a@contoso.example", "a@contoso.local", NULL, NULL, {"a@loose.example"}, NULL});
    put(two, &(struct mailbox_line){
                 2, 1, "b@fabrikam.example", NULL, NULL, NULL, {"b@contoso.example", "b@loose.example"}, NULL});
    (void)finish(w);
}

/* As where there are more domains than are kept in memory. The next one has the same results. */
static void ask_the_file(struct directory_view *v)
{
    assert_non_null(v->generation->in_memory);
    domains_free(v->generation->in_memory);
    v->generation->in_memory = NULL;
}

static void a_domain_belongs_to_the_tenant_that_accepts_it_and_to_nobody_when_two_do(void **state)
{
    static const struct {
        const char *domain;
        enum directory_result result;
        struct domain_fact fact;
    } rows[] = {
        {"contoso.example", DIRECTORY_FOUND, {0, DOMAIN_AUTHORITATIVE, false, false, 0}},
        {"relay.example", DIRECTORY_FOUND, {0, DOMAIN_INTERNAL_RELAY, true, false, 0}},
        {"fabrikam.example", DIRECTORY_FOUND, {1, DOMAIN_AUTHORITATIVE, true, false, 0}},
        {"both.example", DIRECTORY_FOUND, {0, DOMAIN_AUTHORITATIVE, false, true, 0}},
        {"contoso.local", DIRECTORY_FOUND, {0, DOMAIN_DERIVED, false, false, 0}},
        {"loose.example", DIRECTORY_FOUND, {0, DOMAIN_DERIVED, false, true, 0}},
        {"sub.relay.example", DIRECTORY_NOT_FOUND, {0}},
        {"example", DIRECTORY_NOT_FOUND, {0}},
        {"", DIRECTORY_NOT_FOUND, {0}},
    };
    struct directory_view *v;
    struct directory *d;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    publish_two_tenants(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        const size_t row = i % (sizeof rows / sizeof *rows);
        struct domain_fact fact = {0};

        if (i == sizeof rows / sizeof *rows)
            ask_the_file(v);
        print_message("%s\n", rows[row].domain);
        assert_int_equal(directory_domain(v, slice_of(rows[row].domain), &fact), rows[row].result);
        assert_int_equal(fact.tenant, rows[row].fact.tenant);
        assert_int_equal(fact.type, rows[row].fact.type);
        assert_int_equal(fact.match_subdomains, rows[row].fact.match_subdomains);
        assert_int_equal(fact.ambiguous, rows[row].fact.ambiguous);
    }
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void a_tenant_accepts_its_domains_and_those_beneath_one_that_matches_subdomains(void **state)
{
    static const struct {
        uint32_t tenant;
        const char *domain;
        bool accepted;
    } rows[] = {
        {0, "contoso.example", true},
        {0, "sub.contoso.example", false},
        {0, "relay.example", true},
        {0, "sub.relay.example", true},
        {0, "a.b.relay.example", true},
        {0, "xrelay.example", false},
        {0, "both.example", true},
        {1, "both.example", true},
        {1, "contoso.example", false},
        {1, "x.fabrikam.example", true},
        {0, "x.fabrikam.example", false},
        {0, "contoso.local", false},
        {0, "loose.example", false},
        {0, "example", false},
        {0, "", false},
        {0, ".relay.example", true},
        {9, "contoso.example", false},
    };
    struct directory_view *v;
    struct directory *d;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    publish_two_tenants(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        const size_t row = i % (sizeof rows / sizeof *rows);

        if (i == sizeof rows / sizeof *rows)
            ask_the_file(v);
        print_message("%u %s\n", (unsigned)rows[row].tenant, rows[row].domain);
        assert_int_equal(directory_accepts(v, rows[row].tenant, slice_of(rows[row].domain)),
                         rows[row].accepted ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND);
    }
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void more_domains_than_memory_is_taken_for_are_found_in_the_file(void **state)
{
    enum { MANY = DOMAINS_IN_MEMORY_MAX + 1 };
    struct accepted_domain *domains = calloc(MANY, sizeof *domains);
    char(*names)[32] = calloc(MANY, sizeof *names);
    struct directory_view *v;
    struct domain_fact fact;
    struct directory *d;
    struct writer *w;
    struct fixture f;
    struct error e;

    (void)state;
    assert_true(domains != NULL && names != NULL);
    fixture_make(&f);
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "d%zu.contoso.example", i);
        domains[i] = (struct accepted_domain){slice_of(names[i]), DOMAIN_AUTHORITATIVE, false, 0};
    }
    for (size_t n = MANY; n >= MANY - 1; n--) {
        w = begin(&f);
        must(writer_set_domains(w, add_tenant(w, "contoso", 1), domains, n, &e), &e);
        (void)finish(w);
        d = open_directory(&f);
        v = directory_view_get(d);
        assert_int_equal(v->generation->in_memory == NULL, n == MANY);
        assert_int_equal(directory_domain(v, SLICE("d4000.contoso.example"), &fact), DIRECTORY_FOUND);
        assert_int_equal(directory_domain(v, SLICE("d5000.contoso.example"), &fact), DIRECTORY_NOT_FOUND);
        directory_view_put(d, v);
        directory_close(d);
    }
    free(names);
    free(domains);
    fixture_remove(&f);
}

static void a_record_can_be_read_and_walked_over(void **state)
{
    struct mailbox_record r;
    struct directory_view *v;
    struct mailbox_id at;
    struct directory *d;
    struct address primary;
    struct fixture f;
    unsigned seen = 0;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    at = mailbox_number(1);
    assert_int_equal(directory_mailbox(v, 0, &at, &r), DIRECTORY_FOUND);
    assert_true(slice_eq(r.upn, SLICE("sean@contoso.local")));
    assert_int_equal(directory_primary(v, 0, &at, &primary), DIRECTORY_FOUND);
    assert_string_equal(primary.text, "sean@contoso.example");
    assert_int_equal(primary.local_n, 4);
    at = mailbox_number(9);
    assert_int_equal(directory_mailbox(v, 0, &at, &r), DIRECTORY_NOT_FOUND);
    assert_int_equal(directory_primary(v, 0, &at, &primary), DIRECTORY_NOT_FOUND);
    assert_int_equal(primary.n, 0);
    for (enum directory_result more = directory_next_mailbox(v, 0, NULL, &r); more == DIRECTORY_FOUND; seen++) {
        at = r.id;
        more = directory_next_mailbox(v, 0, &at, &r);
        assert_true(more == DIRECTORY_NOT_FOUND || memcmp(at.b, r.id.b, sizeof at.b) < 0);
    }
    assert_int_equal(seen, 3);
    assert_int_equal(directory_next_mailbox(v, 1, NULL, &r), DIRECTORY_NOT_FOUND);
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void facts_of_tenants_are_found_by_index_and_by_name(void **state)
{
    const struct tenant_facts *facts;
    struct directory_view *v;
    struct directory *d;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(directory_tenants(v), 1);
    facts = directory_tenant(v, 0);
    assert_ptr_equal(directory_tenant_named(v, SLICE("contoso")), facts);
    assert_string_equal(facts->source, "a test");
    assert_int_equal(facts->settings_at, 1000);
    assert_int_equal(facts->mailboxes, 3);
    assert_int_equal(facts->smtp_auth, SMTP_AUTH_DISABLED);
    assert_null(directory_tenant(v, 1));
    assert_null(directory_tenant_named(v, SLICE("contos")));
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

/* ---- generations ---- */

static void a_view_keeps_its_generation_while_new_ones_come_and_go(void **state)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct directory_view *old, *new;
    struct directory *d;
    struct fixture f;
    struct writer *w;
    struct error e;
    unsigned n;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    old = directory_view_get(d);
    for (unsigned i = 0; i < 4; i++) { /* the file of generation 1 is removed on the way */
        w = begin(&f);
        put(0, &(struct mailbox_line){1,
                                      i % 2 ? SMTP_AUTH_ENABLED : SMTP_AUTH_DISABLED,
                                      "sean@contoso.example",
                                      NULL,
                                      NULL,
                                      NULL,
                                      {NULL},
                                      NULL});
        assert_true(finish(w).published);
        assert_int_equal(directory_refresh(d, &e), 1);
    }
    new = directory_view_get(d);
    assert_int_equal(directory_view_generation(old), 1);
    assert_int_equal(directory_view_generation(new), 5);
    assert_int_equal(directory_by_address(old, 0, SLICE("sean@contoso.local"), refs, &n), DIRECTORY_FOUND);
    assert_int_equal(directory_by_address(new, 0, SLICE("sean@contoso.local"), refs, &n), DIRECTORY_NOT_FOUND);
    assert_int_equal(fixture_files(&f, "directory-"), 2);
    directory_view_put(d, old);
    directory_view_put(d, new);
    assert_int_equal(directory_refresh(d, &e), 0);
    directory_close(d);
    fixture_remove(&f);
}

static void a_run_that_only_confirms_brings_new_times_and_no_new_generation(void **state)
{
    struct directory_view *old, *new;
    struct directory *d;
    struct fixture f;
    struct writer *w;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    old = directory_view_get(d);
    w = begin(&f);
    (void)add_tenant(w, "contoso", 2000);
    assert_false(finish(w).published);
    assert_int_equal(directory_refresh(d, &e), 1);
    assert_int_equal(directory_refresh(d, &e), 0);
    new = directory_view_get(d);
    assert_int_equal(directory_view_generation(new), 1);
    assert_int_equal(directory_tenant(new, 0)->settings_at, 2000);
    assert_int_equal(directory_tenant(old, 0)->settings_at, 1000);
    directory_view_put(d, old);
    directory_view_put(d, new);
    directory_close(d);
    fixture_remove(&f);
}

/* ---- what is refused ---- */

static size_t load(const char *path, char *out, size_t cap)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(out, 1, cap, file);
    assert_true(n < cap);
    assert_int_equal(fclose(file), 0);
    return n;
}

/* Replaces the file, as a writer would, so that the reader sees that it is new. */
static void store(const char *path, const char *bytes, size_t n)
{
    char aside[600];
    FILE *file;

    (void)snprintf(aside, sizeof aside, "%s.aside", path);
    file = fopen(aside, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(aside, path), 0);
}

/* One that may not be looked into is the same to us, but not to a test that root runs. */
static void a_folder_that_cannot_be_looked_into_is_an_error_that_names_it(void **state)
{
    struct directory *d;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    store(f.folder, "no folder", 9);
    must(directory_open(f.folder, &d, &e), &e);
    assert_int_equal(directory_refresh(d, &e), -1);
    assert_non_null(strstr(e.text, f.folder));
    assert_non_null(strstr(e.text, "Not a directory"));
    assert_int_equal(directory_refresh(d, &e), 0); /* told once */
    assert_int_equal(unlink(f.folder), 0);
    publish_contoso(&f);
    assert_int_equal(directory_refresh(d, &e), 1);
    directory_close(d);
    fixture_remove(&f);
}

/* Puts the right checksum behind an edited manifest. */
static void store_manifest(const struct fixture *f, const char *text)
{
    const char *end = strstr(text, "end ");
    char whole[4096];
    struct buf b = BUF_OVER(whole);

    buf_add(&b, (struct slice){text, end != NULL ? (size_t)(end - text) : strlen(text)});
    buf_addf(&b, "end %016" PRIx64 "\n", checksum_slice(buf_slice(&b)));
    store(fixture_path(f, MANIFEST_NAME), b.p, b.n);
}

/* Takes the manifest's text with one part of it replaced. */
static void edit_manifest(const struct fixture *f, const char *from, const char *to)
{
    char text[4096], edited[4096];
    struct buf b = BUF_OVER(edited);
    const char *at;

    text[load(fixture_path(f, MANIFEST_NAME), text, sizeof text)] = '\0';
    at = strstr(text, from);
    assert_non_null(at);
    buf_addf(&b, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    store_manifest(f, b.p);
}

static void a_manifest_that_is_wrong_is_refused_and_the_generation_stays(void **state)
{
    static const struct {
        const char *from, *to, *says;
    } rows[] = {
        {"postern-directory 5", "postern-directory 6", "format 6"},
        {"postern-directory 5", "postern-directory 3", "postern-mirror rebuild"},
        {"postern-directory 5", "postern-directory 0", "postern-directory"},
        {"postern-directory", "other-directory", "postern-directory"},
        {"file directory-0000000001.mdb", "file ../directory/directory-0000000001.mdb", "does not name the file"},
        {"file directory-0000000001.mdb", "file /etc/passwd", "does not name the file"},
        {"file directory-0000000001.mdb", "file directory-0000000007.mdb", "does not name the file"},
        {"generation 1", "generation 0", "generation"},
        {"generation 1\nfile directory-0000000001.mdb", "generation 7\nfile directory-0000000007.mdb",
         "cannot be opened"},
        {"size ", "size 1", "the manifest says"},
        {"checksum ", "checksum x", "checksum"},
        {"identities ", "identities x", "identities"},
        {"tenant 0", "tenant 1", "tenant"},
        {"tenant 0 1000 contoso", "tenant 0 1000 fabrikam", "tenants"},
        {"tenant 0 1000 contoso a test\n", "", "tenants"},
    };
    struct directory *d;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct directory *fresh;
        char good[4096];
        size_t n = load(fixture_path(&f, MANIFEST_NAME), good, sizeof good);

        d = open_directory(&f);
        edit_manifest(&f, rows[i].from, rows[i].to);
        must(directory_open(f.folder, &fresh, &e), &e);
        assert_int_equal(directory_refresh(fresh, &e), -1);
        print_message("%s\n", e.text);
        assert_non_null(strstr(e.text, rows[i].says));
        assert_non_null(strstr(e.text, f.folder));
        assert_null(directory_view_get(fresh));
        directory_close(fresh);
        assert_int_equal(directory_refresh(d, &e), -1);
        assert_int_equal(directory_generation(d), 1);
        store(fixture_path(&f, MANIFEST_NAME), good, n);
        assert_int_equal(directory_refresh(d, &e), 1);
        directory_close(d);
    }
    fixture_remove(&f);
}

static void a_failed_manifest_is_told_once_and_tried_again_after_a_minute(void **state)
{
    struct directory *d;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    edit_manifest(&f, "postern-directory 5", "postern-directory 9");
    assert_int_equal(directory_refresh(d, &e), -1);
    for (int i = 1; i < 60; i++)
        assert_int_equal(directory_refresh(d, &e), 0);
    assert_int_equal(directory_refresh(d, &e), -1);
    assert_int_equal(directory_generation(d), 1);
    directory_close(d);
    fixture_remove(&f);
}

static void a_manifest_that_vanishes_is_told_and_the_generation_stays(void **state)
{
    struct directory *d;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    assert_int_equal(unlink(fixture_path(&f, MANIFEST_NAME)), 0);
    assert_int_equal(unlink(fixture_path(&f, "directory-0000000001.mdb")), 0);
    assert_int_equal(directory_refresh(d, &e), -1);
    assert_non_null(strstr(e.text, "gone"));
    assert_int_equal(directory_refresh(d, &e), 0);
    assert_int_equal(directory_generation(d), 1);
    directory_close(d);
    fixture_remove(&f);
}

static void links_and_pipes_are_refused(void **state)
{
    static const struct {
        const char *name;
        bool pipe;
    } rows[] = {{MANIFEST_NAME, false},
                {MANIFEST_NAME, true},
                {"directory-0000000001.mdb", false},
                {"directory-0000000001.mdb", true}};
    char aside[512];
    struct fixture f;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    (void)snprintf(aside, sizeof aside, "%s/aside", f.folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = fixture_path(&f, rows[i].name);
        struct directory *d;
        struct error e;

        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(rows[i].pipe ? mkfifo(path, 0600) : symlink(aside, path), 0);
        must(directory_open(f.folder, &d, &e), &e);
        assert_int_equal(directory_refresh(d, &e), -1);
        print_message("%s\n", e.text);
        assert_null(directory_view_get(d));
        directory_close(d);
        assert_int_equal(rename(aside, fixture_path(&f, rows[i].name)), 0);
    }
    fixture_remove(&f);
}

static void a_file_that_is_cut_or_has_one_wrong_bit_is_never_opened(void **state)
{
    static char bytes[1024 * 1024];
    char path[512];
    struct fixture f;
    size_t n;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    (void)snprintf(path, sizeof path, "%s", fixture_path(&f, "directory-0000000001.mdb"));
    n = load(path, bytes, sizeof bytes);
    for (size_t at = 0; at < n; at += at < 512 ? 1 : 127) {
        struct directory *d;
        struct error e;

        bytes[at] = (char)(bytes[at] ^ 1 << at % 8);
        store(path, bytes, n);
        bytes[at] = (char)(bytes[at] ^ 1 << at % 8);
        must(directory_open(f.folder, &d, &e), &e);
        assert_int_equal(directory_refresh(d, &e), -1);
        assert_non_null(strstr(e.text, "damaged"));
        directory_close(d);
    }
    for (size_t cut = 0; cut < n; cut += 4096) {
        struct directory *d;
        struct error e;

        store(path, bytes, cut);
        must(directory_open(f.folder, &d, &e), &e);
        assert_int_equal(directory_refresh(d, &e), -1);
        directory_close(d);
    }
    fixture_remove(&f);
}

/* Gives the manifest the checksum that the file has now. */
static void seal_again(const struct fixture *f, const char *bytes, size_t n)
{
    const char *path = fixture_path(f, "directory-0000000001.mdb");
    char line[64], old[64], text[4096];
    uint64_t sum;
    struct error e;
    int fd;

    store(path, bytes, n);
    fd = open(path, O_RDONLY);
    must(checksum_file(fd, n, &sum, &e), &e);
    (void)close(fd);
    text[load(fixture_path(f, MANIFEST_NAME), text, sizeof text)] = '\0';
    (void)snprintf(old, sizeof old, "%.25s", strstr(text, "checksum "));
    (void)snprintf(line, sizeof line, "checksum %016" PRIx64, sum);
    edit_manifest(f, old, line);
}

/* What only a writer of ours could have written, or somebody who seals again what he changed. */
static void a_claim_that_does_not_say_what_its_mailbox_says_is_found_by_verifying(void **state)
{
    static char bytes[1024 * 1024];
    static const char text[] = "anna@contoso.example\x01\0\0"; /* an identity's, with the number of its claims */
    struct directory_totals totals;
    struct fixture f;
    struct error e;
    size_t n, hits = 0;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    must(directory_verify(f.folder, &totals, &e), &e);
    assert_int_equal(totals.mailboxes, 3);
    assert_int_equal(totals.identities, 10);
    n = load(fixture_path(&f, "directory-0000000001.mdb"), bytes, sizeof bytes);
    for (char *at = bytes; (at = memmem(at, n - (size_t)(at - bytes), text, sizeof text)) != NULL; at++, hits++)
        at[sizeof text + 17] = SMTP_AUTH_ENABLED; /* behind id and bits: the setting */
    assert_true(hits > 0);
    seal_again(&f, bytes, n);
    assert_int_equal(directory_verify(f.folder, &totals, &e), -1);
    print_message("%s\n", e.text);
    assert_non_null(strstr(e.text, "identities"));
    assert_non_null(strstr(e.text, "does not say what its mailbox says"));
    fixture_remove(&f);
}

/* A login whose name a stray writer changed is deferred until that is noticed, not refused for good as nobody's. */
static void an_identity_whose_text_was_changed_is_damaged_and_not_unknown(void **state)
{
    static char bytes[1024 * 1024];
    static const char text[] = "anna@contoso.example\x01\0\0";
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    size_t n;
    unsigned found;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    n = load(fixture_path(&f, "directory-0000000001.mdb"), bytes, sizeof bytes);
    for (char *at = bytes; (at = memmem(at, n - (size_t)(at - bytes), text, sizeof text)) != NULL; at++)
        at[1] = 'm';
    seal_again(&f, bytes, n);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(directory_by_address(v, 0, SLICE("anna@contoso.example"), refs, &found), DIRECTORY_DAMAGED);
    assert_int_equal(found, 0);
    assert_int_equal(directory_by_address(v, 0, SLICE("amna@contoso.example"), refs, &found), DIRECTORY_NOT_FOUND);
    assert_int_equal(directory_by_address(v, 0, SLICE("sean@contoso.example"), refs, &found), DIRECTORY_FOUND);
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

/* Writes to the published file itself, in its last page, which LMDB has no reason to read here. */
static void write_into(const struct fixture *f, off_t at, size_t n)
{
    static const char rubbish[64] = "rubbish";
    int fd = open(fixture_path(f, "directory-0000000001.mdb"), O_WRONLY);

    assert_true(fd >= 0 && n <= sizeof rubbish);
    assert_int_equal(pwrite(fd, rubbish, n, at), (ssize_t)n);
    /* As a later write has it: two within the clock's grain look the same. */
    assert_int_equal(futimens(fd, (const struct timespec[2]){{1, 0}, {1, 0}}), 0);
    assert_int_equal(close(fd), 0);
}

static void a_file_that_is_written_to_after_it_was_published_is_not_used_any_more(void **state)
{
    static char bytes[1024 * 1024];
    struct directory *d;
    struct fixture f;
    struct error e;
    size_t n;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    n = load(fixture_path(&f, "directory-0000000001.mdb"), bytes, sizeof bytes);
    d = open_directory(&f);
    write_into(&f, (off_t)n - 64, 64);
    assert_int_equal(directory_refresh(d, &e), -1);
    print_message("%s\n", e.text);
    assert_non_null(strstr(e.text, "was written to after it was published"));
    assert_int_equal(directory_generation(d), 0);
    assert_null(directory_view_get(d));
    assert_int_equal(directory_refresh(d, &e), 0); /* told once */
    store(fixture_path(&f, "directory-0000000001.mdb"), bytes, n);
    publish_contoso(&f); /* the mirror's next run rewrites the manifest at least */
    assert_int_equal(directory_refresh(d, &e), 1);
    assert_int_equal(directory_generation(d), 1);
    directory_close(d);
    fixture_remove(&f);
}

static void a_file_that_is_cut_after_it_was_published_is_not_used_any_more(void **state)
{
    struct directory *d;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    assert_int_equal(truncate(fixture_path(&f, "directory-0000000001.mdb"), 4096), 0);
    assert_int_equal(directory_refresh(d, &e), -1);
    assert_non_null(strstr(e.text, "was cut after it was published"));
    assert_null(directory_view_get(d));
    directory_close(d);
    fixture_remove(&f);
}

static void until_that_is_noticed_nobody_is_unknown(void **state)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct domain_fact fact;
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    unsigned n;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    for (int touched = 0; touched < 2; touched++) {
        enum directory_result unknown = touched ? DIRECTORY_DAMAGED : DIRECTORY_NOT_FOUND;

        assert_int_equal(directory_by_address(v, 0, SLICE("nobody@contoso.example"), refs, &n), unknown);
        assert_int_equal(directory_by_account(v, 0, SLICE("nobody"), refs, &n), unknown);
        assert_int_equal(directory_domain(v, SLICE("nowhere.example"), &fact), unknown);
        assert_int_equal(directory_by_address(v, 0, SLICE("anna@contoso.example"), refs, &n), DIRECTORY_FOUND);
        write_into(&f, 0, 0);
    }
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void a_file_that_was_only_touched_goes_on_being_used(void **state)
{
    struct directory *d;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    d = open_directory(&f);
    write_into(&f, 0, 0);
    assert_int_equal(directory_refresh(d, &e), 0);
    assert_int_equal(directory_generation(d), 1);
    directory_close(d);
    fixture_remove(&f);
}

/* Two texts with one hash cannot be made; a value that holds several identities can. */
static void identities_that_share_a_hash_are_told_apart_by_their_texts(void **state)
{
    static const struct mailbox_ref ref = {.identity = IDENTITY_PRIMARY, .smtp_auth = SMTP_AUTH_ENABLED};
    static const char *const texts[] = {"anna@contoso.example", "bert@contoso.example", "anna@contoso.example"};
    uint8_t bytes[512];
    struct slice value = {(char *)bytes, 0};
    struct identity_entry entry;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        entry = (struct identity_entry){
            .tenant = (uint32_t)i, .kind = IDENTITY_KEY_ADDRESS, .text = slice_of(texts[i]), .n = 1};
        n += identity_head_encode(&entry, bytes + n, sizeof bytes - n);
        identity_claim_write(&ref, bytes + n);
        n += IDENTITY_CLAIM_SIZE;
    }
    value.n = n;
    for (size_t i = 0; i < 3; i++) {
        assert_true(identity_next(&value, &entry));
        assert_int_equal(entry.tenant, i);
        assert_true(slice_eq(entry.text, slice_of(texts[i])));
        assert_int_equal(entry.n, 1);
    }
    assert_false(identity_next(&value, &entry));
    assert_int_equal(value.n, 0);
    for (size_t cut = 1; cut < n; cut++) { /* never past the end, whatever is cut off */
        value = (struct slice){(char *)bytes, cut};
        while (identity_next(&value, &entry))
            assert_true((const char *)entry.claims + entry.n * IDENTITY_CLAIM_SIZE <= (const char *)bytes + cut);
    }
}

static void a_file_that_is_not_lmdb_or_lacks_tables_is_refused(void **state)
{
    static char bytes[1024 * 1024];
    struct fixture f;
    struct error e;
    size_t n;

    (void)state;
    fixture_make(&f);
    publish_contoso(&f);
    n = load(fixture_path(&f, "directory-0000000001.mdb"), bytes, sizeof bytes);
    for (int row = 0; row < 2; row++) {
        struct directory *d;

        if (row == 0) {
            for (char *at = bytes; (at = memmem(at, n - (size_t)(at - bytes), "rights", 6)) != NULL;)
                memcpy(at, "wrongs", 6);
        } else {
            memset(bytes, 0, n);
        }
        seal_again(&f, bytes, n);
        must(directory_open(f.folder, &d, &e), &e);
        assert_int_equal(directory_refresh(d, &e), -1);
        print_message("%s\n", e.text);
        directory_close(d);
    }
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_folder_there_are_no_views_and_no_error),
        cmocka_unit_test(a_folder_that_cannot_be_looked_into_is_an_error_that_names_it),
        cmocka_unit_test(a_mailbox_is_found_by_each_of_its_identities),
        cmocka_unit_test(an_identity_that_two_mailboxes_claim_gives_both),
        cmocka_unit_test(an_identity_with_too_many_claims_is_answered_as_damaged),
        cmocka_unit_test(a_domain_belongs_to_the_tenant_that_accepts_it_and_to_nobody_when_two_do),
        cmocka_unit_test(a_tenant_accepts_its_domains_and_those_beneath_one_that_matches_subdomains),
        cmocka_unit_test(more_domains_than_memory_is_taken_for_are_found_in_the_file),
        cmocka_unit_test(a_record_can_be_read_and_walked_over),
        cmocka_unit_test(facts_of_tenants_are_found_by_index_and_by_name),
        cmocka_unit_test(a_view_keeps_its_generation_while_new_ones_come_and_go),
        cmocka_unit_test(a_run_that_only_confirms_brings_new_times_and_no_new_generation),
        cmocka_unit_test(a_manifest_that_is_wrong_is_refused_and_the_generation_stays),
        cmocka_unit_test(a_failed_manifest_is_told_once_and_tried_again_after_a_minute),
        cmocka_unit_test(a_manifest_that_vanishes_is_told_and_the_generation_stays),
        cmocka_unit_test(links_and_pipes_are_refused),
        cmocka_unit_test(a_file_that_is_cut_or_has_one_wrong_bit_is_never_opened),
        cmocka_unit_test(a_claim_that_does_not_say_what_its_mailbox_says_is_found_by_verifying),
        cmocka_unit_test(an_identity_whose_text_was_changed_is_damaged_and_not_unknown),
        cmocka_unit_test(a_file_that_is_written_to_after_it_was_published_is_not_used_any_more),
        cmocka_unit_test(a_file_that_is_cut_after_it_was_published_is_not_used_any_more),
        cmocka_unit_test(until_that_is_noticed_nobody_is_unknown),
        cmocka_unit_test(a_file_that_was_only_touched_goes_on_being_used),
        cmocka_unit_test(identities_that_share_a_hash_are_told_apart_by_their_texts),
        cmocka_unit_test(a_file_that_is_not_lmdb_or_lacks_tables_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
