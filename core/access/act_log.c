#include "core/access/act_log.h"

#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const words[] = {
    [ACT_BEGUN] = "begun",     [ACT_DONE] = "done",       [ACT_FAILED] = "failed",
    [ACT_REFUSED] = "refused", [ACT_UNKNOWN] = "unknown",
};

const char *act_state_word(enum act_state state)
{
    return words[state];
}

/* ---- writing ---- */

/* number 0: the log itself. -1 with e: it is too long. */
static int path_of(const char *path, unsigned number, char out[PATH_MAX], struct error *e)
{
    struct buf b = buf_over(out, PATH_MAX);

    buf_add(&b, slice_of(path));
    if (number > 0)
        buf_addf(&b, ".%u", number);
    return b.full ? error_set(e, "%s: the path is too long", path) : 0;
}

static int open_own(const char *path, mode_t mode, struct error *e)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode);
    struct stat st;

    if (fd < 0)
        return error_set(e, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_uid == geteuid() || st.st_uid == 0))
        return fd;
    (void)close(fd);
    return error_set(e, "%s: expected a regular file of our own", path);
}

int act_log_lock(const char *path, struct error *e)
{
    char name[PATH_MAX];
    struct buf b = BUF_OVER(name);
    int fd;

    buf_addf(&b, "%s.lock", path);
    if (b.full)
        return error_set(e, "%s: the path is too long", path);
    if ((fd = open_own(name, 0600, e)) < 0)
        return -1;
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            (void)error_set(e, "%s: %s", name, strerror(errno));
            (void)close(fd);
            return -1;
        }
    return fd;
}

/* The oldest first, so that none is lost if it ends in between. */
static int turn_over(const char *path, struct error *e)
{
    char from[PATH_MAX], to[PATH_MAX];

    for (unsigned i = ACT_LOGS_KEPT; i-- > 0;)
        if (path_of(path, i, from, e) != 0 || path_of(path, i + 1, to, e) != 0)
            return -1;
        else if (rename(from, to) != 0 && errno != ENOENT)
            return error_set(e, "%s cannot become %s: %s", from, to, strerror(errno));
    return 0;
}

int act_log_open(const char *path, struct error *e)
{
    int fd = open_own(path, 0640, e);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < ACT_LOG_MAX)
        return fd;
    (void)close(fd);
    return turn_over(path, e) == 0 ? open_own(path, 0640, e) : -1;
}

static int put(json_t *o, const char *name, const char *text)
{
    return text[0] == '\0' ? 0 : json_object_set_new(o, name, json_string(text));
}

/* malloc'ed; NULL without memory. */
static char *line_of(const struct act *act, const struct act_outcome *o)
{
    json_t *line = json_pack("{s:I,s:s,s:s,s:s}", "at", (json_int_t)o->at_s, "id", act->id, "state", words[o->state],
                             "verb", act_rows[act->verb].word);
    char *text = NULL;

    if (line != NULL && put(line, "kind", act->kind) == 0 && put(line, "subject", act->subject) == 0 &&
        put(line, "for", act->duration) == 0 &&
        (!act->accept || json_object_set_new(line, "accept", json_true()) == 0) &&
        (!act->cluster || json_object_set_new(line, "cluster", json_true()) == 0) &&
        put(line, "reason", act->reason) == 0 && put(line, "who", act->who) == 0 &&
        json_object_set_new(line, "role", json_string(role_word(act->role))) == 0 &&
        put(line, "from", act->from) == 0 &&
        put(line, "tenants", scope_is_all(slice_of(act->tenants)) ? "" : act->tenants) == 0 &&
        put(line, "tenant", o->tenant) == 0 && put(line, "before", o->before) == 0 &&
        put(line, "after", o->after) == 0 && put(line, "said", o->said) == 0 &&
        (!o->again || json_object_set_new(line, "again", json_true()) == 0))
        text = json_dumps(line, JSON_ENSURE_ASCII | JSON_COMPACT);
    json_decref(line);
    return text;
}

/* A crash may have left half a line, which must not take the next one with it. */
static bool ends_in_line(int fd)
{
    struct stat st;
    char last;

    return fstat(fd, &st) != 0 || st.st_size == 0 || pread(fd, &last, 1, st.st_size - 1) != 1 || last == '\n';
}

