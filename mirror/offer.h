/*
 * "postern-mirror offer": puts the current generation, and its sealed manifest (mirror/offering.h), into the folder
 * mirror.offer, from which a web server hands them to the relays that pull.
 */
#ifndef POSTERN_MIRROR_OFFER_H
#define POSTERN_MIRROR_OFFER_H

#include "core/config/config.h"

#include <stdio.h>

struct offer_options {
    const struct config *config;
    const char *directory;
    int64_t now; /* wall clock, seconds */
    FILE *out, *log;
};

/*
 * The file comes first, then the manifest by rename, so that a relay never finds one without the other. The generation
 * that was offered before stays for those that are fetching it. Does nothing when all is there already. 0; -1 with e,
 * and what was offered before still is. What went wrong is told in a notice.
 */
int offer_run(const struct offer_options *options, struct error *e);

/* Prints what the web server must ask relays for, as lines of nginx. 0, or -1 with e. */
int offer_token(const struct config *config, FILE *out, struct error *e);

#endif
