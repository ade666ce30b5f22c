/* Whom do Postfix's access tables permit? Databases are listed by the caller (postmap(1)), files of patterns are read.
 */
#include "core/base/lines.h"
#include "core/report/postfix_restrictions.h"
#include "core/report/postfix_words.h"
#include "core/report/text.h"

#include <stdio.h>
#include <stdlib.h>

/* How the entries of a type of table are found. */
enum table_kind { KIND_LISTED, KIND_CIDR, KIND_PATTERNS, KIND_STATIC, KIND_FAIL };

static const struct {
    const char *type;
    enum table_kind kind;
} types[] = {
    {"hash", KIND_LISTED}, {"btree", KIND_LISTED},    {"cdb", KIND_LISTED},      {"lmdb", KIND_LISTED},
    {"dbm", KIND_LISTED},  {"sdbm", KIND_LISTED},     {"texthash", KIND_LISTED}, {"inline", KIND_LISTED},
    {"cidr", KIND_CIDR},   {"regexp", KIND_PATTERNS}, {"pcre", KIND_PATTERNS},   {"static", KIND_STATIC},
    {"fail", KIND_FAIL},
};

struct table_search {
    const struct postfix *p;
    const struct postfix_service *service;
    const struct config *config;
    char *entry; /* TABLE_ENTRY_MAX */
};

static enum table_says unknown(const struct table_search *s, const char *why)
{
    struct buf b = buf_over(s->entry, TABLE_ENTRY_MAX);

    text_add_plain(&b, slice_of(why));
    return TABLE_UNKNOWN;
}

/* ---- one entry ---- */

/* "OK", "1", "permit_mynetworks", a class that permits. Others refuse, or leave it to what follows (access(5)). */
static bool action_permits(const struct table_search *s, struct slice action)
{
    struct restriction r;
    struct restrictions l;
    struct slice rest = action, word;
    unsigned long long number;

    if (!postfix_word(&rest, &word))
        return false;
    if (slice_ieq(word, SLICE("OK")))
        return true;
    if (slice_to_u64(word, ~0ULL, &number)) /* "550 text" is a reply, a number alone is OK */
        return slice_trim(rest).n == 0 && (number < 400 || number > 599);
    restrictions_start(&l, s->p, s->service, word);
    while (restrictions_next(&l, &r))
        if (restriction_is_permit(&r))
            return true;
    return false;
}

/* Does the entry permit somebody who is in no connector? */
static bool entry_permits(const struct table_search *s, struct slice key, struct slice action)
{
    struct buf b = buf_over(s->entry, TABLE_ENTRY_MAX);
    struct network n;
    struct error e;

    if (!action_permits(s, action) ||
        (s->config != NULL && network_parse(key, &n, &e) == 0 && connectors_cover(s->config, &n)))
        return false;
    text_add_plain(&b, (struct slice){key.p, key.n < 60 ? key.n : 60});
    return true;
}

/* ---- the kinds of tables ---- */

/* "key<blank>action" a line; also how postmap prints a database. */
static enum table_says search_lines(const struct table_search *s, struct slice text)
{
    struct slice line;

    while (text.n > 0) {
        size_t end = 0;

        (void)slice_cut(text, '\n', &line, &text);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ' ' || line.p[0] == '\t')
            continue;
        while (end < line.n && line.p[end] != ' ' && line.p[end] != '\t')
            end++;
        if (entry_permits(s, (struct slice){line.p, end}, slice_trim((struct slice){line.p + end, line.n - end})))
            return TABLE_PERMITS;
    }
    return TABLE_PERMITS_NOBODY;
}

