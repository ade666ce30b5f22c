/* links: mirror */
/* What "postern-mirror import" understands, and what it says no to. */
#include "import_fixture.h"

#include "core/mail/address.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CAS_HEADER "Guid,PrimarySmtpAddress,SamAccountName,SmtpClientAuthenticationDisabled,EmailAddresses\r\n"
#define GUID_A "51f0a001-3c5e-4b7a-9d21-0a1b2c3d4e01"
#define GUID_B "51f0a002-3c5e-4b7a-9d21-0a1b2c3d4e02"
#define GUID_C "51f0a003-3c5e-4b7a-9d21-0a1b2c3d4e03"
#define CAS_A GUID_A ",anna@contoso.example,$A1,,SMTP:anna@contoso.example smtp:a.berg@contoso.example\r\n"
#define CAS_B GUID_B ",Scan@Contoso.example,$A2,False,SMTP:scan@contoso.example\r\n"
#define CAS_C GUID_C ",room@contoso.example,$A3,True,SMTP:room@contoso.example\r\n"
#define CAS CAS_HEADER CAS_A CAS_B CAS_C

#define CONTEXT(guid)                                                                                                  \
    "\"@odata.context\":\"https://outlook.office365.com/adminapi/beta/" guid "/$metadata#Collection(x)\","
#define TENANT_GUID "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"

static void assert_abc(struct fixture *f)
{
    assert_setting(f, "anna@contoso.example", SMTP_AUTH_INHERIT);
    assert_setting(f, "a.berg@contoso.example", SMTP_AUTH_INHERIT);
    assert_setting(f, "scan@contoso.example", SMTP_AUTH_ENABLED);
    assert_setting(f, "room@contoso.example", SMTP_AUTH_DISABLED);
    assert_setting(f, "$a3", SMTP_AUTH_DISABLED);
}

static void a_csv_export_brings_in_all_three_settings(void **state)
{
    struct fixture *f = *state;
    struct mailbox_ref ref;

    give(f, "cas.csv", CAS);
    run_ok(f);
    assert_abc(f);
    assert_says(f->out, "contoso: 3 mailboxes (1 enabled, 1 disabled, 1 inherit, 0 unknown), 0 changed, 3 added, 0 "
                        "removed, generation 1\n");
    assert_says(f->out, "import Get-TransportConfig too");
    assert_true(find(f, "anna@contoso.example", &ref));
    assert_memory_equal(ref.id.b, "\x51\xf0\xa0\x01\x3c\x5e\x4b\x7a\x9d\x21\x0a\x1b\x2c\x3d\x4e\x01", 16);
    assert_int_equal(facts(f).settings_at, 1790000000);
}

/* ---- the same three mailboxes in every form that an administrator may bring ---- */

static const char *const same[] = {
    "#TYPE Selected.Deserialized.Microsoft.Exchange.Data.Directory.Management.CASMailbox\r\n" CAS,
    "\357\273\277" CAS,
    "\"smtpclientauthenticationdisabled\";\"PRIMARYSMTPADDRESS\";\"emailaddresses\";\"samaccountname\";"
    "\"DisplayName\"\n"
    "\"\";\"anna@contoso.example\";\"SMTP:anna@contoso.example;smtp:a.berg@contoso.example\";\"$A1\";\"Berg, "
    "Anna\n(IT)\"\n"
    "\"FALSE\";\"scan@contoso.example\";\"SMTP:scan@contoso.example\";\"$A2\";\"the \"\"scanner\"\"\"\n"
    "\"true\";\"room@contoso.example\";\"SMTP:room@contoso.example\";\"$A3\";\"\"\n",
    "PrimarySmtpAddress\tSamAccountName\tEmailAddresses\tSmtpClientAuthenticationDisabled\n"
    "anna@contoso.example\t$A1\tX500:/o=Contoso/ou=Exchange Administrative Group (X)/cn=x@y.z "
    "SMTP:anna@contoso.example "
    "smtp:a.berg@contoso.example SIP:anna@contoso.example\t\n"
    "scan@contoso.example\t$A2\tscan@contoso.example,s@contoso.example\tFalse\n"
    "room@contoso.example\t$A3\tSystem.Collections.ArrayList\tTrue\n",
    "[{\"Guid\":\"" GUID_A "\",\"SamAccountName\":\"$A1\",\"SmtpClientAuthenticationDisabled\":null,"
    "\"PrimarySmtpAddress\":\"anna@contoso.example\",\"EmailAddresses\":[\"SMTP:anna@contoso.example\","
    "\"smtp:a.berg@contoso.example\",\"SIP:anna@contoso.example\",\"X500:/o=x y/cn=z\"]},"
    "{\"SamAccountName\":\"$A2\",\"SmtpClientAuthenticationDisabled\":false,"
    "\"PrimarySmtpAddress\":\"scan@contoso.example\",\"EmailAddresses\":\"SMTP:scan@contoso.example\"},"
    "{\"Guid\":{\"value\":\"" GUID_C "\",\"Guid\":\"" GUID_C "\"},\"SmtpClientAuthenticationDisabled\":\"True\","
    "\"SamAccountName\":\"$A3\",\"WhenChanged\":\"/Date(1777880361000)/\",\"PrimarySmtpAddress\":null,"
    "\"EmailAddresses\":{\"value\":[\"smtp:r@contoso.example\",\"SMTP:room@contoso.example\"],\"Count\":2}}]",
    "{" CONTEXT(TENANT_GUID) "\"adminapi.warnings@odata.type\":\"#Collection(String)\",\"@adminapi.warnings\":[],"
                             "\"value\":[{\"EmailAddresses@odata.type\":\"#Collection(String)\",\"EmailAddresses\":["
                             "\"SMTP:anna@contoso.example\","
                             "\"smtp:a.berg@contoso.example\"],\"SamAccountName\":\"$A1\",\"Guid@odata.type\":\"#"
                             "Guid\",\"Guid\":\"" GUID_A "\","
                             "\"PrimarySmtpAddress\":\"anna@contoso.example\",\"SmtpClientAuthenticationDisabled\":"
                             "null,\"OWAEnabled\":true},"
                             "{\"SamAccountName\":\"$A2\",\"Guid\":\"" GUID_B
                             "\",\"PrimarySmtpAddress\":\"scan@contoso.example\","
                             "\"SmtpClientAuthenticationDisabled\":false},"
                             "{\"SamAccountName\":\"$A3\",\"Guid\":\"" GUID_C
                             "\",\"PrimarySmtpAddress\":\"room@contoso.example\","
                             "\"SmtpClientAuthenticationDisabled\":true}]}",
};

static void every_form_of_the_same_export_says_the_same(void **state)
{
    struct fixture *f = *state;
    const struct import_options force = {.kind = KINDS, .force = true, .max_change = 10};

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        give(f, "cas", same[i]);
        if (run(f, &force) != IMPORT_DONE)
            fail_msg("form %zu: %s", i, f->e.text);
        assert_abc(f);
    }
    assert_string_equal(facts(f).organization, TENANT_GUID);
}

