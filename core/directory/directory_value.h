/*
 * The inside of a record's value, written and read piece by piece: bounded, little-endian. Private to
 * core/directory/directory_record.c.
 */
#ifndef POSTERN_DIRECTORY_VALUE_H
#define POSTERN_DIRECTORY_VALUE_H

#include "core/base/slice.h"

#include <stdint.h>

/* Each value begins with its checksum. */
#define SEAL_SIZE sizeof(uint32_t)

/* A value being written. When something does not fit, `full` is set and nothing more is written. */
struct sink {
    uint8_t *p;
    size_t cap, n;
    bool full;
};

/* Leaves room for the checksum. */
struct sink sink_over(void *out, size_t cap);
void sink_u8(struct sink *s, unsigned v);
void sink_u32(struct sink *s, uint32_t v);
void sink_u64(struct sink *s, uint64_t v);
/* A text of at most 4 GiB behind its length. */
void sink_text(struct sink *s, struct slice text);

/* A value being read. What lies behind the end, or out of range, is zero and sets `bad`. */
struct source {
    const uint8_t *p;
    size_t n;
    bool bad;
};

/* Begins behind the checksum; value.n is at least SEAL_SIZE. */
struct source source_over(struct slice value);
/* A number in one byte that must lie below `end`. */
unsigned source_below(struct source *s, unsigned end);
uint32_t source_u32(struct source *s);
uint64_t source_u64(struct source *s);
/* A text of at most max bytes, within the value. */
struct slice source_text(struct source *s, size_t max);
/* A text into an array of cap bytes, terminated. */
void source_string(struct source *s, char *out, size_t cap);
/* Was everything in order, and is nothing left? */
bool source_done(const struct source *s);

#endif
