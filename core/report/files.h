/*
 * The files behind reports: configuration, directory, state and journal, each opened on demand; and how far they can be
 * trusted: whether this user may read them, and whether the services use the same ones.
 */
#ifndef POSTERN_CORE_REPORT_FILES_H
#define POSTERN_CORE_REPORT_FILES_H

#include "core/config/config.h"
#include "core/decide/decide.h"
#include "core/directory/directory.h"
#include "core/journal/history.h"
#include "core/journal/journal.h"
#include "core/state/state.h"

#include <pthread.h>

/* What threads share that use one directory. */
struct files_shared {
    pthread_mutex_t refreshing; /* held while the directory is refreshed */
    uint64_t differs_since_ns;  /* atomic; boot clock: the services use another generation since then; 0: they don't */
};

struct report_files {
    const char *config_path;
    /* As root, become the owner of the directory before it or the journal is opened: see files_leave_root. For a
     * process that does nothing else. */
    bool leave_root;
    struct files_shared *shared; /* with other threads: the directory; NULL: with nobody */
    /* opened on demand, by the functions below */
    struct config *config;
    struct directory *directory;
    struct directory_view *view; /* NULL: there is none (yet) */
    struct state *state;
    struct outbox *outbox; /* NULL: nothing is told */
    struct journal *journal;
    struct history *history; /* NULL: there is none (yet) */
    /* what was found when they were opened */
    bool may_not_read;            /* one of them is closed to this user */
    bool other_generation;        /* the services use another one than `view` */
    uint64_t services_generation; /* then: which; 0: none */
};

/* Each opens the configuration first, and does nothing where its file is open. 0, or -1 with e. */
int files_open_config(struct report_files *f, struct error *e);
/* The directory may be missing: then it returns 0, and the view is NULL. */
int files_open_directory(struct report_files *f, struct error *e);
/* The services' own state, to be read only; it is an error if it is missing. */
int files_open_state(struct report_files *f, struct error *e);
/* The same to be changed: an error if it cannot be written, since counters elsewhere would be meaningless. Not after
 * the other. */
int files_open_state_to_change(struct report_files *f, struct error *e);
/* Where there is a cluster: what this process counts or resets is told to the other relays, too. The state is open. 0,
 * or -1 with e when that can't be. */
int files_share_state(struct report_files *f, struct error *e);
int files_open_journal(struct report_files *f, struct error *e);
/* The history may be missing: then it returns 0, and history is NULL. */
int files_open_history(struct report_files *f, struct error *e);
void files_close(struct report_files *f);

/*
 * Gives up root's rights: LMDB trusts the contents of the directory's file, and SQLite, which reads the journal, is
 * large, so root should run neither. What needs root (reading the configuration, seeing the owners of processes) must
 * be done before. The configuration must be open. 0, or -1 with e.
 */
int files_leave_root(const struct report_files *f, struct error *e);

/* What decide() needs; configuration, directory and state are open. */
struct decide_context files_context(const struct report_files *f);

/*
 * Compares the generation that the services use with the one of the view, and fills other_generation and
 * services_generation. They may switch to a new generation later than we: it waits a few seconds for that; where the
 * directory is shared it doesn't wait, and they agree until the difference has lasted so long. The directory must have
 * been looked for, and the state be open. True when they agree, or no service has published one.
 */
bool files_agree(struct report_files *f);
/* "the services use generation 4 of the directory; the folder ... has none": when they don't agree. */
const char *files_disagreement(const struct report_files *f, char *mem, size_t cap);

#endif
