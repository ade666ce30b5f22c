/* links: mirror */
/* Any bytes as a sign-in of Microsoft Graph: no crash, and none without an id, a user and a time. */
#include "mirror/read/sign_in.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct error e = {""};
    struct sign_in s;
    int64_t at_s;
    int result = sign_in_read(text, &s, &e);

    assert(result >= 0 || e.text[0] != '\0');
    if (result == 1) {
        assert(s.id.n > 0 && s.id.n <= SIGN_IN_ID_MAX && s.user.n > 0 && s.at_s > 0);
        sign_in_free(&s);
    }
    if (sign_in_time(text, &at_s))
        assert(at_s > 0 && size >= 20);
    return 0;
}
