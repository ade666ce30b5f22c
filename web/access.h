/*
 * Who asks, and whether they may. There are three ways to be somebody: a session, begun with a password; a bearer token
 * (RFC 6750 2.1), for programs; and the word of a proxy, which is believed on a UNIX socket with its secret and nowhere
 * else. In the loop's thread.
 */
#ifndef POSTERN_WEB_ACCESS_H
#define POSTERN_WEB_ACCESS_H

#include "core/config/config.h"
#include "web/people.h"
#include "web/server.h"
#include "web/sessions.h"
#include "web/tries.h"

#include <event2/http.h>

#define WHO_NAME_MAX 255u

enum way { WAY_NONE, WAY_SESSION, WAY_TOKEN, WAY_PROXY };

struct who {
    enum way way; /* WAY_NONE: nobody, with ROLE_ANYBODY */
    enum role role;
    char name[WHO_NAME_MAX + 1];
    char scope[SCOPE_MAX + 1];    /* as of role.h; "" for a role that sees only counts */
    char tenants[SCOPE_MAX + 1];  /* as of the account */
    char proof[DIGEST_TEXT_MAX];  /* what a change must bring along (access_change); "": it need not */
    char cookie[DIGEST_TEXT_MAX]; /* of WAY_SESSION */
    bool is_unix;                 /* connected over a UNIX socket */
    bool by_proxy;                /* the proxy's secret was there */
    bool https;                   /* between browser and proxy, as the proxy says */
    char peer[PEER_TEXT_MAX];     /* who is connected: "uid 1000", or an address */
    unsigned rules;               /* of WAY_PROXY: access.rules at that time */
};

struct access {
    const struct web_config *config;
    struct log *log;
    struct people *people;
    struct sessions *sessions;
    struct tries *tries;
    char proxy_digest[DIGEST_TEXT_MAX]; /* of the proxy's secret */
    char proxy_key[DIGEST_TEXT_MAX];    /* makes proofs for those whom the proxy names */
    unsigned rules;                     /* how often web.proxy was read */
};

/* The configuration and the log outlive it. 0; -1 with e. */
int access_begin(struct access *access, const struct web_config *config, struct log *log, struct error *e);
void access_end(struct access *access);
/* From now on as this configuration has it, which outlives it in place of the one before. 0; -1 with e, and nothing has
 * changed. */
int access_follow(struct access *access, const struct web_config *config, struct error *e);

/* May that be logged of somebody? As often as a try may fail, so that nobody fills the disk with what is refused. */
bool access_may_log(const struct access *access, const char *what, struct slice whose);

/* Is somebody still who they were, later in the same request? */
bool access_still(struct access *access, const struct who *who);

/* A reply other than what was asked for. */
struct refused {
    int status;
    const char *text; /* a sentence of ours, without quotes */
};

/* Who asks. 0; -1 with refused, where the request says two things about that, or a wrong one. */
int access_who(struct access *access, struct evhttp_request *request, struct who *out, struct refused *refused);

/*
 * May a change be made that was asked for by POST? Its type must be one that no foreign page can send without asking
 * first (Fetch 2.2.1), it must come from a page of ours where a browser says where it comes from, and with a session
 * bring along the proof that /api/v1/me gave. 0, or -1.
 */
int access_change(const struct who *who, struct evhttp_request *request, struct refused *refused);
/* The same without a proof: nobody is signed in yet. */
int access_sign_in_change(const struct who *who, struct evhttp_request *request, struct refused *refused);

/*
 * The cookie's name for this request: with __Host- and Secure over HTTPS. Over "ssh -L" a browser has plain HTTP to
 * localhost, for which Safari keeps no Secure cookie: then one without these, with the port in its name, since cookies
 * are those of all ports. False: neither, so there is none.
 */
#define COOKIE_NAME_MAX 32
bool access_cookie_name(const struct who *who, struct evhttp_request *request, char out[COOKIE_NAME_MAX]);

#endif
