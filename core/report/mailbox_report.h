/* One mailbox or login: what is known of it, what it may do and why, and how it is used. For programs. */
#ifndef POSTERN_CORE_REPORT_MAILBOX_REPORT_H
#define POSTERN_CORE_REPORT_MAILBOX_REPORT_H

#include "core/directory/directory_record.h"
#include "core/report/files.h"
#include "core/report/printer.h"

/* "user", "shared" ... of people's lists; "enabled", "inherited" ... */
const char *mailbox_type_word(enum recipient_type type);
const char *mailbox_setting_word(enum smtp_auth setting);

/*
 * The mailbox of these tenants (core/access/role.h) that has that name, by its login, its Guid or its display name; or
 * a login without a mailbox. The files of the context are open; without a journal or a history there is no usage. 1; 0
 * with e: the name is of several of these mailboxes, or can be nobody's; -1 with e.
 */
int mailbox_report(const struct decide_context *c, struct report_files *f, struct slice scope, struct slice name,
                   struct printer *out, struct error *e);

/* Networks of a connector that are listed; others are counted. */
#define CONNECTOR_NETWORKS_SHOWN 100

/* The connectors of these tenants (core/access/role.h; those that name none are for who sees all), what a message from
 * the first of each one's networks would get, and how far its limits are used up. 0, or -1 with e. */
int connectors_report(const struct decide_context *c, struct slice scope, struct printer *out, struct error *e);

#endif