static void windows_powershell_writes_utf_16(void **state)
{
    struct fixture *f = *state;
    char bytes[2 * sizeof CAS + 2];
    size_t n = 0;

    bytes[n++] = '\xff';
    bytes[n++] = '\xfe';
    for (const char *p = CAS; *p != '\0'; p++) {
        bytes[n++] = *p;
        bytes[n++] = '\0';
    }
    give_bytes(f, "cas.csv", (struct slice){bytes, n});
    run_ok(f);
    assert_abc(f);
}

static void a_type_name_in_place_of_a_list_is_explained_once_and_forgets_nothing(void **state)
{
    struct fixture *f = *state;
    const char *first;

    give(f, "cas.csv", CAS);
    run_ok(f);
    give(f, "cas.csv",
         CAS_HEADER GUID_A ",anna@contoso.example,$A1,,Microsoft.Exchange.Data.ProxyAddressCollection\n" GUID_B
                           ",scan@contoso.example,$A2,False,System.String[]\n" CAS_C);
    run_ok(f);
    assert_abc(f);
    first = strstr(f->out, "warning: EmailAddresses holds only a type's name");
    assert_non_null(first);
    assert_says(first, "-join");
    assert_null(strstr(first + 1, "warning: EmailAddresses"));
    assert_says(f->out, "0 changed, 0 added, 0 removed, generation 1 confirmed");
}

/* ---- what is refused, and with which words; the directory stays as it was ---- */

static const struct {
    const char *text;
    const char *error;
} refused[] = {
    {CAS_HEADER GUID_A ",anna@contoso.example,$A1,Wahr,x\n",
     "line 2: SmtpClientAuthenticationDisabled is \"Wahr\"; expected True, False or nothing"},
    {CAS_HEADER GUID_A ",anna@contoso.example,$A1,Inherits tenant,x\n", "is \"Inherits tenant\"; expected True, False"},
    {CAS_HEADER "nonsense,anna@contoso.example,$A1,,x\n", "line 2: Guid is \"nonsense\"; expected a GUID"},
    {CAS_HEADER GUID_A ",anna,$A1,,x\n", "PrimarySmtpAddress is \"anna\"; expected a mail address"},
    {CAS_HEADER GUID_A ",,$A1,,x\n", "PrimarySmtpAddress is empty; expected a mail address"},
    {CAS_HEADER GUID_A ",\033[2J@contoso.example,$A1,,x\n", "\"\\x1b[2J@contoso.example\""},
    {CAS_HEADER CAS_A GUID_A ",other@contoso.example,$A1,,x\n",
     "line 3: the Guid of the mailbox \"other@contoso.example\" stood already in"},
    {CAS_HEADER CAS_A GUID_B ",ANNA@contoso.example,$A1,,x\n",
     "line 3: the address \"anna@contoso.example\" stood already in"},
    {CAS_HEADER CAS_A "1,2\n", "line 3: 2 columns, but the header has 5"},
    {CAS_HEADER CAS_A GUID_B ",scan@con", "line 3: the file ends in the middle of a row"},
    {CAS_HEADER CAS_A GUID_B ",scan@contoso.example,$A2,Fal", "the file ends in the middle of a row, in column 4 of 5"},
    {"PrimarySmtpAddress,OWAEnabled,ImapEnabled\nanna@contoso.example,True,True\n",
     "looks like Get-CASMailbox, but has no SmtpClientAuthenticationDisabled, and absent is not empty: the export "
     "selected too few columns"},
    {"PrimarySmtpAddress\nanna@contoso.example\n", "has no SmtpClientAuthenticationDisabled, and absent is not empty"},
    {"DisplayName,SmtpClientAuthenticationDisabled\nAnna,False\n", "looks like Get-CASMailbox, but has no "
                                                                   "PrimarySmtpAddress"},
    {"Name,MaxRecipientEnvelopeLimit\nTransport Settings,Unlimited\n",
     "looks like Get-TransportConfig, but has no SmtpClientAuthenticationDisabled"},
    {"Name,SmtpClientAuthenticationDisabled\nTransport Settings,\n",
     "SmtpClientAuthenticationDisabled is empty; expected True or False"},
    {"Name,SmtpClientAuthenticationDisabled\nAnna,True\nSean,True\n",
     "neither a mailbox's address nor anything else of Get-TransportConfig"},
    {"Name,SmtpClientAuthenticationDisabled\nTransport Settings,True\nSean,True\n",
     "a tenant has one Get-TransportConfig only"},
    {"SmtpClientAuthenticationDisabled\nTrue\n", "so it may be a mailbox's or the organization's setting"},
    {"[{\"PrimarySmtpAddress\":\"anna@contoso.example\",\"SmtpClientAuthenticationDisabled\":null},"
     "{\"PrimarySmtpAddress\":\"sean@contoso.example\"}]",
     "row 2: SmtpClientAuthenticationDisabled is not there; expected True, False or nothing"},
    {"[{\"PrimarySmtpAddress\":\"anna@contoso.example\",\"SmtpClientAuthenticationDisabled\":0}]",
     "SmtpClientAuthenticationDisabled is \"0\"; expected True, False or nothing"},
    {"[{\"PrimarySmtpAddress\":\"a@contoso.example\",\"SmtpClientAuthenticationDisabled\":true,"
     "\"SmtpClientAuthenticationDisabled\":false}]",
     "line 1: SmtpClientAuthenticationDisabled occurs twice"},
    {"[{\"PrimarySmtpAddress\":\"a@contoso.example\",\"SmtpClientAuthenticationDisabled\":true,"
     "\"SMTPclientAuthenticationDisabled\":false}]",
     "SmtpClientAuthenticationDisabled occurs twice"},
    {"[\n {\"PrimarySmtpAddress\":\"a@contoso.example\",\n  \"SmtpClientAuthenticationDisabled\":True}]",
     "line 3, column 41: damaged JSON: invalid token near 'True'"},
    {"[{\"PrimarySmtpAddress\":\"a@contoso.example\",\"SmtpClientAuthenticationDisabled\":null},\n", "half-written"},
    {"{\"error\":{\"code\":\"NotFound\",\"message\":\"Invalid Operation\",\"details\":[{\"message\":\"Ex1|x|gone\"}]}}",
     "an error that the service answered with, not an export: \"Ex1|x|gone\""},
    {"Name      SmtpClientAuthenticationDisabled\n----      -----\nanna...   True\n",
     "what PowerShell shows on the screen"},
    {"some words\n", "neither JSON, nor CSV with the columns of a cmdlet, nor a list of addresses"},
    {"anna@contoso.example\nwho\n", "line 2: PrimarySmtpAddress is \"who\"; expected a mail address"},
    {"{\"a\":1}", "has none of the columns by which an export is recognized"},
    {"Name,AllowBasicAuthSmtp\nBlock,\n", "AllowBasicAuthSmtp is empty; expected True or False"},
    {"DomainName,DomainType\ncontoso.example,Great\n", "DomainType is \"Great\"; expected Authoritative"},
    {"DomainName,DomainType\n\"conto so\",Authoritative\n", "DomainName is \"conto so\"; expected a domain"},
    {"Identity,Trustee,AccessControlType,AccessRights\ninfo,anna,Perhaps,SendAs\n", "expected Allow or Deny"},
    {"UserPrincipalName,AuthenticationPolicy\nanna@contoso.example,Block\n", "looks like Get-User, but has no Guid"},
    {"Guid,AuthenticationPolicy\n" GUID_A ",Nobody knows\n",
     "nothing is known of the authentication policy \"Nobody knows\"; give the export of Get-AuthenticationPolicy"},
    {"DefaultAuthenticationPolicy,RejectDirectSend\nBlock,False\n",
     "nothing is known of the default authentication policy \"Block\""},
    {"IsDefault,RecipientLimitExternalPerHour,RecipientLimitInternalPerHour,RecipientLimitPerDay\nTrue,1,many,3\n",
     "RecipientLimitInternalPerHour is \"many\"; expected a number"},
};

