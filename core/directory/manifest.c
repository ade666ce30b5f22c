#include "core/directory/manifest.h"

#include "core/base/buf.h"
#include "core/base/checksum.h"

#include <inttypes.h>
#include <stdlib.h>

#define FILE_PREFIX "directory-"
#define FILE_SUFFIX ".mdb"
#define FILE_DIGITS 10

void manifest_file_name(uint64_t generation, char out[MANIFEST_FILE_MAX])
{
    struct buf b = buf_over(out, MANIFEST_FILE_MAX);

    buf_addf(&b, FILE_PREFIX "%0*" PRIu64 FILE_SUFFIX, FILE_DIGITS, generation);
}

uint64_t manifest_file_generation(struct slice name)
{
    struct slice prefix = SLICE(FILE_PREFIX), suffix = SLICE(FILE_SUFFIX);
    char again[MANIFEST_FILE_MAX];
    unsigned long long generation;

    if (name.n < prefix.n + FILE_DIGITS + suffix.n || !slice_starts_with(name, prefix))
        return 0;
    if (!slice_to_u64((struct slice){name.p + prefix.n, name.n - prefix.n - suffix.n}, UINT64_MAX, &generation))
        return 0;
    manifest_file_name(generation, again);
    return slice_eq(name, slice_of(again)) ? generation : 0;
}

/* ---- reading ---- */

/* Sixteen lower-case hexadecimal digits. */
static bool hex_u64(struct slice s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n != 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

/* Takes the next line off the text; false when it has no end or does not begin with `word` and a blank. */
static bool take_line(struct slice *text, struct slice word, struct slice *rest)
{
    struct slice line, tail, found;

    if (!slice_cut(*text, '\n', &line, &tail) || !slice_cut(line, ' ', &found, rest) || !slice_eq(found, word))
        return false;
    *text = tail;
    return true;
}

static int wrong_line(const char *word, const char *expected, struct error *e)
{
    return error_set(e, "line \"%s\" is missing or malformed (expected %s)", word, expected);
}

unsigned manifest_format(struct slice text)
{
    unsigned long long format;
    struct slice value;

    return take_line(&text, SLICE(MANIFEST_FORMAT_WORD), &value) && slice_to_u64(value, UINT32_MAX, &format)
               ? (unsigned)format
               : 0;
}

/* The first line alone is the same in all formats, so it is looked at before anything else. */
static int parse_format(struct slice *text, struct error *e)
{
    unsigned format = manifest_format(*text);
    struct slice value;

    if (format == 0)
        return wrong_line(MANIFEST_FORMAT_WORD, "the format's number, from 1", e);
    if (format > MANIFEST_FORMAT)
        return error_set(e, "is of format %u, and this program reads format %u: upgrade it", format, MANIFEST_FORMAT);
    if (format < MANIFEST_FORMAT)
        return error_set(e, "is of format %u, of an older postern: \"postern-mirror rebuild\" makes format %u of it",
                         format, MANIFEST_FORMAT);
    (void)take_line(text, SLICE(MANIFEST_FORMAT_WORD), &value);
    return 0;
}

/* Checks the last line and cuts it off. */
static int parse_end(struct slice *text, struct error *e)
{
    struct slice word = SLICE("end ");
    size_t line = word.n + 16 + 1;
    uint64_t sum;
    struct slice end;

    if (text->n < line || text->p[text->n - 1] != '\n')
        return wrong_line("end", "the manifest's checksum; it may be cut", e);
    end = (struct slice){text->p + text->n - line, line - 1};
    if (!slice_starts_with(end, word) || !hex_u64((struct slice){end.p + word.n, 16}, &sum))
        return wrong_line("end", "the manifest's checksum; it may be cut", e);
    text->n -= line;
    if (sum != checksum_slice(*text))
        return error_set(e, "has a wrong checksum: it is damaged or was edited by hand");
    return 0;
}

static int parse_file(struct slice *text, struct manifest *m, struct error *e)
{
    unsigned long long number;
    struct slice value, half;

    if (!take_line(text, SLICE("generation"), &value) || !slice_to_u64(value, UINT64_MAX, &number) || number == 0)
        return wrong_line("generation", "a number of at least 1", e);
    m->generation = number;
    manifest_file_name(m->generation, m->file);
    if (!take_line(text, SLICE("file"), &value) || !slice_eq(value, slice_of(m->file)))
        return error_set(e, "does not name the file \"%s\" of its generation", m->file);
    if (!take_line(text, SLICE("size"), &value) || !slice_to_u64(value, INT64_MAX, &number))
        return wrong_line("size", "bytes", e);
    m->size = number;
    if (!take_line(text, SLICE("checksum"), &value) || !hex_u64(value, &m->checksum))
        return wrong_line("checksum", "16 hexadecimal digits", e);
    if (!take_line(text, SLICE("identities"), &value) || !slice_cut(value, ' ', &half, &value) ||
        !hex_u64(half, &m->identities.k[0]) || !hex_u64(value, &m->identities.k[1]))
        return wrong_line("identities", "twice 16 hexadecimal digits", e);
    return 0;
}

static bool parse_tenant(struct slice line, uint32_t index, struct manifest_tenant *out)
{
    unsigned long long number;
    struct slice word;

    if (!slice_cut(line, ' ', &word, &line) || !slice_to_u64(word, DIRECTORY_TENANTS_MAX, &number) || number != index)
        return false;
    if (!slice_cut(line, ' ', &word, &line) || !slice_to_u64(word, INT64_MAX, &number))
        return false;
    out->settings_at = (int64_t)number;
    return slice_cut(line, ' ', &out->name, &out->source) && out->name.n > 0;
}

/* "organization 1790000000 exchange-online"; behind *least only, so that each stands there once. */
static bool parse_part(struct slice line, unsigned *least, struct manifest_tenant *out)
{
    unsigned long long number;
    struct slice word, source;
    enum mirrored_part part;

    if (!slice_cut(line, ' ', &word, &line) || (part = mirrored_named(word)) == MIRRORED_PARTS || part < *least)
        return false;
    if (!slice_cut(line, ' ', &word, &source) || !slice_to_u64(word, INT64_MAX, &number) || number == 0)
        return false;
    out->parts[part].at = (int64_t)number;
    out->parts[part].source = source;
    *least = part + 1u;
    return true;
}

static uint32_t count_tenants(struct slice text)
{
    uint32_t n = 0;
    struct slice line;

    while (text.n > 0) {
        slice_cut(text, '\n', &line, &text);
        n += slice_starts_with(line, SLICE("tenant "));
    }
    return n;
}

static int parse_tenants(struct slice text, struct manifest *m, struct error *e)
{
    uint32_t n = count_tenants(text);
    struct slice line;
    unsigned least;

    if (n > DIRECTORY_TENANTS_MAX)
        return error_set(e, "has more than %u tenants", DIRECTORY_TENANTS_MAX);
    m->tenants = calloc((size_t)n + 1, sizeof *m->tenants);
    if (m->tenants == NULL)
        return error_set(e, "out of memory");
    for (; text.n > 0; m->tenants_n++) {
        if (!take_line(&text, SLICE("tenant"), &line) || !parse_tenant(line, m->tenants_n, &m->tenants[m->tenants_n]))
            return wrong_line("tenant", "index, time, name, source", e);
        least = 0;
        while (take_line(&text, SLICE("part"), &line))
            if (!parse_part(line, &least, &m->tenants[m->tenants_n]))
                return wrong_line("part", "a part's word, time, source", e);
    }
    return 0;
}

int manifest_parse(struct slice text, struct manifest *out, struct error *e)
{
    struct slice whole = text;

    memset(out, 0, sizeof *out);
    if (parse_format(&text, e) != 0 || parse_end(&whole, e) != 0)
        return -1;
    /* Both begin at the same byte: what is left is between the first line and the last. */
    if (text.p > whole.p + whole.n)
        return wrong_line("generation", "a number of at least 1", e);
    text.n = (size_t)(whole.p + whole.n - text.p);
    if (parse_file(&text, out, e) != 0 || parse_tenants(text, out, e) != 0) {
        manifest_free(out);
        return -1;
    }
    return 0;
}

void manifest_free(struct manifest *m)
{
    free(m->tenants);
    m->tenants = NULL;
    m->tenants_n = 0;
}

/* ---- writing ---- */

/* What could not be read back, a blank in a name or a line's end in a source, becomes "?". */
static void add_printable(struct buf *out, struct slice text, bool blanks)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        buf_add_char(out, c < (blanks ? 0x20 : 0x21) || c == 0x7f ? '?' : (char)c);
    }
}

