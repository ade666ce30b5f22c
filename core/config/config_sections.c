#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <syslog.h>

/* The whole configuration, and the sections about what a login may do. */

#define STATE_ENTRIES_MIN 1024
#define STATE_ENTRIES_MAX (1u << 28) /* 4 GiB of counters */
#define STATE_BLOCKS_MIN 16
#define STATE_BLOCKS_MAX (1u << 20)
#define RECIPIENTS_MAX 1000000

const struct choice mode_choices[] = {{"enforce", MODE_ENFORCE}, {"monitor", MODE_MONITOR}, {NULL, 0}};

/* ---- log, state ---- */

static const struct choice log_targets[] = {{"syslog", LOG_TO_SYSLOG}, {"stderr", LOG_TO_STDERR}, {NULL, 0}};
static const struct choice log_formats[] = {{"text", LOG_TEXT}, {"json", LOG_JSON}, {NULL, 0}};
static const struct choice facilities[] = {
    {"mail", LOG_MAIL},     {"daemon", LOG_DAEMON},
    {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV},
    {"user", LOG_USER},     {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7}, {NULL, 0},
};

static const struct setting log_rows[] = {
    {"to", SETTING_CHOICE, AT(struct log_config, to), .choices = log_targets, .standard = "syslog"},
    {"format", SETTING_CHOICE, AT(struct log_config, format), .choices = log_formats, .standard = "text"},
    {"facility", SETTING_CHOICE, AT(struct log_config, facility), .choices = facilities, .standard = "mail"},
};
static const struct section log_section = {ROWS(log_rows)};

/*
 * This was the default, and in the example, before the state had a folder of its own. The file has moved into the
 * folder of that name (core/state/state_file.h).
 */
#define STATE_FILE "/var/lib/postern/state/state"
#define STATE_FILE_BEFORE "/var/lib/postern/state"

static int parse_state_file(struct reader *r, struct slice text, void *at, struct error *e)
{
    return parse_path(r, slice_eq(text, SLICE(STATE_FILE_BEFORE)) ? SLICE(STATE_FILE) : text, at, e);
}

static const struct setting state_rows[] = {
    {"file", SETTING_PARSED, AT(struct config, state_path), .parse = parse_state_file, .standard = STATE_FILE},
    {"entries", SETTING_NUMBER, AT(struct config, state_entries), .standard = "1048576", .least = STATE_ENTRIES_MIN,
     .most = STATE_ENTRIES_MAX},
    {"blocks", SETTING_NUMBER, AT(struct config, state_blocks), .standard = "4096", .least = STATE_BLOCKS_MIN,
     .most = STATE_BLOCKS_MAX},
};
static const struct section state_section = {ROWS(state_rows)};

/* "" switches it off. */
static int parse_journal(struct reader *r, struct slice text, void *at, struct error *e)
{
    static const char *const none = "";

    if (text.n > 0)
        return parse_path(r, text, at, e);
    memcpy(at, &none, sizeof none);
    return 0;
}

#define RELAYS_MAX 256
#define RELAY_NAME_MAX 255

/* For people only: it goes into reports and scripts. */
static int one_relay(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    bool right = text.n > 0 && text.n <= RELAY_NAME_MAX;

    for (size_t i = 0; i < text.n && right; i++)
        right = text.p[i] > ' ' && text.p[i] <= '~';
    return right ? setting_keep_slice(r, s, text, at)
                 : setting_error(r, s, "\"%s\": expected a relay's name, as in mx2.contoso.example", quote(text).text);
}

static int read_other_relays(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct config *config = at;

    return setting_slices(r, s, row, RELAYS_MAX, one_relay, &config->other_relays, &config->n_other_relays);
}

/* ---- what a login may do ---- */

static const struct choice unlisted[] = {
    {"reject", UNLISTED_REJECT}, {"tenant", UNLISTED_TENANT}, {"allow", UNLISTED_ALLOW}, {NULL, 0}};

static const struct choice login_names[] = {{"upn", LOGIN_NAME_UPN},         {"primary", LOGIN_NAME_PRIMARY},
                                            {"proxy", LOGIN_NAME_PROXY},     {"alias", LOGIN_NAME_ALIAS},
                                            {"account", LOGIN_NAME_ACCOUNT}, {NULL, 0}};
