#include "core/mail/list.h"

#include "core/base/hash.h"
#include "core/base/lines.h"
#include "core/base/quote.h"

#include <stdlib.h>
#include <sys/random.h>

#define FIRST_SLOTS 64
#define FIRST_BYTES 4096
#define MOST_SLOTS ((size_t)1 << 28)
#define ENTRY_MAX (ADDRESS_OF_NAME_MAX + 1) /* "@" and a domain, an address, or "netbios\account" */

/* An entry: where its text is among the list's bytes, followed by the text of the mailbox that it is mapped to. */
struct slot {
    uint32_t at;
    uint32_t line;
    uint32_t hash;
    uint16_t n; /* 0: an empty slot */
    uint16_t mailbox_n;
};

_Static_assert(sizeof(struct slot) == 16, "a list of a million logins is meant to be small");

struct list {
    char *path;
    struct list *more;         /* joined to this one */
    bool joined;               /* to another one, or to none */
    struct hash_secret secret; /* users may influence the names in a list */
    struct slot *slots;        /* an open-addressing hash table, at most 3/4 full */
    size_t n_slots;            /* a power of two */
    size_t n;
    char *bytes;
    size_t n_bytes, cap_bytes;
};

/* An entry as canonical text. Pairs also have a mailbox, or "@domain" when a whole domain is mapped. */
struct list_entry {
    char text[ENTRY_MAX + 1], mailbox[ENTRY_MAX + 1];
    size_t n, mailbox_n;
};

/* ---- the table ---- */

static struct slice slot_text(const struct list *list, const struct slot *slot)
{
    return (struct slice){list->bytes + slot->at, slot->n};
}

static struct slice slot_mailbox(const struct list *list, const struct slot *slot)
{
    return (struct slice){list->bytes + slot->at + slot->n, slot->mailbox_n};
}

/* The slot that holds text, or the empty one where it belongs. */
static struct slot *slot_find(const struct list *list, struct slice text, uint32_t hash)
{
    size_t mask = list->n_slots - 1, at = hash & mask;

    while (list->slots[at].n != 0 &&
           (list->slots[at].hash != hash || !slice_eq(slot_text(list, &list->slots[at]), text)))
        at = (at + 1) & mask;
    return &list->slots[at];
}

static uint32_t hash_of(const struct list *list, struct slice text)
{
    return (uint32_t)hash_slice(&list->secret, text);
}

static bool more_slots(struct list *list)
{
    size_t n = list->n_slots == 0 ? FIRST_SLOTS : 2 * list->n_slots;
    struct slot *slots = n <= MOST_SLOTS ? calloc(n, sizeof *slots) : NULL;

    if (slots == NULL)
        return false;
    for (size_t i = 0; i < list->n_slots; i++) {
        size_t at = list->slots[i].hash & (n - 1);

        if (list->slots[i].n == 0)
            continue;
        while (slots[at].n != 0)
            at = (at + 1) & (n - 1);
        slots[at] = list->slots[i];
    }
    free(list->slots);
    list->slots = slots;
    list->n_slots = n;
    return true;
}

static bool bytes_add(struct list *list, struct slice s)
{
    if (s.n > list->cap_bytes - list->n_bytes) {
        size_t cap = list->cap_bytes == 0 ? FIRST_BYTES : 2 * list->cap_bytes;
        char *bytes = cap <= UINT32_MAX ? realloc(list->bytes, cap) : NULL;

        if (bytes == NULL)
            return false;
        list->bytes = bytes;
        list->cap_bytes = cap;
    }
    if (s.n > 0)
        memcpy(list->bytes + list->n_bytes, s.p, s.n);
    list->n_bytes += s.n;
    return true;
}

/* Returns the memory that doubling allocated in excess. */
static void bytes_trim(struct list *list)
{
    char *bytes = list->n_bytes > 0 ? realloc(list->bytes, list->n_bytes) : NULL;

    if (bytes != NULL) {
        list->bytes = bytes;
        list->cap_bytes = list->n_bytes;
    }
}

