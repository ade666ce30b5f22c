/*
 * Any bytes as a mail log: no crash; what a line says lies in the line; and no message counts that has no login, no
 * queue id or nobody who got it. The first byte says how old the file is.
 */
#include "core/report/postfix_log.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct slice part, struct slice line)
{
    return part.n == 0 || (part.p >= line.p && part.p + part.n <= line.p + line.n);
}

/* In memory of its own, so that the sanitizer sees a byte read too far. */
static void one_line(struct postfix_log *log, struct slice text, int64_t written_s)
{
    struct postfix_log_years years = {.newest_s = written_s};
    char *copy = malloc(text.n > 0 ? text.n : 1);
    struct slice line = {copy, text.n};
    struct postfix_log_line said;

    if (copy == NULL)
        abort();
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    postfix_log_read(line, &years, &said);
    assert(lies_in(said.host, line) && lies_in(said.queue_id, line) && lies_in(said.login, line));
    assert(said.event == POSTFIX_LOG_OTHER || said.event == POSTFIX_LOG_UNREAD || said.at_s != 0 || said.host.n > 0);
    assert((said.event != POSTFIX_LOG_CLIENT && said.event != POSTFIX_LOG_QUEUED && said.event != POSTFIX_LOG_SENT &&
            said.event != POSTFIX_LOG_REMOVED) ||
           said.queue_id.n >= 5);
    assert(said.event != POSTFIX_LOG_FILTER || said.login.n > 0);
    postfix_log_line(log, line);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mail_seen mail = {.n = 0};
    struct postfix_log *log = postfix_log_new(&mail);
    struct slice rest, line;
    int64_t written_s;

    if (log == NULL)
        abort();
    written_s = size > 0 ? (int64_t)data[0] * 86400 * 200 : 0;
    postfix_log_file(log, written_s);
    rest = (struct slice){(const char *)data + (size > 0), size - (size > 0)};
    for (bool more = true; more;) {
        more = slice_cut(rest, '\n', &line, &rest);
        one_line(log, line, written_s);
    }
    postfix_log_end(log);
    for (size_t i = 0; i < mail.n; i++)
        assert(mail.messages[i].login < mail.n_logins && mail.messages[i].recipients > 0 &&
               mail.logins[mail.messages[i].login][0] != '\0');
    assert(mail.n <= postfix_log_tally(log)->lines);
    postfix_log_free(log);
    mail_seen_free(&mail);
    return 0;
}
