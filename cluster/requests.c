/* What this machine's operators ask for: files in the spool (core/mail/cluster_request.h), looked for once a second. */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/spool.h"
#include "core/mail/cluster_request.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What nobody has fetched, or taken back, for so long is removed. */
#define KEEP_S 3600
#define TIDY_EVERY_NS (600 * NS_PER_S)

/* Root's, or our own; nobody else may have written it. */
static bool is_ours(const struct stat *st)
{
    return (st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & 022) == 0;
}

int node_request_read(int folder, const char *name, size_t most, char **text, size_t *n, struct error *e)
{
    struct stat st;

    if (spool_get_stat(folder, name, most, text, n, &st, e) != 0)
        return -1;
    if (is_ours(&st))
        return 0;
    free(*text);
    return error_set(e, "user %lu wrote it (mode %03o); expected root, or user %lu", (unsigned long)st.st_uid,
                     (unsigned)st.st_mode & 0777, (unsigned long)geteuid());
}

/* The request's name with another end. False: it is too long. */
static bool name_of(struct buf *b, const char *request, const char *end)
{
    const char *dot = strrchr(request, '.');

    buf_add(b, (struct slice){request, dot != NULL ? (size_t)(dot - request) : strlen(request)});
    buf_add(b, slice_of(end));
    return !b->full;
}

/* The reply is there before the request is gone. */
void node_request_answer(int folder, const char *request, const char *end, struct slice text)
{
    char reply[256];
    struct buf b = BUF_OVER(reply);

    if (name_of(&b, request, end))
        (void)spool_put(folder, reply, text, NULL);
    (void)unlinkat(folder, request, 0);
}

void node_request_refuse(const struct node *n, int folder, const char *request, const struct error *why)
{
    log_say(n->log, LEVEL_WARNING, "a request of an operator is refused: %s", why->text);
    node_request_answer(folder, request, CLUSTER_REFUSAL, slice_of(why->text));
}

int node_requests_open(const struct node *n, struct error *e)
{
    return spool_open_private(n->config->spool, CLUSTER_REQUESTS, e);
}

void node_look_for_requests(struct node *n)
{
    static const struct {
        const char *end;
        void (*take)(struct node *n, int folder, char **names, size_t count);
    } kinds[] = {{CLUSTER_REQUEST_LIST, node_take_list_requests}, {CLUSTER_REQUEST_LOG, node_take_log_requests}};
    struct error e;
    int folder = node_requests_open(n, &e);
    bool good = folder >= 0;

    for (size_t i = 0; good && i < sizeof kinds / sizeof kinds[0]; i++) {
        char **names = NULL;
        size_t count = 0;

        good = spool_names(folder, kinds[i].end, NODE_REQUESTS_MAX, &names, &count, &e) == 0;
        if (good && count > 0)
            kinds[i].take(n, folder, names, count);
        spool_names_free(names, count);
    }
    if (good && clock_boot_ns() - n->requests_tidied_ns > TIDY_EVERY_NS) {
        n->requests_tidied_ns = clock_boot_ns();
        good = spool_tidy(folder, clock_wall_s(), KEEP_S, &e) == 0;
    }
    if (!good && !n->said_requests)
        log_say(n->log, LEVEL_ERROR, "what operators ask for can't be read: %s", e.text);
    n->said_requests = !good;
    if (folder >= 0)
        (void)close(folder);
}
