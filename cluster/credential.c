#include "cluster/credential.h"

#include "core/base/buf.h"

#include <stdlib.h>
#include <unistd.h>

const char *credential_path(const char *path, char mem[CREDENTIAL_PATH_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *slash = strrchr(path, '/');
    struct buf b = buf_over(mem, CREDENTIAL_PATH_MAX);

    if (folder == NULL || folder[0] != '/')
        return path;
    buf_addf(&b, "%s/%s", folder, slash != NULL ? slash + 1 : path);
    return !b.full && access(mem, F_OK) == 0 ? mem : path;
}
