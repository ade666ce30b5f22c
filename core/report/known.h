/* Does a name that somebody typed exist? A typing error must not look like an empty result, or end up in a list. */
#ifndef POSTERN_CORE_REPORT_KNOWN_H
#define POSTERN_CORE_REPORT_KNOWN_H

#include "core/access/role.h"
#include "core/directory/mailbox_name.h"
#include "core/report/files.h"
#include "core/report/spellings.h"

struct known {
    bool checked; /* there was a directory or a journal to look into */
    bool exists;  /* a mailbox has that name, whichever of its names it is; or it was seen, or is in a list of ours */
    char mailbox[ADDRESS_MAX + 1]; /* its primary address; empty: no mailbox has the name */
    bool spelled;                  /* the name can be a login: */
    struct spellings spellings;    /* for looking it up in the journal */
    char near[ADDRESS_MAX + 1]; /* the known name that was probably meant; empty: none is similar, or not asked for */
    /* No login is called so, but it is the Guid or the display name of `mailbox`: MAILBOX_NAME_NONE unless. */
    enum mailbox_name named;
    char several[1024]; /* or of several mailboxes, and then it is nobody's: "the display name of ... and ..." */
};

/*
 * For any name of a mailbox (core/directory/mailbox_name.h), any login that was seen, "@domain" or a connector. What is
 * a login, of a mailbox or one that was seen, comes before display names. Only what is of these tenants counts
 * (scope: core/access/role.h): whether others have the name is not told. With suggest a similar name is looked for
 * where nobody has this one, among all of them, which with a million mailboxes takes seconds. The configuration must be
 * open; where directory and journal can't be read, nothing is checked.
 */
void known_look(struct report_files *files, struct slice scope, struct slice name, bool suggest, struct known *out);

/* By which the journal finds the name where it is a login without a mailbox; empty: it can be no login. */
struct slice known_account(const struct known *known);

/* Is the login of a record that name, in whatever spelling, or a login of that mailbox? */
bool known_is(const struct config *config, const struct known *known, const struct journal_record *r);

/* "; did you mean anna@contoso.example?", or nothing. */
const char *known_hint(const struct known *known, char *mem, size_t cap);

#endif
