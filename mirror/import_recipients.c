/* Groups and mail users: nobody signs in as one, but somebody may send as one, or by being in one. */
#include "core/base/guid.h"
#include "mirror/import_private.h"

/* What the recipient is called by, for those rights that name it. */
static int say_names(struct import *im, const struct mailbox_record *r, struct slice names, struct error *e)
{
    struct rights *rights = im->g->rights;
    struct slice proxies = r->proxies, name;
    char guid[GUID_TEXT_MAX];

    if (rights_count(rights) == 0)
        return 0;
    guid_write(r->id.b, guid);
    rights_name(rights, slice_of(guid), &r->id, true);
    rights_name(rights, r->primary, &r->id, true);
    while (packed_next(&proxies, &name))
        rights_name(rights, name, &r->id, true);
    while (packed_next(&names, &name)) {
        rights_name(rights, name, &r->id, true);
        rights_trustee_name(rights, name, &r->id);
    }
    rights_name(rights, r->alias, &r->id, true);
    rights_trustee_name(rights, r->alias, &r->id);
    rights_trustee_name(rights, r->name, &r->id);
    return r->recipient_type == RECIPIENT_GROUP ? rights_group(rights, &r->id, e) : 0;
}

/* Guests and the like are named only, so that nobody is taken for them. */
static bool is_kept(enum recipient_type type)
{
    return type == RECIPIENT_GROUP || type == RECIPIENT_MAIL_USER || type == RECIPIENT_HIGH_VOLUME;
}

static int take(struct import *im, uint32_t tenant, const struct sheet_row *row, struct error *e)
{
    struct mailbox_record r = {.id = row->id,
                               .recipient_type = row->recipient_type,
                               .primary = row->primary,
                               .alias = row->alias,
                               .name = row->name,
                               .proxies = row->proxies};

    if (say_names(im, &r, row->names, e) != 0)
        return -1;
    if (!is_kept(r.recipient_type))
        return 0;
    im->recipients++;
    return writer_put_recipient(im->w, tenant, &r, e);
}

/* Rows without a Guid get an id of their address. */
static int give_ids(struct import *im, struct sheet *sheet, struct error *e)
{
    struct sheet_row row;

    for (size_t i = 0; i < sheet_count(sheet); i++) {
        struct mailbox_id id;

        if (sheet_has_guid(sheet, i))
            continue;
        if (sheet_get(sheet, i, &row, e) != 0)
            return -1;
        id = id_of_address(slice_of(im->after.name), row.primary);
        sheet_set_id(sheet, i, &id);
    }
    return 0;
}

/* What is done with each of the last generation. */
typedef int visit_recipient(struct import *im, uint32_t tenant, const struct mailbox_record *r, struct error *e);

static int take_stored(struct import *im, uint32_t tenant, visit_recipient *visit, struct error *e)
{
    const struct directory_view *before = writer_before(im->w);
    struct mailbox_record r;
    enum directory_result found;

    if (before == NULL || im->before == NULL)
        return 0;
    for (found = directory_next_recipient(before, im->before->tenant, NULL, &r); found == DIRECTORY_FOUND;
         found = directory_next_recipient(before, im->before->tenant, &r.id, &r))
        if (visit(im, tenant, &r, e) != 0)
            return -1;
    return found == DIRECTORY_NOT_FOUND
               ? 0
               : error_set(e, "the directory holds a damaged recipient; run \"postern-mirror verify\"");
}

/* A run over groups alone says nothing of mail users. */
static int keep_mail_user(struct import *im, uint32_t tenant, const struct mailbox_record *r, struct error *e)
{
    size_t i;

    if (r->recipient_type == RECIPIENT_GROUP || sheet_find_id(im->g->recipients, &r->id, &i))
        return 0;
    im->recipients++;
    return say_names(im, r, (struct slice){NULL, 0}, e) != 0 ? -1 : writer_put_recipient(im->w, tenant, r, e);
}

static int say_stored(struct import *im, uint32_t tenant, const struct mailbox_record *r, struct error *e)
{
    (void)tenant;
    return say_names(im, r, (struct slice){NULL, 0}, e);
}

static int take_all(struct import *im, uint32_t tenant, struct error *e)
{
    struct sheet *sheet = im->g->recipients;
    struct sheet_place first, second;

    if (writer_replace_recipients(im->w, tenant, e) != 0 || give_ids(im, sheet, e) != 0 ||
        sheet_sort_by_id(sheet, &first, &second, e) < 0)
        return -1;
    for (size_t i = 0; i < sheet_count(sheet); i++) {
        struct mailbox_id id = sheet_id(sheet, i), last = i > 0 ? sheet_id(sheet, i - 1) : id;
        struct sheet_row row;

        if (i > 0 && memcmp(&id, &last, sizeof id) == 0)
            continue; /* in two exports */
        if (sheet_get(sheet, i, &row, e) != 0 || take(im, tenant, &row, e) != 0)
            return -1;
    }
    return im->g->all_recipients ? 0 : take_stored(im, tenant, keep_mail_user, e);
}

int import_recipients(struct import *im, uint32_t tenant, struct error *e)
{
    return gather_has(im->g, KIND_RECIPIENT) ? take_all(im, tenant, e) : take_stored(im, tenant, say_stored, e);
}
