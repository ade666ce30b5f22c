/* Copies of Postfix's files, so that a change can be taken back. */
#include "cli/setup_postfix.h"

#include "core/base/lines.h"
#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"main.cf", "master.cf"};
#define FILES (sizeof files / sizeof files[0])

/* FOLDER/MIDDLE/NAME.SUFFIX; middle and suffix may be "". */
static const char *path_of(char out[PATH_MAX], struct slice folder, const char *middle, const char *name,
                           const char *suffix)
{
    (void)snprintf(out, PATH_MAX, "%.*s/%s%s%s%s", SLICE_ARG(folder), middle, *middle != '\0' ? "/" : "", name, suffix);
    return out;
}

/* A new file of these bytes with the mode and owner of st, on the disk before it takes the name. */
static int write_file(const char *path, struct slice bytes, const struct stat *st, struct error *e)
{
    char fresh[PATH_MAX + 8];
    int fd, number;

    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    (void)unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(e, "%s: %s", fresh, strerror(errno));
    if (fchown(fd, st->st_uid, st->st_gid) == 0 && fchmod(fd, st->st_mode & 07777) == 0 &&
        write_whole(fd, bytes) == 0 && fsync(fd) == 0 && rename(fresh, path) == 0) {
        (void)close(fd);
        return 0;
    }
    number = errno;
    (void)close(fd);
    (void)unlink(fresh);
    return error_set(e, "%s: %s", path, strerror(number));
}

static int copy_file(const char *from, const char *to, struct error *e)
{
    struct slice bytes;
    struct stat st;
    int rc;

    if (stat(from, &st) != 0)
        return error_set(e, "%s: %s", from, strerror(errno));
    if (lines_load(from, &bytes, e) != 0)
        return -1;
    rc = write_file(to, bytes, &st, e);
    free((char *)(uintptr_t)bytes.p);
    return rc;
}

/* The file behind a symbolic link: a rename must not replace the link. */
static int real_path(char out[PATH_MAX], struct slice folder, const char *name, struct error *e)
{
    char path[PATH_MAX];

    if (realpath(path_of(path, folder, "", name, ""), out) == NULL)
        return error_set(e, "%s: %s", path, strerror(errno));
    return 0;
}

static void remove_copies(struct slice folder, const char *middle)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < FILES; i++) {
        (void)unlink(path_of(path, folder, middle, files[i], ""));
        (void)unlink(path_of(path, folder, middle, files[i], ".made"));
    }
    (void)rmdir(path_of(path, folder, middle, "", ""));
}

int setup_copies_keep(struct slice folder, struct error *e)
{
    char from[PATH_MAX], to[PATH_MAX];

    remove_copies(folder, SETUP_COPIES ".old");
    if (rename(path_of(from, folder, "", SETUP_COPIES, ""), path_of(to, folder, "", SETUP_COPIES ".old", "")) != 0 &&
        errno != ENOENT)
        return error_set(e, "%s: %s", from, strerror(errno));
    if (mkdir(from, 0755) != 0)
        return error_set(e, "%s: %s", from, strerror(errno));
    for (size_t i = 0; i < FILES; i++)
        if (real_path(from, folder, files[i], e) != 0 ||
            copy_file(from, path_of(to, folder, SETUP_COPIES, files[i], ""), e) != 0)
            return -1;
    return 0;
}

int setup_copies_note(struct slice folder, struct error *e)
{
    char from[PATH_MAX], to[PATH_MAX];

    for (size_t i = 0; i < FILES; i++)
        if (copy_file(path_of(from, folder, "", files[i], ""), path_of(to, folder, SETUP_COPIES, files[i], ".made"),
                      e) != 0)
            return -1;
    return 0;
}

/* 1: the same bytes; 0: not; -1 with e. A copy that was never made is not the same. */
static int same_bytes(const char *a, const char *b, struct error *e)
{
    struct slice x, y = {NULL, 0};
    int same;

    if (lines_load(a, &x, e) != 0)
        return -1;
    same = lines_load(b, &y, NULL) == 0 && slice_eq(x, y);
    free((char *)(uintptr_t)x.p);
    free((char *)(uintptr_t)y.p);
    return same;
}

int setup_copies_restore(struct slice folder, bool force, struct error *e)
{
    char now[PATH_MAX], copy[PATH_MAX];

    if (access(path_of(copy, folder, SETUP_COPIES, files[0], ""), F_OK) != 0)
        return error_set(e, "%s: %s: there is nothing to take back", copy, strerror(errno));
    for (size_t i = 0; i < FILES && !force; i++) {
        int same = same_bytes(path_of(now, folder, "", files[i], ""),
                              path_of(copy, folder, SETUP_COPIES, files[i], ".made"), e);

        if (same < 0)
            return -1;
        if (same == 0)
            return error_set(e,
                             "%s was changed since; what was changed would be lost. Compare it with %s; --force takes "
                             "it back all the same",
                             now, copy);
    }
    for (size_t i = 0; i < FILES; i++)
        if (real_path(now, folder, files[i], e) != 0 ||
            copy_file(path_of(copy, folder, SETUP_COPIES, files[i], ""), now, e) != 0)
            return -1;
    remove_copies(folder, SETUP_COPIES);
    return 0;
}
