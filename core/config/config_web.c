/* web.proxy: whom a web server before postern-web may name, and what these may do. */
#include "core/config/config_table.h"

#include "core/base/quote.h"

#define ROLES_MAX 200
#define TENANTS_OF_ROLE_MAX 256
#define FIELD_NAME_MAX 64u
#define GROUP_NAME_BYTES_MAX 255u
#define SIGN_OUT_BYTES_MAX 500u

static void store(void *at, const char *text)
{
    memcpy(at, &text, sizeof text);
}

/* Letters, digits and hyphens: what all web servers pass on. */
static int parse_field_name(struct reader *r, struct slice text, void *at, struct error *e)
{
    bool right = text.n > 0 && text.n <= FIELD_NAME_MAX;
    const char *kept;

    for (size_t i = 0; i < text.n && right; i++) {
        char c = ascii_lower(text.p[i]);

        right = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    if (!right || !slice_starts_with_icase(text, SLICE("X-")))
        return error_set(e, "\"%s\": expected the name of a header field of letters, digits and -, as in X-Remote-User",
                         quote(text).text);
    if (slice_ieq(text, SLICE("X-Postern-Proxy")) || slice_ieq(text, SLICE("X-Postern-Proof")) ||
        slice_ieq(text, SLICE("X-Forwarded-Proto")))
        return error_set(e, "\"%s\" has another meaning here", quote(text).text);
    if ((kept = config_keep(r, text)) == NULL)
        return -1;
    store(at, kept);
    return 0;
}

/* A path of the same site, so that a page can lead there and nowhere else (RFC 3986 4.2). */
static int parse_sign_out(struct reader *r, struct slice text, void *at, struct error *e)
{
    bool right =
        text.n > 0 && text.n <= SIGN_OUT_BYTES_MAX && text.p[0] == '/' && !slice_starts_with(text, SLICE("//"));
    const char *kept;

    for (size_t i = 0; i < text.n && right; i++)
        right = text.p[i] > ' ' && text.p[i] < 0x7f && strchr("\"<>\\^`{|}", text.p[i]) == NULL;
    if (!right)
        return error_set(e, "\"%s\": expected a path of this site, as in /oauth2/sign_out", quote(text).text);
    if ((kept = config_keep(r, text)) == NULL)
        return -1;
    store(at, kept);
    return 0;
}

/* Printable, and without the comma that stands between groups. */
static int parse_group(struct reader *r, struct slice text, void *at, struct error *e)
{
    bool right = text.n > 0 && text.n <= GROUP_NAME_BYTES_MAX && text.p[0] != ' ' && text.p[text.n - 1] != ' ';
    const char *kept;

    for (size_t i = 0; i < text.n && right; i++)
        right = text.p[i] >= ' ' && text.p[i] < 0x7f && text.p[i] != ',';
    if (!right)
        return error_set(e, "\"%s\": expected the name or id of a group in printable ASCII, without a comma",
                         quote(text).text);
    if ((kept = config_keep(r, text)) == NULL)
        return -1;
    store(at, kept);
    return 0;
}

static int parse_role(struct reader *r, struct slice text, void *at, struct error *e)
{
    (void)r;
    return role_find(text, at, e);
}

/* All tenants unless it names some. */
static int read_tenants(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct web_role_config *role = at;
    char text[SCOPE_MAX + 1];
    struct buf b = BUF_OVER(text);
    unsigned n;

    if (setting_texts(r, s, TENANTS_OF_ROLE_MAX, &n) != 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        const char *name;
        struct slice one;

        if (setting_text(r, element, row, &one) != 0 || (name = config_keep(r, one)) == NULL)
            return -1;
        if (!tenant_is_known(r->config, name))
            return setting_error(r, element, "there is no tenant \"%s\" in tenants", quote(one).text);
        buf_addf(&b, "%s%s", i > 0 ? "," : "", name);
    }
    if (s != NULL && (n == 0 || b.full || !scope_is_right(buf_slice(&b)) || scope_is_all(buf_slice(&b))))
        return setting_error(r, s, "expected names of tenants, of %u bytes in all; leave it out for all tenants",
                             SCOPE_MAX);
    return (role->tenants = s != NULL ? config_keep(r, buf_slice(&b)) : SCOPE_ALL) != NULL ? 0 : -1;
}

static int check_role(struct reader *r, const config_setting_t *s, void *target)
{
    const struct web_role_config *role = target;

    return scope_check(role->role, slice_of(role->tenants), r->e) == 0
               ? 0
               : setting_error_around(r, setting_member(s, "tenants"));
}

static const struct setting role_rows[] = {
    {"group", SETTING_PARSED, AT(struct web_role_config, group), .required = true, .parse = parse_group,
     .allowed = "the name of a group"},
    {"role", SETTING_PARSED, AT(struct web_role_config, role), .required = true, .parse = parse_role,
     .allowed = "viewer, reader, operator or admin"},
    {"tenants", SETTING_OWN, .read = read_tenants, .allowed = "names of tenants"},
};
static const struct section role_section = {ROWS(role_rows), .check = check_role,
                                            .size = sizeof(struct web_role_config), .most = ROLES_MAX};

static int check_proxy(struct reader *r, const config_setting_t *s, void *target)
{
    const struct web_proxy_config *proxy = target;

    if (s == NULL)
        return 0;
    if (proxy->secret_file == NULL)
        return setting_error(r, s,
                             "secret_file is missing: only by a secret is the proxy known from others who connect");
    if (strcasecmp(proxy->user_field, proxy->groups_field) == 0)
        return setting_error(r, s, "user_header and groups_header are the same");
    return 0;
}

static const struct setting proxy_rows[] = {
    {"secret_file", SETTING_PATH, AT(struct web_proxy_config, secret_file)},
    {"user_header", SETTING_PARSED, AT(struct web_proxy_config, user_field), .parse = parse_field_name,
     .standard = "X-Auth-Request-Email", .allowed = "the name of a header field"},
    {"groups_header", SETTING_PARSED, AT(struct web_proxy_config, groups_field), .parse = parse_field_name,
     .standard = "X-Auth-Request-Groups", .allowed = "the name of a header field"},
    {"sign_out", SETTING_PARSED, AT(struct web_proxy_config, sign_out), .parse = parse_sign_out,
     .allowed = "a path of this site"},
    {"roles", SETTING_SECTIONS, AT(struct web_proxy_config, roles),
     .count_offset = offsetof(struct web_proxy_config, n_roles), .section = &role_section},
};
const struct section web_proxy_section = {ROWS(proxy_rows), .check = check_proxy};
