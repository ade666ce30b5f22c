#include "mirror/show.h"

#include "core/base/guid.h"
#include "core/directory/directory_record.h"
#include "core/directory/mailbox_name.h"
#include "mirror/import_private.h"
#include "mirror/words.h"

#include <time.h>

static const char *const tri_names[] = {[TRI_UNKNOWN] = "unknown", [TRI_NO] = "no", [TRI_YES] = "yes"};
static void show_part(FILE *out, enum mirrored_part part, const struct mirrored *mirrored)
{
    char text[40] = "not mirrored";
    time_t t = (time_t)mirrored->at;
    struct tm tm;

    if (mirrored->at > 0 && gmtime_r(&t, &tm) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    fprintf(out, "  %-30s %s%s%s\n", mirrored_title(part), text, mirrored->at > 0 ? ", from " : "", mirrored->source);
}

static void show_tenant(FILE *out, const struct tenant_facts *facts)
{
    fprintf(out, "%s\n", words(slice_of(facts->name)).text);
    fprintf(out, "  mailboxes                      %llu\n", (unsigned long long)facts->mailboxes);
    fprintf(out, "  organization SMTP AUTH         %s\n", smtp_auth_name(facts->smtp_auth));
    fprintf(out, "  security defaults              %s\n", tri_names[facts->security_defaults]);
    fprintf(out, "  passwords by default policy    %s\n",
            facts->default_basic_smtp == TRI_UNKNOWN ? "no policy" : tri_names[facts->default_basic_smtp]);
    fprintf(out, "  outbound limits                external %u/h, internal %u/h, %u/d (0: the service's own)\n",
            facts->external_per_hour, facts->internal_per_hour, facts->recipients_per_day);
    fprintf(out, "  organization                   %s\n",
            facts->organization[0] != '\0' ? words(slice_of(facts->organization)).text : "unknown");
    /* The mirror has escaped the source already. */
    fprintf(out, "  source                         %s\n", facts->source);
    for (size_t i = 0; i < MIRRORED_PARTS; i++)
        show_part(out, (enum mirrored_part)i, &facts->parts[i]);
}

static void show_text(FILE *out, const char *what, struct slice text)
{
    if (text.n > 0)
        fprintf(out, "  %-30s %s\n", what, words(text).text);
}

static void show_mailbox(FILE *out, const struct tenant_facts *facts, const struct mailbox_record *record)
{
    struct slice proxies = record->proxies, proxy;
    char id[GUID_TEXT_MAX];

    fprintf(out, "%s in %s\n", words(record->primary).text, words(slice_of(facts->name)).text);
    fprintf(out, "  SMTP AUTH                      %s", smtp_auth_name(record->smtp_auth));
    if (record->smtp_auth == SMTP_AUTH_INHERIT)
        fprintf(out, ", from the organization: %s", smtp_auth_name(facts->smtp_auth));
    fprintf(out, "\n  authentication policy          ");
    if (record->auth_policy.n > 0)
        fprintf(out, "%s, allows passwords: %s\n", words(record->auth_policy).text, tri_names[record->basic_smtp]);
    else
        fprintf(out, "none of its own\n");
    fprintf(out, "  sign-in of the account         %s\n",
            record->sign_in == TRI_UNKNOWN ? "unknown"
            : record->sign_in == TRI_NO    ? "disabled"
                                           : "enabled");
    if ((record->knows & MAILBOX_RESTRICTED) != 0)
        fprintf(out, "  restricted                     yes, by Exchange Online: it may send nothing\n");
    fprintf(out, "  type                           %s\n", recipient_type_name(record->recipient_type));
    show_text(out, "user principal name", record->upn);
    show_text(out, "alias", record->alias);
    show_text(out, "account", record->account);
    show_text(out, "display name", record->name);
    while (packed_next(&proxies, &proxy))
        show_text(out, "address", proxy);
    guid_write(record->id.b, id);
    fprintf(out, "  id                             %s\n", id);
}

/* A group, mail user or account for High Volume Email. */
static void show_recipient(FILE *out, const struct tenant_facts *facts, const struct mailbox_record *record)
{
    struct slice proxies = record->proxies, proxy;
    char id[GUID_TEXT_MAX];

    fprintf(out, "%s in %s\n", words(record->primary).text, words(slice_of(facts->name)).text);
    fprintf(out, "  SMTP AUTH                      %s\n",
            record->recipient_type == RECIPIENT_HIGH_VOLUME
                ? "at smtp.hve.mx.microsoft, whatever the organization's setting; here by smtp_auth.allow_file alone"
                : "none: nobody signs in as it, but one may have the right to send as it");
    fprintf(out, "  type                           %s\n", recipient_type_name(record->recipient_type));
    show_text(out, "name", record->alias);
    show_text(out, "display name", record->name);
    while (packed_next(&proxies, &proxy))
        show_text(out, "address", proxy);
    guid_write(record->id.b, id);
    fprintf(out, "  id                             %s\n", id);
}

/* A group, mail user or account for High Volume Email, by its address: the first of each tenant. Returns how many. */
static int show_recipients(FILE *out, const struct directory_view *view, uint32_t tenant, struct slice name)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct mailbox_record record;
    struct address address;
    unsigned n = 0;
    int shown = 0;

    if (address_parse_internal(name, &address) != ADDRESS_OK)
        return 0;
    for (uint32_t i = 0; i < directory_tenants(view); i++) {
        const struct tenant_facts *facts = directory_tenant(view, i);

        if (facts == NULL || (tenant != EVERY_TENANT && tenant != i) ||
            directory_recipients(view, i, address_slice(&address), refs, &n) != DIRECTORY_FOUND ||
            directory_recipient(view, i, &refs[0].id, &record) != DIRECTORY_FOUND)
            continue;
        show_recipient(out, facts, &record);
        shown++;
    }
    return shown;
}

