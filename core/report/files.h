/*
 * What reports are made from: the configuration, the directory, the state and the journal, each opened when it is first
 * asked for, and how far they can be believed: whether this user may read them, and whether the services use them.
 */
#ifndef POSTERN_CORE_REPORT_FILES_H
#define POSTERN_CORE_REPORT_FILES_H

#include "core/config/config.h"
#include "core/decide/decide.h"
#include "core/directory/directory.h"
#include "core/journal/journal.h"
#include "core/state/state.h"

struct report_files {
    const char *config_path;
    /* When root, go on as the user whose the directory is before it or the journal is opened: see files_leave_root. For
     * a process that does nothing else. */
    bool leave_root;
    /* opened on demand, by the functions below */
    struct config *config;
    struct directory *directory;
    struct directory_view *view; /* NULL: there is none (yet) */
    struct state *state;
    struct journal *journal;
    /* what was found when they were opened */
    bool may_not_read;            /* one of them is closed to this user */
    bool other_generation;        /* the services use another one than `view` */
    uint64_t services_generation; /* then: which; 0: none */
};

/* Each opens the configuration first, and does nothing where its file is open. 0, or -1 with e. */
int files_open_config(struct report_files *f, struct error *e);
/* The directory may be missing: then the view is NULL all the same, with 0. */
int files_open_directory(struct report_files *f, struct error *e);
/* The services' own state; it is an error when it is not there or cannot be written, since counting elsewhere would say
 * nothing. */
int files_open_state(struct report_files *f, struct error *e);
int files_open_journal(struct report_files *f, struct error *e);
void files_close(struct report_files *f);

/*
 * LMDB, which reads the directory, trusts what is in a file, and SQLite, which reads the journal, is large; so both
 * are better not root's. What is needed of
 * root's, to read the configuration and to see whose processes are whose, must be done by now. The configuration must
 * be open. 0, or -1 with e.
 */
int files_leave_root(const struct report_files *f, struct error *e);

/* What decide() needs; configuration, directory and state are open. */
struct decide_context files_context(const struct report_files *f);

/*
 * Compares the generation that the services use with the one of the view, and fills other_generation and
 * services_generation. A new generation may reach them later than us: waits a few seconds for that. The directory must
 * have been looked for, and the state be open. True when they agree, or no service says anything.
 */
bool files_agree(struct report_files *f);
/* "the services use generation 4 of the directory; the folder ... has none": when they don't agree. */
const char *files_disagreement(const struct report_files *f, char *mem, size_t cap);

#endif
