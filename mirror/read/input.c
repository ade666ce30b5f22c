#include "mirror/read/input.h"

#include "mirror/words.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unistr.h>

#define RAW_BYTES 65536u
/* A UTF-16 unit of two bytes becomes at most three bytes of UTF-8. */
#define TEXT_BYTES (RAW_BYTES / 2 * 3)

struct input_source {
    int fd;              /* -1: memory */
    struct slice memory; /* unread part */
    iconv_t decoder;     /* of UTF-16 */
    bool utf16;
    bool known; /* the encoding is known from the first bytes */
    bool begun; /* some text has been returned */
    bool ended;
    unsigned long long size, done; /* of the file; bytes decoded */
    unsigned long long lines;      /* line feeds returned */
    size_t raw_n, raw_used;        /* bytes in raw; bytes of them consumed */
    struct quote path;
    char raw[RAW_BYTES];
    char text[TEXT_BYTES]; /* decoded UTF-16 */
};

static struct input_source *source_new(const char *path, struct input *in, struct error *e)
{
    struct input_source *s = calloc(1, sizeof *s);

    *in = (struct input){0};
    if (s == NULL) {
        error_set(e, "%s: no memory to read it", words(slice_of(path)).text);
        return NULL;
    }
    s->fd = -1;
    s->path = words(slice_of(path));
    *in = (struct input){.path = s->path.text, .source = s};
    return s;
}

int input_open(const char *path, struct input *in, struct error *e)
{
    struct input_source *s = source_new(path, in, e);
    struct stat st;

    if (s == NULL)
        return -1;
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0) {
        error_set(e, "%s: cannot be opened: %s", in->path, strerror(errno));
        input_close(in);
        return -1;
    }
    if (S_ISDIR(st.st_mode)) {
        error_set(e, "%s: is a directory; name the files in it", in->path);
        input_close(in);
        return -1;
    }
    s->size = S_ISREG(st.st_mode) ? (unsigned long long)st.st_size : 0;
    return 0;
}

int input_memory(struct slice bytes, const char *name, struct input *in, struct error *e)
{
    struct input_source *s = source_new(name, in, e);

    if (s == NULL)
        return -1;
    s->memory = bytes;
    s->size = bytes.n;
    return 0;
}

void input_close(struct input *in)
{
    struct input_source *s = in->source;

    if (s == NULL)
        return;
    if (s->utf16)
        iconv_close(s->decoder);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
    *in = (struct input){0};
}

unsigned long long input_done(const struct input *in)
{
    return in->source->done;
}

unsigned long long input_size(const struct input *in)
{
    return in->source->size;
}

/* Fills raw, after what is left from before: an incomplete character. */
static int read_raw(struct input *in, struct error *e)
{
    struct input_source *s = in->source;

    s->raw_n -= s->raw_used;
    memmove(s->raw, s->raw + s->raw_used, s->raw_n);
    s->raw_used = 0;
    while (!s->ended && s->raw_n < RAW_BYTES) {
        size_t room = RAW_BYTES - s->raw_n;
        ssize_t n;

        if (s->fd < 0) {
            n = (ssize_t)(s->memory.n < room ? s->memory.n : room);
            if (n > 0) {
                memcpy(s->raw + s->raw_n, s->memory.p, (size_t)n);
                s->memory = (struct slice){s->memory.p + n, s->memory.n - (size_t)n};
            }
        } else {
            n = read(s->fd, s->raw + s->raw_n, room);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return error_set(e, "%s: cannot be read: %s", in->path, strerror(errno));
        }
        s->ended = n == 0;
        s->raw_n += (size_t)n;
    }
    return 0;
}

/* Files that people pass by mistake and that are no text. */
static const struct {
    const char *first;
    unsigned char n;
    const char *what;
} no_text[] = {
    {"PK\x03\x04", 4,
     "is a workbook (.xlsx) or another ZIP archive; save the sheet as \"CSV UTF-8\", or export again with Export-Csv"},
    {"\xd0\xcf\x11\xe0", 4,
     "is an old workbook (.xls); save the sheet as \"CSV UTF-8\", or export again with Export-Csv"},
    {"\x1f\x8b", 2, "is compressed with gzip; unpack it first (gunzip)"},
    {"BZh", 3, "is compressed with bzip2; unpack it first (bunzip2)"},
    {"\xfd"
     "7zXZ",
     5, "is compressed with xz; unpack it first (unxz)"},
    {"\x28\xb5\x2f\xfd", 4, "is compressed with zstd; unpack it first (unzstd)"},
    {"\xff\xfe\0\0", 4, "is UTF-32, which is not read; write the file with -Encoding UTF8"},
    {"\0\0\xfe\xff", 4, "is UTF-32, which is not read; write the file with -Encoding UTF8"},
    {"%PDF", 4, "is a PDF; export with Export-Csv or ConvertTo-Json"},
};

