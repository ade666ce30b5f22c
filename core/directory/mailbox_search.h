/*
 * Mailboxes by the beginning of one of their names, or by a part of one, for a person who types: all of the directory
 * is walked, which takes a twentieth of a second for a million mailboxes. Never for the mail path.
 */
#ifndef POSTERN_MAILBOX_SEARCH_H
#define POSTERN_MAILBOX_SEARCH_H

#include "core/directory/directory_record.h"
#include "core/directory/mailbox_name.h"

#define MAILBOX_SEARCH_MAX 128u /* bytes of the text */
/* A shorter text is looked for at the beginning of a name only: as a part of one it would find nearly all. */
#define MAILBOX_SEARCH_PART 4u

struct mailbox_search {
    struct slice text; /* 1 to MAILBOX_SEARCH_MAX bytes; capitals of ASCII are as small letters */
    uint32_t tenant;   /* EVERY_TENANT: any */
    /* To go on behind that one: its tenant and id. */
    bool goes_on;
    uint32_t after_tenant;
    struct mailbox_id after;
};

/*
 * Calls each with those that are found, by tenant and id, until it returns false. The names are the addresses, the UPN,
 * the alias, the account name and the display name. DIRECTORY_FOUND, also if there was none; or DIRECTORY_DAMAGED.
 */
enum directory_result mailbox_search(const struct directory_view *v, const struct mailbox_search *search,
                                     bool (*each)(void *arg, uint32_t tenant, const struct mailbox_record *record),
                                     void *arg);

#endif