static void damaged_or_insufficient_files_change_nothing_and_say_where(void **state)
{
    struct fixture *f = *state;

    give(f, "cas.csv", CAS);
    run_ok(f);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        enum import_result result;

        give(f, "bad", refused[i].text);
        result = run(f, NULL);
        if (result != IMPORT_FAILED || strstr(f->e.text, refused[i].error) == NULL)
            fail_msg("row %zu: %d, \"%s\" does not say \"%s\"", i, (int)result, f->e.text, refused[i].error);
        assert_string_equal(f->out, "");
    }
    assert_int_equal(generation(f), 1);
    assert_abc(f);
}

static void a_missing_file_a_folder_and_a_bad_tenant_are_errors(void **state)
{
    struct fixture *f = *state;
    struct import_options options = {.kind = KINDS, .max_change = 10};
    struct buf path = BUF_OVER(f->paths[0]);

    f->n_files = 1;
    buf_addf(&path, "%s/none", f->folder);
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_says(f->e.text, "cannot be opened: No such file");
    f->n_files = 1;
    path = BUF_OVER(f->paths[0]);
    buf_addf(&path, "%s", f->folder);
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_says(f->e.text, "is a directory");
    options.tenant = "../x";
    give(f, "cas.csv", CAS);
    assert_int_equal(run(f, &options), IMPORT_FAILED);
    assert_says(f->e.text, "cannot be a tenant's name");
}

/* ---- pages ---- */

#define PAGE_1                                                                                                         \
    "{" CONTEXT(TENANT_GUID) "\"@adminapi.warnings\":[\"There are more results; increase ResultSize.\"],"              \
                             "\"@odata.nextLink\":\"https://outlook.office365.com/x\",\"value\":[{\"Guid\":\"" GUID_A  \
                             "\",\"PrimarySmtpAddress\":\"anna@contoso.example\","                                     \
                             "\"SmtpClientAuthenticationDisabled\":false}]}"
#define PAGE_2                                                                                                         \
    "{" CONTEXT(TENANT_GUID) "\"@adminapi.warnings\":[],\"value\":[{\"Guid\":\"" GUID_B                                \
                             "\",\"PrimarySmtpAddress\":\"scan@contoso.example\","                                     \
                             "\"SmtpClientAuthenticationDisabled\":null}]}"

static void a_page_with_a_next_link_needs_the_page_that_follows(void **state)
{
    struct fixture *f = *state;

    give(f, "page1.json", PAGE_1);
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_says(f->e.text, "page1.json: is not complete: it has an @odata.nextLink");
    give(f, "page2.json", PAGE_2);
    give(f, "page1.json", PAGE_1);
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_int_equal(generation(f), 0);
    give(f, "page1.json", PAGE_1);
    give(f, "page2.json", PAGE_2);
    run_ok(f);
    assert_setting(f, "anna@contoso.example", SMTP_AUTH_ENABLED);
    assert_setting(f, "scan@contoso.example", SMTP_AUTH_INHERIT);
    give(f, "page1.json", PAGE_1);
    give(f, "page2.json", "{\"value\":[]}");
    run_ok(f);
    assert_says(f->out, "removed scan@contoso.example");
}

static void a_warning_of_more_results_is_heard(void **state)
{
    struct fixture *f = *state;

    give(f, "cas.json",
         "{\"@adminapi.warnings\":[\"To view them, increase the value for the ResultSize parameter.\"],\"value\":["
         "{\"PrimarySmtpAddress\":\"a@contoso.example\",\"SmtpClientAuthenticationDisabled\":null}]}");
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_says(f->e.text, "-ResultSize Unlimited");
}

/* Writes the file that was given last as if it was exported so long before the run. */
static void written_before(const struct fixture *f, int64_t seconds)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1790000000 - seconds}};

    assert_int_equal(utimensat(AT_FDCWD, f->paths[f->n_files - 1], times, 0), 0);
}

static void exports_that_are_older_than_settings_may_be_are_said(void **state)
{
    struct fixture *f = *state;

    give(f, "cas.csv", CAS);
    written_before(f, 2 * 86400 - 1);
    run_ok(f);
    assert_null(strstr(f->out, "was written on"));
    give(f, "cas.csv", CAS);
    written_before(f, 2 * 86400);
    run_ok(f);
    assert_says(f->out,
                "cas.csv: was written on 2026-09-19, and what it says counts as of today: is it still exported?");
}

/* A list is written by hand, when somebody is to be allowed. */
static void a_list_may_be_old(void **state)
{
    struct fixture *f = *state;

    give(f, "allowed.txt", "anna@contoso.example\n");
    written_before(f, 365 * 86400);
    run_ok(f);
    assert_null(strstr(f->out, "was written on"));
}

/* ---- the other cmdlets ---- */

#define MAILBOX                                                                                                        \
    "[{\"UserPrincipalName\":\"anna.berg@contoso.example\",\"Alias\":\"aberg\",\"DisplayName\":\"Anna Berg\","         \
    "\"PrimarySmtpAddress\":\"anna@contoso.example\",\"EmailAddresses\":[\"SMTP:anna@contoso.example\","               \
    "\"smtp:berg@contoso.example\"],\"RecipientTypeDetails\":\"UserMailbox\",\"Guid\":\"" GUID_A "\","                 \
    "\"ExchangeGuid\":\"99999999-3c5e-4b7a-9d21-0a1b2c3d4f01\",\"Identity\":\"Berg Anna\",\"Name\":\"Berg Anna\","     \
    "\"ExternalDirectoryObjectId\":\"9be40001-81d4-4c02-b6e7-77aa55cc3301\",\"GrantSendOnBehalfTo\":[]},"              \
    "{\"UserPrincipalName\":\"scan@contoso.example\",\"Alias\":\"scan\",\"PrimarySmtpAddress\":"                       \
    "\"scan@contoso.example\",\"RecipientTypeDetails\":\"SharedMailbox\",\"Guid\":\"" GUID_B "\","                     \
    "\"Identity\":\"9be40002-81d4-4c02-b6e7-77aa55cc3302\",\"Name\":\"9be40002-81d4-4c02-b6e7-77aa55cc3302\","         \
    "\"GrantSendOnBehalfTo\":[\"Berg Anna\"]},"                                                                        \
    "{\"UserPrincipalName\":\"room@contoso.example\",\"Alias\":\"room\",\"PrimarySmtpAddress\":"                       \
    "\"room@contoso.example\",\"RecipientTypeDetails\":\"RoomMailbox\",\"Guid\":\"" GUID_C "\","                       \
    "\"Identity\":\"room\",\"Name\":\"room\",\"GrantSendOnBehalfTo\":null}]"