/* Adds an entry, which may be there already; with another mailbox that is an error. */
static int entry_add(struct list *list, const struct list_entry *entry, unsigned line, struct error *e)
{
    struct slice text = {entry->text, entry->n}, mailbox = {entry->mailbox, entry->mailbox_n};
    uint32_t hash = hash_of(list, text), at = (uint32_t)list->n_bytes;
    struct slot *slot;

    if (list->n >= list->n_slots / 4 * 3 && !more_slots(list))
        return error_set(e, "no memory for more than %zu entries", list->n);
    slot = slot_find(list, text, hash);
    if (slot->n != 0 && slice_eq(slot_mailbox(list, slot), mailbox))
        return 0;
    if (slot->n != 0)
        return error_set(e, "login \"%s\" has the mailbox \"%s\" here and \"%s\" in line %u; keep one",
                         quote(text).text, quote(mailbox).text, quote(slot_mailbox(list, slot)).text, slot->line);
    if (!bytes_add(list, text) || !bytes_add(list, mailbox))
        return error_set(e, "no memory for more than %zu entries", list->n);
    *slot =
        (struct slot){.at = at, .line = line, .hash = hash, .n = (uint16_t)text.n, .mailbox_n = (uint16_t)mailbox.n};
    list->n++;
    return 0;
}

/* ---- lines ---- */

/* A login's key in the table, in out[ENTRY_MAX + 1]; empty for a login that can't be listed. */
static struct slice login_key(const struct login *login, char *out)
{
    struct buf b = buf_over(out, ENTRY_MAX + 1);

    login_add(&b, login);
    return buf_slice(&b);
}

/* Refuses an entry that looks like a pattern, which would match nobody. */
static int refuse_pattern(struct slice text, const char *example, struct error *e)
{
    if (text.n > 0 && memchr(text.p, '*', text.n) != NULL)
        return error_set(e, "\"%s\": \"*\" is not a pattern here; a whole domain is written %s", quote(text).text,
                         example);
    return 0;
}

static int parse_login(struct slice text, struct list_entry *entry, struct error *e)
{
    struct login login;

    login_parse(text, &login);
    entry->n = login_key(&login, entry->text).n;
    if (entry->n == 0)
        return error_set(e, "\"%s\" is neither an address (user@domain) nor an account name", quote(text).text);
    return 0;
}

/* "@contoso.example", or with `prefix` "@." all domains below it, into out[ENTRY_MAX + 1]. */
static int parse_domain(struct slice text, struct slice prefix, char *out, size_t *n, struct error *e)
{
    struct slice domain = {text.p + prefix.n, text.n - prefix.n};

    memcpy(out, prefix.p, prefix.n);
    if (!domain_canonical(domain, out + prefix.n, ENTRY_MAX + 1 - prefix.n, n))
        return error_set(e, "\"%s\" begins with \"%.*s\", but what follows is not a domain", quote(text).text,
                         SLICE_ARG(prefix));
    *n += prefix.n;
    return 0;
}

/* An address, "@domain" or an account name. */
static int parse_single(struct slice text, struct list_entry *entry, struct error *e)
{
    if (refuse_pattern(text, "\"@contoso.example\"", e) != 0)
        return -1;
    if (slice_starts_with(text, SLICE("@.")))
        return error_set(e, "\"%s\": only a list of senders can name all domains beneath one; name each domain",
                         quote(text).text);
    if (text.p[0] != '@')
        return parse_login(text, entry, e);
    return parse_domain(text, SLICE("@"), entry->text, &entry->n, e);
}

/* Refuses a sender without "@", with a suggestion. */
static int refuse_account(struct slice text, struct error *e)
{
    char domain[ENTRY_MAX + 1];
    struct slice rest = {text.p + 1, text.n - 1};
    size_t n;

    if (text.p[0] == '.' && domain_canonical(rest, domain, sizeof domain, &n))
        return error_set(e, "\"%s\" is not a sender; all domains below %s are written \"@.%s\"", quote(text).text,
                         domain, domain);
    if (memchr(text.p, '.', text.n) != NULL && domain_canonical(text, domain, sizeof domain, &n))
        return error_set(e, "\"%s\" is not a sender; a whole domain is written \"@%s\"", quote(text).text, domain);
    return error_set(e, "\"%s\" is not a sender; expected user@domain, \"@domain\", or \"@.domain\" for all below it",
                     quote(text).text);
}

