/* The keys of the journal's tables. */
#include "core/journal/journal_pack.h"

#include <endian.h>

#define S_PER_HOUR 3600

void decision_key(uint64_t at_ns, uint32_t process, uint32_t number, uint8_t out[DECISION_KEY_SIZE])
{
    at_ns = htobe64(at_ns);
    process = htobe32(process);
    number = htobe32(number);
    memcpy(out, &at_ns, 8);
    memcpy(out + 8, &process, 4);
    memcpy(out + 12, &number, 4);
}

uint64_t decision_key_at(const void *key)
{
    uint64_t at_ns;

    memcpy(&at_ns, key, sizeof at_ns);
    return be64toh(at_ns);
}

/* ascii_lower of eight bytes at once: a byte is a capital letter when adding carries into its highest bit as said. */
static uint64_t lower_word(uint64_t word)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t low = word & (0x7f * each);
    uint64_t from_a = low + (0x80 - 'A') * each, beyond_z = low + (0x7f - 'Z') * each;

    return word | ((from_a & ~beyond_z & ~word & 0x80 * each) >> 2);
}

static void lower(uint8_t *out, const char *text, size_t n)
{
    uint64_t word;
    size_t i = 0;

    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        word = lower_word(word);
        memcpy(out + i, &word, sizeof word);
    }
    for (; i < n; i++)
        out[i] = (uint8_t)ascii_lower(text[i]);
}

size_t usage_key(struct slice tenant, struct slice mailbox, uint8_t *out)
{
    size_t n = tenant.n + 1 + mailbox.n;

    if (n > USAGE_KEY_MAX || mailbox.n == 0 || (tenant.n > 0 && memchr(tenant.p, '\0', tenant.n) != NULL))
        return 0;
    if (tenant.n > 0)
        memcpy(out, tenant.p, tenant.n);
    out[tenant.n] = '\0';
    lower(out + tenant.n + 1, mailbox.p, mailbox.n);
    return n;
}

uint32_t usage_hour(const struct usage *u)
{
    int64_t s = u->last_s > u->last_refused_s ? u->last_s : u->last_refused_s;

    if (s <= 0)
        return 0;
    return s / S_PER_HOUR < UINT32_MAX ? (uint32_t)(s / S_PER_HOUR) : UINT32_MAX;
}

size_t seen_key(uint32_t hour, struct slice key, uint8_t *out)
{
    hour = htobe32(hour);
    memcpy(out, &hour, sizeof hour);
    memcpy(out + sizeof hour, key.p, key.n);
    return sizeof hour + key.n;
}

bool seen_key_read(struct slice key, uint32_t *hour, struct slice *usage)
{
    if (key.n <= sizeof *hour || key.n > SEEN_KEY_MAX)
        return false;
    memcpy(hour, key.p, sizeof *hour);
    *hour = be32toh(*hour);
    *usage = (struct slice){key.p + sizeof *hour, key.n - sizeof *hour};
    return true;
}

size_t total_key(const char *program, enum action action, enum reason reason, uint8_t *out)
{
    const char *const parts[] = {program, action_name(action), reason_row(reason)->name};
    struct buf b = buf_over((char *)out, TOTAL_KEY_MAX);

    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            buf_add_char(&b, '\0');
        buf_add(&b, slice_of(parts[i]));
    }
    return b.n;
}

size_t dropped_key(const char *program, uint8_t *out)
{
    struct buf b = buf_over((char *)out, TOTAL_KEY_MAX);

    buf_add(&b, slice_of(program));
    buf_add_char(&b, '\0');
    buf_add(&b, SLICE("dropped"));
    return b.n;
}

bool is_dropped_key(struct slice key)
{
    struct slice rest;

    return slice_cut(key, '\0', NULL, &rest) && slice_eq(rest, SLICE("dropped"));
}

bool total_key_read(struct slice key, char *program, enum action *action, enum reason *reason)
{
    struct slice name, act, rest;

    if (!slice_cut(key, '\0', &name, &rest) || !slice_cut(rest, '\0', &act, &rest) || name.n >= PROGRAM_NAME_MAX ||
        name.n == 0 || !reason_find(rest, reason))
        return false;
    memcpy(program, name.p, name.n);
    program[name.n] = '\0';
    for (unsigned i = 0; i <= ACTION_HOLD; i++)
        if (slice_eq(act, slice_of(action_name((enum action)i)))) {
            *action = (enum action)i;
            return true;
        }
    return false;
}
