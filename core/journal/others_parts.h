/* What the files of core/journal/others.h share. Not for use elsewhere. */
#ifndef POSTERN_OTHERS_PARTS_H
#define POSTERN_OTHERS_PARTS_H

#include "core/journal/database.h"
#include "core/journal/others.h"

/* What is prepared once: the text stands in others.c. */
enum others_sql {
    OTHERS_BEGIN,
    OTHERS_COMMIT,
    OTHERS_ROLLBACK,
    OTHERS_RELAY,       /* ?1 name: RELAY_COLUMNS */
    OTHERS_RELAYS,      /* all: RELAY_COLUMNS */
    OTHERS_ADD_RELAY,   /* RELAY_COLUMNS but the id */
    OTHERS_SET_RELAY,   /* ?1 id, and what follows it in RELAY_COLUMNS */
    OTHERS_PUT_ROW,     /* tenant, mailbox, relay, last, row */
    OTHERS_OWN,         /* OWN_COLUMNS */
    OTHERS_SET_OWN,     /* the same */
    OTHERS_USAGE_OF,    /* ?1 tenant, ?2 mailbox: row */
    OTHERS_USAGE_FROM,  /* ?1 ?2: behind that mailbox: tenant, mailbox, row */
    OTHERS_TENANT_FROM, /* ?1 tenant, ?2: behind that mailbox of it: the same */
    OTHERS_BEHIND,      /* ?1 ?2, ?3: the mailbox that comes as many rows behind it */
    OTHERS_FORGET,      /* those behind ?1 ?2, up to ?3 ?4, that were seen before ?5 last */
    OTHERS_COUNT,
    OTHERS_FORGET_MOST,   /* ?1: as many, seen longest ago */
    OTHERS_FORGET_RELAYS, /* those without rows that were heard before ?1 last */
    OTHERS_STATEMENTS
};

struct others {
    struct database *file;
    char *folder;
    bool transacts;
    uint32_t fresh;                /* rows since they were last counted */
    char tenant[64], mailbox[128]; /* the last one that others_forget has looked at */
    bool forgets;                  /* it goes on behind that */
};

/* After an answer of SQLite that was not expected: -1 with e. A damaged one is set aside for the next others_open. */
int others_failed(struct others *o, const char *what, int code, struct error *e);
/* The statement, ready to be bound. NULL with e. */
sqlite3_stmt *others_statement(struct others *o, enum others_sql which, struct error *e);
/* Runs a bound statement that returns no rows. 0, or -1 with e. */
int others_run(struct others *o, sqlite3_stmt *s, struct error *e);

void others_bind_text(sqlite3_stmt *s, int parameter, struct slice text);
/* The text of that column, up to a NUL; empty when it is too long for out, which is terminated. Its length. */
size_t others_read_text(sqlite3_stmt *s, int column, char *out, size_t cap);

/* Before a piece of reading: so long it may last. */
void others_begin_reading(struct others *o);

#endif
