#include "core/report/files.h"

#include "core/base/clock.h"
#include "core/base/owner.h"
#include "core/directory/manifest.h"
#include "core/state/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- opening ---- */

/* What could not be opened: because it is closed to the user? */
static void note_closed(struct report_files *f, const char *path, int how)
{
    if (faccessat(AT_FDCWD, path, how, AT_EACCESS) != 0 && errno == EACCES)
        f->may_not_read = true;
}

int files_open_config(struct report_files *f, struct error *e)
{
    if (f->config != NULL || config_load(f->config_path, &f->config, e) == 0)
        return 0;
    f->config = NULL;
    note_closed(f, f->config_path, R_OK);
    return -1;
}

int files_leave_root(const struct report_files *f, struct error *e)
{
    struct owner of_directory, of_state;

    if (owner_find(f->config->directory, &of_directory, e) != 0 || owner_find(f->config->state_path, &of_state, e) != 0)
        return -1;
    if (of_directory.shared || of_directory.uid != of_state.uid)
        return 0;
    return owner_become(&of_directory, e);
}

static void note_closed_directory(struct report_files *f)
{
    char *manifest;

    note_closed(f, f->config->directory, R_OK | X_OK);
    if (asprintf(&manifest, "%s/" MANIFEST_NAME, f->config->directory) < 0)
        return;
    note_closed(f, manifest, R_OK);
    free(manifest);
}

int files_open_directory(struct report_files *f, struct error *e)
{
    if (f->directory != NULL)
        return 0;
    if (files_open_config(f, e) != 0 || (f->leave_root && files_leave_root(f, e) != 0))
        return -1;
    if (directory_open(f->config->directory, &f->directory, e) != 0)
        f->directory = NULL;
    if (f->directory == NULL || directory_refresh(f->directory, e) < 0) {
        note_closed_directory(f);
        return -1;
    }
    f->view = directory_view_get(f->directory);
    return 0;
}

/* As the clocks are now. False with e: it is missing. */
static bool state_there(struct report_files *f, struct state_options *options, struct error *e)
{
    struct stat st;
    int number;

    *options = (struct state_options){.path = f->config->state_path,
                                      .boot_ns = clock_boot_ns(),
                                      .wall_ns = clock_wall_ns(),
                                      .boot_id = clock_boot_id()};
    if (stat(options->path, &st) == 0)
        return true;
    number = errno;
    note_closed(f, options->path, F_OK);
    (void)error_set(e, "state file %s: %s%s", options->path, strerror(number),
                    number == ENOENT ? "; the services make it when they start" : "");
    return false;
}

int files_open_state(struct report_files *f, struct error *e)
{
    struct state_options options;
    struct error why;

    if (f->state != NULL)
        return 0;
    if (files_open_config(f, e) != 0 || !state_there(f, &options, e))
        return -1;
    if (state_open_reader(&options, &f->state, e) == 0)
        return 0;
    note_closed(f, options.path, R_OK);
    if (!f->may_not_read)
        return -1;
    why = *e;
    return error_set(e, "%s (this needs root, or the group postern)", why.text);
}

int files_open_state_to_change(struct report_files *f, struct error *e)
{
    struct state_options options;

    if (f->state != NULL)
        return 0;
    if (files_open_config(f, e) != 0 || !state_there(f, &options, e) || state_open(&options, &f->state, e) != 0)
        return -1;
    if (state_problem(f->state) == NULL)
        return 0;
    note_closed(f, options.path, R_OK | W_OK);
    (void)error_set(e, "%s (this command needs root, or to be run as the services' user)", state_problem(f->state));
    state_close(f->state);
    f->state = NULL;
    return -1;
}

int files_share_state(struct report_files *f, struct error *e)
{
    if (!f->config->cluster.configured || f->outbox != NULL)
        return 0;
    if (outbox_open(f->config->cluster.outbox, OUTBOX_WRITER, &f->outbox, e) != 0)
        return -1;
    state_share(f->state, f->outbox);
    return outbox_problem(f->outbox) == NULL ? 0 : error_set(e, "%s", outbox_problem(f->outbox));
}

int files_open_journal(struct report_files *f, struct error *e)
{
    if (f->journal != NULL)
        return 0;
    if (files_open_config(f, e) != 0)
        return -1;
    if (f->config->journal == NULL || f->config->journal[0] == '\0')
        return error_set(e, "no journal is kept: journal = \"\" in %s", f->config->file);
    if (f->leave_root && files_leave_root(f, e) != 0)
        return -1;
    if (journal_open(f->config->journal, NULL, &f->journal, e) == 0)
        return f->config->cluster.configured ? journal_add_others(f->journal, f->config->cluster.folder, e) : 0;
    f->journal = NULL;
    note_closed(f, f->config->journal, R_OK | X_OK);
    return -1;
}

