/*
 * The rules of "postern audit". The identifiers are those of CISA's Secure Configuration Baseline for Exchange Online
 * (MS.EXO.5.1v1, "SMTP AUTH SHALL be disabled", which may be enabled per mailbox as needed) and of the CIS Microsoft
 * 365 Foundations Benchmark (6.5.4, "Ensure SMTP AUTH is disabled").
 */
#include "core/report/audit.h"

#define BASELINES "CISA MS.EXO.5.1v1, CIS 6.5.4"
#define BASELINE_PER_MAILBOX "CISA MS.EXO.5.1v1"

const struct rule audit_rules[AUDIT_RULES] = {
    [AUDIT_MIRROR_NOT_USED] =
        {"mirror-not-used", SEVERITY_CRITICAL, NULL, "the services decide by the directory that is in its folder",
         "put the folder's manifest back, or run postern-mirror; see that the services may read it"},
    [AUDIT_MIRROR_MISSING] = {"mirror-missing", SEVERITY_CRITICAL, NULL, "Exchange Online's settings are mirrored",
                              "run postern-mirror: without its directory all authenticated mail is deferred"},
    [AUDIT_MIRROR_DAMAGED] = {"mirror-damaged", SEVERITY_CRITICAL, NULL, "every record of the directory is whole",
                              "look at the disk, then run postern-mirror: it writes the directory again"},
    [AUDIT_MIRROR_STALE] = {"mirror-stale", SEVERITY_HIGH, NULL, "the mirrored settings are fresh",
                            "see why postern-mirror fails: journalctl -u postern-mirror"},
    [AUDIT_NOT_MIRRORED] =
        {"not-mirrored", SEVERITY_MEDIUM, NULL, "all that can forbid SMTP AUTH is mirrored",
         "import these exports too (export.ps1 makes all of them), or let postern-mirror fetch them: "
         "what they forbid in Exchange Online is not forbidden here"},
    [AUDIT_SIGN_INS] = {"sign-ins-stale", SEVERITY_MEDIUM, NULL, "sign-ins at Exchange Online are read",
                        "postern-mirror doctor says what is missing: what is not read within 30 days is gone, and "
                        "\"postern report unused\" needs it"},
    [AUDIT_ORGANIZATION_ENABLED] = {"organization-enabled", SEVERITY_HIGH, BASELINES,
                                    "SMTP AUTH is disabled for the organization, and enabled per mailbox only",
                                    "Set-TransportConfig -SmtpClientAuthenticationDisabled $true, after enabling the "
                                    "mailboxes of \"postern report used\" one by one"},
    [AUDIT_ORGANIZATION_UNKNOWN] = {"organization-unknown", SEVERITY_MEDIUM, BASELINES,
                                    "the organization's setting is known",
                                    "import Get-TransportConfig too, or let postern-mirror fetch it"},
    [AUDIT_BASIC_NOT_FORBIDDEN] = {"basic-not-forbidden", SEVERITY_LOW, NULL,
                                   "passwords are forbidden by security defaults or the default policy",
                                   "switch security defaults on, or make an authentication policy without "
                                   "AllowBasicAuthSmtp the default one"},
    [AUDIT_GATES_OFF] = {"gates-off", SEVERITY_MEDIUM, NULL, "the relay heeds what forbids signing in to the cloud",
                         "smtp_auth.security_defaults and smtp_auth.authentication_policy = true, and "
                         "smtp_auth.disabled_accounts = \"people\", in postern.conf"},
    [AUDIT_SHARED_ENABLED] = {"shared-enabled", SEVERITY_MEDIUM, BASELINE_PER_MAILBOX,
                              "no shared, room or equipment mailbox may use SMTP AUTH",
                              "Set-CASMailbox -SmtpClientAuthenticationDisabled $true for each; who sends for them "
                              "gets a mailbox of its own"},
    [AUDIT_PEOPLE_ENABLED] = {"people-enabled", SEVERITY_LOW, BASELINE_PER_MAILBOX,
                              "SMTP AUTH is enabled for devices and applications, not for people",
                              "look through \"postern report enabled\"; people's programs have modern ways to send"},
    [AUDIT_LOGIN_ANYWHERE] = {"login-anywhere", SEVERITY_MEDIUM, NULL,
                              "what is no person signs in from its own network only",
                              "a row in logins_from for each, or one for a group of them: a password that was stolen "
                              "is worth nothing elsewhere then"},
    [AUDIT_RESTRICTED] = {"restricted", SEVERITY_HIGH, NULL, "Exchange Online has blocked no mailbox for spam",
                          "find out who sent in their name (postern log), change their passwords, then release them in "
                          "the portal's restricted entities"},
    [AUDIT_ACCOUNT_DISABLED] = {"account-disabled", SEVERITY_LOW, BASELINE_PER_MAILBOX,
                                "no mailbox whose account is disabled may use SMTP AUTH",
                                "Set-CASMailbox -SmtpClientAuthenticationDisabled $true for each, so that enabling the "
                                "account again doesn't open it; or enable the account, if its mail is wanted"},
    [AUDIT_ALLOWED_UNUSED] = {"allowed-unused", SEVERITY_MEDIUM, BASELINE_PER_MAILBOX, "who may use SMTP AUTH uses it",
                              "postern report unused --powershell makes the script that disables them"},
    [AUDIT_LOCAL_ALLOW] = {"local-allow", SEVERITY_LOW, BASELINE_PER_MAILBOX,
                           "no local file overrides what Exchange Online says",
                           "enable these mailboxes in Exchange Online, then postern forget them here, with --cluster "
                           "what all relays share"},
    [AUDIT_UNLISTED] = {"unlisted", SEVERITY_HIGH, NULL, "logins that nobody knows are refused",
                        "smtp_auth.unlisted = \"reject\" in postern.conf"},
    [AUDIT_MONITOR] = {"monitor", SEVERITY_MEDIUM, NULL, "what the rules refuse is refused",
                       "postern would-refuse shows what enforcing would change; then mode = \"enforce\""},
    [AUDIT_BASIC_USED] = {"basic-used", SEVERITY_MEDIUM, NULL, "nobody signs in with a password",
                          "move them to OAuth: Exchange Online switches Basic authentication for SMTP off for existing "
                          "tenants at the end of December 2026"},
    [AUDIT_OLD_TLS_USED] = {"old-tls-used", SEVERITY_HIGH, NULL, "nobody submits without TLS or with an old one",
                            "postern report legacy-tls names them; then tls = { required = true; minimum = \"1.2\"; }"},
    [AUDIT_USAGE_MISSING] = {"usage-missing", SEVERITY_MEDIUM, NULL, "the usage of all relays of the cluster is known",
                             "postern status --cluster: postern-cluster must run on each relay, and each keep a "
                             "journal; until then who sends through them may seem unused"},
    [AUDIT_TLS_RULE] = {"tls-rule", SEVERITY_HIGH, NULL, "logins need TLS 1.2",
                        "tls = { required = true; minimum = \"1.2\"; mode = \"enforce\"; } in postern.conf"},
    [AUDIT_SENDER_RULE] = {"sender-rule", SEVERITY_MEDIUM, NULL, "a login sends as itself only",
                           "sender = { envelope = \"own\"; header_from = \"own\"; } in postern.conf"},
    [AUDIT_CONNECTOR_WIDE] = {"connector-wide", SEVERITY_MEDIUM, NULL, "connectors are no wider than their devices",
                              "name the devices' own addresses or networks"},
    [AUDIT_CONNECTOR_OPEN] = {"connector-open", SEVERITY_MEDIUM, NULL, "what a connector's devices may send is bounded",
                              "give the connector senders, or recipients = \"internal\""},
    [AUDIT_CLOUD_OPEN] = {"exchange-online-open", SEVERITY_CRITICAL, NULL,
                          "mail from Exchange Online is one's own organization's",
                          "give the connector senders: the organization's domains; doc/exchange-online.md, \"Mail from "
                          "Exchange Online through this relay\""},
    [AUDIT_NO_LIMIT] = {"no-limit", SEVERITY_HIGH, NULL, "every login is limited",
                        "preset = \"standard\" in postern.conf"},
    [AUDIT_LIMIT_ABOVE_SERVICE] = {"limit-above-service", SEVERITY_MEDIUM, NULL,
                                   "the relay stops a login before Exchange Online does",
                                   "30/m for messages and 10000/d for recipients are the service's own"},
    [AUDIT_NO_ALERTS] = {"no-alerts", SEVERITY_LOW, NULL, "somebody is notified when a login is blocked",
                         "add a webhook or a command to alerts in postern.conf, and start postern-alert"},
    [AUDIT_ALERT_COMMAND] = {"alert-command", SEVERITY_HIGH, NULL, "the commands of alerts can be run",
                             "put the program there, or correct alerts in postern.conf; then postern alert --test"},
    [AUDIT_NOTICES] = {"notices-undelivered", SEVERITY_HIGH, NULL, "notices arrive",
                       "see why in the log of postern-alert (journalctl -u postern-alert); then postern alert --test"},
    [AUDIT_UNKNOWN_NAMES] = {"unknown-names", SEVERITY_MEDIUM, NULL, "names in lists and rules are somebody's",
                             "correct or remove them: a rule for a name that nobody has does nothing"},
    [AUDIT_SECRETS] = {"secrets-readable", SEVERITY_CRITICAL, NULL, "secrets are for their program alone",
                       "chmod o= the file"},
    [AUDIT_DATA_FILES] = {"data-readable", SEVERITY_MEDIUM, NULL, "who sends what is not for everybody to read",
                          "chmod o= the file or folder"},
    [AUDIT_CLUSTER_NONE] = {"cluster-none", SEVERITY_MEDIUM, NULL, "relays behind one name count as one",
                            "README, \"Two relays\": a group cluster on each, and postern-cluster beside them"},
    [AUDIT_CLUSTER_CLEAR] = {"cluster-unencrypted", SEVERITY_HIGH, NULL, "Redis is reached by TLS",
                             "cluster.tls = \"auto\" in postern.conf, and TLS at the server"},
    [AUDIT_CLUSTER_USER] = {"cluster-user", SEVERITY_MEDIUM, NULL, "Redis knows the relays by a user of their own",
                            "make the user that postern-cluster(8) shows; then cluster.user and cluster.password_file "
                            "in postern.conf"},
    [AUDIT_CLUSTER_ALONE] = {"cluster-alone", SEVERITY_HIGH, NULL, "this relay counts as one with the others",
                             "systemctl status postern-cluster, and its log, say why"},
    [AUDIT_CLUSTER_OTHERS] = {"cluster-silent", SEVERITY_MEDIUM, NULL, "the cluster's other relays are heard of",
                              "see whether postern-cluster runs there, with the same key and Redis"},
    [AUDIT_CLUSTER_DIFFERS] =
        {"cluster-differs", SEVERITY_HIGH, NULL, "the cluster's relays are configured alike",
         "make these parts of postern.conf, and the directory, the same on all relays; lists that "
         "differ for long mean that Redis loses or hides something"},
    [AUDIT_CLUSTER_EVICTS] = {"cluster-evicts", SEVERITY_HIGH, NULL, "Redis drops nothing by itself",
                              "maxmemory-policy noeviction, and a Redis that nobody else uses"},
};
