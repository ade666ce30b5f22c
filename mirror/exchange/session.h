/* The requests of one tenant's run: one connection, one deadline, and retries after temporary errors. */
#ifndef POSTERN_MIRROR_SESSION_H
#define POSTERN_MIRROR_SESSION_H

#include "mirror/exchange/http.h"

#include <stdio.h>

struct exchange_session {
    struct http *http;
    uint64_t deadline_ns; /* boot time */
    FILE *log;
    const char *tenant; /* its name, for the log */
    unsigned requests, retries;
    uint64_t bytes; /* received */
};

/* 0, or -1 with e. session->http is to be closed by session_close. */
int session_open(struct exchange_session *s, const struct http_options *options, uint64_t deadline_s, FILE *log,
                 const char *tenant, struct error *e);
void session_close(struct exchange_session *s);

/* The deadline anew, so many seconds from now: for the next one of many things that each may take so long. */
void session_begin_again(struct exchange_session *s, uint64_t deadline_s);

/*
 * Makes the request. Tries again after a pause (mirror/exchange/retry.h) when the connection broke or the service said
 * "later". `what` names the request in the log ("Get-CASMailbox"). 0: an answer whose status another try would not
 * change; -1 with e: none after several tries, or the deadline is near.
 */
int session_do(struct exchange_session *s, const char *what, const struct http_request *request,
               struct http_answer *answer, struct error *e);

/* Logs a line: "contoso: text". */
void session_say(const struct exchange_session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits; false, without waiting, when the deadline comes first. */
bool session_wait(const struct exchange_session *s, uint64_t ms);

#endif
