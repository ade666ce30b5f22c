#include "mirror/offer.h"

#include "core/base/checksum.h"
#include "core/base/credential.h"
#include "core/base/owner.h"
#include "core/base/write.h"
#include "core/directory/directory_file.h"
#include "mirror/failed_run.h"
#include "mirror/offering.h"
#include "mirror/words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_NAME "offer"
#define NEXT_FILE ".next.mdb"
#define NEXT_MANIFEST ".next.manifest"
/* For the web server, which is of the folder's group; addresses are nobody else's business. */
#define FILE_MODE 0640
#define COPY_BYTES ((size_t)64 * 1024)

struct offer {
    const struct offer_options *o;
    struct cluster_key key;
    struct manifest_file manifest;
    struct slice text; /* of the manifest */
    int from;          /* its file */
    int folder;        /* mirror.offer */
    struct offering before;
    char *before_text;
    bool has_before;
    unsigned char digest[OFFERING_DIGEST_BYTES];
};

static int read_key(const struct config *config, struct cluster_key *key, struct error *e)
{
    char credential[CREDENTIAL_PATH_MAX];

    return cluster_key_read(credential_path(config->cluster.key_file, credential), key, e);
}

/* ---- what is there ---- */

/* The manifest, and the open file. The manifest may be replaced in between: then the file is gone at worst. */
static int open_generation(struct offer *f, struct error *e)
{
    const char *directory = f->o->directory;
    int found = manifest_file_text(directory, &f->manifest, &f->text, e), dir;

    if (found < 0)
        return -1;
    if (found == 0)
        return error_set(e, "there is nothing in %s to offer yet: run postern-mirror sync, or import", directory);
    if (manifest_parse(f->text, &f->manifest.m, e) != 0)
        return error_prefix(e, "directory manifest %s/" MANIFEST_NAME, directory);
    dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->from = dir >= 0 ? openat(dir, f->manifest.m.file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (f->from < 0)
        (void)error_set(e, "%s/%s cannot be opened: %s", directory, f->manifest.m.file, strerror(errno));
    if (dir >= 0)
        (void)close(dir);
    return f->from >= 0 ? 0 : -1;
}

/* What was offered last; anything wrong with it, and it is written anew. */
static void read_before(struct offer *f)
{
    int fd = openat(f->folder, OFFERING_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct error ignored;
    ssize_t n;

    f->before_text = fd >= 0 ? malloc(OFFERING_MAX) : NULL;
    if (f->before_text != NULL && (n = read(fd, f->before_text, OFFERING_MAX)) > 0)
        f->has_before = offering_read((struct slice){f->before_text, (size_t)n}, &f->key, &f->before, &ignored) == 0;
    if (fd >= 0)
        (void)close(fd);
}

/* Is the file of this generation in the folder already? */
static bool has_file(const struct offer *f)
{
    const struct manifest *now = &f->manifest.m, *before = &f->before.m;
    struct stat st;

    return f->has_before && now->generation == before->generation && now->checksum == before->checksum &&
           now->size == before->size && fstatat(f->folder, now->file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && (uint64_t)st.st_size == now->size;
}

/* ---- writing ---- */

static int copy_bytes(int from, int to, uint64_t size, struct error *e)
{
    char piece[COPY_BYTES];

    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(from, piece, size - at < sizeof piece ? (size_t)(size - at) : sizeof piece, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(e, n < 0 ? "cannot be read: %s" : "ends before its time", strerror(errno));
        if (write_whole(to, (struct slice){piece, (size_t)n}) != 0)
            return error_set(e, "cannot be copied: %s", strerror(errno));
        at += (uint64_t)n;
    }
    return 0;
}

/* The copy is what gets the seal, so it is the copy that is held against the manifest. */
static int copy_file(struct offer *f, int to, struct error *e)
{
    const struct manifest *m = &f->manifest.m;
    uint64_t sum;

    if (copy_bytes(f->from, to, m->size, e) != 0 || checksum_file(to, m->size, &sum, e) != 0)
        return -1;
    if (sum != m->checksum)
        return error_set(e, "is damaged: \"postern-mirror verify\" says more");
    if (offering_digest(to, m->size, f->digest, e) != 0)
        return -1;
    return fchmod(to, FILE_MODE) == 0 && fsync(to) == 0
               ? 0
               : error_set(e, "cannot be brought to disk: %s", strerror(errno));
}

static int put_file(struct offer *f, struct error *e)
{
    const char *folder = f->o->config->mirror_offer, *name = f->manifest.m.file;
    int to = openat(f->folder, NEXT_FILE, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), result;

    if (to < 0)
        return error_set(e, "%s/" NEXT_FILE " cannot be made: %s", folder, strerror(errno));
    result = copy_file(f, to, e);
    (void)close(to);
    if (result != 0)
        (void)error_prefix(e, "%s/%s, on its way to %s,", f->o->directory, name, folder);
    else if (renameat(f->folder, NEXT_FILE, f->folder, name) != 0 || fsync(f->folder) != 0)
        result = error_set(e, "%s/%s cannot be named: %s", folder, name, strerror(errno));
    if (result != 0)
        (void)unlinkat(f->folder, NEXT_FILE, 0);
    return result;
}

static void name_relay(const struct config *config, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);
    char host[HOST_NAME_MAX + 1] = "";

    if (config->cluster.node == NULL && gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    buf_add_escaped(&b, slice_of(config->cluster.node != NULL ? config->cluster.node : host), cap);
    if (b.n == 0)
        buf_addf(&b, "?");
}

/*
 * nginx makes its ETag of the file's size and the second of its time, so that two manifests of one second could pass
 * for the same: each is a second younger than the one before, at least.
 */
static int set_time(const struct offer *f, int fd)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)f->o->now}};
    struct stat before;

    if (fstatat(f->folder, OFFERING_NAME, &before, AT_SYMLINK_NOFOLLOW) == 0 &&
        before.st_mtim.tv_sec >= times[1].tv_sec)
        times[1].tv_sec = before.st_mtim.tv_sec + 1;
    return futimens(fd, times);
}

