#include "web/access.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/quote.h"
#include "core/base/secret_file.h"
#include "web/request_head.h"
#include "web/server.h"

#include <stdlib.h>

#define PROXY_SECRET_MIN 16u
#define PROXY_SECRET_MAX WHO_NAME_MAX

static const char *field_of(struct evhttp_request *request, enum kept_field field)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request), kept_field_name(field));
}

static int refuse(struct refused *refused, int status, const char *text)
{
    *refused = (struct refused){status, text};
    return -1;
}

static void keep(char *out, size_t cap, struct slice text)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, text);
}
#define KEEP(array, text) keep((array), sizeof(array), (text))

static void be_account(struct who *out, enum way way, struct slice name, enum role role, struct slice tenants)
{
    out->way = way;
    out->role = role;
    KEEP(out->name, name);
    KEEP(out->tenants, tenants);
    KEEP(out->scope, role > ROLE_VIEWER ? tenants : SLICE(""));
}

bool access_may_log(const struct access *access, const char *what, struct slice whose)
{
    return tries_take(access->tries, what, whose, clock_boot_ns()) == 0;
}

/* ---- by a proxy ---- */

/* Visible ASCII and blanks inside; the guard let no control character pass but a tab. */
static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] >= 0x7f)
            return false;
    return s.n > 0 && s.n <= WHO_NAME_MAX;
}

static bool is_in_list(struct slice list, struct slice group)
{
    struct slice one;

    while (list.n > 0) {
        (void)slice_cut(list, ',', &one, &list);
        if (slice_eq(slice_trim(one), group))
            return true;
    }
    return false;
}

static int by_groups(const struct access *access, struct slice user, const char *groups, struct who *out,
                     struct refused *refused)
{
    const struct web_proxy_config *proxy = &access->config->proxy;

    for (size_t i = 0; i < proxy->n_roles; i++) {
        const struct web_role_config *role = &proxy->roles[i];

        if (is_in_list(slice_of(groups), slice_of(role->group))) {
            be_account(out, WAY_PROXY, user, role->role, slice_of(role->tenants));
            out->rules = access->rules;
            access_digest(slice_of(access->proxy_key), user, out->proof);
            return 0;
        }
    }
    if (access_may_log(access, "groups", user))
        log_say(access->log, LEVEL_NOTICE, "%s, whom the proxy names, is in none of the groups of web.proxy.roles",
                quote(user).text);
    return refuse(refused, 403,
                  "you are signed in, but in no group that may come here: ask who runs this relay "
                  "(web.proxy.roles in postern.conf)");
}

/* The fields of a proxy are there. All of it is right, or nothing of it is taken. */
static int by_proxy(const struct access *access, struct evhttp_request *request, struct who *out,
                    struct refused *refused)
{
    const char *secret = field_of(request, KEPT_PROXY), *user = field_of(request, KEPT_PROXY_USER);
    const char *proto = field_of(request, KEPT_PROXY_PROTO);
    char digest[DIGEST_TEXT_MAX];

    access_digest(slice_of(secret), SLICE(""), digest);
    if (!out->is_unix || access->proxy_digest[0] == '\0' || secret == NULL ||
        !access_same(slice_of(digest), slice_of(access->proxy_digest))) {
        if (access_may_log(access, "proxy", slice_of(out->peer)))
            log_say(access->log, LEVEL_WARNING, "a request by %s says who asks, as a proxy does, but %s: refused",
                    out->peer,
                    !out->is_unix                     ? "comes over TCP"
                    : access->proxy_digest[0] == '\0' ? "web.proxy is not set"
                    : secret == NULL                  ? "has no X-Postern-Proxy with the secret"
                                                      : "has not the secret of web.proxy.secret_file");
        return refuse(refused, 403, "this says who asks, and is not from the proxy that may");
    }
    out->by_proxy = true;
    out->https = slice_eq(slice_of(proto), SLICE("https"));
    if (user == NULL && field_of(request, KEPT_PROXY_GROUPS) == NULL)
        return 0;
    if (!is_printable(slice_of(user)))
        return refuse(refused, 403, "the proxy names nobody, or not in printable ASCII");
    return by_groups(access, slice_of(user), field_of(request, KEPT_PROXY_GROUPS), out, refused);
}

/* ---- by a token ---- */