/* "/pattern/flags action", with any delimiter and perhaps "!" in front. */
static bool cut_pattern(struct slice line, struct slice *pattern, struct slice *action)
{
    size_t i = line.p[0] == '!' ? 1 : 0, end;
    char delimiter = i < line.n ? line.p[i] : '\0';

    if (delimiter == '\0' || (ascii_lower(delimiter) >= 'a' && ascii_lower(delimiter) <= 'z')) /* "if", "endif" */
        return false;
    for (end = i + 1; end < line.n && line.p[end] != delimiter; end++)
        end += line.p[end] == '\\' && end + 1 < line.n ? 1 : 0;
    while (end < line.n && line.p[end] != ' ' && line.p[end] != '\t')
        end++;
    *pattern = (struct slice){line.p, end};
    *action = slice_trim((struct slice){line.p + end, line.n - end});
    return true;
}

static enum table_says search_patterns(const struct table_search *s, struct slice text)
{
    struct slice line, pattern, action;

    while (text.n > 0) {
        (void)slice_cut(text, '\n', &line, &text);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ' ' || line.p[0] == '\t')
            continue;
        if (cut_pattern(line, &pattern, &action) && entry_permits(s, pattern, action))
            return TABLE_PERMITS;
    }
    return TABLE_PERMITS_NOBODY;
}

static enum table_says search_file(const struct table_search *s, struct slice path, enum table_kind kind)
{
    char name[1024];
    enum table_says says;
    struct slice text;
    struct error e;

    (void)snprintf(name, sizeof name, "%.*s", SLICE_ARG(path));
    if (lines_load(name, &text, &e) != 0)
        return unknown(s, e.text);
    says = kind == KIND_PATTERNS ? search_patterns(s, text) : search_lines(s, text);
    free((char *)text.p);
    return says;
}

static enum table_says search_listed(const struct table_search *s, struct slice table)
{
    char name[2048], folder[1024], *text;
    enum table_says says;
    struct error e;
    size_t n;

    if (s->p->list_table == NULL)
        return unknown(s, "databases are not looked into");
    if (table.n >= sizeof name)
        return unknown(s, "its name is too long");
    (void)snprintf(name, sizeof name, "%.*s", SLICE_ARG(table));
    (void)snprintf(folder, sizeof folder, "%.*s", SLICE_ARG(postfix_get(s->p, NULL, "config_directory")));
    if (s->p->list_table(folder, name, &text, &n, &e) != 0)
        return unknown(s, e.text);
    says = search_lines(s, (struct slice){text, n});
    free(text);
    return says;
}

enum table_says table_permits(const struct postfix *p, const struct postfix_service *service, struct slice table,
                              const struct config *config, char entry[TABLE_ENTRY_MAX])
{
    struct table_search s = {.p = p, .service = service, .config = config, .entry = entry};
    struct slice whole = postfix_target(table).endpoint, type, name;

    entry[0] = '\0';
    if (slice_starts_with(whole, SLICE("proxy:"))) /* the same table, opened by another process */
        whole = (struct slice){whole.p + 6, whole.n - 6};
    if (!slice_cut(whole, ':', &type, &name))
        return unknown(&s, "its type is missing");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!slice_eq(type, slice_of(types[i].type)))
            continue;
        switch (types[i].kind) {
        case KIND_LISTED:
            return search_listed(&s, whole);
        case KIND_CIDR:
        case KIND_PATTERNS:
            return search_file(&s, name, types[i].kind);
        case KIND_STATIC:
            return entry_permits(&s, SLICE("everybody"), name) ? TABLE_PERMITS : TABLE_PERMITS_NOBODY;
        case KIND_FAIL:
            return TABLE_PERMITS_NOBODY;
        }
    }
    return unknown(&s, "tables of this type are not looked into");
}

/* ---- connectors ---- */

static bool within(const struct network *inner, const struct network *outer)
{
    return inner->prefix >= outer->prefix && network_contains(outer, &inner->base);
}

bool connectors_cover(const struct config *config, const struct network *n)
{
    for (size_t i = 0; i < config->n_connectors; i++)
        for (size_t j = 0; j < config->connectors[i].n_networks; j++)
            if (within(n, &config->connectors[i].networks[j]))
                return true;
    return false;
}
