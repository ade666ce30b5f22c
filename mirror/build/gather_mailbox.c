#include "mirror/build/gather.h"
#include "mirror/read/recipient_kind.h"
#include "mirror/words.h"

#include <stdlib.h>

static enum recipient_type type_of(struct slice text, bool *no_mailbox)
{
    const struct recipient_kind *kind = recipient_kind_named(text);

    *no_mailbox = kind != NULL && kind->no_mailbox;
    return kind != NULL ? kind->type : RECIPIENT_OTHER;
}

/*
 * A deleted or inactive mailbox (litigation hold): nobody signs in to it, and another mailbox may have its address now.
 */
static bool is_gone(const struct row *row)
{
    bool inactive = false;

    return (cell_bool(&row->cells[COLUMN_INACTIVE], &inactive) == 1 && inactive) ||
           cell_text(&row->cells[COLUMN_SOFT_DELETED]).n > 0;
}

/*
 * Does the row tell its mailbox at all? An IsInactiveMailbox that can't be read says neither that the mailbox is gone
 * nor that it is there; "*@contoso.example" in a list is meant for a pattern, but would be one mailbox's address. 0, or
 * -1 with e.
 */
static int check_row(enum kind kind, const struct row *row, struct error *e)
{
    bool inactive;

    if (kind == KIND_LIST && slice_starts_with(cell_text(&row->cells[COLUMN_PRIMARY]), SLICE("*")))
        return row_error(row, COLUMN_PRIMARY, "the address of one mailbox, since a list has no patterns", e);
    if (cell_bool(&row->cells[COLUMN_INACTIVE], &inactive) < 0)
        return row_error(row, COLUMN_INACTIVE, "True or False", e);
    return 0;
}

/* Is this a mailbox that can sign in? Counts the others and reports the first. */
static bool is_mailbox(struct gathered *g, unsigned file, const struct row *row, struct sheet_row *out)
{
    struct slice type = cell_text(&row->cells[COLUMN_TYPE]);
    bool no_mailbox;

    out->recipient_type = type_of(type, &no_mailbox);
    if (!no_mailbox && !is_gone(row))
        return true;
    g->not_mailboxes++;
    remarks_add(&g->remarks, remark_topic(REMARK_NOT_A_MAILBOX, file, no_mailbox),
                "%s: %s: %s%s%s is not a mailbox that can sign in, and was left out", row->path,
                place_words(row->place).text, words(cell_text(&row->cells[COLUMN_PRIMARY])).text,
                no_mailbox ? ", a " : ", deleted or inactive,", no_mailbox ? words(type).text : "");
    return false;
}

static bool asked_for(const struct row *row, enum column column)
{
    return row->cells[column].kind != CELL_ABSENT;
}

/* Is the list known? Not when the cell holds a type's name (which is noted), or no address where there must be one. */
static bool list_known(struct gathered *g, unsigned file, const struct row *row, enum column column, bool addresses)
{
    const struct cell *cell = &row->cells[column];
    struct slice text = cell_text(cell);

    if (cell_is_cut(cell)) {
        remarks_add(&g->remarks, remark_topic(REMARK_LIST_CUT, file, column),
                    "%s: %s: PowerShell cut %s off (\"%s\"), so nothing was taken from it; export it with "
                    "@{n='%s';e={$_.%s -join ' '}}",
                    row->path, place_words(row->place).text, column_name(column), words(text).text, column_name(column),
                    column_name(column));
        return false;
    }
    if (cell->kind == CELL_LIST &&
        (!addresses || memchr(cell->text.p != NULL ? cell->text.p : "", '@', cell->text.n) != NULL))
        return true;
    if (cell->kind == CELL_NULL)
        return !addresses; /* names may be none; a mailbox always has an address */
    if (cell->kind == CELL_TEXT && !cell_is_type_name(cell) &&
        (!addresses || memchr(text.p != NULL ? text.p : "", '@', text.n) != NULL))
        return true;
    if (cell->kind != CELL_ABSENT)
        g->unknown_lists |= COLUMN_BIT(column);
    return false;
}

/* Notes an address or account name that can never be a login or a sender. */
static void left_out(struct gathered *g, unsigned file, const struct row *row, enum column column, struct slice text)
{
    remarks_add(&g->remarks, remark_topic(REMARK_NO_NAME, file, column),
                "%s: %s: \"%s\" in %s can never name a mailbox, and was left out", row->path,
                place_words(row->place).text, words(text).text, column_name(column));
}

