/* The lists of restrictions that smtpd evaluates, restriction by restriction, with what they permit. */
#ifndef POSTERN_CORE_REPORT_POSTFIX_RESTRICTIONS_H
#define POSTERN_CORE_REPORT_POSTFIX_RESTRICTIONS_H

#include "core/config/config.h"
#include "core/report/postfix_config.h"

struct restriction {
    struct slice word;     /* "permit_mynetworks", "check_client_access" */
    struct slice argument; /* of check_*: the table, the policy service; empty for others */
    bool warns;            /* behind warn_if_reject */
};

#define CLASS_DEPTH_MAX 8 /* restriction classes in restriction classes; deeper ones are left out */

/* A walk over a list. Restriction classes (smtpd_restriction_classes) are walked through in their places. */
struct restrictions {
    const struct postfix *p;
    const struct postfix_service *service;
    struct slice rest[CLASS_DEPTH_MAX];
    bool warns[CLASS_DEPTH_MAX];
    size_t depth;
};

void restrictions_start(struct restrictions *l, const struct postfix *p, const struct postfix_service *service,
                        struct slice list);
bool restrictions_next(struct restrictions *l, struct restriction *r);

/* "check_client_access" and its like, whose argument is a table of access(5). */
bool restriction_is_access(const struct restriction *r);
/* Ends a list with yes, for some or for all. */
bool restriction_is_permit(const struct restriction *r);

/* What a table of access(5) does. */
enum table_says {
    TABLE_PERMITS_NOBODY,
    TABLE_PERMITS, /* some entry says OK, or permit... */
    TABLE_UNKNOWN  /* a network service, a type that is not known here, or a file that cannot be read */
};

#define TABLE_ENTRY_MAX 100

/*
 * Looks into the table. Entries that are networks within those of config's connectors don't count (config NULL: they
 * do). TABLE_PERMITS: entry is the first that permits; TABLE_UNKNOWN: why; both for people, escaped.
 */
enum table_says table_permits(const struct postfix *p, const struct postfix_service *service, struct slice table,
                              const struct config *config, char entry[TABLE_ENTRY_MAX]);

/* Are all of these addresses in the network of one connector? */
bool connectors_cover(const struct config *config, const struct network *n);

#endif
