#include "mirror/build/gather.h"

#include <stdlib.h>

/* The value of a distinguished name's first part, up to a comma without a backslash in front (RFC 4514 2.4). */
static struct slice first_value(struct slice name)
{
    size_t n = 3; /* behind "CN=" */

    while (n < name.n && name.p[n] != ',')
        n += name.p[n] == '\\' && n + 1 < name.n ? 2 : 1;
    return (struct slice){name.p + 3, n - 3};
}

struct slice policy_name(struct slice text)
{
    text = slice_trim(text);
    if (text.n > 3 && slice_ieq((struct slice){text.p, 3}, SLICE("CN=")))
        text = first_value(text);
    if (text.n > MAILBOX_NAME_MAX)
        text.n = MAILBOX_NAME_MAX;
    return text;
}

static int copy_policy_name(char out[MAILBOX_NAME_MAX + 1], struct slice name)
{
    struct buf b = buf_over(out, MAILBOX_NAME_MAX + 1);

    buf_add(&b, policy_name(name));
    return b.n > 0 ? 0 : -1;
}

/* A setting of the tenant that must be true or false; null is an error. */
static int read_setting(const struct row *row, enum column column, bool *out, struct error *e)
{
    return cell_bool(&row->cells[column], out) == 1 ? 0 : row_error(row, column, "True or False", e);
}

/*
 * Many objects have a property IsEnabled: rules, roles, connectors. Graph's policy has this id and this name in every
 * tenant. A row exported with neither is accepted.
 */
static bool is_security_defaults(const struct row *row)
{
    static const enum column names[] = {COLUMN_DISPLAY_NAME, COLUMN_NAME, COLUMN_IDENTITY};
    struct slice id = cell_text(&row->cells[COLUMN_ID]);

    if (id.n > 0)
        return slice_eq(id, SLICE("00000000-0000-0000-0000-000000000005"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (row->cells[names[i]].kind != CELL_ABSENT)
            return slice_ieq(cell_text(&row->cells[names[i]]), SLICE("Security Defaults"));
    return true;
}

int gather_tenant_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    const struct cell *policy = &row->cells[COLUMN_DEFAULT_POLICY];
    bool said;

    (void)file;
    if (g->rows[kind] > 1)
        return error_set(e,
                         "%s: %s: a second row, but a tenant has one %s only; if these are mailboxes, export their "
                         "PrimarySmtpAddress too",
                         row->path, place_words(row->place).text, kind_name(kind));
    switch (kind) {
    case KIND_TRANSPORT_CONFIG:
        if (read_setting(row, COLUMN_SMTP_AUTH_DISABLED, &said, e) != 0)
            return -1;
        g->smtp_auth = said ? SMTP_AUTH_DISABLED : SMTP_AUTH_ENABLED;
        return 0;
    case KIND_SECURITY_DEFAULTS:
        if (!is_security_defaults(row))
            return error_set(
                e,
                "%s: %s: has isEnabled, but is not Graph's identitySecurityDefaultsEnforcementPolicy, by its "
                "id or name; export that one",
                row->path, place_words(row->place).text);
        if (read_setting(row, COLUMN_IS_ENABLED, &said, e) != 0)
            return -1;
        g->security_defaults = said ? TRI_YES : TRI_NO;
        return 0;
    default:
        if (policy->kind != CELL_NULL && policy->kind != CELL_TEXT)
            return row_error(row, COLUMN_DEFAULT_POLICY, "the name of an authentication policy, or nothing", e);
        copy_policy_name(g->default_policy, cell_text(policy));
        return 0;
    }
}

int gather_policy_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    struct slice name = cell_text(&row->cells[COLUMN_NAME]);
    const struct policy *same = gather_policy(g, name);
    struct policy *policy;

    (void)kind, (void)file;
    if (g->n_policies == GATHER_POLICIES_MAX)
        return error_set(e, "%s: %s: more than %d authentication policies", row->path, place_words(row->place).text,
                         GATHER_POLICIES_MAX);
    policy = &g->policies[g->n_policies];
    if (copy_policy_name(policy->name, name) != 0)
        return row_error(row, COLUMN_NAME, "a name", e);
    if (read_setting(row, COLUMN_BASIC_SMTP, &policy->basic_smtp, e) != 0)
        return -1;
    if (same != NULL && same->basic_smtp != policy->basic_smtp)
        return row_error(row, COLUMN_NAME, "each policy once, and here it says something else", e);
    g->n_policies += same == NULL;
    return 0;
}

