/*
 * Who may send as whom, as the exports write it: by names of many kinds. The names are gathered first, then every
 * mailbox of the tenant says what it is called by, and what then has exactly one mailbox on either side is a right.
 *
 * A name that two recipients bear is nobody's, and so is one that may be another's: to guess would be to give a right
 * away. Trustees are named by UPN, address or GUID; another name counts where all recipients are known, and one alone
 * is called so. A right of a group is one of each of its members. A denial that names nobody for certain takes the
 * right on its target from all. In memory: 24 bytes a right, a member of a group, and 48 a name; the names themselves
 * are kept as keyed hashes of 64 bits.
 */
#ifndef POSTERN_MIRROR_RIGHTS_H
#define POSTERN_MIRROR_RIGHTS_H

#include "core/directory/directory.h"

struct rights;

/* 0, or -1 with e. Free with rights_close, NULL is fine. */
int rights_open(struct rights **out, struct error *e);
void rights_close(struct rights *r);

/*
 * `trustee` has (deny: has not, whatever else says so) the right `kind`, one RIGHT_ bit, on `target`. `place` is where
 * it is written, for the report.
 */
struct right_place {
    unsigned file;
    unsigned long line;
};
int rights_add(struct rights *r, struct slice trustee, struct slice target, unsigned kind, bool deny,
               struct right_place place, struct error *e);
size_t rights_count(const struct rights *r);
/* Takes back all but the first n, before rights_start_names. */
void rights_cut(struct rights *r, size_t n);

/* `group` has this member; an empty one only says that the group's members were read. 0, or -1 with e. */
int rights_add_member(struct rights *r, struct slice group, struct slice member, struct error *e);
size_t rights_members(const struct rights *r);
void rights_cut_members(struct rights *r, size_t n);

/*
 * Has a right been added whose trustee is called so? For whoever reads the members of groups: behind the last
 * rights_add. 1 or 0, or -1 with e.
 */
int rights_names_trustee(struct rights *r, struct slice name, struct error *e);

/*
 * Behind the last of these, before the first rights_name. all_known: every recipient that can hold a right says its
 * names, so that one that stands alone means one.
 */
int rights_start_names(struct rights *r, bool all_known, struct error *e);
/*
 * A mailbox has this name: bears it, so that a right may be written with it, or only takes it from others (an alias is
 * no name that Exchange writes, but somebody may have meant it). The same name may be said again.
 */
void rights_name(struct rights *r, struct slice name, const struct mailbox_id *id, bool bears);
/* A name by which Get-RecipientPermission may write it as trustee: its Name and its DisplayName. */
void rights_trustee_name(struct rights *r, struct slice name, const struct mailbox_id *id);
/* A recipient with this id is a group. 0, or -1 with e. */
int rights_group(struct rights *r, const struct mailbox_id *id, struct error *e);

/* Behind the last rights_name: joins the names. */
int rights_resolve(struct rights *r, struct error *e);
/* 1 with the next resolved right from *i on, which begins as 0; 0 at the end. */
int rights_next(const struct rights *r, size_t *i, struct mailbox_id *trustee, struct mailbox_id *target,
                unsigned *kind);
/* What was left out. */
struct rights_left {
    size_t unresolved; /* granted, but with a name on either side that is no mailbox's, or may be several recipients' */
    struct right_place first_unresolved;
    size_t ambiguous; /* of these: the trustee's name is several recipients' */
    struct right_place first_ambiguous;
    size_t unread; /* granted to a group of which not all members are known: those that are have the right */
    struct right_place first_unread;
    size_t too_big; /* granted to a group that is too large or too deep (mirror/build/groups.h), and left out */
    struct right_place first_too_big;
    size_t denials; /* the same of denials */
    struct right_place first_denial;
    size_t voided;    /* granted, but on a mailbox that such a denial is about */
    size_t by_groups; /* granted to groups; and how many rights of members that made */
    size_t of_members;
};
/* More rights than these are not made of groups' ones. */
#define RIGHTS_OF_MEMBERS_MAX 2000000u

const struct rights_left *rights_left(const struct rights *r);

#endif
