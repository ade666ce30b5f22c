/* Mailboxes by their names, for somebody who may see those of some tenants (core/access/role.h). */
#ifndef POSTERN_CORE_REPORT_MAILBOX_OF_H
#define POSTERN_CORE_REPORT_MAILBOX_OF_H

#include "core/access/role.h"
#include "core/directory/mailbox_name.h"

/* What they are told of a name that is nobody's, and of one that is others': no difference. */
#define NAME_NOT_SEEN "nothing of that name is known of the tenants that you see"

/* Is it one of these tenants? */
bool tenant_is_of(const struct directory_view *v, struct slice scope, uint32_t tenant);

/* As mailbox_named, among the mailboxes of these tenants: that others have the name, too, changes nothing. */
enum directory_result mailbox_named_of(const struct directory_view *v, struct slice scope, struct slice name,
                                       struct mailbox_found *out);

#endif
