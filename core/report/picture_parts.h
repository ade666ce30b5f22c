/* What the pictures of all and of some tenants have in common. Private to core/report/picture*.c. */
#ifndef POSTERN_CORE_REPORT_PICTURE_PARTS_H
#define POSTERN_CORE_REPORT_PICTURE_PARTS_H

#include "core/report/picture.h"

void picture_add_problem(struct picture *p, const struct error *e);
/* Opens it, and returns the result; the problem is added. */
enum picture_part picture_open_part(struct report_files *f, struct picture *p,
                                    int (*open_it)(struct report_files *f, struct error *e));
/* Adds a record of the last hour to the rankings. */
void picture_rank(struct picture *p, const struct journal_record *r);

#endif
