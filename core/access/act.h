/*
 * An act: what somebody asks the web program to have done. That program leaves it as a file in the spool, and does
 * nothing itself; "postern act" checks it again and does it.
 */
#ifndef POSTERN_ACCESS_ACT_H
#define POSTERN_ACCESS_ACT_H

#include "core/access/role.h"
#include "core/base/buf.h"

#include <stdint.h>

#define ACT_FOLDER "web" /* of the spool; only the web program's user may write there */
#define ACT_ENDING ".json"
#define ACT_TEXT_MAX 8192u /* bytes of such a file */
/* Older ones are not done: who asked has long turned to other means, and would be surprised. */
#define ACT_AGE_MAX_S 600
#define ACT_SUBJECT_MAX 320u
#define ACT_REASON_MAX 200u
#define ACT_NAME_MAX 255u
#define ACT_ID_MAX 40u
#define ACTS_AN_HOUR_MAX 1000u

/* The verbs are commands of "postern", and the last one is "postern-mirror set disabled". */
enum act_verb {
    ACT_BLOCK,
    ACT_UNBLOCK,
    ACT_HOLD,
    ACT_RELEASE,
    ACT_ALLOW,
    ACT_DENY,
    ACT_FORGET,
    ACT_DISCARD,
    ACT_RELOAD,
    ACT_DISABLE
};
#define ACT_VERBS (ACT_DISABLE + 1)

struct act_row {
    const char *word;
    enum role least;
    bool has_subject;
    bool takes_kind, takes_duration, takes_accept, takes_cluster;
    bool takes_reason;  /* the command does, too */
    bool typed_again;   /* cannot be undone here: "confirm" is the subject, typed again */
    bool done_again;    /* twice is as once: may be done again where it is not known whether it was done */
    const char *unsure; /* else: what to look at then */
};
extern const struct act_row act_rows[ACT_VERBS];

#define ACT_WORDS "block, unblock, hold, release, allow, deny, forget, discard, reload, disable"
int act_verb_find(struct slice word, enum act_verb *out, struct error *e);

struct act {
    char id[ACT_ID_MAX + 1]; /* digits, a to f and hyphens; begins with the time */
    int64_t at_s;
    enum act_verb verb;
    char kind[16]; /* of the subject: "login" ...; empty: as it looks */
    char subject[ACT_SUBJECT_MAX + 1];
    char reason[ACT_REASON_MAX + 1];
    char duration[32]; /* empty: until it is lifted */
    bool accept, cluster;
    bool confirmed; /* the subject was typed again */
    /* Who, as the web program says. */
    char who[ACT_NAME_MAX + 1], from[ACT_NAME_MAX + 1];
    enum role role;
    char tenants[SCOPE_MAX + 1];
};

/*
 * What a person asks for: a JSON object with "verb", "reason", and by the verb "subject", "kind", "for", "accept",
 * "cluster", "confirm". All texts are bounded, UTF-8 without control characters, and no member is there that means
 * nothing. Leaves id, at_s and who alone. 0, or -1 with e.
 */
int act_read_asked(struct slice text, struct act *out, struct error *e);

/* The file in the spool: the same as "asked", with "id", "at", "who", "role", "from", "tenants" around it. */
int act_read(struct slice text, struct act *out, struct error *e);
/* malloc'ed and terminated; NULL without memory. */
char *act_write(const struct act *act);

/* Is it a file's name of an act: an id and ACT_ENDING? */
bool act_is_id(struct slice id);

/* May it be done: is the verb switched on (a bit 1 << verb in verbs), and the role one that may? 0, or -1 with e. */
int act_check(const struct act *act, unsigned verbs, struct error *e);

#endif
