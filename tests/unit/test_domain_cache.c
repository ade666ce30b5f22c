/* links: mirror */
/* What is remembered of domains promises: the answers are the directory's, whatever was asked before. */
#include "directory_fixture.h"

#include "core/directory/domain_cache.h"

#define DOMAINS 300u /* more than there are slots */

static void domain_number(unsigned n, char out[80])
{
    /* Every seventh is longer than what is remembered. */
    (void)snprintf(out, 80, "d%u.%scontoso.example", n,
                   n % 7 == 0 ? "a-name-that-goes-on-for-longer-than-any-reasonable-one." : "");
}

static void publish(const struct fixture *f)
{
    struct writer *w = begin(f);
    uint32_t first = add_tenant(w, "contoso", 1000), second = add_tenant(w, "fabrikam", 1000);
    struct accepted_domain domains[DOMAINS];
    static char names[DOMAINS][80];
    struct error e;
    size_t n = 0;

    for (unsigned i = 0; i < DOMAINS; i += 2) {
        domain_number(i, names[n]);
        domains[n] = (struct accepted_domain){slice_of(names[n]),
                                              i % 4 == 0 ? DOMAIN_AUTHORITATIVE : DOMAIN_INTERNAL_RELAY, i % 3 == 0};
        n++;
    }
    must(writer_set_domains(w, first, domains, n, &e), &e);
    must(writer_set_domains(w, second, domains, 3, &e), &e); /* claimed by both */
    (void)finish(w);
}

static void same_answers(struct domain_cache *cache, const struct directory_view *v, struct slice domain)
{
    struct domain_fact remembered = {0}, fact = {0};
    enum directory_result result = directory_domain(v, domain, &fact);

    assert_int_equal(domain_lookup(cache, v, domain, &remembered), result);
    if (result == DIRECTORY_FOUND) {
        assert_int_equal(remembered.tenant, fact.tenant);
        assert_int_equal(remembered.type, fact.type);
        assert_int_equal(remembered.match_subdomains, fact.match_subdomains);
        assert_int_equal(remembered.ambiguous, fact.ambiguous);
    }
    for (uint32_t tenant = 0; tenant < 2; tenant++)
        assert_int_equal(domain_accepted(cache, v, tenant, domain), directory_accepts(v, tenant, domain));
}

static void the_answers_are_the_directorys(void **state)
{
    static struct domain_cache cache;
    struct directory_view *v;
    struct directory *d;
    struct fixture f;
    char text[80];

    (void)state;
    fixture_make(&f);
    publish(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < DOMAINS; i++)
            for (unsigned again = 0; again < 2; again++) {
                domain_number(i, text);
                same_answers(&cache, v, slice_of(text));
                same_answers(NULL, v, slice_of(text));
            }
    same_answers(&cache, v, SLICE("host.d0.contoso.example"));
    same_answers(&cache, v, SLICE(""));
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

static void another_generation_is_asked_again_after_forgetting(void **state)
{
    static struct domain_cache cache;
    struct directory_view *v;
    struct domain_fact fact;
    struct directory *d;
    struct writer *w;
    struct fixture f;
    struct error e;

    (void)state;
    fixture_make(&f);
    publish(&f);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(domain_lookup(&cache, v, SLICE("d0.contoso.example"), &fact), DIRECTORY_NOT_FOUND);
    assert_int_equal(domain_lookup(&cache, v, SLICE("d2.contoso.example"), &fact), DIRECTORY_FOUND);
    directory_view_put(d, v);
    w = begin(&f);
    must(writer_set_domains(w, 0, NULL, 0, &e), &e);
    must(writer_set_domains(w, 1, NULL, 0, &e), &e);
    (void)finish(w);
    must(directory_refresh(d, &e), &e);
    domains_forget(&cache);
    v = directory_view_get(d);
    assert_int_equal(domain_lookup(&cache, v, SLICE("d2.contoso.example"), &fact), DIRECTORY_NOT_FOUND);
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answers_are_the_directorys),
        cmocka_unit_test(another_generation_is_asked_again_after_forgetting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
