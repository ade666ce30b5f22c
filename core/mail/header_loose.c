#include "core/mail/header_loose.h"

#include "core/mail/local_part.h"

#include <stdlib.h>
#include <uninorm.h>
#include <unistr.h>

static const char bad_at_sign[] = "@ in a name that needs quotes";
static const char bad_angle[] = "no plain address within angle brackets";
static const char bad_place[] = "address that runs into other words";

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* ---- charsets and quoting ---- */

/*
 * Shift JIS, GBK and Big5 have letters whose second byte is a backslash, and careless decoders let a first byte swallow
 * whatever follows. HZ switches with "~{" (RFC 1843). Other switches are control characters, which no field may
 * contain.
 */
static bool depends_on_the_charset(struct slice value)
{
    if (memmem(value.p, value.n, "~{", 2) != NULL)
        return true;
    for (size_t i = 0; i + 1 < value.n; i++)
        if ((unsigned char)value.p[i] >= 0x80 && is_one_of(value.p[i + 1], "\"\\()"))
            return true;
    return u8_check((const uint8_t *)value.p, value.n) != NULL;
}

/* Some readers take "[...]" for a domain literal wherever it is. s is at the opening bracket. */
static bool skip_bracketed(struct scan *s)
{
    while (s->p < s->end && *s->p != ']') {
        if (is_one_of(*s->p, "\"\\()"))
            return false;
        s->p++;
    }
    return !scan_at_end(s);
}

bool header_lexes_one_way(struct slice value)
{
    struct scan s = scan_over(value);

    if (value.n > 0 && depends_on_the_charset(value))
        return false;
    while (scan_cfws(&s)) {
        if (scan_at_end(&s))
            return true;
        if (scan_sees(&s, '"')) {
            if (!scan_quoted(&s, NULL))
                return false;
        } else if (scan_sees(&s, '[')) {
            if (!skip_bracketed(&s))
                return false;
        } else if (scan_take(&s, '\\') && (scan_at_end(&s) || !is_atext(*s.p))) {
            return false;
        } else {
            s.p++;
        }
    }
    return false;
}

/* ---- tokens ---- */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_SPECIAL };

struct loose_token {
    enum token_kind kind;
    bool apart;        /* blanks or a comment before it */
    bool comment;      /* READING_LOOSE: a comment with an "@" before it */
    char special;      /* TOKEN_SPECIAL */
    struct slice text; /* TOKEN_WORD: atext and dots; TOKEN_QUOTED: with its quotes */
};

static void skip_blanks(struct scan *s, enum header_reading reading)
{
    if (reading == READING_LOOSE)
        (void)scan_cfws(s); /* header_lexes_one_way has seen that comments end */
    else
        while (s->p < s->end && is_one_of(*s->p, " \t\r\n"))
            s->p++;
}

static struct loose_token take_token(struct scan *s, enum header_reading reading)
{
    struct loose_token t = {.kind = TOKEN_END};
    const char *first = s->p;

    skip_blanks(s, reading);
    t.apart = s->p > first;
    t.comment = t.apart && reading == READING_LOOSE && memchr(first, '@', (size_t)(s->p - first)) != NULL;
    if (scan_at_end(s))
        return t;
    first = s->p;
    while (s->p < s->end && (is_atext(*s->p) || *s->p == '.'))
        s->p++;
    t.text = (struct slice){first, (size_t)(s->p - first)};
    if (t.text.n > 0) {
        t.kind = TOKEN_WORD;
    } else if (reading == READING_LOOSE && *s->p == '"') {
        t.kind = TOKEN_QUOTED;
        (void)scan_quoted(s, NULL);
        t.text.n = (size_t)(s->p - first);
    } else {
        t.kind = TOKEN_SPECIAL;
        t.special = *s->p++;
    }
    return t;
}

/* ---- around an @ ---- */

/* What was read since the last special character other than "@". */
struct loose_place {
    char special;            /* that character; a comma at the beginning */
    unsigned words;          /* words and quoted strings */
    struct loose_token last; /* the last of them */
    bool shows;              /* one of them could show an address */
    bool unopened;           /* special closes angle brackets that were not opened: some readers ignore it */
};

