/*
 * Secrets: read from private files, never from the command line or the environment; their memory is wiped before it is
 * freed.
 */
#ifndef POSTERN_MIRROR_SECRET_H
#define POSTERN_MIRROR_SECRET_H

#include "core/base/error.h"
#include "core/base/slice.h"

#define SECRET_MAX 65536u /* bytes */

struct secret {
    char *p; /* terminated after n bytes; NULL: none */
    size_t n;
};

enum secret_kind {
    SECRET_PRIVATE, /* a key, password or token: readable by its owner only */
    SECRET_PUBLIC   /* a certificate: others may read, but not write */
};

/*
 * Where to find files that the configuration names without a folder: in $CREDENTIALS_DIRECTORY, which the service
 * manager sets (LoadCredential=NAME:..., or LoadCredential=secrets:FOLDER, which prefixes "secrets_"), else in the
 * folder "secrets" beside the configuration.
 */
struct secret_places {
    const char *credentials; /* $CREDENTIALS_DIRECTORY; NULL or empty: not set */
    const char *config_file;
};

/*
 * Reads the file `name`. Refuses what is not a regular file (symbolic links, too), is empty or longer than SECRET_MAX,
 * is not owned by root or our user, or may be read (SECRET_PRIVATE) or written by group or others. Files of root in the
 * service manager's folder may be readable by a group, which is how it gives access to the service only. 0, or -1 with
 * e.
 */
int secret_load(const struct secret_places *places, const char *name, enum secret_kind kind, struct secret *out,
                struct error *e);
/* Removes white space at the end, such as the newline that editors add. */
void secret_trim(struct secret *s);
/* Wipes and frees. */
void secret_clear(struct secret *s);

#endif
