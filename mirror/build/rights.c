#include "mirror/build/rights.h"

#include "core/base/hash.h"
#include "mirror/build/groups.h"

#include <stdlib.h>
#include <sys/random.h>

/* No mailbox has a longer name. */
#define NAME_MAX_BYTES 512

struct right {
    uint64_t trustee, target; /* hashes of their names; 0: the name may be several recipients' */
    uint32_t line;
    uint16_t file;
    uint8_t kind;
    bool deny;
    bool plain; /* the trustee's name is neither address nor GUID */
};

/* "group has member", as hashes of their names; member 0: none. */
struct membership {
    uint64_t group, member;
};

struct name {
    uint64_t hash;
    struct mailbox_id id[2]; /* the first two mailboxes that have the name */
    uint8_t claims;          /* 0: no mailbox has it; 1: id[0] has; 2: several have */
    bool borne;              /* for at least one of them it is a name with which Exchange writes rights */
};

struct resolved {
    struct mailbox_id trustee, target;
    uint8_t kind;
    bool deny;
};

struct rights {
    struct hash_secret secret;
    struct right *rights;
    size_t n, cap;
    struct membership *members;
    size_t n_members, members_cap;
    uint64_t *trustees; /* hashes, sorted; made when they are asked for */
    size_t n_trustees;
    struct groups *groups;
    struct name *names;
    size_t n_names;
    struct resolved *resolved; /* joined and not denied, sorted */
    size_t n_resolved, resolved_cap;
    struct mailbox_id *voided; /* targets of denials with an ambiguous name, sorted */
    size_t n_voided;
    struct rights_left left;
};

int rights_open(struct rights **out, struct error *e)
{
    struct rights *r = calloc(1, sizeof *r);

    *out = NULL;
    if (r == NULL)
        return error_set(e, "no memory for rights");
    if (getrandom(&r->secret, sizeof r->secret, 0) != (ssize_t)sizeof r->secret) {
        free(r);
        return error_set(e, "the system gives no random numbers");
    }
    if (groups_open(&r->groups, e) != 0) {
        free(r);
        return -1;
    }
    *out = r;
    return 0;
}

void rights_close(struct rights *r)
{
    if (r == NULL)
        return;
    free(r->rights);
    free(r->members);
    free(r->trustees);
    groups_close(r->groups);
    free(r->names);
    free(r->resolved);
    free(r->voided);
    free(r);
}

size_t rights_count(const struct rights *r)
{
    return r->n;
}

void rights_cut(struct rights *r, size_t n)
{
    if (n < r->n)
        r->n = n;
}

/* Addresses in canonical form; other names regardless of the case of ASCII letters. */
static uint64_t name_hash(const struct rights *r, struct slice name)
{
    struct address address;
    char lower[NAME_MAX_BYTES];
    size_t n;

    name = name.p != NULL ? slice_trim(name) : SLICE("");
    if (memchr(name.p, '@', name.n) != NULL && address_parse_internal(name, &address) == ADDRESS_OK)
        return hash_slice(&r->secret, address_slice(&address));
    n = name.n < sizeof lower ? name.n : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = ascii_lower(name.p[i]);
    return hash_bytes(&r->secret, lower, n);
}

static bool is_address(struct slice name)
{
    struct address address;

    return memchr(name.p, '@', name.n) != NULL && address_parse_internal(name, &address) == ADDRESS_OK;
}

