/*
 * The "SMTP AUTH clients report" of the Exchange admin center (Reports > Mail flow), exported as CSV: who sent how many
 * messages straight to Exchange Online over a range of days, and over which TLS. Its columns are found by name, in the
 * spellings that occur: "Sender address", "SenderAddress", "TLS 1.2 (percentage)", "TLS1.2".
 */
#ifndef POSTERN_MIRROR_CLIENTS_REPORT_H
#define POSTERN_MIRROR_CLIENTS_REPORT_H

#include "mirror/read/csv.h"

#include <stdint.h>

enum clients_report_column {
    REPORT_SENDER,
    REPORT_DOMAIN,
    REPORT_MESSAGES,
    REPORT_TLS_1_0, /* and those of newer versions behind it: which share of the messages */
    REPORT_TLS_1_1,
    REPORT_TLS_1_2,
    REPORT_TLS_1_3,
    REPORT_PROTOCOL, /* authentication */
    REPORT_DATE,
    REPORT_COLUMNS
};

struct clients_report {
    struct input in;
    struct csv csv;
    int at[REPORT_COLUMNS]; /* the cell; -1: the file has no such column */
};

enum report_protocol { PROTOCOL_UNKNOWN, PROTOCOL_BASIC, PROTOCOL_OAUTH };

struct clients_report_row {
    struct slice sender;
    uint64_t messages;
    int tls; /* the oldest version that it used: 0 is 1.0, 3 is 1.3; -1: not told */
    enum report_protocol protocol;
    int64_t day_s; /* the day's beginning in UTC, where there is a column; 0: none */
};

/* Is the file such a report, by its header? Only a regular file is looked at: what comes through a pipe comes once. */
bool clients_report_is(const char *path);

/* 0, or -1 with e: it lacks a column that is needed. Free with clients_report_close. */
int clients_report_open(const char *path, struct clients_report *r, struct error *e);
/* The same for bytes in memory, which must outlive it; name stands for the path. */
int clients_report_memory(struct slice bytes, const char *name, struct clients_report *r, struct error *e);
void clients_report_close(struct clients_report *r);

/* 1: a row, until the next call; 0: the end; -1: damaged, and e names file, line and value. */
int clients_report_next(struct clients_report *r, struct clients_report_row *row, struct error *e);

#endif
