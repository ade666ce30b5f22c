#include "cluster/reply.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

/* One reply's memory: blocks that are freed together. */
struct block_of_memory {
    struct block_of_memory *next;
    max_align_t bytes[];
};

struct reply_reader {
    redisReader *reader;
    struct block_of_memory *blocks;
    size_t elements; /* of the reply that is being read */
    size_t waiting;  /* bytes fed since the last whole reply */
};

static void forget_reply(struct reply_reader *r)
{
    while (r->blocks != NULL) {
        struct block_of_memory *next = r->blocks->next;

        free(r->blocks);
        r->blocks = next;
    }
    r->elements = 0;
}

static void *take(struct reply_reader *r, size_t n)
{
    struct block_of_memory *b = calloc(1, sizeof *b + n);

    if (b == NULL)
        return NULL;
    b->next = r->blocks;
    r->blocks = b;
    return b->bytes;
}

/* A new reply, in its place in the array that it is an element of. NULL: too many, too deep, or no memory. */
static struct reply *place_reply(const redisReadTask *task, enum reply_type type, size_t n_elements)
{
    struct reply_reader *r = task->privdata;
    struct reply *reply, *parent = task->parent != NULL ? task->parent->obj : NULL;
    unsigned depth = parent != NULL ? parent->depth + 1 : 0;

    /* hiredis bounds the depth in its version 0 only. */
    if (depth > REPLY_DEPTH_MAX || n_elements > REPLY_ELEMENTS_MAX ||
        r->elements + n_elements + 1 > REPLY_ELEMENTS_MAX || (reply = take(r, sizeof *reply)) == NULL)
        return NULL;
    r->elements += n_elements + 1;
    reply->type = type;
    reply->depth = depth;
    if (parent != NULL && parent->type == REPLY_ARRAY && task->idx >= 0 && (size_t)task->idx < parent->n)
        parent->elements[task->idx] = reply;
    return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t n)
{
    struct reply *reply = place_reply(task,
                                      task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
                                      : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
                                                                         : REPLY_TEXT,
                                      0);
    char *copy;

    if (reply == NULL || (copy = take(task->privdata, n + 1)) == NULL)
        return NULL;
    memcpy(copy, text, n);
    reply->text = (struct slice){copy, n};
    return reply;
}

static void *make_array(const redisReadTask *task, size_t n)
{
    struct reply *reply = place_reply(task, REPLY_ARRAY, n);

    if (reply == NULL || (reply->elements = take(task->privdata, (n + 1) * sizeof(struct reply *))) == NULL)
        return NULL;
    reply->n = n;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct reply *reply = place_reply(task, REPLY_INTEGER, 0);

    if (reply != NULL)
        reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return place_reply(task, REPLY_NIL, 0);
}

/* All of a reply is freed together. */
static void free_nothing(void *reply)
{
    (void)reply;
}

#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t n)
{
    return make_array(task, n);
}

/* RESP3, which we don't speak: refused. */
static void *create_double(const redisReadTask *task, double value, char *text, size_t n)
{
    (void)task;
    (void)value;
    (void)text;
    (void)n;
    return NULL;
}

static void *create_bool(const redisReadTask *task, int value)
{
    (void)task;
    (void)value;
    return NULL;
}
#else
static void *create_array(const redisReadTask *task, int n)
{
    return n < 0 ? NULL : make_array(task, (size_t)n);
}
#endif

struct reply_reader *reply_reader_new(void)
{
    /* hiredis doesn't write to it, though its parameter isn't const. */
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
        .freeObject = free_nothing
    };
    struct reply_reader *r = calloc(1, sizeof *r);

    if (r == NULL || (r->reader = redisReaderCreateWithFunctions(&functions)) == NULL) {
        free(r);
        return NULL;
    }
    r->reader->privdata = r;
    return r;
}

void reply_reader_free(struct reply_reader *r)
{
    if (r == NULL)
        return;
    redisReaderFree(r->reader);
    forget_reply(r);
    free(r);
}

