/* The notices in the spool: those that wait to be sent, and those that could not be delivered. */
#ifndef POSTERN_CORE_REPORT_NOTICES_H
#define POSTERN_CORE_REPORT_NOTICES_H

#include "core/notice/alert.h"

/* Whether a part of the picture could be read. */
enum picture_part {
    PART_READ,
    PART_NONE,    /* it is not there */
    PART_CLOSED,  /* the caller may not read it */
    PART_UNUSABLE /* the error output says why */
};

struct notices {
    enum picture_part part;
    unsigned waiting, given_up; /* given up: in the last days, one for each target */
    int64_t oldest_s;           /* wall clock, of those that wait; 0: none does */
};

/* What spool/alerts holds. */
void notices_look(const char *spool, struct notices *out);

/* What became of the notice with that subject, which must be unique. */
enum notice_fate { NOTICE_WAITS, NOTICE_SENT, NOTICE_GIVEN_UP };
enum notice_fate notice_fate(const char *spool, enum alert_event event, const char *subject);

#endif
