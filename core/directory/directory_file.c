#include "core/directory/directory_file.h"

#include "core/base/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* O_NONBLOCK: a named pipe in place of the file must not block this. */
#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

static int open_plain(int folder, const char *name, struct stat *st, struct error *e)
{
    int fd = openat(folder, name, OPEN_FLAGS);

    if (fd < 0)
        return error_set(e, errno == ELOOP ? "is a symbolic link; expected a plain file" : "cannot be opened: %s",
                         strerror(errno));
    if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
        (void)close(fd);
        return error_set(e, "is not a plain file");
    }
    return fd;
}

/* ---- the manifest ---- */

static int read_text(int fd, size_t size, char **out, struct error *e)
{
    size_t at = 0;
    char *text = malloc(size + 1);

    if (text == NULL)
        return error_set(e, "out of memory");
    while (at < size) {
        ssize_t n = read(fd, text + at, size - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(text);
            return error_set(e, n < 0 ? "cannot be read: %s" : "ends before its time", strerror(errno));
        }
        at += (size_t)n;
    }
    text[size] = '\0';
    *out = text;
    return 0;
}

static int open_manifest(int folder, struct manifest_file *out, struct error *e)
{
    int fd = open_plain(folder, MANIFEST_NAME, &out->st, e), result = -1;

    if (fd < 0)
        return -1;
    if (out->st.st_size < 0 || (uint64_t)out->st.st_size > MANIFEST_MAX)
        (void)error_set(e, "has %jd bytes, more than the %zu of any manifest", (intmax_t)out->st.st_size, MANIFEST_MAX);
    else
        result = read_text(fd, (size_t)out->st.st_size, &out->text, e);
    (void)close(fd);
    return result;
}

int manifest_file_text(const char *folder, struct manifest_file *out, struct slice *text, struct error *e)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;
    struct stat st;

    memset(out, 0, sizeof *out);
    if (dir < 0)
        return errno == ENOENT ? 0 : error_set(e, "directory %s cannot be opened: %s", folder, strerror(errno));
    if (fstatat(dir, MANIFEST_NAME, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
        (void)close(dir);
        return 0;
    }
    result = open_manifest(dir, out, e);
    (void)close(dir);
    if (result != 0)
        return error_prefix(e, "directory manifest %s/" MANIFEST_NAME, folder);
    *text = (struct slice){out->text, (size_t)out->st.st_size};
    return 1;
}

int manifest_file_read(const char *folder, struct manifest_file *out, struct error *e)
{
    struct slice text = {NULL, 0};
    int found = manifest_file_text(folder, out, &text, e);

    if (found <= 0)
        return found;
    if (manifest_parse(text, &out->m, e) == 0)
        return 1;
    manifest_file_free(out);
    return error_prefix(e, "directory manifest %s/" MANIFEST_NAME, folder);
}

void manifest_file_free(struct manifest_file *f)
{
    manifest_free(&f->m);
    free(f->text);
    f->text = NULL;
}

/* ---- the file ---- */

static int64_t modified_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Opens and checks all bytes. The descriptor, or -1 with e. */
static int open_verified(directory_checksum *checksum, const char *folder, const struct manifest *m, struct stat *st,
                         struct error *e)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
    uint64_t sum = 0;

    *st = (struct stat){0};
    if (dir < 0)
        return error_set(e, "folder cannot be opened: %s", strerror(errno));
    fd = open_plain(dir, m->file, st, e);
    (void)close(dir);
    if (fd < 0)
        return -1;
    if ((uint64_t)st->st_size != m->size)
        (void)error_set(e, "has %jd bytes, the manifest says %" PRIu64 ": it was cut or replaced",
                        (intmax_t)st->st_size, m->size);
    else if (checksum(fd, m->size, &sum, e) == 0 && sum != m->checksum)
        (void)error_set(e, "has checksum %016" PRIx64 ", the manifest says %016" PRIx64 ": it is damaged", sum,
                        m->checksum);
    else if (sum == m->checksum)
        return fd;
    (void)close(fd);
    return -1;
}

static int lmdb_error(struct error *e, const char *what, int code)
{
    return error_set(e, "LMDB cannot %s it: %s", what, mdb_strerror(code));
}

static int open_tables(struct directory_file *f, struct error *e)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(f->env, NULL, MDB_RDONLY, &txn);

    if (code != 0)
        return lmdb_error(e, "read", code);
    for (int i = 0; i < TABLES; i++) {
        code = mdb_dbi_open(txn, directory_table_names[i], 0, &f->dbi[i]);
        if (code == MDB_NOTFOUND && f->old && i == TABLE_RECIPIENTS)
            continue;
        if (code != 0) {
            mdb_txn_abort(txn);
            return error_set(e, "has no table \"%s\" (%s)", directory_table_names[i], mdb_strerror(code));
        }
    }
    code = mdb_txn_commit(txn);
    return code != 0 ? lmdb_error(e, "read", code) : 0;
}

