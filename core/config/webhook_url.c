#include "core/config/webhook_url.h"

#define URL_MAX 2000 /* enough for Teams' own, and as much as servers accept */

int webhook_url_check(struct slice url, struct error *e)
{
    struct slice rest = {url.p + 8, url.n > 8 ? url.n - 8 : 0}, host;

    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return error_set(e, "an address has printable ASCII characters and no blanks");
    if (!slice_starts_with(url, SLICE("https://")) || url.n > URL_MAX)
        return error_set(e, "expected https://host/path of at most %d characters", URL_MAX);
    (void)slice_cut(rest, '/', &host, NULL);
    if (host.n == 0 || memchr(host.p, '@', host.n) != NULL)
        return error_set(e, "expected https://host/path, without a user or password in it");
    return 0;
}