#define LOGIN_NAMES_ALL (LOGIN_NAME_UPN | LOGIN_NAME_PRIMARY | LOGIN_NAME_PROXY | LOGIN_NAME_ALIAS | LOGIN_NAME_ACCOUNT)
#define LOGIN_NAMES_MAX 16 /* in a list: each of them, and some twice */

static int read_login_names(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    unsigned *names = at;

    *names = LOGIN_NAMES_ALL;
    if (s != NULL && setting_choices(r, s, row, login_names, LOGIN_NAMES_MAX, names) != 0)
        return -1;
    return *names != 0 ? 0 : setting_error(r, s, "an empty list names nobody; leave it out for all names");
}

static const struct choice disabled_accounts[] = {
    {"people", DISABLED_PEOPLE}, {"all", DISABLED_ALL}, {"none", DISABLED_NONE}, {NULL, 0}};

static const struct setting smtp_auth_rows[] = {
    {"unlisted", SETTING_CHOICE, AT(struct smtp_auth_config, unlisted), .choices = unlisted, .standard = "reject"},
    {"security_defaults", SETTING_BOOL, AT(struct smtp_auth_config, security_defaults), .standard = "true"},
    {"authentication_policy", SETTING_BOOL, AT(struct smtp_auth_config, authentication_policy), .standard = "true"},
    {"login_names", SETTING_OWN, AT(struct smtp_auth_config, login_names), .read = read_login_names,
     .choices = login_names, .allowed = "names of a mailbox"},
    {"disabled_accounts", SETTING_CHOICE, AT(struct smtp_auth_config, disabled_accounts), .choices = disabled_accounts,
     .standard = "people"},
    {"allow_file", SETTING_OWN, AT(struct smtp_auth_config, allow), .read = read_list_file, .allowed = "a file name"},
    {"deny_file", SETTING_OWN, AT(struct smtp_auth_config, deny), .read = read_list_file, .allowed = "a file name"},
    {"logins_file", SETTING_OWN, AT(struct smtp_auth_config, logins), .read = read_pairs_file,
     .allowed = "a file name"},
    {"on_premises_file", SETTING_OWN, AT(struct smtp_auth_config, on_premises), .read = read_list_file,
     .allowed = "a file name"},
    {"mode", SETTING_CHOICE, AT(struct smtp_auth_config, mode), .choices = mode_choices, .standard = "enforce"},
};
static const struct section smtp_auth_section = {ROWS(smtp_auth_rows)};

static const struct choice sender_rules[] = {
    {"own", SENDER_OWN}, {"domain", SENDER_DOMAIN}, {"any", SENDER_ANY}, {NULL, 0}};
static const struct choice null_senders[] = {
    {"dsn", NULL_DSN}, {"reject", NULL_REJECT}, {"allow", NULL_ALLOW}, {NULL, 0}};

static int parse_separator(struct reader *r, struct slice text, void *at, struct error *e)
{
    char *separators = at;
    bool good = text.n <= SEPARATORS_MAX;

    (void)r;
    memset(separators, 0, SEPARATORS_MAX + 1);
    for (size_t i = 0; good && i < text.n; i++) {
        good = text.p[i] != '\0' && strchr("+-=_#", text.p[i]) != NULL && strchr(separators, text.p[i]) == NULL;
        separators[i] = text.p[i];
    }
    return good ? 0
                : error_set(e, "\"%s\": expected some of + - = _ #, each once, or nothing for no sub-addresses",
                            quote(text).text);
}

static int check_sender_exception(struct reader *r, const config_setting_t *s, void *target)
{
    const struct sender_exception *exception = target;
    bool user = config_setting_get_member(s, "user") != NULL, group = config_setting_get_member(s, "group") != NULL;

    if (user == group)
        return setting_error(r, s, "an exception is for one of user or group; found %s", user ? "both" : "neither");
    if (exception->senders == NULL)
        return setting_error(r, s, "an exception needs senders or senders_file: what may be sent as");
    for (const struct sender_exception *other = r->config->sender.exceptions; other < exception; other++)
        if (other->of == exception->of && strcmp(other->name, exception->name) == 0)
            return setting_error(r, s, "a second exception for \"%s\"", exception->name);
    return 0;
}

