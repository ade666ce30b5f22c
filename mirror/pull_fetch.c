/* The file of the offered generation: fetched beside the directory, and checked before anybody looks into it. */
#include "mirror/pull_private.h"

#include "core/base/write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_PREFIX "part-"
#define MIB ((uint64_t)1 << 20)

struct download {
    int fd;
    uint64_t have, size;
    bool resumed; /* some of it came in an earlier run */
    bool wrong;   /* what is here is of no use, and would not be with its rest */
    struct progress progress;
};

/* ---- what comes in ---- */

/* Where the bytes of a 206 begin: "bytes 4096-8191/8192". */
static bool begins_at(struct slice range, uint64_t at)
{
    unsigned long long first;
    struct slice unit, number;

    return slice_cut(range, ' ', &unit, &range) && slice_ieq(unit, SLICE("bytes")) &&
           slice_cut(range, '-', &number, NULL) && slice_to_u64(number, UINT64_MAX, &first) && first == at;
}

static int begin_anew(struct download *d, struct error *e)
{
    d->have = 0;
    d->resumed = d->wrong = false;
    return ftruncate(d->fd, 0) == 0 && lseek(d->fd, 0, SEEK_SET) == 0
               ? 0
               : error_set(e, "the file cannot be begun anew: %s", strerror(errno));
}

static bool begin_answer(struct download *d, const struct http_answer *answer, struct error *e)
{
    if (answer->content_encoding[0] != '\0') {
        (void)error_set(e, "the file comes compressed, though that was not asked for: switch that off there");
        return false;
    }
    if (answer->status == 206 && begins_at(slice_of(answer->content_range), d->have))
        return true;
    if (answer->status == 206) {
        d->wrong = true;
        (void)error_set(e, "the rest of the file was asked for from byte %" PRIu64 " on, and \"%s\" came", d->have,
                        words(slice_of(answer->content_range)).text);
        return false;
    }
    return begin_anew(d, e) == 0;
}

static bool take(void *arg, const struct http_answer *answer, struct slice bytes, struct error *e)
{
    struct download *d = arg;

    if (answer->taken == 0 && !begin_answer(d, answer, e))
        return false;
    if (bytes.n > d->size - d->have) {
        d->wrong = true;
        (void)error_set(e, "more than the %" PRIu64 " bytes come that the manifest says", d->size);
        return false;
    }
    if (write_whole(d->fd, bytes) != 0) {
        (void)error_set(e, "what comes cannot be written: %s", strerror(errno));
        return false;
    }
    d->have += bytes.n;
    progress_step(&d->progress, "pulling, MiB", (size_t)(d->have / MIB), (size_t)(d->size / MIB));
    return true;
}

/* ---- a download ---- */

static int download_rest(struct pull *p, struct download *d, const char *url, struct error *e)
{
    const char *headers[] = {p->bearer, NULL};
    const struct http_request request = {
        .url = url, .headers = headers, .uncompressed = true, .take = take, .take_arg = d, .from = &d->have};
    struct http_answer answer;

    if (d->have < d->size && session_do(&p->session, url, &request, &answer, e) != 0)
        return -1;
    d->wrong = d->have < d->size;
    if (d->wrong && answer.status != 200 && answer.status != 206)
        return pull_status(&answer, e);
    return !d->wrong
               ? 0
               : error_set(e, "it ends after %" PRIu64 " of %" PRIu64 " bytes: it was cut there", d->have, d->size);
}

static int check_digest(const struct pull *p, struct download *d, struct error *e)
{
    unsigned char digest[OFFERING_DIGEST_BYTES];

    if (offering_digest(d->fd, d->size, digest, e) != 0)
        return -1;
    d->wrong = memcmp(digest, p->offering.digest, sizeof digest) != 0;
    return !d->wrong ? 0
                     : error_set(e, "it is not the file that the manifest was sealed for (SHA-256): it was changed, or "
                                    "damaged there");
}

static int download_whole(struct pull *p, struct download *d, const char *url, struct error *e)
{
    int result = download_rest(p, d, url, e);

    if (result == 0)
        result = check_digest(p, d, e);
    if (result != 0 && d->wrong && d->resumed) {
        if (begin_anew(d, e) != 0 || download_rest(p, d, url, e) != 0)
            return -1;
        result = check_digest(p, d, e);
    }
    if (result != 0)
        return -1;
    return fsync(d->fd) == 0 ? 0 : error_set(e, "it cannot be brought to disk: %s", strerror(errno));
}

