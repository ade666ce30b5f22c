/* RecipientTypeDetails: what Exchange calls the kinds of its recipients, and what they are to a relay. */
#ifndef POSTERN_MIRROR_RECIPIENT_KIND_H
#define POSTERN_MIRROR_RECIPIENT_KIND_H

#include "core/base/slice.h"
#include "core/directory/directory.h"

struct recipient_kind {
    const char *name;
    const char *number; /* how ConvertTo-Json writes the enumeration in a local Exchange session; NULL: never there */
    enum recipient_type type;
    bool no_mailbox; /* in lists of recipients, but no mailbox: cannot sign in and has no setting */
    bool remote;     /* seen on premises: its mailbox lives in Exchange Online */
};

/* By its name, regardless of case, or its number. NULL: there is none. */
const struct recipient_kind *recipient_kind_named(struct slice text);

#endif
