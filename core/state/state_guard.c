#include "core/state/state_guard.h"

#include "core/state/state.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCHED_MAX 128

/* All atomic: the handler may run in any thread at any time. base 0: free; bytes 0: being filled. */
static struct watched {
    uintptr_t base;
    size_t bytes;
    size_t tail; /* from here on the file was replaced by memory */
    int fd;
    int tripped;
    int busy; /* a thread is replacing pages */
} table[WATCHED_MAX];

static struct sigaction before;
static size_t page_size = 4096;

int guard_watch(void *base, size_t bytes, int fd)
{
    for (int i = 0; i < WATCHED_MAX; i++) {
        uintptr_t none = 0;

        if (!__atomic_compare_exchange_n(&table[i].base, &none, (uintptr_t)base, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        __atomic_store_n(&table[i].fd, fd, __ATOMIC_RELAXED);
        __atomic_store_n(&table[i].tripped, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&table[i].tail, bytes, __ATOMIC_RELAXED);
        __atomic_store_n(&table[i].bytes, bytes, __ATOMIC_RELEASE);
        return i;
    }
    return -1;
}

void guard_forget(int place)
{
    if (place < 0)
        return;
    __atomic_store_n(&table[place].bytes, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&table[place].base, 0, __ATOMIC_RELEASE);
}

bool guard_tripped(int place)
{
    return place >= 0 && __atomic_load_n(&table[place].tripped, __ATOMIC_ACQUIRE) != 0;
}

static bool put_memory(uintptr_t at, size_t bytes)
{
    /* The address is inside a mapping of ours. */
    return mmap((void *)at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
           MAP_FAILED;
}

/* The file's current size, in whole pages. */
static size_t reached_bytes(const struct watched *w, size_t bytes)
{
    struct stat st;

    if (fstat(__atomic_load_n(&w->fd, __ATOMIC_RELAXED), &st) != 0 || st.st_size < 0 || (uint64_t)st.st_size >= bytes)
        return bytes;
    return ((size_t)st.st_size + page_size - 1) & ~(page_size - 1);
}

/*
 * Replaces everything beyond the file's end at once, since mappings are limited; otherwise only the page that faulted
 * (page_at, or NO_PAGE). A second thread that faults meanwhile waits, so that it doesn't wipe what the first has
 * counted since.
 */
#define NO_PAGE SIZE_MAX
static bool replace(struct watched *w, size_t page_at)
{
    uintptr_t base = __atomic_load_n(&w->base, __ATOMIC_RELAXED);
    size_t tail, reached;
    bool good = true;

    while (__atomic_exchange_n(&w->busy, 1, __ATOMIC_ACQ_REL) != 0)
        continue;
    tail = __atomic_load_n(&w->tail, __ATOMIC_RELAXED);
    reached = reached_bytes(w, __atomic_load_n(&w->bytes, __ATOMIC_RELAXED));
    if (reached < tail) {
        good = put_memory(base + reached, tail - reached);
        __atomic_store_n(&w->tail, reached, __ATOMIC_RELAXED);
        __atomic_store_n(&w->tripped, 1, __ATOMIC_RELEASE);
    } else if (page_at < tail) {
        good = put_memory(base + page_at, page_size);
        __atomic_store_n(&w->tripped, 1, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&w->busy, 0, __ATOMIC_RELEASE);
    return good;
}

void guard_replace_tail(int place)
{
    if (place >= 0)
        (void)replace(table + place, NO_PAGE);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    int saved = errno;

    (void)context;
    for (int i = 0; i < WATCHED_MAX; i++) {
        uintptr_t base = __atomic_load_n(&table[i].base, __ATOMIC_ACQUIRE);
        size_t bytes = __atomic_load_n(&table[i].bytes, __ATOMIC_ACQUIRE);

        /* si_code > 0: a fault; otherwise the signal was sent, and si_addr means nothing. */
        if (info->si_code > 0 && base != 0 && at >= base && at - base < bytes &&
            replace(table + i, (at - base) & ~(page_size - 1))) {
            errno = saved;
            return;
        }
    }
    /* Not ours: the fault comes again and meets the previous handler. */
    (void)sigaction(signal, &before, NULL);
    if (info->si_code <= 0)
        (void)raise(signal);
    errno = saved;
}

int state_guard_install(struct error *e)
{
    struct sigaction ours;
    long page = sysconf(_SC_PAGESIZE);

    if (page > 0)
        page_size = (size_t)page;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO;
    (void)sigemptyset(&ours.sa_mask);
    if (sigaction(SIGBUS, &ours, &before) != 0)
        return error_set(e, "cannot handle SIGBUS: %s", strerror(errno));
    return 0;
}