static void add_parts(struct buf *out, const struct manifest_tenant *t)
{
    for (size_t i = 0; i < MIRRORED_PARTS; i++) {
        if (t->parts[i].at <= 0)
            continue;
        buf_addf(out, "part %s %" PRId64 " ", mirrored_word((enum mirrored_part)i), t->parts[i].at);
        add_printable(out, t->parts[i].source, true);
        buf_add_char(out, '\n');
    }
}

int manifest_text(const struct manifest *m, struct buf *out, struct error *e)
{
    char file[MANIFEST_FILE_MAX];

    manifest_file_name(m->generation, file);
    buf_addf(out,
             MANIFEST_FORMAT_WORD " %u\ngeneration %" PRIu64 "\nfile %s\nsize %" PRIu64 "\nchecksum %016" PRIx64 "\n",
             MANIFEST_FORMAT, m->generation, file, m->size, m->checksum);
    buf_addf(out, "identities %016" PRIx64 " %016" PRIx64 "\n", m->identities.k[0], m->identities.k[1]);
    for (uint32_t i = 0; i < m->tenants_n; i++) {
        const struct manifest_tenant *t = &m->tenants[i];

        buf_addf(out, "tenant %" PRIu32 " %" PRId64 " ", i, t->settings_at < 0 ? 0 : t->settings_at);
        add_printable(out, t->name, false);
        buf_add_char(out, ' ');
        add_printable(out, t->source, true);
        buf_add_char(out, '\n');
        add_parts(out, t);
    }
    buf_addf(out, "end %016" PRIx64 "\n", checksum_slice(buf_slice(out)));
    return out->full ? error_set(e, "the directory's manifest would be larger than %zu bytes", out->cap) : 0;
}
