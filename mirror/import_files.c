#include "mirror/import_private.h"
#include "mirror/words.h"

#include <sys/stat.h>
#include <time.h>

bool import_is_file(struct slice named, const char *path)
{
    return slice_eq(named, slice_of(path)) || slice_eq(named, slice_of(import_base_name(path)));
}

/* The kind that the command line gives the file; KINDS: none. */
static enum kind kind_told(const struct import_options *options, const char *file)
{
    for (size_t i = 0; i < options->n_file_kinds; i++)
        if (import_is_file(options->file_kinds[i].file, file))
            return options->file_kinds[i].kind;
    return options->kind;
}

/* The kind of an empty file: the last page of an answer, or an export of what a tenant need not have. */
static int kind_of_empty(const struct source *s, const char *file, const struct source *previous, enum kind *kind,
                         struct error *e)
{
    if (previous != NULL && rows_envelope(s->rows)->present) {
        *kind = previous->kind;
        return 0;
    }
    *kind = kind_of_file(slice_of(import_base_name(file)));
    if (*kind != KINDS && kind_may_be_empty(*kind))
        return 0;
    if (*kind != KINDS)
        return error_set(e, "%s: is empty, as no tenant's %s is: the export failed; look at what it said", s->path.text,
                         kind_name(*kind));
    return error_set(e,
                     "%s: is empty, and its name does not say of what: call it after the cmdlet "
                     "(AuthenticationPolicy.json), or give --kind %s=KIND",
                     s->path.text, s->path.text);
}

/* Refuses a kind that the command line gives and a column denies: each would turn settings of mailboxes into others. */
static int check_told(const struct source *s, column_set columns, struct error *e)
{
    static const struct {
        enum kind told;
        enum column column;
    } denials[] = {{KIND_LIST, COLUMN_SMTP_AUTH_DISABLED}, {KIND_TRANSPORT_CONFIG, COLUMN_PRIMARY}};

    for (size_t i = 0; i < sizeof denials / sizeof denials[0]; i++)
        if (s->kind == denials[i].told && (columns & COLUMN_BIT(denials[i].column)) != 0)
            return error_set(e, "%s: has %s, so it is not of the kind %s that --kind says", s->path.text,
                             column_name(denials[i].column), kind_option(s->kind));
    return 0;
}

/* Refuses a file with too few columns, or with another kind's. */
static int check_signs(const struct source *s, const char *file, column_set columns, bool told, struct error *e)
{
    const char *stranger = told ? NULL : kind_stranger(columns);

    if (told && check_told(s, columns, e) != 0)
        return -1;
    if (stranger != NULL)
        return error_set(e, "%s: %s", s->path.text, stranger);
    if (s->kind == KINDS)
        return error_set(e, "%s: has none of the columns by which an export is recognized; name its kind with --kind",
                         s->path.text);
    if (s->kind == KIND_TRANSPORT_CONFIG && !told && !s->empty && !rows_envelope(s->rows)->provider_export &&
        !kind_is_organization(columns, s->first) &&
        kind_of_file(slice_of(import_base_name(file))) != KIND_TRANSPORT_CONFIG)
        return error_set(
            e,
            "%s: has SmtpClientAuthenticationDisabled, but neither a mailbox's address nor anything else of "
            "Get-TransportConfig, so it may be a mailbox's or the organization's setting; export "
            "PrimarySmtpAddress too, or say --kind %s=transport-config",
            s->path.text, s->path.text);
    return columns != 0 ? kind_check(s->kind, s->path.text, columns, e) : 0;
}

/*
 * Warns of a column that resembles one of ours that the file lacks; if that is the SMTP AUTH setting, refuses the file.
 */
static int check_odd_columns(struct import *im, const struct source *s, unsigned number, struct error *e)
{
    size_t n;
    const struct odd_column *odd = rows_odd_columns(s->rows, &n);

    for (size_t i = 0; i < n; i++) {
        if ((rows_columns(s->rows) & COLUMN_BIT(odd[i].meant)) != 0)
            continue;
        if (odd[i].meant == COLUMN_SMTP_AUTH_DISABLED)
            return error_set(e,
                             "%s: the column \"%s\" is not known; if it is %s, export it under that name, with True, "
                             "False or nothing as the cmdlet gives it",
                             s->path.text, odd[i].name.text, column_name(odd[i].meant));
        remarks_add(&im->g->remarks, remark_topic(REMARK_ODD_COLUMN, number, (unsigned)i),
                    "%s: the column \"%s\" is not known and was ignored; did you mean %s?", s->path.text,
                    odd[i].name.text, column_name(odd[i].meant));
    }
    return 0;
}

