/* links: mirror */
/* The decision as a table: what is submitted under which rules, and what becomes of it for which reason. */
#include "tests/unit/world.h"

#define CONNECTORS                                                                                                     \
    "connectors = ({ name = \"printers\"; networks = [\"192.0.2.0/24\"]; senders = [\"@contoso.example\"]; "           \
    "null_sender = false;"                                                                                             \
    "                recipients = \"internal\"; tenant = \"contoso\"; },"                                              \
    "              { name = \"apps\"; networks = [\"198.51.100.0/24\"]; null_sender = true; tls = { required = true; " \
    "}; });"

#define EXCEPT(whom, senders)                                                                                          \
    "default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; });"                                               \
    "groups = ({ name = \"shops\"; members = \"a.berg@contoso.example\"; });"                                          \
    "sender = { except = ({ " whom "; senders = \"" senders "\"; }); };"

#define CONTOSO_NAMED "default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; netbios = [\"CONTOSO\"]; });"
#define ROW(whose, network) "{ " whose "; networks = \"" network "\"; }"
#define ONLY(whose, network) "logins_from = (" ROW(whose, network) ");"
#define GROUPS                                                                                                         \
    "groups = ({ name = \"staff\"; members = \"a.berg@contoso.example\"; },"                                           \
    "          { name = \"all\"; members = \"@contoso.example\"; });"

struct row {
    const char *config, *login, *method, *client, *sender;
    enum tls_version tls;
    enum action action;
    enum reason reason;
};

#define LOGIN(login, sender) login, "PLAIN", "203.0.113.9", sender, TLS_V1_3
#define METHOD(method, action, reason)                                                                                 \
    {                                                                                                                  \
        "", "eva@contoso.example", method, "203.0.113.9", "eva@contoso.example", TLS_V1_3, ACTION_##action,            \
            REASON_##reason                                                                                            \
    }
#define NONE(client, sender) NULL, NULL, client, sender, TLS_V1_3