static int damaged(struct error *e)
{
    return error_set(e, "the directory is damaged there; run \"postern-mirror verify\"");
}

/* All that claim a login's name; of a display name or a Guid the one. */
static int show_named(FILE *out, const struct directory_view *view, uint32_t tenant, struct slice name, struct error *e)
{
    struct mailbox_found found = {.n = 0};
    struct mailbox_record record;
    enum directory_result result = mailbox_named(view, tenant, name, &found);
    char text[1024];
    struct buf b = BUF_OVER(text);

    if (result == DIRECTORY_NOT_FOUND && show_recipients(out, view, tenant, name) > 0)
        return 0;
    if (result == DIRECTORY_NOT_FOUND)
        return error_set(e, "there is no such mailbox in the directory");
    if (result == DIRECTORY_DAMAGED)
        return damaged(e);
    if (found.n > 1 && found.name != MAILBOX_NAME_LOGIN) {
        mailbox_found_add(&b, &found);
        return error_set(e, "it is %.600s: which one? Give an address", text);
    }
    for (uint64_t i = 0; i < found.n && i < MAILBOX_FOUND_MAX; i++) {
        if (directory_mailbox(view, found.first[i].tenant, &found.first[i].id, &record) != DIRECTORY_FOUND)
            return damaged(e);
        show_mailbox(out, directory_tenant(view, found.first[i].tenant), &record);
    }
    return 0;
}

static int show_view(const struct directory_view *view, const char *tenant, const char *mailbox, FILE *out,
                     struct error *e)
{
    const struct tenant_facts *one = tenant != NULL ? directory_tenant_named(view, slice_of(tenant)) : NULL;
    int tenants = 0;

    for (uint32_t i = 0; i < directory_tenants(view); i++) {
        const struct tenant_facts *facts = directory_tenant(view, i);

        if (facts == NULL || (tenant != NULL && facts != one))
            continue;
        tenants++;
        if (mailbox == NULL)
            show_tenant(out, facts);
    }
    if (tenants == 0)
        return error_set(e,
                         tenant != NULL ? "there is no such tenant in the directory" : "the directory has no tenant");
    return mailbox == NULL ? 0 : show_named(out, view, one != NULL ? one->tenant : EVERY_TENANT, slice_of(mailbox), e);
}

int show_directory(const char *folder, const char *tenant, const char *mailbox, FILE *out, struct error *e)
{
    struct directory *directory;
    struct directory_view *view = NULL;
    int result = -1;

    if (directory_open(folder, &directory, e) != 0)
        return -1;
    if (directory_refresh(directory, e) < 0)
        goto out;
    view = directory_view_get(directory);
    if (view == NULL) {
        error_set(e, "%s: holds no directory yet; \"postern-mirror import\" makes one", words(slice_of(folder)).text);
        goto out;
    }
    fprintf(out, "generation %llu\n", (unsigned long long)directory_view_generation(view));
    result = show_view(view, tenant, mailbox, out, e);
    directory_view_put(directory, view);
out:
    directory_close(directory);
    return result;
}
