#include "core/base/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

/* Read at a time: fits into the second-level cache. */
#define BLOCK ((size_t)256 * 1024)

uint64_t checksum_slice(struct slice s)
{
    return XXH3_64bits(s.p, s.n);
}

static int add_file(XXH3_state_t *state, char *block, int fd, uint64_t size, struct error *e)
{
    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(fd, block, size - at < BLOCK ? (size_t)(size - at) : BLOCK, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(e, n < 0 ? "cannot be read: %s" : "ends before its time", strerror(errno));
        (void)XXH3_64bits_update(state, block, (size_t)n);
        at += (uint64_t)n;
    }
    return 0;
}

int checksum_file(int fd, uint64_t size, uint64_t *out, struct error *e)
{
    XXH3_state_t *state = XXH3_createState();
    char *block = malloc(BLOCK);
    int result = -1;

    if (state == NULL || block == NULL) {
        (void)error_set(e, "out of memory");
        goto out;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    (void)XXH3_64bits_reset(state);
    result = add_file(state, block, fd, size, e);
    *out = XXH3_64bits_digest(state);
out:
    free(block);
    (void)XXH3_freeState(state);
    return result;
}
