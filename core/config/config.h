/*
 * The configuration, read once into plain values and constant from then on. config_load rejects everything that it
 * doesn't understand, so that the values need no further checks.
 *
 * All texts and arrays belong to the config and live until config_free. Lists ("n_x" and "x") may be empty.
 */
#ifndef POSTERN_CONFIG_H
#define POSTERN_CONFIG_H

#include "core/access/role.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/units.h"
#include "core/mail/address.h"
#include "core/mail/list.h"
#include "core/mail/network.h"

#include <stdint.h>

/* MODE_MONITOR: decide and log, but let through. */
enum mode { MODE_ENFORCE, MODE_MONITOR };

/* What happens to a run of the mirror that closes more than mirror_max_change, where the service clearly says closed.
 */
enum mirror_closing { CLOSING_APPLIES, CLOSING_WAITS };

enum when_stale { STALE_KEEP, STALE_DEFER };

/* A tenant's organization setting, as an operator may override the mirrored one. */
enum tenant_smtp_auth { TENANT_MIRRORED, TENANT_ENABLED, TENANT_DISABLED };

/* Which Microsoft cloud a tenant lives in: its hosts are in mirror/exchange/clouds.c. */
enum cloud { CLOUD_WORLDWIDE, CLOUD_GCC_HIGH, CLOUD_DOD, CLOUD_CHINA };

/* How the mirror signs the assertion that proves who it is (RFC 7518 3.5 and 3.3). */
enum jwt_algorithm { JWT_PS256, JWT_RS256 };

/* What the mirror reads from Exchange Online: a set of these. */
enum fetch {
    FETCH_TRANSPORT_CONFIG = 1,
    FETCH_SECURITY_DEFAULTS = 2,
    FETCH_AUTHENTICATION_POLICY = 4,
    FETCH_ORGANIZATION_CONFIG = 8,
    FETCH_OUTBOUND_POLICY = 16,
    FETCH_ACCEPTED_DOMAIN = 32,
    FETCH_BLOCKED_SENDER = 64,
    FETCH_USER = 128,
    FETCH_CAS_MAILBOX = 256,
    FETCH_MAILBOX = 512,
    FETCH_RECIPIENT_PERMISSION = 1024,
    FETCH_RECIPIENT = 2048,
    FETCH_HVE_ACCOUNT = 4096
};

/*
 * How postern-mirror reads a tenant's settings straight from Exchange Online. A file is as it was written when it is a
 * bare name (the mirror looks for it among the service manager's credentials), else an absolute path.
 */
struct exchange_config {
    const char *tenant_id; /* GUID, lower case; NULL: the tenant is not fetched */
    enum cloud cloud;
    const char *application; /* GUID of the application, lower case */
    /* one of these three ways; NULL: not this one */
    const char *certificate_file; /* PEM, or PKCS#12 with the key in it */
    const char *secret_file;
    const char *federated_token_file;
    const char *key_file; /* NULL: in certificate_file */
    const char *passphrase_file;
    enum jwt_algorithm algorithm;
    const char *anchor_mailbox; /* NULL: the one for applications */
    unsigned fetch;             /* set of enum fetch */
    bool sign_ins;              /* sign-ins by SMTP AUTH are read, too */
    bool writeback;
    const char *ca_file; /* NULL: the system's authorities */
    /* "host" or "host:port", lower case, in place of the cloud's; NULL: the cloud's */
    const char *login_host, *exchange_host, *graph_host;
};

struct tenant_config {
    const char *name; /* the name that the mirror used */
    struct slice
        *domains; /* canonical; logins of these domains belong to the tenant, also before the mirror knows them */
    size_t n_domains;
    struct slice *netbios; /* lower case */
    size_t n_netbios;
    enum mode mode;
    enum tenant_smtp_auth smtp_auth;
    uint64_t max_age_s; /* of the directory's data for it; 0: any */
    enum when_stale when_stale;
    uint64_t external_recipients_per_day; /* what the service lets the whole tenant send to; 0: not known */
    struct exchange_config exchange;
};

