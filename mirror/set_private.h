/* The parts of "postern-mirror set": names → rows → found → confirmed → set → published. */
#ifndef POSTERN_MIRROR_SET_PRIVATE_H
#define POSTERN_MIRROR_SET_PRIVATE_H

#include "core/directory/directory_record.h"
#include "mirror/progress.h"
#include "mirror/set.h"

#define SET_IN_A_ROW_MAX 10 /* consecutive failures after which a run stops: the service has a problem */

enum row_state {
    ROW_NEW,
    ROW_FOUND,   /* to be set */
    ROW_ALREADY, /* it is so */
    ROW_AGAIN,   /* the mailbox of a row before */
    ROW_NOBODY,  /* no mailbox has the name, several do, or it could not be looked up; `why` says which */
    ROW_SET,
    ROW_FAILED,   /* `why` has the service's words */
    ROW_NOT_TRIED /* the run stopped before */
};

struct set_row {
    struct slice name;
    unsigned line; /* of the file; 0: of the command line */
    enum row_state state;
    size_t tenant; /* of the configuration */
    /* as the directory has it */
    bool stored;
    struct mailbox_id id;
    enum smtp_auth before;
    char address[ADDRESS_OF_NAME_MAX + 1];
    /* as Exchange Online has it */
    struct writeback_mailbox mailbox;
    char *why; /* allocated */
};

struct set_run {
    const struct set_options *o;
    char *text; /* of the file */
    struct set_row *rows;
    size_t n;
    struct directory *directory;
    struct directory_view *view; /* NULL: there is none */
    struct exchange **sessions;  /* one a tenant of the configuration; NULL: not needed yet */
    struct progress progress;
};

/* Each of these: 0, or -1 with e. */

/* The rows, from the command line and the file (mirror/set_names.c). */
int set_read_names(struct set_run *run, struct error *e);

/* ---- which mailboxes they are (mirror/set_find.c) ---- */

/* Opens the directory, if there is one. */
int set_open_directory(struct set_run *run, struct error *e);
/* Finds each row's mailbox, with its present setting. -1: no mailbox could be looked up. */
int set_find_all(struct set_run *run, struct error *e);
/* The tenant's session, opened when it is first asked for; NULL with e. Only where the tenant allows write-back. */
struct exchange *set_session(struct set_run *run, size_t tenant, struct error *e);
/* The only tenant of the configuration with exchange = { ... }, or the one that was named; -1 with e. */
int set_only_tenant(const struct set_options *o, size_t *tenant, struct error *e);

void set_close(struct set_run *run);

/* Sets the state of a row that failed, and why. -1 without memory. */
int set_row_fails(struct set_row *row, enum row_state state, const struct error *why);

size_t set_count(const struct set_run *run, enum row_state state);
/* Prints "list.txt:7: ", or nothing for a name of the command line. */
void set_say_place(const struct set_run *run, const struct set_row *row, FILE *out);

/* Logs who did what, where the services log. */
void set_note(const struct set_options *o, const struct tenant_config *tenant, const char *key, struct slice subject,
              enum writeback before, const char *outcome);

/* ---- into the directory (mirror/set_publish.c) ---- */

/* Publishes what was set, one generation for each tenant. *written: something was published. */
int set_publish(struct set_run *run, bool *written, struct error *e);
int set_publish_organization(const struct set_options *o, size_t tenant, struct error *e);

#endif
