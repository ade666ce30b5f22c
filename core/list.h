/*
 * The operator's text files: one entry a line, "#" begins a comment, blank lines are nothing. Loaded whole at start and
 * on reload, then read by any number of threads.
 */
#ifndef POSTERN_LIST_H
#define POSTERN_LIST_H

#include "core/address.h"
#include "core/error.h"
#include "core/slice.h"

#define LIST_MAX_BYTES (64u << 20)

struct list;

/* Where an entry stood, for explain: the path that was loaded and the line. */
struct list_place {
    const char *path;
    unsigned line;
};

/*
 * Addresses (user@domain, canonical), domains ("@contoso.example") and account names. An entry that is none of these is
 * an error with file and line. 0 and *out (free with list_free), or -1. A file that is not there is an error.
 */
int list_load(const char *path, struct list **out, struct error *e);

/*
 * Pairs: "login mailbox" separated by blanks, tabs or "=" (the logins file: what users sign in as, and the mailbox's
 * address). The left side is a login in any form.
 */
int list_load_pairs(const char *path, struct list **out, struct error *e);

void list_free(struct list *list); /* NULL is fine */
size_t list_count(const struct list *list);

/*
 * Canonical text of an address ("sean@contoso.example"), a domain ("@contoso.example") or an account ("sean",
 * "contoso\sean"). place may be NULL. A NULL list holds nothing.
 */
bool list_has(const struct list *list, struct slice canonical, struct list_place *place);
/* Is the address itself listed, or its domain? */
bool list_has_address(const struct list *list, const struct address *a, struct list_place *place);
/* The right side of a pair as a canonical address; NULL if the login is not listed. Owned by the list. */
const struct address *list_pair(const struct list *list, const struct login *login, struct list_place *place);

#endif