/* An address, "@domain", or "@.domain" for all domains below it. */
static int parse_sender(struct slice text, struct list_entry *entry, struct error *e)
{
    struct address address;

    if (slice_starts_with(text, SLICE("*.")) || slice_starts_with(text, SLICE("@*.")))
        return refuse_account((struct slice){memchr(text.p, '.', text.n), text.n - (text.p[0] == '@' ? 2 : 1)}, e);
    if (refuse_pattern(text, "\"@contoso.example\"", e) != 0)
        return -1;
    if (slice_starts_with(text, SLICE("@.")))
        return parse_domain(text, SLICE("@."), entry->text, &entry->n, e);
    if (text.p[0] == '@')
        return parse_domain(text, SLICE("@"), entry->text, &entry->n, e);
    if (address_parse_internal(text, &address) != ADDRESS_OK)
        return refuse_account(text, e);
    memcpy(entry->text, address.text, address.n + 1u);
    entry->n = address.n;
    return 0;
}

static size_t until_blank(struct slice text)
{
    size_t n = 0;

    while (n < text.n && text.p[n] != ' ' && text.p[n] != '\t')
        n++;
    return n;
}

/* "login mailbox", "login = mailbox", "login= mailbox", "login =mailbox", "login=mailbox". False for anything else. */
static bool split_pair(struct slice text, struct slice *login, struct slice *mailbox)
{
    size_t n = until_blank(text);

    if (n == text.n) /* no blank: the one "=" */
        return slice_cut(text, '=', login, mailbox) && !slice_cut(*mailbox, '=', NULL, NULL);
    *login = (struct slice){text.p, n};
    *mailbox = slice_trim((struct slice){text.p + n, text.n - n});
    if (mailbox->p[0] == '=')
        *mailbox = slice_trim((struct slice){mailbox->p + 1, mailbox->n - 1});
    else if (text.p[n - 1] == '=')
        login->n--;
    return until_blank(*mailbox) == mailbox->n;
}

static bool is_domain(struct slice text)
{
    return text.n > 0 && text.p[0] == '@';
}

/*
 * Both sides must be whole domains, or neither: mapping a domain to one mailbox would make all its logins one person.
 */
static int parse_domain_pair(struct slice login, struct slice mailbox, struct list_entry *entry, struct error *e)
{
    if (!is_domain(login) || !is_domain(mailbox))
        return error_set(e,
                         "\"%s\" and \"%s\": a whole domain is mapped to a whole domain, as in \"@contoso.local "
                         "@contoso.example\"; a login to the address of its mailbox",
                         quote(login).text, quote(mailbox).text);
    return parse_domain(login, SLICE("@"), entry->text, &entry->n, e) != 0 ||
                   parse_domain(mailbox, SLICE("@"), entry->mailbox, &entry->mailbox_n, e) != 0
               ? -1
               : 0;
}

static int parse_pair(struct slice text, struct list_entry *entry, struct error *e)
{
    struct slice login, mailbox;
    struct address address;

    if (!split_pair(text, &login, &mailbox))
        return error_set(e, "\"%s\": expected a login and the address of its mailbox, with a blank between",
                         quote(text).text);
    if (refuse_pattern(text, "\"@contoso.local @contoso.example\"", e) != 0)
        return -1;
    if (is_domain(login) || is_domain(mailbox))
        return parse_domain_pair(login, mailbox, entry, e);
    if (parse_login(login, entry, e) != 0)
        return -1;
    if (address_parse_internal(mailbox, &address) != ADDRESS_OK)
        return error_set(e, "\"%s\": the mailbox of login \"%s\" must be an address (user@domain)", quote(mailbox).text,
                         quote(login).text);
    memcpy(entry->mailbox, address.text, address.n + 1u);
    entry->mailbox_n = address.n;
    return 0;
}

/* ---- lists ---- */

typedef int parse_entry(struct slice text, struct list_entry *entry, struct error *e);

static struct list *list_new(const char *path, struct error *e)
{
    struct list *list = calloc(1, sizeof *list);