static int by_token(struct access *access, struct slice token, struct who *out, struct refused *refused)
{
    const struct account *account = accounts_with_token(people_now(access->people), token, clock_wall_s());

    if (account == NULL) {
        /* It can't be guessed: how often that is tried needs no bound. */
        if (access_may_log(access, "token", slice_of(out->peer)))
            log_say(access->log, LEVEL_WARNING, "a request by %s has a token that is none, or not any more", out->peer);
        return refuse(refused, 401, "there is no such token, or not any more");
    }
    be_account(out, WAY_TOKEN, account->name, account->role, account->tenants);
    return 0;
}

/* ---- by a session ---- */

static bool is_of_loopback(struct slice host, struct slice *port)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_starts_with_icase(host, slice_of(names[i]))) {
            size_t n = strlen(names[i]);

            *port = (struct slice){host.p + n, host.n - n};
            if (port->n == 0 || slice_starts_with(*port, SLICE(":")))
                return true;
        }
    return false;
}

bool access_cookie_name(const struct who *who, struct evhttp_request *request, char out[COOKIE_NAME_MAX])
{
    struct slice host = slice_of(evhttp_find_header(evhttp_request_get_input_headers(request), "Host")), port;
    struct buf b = buf_over(out, COOKIE_NAME_MAX);

    if (who->https) {
        buf_add(&b, SLICE("__Host-postern"));
        return true;
    }
    if (!is_of_loopback(host, &port))
        return false;
    buf_add(&b, SLICE("postern"));
    if (port.n > 1)
        buf_addf(&b, "-%.*s", (int)(port.n - 1), port.p + 1);
    return true;
}

/* The value of the cookie; empty where there is none, or more than one. */
static struct slice cookie_of(struct slice list, struct slice name)
{
    struct slice found = {NULL, 0}, one, key, value;
    unsigned n = 0;

    while (list.n > 0) {
        (void)slice_cut(list, ';', &one, &list);
        if (slice_cut(slice_trim(one), '=', &key, &value) && slice_eq(key, name)) {
            found = value;
            n++;
        }
    }
    return n == 1 ? found : (struct slice){NULL, 0};
}

/*
 * A page of another origin of this site, such as another port of localhost, has the browser send our cookie along: it
 * is not taken from there (Fetch Metadata 2.1).
 */
static bool is_from_elsewhere(struct evhttp_request *request)
{
    struct slice site = slice_of(field_of(request, KEPT_SEC_FETCH_SITE));

    return site.n > 0 && !slice_eq(site, SLICE("same-origin")) && !slice_eq(site, SLICE("none"));
}

static void by_session(struct access *access, struct evhttp_request *request, struct who *out)
{
    const struct accounts *accounts = people_now(access->people);
    char name[COOKIE_NAME_MAX];
    const struct session *session;
    const struct account *account;
    struct slice id;

    if (!access_cookie_name(out, request, name))
        return;
    id = cookie_of(slice_of(field_of(request, KEPT_COOKIE)), slice_of(name));
    if (id.n == 0 || is_from_elsewhere(request) ||
        (session = sessions_use(access->sessions, id, accounts, clock_boot_ns())) == NULL ||
        (account = accounts_named(accounts, slice_of(session->name))) == NULL)
        return;
    be_account(out, WAY_SESSION, account->name, account->role, account->tenants);
    KEEP(out->cookie, id);
    access_digest(SLICE("proof for "), id, out->proof);
}

/* ---- all ---- */

int access_who(struct access *access, struct evhttp_request *request, struct who *out, struct refused *refused)
{
    struct slice scheme, token;

    *out = (struct who){.way = WAY_NONE};
    out->is_unix = server_is_unix(request, out->peer);
    if (field_of(request, KEPT_PROXY) != NULL || field_of(request, KEPT_PROXY_USER) != NULL ||
        field_of(request, KEPT_PROXY_GROUPS) != NULL) {
        if (by_proxy(access, request, out, refused) != 0)
            return -1;
        if (out->way == WAY_PROXY)
            return 0;
    }
    /* Other schemes are between a browser and a proxy that passes the field on. */
    if (slice_cut(slice_of(field_of(request, KEPT_AUTHORIZATION)), ' ', &scheme, &token) &&
        slice_ieq(scheme, SLICE("Bearer"))) {
        if (field_of(request, KEPT_COOKIE) != NULL)
            return refuse(refused, 400, "a token and cookies: expected one of them");
        return by_token(access, slice_trim(token), out, refused);
    }
    if (out->is_unix)
        by_session(access, request, out);
    return 0;
}