enum unlisted { UNLISTED_REJECT, UNLISTED_TENANT, UNLISTED_ALLOW };

/* Which attributes of a mailbox name it in a login: a set of these. */
enum login_name {
    LOGIN_NAME_PRIMARY = 1, /* PrimarySmtpAddress */
    LOGIN_NAME_PROXY = 2,   /* another address */
    LOGIN_NAME_UPN = 4,
    LOGIN_NAME_ALIAS = 8,
    LOGIN_NAME_ACCOUNT = 16 /* SamAccountName, as Exchange Online has it */
};

/* Whose disabled account shuts them out. Those of shared and resource mailboxes always are. */
enum disabled_accounts { DISABLED_PEOPLE, DISABLED_ALL, DISABLED_NONE };

struct smtp_auth_config {
    enum unlisted unlisted;
    enum disabled_accounts disabled_accounts;
    bool security_defaults;     /* apply the tenant's security defaults */
    bool authentication_policy; /* apply authentication policies */
    unsigned login_names;       /* set of enum login_name */
    struct list *allow, *deny;  /* NULL: none */
    struct list *logins;        /* pairs login -> mailbox */
    struct list *on_premises;   /* addresses and @domains whose mailboxes live on premises */
    enum mode mode;
};

/* What envelope sender or header From a login may use. */
enum sender_rule {
    SENDER_OWN,    /* an address of its mailbox, or one that it may send as */
    SENDER_DOMAIN, /* any address of an accepted domain of its tenant */
    SENDER_ANY
};

enum null_sender {
    NULL_DSN, /* with one recipient: what an MDN or a bounce looks like (RFC 5321 4.5.5, RFC 8098 3) */
    NULL_REJECT,
    NULL_ALLOW
};

#define SEPARATORS_MAX 5

enum exception_of { EXCEPT_USER, EXCEPT_GROUP, EXCEPT_CONNECTOR };

/* What else a user or a group may send as. */
struct sender_exception {
    enum exception_of of; /* EXCEPT_USER or EXCEPT_GROUP */
    const char *name;     /* canonical address or account name; the group's name */
    unsigned group;       /* EXCEPT_GROUP: index into config.groups */
    struct list *senders; /* addresses, @domains, @.domains */
};

struct sender_config {
    enum sender_rule envelope, header_from;
    enum null_sender null_sender;
    bool add_missing_from;              /* the milter adds one with the envelope sender, if that is permitted */
    char separator[SEPARATORS_MAX + 1]; /* characters that begin a sub-address; "": none */
    struct sender_exception *exceptions;
    size_t n_exceptions;
    struct list *exception_users; /* the users of the exceptions, each in the line of its place from 1 */
    enum mode mode;
};

/* Whose logins a row of logins_from is about; a row for fewer goes before one for more. */
enum whose { WHOSE_USER, WHOSE_GROUP, WHOSE_DOMAIN };

/* From where some may sign in, and from nowhere else. */
struct logins_from {
    enum whose whose;
    const char *name;         /* canonical address or account name; the group's name; "@contoso.example" */
    unsigned group;           /* WHOSE_GROUP: index into config.groups */
    struct network *networks; /* those in the file too */
    size_t n_networks;
    struct network_map *map; /* of the same networks */
    enum mode mode;
};

