/* What an open state is; for state.c and state_tick.c only. */
#ifndef POSTERN_STATE_INNER_H
#define POSTERN_STATE_INNER_H

#include "core/state/state.h"
#include "core/state/state_store.h"

/* A text that was handed out stays valid until this many further ones were made. */
#define STATE_TEXTS 8

struct state {
    char *path;
    struct layout wanted;
    bool any_layout; /* use the numbers of an existing file */
    uint64_t offset_ns;
    uint64_t boot_id;
    uint64_t service;       /* owner of a place among the services; 0: nothing published yet */
    struct mapping *now;    /* atomic; the mail path reads it */
    struct mapping *shadow; /* what is blocked, copied each tick, in case the file is damaged behind us */
    uint64_t shadowed;      /* blocks_changes of the shadow's source */
    uint64_t synced;        /* blocks_changes that are on the disk */
    uint64_t synced_ns;     /* boot clock of the last push */
    bool attached;          /* `now` is the file at path */
    bool sync_failed;
    struct outbox *outbox; /* NULL: there is no cluster */
    struct error texts[STATE_TEXTS];
    unsigned next_text;
    const char *problem; /* atomic */
    const char *notice;  /* atomic */
};

void state_set_notice(struct state *s, const struct error *e);

/* NULL: no problem any more. True when it differs from the last one. */
bool state_set_problem(struct state *s, const struct error *e);

/* Appends to a problem what follows from it. */
void state_explain_memory(struct error *e);

/* Puts a mapping in use. The one before stays mapped: threads may be using it. */
void state_use(struct state *s, struct mapping *m, bool attached, uint64_t boot_ns);

/* A service that ends gives its place back at once. */
void state_leave_services(struct state *s);

/* Sets the damaged file aside, which e described, and says so in a notice. 0; -1 with e. */
int state_set_aside(struct state *s, const struct place *p, const struct clock_reading *r, struct error *e);

#endif