static bool has_prefix(struct slice item)
{
    return item.n > 5 && slice_ieq((struct slice){item.p, 5}, SLICE("smtp:"));
}

/*
 * A text joined with blanks cuts X500 addresses into pieces. If any piece has the prefix smtp:, only those pieces
 * count.
 */
static bool joined_with_prefixes(const struct cell *cell)
{
    struct items items = cell_items(cell, ITEMS_ADDRESSES);
    struct slice item;

    if (cell->kind != CELL_TEXT)
        return false;
    while (items_next(&items, &item))
        if (has_prefix(item))
            return true;
    return false;
}

/* U+FFFD is in the place of a character that some encoding on the way did not have. */
static bool has_lost_character(struct slice text)
{
    return text.n > 0 && memmem(text.p, text.n, "\xef\xbf\xbd", 3) != NULL;
}

/* Reads EmailAddresses into g->proxies, and the one marked as primary into *primary. */
static int read_proxies(struct gathered *g, unsigned file, const struct row *row, struct address *primary,
                        struct error *e)
{
    const struct cell *cell = &row->cells[COLUMN_PROXIES];
    bool prefixes_only = joined_with_prefixes(cell);
    struct items items = cell_items(cell, ITEMS_ADDRESSES);
    struct slice item;

    while (items_next(&items, &item)) {
        struct address address;
        enum proxy_kind kind;

        if (prefixes_only && !has_prefix(item))
            continue;
        kind = has_lost_character(item) ? PROXY_BAD : proxy_parse(item, &address);
        if (kind == PROXY_BAD)
            left_out(g, file, row, COLUMN_PROXIES, item);
        if (kind != PROXY_PRIMARY && kind != PROXY_SMTP)
            continue;
        if (kind == PROXY_PRIMARY)
            *primary = address;
        if (!address_set_add(g->proxies, address_slice(&address)))
            return error_set(e, "%s: %s: more than %d addresses in EmailAddresses", row->path,
                             place_words(row->place).text, ADDRESS_SET_MAX);
    }
    return 0;
}

/* EmailAddresses marks the primary address so: "SMTP:anna@contoso.example". */
static struct slice without_smtp_prefix(struct slice text)
{
    return has_prefix(text) ? (struct slice){text.p + 5, text.n - 5} : text;
}

/* PrimarySmtpAddress, else the address that EmailAddresses marks as primary. */
static int read_primary(const struct row *row, const struct address *marked, struct address *primary, struct error *e)
{
    const struct cell *cell = &row->cells[COLUMN_PRIMARY];

    if (cell_text(cell).n == 0 && cell->kind != CELL_ODD && marked->n > 0) {
        *primary = *marked;
        return 0;
    }
    if (has_lost_character(cell_text(cell)))
        return row_error(row, COLUMN_PRIMARY, "a mail address without lost characters (-Encoding UTF8)", e);
    if (address_parse_internal(without_smtp_prefix(cell_text(cell)), primary) != ADDRESS_OK)
        return row_error(row, COLUMN_PRIMARY, "a mail address", e);
    return 0;
}

static int read_smtp_auth(struct gathered *g, enum kind kind, const struct row *row, struct sheet_row *out,
                          struct error *e)
{
    const struct cell *cell = &row->cells[COLUMN_SMTP_AUTH_DISABLED];
    bool disabled;
    int said;

    if (kind == KIND_LIST) {
        out->says |= SAYS_SMTP_AUTH;
        out->smtp_auth = SMTP_AUTH_ENABLED;
        return 0;
    }
    if (cell->kind == CELL_ABSENT && kind == KIND_MAILBOX)
        return 0;
    said = cell_bool(cell, &disabled);
    if (said < 0 || cell->kind == CELL_ABSENT)
        return row_error(row, COLUMN_SMTP_AUTH_DISABLED, "True, False or nothing", e);
    g->settings_own += said > 0;
    out->says |= SAYS_SMTP_AUTH;
    out->smtp_auth = said == 0 ? SMTP_AUTH_INHERIT : disabled ? SMTP_AUTH_DISABLED : SMTP_AUTH_ENABLED;
    return 0;
}

/* AccountDisabled into the row. A value that cannot be read sets the row aside, and says nothing. */
static int read_account_state(struct gathered *g, enum kind kind, const struct row *row, struct sheet_row *out,
                              struct error *e)
{
    bool disabled;
    int said = cell_bool(&row->cells[COLUMN_ACCOUNT_DISABLED], &disabled);

