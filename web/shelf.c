#include "web/shelf.h"

#include "core/base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

/* How often the directory's folder is looked at, as the services do. */
#define REFRESH_NS NS_PER_S
#define IDLE_MAX 8

/* What one version of the configuration leads to. */
struct estate {
    struct config *config;
    unsigned users;
    struct directory *directory; /* NULL: nobody has asked for it yet, or it could not be opened */
    struct journal *journal;     /* the same */
    uint64_t refreshed_ns;       /* boot clock */
    pthread_mutex_t refreshing;
};

/* What one thread has at a time. */
struct set {
    struct report_files files; /* first */
    struct estate *estate;
    struct set *next;
};

struct shelf {
    const char *config_path;
    pthread_mutex_t lock;
    struct estate *now; /* NULL: no configuration could be read yet */
    struct stat read;   /* the configuration's file when it was read last */
    struct error problem;
    struct set *idle;
    unsigned n_idle;
};

struct shelf *shelf_new(const char *config_path)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);

    if (shelf == NULL)
        return NULL;
    shelf->config_path = config_path;
    (void)pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

/* ---- estates; under the lock ---- */

static void estate_leave(struct estate *estate)
{
    if (estate == NULL || --estate->users > 0)
        return;
    journal_close(estate->journal);
    if (estate->directory != NULL)
        directory_close(estate->directory);
    config_free(estate->config);
    (void)pthread_mutex_destroy(&estate->refreshing);
    free(estate);
}

static struct estate *estate_new(const char *config_path, struct error *e)
{
    struct estate *estate = calloc(1, sizeof *estate);

    if (estate == NULL) {
        (void)error_set(e, "out of memory");
        return NULL;
    }
    if (config_load(config_path, &estate->config, e) != 0) {
        free(estate);
        return NULL;
    }
    (void)pthread_mutex_init(&estate->refreshing, NULL);
    estate->users = 1;
    return estate;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void free_set(struct set *set);

/* What it includes, lists among them, is read again with it only. */
static void follow_config(struct shelf *shelf)
{
    struct stat there = {.st_ino = 0};
    struct estate *estate;
    struct set *set;

    (void)stat(shelf->config_path, &there);
    if (shelf->read.st_ino != 0 && same_file(&shelf->read, &there))
        return;
    shelf->read = there;
    shelf->problem.text[0] = '\0';
    if ((estate = estate_new(shelf->config_path, &shelf->problem)) == NULL)
        return;
    while ((set = shelf->idle) != NULL) {
        shelf->idle = set->next;
        free_set(set);
    }
    shelf->n_idle = 0;
    estate_leave(shelf->now);
    shelf->now = estate;
}

bool shelf_config_problem(struct shelf *shelf, struct error *e)
{
    (void)pthread_mutex_lock(&shelf->lock);
    *e = shelf->problem;
    (void)pthread_mutex_unlock(&shelf->lock);
    return e->text[0] != '\0';
}

/* ---- sets ---- */

/* All but what is the estate's. */
static void free_set(struct set *set)
{
    if (set->files.state != NULL)
        state_close(set->files.state);
    free(set);
}

static struct set *find_set(struct shelf *shelf)
{
    struct set *set = shelf->idle;

    if (set != NULL) {
        shelf->idle = set->next;
        shelf->n_idle--;
    } else if ((set = calloc(1, sizeof *set)) == NULL) {
        return NULL;
    }
    set->estate = shelf->now;
    set->estate->users++;
    return set;
}

static void refresh_directory(struct estate *estate)
{
    uint64_t now_ns = clock_boot_ns();
    struct error e;

    if (pthread_mutex_trylock(&estate->refreshing) != 0)
        return; /* another thread does, and the generation before is good meanwhile */
    if (now_ns - estate->refreshed_ns >= REFRESH_NS) {
        estate->refreshed_ns = now_ns;
        (void)directory_refresh(estate->directory, &e); /* what is wrong is seen by comparing with the services */
    }
    (void)pthread_mutex_unlock(&estate->refreshing);
}

static void fill_set(struct shelf *shelf, struct set *set)
{
    struct report_files *f = &set->files;
    struct error e;

    f->config_path = shelf->config_path;
    f->config = set->estate->config;
    f->refreshing = &set->estate->refreshing;
    (void)pthread_mutex_lock(&shelf->lock);
    f->directory = set->estate->directory;
    f->journal = set->estate->journal;
    (void)pthread_mutex_unlock(&shelf->lock);
    if (f->directory != NULL) {
        refresh_directory(set->estate);
        f->view = directory_view_get(f->directory);
    }
    if (f->state != NULL && state_reader_follow(f->state, clock_boot_ns(), clock_wall_ns(), &e) != 0) {
        state_close(f->state); /* files_open_state says what is wrong */
        f->state = NULL;
    }
}

struct report_files *shelf_take(struct shelf *shelf, struct error *e)
{
    struct set *set = NULL;

    (void)pthread_mutex_lock(&shelf->lock);
    follow_config(shelf);
    if (shelf->now == NULL)
        *e = shelf->problem;
    else if ((set = find_set(shelf)) == NULL)
        (void)error_set(e, "out of memory");
    (void)pthread_mutex_unlock(&shelf->lock);
    if (set == NULL)
        return NULL;
    fill_set(shelf, set);
    return &set->files;
}

/* Under the lock. What this thread has opened is for all from now on. */
static void donate(struct set *set)
{
    struct report_files *f = &set->files;
    struct estate *estate = set->estate;

    if (estate->directory == NULL && f->directory != NULL) {
        estate->directory = f->directory;
        estate->refreshed_ns = clock_boot_ns();
    }
    if (estate->journal == NULL)
        estate->journal = f->journal;
}

void shelf_put(struct shelf *shelf, struct report_files *files)
{
    struct set *set = (struct set *)files;
    struct state *state = files->state;

    if (files->view != NULL)
        directory_view_put(files->directory, files->view);
    history_close(files->history);
    (void)pthread_mutex_lock(&shelf->lock);
    donate(set);
    if (files->directory != NULL && files->directory != set->estate->directory)
        directory_close(files->directory);
    if (files->journal != NULL && files->journal != set->estate->journal)
        journal_close(files->journal);
    set->files = (struct report_files){.state = state};
    if (set->estate == shelf->now && shelf->n_idle < IDLE_MAX) {
        set->next = shelf->idle;
        shelf->idle = set;
        shelf->n_idle++;
        estate_leave(set->estate);
    } else {
        estate_leave(set->estate);
        free_set(set);
    }
    (void)pthread_mutex_unlock(&shelf->lock);
}

void shelf_free(struct shelf *shelf)
{
    struct set *set;

    if (shelf == NULL)
        return;
    while ((set = shelf->idle) != NULL) {
        shelf->idle = set->next;
        free_set(set);
    }
    estate_leave(shelf->now);
    (void)pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}