enum tls_minimum { TLS_ANY, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

struct tls_config {
    bool required;
    enum tls_minimum minimum; /* where TLS is in use */
};

enum recipients_rule { RECIPIENTS_ANY, RECIPIENTS_INTERNAL };

/* What a connector may use as envelope sender and header From. */
struct connector_config {
    const char *name;
    struct network *networks; /* those in the file too */
    size_t n_networks;
    struct slice *ccert_fingerprints; /* canonical (core/mail/ccert.h) */
    size_t n_ccert_fingerprints;
    struct slice *ccert_subjects;
    size_t n_ccert_subjects;
    struct list *senders; /* addresses, @domains, @.domains; NULL: any */
    bool null_sender;     /* may it send DSNs? */
    enum recipients_rule recipients;
    uint64_t max_recipients; /* a message; 0: the general one */
    const char *tenant;      /* whose accepted domains are "internal"; NULL: those of every tenant */
    struct tls_config tls;
    enum mode mode;
};

/* ---- limits ---- */

/* The parts of a key, a set of these. */
enum limit_key_part {
    PER_USER = 1, /* the login's mailbox, or the login itself where there is none */
    PER_CLIENT = 2,
    PER_CLIENT_NET = 4,
    PER_SENDER = 8,
    PER_SENDER_DOMAIN = 16,
    PER_RECIPIENT_DOMAIN = 32, /* a key for each domain of the message's recipients */
    PER_CONNECTOR = 64,
    PER_TENANT = 128,
    PER_LOGIN = 256 /* the login as it was typed, canonical: two logins of one mailbox count apart */
};

enum limit_count {
    COUNT_MESSAGES,
    COUNT_RECIPIENTS,
    COUNT_EXTERNAL,
    COUNT_INTERNAL,
    COUNT_BYTES,
    /* failures to sign in (core/decide/failures.h) */
    COUNT_FAILURES,
    COUNT_FAILED_LOGINS, /* different logins of them */
    COUNT_FAILING_NETS,  /* different client networks of them */
    COUNT_DENIALS,
    COUNT_DEFERRALS, /* attempts that a limit deferred */
    COUNT_DEFERRED,  /* different messages that a limit deferred; beyond a habit, of logins whose habit is learnt */
    COUNT_DISTINCT
};

/* Of what COUNT_DISTINCT counts different ones. */
enum limit_distinct {
    DISTINCT_CLIENT,
    DISTINCT_CLIENT_NET,
    DISTINCT_SENDER,
    DISTINCT_RECIPIENT,
    DISTINCT_RECIPIENT_DOMAIN
};

enum limit_then { THEN_DEFER, THEN_REJECT, THEN_HOLD, THEN_BLOCK, THEN_MONITOR };

/* A figure of a limit: how fast, and how much at once. */
struct limit_rate {
    bool unlimited;
    struct rate rate;     /* messages, recipients, bytes for COUNT_BYTES */
    uint64_t burst;       /* messages, recipients, KiB for COUNT_BYTES; at least 1, 0 where unlimited */
    uint64_t interval_ns; /* the rate as time a message, recipient or KiB, rounded up; 0 where unlimited */
};

/* The time a unit of `count` at that rate, rounded up: slower rather than faster; UINT64_MAX at most. */
uint64_t rate_interval_ns(const struct rate *rate, enum limit_count count);

/* Another figure for a user, a group or a connector. A user's takes precedence over a group's, that over a connector's.
 */
struct limit_exception {
    enum exception_of of;
    const char *name;   /* canonical address, account name or DOMAIN\name; the group's or connector's name */
    unsigned group;     /* EXCEPT_GROUP: index into config.groups */
    unsigned connector; /* EXCEPT_CONNECTOR: index into config.connectors */
    struct limit_rate figure;
};

/* Where a limit's figure is the tenant's, if that has one: of its mirrored outbound policy, or of its configuration. */
enum limit_mirrored {
    FIGURE_OWN,
    FIGURE_EXTERNAL_PER_HOUR,
    FIGURE_INTERNAL_PER_HOUR,
    FIGURE_RECIPIENTS_PER_DAY,
    FIGURE_EXTERNAL_PER_DAY /* tenant_config.external_recipients_per_day */
};

/* The only messages that a limit is about: all that is set must hold. */
struct limit_only {
    bool set;                    /* some of it is */
    struct list *sender_domains; /* of the envelope sender: "@contoso.example", "@.contoso.example"; NULL: any */
    unsigned *groups;            /* indexes into config.groups: the login is in one of them; none: any */
    size_t n_groups;
    unsigned *connectors; /* indexes into config.connectors */
    size_t n_connectors;
};

struct limit_config {
    const char *name;
    uint64_t id;  /* of name and per, for the counters' keys: the same in every process */
    unsigned per; /* set of enum limit_key_part */
    enum limit_count count;
    enum limit_distinct distinct;
    struct limit_rate figure;
    enum limit_mirrored mirrored;
    enum limit_then then;
    uint64_t block_s;       /* THEN_BLOCK */
    bool disable_at_source; /* THEN_BLOCK: and SMTP AUTH is switched off in Exchange Online, where the tenant allows it
                             */
    bool defers;            /* THEN_BLOCK: what is blocked is deferred, not refused */
    unsigned v4_prefix, v6_prefix;  /* size of a client_net: 24 and 64 unless set */
    bool authenticated, connectors; /* to whom it applies; by default to all that have all parts of its key */
    bool unfamiliar;                /* only from client networks that are not familiar (core/decide/familiar.h) */
    /*
     * Relative to the login's habit (core/decide/habit.h): what may come in an hour or a day (the figure's period) is
     * the habit times `factor` hundredths, and the figure's count, but at most the ceiling (0: none). While the login
     * is being learnt, it is a figure of its own, by where the login is used from; 0: none. COUNT_DEFERRED: the factor
     * adds to the burst.
     */
    bool beyond_habit;
    uint64_t factor, ceiling, learning, learning_known;
    bool until_habit; /* of a preset: gives way where a limit of the same count is relative to a habit */
    struct limit_only only;
    const char *reply; /* of its refusals, with the class that `then` asks for; NULL: the reason's */
    struct limit_exception *exceptions;
    size_t n_exceptions;
    struct list *exception_users; /* the users of the exceptions, each in the line of its place from 1 */
};

/* Does the limit count failures to sign in? Such limits have no part in the decision about messages. */
static inline bool limit_counts_failures(const struct limit_config *limit)
{
    return limit->count == COUNT_FAILURES || limit->count == COUNT_FAILED_LOGINS || limit->count == COUNT_FAILING_NETS;
}

/* Limits to begin with (config_preset.c). */
enum preset { PRESET_NONE, PRESET_EXCHANGE_ONLINE, PRESET_STANDARD };

struct group_config {
    const char *name;
    struct list *members; /* addresses, @domains, accounts */
};

/* ---- programs ---- */

#define METHOD_MAX 20 /* bytes of a SASL mechanism's name (RFC 4422 3.1) */

/*
 * The proxy before Postfix at a listener, which terminates the clients' TLS and authenticates them. It passes client
 * and login on by XCLIENT, which has no attributes for TLS and mechanism: those are configured here.
 */
struct front_config {
    enum tls_minimum tls;        /* the lowest that it accepts from clients; TLS_ANY: as the MTA reports */
    char method[METHOD_MAX + 1]; /* the SASL mechanism, by Postfix's name for it; empty: as the MTA reports */
};

struct listener_config {
    const char *address;  /* as written */
    const char *path;     /* UNIX socket; NULL: TCP */
    unsigned socket_mode; /* of the UNIX socket, 0660 by default: the group is that of the folder, if that is setgid */
    const char *socket_group; /* NULL: as it is */
    const char *host;         /* TCP: numeric */
    uint16_t port;
    int fd;       /* "fd:N", passed in by the service manager; -1 */
    bool has_tls; /* tls is its own; otherwise the general one counts */
    struct tls_config tls;
    struct front_config front;
};

/* 127.0.0.0/8 (RFC 1122 3.2.1.3), ::1 (RFC 4291 2.5.3); true for sockets without an address. */
static inline bool listener_is_local(const struct listener_config *l)
{
    return l->host == NULL || strncmp(l->host, "127.", 4) == 0 || strcmp(l->host, "::1") == 0;
}

struct policyd_config {
    struct listener_config *listen;
    size_t n_listen;
    unsigned workers;
    unsigned max_connections;
    uint64_t idle_timeout_s;
    uint64_t request_timeout_s;
};

struct milter_config {
    struct listener_config *listen; /* none: the milter is not used */
    size_t n_listen;
    uint64_t timeout_s;
    bool allow_inet; /* TCP, where every local user may connect */
};

struct sasl_config {
    struct listener_config *listen; /* none: the door at AUTH is not used */
    size_t n_listen;
    struct listener_config upstream; /* where the authentication server listens: a UNIX socket, or TCP on loopback */
    unsigned max_connections;
};

/* What the members of a group may do, by the proxy's word. */
struct web_role_config {
    const char *group;
    enum role role;
    const char *tenants; /* a scope (core/access/role.h) */
};

/* A web server before postern-web, which knows who asks. */
struct web_proxy_config {
    const char *secret_file; /* NULL: there is none */
    const char *user_field, *groups_field;
    const char *sign_out;          /* the path at which the proxy ends a sign-in; NULL: it has none */
    struct web_role_config *roles; /* of those of somebody's groups, the first one counts */
    size_t n_roles;
};

struct web_config {
    struct listener_config *listen; /* UNIX sockets, and TCP on loopback; none: the program is not used */
    size_t n_listen;
    struct slice *hosts; /* names by which it is called besides those of loopback; each is terminated */
    size_t n_hosts;
    const char *users; /* the file of accounts (core/access/accounts.h) */
    struct web_proxy_config proxy;
    unsigned actions; /* a set of bits 1 << enum act_verb */
    unsigned actions_an_hour;
    const char *action_log;
};

/* Where messages are charged. */
enum charge_where {
    CHARGE_AUTO,    /* by the front end that is asked first at DATA or the end: the policy server where there is one */
    CHARGE_POLICYD, /* what only the milter sees is not charged */
    CHARGE_MILTER   /* what only the policy server sees is not charged */
};

/* Where Redis, Valkey or one of its Sentinels is. */
struct cluster_server {
    const char *path; /* of a UNIX socket; NULL: host and port */
    const char *host; /* a name, or a numeric address without brackets */
    uint16_t port;
};

enum cluster_tls {
    CLUSTER_TLS_AUTO, /* but for UNIX sockets and loopback addresses */
    CLUSTER_TLS_ALWAYS,
    CLUSTER_TLS_NEVER
};

#define CLUSTER_SERVERS_MAX 64u

/* How this relay reaches the others. */
struct cluster_config {
    bool configured; /* the group is written: there are others */
    struct cluster_server *servers;
    size_t n_servers; /* several: of Redis Cluster, to begin with */
    struct cluster_server *sentinels;
    size_t n_sentinels;        /* instead of servers */
    const char *sentinel_name; /* NULL: none */
    const char
        *sentinel_user; /* as whom to sign in at the Sentinels, which have users of their own; NULL: the default one */
    const char *sentinel_password_file; /* NULL: no password */
    const char *user;                   /* NULL: the default one */
    const char *password_file;          /* NULL: no password */
    enum cluster_tls tls;
    const char *ca_file;       /* NULL: the system's authorities */
    const char *key_file;      /* the same on all relays */
    const char *node;          /* NULL: the host's name */
    const char *folder;        /* what came from the others: lists, usage */
    struct list *allow, *deny; /* while the configuration is read; then they are in smtp_auth's, which has both */
    const char *outbox;        /* core/state/outbox.h */
};

/* Where postern-mirror pull finds the directory of a relay that mirrors it. */
struct pull_config {
    struct slice *sources; /* https://host/path, without "/" at the end; all are asked, the newest counts */
    size_t n_sources;      /* 0: none, this relay follows nobody */
    const char *ca_file;   /* NULL: the system's authorities */
};

enum alert_format { ALERT_JSON, ALERT_TEAMS };

/* Where notices (core/notice/alert.h) go: a webhook or a command. One of url, url_file and command is not NULL. */
struct alert_target {
    const char *url;      /* https */
    const char *url_file; /* contains the address, for addresses that are secrets */
    const char **command; /* the program's path and arguments, ended by NULL */
    enum alert_format format;
    const char *secret_file; /* key of the signature; NULL: none */
    const char *ca_file;     /* NULL: the system's authorities */
    unsigned events;         /* set of 1 << enum alert_event */
    uint64_t timeout_s;      /* of one attempt */
    uint64_t max_age_s;      /* an older notice is dropped */
};

/* A text of the operator in place of ours for one reason (core/mail/reason.h). */
struct reply_config {
    const char *reason; /* name of the reason */
    const char *text;   /* ASCII: "550 5.7.139 ..." */
};

struct config {
    const char *file;
    enum mode mode;
    const char *default_tenant; /* NULL: none, or the only one that there is */
    const char *directory;
    const char *state_path;
    uint64_t state_entries;
    uint32_t state_blocks;
    const char *journal;        /* folder; "": none is kept */
    struct slice *other_relays; /* names of relays whose usage is not in the journal */
    size_t n_other_relays;
    uint64_t block_grow; /* how many times longer each automatic block of a subject lasts than its last one */
    uint64_t
        block_longest_s; /* the longest, unless its limit has a longer time; and how long an earlier block counts */
    struct list *never_block;                 /* logins that are never blocked; NULL: none */
    struct network_map *never_block_networks; /* NULL: none */
    struct network_map *known_networks;       /* not counted as distinct clients or client networks; NULL: none */
    struct log_config log;
    struct tenant_config *tenants;
    size_t n_tenants;
    struct smtp_auth_config smtp_auth;
    struct sender_config sender;
    struct tls_config tls;
    uint64_t max_recipients; /* a message; 0: any */
    enum mode recipients_mode, tls_mode;
    unsigned client_ipv6_prefix_length; /* of an IPv6 network that counts as one client; 128: each address */
    struct connector_config *connectors;
    size_t n_connectors;
    struct network_map *connector_map; /* client -> index into connectors */
    bool reject_unauthenticated;
    struct group_config *groups;
    size_t n_groups;
    struct logins_from *logins_from;
    size_t n_logins_from;
    struct list *logins_from_users, *logins_from_domains; /* of its rows, each in the line of its place from 1 */
    bool limits_tell_internal;                            /* some limit counts external or internal recipients */
    bool limits_use_habits;                               /* some limit is relative to a habit */
    struct limit_config *limits;                          /* the preset's first */
    size_t n_limits;
    enum preset preset;
    enum charge_where charge;
    struct policyd_config policyd;
    struct milter_config milter;
    struct sasl_config sasl;
    struct web_config web;
    struct reply_config *replies;
    size_t n_replies;
    const char *spool;             /* folder of what one program leaves for another */
    const char *accepted_findings; /* a file, which may be missing (core/report/accepted.h) */
    struct alert_target *alerts;
    size_t n_alerts;
    struct cluster_config cluster;
    unsigned mirror_max_change; /* percent */
    enum mirror_closing mirror_closing;
    uint64_t mirror_deadline_s;      /* for the fetching of one tenant */
    uint64_t mirror_stall_timeout_s; /* a response that stalls for this long is dropped */
    unsigned mirror_page_size;       /* rows */
    const char *mirror_proxy;        /* NULL: as the environment says; "": none */
    const char *mirror_offer;        /* folder of what other relays pull; NULL: none */
    struct pull_config mirror_pull;
};

#define CONFIG_LIMITS_MAX 48

/*
 * Reads the file and the lists that it names. 0 and *out (free with config_free), or -1 with e:
 * "FILE:LINE: setting: what is wrong; what is allowed".
 */
int config_load(const char *path, struct config **out, struct error *e);
void config_free(struct config *config); /* NULL is fine */

/* The tenant of that name; NULL when the configuration has none of it. */
const struct tenant_config *config_tenant(const struct config *config, struct slice name);

/*
 * For a file that config_load rejects: reads only where directory, state, journal and spool are, as far as possible;
 * everything else has its default, and there are no listeners. For "postern status" and the like, while the services
 * still run with the old configuration.
 * 0 and *out, or -1 with e.
 */
int config_load_places(const char *path, struct config **out, struct error *e);

/* True when one of the files with lists (allow, deny, logins, networks ...) has changed since the config was read. */
bool config_files_changed(const struct config *config);

#endif
