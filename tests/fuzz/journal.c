/*
 * Any bytes as a record, a usage, and each kind of key of the journal: no crash, all that is read is in range, and what
 * is written again is what was read. Then the same bytes as the beginning of an environment's file.
 */
#include "core/journal_header.h"
#include "core/journal_tally.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_record(struct slice bytes)
{
    uint8_t packed[RECORD_PACKED_MAX];
    struct journal_record r, again;
    size_t n;

    if (!record_unpack(bytes, &r))
        return;
    assert(r.action <= ACTION_HOLD && r.stage <= STAGE_END && r.tls <= TLS_NEWER);
    assert(r.reason < REASON_COUNT && r.monitored < REASON_COUNT);
    assert(memchr(r.sender, '\0', sizeof r.sender) != NULL && memchr(r.instance, '\0', sizeof r.instance) != NULL);
    n = record_pack(&r, packed);
    assert(n <= sizeof packed);
    assert(record_unpack((struct slice){(const char *)packed, n}, &again));
    assert(memcmp(&r, &again, sizeof r) == 0);
}

static void read_usage(struct slice bytes)
{
    uint8_t packed[USAGE_PACKED_MAX];
    struct usage u, again, sum;
    size_t n;

    if (!usage_unpack(bytes, &u))
        return;
    assert(u.first_s >= 0 && u.last_s >= 0 && u.last_refused_s >= 0);
    n = usage_pack(&u, packed);
    assert(n <= sizeof packed);
    assert(usage_unpack((struct slice){(const char *)packed, n}, &again));
    assert(memcmp(&u, &again, sizeof u) == 0);
    memset(&sum, 0, sizeof sum);
    usage_merge(&sum, &u);
    usage_merge(&sum, &again);
    assert(sum.messages == 2 * u.messages && sum.last_s == u.last_s);
    for (unsigned i = 1; i < USAGE_CLIENTS; i++)
        assert(sum.clients[i].last_s <= sum.clients[i - 1].last_s);
}

static void read_keys(struct slice bytes)
{
    char program[PROGRAM_NAME_MAX];
    uint8_t again[SEEN_KEY_MAX > TOTAL_KEY_MAX ? SEEN_KEY_MAX : TOTAL_KEY_MAX];
    struct slice key, tenant, mailbox;
    enum action action;
    enum reason reason;
    uint32_t hour;

    if (seen_key_read(bytes, &hour, &key)) {
        assert(seen_key(hour, key, again) == bytes.n && memcmp(again, bytes.p, bytes.n) == 0);
        if (slice_cut(key, '\0', &tenant, &mailbox) && mailbox.n > 0)
            assert(usage_key(tenant, mailbox, again) == key.n);
    }
    if (total_key_read(bytes, program, &action, &reason) && bytes.n < TOTAL_KEY_MAX && strlen(program) > 0)
        assert(total_key(program, action, reason, again) <= bytes.n);
}

static void read_header(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    uint64_t lacks;
    bool empty;

    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    if (size > 100 && data[0] == 'L') /* far more pages than bytes were given */
        assert(ftruncate(fd, 65536 * 4) == 0);
    (void)journal_header_check(fd, &empty, &lacks);
    assert(close(fd) == 0);
}

/* First byte: what it is. The rest in memory of its own size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy;
    struct slice bytes;

    if (size < 2)
        return 0;
    copy = malloc(size - 1);
    assert(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    bytes = (struct slice){copy, size - 1};
    switch (data[0] % 4) {
    case 0:
        read_record(bytes);
        break;
    case 1:
        read_usage(bytes);
        break;
    case 2:
        read_keys(bytes);
        break;
    default:
        read_header((const uint8_t *)copy, size - 1);
    }
    free(copy);
    return 0;
}
