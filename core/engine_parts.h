/* What engine.c (the parts) and engine_decide.c (the work) share. Not for use elsewhere. */
#ifndef POSTERN_ENGINE_PARTS_H
#define POSTERN_ENGINE_PARTS_H

#include "core/engine.h"
#include "core/state.h"

#include <pthread.h>
#include <stdatomic.h>

#define COMPLAIN_AGAIN_NS (UINT64_C(3600) * 1000000000)
#define LISTS_AGAIN_NS (UINT64_C(60) * 1000000000)

/* A configuration in use, freed by the last of its users. */
struct config_ref {
    struct config *config;
    atomic_uint_least64_t users;
};

struct complaint {
    char text[sizeof((struct error *)0)->text];
    struct error last;
    uint64_t told_ns;
};

struct engine {
    char *config_path;
    struct log *log;
    struct directory *directory;
    struct state *state;
    pthread_mutex_t lock; /* guards current */
    struct config_ref *current;
    atomic_uint_least64_t epoch; /* grows with every new configuration or generation */
    /* the tick's own */
    struct complaint directory_trouble;
    uint64_t lists_not_before_ns, age_told_ns;
};

struct engine_user {
    struct engine *engine;
    uint64_t epoch; /* engine's + 1 when config and view were taken; 0: rested */
    struct config_ref *config;
    struct directory_view *view;
    struct verdict verdict;
    char line[LOG_LINE_MAX];
};

/* Takes configuration and directory view of the moment. */
void engine_user_renew(struct engine_user *user);

/* Logs the verdict as one event (core/engine_log.c has the order of the fields). */
void engine_log_verdict(struct engine_user *user, const struct decide_context *c, const struct submission *s,
                        const struct recipients *r);

#endif
