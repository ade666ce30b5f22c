#include "mirror/read/json_rows.h"

#include <stdlib.h>

#define END_OF_FILE (-1)
#define NOT_READABLE (-2)

void json_rows_open(struct json_rows *json, struct input *in)
{
    *json = (struct json_rows){.in = in, .line_now = 1, .column_now = 1};
}

void json_rows_close(struct json_rows *json)
{
    free(json->row.p);
    free(json->head.p);
    json->row.p = json->head.p = NULL;
}

struct slice json_rows_head(const struct json_rows *json)
{
    return json->envelope ? (struct slice){json->head.p, json->head.n} : SLICE("{}");
}

static int json_damaged(const struct json_rows *json, const char *what, struct error *e)
{
    return error_set(e, "%s: line %lu, column %lu: %s", json->in->path, json->line_now, json->column_now, what);
}

static int unexpected(const struct json_rows *json, int c, const char *wanted, struct error *e)
{
    if (c == NOT_READABLE)
        return -1;
    if (c == END_OF_FILE)
        return error_set(e, "%s: line %lu, column %lu: the file ends where %s was expected: it is half-written",
                         json->in->path, json->line_now, json->column_now, wanted);
    return error_set(e, "%s: line %lu, column %lu: expected %s: the file is damaged or no JSON", json->in->path,
                     json->line_now, json->column_now, wanted);
}

static int peek(struct json_rows *json, struct error *e)
{
    if (json->in->at == json->in->end) {
        int more = input_more(json->in, e);

        if (more <= 0)
            return more == 0 ? END_OF_FILE : NOT_READABLE;
    }
    return (unsigned char)*json->in->at;
}

static void json_take(struct json_rows *json)
{
    if (*json->in->at == '\n') {
        json->line_now++;
        json->column_now = 1;
    } else {
        json->column_now++;
    }
    json->in->at++;
}

/* The next byte that is not white space (RFC 8259 2), without consuming it. */
static int peek_token(struct json_rows *json, struct error *e)
{
    int c = peek(json, e);

    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        json_take(json);
        c = peek(json, e);
    }
    return c;
}

/* Appends to text, unless it is NULL: then s is only skipped. */
static int text_add(const struct json_rows *json, struct json_text *text, struct slice s, struct error *e)
{
    if (text == NULL)
        return 0;
    if (s.n > JSON_ROW_MAX - text->n)
        return error_set(e, "%s: line %lu: what begins here is longer than %u bytes", json->in->path, json->line,
                         JSON_ROW_MAX);
    if (text->n + s.n > text->cap) {
        size_t cap = text->cap == 0 ? 4096 : text->cap;
        char *bigger;

        while (cap < text->n + s.n)
            cap *= 2;
        bigger = realloc(text->p, cap);
        if (bigger == NULL)
            return error_set(e, "%s: no memory for a row of %zu bytes", json->in->path, cap);
        text->p = bigger;
        text->cap = cap;
    }
    memcpy(text->p + text->n, s.p, s.n);
    text->n += s.n;
    return 0;
}

/* The lexer's state inside a value. */
struct value_state {
    bool in_string, escaped, done;
    unsigned depth;
    uint64_t curly; /* bit d: level d+1 was opened by "{" */
};

static int open_bracket(const struct json_rows *json, struct value_state *v, char c, struct error *e)
{
    if (v->depth == JSON_DEPTH_MAX)
        return json_damaged(json, "nested too deeply for a row of these cmdlets", e);
    v->curly &= ~(UINT64_C(1) << v->depth);
    v->curly |= (uint64_t)(c == '{') << v->depth;
    v->depth++;
    return 0;
}

static int close_bracket(const struct json_rows *json, struct value_state *v, char c, struct error *e)
{
    if (v->depth == 0 || ((v->curly >> (v->depth - 1)) & 1) != (c == '}'))
        return json_damaged(json, "a bracket that does not fit the one that was opened", e);
    v->done = --v->depth == 0;
    return 0;
}