    if (said < 0)
        return row_error(row, COLUMN_ACCOUNT_DISABLED, "True or False", e);
    if (said == 0)
        return 0;
    out->says |= SAYS_ACCOUNT_STATE;
    out->enabled = !disabled;
    g->says_accounts = kind;
    return 0;
}

/* Alias or account name, in canonical form in *login; empty for what can never be a login. */
static struct slice read_account(struct gathered *g, unsigned file, const struct row *row, enum column column,
                                 struct login *login)
{
    struct slice text = cell_text(&row->cells[column]);

    if (text.n == 0)
        return text;
    login_parse(text, login);
    if (login->kind == LOGIN_ACCOUNT)
        return login_account(login);
    left_out(g, file, row, column, text);
    return (struct slice){NULL, 0};
}

static struct slice read_upn(struct gathered *g, unsigned file, const struct row *row, struct address *upn)
{
    struct slice text = cell_text(&row->cells[COLUMN_UPN]);

    if (text.n == 0)
        return text;
    if (!has_lost_character(text) && address_parse_internal(text, upn) == ADDRESS_OK)
        return address_slice(upn);
    left_out(g, file, row, COLUMN_UPN, text);
    return (struct slice){NULL, 0};
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* At most MAILBOX_NAME_MAX bytes, never cut inside a character; line breaks become blanks. */
static struct slice display_name(struct slice name, char mem[MAILBOX_NAME_MAX])
{
    size_t n = name.n <= MAILBOX_NAME_MAX ? name.n : MAILBOX_NAME_MAX;

    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        mem[i] = is_control(name.p[i]) ? ' ' : name.p[i];
    return (struct slice){mem, n};
}

/* The names by which other cmdlets may refer to the mailbox. Not display names, since these need not be unique. */
static struct slice read_names(const struct row *row, char *mem, size_t cap)
{
    static const enum column columns[] = {COLUMN_IDENTITY, COLUMN_NAME, COLUMN_DIRECTORY_OBJECT, COLUMN_GUID};
    struct buf b = buf_over(mem, cap);

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct slice name = cell_text(&row->cells[columns[i]]);

        if (name.n > 0)
            packed_add(&b, name);
    }
    return buf_slice(&b);
}

/* GrantSendOnBehalfTo: the names of those who may send on behalf of this mailbox. */
static int read_on_behalf(struct gathered *g, unsigned file, const struct row *row, struct slice primary,
                          struct error *e)
{
    const struct cell *cell = &row->cells[COLUMN_ON_BEHALF];
    struct items items = cell_items(cell, ITEMS_NAMES);
    struct slice item;

    if (!asked_for(row, COLUMN_ON_BEHALF))
        return 0;
    if (!list_known(g, file, row, COLUMN_ON_BEHALF, false)) {
        g->on_behalf_unknown = true;
        return 0;
    }
    g->on_behalf = true;
    while (items_next(&items, &item))
        if (rights_add(g->rights, item, primary, RIGHT_SEND_ON_BEHALF, false, (struct right_place){file, row->place},
                       e) != 0)
            return -1;
    return 0;
}

static void note_known(struct gathered *g, unsigned file, const struct row *row, struct sheet_row *out)
{
    static const struct {
        enum column column;
        unsigned says;
    } plain[] = {{COLUMN_UPN, SAYS_UPN},
                 {COLUMN_ALIAS, SAYS_ALIAS},
                 {COLUMN_ACCOUNT, SAYS_ACCOUNT},
                 {COLUMN_DISPLAY_NAME, SAYS_NAME},
                 {COLUMN_TYPE, SAYS_TYPE}};

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (asked_for(row, plain[i].column))
            out->says |= plain[i].says;
    if (list_known(g, file, row, COLUMN_PROXIES, true))
        out->says |= SAYS_PROXIES;
}

/* Counts a row that cannot be read; e says why. Returns 0. */
static int bad_row(struct gathered *g, enum kind kind, const struct error *e)
{
    if (g->bad_rows[kind]++ == 0)
        g->first_bad[kind] = *e;
    return 0;
}

static bool is_remote(const struct row *row)
{
    const struct recipient_kind *kind = recipient_kind_named(cell_text(&row->cells[COLUMN_TYPE]));

    return kind != NULL && kind->remote;
}

