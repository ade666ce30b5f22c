#include "mirror/build/groups.h"

#include <stdlib.h>
#include <string.h>

struct member {
    struct mailbox_id group, id;
};

struct group {
    struct mailbox_id id;
    size_t first; /* of its members */
    bool read;
    uint32_t seen; /* in this expansion */
};

struct groups {
    struct member *members;
    size_t n_members, members_cap;
    struct group *list;
    size_t n, cap;
    /* the expansion under way */
    uint32_t expansion;
    size_t *queue;             /* groups that were met, n places */
    struct mailbox_id *result; /* GROUPS_MEMBERS_MAX places */
    size_t n_result;
};

int groups_open(struct groups **out, struct error *e)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL ? 0 : error_set(e, "no memory for groups");
}

void groups_close(struct groups *g)
{
    if (g == NULL)
        return;
    free(g->members);
    free(g->list);
    free(g->queue);
    free(g->result);
    free(g);
}

static void *grow(void *p, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 64 : *cap * 2;
    void *bigger;

    if (n < *cap)
        return p;
    bigger = realloc(p, more * size);
    if (bigger != NULL)
        *cap = more;
    return bigger;
}

int groups_add(struct groups *g, const struct mailbox_id *group, bool read, struct error *e)
{
    struct group *bigger = grow(g->list, g->n, &g->cap, sizeof *g->list);

    if (bigger == NULL)
        return error_set(e, "no memory for more than %zu groups", g->n);
    g->list = bigger;
    g->list[g->n++] = (struct group){.id = *group, .read = read};
    return 0;
}

int groups_add_member(struct groups *g, const struct mailbox_id *group, const struct mailbox_id *member,
                      struct error *e)
{
    struct member *bigger = grow(g->members, g->n_members, &g->members_cap, sizeof *g->members);

    if (bigger == NULL)
        return error_set(e, "no memory for more than %zu members of groups", g->n_members);
    g->members = bigger;
    g->members[g->n_members++] = (struct member){*group, *member};
    return groups_add(g, group, true, e);
}

static int compare_ids(const struct mailbox_id *a, const struct mailbox_id *b)
{
    return memcmp(a, b, sizeof *a);
}

static int by_group(const void *a, const void *b)
{
    return compare_ids(&((const struct member *)a)->group, &((const struct member *)b)->group);
}

static int by_id(const void *a, const void *b)
{
    return compare_ids(&((const struct group *)a)->id, &((const struct group *)b)->id);
}

/* One of each group, read if any mention of it is; and where its members begin. */
static void unite(struct groups *g)
{
    size_t kept = 0, at = 0;

    for (size_t i = 0; i < g->n; i++) {
        if (kept > 0 && compare_ids(&g->list[kept - 1].id, &g->list[i].id) == 0) {
            g->list[kept - 1].read |= g->list[i].read;
            continue;
        }
        while (at < g->n_members && compare_ids(&g->members[at].group, &g->list[i].id) < 0)
            at++;
        g->list[kept] = g->list[i];
        g->list[kept++].first = at;
    }
    g->n = kept;
}

int groups_sort(struct groups *g, struct error *e)
{
    if (g->n == 0)
        return 0;
    if (g->n_members > 0)
        qsort(g->members, g->n_members, sizeof *g->members, by_group);
    qsort(g->list, g->n, sizeof *g->list, by_id);
    unite(g);
    g->queue = calloc(g->n, sizeof *g->queue);
    g->result = calloc(GROUPS_MEMBERS_MAX, sizeof *g->result);
    return g->queue != NULL && g->result != NULL ? 0 : error_set(e, "no memory to look into %zu groups", g->n);
}

static struct group *find(const struct groups *g, const struct mailbox_id *id)
{
    struct group key = {.id = *id};

    return g->n == 0 ? NULL : bsearch(&key, g->list, g->n, sizeof *g->list, by_id);
}

bool groups_has(const struct groups *g, const struct mailbox_id *id)
{
    return find(g, id) != NULL;
}

/* The group's own members: mailboxes go into the result, groups that were not met before into the queue. */
static bool take_members(struct groups *g, const struct group *group, size_t *queued)
{
    for (size_t i = group->first; i < g->n_members && compare_ids(&g->members[i].group, &group->id) == 0; i++) {
        struct group *inner = find(g, &g->members[i].id);

        if (inner == NULL) {
            if (g->n_result == GROUPS_MEMBERS_MAX)
                return false;
            g->result[g->n_result++] = g->members[i].id;
        } else if (inner->seen != g->expansion) {
            inner->seen = g->expansion;
            g->queue[(*queued)++] = (size_t)(inner - g->list);
        }
    }
    return true;
}

enum groups_expansion groups_expand(struct groups *g, const struct mailbox_id *group, const struct mailbox_id **members,
                                    size_t *n)
{
    struct group *first = find(g, group);
    size_t queued = 0, done = 0;
    bool whole = true;

    *members = g->result;
    *n = g->n_result = 0;
    if (first == NULL)
        return GROUP_UNREAD;
    first->seen = ++g->expansion;
    g->queue[queued++] = (size_t)(first - g->list);
    for (unsigned depth = 0; done < queued; depth++) {
        size_t level = queued;

        if (depth == GROUPS_DEPTH_MAX)
            return GROUP_TOO_BIG;
        for (; done < level; done++) {
            whole = whole && g->list[g->queue[done]].read;
            if (!take_members(g, &g->list[g->queue[done]], &queued))
                return GROUP_TOO_BIG;
        }
    }
    *n = g->n_result;
    return whole ? GROUP_WHOLE : GROUP_UNREAD;
}
