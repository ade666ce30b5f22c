/*
 * The steps of a pull:
 *
 *     ask       each source for what it offers, the newest counts        mirror/pull_ask.c
 *     fetch     the file that it names, into a folder beside             mirror/pull_fetch.c
 *     compare   its tenants with ours, by the guard of every run         mirror/pull_compare.c
 *     adopt     it as the next generation                                mirror/build/writer_adopt.c
 */
#ifndef POSTERN_MIRROR_PULL_PRIVATE_H
#define POSTERN_MIRROR_PULL_PRIVATE_H

#include "core/directory/directory_file.h"
#include "core/directory/pulled.h"
#include "mirror/exchange/session.h"
#include "mirror/import_private.h"
#include "mirror/offering.h"
#include "mirror/pull.h"

/* What is on its way, in the directory's folder, so that it is renamed into place without a copy. */
#define PULL_FOLDER ".pull"
#define PULL_PATH_MAX 4352

#define PULL_HEADER_MAX 256

/* A tenant's run through the guard. */
struct compared {
    struct import_options options;
    struct import im;
};

struct pull {
    const struct pull_options *o;
    struct cluster_key key;
    struct exchange_session session;
    char bearer[PULL_HEADER_MAX];
    struct manifest_file ours; /* of the generation that is here; tenants NULL: none */
    bool has_ours;
    bool own_since;     /* what is here was not pulled, or was written to since */
    struct pulled last; /* what was noted of the last pull; here 0: nothing, or it is not what is here now */
    /* what is offered */
    struct slice source;                /* where; n 0: nobody has anything newer */
    char relay[OFFERING_RELAY_MAX + 1]; /* who, printable */
    char *text;                         /* that offering points into */
    char etag[sizeof((struct http_answer *)0)->etag];
    struct offering offering;
    /* what was fetched */
    char folder[PULL_PATH_MAX], file[PULL_PATH_MAX], part[PULL_PATH_MAX];
    struct directory *directory;
    struct directory_view *view;
    struct writer *w;
    struct compared *compared;
    size_t n_compared;
    bool refused; /* the error is one that --force overrides */
};

/* Refuses unless --force: -1 with e, or 0. */
int pull_refuse(struct pull *p, struct error *e, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Asks all sources. 0 with p->source, or -1 with e when none gave a usable answer. */
int pull_ask(struct pull *p, struct error *e);
/* What an HTTP status other than 200 means here, and what to do. Always -1. */
int pull_status(const struct http_answer *answer, struct error *e);

/* Is the offered file the one that is here already? */
bool pull_is_here(const struct pull *p);
/* The offered file, into p->folder, as p->file; all of it is checked. 0, or -1 with e. */
int pull_fetch(struct pull *p, struct error *e);
/* Empties p->folder but for a file named `keep` (NULL: all), and removes it if that leaves nothing. */
void pull_clear(const struct pull *p, const char *keep);

/* Did this relay itself, which did not pull what it has, read settings that the offer has older? */
bool pull_is_behind(const struct pull *p);
/* Is the offer older than what is here, or of tenants that nobody here knows? As pull_refuse. */
int pull_check_offer(struct pull *p, struct error *e);
/* Compares all tenants and judges. 0, or -1 with e. */
int pull_compare(struct pull *p, struct error *e);
void pull_compare_free(struct pull *p);

#endif