/* One byte of a value that is an object, an array or a string. */
static int value_byte(const struct json_rows *json, struct value_state *v, char c, struct error *e)
{
    if (v->in_string) {
        if (v->escaped)
            v->escaped = false;
        else if (c == '\\')
            v->escaped = true;
        else if (c == '"') {
            v->in_string = false;
            v->done = v->depth == 0;
        }
        return 0;
    }
    if (c == '"')
        v->in_string = true;
    else if (c == '{' || c == '[')
        return open_bracket(json, v, c, e);
    else if (c == '}' || c == ']')
        return close_bracket(json, v, c, e);
    return 0;
}

/* Reads an object, an array or a string. */
static int bracketed_value(struct json_rows *json, struct json_text *text, struct error *e)
{
    struct value_state v = {0};

    while (!v.done) {
        int c = peek(json, e);
        const char *from = json->in->at;

        if (c < 0)
            return unexpected(json, c, "the end of what was begun", e);
        while (json->in->at < json->in->end && !v.done) {
            if (value_byte(json, &v, *json->in->at, e) != 0)
                return -1;
            json_take(json);
        }
        if (text_add(json, text, (struct slice){from, (size_t)(json->in->at - from)}, e) != 0)
            return -1;
    }
    return 0;
}

/* Reads a number, true, false or null; jansson checks which. */
static int bare_value(struct json_rows *json, struct json_text *text, struct error *e)
{
    int c = peek(json, e);
    size_t n = 0;

    while (c > ' ' && strchr(",:]}[{\"", c) == NULL) {
        if (text_add(json, text, (struct slice){json->in->at, 1}, e) != 0)
            return -1;
        json_take(json);
        n++;
        c = peek(json, e);
    }
    if (n == 0 || c == NOT_READABLE)
        return unexpected(json, c, "a value", e);
    return 0;
}

static int value(struct json_rows *json, struct json_text *text, struct error *e)
{
    int c = peek_token(json, e);

    if (c < 0)
        return unexpected(json, c, "a value", e);
    return c == '{' || c == '[' || c == '"' ? bracketed_value(json, text, e) : bare_value(json, text, e);
}

/* Reads the comma between two elements or members, or the closing bracket. 1: another follows; 0: closed. */
static int next_or_close(struct json_rows *json, char close, struct error *e)
{
    int c = peek_token(json, e);

    if (c == close) {
        json_take(json);
        return 0;
    }
    if (json->first) {
        json->first = false;
        return 1;
    }
    if (c != ',')
        return unexpected(json, c, close == ']' ? "\",\" or \"]\"" : "\",\" or \"}\"", e);
    json_take(json);
    return 1;
}

/* Reads an element of the array of rows. 1 with *row, 0 after the last one. */
static int array_row(struct json_rows *json, struct slice *row, struct error *e)
{
    int more = next_or_close(json, ']', e);
    int c;

    if (more < 0)
        return -1;
    if (more == 0) {
        json->place = json->in_envelope ? JSON_IN_OBJECT : JSON_END;
        json->first = false;
        return 0;
    }
    c = peek_token(json, e);
    if (c != '{')
        return unexpected(json, c, "an object, \"{\"", e);
    json->line = json->line_now;
    json->column = json->column_now;
    json->row.n = 0;
    if (bracketed_value(json, &json->row, e) != 0)
        return -1;
    *row = (struct slice){json->row.p, json->row.n};
    return 1;
}

/* Reads on after "value":. 1: an array begins; 0: it is null, which means no rows. */
static int envelope_value(struct json_rows *json, struct error *e)
{
    int c = peek_token(json, e);

    if (json->envelope)
        return json_damaged(json, "a second \"value\" in one object", e);
    json->row.n = 0;
    if (c == '[') {
        json_take(json);
        json->envelope = json->in_envelope = json->first = true;
        json->place = JSON_IN_ARRAY;
        return 1;
    }
    if (c < 0 || bare_value(json, &json->row, e) != 0)
        return c < 0 ? unexpected(json, c, "a value", e) : -1;
    if (!slice_eq((struct slice){json->row.p, json->row.n}, SLICE("null")))
        return json_damaged(json, "\"value\" is neither an array nor null", e);
    json->envelope = true;
    return 0;
}

