#include "cli/cluster_request.h"

#include "core/base/clock.h"
#include "core/base/owner.h"
#include "core/base/spool.h"
#include "core/mail/list.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* postern-cluster looks once a second, and waits for others for five. */
#define WAIT_MS 15000
#define STEP_MS 20
#define REFUSAL_MAX 1024u
#define REPLY_MAX (64u << 20)
#define NAME_BYTES 64

/* ---- with the rights of the spool's owner, whose folder it is ---- */

static int put_request(const struct config *config, const char *name, struct slice text, int *folder, struct error *e)
{
    struct owner_visit visit;
    int result = -1;

    if ((*folder = spool_open_private(config->spool, CLUSTER_REQUESTS, e)) < 0 ||
        owner_enter_unshared(config->spool, &visit, e) != 0)
        return -1;
    result = spool_put(*folder, name, text, e);
    owner_leave(&visit);
    return result;
}

/* True: it was there. */
static bool take_back(const struct config *config, int folder, const char *name)
{
    struct owner_visit visit;
    bool was_there;

    if (owner_enter_unshared(config->spool, &visit, NULL) != 0)
        return false;
    was_there = unlinkat(folder, name, 0) == 0;
    owner_leave(&visit);
    return was_there;
}

/* ---- waiting ---- */

static bool is_taken(int folder, const char *name)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000};

    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        if (!spool_has(folder, name))
            return true;
        (void)nanosleep(&step, NULL);
    }
    return false;
}

/* -1 with e when there is a reply that refuses it. */
static int check_refusal(const struct config *config, int folder, const char *name, struct error *e)
{
    char *text = NULL, shown[REFUSAL_MAX];
    struct buf b = BUF_OVER(shown);
    size_t n;

    if (!spool_has(folder, name))
        return 0;
    if (spool_get(folder, name, REFUSAL_MAX, &text, &n, e) == 0) {
        buf_add_printable(&b, (struct slice){text, n});
        (void)error_set(e, "postern-cluster refuses it: %.600s", shown);
    }
    free(text);
    (void)take_back(config, folder, name);
    return -1;
}

static int read_reply(const struct config *config, int folder, const char *name, char **text, size_t *n,
                      struct error *e)
{
    int result = 0;

    if (!spool_has(folder, name))
        return 0;
    result = spool_get(folder, name, REPLY_MAX, text, n, e);
    (void)take_back(config, folder, name);
    return result == 0 ? 0 : -1;
}

int cluster_request(const struct config *config, const char *end, struct slice text, char **reply, size_t *n,
                    struct error *e)
{
    char id[NAME_BYTES], name[NAME_BYTES + 16], other[NAME_BYTES + 16];
    int folder = -1, result;

    if (reply != NULL)
        *reply = NULL;
    (void)snprintf(id, sizeof id, "%020llu-%d", (unsigned long long)clock_wall_ns(), (int)getpid());
    (void)snprintf(name, sizeof name, "%s%s", id, end);
    result = put_request(config, name, text, &folder, e);
    if (result == 0 && !is_taken(folder, name) && take_back(config, folder, name))
        result = error_set(e, "postern-cluster did not take it, so nothing was done: does it run (systemctl status "
                              "postern-cluster), with this configuration?");
    (void)snprintf(other, sizeof other, "%s" CLUSTER_REFUSAL, id);
    if (result == 0)
        result = check_refusal(config, folder, other, e);
    (void)snprintf(other, sizeof other, "%s" CLUSTER_REPLY, id);
    if (result == 0 && reply != NULL)
        result = read_reply(config, folder, other, reply, n, e);
    if (folder >= 0)
        (void)close(folder);
    return result;
}

/* ---- lists ---- */

int list_request(const struct config *config, const struct list_note *note, struct error *e)
{
    char text[LIST_NOTE_MAX + 1];
    struct buf b = BUF_OVER(text);

    list_note_add(&b, note);
    return b.full ? error_set(e, "the entry and its reason are too long")
                  : cluster_request(config, CLUSTER_REQUEST_LIST, buf_slice(&b), NULL, NULL, e);
}

bool list_is_shared(const struct config *config, enum list_state state, struct slice entry)
{
    struct list *list = NULL;
    char path[PATH_MAX];
    bool found = false;

    if (!config->cluster.configured || state == LIST_FORGOTTEN)
        return false;
    (void)snprintf(path, sizeof path, "%s/%s", config->cluster.folder, state == LIST_ALLOWED ? "allow" : "deny");
    if (list_load(path, &list, NULL) == 0)
        found = list_has(list, entry, NULL);
    list_free(list);
    return found;
}
