#include "core/base/credential.h"

#include "core/base/buf.h"

#include <stdlib.h>
#include <unistd.h>

const char *credential_path(const char *path, char mem[CREDENTIAL_PATH_MAX])
{
    static const char *const prefixes[] = {"", "secrets_"};
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *slash = strrchr(path, '/');

    for (size_t i = 0; folder != NULL && folder[0] == '/' && i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct buf b = buf_over(mem, CREDENTIAL_PATH_MAX);

        buf_addf(&b, "%s/%s%s", folder, prefixes[i], slash != NULL ? slash + 1 : path);
        if (!b.full && access(mem, F_OK) == 0)
            return mem;
    }
    return path;
}
