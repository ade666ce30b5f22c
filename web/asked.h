/* What a target asks for: its path and its query (RFC 3986 3.3, 3.4; application/x-www-form-urlencoded), decoded. */
#ifndef POSTERN_WEB_ASKED_H
#define POSTERN_WEB_ASKED_H

#include "core/base/error.h"
#include "core/base/slice.h"
#include "web/request_head.h"

#define ASKED_PARTS_MAX 64u

struct asked {
    struct slice path; /* as it came */
    struct slice rest; /* what follows the route's path, decoded; empty unless the route takes one */
    struct {
        struct slice name, value; /* the value is terminated */
        bool taken;
    } parts[ASKED_PARTS_MAX];
    size_t n;
    size_t used; /* of text */
    char text[TARGET_MAX + 2 * ASKED_PARTS_MAX + 2];
};

/* 0; -1 with e: a percent sign without two digits, a NUL, a name that comes without a value, or too many. */
int asked_read(struct slice target, struct asked *out, struct error *e);
/* Takes what follows so many bytes of the path, as one name. 0, or -1 with e. */
int asked_take_rest(struct asked *asked, size_t from, struct error *e);

/*
 * The first value of that name that was not taken yet; NULL: there is none (any more). So a name may come once where
 * one is taken, and asked_check finds what nobody took: a name that is misspelled must not be as if it had not come.
 */
const char *asked_value(struct asked *asked, const char *name);
/* The number; `otherwise` where it did not come. 0, or -1 with e. */
int asked_number(struct asked *asked, const char *name, unsigned long long most, unsigned long long otherwise,
                 unsigned long long *out, struct error *e);
/* 0 when all was taken; -1 with e. */
int asked_check(const struct asked *asked, struct error *e);

#endif
