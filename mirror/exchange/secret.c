#include "mirror/exchange/secret.h"

#include "mirror/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4352u

struct secret_file {
    char path[PATH_BYTES];
    bool credentials; /* in the service manager's credentials folder */
};

static bool has_credentials(const struct secret_places *places)
{
    return places->credentials != NULL && places->credentials[0] == '/';
}

/* Looks in the service manager's folder: for the name itself, or as LoadCredential= names a file of a whole folder. */
static bool find_credential(const struct secret_places *places, const char *name, struct secret_file *out)
{
    static const char *const prefixes[] = {"", "secrets_"};
    struct stat st;

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct buf b = BUF_OVER(out->path);

        buf_addf(&b, "%s/%s%s", places->credentials, prefixes[i], name);
        out->credentials = true;
        if (!b.full && lstat(out->path, &st) == 0)
            return true;
    }
    return false;
}

static int secret_find(const struct secret_places *places, const char *name, struct secret_file *out, struct error *e)
{
    const char *slash = strrchr(places->config_file, '/');
    struct buf b = BUF_OVER(out->path);

    out->credentials = false;
    if (strchr(name, '/') != NULL) {
        buf_addf(&b, "%s", name);
    } else if (has_credentials(places)) {
        if (!find_credential(places, name, out))
            return error_set(e,
                             "%s is not among the credentials that the service manager handed over; name it with "
                             "LoadCredential=%s:/path in the unit",
                             words(slice_of(name)).text, words(slice_of(name)).text);
        return 0;
    } else {
        if (slash != NULL)
            buf_add(&b, (struct slice){places->config_file, (size_t)(slash + 1 - places->config_file)});
        buf_addf(&b, "secrets/%s", name);
    }
    return b.full ? error_set(e, "%s: too long a file name", words(slice_of(name)).text) : 0;
}

static int check_file(const struct secret_file *place, const struct stat *st, enum secret_kind kind, struct error *e)
{
    mode_t forbidden = kind == SECRET_PRIVATE ? 077 : 022;

    if (!S_ISREG(st->st_mode))
        return error_set(e, "%s: is not a regular file", words(slice_of(place->path)).text);
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return error_set(e, "%s: belongs to user %u, who could change it; expected root or the user that runs this",
                         words(slice_of(place->path)).text, (unsigned)st->st_uid);
    if (place->credentials && st->st_uid == 0)
        forbidden &= 027; /* the group's bits are the mask of the ACL that admits the service */
    if ((st->st_mode & forbidden) != 0)
        return error_set(e,
                         "%s: others may %s it (mode %03o); chmod 600 it, and hand it to the service with "
                         "LoadCredential=",
                         words(slice_of(place->path)).text, kind == SECRET_PRIVATE ? "read or change" : "change",
                         (unsigned)(st->st_mode & 0777));
    if (st->st_size == 0 || st->st_size > (off_t)SECRET_MAX)
        return error_set(e, "%s: has %lld bytes; expected 1 to %u", words(slice_of(place->path)).text,
                         (long long)st->st_size, SECRET_MAX);
    return 0;
}

static int read_all(int fd, const char *path, struct secret *out, struct error *e)
{
    out->p = calloc(1, SECRET_MAX + 1);
    if (out->p == NULL)
        return error_set(e, "no memory for a secret");
    while (out->n <= SECRET_MAX) {
        ssize_t n = read(fd, out->p + out->n, SECRET_MAX + 1 - out->n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(e, "%s: cannot be read: %s", words(slice_of(path)).text, strerror(errno));
        if (n == 0)
            break;
        out->n += (size_t)n;
    }
    if (out->n == 0 || out->n > SECRET_MAX)
        return error_set(e, "%s: is empty, or longer than %u bytes", words(slice_of(path)).text, SECRET_MAX);
    out->p[out->n] = '\0';
    return 0;
}

int secret_load(const struct secret_places *places, const char *name, enum secret_kind kind, struct secret *out,
                struct error *e)
{
    struct secret_file place;
    struct stat st;
    int fd, result = -1;

    *out = (struct secret){NULL, 0};
    if (secret_find(places, name, &place, e) != 0)
        return -1;
    fd = open(place.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_set(e, "%s: cannot be opened: %s", words(slice_of(place.path)).text,
                         errno == ELOOP ? "it is a symbolic link; name the file itself" : strerror(errno));
    if (fstat(fd, &st) != 0)
        (void)error_set(e, "%s: %s", words(slice_of(place.path)).text, strerror(errno));
    else if (check_file(&place, &st, kind, e) == 0)
        result = read_all(fd, place.path, out, e);
    (void)close(fd);
    if (result != 0)
        secret_clear(out);
    return result;
}

void secret_trim(struct secret *s)
{
    while (s->n > 0 && strchr(" \t\r\n", s->p[s->n - 1]) != NULL)
        s->p[--s->n] = '\0';
}

void secret_clear(struct secret *s)
{
    if (s->p != NULL)
        explicit_bzero(s->p, SECRET_MAX + 1);
    free(s->p);
    *s = (struct secret){NULL, 0};
}
