/*
 * A mailbox by any name that people have for it: for commands, never for the mail path. Display names and GUIDs are no
 * logins, and nothing that decides about mail asks here.
 */
#ifndef POSTERN_MAILBOX_NAME_H
#define POSTERN_MAILBOX_NAME_H

#include "core/base/buf.h"
#include "core/directory/directory.h"

/* What the name is of the mailboxes that have it. */
enum mailbox_name {
    MAILBOX_NAME_NONE,    /* nobody's */
    MAILBOX_NAME_LOGIN,   /* an address, UPN, alias or account name: what the mail path knows as well */
    MAILBOX_NAME_GUID,    /* the mailbox's Guid */
    MAILBOX_NAME_DISPLAY, /* DisplayName, without regard to case */
};

/* So many of several are named. */
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
 * All mailboxes that have the name, of one tenant or of all. The first kind of name that anybody has is the one: who
 * has a login's name comes before those who are only displayed so. Display names are in no index: a walk over the
 * directory finds them (half a second for a million mailboxes), where neither of the other kinds did.
 * DIRECTORY_FOUND with *out (n is 1 for a name that says who is meant), DIRECTORY_NOT_FOUND, or DIRECTORY_DAMAGED.
 */
enum directory_result mailbox_named(const struct directory_view *v, uint32_t tenant, struct slice name,
                                    struct mailbox_found *out);

/* `the display name of anna@contoso.example, a.berg@contoso.example and 3 more`: appends it. */
void mailbox_found_add(struct buf *b, const struct mailbox_found *found);

/* "login", "Guid", "display name": for a sentence. */
const char *mailbox_name_word(enum mailbox_name name);

#endif
