#include "mirror/logins.h"

#include "core/base/owner.h"
#include "core/directory/directory.h"
#include "core/mail/list.h"
#include "mirror/read/rows.h"
#include "mirror/words.h"

#include <stdlib.h>
#include <unistd.h>

#define SAID_MAX 20 /* rows, logins and mailboxes that are named; their number is told in any case */

/* One account of the exports. */
struct account {
    char *login;
    char
        *addresses; /* those that may be its mailbox's, the likeliest first: each terminated, an empty one at the end */
    const char *mailbox; /* the one that it is */
    bool left_out;
};

struct run {
    const struct logins_options *o;
    struct account *list;
    size_t n, cap;
    uint64_t rows, disabled, nameless, bad, conflicts, unknown, shared;
};

static void say(const struct run *r, uint64_t count, const char *text, struct slice a, struct slice b, struct slice c)
{
    if (count <= SAID_MAX)
        fprintf(r->o->log, "%s: \"%s\", %s%s%s\n", text, words(a).text, words(b).text, c.n > 0 ? ", " : "",
                words(c).text);
}

/* ---- reading ---- */

static void add_address(struct buf *b, struct slice text)
{
    struct address address;

    if (text.n == 0 || proxy_parse(text, &address) > PROXY_SMTP)
        return;
    buf_add(b, address_slice(&address));
    buf_add_char(b, '\0');
}

/* The addresses that name the account's mailbox: the primary one of its proxies, mail, the user principal name. */
static void find_addresses(const struct row *row, struct buf *b)
{
    static const enum column proxies[] = {COLUMN_GRAPH_PROXIES, COLUMN_PROXIES};
    static const enum column plain[] = {COLUMN_PRIMARY, COLUMN_MAIL, COLUMN_UPN};
    struct slice item;

    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        struct items items = cell_items(&row->cells[proxies[i]], ITEMS_ADDRESSES);

        while (!cell_is_type_name(&row->cells[proxies[i]]) && items_next(&items, &item))
            if (slice_starts_with(item, SLICE("SMTP:")))
                add_address(b, item);
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        add_address(b, cell_text(&row->cells[plain[i]]));
}

/* *disabled: a column says so. 0; -1 with e for a value that can't be read. */
static int read_disabled(const struct row *row, bool *disabled, struct error *e)
{
    static const struct {
        enum column column;
        bool disabled; /* what this value says */
    } states[] = {{COLUMN_ENABLED, false}, {COLUMN_ACCOUNT_ENABLED, false}, {COLUMN_ACCOUNT_DISABLED, true}};

    *disabled = false;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        bool said;
        int found = cell_bool(&row->cells[states[i].column], &said);

        if (found < 0)
            return row_error(row, states[i].column, "True or False", e);
        *disabled = *disabled || (found > 0 && said == states[i].disabled);
    }
    return 0;
}

/* The account in the form that a login has, with the domain that goes in front. Empty for what none can be. */
static void login_of(const struct run *r, struct slice account, struct buf *b)
{
    struct login login;
    char text[512];
    struct buf whole = BUF_OVER(text);

    buf_addf(&whole, "%s%s", r->o->netbios != NULL ? r->o->netbios : "", r->o->netbios != NULL ? "\\" : "");
    buf_add(&whole, account);
    login_parse(buf_slice(&whole), &login);
    if (!whole.full && (login.kind == LOGIN_ACCOUNT || login.kind == LOGIN_NETBIOS) &&
        memchr(text, '#', whole.n) == NULL)
        login_add(b, &login);
}

