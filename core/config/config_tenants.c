#include "core/config/config_table.h"

#include "core/base/quote.h"
#include "core/config/tenant_row.h"

#include <stdlib.h>

#define TENANTS_MAX 1024
#define DOMAINS_MAX 4096 /* of one tenant */
#define NETBIOS_MAX 64
#define EXTERNAL_MAX 100000000 /* recipients a day: the largest tenants have some millions */
#define NETBIOS_TEXT_MAX 64    /* as long as in a login */

static const struct choice tenant_smtp_auth[] = {
    {"mirrored", TENANT_MIRRORED}, {"enabled", TENANT_ENABLED}, {"disabled", TENANT_DISABLED}, {NULL, 0}};
static const struct choice stale[] = {{"keep", STALE_KEEP}, {"defer", STALE_DEFER}, {NULL, 0}};

int setting_keep_slice(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    const char *kept = config_keep(r, text);

    *at = (struct slice){kept, text.n};
    return kept != NULL ? 0 : setting_error_around(r, s);
}

static int one_domain(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    char domain[256];
    size_t n;

    if (text.n > 0 && text.p[0] == '@')
        return setting_error(r, s, "\"%s\": a domain is written without \"@\" here", quote(text).text);
    if (!domain_canonical(text, domain, sizeof domain, &n))
        return setting_error(r, s, "\"%s\" is not a domain", quote(text).text);
    return setting_keep_slice(r, s, (struct slice){domain, n}, at);
}

/* A NetBIOS name, as in CONTOSO\sean. */
static int one_netbios(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    char name[NETBIOS_TEXT_MAX + 1];
    struct buf b = BUF_OVER(name);

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ' ' || strchr("\\/@", text.p[i]) != NULL)
            return setting_error(r, s, "\"%s\" is not a NetBIOS domain name, such as CONTOSO", quote(text).text);
        buf_add_char(&b, ascii_lower(text.p[i]));
    }
    if (b.n == 0 || b.full)
        return setting_error(r, s, "a NetBIOS domain name has 1 to %d characters", NETBIOS_TEXT_MAX);
    return setting_keep_slice(r, s, buf_slice(&b), at);
}

int setting_slices(struct reader *r, const config_setting_t *s, const struct setting *row, unsigned most,
                   setting_read_slice *one, struct slice **slices, size_t *n_slices)
{
    unsigned n;

    if (setting_texts(r, s, most, &n) != 0)
        return -1;
    if (n == 0)
        return 0;
    if ((*slices = config_alloc(r, n, sizeof **slices)) == NULL)
        return -1;
    for (; *n_slices < n; ++*n_slices) {
        const config_setting_t *element = setting_texts_element(s, (unsigned)*n_slices);
        struct slice text;

        if (setting_text(r, element, row, &text) != 0 || one(r, element, text, &(*slices)[*n_slices]) != 0)
            return -1;
    }
    return 0;
}

static int read_domains(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct tenant_config *tenant = at;

    return setting_slices(r, s, row, DOMAINS_MAX, one_domain, &tenant->domains, &tenant->n_domains);
}

static int read_netbios(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct tenant_config *tenant = at;

    return setting_slices(r, s, row, NETBIOS_MAX, one_netbios, &tenant->netbios, &tenant->n_netbios);
}

static int check_tenant(struct reader *r, const config_setting_t *s, void *target)
{
    const struct tenant_config *tenant = target;

    for (const struct tenant_config *other = r->config->tenants; other < tenant; other++)
        if (slice_ieq(slice_of(other->name), slice_of(tenant->name)))
            return setting_error(r, s, "a second tenant of the name \"%s\"", tenant->name);
    return 0;
}

#define MAX_AGE_STANDARD "2d"