static void settings_and_details_of_a_mailbox_are_joined_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct mailbox_ref ref;

    give(f, "mailbox.json", MAILBOX);
    run_ok(f);
    assert_setting(f, "anna.berg@contoso.example", SMTP_AUTH_UNKNOWN);
    assert_int_equal(facts(f).settings_at, 0);
    give(f, "cas.csv", CAS);
    run_ok(f);
    assert_abc(f);
    assert_setting(f, "anna.berg@contoso.example", SMTP_AUTH_INHERIT);
    assert_setting(f, "aberg", SMTP_AUTH_INHERIT);
    give(f, "mailbox.json", MAILBOX);
    run_ok(f);
    assert_true(find(f, "scan", &ref));
    assert_int_equal(ref.recipient_type, RECIPIENT_SHARED);
    assert_int_equal(ref.smtp_auth, SMTP_AUTH_ENABLED);
    /* Without EmailAddresses in the row, the stored ones stay; with it, it counts. */
    assert_setting(f, "berg@contoso.example", SMTP_AUTH_INHERIT);
    assert_false(find(f, "a.berg@contoso.example", &ref));
}

static void rows_without_a_guid_are_joined_by_their_primary_address(void **state)
{
    struct fixture *f = *state;
    struct mailbox_ref before, after;

    give(f, "cas.csv",
         "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\nanna@contoso.example,False\n"
         "scan@contoso.example,\nroom@contoso.example,True\n");
    give(f, "mailbox.json", MAILBOX);
    run_ok(f);
    assert_setting(f, "anna.berg@contoso.example", SMTP_AUTH_ENABLED);
    assert_true(find(f, "aberg", &before));
    assert_memory_equal(before.id.b, "\x51\xf0\xa0\x01", 4);
    give(f, "cas.csv",
         "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\nanna@contoso.example,False\n"
         "scan@contoso.example,\nroom@contoso.example,True\n");
    run_ok(f);
    assert_true(find(f, "aberg", &after));
    assert_memory_equal(&before.id, &after.id, sizeof before.id);
}

static void a_mailbox_whose_guid_becomes_known_is_the_same_mailbox(void **state)
{
    struct fixture *f = *state;

    give(f, "cas.csv",
         "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\nanna@contoso.example,True\n"
         "scan@contoso.example,False\nroom@contoso.example,True\n");
    run_ok(f);
    give(f, "mailbox.json", MAILBOX);
    run_ok(f);
    assert_setting(f, "anna.berg@contoso.example", SMTP_AUTH_DISABLED);
    assert_says(f->out, "contoso: 3 mailboxes, 3 changed, 0 added, 0 removed, generation 2");
    give(f, "cas.csv", CAS);
    run_ok(f);
    assert_says(f->out, "anna@contoso.example: SMTP AUTH disabled → inherit\n");
    assert_says(f->out, "contoso: 3 mailboxes, 3 changed, 0 added, 0 removed, generation 3");
    assert_abc(f);
}

static void the_tenants_own_settings_are_brought_in(void **state)
{
    struct fixture *f = *state;
    struct tenant_facts t;
    struct opened o;
    struct domain_fact d;

    give(f, "transport.json", "{\"Name\":\"Transport Settings\",\"SmtpClientAuthenticationDisabled\":true}");
    give(f, "defaults.json",
         "{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#policies/x/$entity\","
         "\"id\":\"00000000-0000-0000-0000-000000000005\",\"isEnabled\":true}");
    give(f, "outbound.json",
         "[{\"IsDefault\":false,\"RecipientLimitExternalPerHour\":9,"
         "\"RecipientLimitInternalPerHour\":9,\"RecipientLimitPerDay\":9},"
         "{\"IsDefault\":true,\"RecipientLimitExternalPerHour\":400,"
         "\"RecipientLimitInternalPerHour\":\"800\",\"RecipientLimitPerDay\":900}]");
    give(f, "domains.csv",
         "DomainName,DomainType,MatchSubDomains\nContoso.example,Authoritative,False\n"
         "plant.contoso.example,InternalRelay,True\n");
    give(f, "policy.csv", "Name,AllowBasicAuthSmtp\nBlock Basic,False\nDevices,True\n");
    give(f, "org.json", "{\"DefaultAuthenticationPolicy\":\"CN=block basic,CN=Auth Policies,CN=x\"}");
    run_ok(f);
    t = facts(f);
    assert_int_equal(t.smtp_auth, SMTP_AUTH_DISABLED);
    assert_int_equal(t.security_defaults, TRI_YES);
    assert_int_equal(t.default_basic_smtp, TRI_NO);
    assert_int_equal(t.external_per_hour, 400);
    assert_int_equal(t.internal_per_hour, 800);
    assert_int_equal(t.recipients_per_day, 900);
    assert_says(f->out, "contoso: organization SMTP AUTH unknown → disabled\n");
    assert_says(f->out, "contoso: security defaults unknown → on\n");
    o = open_directory(f);
    assert_int_equal(directory_accepts(o.v, t.tenant, SLICE("a.plant.contoso.example")), DIRECTORY_FOUND);
    assert_int_equal(directory_domain(o.v, SLICE("contoso.example"), &d), DIRECTORY_FOUND);
    assert_int_equal(d.type, DOMAIN_AUTHORITATIVE);
    close_directory(o);
}

static void authentication_policies_reach_the_mailboxes_of_their_users(void **state)
{
    struct fixture *f = *state;
    struct mailbox_ref ref;

    give(f, "user.csv",
         "Guid,UserPrincipalName,AuthenticationPolicy\n" GUID_A ",a@contoso.example,Block Basic\n" GUID_B
         ",b@contoso.example,Devices\n"
         "51f0a0ff-3c5e-4b7a-9d21-0a1b2c3d4eff,guest@contoso.example,\n");
    give(f, "cas.csv", CAS);
    give(f, "policy.csv", "Name,AllowBasicAuthSmtp\nBlock Basic,False\nDevices,True\n");
    run_ok(f);
    assert_says(f->out, "1 users of Get-User have no mailbox");
    assert_true(find(f, "anna@contoso.example", &ref));
    assert_int_equal(ref.basic_smtp, TRI_NO);
    assert_true(find(f, "scan@contoso.example", &ref));
    assert_int_equal(ref.basic_smtp, TRI_YES);
    assert_true(find(f, "room@contoso.example", &ref));
    assert_int_equal(ref.basic_smtp, TRI_UNKNOWN);
    /* A policy that changes reaches those who have it. */
    give(f, "policy.csv", "Name,AllowBasicAuthSmtp\nBlock Basic,False\nDevices,False\n");
    run_ok(f);
    assert_says(f->out, "scan@contoso.example: passwords by authentication policy allowed → forbidden\n");
    give(f, "cas.csv", CAS);
    run_ok(f);
    assert_true(find(f, "scan@contoso.example", &ref));
    assert_int_equal(ref.basic_smtp, TRI_NO);
}

/* ---- disabled accounts ---- */

