/*
 * The inside of a record's value, written and read piece by piece: bounded, little-endian. Private to
 * core/directory/directory_record.c.
 */
#ifndef POSTERN_DIRECTORY_VALUE_H
#define POSTERN_DIRECTORY_VALUE_H

#include "core/base/slice.h"

#include <stdint.h>

/* A value being written. When something does not fit, `full` is set and nothing more is written. */
struct sink {
    uint8_t *p;
    size_t cap, n;
    bool full;
};

struct sink sink_over(void *out, size_t cap);
void sink_u8(struct sink *s, unsigned v);
void sink_u16(struct sink *s, unsigned v);
void sink_u32(struct sink *s, uint32_t v);
void sink_u64(struct sink *s, uint64_t v);
/* Bytes written, 0 when they did not fit. */
size_t sink_length(const struct sink *s);
void sink_bytes(struct sink *s, const void *p, size_t n);
/* A text of at most 4 GiB after its length. */
void sink_text(struct sink *s, struct slice text);

/* A value being read. What is beyond the end, or out of range, is zero and sets `bad`. */
struct value_reader {
    const uint8_t *p;
    size_t n;
    bool bad;
};

struct value_reader reader_over(struct slice value);
/* A number in one byte that must lie below `end`. */
unsigned reader_below(struct value_reader *s, unsigned end);
unsigned reader_u16(struct value_reader *s);
uint32_t reader_u32(struct value_reader *s);
uint64_t reader_u64(struct value_reader *s);
/* The next n bytes. */
struct slice reader_bytes(struct value_reader *s, size_t n);
/* A text of at most max bytes, within the value. */
struct slice reader_text(struct value_reader *s, size_t max);
/* A text into an array of cap bytes, terminated. */
void reader_string(struct value_reader *s, char *out, size_t cap);
/* Was everything in order, and is nothing left? */
bool reader_done(const struct value_reader *s);

#endif