int act_log_add(int fd, const struct act *act, const struct act_outcome *outcome, struct error *e)
{
    char *text = line_of(act, outcome);
    struct slice line = slice_of(text);
    off_t end = lseek(fd, 0, SEEK_END);
    int why = 0;

    if (text == NULL)
        return error_set(e, "the log of actions: no memory");
    text[line.n++] = '\n'; /* in the place of its end */
    if ((!ends_in_line(fd) && write_whole(fd, SLICE("\n")) != 0) || write_whole(fd, line) != 0 || fdatasync(fd) != 0)
        why = errno;
    free(text);
    if (why == 0)
        return 0;
    return error_set(e, "the log of actions cannot be written: %s%s", strerror(why),
                     ftruncate(fd, end) == 0 ? "" : ", and half a line may be left");
}

/* ---- reading ---- */

/* The last bytes of a file into the end of a text of room bytes, with a line end before that. -1 with e. */
static ssize_t read_end(int fd, const char *path, off_t size, char *text, size_t room, struct error *e)
{
    size_t n = (size_t)size < room - 1 ? (size_t)size : room - 1, got = 0;
    ssize_t more = 0;

    text[room - n - 1] = '\n';
    while (got < n && (more = pread(fd, text + room - n + got, n - got, size - (off_t)(n - got))) > 0)
        got += (size_t)more;
    if (got == n)
        return (ssize_t)n + 1;
    return error_set(e, "%s: %s", path, more < 0 ? strerror(errno) : "it gets shorter");
}

/* A descriptor with *st; -1 with e; ABSENT: there is none. */
#define ABSENT (-2)
static int open_to_read(const char *path, struct stat *st, struct error *e)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return ABSENT;
    if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    (void)error_set(e, "%s: %s", path, fd < 0 ? strerror(errno) : "expected a regular file");
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

int act_log_read(const char *path, size_t most, struct act_log *log, struct error *e)
{
    size_t cap = most + 2, at = cap; /* a line end before each of the two */
    char name[PATH_MAX], *text = malloc(cap);
    struct stat st = {.st_ino = 0}, before = st;
    int rc = 0;

    *log = (struct act_log){text, 0};
    if (text == NULL)
        return error_set(e, "%s: no memory", path);
    for (unsigned i = 0; i < 2 && rc == 0 && at > 1; i++) {
        int fd = (rc = path_of(path, i, name, e)) == 0 ? open_to_read(name, &st, e) : -1;
        ssize_t n = 0;

        rc = fd == -1 ? -1 : rc;
        /* It was turned over in between: that is what was read already. */
        if (fd >= 0 && (i == 0 || st.st_ino != before.st_ino || st.st_dev != before.st_dev))
            n = read_end(fd, name, st.st_size, text, at, e);
        if (fd >= 0)
            (void)close(fd);
        rc = n < 0 ? -1 : rc;
        at -= n > 0 ? (size_t)n : 0;
        before = st;
    }
    log->n = cap - at;
    memmove(text, text + at, log->n);
    return rc;
}

void act_log_free(struct act_log *log)
{
    free(log->text);
    *log = (struct act_log){NULL, 0};
}

bool act_log_back(struct act_log *log, json_t **line)
{
    json_decref(*line);
    *line = NULL;
    while (*line == NULL && log->n > 0) {
        size_t end = log->n - (log->text[log->n - 1] == '\n'), from = end;

        while (from > 0 && log->text[from - 1] != '\n')
            from--;
        log->n = from;
        *line = end > from ? json_loadb(log->text + from, end - from, JSON_REJECT_DUPLICATES, NULL) : NULL;
    }
    return *line != NULL;
}

const char *act_line_text(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));

    return text != NULL ? text : "";
}

int64_t act_line_at(const json_t *line)
{
    return json_integer_value(json_object_get(line, "at"));
}

bool act_line_state(const json_t *line, enum act_state *out)
{
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(act_line_text(line, "state"), words[i]) == 0) {
            *out = (enum act_state)i;
            return true;
        }
    return false;
}
