#include "cluster/command.h"

#include "cluster/bytes.h"
#include "core/base/buf.h"

#include <hiredis/hiredis.h>

/* The highest bit is the counters' own (core/state/counters_table.h): two keys that differ there are one entry. */
#define KEY_BITS 63
#define TAG_BITS 8

void command_begin(struct command *c)
{
    c->n = c->used = 0;
    c->full = false;
}

static void add_word(struct command *c, const char *p, size_t n)
{
    if (c->n == COMMAND_WORDS_MAX) {
        c->full = true;
        return;
    }
    c->words[c->n] = p;
    c->sizes[c->n++] = n;
}

void command_add(struct command *c, struct slice word)
{
    char *copy = c->bytes + c->used;

    if (word.n > sizeof c->bytes - c->used) {
        c->full = true;
        return;
    }
    if (word.n > 0)
        memcpy(copy, word.p, word.n);
    c->used += word.n;
    add_word(c, copy, word.n);
}

void command_add_number(struct command *c, uint64_t n)
{
    char text[24];
    struct buf b = BUF_OVER(text);

    buf_add_u64(&b, n);
    command_add(c, buf_slice(&b));
}

void command_add_signed(struct command *c, int64_t n)
{
    char text[24];
    struct buf b = BUF_OVER(text);

    if (n < 0)
        buf_add_char(&b, '-');
    buf_add_u64(&b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
    command_add(c, buf_slice(&b));
}

void command_add_static(struct command *c, const char *word)
{
    add_word(c, word, strlen(word));
}

void command_scan(struct command *c, const char *pattern, struct slice cursor, const char *count)
{
    command_begin(c);
    command_add_static(c, "SCAN");
    command_add(c, cursor);
    command_add_static(c, "MATCH");
    command_add_static(c, pattern);
    command_add_static(c, "COUNT");
    command_add_static(c, count);
}

void command_hscan(struct command *c, const char *hash, struct slice cursor, const char *count)
{
    command_begin(c);
    command_add_static(c, "HSCAN");
    command_add_static(c, hash);
    command_add(c, cursor);
    command_add_static(c, "COUNT");
    command_add_static(c, count);
}

unsigned tag_of_key(uint64_t key)
{
    return 1 + (unsigned)(key >> (KEY_BITS - TAG_BITS) & (KEY_TAGS - 1));
}

const char *tag_text(unsigned tag, char mem[3])
{
    struct buf b = buf_over(mem, 3);

    if (tag == 0)
        buf_add_char(&b, 'm');
    else
        buf_addf(&b, "%02x", tag - 1);
    return mem;
}

void command_add_key(struct command *c, uint64_t key, uint64_t limit)
{
    char text[32], tag[3];
    struct buf b = BUF_OVER(text);
    unsigned char bytes[8];

    buf_addf(&b, "postern:{%s}:", tag_text(tag_of_key(limit), tag));
    bytes_put64(bytes, key & ~(UINT64_C(1) << KEY_BITS));
    buf_add(&b, (struct slice){(const char *)bytes, sizeof bytes});
    command_add(c, buf_slice(&b));
}

long command_format(const struct command *c, char **out)
{
    const char **words = (const char **)(uintptr_t)c->words; /* hiredis changes neither */

    *out = NULL;
    if (c->full || c->n == 0)
        return -1;
    return (long)redisFormatCommandArgv(out, (int)c->n, words, c->sizes);
}

void command_free(char *bytes)
{
    if (bytes != NULL)
        redisFreeCommand(bytes);
}
