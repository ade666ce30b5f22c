#include "mirror/import_private.h"

/* Opens the file, reads its first row and finds out what it is. */
static int find_kind(struct import *im, struct source *s, const char *file, const struct source *previous,
                     struct error *e)
{
    int more;

    if (rows_open(file, &s->rows, e) != 0)
        return -1;
    more = rows_next(s->rows, &s->first, e);
    if (more < 0)
        return -1;
    s->empty = more == 0;
    s->kind = im->options->kind;
    if (s->kind == KINDS && rows_columns(s->rows) == 0 && s->empty) {
        /* The last page of an answer may have no rows. */
        if (previous == NULL || !rows_envelope(s->rows)->present) {
            im->refused = true;
            return error_set(e,
                             "%s: is empty, so it cannot be told what it is an export of; if it is meant so, name its "
                             "kind with --kind, and --force",
                             s->path.text);
        }
        s->kind = previous->kind;
    }
    if (s->kind == KINDS)
        s->kind = kind_detect(rows_form(s->rows), rows_columns(s->rows));
    if (s->kind == KINDS)
        return error_set(e, "%s: has none of the columns by which an export is known; name its kind with --kind",
                         s->path.text);
    if (rows_columns(s->rows) != 0 && kind_check(s->kind, s->path.text, rows_columns(s->rows), e) != 0)
        return -1;
    if (rows_percent(s->rows) >= 0) { /* a file: read again when its turn comes, so that few are open */
        rows_close(s->rows);
        s->rows = NULL;
    }
    return 0;
}

/* Addresses alone and whole exports are two ways of keeping a tenant, which don't mix in one run. */
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

int import_find_kinds(struct import *im, struct error *e)
{
    for (size_t i = 0; i < im->options->n_files; i++)
        if (find_kind(im, &im->sources[i], im->options->files[i], i == 0 ? NULL : &im->sources[i - 1], e) != 0)
            return -1;
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

/* Is what the file lacks in one that follows? next: the next file of its kind. */
static int check_pages(const struct source *s, const struct source *next, const struct envelope *envelope,
                       struct error *e)
{
    if (envelope->more && next == NULL)
        return error_set(e,
                         "%s: is not complete: it has an @odata.nextLink; give the pages that follow behind it in the "
                         "same run",
                         s->path.text);
    if (!envelope->more && envelope->cut)
        return error_set(e,
                         "%s: is not complete: the service says that there are more results; export again with "
                         "-ResultSize Unlimited",
                         s->path.text);
    return 0;
}

static int read_rows(struct import *im, unsigned number, struct rows *rows, struct row *row, int more, struct error *e)
{
    const struct source *s = &im->sources[number];
    unsigned long long count = 0;

    while (more > 0) {
        progress_say(&im->progress, s->path.text, rows_percent(rows), ++count);
        if (gather_row(im->g, s->kind, number, row, e) != 0)
            return -1;
        more = rows_next(rows, &row, e);
    }
    return more;
}

static int read_file(struct import *im, unsigned number, const struct source *next, struct error *e)
{
    struct source *s = &im->sources[number];
    struct row *row = s->first;
    int more = s->empty ? 0 : 1, result = -1;

    if (s->rows == NULL) {
        if (rows_open(im->options->files[number], &s->rows, e) != 0)
            return -1;
        more = rows_next(s->rows, &row, e);
    }
    im->g->kinds |= 1u << s->kind;
    if (more >= 0)
        result = read_rows(im, number, s->rows, row, more, e);
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
            if (im->sources[i].kind == kind && read_file(im, (unsigned)i, next_page(im, i), e) != 0)
                return -1;
    return 0;
}