/* Opens the file, reads its first row and determines its kind. */
static int find_kind(struct import *im, unsigned number, struct error *e)
{
    struct source *s = &im->sources[number];
    const char *file = im->options->files[number];
    enum kind told = kind_told(im->options, file);
    int more;

    if (rows_open(file, &s->rows, e) != 0)
        return -1;
    more = rows_next(s->rows, &s->first, e);
    if (more < 0)
        return -1;
    s->empty = more == 0;
    s->kind = told;
    if (told == KINDS && s->empty && rows_columns(s->rows) == 0) {
        if (kind_of_empty(s, file, number == 0 ? NULL : s - 1, &s->kind, e) != 0)
            return -1;
    } else if (told == KINDS) {
        s->kind = kind_detect(rows_form(s->rows), rows_columns(s->rows));
    }
    if (check_odd_columns(im, s, number, e) != 0 || check_signs(s, file, rows_columns(s->rows), told != KINDS, e) != 0)
        return -1;
    s->selected = kind_is_selected(rows_columns(s->rows));
    s->groups = kind_is_of_groups(rows_columns(s->rows));
    if (rows_percent(s->rows) >=
        0) { /* a regular file: opened again when its turn comes, so that few are open at a time */
        rows_close(s->rows);
        s->rows = NULL;
    }
    return 0;
}

static bool is_called(const struct import *im, size_t file, enum kind kind)
{
    return kind_of_file(slice_of(import_base_name(im->options->files[file]))) == kind;
}

/* A tenant is kept by lists of addresses or by exports; a run must not mix them. */
static int check_mix(const struct import *im, struct error *e)
{
    const struct source *list = NULL, *other = NULL;

    for (size_t i = 0; i < im->options->n_files; i++) {
        const struct source *s = &im->sources[i];

        if (s->kind == KIND_LIST)
            list = s;
        if (s->kind == KIND_CAS_MAILBOX || s->kind == KIND_MAILBOX || s->kind == KIND_TRANSPORT_CONFIG)
            other = s;
    }
    if (list == NULL || other == NULL)
        return 0;
    return error_set(e, "%s is a list of those allowed, %s an export of %s: a tenant is kept from one or the other",
                     list->path.text, other->path.text, kind_name(other->kind));
}

/* What is called after Get-Recipient, or high-volume accounts, beside an export of Get-Mailbox, is there for the other
 * recipients. */
static void set_recipients(struct import *im)
{
    bool mailboxes = false;

    for (size_t i = 0; i < im->options->n_files; i++)
        mailboxes = mailboxes || (im->sources[i].kind == KIND_MAILBOX && !is_called(im, i, KIND_RECIPIENT) &&
                                  !is_called(im, i, KIND_HVE_ACCOUNT));
    for (size_t i = 0; mailboxes && i < im->options->n_files; i++)
        for (enum kind kind = KIND_HVE_ACCOUNT; kind <= KIND_RECIPIENT; kind++)
            if (im->sources[i].kind == KIND_MAILBOX && is_called(im, i, kind))
                im->sources[i].kind = kind;
}

/* A kind for a file that is not there was meant for another. */
static int check_file_kinds(const struct import *im, struct error *e)
{
    const struct import_options *o = im->options;

    for (size_t i = 0; i < o->n_file_kinds; i++) {
        size_t j = 0;

        while (j < o->n_files && !import_is_file(o->file_kinds[i].file, o->files[j]))
            j++;
        if (j == o->n_files)
            return error_set(e, "--kind %s=%s: no file of this run has that name", words(o->file_kinds[i].file).text,
                             kind_option(o->file_kinds[i].kind));
    }
    return 0;
}

int import_find_kinds(struct import *im, struct error *e)
{
    if (check_file_kinds(im, e) != 0)
        return -1;
    for (size_t i = 0; i < im->options->n_files; i++)
        if (find_kind(im, (unsigned)i, e) != 0)
            return -1;
    set_recipients(im);
    return check_mix(im, e);
}

static int take_organization(struct import *im, const struct source *s, const char *organization, struct error *e)
{
    struct gathered *g = im->g;

    if (organization[0] == '\0' || strcmp(g->organization, organization) == 0)
        return 0;
    if (g->organization[0] != '\0') {
        im->refused = true;
        return error_set(e, "%s: comes from the organization %s, but another file of this run from %s", s->path.text,
                         organization, g->organization);
    }
    memcpy(g->organization, organization, sizeof g->organization);
    return 0;
}

/* Refuses a file that was cut, unless the rest is in the next file of its kind. */
static int check_pages(const struct source *s, const struct source *next, const struct envelope *envelope,
                       struct error *e)
{
    if (envelope->more && next == NULL)
        return error_set(e,
                         "%s: is not complete: it has an @odata.nextLink; give the following pages after it in the "
                         "same run",
                         s->path.text);
    if (!envelope->more && envelope->cut)
        return error_set(e,
                         "%s: is not complete: the service says that there are more results; export again with "
                         "-ResultSize Unlimited",
                         s->path.text);
    return 0;
}

/* The rows that a cmdlet returns by default. */
#define DEFAULT_RESULT_SIZE 1000

