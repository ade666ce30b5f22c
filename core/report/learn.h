/*
 * "postern learn": habits and familiar networks from mail that was sent before postern was there, or from what another
 * relay learnt. First all is gathered and judged, then shown, then taken: only the last step changes anything.
 *
 * What is taken is what the services would have learnt themselves: the largest hour and day of each login, fading with
 * the weeks, no more than the limits' ceilings; and the networks that a tenant's mail came from on LEARN_NETWORK_DAYS
 * days, the first and last of which are a week apart. Left out, and named, is a login that the directory doesn't know,
 * and one whose busiest day stands out so far that a thief may have sent it.
 */
#ifndef POSTERN_CORE_REPORT_LEARN_H
#define POSTERN_CORE_REPORT_LEARN_H

#include "core/report/files.h"
#include "core/report/mail_seen.h"
#include "core/report/postfix_log.h"
#include "core/report/printer.h"

#define LEARN_NETWORK_DAYS 3u  /* of a log */
#define LEARN_SIGN_IN_DAYS 7u  /* of sign-ins at Exchange Online: nobody knows what was sent */
#define LEARN_INCLUDE_MAX 100u /* names */
/* A busiest day is an outlier beyond so many times the median of the login's days, and so many messages or recipients.
 * What is less than that, the limits let pass anyway. */
#define LEARN_OUTLIER_TIMES 10u
#define LEARN_OUTLIER_MESSAGES 200u
#define LEARN_OUTLIER_RECIPIENTS 1000u
#define LEARN_OUTLIER_DAYS 3u /* of mail, below which there is no telling */

enum learn_verdict {
    LEARN_TAKEN,
    LEARN_UNKNOWN,  /* the directory doesn't know the login */
    LEARN_OUTLIER,  /* a day far above the others */
    LEARN_FEW_DAYS, /* many messages on one or two days: there is nothing to compare them with */
    LEARN_NO_HABIT, /* the other relay has not learnt it yet */
    LEARN_VERDICTS
};

/* A mailbox under all names that it signed in with, a login without a mailbox, or a connector. */
struct learn_login {
    char *name;         /* malloc'ed: the primary address, else as it was typed; may hold anything */
    const char *tenant; /* the directory's; NULL: none */
    uint64_t key, tenant_hash;
    struct habit_figures most;
    uint64_t messages; /* of the log */
    uint32_t days;     /* with mail; 0: not from a log */
    int64_t first_s, last_s;
    /* the busiest day, by messages or by recipients, where it stands out */
    const char *what;
    uint32_t busiest, median;
    int64_t busiest_s;
    enum learn_verdict verdict;
};

struct learn_network {
    const char *tenant;
    uint64_t tenant_hash;
    struct network network;
    uint32_t days;
    int64_t first_s, last_s;
    bool usual; /* on enough days, and lately */
};

struct learn {
    const struct decide_context *context;
    struct mail_seen mail; /* filled by who reads a log */
    uint64_t repeated;     /* messages that stood there twice */
    /* logins that are taken although they stand out; by whatever name */
    struct {
        const char *name;
        uint64_t key;
        bool met; /* it is one of the logins */
    } include[LEARN_INCLUDE_MAX];
    size_t n_include;
    /* what learn_judge makes of it, and the other sources add */
    struct learn_login *logins;
    size_t n_logins, logins_capacity;
    struct learn_network *networks;
    size_t n_networks, networks_capacity;
    uint64_t networks_known;         /* known already */
    uint64_t networks_of_other_size; /* no limit here looks for networks of theirs */
    bool from_log;
    struct postfix_log_tally log;
};

/* All zero but the context is an empty one. */
void learn_free(struct learn *l);

/* Adds what "postern report habits --json" of another relay wrote. 0, or -1 with e. */
int learn_export(struct learn *l, struct slice json, struct error *e);
/* Adds the networks of sign-ins at Exchange Online. The history is open. 0, or -1 with e. */
int learn_sign_ins(struct learn *l, struct history *history, struct error *e);

/* Makes logins and networks of the mail, and says of each whether it is taken. 0, or -1 with e. */
int learn_judge(struct learn *l, struct error *e);
size_t learn_count_logins(const struct learn *l);   /* that are taken */
size_t learn_count_networks(const struct learn *l); /* that are taken */

/* Why nothing is taken. */
const char *learn_why_nothing(const struct learn *l);

/* The highest, what is left out and why, and what is to be said about the source. 0, or -1 with e. */
int learn_show(const struct learn *l, struct printer *out, struct error *e);

struct learn_taken {
    size_t logins, networks, no_room;
};
struct learn_taken learn_take(const struct learn *l, struct habits *habits, struct counters *counters);

/* ---- between the files of this part ---- */

/* Who a name is: sets name, tenant, key, tenant_hash and verdict (taken or unknown). kind: "user" or "connector". False
 * without memory. */
bool learn_find(const struct learn *l, const char *kind, const char *name, struct learn_login *out);
/* Room for one more; NULL with e. */
struct learn_login *learn_add_login(struct learn *l, struct error *e);
struct learn_network *learn_add_network(struct learn *l, struct error *e);

#endif
