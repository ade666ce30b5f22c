/*
 * The messages in progress, and the recipients of each that were let through. They belong to the message, not to a
 * connection: Postfix has a connection for each spelling of the service in main.cf, and may open new ones at any time.
 * Shared by all workers.
 *
 * Bounded: a message that nobody asked about for MESSAGE_KEPT_S is forgotten. If there is no room, the least recently
 * used one is, finished ones first. Its recipients then count as never asked about, which is only stricter.
 */
#ifndef POSTERN_POLICYD_MESSAGES_H
#define POSTERN_POLICYD_MESSAGES_H

#include "core/decide/submission.h"

#include <stdint.h>

/* In all. Postfix has as many under way as it has smtpd processes (default_process_limit is 100). */
#define MESSAGES_MAX 16384u
#define MESSAGES_RECIPIENTS_MAX 262144u /* told apart; 24 bytes each */
/* A long transfer may lie between the recipients and the end. */
#define MESSAGE_KEPT_S 3600
/* Postfix asks again when a response was lost: smtpd_policy_service_timeout is 100 s. */
#define MESSAGE_OVER_S 300

struct messages;
struct message;

/* NULL without memory or randomness. */
struct messages *messages_new(void);
void messages_free(struct messages *all);

/* The key of a message, never 0: by its instance and client, or by two numbers where there is no instance. */
uint64_t messages_key(const struct messages *all, struct slice instance, struct slice client);
uint64_t messages_key_without(const struct messages *all, uint64_t connection, uint64_t message);

/*
 * Takes a message for exclusive use until messages_give. `make` creates one that does not exist; otherwise, or without
 * memory, NULL. now_s: boot time.
 */
struct message *messages_take(struct messages *all, uint64_t key, bool make, uint64_t now_s);
struct recipients *message_recipients(struct message *message);
/* over: the last request about it was decided. */
void messages_give(struct messages *all, struct message *message, bool over, uint64_t now_s);

/* No more requests about it will come. It may not exist. */
void messages_over(struct messages *all, uint64_t key, uint64_t now_s);

/* How many were evicted before they were over, since the last call. */
uint64_t messages_forgotten(struct messages *all);

#endif