/* Some readers take a name without an address for the address: as it is in quotes, or decoded (RFC 2047). */
static bool could_show_an_address(const struct loose_token *t)
{
    const char *begin = t->kind == TOKEN_WORD ? memmem(t->text.p, t->text.n, "=?", 2) : NULL;

    if (t->kind == TOKEN_QUOTED)
        return memchr(t->text.p, '@', t->text.n) != NULL;
    return begin != NULL && memmem(begin, (size_t)(t->text.p + t->text.n - begin), "?=", 2) != NULL;
}

/* IDNA has several dots (UTS 46); NFKC maps most of them to ".". */
static bool holds_unicode_dot(struct slice word)
{
    uint8_t mem[512], *text;
    size_t n = sizeof mem;
    bool found;

    text = u8_normalize(UNINORM_NFKC, (const uint8_t *)word.p, word.n, mem, &n);
    if (text == NULL)
        return true; /* no memory */
    found = memchr(text, '.', n) != NULL || memmem(text, n, "\xe3\x80\x82", 3) != NULL;
    if (text != mem)
        free(text);
    return found;
}

/* Does the word hold a dot that isn't its last character? In another charset, any of its bytes may be one. */
static bool is_dotted(struct slice word, enum header_reading reading)
{
    for (size_t i = 0; i < word.n; i++)
        if ((unsigned char)word.p[i] >= 0x80)
            return reading == READING_RAW || holds_unicode_dot(word);
    return word.n > 0 && memchr(word.p, '.', word.n - 1) != NULL;
}

/*
 * "sean@contoso.example (J\xfcrgen)", as sendmail writes names: does the field end with this comment, without any
 * character in it that could mean something to a reader? Then it doesn't matter what the charset is, or where the
 * comment ends.
 */
static bool is_last_comment(struct scan s)
{
    while (s.p < s.end && !is_one_of(*s.p, "()<>[]@,;:\\\""))
        s.p++;
    if (!scan_take(&s, ')'))
        return false;
    skip_blanks(&s, READING_RAW);
    return scan_at_end(&s);
}

/* A word, "@", a dotted word, and nothing else between special characters. */
static bool is_plain(const struct loose_place *at, const struct loose_token *sign, const struct scan *behind,
                     enum header_reading reading, struct slice *text)
{
    struct scan s = *behind;
    struct loose_token domain = take_token(&s, reading), next;

    if (at->words != 1 || at->last.kind != TOKEN_WORD || sign->apart || domain.kind != TOKEN_WORD || domain.apart ||
        !is_dotted(domain.text, reading) || domain.text.p[domain.text.n - 1] == '.' || !is_one_of(at->special, ",;:<>"))
        return false;
    next = take_token(&s, reading);
    if (at->special == '<' && next.comment)
        return false;
    text->p = at->last.text.p;
    text->n = (size_t)(domain.text.p + domain.text.n - text->p);
    return next.kind == TOKEN_END || (next.kind == TOKEN_SPECIAL &&
                                      (is_one_of(next.special, ",;<>") || (next.special == '(' && is_last_comment(s))));
}

/* The text in "=?utf-8?q?anna@contoso.example?=" if nothing in it needs decoding; else text itself. */
static struct slice without_encoding(struct slice text)
{
    struct slice rest = text, charset, encoding;

    if (!slice_starts_with(text, SLICE("=?")) || memcmp(text.p + text.n - 2, "?=", 2) != 0)
        return text;
    rest = (struct slice){text.p + 2, text.n - 4};
    if (!slice_cut(rest, '?', &charset, &rest) || !slice_cut(rest, '?', &encoding, &rest) ||
        !slice_ieq(encoding, SLICE("q")) || memchr(rest.p, '=', rest.n) != NULL || memchr(rest.p, '_', rest.n) != NULL)
        return text;
    return rest;
}

/* Removes what some programs put around a name that is the address. */
static struct slice without_wrapping(struct slice text)
{
    if (text.n > 2 && text.p[0] == '\'' && text.p[text.n - 1] == '\'')
        return (struct slice){text.p + 1, text.n - 2};
    return text.n > 4 ? without_encoding(text) : text;
}

/* text is what is_plain accepted. */
static const char *take_address(struct header_from *walk, struct scan *s, struct slice text, struct address *out)
{
    s->p = text.p + text.n;
    text = without_wrapping(text);
    if (++walk->count > FROM_MAX_ADDRESSES)
        return from_too_many;
    return header_judge(address_parse_envelope(text, out), out);
}

