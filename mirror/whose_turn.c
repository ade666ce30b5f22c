#include "mirror/whose_turn.h"

#include "core/base/buf.h"
#include "core/base/spool.h"

#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#define STATUS_FILE "cluster.json"
#define STATUS_BYTES_MAX (1u << 20)
#define STATUS_OLD_S 30 /* then postern-cluster doesn't run, or hangs */

/* NULL: there is none that can be read. */
static json_t *load_status(const struct config *config)
{
    char *path = strdup(config->cluster.outbox), *text = NULL;
    int folder = path != NULL ? open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    json_t *status = NULL;
    size_t n;

    if (folder >= 0 && spool_get(folder, STATUS_FILE, STATUS_BYTES_MAX, &text, &n, NULL) == 0)
        status = json_loadb(text, n, 0, NULL);
    if (folder >= 0)
        (void)close(folder);
    free(text);
    free(path);
    return status;
}

static enum whose_turn read_turn(const json_t *status, int64_t wall_s, char name[WHOSE_NAME_MAX])
{
    int64_t at_s = json_integer_value(json_object_get(json_object_get(status, "own"), "at")) / 1000;
    const json_t *mirror = json_object_get(status, "mirror");
    const char *by = json_string_value(json_object_get(mirror, "by"));
    struct buf b = buf_over(name, WHOSE_NAME_MAX);

    if (at_s < wall_s - STATUS_OLD_S || at_s > wall_s + STATUS_OLD_S || !json_is_object(mirror))
        return TURN_UNKNOWN;
    if (json_is_true(json_object_get(mirror, "here")))
        return TURN_OURS;
    buf_add_printable(&b, slice_of(by));
    return b.n > 0 ? TURN_ANOTHERS : TURN_UNKNOWN;
}

enum whose_turn whose_turn(const struct config *config, int64_t wall_s, char name[WHOSE_NAME_MAX])
{
    json_t *status = config->cluster.configured && config->mirror_pull.n_sources > 0 ? load_status(config) : NULL;
    enum whose_turn turn = status != NULL ? read_turn(status, wall_s, name) : TURN_UNKNOWN;

    json_decref(status);
    return turn;
}