/* Reads which mailbox the row is about: id and addresses. 0, or -1 with e. */
static int read_who(struct gathered *g, unsigned file, const struct row *row, struct sheet_row *out,
                    struct address *primary, struct error *e)
{
    struct address marked = {0};
    int guid = cell_guid(&row->cells[COLUMN_GUID], &out->id);

    if (guid < 0)
        return row_error(row, COLUMN_GUID, "a GUID", e);
    /* Get-RemoteMailbox runs on premises: its Guid is one of that directory, not of a mailbox in Exchange Online. */
    out->has_guid = guid > 0 && !is_remote(row);
    address_set_clear(g->proxies);
    if ((out->says & SAYS_PROXIES) != 0 && read_proxies(g, file, row, &marked, e) != 0)
        return -1;
    if (read_primary(row, &marked, primary, e) != 0)
        return -1;
    out->primary = address_slice(primary);
    return 0;
}

int gather_mailbox_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    struct sheet *sheet = g->sheets[kind == KIND_MAILBOX ? SHEET_DETAILS : SHEET_SETTINGS];
    struct sheet_row out = {.file = file, .place = row->place};
    struct buf packed = BUF_OVER(g->packed);
    struct address primary = {0}, upn;
    struct login alias, account;
    char names[GATHER_NAMES_MAX], name[MAILBOX_NAME_MAX];
    struct error why;

    if (check_row(kind, row, &why) != 0) {
        g->incomplete = true;
        return bad_row(g, kind, &why);
    }
    if (!is_mailbox(g, file, row, &out))
        return 0;
    g->unnamed = g->unnamed || (kind == KIND_MAILBOX && !asked_for(row, COLUMN_DISPLAY_NAME));
    note_known(g, file, row, &out);
    if (read_who(g, file, row, &out, &primary, &why) != 0) {
        g->incomplete = true;
        return bad_row(g, kind, &why);
    }
    if (read_smtp_auth(g, kind, row, &out, &why) != 0) {
        out.says |= SAYS_SMTP_AUTH;
        out.smtp_auth = SMTP_AUTH_UNKNOWN;
        (void)bad_row(g, kind, &why);
    }
    if (read_account_state(g, kind, row, &out, &why) != 0)
        (void)bad_row(g, kind, &why);
    address_set_pack(g->proxies, out.primary, &packed);
    out.proxies = buf_slice(&packed);
    out.upn = read_upn(g, file, row, &upn);
    out.alias = read_account(g, file, row, COLUMN_ALIAS, &alias);
    out.account = read_account(g, file, row, COLUMN_ACCOUNT, &account);
    out.name = display_name(cell_text(&row->cells[COLUMN_DISPLAY_NAME]), name);
    out.names = read_names(row, names, sizeof names);
    out.object = cell_text(&row->cells[COLUMN_DIRECTORY_OBJECT]);
    out.exchange = cell_text(&row->cells[COLUMN_EXCHANGE_GUID]);
    if (read_on_behalf(g, file, row, out.primary, e) != 0)
        return -1;
    return sheet_add(sheet, &out, e);
}

int gather_user_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    struct sheet_row out = {.file = file, .place = row->place, .says = SAYS_POLICY};

    if (read_account_state(g, kind, row, &out, e) != 0)
        return -1;
    if (cell_guid(&row->cells[COLUMN_GUID], &out.id) <= 0)
        return row_error(row, COLUMN_GUID, "a GUID, by which users and mailboxes are joined", e);
    if (!asked_for(row, COLUMN_AUTH_POLICY) || row->cells[COLUMN_AUTH_POLICY].kind > CELL_TEXT)
        return row_error(row, COLUMN_AUTH_POLICY, "the name of an authentication policy, or nothing", e);
    out.has_guid = true;
    out.primary = cell_text(&row->cells[COLUMN_UPN]);
    out.policy = policy_name(cell_text(&row->cells[COLUMN_AUTH_POLICY]));
    for (size_t i = 0; i < out.policy.n; i++)
        if (is_control(out.policy.p[i]))
            return row_error(row, COLUMN_AUTH_POLICY, "a name without control characters", e);
    return sheet_add(g->sheets[SHEET_POLICIES], &out, e);
}

