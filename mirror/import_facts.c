#include "mirror/import_private.h"

const char *import_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The origin of the settings: the names of the files, as many as fit. */
static void set_source(struct import *im)
{
    struct tenant_facts *after = &im->after;
    bool list = gather_has(im->g, KIND_LIST);
    struct buf b = BUF_OVER(after->source);

    if (im->options->source != NULL) {
        buf_addf(&b, "%s", im->options->source);
        return;
    }
    buf_addf(&b, "%s", list ? SOURCE_LIST : "files ");
    for (size_t i = 0; i < im->options->n_files; i++) {
        struct quote name = words(slice_of(import_base_name(im->options->files[i])));

        if (b.n + strlen(name.text) + 8 > b.cap) {
            buf_addf(&b, ", ...");
            return;
        }
        buf_addf(&b, "%s%s", i == 0 ? "" : ", ", name.text);
    }
}

const char *import_source_of_kind(const struct import *im, enum kind kind)
{
    if (im->options->source != NULL)
        return im->options->source;
    for (size_t i = im->options->n_files; i > 0; i--)
        if (im->sources[i - 1].kind == kind)
            return import_base_name(im->paths[i - 1]);
    return "";
}

static bool is_list(const struct tenant_facts *facts)
{
    return slice_starts_with(slice_of(facts->source), SLICE(SOURCE_LIST));
}

/* A tenant kept by lists of addresses must not switch to exports by accident, nor the other way round. */
static int check_way(struct import *im, struct error *e)
{
    const struct tenant_facts *before = im->before;
    bool list = gather_has(im->g, KIND_LIST);
    bool exports = gather_has(im->g, KIND_CAS_MAILBOX) || gather_has(im->g, KIND_MAILBOX) ||
                   gather_has(im->g, KIND_TRANSPORT_CONFIG);

    if (before == NULL || before->mailboxes == 0)
        return 0;
    if (list && !is_list(before))
        return import_refuse(
            im, e,
            "the tenant %s was made from exports (%s), and a list of those allowed would replace all its "
            "mailboxes; --force does it",
            before->name, before->source);
    if (exports && is_list(before))
        return import_refuse(
            im, e,
            "the tenant %s was made from a list of those allowed (%s), and an export would replace it; "
            "--force does it",
            before->name, before->source);
    return 0;
}

int import_check_organization(struct import *im, struct error *e)
{
    const char *stored = im->before != NULL ? im->before->organization : "";
    const char *found = im->g->organization;

    if (stored[0] == '\0' || found[0] == '\0' || strcmp(stored, found) == 0)
        return 0;
    return import_refuse(
        im, e,
        "these files come from another organization: the tenant %s is %s, the files are of %s; --force "
        "takes them all the same",
        im->before->name, stored, found);
}

static int set_default_policy(struct import *im, struct error *e)
{
    struct slice name = slice_of(im->g->default_policy);
    const struct policy *policy = gather_policy(im->g, name);

    if (!gather_has(im->g, KIND_ORGANIZATION_CONFIG))
        return 0;
    im->after.default_basic_smtp = TRI_UNKNOWN;
    if (name.n == 0)
        return 0;
    if (policy == NULL)
        return error_set(e,
                         "nothing is known of the default authentication policy \"%s\"; give the export of "
                         "Get-AuthenticationPolicy in the same run",
                         words(name).text);
    im->after.default_basic_smtp = policy->basic_smtp ? TRI_YES : TRI_NO;
    return 0;
}

static void set_limits(struct import *im)
{
    if (!im->g->limits)
        return;
    im->after.external_per_hour = im->g->external_per_hour;
    im->after.internal_per_hour = im->g->internal_per_hour;
    im->after.recipients_per_day = im->g->recipients_per_day;
}

/*
 * Refuses an empty export of a kind that is never empty. The service may answer without rows of what it doesn't let the
 * application see; what sync needs of it, it must have.
 */
