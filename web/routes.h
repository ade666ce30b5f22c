/* What is served: paths, methods, who may have it, and who makes the reply. */
#ifndef POSTERN_WEB_ROUTES_H
#define POSTERN_WEB_ROUTES_H

#include "web/answers.h"
#include "web/assets.h"
#include "web/page.h"
#include "web/server.h"

/*
 * The least that somebody must be to have a route. Until there are accounts, whoever may connect to the UNIX socket is
 * everything (ROLE_ADMIN).
 */
enum role {
    ROLE_ANYBODY,  /* who may connect at all */
    ROLE_VIEWER,   /* counts: no address and no login */
    ROLE_READER,   /* all that is read */
    ROLE_OPERATOR, /* and blocks, lifts, holds */
    ROLE_ADMIN
};

struct web;

struct route {
    const char *path; /* ends with a slash: one name follows */
    enum role least;
    /* one of these */
    page_make *make;                                                /* data, in a thread (web/api.h) */
    void (*make_text)(struct web *web, struct answer_text *out);    /* another reply, in a thread */
    void (*serve)(struct web *web, struct evhttp_request *request); /* at once, in the loop */
    bool has_rows;                                                  /* data: takes "rows" and "after" */
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
};

/* For server_config.serve, and for answers_new; arg is the struct web. */
void routes_serve(void *arg, struct evhttp_request *request);
void routes_make(void *arg, const void *what, struct slice target, struct answer_text *out);

#endif
