/*
 * Who is in which group, as Get-DistributionGroupMember says: groups in groups, perhaps in a circle. In memory: 32
 * bytes a member.
 */
#ifndef POSTERN_MIRROR_GROUPS_H
#define POSTERN_MIRROR_GROUPS_H

#include "core/directory/directory.h"

/* How deep groups within groups are followed, and how many members one may have with theirs. */
#define GROUPS_DEPTH_MAX 16u
#define GROUPS_MEMBERS_MAX 100000u

struct groups;

/* 0, or -1 with e. Free with groups_close, NULL is fine. */
int groups_open(struct groups **out, struct error *e);
void groups_close(struct groups *g);

/* This is a group; read: its members were, though there may be none. 0, or -1 with e. */
int groups_add(struct groups *g, const struct mailbox_id *group, bool read, struct error *e);
/* The group, which is read thereby, has this member: a mailbox, or another group. 0, or -1 with e. */
int groups_add_member(struct groups *g, const struct mailbox_id *group, const struct mailbox_id *member,
                      struct error *e);
/* Behind the last of these, before any of the following. 0, or -1 with e. */
int groups_sort(struct groups *g, struct error *e);

bool groups_has(const struct groups *g, const struct mailbox_id *id);

enum groups_expansion {
    GROUP_WHOLE,
    GROUP_UNREAD, /* its members, or those of a group in it, were not read: what is known is there */
    GROUP_TOO_BIG /* deeper, or with more members, than the bounds: nothing is taken */
};
/*
 * All that are in the group, or in groups in it, and are no groups themselves: each may come several times. *members
 * lives until the next call.
 */
enum groups_expansion groups_expand(struct groups *g, const struct mailbox_id *group, const struct mailbox_id **members,
                                    size_t *n);

#endif
