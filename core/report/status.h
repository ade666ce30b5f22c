/* What status and top show of a picture. */
#ifndef POSTERN_CORE_REPORT_STATUS_H
#define POSTERN_CORE_REPORT_STATUS_H

#include "core/report/picture.h"

#define STATUS_TOP_ROWS 5

/* f is what the picture was taken of. Sorts the picture's rankings. */
void status_report(struct picture *p, const struct report_files *f, struct printer *printer);
/* For programs, as members of an open object. */
void status_members(struct picture *p, const struct report_files *f, struct printer *out);
/* Those of them that name no login, no client and no address. */
void status_counts(const struct picture *p, const struct report_files *f, struct printer *out);

/*
 * What is some tenants' own (core/access/role.h), as the same members; p is of picture_take_tenants: "tenants",
 * "blocks", and who sent most.
 */
void status_of_tenants(struct picture *p, const struct report_files *f, struct slice scope, struct printer *out);
/* Of these tenants, in a list "tenants": "name", and until when habits are being learnt. p is any picture of f. */
void status_learning(const struct picture *p, const struct report_files *f, struct slice scope, struct printer *out);

#endif
