/* A folder with a directory in it, for the tests of its reader and its writer. */
#ifndef POSTERN_TEST_DIRECTORY_FIXTURE_H
#define POSTERN_TEST_DIRECTORY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/directory/directory.h"
#include "core/directory/directory_record.h"
#include "mirror/build/writer.h"
#include "tests/unit/puts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char top[64];    /* made and removed by the test */
    char folder[80]; /* the directory's, within */
};

static inline void fixture_make(struct fixture *f)
{
    (void)snprintf(f->top, sizeof f->top, "/tmp/test_directory.XXXXXX");
    assert_non_null(mkdtemp(f->top));
    (void)snprintf(f->folder, sizeof f->folder, "%s/directory", f->top);
}

/* A path within the folder; overwritten by the next call. */
static inline const char *fixture_path(const struct fixture *f, const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return path;
}

/* Number of files whose name begins with prefix. */
static inline unsigned fixture_files(const struct fixture *f, const char *prefix)
{
    DIR *listing = opendir(f->folder);
    const struct dirent *entry;
    unsigned n = 0;

    while (listing != NULL && (entry = readdir(listing)) != NULL)
        n += entry->d_name[strspn(entry->d_name, ".")] != '\0' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (listing != NULL)
        (void)closedir(listing);
    return n;
}

static inline void fixture_remove(const struct fixture *f)
{
    DIR *listing = opendir(f->folder);
    const struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlink(fixture_path(f, entry->d_name));
    if (listing != NULL)
        (void)closedir(listing);
    (void)rmdir(f->folder);
    assert_int_equal(rmdir(f->top), 0);
}

/* Fails the test with the error's text. */
static inline void must(int result, const struct error *e)
{
    if (result < 0)
        fail_msg("%s", e->text);
}

static inline struct mailbox_id mailbox_number(unsigned n)
{
    struct mailbox_id id = {{0}};

    /* Spread, so that ascending numbers are not ascending ids. */
    id.b[0] = (uint8_t)(n * 167u);
    id.b[14] = (uint8_t)(n >> 8);
    id.b[15] = (uint8_t)n;
    return id;
}

static inline struct writer *begin(const struct fixture *f)
{
    struct writer *w = NULL;
    struct error e;

    puts_clear();
    must(writer_begin(f->folder, &w, &e), &e);
    return w;
}

static inline uint32_t add_tenant(struct writer *w, const char *name, int64_t settings_at)
{
    struct tenant_facts facts = {.smtp_auth = SMTP_AUTH_DISABLED, .settings_at = settings_at};
    struct error e;
    uint32_t index;

    (void)snprintf(facts.name, sizeof facts.name, "%s", name);
    (void)snprintf(facts.source, sizeof facts.source, "a test");
    must(writer_set_tenant(w, &facts, &index, &e), &e);
    return index;
}

/* A mailbox in a line. NULL: empty. */
struct mailbox_line {
    unsigned number;
    enum smtp_auth smtp_auth;
    const char *primary, *upn, *alias, *account;
    const char *proxies[4];
    const char *name; /* DisplayName */
};

static inline void put_as(uint32_t tenant, const struct mailbox_line *line, enum recipient_type type)
{
    char packed[2048];
    struct buf b = BUF_OVER(packed);
    struct mailbox_record r = {.id = mailbox_number(line->number),
                               .knows = MAILBOX_KNOWS_SETTINGS,
                               .smtp_auth = line->smtp_auth,
                               .recipient_type = type,
                               .primary = slice_of(line->primary),
                               .upn = slice_of(line->upn),
                               .alias = slice_of(line->alias),
                               .account = slice_of(line->account),
                               .name = slice_of(line->name)};

    for (size_t i = 0; i < 4 && line->proxies[i] != NULL; i++)
        packed_add(&b, slice_of(line->proxies[i]));
    r.proxies = buf_slice(&b);
    puts_add(tenant, &r);
}

static inline void put(uint32_t tenant, const struct mailbox_line *line)
{
    put_as(tenant, line, RECIPIENT_USER);
}

static inline struct writer_summary finish(struct writer *w)
{
    struct writer_summary summary;
    struct error e;

    must(puts_write(w, &e), &e);
    must(writer_finish(w, &summary, &e), &e);
    writer_close(w);
    return summary;
}

/* A handle that has taken the generation that is there. */
static inline struct directory *open_directory(const struct fixture *f)
{
    struct directory *d = NULL;
    struct error e;

    must(directory_open(f->folder, &d, &e), &e);
    must(directory_refresh(d, &e), &e);
    return d;
}

#endif
