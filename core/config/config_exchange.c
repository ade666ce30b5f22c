#include "core/config/config_table.h"

#include "core/base/guid.h"
#include "core/base/quote.h"

/* How postern-mirror reads a tenant from Exchange Online. */

#define HOST_MAX 255
#define FETCH_ALL 8191u

static const struct choice clouds[] = {{"worldwide", CLOUD_WORLDWIDE},
                                       {"gcc-high", CLOUD_GCC_HIGH},
                                       {"dod", CLOUD_DOD},
                                       {"china", CLOUD_CHINA},
                                       {NULL, 0}};
static const struct choice algorithms[] = {{"PS256", JWT_PS256}, {"RS256", JWT_RS256}, {NULL, 0}};

#define FETCH_NAMES_MAX 64

const struct choice fetches[] = {{"transport-config", FETCH_TRANSPORT_CONFIG},
                                 {"security-defaults", FETCH_SECURITY_DEFAULTS},
                                 {"authentication-policy", FETCH_AUTHENTICATION_POLICY},
                                 {"organization-config", FETCH_ORGANIZATION_CONFIG},
                                 {"outbound-policy", FETCH_OUTBOUND_POLICY},
                                 {"accepted-domain", FETCH_ACCEPTED_DOMAIN},
                                 {"blocked-sender", FETCH_BLOCKED_SENDER},
                                 {"user", FETCH_USER},
                                 {"cas-mailbox", FETCH_CAS_MAILBOX},
                                 {"mailbox", FETCH_MAILBOX},
                                 {"recipient-permission", FETCH_RECIPIENT_PERMISSION},
                                 {"recipient", FETCH_RECIPIENT},
                                 {"hve-account", FETCH_HVE_ACCOUNT},
                                 {NULL, 0}};

static int keep_text(struct reader *r, struct slice text, void *at)
{
    const char *kept = config_keep(r, text);

    memcpy(at, &kept, sizeof kept);
    return kept != NULL ? 0 : -1;
}

static int parse_guid(struct reader *r, struct slice text, void *at, struct error *e)
{
    uint8_t guid[16];
    char kept[GUID_TEXT_MAX];

    if (!guid_parse(text, guid))
        return error_set(e, "\"%s\": expected a GUID, as in 7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1", quote(text).text);
    guid_write(guid, kept);
    return keep_text(r, slice_of(kept), at);
}

/* A bare name stays as it is; any other relative path is relative to the configuration's folder. */
static int parse_secret_path(struct reader *r, struct slice text, void *at, struct error *e)
{
    char path[4096];
    struct buf b = BUF_OVER(path);

    if (text.n == 0)
        return error_set(e, "an empty file name; leave the setting out instead");
    if (memchr(text.p, '/', text.n) != NULL && text.p[0] != '/')
        buf_addf(&b, "%s/", r->folder);
    buf_add(&b, text);
    if (b.full)
        return error_set(e, "a file name of more than %zu bytes", sizeof path - 1);
    return keep_text(r, buf_slice(&b), at);
}

/* "host" or "host:port", and nothing else, since it becomes part of URLs. */
static int parse_host(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct slice host, port;
    char lower[HOST_MAX + 1];
    unsigned long long number = 443;
    bool has_port = slice_cut(text, ':', &host, &port);
    bool right = host.n > 0 && text.n <= HOST_MAX && (!has_port || slice_to_u64(port, 65535, &number)) && number > 0;

    for (size_t i = 0; i < text.n && right; i++) {
        lower[i] = ascii_lower(text.p[i]);
        right = (lower[i] >= 'a' && lower[i] <= 'z') || (lower[i] >= '0' && lower[i] <= '9') ||
                strchr(".-:", lower[i]) != NULL;
    }
    if (!right || host.p[0] == '.' || host.p[host.n - 1] == '.')
        return error_set(e, "\"%s\": expected a host's name, as in outlook.office365.com, or host:port",
                         quote(text).text);
    return keep_text(r, (struct slice){lower, text.n}, at);
}

/* It becomes a header field. */
static int parse_anchor(struct reader *r, struct slice text, void *at, struct error *e)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            text.n = 0;
    if (text.n == 0 || text.n > 400)
        return error_set(e, "expected 1 to 400 printable characters without blanks, as in "
                            "UPN:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@contoso.onmicrosoft.com");
    return keep_text(r, text, at);
}

