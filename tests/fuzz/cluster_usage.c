/* links: cluster */
/* What a relay tells of its usage, as one could that has the key and means harm; and rows as they lie on the disk. */
#include "cluster/usage_record.h"
#include "core/journal/usage_row.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct slice name)
{
    if (name.n == 0 || name.n >= RELAY_NAME_MAX)
        abort();
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~')
            abort();
}

/* What was read is written as a row that reads the same, and can be added to another. */
static void check_row(struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    unsigned char mem[USAGE_ROW_MAX];
    struct slice row = {(const char *)mem, usage_row_pack(tenant, mailbox, usage, mem, sizeof mem)}, t, m;
    struct usage back, sum = *usage;

    if (row.n == 0 || !usage_row_take(&row, &t, &m, &back) || row.n > 0 || !slice_eq(t, tenant) ||
        !slice_eq(m, mailbox) || memcmp(&back, usage, sizeof back) != 0)
        abort();
    usage_add(&sum, usage);
    if (sum.last_s != usage->last_s || sum.messages < usage->messages || sum.messages > INT64_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct usage_record r;
    struct slice rows = {(const char *)data, size}, tenant, mailbox;
    struct usage usage;

    if (size > USAGE_RECORD_MAX)
        return 0;
    if (usage_record_read(rows, &r) == 0) {
        check_name(r.name);
        if (r.n_asked > USAGE_ASKED_MAX || r.place.series == 0 || r.place.number == 0 || r.as_of_s < 0 || r.since_s < 0)
            abort();
        for (size_t i = 0; i < r.n_asked; i++)
            check_name(r.asked[i].relay);
        rows = r.rows;
    }
    while (usage_row_take(&rows, &tenant, &mailbox, &usage))
        check_row(tenant, mailbox, &usage);
    return 0;
}
