/*
 * How decisions and usage lie in the journal's files: numbers of as many bytes as they need (LEB128) and texts behind
 * their length. Reasons are names, since their numbers change from version to version; the order of enum action, enum
 * stage, enum tls_version and enum header_field is part of the format. Decoders trust nothing. Whoever changes what is
 * written here changes JOURNAL_LAYOUT, unless older versions only leave out what they don't know.
 */
#ifndef POSTERN_JOURNAL_PACK_H
#define POSTERN_JOURNAL_PACK_H

#include "core/journal/journal.h"

#define JOURNAL_LAYOUT 2u /* an environment of another one is set aside */

/* The most that a decision or a usage takes. */
#define EVENT_PACKED_MAX 1600u
#define USAGE_PACKED_MAX 4096u

/*
 * A decision, as it gathers in memory and lies in a chunk: its size (16 bits), at_ns (64 bits, both in the machine's
 * order, as all of LMDB's files), and the rest. out has EVENT_PACKED_MAX bytes; the size. counts stands for that of the
 * event.
 */
size_t event_pack(const struct journal_event *event, bool counts, uint8_t *out);
/* Did it let a message through that counts? */
bool event_is_message(const uint8_t *packed);
/* One more decision, counting or not, that is like the one at the beginning of what event_pack wrote, which is no
 * message. */
void event_repeat(uint8_t *packed, bool counts);
/* Takes the decision off the beginning of *packed; its texts lie in packed. False when there is none that can be read.
 */
bool event_unpack(struct slice *packed, struct journal_event *out);
/* The same, but only of what usage is counted by; the other texts are empty. */
bool event_unpack_counted(struct slice *packed, struct journal_event *out);
/* The size and at_ns of the decision at the beginning of what event_pack wrote. */
size_t event_size(const uint8_t *packed);
uint64_t event_at(const uint8_t *packed);
void record_of(const struct journal_event *event, struct journal_record *out);

/*
 * A chunk: how many decisions (16 bits), and these. CHUNK_MAX is what fills a page of 4096 bytes that LMDB gives to one
 * value (its PAGEHDRSZ is 16).
 */
#define CHUNK_HEAD 2u
#define CHUNK_MAX 4080u
#define CHUNK_EVENTS_MAX 160u /* of CHUNK_MAX bytes, and the least that a decision takes */
/* How many decisions it says that it has; 0: it is none. */
uint16_t chunk_count(struct slice chunk);

/* out has USAGE_PACKED_MAX bytes; the size. */
size_t usage_pack(const struct usage *usage, uint8_t *out);
/* False when it is none. Reasons that are not known here are left out. */
bool usage_unpack(struct slice packed, struct usage *out);

/* ---- keys ---- */

#define DECISION_KEY_SIZE 16u

/* Big-endian, so that keys sort by time. */
void decision_key(uint64_t at_ns, uint32_t process, uint32_t number, uint8_t out[DECISION_KEY_SIZE]);
uint64_t decision_key_at(const void *key);

#define USAGE_KEY_MAX (sizeof((struct journal_record *)0)->tenant + sizeof((struct journal_record *)0)->mailbox)
#define SEEN_KEY_MAX (4 + USAGE_KEY_MAX)

/* tenant, NUL, mailbox in lower case. The size; 0 when they don't fit. out has USAGE_KEY_MAX bytes. */
size_t usage_key(struct slice tenant, struct slice mailbox, uint8_t *out);
/* When the mailbox was seen last, in hours since 1970. */
uint32_t usage_hour(const struct usage *usage);
/* out has SEEN_KEY_MAX bytes; the size. */
size_t seen_key(uint32_t hour, struct slice usage_key, uint8_t *out);
/* False when it is none. usage_key lies in key. */
bool seen_key_read(struct slice key, uint32_t *hour, struct slice *usage_key);

/* program, NUL, action, NUL, reason. out has TOTAL_KEY_MAX bytes; the size. */
#define TOTAL_KEY_MAX 96u
#define TOTAL_LAYOUT "\0layout" /* keys of numbers that are no totals: no program is named so */
#define TOTAL_DECISIONS "\0decisions"
#define TOTAL_REFUSALS "\0refusals"
#define PROGRAM_NAME_MAX 32u /* with its terminator */
size_t total_key(const char *program, enum action action, enum reason reason, uint8_t *out);
/* program has PROGRAM_NAME_MAX bytes. */
bool total_key_read(struct slice key, char *program, enum action *action, enum reason *reason);
/* program, NUL, "dropped", among the totals; no key of a total reads so. out has TOTAL_KEY_MAX bytes; the size. */
size_t dropped_key(const char *program, uint8_t *out);
bool is_dropped_key(struct slice key);

#endif