static int read_limit(const struct row *row, enum column column, uint32_t *out, struct error *e)
{
    unsigned long long n;

    if (!cell_number(&row->cells[column], UINT32_MAX, &n))
        return row_error(row, column, "a number of recipients", e);
    *out = (uint32_t)n;
    return 0;
}

/* Only the default policy, which holds for everybody. The export doesn't say to whom the others apply. */
int gather_outbound_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    bool is_default;

    (void)kind, (void)file;
    if (read_setting(row, COLUMN_IS_DEFAULT, &is_default, e) != 0)
        return -1;
    if (!is_default)
        return 0;
    if (g->limits)
        return row_error(row, COLUMN_IS_DEFAULT, "one default policy", e);
    g->limits = true;
    return read_limit(row, COLUMN_EXTERNAL_PER_HOUR, &g->external_per_hour, e) != 0 ||
                   read_limit(row, COLUMN_INTERNAL_PER_HOUR, &g->internal_per_hour, e) != 0 ||
                   read_limit(row, COLUMN_PER_DAY, &g->recipients_per_day, e) != 0
               ? -1
               : 0;
}

static const struct {
    const char *name, *number;
    enum domain_type type;
} domain_types[] = {
    {"Authoritative", "0", DOMAIN_AUTHORITATIVE},
    {"ExternalRelay", "1", DOMAIN_EXTERNAL_RELAY},
    {"InternalRelay", "2", DOMAIN_INTERNAL_RELAY},
};

static int read_domain_type(const struct row *row, enum domain_type *out, struct error *e)
{
    struct slice text = cell_text(&row->cells[COLUMN_DOMAIN_TYPE]);

    for (size_t i = 0; i < sizeof domain_types / sizeof domain_types[0]; i++) {
        if (slice_ieq(text, slice_of(domain_types[i].name)) || slice_eq(text, slice_of(domain_types[i].number))) {
            *out = domain_types[i].type;
            return 0;
        }
    }
    return row_error(row, COLUMN_DOMAIN_TYPE, "Authoritative, InternalRelay or ExternalRelay", e);
}

/* The properties are Exchange Online's alone; an export without them, or of Exchange on premises, says nothing of it.
 */
static int read_closed(const struct row *row, struct accepted *domain, struct error *e)
{
    static const struct {
        enum column column;
        unsigned bit;
    } switches[] = {{COLUMN_SENDING_FROM_DISABLED, DOMAIN_NO_SENDER},
                    {COLUMN_SENDING_TO_DISABLED, DOMAIN_NO_RECIPIENT}};

    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        bool said = false;

        if (cell_bool(&row->cells[switches[i].column], &said) < 0)
            return row_error(row, switches[i].column, "True or False", e);
        domain->closed |= said ? switches[i].bit : 0;
        domain->said |= row->cells[switches[i].column].kind != CELL_ABSENT ? switches[i].bit : 0;
    }
    return 0;
}

static bool same_domain(const struct accepted *a, const struct accepted *b)
{
    return a->type == b->type && a->match_subdomains == b->match_subdomains && a->closed == b->closed &&
           a->said == b->said;
}

