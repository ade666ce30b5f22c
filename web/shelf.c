#include "web/shelf.h"

#include "core/base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

/* How often the directory's folder and the lists are looked at, as the services do. */
#define REFRESH_NS NS_PER_S
/* After a reading that failed: the services wait as long. */
#define AGAIN_NS (60 * NS_PER_S)
#define IDLE_MAX 8

/* What is open of the places that a configuration names; several versions of it may name the same. */
struct store {
    unsigned users;
    char *directory_path, *journal_path;
    struct directory *directory; /* NULL: nobody has asked for it yet, or it could not be opened */
    struct journal *journal;     /* the same */
    uint64_t refreshed_ns;       /* boot clock */
    struct files_shared shared;
};

/* One version of the configuration. */
struct estate {
    unsigned users;
    struct config *config;
    struct store *store;
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
    uint64_t look_ns;   /* when its lists are looked at next (boot clock) */
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

/* ---- stores and estates; under the lock ---- */

static void store_leave(struct store *store)
{
    if (store == NULL || --store->users > 0)
        return;
    journal_close(store->journal);
    if (store->directory != NULL)
        directory_close(store->directory);
    free(store->directory_path);
    free(store->journal_path);
    (void)pthread_mutex_destroy(&store->shared.refreshing);
    free(store);
}

static bool same_path(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* The one of before, if its places are the same. NULL without memory. */
static struct store *store_of(const struct config *c, struct store *before)
{
    struct store *store;

    if (before != NULL && same_path(before->directory_path, c->directory) &&
        same_path(before->journal_path, c->journal)) {
        before->users++;
        return before;
    }
    if ((store = calloc(1, sizeof *store)) == NULL)
        return NULL;
    (void)pthread_mutex_init(&store->shared.refreshing, NULL);
    store->users = 1;
    store->directory_path = strdup(c->directory);
    store->journal_path = strdup(c->journal != NULL ? c->journal : "");
    if (store->directory_path != NULL && store->journal_path != NULL)
        return store;
    store_leave(store);
    return NULL;
}

static void estate_leave(struct estate *estate)
{
    if (estate == NULL || --estate->users > 0)
        return;
    store_leave(estate->store);
    config_free(estate->config);
    free(estate);
}

static struct estate *estate_new(const char *config_path, struct store *before, struct error *e)
{
    struct estate *estate = calloc(1, sizeof *estate);

    if (estate == NULL) {
        (void)error_set(e, "out of memory");
        return NULL;
    }
    estate->users = 1;
    if (config_load(config_path, &estate->config, e) != 0) {
        estate->config = NULL;
        estate_leave(estate);
        return NULL;
    }
    if ((estate->store = store_of(estate->config, before)) == NULL) {
        (void)error_set(e, "out of memory");
        estate_leave(estate);
        return NULL;
    }
    return estate;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void free_set(struct set *set);

/* Is it another file than before, or is a list that it names? */
static bool is_changed(struct shelf *shelf, const struct stat *there)
{
    uint64_t now_ns = clock_boot_ns();

    if (shelf->read.st_ino == 0 || !same_file(&shelf->read, there))
        return true;
    if (shelf->now == NULL || now_ns < shelf->look_ns)
        return false;
    shelf->look_ns = now_ns + REFRESH_NS;
    return config_files_changed(shelf->now->config);
}

/* Lists and other files that it names are read with it. */
static void follow_config(struct shelf *shelf)
{
    struct stat there = {.st_ino = 0};
    struct estate *estate;
    struct set *set;

    (void)stat(shelf->config_path, &there);
    if (!is_changed(shelf, &there))
        return;
    shelf->read = there;
    shelf->look_ns = clock_boot_ns() + AGAIN_NS;
    shelf->problem.text[0] = '\0';
    if ((estate = estate_new(shelf->config_path, shelf->now != NULL ? shelf->now->store : NULL, &shelf->problem)) ==
        NULL)
        return;
    shelf->look_ns = 0;
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

static void refresh_directory(struct store *store)
{
    uint64_t now_ns = clock_boot_ns();
    struct error e;

    if (pthread_mutex_trylock(&store->shared.refreshing) != 0)
        return; /* another thread does, and the generation before is good meanwhile */
    if (now_ns - store->refreshed_ns >= REFRESH_NS) {
        store->refreshed_ns = now_ns;
        (void)directory_refresh(store->directory, &e); /* what is wrong is seen by comparing with the services */
    }
    (void)pthread_mutex_unlock(&store->shared.refreshing);
}

static void fill_set(struct shelf *shelf, struct set *set)
{
    struct report_files *f = &set->files;
    struct error e;

    f->config_path = shelf->config_path;
    f->config = set->estate->config;
    f->shared = &set->estate->store->shared;
    (void)pthread_mutex_lock(&shelf->lock);
    f->directory = set->estate->store->directory;
    f->journal = set->estate->store->journal;
    (void)pthread_mutex_unlock(&shelf->lock);
    if (f->directory != NULL) {
        refresh_directory(set->estate->store);
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
    struct store *store = set->estate->store;

    if (store->directory == NULL && f->directory != NULL) {
        store->directory = f->directory;
        store->refreshed_ns = clock_boot_ns();
    }
    if (store->journal == NULL)
        store->journal = f->journal;
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
    if (files->directory != NULL && files->directory != set->estate->store->directory)
        directory_close(files->directory);
    if (files->journal != NULL && files->journal != set->estate->store->journal)
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

void shelf_reload(struct shelf *shelf)
{
    (void)pthread_mutex_lock(&shelf->lock);
    shelf->read = (struct stat){.st_ino = 0};
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