/* The file that LMDB mapped must be the one whose bytes were checked, and must contain all pages that it refers to. */
static int check_mapped(MDB_env *env, const struct stat *verified, struct error *e)
{
    MDB_envinfo info;
    MDB_stat pages;
    struct stat st = {0};
    int fd;

    if (mdb_env_get_fd(env, &fd) != 0 || fstat(fd, &st) != 0 || mdb_env_info(env, &info) != 0 ||
        mdb_env_stat(env, &pages) != 0)
        return error_set(e, "cannot be looked at: %s", strerror(errno));
    if (st.st_dev != verified->st_dev || st.st_ino != verified->st_ino || st.st_size != verified->st_size)
        return error_set(e, "was replaced while it was opened");
    if (info.me_last_pgno >= (uint64_t)st.st_size / pages.ms_psize)
        return error_set(e, "lacks pages at its end");
    return 0;
}

static int map_file(struct directory_file *f, const char *folder, const struct manifest *m, const struct stat *st,
                    struct error *e)
{
    char path[PATH_MAX];
    struct buf b = BUF_OVER(path);
    int code = mdb_env_create(&f->env);

    if (code != 0)
        return lmdb_error(e, "prepare for", code);
    buf_addf(&b, "%s/%s", folder, m->file);
    if (b.full)
        return error_set(e, "has a path that is too long");
    /* The map is as large as the file: a reader needs no room for growth. */
    if ((code = mdb_env_set_mapsize(f->env, (size_t)m->size)) != 0 || (code = mdb_env_set_maxdbs(f->env, TABLES)) != 0)
        return lmdb_error(e, "prepare for", code);
    code = mdb_env_open(f->env, path, MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR | MDB_NOTLS, 0);
    if (code != 0)
        return lmdb_error(e, "open", code);
    return check_mapped(f->env, st, e) != 0 ? -1 : open_tables(f, e);
}

static int open_file(directory_checksum *checksum, bool old, const char *folder, const struct manifest *m,
                     struct directory_file **out, struct error *e)
{
    struct directory_file *f = calloc(1, sizeof *f);
    struct stat st;
    int fd, result;

    if (f == NULL)
        return error_set(e, "out of memory");
    f->size = m->size;
    f->checksum = m->checksum;
    f->identities = m->identities;
    f->old = old;
    f->users = 1;
    fd = open_verified(checksum, folder, m, &st, e);
    atomic_init(&f->modified_ns, modified_ns(&st));
    result = fd < 0 ? -1 : map_file(f, folder, m, &st, e);
    if (fd >= 0)
        (void)close(fd);
    if (result != 0) {
        directory_file_close(f);
        return error_prefix(e, "directory file %s/%s", folder, m->file);
    }
    *out = f;
    return 0;
}

int directory_file_open(const char *folder, const struct manifest *m, struct directory_file **out, struct error *e)
{
    return open_file(checksum_file, false, folder, m, out, e);
}

int directory_file_open_old(directory_checksum *checksum, const char *folder, const struct manifest *m,
                            struct directory_file **out, struct error *e)
{
    return open_file(checksum, true, folder, m, out, e);
}

void directory_file_close(struct directory_file *f)
{
    if (f == NULL)
        return;
    if (f->env != NULL)
        mdb_env_close(f->env);
    free(f);
}

bool directory_file_touched(const struct directory_file *f)
{
    struct stat st;
    int fd;

    /* A file that can't be examined was intact a second ago, and counts as such. */
    return mdb_env_get_fd(f->env, &fd) == 0 && fstat(fd, &st) == 0 &&
           ((uint64_t)st.st_size != f->size || modified_ns(&st) != atomic_load(&f->modified_ns));
}

int directory_file_check(struct directory_file *f, struct error *e)
{
    struct stat st;
    uint64_t sum;
    int fd;

    if (!directory_file_touched(f) || mdb_env_get_fd(f->env, &fd) != 0 || fstat(fd, &st) != 0)
        return 0;
    if ((uint64_t)st.st_size < f->size)
        return error_set(e, "was cut after it was published");
    if (checksum_file(fd, f->size, &sum, e) != 0)
        return -1;
    if (sum != f->checksum)
        return error_set(e, "was written to after it was published");
    atomic_store(&f->modified_ns, modified_ns(&st));
    return 0;
}

/* ---- tenants ---- */

/* Copies at most cap - 1 bytes, terminated; out is all zero. */
static void copy_text(char *out, size_t cap, struct slice text)
{
    if (text.n > cap - 1)
        text.n = cap - 1;
    if (text.n > 0)
        memcpy(out, text.p, text.n);
}