    if (list == NULL || (list->path = strdup(path)) == NULL || !more_slots(list)) {
        (void)error_set(e, "%s: no memory for the list", quote(slice_of(path)).text);
        goto fail;
    }
    if (getrandom(&list->secret, sizeof list->secret, 0) != sizeof list->secret) {
        (void)error_set(e, "%s: no random bytes from the kernel", quote(slice_of(path)).text);
        goto fail;
    }
    return list;

fail:
    list_free(list);
    return NULL;
}

static int parse_text(struct slice text, const char *path, parse_entry *parse, struct list **out, struct error *e)
{
    struct list *list = list_new(path, e);
    struct lines lines;
    struct slice line;
    int rc;

    if (list == NULL)
        return -1;
    lines_start(&lines, text, path);
    while ((rc = lines_next(&lines, &line, e)) == 1) {
        struct list_entry entry = {.n = 0};

        if (parse(line, &entry, e) != 0 || entry_add(list, &entry, lines.number, e) != 0) {
            rc = lines_error(&lines, e);
            break;
        }
    }
    if (rc != 0) {
        list_free(list);
        return rc;
    }
    bytes_trim(list);
    *out = list;
    return 0;
}

int list_parse(struct slice text, const char *path, struct list **out, struct error *e)
{
    return parse_text(text, path, parse_single, out, e);
}

int list_parse_senders(struct slice text, const char *path, struct list **out, struct error *e)
{
    return parse_text(text, path, parse_sender, out, e);
}

int list_parse_pairs(struct slice text, const char *path, struct list **out, struct error *e)
{
    return parse_text(text, path, parse_pair, out, e);
}

static int load_with(const char *path, int (*parse)(struct slice, const char *, struct list **, struct error *),
                     struct list **out, struct error *e)
{
    struct slice text;
    int rc;

    if (lines_load(path, &text, e) != 0)
        return -1;
    rc = parse(text, path, out, e);
    free((void *)text.p); /* the slice is the only owner: lines_load */
    return rc;
}

int list_load(const char *path, struct list **out, struct error *e)
{
    return load_with(path, list_parse, out, e);
}

int list_load_senders(const char *path, struct list **out, struct error *e)
{
    return load_with(path, list_parse_senders, out, e);
}

int list_load_pairs(const char *path, struct list **out, struct error *e)
{
    return load_with(path, list_parse_pairs, out, e);
}

struct list *list_join(struct list *list, struct list *more)
{
    struct list *last = list;

    if (more != NULL)
        more->joined = true;
    if (list == NULL)
        return more;
    while (last->more != NULL)
        last = last->more;
    last->more = more;
    return list;
}

void list_free(struct list *list)
{
    for (struct list *more; list != NULL; list = more) {
        more = list->more;
        free(list->path);
        free(list->slots);
        free(list->bytes);
        free(list);
    }
}

const char *list_path(const struct list *list)
{
    return list != NULL && !list->joined ? list->path : NULL;
}

size_t list_count(const struct list *list)
{
    size_t n = 0;

    for (; list != NULL; list = list->more)
        n += list->n;
    return n;
}

/* ---- reading ---- */

/* NULL when the list doesn't have it. */
static const struct slot *look_up(const struct list *list, struct slice canonical, struct list_place *place)
{
    for (; list != NULL && canonical.n > 0; list = list->more) {
        const struct slot *slot = slot_find(list, canonical, hash_of(list, canonical));

        if (slot->n == 0)
            continue;
        if (place != NULL)
            *place = (struct list_place){list->path, slot->line};
        return slot;
    }
    return NULL;
}

bool list_has(const struct list *list, struct slice canonical, struct list_place *place)
{
    return look_up(list, canonical, place) != NULL;
}

bool list_has_address(const struct list *list, const struct address *a, struct list_place *place)
{
    struct slice at_domain = {a->text + a->local_n, (size_t)(a->n - a->local_n)};

    if (a->n == 0)
        return false;
    return list_has(list, address_slice(a), place) || list_has(list, at_domain, place);
}

bool list_has_login(const struct list *list, const struct login *login, struct list_place *place)
{
    char key[ENTRY_MAX + 1];

    if (login->kind == LOGIN_ADDRESS)
        return list_has_address(list, &login->address, place);
    return list_has(list, login_key(login, key), place);
}