#define MAILBOXES "Guid,PrimarySmtpAddress,UserPrincipalName,RecipientTypeDetails"
#define MAILBOX_A GUID_A ",anna@contoso.example,a.berg@corp.example,UserMailbox"
#define MAILBOX_B GUID_B ",scan@contoso.example,scan@contoso.example,UserMailbox"
#define MAILBOX_C GUID_C ",room@contoso.example,room@contoso.example,RoomMailbox"

static void whether_an_account_may_sign_in_is_read_wherever_it_stands(void **state)
{
    static const struct {
        const char *file, *text;
        enum tri anna, scan;
        const char *source;
    } rows[] = {
        {"mailbox.csv", MAILBOXES ",AccountDisabled\n" MAILBOX_A ",True\n" MAILBOX_B ",False\n" MAILBOX_C ",True\n",
         TRI_NO, TRI_YES, "mailbox.csv"},
        {"mailbox.json",
         "[{\"Guid\":\"" GUID_A
         "\",\"PrimarySmtpAddress\":\"anna@contoso.example\",\"UserPrincipalName\":\"a@b.example\","
         "\"AccountDisabled\":true},{\"Guid\":\"" GUID_B
         "\",\"PrimarySmtpAddress\":\"scan@contoso.example\",\"AccountDisabled\":null},{\"Guid\":\"" GUID_C
         "\",\"PrimarySmtpAddress\":\"room@contoso.example\",\"AccountDisabled\":true}]",
         TRI_NO, TRI_UNKNOWN, "mailbox.json"},
        {"user.csv",
         "Guid,UserPrincipalName,AuthenticationPolicy,AccountDisabled\n" GUID_A ",a.berg@corp.example,,False\n" GUID_B
         ",scan@contoso.example,,True\n",
         TRI_YES, TRI_NO, "user.csv"},
        {"users.csv", "UserPrincipalName,AccountDisabled\nA.BERG@corp.example,True\nscan@contoso.example,False\n",
         TRI_NO, TRI_YES, "users.csv"},
        {"graph.json",
         "{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#users\",\"value\":[{\"id\":\"" GUID_C
         "\",\"userPrincipalName\":\"a.berg@corp.example\",\"mail\":\"x@contoso.example\",\"accountEnabled\":false,"
         "\"proxyAddresses\":[]},{\"id\":\"" GUID_A "\",\"userPrincipalName\":\"scan@contoso.example\",\"mail\":null,"
         "\"accountEnabled\":true,\"proxyAddresses\":[]}]}",
         TRI_NO, TRI_YES, "graph.json"},
        /* by mail address, where the name of on-premises is another */
        {"ad.csv",
         "\"DistinguishedName\",\"Enabled\",\"mail\",\"SamAccountName\",\"UserPrincipalName\"\n"
         "\"CN=A\",\"False\",\"anna@contoso.example\",\"aberg\",\"aberg@contoso.local\"\n"
         "\"CN=S\",\"True\",\"scan@contoso.example\",\"scan\",\"\"\n",
         TRI_NO, TRI_YES, "ad.csv"},
        /* the name that one signs in with goes before; two users with one mail address say nothing */
        {"ad2.csv",
         "UserPrincipalName,mail,Enabled\na.berg@corp.example,,True\nold@contoso.local,anna@contoso.example,False\n"
         "scan1@contoso.local,scan@contoso.example,False\nscan2@contoso.local,scan@contoso.example,True\n",
         TRI_YES, TRI_UNKNOWN, "ad2.csv"},
        {"twice.csv", "UserPrincipalName,Enabled\na.berg@corp.example,True\na.berg@corp.example,False\n", TRI_NO,
         TRI_UNKNOWN, "twice.csv"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture *f;
        struct mailbox_ref ref;
        void *fresh = NULL;

        (void)state;
        assert_int_equal(fixture_setup(&fresh), 0);
        f = fresh;
        give(f, "cas.csv", CAS);
        if (strncmp(rows[i].file, "mailbox", 7) != 0)
            give(f, "mailbox.csv", MAILBOXES "\n" MAILBOX_A "\n" MAILBOX_B "\n" MAILBOX_C "\n");
        give(f, rows[i].file, rows[i].text);
        run_ok(f);
        assert_true(find(f, "anna@contoso.example", &ref));
        if (ref.sign_in != rows[i].anna)
            fail_msg("%s: anna is %u", rows[i].file, ref.sign_in);
        assert_true(find(f, "scan@contoso.example", &ref));
        if (ref.sign_in != rows[i].scan)
            fail_msg("%s: scan is %u", rows[i].file, ref.sign_in);
        assert_string_equal(facts(f).parts[PART_ACCOUNTS].source, rows[i].source);
        assert_int_equal(facts(f).parts[PART_ACCOUNTS].at, 1790000000);
        /* What does not speak of accounts changes nothing of them. */
        give(f, "cas.csv", CAS);
        run_ok(f);
        assert_true(find(f, "anna@contoso.example", &ref));
        assert_int_equal(ref.sign_in, rows[i].anna);
        assert_int_equal(fixture_teardown(&fresh), 0);
    }
}

static void an_account_that_one_export_calls_disabled_is_disabled_and_said(void **state)
{
    struct fixture *f = *state;
    struct mailbox_ref ref;

    give(f, "cas.csv", CAS);
    give(f, "mailbox.csv", MAILBOXES ",AccountDisabled\n" MAILBOX_A ",False\n" MAILBOX_B ",True\n" MAILBOX_C ",True\n");
    run_ok(f);
    assert_true(find(f, "room@contoso.example", &ref));
    assert_int_equal(ref.recipient_type, RECIPIENT_ROOM);
    assert_int_equal(ref.sign_in, TRI_NO);
    give(f, "mailbox.csv",
         MAILBOXES ",AccountDisabled\n" MAILBOX_A ",False\n" MAILBOX_B ",False\n" MAILBOX_C ",True\n");
    give(f, "users.csv", "userPrincipalName,accountEnabled\na.berg@corp.example,False\nnobody@contoso.example,True\n");
    run_ok(f);
    assert_says(f->out, "anna@contoso.example: account enabled → disabled\n");
    assert_says(f->out, "scan@contoso.example: account disabled → enabled\n");
    assert_says(f->out, "contoso: 1 of 2 users have a mailbox here");
    assert_true(find(f, "anna@contoso.example", &ref));
    assert_int_equal(ref.sign_in, TRI_NO);
}

static void a_word_that_is_neither_true_nor_false_is_no_state_of_an_account(void **state)
{
    struct fixture *f = *state;

    give(f, "cas.csv", CAS);
    give(f, "users.csv", "userPrincipalName,accountEnabled\nanna@contoso.example,Wahr\n");
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_says(f->e.text, "users.csv: line 2: accountEnabled is \"Wahr\"; expected True or False");
}

/* ---- closed domains ---- */

static void an_accepted_domain_says_what_it_is_closed_for(void **state)
{
    static const struct {
        const char *domain;
        bool from, to;
    } rows[] = {{"contoso.example", false, false}, {"legacy.example", true, false}, {"sub.legacy.example", true, false},
                {"unused.example", false, true},   {"both.example", true, true},    {"sub.both.example", false, false}};
    struct fixture *f = *state;
    struct opened o;

    give(f, "cas.csv", CAS);
    give(f, "domains.csv",
         "DomainName,DomainType,MatchSubDomains,SendingFromDomainDisabled,SendingToDomainDisabled\n"
         "contoso.example,Authoritative,False,False,\nlegacy.example,Authoritative,True,True,False\n"
         "unused.example,Authoritative,False,,True\nboth.example,InternalRelay,False,True,True\n");
    run_ok(f);
    assert_says(f->out, "contoso: sending from legacy.example enabled → disabled\n");
    assert_says(f->out, "contoso: sending to unused.example enabled → disabled\n");
    assert_null(strstr(f->out, "sending from unused.example"));
    o = open_directory(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(directory_domain_closed(o.v, slice_of(rows[i].domain), DOMAIN_NO_SENDER),
                         rows[i].from ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND);
        assert_int_equal(directory_domain_closed(o.v, slice_of(rows[i].domain), DOMAIN_NO_RECIPIENT),
                         rows[i].to ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND);
    }
    close_directory(o);
    give(f, "cas.csv", CAS); /* a run without them keeps them */
    run_ok(f);
    o = open_directory(f);
    assert_int_equal(directory_domain_closed(o.v, SLICE("legacy.example"), DOMAIN_NO_SENDER), DIRECTORY_FOUND);
    close_directory(o);
    /* So does one over domains that doesn't say it. */
    give(f, "domains.csv", "DomainName,DomainType\ncontoso.example,Authoritative\nlegacy.example,Authoritative\n");
    run_ok(f);
    assert_null(strstr(f->out, "sending from legacy.example"));
    o = open_directory(f);
    assert_int_equal(directory_domain_closed(o.v, SLICE("legacy.example"), DOMAIN_NO_SENDER), DIRECTORY_FOUND);
    close_directory(o);
    give(f, "domains.csv",
         "DomainName,DomainType,SendingFromDomainDisabled\ncontoso.example,Authoritative,\n"
         "legacy.example,Authoritative,False\n");
    run_ok(f);
    assert_says(f->out, "contoso: sending from legacy.example disabled → enabled\n");
}

#define PERMISSION(identity, trustee, type)                                                                            \
    "{\"Identity\":\"" identity "\",\"Trustee\":\"" trustee "\",\"AccessControlType\":\"" type                         \
    "\",\"AccessRights\":[\"SendAs\"]},"

static void rights_are_found_by_the_names_that_exchange_uses(void **state)
{
    struct fixture *f = *state;

    give(f, "permission.json",
         "[" PERMISSION("9be40002-81d4-4c02-b6e7-77aa55cc3302", "anna.berg@contoso.example", "Allow")
             PERMISSION("scan", "NT AUTHORITY\\\\SELF", "Allow")
                 PERMISSION("room", "ANNA.berg@contoso.example", "Allow")
                     PERMISSION("room", "anna@contoso.example", "Deny") PERMISSION("scan", "Invoice Senders", "Allow")
                         PERMISSION("scan", "S-1-5-21-1004336348-1177238915",
                                    "Allow") "{\"Identity\":\"anna@contoso.example\",\"Trustee\":\"" GUID_C
                                             "\",\"AccessControlType\":\"Allow\","
                                             "\"AccessRights\":\"SendAs\"}]");
    give(f, "mailbox.json", MAILBOX);
    give(f, "cas.csv", CAS);
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "scan@contoso.example"),
                     RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF);
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), 0);
    assert_int_equal(rights_of(f, "room@contoso.example", "anna@contoso.example"), RIGHT_SEND_AS);
    assert_int_equal(rights_of(f, "scan@contoso.example", "anna@contoso.example"), 0);
    assert_says(f->out, "2 more name no mailbox for certain and were left out");
    assert_says(f->out, "permission.json, row 5");
    /* A run without rights leaves them; one with rights replaces them. */
    give(f, "cas.csv", CAS);
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "scan@contoso.example"),
                     RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF);
    give(f, "permission.json",
         "[" PERMISSION("room", "scan@contoso.example",
                        "Allow") "{\"Identity\":\"x\","
                                 "\"Trustee\":\"\",\"AccessControlType\":\"Allow\",\"AccessRights\":[]}]");
    give(f, "mailbox.json", MAILBOX); /* the directory keeps no Names, which Identity is */
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "scan@contoso.example"), RIGHT_SEND_ON_BEHALF);
    assert_int_equal(rights_of(f, "scan@contoso.example", "room@contoso.example"), RIGHT_SEND_AS);
}

