#include "core/access/act_log.h"

#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR_S 3600

static const char *const words[] = {
    [ACT_BEGUN] = "begun",     [ACT_DONE] = "done",       [ACT_FAILED] = "failed",
    [ACT_REFUSED] = "refused", [ACT_UNKNOWN] = "unknown",
};

const char *act_state_word(enum act_state state)
{
    return words[state];
}

/* ---- writing ---- */

int act_log_open(const char *path, struct error *e)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0640);
    struct stat st;

    if (fd < 0)
        return error_set(e, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_uid == geteuid() || st.st_uid == 0))
        return fd;
    (void)close(fd);
    return error_set(e, "%s: expected a regular file of our own", path);
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

int act_log_read(const char *path, size_t most, struct act_log *log, struct error *e)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t got;
    size_t n;

    *log = (struct act_log){NULL, 0};
    if (fd < 0)
        return errno == ENOENT ? 0 : error_set(e, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return error_set(e, "%s: expected a regular file", path);
    }
    n = (size_t)st.st_size < most ? (size_t)st.st_size : most;
    log->text = malloc(n + 1);
    got = log->text != NULL ? pread(fd, log->text, n, st.st_size - (off_t)n) : 0;
    (void)close(fd);
    if (log->text == NULL || got < 0)
        return error_set(e, "%s: %s", path, log->text == NULL ? "no memory" : strerror(errno));
    log->n = (size_t)got;
    return 0;
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

bool act_log_find(struct act_log log, const char *id, enum act_state *out)
{
    json_t *line = NULL;
    bool found = false;

    while (!found && act_log_back(&log, &line))
        found = strcmp(act_line_text(line, "id"), id) == 0 && act_line_state(line, out);
    json_decref(line);
    return found;
}

unsigned act_log_count(struct act_log log, enum act_state state, int64_t now_s)
{
    json_t *line = NULL;
    enum act_state one;
    unsigned n = 0;

    while (act_log_back(&log, &line))
        n += act_line_state(line, &one) && one == state && now_s - act_line_at(line) < HOUR_S;
    json_decref(line);
    return n;
}