int reply_feed(struct reply_reader *r, const void *bytes, size_t n, struct error *e)
{
    r->waiting += n;
    if (r->waiting > REPLY_BYTES_MAX)
        return error_set(e, "Redis sent more than %u bytes without the end of a reply", REPLY_BYTES_MAX);
    return redisReaderFeed(r->reader, bytes, n) == REDIS_OK ? 0 : error_set(e, "no memory for a reply of Redis");
}

static struct quote words_of(struct slice text)
{
    struct quote q = {.text = ""};
    struct buf b = BUF_OVER(q.text);

    buf_add_printable(&b, text);
    return q;
}

/* Has each array all its elements? hiredis returns only whole replies; this is what the rest relies on. */
static bool is_whole(const struct reply *reply)
{
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->n; i++)
        if (reply->elements[i] == NULL || !is_whole(reply->elements[i]))
            return false;
    return true;
}

int reply_next(struct reply_reader *r, const struct reply **out, struct error *e)
{
    void *reply = NULL;

    *out = NULL;
    /* While a reply is read in parts, its memory stays. */
    if (r->reader->ridx < 0)
        forget_reply(r);
    if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
        return error_set(e, "Redis sent what is no reply, or too large a one: %s",
                         words_of(slice_of(r->reader->errstr)).text);
    if (reply == NULL)
        return 0;
    r->waiting = r->reader->len - r->reader->pos;
    if (!is_whole(reply))
        return error_set(e, "Redis sent a reply with nothing in the place of an element");
    *out = reply;
    return 0;
}

bool reply_is(const struct reply *reply, const char *text)
{
    return (reply->type == REPLY_STATUS || reply->type == REPLY_TEXT) && slice_eq(reply->text, slice_of(text));
}

const struct reply *reply_array(const struct reply *reply, size_t n)
{
    return reply->type == REPLY_ARRAY && reply->n >= n ? reply : NULL;
}

bool reply_time(const struct reply *reply, int64_t *us)
{
    unsigned long long s = 0, rest = 0;

    if (reply_array(reply, 2) == NULL || !slice_to_u64(reply->elements[0]->text, UINT32_MAX, &s) ||
        !slice_to_u64(reply->elements[1]->text, 999999, &rest))
        return false;
    *us = (int64_t)(s * 1000000 + rest);
    return true;
}

const struct reply *reply_page(const struct reply *reply, struct slice *cursor)
{
    if (reply_array(reply, 2) == NULL || reply->elements[0]->type != REPLY_TEXT ||
        reply->elements[0]->text.n > REPLY_CURSOR_MAX)
        return NULL;
    *cursor = reply->elements[0]->text;
    return reply_array(reply->elements[1], 0);
}

struct quote reply_words(const struct reply *reply)
{
    return words_of(reply->text);
}

bool reply_is_error(const struct reply *reply, const char *word)
{
    struct slice first;

    if (reply->type != REPLY_ERROR)
        return false;
    (void)slice_cut(reply->text, ' ', &first, NULL);
    return slice_eq(first, slice_of(word));
}

bool reply_parse_id(struct slice text, unsigned long long id[2])
{
    struct slice ms, sequence;

    return text.n <= REPLY_ID_MAX && slice_cut(text, '-', &ms, &sequence) && slice_to_u64(ms, UINT64_MAX, id) &&
           slice_to_u64(sequence, UINT64_MAX, id + 1);
}

/* An id, and a list of names and values. */
bool reply_stream_entry(const struct reply *entry, unsigned long long id[2], struct slice *value)
{
    const struct reply *fields;

    if (reply_array(entry, 2) == NULL || entry->elements[0]->type != REPLY_TEXT ||
        !reply_parse_id(entry->elements[0]->text, id))
        return false;
    fields = reply_array(entry->elements[1], 2);
    *value =
        fields != NULL && fields->elements[1]->type == REPLY_TEXT ? fields->elements[1]->text : (struct slice){NULL, 0};
    return true;
}

/* A list of streams, of which there is one: its name, and its entries. */
const struct reply *reply_stream(const struct reply *reply)
{
    const struct reply *stream = reply_array(reply, 1) != NULL ? reply_array(reply->elements[0], 2) : NULL;

    return stream != NULL ? reply_array(stream->elements[1], 1) : NULL;
}