bool list_has_sender(const struct list *list, const struct address *a, struct list_place *place)
{
    struct slice rest = address_domain(a);
    char beneath[ENTRY_MAX + 1] = "@.";

    if (list == NULL || a->n == 0)
        return false;
    if (list_has_address(list, a, place))
        return true;
    while (slice_cut(rest, '.', NULL, &rest)) {
        memcpy(beneath + 2, rest.p, rest.n);
        if (list_has(list, (struct slice){beneath, 2 + rest.n}, place))
            return true;
    }
    return false;
}

/* ---- pairs ---- */

static void address_of(struct slice text, struct address *out)
{
    memcpy(out->text, text.p, text.n);
    out->text[text.n] = '\0';
    out->n = (uint16_t)text.n;
    out->local_n = (uint16_t)((const char *)memrchr(text.p, '@', text.n) - text.p);
}

/*
 * The login's local part in the domain that its domain is mapped to. False when it isn't mapped, or would be too long.
 */
static bool pair_of_domain(const struct list *list, const struct login *login, struct address *mailbox,
                           struct list_place *place)
{
    const struct address *a = &login->address;
    struct slice at_domain = {a->text + a->local_n, (size_t)(a->n - a->local_n)}, local = address_local(a);
    const struct slot *slot = login->kind == LOGIN_ADDRESS ? look_up(list, at_domain, place) : NULL;
    char text[ADDRESS_MAX];

    if (slot == NULL || slot->mailbox_n == 0 || local.n + slot->mailbox_n > sizeof text)
        return false;
    memcpy(text, local.p, local.n);
    memcpy(text + local.n, slot_mailbox(list, slot).p, slot->mailbox_n);
    if (mailbox != NULL)
        address_of((struct slice){text, local.n + slot->mailbox_n}, mailbox);
    return true;
}

bool list_pair(const struct list *list, const struct login *login, struct address *mailbox, struct list_place *place)
{
    char key[ENTRY_MAX + 1];
    const struct slot *slot = look_up(list, login_key(login, key), place);

    if (slot == NULL || slot->mailbox_n == 0)
        return pair_of_domain(list, login, mailbox, place);
    if (mailbox != NULL)
        address_of(slot_mailbox(list, slot), mailbox);
    return true;
}

/* ---- entries ---- */

bool list_next(const struct list *list, size_t *at, struct slice *text, struct list_place *place)
{
    size_t before = 0; /* places of the lists before this one */

    for (; list != NULL; before += list->n_slots, list = list->more)
        for (; *at - before < list->n_slots; ++*at) {
            const struct slot *slot = &list->slots[*at - before];

            if (slot->n == 0)
                continue;
            *text = slot_text(list, slot);
            *place = (struct list_place){list->path, slot->line};
            ++*at;
            return true;
        }
    return false;
}

/* The entry after mapping of logins. */
static void entry_mapped(const struct list *logins, struct slice text, struct list_entry *out)
{
    const struct slot *domain = text.p[0] == '@' ? look_up(logins, text, NULL) : NULL;
    struct slice meant = domain != NULL ? slot_mailbox(logins, domain) : text;
    struct address mailbox;
    struct login login;

    if (text.p[0] != '@') {
        login_parse(text, &login);
        if (list_pair(logins, &login, &mailbox, NULL))
            meant = address_slice(&mailbox);
    }
    memcpy(out->text, meant.p, meant.n);
    out->n = meant.n;
    out->mailbox_n = 0;
}

int list_map(struct list **list, const struct list *logins, struct error *e)
{
    struct list *mapped;
    struct list_place place;
    struct slice text;

    if (*list == NULL || logins == NULL)
        return 0;
    if ((mapped = list_new((*list)->path, e)) == NULL)
        return -1;
    for (size_t at = 0; list_next(*list, &at, &text, &place);) {
        struct list_entry entry;

        entry_mapped(logins, text, &entry);
        if (entry_add(mapped, &entry, place.line, e) != 0) {
            list_free(mapped);
            return -1;
        }
    }
    bytes_trim(mapped);
    list_free(*list);
    *list = mapped;
    return 0;
}
