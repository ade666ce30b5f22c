#include "core/directory/mailbox_name.h"

#include "core/base/guid.h"
#include "core/directory/directory_record.h"
#include "core/directory/directory_view.h"

#include <unicase.h>
#include <uninorm.h>

static bool is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* Each mailbox once: two identities of one login may lead to the same. */
static bool is_found(const struct mailbox_found *out, uint32_t tenant, const struct mailbox_id *id)
{
    for (uint64_t i = 0; i < out->n && i < MAILBOX_FOUND_MAX; i++)
        if (out->first[i].tenant == tenant && memcmp(&out->first[i].id, id, sizeof *id) == 0)
            return true;
    return false;
}

static void add(struct mailbox_found *out, enum mailbox_name name, uint32_t tenant, const struct mailbox_record *m)
{
    struct buf b;

    out->name = name;
    if (out->n < MAILBOX_FOUND_MAX) {
        out->first[out->n].tenant = tenant;
        out->first[out->n].id = m->id;
        b = BUF_OVER(out->first[out->n].primary);
        buf_add(&b, m->primary);
    }
    out->n++;
}

/* ---- one kind of name, in one tenant ---- */

typedef enum directory_result look(const struct directory_view *v, uint32_t tenant, struct slice name,
                                   struct mailbox_found *out);

static enum directory_result by_login(const struct directory_view *v, uint32_t tenant, struct slice name,
                                      struct mailbox_found *out)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct mailbox_record record;
    struct login login;
    enum directory_result result = DIRECTORY_NOT_FOUND;
    unsigned n = 0;

    login_parse(name, &login);
    if (login.kind == LOGIN_ADDRESS)
        result = directory_by_address(v, tenant, address_slice(&login.address), refs, &n);
    else if (login.kind == LOGIN_ACCOUNT || login.kind == LOGIN_NETBIOS)
        result = directory_by_account(v, tenant, login_account(&login), refs, &n);
    for (unsigned i = 0; result == DIRECTORY_FOUND && i < n; i++) {
        result = directory_mailbox(v, tenant, &refs[i].id, &record);
        if (result == DIRECTORY_FOUND && !is_found(out, tenant, &record.id))
            add(out, MAILBOX_NAME_LOGIN, tenant, &record);
    }
    return result;
}

static enum directory_result by_guid(const struct directory_view *v, uint32_t tenant, struct slice name,
                                     struct mailbox_found *out)
{
    struct mailbox_record record;
    struct mailbox_id id;
    enum directory_result result;

    if (name.n > 2 && name.p[0] == '{' && name.p[name.n - 1] == '}')
        name = (struct slice){name.p + 1, name.n - 2};
    if (!guid_parse(name, id.b))
        return DIRECTORY_NOT_FOUND;
    result = directory_mailbox(v, tenant, &id, &record);
    if (result == DIRECTORY_FOUND)
        add(out, MAILBOX_NAME_GUID, tenant, &record);
    return result;
}

/* Do ASCII letters differ that no combining mark follows? This rejects most names without Unicode's tables. */
static bool differs_early(struct slice a, struct slice b)
{
    for (size_t i = 0; i + 1 < a.n && i + 1 < b.n; i++) {
        if (((unsigned char)(a.p[i] | a.p[i + 1] | b.p[i] | b.p[i + 1]) & 0x80) != 0)
            return false;
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return true;
    }
    return false;
}

/* Only if both names have letters beyond ASCII are Unicode's tables needed. */
static bool is_displayed_as(struct slice wanted, bool wanted_ascii, struct slice shown)
{
    int differs;

    if (wanted_ascii)
        return slice_ieq(wanted, shown);
    return !is_ascii(shown) && !differs_early(wanted, shown) &&
           u8_casecmp((const uint8_t *)wanted.p, wanted.n, (const uint8_t *)shown.p, shown.n, NULL, UNINORM_NFC,
                      &differs) == 0 &&
           differs == 0;
}

/* With one cursor for the whole walk: directory_next_mailbox opens one for each mailbox. */
static enum directory_result by_display_name(const struct directory_view *v, uint32_t tenant, struct slice name,
                                             struct mailbox_found *out)
{
    static const struct mailbox_id first; /* all zero */
    struct directory_key from = mailbox_key(tenant, &first);
    MDB_val key = {from.n, from.b}, value;
    struct mailbox_record record;
    struct mailbox_id id;
    bool ascii = is_ascii(name);
    MDB_cursor *cursor;
    uint32_t owner;
    int code;

    if (name.n == 0 || name.n > MAILBOX_NAME_MAX)
        return DIRECTORY_NOT_FOUND;
    if (mdb_cursor_open(v->txn, v->generation->file->dbi[TABLE_MAILBOXES], &cursor) != 0)
        return DIRECTORY_DAMAGED;
    for (code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE); code == 0;
         code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        struct slice k = {key.mv_data, key.mv_size};

        if (!mailbox_key_read(k, &owner, &id))
            code = MDB_CORRUPTED;
        if (code != 0 || owner != tenant)
            break;
        if (!mailbox_decode(k, (struct slice){value.mv_data, value.mv_size}, &record)) {
            code = MDB_CORRUPTED;
            break;
        }
        if (is_displayed_as(name, ascii, record.name))
            add(out, MAILBOX_NAME_DISPLAY, tenant, &record);
    }
    mdb_cursor_close(cursor);
    return code != 0 && code != MDB_NOTFOUND ? DIRECTORY_DAMAGED : out->n > 0 ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
}

/* ---- all ---- */

enum directory_result mailbox_named(const struct directory_view *v, uint32_t tenant, struct slice name,
                                    struct mailbox_found *out)
{
    static look *const looks[] = {by_login, by_guid, by_display_name};
    uint32_t begin = tenant == EVERY_TENANT ? 0 : tenant;
    uint32_t end = tenant == EVERY_TENANT ? directory_tenants(v) : tenant + 1;

    out->name = MAILBOX_NAME_NONE;
    out->n = 0;
    name = slice_trim(name);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0] && out->n == 0; i++)
        for (uint32_t t = begin; t < end; t++)
            if (looks[i](v, t, name, out) == DIRECTORY_DAMAGED)
                return DIRECTORY_DAMAGED;
    return out->n > 0 ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
}

const char *mailbox_name_word(enum mailbox_name name)
{
    static const char *const words[] = {[MAILBOX_NAME_NONE] = "name",
                                        [MAILBOX_NAME_LOGIN] = "login",
                                        [MAILBOX_NAME_GUID] = "Guid",
                                        [MAILBOX_NAME_DISPLAY] = "display name"};

    return words[name];
}

void mailbox_found_add(struct buf *b, const struct mailbox_found *found)
{
    uint64_t named = found->n < MAILBOX_FOUND_MAX ? found->n : MAILBOX_FOUND_MAX;

    buf_addf(b, "the %s of ", mailbox_name_word(found->name));
    for (uint64_t i = 0; i < named; i++) {
        if (i > 0)
            buf_add(b, i + 1 == found->n ? SLICE(" and ") : SLICE(", "));
        buf_add_escaped(b, slice_of(found->first[i].primary), ADDRESS_OF_NAME_MAX);
    }
    if (found->n > named)
        buf_addf(b, " and %llu more", (unsigned long long)(found->n - named));
}