static int check_empty(struct import *im, struct error *e)
{
    static const bool needed[KINDS] = {[KIND_TRANSPORT_CONFIG] = true,
                                       [KIND_SECURITY_DEFAULTS] = true,
                                       [KIND_ORGANIZATION_CONFIG] = true,
                                       [KIND_ACCEPTED_DOMAIN] = true,
                                       [KIND_CAS_MAILBOX] = true,
                                       [KIND_MAILBOX] = true,
                                       [KIND_LIST] = true};

    for (enum kind kind = 0; kind < KINDS; kind++) {
        bool may_be = kind_may_be_empty(kind) || (im->options->feed != NULL && !needed[kind]);

        if (!may_be && gather_has(im->g, kind) && im->g->rows[kind] == 0 &&
            import_refuse(im, e, "the file of kind %s is empty, as no tenant's is; --force takes it all the same",
                          kind_name(kind)) != 0)
            return -1;
    }
    return 0;
}

/* Parts in this run get its time and source; the others keep theirs. */
static void set_parts(struct import *im)
{
    static const struct {
        enum kind kind;
        enum mirrored_part part;
    } brings[] = {
        {KIND_TRANSPORT_CONFIG, PART_ORGANIZATION},
        {KIND_CAS_MAILBOX, PART_SETTINGS},
        {KIND_LIST, PART_SETTINGS},
        {KIND_SECURITY_DEFAULTS, PART_SECURITY_DEFAULTS},
        {KIND_ORGANIZATION_CONFIG, PART_DEFAULT_POLICY},
        {KIND_AUTHENTICATION_POLICY, PART_POLICIES},
        {KIND_USER, PART_USERS},
        {KIND_BLOCKED_SENDER, PART_RESTRICTED},
        {KIND_MAILBOX, PART_DETAILS},
        {KIND_ACCEPTED_DOMAIN, PART_DOMAINS},
        {KIND_OUTBOUND_POLICY, PART_OUTBOUND},
        {KIND_RECIPIENT_PERMISSION, PART_RIGHTS},
        {KIND_RECIPIENT, PART_RECIPIENTS},
    };

    for (size_t i = 0; i < sizeof brings / sizeof brings[0]; i++) {
        struct mirrored *part = &im->after.parts[brings[i].part];
        struct buf source;

        if (!gather_has(im->g, brings[i].kind) || im->g->some_only)
            continue;
        part->at = im->options->now;
        source = BUF_OVER(part->source);
        buf_addf(&source, "%s", import_source_of_kind(im, brings[i].kind));
    }
    if (im->g->says_accounts != KINDS) {
        struct mirrored *part = &im->after.parts[PART_ACCOUNTS];
        struct buf source = BUF_OVER(part->source);

        part->at = im->options->now;
        buf_addf(&source, "%s", import_source_of_kind(im, im->g->says_accounts));
    }
}

int import_tenant_facts(struct import *im, struct error *e)
{
    struct buf name = BUF_OVER(im->after.name);
    struct buf organization = BUF_OVER(im->after.organization);

    if (check_empty(im, e) != 0 || check_way(im, e) != 0 || import_check_organization(im, e) != 0)
        return -1;
    if (im->before != NULL)
        im->after = *im->before;
    else
        buf_addf(&name, "%s", im->options->tenant);
    if (im->g->organization[0] != '\0')
        buf_addf(&organization, "%s", im->g->organization);
    if (im->g->smtp_auth != SMTP_AUTH_UNKNOWN)
        im->after.smtp_auth = im->g->smtp_auth;
    if (gather_has(im->g, KIND_LIST))
        im->after.smtp_auth = SMTP_AUTH_DISABLED;
    if (im->g->security_defaults != TRI_UNKNOWN)
        im->after.security_defaults = im->g->security_defaults;
    set_limits(im);
    set_parts(im);
    if (!im->g->some_only && (gather_has(im->g, KIND_CAS_MAILBOX) || gather_has(im->g, KIND_LIST))) {
        set_source(im);
        im->after.settings_at = im->options->now;
    } else if (im->after.source[0] == '\0') {
        set_source(im);
    }
    return set_default_policy(im, e);
}
