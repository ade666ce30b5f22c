/*
 * Placeholders in an operator's own replies: {limit}, {retry}, {client} and {login} stand for the limit's name, the
 * time until the same would pass ("90s", "1h30m"), the client's address and the login. Text from outside is escaped as
 * in the log and cut, so that a reply stays printable ASCII of at most REPLY_MAX bytes: no line end, and no second
 * action, can get in. An unknown value is replaced by a word, so that there is always a text behind the enhanced code.
 */
#ifndef POSTERN_REPLY_TEXT_H
#define POSTERN_REPLY_TEXT_H

#include "core/mail/network.h"
#include "core/mail/reason.h"

#define REPLY_LOGIN_MAX 64 /* bytes of a login or a limit's name that a reply shows */

struct reply_facts {
    const char *limit;       /* NULL: none */
    uint64_t retry_s;        /* 0: not known */
    const struct ip *client; /* NULL: not known */
    struct slice login;      /* empty: none */
};

/* Are all the {words} in it placeholders? 0, or -1 with e. Braces around anything else are text. */
int reply_text_check(struct slice text, struct error *e);

/*
 * The text with its placeholders filled in, in mem (REPLY_MAX + 1 bytes), cut at REPLY_MAX; the text itself where it
 * has none. The text has passed reply_check and reply_text_check.
 */
struct slice reply_text_fill(struct slice text, const struct reply_facts *facts, char *mem);

#endif