bool access_still(struct access *access, const struct who *who)
{
    const struct accounts *accounts = people_now(access->people);
    const struct account *account = accounts_named(accounts, slice_of(who->name));

    if (who->way == WAY_SESSION)
        return sessions_has(access->sessions, slice_of(who->cookie), accounts, clock_boot_ns());
    if (who->way == WAY_TOKEN)
        return account != NULL && account->is_token && account->role == who->role &&
               slice_eq(account->tenants, slice_of(who->tenants)) &&
               (account->until_s == 0 || clock_wall_s() < account->until_s);
    return who->way != WAY_PROXY || who->rules == access->rules;
}

/* ---- changes ---- */

static bool is_json(struct slice type)
{
    struct slice base;

    (void)slice_cut(type, ';', &base, NULL);
    return slice_ieq(slice_trim(base), SLICE("application/json"));
}

/* Of that scheme, and of the host as it was asked for. */
static bool is_origin(struct slice origin, struct slice scheme, struct slice host)
{
    return slice_starts_with(origin, scheme) &&
           slice_ieq((struct slice){origin.p + scheme.n, origin.n - scheme.n}, host);
}

int access_sign_in_change(const struct who *who, struct evhttp_request *request, struct refused *refused)
{
    struct slice origin = slice_of(field_of(request, KEPT_ORIGIN));
    struct slice host = slice_of(evhttp_find_header(evhttp_request_get_input_headers(request), "Host"));

    if (!is_json(slice_of(field_of(request, KEPT_CONTENT_TYPE))))
        return refuse(refused, 415, "expected Content-Type: application/json");
    if (is_from_elsewhere(request) || (origin.n > 0 && !is_origin(origin, SLICE("https://"), host) &&
                                       (who->https || !is_origin(origin, SLICE("http://"), host))))
        return refuse(refused, 403, "this comes from a page of another origin");
    return 0;
}

int access_change(const struct who *who, struct evhttp_request *request, struct refused *refused)
{
    if (access_sign_in_change(who, request, refused) != 0)
        return -1;
    if (who->proof[0] != '\0' && !access_same(slice_of(field_of(request, KEPT_PROOF)), slice_of(who->proof)))
        return refuse(refused, 403, "X-Postern-Proof is missing or wrong: /api/v1/me has the right one");
    return 0;
}

/* ---- begin and end ---- */

/* The digest of the proxy's secret; "" where there is none. */
static int read_proxy_secret(const char *path, char digest[DIGEST_TEXT_MAX], struct error *e)
{
    char secret[PROXY_SECRET_MAX + 2];
    struct slice text;

    digest[0] = '\0';
    if (path == NULL)
        return 0;
    if (secret_file_line(path, secret, sizeof secret, e) != 0)
        return error_prefix(e, "web.proxy.secret_file %s", path);
    text = slice_trim(slice_of(secret));
    if (text.n < PROXY_SECRET_MIN || text.n > PROXY_SECRET_MAX || !is_printable(text))
        return error_set(e,
                         "web.proxy.secret_file %s: expected one line of %u to %u printable characters, as of "
                         "\"openssl rand -hex 32\"",
                         path, PROXY_SECRET_MIN, PROXY_SECRET_MAX);
    access_digest(text, SLICE(""), digest);
    return 0;
}

int access_follow(struct access *access, const struct web_config *config, struct error *e)
{
    char digest[DIGEST_TEXT_MAX];

    if (read_proxy_secret(config->proxy.secret_file, digest, e) != 0)
        return -1;
    memcpy(access->proxy_digest, digest, sizeof digest);
    access->config = config;
    access->rules++;
    people_follow(access->people, config->users);
    return 0;
}

int access_begin(struct access *access, const struct web_config *config, struct log *log, struct error *e)
{
    *access = (struct access){.config = config, .log = log};
    if ((access->people = people_new(config->users, log)) == NULL || (access->sessions = sessions_new()) == NULL ||
        (access->tries = tries_new()) == NULL)
        return error_set(e, "no memory");
    return access_random(access->proxy_key, e) != 0 ? -1 : access_follow(access, config, e);
}

void access_end(struct access *access)
{
    people_free(access->people);
    sessions_free(access->sessions);
    tries_free(access->tries);
}