/*
 * Skips an "@" and the words after it if they form no domain with a dot, whether read one by one or, as some readers
 * do, without the blanks. s is after the "@".
 */
static const char *skip_at_sign(struct loose_place *at, struct scan *s, enum header_reading reading)
{
    bool dot = false;
    struct scan before;
    struct loose_token t;

    if (at->special == '<')
        return at->words == 0 ? from_route : bad_angle;
    for (;;) {
        before = *s;
        t = take_token(s, reading);
        if (t.kind != TOKEN_WORD)
            break;
        if (dot || is_dotted(t.text, reading))
            return at->words == 0 ? bad_at_sign : bad_place;
        dot = t.text.p[t.text.n - 1] == '.';
        at->shows |= could_show_an_address(&t);
    }
    *s = before;
    if (t.kind == TOKEN_QUOTED || (t.kind == TOKEN_SPECIAL && !is_one_of(t.special, "<>,;:")))
        return bad_at_sign;
    /* "@here <anna@contoso.example>" is a name; everything else that begins with an "@" could be a route. */
    return at->words > 0 || t.special == '<' ? NULL : from_route;
}

/* "<" opens the angle brackets of a mailbox, which has one pair; "<<...>>" counts as one. */
static const char *open_angle(struct header_from *walk, const struct loose_place *at)
{
    if (walk->angle && at->special != '<')
        return from_two_angles;
    walk->angle = true;
    walk->open++;
    return NULL;
}

/* A special character other than "@" divides what is before it from what comes after. */
static const char *step_over(struct header_from *walk, struct loose_place *at, char special)
{
    const char *wrong = special == '<' ? open_angle(walk, at) : NULL;
    bool unopened;

    if (at->special == '<' && (special != '<' || at->words > 0))
        wrong = bad_angle;
    /* In a group that doesn't end, some readers take the name before angle brackets for an address, too. */
    if (at->shows && (special != '<' || walk->in_group))
        wrong = from_no_address;
    walk->in_group = special == ':' || (walk->in_group && special != ';');
    unopened = special == '>' && walk->open == 0;
    if (special == '>' && !unopened)
        walk->open--;
    /* If quotes and comments are ambiguous, so is whether this divides mailboxes. */
    if (walk->reading == READING_LOOSE && (special == ',' || special == ';'))
        walk->angle = false;
    *at = (struct loose_place){.special = special, .unopened = unopened};
    return wrong;
}

/* After an address in angle brackets only ">" may follow; after a ">" without "<", only the end of the mailbox. */
static bool is_misplaced(const struct header_from *walk, const struct loose_place *at, const struct loose_token *t)
{
    return (walk->open > 0 && at->special != '<' && t->special != '>') ||
           (at->unopened && t->special != ',' && t->special != ';');
}

static const char *at_end(struct header_from *walk, const struct loose_place *at)
{
    if (at->special == '<')
        return bad_angle;
    if (walk->count > 0 && !at->shows)
        return NULL;
    walk->nobody = walk->reading == READING_LOOSE && walk->count == 0 && !at->shows;
    return from_no_address;
}

const char *header_loose_next(struct header_from *walk, struct scan *s, struct address *out)
{
    /* An address is followed by a special character or the end. */
    struct loose_place at = {.special = ','};
    bool behind_address = walk->count > 0;
    const char *wrong = NULL;
    struct slice text;

    while (wrong == NULL) {
        struct loose_token t = take_token(s, walk->reading);

        /* After an address, a comment is its name. */
        at.shows |= t.comment && !behind_address && at.special != '>';
        behind_address = false;
        if (t.kind == TOKEN_END)
            return at_end(walk, &at);
        if (is_misplaced(walk, &at, &t)) {
            wrong = bad_angle;
        } else if (t.kind != TOKEN_SPECIAL) {
            at.words++;
            at.last = t;
            at.shows |= could_show_an_address(&t);
        } else if (t.special != '@') {
            wrong = step_over(walk, &at, t.special);
        } else if (is_plain(&at, &t, s, walk->reading, &text)) {
            return take_address(walk, s, text, out);
        } else {
            wrong = skip_at_sign(&at, s, walk->reading);
        }
    }
    return wrong;
}
