/*
 * Keys of counters and blocks: keyed hashes of who or what is counted, made from the tenant and the immutable id of a
 * mailbox where there is one, so that all spellings of a login, and a renamed mailbox, share one counter.
 */
#ifndef POSTERN_KEYS_H
#define POSTERN_KEYS_H

#include "core/decide/decide.h"

uint64_t key_of_ip(const struct hash_secret *secret, const struct ip *ip);
uint64_t key_of_network(const struct hash_secret *secret, const struct network *network);
uint64_t key_of_mailbox(const struct hash_secret *secret, uint64_t tenant_hash, const struct mailbox_id *id);
/* Of several mailboxes that claim one name the smallest id is the key, so that all its spellings share one counter. n >
 * 0. */
uint64_t key_of_claims(const struct hash_secret *secret, uint64_t tenant_hash, const struct mailbox_ref *claims,
                       unsigned n);
/* As it was typed. */
uint64_t key_of_login(const struct hash_secret *secret, const struct login *login);
/*
 * Of a login that has no mailbox in the directory: of the address that it stands for, so that sean, CONTOSO\sean and
 * sean@contoso.example are one; of tenant and name where the tenant has no domain to complete the name with.
 */
uint64_t key_outside(const struct decide_context *c, const struct submission *s, const struct identity *id);
/* The same for a login that may have a mailbox, as if it had none. */
uint64_t key_without_mailbox(const struct decide_context *c, const struct submission *s, const struct identity *id);
/* A client, as limits count it: an IPv6 client by its network (client_ipv6_prefix_length). */
uint64_t key_of_client(const struct decide_context *c, const struct ip *ip);
/*
 * The envelope sender: the mailbox that has the address, else the address without its sub-address. All null or invalid
 * senders share one key, so that varying them gains nothing. Never 0.
 */
uint64_t key_of_sender(const struct decide_context *c, const struct submission *s);
uint64_t key_of_connector(const struct decide_context *c, const struct identity *id); /* 0: there is none */
/* One key for all unknown logins of a tenant: invented names must not fill the table. */
uint64_t key_of_unlisted(const struct hash_secret *secret, uint64_t tenant_hash);

/*
 * The parts of a limit's key for this submission: *key gets the hash of all but PER_RECIPIENT_DOMAIN, which the caller
 * mixes in. False when the submission lacks a part: then the limit does not apply.
 */
bool key_of_limit(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  const struct limit_config *limit, uint64_t *key);
/* A key within a key: a recipient domain, a member of a distinct count. Never 0. */
uint64_t key_within(uint64_t key, uint64_t member);

/* The key of a block on one part with this value, such as PER_USER and identity.user. */
uint64_t key_of_block_value(const struct hash_secret *secret, unsigned part, uint64_t value);

#endif
