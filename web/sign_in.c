#include "web/sign_in.h"

#include "core/base/clock.h"
#include "core/base/quote.h"
#include "web/answers.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_SIGN_IN_MAX 4096u

struct sign_in {
    struct access *access;
    struct pool *pool;
    char nobody[PASSWORD_HASH_MAX]; /* of a password that nobody has: costs an unknown name as much as a known one */
};

/* One that tries to sign in. */
struct trial {
    struct job job; /* first */
    struct sign_in *owner;
    struct evhttp_request *request;
    struct who who; /* before */
    char name[ACCOUNT_NAME_MAX + 1];
    char password[PASSWORD_BYTES_MAX + 1];
    char hash[PASSWORD_HASH_MAX];
    bool right;
};

/* ---- replies ---- */

static void reply_who(const struct access *access, const struct who *who, struct evhttp_request *request)
{
    static const char *const ways[] = {
        [WAY_NONE] = "none", [WAY_SESSION] = "session", [WAY_TOKEN] = "token", [WAY_PROXY] = "proxy"};
    const char *sign_out = who->way == WAY_PROXY ? access->config->proxy.sign_out : NULL;
    struct slice rest = slice_of(who->tenants), one;
    json_t *tenants = scope_is_all(rest) ? json_null() : json_array(), *data;
    char *text;

    while (json_is_array(tenants) && rest.n > 0) {
        (void)slice_cut(rest, ',', &one, &rest);
        (void)json_array_append_new(tenants, json_stringn(one.p, one.n));
    }
    data = json_pack("{s:{s:s,s:s,s:s,s:o,s:s?,s:s?}}", "data", "name", who->name, "role", role_word(who->role), "way",
                     ways[who->way], "tenants", tenants, "proof", who->proof[0] != '\0' ? who->proof : NULL, "sign_out",
                     sign_out);
    text = data != NULL ? json_dumps(data, JSON_ENSURE_ASCII) : NULL;
    answer_now(request, text != NULL ? 200 : 503, TYPE_JSON,
               text != NULL ? slice_of(text) : SLICE("{\"error\": \"no memory\"}\n"));
    free(text);
    json_decref(data);
}

void sign_in_serve_me(struct sign_in *sign_in, const struct who *who, struct evhttp_request *request)
{
    reply_who(sign_in->access, who, request);
}

/* ---- the cookie ---- */

static bool set_cookie(const struct who *who, struct evhttp_request *request, const char *value)
{
    char name[COOKIE_NAME_MAX], text[256];
    struct buf b = BUF_OVER(text);

    if (!access_cookie_name(who, request, name))
        return false;
    buf_addf(&b, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name, value, who->https ? "; Secure" : "",
             value[0] == '\0' ? "; Max-Age=0" : "");
    return evhttp_add_header(evhttp_request_get_output_headers(request), "Set-Cookie", text) == 0;
}

/* ---- in ---- */

static void trial_free(struct trial *t)
{
    volatile char *secret = t->password;

    for (size_t i = 0; i < sizeof t->password; i++)
        secret[i] = '\0';
    free(t);
}

static void on_work(struct job *job)
{
    struct trial *t = (struct trial *)job;

    t->right = password_is_right(t->password, t->hash);
}

/* The account as it is now, and still with the password that was compared. */
static const struct account *account_of(const struct trial *t)
{
    const struct account *account = accounts_named(people_now(t->owner->access->people), slice_of(t->name));

    return account != NULL && !account->is_token && slice_eq(account->secret, slice_of(t->hash)) ? account : NULL;
}

static void begin_session(struct trial *t, const struct account *account)
{
    struct access *access = t->owner->access;
    struct who who = t->who;
    char id[DIGEST_TEXT_MAX];
    struct error e;

    sessions_end(access->sessions, slice_of(who.cookie));
    if (sessions_begin(access->sessions, account, clock_boot_ns(), id, &e) != 0 || !set_cookie(&who, t->request, id)) {
        answer_error(t->request, 503, "out of memory");
        return;
    }
    who.way = WAY_SESSION;
    who.role = account->role;
    (void)snprintf(who.name, sizeof who.name, "%.*s", SLICE_ARG(account->name));
    (void)snprintf(who.tenants, sizeof who.tenants, "%.*s", SLICE_ARG(account->tenants));
    access_digest(SLICE("proof for "), slice_of(id), who.proof);
    log_say(access->log, LEVEL_NOTICE, "%s (%s) signed in, by %s", who.name, role_word(who.role), who.peer);
    reply_who(access, &who, t->request);
}

static void on_done(struct job *job)
{
    struct trial *t = (struct trial *)job;
    struct access *access = t->owner->access;
    const struct account *account = t->right ? account_of(t) : NULL;

    if (account == NULL) {
        log_say(access->log, LEVEL_WARNING, "sign-in as %s failed, by %s", quote(slice_of(t->name)).text, t->who.peer);
        answer_error(t->request, 401, "name or password is wrong");
    } else {
        tries_return(access->tries, "name", slice_of(t->name));
        tries_return(access->tries, "peer", slice_of(t->who.peer));
        begin_session(t, account);
    }
    trial_free(t);
}

