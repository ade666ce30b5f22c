/*
 * Publishing. The order makes a power cut harmless: the file's bytes are on disk before its name, the name before the
 * manifest that refers to it, and the manifest's bytes before it replaces the old one.
 */
#include "core/base/checksum.h"
#include "core/base/write.h"
#include "mirror/build/writer_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Readable by the group of the mail path's programs, as the folder is. */
#define FILE_MODE 0640

void writer_remove_aside(const struct writer *w)
{
    (void)unlinkat(w->folder_fd, NEXT_FILE, 0);
    (void)unlinkat(w->folder_fd, NEXT_MANIFEST, 0);
}

/* ---- generations in the folder ---- */

static DIR *open_listing(const struct writer *w)
{
    int fd = openat(w->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;

    if (fd >= 0 && listing == NULL)
        (void)close(fd);
    return listing;
}

uint64_t writer_highest_file(const struct writer *w)
{
    DIR *listing = open_listing(w);
    const struct dirent *entry;
    uint64_t highest = 0;

    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        uint64_t generation = manifest_file_generation(slice_of(entry->d_name));

        if (generation > highest)
            highest = generation;
    }
    if (listing != NULL)
        (void)closedir(listing);
    return highest;
}

void writer_remove_old(const struct writer *w, uint64_t keep, uint64_t keep_too)
{
    DIR *listing = open_listing(w);
    const struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        uint64_t generation = manifest_file_generation(slice_of(entry->d_name));

        if (generation != 0 && generation != keep && generation != keep_too)
            (void)unlinkat(w->folder_fd, entry->d_name, 0);
    }
    if (listing != NULL)
        (void)closedir(listing);
}

/* ---- the manifest ---- */

static int replace_manifest(const struct writer *w, struct slice text, struct error *e)
{
    int fd = openat(w->folder_fd, NEXT_MANIFEST, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    bool written = fd >= 0 && fchmod(fd, FILE_MODE) == 0 && write_whole(fd, text) == 0 && fsync(fd) == 0;

    if (!written)
        (void)error_set(e, "the manifest %s/" NEXT_MANIFEST " cannot be written: %s", w->folder, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    if (!written)
        return -1;
    if (renameat(w->folder_fd, NEXT_MANIFEST, w->folder_fd, MANIFEST_NAME) != 0)
        return error_set(e, "the manifest %s/" MANIFEST_NAME " cannot be replaced: %s", w->folder, strerror(errno));
    return 0;
}

static void said_of_tenant(const struct tenant_facts *facts, struct manifest_tenant *out)
{
    *out = (struct manifest_tenant){
        .settings_at = facts->settings_at, .name = slice_of(facts->name), .source = slice_of(facts->source)};
    for (size_t i = 0; i < MIRRORED_PARTS; i++) {
        out->parts[i].at = facts->parts[i].at;
        out->parts[i].source = slice_of(facts->parts[i].source);
    }
}

int writer_replace_manifest(const struct writer *w, const struct manifest *m, struct error *e)
{
    char *text = malloc(MANIFEST_MAX);
    int result = -1;
    struct buf b;

    if (text == NULL)
        return error_set(e, "out of memory");
    b = buf_over(text, MANIFEST_MAX);
    if (manifest_text(m, &b, e) == 0)
        result = replace_manifest(w, buf_slice(&b), e);
    free(text);
    return result;
}

/* Writes the manifest for this file, with this run's tenants. */
static int write_manifest(const struct writer *w, struct manifest *m, struct error *e)
{
    int result;

    m->tenants = calloc((size_t)w->tenants_n + 1, sizeof *m->tenants);
    if (m->tenants == NULL)
        return error_set(e, "out of memory");
    m->tenants_n = w->tenants_n;
    for (uint32_t i = 0; i < w->tenants_n; i++)
        said_of_tenant(&w->facts[i], &m->tenants[i]);
    result = writer_replace_manifest(w, m, e);
    manifest_free(m);
    return result;
}

int writer_confirm(struct writer *w, struct error *e)
{
    struct manifest m = w->manifest.m;

    builder_free(w->builder);
    w->builder = NULL;
    writer_remove_aside(w);
    if (write_manifest(w, &m, e) != 0)
        return -1;
    (void)fsync(w->folder_fd); /* a power cut could lose the times, nothing else */
    return 0;
}

/* ---- the file ---- */

/* Syncs the finished file to disk; *m gets its size and checksum. */
static int settle_file(struct writer *w, struct manifest *m, struct error *e)
{
    int fd = openat(w->folder_fd, NEXT_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC), result = -1;

    /* LMDB may leave out free pages at the file's end; readers expect them. */
    if (fd < 0 || ftruncate(fd, (off_t)m->size) != 0 || fchmod(fd, FILE_MODE) != 0 || fsync(fd) != 0)
        (void)error_set(e, "the new directory file %s/" NEXT_FILE " cannot be brought to disk: %s", w->folder,
                        strerror(errno));
    else if (checksum_file(fd, m->size, &m->checksum, e) != 0)
        (void)error_prefix(e, "the new directory file %s/" NEXT_FILE, w->folder);
    else
        result = 0;
    if (fd >= 0)
        (void)close(fd);
    return result;
}

int writer_publish(struct writer *w, uint64_t *bytes, struct error *e)
{
    struct manifest m = {.generation = w->last_generation + 1, .identities = w->identities};
    int result = builder_finish(w->builder, &m.size, e);

    builder_free(w->builder);
    w->builder = NULL;
    manifest_file_name(m.generation, m.file);
    if (result != 0 || settle_file(w, &m, e) != 0) {
        writer_remove_aside(w);
        return -1;
    }
    if (renameat(w->folder_fd, NEXT_FILE, w->folder_fd, m.file) != 0 || fsync(w->folder_fd) != 0) {
        (void)error_set(e, "the new directory file %s/%s cannot be named: %s", w->folder, m.file, strerror(errno));
        result = -1;
    } else {
        result = write_manifest(w, &m, e);
    }
    if (result != 0) {
        (void)unlinkat(w->folder_fd, m.file, 0);
        writer_remove_aside(w);
        return -1;
    }
    (void)fsync(w->folder_fd);
    writer_remove_old(w, m.generation, w->manifest.m.generation);
    *bytes = m.size;
    return 0;
}
