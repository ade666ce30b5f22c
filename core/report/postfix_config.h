/*
 * Postfix's configuration as postconf(1) shows it: every parameter with its default and with $name expanded, and the
 * services of master.cf with their own settings. postconf knows the defaults of the version that runs here, which a
 * reading of main.cf alone would not.
 */
#ifndef POSTERN_CORE_REPORT_POSTFIX_CONFIG_H
#define POSTERN_CORE_REPORT_POSTFIX_CONFIG_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

struct postfix_setting {
    struct slice name, value;
};

struct postfix_service {
    struct slice name, type;           /* "submission", "inet" */
    struct slice chroot;               /* "n", "y" or "-" */
    struct slice command;              /* "smtpd" */
    struct postfix_setting *own, *raw; /* of -o, expanded and as written */
    size_t n_own, n_raw;
};

/* What postconf(1) says with -x, -M, -Px, -P and -n. */
enum postconf_text {
    POSTCONF_ALL,
    POSTCONF_SERVICES,
    POSTCONF_SERVICE_SETTINGS,
    POSTCONF_SERVICE_RAW,
    POSTCONF_RAW,
    POSTCONF_TEXTS
};

/*
 * Lists a database ("hash:/etc/postfix/access") as postmap -s does: "key<blank>value" a line. folder is Postfix's. 0
 * with *text of n bytes, which the caller frees; -1 with e.
 */
typedef int postfix_list_table(const char *folder, const char *table, char **text, size_t *n, struct error *e);

struct postfix {
    const char *folder;                     /* NULL: Postfix's own; the caller's */
    char *texts[POSTCONF_TEXTS];            /* malloc'ed; what the slices point into */
    postfix_list_table *list_table;         /* NULL: databases are not looked into */
    char *doveconf;                         /* what "doveconf -n" says, malloc'ed; NULL: nobody knows */
    struct postfix_setting *settings, *raw; /* of all, expanded; of main.cf, as written */
    size_t n_settings, n_raw;
    struct postfix_service *services;
    size_t n_services;
};

/* Takes p->texts apart, all of which are set, with the rest zero but folder and list_table. 0, and *p is to be freed by
 * postfix_free; -1 with e, and it is freed. */
int postfix_parse(struct postfix *p, struct error *e);
void postfix_free(struct postfix *p);

/* The last one of that name, which wins, as in Postfix; NULL: none. */
const struct postfix_setting *postfix_last_of(const struct postfix_setting *list, size_t n, struct slice name);

/* The value for that service (NULL: main.cf's). False where this Postfix does not know the parameter; *value is empty.
 */
bool postfix_find(const struct postfix *p, const struct postfix_service *service, const char *name,
                  struct slice *value);
/* The same, empty where it is not known. */
struct slice postfix_get(const struct postfix *p, const struct postfix_service *service, const char *name);
bool postfix_is_yes(const struct postfix *p, const struct postfix_service *service, const char *name);

/* "20s", "1000", "5m": seconds; `otherwise` for anything else. */
uint64_t postfix_time(struct slice text, uint64_t otherwise);
uint64_t postfix_get_time(const struct postfix *p, const struct postfix_service *service, const char *name,
                          uint64_t otherwise);

/* Does the service run in the queue directory as its root? "-" is yes up to compatibility level 0 only. */
bool postfix_chroots(const struct postfix *p, const struct postfix_service *service);

/*
 * Where the setting that holds is written, for people, into out: "main.cf:12 smtpd_milters", or "master.cf:7
 * submission", and with a value of only "$name" the place of that. A parameter that is written nowhere gives "main.cf".
 * name NULL: the service's own line.
 */
#define POSTFIX_PLACE_MAX 256
const char *postfix_place(const struct postfix *p, const struct postfix_service *service, const char *name,
                          char out[POSTFIX_PLACE_MAX]);

/* The number of the last line in main.cf that sets the parameter, also one that postconf -n leaves out since nothing
 * uses it; 0: none, or the file cannot be read. */
unsigned postfix_line_in_main(const struct postfix *p, struct slice parameter);

/* The value as it is written at that place: "$postern_policy" is not expanded. Empty if it is written nowhere. */
struct slice postfix_written(const struct postfix *p, const struct postfix_service *service, const char *name);

/*
 * Commands for people to paste into a shell, as long as they fit into *b. Each changes what holds where it is written
 * (main.cf, or "-o" of the service), as postfix_place says; postfix_add_reload ends the line.
 */
#define POSTFIX_COMMAND_MAX 700
void postfix_add_set(struct buf *b, const struct postfix *p, const struct postfix_service *service, const char *name,
                     struct slice value);
/* Sets these for this service, wherever they hold now. */
struct postfix_own {
    const char *name, *value;
};
void postfix_add_set_own(struct buf *b, const struct postfix *p, const struct postfix_service *service,
                         const struct postfix_own *settings, size_t n);
/* Takes it away: the default holds. */
void postfix_add_unset(struct buf *b, const struct postfix *p, const struct postfix_service *service, const char *name);
/* The service leaves the chroot. */
void postfix_add_unchroot(struct buf *b, const struct postfix *p, const struct postfix_service *service);
/* Puts `to` in the place of `from` in main.cf and master.cf, for what is written inside other words. */
void postfix_add_replace(struct buf *b, const struct postfix *p, struct slice from, struct slice to);
void postfix_add_reload(struct buf *b, const struct postfix *p);
/* One word of a shell, in single quotes. */
void postfix_add_quoted(struct buf *b, struct slice text);

#endif
