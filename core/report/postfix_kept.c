#include "core/report/postfix_kept.h"

#include "core/base/clock.h"
#include "core/base/owner.h"
#include "core/base/quote.h"
#include "core/base/spool.h"
#include "core/report/json_at.h"
#include "core/report/postfix_check.h"
#include "core/report/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define FILE_MAX (1u << 20)
/* At 1.8 KB at most each, with every character escaped, these fit. The worst stay. */
#define FINDINGS_MAX 80u
#define VERSION_MAX 40u

/* ---- by which files ---- */

static const char *const endings[MADE_BY_FILES] = {
    [MADE_BY_CONFIG] = "", [MADE_BY_MAIN] = "/main.cf", [MADE_BY_MASTER] = "/master.cf"};

static void look_at(struct made_by_file *f)
{
    struct stat st;

    f->size = f->inode = f->changed_s = f->changed_ns = -1;
    if (stat(f->path, &st) != 0)
        return;
    f->size = (int64_t)st.st_size;
    f->inode = (int64_t)st.st_ino;
    f->changed_s = (int64_t)st.st_mtim.tv_sec;
    f->changed_ns = (int64_t)st.st_mtim.tv_nsec;
}

/* Without links, so that one file has one name; as it is where it cannot be found. */
static const char *whole_path(const char *path, char mem[PATH_MAX])
{
    const char *whole = realpath(path, mem);

    return whole != NULL ? whole : path;
}

int made_by_look(const char *config_path, const char *postfix_folder, struct made_by *out, struct error *e)
{
    char config[PATH_MAX], folder[PATH_MAX];

    config_path = whole_path(config_path, config);
    postfix_folder = whole_path(postfix_folder, folder);
    for (unsigned i = 0; i < MADE_BY_FILES; i++) {
        struct buf b = BUF_OVER(out->files[i].path);

        buf_addf(&b, "%s%s", i == MADE_BY_CONFIG ? config_path : postfix_folder, endings[i]);
        if (b.full)
            return error_set(e, "%s: the path is too long to be kept with the result", quote(buf_slice(&b)).text);
        look_at(&out->files[i]);
    }
    return 0;
}

static bool is_same(const struct made_by_file *a, const struct made_by_file *b)
{
    return a->size == b->size && a->inode == b->inode && a->changed_s == b->changed_s && a->changed_ns == b->changed_ns;
}

/* ---- writing ---- */

