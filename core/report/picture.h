/* The state of everything at a glance, for status, top and metrics. */
#ifndef POSTERN_CORE_REPORT_PICTURE_H
#define POSTERN_CORE_REPORT_PICTURE_H

#include "core/directory/pulled.h"
#include "core/report/files.h"
#include "core/report/notices.h"
#include "core/report/printer.h"
#include "core/report/ranking.h"
#include "core/state/blocks.h"
#include "core/state/counters.h"
#include "core/state/habits.h"

#define PICTURE_TOTALS_MAX 1024
#define PICTURE_LISTENERS_MAX 64
#define PICTURE_WINDOW_S 3600 /* what "lately" is */

struct picture_total {
    char program[16];
    enum action action;
    enum reason reason;
    uint64_t count;
};

struct picture_count {
    char program[16];
    enum journal_counted what;
    char name[40];
    uint64_t count;
};

#define PICTURE_PROCESSES_MAX 64
struct picture_process {
    long pid;
    char name[16]; /* "postern-policyd" */
    bool told;     /* it is not seen, but says in the state that it runs; since when is not known */
    uint64_t age_s;
};

/* Of a silent program: the kernel accepts connections for it. */
#define PICTURE_LISTENER_SILENT "connects, but its program is silent"
struct picture_listener {
    const char *program, *address;
    const char *state; /* "answers", "does not answer", "not looked at", PICTURE_LISTENER_SILENT */
    bool up;
};

/* A program that the configuration has work for. */
enum picture_service_state {
    SERVICE_UP,
    SERVICE_DOWN,
    SERVICE_HIDDEN,
    SERVICE_SILENT /* it is there, but has not said in the state for seconds that it lives: it hangs, or counts
                      elsewhere */
};
struct picture_service {
    const char *program;
    enum picture_service_state state;
};
#define PICTURE_SERVICES_MAX 8

#define PICTURE_PROBLEMS_MAX 8

struct picture {
    int64_t wall_s;
    char config_problem[sizeof((struct error *)NULL)->text]; /* empty: the configuration is valid */
    bool config_partial; /* only the places that its readable part names are known */
    struct picture_process processes[PICTURE_PROCESSES_MAX];
    size_t n_processes;
    bool processes_visible; /* otherwise those that tell it are among the processes, and finding none means little */
    struct picture_service services[PICTURE_SERVICES_MAX];
    size_t n_services;
    enum picture_part directory, state;
    bool pulled; /* the directory is another relay's; `origin` says whose */
    struct pulled origin;
    struct state_service using[STATE_SERVICES_MAX]; /* where the state was read */
    size_t n_using;
    struct notices notices;
    struct picture_listener listeners[PICTURE_LISTENERS_MAX];
    size_t n_listeners;
    struct picture_problem {
        char text[sizeof((struct error *)NULL)->text];
    } problems[PICTURE_PROBLEMS_MAX]; /* what could not be read, and why */
    size_t n_problems;
    bool has_journal;
    struct counters_stats counters;
    struct habits_stats habits;
    uint64_t blocks;
    struct picture_total totals[PICTURE_TOTALS_MAX];
    size_t n_totals;
    struct picture_count *counts; /* hits of limits and the like, by program, kind and name */
    size_t n_counts;
    uint64_t dropped; /* decisions that the journal could not keep */
    /* of the last hour; count[0] let through, count[1] refused */
    struct ranking logins, clients, connectors, limits;
};

/*
 * Finds processes and listeners that accept connections, and whether processes can be seen at all. It needs signals,
 * sockets and other programs, which this room does not use, so the caller provides it (core/look/ has a part).
 */
typedef void picture_look(struct picture *p, const struct report_files *f);

/*
 * What can't be read is left out, with its problem. With a configuration that is wrong, it is about the files that its
 * readable part names (config_load_places). To be freed by picture_free. NULL with e without memory, or when the
 * configuration can't be read at all.
 */
struct picture *picture_take(struct report_files *f, picture_look *look, struct error *e);
/*
 * One of the mail of some tenants alone (core/access/role.h): blocks of their subjects, and the last hour's rankings;
 * not the rest, which is the relay's. The configuration is open. Each record of the hour is told, too; NULL: to nobody.
 */
typedef void picture_each(void *arg, const struct journal_record *record);
struct picture *picture_take_tenants(struct report_files *f, struct slice scope, picture_each *each, void *arg,
                                     struct error *e);
/* Its problems, as remarks. */
void picture_tell_problems(const struct picture *p, struct printer *printer);
/* Until when the habits of a tenant's logins are being learnt, since its mail is new here: wall clock; 0: that is over,
 * has not begun, or is not known. */
int64_t picture_learning_until(const struct picture *p, const struct report_files *f,
                               const struct tenant_facts *tenant);
/* Is that program there, but silent? */
bool picture_is_silent(const struct picture *p, const char *program);
/* The generation that the process with that number uses: true, and *generation. */
bool picture_generation_of(const struct picture *p, long pid, uint64_t *generation);
void picture_free(struct picture *p);

/* Is all well? The first of these that applies. */
enum picture_health {
    PICTURE_OTHER_GENERATION, /* the services use another generation of the directory than is in its folder */
    PICTURE_TROUBLE,          /* something needs a look */
    PICTURE_CLOSED,           /* what may be read is well */
    PICTURE_WELL
};
enum picture_health picture_judge(const struct picture *p, const struct report_files *f);

#endif