static int keep(struct run *r, struct slice login, struct slice addresses, struct error *e)
{
    struct account *account;

    if (r->n == r->cap) {
        size_t cap = r->cap == 0 ? 1024 : r->cap * 2;
        struct account *bigger = realloc(r->list, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu accounts", r->n);
        r->list = bigger;
        r->cap = cap;
    }
    account = &r->list[r->n];
    *account = (struct account){.login = strndup(login.p, login.n), .addresses = malloc(addresses.n + 1)};
    r->n++; /* its parts are freed with the list */
    if (account->login == NULL || account->addresses == NULL)
        return error_set(e, "no memory for more than %zu accounts", r->n);
    memcpy(account->addresses, addresses.p, addresses.n);
    account->addresses[addresses.n] = '\0';
    return 0;
}

static int take_row(struct run *r, const struct row *row, struct error *e)
{
    struct slice name = cell_text(&row->cells[COLUMN_ACCOUNT]);
    char login[512], addresses[4 * ADDRESS_MAX];
    struct buf l = BUF_OVER(login), a = BUF_OVER(addresses);
    bool disabled;

    if (row->cells[COLUMN_ACCOUNT].kind == CELL_ABSENT)
        return error_set(e,
                         "%s: %s: there is no SamAccountName; export Get-ADUser -Filter * -Properties "
                         "mail,userPrincipalName,proxyAddresses",
                         row->path, place_words(row->place).text);
    if (read_disabled(row, &disabled, e) != 0)
        return -1;
    r->rows++;
    if (disabled) {
        r->disabled++;
        return 0;
    }
    find_addresses(row, &a);
    if (a.n == 0) {
        r->nameless++;
        return 0;
    }
    login_of(r, name, &l);
    if (l.n == 0) {
        say(r, ++r->bad, "no name to sign in with, and left out", name, slice_of(row->path),
            slice_of(place_words(row->place).text));
        return 0;
    }
    return keep(r, buf_slice(&l), buf_slice(&a), e);
}

static int read_file(struct run *r, const char *path, struct error *e)
{
    struct rows *rows;
    struct row *row;
    int more = -1;

    if (rows_open(path, &rows, e) != 0)
        return -1;
    if (rows_form(rows) == ROWS_LIST)
        (void)error_set(e, "%s: is a list of addresses; export Get-ADUser with Export-Csv", words(slice_of(path)).text);
    else
        while ((more = rows_next(rows, &row, e)) > 0)
            if (take_row(r, row, e) != 0) {
                more = -1;
                break;
            }
    rows_close(rows);
    return more;
}

/* ---- which mailbox ---- */

static bool is_known(const struct run *r, const struct directory_view *view, struct slice address)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n;

    for (uint32_t i = 0; i < directory_tenants(view); i++) {
        const struct tenant_facts *tenant = directory_tenant(view, i);

        if (tenant != NULL && (r->o->tenant == NULL || strcmp(r->o->tenant, tenant->name) == 0) &&
            directory_by_address(view, i, address, refs, &n) == DIRECTORY_FOUND)
            return true;
    }
    return false;
}

/* The first that the directory has; else the first. */
static void find_mailboxes(struct run *r, const struct directory_view *view)
{
    for (size_t i = 0; i < r->n; i++) {
        struct account *account = &r->list[i];
        const char *one = account->addresses;

        account->mailbox = one;
        while (view != NULL && *one != '\0' && !is_known(r, view, slice_of(one)))
            one += strlen(one) + 1;
        if (*one != '\0')
            account->mailbox = one;
        else
            r->unknown++;
    }
}

/* The directory is a help alone: one that is not there yet is none. It is read by its owner, as LMDB trusts files. */
static int look_into_directory(struct run *r, struct error *e)
{
    struct directory *directory;
    struct directory_view *view;
    struct owner owner;

    if (access(r->o->directory, F_OK) != 0) {
        find_mailboxes(r, NULL);
        return 0;
    }
    if (owner_find(r->o->directory, &owner, e) != 0 || (!owner.shared && owner_become(&owner, e) != 0) ||
        directory_open(r->o->directory, &directory, e) != 0)
        return -1;
    if (directory_refresh(directory, e) < 0) {
        directory_close(directory);
        return -1;
    }
    view = directory_view_get(directory);
    find_mailboxes(r, view);
    if (view != NULL)
        directory_view_put(directory, view);
    directory_close(directory);
    return 0;
}

/* ---- what can't be, and what is odd ---- */

static int by_login(const void *a, const void *b)
{
    const struct account *x = a, *y = b;
    int order = strcmp(x->login, y->login);

    return order != 0 ? order : strcmp(x->mailbox, y->mailbox);
}

static int by_mailbox(const void *a, const void *b)
{
    const struct account *const *x = a, *const *y = b;
    int order = strcmp((*x)->mailbox, (*y)->mailbox);

    return order != 0 ? order : strcmp((*x)->login, (*y)->login);
}

