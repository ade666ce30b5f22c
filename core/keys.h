/*
 * Keys of counters and blocks: keyed hashes of who or what is counted, made from the tenant and the immutable id of a
 * mailbox where there is one, so that all spellings of a login, and a renamed mailbox, share one counter.
 */
#ifndef POSTERN_KEYS_H
#define POSTERN_KEYS_H

#include "core/decide.h"

uint64_t key_of_ip(const struct hash_secret *secret, const struct ip *ip);
uint64_t key_of_network(const struct hash_secret *secret, const struct network *network);
uint64_t key_of_mailbox(const struct hash_secret *secret, uint64_t tenant_hash, const struct mailbox_id *id);
/* Of several mailboxes that claim one name the smallest id stands for all: its spellings share one counter. n > 0. */
uint64_t key_of_claims(const struct hash_secret *secret, uint64_t tenant_hash, const struct mailbox_ref *claims,
                       unsigned n);
/* As it was typed. */
uint64_t key_of_login(const struct hash_secret *secret, const struct login *login);
/*
 * Of a login that has no mailbox in the directory: of the address that it stands for, so that sean, CONTOSO\sean and
 * sean@contoso.example are one; of tenant and name where the tenant has no domain to complete the name with.
 */
uint64_t key_outside(const struct decide_context *c, const struct submission *s, const struct identity *id);
/* The same of a login that may have one, as if the directory had no such mailbox. */
uint64_t key_without_mailbox(const struct decide_context *c, const struct submission *s, const struct identity *id);
/* A client, as limits count it: an IPv6 one by the network that it can take addresses from. */
uint64_t key_of_client(const struct decide_context *c, const struct ip *ip);
/*
 * Whom the envelope sender stands for: the mailbox that has the address, else the address without its sub-address. A
 * sender that is null or no address has one key, so that changing it gains nothing. Never 0.
 */
uint64_t key_of_sender(const struct decide_context *c, const struct submission *s);
/* Logins that the directory does not know, of one tenant, together: invented names must not fill the table. */
uint64_t key_of_unlisted(const struct hash_secret *secret, uint64_t tenant_hash);

/*
 * The parts of a limit's key for this submission: *key gets the hash of all but PER_RECIPIENT_DOMAIN, which the caller
 * mixes in. False when the submission lacks a part: the limit is not for it.
 */
bool key_of_limit(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  const struct limit_config *limit, uint64_t *key);
/* A key within a key: a recipient domain, a member of a distinct count. Never 0. */
uint64_t key_within(uint64_t key, uint64_t member);

/*
 * What a limit with THEN_BLOCK blocks: sets key, prefix, and the subject in words ("user sean@contoso.example"). The
 * configuration allows such limits only for one of user, login, client, client_net, connector.
 */
void key_of_block(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  const struct limit_config *limit, struct block *block);

/*
 * The same for an operator, on one part: PER_USER of the identity (PER_LOGIN where the login has no mailbox of its
 * own), PER_LOGIN, PER_CLIENT of the submission, PER_CONNECTOR of the identity.
 */
void key_of_block_on(const struct decide_context *c, const struct submission *s, const struct identity *id,
                     enum limit_key_part part, struct block *block);
/* Whom the subject of such a block names, as he typed it, into mem. False when the name was cut, and for no name. */
bool block_subject_name(const struct block *block, char *mem, size_t cap, struct slice *name);
void key_of_block_on_network(const struct decide_context *c, const struct network *network, struct block *block);

/* The key of a block on one part with this value, such as PER_USER and identity.user. */
uint64_t key_of_block_value(const struct hash_secret *secret, unsigned part, uint64_t value);

/*
 * Makes the block of the submission's client, or of a network, one of strangers: it holds for who has no login, and for
 * logins from networks that are not trusted (core/familiar.h), beside one that holds for all.
 */
void key_of_strangers(const struct decide_context *c, const struct submission *s, struct block *block);

/* Does never_block protect the user or login (by any address of its mailbox), the client, or its network? */
bool never_blocked(const struct decide_context *c, const struct submission *s, const struct identity *id,
                   enum limit_key_part part);

/* Is this block one on who sends? For explain. */
bool key_blocks(const struct decide_context *c, const struct submission *s, const struct identity *id,
                const struct block *block);

/* Is one of the submission's user, login, client, client network or connector blocked? *until_ns is the latest end. */
bool keys_blocked(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  uint64_t *until_ns);

#endif
