/* The parts of config_conditions. Private to core/report/config_rules*.c. */
#ifndef POSTERN_CORE_REPORT_CONFIG_RULES_PARTS_H
#define POSTERN_CORE_REPORT_CONFIG_RULES_PARTS_H

#include "core/report/config_rules.h"

struct rules_row;

struct rules_walk {
    const struct config *config;
    const struct directory_view *view; /* NULL: there is none */
    void (*each)(void *arg, const struct config_condition *condition);
    void *arg;
    const struct rules_row *row;
};

/* The row's condition holds there. */
void found(const struct rules_walk *w, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "connectors[printers].networks" */
struct where {
    char text[200];
};
struct where where_of(const char *list, const char *name, const char *member);

/* Is the network so large that it is no bound to anybody? */
bool network_is_huge(const struct network *net);

void look_logins_from(const struct rules_walk *w); /* config_rules_logins.c */
void look_login_names(const struct rules_walk *w); /* the same */

#endif
