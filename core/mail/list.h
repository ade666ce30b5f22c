/*
 * The operator's text files: one entry a line, "#" begins a comment, blank lines are ignored. Loaded whole at start and
 * on reload, then read by any number of threads.
 */
#ifndef POSTERN_LIST_H
#define POSTERN_LIST_H

#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/mail/address.h"

struct list;

/* Where an entry stood first, for explain: the path that was loaded (owned by the list) and the line. */
struct list_place {
    const char *path;
    unsigned line;
};

/*
 * Addresses (user@domain, canonical), domains ("@contoso.example") and account names ("sean", "CONTOSO\sean"). A domain
 * needs its "@": without one, contoso.example is an account name. An entry that is none of these is an error with file
 * and line, and so is one with a "*", since nothing is a pattern here. Duplicates count once.
 * 0 and *out (free with list_free), or -1 with e. A missing file is an error. core/base/lines.h has the rules for
 * lines.
 */
int list_load(const char *path, struct list **out, struct error *e);

/*
 * Senders: addresses, domains ("@contoso.example"), and all domains below one ("@.contoso.example", which does not hold
 * contoso.example itself). An account name is no sender: it is an error that says what was probably meant.
 */
int list_load_senders(const char *path, struct list **out, struct error *e);

/*
 * Pairs: "login mailbox" separated by blanks, tabs or "=" (the logins file: what users sign in as, and the mailbox's
 * address). The left side is a login in any form. "@contoso.local @contoso.example" maps all logins of a domain, or of
 * a Kerberos realm; an entry of its own takes precedence. A login with two mailboxes is an error that names both
 * lines. An "=" can also be a part of a name, so in a line that has several of them the separator must be a blank.
 */
int list_load_pairs(const char *path, struct list **out, struct error *e);

/* The same for text in memory; path is for the errors and for list_place, and is copied. */
int list_parse(struct slice text, const char *path, struct list **out, struct error *e);
int list_parse_senders(struct slice text, const char *path, struct list **out, struct error *e);
int list_parse_pairs(struct slice text, const char *path, struct list **out, struct error *e);

/*
 * Replaces each login and domain of *list by what the pairs of `logins` map it to, so that an entry means the mailbox,
 * whichever of its names it is. Line numbers stay. 0, or -1 with e, and *list is unchanged. NULLs are fine.
 */
int list_map(struct list **list, const struct list *logins, struct error *e);

/*
 * Both as one, which has what either has and owns both. NULLs are fine. `more` is nobody's to edit: its path is known
 * by list_place only. For lists of single entries.
 */
struct list *list_join(struct list *list, struct list *more);

void list_free(struct list *list);          /* NULL is fine */
size_t list_count(const struct list *list); /* different entries, of each that was joined; 0 for NULL */
/* The path that was loaded, as long as the list lives; NULL for NULL, and when only lists to be joined were there. */
const char *list_path(const struct list *list);

/*
 * Canonical text of an address ("sean@contoso.example"), a domain ("@contoso.example") or an account ("sean",
 * "contoso\sean"). place may be NULL. A NULL list holds nothing.
 */
bool list_has(const struct list *list, struct slice canonical, struct list_place *place);
/* Is the address itself listed, or its domain? */
bool list_has_address(const struct list *list, const struct address *a, struct list_place *place);
/* The same for senders: its domain may also be below a listed "@.domain". */
bool list_has_sender(const struct list *list, const struct address *a, struct list_place *place);
/* Is the login listed: its address or that address's domain, its account name, or "netbios\account"? */
bool list_has_login(const struct list *list, const struct login *login, struct list_place *place);
/*
 * The mailbox of a login, in *mailbox; false if neither the login nor its domain is listed. mailbox and place may be
 * NULL. It is a copy, since a list keeps its text packed: a million logins take 80 MiB, not 400.
 */
bool list_pair(const struct list *list, const struct login *login, struct address *mailbox, struct list_place *place);

/* Iterates over all entries, in no order: *at starts at 0; false at the end. The texts live as long as the list. */
bool list_next(const struct list *list, size_t *at, struct slice *text, struct list_place *place);

#endif
