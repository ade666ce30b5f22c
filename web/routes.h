/* What is served: paths, methods, who may have it, and who makes the reply. */
#ifndef POSTERN_WEB_ROUTES_H
#define POSTERN_WEB_ROUTES_H

#include "web/access.h"
#include "web/acts.h"
#include "web/answers.h"
#include "web/assets.h"
#include "web/page.h"
#include "web/sign_in.h"

/* What of it somebody sees who is bound to some tenants. */
enum reach {
    REACH_NONE, /* nothing: it tells no tenants apart, or may tell of others than was asked for */
    REACH_OWN,  /* the rows of these tenants (web/rows.h) */
    REACH_MADE, /* the same, which make itself sees to */
    REACH_ANY   /* all: it tells nothing of tenants */
};

struct web;

struct route {
    const char *path; /* ends with a slash: one name follows */
    enum role least;  /* what somebody must be at least; ROLE_ANYBODY also lets nobody in */
    enum reach reach;
    /* one of these */
    page_make *make;                                             /* data, in a thread (web/api.h) */
    void (*make_text)(struct web *web, struct answer_text *out); /* another reply, in a thread */
    void (*serve)(struct web *web, const struct who *who, struct evhttp_request *request); /* in the loop */
    bool changes;      /* by POST, and by nothing else; serve checks the rest (access_change) */
    bool tcp;          /* also over TCP, with a token */
    bool narrows;      /* with REACH_NONE: who sees all may still ask for one tenant's, judged as REACH_OWN */
    bool has_rows;     /* data: takes "rows" and "after" */
    bool slow;         /* may take longer than a moment: not in the threads of what doesn't */
    unsigned holds_ms; /* how long what was made is good for others who ask the same */
};

static inline bool route_takes_rest(const struct route *route)
{
    return route->path[strlen(route->path) - 1] == '/';
}

/* What the routes need; made by main. */
struct web {
    struct log *log;
    struct shelf *shelf;
    struct look *look;
    struct live *live;
    struct streams *streams;
    struct answers *quick, *slow;
    const struct asset *assets;
    struct access access;
    struct sign_in *sign_in;
    struct acts *acts;
};

/* For server_config.serve, and for answers_new; arg is the struct web. */
void routes_serve(void *arg, struct evhttp_request *request);
void routes_make(void *arg, const void *what, struct slice scope, struct slice target, struct answer_text *out);

#endif
