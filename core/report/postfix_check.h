/* The checks of "postern check-postfix": private to core/report/postfix_*.c and the command. */
#ifndef POSTERN_CORE_REPORT_POSTFIX_CHECK_H
#define POSTERN_CORE_REPORT_POSTFIX_CHECK_H

#include "core/config/config.h"
#include "core/journal/journal.h"
#include "core/report/cloud_networks.h"
#include "core/report/findings.h"
#include "core/report/postfix_config.h"
#include "core/report/postfix_restrictions.h"
#include "core/report/postfix_words.h"

/* Rows of postfix_rules. */
enum postfix_rule {
    PF_NOT_ASKED,
    PF_NO_SERVICE,
    PF_WRONG_SOCKET,
    PF_EARLY_STAGE,
    PF_CANNOT_COUNT,
    PF_NO_RECIPIENTS,
    PF_PERMIT_IN_FRONT,
    PF_PERMIT_UNKNOWN,
    PF_LISTED_TWICE,
    PF_OTHER_WORDS,
    PF_NO_BYTES,
    PF_WARN_ONLY,
    PF_POLICY_DEFAULT_ACTION,
    PF_MILTER_DEFAULT_ACTION,
    PF_MILTER_MACROS,
    PF_MILTER_SWITCHED_OFF,
    PF_NO_MILTERS,
    PF_BEFORE_QUEUE,
    PF_MILTER_NOT_FIRST,
    PF_WAY_BACK,
    PF_CANONICAL,
    PF_LOCAL_MILTER,
    PF_BARE_NEWLINE,
    PF_PAST_DOOR,
    PF_DOOR_UPSTREAM,
    PF_DOVECOT_PENALTY,
    PF_SOCKET_CHROOT,
    PF_SOCKET_MISSING,
    PF_SOCKET_PERMISSION,
    PF_TIMEOUT,
    PF_IDLE_TIMEOUT,
    PF_MYNETWORKS,
    PF_CLOUD_OPEN,
    PF_TLS_AUTH_ONLY,
    PF_ANONYMOUS,
    PF_XCLIENT,
    PF_FRONT,
    PF_PROXY_PROTOCOL,
    PF_LOCAL_SUBMISSION,
    PF_SOFT_BOUNCE,
    PF_SHORT_QUEUE_IDS,
    PF_DOUBLE_SERVICE,
    PF_OTHER_INSTANCES,
    PF_SEEN_NOTHING,
    PF_SEEN_NO_END,
    PF_SEEN_NO_TLS,
    PF_SEEN_LOOPBACK,
    PF_SEEN_HIDDEN,
    PF_RULES
};
extern const struct rule postfix_rules[PF_RULES];

struct postfix_check {
    const struct postfix *p;
    const struct config *config;
    struct findings *findings;
    const struct cloud_networks *cloud; /* NULL: not known */
};

/* One place where a service asks postern. */
struct asking {
    struct postfix_target target;
    const char *list; /* the parameter: "smtpd_relay_restrictions", "smtpd_milters", "smtpd_sasl_path" */
    enum asked_at { AT_CONNECT, AT_AUTH, AT_RCPT, AT_DATA, AT_END, AT_MILTER } at;
    struct restriction permit;              /* what permits before it; an empty word: nothing */
    char permit_entry[TABLE_ENTRY_MAX];     /* of the table that permits, or why that is unknown */
    bool permit_unknown;                    /* the latter */
    bool warns;                             /* behind warn_if_reject */
    const struct listener_config *listener; /* whose address it is; NULL: nobody's */
};

#define ASKINGS_MAX 32

/* A service that takes mail in by SMTP, and how it asks. */
struct smtpd {
    const struct postfix_service *service;
    bool logins;               /* smtpd_sasl_auth_enable */
    bool milters_off;          /* smtpd_milters names postern, but receive_override_options switches milters off */
    bool before_queue;         /* smtpd_proxy_filter: milters see neither a header nor an end */
    struct slice milter_ahead; /* another milter before postern in smtpd_milters */
    struct asking askings[ASKINGS_MAX];
    size_t n;
};

/* Is this service an smtpd that others than this host can reach, or that takes logins? Fills *out. */
bool smtpd_look(const struct postfix_check *c, const struct postfix_service *service, struct smtpd *out);

/* Is an smtpd at that address reached from this host alone? "127.0.0.1:10025", "localhost:smtp", "[::1]:25", a UNIX
 * socket */
bool smtpd_on_loopback(const struct postfix_service *service);

/* Which of postern's programs is asked there, and where that listens. */
struct asked_program {
    const char *name; /* "policyd" */
    const struct listener_config *listen;
    size_t n_listen;
};
struct asked_program asked_program(const struct config *config, enum asked_at at);
/* Its listener at that endpoint of Postfix's, whatever the chroot; NULL: none. */
const struct listener_config *postfix_listener_at(const struct postfix_check *c, struct slice endpoint,
                                                  enum asked_at at);
