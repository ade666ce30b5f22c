#include "core/base/caller.h"

#include "core/base/buf.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

struct slice caller_name(char mem[static CALLER_NAME_MAX])
{
    struct buf b = buf_over(mem, CALLER_NAME_MAX);
    const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *entry = getpwuid(getuid());

    if (sudo != NULL && sudo[0] != '\0')
        buf_add_escaped(&b, slice_of(sudo), 40);
    else if (entry != NULL)
        buf_add_escaped(&b, slice_of(entry->pw_name), 40);
    else
        buf_addf(&b, "uid-%lu", (unsigned long)getuid());
    return buf_slice(&b);
}