static int parse_sender_user(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct sender_exception *exception = at;

    exception->of = EXCEPT_USER;
    return parse_user_name(r, text, &exception->name, e);
}

static int parse_sender_group(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct sender_exception *exception = at;

    exception->of = EXCEPT_GROUP;
    return parse_group_name(r, text, &exception->group, &exception->name, e);
}

static const struct setting sender_exception_rows[] = {
    {"user", SETTING_PARSED, .parse = parse_sender_user, .allowed = "an address or an account name"},
    {"group", SETTING_PARSED, .parse = parse_sender_group, .allowed = "the name of a group"},
    {"senders_file", SETTING_OWN, AT(struct sender_exception, senders), .read = read_senders_file,
     .allowed = "a file name"},
    {"senders", SETTING_OWN, AT(struct sender_exception, senders), .read = read_senders,
     .allowed = "addresses, @domains, @.domains"},
};
static const struct section sender_exception_section = {ROWS(sender_exception_rows), .check = check_sender_exception,
                                                        .size = sizeof(struct sender_exception), .most = 1024};

static const struct setting sender_rows[] = {
    {"envelope", SETTING_CHOICE, AT(struct sender_config, envelope), .choices = sender_rules, .standard = "own"},
    {"header_from", SETTING_CHOICE, AT(struct sender_config, header_from), .choices = sender_rules, .standard = "own"},
    {"add_missing_from", SETTING_BOOL, AT(struct sender_config, add_missing_from), .standard = "true"},
    {"null_sender", SETTING_CHOICE, AT(struct sender_config, null_sender), .choices = null_senders, .standard = "dsn"},
    {"separator", SETTING_PARSED, AT(struct sender_config, separator), .parse = parse_separator, .standard = "+",
     .allowed = "some of + - = _ #, or nothing"},
    {"except", SETTING_SECTIONS, AT(struct sender_config, exceptions),
     .count_offset = offsetof(struct sender_config, n_exceptions), .section = &sender_exception_section},
    {"mode", SETTING_CHOICE, AT(struct sender_config, mode), .choices = mode_choices, .standard = "enforce"},
};
static const struct section sender_section = {ROWS(sender_rows)};

static const struct setting tls_rows[] = {
    {"required", SETTING_BOOL, AT(struct config, tls.required), .standard = "true"},
    {"minimum", SETTING_CHOICE, AT(struct config, tls.minimum), .choices = tls_minimums, .standard = "1.2"},
    {"mode", SETTING_CHOICE, AT(struct config, tls_mode), .choices = mode_choices, .standard = "enforce"},
};
static const struct section tls_section = {ROWS(tls_rows)};

static const struct setting recipients_rows[] = {
    {"max", SETTING_NUMBER, AT(struct config, max_recipients), .standard = "1000", .least = 0, .most = RECIPIENTS_MAX},
    {"mode", SETTING_CHOICE, AT(struct config, recipients_mode), .choices = mode_choices, .standard = "enforce"},
};
static const struct section recipients_section = {ROWS(recipients_rows)};

/* ---- the whole ---- */

static const struct choice unauthenticated[] = {{"ignore", false}, {"reject", true}, {NULL, 0}};
static const struct choice presets[] = {
    {"standard", PRESET_STANDARD}, {"exchange-online", PRESET_EXCHANGE_ONLINE}, {"none", PRESET_NONE}, {NULL, 0}};
static const struct choice charges[] = {
    {"auto", CHARGE_AUTO}, {"policyd", CHARGE_POLICYD}, {"milter", CHARGE_MILTER}, {NULL, 0}};

/* With a single tenant, logins without a domain belong to it. Without tenants here, only the directory knows them. */
static int check_config(struct reader *r, const config_setting_t *s, void *target)
{
    struct config *c = target;

    if (c->default_tenant == NULL && c->n_tenants == 1)
        c->default_tenant = c->tenants[0].name;
    if (c->default_tenant != NULL && !tenant_is_known(c, c->default_tenant))
        return setting_error(r, s != NULL ? config_setting_get_member(s, "default_tenant") : NULL,
                             "\"%s\" is not among the tenants of this file", c->default_tenant);
    if (tenants_check(r, s != NULL ? config_setting_get_member(s, "tenants") : NULL) != 0)
        return -1;
    return mirror_check(r, s != NULL ? config_setting_get_member(s, "mirror") : NULL) == 0 ? preset_add(r) : -1;
}

