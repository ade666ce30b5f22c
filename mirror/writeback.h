/*
 * What postern changes in Exchange Online, and only where the tenant's configuration says exchange.writeback = true:
 * SmtpClientAuthenticationDisabled of a mailbox, and of the organization. These are the requests; mirror/set.h is the
 * command.
 */
#ifndef POSTERN_MIRROR_WRITEBACK_H
#define POSTERN_MIRROR_WRITEBACK_H

#include "core/base/guid.h"
#include "core/directory/directory.h"
#include "mirror/exchange/exchange.h"

/* What the application must have for it, for a sentence. */
#define WRITEBACK_NEEDS                                                                                                \
    "the Exchange role Mail Recipients (in the role group Recipient Management, or better one of its own), which a "   \
    "mirror that only reads has not"

enum writeback { WRITEBACK_DISABLE, WRITEBACK_ENABLE, WRITEBACK_INHERIT };

/* "disabled", "enabled", "inherit". */
const char *writeback_word(enum writeback value);
/* False if it is none of these. */
bool writeback_named(struct slice word, enum writeback *out);

/* A mailbox as Exchange Online has it. */
struct writeback_mailbox {
    char guid[GUID_TEXT_MAX];
    char primary[ADDRESS_OF_NAME_MAX + 1];
    enum writeback before; /* its setting */
};

/*
 * Looks a mailbox up, with its present setting. address: as the directory knows it, canonical; or empty, and then the
 * name is asked for, and what comes back must have it: as an address, UPN, alias, account, name, display name or GUID.
 * For an Identity that doesn't exist these cmdlets return all mailboxes, so each answer is checked.
 * EXCHANGE_NOT_FOUND: nobody has it, or several do; EXCHANGE_UNABLE: the service could not answer;
 * EXCHANGE_FORBIDDEN and EXCHANGE_FAILED: no other could be looked up, either. Unless EXCHANGE_OK, e says why.
 */
enum exchange_result writeback_find(struct exchange *x, struct slice address, struct slice name,
                                    struct writeback_mailbox *out, struct error *e);
/* Sets it; results as above. */
enum exchange_result writeback_set(struct exchange *x, const struct writeback_mailbox *mailbox, enum writeback value,
                                   struct error *e);

/* The organization's setting, which is never WRITEBACK_INHERIT. */
enum exchange_result writeback_find_organization(struct exchange *x, enum writeback *before, struct error *e);
enum exchange_result writeback_set_organization(struct exchange *x, enum writeback value, struct error *e);

#endif