/* Groups and mail users may be sent as, guests and all of these may hold a right; of the others nothing is wanted. */
static bool is_recipient(const struct row *row, enum recipient_type *type)
{
    struct slice text = cell_text(&row->cells[COLUMN_TYPE]);
    bool no_mailbox;

    *type = type_of(text, &no_mailbox);
    return !is_gone(row) && (*type == RECIPIENT_GROUP || *type == RECIPIENT_MAIL_USER ||
                             slice_ieq(text, SLICE("GuestMailUser")) || slice_ieq(text, SLICE("SharedWithMailUser")));
}

/* A dynamic group has a rule in place of members, and a group of Microsoft 365 its members elsewhere. */
static bool has_members(const struct row *row)
{
    static const char *const lists[] = {"MailUniversalSecurityGroup", "MailUniversalDistributionGroup",
                                        "MailNonUniversalGroup", "RoomList"};
    struct slice type = cell_text(&row->cells[COLUMN_TYPE]);

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (slice_ieq(type, slice_of(lists[i])))
            return true;
    return false;
}

/* A group in a group: its members may have to be read, too. */
static int note_inner(struct gathered *g, const struct row *row, struct error *e)
{
    struct mailbox_id id;

    if (!has_members(row) || cell_guid(&row->cells[COLUMN_GUID], &id) <= 0)
        return 0;
    if (g->n_inner == g->inner_cap) {
        size_t cap = g->inner_cap == 0 ? 64 : g->inner_cap * 2;
        struct mailbox_id *bigger = realloc(g->inner, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu groups in groups", g->n_inner);
        g->inner = bigger;
        g->inner_cap = cap;
    }
    g->inner[g->n_inner++] = id;
    return 0;
}

int gather_recipient_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    struct sheet_row out = {.file = file, .place = row->place};
    struct buf packed = BUF_OVER(g->packed);
    char names[GATHER_NAMES_MAX], name[MAILBOX_NAME_MAX], alias[MAILBOX_NAME_MAX];
    struct address primary = {0};
    struct error why;

    if (kind == KIND_HVE_ACCOUNT)
        out.recipient_type = RECIPIENT_HIGH_VOLUME;
    else if (!is_recipient(row, &out.recipient_type))
        return 0;
    if (has_members(row))
        out.says |= SAYS_MEMBERS;
    g->unnamed = g->unnamed || !asked_for(row, COLUMN_DISPLAY_NAME);
    note_known(g, file, row, &out);
    if (read_who(g, file, row, &out, &primary, &why) != 0)
        return bad_row(g, kind, &why);
    address_set_pack(g->proxies, out.primary, &packed);
    out.proxies = buf_slice(&packed);
    out.name = display_name(cell_text(&row->cells[COLUMN_DISPLAY_NAME]), name);
    out.names = read_names(row, names, sizeof names);
    out.alias = display_name(cell_text(&row->cells[COLUMN_NAME]), alias);
    return sheet_add(g->recipients, &out, e);
}

int gather_member_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    struct slice group = cell_text(&row->cells[COLUMN_GROUP]);
    struct slice member = without_smtp_prefix(cell_text(&row->cells[COLUMN_PRIMARY]));

    (void)kind, (void)file;
    if (group.n == 0)
        group = slice_of(g->group);
    if (group.n == 0)
        return row_error(row, COLUMN_GROUP, "the address, Name or Guid of the group", e);
    if (member.n == 0)
        member = cell_text(&row->cells[COLUMN_GUID]);
    return note_inner(g, row, e) != 0 ? -1 : rights_add_member(g->rights, group, member, e);
}

/* An address, or nothing: what is none names no mailbox. */
static struct slice account_address(const struct row *row, enum column column, struct address *out)
{
    struct slice text = cell_text(&row->cells[column]);

    return text.n > 0 && address_parse_internal(text, out) == ADDRESS_OK ? address_slice(out) : (struct slice){NULL, 0};
}

int gather_account_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    static const struct {
        enum column column;
        bool enabled; /* what True says */
    } states[] = {{COLUMN_ACCOUNT_ENABLED, true}, {COLUMN_ENABLED, true}, {COLUMN_ACCOUNT_DISABLED, false}};
    struct address upn, mail;

    (void)file;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        bool said;
        int found = cell_bool(&row->cells[states[i].column], &said);

        if (found < 0)
            return row_error(row, states[i].column, "True or False", e);
        if (found == 0)
            continue;
        g->says_accounts = kind;
        return accounts_add(g->accounts, account_address(row, COLUMN_UPN, &upn),
                            account_address(row, COLUMN_MAIL, &mail), said == states[i].enabled, e);
    }
    return 0;
}
