/*
 * The messages that are under way, and the recipients of each that were let through. They belong to the message, not to
 * a connection: Postfix has a connection for each wording of the service in main.cf, and opens new ones in between.
 * Shared by all workers.
 *
 * Bounded: a message that nobody asked about for MESSAGE_KEPT_S is forgotten, and so is, where there is no room, the
 * one that was asked about least lately, those that are over first. Its recipients then count as never asked about,
 * which is never laxer.
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
/* Postfix asks again when an answer got lost: smtpd_policy_service_timeout is 100 s. */
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
 * A message, for the caller alone until messages_give. One that is not there is made if `make`; without, or without
 * memory, NULL. now_s: boot time.
 */
struct message *messages_take(struct messages *all, uint64_t key, bool make, uint64_t now_s);
struct recipients *message_recipients(struct message *message);
/* over: the answer to the last question about it is known. */
void messages_give(struct messages *all, struct message *message, bool over, uint64_t now_s);

/* Nothing more will be asked about it; what is not there is fine. */
void messages_over(struct messages *all, uint64_t key, uint64_t now_s);

/* How many had to give way before they were over, since this was last asked. */
uint64_t messages_forgotten(struct messages *all);

#endif
