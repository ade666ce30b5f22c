#include "core/base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int secret_file_check(int fd, struct error *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return error_set(e, "no regular file");
    if ((st.st_mode & 07) != 0)
        return error_set(e, "others may open it (mode %04o); chmod o= it", (unsigned)st.st_mode & 07777);
    return 0;
}

int secret_file_line(const char *path, char *out, size_t cap, struct error *e)
{
    int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = -1;

    if (fd < 0)
        return error_set(e, "%s", strerror(errno));
    if (secret_file_check(fd, e) == 0 && (n = read(fd, out, cap - 1)) < 0)
        (void)error_set(e, "%s", strerror(errno));
    (void)close(fd);
    if (n < 0)
        return -1;
    out[n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return 0;
}
