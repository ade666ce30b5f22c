/*
 * Any bytes as decisions, a usage, and each kind of key of the journal: no crash, all that is read is in range, and
 * what is written again is what was read. Then the same bytes as the beginning of an environment's file.
 */
#include "core/journal/journal_header.h"
#include "core/journal/journal_tally.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_decision(struct slice bytes)
{
    uint8_t packed[EVENT_PACKED_MAX];
    struct journal_event v, again;
    struct journal_record r, r_again;
    struct slice written;

    while (bytes.n > 0) {
        if (!event_unpack(&bytes, &v))
            continue;
        assert(v.action <= ACTION_HOLD && v.stage <= STAGE_END && v.tls <= TLS_NEWER);
        assert(v.reason < REASON_COUNT && v.monitored < REASON_COUNT);
        record_of(&v, &r);
        assert(memchr(r.sender, '\0', sizeof r.sender) != NULL && memchr(r.instance, '\0', sizeof r.instance) != NULL);
        written = (struct slice){(const char *)packed, event_pack(&v, v.counts, packed)};
        assert(written.n <= sizeof packed && event_size(packed) == written.n && event_at(packed) == v.at_ns);
        assert(event_unpack(&written, &again) && written.n == 0);
        record_of(&again, &r_again);
        assert(memcmp(&r, &r_again, sizeof r) == 0);
    }
}

static void read_usage(struct slice bytes)
{
    const struct journal_event message = {.at_ns = UINT64_C(1700000000000000000),
                                          .counts = true,
                                          .has_client = true,
                                          .messages = 1,
                                          .recipients = 3,
                                          .login = SLICE("anna@contoso.example")};
    uint8_t packed[USAGE_PACKED_MAX];
    struct usage u, again;
    struct tally *tally;
    size_t n;

    if (!usage_unpack(bytes, &u))
        return;
    assert(u.first_s >= 0 && u.last_s >= 0 && u.last_refused_s >= 0);
    n = usage_pack(&u, packed);
    assert(n <= sizeof packed);
    assert(usage_unpack((struct slice){(const char *)packed, n}, &again));
    assert(memcmp(&u, &again, sizeof u) == 0);
    tally = tally_new(1);
    assert(tally != NULL && tally_add(tally, &message));
    tally_sort(tally);
    assert(tally_add_to(tally, 0, &again) == 1);
    assert(again.messages == u.messages + 1 && again.recipients == u.recipients + 3);
    for (unsigned i = 1; i < USAGE_CLIENTS; i++)
        assert(again.clients[i].last_s <= again.clients[i - 1].last_s);
    tally_free(tally);
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
        read_decision(bytes);
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