/* Groups are not known to the mirror: what is written without an address may be one. */
static void a_name_that_a_group_may_have_gives_no_mailbox_a_right(void **state)
{
    struct fixture *f = *state;

    give(f, "mailbox.csv",
         "Guid,PrimarySmtpAddress,UserPrincipalName,Alias,Name,Identity\n" GUID_A
         ",anna@contoso.example,anna@contoso.example,finance,Berg Anna,Berg Anna\n" GUID_B
         ",scan@contoso.example,scan@contoso.example,scan,scan,scan\n" GUID_C
         ",room@contoso.example,room@contoso.example,invoices,room,room\n");
    give(f, "permission.csv",
         "Identity,Trustee,AccessControlType,AccessRights\n"
         "scan,Finance,Allow,SendAs\n"                    /* a group, or the mailbox with that alias */
         "scan,Berg Anna,Allow,SendAs\n"                  /* a display name, which a group may have, too */
         "Invoices,anna@contoso.example,Allow,SendAs\n"); /* a group's address, or the mailbox with that alias */
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "scan@contoso.example"), 0);
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), 0);
    assert_says(f->out, "0 rights to send as, or on behalf of, another mailbox; 3 more name no mailbox for certain");
}

/* ---- groups ---- */

#define NAMED_MAILBOXES                                                                                                \
    "Guid,PrimarySmtpAddress,UserPrincipalName,Name,DisplayName,RecipientTypeDetails\n" GUID_A                         \
    ",anna@contoso.example,anna@contoso.example,anna,Anna Berg,UserMailbox\n" GUID_B                                   \
    ",scan@contoso.example,scan@contoso.example,scan,Scanner,UserMailbox\n" GUID_C                                     \
    ",room@contoso.example,room@contoso.example,room,Room,RoomMailbox\n"
#define RECIPIENT_HEADER "Guid,PrimarySmtpAddress,Name,DisplayName,RecipientTypeDetails,EmailAddresses\n"
#define G1 "51f0a0a1-3c5e-4b7a-9d21-0a1b2c3d4e01"
#define G2 "51f0a0a2-3c5e-4b7a-9d21-0a1b2c3d4e02"
#define G3 "51f0a0a3-3c5e-4b7a-9d21-0a1b2c3d4e03"
#define RECIPIENTS                                                                                                     \
    RECIPIENT_HEADER G1                                                                                                \
        ",sales@contoso.example,sales,Sales Team,MailUniversalSecurityGroup,SMTP:sales@contoso.example "               \
        "smtp:verkauf@contoso.example\n" G2                                                                            \
        ",inner@contoso.example,inner,Inner,MailUniversalSecurityGroup,SMTP:inner@contoso.example\n" G3                \
        ",partner@contoso.example,partner,Partner,MailUser,SMTP:partner@contoso.example\n" GUID_A                      \
        ",anna@contoso.example,anna,Anna Berg,UserMailbox,SMTP:anna@contoso.example\n"
