#include "cli/processes.h"

#include "core/clock.h"
#include "core/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const programs[] = {"postern-policyd", "postern-milter", "postern-alert", "postern-cluster",
                                       "postern-web"};

/* A file of /proc; what does not fit is cut. The number of bytes, always terminated. */
static size_t read_proc(pid_t pid, const char *name, char *out, size_t cap)
{
    char path[64];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, out, cap - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static bool is_program(const char *name)
{
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(name, programs[i]) == 0)
            return true;
    return false;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* The argument of -c in a command line of terminated words, else the default. */
static const char *config_of(const char *words, size_t n)
{
    for (size_t at = strlen(words) + 1; at < n; at += strlen(words + at) + 1) {
        if (strncmp(words + at, "-c", 2) != 0)
            continue;
        if (words[at + 2] != '\0')
            return words + at + 2;
        return at + 3 < n ? words + at + 3 : "";
    }
    return PROGRAM_CONFIG_DEFAULT;
}

/* Field 22 of stat (proc(5)): clock ticks since boot; behind the name, which may hold anything and ends with ")". */
static uint64_t age_of(pid_t pid)
{
    char text[1024], *at;
    unsigned long long ticks = 0;
    uint64_t up = clock_boot_ns() / NS_PER_S;
    long hz = sysconf(_SC_CLK_TCK);

    (void)read_proc(pid, "stat", text, sizeof text);
    at = strrchr(text, ')');
    for (unsigned field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        ticks = strtoull(at, NULL, 10);
    ticks /= hz > 0 ? (unsigned long long)hz : 100;
    return at != NULL && ticks <= up ? up - ticks : 0;
}

size_t processes_find(const char *config_path, struct process out[PROCESSES_MAX])
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    char words[4096];
    size_t n = 0;

    while (proc != NULL && n < PROCESSES_MAX && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        char name[17];
        size_t length;

        if (pid <= 0)
            continue;
        length = read_proc(pid, "comm", name, sizeof name);
        if (length > 0 && name[length - 1] == '\n')
            name[length - 1] = '\0';
        if (!is_program(name))
            continue;
        length = read_proc(pid, "cmdline", words, sizeof words);
        if (length == 0 || !same_file(config_of(words, length), config_path))
            continue;
        out[n].pid = pid;
        memcpy(out[n].name, name, sizeof out[n].name);
        out[n++].age_s = age_of(pid);
    }
    if (proc != NULL)
        (void)closedir(proc);
    return n;
}