/* The listener as Postfix names it: relative to the queue directory if it is there, so that it works in a chroot, too.
 */
void postfix_name_listener(const struct postfix *p, const struct listener_config *l, char *out, size_t cap);
/* Do clients of that service sign in through postern-sasl? */
bool smtpd_asks_door(const struct postfix_check *c, const struct smtpd *s);
/*
 * Does the service ask at a socket ("unix:/opendkim/opendkim.sock") that it would not find outside of its chroot? Then
 * *out is the first of these.
 */
bool postfix_bound_to_chroot(const struct postfix *p, const struct postfix_service *service, char *out, size_t cap);

/* Meant to be postern, by its name? */
bool endpoint_names_postern(struct slice endpoint);

/* Does it ask there? */
bool smtpd_asks_at(const struct smtpd *s, enum asked_at at);

/*
 * The list that says who may relay: smtpd_relay_restrictions, or smtpd_recipient_restrictions where that is empty.
 */
const char *smtpd_relay_list(const struct postfix_check *c, const struct smtpd *s);

/* Does filtered mail come back there? Then it has no filter of its own, and serves only this host. */
bool smtpd_is_way_back(const struct postfix_check *c, const struct smtpd *s);

#define POSTFIX_SHOWN_MAX 120 /* bytes of a foreign word that are shown */
struct postfix_shown {
    char text[4 * POSTFIX_SHOWN_MAX + 4];
};
/* A word of Postfix's configuration for people, cut and escaped. */
struct postfix_shown postfix_shown(struct slice s);

/* A command that was put together becomes the advice, if all of it fits. */
void finding_command(struct finding *f, const struct postfix_check *c, struct buf *command);
/* The command that sets it in the place where it is set now. */
void finding_set(struct finding *f, const struct postfix_check *c, const struct smtpd *s, const char *name,
                 struct slice value);
void finding_set_own(struct finding *f, const struct postfix_check *c, const struct smtpd *s,
                     const struct postfix_own *settings, size_t n);
/*
 * The same with a value "$postern_NAME" of conf/postfix/main.cf. Where main.cf does not define that, it would be
 * nothing: without a list of its own smtpd(8) refuses to start. There the advice is postern setup-postfix, which
 * defines it.
 */
void finding_ask(struct finding *f, const struct postfix_check *c, const struct smtpd *s, const char *name,
                 const char *value);

/* The file of a UNIX endpoint as this service sees it; false for TCP. */
bool endpoint_path(const struct postfix_check *c, const struct postfix_service *service, struct slice endpoint,
                   char *out, size_t cap);

void postfix_check_asking(const struct postfix_check *c, const struct smtpd *s);   /* postfix_rules_asking.c */
void postfix_check_service(const struct postfix_check *c, const struct smtpd *s);  /* postfix_rules_service.c */
void postfix_check_networks(const struct postfix_check *c, const struct smtpd *s); /* postfix_rules_relay.c */
void postfix_check_relay(const struct postfix_check *c, const struct smtpd *s);    /* postfix_rules_relay.c */
void postfix_check_milter(const struct postfix_check *c, const struct smtpd *s);   /* postfix_rules_milter.c */
void postfix_check_door(const struct postfix_check *c, const struct smtpd *s);     /* postfix_rules_door.c */
void postfix_check_dovecot(const struct postfix_check *c);                         /* postfix_rules_door.c */
void postfix_check_lists(const struct postfix_check *c, const struct smtpd *s);    /* postfix_rules_lists.c */
void postfix_check_filters(const struct postfix_check *c, const struct smtpd *s);  /* postfix_rules_filters.c */
void postfix_check_main(const struct postfix_check *c);                            /* postfix_rules_main.c */
void postfix_check_socket(const struct postfix_check *c, const struct smtpd *s, const struct asking *a);
/* Can this user of this host connect to the UNIX socket? Else why not, into why; "" where nobody can tell. */
enum socket_reach { SOCKET_REACHED, SOCKET_OUT_OF_REACH, SOCKET_UNKNOWN };
enum socket_reach postfix_socket_reach(const char *path, const char *user, char *why, size_t cap);
/* The same for postern-sasl and what it asks. */
enum socket_reach postfix_door_upstream(const struct config *config, char *why, size_t cap);
/* All of it, into f. journal NULL: what was seen is left out. 0, or -1 with e. */
int postfix_check_all(const struct config *config, struct journal *journal, const struct postfix *p, struct findings *f,
                      struct error *e);
/* journal NULL: nothing can be seen. since_ns: wall clock. */
int postfix_check_seen(const struct postfix_check *c, struct journal *journal, uint64_t since_ns, struct error *e);

#endif