static json_t *files_of(const struct made_by *by)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < MADE_BY_FILES && list != NULL; i++) {
        const struct made_by_file *f = &by->files[i];

        if (json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:I,s:I}", "path", f->path, "size", (json_int_t)f->size,
                                                  "inode", (json_int_t)f->inode, "changed", (json_int_t)f->changed_s,
                                                  "changed_ns", (json_int_t)f->changed_ns)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *findings_of_result(const struct findings *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->n && i < FINDINGS_MAX && list != NULL; i++) {
        const struct finding *x = &f->list[i];

        if (json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", x->rule->id, "severity",
                                                  severity_name(x->severity), "where", x->where, "evidence",
                                                  x->evidence, "advice", x->advice)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *skipped_of(const struct findings *f)
{
    json_t *list = json_object();

    for (size_t i = 0; i < f->n_rules && list != NULL; i++)
        if (f->skipped[i][0] != '\0' && json_object_set_new(list, f->rules[i].id, json_string(f->skipped[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

/* malloc'ed; NULL without memory, or for a path that is not UTF-8. */
static char *text_of(const struct postfix_result *r)
{
    json_t *o = json_pack("{s:i,s:s,s:I,s:o}", "format", FORMAT, "version", POSTERN_VERSION, "at", (json_int_t)r->at_s,
                          "files", files_of(&r->by));
    char *text = NULL;
    int rc = o != NULL ? 0 : -1;

    if (rc == 0 && r->findings == NULL)
        rc = json_object_set_new(o, "trouble", json_string(r->trouble));
    else if (rc == 0)
        rc = json_object_set_new(o, "findings", findings_of_result(r->findings)) != 0 ||
                     json_object_set_new(o, "skipped", skipped_of(r->findings)) != 0 ||
                     json_object_set_new(o, "left_out",
                                         json_integer(r->findings->n > FINDINGS_MAX
                                                          ? (json_int_t)(r->findings->n - FINDINGS_MAX)
                                                          : 0)) != 0
                 ? -1
                 : 0;
    if (rc == 0)
        text = json_dumps(o, JSON_ENSURE_ASCII | JSON_COMPACT);
    json_decref(o);
    return text;
}

int postfix_keep(const struct config *config, const struct postfix_result *result, struct error *e)
{
    struct owner_visit visit;
    char *text;
    int folder = spool_open_private(config->spool, POSTFIX_KEPT_FOLDER, e), rc = -1;

    if (folder < 0)
        return -1;
    if (result->findings != NULL)
        findings_sort(result->findings);
    if ((text = text_of(result)) == NULL)
        (void)error_set(e, "out of memory");
    else if (owner_enter_unshared(config->spool, &visit, e) == 0) {
        rc = spool_put(folder, POSTFIX_KEPT_NAME, slice_of(text), e);
        owner_leave(&visit);
    }
    (void)close(folder);
    free(text);
    return rc == 0 ? 0 : error_prefix(e, "%s/" POSTFIX_KEPT_FOLDER, config->spool);
}

/* ---- reading ---- */

enum kept_state { KEPT_CURRENT, KEPT_CHANGED, KEPT_OLD, KEPT_FAILED, KEPT_OTHER_VERSION, KEPT_UNREADABLE, KEPT_NONE };

struct kept {
    enum kept_state state;
    struct error why;
    int64_t at_s; /* 0: not known */
    char version[VERSION_MAX];
    struct findings findings; /* in the first three states */
};

#define HOW_TO "; postern-check-postfix.service makes it: systemctl status postern-check-postfix says more"

static void judge(struct kept *k, enum kept_state state, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void judge(struct kept *k, enum kept_state state, const char *format, ...)
{
    va_list args;

    k->state = state;
    va_start(args, format);
    (void)vsnprintf(k->why.text, sizeof k->why.text, format, args);
    va_end(args);
}

static void keep_printable(char *out, size_t cap, const char *text)
{
    struct buf b = buf_over(out, cap);

    buf_add_printable(&b, slice_of(text));
}

static size_t rule_named(const char *id)
{
    size_t i = 0;

    while (i < PF_RULES && strcmp(postfix_rules[i].id, id) != 0)
        i++;
    return i;
}

static bool severity_named(const char *word, enum severity *out)
{
    for (unsigned i = SEVERITY_INFO; i <= SEVERITY_CRITICAL; i++)
        if (strcmp(severity_name((enum severity)i), word) == 0) {
            *out = (enum severity)i;
            return true;
        }
    return false;
}

static bool take_finding(struct findings *f, const json_t *o)
{
    size_t rule = rule_named(text_at(o, "id"));
    enum severity severity;
    struct finding *x;

    if (rule == PF_RULES || !severity_named(text_at(o, "severity"), &severity))
        return false;
    x = findings_add(f, rule, text_at(o, "where"), "%s", text_at(o, "evidence"));
    x->severity = severity;
    finding_advise(x, "%s", text_at(o, "advice"));
    return true;
}

static bool take_skipped(struct findings *f, json_t *o)
{
    const char *id;
    json_t *why;

    json_object_foreach(o, id, why)
    {
        size_t rule = rule_named(id);
        char text[sizeof f->skipped[0]];

        if (rule == PF_RULES || !json_is_string(why))
            return false;
        keep_printable(text, sizeof text, json_string_value(why));
        findings_skip(f, rule, text);
    }
    return json_is_object(o);
}

static bool take_findings(struct findings *f, const json_t *o)
{
    const json_t *list = json_object_get(o, "findings");

    if (!json_is_array(list) || json_array_size(list) > FINDINGS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!take_finding(f, json_array_get(list, i)))
            return false;
    return take_skipped(f, json_object_get(o, "skipped"));
}

/* Reads by which files it was made. False: it does not say so. */
static bool take_files(const json_t *o, struct made_by *by)
{
    const json_t *list = json_object_get(o, "files");

    if (json_array_size(list) != MADE_BY_FILES)
        return false;
    for (unsigned i = 0; i < MADE_BY_FILES; i++) {
        const json_t *row = json_array_get(list, i);
        struct made_by_file *f = &by->files[i];
        struct buf b = BUF_OVER(f->path);

        buf_add(&b, slice_of(text_at(row, "path")));
        f->size = json_integer_value(json_object_get(row, "size"));
        f->inode = json_integer_value(json_object_get(row, "inode"));
        f->changed_s = json_integer_value(json_object_get(row, "changed"));
        f->changed_ns = json_integer_value(json_object_get(row, "changed_ns"));
        if (b.full || f->path[0] != '/' || b.n < strlen(endings[i]) ||
            strcmp(f->path + b.n - strlen(endings[i]), endings[i]) != 0)
            return false;
    }
    return true;
}

/* Is it still the result for what is there now? */
static void judge_age(struct kept *k, const struct made_by *by, const char *config_path, int64_t now_s)
{
    char whole[PATH_MAX];

    config_path = whole_path(config_path, whole);
    if (strcmp(by->files[MADE_BY_CONFIG].path, config_path) != 0) {
        judge(k, KEPT_CHANGED, "it was made with %s, not with %s", quote(slice_of(by->files[MADE_BY_CONFIG].path)).text,
              quote(slice_of(config_path)).text);
        return;
    }
    for (unsigned i = 0; i < MADE_BY_FILES; i++) {
        struct made_by_file now = by->files[i];

        look_at(&now);
        if (is_same(&now, &by->files[i]))
            continue;
        if (now.size < 0)
            judge(k, KEPT_CHANGED, "%s cannot be looked at, so nobody knows whether it has changed since",
                  quote(slice_of(now.path)).text);
        else
            judge(k, KEPT_CHANGED, "%s has changed since", quote(slice_of(now.path)).text);
        return;
    }
    if (k->at_s > now_s || now_s - k->at_s > POSTFIX_KEPT_OLD_S)
        judge(k, KEPT_OLD, "it is not of the last two days: systemctl status postern-check-postfix.timer");
}

static void read_object(struct kept *k, const json_t *o, const char *config_path, int64_t now_s)
{
    const char *trouble = text_at(o, "trouble");
    struct made_by by;
    uint64_t left_out;

    k->at_s = (int64_t)number_at(o, "at");
    keep_printable(k->version, sizeof k->version, text_at(o, "version"));
    if (number_at(o, "format") != FORMAT || strcmp(k->version, POSTERN_VERSION) != 0) {
        judge(k, KEPT_OTHER_VERSION, "it was made by version %s, and this is " POSTERN_VERSION HOW_TO,
              k->version[0] != '\0' ? k->version : "?");
    } else if (trouble[0] != '\0') {
        keep_printable(k->why.text, sizeof k->why.text, trouble);
        k->state = KEPT_FAILED;
    } else if (k->at_s == 0 || !take_files(o, &by) || !take_findings(&k->findings, o)) {
        judge(k, KEPT_UNREADABLE, "it is no result of check-postfix" HOW_TO);
    } else {
        left_out = number_at(o, "left_out");
        judge_age(k, &by, config_path, now_s);
        if (k->state == KEPT_CURRENT && left_out > 0)
            judge(k, KEPT_CURRENT, "%llu more findings are left out here: run postern check-postfix",
                  (unsigned long long)left_out);
    }
}

static void read_text(struct kept *k, struct slice text, const char *config_path, int64_t now_s)
{
    json_error_t problem;
    json_t *o = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &problem);

    if (json_is_object(o))
        read_object(k, o, config_path, now_s);
    else
        judge(k, KEPT_UNREADABLE, "it is no JSON object" HOW_TO);
    json_decref(o);
}

static struct kept *kept_new(struct error *e)
{
    struct kept *k = malloc(sizeof *k);

    if (k == NULL) {
        (void)error_set(e, "out of memory");
        return NULL;
    }
    *k = (struct kept){.state = KEPT_CURRENT};
    findings_begin(&k->findings, postfix_rules, PF_RULES);
    k->findings.merge = true;
    return k;
}

/* A folder that is not there yet is one without a result. */
static void read_file(struct kept *k, const struct config *config, const char *config_path, int64_t now_s)
{
    char path[1024], *text = NULL;
    struct buf b = BUF_OVER(path);
    int folder, rc = -1;
    struct error e;
    size_t n;

    buf_addf(&b, "%s/" POSTFIX_KEPT_FOLDER, config->spool);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        rc = spool_get(folder, POSTFIX_KEPT_NAME, FILE_MAX, &text, &n, &e);
    if (folder < 0 ? errno == ENOENT : rc == -1 && faccessat(folder, POSTFIX_KEPT_NAME, F_OK, 0) != 0) {
        judge(k, KEPT_NONE, "Postfix has not been checked yet" HOW_TO);
    } else if (folder < 0) {
        judge(k, KEPT_UNREADABLE, "%s: %s", quote(buf_slice(&b)).text, strerror(errno));
    } else if (rc != 0) {
        keep_printable(k->why.text, sizeof k->why.text, e.text);
        k->state = KEPT_UNREADABLE;
    } else {
        read_text(k, (struct slice){text, n}, config_path, now_s);
    }
    if (folder >= 0)
        (void)close(folder);
    free(text);
}

/* ---- showing ---- */

/* It is not used afterwards. */
static void show(struct kept *k, const struct accepted *accepted, int64_t now_s, struct printer *out)
{
    static const char *const words[] = {[KEPT_CURRENT] = "current",
                                        [KEPT_CHANGED] = "changed",
                                        [KEPT_OLD] = "old",
                                        [KEPT_FAILED] = "failed",
                                        [KEPT_OTHER_VERSION] = "other-version",
                                        [KEPT_UNREADABLE] = "unreadable",
                                        [KEPT_NONE] = "none"};

    findings_accept(&k->findings, "check-postfix", accepted, now_s);
    findings_sort(&k->findings);
    out->open(out, NULL, TREE_OBJECT);
    out->value(out, "state", value_word(words[k->state]));
    out->value(out, "why", value_word_or_none(k->why.text));
    out->value(out, "checked", k->at_s > 0 ? value_time(k->at_s) : value_none());
    out->value(out, "version", value_word_or_none(k->version));
    if (k->state <= KEPT_OLD)
        findings_tree(&k->findings, "check-postfix", "result", out);
    out->close(out);
    findings_free(&k->findings);
    free(k);
}

int postfix_kept_show(struct slice text, const char *config_path, const struct accepted *accepted, int64_t now_s,
                      struct printer *out, struct error *e)
{
    struct kept *k = kept_new(e);

    if (k == NULL)
        return -1;
    read_text(k, text, config_path, now_s);
    show(k, accepted, now_s, out);
    return 0;
}

int postfix_kept_report(const struct config *config, const char *config_path, const struct accepted *accepted,
                        int64_t now_s, struct printer *out, struct error *e)
{
    struct kept *k = kept_new(e);

    if (k == NULL)
        return -1;
    read_file(k, config, config_path, now_s);
    show(k, accepted, now_s, out);
    return 0;
}
