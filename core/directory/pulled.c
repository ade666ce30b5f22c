#include "core/directory/pulled.h"

#include "core/base/buf.h"
#include "core/base/checksum.h"
#include "core/base/owner.h"
#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "postern-pulled 1"
#define NEXT_NAME ".next.pulled"
#define TEXT_MAX 4096
#define PATH_BYTES 4352

static int path_of(const char *folder, const char *name, char mem[PATH_BYTES], struct error *e)
{
    struct buf b = buf_over(mem, PATH_BYTES);

    buf_addf(&b, "%s/%s", folder, name);
    return b.full ? error_set(e, "the path of %s is too long", folder) : 0;
}

/* ---- reading ---- */

/* The end of the line that begins with the word and a blank. */
static bool take(struct slice *text, const char *word, struct slice *rest)
{
    struct slice line, found;

    return slice_cut(*text, '\n', &line, text) && slice_cut(line, ' ', &found, rest) && slice_eq(found, slice_of(word));
}

static bool take_text(struct slice *text, const char *word, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);
    struct slice value;

    if (!take(text, word, &value))
        return false;
    buf_add(&b, value);
    return !b.full;
}

static bool take_number(struct slice *text, const char *word, uint64_t *out)
{
    unsigned long long number;
    struct slice value;

    if (!take(text, word, &value) || !slice_to_u64(value, INT64_MAX, &number))
        return false;
    *out = number;
    return true;
}

static bool read_hex(struct slice text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = hex_digit(text.p[i]);

        if (digit < 0)
            return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    return text.n == 16;
}

static bool parse(struct slice text, struct pulled *out)
{
    struct slice whole = text, line, sum;
    uint64_t offered, checked;
    struct slice manifest;
    char end[32];
    struct buf b = BUF_OVER(end);

    if (!slice_cut(text, '\n', &line, &text) || !slice_eq(line, SLICE(FIRST_LINE)) ||
        !take_text(&text, "url", out->url, sizeof out->url) ||
        !take_text(&text, "relay", out->relay, sizeof out->relay) ||
        !take_number(&text, "generation", &out->generation) || !take_number(&text, "here", &out->here) ||
        !take_number(&text, "offered", &offered) || !take_number(&text, "checked", &checked) ||
        !take_text(&text, "digest", out->digest, sizeof out->digest) || !take(&text, "manifest", &manifest) ||
        !read_hex(manifest, &out->manifest) || !take_text(&text, "etag", out->etag, sizeof out->etag))
        return false;
    whole.n = (size_t)(text.p - whole.p);
    buf_addf(&b, "%016" PRIx64, checksum_slice(whole));
    if (!take(&text, "end", &sum) || !slice_eq(sum, buf_slice(&b)))
        return false;
    out->offered_at = (int64_t)offered;
    out->checked_at = (int64_t)checked;
    return true;
}

int pulled_read(const char *folder, struct pulled *out, struct error *e)
{
    char path[PATH_BYTES], text[TEXT_MAX];
    struct owner_visit visit;
    int fd, why = 0;
    ssize_t n = -1;

    *out = (struct pulled){.here = 0};
    if (path_of(folder, PULLED_NAME, path, e) != 0 || owner_enter(folder, &visit, e) != 0)
        return -1;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || (n = read(fd, text, sizeof text)) < 0)
        why = errno;
    if (fd >= 0)
        (void)close(fd);
    owner_leave(&visit);
    if (why != 0)
        return why == ENOENT ? 0 : error_set(e, "%s cannot be read: %s", path, strerror(why));
    if (parse((struct slice){text, (size_t)n}, out))
        return 1;
    *out = (struct pulled){.here = 0};
    return error_set(e, "%s is damaged", path);
}

/* ---- writing ---- */

static int replace(const char *folder, struct slice text, struct error *e)
{
    char path[PATH_BYTES], next[PATH_BYTES];
    bool written;
    int fd;

    if (path_of(folder, PULLED_NAME, path, e) != 0 || path_of(folder, NEXT_NAME, next, e) != 0)
        return -1;
    fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    written = fd >= 0 && fchmod(fd, 0640) == 0 && write_whole(fd, text) == 0 && fsync(fd) == 0;
    if (!written)
        (void)error_set(e, "%s cannot be written: %s", next, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    if (!written)
        return -1;
    return rename(next, path) == 0 ? 0 : error_set(e, "%s cannot be replaced: %s", path, strerror(errno));
}

int pulled_write(const char *folder, const struct pulled *p, struct error *e)
{
    struct owner_visit visit;
    char text[TEXT_MAX];
    struct buf b = BUF_OVER(text);
    int result;

    buf_addf(&b, FIRST_LINE "\nurl %s\nrelay %s\ngeneration %" PRIu64 "\nhere %" PRIu64 "\n", p->url, p->relay,
             p->generation, p->here);
    buf_addf(&b, "offered %" PRId64 "\nchecked %" PRId64 "\ndigest %s\nmanifest %016" PRIx64 "\netag %s\n",
             p->offered_at, p->checked_at, p->digest, p->manifest, p->etag);
    buf_addf(&b, "end %016" PRIx64 "\n", checksum_slice(buf_slice(&b)));
    if (b.full)
        return error_set(e, "what is noted of a pull has more than %d bytes", TEXT_MAX);
    if (owner_enter(folder, &visit, e) != 0)
        return -1;
    result = replace(folder, buf_slice(&b), e);
    owner_leave(&visit);
    return result;
}
