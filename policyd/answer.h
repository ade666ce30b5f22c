/* From the bytes that a connection has read to the responses that it sends. */
#ifndef POSTERN_POLICYD_ANSWER_H
#define POSTERN_POLICYD_ANSWER_H

#include "core/base/buf.h"
#include "policyd/connection.h"
#include "policyd/request.h"

/*
 * Answers the whole requests at the front of *in, as far as there is room in answers; what was used is cut off *in.
 * A request with a problem is answered too, and is the last one: c->refused. True when at least one was answered.
 */
bool connection_answer(struct connection *c, struct slice *in, struct buf *answers);

/* Appends the answer to a request with a problem, which is the last one of the connection, and logs the problem. */
void connection_refuse(struct connection *c, struct buf *answers, enum request_problem problem, struct slice culprit);

#endif
