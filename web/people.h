/* The file of accounts, followed: what is written there counts at the next request. In the loop's thread. */
#ifndef POSTERN_WEB_PEOPLE_H
#define POSTERN_WEB_PEOPLE_H

#include "core/access/accounts.h"
#include "core/base/log.h"

struct people;

/* path and log outlive it. NULL without memory. */
struct people *people_new(const char *path, struct log *log);
void people_free(struct people *people);
/* From now on the file at that path, which outlives it. */
void people_follow(struct people *people, const char *path);

/* Those of now, until the next call. A file that is missing or wrong has none, which the log tells once. */
const struct accounts *people_now(struct people *people);

#endif
