/* The checks of "postern audit". */
#ifndef POSTERN_CORE_REPORT_AUDIT_H
#define POSTERN_CORE_REPORT_AUDIT_H

#include "core/config/config.h"
#include "core/directory/directory.h"
#include "core/journal/history.h"
#include "core/journal/journal.h"
#include "core/report/findings.h"
#include "core/report/usage_missing.h"

/* Rows of audit_rules. */
enum audit_rule {
    AUDIT_MIRROR_NOT_USED,
    AUDIT_MIRROR_MISSING,
    AUDIT_MIRROR_DAMAGED,
    AUDIT_MIRROR_STALE,
    AUDIT_NOT_MIRRORED,
    AUDIT_SIGN_INS,
    AUDIT_ORGANIZATION_ENABLED,
    AUDIT_ORGANIZATION_UNKNOWN,
    AUDIT_BASIC_NOT_FORBIDDEN,
    AUDIT_GATES_OFF,
    AUDIT_SHARED_ENABLED,
    AUDIT_PEOPLE_ENABLED,
    AUDIT_LOGIN_ANYWHERE,
    AUDIT_RESTRICTED,
    AUDIT_ACCOUNT_DISABLED,
    AUDIT_ALLOWED_UNUSED,
    AUDIT_LOCAL_ALLOW,
    AUDIT_UNLISTED,
    AUDIT_MONITOR,
    AUDIT_BASIC_USED,
    AUDIT_OLD_TLS_USED,
    AUDIT_USAGE_MISSING,
    AUDIT_TLS_RULE,
    AUDIT_SENDER_RULE,
    AUDIT_CONNECTOR_WIDE,
    AUDIT_CONNECTOR_OPEN,
    AUDIT_CLOUD_OPEN,
    AUDIT_NO_LIMIT,
    AUDIT_LIMIT_ABOVE_SERVICE,
    AUDIT_NO_ALERTS,
    AUDIT_ALERT_COMMAND,
    AUDIT_NOTICES,
    AUDIT_UNKNOWN_NAMES,
    AUDIT_SECRETS,
    AUDIT_DATA_FILES,
    AUDIT_CLUSTER_NONE,
    AUDIT_CLUSTER_CLEAR,
    AUDIT_CLUSTER_USER,
    AUDIT_CLUSTER_ALONE,
    AUDIT_CLUSTER_OTHERS,
    AUDIT_CLUSTER_DIFFERS,
    AUDIT_CLUSTER_EVICTS,
    AUDIT_RULES
};
extern const struct rule audit_rules[AUDIT_RULES];

struct audit {
    const struct config *config;
    const struct directory_view *view; /* NULL: there is none */
    struct journal *journal;           /* NULL: there is none */
    struct history *history;           /* NULL: there is none */
    const char *disagreement;          /* the services use another generation than `view`, in words; NULL: they don't */
    struct findings *findings;
    int64_t now_s;
    uint64_t days;                /* a mailbox silent for this long is unused */
    uint64_t seen_days;           /* how far back the journal goes */
    struct usage_missing missing; /* whose usage is not in it: set by audit_relays */
};

/* Names that a finding lists: the first few, and how many there are. */
#define AUDIT_NAMES_SHOWN 6u
struct audit_names {
    char text[400];
    struct buf b; /* over text: begin with audit_names_begin */
    uint64_t n;
};
void audit_names_begin(struct audit_names *names);
void audit_names_add(struct audit_names *names, struct slice name); /* may come from outside */
/* The text, with "and N more"; once. */
const char *audit_names_end(struct audit_names *names);

/* Is the name of a list somebody's: a mailbox's of the view, a domain of a tenant, a login of our own files? */
bool audit_name_is_known(const struct config *config, const struct directory_view *view, struct slice name);
/* A mailbox that the view has by that name. */
bool audit_mailbox_named(const struct directory_view *view, struct slice name, struct mailbox_ref *ref);

/* Runs all checks below. 0, or -1 with e. */
int audit_all(struct audit *a, struct error *e);

/* Each adds its findings. 0, or -1 with e. */
int audit_directory(struct audit *a, struct error *e); /* tenants and mailboxes, and their use */
int audit_usage(struct audit *a, struct error *e);     /* what was seen */
int audit_relays(struct audit *a, struct error *e);    /* where: before the other two */
void audit_config(struct audit *a);
void audit_cloud(struct audit *a); /* connectors that Exchange Online's customers may use */
void audit_files(struct audit *a);
void audit_lists(struct audit *a);   /* names that nobody has */
void audit_notices(struct audit *a); /* what alerts lead to */
void audit_cluster(struct audit *a); /* relays that count as one */

#endif
