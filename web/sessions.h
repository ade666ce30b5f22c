/*
 * Who has signed in with a password: a table of so many, of which the one that has been idle longest gives way. The
 * cookie's value is not kept, only its digest. In the loop's thread.
 */
#ifndef POSTERN_WEB_SESSIONS_H
#define POSTERN_WEB_SESSIONS_H

#include "core/access/accounts.h"

#define SESSIONS_MOST 1024u
#define SESSION_IDLE_S (30u * 60)
#define SESSION_WHOLE_S (12u * 3600)

struct session {
    char digest[DIGEST_TEXT_MAX]; /* of the cookie's value; "": free */
    char mark[DIGEST_TEXT_MAX];   /* of the account's line as it was: any change of it ends the session */
    char name[ACCOUNT_NAME_MAX + 1];
    uint64_t begun_ns, used_ns; /* boot clock */
};

struct sessions;

/* NULL without memory. */
struct sessions *sessions_new(void);
void sessions_free(struct sessions *sessions);

/* Begins one; id is the cookie's value. 0, or -1 with e. */
int sessions_begin(struct sessions *sessions, const struct account *account, uint64_t now_ns, char id[DIGEST_TEXT_MAX],
                   struct error *e);
/*
 * The session of a cookie's value, which is used now. It ends when it was idle, or lasts, too long, and when its
 * account has changed or gone. NULL: there is none.
 */
const struct session *sessions_use(struct sessions *sessions, struct slice id, const struct accounts *accounts,
                                   uint64_t now_ns);
/* Would it be there, if it were used now? */
bool sessions_has(struct sessions *sessions, struct slice id, const struct accounts *accounts, uint64_t now_ns);
void sessions_end(struct sessions *sessions, struct slice id);

#endif
