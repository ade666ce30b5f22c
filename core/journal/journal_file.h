/*
 * The journal's SQLite database: journal.sqlite in its folder, written by the programs in the mail path and read by
 * others.
 */
#ifndef POSTERN_JOURNAL_FILE_H
#define POSTERN_JOURNAL_FILE_H

#include "core/journal/database.h"

#define JOURNAL_NAME "journal.sqlite"
#define JOURNAL_VERSION 2 /* of what the values mean */

/* What is prepared once. */
enum journal_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_ADD_MESSAGE, /* DECISION_COLUMNS, DECISION_KEYS */
    SQL_ADD_REFUSAL,
    SQL_LAST_PART_OF_MESSAGES, /* its number, and how many it has */
    SQL_LAST_PART_OF_REFUSALS,
    SQL_COUNT_MESSAGES,
    SQL_COUNT_REFUSALS,
    SQL_DROP_MESSAGES, /* ?1: as many of the oldest; there are more */
    SQL_DROP_REFUSALS,
    SQL_ADD_TOTAL,   /* ?1 program, ?2 verdict, ?3 reason, ?4 count */
    SQL_ADD_COUNT,   /* ?1 program, ?2 what, ?3 name, ?4 count */
    SQL_ADD_DROPPED, /* ?1 program, ?2 count */
    SQL_USAGE_OF,    /* ?1 tenant, ?2 mailbox: USAGE_COLUMNS */
    SQL_ADD_USAGE,   /* tenant, mailbox, USAGE_COLUMNS */
    SQL_SET_USAGE,   /* USAGE_COLUMNS, tenant, mailbox */
    SQL_SET_FIRST,   /* ?1: the first submission that was let through, if no earlier one is known */
    SQL_COUNT_USAGE,
    SQL_USAGE_BEHIND,       /* ?1 tenant, ?2 mailbox: the names of the mailbox that comes ?3 behind it */
    SQL_FORGET,             /* those behind ?1 ?2, up to ?3 ?4, that were seen before ?5 last */
    SQL_FORGET_MOST,        /* ?1: as many, seen longest ago */
    SQL_BLOCK_SEEN,         /* ?1 since, ?2 subject, ?3 limit, ?4 until, ?5 reason */
    SQL_BLOCK_GONE,         /* ?1 ?2 ?3, ?4 ended, ?5 how, ?6 by */
    SQL_BLOCK_LIFTED,       /* ?1 to ?5 as seen, ?6 ended, ?7 by, ?8 why */
    SQL_BLOCKS_OPEN,        /* ?1 now: since, subject and limit of those that are not known to have ended */
    SQL_FORGET_BLOCKS,      /* that ended before ?1 */
    SQL_FORGET_MOST_BLOCKS, /* but ?1: the oldest, ended ones first; ?2 now */
    SQL_STATEMENTS
};

extern const struct database_kind journal_kind;

#endif
