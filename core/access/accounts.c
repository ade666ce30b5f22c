#include "core/access/accounts.h"

#include "core/base/lines.h"
#include "core/base/quote.h"
#include "core/base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TOKEN_MARK "sha256$"

/* ---- one line ---- */

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

bool account_name_is_right(struct slice name)
{
    bool right = name.n > 0 && name.n <= ACCOUNT_NAME_MAX && is_letter_or_digit(name.p[0]);

    for (size_t i = 0; i < name.n && right; i++)
        right = is_letter_or_digit(name.p[i]) || strchr("._@+-", name.p[i]) != NULL;
    return right;
}

static bool is_hex_digest(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (hex_digit(s.p[i]) < 0 || (s.p[i] >= 'A' && s.p[i] <= 'F'))
            return false;
    return s.n == DIGEST_TEXT_MAX - 1;
}

/* What crypt(3) makes by yescrypt: only its characters (crypt(5)). */
static bool is_yescrypt(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter_or_digit(s.p[i]) && strchr("./$", s.p[i]) == NULL)
            return false;
    return slice_starts_with(s, SLICE("$y$")) && s.n > 20 && s.n < PASSWORD_HASH_MAX;
}

static int read_secret(struct slice text, struct account *out, struct error *e)
{
    struct slice until;
    unsigned long long until_s;
    bool has_until = slice_cut(text, ':', &out->secret, &until);

    if (!slice_starts_with(out->secret, SLICE(TOKEN_MARK)))
        return !has_until && is_yescrypt(out->secret)
                   ? 0
                   : error_set(e, "%.*s: expected a password's $y$... (yescrypt), or " TOKEN_MARK "... of a token",
                               SLICE_ARG(out->name));
    out->is_token = true;
    out->secret.p += sizeof TOKEN_MARK - 1;
    out->secret.n -= sizeof TOKEN_MARK - 1;
    if (!is_hex_digest(out->secret) || !slice_to_u64(until, INT64_MAX, &until_s))
        return error_set(e, "%.*s: expected " TOKEN_MARK "64 HEX DIGITS:SECONDS", SLICE_ARG(out->name));
    out->until_s = (int64_t)until_s;
    return 0;
}

static int read_line(struct slice line, struct account *out, struct error *e)
{
    struct slice role, rest;

    *out = (struct account){.line = line};
    (void)slice_cut(line, ':', &out->name, &rest);
    if (!account_name_is_right(out->name))
        return error_set(e, "\"%s\" is no name of an account", quote(out->name).text);
    (void)slice_cut(rest, ':', &role, &rest);
    (void)slice_cut(rest, ':', &out->tenants, &rest);
    if (role_find(role, &out->role, e) != 0 || scope_check(out->role, out->tenants, e) != 0)
        return -1;
    return read_secret(rest, out, e);
}

/* ---- all ---- */

static int add_row(struct accounts *out, const struct account *one, struct error *e)
{
    struct account *more;

    if (out->n == ACCOUNTS_MAX)
        return error_set(e, "more than %u accounts", ACCOUNTS_MAX);
    if (accounts_named(out, one->name) != NULL)
        return error_set(e, "%.*s is there twice", SLICE_ARG(one->name));
    if ((more = reallocarray(out->rows, out->n + 1, sizeof *more)) == NULL)
        return error_set(e, "no memory");
    out->rows = more;
    out->rows[out->n++] = *one;
    return 0;
}

static int take_lines(struct accounts *out, struct slice text, const char *path, struct error *e)
{
    struct account one;
    struct lines lines;
    struct slice entry;
    int rc;

    lines_start(&lines, text, path);
    while ((rc = lines_next(&lines, &entry, e)) > 0)
        if (read_line(entry, &one, e) != 0 || add_row(out, &one, e) != 0)
            return lines_error(&lines, e);
    return rc;
}

int accounts_parse(struct slice text, const char *path, struct accounts *out, struct error *e)
{
    char *copy = malloc(text.n + 1);

    *out = (struct accounts){.text = copy};
    if (copy == NULL)
        return error_set(e, "%s: no memory", path);
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    if (take_lines(out, (struct slice){copy, text.n}, path, e) == 0)
        return 0;
    accounts_free(out);
    return -1;
}

int accounts_load(const char *path, struct accounts *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), rc;
    struct slice text;

    *out = (struct accounts){.n = 0};
    if (fd < 0)
        return error_set(e, "%s: %s", path, strerror(errno));
    rc = secret_file_check(fd, e);
    (void)close(fd);
    if (rc != 0)
        return error_prefix(e, "%s", path);
    if (lines_load(path, &text, e) != 0)
        return -1;
    rc = accounts_parse(text, path, out, e);
    free((char *)(uintptr_t)text.p);
    return rc;
}

void accounts_free(struct accounts *accounts)
{
    free(accounts->rows);
    free(accounts->text);
    *accounts = (struct accounts){.n = 0};
}

const struct account *accounts_named(const struct accounts *accounts, struct slice name)
{
    for (size_t i = 0; i < accounts->n; i++)
        if (slice_eq(accounts->rows[i].name, name))
            return &accounts->rows[i];
    return NULL;
}

const struct account *accounts_with_token(const struct accounts *accounts, struct slice token, int64_t now_s)
{
    const struct account *found = NULL;
    char digest[DIGEST_TEXT_MAX];

    access_digest(token, SLICE(""), digest);
    for (size_t i = 0; i < accounts->n; i++)
        if (accounts->rows[i].is_token && access_same(accounts->rows[i].secret, slice_of(digest)))
            found = &accounts->rows[i];
    return found != NULL && (found->until_s == 0 || now_s < found->until_s) ? found : NULL;
}
