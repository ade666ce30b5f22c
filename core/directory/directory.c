/* The handle: generations coming and going, and views on them. The questions are in core/directory/directory_lookup.c.
 */
#include "core/directory/directory.h"

#include "core/base/owner.h"
#include "core/directory/directory_view.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * A manifest that could not be used is tried again after this many calls of directory_refresh (a minute), since the
 * cause may have been a lack of memory or descriptors; not at each call, since that reads the whole file.
 */
#define CALLS_BEFORE_RETRY 60u

/* Identifies a manifest, to notice when it is replaced. */
struct stamp {
    bool there;
    int why_not; /* errno, when it could not be looked at; 0: there is none */
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec modified, changed;
};

struct directory {
    char *path;
    char *manifest_path;
    /* Of the refreshing thread alone: */
    struct stamp stamp;  /* of the manifest that was looked at last, used or not */
    unsigned calls_left; /* until a manifest that failed is tried again; 0: it did not fail */
    struct generation *retired;
    /* Of all threads: */
    pthread_mutex_t lock; /* current, and held of every generation; for a few instructions only */
    struct generation *current;
};

/* ---- generations ---- */

static void generation_free(struct generation *g)
{
    if (g->file != NULL && --g->file->users == 0)
        directory_file_close(g->file);
    free(g->tenants);
    free(g->domains);
    domains_free(g->in_memory);
    free(g);
}

/* When only the manifest's times are new, the new generation shares the file of the old. */
static int generation_make(const char *path, const struct manifest *m, struct generation *old, struct generation **out,
                           struct error *e)
{
    struct generation *g = calloc(1, sizeof *g);

    if (g == NULL)
        return error_set(e, "out of memory");
    g->number = m->generation;
    g->tenants_n = m->tenants_n;
    if (old != NULL && old->number == m->generation && old->file->checksum == m->checksum &&
        old->file->size == m->size) {
        g->file = old->file;
        g->file->users++;
    }
    if (g->file == NULL && directory_file_open(path, m, &g->file, e) != 0) {
        generation_free(g);
        return -1;
    }
    if (directory_file_tenants(g->file, m, &g->tenants, e) != 0 ||
        directory_file_domains(g->file, m->tenants_n, &g->domains, &g->closed, e) != 0 ||
        domains_load(g->file, &g->in_memory, e) != 0) {
        generation_free(g);
        return error_prefix(e, "directory file %s/%s", path, m->file);
    }
    *out = g;
    return 0;
}

/* Frees retired generations without views. Not done in directory_view_put, which is in the mail path. */
static void sweep_retired(struct directory *d)
{
    for (struct generation **at = &d->retired; *at != NULL;) {
        struct generation *g = *at;
        unsigned held;

        (void)pthread_mutex_lock(&d->lock);
        held = g->held;
        (void)pthread_mutex_unlock(&d->lock);
        if (held > 0) {
            at = &g->next;
        } else {
            *at = g->next;
            generation_free(g);
        }
    }
}

static void make_current(struct directory *d, struct generation *g)
{
    struct generation *old;

    (void)pthread_mutex_lock(&d->lock);
    old = d->current;
    d->current = g;
    (void)pthread_mutex_unlock(&d->lock);
    if (old != NULL) {
        old->next = d->retired;
        d->retired = old;
    }
}

/* ---- the handle ---- */

int directory_open(const char *path, struct directory **out, struct error *e)
{
    struct directory *d = calloc(1, sizeof *d);

    if (d == NULL)
        return error_set(e, "out of memory");
    if ((d->path = strdup(path)) == NULL || asprintf(&d->manifest_path, "%s/" MANIFEST_NAME, path) < 0) {
        free(d->path);
        free(d);
        return error_set(e, "out of memory");
    }
    (void)pthread_mutex_init(&d->lock, NULL);
    *out = d;
    return 0;
}