static const struct setting tenant_rows[] = {
    {"name", SETTING_PARSED, AT(struct tenant_config, name), .required = true, .parse = parse_name,
     .allowed = "the name that postern-mirror used, in quotes"},
    {"domains", SETTING_OWN, .read = read_domains, .allowed = "domains"},
    {"netbios", SETTING_OWN, .read = read_netbios, .allowed = "NetBIOS domain names"},
    {"mode", SETTING_CHOICE, AT(struct tenant_config, mode), .choices = mode_choices, .standard = "enforce"},
    {"smtp_auth", SETTING_CHOICE, AT(struct tenant_config, smtp_auth), .choices = tenant_smtp_auth,
     .standard = "mirrored"},
    {"max_age", SETTING_DURATION, AT(struct tenant_config, max_age_s), .standard = MAX_AGE_STANDARD,
     .most = DURATION_MAX_S},
    {"when_stale", SETTING_CHOICE, AT(struct tenant_config, when_stale), .choices = stale, .standard = "keep"},
    {"external_recipients_per_day", SETTING_NUMBER, AT(struct tenant_config, external_recipients_per_day),
     .standard = "0", .least = 0, .most = EXTERNAL_MAX},
    {"exchange", SETTING_OWN, AT(struct tenant_config, exchange), .read = read_exchange, .section = &exchange_section,
     .allowed = "a group"},
};
const struct section tenant_section = {ROWS(tenant_rows), .check = check_tenant, .size = sizeof(struct tenant_config),
                                       .most = TENANTS_MAX};

/* ---- a login must lead to one tenant, not two ---- */

struct tenant_name {
    struct slice name;
    size_t tenant;
};

static int by_name(const void *a, const void *b)
{
    const struct tenant_name *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = n > 0 ? memcmp(x->name.p, y->name.p, n) : 0;

    if (order != 0)
        return order;
    if (x->name.n != y->name.n)
        return x->name.n < y->name.n ? -1 : 1;
    return (x->tenant > y->tenant) - (x->tenant < y->tenant);
}

static const struct slice *names_of(const struct tenant_config *tenant, bool netbios, size_t *n)
{
    *n = netbios ? tenant->n_netbios : tenant->n_domains;
    return netbios ? tenant->netbios : tenant->domains;
}

static size_t claims_gather(const struct config *c, bool netbios, struct tenant_name *claims)
{
    size_t n, all = 0;

    for (size_t i = 0; i < c->n_tenants; i++) {
        const struct slice *names = names_of(&c->tenants[i], netbios, &n);

        for (size_t j = 0; j < n; j++, all++)
            if (claims != NULL)
                claims[all] = (struct tenant_name){names[j], i};
    }
    return all;
}

static int claims_check(struct reader *r, const config_setting_t *s, bool netbios)
{
    size_t n = claims_gather(r->config, netbios, NULL);
    struct tenant_name *claims = calloc(n + 1, sizeof *claims);
    int rc = 0;

    if (claims == NULL)
        return setting_error(r, s, "no memory");
    (void)claims_gather(r->config, netbios, claims);
    qsort(claims, n, sizeof *claims, by_name);
    for (size_t i = 1; i < n && rc == 0; i++)
        if (slice_eq(claims[i - 1].name, claims[i].name) && claims[i - 1].tenant != claims[i].tenant)
            rc = setting_error(r, config_setting_get_elem(s, (unsigned)claims[i].tenant),
                               "\"%s\" belongs to tenant \"%s\" already; one tenant only may have it",
                               quote(claims[i].name).text, r->config->tenants[claims[i - 1].tenant].name);
    free(claims);
    return rc;
}

int tenants_check(struct reader *r, const config_setting_t *s)
{
    if (s == NULL)
        return 0;
    return claims_check(r, s, false) == 0 ? claims_check(r, s, true) : -1;
}

const struct tenant_config *config_tenant(const struct config *config, struct slice name)
{
    for (size_t i = 0; i < config->n_tenants; i++)
        if (slice_eq(slice_of(config->tenants[i].name), name))
            return &config->tenants[i];
    return NULL;
}

bool tenant_is_known(const struct config *config, const char *name)
{
    return config->n_tenants == 0 || config_tenant(config, slice_of(name)) != NULL;
}

const struct tenant_config *tenant_row(const struct config *config, const char *name, struct tenant_config *mem)
{
    if (config->n_tenants > 0)
        return config_tenant(config, slice_of(name));
    *mem = (struct tenant_config){
        .name = name, .mode = MODE_ENFORCE, .smtp_auth = TENANT_MIRRORED, .when_stale = STALE_KEEP};
    (void)duration_parse(SLICE(MAX_AGE_STANDARD), &mem->max_age_s, NULL);
    return mem;
}
