/* What "postern test-message" found out, and how it is shown. */
#ifndef POSTERN_CLI_TEST_MESSAGE_H
#define POSTERN_CLI_TEST_MESSAGE_H

#include "cli/mail_log.h"
#include "cli/smtp_client.h"
#include "core/report/trail.h"

#define TEST_QUEUE_ID_MAX 24u

struct test_message {
    const struct smtp_job *job;
    const char *service; /* of master.cf; NULL: the server was named */
    struct smtp_outcome outcome;
    char queue_id[TEST_QUEUE_ID_MAX];
    bool decided; /* postern decided about it: */
    struct journal_record decision;
    char unread[300]; /* why its decision can't be looked up; empty: it can */
    struct mail_log log;
};

/* Where it ended. */
enum test_end { TEST_ACCEPTED, TEST_UNREACHED, TEST_NO_LOGIN, TEST_REFUSED, TEST_DEFERRED };
enum test_end test_end(const struct smtp_outcome *outcome);

void test_message_report(const struct test_message *t, struct printer *out);

#endif
