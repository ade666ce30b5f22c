#include "cli/processes.h"

#include "cli/spawn.h"
#include "core/base/clock.h"
#include "core/config/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const programs[] = {"postern-policyd", "postern-milter",  "postern-sasl",
                                       "postern-alert",   "postern-cluster", "postern-web"};
#define PROGRAMS (sizeof programs / sizeof *programs)

/* ---- one process ---- */

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

static bool process_same_file(const char *a, const char *b)
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

/* Field 22 of stat (proc(5)): clock ticks since boot; after the name, which may hold anything and ends with ")". */
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

/* The program that it says it is: its index; -1: none of ours. */
static int program_of(pid_t pid)
{
    char name[17];
    size_t n = read_proc(pid, "comm", name, sizeof name);

    if (n > 0 && name[n - 1] == '\n')
        name[n - 1] = '\0';
    for (size_t i = 0; i < PROGRAMS; i++)
        if (strcmp(name, programs[i]) == 0)
            return (int)i;
    return -1;
}

/*
 * Does it run that program, from a file that only root or the caller could have put there? The file may have been
 * replaced by an upgrade. What the caller may not see does not speak against it.
 */
static bool runs(pid_t pid, const char *program)
{
    static const char deleted[] = " (deleted)";
    char path[64], target[PATH_MAX], *base;
    struct stat st;
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
    n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return (errno == EACCES || errno == EPERM) && geteuid() != 0;
    target[n] = '\0';
    if ((size_t)n > strlen(deleted) && strcmp(target + n - strlen(deleted), deleted) == 0)
        target[(size_t)n - strlen(deleted)] = '\0';
    base = strrchr(target, '/');
    return base != NULL && strcmp(base + 1, program) == 0 && stat(path, &st) == 0 &&
           (st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & S_IWOTH) == 0;
}

/* The user that it is, really and effectively. */
static bool user_of(pid_t pid, uid_t *uid)
{
    char text[4096], *at;
    unsigned long real, effective;

    (void)read_proc(pid, "status", text, sizeof text);
    at = strstr(text, "\nUid:\t");
    if (at == NULL)
        return false;
    real = strtoul(at + strlen("\nUid:\t"), &at, 10);
    effective = strtoul(at, NULL, 10);
    *uid = (uid_t)effective;
    return real == effective;
}

/* Is that one of those whom services run as? The state is the services' own; where there is none yet, its folder is. */
static bool is_user_of_ours(uid_t uid, const char *program, const char *state_path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(state_path, '/');
    const struct passwd *named = getpwnam(program);
    struct stat st;

    if (uid == 0 || uid == geteuid() || (named != NULL && named->pw_uid == uid))
        return true;
    if (lstat(state_path, &st) == 0)
        return st.st_uid == uid;
    if (slash == NULL ||
        (size_t)snprintf(folder, sizeof folder, "%.*s", (int)(slash - state_path) + 1, state_path) >= sizeof folder)
        return false;
    return stat(folder, &st) == 0 && st.st_uid == uid;
}

/* Is it a service of ours with this configuration? main_process: of its unit, whose user is systemd's business. */
static bool is_service(pid_t pid, const char *program, bool main_process, const char *config_path,
                       const char *state_path)
{
    char words[4096];
    size_t n;
    uid_t uid;

    if (!runs(pid, program) || !user_of(pid, &uid) || (!main_process && !is_user_of_ours(uid, program, state_path)))
        return false;
    n = read_proc(pid, "cmdline", words, sizeof words);
    return n > 0 && process_same_file(config_of(words, n), config_path);
}

/* ---- units ---- */

/*
 * What "systemctl show --property=Id,MainPID UNIT..." says: lines NAME=VALUE, an empty one between units.
 */
pid_t processes_main_of(struct slice answer, const char *unit)
{
    struct slice line, name, value;
    bool this_one = false;
    pid_t pid = 0;

    while (answer.n > 0) {
        unsigned long long number;

        (void)slice_cut(answer, '\n', &line, &answer);
        if (line.n == 0) {
            if (this_one)
                return pid;
            pid = 0;
        }
        if (!slice_cut(line, '=', &name, &value))
            continue;
        if (slice_eq(name, SLICE("Id")))
            this_one = slice_eq(value, slice_of(unit));
        if (slice_eq(name, SLICE("MainPID")) && slice_to_u64(value, INT_MAX, &number))
            pid = (pid_t)number;
    }
    return this_one ? pid : 0;
}

/* The main processes of the programs' units; 0: there is none, or no systemd. */
static void find_mains(pid_t mains[PROGRAMS])
{
    const char *argv[PROGRAMS + 4] = {"/usr/bin/systemctl", "show", "--property=Id,MainPID"};
    char units[PROGRAMS][40];
    struct spawn_result r;
    struct error e;

    memset(mains, 0, PROGRAMS * sizeof *mains);
    for (size_t i = 0; i < PROGRAMS; i++) {
        (void)snprintf(units[i], sizeof units[i], "%s.service", programs[i]);
        argv[3 + i] = units[i];
    }
    /* As sd_booted(3) has it. */
    if (access("/run/systemd/system", F_OK) != 0 || spawn_run(argv, (struct slice){NULL, 0}, &r, &e) != 0)
        return;
    for (size_t i = 0; i < PROGRAMS; i++)
        mains[i] = processes_main_of((struct slice){r.out, r.n}, units[i]);
    spawn_free(&r);
}

/* ---- all ---- */

static void process_take(struct process *out, pid_t pid, int program, bool of_unit)
{
    *out = (struct process){.pid = pid, .of_unit = of_unit, .age_s = age_of(pid)};
    (void)snprintf(out->name, sizeof out->name, "%s", programs[program]);
}

size_t processes_find(const char *config_path, const char *state_path, struct process out[PROCESSES_MAX])
{
    const struct dirent *entry;
    pid_t mains[PROGRAMS];
    size_t n = 0;
    DIR *proc;

    find_mains(mains);
    for (size_t i = 0; i < PROGRAMS; i++) {
        if (mains[i] > 0 && is_service(mains[i], programs[i], true, config_path, state_path))
            process_take(&out[n++], mains[i], (int)i, true);
        else
            mains[i] = 0;
    }
    proc = opendir("/proc");
    while (proc != NULL && n < PROCESSES_MAX && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        int program = pid > 0 ? program_of(pid) : -1;

        if (program >= 0 && mains[program] == 0 && is_service(pid, programs[program], false, config_path, state_path))
            process_take(&out[n++], pid, program, false);
    }
    if (proc != NULL)
        (void)closedir(proc);
    return n;
}

bool processes_visible(void)
{
    char text[256];

    return read_proc(1, "stat", text, sizeof text) > 0;
}

int process_signal(const struct process *p, const char *config_path, const char *state_path, int signal)
{
    int fd = pidfd_open(p->pid, 0), result = -1, number;

    if (fd < 0)
        return -1;
    /* From here on the number cannot become another's; until here it could. */
    if (is_service(p->pid, p->name, p->of_unit, config_path, state_path))
        result = pidfd_send_signal(fd, signal, NULL, 0);
    else
        errno = ESRCH;
    number = errno;
    (void)close(fd);
    errno = number;
    return result;
}
