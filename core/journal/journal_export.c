/* A copy of the database for other programs. */
#include "core/base/quote.h"
#include "core/journal/journal_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* SQLite takes an empty file for a new database, and keeps its mode. 0; -1 with e. */
static int make_copy(const char *path, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_set(e, "cannot make \"%s\": %s", quote(slice_of(path)).text, strerror(errno));
    return close(fd) == 0 ? 0 : error_set(e, "cannot make \"%s\": %s", quote(slice_of(path)).text, strerror(errno));
}

/* With file_lock held. */
static int copy_into(struct journal *j, const char *path, struct error *e)
{
    sqlite3_stmt *s = NULL;
    int code;

    j->file->deadline_ns = 0; /* no deadline: all of it is copied */
    code = sqlite3_prepare_v2(j->file->db, "VACUUM INTO ?1", -1, &s, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC);
        (void)sqlite3_step(s);
        code = sqlite3_finalize(s);
    }
    return code == SQLITE_OK ? 0 : journal_failed(j, "copy", code, e);
}

int journal_export(struct journal *j, const char *path, struct error *e)
{
    int result;

    if (make_copy(path, e) != 0)
        return -1;
    (void)pthread_mutex_lock(&j->file_lock);
    result = journal_ensure(j, e) == 0 ? copy_into(j, path, e) : -1;
    (void)pthread_mutex_unlock(&j->file_lock);
    if (result != 0)
        (void)unlink(path);
    return result;
}
