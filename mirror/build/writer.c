/* A run's beginning, its operations and its end. */
#include "mirror/build/writer.h"

#include "mirror/build/writer_run.h"

#include "core/base/clock.h"
#include "core/base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Memory for sorting; what is more goes to disk. Identities (in writer_merge.c) take as much again. */
#define MAILBOX_BUDGET ((size_t)32 * 1024 * 1024)
#define DOMAIN_BUDGET ((size_t)4 * 1024 * 1024)
#define RIGHT_BUDGET ((size_t)16 * 1024 * 1024)

static struct slice key_slice(const struct directory_key *key)
{
    return (struct slice){(const char *)key->b, key->n};
}

/* ---- beginning and end ---- */

/* The pid of the process that holds the lock goes into the lock file: for the message of the one that comes second. */
static int take_lock(struct writer *w, struct error *e)
{
    char text[24];
    struct buf b = BUF_OVER(text);
    unsigned long long pid = 0;

    w->lock_fd = openat(w->folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (w->lock_fd < 0)
        return error_set(e, "lock file %s/" LOCK_NAME " cannot be opened: %s", w->folder, strerror(errno));
    if (flock(w->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = errno == EWOULDBLOCK ? pread(w->lock_fd, text, sizeof text, 0) : -1;

        if (n < 0)
            return error_set(e, "lock file %s/" LOCK_NAME " cannot be locked: %s", w->folder, strerror(errno));
        (void)slice_to_u64(slice_trim((struct slice){text, (size_t)n}), INT32_MAX, &pid);
        return error_set(
            e, "the directory %s is being written by another process (pid %llu): wait for its end, or stop it",
            w->folder, pid);
    }
    w->locked = true;
    buf_addf(&b, "%ld\n", (long)getpid());
    if (ftruncate(w->lock_fd, 0) != 0 || pwrite(w->lock_fd, b.p, b.n, 0) != (ssize_t)b.n)
        return error_set(e, "lock file %s/" LOCK_NAME " cannot be written: %s", w->folder, strerror(errno));
    return 0;
}

/* The lock file of a folder that may not be there yet; -1. */
static int open_lock(const char *folder)
{
    char path[4096];
    struct buf b = BUF_OVER(path);
    struct owner_visit visit;
    int fd;

    buf_addf(&b, "%s/" LOCK_NAME, folder);
    if (b.full || owner_enter(folder, &visit, NULL) != 0)
        return -1;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    owner_leave(&visit);
    return fd;
}

int writer_wait(const char *folder, unsigned seconds, struct error *e)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
    uint64_t end = clock_boot_ns() + seconds * NS_PER_S;
    int fd, busy;

    if (seconds == 0 || (fd = open_lock(folder)) < 0)
        return 0; /* writer_begin says what is wrong, if anything is */
    while ((busy = flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EWOULDBLOCK && clock_boot_ns() < end)
        (void)nanosleep(&pause, NULL);
    (void)close(fd);
    return busy == 0
               ? 0
               : error_set(e, "the directory %s is still being written by another process after %u s", folder, seconds);
}

static int open_folder(struct writer *w, const char *folder, struct error *e)
{
    w->folder = strdup(folder);
    if (w->folder == NULL)
        return error_set(e, "out of memory");
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return error_set(e, "the directory's folder %s cannot be made: %s", folder, strerror(errno));
    w->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return w->folder_fd < 0 ? error_set(e, "the directory's folder %s cannot be opened: %s", folder, strerror(errno))
                            : 0;
}

static int open_last(struct writer *w, struct error *e)
{
    uint64_t highest = writer_highest_file(w);
    int found = manifest_file_read(w->folder, &w->manifest, e);

    if (found < 0 || directory_open(w->folder, &w->directory, e) != 0 || directory_refresh(w->directory, e) < 0) {
        struct error why = *e;

        return error_set(e, "%.500s. To begin anew, move %s/" MANIFEST_NAME " away and run a full import", why.text,
                         w->folder);
    }
    w->last_generation = found > 0 && w->manifest.m.generation > highest ? w->manifest.m.generation : highest;
    w->before = directory_view_get(w->directory);
    if (found > 0 && w->before == NULL)
        return error_set(e, "out of memory");
    return 0;
}

static int reserve_tenants(struct writer *w, uint32_t n, struct error *e)
{
    struct tenant_facts *facts;
    struct run_tenant *tenants;

    if (n <= w->tenants_cap)
        return 0;
    facts = realloc(w->facts, n * sizeof *facts);
    if (facts != NULL)
        w->facts = facts;
    tenants = realloc(w->tenants, n * sizeof *tenants);
    if (tenants != NULL)
        w->tenants = tenants;
    if (facts == NULL || tenants == NULL)
        return error_set(e, "out of memory");
    memset(w->tenants + w->tenants_cap, 0, (n - w->tenants_cap) * sizeof *tenants);
    w->tenants_cap = n;
    return 0;
}

static int prepare(struct writer *w, struct error *e)
{
    uint32_t n = w->before != NULL ? directory_tenants(w->before) : 0;

    w->value = malloc(MAILBOX_VALUE_MAX);
    w->conflicts = calloc(WRITER_CONFLICTS_MAX, sizeof *w->conflicts);
    if (w->value == NULL || w->conflicts == NULL)
        return error_set(e, "out of memory");
    if (reserve_tenants(w, n + 1, e) != 0)
        return -1;
    for (; w->tenants_n < n; w->tenants_n++)
        w->facts[w->tenants_n] = w->before->generation->tenants[w->tenants_n];
    if (sorter_make(w->folder_fd, MAILBOX_BUDGET, &w->mailboxes, e) != 0 ||
        sorter_make(w->folder_fd, DOMAIN_BUDGET, &w->domains, e) != 0 ||
        sorter_make(w->folder_fd, RIGHT_BUDGET, &w->rights, e) != 0)
        return -1;
    return 0;
}

static int begin(const char *folder, struct writer **out, struct error *e)
{
    struct writer *w = calloc(1, sizeof *w);
    struct error why;

    if (w == NULL)
        return error_set(e, "out of memory");
    w->folder_fd = w->lock_fd = -1;
    if (open_folder(w, folder, &why) == 0 && take_lock(w, &why) == 0) {
        writer_remove_aside(w);
        if (open_last(w, &why) == 0 && prepare(w, &why) == 0) {
            *out = w;
            return 0;
        }
    }
    writer_close(w);
    if (e != NULL)
        *e = why;
    return -1;
}

int writer_begin(const char *folder, struct writer **out, struct error *e)
{
    struct owner_visit visit;
    int result;

    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    result = begin(folder, out, e);
    owner_leave(&visit);
    return result;
}

void writer_close(struct writer *w)
{
    if (w == NULL)
        return;
    builder_free(w->builder);
    if (w->locked)
        writer_remove_aside(w);
    sorter_free(w->mailboxes);
    sorter_free(w->domains);
    sorter_free(w->rights);
    if (w->before != NULL)
        directory_view_put(w->directory, w->before);
    directory_close(w->directory);
    manifest_file_free(&w->manifest);
    for (size_t i = 0; i < w->conflicts_kept; i++)
        free(w->conflicts[i]);
    free(w->conflicts);
    free(w->value);
    free(w->facts);
    free(w->tenants);
    if (w->lock_fd >= 0)
        (void)close(w->lock_fd);
    if (w->folder_fd >= 0)
        (void)close(w->folder_fd);
    free(w->folder);
    free(w);
}

/* ---- the last generation ---- */

const struct directory_view *writer_before(const struct writer *w)
{
    return w->before;
}

const struct tenant_facts *writer_tenant_before(const struct writer *w, struct slice name)
{
    return w->before != NULL ? directory_tenant_named(w->before, name) : NULL;
}

enum directory_result writer_get_mailbox(const struct writer *w, uint32_t tenant, const struct mailbox_id *id,
                                         struct mailbox_record *out)
{
    return w->before != NULL ? directory_mailbox(w->before, tenant, id, out) : DIRECTORY_NOT_FOUND;
}

enum directory_result writer_next_mailbox(const struct writer *w, uint32_t tenant, const struct mailbox_id *after,
                                          struct mailbox_record *out)
{
    return w->before != NULL ? directory_next_mailbox(w->before, tenant, after, out) : DIRECTORY_NOT_FOUND;
}

/* ---- tenants ---- */

/* Terminated, and printable without blanks, since it stands in the manifest, in logs and in metrics. */
static bool is_word(const char *text, size_t cap)
{
    size_t n = strnlen(text, cap);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    return n < cap;
}

static int check_facts(const struct tenant_facts *f, struct error *e)
{
    if (!is_word(f->name, sizeof f->name) || f->name[0] == '\0')
        return error_set(e, "a tenant's name must have 1 to %zu bytes and no blanks", sizeof f->name - 1);
    if (!is_word(f->organization, sizeof f->organization) || strnlen(f->source, sizeof f->source) == sizeof f->source)
        return error_set(e, "tenant %s: its organization or source is too long or has blanks", f->name);
    if (f->smtp_auth == SMTP_AUTH_INHERIT || f->smtp_auth > SMTP_AUTH_DISABLED || f->security_defaults > TRI_YES ||
        f->default_basic_smtp > TRI_YES)
        return error_set(e, "tenant %s: a setting has a value that an organization cannot have", f->name);
    return 0;
}

int writer_set_tenant(struct writer *w, const struct tenant_facts *facts, uint32_t *index, struct error *e)
{
    uint32_t i = 0;

    if (check_facts(facts, e) != 0)
        return -1;
    while (i < w->tenants_n && !slice_eq(slice_of(w->facts[i].name), slice_of(facts->name)))
        i++;
    if (i == w->tenants_n) {
        if (i == DIRECTORY_TENANTS_MAX)
            return error_set(e, "tenant %s: there are %u tenants already", facts->name, DIRECTORY_TENANTS_MAX);
        if (reserve_tenants(w, i + 1, e) != 0)
            return -1;
        w->tenants_n++;
    }
    w->facts[i] = *facts;
    w->facts[i].tenant = i;
    *index = i;
    return 0;
}

int writer_forget_tenant(struct writer *w, uint32_t tenant, struct error *e)
{
    struct tenant_facts nothing = {.tenant = tenant};
    struct buf name = BUF_OVER(nothing.name);
    struct mailbox_record record;
    enum directory_result found = writer_next_mailbox(w, tenant, NULL, &record);

    for (; found == DIRECTORY_FOUND; found = writer_next_mailbox(w, tenant, &record.id, &record))
        if (writer_delete_mailbox(w, tenant, &record.id, e) != 0)
            return -1;
    if (found == DIRECTORY_DAMAGED)
        return error_set(e, "the directory holds a damaged mailbox of %s", w->facts[tenant].name);
    if (writer_set_domains(w, tenant, NULL, 0, e) != 0 ||
        writer_replace_rights(w, tenant, RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF, e) != 0)
        return -1;
    buf_addf(&name, "%cforgotten-%u", TENANT_FORGOTTEN_MARK, (unsigned)tenant);
    w->facts[tenant] = nothing;
    return 0;
}

static int check_tenant(const struct writer *w, uint32_t tenant, struct error *e)
{
    return tenant < w->tenants_n ? 0 : error_set(e, "there is no tenant with index %u", (unsigned)tenant);
}

/* ---- mailboxes ---- */

static bool is_text(struct slice s, size_t max)
{
    if (s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_address(struct slice s)
{
    const char *at = s.n > 0 ? memrchr(s.p, '@', s.n) : NULL;

    return at != NULL && at > s.p && at < s.p + s.n - 1 && is_text(s, ADDRESS_OF_NAME_MAX);
}

static int check_record(const struct mailbox_record *r, struct error *e)
{
    const struct slice names[] = {r->alias, r->account, r->name, r->auth_policy};
    struct slice list = r->proxies, proxy;
    char shown[2 * ADDRESS_OF_NAME_MAX];
    struct buf b = BUF_OVER(shown);

    buf_add_escaped(&b, r->primary, ADDRESS_OF_NAME_MAX);
    if (!is_address(r->primary) || (r->upn.n > 0 && !is_address(r->upn)))
        return error_set(e, "mailbox \"%s\": its primary address or UPN is not an address", b.p);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!is_text(names[i], MAILBOX_NAME_MAX))
            return error_set(e, "mailbox \"%s\": a name is longer than %d bytes or has control characters", b.p,
                             MAILBOX_NAME_MAX);
    while (packed_next(&list, &proxy))
        if (!is_address(proxy))
            return error_set(e, "mailbox \"%s\": a proxy address is not an address", b.p);
    if (list.n != 0 || r->proxies.n > MAILBOX_PROXIES_MAX)
        return error_set(e, "mailbox \"%s\": its list of proxy addresses is malformed or too long", b.p);
    if (r->knows >= MAILBOX_KNOWS_END || r->smtp_auth > SMTP_AUTH_DISABLED || r->basic_smtp > TRI_YES ||
        r->recipient_type > RECIPIENT_MAIL_USER)
        return error_set(e, "mailbox \"%s\": a setting has a value that does not exist", b.p);
    return 0;
}

/* The stored value of a key, empty when there is none. */
static struct slice stored(const struct writer *w, const struct directory_key *key)
{
    MDB_val k = {key->n, (void *)key->b}, v;

    if (w->before == NULL || mdb_get(w->before->txn, w->before->generation->file->dbi[TABLE_MAILBOXES], &k, &v) != 0)
        return (struct slice){NULL, 0};
    return (struct slice){v.mv_data, v.mv_size};
}

/*
 * Notes an operation. One that changes nothing is dropped, unless an earlier one on the same mailbox may have changed
 * something: for ascending ids, or as long as nothing changes, that is known without looking.
 */
static int note_mailbox(struct writer *w, const struct directory_key *key, struct slice value, struct error *e)
{
    bool is_above = !w->any_mailbox || sorter_compare(key_slice(key), key_slice(&w->highest)) > 0;

    if (is_above && slice_eq(stored(w, key), value))
        return 0;
    if (sorter_add(w->mailboxes, key_slice(key), value, e) != 0)
        return -1;
    w->any_mailbox = true;
    if (is_above)
        w->highest = *key;
    return 0;
}

int writer_put_mailbox(struct writer *w, uint32_t tenant, const struct mailbox_record *record, struct error *e)
{
    struct directory_key key = mailbox_key(tenant, &record->id);
    size_t n;

    if (check_tenant(w, tenant, e) != 0 || check_record(record, e) != 0)
        return -1;
    n = mailbox_encode(tenant, record, w->value, MAILBOX_VALUE_MAX);
    if (n == 0)
        return error_set(e, "mailbox %.*s: its record is too long", SLICE_ARG(record->primary));
    return note_mailbox(w, &key, (struct slice){(const char *)w->value, n}, e);
}

int writer_delete_mailbox(struct writer *w, uint32_t tenant, const struct mailbox_id *id, struct error *e)
{
    struct directory_key key = mailbox_key(tenant, id);

    if (check_tenant(w, tenant, e) != 0)
        return -1;
    return note_mailbox(w, &key, (struct slice){NULL, 0}, e);
}

/* ---- domains and rights ---- */

int writer_set_domains(struct writer *w, uint32_t tenant, const struct accepted_domain *list, size_t n, struct error *e)
{
    if (check_tenant(w, tenant, e) != 0)
        return -1;
    if (w->tenants[tenant].domains_replaced)
        return error_set(e, "tenant %s: its domains were set already in this run", w->facts[tenant].name);
    w->tenants[tenant].domains_replaced = true;
    for (size_t i = 0; i < n; i++) {
        struct domain_claim claim = {tenant, list[i].type, list[i].match_subdomains};
        struct directory_key key = domain_key(list[i].name);
        uint8_t value[16];
        size_t size = domain_encode(list[i].name, &claim, 1, value, sizeof value);

        if (key.n == 0 || !is_text(list[i].name, 255) || list[i].type >= DOMAIN_DERIVED)
            return error_set(e, "tenant %s: accepted domain %zu of its list is malformed", w->facts[tenant].name,
                             i + 1);
        if (sorter_add(w->domains, key_slice(&key), (struct slice){(const char *)value, size}, e) != 0)
            return -1;
    }
    return 0;
}

int writer_replace_rights(struct writer *w, uint32_t tenant, unsigned kinds, struct error *e)
{
    if (check_tenant(w, tenant, e) != 0)
        return -1;
    if ((kinds & ~(RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF)) != 0)
        return error_set(e, "tenant %s: rights of an unknown kind", w->facts[tenant].name);
    w->tenants[tenant].rights_replaced |= kinds;
    return 0;
}

int writer_add_right(struct writer *w, uint32_t tenant, const struct mailbox_id *trustee,
                     const struct mailbox_id *target, unsigned kinds, struct error *e)
{
    struct directory_key key = right_key(tenant, trustee, target);
    char bits = (char)kinds;

    if (check_tenant(w, tenant, e) != 0)
        return -1;
    if ((kinds & ~w->tenants[tenant].rights_replaced) != 0)
        return error_set(e, "tenant %s: rights were added before they were replaced", w->facts[tenant].name);
    return sorter_add(w->rights, key_slice(&key), (struct slice){&bits, 1}, e);
}

/* ---- the end of a run ---- */

static int finish(struct writer *w, struct writer_summary *summary, struct error *e)
{
    char path[4096];
    struct buf b = BUF_OVER(path);
    bool changed = false;

    memset(summary, 0, sizeof *summary);
    if (w->finished)
        return error_set(e, "the run was finished already");
    w->finished = true;
    buf_addf(&b, "%s/" NEXT_FILE, w->folder);
    if (b.full)
        return error_set(e, "the path of %s is too long", w->folder);
    if (builder_make(path, &w->builder, e) != 0 || writer_merge(w, summary, &changed, e) != 0)
        return -1;
    summary->published = changed;
    summary->bytes = w->manifest.m.size;
    summary->generation = changed ? w->last_generation + 1 : w->manifest.m.generation;
    return changed ? writer_publish(w, &summary->bytes, e) : writer_confirm(w, e);
}

int writer_finish(struct writer *w, struct writer_summary *summary, struct error *e)
{
    struct owner_visit visit;
    int result;

    if (owner_enter(w->folder, &visit, e) != 0)
        return -1;
    result = finish(w, summary, e);
    owner_leave(&visit);
    return result;
}

bool writer_conflict(const struct writer *w, size_t i, struct identity_conflict *out)
{
    const struct kept_conflict *kept;

    if (i >= w->conflicts_kept)
        return false;
    kept = w->conflicts[i];
    *out = (struct identity_conflict){
        .tenant = kept->tenant,
        .account = kept->kind == IDENTITY_KEY_ACCOUNT,
        .identity = {kept->texts, kept->identity_n},
        .claims = kept->claims,
        .primaries = {kept->texts + kept->identity_n, kept->primaries_n},
    };
    return true;
}