/* In the order of reading: what refers to something comes after it. */
static const struct setting config_rows[] = {
    {"mode", SETTING_CHOICE, AT(struct config, mode), .choices = mode_choices, .standard = "enforce"},
    {"directory", SETTING_PATH, AT(struct config, directory), .standard = "/var/lib/postern/directory"},
    {"state", SETTING_SECTION, .section = &state_section},
    {"journal", SETTING_PARSED, AT(struct config, journal), .parse = parse_journal,
     .standard = "/var/lib/postern/journal", .allowed = "a folder, or nothing for none"},
    {"other_relays", SETTING_OWN, .read = read_other_relays, .allowed = "names of relays"},
    {"blocks", SETTING_SECTION, .section = &blocks_section},
    {"never_block", SETTING_OWN, .read = read_never_block, .allowed = "logins, @domains, networks"},
    {"known_networks", SETTING_OWN, .read = read_known_networks, .allowed = "networks"},
    {"log", SETTING_SECTION, AT(struct config, log), .section = &log_section},
    {"default_tenant", SETTING_PARSED, AT(struct config, default_tenant), .parse = parse_name,
     .allowed = "the name of a tenant"},
    {"tenants", SETTING_SECTIONS, AT(struct config, tenants), .count_offset = offsetof(struct config, n_tenants),
     .section = &tenant_section},
    {"groups", SETTING_SECTIONS, AT(struct config, groups), .count_offset = offsetof(struct config, n_groups),
     .section = &group_section},
    {"smtp_auth", SETTING_SECTION, AT(struct config, smtp_auth), .section = &smtp_auth_section},
    {"logins_from", SETTING_SECTIONS, AT(struct config, logins_from),
     .count_offset = offsetof(struct config, n_logins_from), .section = &logins_from_section},
    {"sender", SETTING_SECTION, AT(struct config, sender), .section = &sender_section},
    {"tls", SETTING_SECTION, .section = &tls_section},
    {"recipients", SETTING_SECTION, .section = &recipients_section},
    {"client_ipv6_prefix_length", SETTING_NUMBER, AT(struct config, client_ipv6_prefix_length), .standard = "64",
     .least = 32, .most = 128},
    {"unauthenticated", SETTING_CHOICE, AT(struct config, reject_unauthenticated), .choices = unauthenticated,
     .standard = "ignore"},
    {"connectors", SETTING_SECTIONS, AT(struct config, connectors),
     .count_offset = offsetof(struct config, n_connectors), .section = &connector_section},
    {"preset", SETTING_CHOICE, AT(struct config, preset), .choices = presets, .standard = "standard"},
    {"limits", SETTING_SECTIONS, AT(struct config, limits), .count_offset = offsetof(struct config, n_limits),
     .section = &limit_section},
    {"charge", SETTING_CHOICE, AT(struct config, charge), .choices = charges, .standard = "auto"},
    {"policyd", SETTING_SECTION, AT(struct config, policyd), .section = &policyd_section},
    {"milter", SETTING_SECTION, AT(struct config, milter), .section = &milter_section},
    {"sasl", SETTING_SECTION, AT(struct config, sasl), .section = &sasl_section},
    {"web", SETTING_SECTION, AT(struct config, web), .section = &web_section},
    {"replies", SETTING_OWN, .read = read_replies, .allowed = "texts by the names of reasons"},
    {"mirror", SETTING_SECTION, .section = &mirror_section},
    {"spool", SETTING_PATH, AT(struct config, spool), .standard = "/var/lib/postern/spool"},
    {"accepted_findings", SETTING_PATH, AT(struct config, accepted_findings), .standard = "accepted-findings"},
    {"cluster", SETTING_SECTION, AT(struct config, cluster), .section = &cluster_section},
    {"alerts", SETTING_SECTIONS, AT(struct config, alerts), .count_offset = offsetof(struct config, n_alerts),
     .section = &alert_section},
};
const struct section config_section = {ROWS(config_rows), .check = check_config};
