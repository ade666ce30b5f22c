/* Signing in with a password, out, and who one is: POST /api/v1/login, POST /api/v1/logout, GET /api/v1/me. */
#ifndef POSTERN_WEB_SIGN_IN_H
#define POSTERN_WEB_SIGN_IN_H

#include "web/access.h"
#include "web/pool.h"

/* A password takes 200 ms of one thread and 16 MiB: so one at a time, and so many wait. */
#define SIGN_IN_THREADS 1
#define SIGN_IN_MOST 8

struct sign_in;

/* access outlives it. NULL without memory or threads. */
struct sign_in *sign_in_new(struct event_base *base, struct access *access);
/* Before the server; NULL is fine. */
void sign_in_free(struct sign_in *sign_in);

/* {"name": "anna", "password": "..."} begins a session; one that there was ends. In the loop's thread, as all here. */
void sign_in_serve(struct sign_in *sign_in, const struct who *who, struct evhttp_request *request);
void sign_in_serve_out(struct sign_in *sign_in, const struct who *who, struct evhttp_request *request);
void sign_in_serve_me(struct sign_in *sign_in, const struct who *who, struct evhttp_request *request);

#endif
