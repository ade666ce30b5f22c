#include "mirror/import.h"

#include "core/base/owner.h"
#include "mirror/import_private.h"

#include <stdarg.h>
#include <stdlib.h>

/* Letters, digits, ".", "-" and "_", beginning with a letter or digit, at most 63. */
static bool tenant_name_valid(struct slice name)
{
    if (name.n == 0 || name.n >= sizeof((struct tenant_facts *)NULL)->name)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        if (!letter && (i == 0 || strchr("._-", c) == NULL || c == '\0'))
            return false;
    }
    return true;
}

const char *recipient_type_name(enum recipient_type type)
{
    static const char *const names[] = {
        [RECIPIENT_OTHER] = "other",
        [RECIPIENT_USER] = "user",
        [RECIPIENT_SHARED] = "shared",
        [RECIPIENT_ROOM] = "room",
        [RECIPIENT_EQUIPMENT] = "equipment",
        [RECIPIENT_GROUP] = "group",
        [RECIPIENT_MAIL_USER] = "mail user",
        [RECIPIENT_SYSTEM] = "system",
        [RECIPIENT_HIGH_VOLUME] = "high volume email",
    };

    return names[type];
}

const char *smtp_auth_name(enum smtp_auth value)
{
    static const char *const names[] = {
        [SMTP_AUTH_UNKNOWN] = "unknown",
        [SMTP_AUTH_INHERIT] = "inherit",
        [SMTP_AUTH_ENABLED] = "enabled",
        [SMTP_AUTH_DISABLED] = "disabled",
    };

    return names[value];
}

int import_refuse(struct import *im, struct error *e, const char *format, ...)
{
    char text[sizeof e->text];
    va_list args;

    if (im->options->force)
        return 0;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    im->refused = true;
    return error_set(e, "%s", text);
}

int import_line(struct import *im, struct slice line, struct error *e)
{
    uint64_t at;

    return scratch_add(im->lines, line, &at, e) != 0 || scratch_add(im->lines, SLICE("\n"), &at, e) != 0 ? -1 : 0;
}

int import_check_tenant_name(const char *tenant, struct error *e)
{
    if (tenant_name_valid(slice_of(tenant)))
        return 0;
    return error_set(e,
                     "\"%s\" cannot be a tenant's name: letters, digits, \".\", \"-\" and \"_\", beginning with a "
                     "letter or digit, at most 63",
                     words(slice_of(tenant)).text);
}

static int import_prepare(struct import *im, struct error *e)
{
    size_t n = im->options->n_files;

    if (import_check_tenant_name(im->options->tenant, e) != 0)
        return -1;
    if (n == 0 || n > IMPORT_FILES_MAX)
        return error_set(e, "%zu files: expected 1 to %d", n, IMPORT_FILES_MAX);
    im->sources = calloc(n, sizeof *im->sources);
    im->paths = calloc(n, sizeof *im->paths);
    if (im->sources == NULL || im->paths == NULL)
        return error_set(e, "no memory for %zu files", n);
    for (size_t i = 0; i < n; i++) {
        im->sources[i].path = words(slice_of(im->options->files[i]));
        im->paths[i] = im->sources[i].path.text;
    }
    im->progress = progress_begin(im->options->progress);
    return 0;
}

/* Reads all files, before the directory is touched. */
static int read_files(struct import *im, struct error *e)
{
    if (im->options->feed != NULL)
        return gather_open(im->options->directory, &im->g, e) != 0 ||
                       im->options->feed(im->options->feed_arg, im->g, e) != 0
                   ? -1
                   : gather_check_bad_rows(im->g, e);
    if (gather_open(im->options->directory, &im->g, e) != 0 || import_find_kinds(im, e) != 0)
        return -1;
    return import_read_files(im, e) != 0 ? -1 : gather_check_bad_rows(im->g, e);
}

/* LMDB trusts the contents of its file, so the last generation is not read as root. */
int import_leave_root(const char *directory, struct error *e)
{
    struct owner owner;

    if (owner_find(directory, &owner, e) != 0)
        return -1;
    return owner.shared ? 0 : owner_become(&owner, e);
}

static int write_directory(struct import *im, struct error *e)
{
    const struct import_options *options = im->options;
    int result;

    if (options->leave_root && import_leave_root(options->directory, e) != 0)
        return -1;
    if (writer_wait(options->directory, options->wait_s, e) != 0 || writer_begin(options->directory, &im->w, e) != 0)
        return -1;
    im->before = writer_tenant_before(im->w, slice_of(options->tenant));
    if (import_tenant_facts(im, e) != 0 ||
        merge_open(im->g, im->w, im->before, slice_of(options->tenant), im->paths, &im->m, e) != 0 ||
        scratch_open(options->directory, &im->lines, e) != 0 || scratch_open(options->directory, &im->changes, e) != 0)
        return -1;
    if (im->before != NULL && im->before->mailboxes > 0)
        im->organization = import_organization_turn(im);
    if (import_walk(im, e) != 0 || import_judge(im, e) != 0)
        return -1;
    if (options->dry_run)
        return 0;
    import_history_write(im);
    result = writer_finish(im->w, &im->summary, e);
    import_history_end(im, result == 0);
    return result;
}

enum import_result import_run(const struct import_options *options, struct error *e)
{
    struct import im = {.options = options};
    int result;

    im.rules = import_rules(&im);
    result = import_prepare(&im, e);
    if (result == 0)
        result = read_files(&im, e);
    if (result == 0)
        result = write_directory(&im, e);
    progress_end(&im.progress);
    if (result == 0)
        result = import_report(&im, e);
    if (result == 0 || im.waits)
        import_tell_effects(&im);
    if (result == 0)
        import_tell_opened(&im);
    if (result == 0 && options->tally != NULL)
        *options->tally = (struct import_tally){im.changed + im.added + im.removed};
    scratch_close(im.lines);
    scratch_close(im.changes);
    recent_close(im.recent);
    merge_close(im.m);
    writer_close(im.w);
    gather_close(im.g);
    if (im.sources != NULL)
        for (size_t i = 0; i < options->n_files; i++)
            rows_close(im.sources[i].rows);
    free(im.sources);
    free(im.paths);
    return result == 0 ? IMPORT_DONE : im.refused ? IMPORT_REFUSED : IMPORT_FAILED;
}