static int open_part(const struct pull *p, struct download *d, struct error *e)
{
    off_t end;

    d->fd = open(p->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (d->fd < 0 || fchmod(d->fd, 0640) != 0 || (end = lseek(d->fd, 0, SEEK_END)) < 0)
        return error_set(e, "%s cannot be opened: %s", p->part, strerror(errno));
    d->have = (uint64_t)end <= d->size ? (uint64_t)end : 0;
    d->resumed = d->have > 0;
    return d->resumed ? 0 : begin_anew(d, e);
}

static int download(struct pull *p, struct error *e)
{
    struct download d = {.fd = -1, .size = p->offering.m.size, .progress = progress_begin(p->o->log)};
    char url[PULL_PATH_MAX];
    struct buf b = BUF_OVER(url);
    int result = open_part(p, &d, e);

    buf_addf(&b, "%.*s/%s", SLICE_ARG(p->source), p->offering.m.file);
    if (result == 0) {
        result = download_whole(p, &d, url, e);
        progress_end(&d.progress);
        if (result != 0)
            (void)error_prefix(e, "%s", url);
        /* Where only the connection broke, the next run goes on. */
        if (d.wrong)
            (void)unlink(p->part);
    }
    if (d.fd >= 0)
        (void)close(d.fd);
    return result;
}

/* ---- the folder ---- */

void pull_clear(const struct pull *p, const char *keep)
{
    DIR *listing = opendir(p->folder);
    const struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            (keep == NULL || strcmp(entry->d_name, keep) != 0))
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing != NULL)
        (void)closedir(listing);
    (void)rmdir(p->folder);
}

/* The name of a part tells which file it is of, so that the next run goes on only with the same. */
static int name_files(struct pull *p, struct error *e)
{
    struct buf folder = BUF_OVER(p->folder), file = BUF_OVER(p->file), part = BUF_OVER(p->part);
    const char *name;

    buf_addf(&folder, "%s/" PULL_FOLDER, p->o->directory);
    buf_addf(&file, "%s/%s", p->folder, p->offering.m.file);
    buf_addf(&part, "%s/" PART_PREFIX, p->folder);
    name = part.p + part.n - strlen(PART_PREFIX);
    offering_hex(p->offering.digest, sizeof p->offering.digest, &part);
    if (folder.full || file.full || part.full)
        return error_set(e, "the path of %s is too long", p->o->directory);
    pull_clear(p, name);
    return mkdir(p->folder, 0700) == 0 || errno == EEXIST
               ? 0
               : error_set(e, "the folder %s cannot be made: %s", p->folder, strerror(errno));
}

static int write_manifest(const struct pull *p, struct error *e)
{
    char path[PULL_PATH_MAX];
    struct buf b = BUF_OVER(path);
    bool written;
    int fd;

    buf_addf(&b, "%s/" MANIFEST_NAME, p->folder);
    fd = b.full ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    written = fd >= 0 && write_whole(fd, p->offering.manifest) == 0;
    if (!written)
        (void)error_set(e, "%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return written ? 0 : -1;
}

/* Reads it as the services would, and all of it: the seal says that a relay of ours made it, not that it made no
 * mistake. */
static int look_into(struct pull *p, struct error *e)
{
    struct directory_totals totals;

    if (directory_verify(p->folder, &totals, e) != 0 || directory_open(p->folder, &p->directory, e) != 0 ||
        directory_refresh(p->directory, e) < 0)
        return -1;
    p->view = directory_view_get(p->directory);
    return p->view != NULL ? 0 : error_set(e, "out of memory");
}

bool pull_is_here(const struct pull *p)
{
    char digest[2 * OFFERING_DIGEST_BYTES + 1];
    struct buf b = BUF_OVER(digest);

    offering_hex(p->offering.digest, sizeof p->offering.digest, &b);
    return p->last.here != 0 && strcmp(p->last.digest, digest) == 0;
}

int pull_fetch(struct pull *p, struct error *e)
{
    if (name_files(p, e) != 0 || download(p, e) != 0)
        return -1;
    if (rename(p->part, p->file) != 0)
        return error_set(e, "%s cannot be renamed: %s", p->part, strerror(errno));
    return write_manifest(p, e) != 0 ? -1 : look_into(p, e);
}
