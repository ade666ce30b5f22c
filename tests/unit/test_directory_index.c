/* links: mirror */
/* What the index of the identities promises: it answers as the tree does, and nothing depends on it. */
#include "directory_fixture.h"

#include "core/directory/directory_view.h"

#define MAILBOXES 5000u
#define SHARERS 9u /* more mailboxes than a reader accepts for one identity */

static void name_of(unsigned n, char out[64])
{
    (void)snprintf(out, 64, "user%u@%s.example", n, n % 3 == 0 ? "contoso" : "fabrikam");
}

/* Many mailboxes, some with a shared address, and one address that too many have. */
static void publish(const struct fixture *f)
{
    struct writer *w = begin(f);
    uint32_t tenants[2] = {add_tenant(w, "contoso", 1000), add_tenant(w, "fabrikam", 1000)};
    char primary[64], account[64];

    for (unsigned n = 1; n <= MAILBOXES; n++) {
        struct mailbox_line line = {
            n, n % 2 == 0 ? SMTP_AUTH_ENABLED : SMTP_AUTH_DISABLED, primary, NULL, NULL, account, {NULL}};

        name_of(n, primary);
        (void)snprintf(account, sizeof account, "$a1-%u", n);
        line.proxies[0] = n <= SHARERS ? "everybody@contoso.example" : n <= SHARERS + 2 ? "two@contoso.example" : NULL;
        put(w, tenants[n > MAILBOXES / 2], &line);
    }
    (void)finish(w);
}

struct opened {
    struct fixture f;
    struct directory *d;
    struct directory_view *v;
};

static struct opened published(void)
{
    struct opened o;

    fixture_make(&o.f);
    publish(&o.f);
    o.d = open_directory(&o.f);
    o.v = directory_view_get(o.d);
    return o;
}

static void close_opened(const struct opened *o)
{
    directory_view_put(o->d, o->v);
    directory_close(o->d);
    fixture_remove(&o->f);
}

struct answer {
    enum directory_result result;
    unsigned n;
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
};

static struct answer ask(const struct directory_view *v, uint32_t tenant, bool account, const char *text)
{
    struct answer a;

    memset(&a, 0, sizeof a);
    a.result = account ? directory_by_account(v, tenant, slice_of(text), a.refs, &a.n)
                       : directory_by_address(v, tenant, slice_of(text), a.refs, &a.n);
    return a;
}

/* The same question with the index and without. */
static enum directory_result asked_both_ways(struct directory_view *v, uint32_t tenant, bool account, const char *text)
{
    struct directory_index index = v->index;
    struct answer with = ask(v, tenant, account, text), without;

    v->index.slots = NULL;
    without = ask(v, tenant, account, text);
    v->index = index;
    if (with.result != without.result || with.n != without.n)
        fail_msg("%s: with the index %d, %u claims, without %d, %u", text, with.result, with.n, without.result,
                 without.n);
    for (unsigned i = 0; with.result == DIRECTORY_FOUND && i < with.n; i++) {
        assert_memory_equal(&with.refs[i].id, &without.refs[i].id, sizeof with.refs[i].id);
        assert_int_equal(with.refs[i].smtp_auth, without.refs[i].smtp_auth);
        assert_int_equal(with.refs[i].identity, without.refs[i].identity);
    }
    return with.result;
}

static void the_index_answers_as_the_tree_does(void **state)
{
    struct opened o = published();
    struct directory_view *v = o.v;
    char text[64];

    (void)state;
    assert_non_null(v->index.slots);
    for (unsigned n = 1; n <= MAILBOXES; n++) {
        uint32_t tenant = n > MAILBOXES / 2;

        name_of(n, text);
        assert_int_equal(asked_both_ways(v, tenant, false, text), DIRECTORY_FOUND);
        assert_int_equal(asked_both_ways(v, 1 - tenant, false, text), DIRECTORY_NOT_FOUND);
        (void)snprintf(text, sizeof text, "$a1-%u", n);
        assert_int_equal(asked_both_ways(v, tenant, true, text), DIRECTORY_FOUND);
        assert_int_equal(asked_both_ways(v, tenant, false, text), DIRECTORY_NOT_FOUND);
    }
    assert_int_equal(asked_both_ways(v, 0, false, "two@contoso.example"), DIRECTORY_FOUND);
    assert_int_equal(asked_both_ways(v, 0, false, "everybody@contoso.example"), DIRECTORY_DAMAGED);
    assert_int_equal(asked_both_ways(v, 0, false, "nobody@contoso.example"), DIRECTORY_NOT_FOUND);
    assert_int_equal(asked_both_ways(v, 0, false, ""), DIRECTORY_NOT_FOUND);
    close_opened(&o);
}

/* Else the tree would be asked each time, and nobody would notice. */
static void the_index_leads_to_every_identity(void **state)
{
    struct opened o = published();
    struct directory_view *v = o.v;
    char text[64];

    (void)state;
    for (unsigned n = 1; n <= MAILBOXES; n++) {
        struct directory_key key;
        struct slice value;

        name_of(n, text);
        key = identity_key(n > MAILBOXES / 2, IDENTITY_KEY_ADDRESS, slice_of(text));
        assert_true(directory_index_find(&v->index, (struct slice){(const char *)key.b, key.n}, &value));
    }
    close_opened(&o);
}

static void what_is_no_index_finds_nothing(void **state)
{
    uint64_t words[4 + 8] = {1, 3, 42, 1};
    struct directory_index index;
    struct slice value = {(const char *)words, sizeof words}, found;
    const uint8_t first = 0;

    (void)state;
    assert_true(directory_index_open(value, &first, &index));
    assert_false(directory_index_find(&index, SLICE("key"), &found)); /* no slot is in use */
    assert_false(directory_index_open(value, NULL, &index));
    assert_false(directory_index_open((struct slice){value.p, value.n - 1}, &first, &index));
    assert_false(directory_index_open((struct slice){value.p, 24}, &first, &index));
    words[1] = 64;
    assert_false(directory_index_open(value, &first, &index));
    words[1] = 3;
    words[0] = 2;
    assert_false(directory_index_open(value, &first, &index));
    assert_null(index.slots);
    assert_false(directory_index_find(&index, SLICE("key"), &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_answers_as_the_tree_does),
        cmocka_unit_test(the_index_leads_to_every_identity),
        cmocka_unit_test(what_is_no_index_finds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
