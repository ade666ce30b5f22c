/* A command for Redis: its words, built in memory of its own, formatted by hiredis. */
#ifndef POSTERN_CLUSTER_COMMAND_H
#define POSTERN_CLUSTER_COMMAND_H

#include "core/base/slice.h"

#include <stdint.h>

#define COMMAND_WORDS_MAX 2048u
#define COMMAND_BYTES_MAX 131072u /* of all words that are copied */

struct command {
    const char *words[COMMAND_WORDS_MAX];
    size_t sizes[COMMAND_WORDS_MAX];
    size_t n;
    char bytes[COMMAND_BYTES_MAX];
    size_t used;
    bool full; /* a word did not fit: the command is not to be sent */
};

void command_begin(struct command *c);
/* The word is copied. */
void command_add(struct command *c, struct slice word);
void command_add_number(struct command *c, uint64_t n);
void command_add_signed(struct command *c, int64_t n);
/* The word lives until the command is sent. */
void command_add_static(struct command *c, const char *word);

/* A page of all keys like the pattern, or of a hash, from the cursor on: the whole command. The texts live until it is
 * sent. Replies: reply_page. */
void command_scan(struct command *c, const char *pattern, struct slice cursor, const char *count);
void command_hscan(struct command *c, const char *hash, struct slice cursor, const char *count);

/* Counters are spread over so many slots of a Redis Cluster, by hash tags "{00}" to "{ff}" in their names. All else has
 * the tag "{m}", and is on one node. */
#define KEY_TAGS 256u
/* Tags are counted from 1; 0 is none. */
unsigned tag_of_key(uint64_t key);
/* "00" to "ff", "m" for none; mem has room for 3. */
const char *tag_text(unsigned tag, char mem[3]);

/* The name of a counter or a member in Redis. The hash tag is that of `limit`: a member's is its limit's, so that both
 * are in one slot. */
void command_add_key(struct command *c, uint64_t key, uint64_t limit);

/* The bytes for Redis in *out: free them with command_free. Their number; -1 without memory, or when it is full. */
long command_format(const struct command *c, char **out);
void command_free(char *bytes);

#endif
