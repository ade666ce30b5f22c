#include "mirror/build/old_format.h"

#include "core/base/checksum.h"
#include "core/base/owner.h"
#include "core/directory/directory_file.h"
#include "mirror/build/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define OLD_FORMAT_LAST 4u
#define OLD_SEALED_LAST 3u /* the last one with checksums of its own */
#define OLD_SEAL_SIZE 4u   /* before every value, up to that format */

/* ---- its checksums ---- */

#define LANES 8
#define STRIPE (LANES * sizeof(uint64_t))
#define PRIME1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define MANIFEST_SEED UINT64_C(0x6d616e6966657374)
/* A file's checksum is made of its segments' checksums, each of them chained over blocks. */
#define BLOCK ((size_t)256 * 1024)
#define SEGMENT ((uint64_t)32 * 1024 * 1024)

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t absorb(uint64_t state, uint64_t word)
{
    return rotate(state ^ word, 29) * PRIME1;
}

static uint64_t mix_last(uint64_t x)
{
    x = (x ^ x >> 33) * PRIME2;
    x = (x ^ x >> 29) * PRIME1;
    return x ^ x >> 32;
}

/* At most 8 bytes as a little-endian number. */
static uint64_t word_at(const unsigned char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

static uint64_t old_checksum(uint64_t seed, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t sum = mix_last(seed ^ PRIME2) ^ (uint64_t)n * PRIME1, lanes[LANES];
    size_t left = n % STRIPE;

    if (n >= STRIPE) {
        for (unsigned i = 0; i < LANES; i++)
            lanes[i] = sum + (i + 1) * PRIME2;
        for (size_t words = n / STRIPE * LANES, i = 0; i < words; i++, p += sizeof(uint64_t))
            lanes[i % LANES] = absorb(lanes[i % LANES], word_at(p, sizeof(uint64_t)));
        for (unsigned i = 0; i < LANES; i++)
            sum = absorb(sum, lanes[i] ^ lanes[i] >> 31);
    }
    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), p += sizeof(uint64_t)) {
        sum = absorb(sum, word_at(p, sizeof(uint64_t)));
        sum ^= sum >> 31;
    }
    return mix_last(absorb(sum, word_at(p, left)));
}

static int read_block(int fd, unsigned char *to, size_t n, uint64_t at, struct error *e)
{
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(e, got < 0 ? "cannot be read: %s" : "ends before its time", strerror(errno));
        to += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return 0;
}

static int sum_segment(int fd, uint64_t size, uint64_t segment, unsigned char *block, uint64_t *sum, struct error *e)
{
    uint64_t at = segment * SEGMENT, end = size - at < SEGMENT ? size : at + SEGMENT;

    *sum = segment;
    while (at < end) {
        size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;

        if (read_block(fd, block, n, at, e) != 0)
            return -1;
        *sum = old_checksum(*sum, block, n);
        at += n;
    }
    return 0;
}

static int old_checksum_file(int fd, uint64_t size, uint64_t *out, struct error *e)
{
    unsigned char *block = malloc(BLOCK);
    uint64_t sum;
    int result = 0;

    if (block == NULL)
        return error_set(e, "out of memory");
    *out = old_checksum(size, "", 0);
    for (uint64_t i = 0; result == 0 && i < size / SEGMENT + (size % SEGMENT != 0); i++) {
        result = sum_segment(fd, size, i, block, &sum, e);
        *out = old_checksum(*out, &sum, sizeof sum);
    }
    free(block);
    return result;
}

/* ---- its manifest ---- */

struct old_directory {
    struct manifest_file read; /* the file's original text */
    unsigned format;
    struct manifest m;
    char *text; /* the text in today's format; m points into it */
    struct directory_file *file;
    MDB_txn *txn;
};

/* Cuts off the last line, which is the checksum of the others. */
static bool cut_end(unsigned format, struct slice *text)
{
    static const struct slice word = SLICE("end ");
    size_t line = word.n + 16 + 1;
    char wanted[32];
    struct buf b = BUF_OVER(wanted);
    struct slice end;

    if (text->n < line)
        return false;
    end = (struct slice){text->p + text->n - line, line};
    buf_addf(&b, "end %016" PRIx64 "\n",
             format <= OLD_SEALED_LAST ? old_checksum(MANIFEST_SEED, text->p, text->n - line)
                                       : checksum_slice((struct slice){text->p, text->n - line}));
    text->n -= line;
    return slice_eq(end, buf_slice(&b));
}

