/*
 * One line of Postfix's log, as syslogd, journalctl and postlogd write it: when, on which machine, and what it tells of
 * a queued message.
 *
 *     Nov 30 06:50:20 relay postfix/submission/smtpd[17]: 4jdF5S5n32z1bgb5: client=unknown[192.0.2.1], sasl_method=...
 *     2026-11-30T06:50:20.123456+01:00 relay postfix-out/qmgr[18]: 0A1B2C3D4: from=<>, size=651, nrcpt=1 (queue active)
 *
 * A line is read from its beginning on, field by field in Postfix's order, so that what a client wrote (a HELO, an
 * address, a reply of another server), which stands further behind, is never taken for one of Postfix's own words.
 */
#ifndef POSTERN_CORE_REPORT_POSTFIX_LOG_LINE_H
#define POSTERN_CORE_REPORT_POSTFIX_LOG_LINE_H

#include "core/mail/network.h"

enum postfix_log_event {
    POSTFIX_LOG_OTHER,   /* tells nothing of this kind, or is not Postfix's */
    POSTFIX_LOG_UNREAD,  /* has no time and program that can be read, or is not as Postfix writes such a line */
    POSTFIX_LOG_CLIENT,  /* smtpd: a message begins: login, client */
    POSTFIX_LOG_FILTER,  /* smtpd: one with a login that goes through a filter before the queue: it has no queue id yet
                          */
    POSTFIX_LOG_QUEUED,  /* qmgr: recipients */
    POSTFIX_LOG_SENT,    /* a delivery agent: one recipient got it */
    POSTFIX_LOG_REMOVED, /* qmgr: it has left the queue */
};

/* Slices are parts of the line. */
struct postfix_log_line {
    enum postfix_log_event event;
    int64_t at_s; /* wall clock */
    struct slice host, queue_id;
    struct slice login; /* empty: none */
    struct ip client;
    bool has_client;
    uint32_t recipients;
};

/* For lines that don't say the year. */
struct postfix_log_years {
    int64_t newest_s; /* no line is more than a day younger: when the file was written last */
    /* the last hour that was looked up, and when it began */
    char hour[9];
    int64_t hour_s;
};

/* Traditional times are local ones. Lines without their end of line. */
void postfix_log_read(struct slice line, struct postfix_log_years *years, struct postfix_log_line *out);

#endif
