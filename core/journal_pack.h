/*
 * How records and usage lie in the journal's files: a version, then numbers of as many bytes as they need (LEB128) and
 * texts behind their length. Reasons are names, since their numbers change from version to version; the order of
 * enum action, enum stage and enum tls_version is part of the format. Decoders trust nothing.
 */
#ifndef POSTERN_JOURNAL_PACK_H
#define POSTERN_JOURNAL_PACK_H

#include "core/journal.h"

/* The most that a record or a usage takes. */
#define RECORD_PACKED_MAX 1024u
#define USAGE_PACKED_MAX 4096u

/* All but at_ns, which is in the key. out has RECORD_PACKED_MAX bytes; the size. */
size_t record_pack(const struct journal_record *record, uint8_t *out);
/* Sets or clears `counts` in what was packed. */
void record_pack_counts(uint8_t *packed, bool counts);
/* False when it is not a record of this version; at_ns is 0. */
bool record_unpack(struct slice packed, struct journal_record *out);

/* out has USAGE_PACKED_MAX bytes; the size. */
size_t usage_pack(const struct usage *usage, uint8_t *out);
/* False when it is not a usage of this version. Reasons that are not known here are left out. */
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
#define PROGRAM_NAME_MAX 32u /* with its terminator */
size_t total_key(const char *program, enum action action, enum reason reason, uint8_t *out);
/* program has PROGRAM_NAME_MAX bytes. */
bool total_key_read(struct slice key, char *program, enum action *action, enum reason *reason);
/* program, NUL, "dropped", among the totals; no key of a total reads so. out has TOTAL_KEY_MAX bytes; the size. */
size_t dropped_key(const char *program, uint8_t *out);
bool is_dropped_key(struct slice key);

#endif