#define PERMISSION_HEADER "Identity,Trustee,AccessControlType,AccessRights\n"

/* The rights of a mailbox on a group or mail user. */
static unsigned rights_on(struct fixture *f, const char *trustee, const char *target)
{
    struct mailbox_ref a, refs[DIRECTORY_CLAIMS_MAX];
    struct opened o;
    unsigned n = 0, rights = 0;

    assert_true(find(f, trustee, &a));
    o = open_directory(f);
    if (directory_recipients(o.v, a.tenant, slice_of(target), refs, &n) != DIRECTORY_FOUND)
        fail_msg("%s is no recipient", target);
    assert_int_equal(n, 1);
    assert_int_not_equal(directory_rights(o.v, a.tenant, &a.id, &refs[0].id, &rights), DIRECTORY_DAMAGED);
    close_directory(o);
    return rights;
}

static void give_all(struct fixture *f, const char *permission, const char *members)
{
    give(f, "CASMailbox.csv", CAS);
    give(f, "Mailbox.csv", NAMED_MAILBOXES);
    give(f, "Recipient.csv", RECIPIENTS);
    give(f, "permission.csv", permission);
    if (members != NULL)
        give(f, "DistributionGroupMember.csv", members);
}

static void a_right_of_a_group_is_one_of_its_members_groups_in_groups_among_them(void **state)
{
    struct fixture *f = *state;

    /* The circle: inner holds sales, which holds inner. */
    give_all(f, PERMISSION_HEADER "room,Sales Team,Allow,SendAs\n",
             "Group,Guid,PrimarySmtpAddress,RecipientTypeDetails\n"
             "sales@contoso.example," GUID_A ",anna@contoso.example,UserMailbox\n"
             "sales@contoso.example," G2 ",inner@contoso.example,MailUniversalSecurityGroup\n"
             "Inner," G1 ",sales@contoso.example,MailUniversalSecurityGroup\n" G2 "," GUID_B
             ",scan@contoso.example,UserMailbox\n"
             "inner,,contact@partner.example,MailContact\n");
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), RIGHT_SEND_AS);
    assert_int_equal(rights_of(f, "scan@contoso.example", "room@contoso.example"), RIGHT_SEND_AS);
    assert_int_equal(rights_of(f, "anna@contoso.example", "scan@contoso.example"), 0);
    assert_says(f->out, "contoso: 3 groups and mail users\n");
    assert_says(f->out, "contoso: 1 rights to send as, or on behalf of, another mailbox\n");
    assert_says(f->out, "1 of them are granted to groups, which makes 2 rights of members");
    assert_null(strstr(f->out, "are gone")); /* the first time there is nothing to compare with */
    assert_null(strstr(f->out, "warning: 1 rights"));
    /* A member that leaves loses it. */
    give_all(f, PERMISSION_HEADER "room,Sales Team,Allow,SendAs\n",
             "Group,PrimarySmtpAddress\nsales@contoso.example,scan@contoso.example\n");
    run_ok(f);
    assert_says(f->out, "1 rights to send as, or on behalf of, another mailbox are gone, 0 are new");
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), 0);
    assert_int_equal(rights_of(f, "scan@contoso.example", "room@contoso.example"), RIGHT_SEND_AS);
}

static void a_group_whose_members_are_not_known_gives_nobody_a_right(void **state)
{
    struct fixture *f = *state;

    give_all(f, PERMISSION_HEADER "room,Sales Team,Allow,SendAs\n", NULL);
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), 0);
    assert_says(f->out, "warning: 1 rights are granted to groups of which not all members are known (the first in");
    give_all(f, PERMISSION_HEADER "room,sales@contoso.example,Allow,SendAs\n",
             "Group,PrimarySmtpAddress\nsales@contoso.example,anna@contoso.example\n"
             "sales@contoso.example,inner@contoso.example\n");
    run_ok(f); /* those of inner aren't */
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), RIGHT_SEND_AS);
    assert_says(f->out, "not all members are known");
}

static void what_a_group_is_denied_is_denied_to_its_members(void **state)
{
    struct fixture *f = *state;

    give_all(f,
             PERMISSION_HEADER "room,anna@contoso.example,Allow,SendAs\nroom,scan@contoso.example,Allow,SendAs\n"
                               "room,Sales Team,Deny,SendAs\n",
             "Group,PrimarySmtpAddress\nsales@contoso.example,anna@contoso.example\n");
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), 0);
    assert_int_equal(rights_of(f, "scan@contoso.example", "room@contoso.example"), RIGHT_SEND_AS);
    /* Without the members nobody knows to whom. */
    give_all(f,
             PERMISSION_HEADER "room,anna@contoso.example,Allow,SendAs\nroom,scan@contoso.example,Allow,SendAs\n"
                               "room,Sales Team,Deny,SendAs\n",
             NULL);
    run_ok(f);
    assert_int_equal(rights_of(f, "scan@contoso.example", "room@contoso.example"), 0);
}

static void one_may_have_the_right_to_send_as_a_group_or_mail_user(void **state)
{
    struct fixture *f = *state;
    struct mailbox_ref ref;

    give_all(
        f, PERMISSION_HEADER "sales,anna@contoso.example,Allow,SendAs\npartner@contoso.example,Scanner,Allow,SendAs\n",
        NULL);
    run_ok(f);
    assert_int_equal(rights_on(f, "anna@contoso.example", "sales@contoso.example"), RIGHT_SEND_AS);
    assert_int_equal(rights_on(f, "anna@contoso.example", "verkauf@contoso.example"), RIGHT_SEND_AS);
    assert_int_equal(rights_on(f, "anna@contoso.example", "partner@contoso.example"), 0);
    assert_int_equal(rights_on(f, "scan@contoso.example", "partner@contoso.example"), RIGHT_SEND_AS);
    assert_false(find(f, "sales@contoso.example", &ref)); /* nobody signs in as one */
    assert_int_equal(facts(f).mailboxes, 3);
    /* A run without them keeps them, and knows their addresses. */
    give(f, "permission.csv", PERMISSION_HEADER "verkauf@contoso.example,scan@contoso.example,Allow,SendAs\n");
    run_ok(f);
    assert_int_equal(rights_on(f, "anna@contoso.example", "sales@contoso.example"), 0);
    assert_int_equal(rights_on(f, "scan@contoso.example", "sales@contoso.example"), RIGHT_SEND_AS);
    /* A list of groups alone takes no mail user away. */
    give(f, "DistributionGroup.csv",
         "Guid,PrimarySmtpAddress,DisplayName,RecipientTypeDetails,GroupType\n" G1
         ",sales@contoso.example,Sales,MailUniversalSecurityGroup,Universal\n");
    run_ok(f);
    assert_says(f->out, "contoso: 2 groups and mail users\n");
    assert_int_equal(rights_on(f, "anna@contoso.example", "partner@contoso.example"), 0);
}

