#include "mirror/on_premises.h"

#include "core/mail/address.h"
#include "mirror/read/recipient_kind.h"
#include "mirror/read/rows.h"
#include "mirror/words.h"

#include <stdlib.h>

struct mailbox {
    char *address;
    bool remote; /* Get-RemoteMailbox has it: it was moved to Exchange Online */
};

struct run {
    const struct on_premises_options *o;
    struct mailbox *list;
    size_t n, cap;
    uint64_t rows, others;
};

static int keep(struct run *r, const struct address *address, bool remote, struct error *e)
{
    if (r->n == r->cap) {
        size_t cap = r->cap == 0 ? 1024 : r->cap * 2;
        struct mailbox *bigger = realloc(r->list, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu mailboxes", r->n);
        r->list = bigger;
        r->cap = cap;
    }
    r->list[r->n] = (struct mailbox){strndup(address->text, address->n), remote};
    return r->list[r->n++].address != NULL ? 0 : error_set(e, "no memory for more than %zu mailboxes", r->n);
}

/* A mailbox that somebody can sign in to, here or in Exchange Online. */
static bool is_sign_in(const struct recipient_kind *kind)
{
    return !kind->no_mailbox && (kind->type == RECIPIENT_USER || kind->type == RECIPIENT_SHARED ||
                                 kind->type == RECIPIENT_ROOM || kind->type == RECIPIENT_EQUIPMENT || kind->remote);
}

static int take_row(struct run *r, const struct row *row, struct error *e)
{
    const struct recipient_kind *kind = recipient_kind_named(cell_text(&row->cells[COLUMN_TYPE]));
    struct address address;

    /* Whoever is in the file is free of Exchange Online's settings, so a type that is not known puts nobody there. */
    if (kind == NULL)
        return row_error(row, COLUMN_TYPE,
                         "a type as UserMailbox or RemoteUserMailbox, which says where the mailbox lives", e);
    r->rows++;
    if (!is_sign_in(kind)) {
        r->others++;
        return 0;
    }
    if (proxy_parse(cell_text(&row->cells[COLUMN_PRIMARY]), &address) > PROXY_SMTP)
        return row_error(row, COLUMN_PRIMARY, "a mail address", e);
    return keep(r, &address, kind->remote, e);
}

static int read_file(struct run *r, const char *path, struct error *e)
{
    struct rows *rows;
    struct row *row;
    int more;

    if (rows_open(path, &rows, e) != 0)
        return -1;
    while ((more = rows_next(rows, &row, e)) > 0)
        if (take_row(r, row, e) != 0) {
            more = -1;
            break;
        }
    rows_close(rows);
    return more;
}

/* Remote ones first. */
static int by_address(const void *a, const void *b)
{
    const struct mailbox *x = a, *y = b;
    int order = strcmp(x->address, y->address);

    return order != 0 ? order : (int)y->remote - (int)x->remote;
}

/* One that is in both is in Exchange Online: its settings count, which are the stricter ones. */
static void write_all(const struct run *r)
{
    uint64_t local = 0, remote = 0, both = 0;

    fprintf(r->o->out, "# Made by \"postern-mirror on-premises\" of exports of the local Exchange.\n");
    for (size_t i = 0, next; i < r->n; i = next) {
        for (next = i + 1; next < r->n && strcmp(r->list[i].address, r->list[next].address) == 0; next++) {
        }
        if (!r->list[i].remote) {
            fprintf(r->o->out, "%s\n", r->list[i].address);
            local++;
            continue;
        }
        remote++;
        if (!r->list[next - 1].remote) {
            fprintf(r->o->log, "warning: \"%s\" is a mailbox here and a remote one: taken for one of Exchange Online\n",
                    words(slice_of(r->list[i].address)).text);
            both++;
        }
    }
    if (r->others > 0)
        fprintf(r->o->log,
                "%llu rows are no mailboxes to sign in to (contacts, groups, mail users, Exchange's own), and were "
                "left out\n",
                (unsigned long long)r->others);
    fprintf(r->o->log, "%llu mailboxes live on premises, %llu in Exchange Online%s\n", (unsigned long long)local,
            (unsigned long long)remote, both > 0 ? "; see the warnings" : "");
}

int on_premises_run(const struct on_premises_options *options, struct error *e)
{
    struct run r = {.o = options};
    int result = 0;

    for (size_t i = 0; result == 0 && i < options->n_files; i++)
        result = read_file(&r, options->files[i], e);
    if (result == 0 && r.rows == 0)
        result = error_set(e, "there is no row in these files: the exports failed; look at what they said");
    if (result == 0) {
        if (r.n > 0)
            qsort(r.list, r.n, sizeof *r.list, by_address);
        write_all(&r);
        if (fflush(options->out) != 0)
            result = error_set(e, "the file cannot be written");
    }
    for (size_t i = 0; i < r.n; i++)
        free(r.list[i].address);
    free(r.list);
    return result;
}
