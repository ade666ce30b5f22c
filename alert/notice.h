/* A notice as it was found in the spool. */
#ifndef POSTERN_ALERT_NOTICE_H
#define POSTERN_ALERT_NOTICE_H

#include "core/notice/alert.h"

#include <jansson.h>

#define NOTICE_NAME_MAX 128

struct notice {
    char name[NOTICE_NAME_MAX]; /* of the file */
    char id[NOTICE_NAME_MAX];
    char event_name[32];
    enum alert_event event;
    int64_t at_s;
    json_t *json; /* the whole, with "host" added */
};

/*
 * Reads folder/name. 0 with *notice, to be freed by notice_free; -1 with e when it cannot be read now; NOTICE_NONE with
 * e when it is not a notice.
 */
#define NOTICE_NONE (-2)
int notice_load(int folder, const char *name, struct notice *notice, struct error *e);
void notice_free(struct notice *notice);

/* A text of the notice ("summary"), "" where it is not there. Valid as long as the notice. */
const char *notice_text(const struct notice *notice, const char *key);

#endif