int gather_domain_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    struct slice name = cell_text(&row->cells[COLUMN_DOMAIN]);
    struct accepted *domain = &g->domains[g->n_domains];
    bool wildcard = slice_starts_with(name, SLICE("*."));
    size_t n;

    (void)kind, (void)file;
    if (g->n_domains == GATHER_DOMAINS_MAX)
        return error_set(e, "%s: %s: more than %d accepted domains", row->path, place_words(row->place).text,
                         GATHER_DOMAINS_MAX);
    *domain = (struct accepted){.match_subdomains = false};
    if (wildcard) /* "*." on premises: the domain and its subdomains */
        name = (struct slice){name.p + 2, name.n - 2};
    if (!domain_canonical(name, domain->name, sizeof domain->name, &n))
        return row_error(row, COLUMN_DOMAIN, "a domain", e);
    if (read_domain_type(row, &domain->type, e) != 0)
        return -1;
    if (cell_bool(&row->cells[COLUMN_MATCH_SUBDOMAINS], &domain->match_subdomains) < 0)
        return row_error(row, COLUMN_MATCH_SUBDOMAINS, "True or False", e);
    domain->match_subdomains = domain->match_subdomains || wildcard;
    if (read_closed(row, domain, e) != 0)
        return -1;
    for (size_t i = 0; i < g->n_domains; i++)
        if (strcmp(g->domains[i].name, domain->name) == 0)
            return same_domain(&g->domains[i], domain)
                       ? 0
                       : row_error(row, COLUMN_DOMAIN, "each domain once, and here it says something else", e);
    g->n_domains++;
    return 0;
}

int gather_permission_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    const struct cell *rights = &row->cells[COLUMN_ACCESS_RIGHTS];
    struct slice access = cell_text(&row->cells[COLUMN_ACCESS_TYPE]);
    struct slice trustee = cell_text(&row->cells[COLUMN_TRUSTEE]);
    struct slice target = cell_text(&row->cells[COLUMN_IDENTITY]);
    bool deny = slice_ieq(access, SLICE("Deny")) || slice_eq(access, SLICE("1"));
    bool send_as = cell_is_type_name(rights); /* the cmdlet has no other right than SendAs */
    struct items items = cell_items(rights, ITEMS_WORDS);
    struct slice item;

    (void)kind;
    if (!deny && !slice_ieq(access, SLICE("Allow")) && !slice_eq(access, SLICE("0")))
        return row_error(row, COLUMN_ACCESS_TYPE, "Allow or Deny", e);
    if (target.n == 0)
        return row_error(row, COLUMN_IDENTITY, "the name of a recipient", e);
    while (items_next(&items, &item))
        send_as = send_as || slice_ieq(item, SLICE("SendAs"));
    /* A denial that is not understood may deny SendAs, to anybody. */
    if (slice_ieq(trustee, SLICE("NT AUTHORITY\\SELF")) || (!deny && (!send_as || trustee.n == 0)))
        return 0;
    return rights_add(g->rights, trustee, target, RIGHT_SEND_AS, deny, (struct right_place){file, row->place}, e);
}

int gather_restricted_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    struct address address;

    (void)kind, (void)file;
    if (g->n_restricted == GATHER_RESTRICTED_MAX)
        return error_set(e, "%s: %s: more than %d restricted senders", row->path, place_words(row->place).text,
                         GATHER_RESTRICTED_MAX);
    if (address_parse_internal(cell_text(&row->cells[COLUMN_SENDER]), &address) != ADDRESS_OK)
        return row_error(row, COLUMN_SENDER, "a mail address", e);
    if (g->restricted == NULL && (g->restricted = calloc(GATHER_RESTRICTED_MAX, sizeof *g->restricted)) == NULL)
        return error_set(e, "no memory for restricted senders");
    g->restricted[g->n_restricted++] = address;
    return 0;
}

static int compare_slices(struct slice a, struct slice b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_address(const void *a, const void *b)
{
    return compare_slices(address_slice(a), address_slice(b));
}

void gather_sort_restricted(struct gathered *g)
{
    if (g->n_restricted > 0)
        qsort(g->restricted, g->n_restricted, sizeof *g->restricted, by_address);
}

bool gather_restricts(const struct gathered *g, struct slice address)
{
    size_t low = 0, high = g->n_restricted;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_slices(address_slice(&g->restricted[middle]), address);

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