int files_open_history(struct report_files *f, struct error *e)
{
    struct error notice;
    int result = 0;
    char *path;

    if (f->history != NULL)
        return 0;
    if (files_open_config(f, e) != 0 || (f->leave_root && files_leave_root(f, e) != 0))
        return -1;
    if (asprintf(&path, "%s/" HISTORY_NAME, f->config->directory) < 0)
        return error_set(e, "out of memory");
    if (access(path, F_OK) == 0 || errno != ENOENT)
        result = history_open(f->config->directory, false, &f->history, &notice, e);
    if (result != 0)
        note_closed(f, path, R_OK);
    free(path);
    return result;
}

void files_close(struct report_files *f)
{
    history_close(f->history);
    if (f->journal != NULL)
        journal_close(f->journal);
    if (f->state != NULL)
        state_close(f->state);
    outbox_close(f->outbox);
    if (f->view != NULL)
        directory_view_put(f->directory, f->view);
    if (f->directory != NULL)
        directory_close(f->directory);
    config_free(f->config);
}

struct decide_context files_context(const struct report_files *f)
{
    return (struct decide_context){.config = f->config,
                                   .view = f->view,
                                   .counters = state_counters(f->state),
                                   .blocks = state_blocks(f->state),
                                   .habits = state_habits(f->state),
                                   .secret = state_secret(f->state),
                                   .now_ns = state_now(f->state, clock_boot_ns()),
                                   .wall_s = clock_wall_s()};
}

/* ---- what the services use ---- */

#define AGREE_WITHIN_S 3 /* services look for a new generation once a second */
#define AGREE_PAUSE_NS 100000000

static uint64_t own_generation(const struct report_files *f)
{
    return f->view != NULL ? directory_view_generation(f->view) : 0;
}

/* Of a service that uses another one than ours; true, and *out. */
static bool find_other(const struct report_files *f, uint64_t *out)
{
    struct state_service services[STATE_SERVICES_MAX];
    size_t n = state_services(f->state, clock_boot_ns(), services);

    for (size_t i = 0; i < n; i++)
        if (services[i].generation != own_generation(f)) {
            *out = services[i].generation;
            return true;
        }
    return false;
}

/* The folder may have a newer one by now. */
static void renew_view(struct report_files *f)
{
    struct error e;

    if (f->directory == NULL)
        return;
    if (f->shared != NULL)
        (void)pthread_mutex_lock(&f->shared->refreshing);
    (void)directory_refresh(f->directory, &e);
    if (f->shared != NULL)
        (void)pthread_mutex_unlock(&f->shared->refreshing);
    if (directory_generation(f->directory) == own_generation(f))
        return;
    if (f->view != NULL)
        directory_view_put(f->directory, f->view);
    f->view = directory_view_get(f->directory);
}

/* Has the difference lasted for longer than a switch takes? */
static bool differs_for_long(struct report_files *f)
{
    uint64_t now_ns = clock_boot_ns(), since_ns;

    if (find_other(f, &f->services_generation))
        renew_view(f);
    if (!find_other(f, &f->services_generation)) {
        __atomic_store_n(&f->shared->differs_since_ns, 0, __ATOMIC_RELAXED);
        return false;
    }
    since_ns = __atomic_load_n(&f->shared->differs_since_ns, __ATOMIC_RELAXED);
    if (since_ns == 0)
        __atomic_store_n(&f->shared->differs_since_ns, now_ns, __ATOMIC_RELAXED);
    return since_ns != 0 && now_ns - since_ns >= AGREE_WITHIN_S * NS_PER_S;
}

bool files_agree(struct report_files *f)
{
    const struct timespec pause = {.tv_nsec = AGREE_PAUSE_NS};
    uint64_t until = clock_boot_ns() + AGREE_WITHIN_S * NS_PER_S;

    if (f->shared != NULL)
        return !(f->other_generation = differs_for_long(f));
    while ((f->other_generation = find_other(f, &f->services_generation)) && clock_boot_ns() < until) {
        (void)nanosleep(&pause, NULL);
        renew_view(f);
    }
    return !f->other_generation;
}

const char *files_disagreement(const struct report_files *f, char *mem, size_t cap)
{
    struct buf b = buf_over(mem, cap);

    if (f->services_generation == 0)
        buf_addf(&b, "the services have no directory and defer authenticated mail");
    else
        buf_addf(&b, "the services use generation %llu of the directory", (unsigned long long)f->services_generation);
    /* Only a command with a configuration has opened the state, and knows of the services. */
    buf_addf(&b, "; the folder %s has ", f->config != NULL ? f->config->directory : "of the directory");
    if (own_generation(f) == 0)
        buf_addf(&b, "none that can be used");
    else
        buf_addf(&b, "generation %llu", (unsigned long long)own_generation(f));
    return mem;
}
