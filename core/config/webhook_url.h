/* The address of a webhook, from the configuration or from a file that it names. */
#ifndef POSTERN_WEBHOOK_URL_H
#define POSTERN_WEBHOOK_URL_H

#include "core/base/error.h"
#include "core/base/slice.h"

/* May a notice be sent to that address? 0, or -1 with e. */
int webhook_url_check(struct slice url, struct error *e);

#endif