static int read_fetch(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct exchange_config *exchange = at;

    exchange->fetch = FETCH_ALL;
    if (s != NULL && setting_choices(r, s, row, fetches, FETCH_NAMES_MAX, &exchange->fetch) != 0)
        return -1;
    return exchange->fetch != 0 ? 0 : setting_error(r, s, "an empty list fetches nothing; leave it out for everything");
}

static int check_exchange(struct reader *r, const config_setting_t *s, void *target)
{
    const struct exchange_config *x = target;
    int ways = (x->certificate_file != NULL) + (x->secret_file != NULL) + (x->federated_token_file != NULL);

    if (s == NULL)
        return 0;
    if (ways != 1)
        return setting_error(r, s, "%s; expected exactly one of certificate_file, secret_file, federated_token_file",
                             ways == 0 ? "no way to sign in" : "more than one way to sign in");
    if (x->key_file != NULL && x->certificate_file == NULL)
        return setting_error(r, s, "key_file is for certificate_file, which is missing");
    if (x->passphrase_file != NULL && x->certificate_file == NULL)
        return setting_error(r, s, "passphrase_file is for certificate_file, which is missing");
    return 0;
}

static const struct setting host_rows[] = {
    {"login", SETTING_PARSED, AT(struct exchange_config, login_host), .parse = parse_host, .allowed = "a host"},
    {"exchange", SETTING_PARSED, AT(struct exchange_config, exchange_host), .parse = parse_host, .allowed = "a host"},
    {"graph", SETTING_PARSED, AT(struct exchange_config, graph_host), .parse = parse_host, .allowed = "a host"},
};
static const struct section host_section = {ROWS(host_rows)};

static const struct setting exchange_rows[] = {
    {"tenant_id", SETTING_PARSED, AT(struct exchange_config, tenant_id), .required = true, .parse = parse_guid,
     .allowed = "the tenant's GUID"},
    {"application", SETTING_PARSED, AT(struct exchange_config, application), .required = true, .parse = parse_guid,
     .allowed = "the application's GUID"},
    {"cloud", SETTING_CHOICE, AT(struct exchange_config, cloud), .choices = clouds, .standard = "worldwide"},
    {"certificate_file", SETTING_PARSED, AT(struct exchange_config, certificate_file), .parse = parse_secret_path,
     .allowed = "a file name"},
    {"key_file", SETTING_PARSED, AT(struct exchange_config, key_file), .parse = parse_secret_path,
     .allowed = "a file name"},
    {"passphrase_file", SETTING_PARSED, AT(struct exchange_config, passphrase_file), .parse = parse_secret_path,
     .allowed = "a file name"},
    {"algorithm", SETTING_CHOICE, AT(struct exchange_config, algorithm), .choices = algorithms, .standard = "PS256"},
    {"secret_file", SETTING_PARSED, AT(struct exchange_config, secret_file), .parse = parse_secret_path,
     .allowed = "a file name"},
    {"federated_token_file", SETTING_PARSED, AT(struct exchange_config, federated_token_file),
     .parse = parse_secret_path, .allowed = "a file name"},
    {"anchor_mailbox", SETTING_PARSED, AT(struct exchange_config, anchor_mailbox), .parse = parse_anchor,
     .allowed = "a routing hint"},
    {"fetch", SETTING_OWN, .read = read_fetch, .choices = fetches, .allowed = "what to read"},
    {"sign_ins", SETTING_BOOL, AT(struct exchange_config, sign_ins), .standard = "false"},
    {"writeback", SETTING_BOOL, AT(struct exchange_config, writeback), .standard = "false"},
    {"ca_file", SETTING_PATH, AT(struct exchange_config, ca_file)},
    {"hosts", SETTING_SECTION, .section = &host_section},
};
const struct section exchange_section = {ROWS(exchange_rows), .check = check_exchange};

/* Unlike other sections it may be missing, with its required settings. */
int read_exchange(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    if (s == NULL)
        return 0;
    if (!config_setting_is_group(s))
        return setting_error(r, s, "found %s; expected a group: { ... }", setting_found(s).text);
    return section_read(r, s, row->section, at);
}