/* Name and password of the body. False: there are none. */
static bool read_body(struct evhttp_request *request, struct trial *t)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t n = evbuffer_get_length(in);
    const char *text = n > 0 && n <= BODY_SIGN_IN_MAX ? (const char *)evbuffer_pullup(in, -1) : NULL, *name, *password;
    json_t *body = text != NULL ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool right = false;

    if (body != NULL &&
        json_unpack_ex(body, NULL, JSON_STRICT, "{s:s,s:s}", "name", &name, "password", &password) == 0) {
        struct buf a = BUF_OVER(t->name), b = BUF_OVER(t->password);

        buf_add(&a, slice_of(name));
        buf_add(&b, slice_of(password));
        right = !a.full && !b.full && a.n > 0 && b.n > 0;
    }
    json_decref(body);
    return right;
}

/* Takes a try of the name and one of who is connected; where one is missing none is taken. Seconds to wait, or 0. */
static unsigned take_tries(struct access *access, const struct trial *t)
{
    uint64_t now_ns = clock_boot_ns();
    unsigned wait_s = tries_take(access->tries, "peer", slice_of(t->who.peer), now_ns);

    if (wait_s > 0)
        return wait_s;
    if ((wait_s = tries_take(access->tries, "name", slice_of(t->name), now_ns)) > 0)
        tries_return(access->tries, "peer", slice_of(t->who.peer));
    return wait_s;
}

static void give_back(struct access *access, const struct trial *t)
{
    tries_return(access->tries, "name", slice_of(t->name));
    tries_return(access->tries, "peer", slice_of(t->who.peer));
}

static void try_password(struct sign_in *sign_in, struct trial *t)
{
    const struct account *account = accounts_named(people_now(sign_in->access->people), slice_of(t->name));
    unsigned wait_s = take_tries(sign_in->access, t);

    if (wait_s > 0) {
        if (access_may_log(sign_in->access, "refused", slice_of(t->who.peer)))
            log_say(sign_in->access->log, LEVEL_WARNING, "sign-in as %s by %s refused: too many tries",
                    quote(slice_of(t->name)).text, t->who.peer);
        answer_later(t->request, 429, wait_s, "too many tries; wait");
        trial_free(t);
        return;
    }
    if (account != NULL && !account->is_token)
        (void)snprintf(t->hash, sizeof t->hash, "%.*s", SLICE_ARG(account->secret));
    else
        (void)snprintf(t->hash, sizeof t->hash, "%s", sign_in->nobody);
    t->job.work = on_work;
    t->job.done = on_done;
    if (pool_add(sign_in->pool, &t->job) != 0) {
        give_back(sign_in->access, t);
        answer_later(t->request, 503, 2, "too many sign in at a time; try again");
        trial_free(t);
    }
}

void sign_in_serve(struct sign_in *sign_in, const struct who *who, struct evhttp_request *request)
{
    char name[COOKIE_NAME_MAX];
    struct refused refused;
    struct trial *t;

    if (access_sign_in_change(who, request, &refused) != 0) {
        answer_error(request, refused.status, refused.text);
    } else if (who->way == WAY_TOKEN || who->way == WAY_PROXY) {
        answer_error(request, 400, "there is no need to sign in: a token, or the proxy, says who you are");
    } else if (!access_cookie_name(who, request, name)) {
        answer_error(request, 403, "expected HTTPS, as the proxy of web.proxy says it, or localhost");
    } else if ((t = calloc(1, sizeof *t)) == NULL) {
        answer_later(request, 503, 2, "no memory; try again");
    } else if (!read_body(request, t)) {
        answer_error(request, 400, "expected name and password, as JSON");
        trial_free(t);
    } else {
        t->owner = sign_in;
        t->request = request;
        t->who = *who;
        try_password(sign_in, t);
    }
}

/* ---- out ---- */

void sign_in_serve_out(struct sign_in *sign_in, const struct who *who, struct evhttp_request *request)
{
    if (who->way != WAY_SESSION) {
        answer_error(request, 400, "there is no session to end");
        return;
    }
    sessions_end(sign_in->access->sessions, slice_of(who->cookie));
    (void)set_cookie(who, request, "");
    answer_now(request, 200, TYPE_JSON, SLICE("{\"data\": null}\n"));
}

/* ---- begin and end ---- */

struct sign_in *sign_in_new(struct event_base *base, struct access *access)
{
    struct sign_in *sign_in = calloc(1, sizeof *sign_in);
    char random[DIGEST_TEXT_MAX];
    struct error e;

    if (sign_in == NULL)
        return NULL;
    sign_in->access = access;
    if (access_random(random, &e) == 0 && password_hash(random, sign_in->nobody, &e) == 0 &&
        (sign_in->pool = pool_new(base, "web-sign-in", SIGN_IN_THREADS, SIGN_IN_MOST)) != NULL)
        return sign_in;
    free(sign_in);
    return NULL;
}

void sign_in_free(struct sign_in *sign_in)
{
    if (sign_in == NULL)
        return;
    pool_free(sign_in->pool);
    free(sign_in);
}