void directory_close(struct directory *d)
{
    if (d == NULL)
        return;
    make_current(d, NULL);
    sweep_retired(d);
    (void)pthread_mutex_destroy(&d->lock);
    free(d->manifest_path);
    free(d->path);
    free(d);
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){true, 0, st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->there == b->there && a->why_not == b->why_not && a->dev == b->dev && a->ino == b->ino &&
           a->size == b->size && same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* Is there anything to read? Counts down to the next try when what is there failed before. */
static bool manifest_is_new(struct directory *d)
{
    struct stamp stamp = {0};
    struct stat st;

    if (lstat(d->manifest_path, &st) == 0)
        stamp = stamp_of(&st);
    else if (errno != ENOENT)
        stamp.why_not = errno;
    if (!same_stamp(&stamp, &d->stamp)) {
        d->stamp = stamp;
        return true;
    }
    return d->calls_left > 0 && --d->calls_left == 0;
}

static int take_manifest(struct directory *d, struct error *e)
{
    struct manifest_file f;
    struct generation *g = NULL;
    int found = manifest_file_read(d->path, &f, e), result;

    if (found < 0)
        return -1;
    if (found == 0) {
        if (d->current == NULL)
            return 0;
        return error_set(e, "directory manifest %s is gone; generation %" PRIu64 " stays in use", d->manifest_path,
                         d->current->number);
    }
    d->stamp = stamp_of(&f.st);
    result = generation_make(d->path, &f.m, d->current, &g, e);
    manifest_file_free(&f);
    if (result != 0)
        return -1;
    make_current(d, g);
    return 1;
}

/* Stops using the current file when somebody else has written to it. */
static int check_current(struct directory *d, struct error *e)
{
    uint64_t number;

    if (d->current == NULL || directory_file_check(d->current->file, e) == 0)
        return 0;
    number = d->current->number;
    make_current(d, NULL);
    return error_prefix(e, "directory %s: the file of generation %" PRIu64 " is not used any more: it", d->path,
                        number);
}

int directory_refresh(struct directory *d, struct error *e)
{
    struct owner_visit visit;
    int result = 0;

    sweep_retired(d);
    if (owner_enter(d->path, &visit, e) != 0)
        return -1;
    if (check_current(d, e) != 0) {
        result = -1;
        d->calls_left = CALLS_BEFORE_RETRY;
    } else if (manifest_is_new(d)) {
        result = take_manifest(d, e);
        d->calls_left = result < 0 ? CALLS_BEFORE_RETRY : 0;
    }
    owner_leave(&visit);
    return result;
}

uint64_t directory_generation(const struct directory *d)
{
    struct directory *shared = (struct directory *)d; /* the lock is not part of the value */
    uint64_t number;

    (void)pthread_mutex_lock(&shared->lock);
    number = d->current != NULL ? d->current->number : 0;
    (void)pthread_mutex_unlock(&shared->lock);
    return number;
}

/* ---- views ---- */

struct directory_view *directory_view_get(struct directory *d)
{
    struct directory_view *v = calloc(1, sizeof *v);

    if (v == NULL)
        return NULL;
    (void)pthread_mutex_lock(&d->lock);
    v->generation = d->current;
    if (v->generation != NULL)
        v->generation->held++;
    (void)pthread_mutex_unlock(&d->lock);
    if (v->generation != NULL && mdb_txn_begin(v->generation->file->env, NULL, MDB_RDONLY, &v->txn) == 0)
        return v;
    directory_view_put(d, v);
    return NULL;
}

void directory_view_put(struct directory *d, struct directory_view *v)
{
    if (v == NULL)
        return;
    if (v->txn != NULL)
        mdb_txn_abort(v->txn);
    (void)pthread_mutex_lock(&d->lock);
    if (v->generation != NULL)
        v->generation->held--;
    (void)pthread_mutex_unlock(&d->lock);
    free(v);
}

uint64_t directory_view_generation(const struct directory_view *v)
{
    return v->generation->number;
}
