#include "cluster/batch.h"

#include "cluster/bytes.h"
#include "cluster/proof.h"
#include "cluster/script.h"
#include "core/base/buf.h"
#include "core/base/clock.h"

#define NS_PER_US 1000
/* How much later than two round trips what was counted here may be in Redis. */
#define LATE_NS (250 * NS_PER_MS)

/* ---- filling ---- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t twice(uint64_t burst_ns)
{
    return burst_ns == 0 || burst_ns > COUNTERS_LONGEST_WINDOW_NS / 2 ? COUNTERS_LONGEST_WINDOW_NS : 2 * burst_ns;
}

/*
 * What this relay has of a key; UINT64_MAX: nobody can say, since it is counted in an entry that others share, or in a
 * table that evicts.
 */
static uint64_t owed_here(const struct counters *counters, uint64_t key, enum outbox_table table, uint64_t now_ns)
{
    uint64_t left;

    if (table != OUTBOX_COUNTERS)
        return UINT64_MAX;
    left = counters_marked_for(counters, key, now_ns);
    return left == 0 && counters_full_for(counters, key, now_ns) ? UINT64_MAX : left;
}

/* False: there is nothing to tell of it any more. */
static bool fill_entry(struct batch *b, const struct pending_entry *entry, const struct pending *pending,
                       const struct counters *counters, uint64_t now_ns)
{
    uint64_t owed = owed_here(counters, entry->key, entry->table, now_ns);
    struct pending_entry *to = b->entries + b->n;

    *to = *entry;
    if (to->add_ns > 0 && (uint64_t)to->add_ns > owed)
        to->add_ns = (int64_t)owed;
    b->floors_ns[b->n] = 0;
    if (to->floor && owed != UINT64_MAX) {
        /* Members that this batch has no room for are told later. */
        owed = less(owed, pending_own(pending, entry->key));
        b->floors_ns[b->n] = owed < twice(to->burst_ns) ? owed : twice(to->burst_ns);
    }
    return to->reset || to->add_ns != 0 || b->floors_ns[b->n] > 0;
}

bool batch_fill(struct batch *b, struct pending *pending, const struct counters *counters, uint64_t now_ns)
{
    struct pending_entry entry;

    b->n = b->n_members = b->of_round = 0;
    while (b->n_members < BATCH_MEMBERS_MAX && pending_next_member(pending, b->tag, b->members + b->n_members))
        b->n_members++;
    for (; b->of_round < BATCH_ENTRIES_MAX && pending_next(pending, b->tag, &entry); b->of_round++)
        b->n += fill_entry(b, &entry, pending, counters, now_ns);
    b->of_round += b->n_members;
    while (b->n < BATCH_ENTRIES_MAX && pending_next_floor(pending, b->tag, &entry))
        b->n += fill_entry(b, &entry, pending, counters, now_ns);
    return b->n + b->n_members > 0;
}

void batch_cut(struct batch *b, const struct counters *counters, uint64_t now_ns)
{
    for (size_t i = 0; i < b->n; i++) {
        struct pending_entry *entry = b->entries + i;
        uint64_t owed = owed_here(counters, entry->key, entry->table, now_ns);

        if (entry->add_ns > 0 && (uint64_t)entry->add_ns > owed)
            entry->add_ns = (int64_t)owed;
        if (b->floors_ns[i] > owed)
            b->floors_ns[i] = owed;
    }
    for (size_t i = 0; i < b->n_members; i++) {
        uint64_t owed = owed_here(counters, b->members[i].key, b->members[i].table, now_ns);

        if (b->members[i].ns > owed)
            b->members[i].ns = owed;
    }
}

/* ---- the command ---- */

/* An amount up, what was given back down: stricter by less than a microsecond. */
static int64_t us_of(int64_t ns)
{
    return ns > 0 ? (ns + NS_PER_US - 1) / NS_PER_US : ns / NS_PER_US;
}

static void add_batch_key(struct command *out, unsigned batch_tag, const unsigned char *outbox)
{
    char text[64], tag[3];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "postern:{%s}:batch:", tag_text(batch_tag, tag));
    for (unsigned i = 0; i < OUTBOX_IDENTITY_BYTES; i++)
        buf_addf(&b, "%02x", outbox[i]);
    command_add(out, buf_slice(&b));
}

static void add_member(const struct pending_member *m, const struct batch_sender *sender, struct command *out)
{
    const struct proof_of of = {m->key, m->member, bytes_get32(sender->outbox), sender->wall_s};
    unsigned char proof[PROOF_BYTES];

    command_add_signed(out, us_of((int64_t)m->ns));
    command_add_number(out, twice(m->burst_ns) / NS_PER_US);
    command_add_number(out, m->keep_ns / NS_PER_MS + 1);
    if (proof_make(sender->key, &of, proof) != 0)
        out->full = true; /* not to be sent */
    command_add(out, (struct slice){(const char *)proof, sizeof proof});
}