static const struct row rows[] = {
    /* who is it */
    {"", NONE("203.0.113.9", "x@contoso.example"), ACTION_PASS, REASON_NOT_OURS},
    {"unauthenticated = \"reject\";", NONE("203.0.113.9", "x@contoso.example"), ACTION_REJECT, REASON_UNAUTHENTICATED},
    {"", LOGIN("anna ", "anna@contoso.example"), ACTION_REJECT, REASON_BAD_LOGIN},
    {"", LOGIN("a?nna@contoso.example", "anna@contoso.example"), ACTION_REJECT, REASON_BAD_LOGIN},
    {"", LOGIN("anna@adatum.example", "anna@adatum.example"), ACTION_REJECT, REASON_NO_TENANT},
    {"", LOGIN("guest@both.example", "guest@both.example"), ACTION_REJECT, REASON_NO_TENANT},
    {"tenants = ({ name = \"fabrikam\"; domains = [\"both.example\"]; });",
     LOGIN("guest@both.example", "guest@both.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("anna", "anna@contoso.example"), ACTION_REJECT, REASON_NO_TENANT},
    {"default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; });", LOGIN("anna", "anna@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {"default_tenant = \"fabrikam\"; tenants = ({ name = \"fabrikam\"; });", LOGIN("anna", "anna@fabrikam.example"),
     ACTION_REJECT, REASON_MAILBOX_DISABLED},
    {"", LOGIN("CONTOSO\\anna", "anna@contoso.example"), ACTION_REJECT, REASON_NO_TENANT},
    /* a tenant that the configuration names, and that was never mirrored */
    {"tenants = ({ name = \"adatum\"; domains = [\"adatum.example\"]; });",
     LOGIN("anna@adatum.example", "anna@adatum.example"), ACTION_DEFER, REASON_SETTING_UNKNOWN},
    {"default_tenant = \"adatum\"; tenants = ({ name = \"adatum\"; });", LOGIN("anna", "anna@adatum.example"),
     ACTION_DEFER, REASON_SETTING_UNKNOWN},
    {"tenants = ({ name = \"adatum\"; netbios = [\"ADATUM\"]; });", LOGIN("ADATUM\\anna", "anna@adatum.example"),
     ACTION_DEFER, REASON_SETTING_UNKNOWN},
    {"tenants = ({ name = \"contoso\"; netbios = [\"CONTOSO\"]; });", LOGIN("Contoso\\Anna", "anna@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {"smtp_auth = { logins_file = \"~/logins\"; };", LOGIN("scanner7", "anna@contoso.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"smtp_auth = { logins_file = \"~/logins\"; };", LOGIN("ghost@contoso.example", "anna@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {"smtp_auth = { logins_file = \"~/logins\"; };", LOGIN("ghost@contoso.example", "ghost@contoso.example"),
     ACTION_REJECT, REASON_SENDER_NOT_OWN},

    /* is SMTP AUTH allowed */
    {"", LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("ANNA@Contoso.EXAMPLE", "Anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("a.berg@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("bert@contoso.example", "bert@contoso.example"), ACTION_REJECT, REASON_MAILBOX_DISABLED},
    {"", LOGIN("cleo@contoso.example", "cleo@contoso.example"), ACTION_REJECT, REASON_ORGANIZATION_DISABLED},
    {"tenants = ({ name = \"contoso\"; smtp_auth = \"enabled\"; });",
     LOGIN("cleo@contoso.example", "cleo@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"tenants = ({ name = \"contoso\"; smtp_auth = \"enabled\"; });",
     LOGIN("bert@contoso.example", "bert@contoso.example"), ACTION_REJECT, REASON_MAILBOX_DISABLED},
    {"", LOGIN("dora@fabrikam.example", "dora@fabrikam.example"), ACTION_PASS, REASON_ALLOWED},
    {"tenants = ({ name = \"fabrikam\"; smtp_auth = \"disabled\"; });",
     LOGIN("dora@fabrikam.example", "dora@fabrikam.example"), ACTION_REJECT, REASON_ORGANIZATION_DISABLED},
    {"", LOGIN("tom@tailspin.example", "tom@tailspin.example"), ACTION_DEFER, REASON_SETTING_UNKNOWN},
    {"", LOGIN("new@contoso.example", "new@contoso.example"), ACTION_DEFER, REASON_SETTING_UNKNOWN},
    {"", LOGIN("shared@contoso.example", "shared@contoso.example"), ACTION_REJECT, REASON_MAILBOX_DISABLED},
    {"", LOGIN("ghost@contoso.example", "ghost@contoso.example"), ACTION_REJECT, REASON_UNLISTED},
    {"smtp_auth = { unlisted = \"tenant\"; };", LOGIN("ghost@contoso.example", "ghost@contoso.example"), ACTION_REJECT,
     REASON_ORGANIZATION_DISABLED},
    {"smtp_auth = { unlisted = \"tenant\"; };", LOGIN("ghost@fabrikam.example", "ghost@fabrikam.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"smtp_auth = { unlisted = \"allow\"; };", LOGIN("ghost@contoso.example", "ghost@contoso.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"smtp_auth = { unlisted = \"allow\"; };", LOGIN("ghost@contoso.example", "anna@contoso.example"), ACTION_REJECT,
     REASON_SENDER_NOT_OWN},
    {"smtp_auth = { deny_file = \"~/list\"; };", LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_REJECT,
     REASON_DENY_FILE},
    {"smtp_auth = { deny_file = \"~/list\"; };", LOGIN("a.berg@contoso.example", "anna@contoso.example"), ACTION_REJECT,
     REASON_DENY_FILE},
    {"smtp_auth = { deny_file = \"~/list\"; allow_file = \"~/list\"; };",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_REJECT, REASON_DENY_FILE},
    {"smtp_auth = { allow_file = \"~/list\"; };", LOGIN("bert@contoso.example", "bert@contoso.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"smtp_auth = { on_premises_file = \"~/list\"; };", LOGIN("local@contoso.example", "local@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {"smtp_auth = { on_premises_file = \"~/list\"; };", LOGIN("local@contoso.example", "anna@contoso.example"),
     ACTION_REJECT, REASON_SENDER_NOT_OWN},

    /* a password where only OAuth is allowed */
    {"", LOGIN("eva@contoso.example", "eva@contoso.example"), ACTION_REJECT, REASON_BASIC_FORBIDDEN},
    {"", "eva@contoso.example", "XOAUTH2", "203.0.113.9", "eva@contoso.example", TLS_V1_3, ACTION_PASS, REASON_ALLOWED},
    {"", "eva@contoso.example", "oauthbearer", "203.0.113.9", "eva@contoso.example", TLS_V1_3, ACTION_PASS,
     REASON_ALLOWED},
    {"", "eva@contoso.example", "", "203.0.113.9", "eva@contoso.example", TLS_V1_3, ACTION_REJECT,
     REASON_BASIC_FORBIDDEN},
    METHOD("GSSAPI", PASS, ALLOWED),
    METHOD("gs2-krb5-plus", PASS, ALLOWED),
    METHOD("EXTERNAL", PASS, ALLOWED),
    METHOD("SCRAM-SHA-256", REJECT, BASIC_FORBIDDEN),
    METHOD("SCRAM-SHA-256-PLUS", REJECT, BASIC_FORBIDDEN),
    METHOD("CRAM-MD5", REJECT, BASIC_FORBIDDEN),
    METHOD("DIGEST-MD5", REJECT, BASIC_FORBIDDEN),
    METHOD("NTLM", REJECT, BASIC_FORBIDDEN),
    METHOD("GSS-SPNEGO", REJECT, BASIC_FORBIDDEN),
    METHOD("unknown", REJECT, BASIC_FORBIDDEN),
    {"smtp_auth = { authentication_policy = false; };", LOGIN("eva@contoso.example", "eva@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},

    /* from which networks; the client is 203.0.113.9 */
    {ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"), LOGIN("anna@contoso.example", "anna@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {ONLY("user = \"anna@contoso.example\"", "203.0.113.0/24"), LOGIN("anna@contoso.example", "anna@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"), LOGIN("paul@contoso.example", "paul@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"), LOGIN("A.Berg@contoso.example", "anna@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {ONLY("user = \"A.BERG@Contoso.example\"", "192.0.2.0/24"), LOGIN("anna@contoso.example", "anna@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {ONLY("user = \"p.ulrich@contoso.example\"", "192.0.2.0/24"), LOGIN("paul@contoso.example", "paul@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {CONTOSO_NAMED ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"),
     LOGIN("CONTOSO\\anna", "anna@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    {CONTOSO_NAMED ONLY("user = \"CONTOSO\\\\anna\"", "192.0.2.0/24"), LOGIN("anna", "anna@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {"smtp_auth = { logins_file = \"~/logins\"; };" ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"),
     LOGIN("scanner7", "anna@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    {"smtp_auth = { logins_file = \"~/logins\"; };" ONLY("user = \"scanner7\"", "192.0.2.0/24"),
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    {ONLY("domain = \"Contoso.example\"", "192.0.2.0/24"), LOGIN("anna@contoso.example", "anna@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {ONLY("domain = \"contoso.example\"", "192.0.2.0/24"), LOGIN("dora@fabrikam.example", "dora@fabrikam.example"),
     ACTION_PASS, REASON_ALLOWED},
    {GROUPS ONLY("group = \"staff\"", "192.0.2.0/24"), LOGIN("anna@contoso.example", "anna@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {GROUPS ONLY("group = \"staff\"", "192.0.2.0/24"), LOGIN("paul@contoso.example", "paul@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    /* a user's row before a group's, that before a domain's; of two groups the first row */
    {GROUPS "logins_from = (" ROW("group = \"staff\"", "192.0.2.0/24") "," ROW("user = \"anna@contoso.example\"",
                                                                               "203.0.113.9") ");",
     LOGIN("a.berg@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {GROUPS "logins_from = (" ROW("domain = \"contoso.example\"", "203.0.113.0/24") "," ROW("group = \"staff\"",
                                                                                            "192.0.2.0/24") ");",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    {GROUPS
     "logins_from = (" ROW("group = \"all\"", "203.0.113.0/24") "," ROW("group = \"staff\"", "192.0.2.0/24") ");",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {GROUPS
     "logins_from = (" ROW("group = \"staff\"", "192.0.2.0/24") "," ROW("group = \"all\"", "203.0.113.0/24") ");",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    /* each of the mailboxes that claim a login has its own row, and all must agree */
    {"smtp_auth = { mode = \"monitor\"; }; logins_from = (" ROW(
         "user = \"twin1@contoso.example\"", "203.0.113.0/24") "," ROW("user = \"twin2@contoso.example\"",
                                                                       "192.0.2.0/24") ");",
     LOGIN("shared@contoso.example", "twin1@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    {"smtp_auth = { mode = \"monitor\"; };" ONLY("user = \"twin2@contoso.example\"", "192.0.2.0/24"),
     LOGIN("twin1@contoso.example", "twin1@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    /* logins without a mailbox in the directory */
    {"smtp_auth = { unlisted = \"allow\"; };" ONLY("user = \"ghost@contoso.example\"", "192.0.2.0/24"),
     LOGIN("Ghost@contoso.example", "ghost@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    {"smtp_auth = { on_premises_file = \"~/list\"; };" ONLY("domain = \"contoso.example\"", "192.0.2.0/24"),
     LOGIN("local@contoso.example", "local@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    /* clients: both families, both spellings of IPv4, none at all */
    {ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"), "anna@contoso.example", "PLAIN", "::ffff:192.0.2.7",
     "anna@contoso.example", TLS_V1_3, ACTION_PASS, REASON_ALLOWED},
    {ONLY("user = \"anna@contoso.example\"", "0.0.0.0/0"), "anna@contoso.example", "PLAIN", "2001:db8::7",
     "anna@contoso.example", TLS_V1_3, ACTION_REJECT, REASON_LOGINS_FROM},
    {ONLY("user = \"anna@contoso.example\"", "2001:db8::/64"), "anna@contoso.example", "PLAIN", "2001:db8::7",
     "anna@contoso.example", TLS_V1_3, ACTION_PASS, REASON_ALLOWED},
    {ONLY("user = \"anna@contoso.example\"", "0.0.0.0/0"), "anna@contoso.example", "PLAIN", NULL,
     "anna@contoso.example", TLS_V1_3, ACTION_REJECT, REASON_LOGINS_FROM},
    {"logins_from = ({ user = \"anna@contoso.example\"; networks = []; });",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_REJECT, REASON_LOGINS_FROM},
    {"logins_from = ({ user = \"anna@contoso.example\"; networks = \"192.0.2.0/24\"; networks_file = \"~/networks\"; "
     "});",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    /* what else refuses goes first; monitor mode lets through */
    {ONLY("user = \"bert@contoso.example\"", "192.0.2.0/24"), LOGIN("bert@contoso.example", "bert@contoso.example"),
     ACTION_REJECT, REASON_MAILBOX_DISABLED},
    {ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"), LOGIN("anna@contoso.example", "bert@contoso.example"),
     ACTION_REJECT, REASON_LOGINS_FROM},
    {"logins_from = ({ user = \"anna@contoso.example\"; networks = \"192.0.2.0/24\"; mode = \"monitor\"; });",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"mode = \"monitor\";" ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"),
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {CONNECTORS ONLY("domain = \"contoso.example\"", "203.0.113.0/24"), NONE("198.51.100.7", "scan@contoso.example"),
     ACTION_PASS, REASON_CONNECTOR},

    /* staleness: the world's settings are from the second 1000000, which is now */
    {"tenants = ({ name = \"contoso\"; max_age = \"1s\"; when_stale = \"defer\"; });",
     LOGIN("anna@contoso.example", "anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},

    /* TLS */
    {"tls = { required = true; };", "anna@contoso.example", "PLAIN", "203.0.113.9", "anna@contoso.example", TLS_NONE,
     ACTION_REJECT, REASON_TLS_REQUIRED},
    {"tls = { required = false; };", "anna@contoso.example", "PLAIN", "203.0.113.9", "anna@contoso.example", TLS_NONE,
     ACTION_PASS, REASON_ALLOWED},
    {"tls = { minimum = \"1.2\"; };", "anna@contoso.example", "PLAIN", "203.0.113.9", "anna@contoso.example", TLS_V1_1,
     ACTION_DEFER, REASON_TLS_TOO_OLD},
    {CONNECTORS, NULL, NULL, "198.51.100.7", "x@adatum.example", TLS_NONE, ACTION_REJECT, REASON_TLS_REQUIRED},
    {CONNECTORS, NULL, NULL, "198.51.100.7", "x@adatum.example", TLS_V1_2, ACTION_PASS, REASON_CONNECTOR},

    /* the envelope sender */
    {"", LOGIN("anna@contoso.example", "bert@contoso.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "a.berg@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("anna@contoso.example", "info@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("anna@contoso.example", "boss@contoso.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "anna@fabrikam.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "anna"), ACTION_REJECT, REASON_SENDER_BAD},
    {"", LOGIN("anna@contoso.example", "anna@contoso.example@adatum.example"), ACTION_REJECT, REASON_SENDER_BAD},
    {"", LOGIN("anna@contoso.example", "anna%contoso.example@adatum.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "anna+tag@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"sender = { separator = \"\"; };", LOGIN("anna@contoso.example", "anna+tag@contoso.example"), ACTION_REJECT,
     REASON_SENDER_NOT_OWN},
    {"sender = { separator = \"+-\"; };",
     LOGIN("anna@contoso.example", "anna-return-1-x=adatum.example@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"sender = { separator = \"-\"; };", LOGIN("anna@contoso.example", "bert-anna@contoso.example"), ACTION_REJECT,
     REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "prvs=1234abcdef=anna@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("anna@contoso.example", "prvs=1234abcdef=bert@contoso.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "prvs=1234abcdef=anna@adatum.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "btv1==489040e8aa2==a.berg@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("anna@contoso.example", "SRS0=guWu=HQ=contoso.example=anna@contoso.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"", LOGIN("anna@contoso.example", "SRS0=guWu=HQ=contoso.example=bert@contoso.example"), ACTION_REJECT,
     REASON_SENDER_NOT_OWN},
    /* own inside, but sent as somebody else's domain */
    {"", LOGIN("anna@contoso.example", "SRS0=guWu=HQ=contoso.example=anna@adatum.example"), ACTION_REJECT,
     REASON_SENDER_NOT_OWN},
    {"", LOGIN("anna@contoso.example", "SRS0=guWu=HQ=adatum.example=x@contoso.example"), ACTION_REJECT,
     REASON_SENDER_NOT_OWN},
    {EXCEPT("user = \"anna\"", "@lists.contoso.example"), LOGIN("a.berg@contoso.example", "x@lists.contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {EXCEPT("user = \"anna\"", "@.contoso.example"), LOGIN("anna@contoso.example", "root@web1.contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {EXCEPT("user = \"anna\"", "bert@contoso.example"), LOGIN("anna@contoso.example", "prvs=1=bert+x@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {EXCEPT("user = \"anna\"", "@.contoso.example"), LOGIN("anna@contoso.example", "root@contoso.example"),
     ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {EXCEPT("user = \"paul\"", "@lists.contoso.example"), LOGIN("anna@contoso.example", "x@lists.contoso.example"),
     ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {EXCEPT("group = \"shops\"", "bert@contoso.example"), LOGIN("anna@contoso.example", "bert@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {EXCEPT("group = \"shops\"", "bert@contoso.example"), LOGIN("p.ulrich@contoso.example", "bert@contoso.example"),
     ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"smtp_auth = { unlisted = \"allow\"; };", LOGIN("zoe@contoso.example", "zoe+x@contoso.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"", LOGIN("p.ulrich@contoso.example", "paul@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"", LOGIN("p.ulrich@contoso.example", "p.ulrich@contoso.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"", LOGIN("twin1@contoso.example", "shared@contoso.example"), ACTION_REJECT, REASON_SENDER_NOT_OWN},
    {"sender = { envelope = \"domain\"; };", LOGIN("anna@contoso.example", "bert@contoso.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"sender = { envelope = \"domain\"; };", LOGIN("anna@contoso.example", "x@fabrikam.example"), ACTION_REJECT,
     REASON_SENDER_NOT_OWN},
    {"sender = { envelope = \"any\"; };", LOGIN("anna@contoso.example", "x@adatum.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"", LOGIN("anna@contoso.example", ""), ACTION_PASS, REASON_ALLOWED},
    {"sender = { null_sender = \"reject\"; };", LOGIN("anna@contoso.example", ""), ACTION_REJECT, REASON_NULL_SENDER},

    /* connectors */
    {CONNECTORS, NONE("192.0.2.5", "scan@contoso.example"), ACTION_DEFER, REASON_RECIPIENTS_UNKNOWN},
    {CONNECTORS, NONE("192.0.2.5", "scan@adatum.example"), ACTION_REJECT, REASON_CONNECTOR_SENDER},
    {CONNECTORS, NONE("::ffff:192.0.2.5", "scan@adatum.example"), ACTION_REJECT, REASON_CONNECTOR_SENDER},
    {CONNECTORS, NONE("192.0.2.5", ""), ACTION_REJECT, REASON_NULL_SENDER},
    {CONNECTORS, NONE("198.51.100.7", ""), ACTION_PASS, REASON_CONNECTOR},
    {CONNECTORS, LOGIN("bert@contoso.example", "bert@contoso.example"), ACTION_REJECT, REASON_MAILBOX_DISABLED},

    /* restricted by Exchange Online: as login by any name, and as sender of anybody */
    {"", LOGIN("spam@contoso.example", "spam@contoso.example"), ACTION_REJECT, REASON_RESTRICTED},
    {"", LOGIN("news@contoso.example", "spam@contoso.example"), ACTION_REJECT, REASON_RESTRICTED},
    {"default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; });", LOGIN("spam", "spam@contoso.example"),
     ACTION_REJECT, REASON_RESTRICTED},
    {"", LOGIN("anna@contoso.example", "news@contoso.example"), ACTION_REJECT, REASON_RESTRICTED},
    {"", LOGIN("anna@contoso.example", "spam+tag@contoso.example"), ACTION_REJECT, REASON_RESTRICTED},
    {"sender = { envelope = \"any\"; };", LOGIN("dora@fabrikam.example", "spam@contoso.example"), ACTION_REJECT,
     REASON_RESTRICTED},
    {"", LOGIN("bert@contoso.example", "bert@contoso.example"), ACTION_REJECT, REASON_MAILBOX_DISABLED},
    {CONNECTORS, NONE("192.0.2.5", "news@contoso.example"), ACTION_REJECT, REASON_RESTRICTED},
    {"mode = \"monitor\";", LOGIN("spam@contoso.example", "spam@contoso.example"), ACTION_PASS, REASON_ALLOWED},

    /* monitor */
    {"mode = \"monitor\";", LOGIN("bert@contoso.example", "bert@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"mode = \"monitor\";", LOGIN("x?@contoso.example", "bert@contoso.example"), ACTION_PASS, REASON_ALLOWED},
    {"tenants = ({ name = \"contoso\"; mode = \"monitor\"; });", LOGIN("bert@contoso.example", "bert@contoso.example"),
     ACTION_PASS, REASON_ALLOWED},
    {"tenants = ({ name = \"fabrikam\"; mode = \"monitor\"; });", LOGIN("bert@contoso.example", "bert@contoso.example"),
     ACTION_REJECT, REASON_MAILBOX_DISABLED},
    {"sender = { mode = \"monitor\"; };", LOGIN("anna@contoso.example", "bert@contoso.example"), ACTION_PASS,
     REASON_ALLOWED},
    {"sender = { mode = \"monitor\"; };", LOGIN("bert@contoso.example", "bert@contoso.example"), ACTION_REJECT,
     REASON_MAILBOX_DISABLED},
};

static int setup(void **state)
{
    struct world *w = world_make();

    world_write(w, "logins", "scanner7 anna@contoso.example\nghost@contoso.example anna@contoso.example\n");
    world_write(w, "networks", "# the office\n203.0.113.0/24\n2001:db8:1::/48\n");
    world_write(w, "list", "anna@contoso.example\nbert@contoso.example\nlocal@contoso.example\n");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void configure(struct world *w, const char *rules)
{
    char text[2048];

    (void)snprintf(text, sizeof text, "preset = \"none\";\n%s", rules);
    world_configure(w, text);
}

static void every_row_of_the_table_is_decided_as_it_says(void **state)
{
    struct world *w = *state;
    char trace_text[4096];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = world_submission(rows[i].login, rows[i].client, rows[i].sender);
        struct buf b = BUF_OVER(trace_text);
        struct trace trace = {.out = &b};

        configure(w, rows[i].config);
        s.mechanism = slice_of(rows[i].method);
        s.tls = rows[i].tls;
        world_explain(w, &s, &trace);
        if (w->verdict.reason != rows[i].reason || w->verdict.action != rows[i].action)
            fail_msg("row %zu (%s, login %s, sender %s): %s, expected %s\n%s", i, rows[i].config,
                     rows[i].login != NULL ? rows[i].login : "none", rows[i].sender,
                     reason_row(w->verdict.reason)->name, reason_row(rows[i].reason)->name, trace_text);
        if (rows[i].action == ACTION_REJECT || rows[i].action == ACTION_DEFER)
            assert_int_equal(reply_check(w->verdict.reply, NULL), 0);
    }
}

static void without_a_directory_logins_are_deferred_and_connectors_work(void **state)
{
    struct world *w = *state;
    struct submission login = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    struct submission app = world_submission(NULL, "198.51.100.7", "x@adatum.example");
    struct submission printer = world_submission(NULL, "192.0.2.5", "scan@contoso.example");

    configure(w, CONNECTORS);
    w->context.view = NULL;
    world_decide(w, &login);
    assert_int_equal(w->verdict.action, ACTION_DEFER);
    assert_int_equal(w->verdict.reason, REASON_NO_DIRECTORY);
    world_decide(w, &app);
    assert_int_equal(w->verdict.action, ACTION_PASS);
    printer.has_recipient = true;
    printer.recipient_result = address_parse_internal(SLICE("anna@contoso.example"), &printer.recipient);
    world_decide(w, &printer);
    assert_int_equal(w->verdict.action, ACTION_DEFER);
    w->context.view = w->view;
}

static void an_internal_only_connector_sends_to_accepted_domains_only(void **state)
{
    static const struct {
        const char *recipient;
        enum reason reason;
    } table[] = {{"anna@contoso.example", REASON_CONNECTOR},
                 {"nobody@contoso.example", REASON_CONNECTOR},
                 {"x@fabrikam.example", REASON_EXTERNAL_RECIPIENT},
                 {"x@sub.contoso.example", REASON_EXTERNAL_RECIPIENT},
                 {"x@contoso.example@adatum.example", REASON_EXTERNAL_RECIPIENT},
                 {"x%adatum.example@contoso.example", REASON_EXTERNAL_RECIPIENT},
                 {"%@contoso.example", REASON_EXTERNAL_RECIPIENT},
                 {"adatum.example!x@contoso.example", REASON_EXTERNAL_RECIPIENT},
                 {"fabrikam.example!adatum.example!x%contoso.example@contoso.example", REASON_EXTERNAL_RECIPIENT},
                 {"x%adatum.example", REASON_EXTERNAL_RECIPIENT},
                 {"adatum.example!x", REASON_EXTERNAL_RECIPIENT},
                 {"#$&'*+-/=?^_`{|}~@contoso.example", REASON_CONNECTOR},
                 {"postmaster", REASON_EXTERNAL_RECIPIENT}};
    struct world *w = *state;

    configure(w, CONNECTORS);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct submission s = world_submission(NULL, "192.0.2.5", "scan@contoso.example");

        s.stage = STAGE_RCPT;
        s.has_recipient = true;
        s.recipient_result = address_parse_internal(slice_of(table[i].recipient), &s.recipient);
        world_decide(w, &s);
        if (w->verdict.reason != table[i].reason)
            fail_msg("%s: %s", table[i].recipient, reason_row(w->verdict.reason)->name);
    }
}

static void a_domain_beneath_one_with_match_subdomains_is_internal(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission(NULL, "192.0.2.5", "scan@contoso.example");

    configure(w, "connectors = ({ name = \"any\"; networks = [\"192.0.2.0/24\"]; recipients = \"internal\"; });");
    s.stage = STAGE_RCPT;
    s.has_recipient = true;
    s.recipient_result = address_parse_internal(SLICE("x@sub.fabrikam.example"), &s.recipient);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_CONNECTOR);
}

static void the_header_from_must_belong_to_the_login(void **state)
{
    static const struct {
        const char *from, *second, *sender;
        enum reason reason;
    } table[] = {
        {"anna@contoso.example", NULL, NULL, REASON_ALLOWED},
        {"Boss <anna@contoso.example>", NULL, NULL, REASON_ALLOWED},
        {"\"bert@contoso.example\" <anna@contoso.example>", NULL, NULL, REASON_ALLOWED},
        {"bert@contoso.example", NULL, NULL, REASON_FROM_NOT_OWN},
        {"info@contoso.example", NULL, NULL, REASON_ALLOWED},
        {"boss@contoso.example", NULL, NULL, REASON_FROM_NOT_OWN},
        {"boss@contoso.example", NULL, "anna@contoso.example", REASON_ALLOWED},
        {"boss@contoso.example", NULL, "boss@contoso.example", REASON_FROM_NOT_OWN},
        {"anna@contoso.example, bert@contoso.example", NULL, NULL, REASON_FROM_NOT_OWN},
        {"anna@contoso.example", "bert@contoso.example", NULL, REASON_FROM_NOT_OWN},
        {"anna@contoso.example", "a.berg@contoso.example", NULL, REASON_ALLOWED},
        {"anna@contoso.example", NULL, "bert@contoso.example", REASON_FROM_NOT_OWN},
        {"Team: anna@contoso.example;", NULL, NULL, REASON_ALLOWED},
        {"boss:;", NULL, NULL, REASON_FROM_BAD},
        {"", NULL, NULL, REASON_FROM_BAD},
        {"anna@contoso.example <bert@contoso.example", NULL, NULL, REASON_FROM_NOT_OWN},
        {"Berg, Anna <anna@contoso.example>", NULL, NULL, REASON_ALLOWED},
        {"a.berg@contoso.example <anna@contoso.example>", NULL, NULL, REASON_ALLOWED},
        {"bert@contoso.example <anna@contoso.example>", NULL, NULL, REASON_FROM_NOT_OWN},
        {"<@x:anna@contoso.example>", NULL, NULL, REASON_FROM_BAD},
    };
    struct world *w = *state;

    configure(w, "");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");
        struct headers headers = {.seen = true};

        headers_add(&headers, SLICE("Subject"), SLICE("made up"));
        if (table[i].from != NULL)
            headers_add(&headers, SLICE("FROM"), slice_of(table[i].from));
        if (table[i].second != NULL)
            headers_add(&headers, SLICE("from"), slice_of(table[i].second));
        if (table[i].sender != NULL)
            headers_add(&headers, SLICE("Sender"), slice_of(table[i].sender));
        s.headers = &headers;
        world_decide(w, &s);
        headers_clear(&headers);
        if (w->verdict.reason != table[i].reason)
            fail_msg("From: %s: %s", table[i].from, reason_row(w->verdict.reason)->name);
    }
}

static void a_refusal_for_the_header_names_the_field_and_the_address_at_fault(void **state)
{
    static const struct {
        const char *from, *sender;
        enum reason reason;
        const char *fault;
        enum header_field field;
        const char *text;
    } table[] = {
        {"anna@contoso.example", NULL, REASON_ALLOWED, NULL, HEADER_FROM, ""},
        {"Boss <Boss@contoso.example>", NULL, REASON_FROM_NOT_OWN, "not permitted", HEADER_FROM,
         "boss@contoso.example"},
        {"anna@contoso.example", "bert@contoso.example", REASON_FROM_NOT_OWN, "not permitted", HEADER_SENDER,
         "bert@contoso.example"},
        {"boss:;", NULL, REASON_FROM_BAD, "no address", HEADER_FROM, ""},
        {" Anna <@x:anna@contoso.example>", NULL, REASON_FROM_BAD, "a route", HEADER_FROM,
         "Anna <@x:anna@contoso.example>"},
        {"anna@contoso.example", "(", REASON_FROM_BAD, "name without an address", HEADER_SENDER, "("},
    };
    static const char *const modes[] = {"", "mode = \"monitor\";"};
    struct world *w = *state;

    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
        configure(w, modes[m]);
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");
            struct headers headers = {.seen = true};
            const struct verdict *v = &w->verdict;

            if (table[i].from != NULL)
                headers_add(&headers, SLICE("From"), slice_of(table[i].from));
            if (table[i].sender != NULL)
                headers_add(&headers, SLICE("Sender"), slice_of(table[i].sender));
            s.headers = &headers;
            world_decide(w, &s);
            assert_int_equal(v->monitored ? v->monitored_reason : v->reason, table[i].reason);
            assert_int_equal(v->monitored, m == 1 && table[i].fault != NULL);
            assert_int_equal(v->fault == NULL, table[i].fault == NULL);
            if (v->fault != NULL)
                assert_string_equal(v->fault, table[i].fault);
            assert_int_equal(v->fault_field, table[i].field);
            assert_true(slice_eq(v->fault_address, slice_of(table[i].text)));
            headers_clear(&headers);
        }
    }
}

/* A message with these fields (name, value; the end is NULL) and this envelope sender. */
static const struct verdict *decide_fields(struct world *w, const char *login, const char *client, const char *sender,
                                           const struct slice *fields)
{
    struct submission s = world_submission(login, client, sender);
    struct headers headers = {.seen = true};
    static struct address kept;

    for (; fields->p != NULL; fields += 2)
        headers_add(&headers, fields[0], fields[1]);
    s.headers = &headers;
    world_decide(w, &s);
    headers_clear(&headers);
    if (w->verdict.add_from != NULL) { /* which is the submission's, that ends here */
        address_copy(w->verdict.add_from, &kept);
        w->verdict.add_from = &kept;
    }
    return &w->verdict;
}

#define FIELDS(...)                                                                                                    \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            NULL, 0                                                                                                    \
        }                                                                                                              \
    }
#define FIELD(name, value) SLICE(name), SLICE(value)
#define ANY_SENDER "sender = { envelope = \"any\"; };"
#define SWITCHED_OFF "sender = { add_missing_from = false; };"

static void a_message_without_any_from_gets_its_own_sender(void **state)
{
    static const struct {
        const char *rules, *login, *client, *sender;
        struct slice fields[8];
        enum reason reason;
        const char *added; /* NULL: nothing is */
    } table[] = {
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example", FIELDS(FIELD("Subject", "x")),
         REASON_ALLOWED, "anna@contoso.example"},
        {"",
         "anna@contoso.example",
         "203.0.113.9",
         "anna@contoso.example",
         {{NULL, 0}},
         REASON_ALLOWED,
         "anna@contoso.example"},
        {"", "anna@contoso.example", "203.0.113.9", "Anna+Scan@Contoso.Example",
         FIELDS(FIELD("To", "b@adatum.example")), REASON_ALLOWED, "anna+scan@contoso.example"},
        {"", "anna@contoso.example", "203.0.113.9", "info@contoso.example",
         FIELDS(FIELD("X-From", "boss@contoso.example")), REASON_ALLOWED, "info@contoso.example"},
        /* on behalf of the boss: not without a Sender, and not as the envelope's */
        {ANY_SENDER, "anna@contoso.example", "203.0.113.9", "boss@contoso.example", FIELDS(FIELD("Subject", "x")),
         REASON_FROM_BAD, NULL},
        {ANY_SENDER, "anna@contoso.example", "203.0.113.9", "bert@contoso.example", FIELDS(FIELD("Subject", "x")),
         REASON_FROM_BAD, NULL},
        {"", "anna@contoso.example", "203.0.113.9", "", FIELDS(FIELD("Subject", "x")), REASON_FROM_BAD, NULL},
        {SWITCHED_OFF, "anna@contoso.example", "203.0.113.9", "anna@contoso.example", FIELDS(FIELD("Subject", "x")),
         REASON_FROM_BAD, NULL},
        /* other fields are judged as ever */
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         FIELDS(FIELD("Sender", "bert@contoso.example")), REASON_FROM_NOT_OWN, NULL},
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         FIELDS(FIELD("Sender", "anna@contoso.example")), REASON_ALLOWED, "anna@contoso.example"},
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         FIELDS(FIELD("Resent-From", "bert@contoso.example")), REASON_FROM_NOT_OWN, NULL},
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example", FIELDS(FIELD("Sender", "(")),
         REASON_FROM_BAD, NULL},
        /* what some reader could take for a From */
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example", FIELDS(FIELD("From", "")), REASON_FROM_BAD,
         NULL},
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         FIELDS(FIELD("From ", "bert@contoso.example")), REASON_FROM_NOT_OWN, NULL},
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         FIELDS(FIELD("Fr\0om", "bert@contoso.example")), REASON_FROM_BAD, NULL},
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         FIELDS(FIELD("\xef\xbb\xbf"
                      "From",
                      "bert@contoso.example")),
         REASON_FROM_BAD, NULL},
        {"", "anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         FIELDS(FIELD("Subject", "x\rFrom: bert@contoso.example")), REASON_FROM_BAD, NULL},
        /* connectors */
        {"", NULL, "192.0.2.5", "scan@contoso.example", FIELDS(FIELD("Subject", "x")), REASON_CONNECTOR,
         "scan@contoso.example"},
        {"", NULL, "192.0.2.5", "", FIELDS(FIELD("Subject", "x")), REASON_FROM_BAD, NULL},
        {SWITCHED_OFF, NULL, "192.0.2.5", "scan@contoso.example", FIELDS(FIELD("Subject", "x")), REASON_FROM_BAD, NULL},
        {"", NULL, "192.0.2.5", "b\xc3\xbcro@contoso.example", FIELDS(FIELD("Subject", "x")), REASON_FROM_BAD, NULL},
        {"", NULL, "192.0.2.200", "anybody@fabrikam.example", FIELDS(FIELD("Subject", "x")), REASON_CONNECTOR, NULL},
    };
    struct world *w = *state;
    char rules[512];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct verdict *v;

        (void)snprintf(
            rules, sizeof rules,
            "%s connectors = ({ name = \"scan\"; networks = [\"192.0.2.0/25\"]; senders = [\"@contoso.example\"];"
            " null_sender = true; }, { name = \"any\"; networks = [\"192.0.2.128/25\"]; });",
            table[i].rules);
        configure(w, rules);
        v = decide_fields(w, table[i].login, table[i].client, table[i].sender, table[i].fields);
        if (v->reason != table[i].reason)
            fail_msg("row %zu: %s", i, reason_row(v->reason)->name);
        /* what is refused for another field may have been marked before: the milter adds to what passes only */
        if (v->action == ACTION_PASS && (v->add_from == NULL) != (table[i].added == NULL))
            fail_msg("row %zu: %s", i, v->add_from != NULL ? v->add_from->text : "nothing is added");
        if (table[i].added != NULL)
            assert_string_equal(v->add_from->text, table[i].added);
        assert_false(v->would_add_from);
    }
}

static void in_monitor_mode_a_missing_from_is_only_told_of(void **state)
{
    static const struct slice fields[] = FIELDS(FIELD("Subject", "x"));
    static const char *const modes[] = {"mode = \"monitor\";", "sender = { mode = \"monitor\"; };"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const struct verdict *v;

        configure(w, modes[i]);
        v = decide_fields(w, "anna@contoso.example", "203.0.113.9", "anna@contoso.example", fields);
        assert_int_equal(v->reason, REASON_ALLOWED);
        assert_null(v->add_from);
        assert_true(v->would_add_from);
        assert_false(v->monitored);
        v = decide_fields(w, "anna@contoso.example", "203.0.113.9", "bert@contoso.example", fields);
        assert_true(v->monitored);
        assert_false(v->would_add_from);
    }
}

static void more_recipients_than_the_maximum_are_refused_one_by_one_and_at_the_end(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    configure(w, "recipients = { max = 3; };");
    s.recipient_count = 4;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_TOO_MANY_RECIPIENTS);
    s.recipient_count = 3;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    s.stage = STAGE_RCPT;
    s.recipient_count = 0;
    s.has_recipient = true;
    s.recipient_result = address_parse_internal(SLICE("x@adatum.example"), &s.recipient);
    w->recipients.n = 2;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    w->recipients.n = 3;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_EXCESS_RECIPIENT);
    assert_int_equal(w->verdict.action, ACTION_DEFER);
    w->recipients.n = 0;
}

/* Nor is any of its recipients lost: a second one goes into another message, and a message to two is refused whole. */
static void a_null_sender_with_two_recipients_is_no_delivery_report(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *rules, *login, *client;
        enum reason one, next, all;
    } table[] = {
        {"", "anna@contoso.example", "203.0.113.9", REASON_ALLOWED, REASON_EXCESS_RECIPIENT, REASON_NULL_SENDER},
        {CONNECTORS, NULL, "198.51.100.7", REASON_CONNECTOR, REASON_EXCESS_RECIPIENT, REASON_NULL_SENDER},
        {"sender = { null_sender = \"reject\"; };", "anna@contoso.example", "203.0.113.9", REASON_NULL_SENDER,
         REASON_NULL_SENDER, REASON_NULL_SENDER},
        {"sender = { null_sender = \"allow\"; };", "anna@contoso.example", "203.0.113.9", REASON_ALLOWED,
         REASON_ALLOWED, REASON_ALLOWED},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct submission s = world_submission(table[i].login, table[i].client, "");

        configure(w, table[i].rules);
        for (uint32_t n = 1; n <= 3; n++) {
            s.recipient_count = n;
            world_decide(w, &s);
            assert_int_equal(w->verdict.reason, n == 1 ? table[i].one : table[i].all);
        }
        s.stage = STAGE_RCPT;
        s.recipient_count = 0;
        s.has_recipient = true;
        s.recipient_result = address_parse_internal(SLICE("x@adatum.example"), &s.recipient);
        for (w->recipients.n = 0; w->recipients.n < 3; w->recipients.n++) {
            world_decide(w, &s);
            assert_int_equal(w->verdict.reason, w->recipients.n == 0 ? table[i].one : table[i].next);
        }
        w->recipients.n = 0;
    }
}

static void stale_settings_defer_where_the_tenant_says_so(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    w->context.wall_s = 1000000 + 7200;
    configure(w, "tenants = ({ name = \"contoso\"; max_age = \"1h\"; when_stale = \"defer\"; });");
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_DIRECTORY_STALE);
    configure(w, "tenants = ({ name = \"contoso\"; max_age = \"1h\"; when_stale = \"keep\"; });");
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    w->context.wall_s = 1000000;
}

static void the_minimum_of_tls_is_enough_and_one_below_is_not(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *minimum;
        enum tls_version enough, below;
        enum reason reason; /* the words of Exchange Online name 1.0 and 1.1 */
    } tls_rows[] = {{"1.0", TLS_V1_0, TLS_OLD, REASON_TLS_BELOW},    {"1.1", TLS_V1_1, TLS_V1_0, REASON_TLS_BELOW},
                    {"1.2", TLS_V1_2, TLS_V1_0, REASON_TLS_TOO_OLD}, {"1.2", TLS_V1_2, TLS_V1_1, REASON_TLS_TOO_OLD},
                    {"1.2", TLS_V1_2, TLS_OLD, REASON_TLS_BELOW},    {"1.3", TLS_V1_3, TLS_V1_1, REASON_TLS_TOO_OLD},
                    {"1.3", TLS_V1_3, TLS_V1_2, REASON_TLS_BELOW}};
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    for (size_t i = 0; i < sizeof tls_rows / sizeof tls_rows[0]; i++) {
        char rules[80];

        (void)snprintf(rules, sizeof rules, "tls = { minimum = \"%s\"; };", tls_rows[i].minimum);
        configure(w, rules);
        s.tls = tls_rows[i].enough;
        world_decide(w, &s);
        assert_int_equal(w->verdict.reason, REASON_ALLOWED);
        s.tls = tls_rows[i].below;
        world_decide(w, &s);
        assert_int_equal(w->verdict.reason, tls_rows[i].reason);
        s.tls = TLS_NEWER;
        world_decide(w, &s);
        assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    }
}

static void a_login_without_a_domain_belongs_to_the_only_tenant_that_there_is(void **state)
{
    static const struct tenant_facts facts = {
        .name = "contoso", .smtp_auth = SMTP_AUTH_DISABLED, .settings_at = 1000000};
    struct world *w = *state;
    struct submission s = world_submission("anna", "203.0.113.9", "anna@contoso.example");
    struct directory_view *three = w->view;
    struct writer_summary summary;
    struct directory *one = NULL;
    struct writer *writer;
    uint32_t tenants[3] = {0};
    struct error e;

    configure(w, "");
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_NO_TENANT);
    if (writer_begin(world_file(w, "one"), &writer, &e) != 0 ||
        writer_set_tenant(writer, &facts, &tenants[CONTOSO], &e) != 0)
        fail_msg("%s", e.text);
    world_put(tenants, &world_mailboxes[0]);
    if (puts_write(writer, &e) != 0 || writer_finish(writer, &summary, &e) != 0 ||
        directory_open(world_file(w, "one"), &one, &e) != 0 || directory_refresh(one, &e) != 1)
        fail_msg("%s", e.text);
    writer_close(writer);
    w->context.view = directory_view_get(one);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    directory_view_put(one, (struct directory_view *)(uintptr_t)w->context.view);
    directory_close(one);
    w->context.view = three;
}

static void before_a_list_of_mailboxes_came_in_every_login_is_deferred(void **state)
{
    static const char *const logins[] = {"anna@contoso.example", "anna@adatum.example", "anna", "ADATUM\\anna"};
    static const struct tenant_facts facts = {
        .name = "contoso", .smtp_auth = SMTP_AUTH_DISABLED, .settings_at = 1000000};
    struct world *w = *state;
    struct directory_view *full = w->view;
    struct writer_summary summary;
    struct directory *empty = NULL;
    struct writer *writer;
    uint32_t tenant;
    struct error e;

    configure(w, "");
    if (writer_begin(world_file(w, "empty"), &writer, &e) != 0 || writer_set_tenant(writer, &facts, &tenant, &e) != 0 ||
        writer_finish(writer, &summary, &e) != 0 || directory_open(world_file(w, "empty"), &empty, &e) != 0 ||
        directory_refresh(empty, &e) != 1)
        fail_msg("%s", e.text);
    writer_close(writer);
    w->context.view = directory_view_get(empty);
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        struct submission s = world_submission(logins[i], "203.0.113.9", "anna@contoso.example");

        world_decide(w, &s);
        if (w->verdict.action != ACTION_DEFER || w->verdict.reason != REASON_SETTING_UNKNOWN)
            fail_msg("%s: %s", logins[i], reason_row(w->verdict.reason)->name);
    }
    directory_view_put(empty, (struct directory_view *)(uintptr_t)w->context.view);
    directory_close(empty);
    w->context.view = full;
}

/* What was brought in says that of contoso from now on. */
static void set_gates(struct world *w, enum tri security_defaults, enum tri default_basic_smtp)
{
    struct tenant_facts facts = *directory_tenant_named(w->view, SLICE("contoso"));
    struct writer_summary summary;
    struct writer *writer;
    uint32_t index;
    struct error e;

    facts.security_defaults = security_defaults;
    facts.default_basic_smtp = default_basic_smtp;
    if (writer_begin(world_file(w, "directory"), &writer, &e) != 0 ||
        writer_set_tenant(writer, &facts, &index, &e) != 0 || writer_finish(writer, &summary, &e) != 0)
        fail_msg("%s", e.text);
    writer_close(writer);
    directory_view_put(w->directory, w->view);
    if (directory_refresh(w->directory, &e) != 1)
        fail_msg("%s", e.text);
    w->context.view = w->view = directory_view_get(w->directory);
    assert_non_null(w->view);
}

static void security_defaults_and_the_default_policy_are_gates_unless_switched_off(void **state)
{
    struct world *w = *state;
    static const struct {
        enum tri security_defaults, default_basic_smtp;
        const char *rules, *login, *method;
        enum reason reason;
    } gate_rows[] = {
        {TRI_NO, TRI_YES, "", "anna@contoso.example", "PLAIN", REASON_ALLOWED},
        {TRI_YES, TRI_UNKNOWN, "", "anna@contoso.example", "PLAIN", REASON_SECURITY_DEFAULTS},
        {TRI_YES, TRI_UNKNOWN, "", "anna@contoso.example", "XOAUTH2", REASON_SECURITY_DEFAULTS},
        {TRI_YES, TRI_UNKNOWN, "", "dora@fabrikam.example", "PLAIN", REASON_ALLOWED},
        {TRI_YES, TRI_UNKNOWN, "smtp_auth = { security_defaults = false; };", "anna@contoso.example", "PLAIN",
         REASON_ALLOWED},
        {TRI_YES, TRI_UNKNOWN, "smtp_auth = { unlisted = \"allow\"; };", "ghost@contoso.example", "PLAIN",
         REASON_SECURITY_DEFAULTS},
        {TRI_YES, TRI_UNKNOWN, "smtp_auth = { allow_file = \"~/list\"; };", "anna@contoso.example", "PLAIN",
         REASON_ALLOWED},
        {TRI_NO, TRI_NO, "", "anna@contoso.example", "PLAIN", REASON_BASIC_FORBIDDEN},
        {TRI_NO, TRI_NO, "", "anna@contoso.example", "XOAUTH2", REASON_ALLOWED},
        {TRI_NO, TRI_NO, "smtp_auth = { authentication_policy = false; };", "anna@contoso.example", "PLAIN",
         REASON_ALLOWED},
        {TRI_NO, TRI_NO, "smtp_auth = { unlisted = \"allow\"; };", "ghost@contoso.example", "PLAIN",
         REASON_BASIC_FORBIDDEN},
    };

    for (size_t i = 0; i < sizeof gate_rows / sizeof gate_rows[0]; i++) {
        struct submission s = world_submission(gate_rows[i].login, "203.0.113.9", gate_rows[i].login);

        s.mechanism = slice_of(gate_rows[i].method);
        set_gates(w, gate_rows[i].security_defaults, gate_rows[i].default_basic_smtp);
        configure(w, gate_rows[i].rules);
        world_decide(w, &s);
        if (w->verdict.reason != gate_rows[i].reason)
            fail_msg("row %zu: %s", i, reason_row(w->verdict.reason)->name);
    }
    set_gates(w, TRI_UNKNOWN, TRI_UNKNOWN);
}

static void a_domain_that_the_configuration_gives_a_tenant_is_internal(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *rules, *recipient;
        enum reason reason;
    } domain_rows[] = {
        {"", "x@lab.example", REASON_EXTERNAL_RECIPIENT},
        {"", "x@contoso.example", REASON_CONNECTOR},
        {"", "x@fabrikam.example", REASON_CONNECTOR},
        {"tenants = ({ name = \"contoso\"; domains = [\"lab.example\"]; });", "x@lab.example", REASON_CONNECTOR},
        {"tenants = ({ name = \"contoso\"; domains = [\"lab.example\"]; });", "x@sub.lab.example",
         REASON_EXTERNAL_RECIPIENT},
        {"tenants = ({ name = \"contoso\"; domains = [\"lab.example\"]; });", "no-address", REASON_EXTERNAL_RECIPIENT},
    };

    for (size_t i = 0; i < sizeof domain_rows / sizeof domain_rows[0]; i++) {
        struct submission s = world_submission(NULL, "192.0.2.5", "scan@contoso.example");
        char rules[400];

        (void)snprintf(rules, sizeof rules,
                       "connectors = ({ name = \"p\"; networks = \"192.0.2.0/24\"; recipients = "
                       "\"internal\"; });%s",
                       domain_rows[i].rules);
        configure(w, rules);
        s.stage = STAGE_RCPT;
        s.recipient_count = 0;
        s.has_recipient = true;
        s.recipient_text = slice_of(domain_rows[i].recipient);
        s.recipient_result = address_parse_internal(s.recipient_text, &s.recipient);
        world_decide(w, &s);
        if (w->verdict.reason != domain_rows[i].reason)
            fail_msg("row %zu: %s", i, reason_row(w->verdict.reason)->name);
    }
}

static void monitor_mode_says_what_it_would_have_refused(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("bert@contoso.example", "203.0.113.9", "anna@contoso.example");

    configure(w, "mode = \"monitor\";");
    world_decide(w, &s);
    assert_int_equal(w->verdict.action, ACTION_PASS);
    assert_true(w->verdict.monitored);
    assert_int_equal(w->verdict.monitored_reason, REASON_MAILBOX_DISABLED);
}

static void a_row_in_monitor_mode_tells_of_a_login_from_elsewhere(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    configure(w,
              "logins_from = ({ user = \"anna@contoso.example\"; networks = \"192.0.2.0/24\"; mode = \"monitor\"; });");
    world_decide(w, &s);
    assert_int_equal(w->verdict.action, ACTION_PASS);
    assert_true(w->verdict.monitored);
    assert_int_equal(w->verdict.monitored_reason, REASON_LOGINS_FROM);
}

/* The administrator sees which row it is and what it allows; the client learns neither. */
static void the_networks_of_a_login_are_in_the_trace_and_not_in_the_reply(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("a.berg@contoso.example", "203.0.113.9", "anna@contoso.example");
    char text[4096], reply[REPLY_MAX + 1];
    struct buf b = BUF_OVER(text), r = BUF_OVER(reply);
    struct trace trace = {.out = &b};

    configure(w, ONLY("user = \"anna@contoso.example\"", "192.0.2.0/24"));
    world_explain(w, &s, &trace);
    assert_non_null(strstr(text,
                           "\nnetwork: only 192.0.2.0/24 by logins_from, user anna@contoso.example; the client is "
                           "elsewhere\nrefuse: logins-from (550 5.7.139 "));
    buf_add(&r, w->verdict.reply);
    assert_null(strstr(reply, "192."));
    assert_null(strstr(reply, "network"));
    s.has_client = ip_parse(SLICE("192.0.2.77"), &s.client);
    b.n = 0;
    world_explain(w, &s, &trace);
    assert_non_null(strstr(text, "user anna@contoso.example; the client is there\n"));
    s = world_submission("paul@contoso.example", "203.0.113.9", "paul@contoso.example");
    b.n = 0;
    world_explain(w, &s, &trace);
    assert_non_null(strstr(text, "\nnetwork: any, no row of logins_from is for this login\n"));
}

static void the_trace_says_why_a_limit_is_not_about_the_message(void **state)
{
    static const struct {
        const char *login, *client, *sender, *says;
    } messages[] = {
        {"anna@contoso.example", "203.0.113.9", "anna@contoso.example",
         "\nlimit cloud: not about this message, by its sender's domain\n"},
        {"anna@contoso.example", "203.0.113.9", "anna@contoso.onmicrosoft.com", "\nlimit cloud: 0 used, 1 left of 1 "},
        {"anna@contoso.example", "203.0.113.9", "", "\nlimit cloud: not about this message, by its sender's domain\n"},
        {"anna@contoso.example", "203.0.113.9", "anna@contoso.example", "\nlimit staff: 0 used, 2 left of 2 "},
        {"paul@contoso.example", "203.0.113.9", "paul@contoso.example",
         "\nlimit staff: not about this message, by its login's groups\n"},
        {NULL, "198.51.100.7", "paul@contoso.example", "\nlimit printers: not about this message, by its connector\n"},
    };
    struct world *w = *state;
    char text[4096];

    configure(w, CONNECTORS GROUPS
              "sender = { envelope = \"any\"; };"
              "limits = ({ name = \"cloud\"; per = \"tenant\"; count = \"messages\"; rate = \"1/d\";"
              "            only = { sender_domain = \"@.onmicrosoft.com\"; }; },"
              "          { name = \"staff\"; per = \"tenant\"; count = \"messages\"; rate = \"2/d\";"
              "            only = { group = \"staff\"; }; },"
              "          { name = \"printers\"; per = \"connector\"; count = \"messages\"; rate = \"3/d\";"
              "            only = { connector = \"printers\"; }; });");
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct submission s = world_submission(messages[i].login, messages[i].client, messages[i].sender);
        struct buf b = BUF_OVER(text);
        struct trace trace = {.out = &b};

        world_explain(w, &s, &trace);
        if (strstr(text, messages[i].says) == NULL)
            fail_msg("row %zu says:\n%s not:\n%s", i, text, messages[i].says);
    }
}

static void an_operator_can_replace_a_reply(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("bert@contoso.example", "203.0.113.9", "bert@contoso.example");

    configure(w, "replies = { mailbox-disabled = \"450 4.7.1 Ask the help desk\"; };");
    world_decide(w, &s);
    assert_int_equal(w->verdict.action, ACTION_DEFER);
    assert_true(slice_eq(w->verdict.reply, SLICE("450 4.7.1 Ask the help desk")));
    configure(w, "replies = { mailbox-disabled = \"550 5.7.139 {login} at {client} may not\"; };");
    world_decide(w, &s);
    assert_int_equal(w->verdict.action, ACTION_REJECT);
    assert_true(slice_eq(w->verdict.reply, SLICE("550 5.7.139 bert@contoso.example at 203.0.113.9 may not")));
}

/* Nothing but the tenant's own rows may matter. */
static void all_spellings_of_a_login_share_one_key_and_tenants_none(void **state)
{
    static const char *const spellings[] = {"anna@contoso.example", "ANNA@CONTOSO.EXAMPLE", "a.berg@contoso.example",
                                            "anna", "CONTOSO\\anna"};
    struct world *w = *state;
    struct submission s = world_submission("anna@fabrikam.example", "203.0.113.9", "anna@fabrikam.example");
    uint64_t first = 0;

    configure(w, "default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; netbios = [\"CONTOSO\"]; });");
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        struct submission one = world_submission(spellings[i], "203.0.113.9", "anna@contoso.example");

        world_decide(w, &one);
        assert_int_equal(w->verdict.reason, REASON_ALLOWED);
        first = i == 0 ? w->verdict.identity.user : first;
        assert_true(w->verdict.identity.user == first);
    }
    world_decide(w, &s);
    assert_true(w->verdict.identity.user != first);
}

static void what_another_relay_denies_comes_before_what_this_one_allows(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("bert@contoso.example", "203.0.113.9", "bert@contoso.example");
    static const char text[] = "preset = \"none\"; cluster = { server = \"unix:/nowhere\"; folder = \"~/others\"; }; "
                               "smtp_auth = { allow_file = \"~/own\"; };";

    world_write(w, "own", "bert@contoso.example\n");
    assert_int_equal(mkdir(world_file(w, "others"), 0700), 0);
    world_configure(w, text);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    world_write(w, "others/deny", "bert\n");
    world_configure(w, text);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_DENY_FILE);
    world_write(w, "others/deny", "");
    world_write(w, "others/allow", "cleo@contoso.example\n");
    world_configure(w, text);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    s = world_submission("cleo@contoso.example", "203.0.113.9", "cleo@contoso.example");
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_is_decided_as_it_says),
        cmocka_unit_test(without_a_directory_logins_are_deferred_and_connectors_work),
        cmocka_unit_test(an_internal_only_connector_sends_to_accepted_domains_only),
        cmocka_unit_test(a_domain_beneath_one_with_match_subdomains_is_internal),
        cmocka_unit_test(the_header_from_must_belong_to_the_login),
        cmocka_unit_test(a_refusal_for_the_header_names_the_field_and_the_address_at_fault),
        cmocka_unit_test(a_message_without_any_from_gets_its_own_sender),
        cmocka_unit_test(in_monitor_mode_a_missing_from_is_only_told_of),
        cmocka_unit_test(more_recipients_than_the_maximum_are_refused_one_by_one_and_at_the_end),
        cmocka_unit_test(a_null_sender_with_two_recipients_is_no_delivery_report),
        cmocka_unit_test(stale_settings_defer_where_the_tenant_says_so),
        cmocka_unit_test(the_minimum_of_tls_is_enough_and_one_below_is_not),
        cmocka_unit_test(a_login_without_a_domain_belongs_to_the_only_tenant_that_there_is),
        cmocka_unit_test(before_a_list_of_mailboxes_came_in_every_login_is_deferred),
        cmocka_unit_test(security_defaults_and_the_default_policy_are_gates_unless_switched_off),
        cmocka_unit_test(a_domain_that_the_configuration_gives_a_tenant_is_internal),
        cmocka_unit_test(monitor_mode_says_what_it_would_have_refused),
        cmocka_unit_test(a_row_in_monitor_mode_tells_of_a_login_from_elsewhere),
        cmocka_unit_test(the_networks_of_a_login_are_in_the_trace_and_not_in_the_reply),
        cmocka_unit_test(the_trace_says_why_a_limit_is_not_about_the_message),
        cmocka_unit_test(an_operator_can_replace_a_reply),
        cmocka_unit_test(all_spellings_of_a_login_share_one_key_and_tenants_none),
        cmocka_unit_test_setup_teardown(what_another_relay_denies_comes_before_what_this_one_allows, setup, teardown),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
