/*
 * All the names by which the mail path treats a login as the same one. For searching old records, which hold logins as
 * they were typed: sean@contoso.example, SEAN, CONTOSO\sean.
 */
#ifndef POSTERN_CORE_REPORT_SPELLINGS_H
#define POSTERN_CORE_REPORT_SPELLINGS_H

#include "core/decide/decide.h"

/* Holds no pointers: may be handed from one process to another that has the same configuration. */
struct spellings {
    struct address address; /* what the login stands for; n 0: no address is known for it */
    char account[65];       /* the name without a domain; empty: it has none that is a login */
    uint16_t account_n;
    bool has_mailbox;
    bool alone;     /* the name alone is the login, too */
    int32_t tenant; /* of the configuration: with that tenant's NetBIOS names in front it is, too; -1: with none */
};

/* A login of a record, parsed once for several comparisons. */
struct spelled {
    struct login login;
    bool mapped; /* by the logins file, to: */
    struct address address;
};

/*
 * All spellings of a login, as step 1 of the decision takes them. Without a directory (c->view NULL) as far as the
 * login itself and the configuration tell. False without memory, and for what can be no login.
 */
bool spellings_of(const struct decide_context *c, struct slice login, struct spellings *out);

void spelled_read(const struct config *config, struct slice login, struct spelled *out);

/* Is it one of them? */
bool spellings_have(const struct config *config, const struct spellings *s, const struct spelled *login);

#endif
