/* Secrets that the service manager hands over (LoadCredential=), so that the service need not be able to read their
 * folder. */
#ifndef POSTERN_CREDENTIAL_H
#define POSTERN_CREDENTIAL_H

#include <stddef.h>

#define CREDENTIAL_PATH_MAX 4352u

/*
 * Where to read a secret that the configuration names: $CREDENTIALS_DIRECTORY/NAME, by the last part of its path, or
 * $CREDENTIALS_DIRECTORY/secrets_NAME, as LoadCredential=secrets:FOLDER calls it, if there is such a file; else the
 * path itself. The result is mem or path.
 */
const char *credential_path(const char *path, char mem[CREDENTIAL_PATH_MAX]);

#endif
