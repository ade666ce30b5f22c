/* What is served: paths, methods, and who makes the reply. */
#ifndef POSTERN_WEB_ROUTES_H
#define POSTERN_WEB_ROUTES_H

#include "web/look.h"
#include "web/server.h"

/* For server_config.serve; arg is the struct look. */
void routes_serve(void *arg, struct evhttp_request *request);

#endif
