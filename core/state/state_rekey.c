#include "core/state/state_rekey.h"

#include "core/state/state_store.h"

/* How long to wait for another program that changes the file. */
#define REKEY_WAIT_MS 2000

/* The old blocks under their new keys, in memory. NULL with e. */
static struct mapping *keyed_again(const struct mapping *old, const struct layout *l, const struct hash_secret *secret,
                                   uint64_t now_ns, state_key_block *key_block, void *arg, struct error *e)
{
    struct layout small = layout_of(COUNTERS_ENTRIES_MIN, l->blocks);
    struct mapping *m = mapping_make(-1, &small, secret, e);
    struct block block;

    for (uint32_t at = 0; m != NULL && old != NULL && blocks_next(&old->blocks, &at, now_ns, &block);)
        if (key_block(arg, &block, e) != 0 || blocks_add(&m->blocks, &block, now_ns, e) != 0) {
            mapping_free(m);
            m = NULL;
        }
    return m;
}

static int replace(const struct place *p, const struct mapping *old, const struct layout *l,
                   const struct clock_reading *r, state_key_block *key_block, void *arg,
                   const struct hash_secret *secret, unsigned *blocks, struct error *e)
{
    uint64_t offset_ns = old != NULL ? old->offset_ns : state_clock_begin(r), now_ns = r->boot_ns + offset_ns;
    struct mapping *kept = keyed_again(old, l, secret, now_ns, key_block, arg, e), *m = NULL;
    int result = -1;

    if (kept != NULL && (m = store_make(p, l, secret, offset_ns, r, e)) != NULL) {
        (void)blocks_take_over(&m->blocks, &kept->blocks, now_ns);
        *blocks = blocks_count(&m->blocks, now_ns);
        result = store_publish(p, &m, e);
    }
    mapping_free(m);
    mapping_free(kept);
    return result;
}

int state_rekey(const struct state_options *options, const struct hash_secret *secret, state_key_block *key_block,
                void *arg, struct state_rekeyed *out, struct error *e)
{
    struct clock_reading r = {options->boot_ns, options->wall_ns, options->boot_id};
    struct layout l = layout_of(options->entries, options->blocks);
    enum place_found found = PLACE_UNUSABLE;
    struct mapping *old = NULL;
    struct place p;
    int result = -1;

    *out = (struct state_rekeyed){.same = false};
    place_supply(options->path, REKEY_WAIT_MS);
    if (place_open(&p, options->path, REKEY_WAIT_MS, e) != 0)
        goto out;
    if (!place_is_locked(&p)) {
        (void)error_set(e, "state file %s: another program is changing it; try again", options->path);
        goto out;
    }
    old = store_open(&p, &r, &found, e);
    if (old == NULL && found != PLACE_NONE)
        goto out;
    if (old != NULL && memcmp(&old->secret, secret, sizeof old->secret) == 0) {
        out->same = true;
        result = 0;
        goto out;
    }
    result = replace(&p, old, old != NULL ? &old->layout : &l, &r, key_block, arg, secret, &out->blocks, e);
out:
    mapping_free(old);
    place_close(&p);
    return result;
}
