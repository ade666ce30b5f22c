/* Beginning a run, its operations, and ending it. */
#include "mirror/build/writer.h"

#include "mirror/build/old_format.h"
#include "mirror/build/writer_run.h"

#include "core/base/clock.h"
#include "core/base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Memory for sorting domains; the rest goes to disk. */
#define DOMAIN_BUDGET ((size_t)4 * 1024 * 1024)

/* ---- beginning and end ---- */

/* The holder's pid is written to the lock file, so that a second process can name it. */
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

/* Opens the lock file of a folder that may not exist yet; -1 when it can't. */
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
        return 0; /* writer_begin reports what is wrong, if anything */
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

        return error_set(e, "%.500s. To start over, move %s/" MANIFEST_NAME " away and run a full import", why.text,
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

/* The file of the next generation. */
static int open_next(struct writer *w, struct error *e)
{
    char path[4096];
    struct buf b = BUF_OVER(path);

    buf_addf(&b, "%s/" NEXT_FILE, w->folder);
    return b.full ? error_set(e, "the path of %s is too long", w->folder) : builder_make(path, &w->builder, e);
}

static int prepare_run(struct writer *w, struct error *e)
{
    uint32_t n = w->before != NULL ? directory_tenants(w->before) : 0;

    w->changed = w->before == NULL;
    w->value = malloc(MAILBOX_VALUE_MAX);
    w->seen = calloc(SEEN_DOMAINS, sizeof *w->seen);
    w->conflicts = calloc(WRITER_CONFLICTS_MAX, sizeof *w->conflicts);
    if (w->value == NULL || w->seen == NULL || w->conflicts == NULL)
        return error_set(e, "out of memory");
    if (getrandom(&w->identities, sizeof w->identities, 0) != (ssize_t)sizeof w->identities)
        return error_set(e, "the system gives no random numbers");
    if (reserve_tenants(w, n + 1, e) != 0)
        return -1;
    for (; w->tenants_n < n; w->tenants_n++)
        w->facts[w->tenants_n] = w->before->generation->tenants[w->tenants_n];
    return sorter_make(w->folder, DOMAIN_BUDGET, &w->domains, e) != 0 ? -1 : open_next(w, e);
}

/* Treats the last generation as missing. Its file stays, for readers that are about to open it. */
static int skip_last(struct writer *w, struct error *e)
{
    (void)e;
    w->last_generation = w->manifest.m.generation = writer_highest_file(w);
    return 0;
}

static int begin(const char *folder, int (*open)(struct writer *, struct error *), struct writer **out, struct error *e)
{
    struct writer *w = calloc(1, sizeof *w);
    struct error why;

    if (w == NULL)
        return error_set(e, "out of memory");
    w->folder_fd = w->lock_fd = -1;
    if (open_folder(w, folder, &why) == 0 && take_lock(w, &why) == 0) {
        writer_remove_aside(w);
        if (open(w, &why) == 0 && prepare_run(w, &why) == 0) {
            *out = w;
            return 0;
        }
    }
    writer_close(w);
    if (e != NULL)
        *e = why;
    return -1;
}

static int begin_as_owner(const char *folder, int (*open)(struct writer *, struct error *), struct writer **out,
                          struct error *e)
{
    struct owner_visit visit;
    int result;

    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    result = begin(folder, open, out, e);
    owner_leave(&visit);
    return result;
}

int writer_begin(const char *folder, struct writer **out, struct error *e)
{
    uint64_t generation;

    return old_format_rebuild(folder, &generation, e) < 0 ? -1 : begin_as_owner(folder, open_last, out, e);
}

int writer_begin_anew(const char *folder, struct writer **out, struct error *e)
{
    return begin_as_owner(folder, skip_last, out, e);
}

void writer_close(struct writer *w)
{
    if (w == NULL)
        return;
    builder_free(w->builder);
    if (w->locked)
        writer_remove_aside(w);
    sorter_free(w->domains);
    sorter_free(w->recipients);
    free(w->seen);
    old_table_close(&w->old_rights);
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

int old_table_damaged(struct error *e, enum directory_table table)
{
    return error_set(
        e,
        "the directory's table \"%s\" is damaged; \"postern-mirror verify\" says more: check the disk, then "
        "start over with a full import",
        directory_table_names[table]);
}

static int old_table_move(struct old_table *t, MDB_cursor_op where, struct error *e)
{
    MDB_val key, value;
    int code = mdb_cursor_get(t->cursor, &key, &value, where);

    t->there = code == 0;
    if (code != 0 && code != MDB_NOTFOUND)
        return error_set(e, "the directory cannot be read: %s", mdb_strerror(code));
    if (t->there) {
        t->key = (struct slice){key.mv_data, key.mv_size};
        t->value = (struct slice){value.mv_data, value.mv_size};
    }
    return 0;
}

int old_table_open(const struct writer *w, enum directory_table table, struct old_table *t, struct error *e)
{
    int code;

    *t = (struct old_table){0};
    if (w->before == NULL)
        return 0;
    code = mdb_cursor_open(w->before->txn, w->before->generation->file->dbi[table], &t->cursor);
    if (code != 0) {
        t->cursor = NULL;
        return error_set(e, "the directory cannot be read: %s", mdb_strerror(code));
    }
    return old_table_move(t, MDB_FIRST, e);
}

int old_table_next(struct old_table *t, struct error *e)
{
    return old_table_move(t, MDB_NEXT, e);
}

void old_table_close(struct old_table *t)
{
    if (t->cursor != NULL)
        mdb_cursor_close(t->cursor);
    t->cursor = NULL;
}

/* ---- tenants ---- */

/* Terminated, printable, without blanks: it is written to the manifest, logs and metrics. */
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
    enum directory_result found = directory_next_mailbox(w->before, tenant, NULL, &record);

    for (; found == DIRECTORY_FOUND; found = directory_next_mailbox(w->before, tenant, &record.id, &record))
        if (writer_put_mailbox(w, tenant, &record, NULL, e) != 0)
            return -1;
    if (found == DIRECTORY_DAMAGED)
        return old_table_damaged(e, TABLE_MAILBOXES);
    if (writer_set_domains(w, tenant, NULL, 0, e) != 0 || writer_replace_recipients(w, tenant, e) != 0 ||
        writer_replace_rights(w, tenant, RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF, e) != 0)
        return -1;
    buf_addf(&name, "%cforgotten-%u", TENANT_FORGOTTEN_MARK, (unsigned)tenant);
    w->facts[tenant] = nothing;
    return 0;
}

uint64_t writer_generation_now(const struct writer *w)
{
    return w->manifest.m.generation;
}

uint64_t writer_generation_next(const struct writer *w)
{
    return w->last_generation + 1;
}

int writer_check_tenant(const struct writer *w, uint32_t tenant, struct error *e)
{
    return tenant < w->tenants_n ? 0 : error_set(e, "there is no tenant with index %u", (unsigned)tenant);
}

/* ---- the end of a run ---- */

static int finish_tables(struct writer *w, struct error *e)
{
    struct writer_summary *summary = &w->summary;

    if (w->finished)
        return error_set(e, "the run was finished already");
    w->finished = true;
    if (writer_end_mailboxes(w, e) != 0 || writer_end_rights(w, e) != 0 || writer_end_domains(w, e) != 0 ||
        writer_end_recipients(w, e) != 0 || writer_end_tenants(w, e) != 0 ||
        (w->changed && writer_add_identities(w, e) != 0))
        return -1;
    summary->mailboxes = builder_entries(w->builder, TABLE_MAILBOXES);
    summary->rights = builder_entries(w->builder, TABLE_RIGHTS);
    summary->domains = builder_entries(w->builder, TABLE_DOMAINS);
    summary->recipients = builder_entries(w->builder, TABLE_RECIPIENTS);
    summary->published = w->changed;
    summary->bytes = w->manifest.m.size;
    summary->generation = w->changed ? w->last_generation + 1 : w->manifest.m.generation;
    return w->changed ? writer_publish(w, &summary->bytes, e) : writer_confirm(w, e);
}

int writer_finish(struct writer *w, struct writer_summary *summary, struct error *e)
{
    struct owner_visit visit;
    int result;

    if (owner_enter(w->folder, &visit, e) != 0)
        return -1;
    result = finish_tables(w, e);
    *summary = w->summary;
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
