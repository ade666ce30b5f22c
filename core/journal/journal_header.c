#include "core/journal/journal_header.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The first pages as LMDB 0.9 writes them: a page's head of two words, then these (struct MDB_meta of mdb.c, 0.9.24;
 * the format has been the same since 0.9.11). All in the machine's own byte order and word size.
 */
#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_VERSION 1u
#define PAGE_HEAD (sizeof(size_t) + 8)
#define PAGE_MIN 512u
#define PAGE_MAX 65536u

struct tree {
    uint32_t pad; /* of the first tree: the size of a page */
    uint16_t flags, depth;
    size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
    uint32_t magic, version;
    size_t address, map_size;
    struct tree trees[2];
    size_t last_page, transaction;
};

/* No transaction of ours takes that much and frees it again. */
#define LACKS_MAX (UINT64_C(256) << 20)

#define NO_PAGE SIZE_MAX

static bool meta_is_sound(const struct meta *m, size_t page)
{
    if (m->magic != LMDB_MAGIC || m->version != LMDB_VERSION || m->trees[0].pad != page)
        return false;
    if (m->last_page < 1 || m->last_page > SIZE_MAX / page - 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (m->trees[i].root != NO_PAGE && (m->trees[i].root < 2 || m->trees[i].root > m->last_page))
            return false;
    return true;
}

static bool read_meta(int fd, off_t at, struct meta *m)
{
    return pread(fd, m, sizeof *m, at + (off_t)PAGE_HEAD) == (ssize_t)sizeof *m;
}

static const char *check_once(int fd, bool *empty, uint64_t *lacks)
{
    struct meta metas[2];
    struct stat st;
    uint64_t wanted;
    size_t page;
    bool begins = read_meta(fd, 0, &metas[0]);

    *lacks = 0;
    page = begins ? metas[0].trees[0].pad : PAGE_MIN;
    if (begins && (metas[0].magic != LMDB_MAGIC || page < PAGE_MIN || page > PAGE_MAX || (page & (page - 1)) != 0))
        return "is damaged: it does not begin as an LMDB file of this machine";
    begins = begins && read_meta(fd, (off_t)page, &metas[1]);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) /* after the reading: another program may let it grow */
        return "is not a plain file";
    *empty = (uint64_t)st.st_size < 2 * page;
    if (*empty)
        return NULL;
    if (!begins || !meta_is_sound(&metas[0], page) || !meta_is_sound(&metas[1], page))
        return "is damaged: its first pages were changed";
    wanted = (metas[metas[1].transaction > metas[0].transaction].last_page + 1) * (uint64_t)page;
    if (wanted > (uint64_t)st.st_size)
        *lacks = wanted - (uint64_t)st.st_size;
    return *lacks > LACKS_MAX ? "is damaged: it was cut" : NULL;
}

const char *journal_header_check(int fd, bool *empty, uint64_t *lacks)
{
    const char *why = NULL;

    /* More than once: another program may be writing these pages now. */
    for (int i = 0; i < 3; i++) {
        why = check_once(fd, empty, lacks);
        if (why == NULL)
            break;
    }
    return why;
}