/* ScubaGear's merged results: "Raw" is what its provider exported. 0; -1 with e. */
static int results_member(struct json_rows *json, bool raw, struct error *e)
{
    int c = peek_token(json, e);

    if (!raw || c != '{')
        return value(json, NULL, e);
    json_take(json);
    json->results = false;
    json->in_raw = json->provider_export = json->first = true;
    return 0;
}

/* Reads one member of the file's object. 1: the array of rows begins; 0: another member was read. */
static int member(struct json_rows *json, struct error *e)
{
    size_t head_n = json->head.n;
    struct slice key;
    int c = peek_token(json, e);

    if (c != '"')
        return unexpected(json, c, "a member's name in quotes", e);
    if (head_n > 1 && text_add(json, &json->head, SLICE(","), e) != 0)
        return -1;
    key.n = json->head.n;
    if (bracketed_value(json, &json->head, e) != 0)
        return -1;
    key = (struct slice){json->head.p + key.n, json->head.n - key.n};
    c = peek_token(json, e);
    if (c != ':')
        return unexpected(json, c, "\":\"", e);
    json_take(json);
    if (slice_eq(key, json->provider_export ? SLICE("\"transport_config\"") : SLICE("\"value\""))) {
        json->head.n = head_n;
        return envelope_value(json, e);
    }
    json->results = json->results || (head_n == 1 && slice_eq(key, SLICE("\"MetaData\"")));
    if (json->provider_export || json->results) {
        bool raw = slice_eq(key, SLICE("\"Raw\""));

        json->head.n = head_n;
        return json->results ? results_member(json, raw, e) : value(json, NULL, e);
    }
    json->provider_export = head_n == 1 && slice_eq(key, SLICE("\"baseline_version\""));
    return text_add(json, &json->head, SLICE(":"), e) != 0 ? -1 : value(json, &json->head, e);
}

/*
 * Reads the file's object up to the array of rows, or to its end. 1 with *row when the object itself is the only row.
 */
static int object(struct json_rows *json, struct slice *row, struct error *e)
{
    int more;

    while ((more = next_or_close(json, '}', e)) >= 0) {
        int found;

        if (more == 0 && !json->in_raw)
            break;
        if (more == 0) {
            json->in_raw = json->first = false; /* the results' other members follow */
            continue;
        }
        found = member(json, e);
        if (found != 0)
            return found < 0 ? -1 : 0;
    }
    if (more < 0 || text_add(json, &json->head, SLICE("}"), e) != 0)
        return -1;
    json->place = JSON_END;
    if (json->envelope)
        return 0;
    *row = (struct slice){json->head.p, json->head.n};
    return 1;
}

static int json_start(struct json_rows *json, struct error *e)
{
    int c = peek_token(json, e);

    json->line = json->line_now;
    json->column = json->column_now;
    if (c != '[' && c != '{')
        return unexpected(json, c, "\"[\" or \"{\"", e);
    json_take(json);
    json->first = true;
    json->place = c == '[' ? JSON_IN_ARRAY : JSON_IN_OBJECT;
    return c == '[' ? 0 : text_add(json, &json->head, SLICE("{"), e);
}

int json_rows_next(struct json_rows *json, struct slice *row, struct error *e)
{
    int c, found;

    for (;;) {
        switch (json->place) {
        case JSON_START:
            found = json_start(json, e);
            break;
        case JSON_IN_ARRAY:
            found = array_row(json, row, e);
            break;
        case JSON_IN_OBJECT:
            found = object(json, row, e);
            break;
        case JSON_END:
        default:
            c = peek_token(json, e);
            if (c == END_OF_FILE)
                return 0;
            return c == NOT_READABLE ? -1
                                     : json_damaged(json,
                                                    "more text after the end of the JSON value; several "
                                                    "objects have to be in one array: give all of them to "
                                                    "one ConvertTo-Json, and write the file once",
                                                    e);
        }
        if (found != 0)
            return found;
    }
}
