/* Does a name that somebody typed exist? A typing error must not look like "nobody", or be written into a list. */
#ifndef POSTERN_CLI_KNOWN_H
#define POSTERN_CLI_KNOWN_H

#include "cli/cli.h"
#include "core/report/spellings.h"

struct known {
    bool checked; /* there was a directory or a journal to look into */
    bool exists;  /* a mailbox has that name, whichever of its names it is; or it was seen, or is in a list of ours */
    char mailbox[ADDRESS_MAX + 1]; /* its primary address; empty: it is none of a mailbox */
    bool spelled;                  /* the name can be a login: */
    struct spellings spellings;    /* for looking it up in the journal */
    char near[ADDRESS_MAX + 1];    /* of names that are known, one that was probably meant; empty: none is near */
};

/*
 * For a login, an address, "@domain" or an account name. Another process looks, with the rights of whose the directory
 * is, and says nothing: where it cannot read, nothing is checked.
 */
void known_user(const struct cli *cli, struct slice name, struct known *out);

/* Is the login of a record that name, in whatever spelling, or a login of that mailbox? */
bool known_is(const struct cli *cli, const struct known *known, const struct journal_record *r);

/* "; did you mean anna@contoso.example?", or nothing. */
const char *known_hint(const struct known *known, char *mem, size_t cap);

#endif