static int put_text(struct offer *f, struct slice text, struct error *e)
{
    const char *folder = f->o->config->mirror_offer;
    int fd = openat(f->folder, NEXT_MANIFEST, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    bool written =
        fd >= 0 && fchmod(fd, FILE_MODE) == 0 && write_whole(fd, text) == 0 && set_time(f, fd) == 0 && fsync(fd) == 0;

    if (!written)
        (void)error_set(e, "%s/" NEXT_MANIFEST " cannot be written: %s", folder, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    if (!written)
        return -1;
    if (renameat(f->folder, NEXT_MANIFEST, f->folder, OFFERING_NAME) != 0)
        return error_set(e, "%s/" OFFERING_NAME " cannot be replaced: %s", folder, strerror(errno));
    (void)fsync(f->folder);
    return 0;
}

static int put_manifest(struct offer *f, struct error *e)
{
    char relay[OFFERING_RELAY_MAX + 1], *text = malloc(OFFERING_MAX);
    struct offering now = {.offered_at = f->o->now, .manifest = f->text};
    struct buf b;
    int result;

    if (text == NULL)
        return error_set(e, "out of memory");
    name_relay(f->o->config, relay, sizeof relay);
    now.relay = slice_of(relay);
    memcpy(now.digest, f->digest, sizeof now.digest);
    b = buf_over(text, OFFERING_MAX);
    result = offering_write(&now, &f->key, &b, e) == 0 ? put_text(f, buf_slice(&b), e) : -1;
    free(text);
    return result;
}

/* All but these two: who asked for the manifest a moment ago is fetching the one before. */
static void remove_old(const struct offer *f)
{
    uint64_t keep = f->manifest.m.generation, keep_too = f->has_before ? f->before.m.generation : 0;
    int fd = openat(f->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        uint64_t generation = manifest_file_generation(slice_of(entry->d_name));

        if (generation != 0 && generation != keep && generation != keep_too)
            (void)unlinkat(f->folder, entry->d_name, 0);
    }
    if (listing != NULL)
        (void)closedir(listing);
    else if (fd >= 0)
        (void)close(fd);
}

static int offer(struct offer *f, struct error *e)
{
    const char *folder = f->o->config->mirror_offer;
    bool there;

    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->folder < 0)
        return error_set(e, "mirror.offer: %s cannot be opened: %s%s", folder, strerror(errno),
                         errno == ENOENT ? "; make it for postern, with the web server's group (2750)" : "");
    read_before(f);
    there = has_file(f);
    if (there && slice_eq(f->before.manifest, f->text)) {
        fprintf(f->o->out, "generation %llu is in %s already\n", (unsigned long long)f->manifest.m.generation, folder);
        return 0;
    }
    memcpy(f->digest, f->before.digest, sizeof f->digest);
    if ((!there && put_file(f, e) != 0) || put_manifest(f, e) != 0)
        return -1;
    if (!there)
        remove_old(f);
    fprintf(f->o->out, "generation %llu is in %s%s\n", (unsigned long long)f->manifest.m.generation, folder,
            there ? ", with newer times" : "");
    return 0;
}

/* Each folder is used with its owner's rights, if this is root. */
static int offer_as_owners(struct offer *f, struct error *e)
{
    struct owner_visit visit;
    int result;

    if (read_key(f->o->config, &f->key, e) != 0 || owner_enter(f->o->directory, &visit, e) != 0)
        return -1;
    result = open_generation(f, e);
    owner_leave(&visit);
    if (result != 0 || owner_enter(f->o->config->mirror_offer, &visit, e) != 0)
        return -1;
    result = offer(f, e);
    owner_leave(&visit);
    return result;
}

static int check_set_up(const struct config *config, struct error *e)
{
    return config->mirror_offer != NULL
               ? 0
               : error_set(e, "there is no mirror.offer in %s; postern.conf(5) says how to set it up", config->file);
}

int offer_run(const struct offer_options *options, struct error *e)
{
    struct offer f = {.o = options, .from = -1, .folder = -1};
    const struct failed_run failed = {
        .tenant = RUN_NAME, .look = "All of it: journalctl -u postern-mirror-offer", .why = e};
    int result;

    if (check_set_up(options->config, e) != 0)
        return -1;
    result = offer_as_owners(&f, e);
    if (result != 0)
        failed_run_tell(options->config, &failed, options->log);
    offering_free(&f.before);
    free(f.before_text);
    manifest_file_free(&f.manifest);
    if (f.from >= 0)
        (void)close(f.from);
    if (f.folder >= 0)
        (void)close(f.folder);
    OPENSSL_cleanse(&f.key, sizeof f.key);
    return result;
}

int offer_token(const struct config *config, FILE *out, struct error *e)
{
    char text[2 * CLUSTER_DERIVED_BYTES + 1];
    struct buf b = BUF_OVER(text);
    struct cluster_key key;

    if (check_set_up(config, e) != 0 || read_key(config, &key, e) != 0)
        return -1;
    offering_hex(key.pulling, sizeof key.pulling, &b);
    fprintf(out,
            "# Made by postern-mirror offer --token. It lets relays of the cluster in: keep it for root alone.\n"
            "\"~^Bearer %s$\" 1;\n",
            text);
    OPENSSL_cleanse(&key, sizeof key);
    OPENSSL_cleanse(text, sizeof text);
    return 0;
}
