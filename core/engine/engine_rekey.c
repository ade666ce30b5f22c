/*
 * Rekeys blocks of logins when a login may mean another mailbox: with a new generation of the directory, a new
 * configuration, or a version of postern that knows more spellings. The block's subject is resolved again, and the
 * block gets the key that the mail path looks up; it never ends earlier.
 */
#include "core/base/clock.h"
#include "core/decide/block_keys.h"
#include "core/decide/decide_steps.h"
#include "core/decide/keys.h"
#include "core/directory/directory_record.h"
#include "core/engine/engine_parts.h"

#include <stdlib.h>

/* The subject of one block, resolved. */
struct rekey_subject {
    struct submission submission;
    struct verdict verdict;
    bool user; /* "user NAME"; else "login NAME" */
    char name[sizeof((struct block *)0)->subject];
};

/* A key of the same kind as the block has. */
static uint64_t key_like(const struct decide_context *c, const struct block *block, unsigned part, uint64_t value)
{
    return key_of_block_value(c->secret, part | (block->defers ? OF_DEFERRING : 0), value);
}

static bool resolve_subject(const struct decide_context *c, const struct block *block, struct rekey_subject *out)
{
    struct deciding d = {.c = c, .s = &out->submission, .v = &out->verdict};
    struct slice kind, name;

    if (!slice_cut(slice_of(block->subject), ' ', &kind, &name))
        return false;
    out->user = slice_eq(kind, SLICE("user"));
    memset(&out->submission, 0, sizeof out->submission);
    out->submission.stage = STAGE_MAIL;
    if ((!out->user && !slice_eq(kind, SLICE("login"))) ||
        !block_subject_name(block, out->name, sizeof out->name, &out->submission.login_text))
        return false;
    login_parse(out->submission.login_text, &out->submission.login);
    if (out->submission.login.kind == LOGIN_BAD || out->submission.login.kind == LOGIN_NONE)
        return false;
    memset(&out->verdict, 0, sizeof out->verdict);
    (void)step_who(&d);
    return out->verdict.reason != REASON_DIRECTORY_DAMAGED;
}

/* Does the block's key come from this name, as it was typed, or as resolved before the mailbox existed? */
static bool is_of_name(const struct decide_context *c, const struct rekey_subject *x, const struct block *block)
{
    uint64_t typed = key_of_login(c->secret, &x->submission.login),
             before = key_without_mailbox(c, &x->submission, &x->verdict.identity);

    if (x->user)
        return block->key == key_like(c, block, PER_USER, typed) || block->key == key_like(c, block, PER_USER, before);
    /* A login that was blocked as it was typed stays blocked. */
    return block->key == key_like(c, block, PER_LOGIN, before) && before != typed;
}

/* DIRECTORY_FOUND: the block's key is that of one of the tenant's mailboxes. */
static enum directory_result is_in_tenant(const struct decide_context *c, const struct tenant_facts *tenant,
                                          const struct block *block)
{
    uint64_t hash = hash_slice(c->secret, slice_of(tenant->name));
    struct mailbox_record mailbox;
    enum directory_result found = directory_next_mailbox(c->view, tenant->tenant, NULL, &mailbox);

    while (found == DIRECTORY_FOUND &&
           block->key != key_like(c, block, PER_USER, key_of_mailbox(c->secret, hash, &mailbox.id))) {
        struct mailbox_id id = mailbox.id;

        found = directory_next_mailbox(c->view, tenant->tenant, &id, &mailbox);
    }
    return found;
}

/* Is the block's key that of a mailbox that still exists under another name? True when that is unknown. A walk over the
 * directory, for blocks whose subject no mailbox has as a name any more. */
static bool is_of_a_mailbox(const struct decide_context *c, const struct block *block)
{
    for (uint32_t i = 0; i < directory_tenants(c->view); i++) {
        const struct tenant_facts *tenant = directory_tenant(c->view, i);

        if (tenant == NULL || is_in_tenant(c, tenant, block) != DIRECTORY_NOT_FOUND)
            return true;
    }
    return false;
}

/* The key of a block on the subject's name while no mailbox has that name. */
static uint64_t name_key(const struct decide_context *c, const struct rekey_subject *x, const struct block *block)
{
    return key_like(c, block, x->user ? PER_USER : PER_LOGIN, x->verdict.identity.login);
}

/* Is it the block of a mailbox, and no mailbox has its subject as a name any more? */
static bool lost_its_name(const struct decide_context *c, const struct rekey_subject *x, const struct block *block)
{
    return x->user && x->verdict.identity.n_claims == 0 && block->key != name_key(c, x, block) &&
           !is_of_name(c, x, block);
}

/*
 * The key that the block should have; its present one if that is right. The block of a mailbox that does not follow
 * from the name stays as it is, since somebody else may have the name by now, or the mailbox another one.
 */
static uint64_t wanted_key(const struct decide_context *c, const struct rekey_subject *x, const struct block *block)
{
    const struct identity *id = &x->verdict.identity;

    if (id->n_claims > 0)
        return is_of_name(c, x, block) ? key_like(c, block, PER_USER, id->user) : block->key;
    if (x->user)
        return name_key(c, x, block);
    return block->key == key_like(c, block, PER_LOGIN, key_of_login(c->secret, &x->submission.login))
               ? name_key(c, x, block)
               : block->key;
}

/* Without room for the new key, the block stays on the old one. */
static void move_block(struct engine *engine, struct blocks *blocks, const struct block *block, uint64_t key,
                       uint64_t now_ns, bool lift)
{
    struct block moved = *block;
    struct error e;

    moved.key = key;
    if (blocks_add(blocks, &moved, now_ns, &e) != 0)
        log_say(engine->log, LEVEL_ERROR, "the block of %s holds for one spelling only: %s", block->subject, e.text);
    else if (lift)
        (void)blocks_lift(blocks, block->key, now_ns);
}

/*
 * The name of a mailbox that is gone is nobody else's: the block holds for the name, too, and stays on the mailbox,
 * which may come back under another name. When it is back the name is free.
 */
static void follow_mailbox(struct engine *engine, const struct decide_context *c, const struct rekey_subject *x,
                           const struct block *block, bool lift)
{
    struct blocks *blocks = state_blocks(engine->state);
    uint64_t name = name_key(c, x, block), until_ns;

    if (!is_of_a_mailbox(c, block))
        move_block(engine, blocks, block, name, c->now_ns, false);
    else if (lift && blocks_find(blocks, name, c->now_ns, &until_ns) && until_ns == block->until_ns)
        (void)blocks_lift(blocks, name, c->now_ns);
}

void engine_rekey_blocks(struct engine *engine, const struct decide_context *c, bool lift)
{
    struct blocks *blocks = state_blocks(engine->state);
    struct rekey_subject *x;
    struct block block;

    if (c->view == NULL || !blocks_any(blocks))
        return;
    if ((x = malloc(sizeof *x)) == NULL) /* the next generation tries again */
        return;
    for (uint32_t at = 0; blocks_next(blocks, &at, c->now_ns, &block);) {
        uint64_t key;

        if (!resolve_subject(c, &block, x))
            continue;
        if (lost_its_name(c, x, &block))
            follow_mailbox(engine, c, x, &block, lift);
        else if ((key = wanted_key(c, x, &block)) != block.key)
            move_block(engine, blocks, &block, key, c->now_ns, lift);
    }
    free(x);
}
