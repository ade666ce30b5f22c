/* A folder of its own for each test, exported files in it, and runs of "postern-mirror import" over them. */
#ifndef POSTERN_TESTS_IMPORT_FIXTURE_H
#define POSTERN_TESTS_IMPORT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/directory/directory_record.h"
#include "mirror/import.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIXTURE_FILES 8

struct fixture {
    char folder[64], directory[96];
    char paths[FIXTURE_FILES][160];
    unsigned n_files;
    char *out; /* of the last run */
    size_t out_n;
    struct error e;
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct buf directory;

    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/postern-import-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    directory = BUF_OVER(f->directory);
    buf_addf(&directory, "%s/directory", f->folder);
    *state = f;
    return 0;
}

static inline void fixture_remove(const char *folder)
{
    char path[512];
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' && (entry->d_name[1] == '\0' || entry->d_name[1] == '.'))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    fixture_remove(f->directory);
    fixture_remove(f->folder);
    free(f->out);
    free(f);
    return 0;
}

/* The next file of the next run. */
static inline void give_bytes(struct fixture *f, const char *name, struct slice bytes)
{
    struct buf path;
    FILE *file;

    assert_true(f->n_files < FIXTURE_FILES);
    path = buf_over(f->paths[f->n_files], sizeof f->paths[0]);
    buf_addf(&path, "%s/%s", f->folder, name);
    file = fopen(f->paths[f->n_files++], "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.p != NULL ? bytes.p : "", 1, bytes.n, file), bytes.n);
    assert_int_equal(fclose(file), 0);
}

static inline void give(struct fixture *f, const char *name, const char *text)
{
    give_bytes(f, name, slice_of(text));
}

/* Runs over the files that were given; options may be NULL. */
static inline enum import_result run(struct fixture *f, const struct import_options *changes)
{
    const char *files[FIXTURE_FILES];
    struct import_options options = {.kind = KINDS, .max_change = IMPORT_MAX_CHANGE};
    enum import_result result;

    if (changes != NULL)
        options = *changes;
    for (unsigned i = 0; i < f->n_files; i++)
        files[i] = f->paths[i];
    free(f->out);
    f->out = NULL;
    f->e.text[0] = '\0';
    options.out = open_memstream(&f->out, &f->out_n);
    assert_non_null(options.out);
    options.directory = f->directory;
    options.tenant = options.tenant != NULL ? options.tenant : "contoso";
    options.now = options.now != 0 ? options.now : 1790000000;
    options.files = files;
    options.n_files = f->n_files;
    result = import_run(&options, &f->e);
    assert_int_equal(fclose(options.out), 0);
    f->n_files = 0;
    return result;
}

static inline void run_ok(struct fixture *f)
{
    if (run(f, NULL) != IMPORT_DONE)
        fail_msg("%s", f->e.text);
}

static inline void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, part);
}

struct opened {
    struct directory *d;
    struct directory_view *v;
};

static inline struct opened open_directory(struct fixture *f)
{
    struct opened o;

    assert_int_equal(directory_open(f->directory, &o.d, &f->e), 0);
    if (directory_refresh(o.d, &f->e) < 0)
        fail_msg("%s", f->e.text);
    o.v = directory_view_get(o.d);
    return o;
}

static inline void close_directory(struct opened o)
{
    if (o.v != NULL)
        directory_view_put(o.d, o.v);
    directory_close(o.d);
}

/* Generation in use, 0 for none. */
static inline unsigned generation(struct fixture *f)
{
    struct opened o = open_directory(f);
    unsigned n = (unsigned)directory_generation(o.d);

    close_directory(o);
    return n;
}

static inline struct tenant_facts facts(struct fixture *f)
{
    struct opened o = open_directory(f);
    struct tenant_facts found = {.tenant = UINT32_MAX};
    const struct tenant_facts *t = o.v != NULL ? directory_tenant_named(o.v, SLICE("contoso")) : NULL;

    if (t != NULL)
        found = *t;
    close_directory(o);
    return found;
}

/* The mailbox that an address or account finds; false for none. */
static inline bool find(struct fixture *f, const char *login, struct mailbox_ref *ref)
{
    struct opened o = open_directory(f);
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;
    const struct tenant_facts *t = o.v != NULL ? directory_tenant_named(o.v, SLICE("contoso")) : NULL;
    enum directory_result result = DIRECTORY_NOT_FOUND;

    if (t != NULL && strchr(login, '@') != NULL)
        result = directory_by_address(o.v, t->tenant, slice_of(login), refs, &n);
    else if (t != NULL)
        result = directory_by_account(o.v, t->tenant, slice_of(login), refs, &n);
    close_directory(o);
    assert_int_not_equal(result, DIRECTORY_DAMAGED);
    if (result == DIRECTORY_FOUND)
        *ref = refs[0];
    return result == DIRECTORY_FOUND;
}

static inline void assert_setting(struct fixture *f, const char *login, enum smtp_auth setting)
{
    struct mailbox_ref ref;

    if (!find(f, login, &ref))
        fail_msg("%s is not in the directory", login);
    assert_int_equal(ref.smtp_auth, setting);
}

static inline unsigned rights_of(struct fixture *f, const char *trustee, const char *target)
{
    struct mailbox_ref a, b;
    struct opened o;
    unsigned rights = 0;

    assert_true(find(f, trustee, &a));
    assert_true(find(f, target, &b));
    o = open_directory(f);
    assert_int_not_equal(directory_rights(o.v, a.tenant, &a.id, &b.id, &rights), DIRECTORY_DAMAGED);
    close_directory(o);
    return rights;
}

#endif