/* Rewrites the text in today's format, and parses that. */
static int translate(struct old_directory *old, struct slice text, struct error *e)
{
    struct slice line;
    size_t cap = text.n + 256;
    struct buf b;

    old->text = malloc(cap);
    if (old->text == NULL)
        return error_set(e, "out of memory");
    if (!cut_end(old->format, &text))
        return error_set(e, "has a wrong checksum: it is damaged or was edited by hand");
    b = buf_over(old->text, cap);
    buf_addf(&b, MANIFEST_FORMAT_WORD " %u\n", MANIFEST_FORMAT);
    (void)slice_cut(text, '\n', &line, &text);
    for (int i = 0; i < 4 && slice_cut(text, '\n', &line, &text); i++) { /* generation, file, size, checksum */
        buf_add(&b, line);
        buf_add_char(&b, '\n');
    }
    if (old->format <= OLD_SEALED_LAST)
        buf_addf(&b, "identities %016d %016d\n", 0, 0);
    buf_add(&b, text);
    buf_addf(&b, "end %016" PRIx64 "\n", checksum_slice(buf_slice(&b)));
    return manifest_parse(buf_slice(&b), &old->m, e);
}

static void close_old(struct old_directory *old)
{
    if (old->txn != NULL)
        mdb_txn_abort(old->txn);
    directory_file_close(old->file);
    manifest_free(&old->m);
    manifest_file_free(&old->read);
    free(old->text);
}

/* 1; 0 when there is none of an old format; -1 with e. Free with close_old in any case. */
static int open_old(const char *folder, struct old_directory *old, struct error *e)
{
    struct slice text;
    int found;

    *old = (struct old_directory){0};
    found = manifest_file_text(folder, &old->read, &text, e);
    if (found <= 0)
        return found;
    old->format = manifest_format(text);
    if (old->format == 0 || old->format > OLD_FORMAT_LAST)
        return 0;
    if (translate(old, text, e) != 0)
        return error_prefix(e, "directory manifest %s/" MANIFEST_NAME, folder);
    if (directory_file_open_old(old->format <= OLD_SEALED_LAST ? old_checksum_file : checksum_file, folder, &old->m,
                                &old->file, e) != 0)
        return -1;
    return mdb_txn_begin(old->file->env, NULL, MDB_RDONLY, &old->txn) == 0 ? 1 : error_set(e, "out of memory");
}

static int open_as_owner(const char *folder, struct old_directory *old, struct error *e)
{
    struct owner_visit visit;
    struct error why;
    int found;

    *old = (struct old_directory){0};
    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    found = open_old(folder, old, &why);
    owner_leave(&visit);
    return found >= 0 ? found
                      : error_set(e,
                                  "%.500s. It cannot be rebuilt; to start over, move %s/" MANIFEST_NAME
                                  " away and run a full import",
                                  why.text, folder);
}

/* Does the folder hold a directory of such a format? 1; 0 (also when there is no directory); -1 with e. */
static int old_format_found(const char *folder, struct error *e)
{
    struct manifest_file read;
    struct owner_visit visit;
    struct slice text;
    unsigned format;
    int found;

    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    found = manifest_file_text(folder, &read, &text, e);
    owner_leave(&visit);
    format = found > 0 ? manifest_format(text) : 0;
    manifest_file_free(&read);
    return found < 0 ? -1 : format > 0 && format <= OLD_FORMAT_LAST;
}

/* ---- its tables, copied to the next generation ---- */

/* Called for each record of a table, without its seal. 0 to go on, -1 with e. */
typedef int put_record(void *arg, struct slice key, struct slice value, struct error *e);

static int walk_table(const struct old_directory *old, enum directory_table table, put_record *put, void *arg,
                      struct error *e)
{
    size_t seal = old->format <= OLD_SEALED_LAST ? OLD_SEAL_SIZE : 0;
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(old->txn, old->file->dbi[table], &cursor), result = 0;