void batch_command(const struct batch *b, const struct batch_sender *sender, bool whole, struct command *out)
{
    char sha1[SCRIPT_SHA1_DIGITS + 1];

    command_begin(out);
    command_add_static(out, whole ? "EVAL" : "EVALSHA");
    script_sha1(sha1);
    command_add(out, whole ? slice_of(script_text) : slice_of(sha1));
    command_add_number(out, 1 + b->n + 2 * b->n_members);
    add_batch_key(out, b->tag, sender->outbox);
    for (size_t i = 0; i < b->n; i++)
        command_add_key(out, b->entries[i].key, b->entries[i].key);
    for (size_t i = 0; i < b->n_members; i++) {
        command_add_key(out, b->members[i].key, b->members[i].key);
        command_add_key(out, b->members[i].member, b->members[i].key);
    }
    command_add_number(out, b->number);
    command_add_number(out, b->n);
    for (size_t i = 0; i < b->n; i++) {
        command_add_number(out, b->entries[i].reset);
        command_add_signed(out, us_of(b->entries[i].add_ns));
        command_add_number(out, twice(b->entries[i].burst_ns) / NS_PER_US);
        command_add_number(out, b->floors_ns[i] / NS_PER_US);
    }
    for (size_t i = 0; i < b->n_members; i++)
        add_member(b->members + i, sender, out);
}

/* ---- the reply ---- */

/* Does each element have the type that belongs there? */
static bool is_reply_to(const struct batch *b, const struct reply *reply)
{
    size_t n = b->n + 2 * b->n_members;

    if (reply->type != REPLY_ARRAY || reply->n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (reply->elements[i]->type != (i < b->n || (i - b->n) % 2 == 0 ? REPLY_INTEGER : REPLY_TEXT))
            return false;
    return true;
}

/* What is left, in ns; anything that can't be is taken as the nearest that can. */
static uint64_t left_ns_of(const struct reply *reply)
{
    if (reply->integer <= 0)
        return 0;
    return (uint64_t)reply->integer < COUNTERS_LONGEST_WINDOW_NS / NS_PER_US ? (uint64_t)reply->integer * NS_PER_US
                                                                             : COUNTERS_LONGEST_WINDOW_NS;
}

/* `all_ns` is what all relays have; what this one counted since then comes on top. */
static void apply_left(const struct hot_entry *entry, const struct batch_applying *with, struct batch_counts *counts)
{
    uint64_t all = entry->left_ns + pending_own(with->pending, entry->key);
    uint64_t here = owed_here(with->counters, entry->key, entry->table, with->now_ns);

    if (entry->burst_ns == 0)
        return;
    if (here != UINT64_MAX && here > all + 2 * with->round_trip_ns + LATE_NS) {
        pending_floor(with->pending, entry->key, entry->table, entry->burst_ns);
        counts->floors++;
        return;
    }
    if (here != UINT64_MAX && here >= all)
        return;
    counts->raised++;
    if (!hot_raise(with->counters, entry->key, entry->table, all, entry->burst_ns, with->now_ns))
        counts->no_room++;
}

static void apply_entry(const struct pending_entry *k, uint64_t left_ns, const struct batch_applying *with,
                        struct hot_list *hot, struct batch_counts *counts)
{
    const struct hot_entry entry = {k->key, k->table, left_ns, k->burst_ns};

    apply_left(&entry, with, counts);
    if (k->add_ns > 0 || k->floor)
        hot_note(hot, &entry, k->floor ? 0 : less(left_ns, (uint64_t)k->add_ns));
}

static void give_back(const struct pending_member *m, const struct batch_applying *with)
{
    if (m->table == OUTBOX_COUNTERS)
        counters_return(with->counters, m->key, m->ns, with->now_ns);
    else
        strangers_return(with->counters, m->table == OUTBOX_STRANGERS_REFUSALS ? STRANGERS_REFUSALS : STRANGERS_BLOCKS,
                         m->key, m->ns, with->now_ns);
}

static void apply_member(const struct pending_member *m, uint64_t left_ns, struct slice mark,
                         const struct batch_applying *with, struct hot_list *hot, struct batch_counts *counts)
{
    const struct hot_entry entry = {m->key, m->table, left_ns, m->burst_ns};
    const struct proof_of of = {m->key, m->member, bytes_get32(with->sender.outbox), with->sender.wall_s};

    if (mark.n == 0) {
        apply_left(&entry, with, counts);
        hot_note(hot, &entry, less(left_ns, m->ns));
        return;
    }
    if (!proof_holds(with->sender.key, &of, m->keep_ns / NS_PER_S, mark)) {
        counts->unproven++;
        return;
    }
    counts->known++;
    give_back(m, with);
    apply_left(&entry, with, counts);
}

int batch_apply(const struct batch *b, const struct reply *reply, const struct batch_applying *with,
                struct hot_list *hot, struct batch_counts *counts, struct error *e)
{
    if (!is_reply_to(b, reply))
        return error_set(e, "Redis replied to a batch of %zu keys and %zu members with something else", b->n,
                         b->n_members);
    for (size_t i = 0; i < b->n; i++)
        apply_entry(b->entries + i, left_ns_of(reply->elements[i]), with, hot, counts);
    for (size_t i = 0; i < b->n_members; i++)
        apply_member(b->members + i, left_ns_of(reply->elements[b->n + 2 * i]), reply->elements[b->n + 2 * i + 1]->text,
                     with, hot, counts);
    counts->keys += b->n + b->n_members;
    return 0;
}
