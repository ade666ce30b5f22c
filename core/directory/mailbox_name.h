/*
 * A mailbox by any name that people have for it: for commands, never for the mail path. Display names and GUIDs are no
 * logins, and nothing that decides about mail asks here.
 */
#ifndef POSTERN_MAILBOX_NAME_H
#define POSTERN_MAILBOX_NAME_H

#include "core/base/buf.h"
#include "core/directory/directory.h"

/* Which kind of name it is. */
enum mailbox_name {
    MAILBOX_NAME_NONE,    /* nobody's */
    MAILBOX_NAME_LOGIN,   /* an address, UPN, alias or account name: what the mail path knows as well */
    MAILBOX_NAME_GUID,    /* the mailbox's Guid */
    MAILBOX_NAME_DISPLAY, /* DisplayName, without regard to case */
};

/* So many of them are listed. */
#define MAILBOX_FOUND_MAX 8

struct mailbox_found {
    enum mailbox_name name;
    uint64_t n; /* mailboxes that have it */
    struct {
        uint32_t tenant;
        struct mailbox_id id;
        char primary[ADDRESS_OF_NAME_MAX + 1];
    } first[MAILBOX_FOUND_MAX];
};

#define EVERY_TENANT UINT32_MAX

/*
 * Finds all mailboxes that have the name, of one tenant or of all. The first kind of name with a match counts: logins
 * come before Guids, and these before display names. Display names are not indexed: a walk over the directory finds
 * them (half a second for a million mailboxes), only if the other kinds have no match.
 * DIRECTORY_FOUND with *out (n is 1 if the name is unique), DIRECTORY_NOT_FOUND, or DIRECTORY_DAMAGED.
 */
enum directory_result mailbox_named(const struct directory_view *v, uint32_t tenant, struct slice name,
                                    struct mailbox_found *out);

/* Appends "the display name of anna@contoso.example, a.berg@contoso.example and 3 more". */
void mailbox_found_add(struct buf *b, const struct mailbox_found *found);

/* "login", "Guid", "display name": for a sentence. */
const char *mailbox_name_word(enum mailbox_name name);

#endif