    if (code != 0)
        return error_set(e, "the old directory cannot be read: %s", mdb_strerror(code));
    while (result == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        result = value.mv_size < seal
                     ? error_set(e, "the old directory's table \"%s\" is damaged", directory_table_names[table])
                     : put(arg, (struct slice){key.mv_data, key.mv_size},
                           (struct slice){(char *)value.mv_data + seal, value.mv_size - seal}, e);
    mdb_cursor_close(cursor);
    return result == 0 && code != MDB_NOTFOUND
               ? error_set(e, "the old directory cannot be read: %s", mdb_strerror(code))
               : result;
}

struct putting {
    struct writer *w;
    const struct manifest *m;
    uint32_t tenants_n;
    struct claimed_domain {
        uint32_t tenant;
        struct accepted_domain domain;
    } * domains;
    size_t domains_n, domains_cap;
};

static int put_tenant(void *arg, struct slice key, struct slice value, struct error *e)
{
    struct putting *p = arg;
    struct tenant_facts facts;
    uint32_t index;

    if (!tenant_decode(key, value, &facts) || facts.tenant != p->tenants_n || facts.tenant >= p->m->tenants_n)
        return error_set(e, "the old directory's tenants are not those of its manifest");
    directory_facts_said(&p->m->tenants[p->tenants_n++], &facts);
    return writer_set_tenant(p->w, &facts, &index, e) != 0 ||
                   writer_replace_rights(p->w, index, RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF, e) != 0
               ? -1
               : 0;
}

static int put_mailbox(void *arg, struct slice key, struct slice value, struct error *e)
{
    struct putting *p = arg;
    struct mailbox_record r;
    uint32_t tenant;

    if (!mailbox_key_read(key, &tenant, &r.id) || !mailbox_decode(key, value, &r))
        return error_set(e, "the old directory holds a damaged mailbox");
    return writer_put_mailbox(p->w, tenant, NULL, &r, e);
}

static int put_right(void *arg, struct slice key, struct slice value, struct error *e)
{
    struct putting *p = arg;
    struct mailbox_id trustee, target;
    uint32_t tenant;
    unsigned bits;

    if (!right_key_read(key, &tenant, &trustee, &target) || !rights_decode(value, &bits))
        return error_set(e, "the old directory holds a damaged right");
    return writer_add_right(p->w, tenant, &trustee, &target, bits, e);
}

static int note_domain(void *arg, struct slice key, struct slice value, struct error *e)
{
    struct putting *p = arg;

    for (size_t i = 0; i < domain_claims(value); i++) {
        struct domain_claim claim = domain_claim_at(value, i);

        if (claim.type == DOMAIN_DERIVED)
            continue;
        if (p->domains_n == p->domains_cap) {
            size_t cap = p->domains_cap > 0 ? 2 * p->domains_cap : 64;
            struct claimed_domain *more = realloc(p->domains, cap * sizeof *more);

            if (more == NULL)
                return error_set(e, "out of memory");
            p->domains = more;
            p->domains_cap = cap;
        }
        p->domains[p->domains_n++] =
            (struct claimed_domain){claim.tenant, {key, claim.type, claim.match_subdomains, claim.closed}};
    }
    return 0;
}

/* The accepted domains of each tenant. */
static int put_domains(const struct putting *p, struct error *e)
{
    struct accepted_domain *list = calloc(p->domains_n + 1, sizeof *list);
    int result = 0;

    if (list == NULL)
        return error_set(e, "out of memory");
    for (uint32_t tenant = 0; result == 0 && tenant < p->tenants_n; tenant++) {
        size_t n = 0;

        for (size_t i = 0; i < p->domains_n; i++)
            if (p->domains[i].tenant == tenant)
                list[n++] = p->domains[i].domain;
        result = writer_set_domains(p->w, tenant, list, n, e);
    }
    free(list);
    return result;
}

static int rebuild_all(const struct old_directory *old, struct writer *w, struct error *e)
{
    struct putting p = {.w = w, .m = &old->m};
    int result = walk_table(old, TABLE_TENANTS, put_tenant, &p, e) != 0 ||
                         walk_table(old, TABLE_DOMAINS, note_domain, &p, e) != 0 || put_domains(&p, e) != 0 ||
                         walk_table(old, TABLE_MAILBOXES, put_mailbox, &p, e) != 0 ||
                         walk_table(old, TABLE_RIGHTS, put_right, &p, e) != 0
                     ? -1
                     : 0;

    free(p.domains);
    return result;
}

int old_format_rebuild(const char *folder, uint64_t *generation, struct error *e)
{
    struct writer_summary summary = {0};
    struct old_directory old;
    struct writer *w;
    int found = old_format_found(folder, e);

    if (found <= 0)
        return found;
    if (writer_begin_anew(folder, &w, e) != 0)
        return -1;
    found = open_as_owner(folder, &old, e); /* again, now with the lock: another process may have rebuilt it */
    if (found > 0 && (rebuild_all(&old, w, e) != 0 || writer_finish(w, &summary, e) != 0))
        found = -1;
    close_old(&old);
    writer_close(w);
    *generation = summary.generation;
    return found;
}
