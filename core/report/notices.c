#include "core/report/notices.h"

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/owner.h"
#include "core/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Names begin with the kind and the wall clock in nanoseconds, "1-01790000000000000000-" (core/notice/alert_post.c). */
#define NAME_DIGITS 20
/* Names read from a folder: more than may wait. */
#define NAMES_MAX 4096u

/* A folder below spool/alerts, or that one itself ("."). -1 with errno. */
static int open_folder(const char *spool, const char *name)
{
    struct owner_visit visit;
    struct error e;
    char *path;
    int fd;

    if (asprintf(&path, "%s/" ALERT_NOTICES "/%s", spool, name) < 0)
        return -1;
    if (owner_enter_unshared(spool, &visit, &e) != 0) {
        free(path);
        errno = EACCES;
        return -1;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    owner_leave(&visit);
    free(path);
    return fd;
}

static int64_t time_of(const char *name)
{
    unsigned long long ns;

    /* Those of earlier versions have no kind. */
    if (name[0] != '\0' && name[1] == '-')
        name += 2;
    if (!slice_to_u64((struct slice){name, strnlen(name, NAME_DIGITS)}, UINT64_MAX, &ns))
        return 0;
    return (int64_t)(ns / NS_PER_S);
}

static int64_t oldest_in(int folder)
{
    char **names;
    struct error e;
    size_t n;
    int64_t oldest_s = 0;

    if (spool_names(folder, ".json", NAMES_MAX, &names, &n, &e) != 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (oldest_s == 0 || time_of(names[i]) < oldest_s)
            oldest_s = time_of(names[i]);
    spool_names_free(names, n);
    return oldest_s;
}

void notices_look(const char *spool, struct notices *out)
{
    int folder = open_folder(spool, "."), failed;

    *out = (struct notices){.part = PART_READ};
    if (folder < 0) {
        out->part = errno == ENOENT ? PART_NONE : errno == EACCES ? PART_CLOSED : PART_UNUSABLE;
        return;
    }
    out->waiting = spool_count(folder, "", ".json");
    out->oldest_s = out->waiting > 0 ? oldest_in(folder) : 0;
    (void)close(folder);
    if ((failed = open_folder(spool, "failed")) >= 0) {
        out->given_up = spool_count(failed, "", "");
        (void)close(failed);
    }
}

/* Does a name in the folder contain the text? */
static bool name_contains(const char *spool, const char *name, const char *text)
{
    int folder = open_folder(spool, name);
    char **names;
    struct error e;
    bool found = false;
    size_t n;

    if (folder < 0)
        return false;
    if (spool_names(folder, "", NAMES_MAX, &names, &n, &e) == 0) {
        for (size_t i = 0; i < n; i++)
            found |= strstr(names[i], text) != NULL;
        spool_names_free(names, n);
    }
    (void)close(folder);
    return found;
}

enum notice_fate notice_fate(const char *spool, enum alert_event event, const char *subject)
{
    char id[64];

    alert_id_end(event, slice_of(subject), id, sizeof id);
    if (name_contains(spool, "failed", id))
        return NOTICE_GIVEN_UP;
    return name_contains(spool, ".", id) ? NOTICE_WAITS : NOTICE_SENT;
}