/* An account that would be two mailboxes' is neither's; one that comes twice is written once. */
static void find_conflicts(struct run *r)
{
    for (size_t i = 0, next; i < r->n; i = next) {
        bool conflict = false;

        for (next = i + 1; next < r->n && strcmp(r->list[i].login, r->list[next].login) == 0; next++)
            conflict = conflict || strcmp(r->list[i].mailbox, r->list[next].mailbox) != 0;
        for (size_t j = i; j < next; j++)
            r->list[j].left_out = conflict || j > i;
        if (conflict)
            say(r, ++r->conflicts, "two mailboxes of one account, and left out", slice_of(r->list[i].login),
                slice_of(r->list[i].mailbox), slice_of(r->list[next - 1].mailbox));
    }
}

/* Each of them may send as the mailbox: a second account with somebody's mail address is worth a look. */
static int find_shared(struct run *r, struct error *e)
{
    const struct account **sorted = calloc(r->n + 1, sizeof(const struct account *));
    size_t n = 0;

    if (sorted == NULL)
        return error_set(e, "no memory to compare %zu accounts", r->n);
    for (size_t i = 0; i < r->n; i++)
        if (!r->list[i].left_out)
            sorted[n++] = &r->list[i];
    qsort(sorted, n, sizeof *sorted, by_mailbox);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i]->mailbox, sorted[i - 1]->mailbox) == 0)
            say(r, ++r->shared, "warning: one mailbox of two accounts, each of which may send as it",
                slice_of(sorted[i]->mailbox), slice_of(sorted[i - 1]->login), slice_of(sorted[i]->login));
    free(sorted);
    return 0;
}

/* ---- writing ---- */

static int write_file(const struct run *r, struct error *e)
{
    char *text = NULL;
    size_t n = 0;
    struct list *list;
    FILE *f = open_memstream(&text, &n);
    bool broken = f == NULL;

    if (f != NULL) {
        fprintf(f,
                "# Made by \"postern-mirror logins\" of exports of Active Directory: an account, and its mailbox.\n");
        for (size_t i = 0; i < r->n; i++)
            if (!r->list[i].left_out)
                fprintf(f, "%s %s\n", r->list[i].login, r->list[i].mailbox);
        broken = fclose(f) != 0;
    }
    if (broken) {
        free(text);
        return error_set(e, "no memory for the file");
    }
    /* What postern itself would not take is never written. */
    if (list_parse_pairs((struct slice){text, n}, "logins", &list, e) != 0) {
        free(text);
        return -1;
    }
    list_free(list);
    broken = fwrite(text, 1, n, r->o->out) != n || fflush(r->o->out) != 0;
    free(text);
    return broken ? error_set(e, "the file cannot be written") : 0;
}

static void report(const struct run *r)
{
    FILE *log = r->o->log;
    uint64_t written = 0;

    for (size_t i = 0; i < r->n; i++)
        written += !r->list[i].left_out;
    fprintf(log,
            "%llu accounts; left out: %llu disabled, %llu without a mail address, %llu with a name that is none, "
            "%llu that would be two mailboxes'\n",
            (unsigned long long)written, (unsigned long long)r->disabled, (unsigned long long)r->nameless,
            (unsigned long long)r->bad, (unsigned long long)r->conflicts);
    if (r->unknown > 0)
        fprintf(log,
                "%llu accounts have a mail address that the directory doesn't know: mailboxes on premises, or none\n",
                (unsigned long long)r->unknown);
    if (r->shared > 0)
        fprintf(log, "%llu mailboxes have more than one account\n", (unsigned long long)r->shared);
}

static int run(struct run *r, struct error *e)
{
    for (size_t i = 0; i < r->o->n_files; i++)
        if (read_file(r, r->o->files[i], e) != 0)
            return -1;
    if (r->rows == 0)
        return error_set(e, "there is no row in these files: the exports failed; look at what they said");
    if (look_into_directory(r, e) != 0)
        return -1;
    if (r->n > 0)
        qsort(r->list, r->n, sizeof *r->list, by_login);
    find_conflicts(r);
    if (find_shared(r, e) != 0 || write_file(r, e) != 0)
        return -1;
    report(r);
    return 0;
}

enum logins_result logins_run(const struct logins_options *options, struct error *e)
{
    struct run r = {.o = options};
    int result = run(&r, e);

    for (size_t i = 0; i < r.n; i++) {
        free(r.list[i].login);
        free(r.list[i].addresses);
    }
    free(r.list);
    return result != 0 ? LOGINS_FAILED : r.conflicts > 0 ? LOGINS_PARTIAL : LOGINS_DONE;
}