static void a_trustees_name_counts_where_all_recipients_are_known_and_one_alone_has_it(void **state)
{
    static const struct {
        const char *trustee, *more; /* a recipient more */
        unsigned rights;
        const char *says;
    } rows[] = {
        {"Anna Berg", "", RIGHT_SEND_AS, "1 rights to send as"},
        {"anna berg", "", RIGHT_SEND_AS, "1 rights to send as"},
        {"anna", "", RIGHT_SEND_AS, "1 rights to send as"},
        {"Anna Borg", "", 0, "1 more name no mailbox for certain"},
        {"Anna Berg", ",berg@partner.example,berg,Anna Berg,GuestMailUser,\n", 0,
         "warning: 1 rights name a trustee by a name that several recipients have"},
        {"Anna Berg", ",x@contoso.example,Anna Berg,X,MailUniversalSecurityGroup,\n", 0,
         "warning: 1 rights name a trustee by a name that several recipients have"},
        {"Anna Berg", ",c@partner.example,c,Anna Berg,MailContact,\n", RIGHT_SEND_AS, "1 rights to send as"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char recipients[2048], permission[256];

        (void)snprintf(recipients, sizeof recipients, "%s%s", RECIPIENTS, rows[i].more);
        (void)snprintf(permission, sizeof permission, PERMISSION_HEADER "room,%s,Allow,SendAs\n", rows[i].trustee);
        give(f, "CASMailbox.csv", CAS);
        give(f, "Mailbox.csv", NAMED_MAILBOXES);
        give(f, "Recipient.csv", recipients);
        give(f, "permission.csv", permission);
        run_ok(f);
        if (rights_of(f, "anna@contoso.example", "room@contoso.example") != rows[i].rights)
            fail_msg("row %zu", i);
        assert_says(f->out, rows[i].says);
    }
    /* Without the other recipients, or with groups alone of them, nobody knows who else is called so. */
    give(f, "CASMailbox.csv", CAS);
    give(f, "Mailbox.csv", NAMED_MAILBOXES);
    give(f, "permission.csv", PERMISSION_HEADER "room,Anna Berg,Allow,SendAs\n");
    run_ok(f);
    assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), 0);
    assert_says(f->out, "with Get-Recipient in the same run more names are known");
}

static void a_denial_that_names_nobody_for_certain_takes_the_right_from_all(void **state)
{
    struct fixture *f = *state;
    static const char *const denials[] = {
        "scan,Finance,Deny,SendAs\n",           "scan,S-1-5-21-1004336348-1177238915,Deny,SendAs\n",
        "scan,gone@contoso.example,1,SendAs\n", "scan,,Deny,SendAs\n",
        "scan,Finance,Deny,System.Object\n",    "scan,Finance,Deny,\n"};

    for (size_t i = 0; i < sizeof denials / sizeof denials[0]; i++) {
        char csv[512];

        (void)snprintf(csv, sizeof csv,
                       "Identity,Trustee,AccessControlType,AccessRights\n"
                       "scan@contoso.example,anna@contoso.example,Allow,SendAs\n"
                       "room,anna@contoso.example,Allow,SendAs\n%s",
                       denials[i]);
        give(f, "permission.csv", csv);
        give(f, "mailbox.json", MAILBOX);
        give(f, "cas.csv", CAS);
        run_ok(f);
        if (rights_of(f, "anna@contoso.example", "scan@contoso.example") != RIGHT_SEND_ON_BEHALF)
            fail_msg("%s: the right stays", denials[i]);
        assert_int_equal(rights_of(f, "anna@contoso.example", "room@contoso.example"), RIGHT_SEND_AS);
        assert_says(f->out, "warning: 1 denials of SendAs name no mailbox for certain (the first in");
        assert_says(f->out, "takes 1 rights away");
    }
}

static void a_name_of_two_mailboxes_gives_no_right(void **state)
{
    struct fixture *f = *state;

    give(f, "mailbox.csv",
         "Guid,PrimarySmtpAddress,UserPrincipalName,Alias,Name\n" GUID_A
         ",anna@contoso.example,anna@contoso.example,anna,info\n" GUID_B
         ",scan@contoso.example,scan@contoso.example,info,scan\n" GUID_C
         ",room@contoso.example,room@contoso.example,room,room\n");
    give(f, "permission.csv",
         "Identity,Trustee,AccessControlType,AccessRights\n"
         "info,room@contoso.example,Allow,SendAs\n"
         "scan,room@contoso.example,Allow,System.Collections.ArrayList\n");
    run_ok(f);
    assert_int_equal(rights_of(f, "room@contoso.example", "anna@contoso.example"), 0);
    assert_int_equal(rights_of(f, "room@contoso.example", "scan@contoso.example"), RIGHT_SEND_AS);
}

static void an_identity_that_two_mailboxes_claim_is_reported(void **state)
{
    struct fixture *f = *state;

    give(f, "cas.csv",
         CAS_HEADER GUID_A ",anna@contoso.example,$A1,,smtp:info@contoso.example\n" GUID_B
                           ",scan@contoso.example,$A2,False,smtp:INFO@contoso.example\n");
    run_ok(f);
    assert_says(f->out, "warning: \"info@contoso.example\" is claimed by 2 mailboxes");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_csv_export_brings_in_all_three_settings),
        T(every_form_of_the_same_export_says_the_same),
        T(windows_powershell_writes_utf_16),
        T(a_type_name_in_place_of_a_list_is_explained_once_and_forgets_nothing),
        T(damaged_or_insufficient_files_change_nothing_and_say_where),
        T(a_missing_file_a_folder_and_a_bad_tenant_are_errors),
        T(a_page_with_a_next_link_needs_the_page_that_follows),
        T(a_warning_of_more_results_is_heard),
        T(exports_that_are_older_than_settings_may_be_are_said),
        T(a_list_may_be_old),
        T(settings_and_details_of_a_mailbox_are_joined_in_any_order),
        T(rows_without_a_guid_are_joined_by_their_primary_address),
        T(a_mailbox_whose_guid_becomes_known_is_the_same_mailbox),
        T(the_tenants_own_settings_are_brought_in),
        T(authentication_policies_reach_the_mailboxes_of_their_users),
        T(whether_an_account_may_sign_in_is_read_wherever_it_stands),
        T(an_account_that_one_export_calls_disabled_is_disabled_and_said),
        T(a_word_that_is_neither_true_nor_false_is_no_state_of_an_account),
        T(an_accepted_domain_says_what_it_is_closed_for),
        T(rights_are_found_by_the_names_that_exchange_uses),
        T(a_name_that_a_group_may_have_gives_no_mailbox_a_right),
        T(a_right_of_a_group_is_one_of_its_members_groups_in_groups_among_them),
        T(a_group_whose_members_are_not_known_gives_nobody_a_right),
        T(what_a_group_is_denied_is_denied_to_its_members),
        T(one_may_have_the_right_to_send_as_a_group_or_mail_user),
        T(a_trustees_name_counts_where_all_recipients_are_known_and_one_alone_has_it),
        T(a_denial_that_names_nobody_for_certain_takes_the_right_from_all),
        T(a_name_of_two_mailboxes_gives_no_right),
        T(an_identity_that_two_mailboxes_claim_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