static void check_size(struct import *im, unsigned number, uint64_t rows)
{
    const struct source *s = &im->sources[number];
    bool limited = s->kind == KIND_CAS_MAILBOX || s->kind == KIND_MAILBOX || s->kind == KIND_USER ||
                   s->kind == KIND_RECIPIENT || s->kind == KIND_RECIPIENT_PERMISSION;

    if (limited && rows == DEFAULT_RESULT_SIZE)
        remarks_add(&im->g->remarks, remark_topic(REMARK_DEFAULT_SIZE, number, 0),
                    "%s: has exactly %d rows, which is where %s stops by default: was it called with -ResultSize "
                    "Unlimited?",
                    s->path.text, DEFAULT_RESULT_SIZE, kind_name(s->kind));
}

/* Handles a column without any value: perhaps the cmdlet did not return it, and Select-Object left it empty. */
static void check_nothing_own(struct import *im, const struct source *s, unsigned number, uint64_t own_before)
{
    struct gathered *g = im->g;

    if (s->kind != KIND_CAS_MAILBOX || s->empty || g->settings_own > own_before)
        return;
    g->nothing_own = g->nothing_own || s->selected;
    remarks_add(&g->remarks, remark_topic(REMARK_NOTHING_OWN, number, 0),
                "%s: no mailbox has a setting of its own, so all inherit the organization's%s", s->path.text,
                s->selected ? "; if that is not so, the cmdlet did not return the property (Get-Mailbox has none, and "
                              "Get-EXOCasMailbox only with -Properties SmtpClientAuthenticationDisabled)"
                            : "");
}

/* Longer ago than the settings may be old by default (tenants.max_age). */
#define OLD_EXPORT_S (2 * 86400)

/* A task that no longer exports leaves the last files in place, and each import makes what they say as of now. */
static void check_age(struct import *im, const struct source *s, unsigned number)
{
    char written[32] = "?";
    struct stat st;
    struct tm tm;

    if (s->kind == KIND_LIST || stat(im->options->files[number], &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_mtime > im->options->now - OLD_EXPORT_S)
        return;
    if (gmtime_r(&st.st_mtime, &tm) != NULL)
        (void)strftime(written, sizeof written, "%Y-%m-%d", &tm);
    remarks_add(&im->g->remarks, remark_topic(REMARK_OLD_EXPORT, number, 0),
                "%s: was written on %s, and what it says counts as of today: is it still exported?", s->path.text,
                written);
}

/* Files that people write often lack the last line end, so the row is read; but one that was cut off looks the same. */
static void check_last_line(struct import *im, const struct source *s, unsigned number, const struct rows *rows,
                            const struct row *last)
{
    if (rows_unended(rows))
        remarks_add(&im->g->remarks, remark_topic(REMARK_NO_LINE_END, number, 0),
                    "%s: %s: the file ends here without a line end: if it was cut off, this row is not whole and "
                    "others are missing",
                    s->path.text, place_words(last->place).text);
}

static int gather_rows(struct import *im, unsigned number, struct rows *rows, struct row *row, int more,
                       struct error *e)
{
    const struct source *s = &im->sources[number];
    uint64_t own_before = im->g->settings_own;
    unsigned long long count = 0;

    while (more > 0) {
        progress_say(&im->progress, s->path.text, rows_percent(rows), ++count);
        if (gather_row(im->g, s->kind, number, row, e) != 0)
            return -1;
        more = rows_next(rows, &row, e);
    }
    if (more == 0 && !rows_envelope(rows)->present)
        check_size(im, number, count);
    if (more == 0) {
        check_nothing_own(im, s, number, own_before);
        if (count > 0)
            check_last_line(im, s, number, rows, row);
    }
    return more;
}

static int gather_file(struct import *im, unsigned number, const struct source *next, struct error *e)
{
    struct source *s = &im->sources[number];
    struct row *row = s->first;
    int more = s->empty ? 0 : 1, result = -1;

    check_age(im, s, number);
    if (s->rows == NULL) {
        if (rows_open(im->options->files[number], &s->rows, e) != 0)
            return -1;
        more = rows_next(s->rows, &row, e);
    }
    im->g->kinds |= 1u << s->kind;
    im->g->all_recipients = im->g->all_recipients || (s->kind == KIND_RECIPIENT && !s->groups);
    if (more >= 0)
        result = gather_rows(im, number, s->rows, row, more, e);
    if (result == 0)
        result = check_pages(s, next, rows_envelope(s->rows), e);
    if (result == 0)
        result = take_organization(im, s, rows_envelope(s->rows)->organization, e);
    rows_close(s->rows);
    s->rows = NULL;
    return result;
}

/* The next file of the same kind. */
static const struct source *next_page(const struct import *im, size_t i)
{
    for (size_t j = i + 1; j < im->options->n_files; j++)
        if (im->sources[j].kind == im->sources[i].kind)
            return &im->sources[j];
    return NULL;
}

int import_read_files(struct import *im, struct error *e)
{
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < im->options->n_files; i++)
            if (im->sources[i].kind == kind && gather_file(im, (unsigned)i, next_page(im, i), e) != 0)
                return -1;
    return 0;
}
