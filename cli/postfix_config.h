/*
 * Postfix's configuration as postconf(1) shows it: every parameter with its default and with $name expanded, and the
 * services of master.cf with their own settings. postconf knows the defaults of the version that runs here, which a
 * reading of main.cf alone would not.
 */
#ifndef POSTERN_CLI_POSTFIX_CONFIG_H
#define POSTERN_CLI_POSTFIX_CONFIG_H

#include "core/error.h"
#include "core/slice.h"

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

struct postfix {
    char *texts[4]; /* what the slices point into */
    struct postfix_setting *settings;
    size_t n_settings;
    struct postfix_service *services;
    size_t n_services;
};

/* From the folder (NULL: Postfix's own default). 0 with *p, to be freed by postfix_free; -1 with e. */
int postfix_read(const char *folder, struct postfix *p, struct error *e);
void postfix_free(struct postfix *p);

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
 * submission", and with a value of only "$name" the place of that. A parameter that stands nowhere is "main.cf". name
 * NULL: the service's own line.
 */
#define POSTFIX_PLACE_MAX 256
const char *postfix_place(const struct postfix *p, const struct postfix_service *service, const char *name,
                          char out[POSTFIX_PLACE_MAX]);

#endif