static int check_text(const struct input *in, struct error *e)
{
    const struct input_source *s = in->source;

    for (size_t i = 0; i < sizeof no_text / sizeof no_text[0]; i++)
        if (s->raw_n >= no_text[i].n && memcmp(s->raw, no_text[i].first, no_text[i].n) == 0)
            return error_set(e, "%s: %s", in->path, no_text[i].what);
    return 0;
}

/* Byte order marks, and UTF-16 without one: every file that is read here begins with ASCII. */
static const struct {
    char first[3];
    unsigned char n, skip;
    const char *encoding;
} marks[] = {
    {{'\xef', '\xbb', '\xbf'}, 3, 3, "UTF-8"},
    {{'\xff', '\xfe'}, 2, 2, "UTF-16LE"},
    {{'\xfe', '\xff'}, 2, 2, "UTF-16BE"},
};

static int find_encoding(struct input *in, struct error *e)
{
    struct input_source *s = in->source;
    const char *encoding = "UTF-8";

    if (check_text(in, e) != 0)
        return -1;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (s->raw_n >= marks[i].n && memcmp(s->raw, marks[i].first, marks[i].n) == 0) {
            encoding = marks[i].encoding;
            s->raw_used = s->done = marks[i].skip;
            break;
        }
    }
    if (s->raw_used == 0 && s->raw_n >= 2 && (s->raw[0] == '\0') != (s->raw[1] == '\0'))
        encoding = s->raw[0] == '\0' ? "UTF-16BE" : "UTF-16LE";
    s->known = true;
    if (strcmp(encoding, "UTF-8") == 0)
        return 0;
    s->decoder = iconv_open("UTF-8", encoding);
    if (s->decoder == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): as POSIX defines it */
        return error_set(e, "%s: this system's iconv cannot read %s", in->path, encoding);
    s->utf16 = true;
    return 0;
}

static unsigned long long line_feeds(struct slice text)
{
    unsigned long long n = 0;
    const char *p = text.p;
    const char *end = text.p + text.n;

    while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        n++;
        p++;
    }
    return n;
}

static int bad_text(const struct input *in, struct slice good, const char *what, struct error *e)
{
    const struct input_source *s = in->source;

    return error_set(e, "%s: line %llu, byte %llu: %s", in->path, s->lines + line_feeds(good) + 1, s->done, what);
}

/* Returns raw as UTF-8, without an incomplete character at the end. False: invalid; *text is what comes before that. */
static bool decode(struct input_source *s, struct slice *text)
{
    char *from = s->raw + s->raw_used, *to = s->text;
    size_t from_n = s->raw_n - s->raw_used, to_n = sizeof s->text, left;
    bool good = true;

    if (s->utf16) {
        errno = 0;
        good = iconv(s->decoder, &from, &from_n, &to, &to_n) != (size_t)-1 || errno == EINVAL || errno == E2BIG;
        *text = (struct slice){s->text, (size_t)(to - s->text)};
        left = from_n;
    } else {
        const uint8_t *bad = u8_check((const uint8_t *)from, from_n);
        ucs4_t c;

        left = bad != NULL ? from_n - (size_t)((const char *)bad - from) : 0;
        good = bad == NULL || u8_mbtoucr(&c, bad, left) == -2; /* -2: an incomplete character */
        *text = (struct slice){from, from_n - left};
    }
    s->done += s->raw_n - s->raw_used - left;
    s->raw_used = s->raw_n - left;
    return good;
}

int input_more(struct input *in, struct error *e)
{
    struct input_source *s = in->source;
    struct slice text;
    const char *nul;
    bool marks_only;

    if (in->at < in->end)
        return 1;
    if (read_raw(in, e) != 0 || (!s->known && find_encoding(in, e) != 0))
        return -1;
    if (s->raw_n == s->raw_used)
        return 0;
    if (!decode(s, &text))
        return bad_text(
            in, text, s->utf16 ? "not UTF-16, as its beginning says" : "not UTF-8; write the file with -Encoding UTF8",
            e);
    marks_only = text.n > 0 && s->ended && s->raw_used == s->raw_n;
    /* Add-Content and editors write a second mark after the first. */
    while (!s->begun && slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = (struct slice){text.p + 3, text.n - 3};
    if (text.n == 0 && marks_only)
        return 0;
    s->begun = true;
    if (text.n == 0) /* only an incomplete character */
        return bad_text(in, text, "the file ends in the middle of a character: it is half-written", e);
    nul = memchr(text.p, '\0', text.n);
    if (nul != NULL)
        return bad_text(
            in, (struct slice){text.p, (size_t)(nul - text.p)},
            "NUL bytes, so no text; Exchange Online answers a request for which a role is missing with them", e);
    s->lines += line_feeds(text);
    in->at = text.p;
    in->end = text.p + text.n;
    return 1;
}
