/*
 * Secrets: files that nobody else may read, kept in memory that is wiped before it is freed. Never from the command
 * line, never from the environment.
 */
#ifndef POSTERN_MIRROR_SECRET_H
#define POSTERN_MIRROR_SECRET_H

#include "core/base/error.h"
#include "core/base/slice.h"

#define SECRET_MAX 65536u /* bytes */

struct secret {
    char *p; /* terminated behind n bytes; NULL: none */
    size_t n;
};

enum secret_kind {
    SECRET_PRIVATE, /* a key, a password, a token: readable by its owner only */
    SECRET_PUBLIC   /* a certificate: others may read, but not write */
};

/*
 * Where files are that the configuration names without a folder: in $CREDENTIALS_DIRECTORY, which a service manager
 * sets (LoadCredential=NAME:..., or LoadCredential=secrets:FOLDER, which puts "secrets_" in front), else in the folder
 * "secrets" beside the configuration.
 */
struct secret_places {
    const char *credentials; /* $CREDENTIALS_DIRECTORY; NULL or empty: not set */
    const char *config_file;
};

/*
 * Reads the file `name`. Refused: what is not a plain file (also by a symbolic link), longer than SECRET_MAX or empty;
 * what is not owned by root or our user; and what group or others may read (SECRET_PRIVATE) or write. Files of root in
 * the service manager's folder may be readable by a group, which is how it gives access to the service only. 0, or -1
 * with e.
 */
int secret_load(const struct secret_places *places, const char *name, enum secret_kind kind, struct secret *out,
                struct error *e);
/* Takes white space off the end: the line end that editors put there. */
void secret_trim(struct secret *s);
/* Wipes and frees. */
void secret_clear(struct secret *s);

#endif