void directory_facts_said(const struct manifest_tenant *said, struct tenant_facts *facts)
{
    facts->settings_at = said->settings_at;
    copy_text(facts->source, sizeof facts->source, said->source);
    for (size_t part = 0; part < MIRRORED_PARTS; part++) {
        facts->parts[part].at = said->parts[part].at;
        copy_text(facts->parts[part].source, sizeof facts->parts[part].source, said->parts[part].source);
    }
}

static int read_tenant(MDB_cursor *cursor, uint32_t i, const struct manifest_tenant *said, struct tenant_facts *out)
{
    MDB_val key, value;

    if (mdb_cursor_get(cursor, &key, &value, i == 0 ? MDB_FIRST : MDB_NEXT) != 0)
        return -1;
    if (!tenant_decode((struct slice){key.mv_data, key.mv_size}, (struct slice){value.mv_data, value.mv_size}, out) ||
        out->tenant != i || !slice_eq(slice_of(out->name), said->name))
        return -1;
    directory_facts_said(said, out);
    return 0;
}

int directory_file_tenants(const struct directory_file *f, const struct manifest *m, struct tenant_facts **out,
                           struct error *e)
{
    struct tenant_facts *facts = calloc((size_t)m->tenants_n + 1, sizeof *facts);
    MDB_cursor *cursor = NULL;
    MDB_txn *txn = NULL;
    MDB_stat stat;
    int result = -1;

    if (facts == NULL)
        return error_set(e, "out of memory");
    if (mdb_txn_begin(f->env, NULL, MDB_RDONLY, &txn) != 0 ||
        mdb_cursor_open(txn, f->dbi[TABLE_TENANTS], &cursor) != 0 || mdb_stat(txn, f->dbi[TABLE_TENANTS], &stat) != 0 ||
        stat.ms_entries != m->tenants_n)
        goto out;
    for (uint32_t i = 0; i < m->tenants_n; i++)
        if (read_tenant(cursor, i, &m->tenants[i], &facts[i]) != 0)
            goto out;
    result = 0;
out:
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (result == 0) {
        *out = facts;
        return 0;
    }
    free(facts);
    return error_set(e, "its tenants are not those of the manifest");
}

/* ---- domains ---- */

static bool given_by_microsoft(struct slice domain)
{
    static const char *const suffixes[] = {".onmicrosoft.com", ".onmicrosoft.us", ".partner.onmschina.cn"};

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct slice suffix = slice_of(suffixes[i]);

        if (domain.n > suffix.n && memcmp(domain.p + domain.n - suffix.n, suffix.p, suffix.n) == 0)
            return true;
    }
    return false;
}

/*
 * Notes another domain of the tenant. Domains that another tenant accepts, too, count, so that another's claim never
 * makes the choice.
 */
static void note_domain(struct tenant_domain *of, struct slice domain, bool shared)
{
    of->several = of->several || of->any;
    of->any = true;
    of->n = of->several || shared || domain.n >= sizeof of->text ? 0 : (uint16_t)domain.n;
    memcpy(of->text, domain.p, of->n);
}

static void note_claims(struct tenant_domain *domains, uint32_t n, struct slice domain, struct slice claims,
                        size_t count)
{
    size_t accepted = 0;

    for (size_t i = 0; i < count; i++)
        accepted += domain_claim_at(claims, i).type != DOMAIN_DERIVED;
    for (size_t i = 0; i < count; i++) {
        struct domain_claim claim = domain_claim_at(claims, i);

        if (claim.type != DOMAIN_DERIVED && claim.tenant < n)
            note_domain(&domains[claim.tenant], domain, accepted > 1);
    }
}

/* A damaged record is reported when it is looked up. */
static int note_domains(MDB_cursor *cursor, struct tenant_domain *domains, uint32_t n, unsigned *closed)
{
    MDB_val key, value;
    int code;

    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct slice domain = {key.mv_data, key.mv_size}, claims = {value.mv_data, value.mv_size};

        for (size_t i = 0; i < domain_claims(claims); i++)
            *closed |= domain_claim_at(claims, i).closed;
        if (!given_by_microsoft(domain))
            note_claims(domains, n, domain, claims, domain_claims(claims));
    }
    return code == MDB_NOTFOUND ? 0 : -1;
}

int directory_file_domains(const struct directory_file *f, uint32_t n, struct tenant_domain **out, unsigned *closed,
                           struct error *e)
{
    struct tenant_domain *domains = calloc((size_t)n + 1, sizeof *domains);
    MDB_cursor *cursor = NULL;
    MDB_txn *txn = NULL;
    int result = -1;

    *closed = 0;
    if (domains == NULL)
        return error_set(e, "out of memory");
    if (mdb_txn_begin(f->env, NULL, MDB_RDONLY, &txn) == 0 && mdb_cursor_open(txn, f->dbi[TABLE_DOMAINS], &cursor) == 0)
        result = note_domains(cursor, domains, n, closed);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (result == 0) {
        *out = domains;
        return 0;
    }
    free(domains);
    return error_set(e, "its domains cannot be read");
}