static bool is_guid(struct slice name)
{
    if (name.n != 36)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

/*
 * Is it a name of which recipients may share? Get-RecipientPermission writes a trustee as an address or a display name,
 * for groups as well. GrantSendOnBehalfTo has the Name, which is unique in an organization.
 */
static bool is_plain(struct slice trustee, unsigned kind)
{
    return kind == RIGHT_SEND_AS && !is_address(trustee) && !is_guid(trustee);
}

/* Apart from all other names: a display name takes none away. */
static uint64_t plain_hash(const struct rights *r, struct slice name)
{
    return hash_mix(1, name_hash(r, name));
}

static uint64_t trustee_hash(const struct rights *r, struct slice trustee, bool plain)
{
    return trustee.n == 0 ? 0 : plain ? plain_hash(r, trustee) : name_hash(r, trustee);
}

int rights_add(struct rights *r, struct slice trustee, struct slice target, unsigned kind, bool deny,
               struct right_place place, struct error *e)
{
    bool plain;

    trustee = trustee.p != NULL ? slice_trim(trustee) : SLICE("");
    plain = is_plain(trustee, kind);
    if (r->n == r->cap) {
        size_t cap = r->cap == 0 ? 256 : r->cap * 2;
        struct right *bigger = realloc(r->rights, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu rights", r->n);
        r->rights = bigger;
        r->cap = cap;
    }
    r->rights[r->n++] = (struct right){.trustee = trustee_hash(r, trustee, plain),
                                       .target = name_hash(r, target),
                                       .line = (uint32_t)(place.line < UINT32_MAX ? place.line : UINT32_MAX),
                                       .file = (uint16_t)place.file,
                                       .kind = (uint8_t)kind,
                                       .deny = deny,
                                       .plain = plain};
    return 0;
}

int rights_add_member(struct rights *r, struct slice group, struct slice member, struct error *e)
{
    if (r->n_members == r->members_cap) {
        size_t cap = r->members_cap == 0 ? 256 : r->members_cap * 2;
        struct membership *bigger = realloc(r->members, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu members of groups", r->n_members);
        r->members = bigger;
        r->members_cap = cap;
    }
    r->members[r->n_members++] = (struct membership){name_hash(r, group), member.n > 0 ? name_hash(r, member) : 0};
    return 0;
}

size_t rights_members(const struct rights *r)
{
    return r->n_members;
}

void rights_cut_members(struct rights *r, size_t n)
{
    if (n < r->n_members)
        r->n_members = n;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

int rights_names_trustee(struct rights *r, struct slice name, struct error *e)
{
    uint64_t hash;

    if (r->n == 0 || name.n == 0)
        return 0;
    if (r->n_trustees != r->n) {
        uint64_t *list = realloc(r->trustees, r->n * sizeof *list);

        if (list == NULL)
            return error_set(e, "no memory for the trustees of %zu rights", r->n);
        r->trustees = list;
        r->n_trustees = r->n;
        for (size_t i = 0; i < r->n; i++)
            list[i] = r->rights[i].trustee;
        qsort(list, r->n, sizeof *list, by_number);
    }
    hash = name_hash(r, name);
    if (bsearch(&hash, r->trustees, r->n, sizeof hash, by_number) != NULL)
        return 1;
    hash = plain_hash(r, name);
    return bsearch(&hash, r->trustees, r->n, sizeof hash, by_number) != NULL;
}

static int by_hash(const void *a, const void *b)
{
    const struct name *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

int rights_start_names(struct rights *r, bool all_known, struct error *e)
{
    size_t n = 0, kept = 0;

    if (r->n == 0)
        return 0;
    r->names = calloc((r->n + r->n_members) * 2, sizeof *r->names);
    if (r->names == NULL)
        return error_set(e, "no memory for the names of %zu rights", r->n);
    for (size_t i = 0; i < r->n; i++) {
        if (r->rights[i].plain && !all_known)
            r->rights[i].trustee = 0;
        r->names[n++].hash = r->rights[i].trustee;
        r->names[n++].hash = r->rights[i].target;
    }
    for (size_t i = 0; i < r->n_members; i++) {
        r->names[n++].hash = r->members[i].group;
        r->names[n++].hash = r->members[i].member;
    }
    qsort(r->names, n, sizeof *r->names, by_hash);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || r->names[kept - 1].hash != r->names[i].hash)
            r->names[kept++] = r->names[i];
    r->n_names = kept;
    return 0;
}

static struct name *find_name(const struct rights *r, uint64_t hash)
{
    struct name key = {.hash = hash};

    return r->n_names == 0 ? NULL : bsearch(&key, r->names, r->n_names, sizeof *r->names, by_hash);
}

static void say_name(struct rights *r, uint64_t hash, const struct mailbox_id *id, bool bears)
{
    struct name *found = find_name(r, hash);

    if (found == NULL)
        return;
    found->borne = found->borne || bears;
    if (found->claims == 0 || (found->claims == 1 && memcmp(&found->id[0], id, sizeof *id) != 0))
        found->id[found->claims++] = *id;
}

void rights_name(struct rights *r, struct slice name, const struct mailbox_id *id, bool bears)
{
    if (r->n_names > 0 && name.n > 0)
        say_name(r, name_hash(r, name), id, bears);
}

void rights_trustee_name(struct rights *r, struct slice name, const struct mailbox_id *id)
{
    if (r->n_names > 0 && name.n > 0)
        say_name(r, plain_hash(r, name), id, true);
}

int rights_group(struct rights *r, const struct mailbox_id *id, struct error *e)
{
    return groups_add(r->groups, id, false, e);
}

static int by_who(const void *a, const void *b)
{
    const struct resolved *x = a, *y = b;
    int order = memcmp(&x->trustee, &y->trustee, sizeof x->trustee);

    if (order == 0)
        order = memcmp(&x->target, &y->target, sizeof x->target);
    if (order == 0)
        order = (x->kind > y->kind) - (x->kind < y->kind);
    return order;
}

/* A denial comes first. */
static int by_who_and_denial(const void *a, const void *b)
{
    int order = by_who(a, b);

    return order != 0 ? order : (int)((const struct resolved *)b)->deny - (int)((const struct resolved *)a)->deny;
}

/* Sorts, and keeps one of each right that is not denied. */
static void drop_denied(struct rights *r)
{
    size_t kept = 0;

    if (r->n_resolved > 0)
        qsort(r->resolved, r->n_resolved, sizeof *r->resolved, by_who_and_denial);
    for (size_t i = 0, next; i < r->n_resolved; i = next) {
        struct resolved first = r->resolved[i];

        next = i + 1;
        while (next < r->n_resolved && by_who(&first, &r->resolved[next]) == 0)
            next++;
        if (!first.deny)
            r->resolved[kept++] = first;
    }
    r->n_resolved = kept;
}

/* The only mailbox that has the name; NULL: none, or several. */
static const struct mailbox_id *bearer(const struct rights *r, uint64_t hash)
{
    const struct name *name = hash != 0 ? find_name(r, hash) : NULL;

    return name != NULL && name->claims == 1 && name->borne ? &name->id[0] : NULL;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mailbox_id));
}

/* Voids all mailboxes that a denial's target may mean. */
static void void_targets(struct rights *r, const struct right *denial)
{
    const struct name *target = denial->target != 0 ? find_name(r, denial->target) : NULL;

    for (unsigned i = 0; target != NULL && i < target->claims; i++)
        r->voided[r->n_voided++] = target->id[i];
}

/* Is it certain whom the right is about, to the last member? */
static bool is_certain(struct rights *r, const struct right *right)
{
    const struct mailbox_id *trustee = bearer(r, right->trustee), *members;
    size_t n;

    return trustee != NULL && bearer(r, right->target) != NULL &&
           (!groups_has(r->groups, trustee) || groups_expand(r->groups, trustee, &members, &n) == GROUP_WHOLE);
}

/* A denial whose names don't lead to one mailbox may be about anybody: nobody keeps the right on its target. */
static void find_voided(struct rights *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct right *right = &r->rights[i];

        if (!right->deny || is_certain(r, right))
            continue;
        if (r->left.denials++ == 0)
            r->left.first_denial = (struct right_place){right->file, right->line};
        void_targets(r, right);
    }
    if (r->n_voided > 0)
        qsort(r->voided, r->n_voided, sizeof *r->voided, by_id);
}

static bool is_voided(const struct rights *r, const struct mailbox_id *target)
{
    return r->n_voided > 0 && bsearch(target, r->voided, r->n_voided, sizeof *r->voided, by_id) != NULL;
}

static void count_left(size_t *count, struct right_place *first, const struct right *right)
{
    if (!right->deny && (*count)++ == 0)
        *first = (struct right_place){right->file, right->line};
}

static int add_resolved(struct rights *r, const struct mailbox_id *trustee, const struct mailbox_id *target,
                        const struct right *right, struct error *e)
{
    if (memcmp(trustee, target, sizeof *trustee) == 0)
        return 0;
    if (r->n_resolved == r->resolved_cap) {
        size_t cap = r->resolved_cap == 0 ? 256 : r->resolved_cap * 2;
        struct resolved *bigger = realloc(r->resolved, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu rights", r->n_resolved);
        r->resolved = bigger;
        r->resolved_cap = cap;
    }
    r->resolved[r->n_resolved++] = (struct resolved){*trustee, *target, right->kind, right->deny};
    return 0;
}

/* Each member has what the group has. */
static int resolve_group(struct rights *r, const struct right *right, const struct mailbox_id *group,
                         const struct mailbox_id *target, struct error *e)
{
    struct rights_left *left = &r->left;
    const struct mailbox_id *members;
    size_t n;
    enum groups_expansion found = groups_expand(r->groups, group, &members, &n);

    if (found == GROUP_TOO_BIG || left->of_members + n > RIGHTS_OF_MEMBERS_MAX) {
        count_left(&left->too_big, &left->first_too_big, right);
        return 0;
    }
    if (found == GROUP_UNREAD)
        count_left(&left->unread, &left->first_unread, right);
    left->by_groups += !right->deny;
    left->of_members += n;
    for (size_t i = 0; i < n; i++)
        if (add_resolved(r, &members[i], target, right, e) != 0)
            return -1;
    return 0;
}

static int resolve_right(struct rights *r, const struct right *right, struct error *e)
{
    const struct mailbox_id *trustee = bearer(r, right->trustee), *target = bearer(r, right->target);
    const struct name *name = right->trustee != 0 ? find_name(r, right->trustee) : NULL;

    if (trustee == NULL || target == NULL) {
        count_left(&r->left.unresolved, &r->left.first_unresolved, right);
        if (name != NULL && name->claims > 1)
            count_left(&r->left.ambiguous, &r->left.first_ambiguous, right);
        return 0;
    }
    if (right->kind == RIGHT_SEND_AS && is_voided(r, target)) {
        r->left.voided += !right->deny;
        return 0;
    }
    return groups_has(r->groups, trustee) ? resolve_group(r, right, trustee, target, e)
                                          : add_resolved(r, trustee, target, right, e);
}

/* What the members' rows say, now that names are known: a member without one here can sign in to nothing. */
static int join_members(struct rights *r, struct error *e)
{
    for (size_t i = 0; i < r->n_members; i++) {
        const struct mailbox_id *group = bearer(r, r->members[i].group), *member = bearer(r, r->members[i].member);

        if (group == NULL)
            continue;
        if ((member != NULL ? groups_add_member(r->groups, group, member, e) : groups_add(r->groups, group, true, e)) !=
            0)
            return -1;
    }
    return groups_sort(r->groups, e);
}

int rights_resolve(struct rights *r, struct error *e)
{
    if (r->n == 0)
        return 0;
    r->voided = calloc(r->n, 2 * sizeof *r->voided);
    if (r->voided == NULL)
        return error_set(e, "no memory for %zu rights", r->n);
    if (join_members(r, e) != 0)
        return -1;
    find_voided(r);
    for (size_t i = 0; i < r->n; i++)
        if (resolve_right(r, &r->rights[i], e) != 0)
            return -1;
    drop_denied(r);
    return 0;
}

int rights_next(const struct rights *r, size_t *i, struct mailbox_id *trustee, struct mailbox_id *target,
                unsigned *kind)
{
    if (*i >= r->n_resolved)
        return 0;
    *trustee = r->resolved[*i].trustee;
    *target = r->resolved[*i].target;
    *kind = r->resolved[*i].kind;
    ++*i;
    return 1;
}

const struct rights_left *rights_left(const struct rights *r)
{
    return &r->left;
}
