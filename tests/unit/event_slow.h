/*
 * What an event must look like: a slow writer of the same lines, one character at a time. The unit test and the fuzz
 * target of core/base/event.h hold that one against it.
 */
#ifndef POSTERN_TESTS_EVENT_SLOW_H
#define POSTERN_TESTS_EVENT_SLOW_H

#include "core/base/event.h"

#include <stdio.h>
#include <unistr.h>

enum slow_kind { SLOW_TEXT, SLOW_WORD, SLOW_SENTENCE, SLOW_NUMBER };

struct slow_event {
    char line[4096], field[4096];
    size_t n, field_n, most;
    bool json, full;
};

static void slow_char(struct slow_event *s, char c)
{
    s->field[s->field_n++] = c;
}

static void slow_chars(struct slow_event *s, const char *text)
{
    for (; *text != '\0'; text++)
        slow_char(s, *text);
}

/* A field that does not fit is left out, and all behind it. cap: of the memory that the event has. */
static void slow_field_end(struct slow_event *s)
{
    if (s->n + s->field_n > s->most)
        s->full = true;
    for (size_t i = 0; i < s->field_n && !s->full; i++)
        s->line[s->n++] = s->field[i];
    s->field_n = 0;
}

static void slow_begin(struct slow_event *s, size_t cap, enum log_format format, const char *name)
{
    s->n = s->field_n = 0;
    s->most = cap - 2; /* a brace and the terminator */
    s->json = format == LOG_JSON;
    s->full = false;
    slow_chars(s, s->json ? "{\"event\":\"" : "event=");
    slow_chars(s, name);
    slow_chars(s, s->json ? "\"" : "");
    if (s->field_n > s->most) { /* of the name as much as there is room for */
        s->field_n = s->most;
        slow_field_end(s);
        s->full = true;
    }
    slow_field_end(s);
}

static void slow_key(struct slow_event *s, const char *key)
{
    slow_chars(s, s->json ? ",\"" : " ");
    slow_chars(s, key);
    slow_chars(s, s->json ? "\":" : "=");
}

/* The first character in JSON; returns its bytes in the text. */
static size_t slow_json(const char *text, size_t n, char out[16])
{
    ucs4_t c;
    int width = u8_mbtoucr(&c, (const uint8_t *)text, n);

    if (width <= 0)
        (void)snprintf(out, 16, "\\ufffd");
    else if (c > 0xffff)
        (void)snprintf(out, 16, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
    else if (c < ' ' || c > '~')
        (void)snprintf(out, 16, "\\u%04x", c);
    else
        (void)snprintf(out, 16, c == '"' || c == '\\' ? "\\%c" : "%c", (char)c);
    return width > 0 ? (size_t)width : 1;
}

static void slow_text(struct slow_event *s, const char *key, struct slice value)
{
    size_t n = value.n < EVENT_VALUE_MAX ? value.n : EVENT_VALUE_MAX;
    bool quoted = s->json || memchr(value.p, '=', n) != NULL;

    slow_key(s, key);
    slow_chars(s, quoted ? "\"" : "");
    for (size_t i = 0; i < n;) {
        char escaped[16];
        unsigned c;

        i += s->json ? slow_json(value.p + i, n - i, escaped) : 1;
        c = (unsigned char)value.p[i - 1];
        if (!s->json)
            (void)snprintf(escaped, sizeof escaped, c > ' ' && c < 0x7f && c != '\\' && c != '"' ? "%c" : "\\x%02x", c);
        slow_chars(s, escaped);
    }
    slow_chars(s, value.n > EVENT_VALUE_MAX ? "..." : "");
    slow_chars(s, quoted ? "\"" : "");
    slow_field_end(s);
}

static void slow_ours(struct slow_event *s, const char *key, const char *value, bool quoted)
{
    slow_key(s, key);
    slow_chars(s, quoted ? "\"" : "");
    for (; *value != '\0'; value++) {
        if (quoted && *value == '"')
            slow_chars(s, s->json ? "\\\"" : "'");
        else
            slow_char(s, *value);
    }
    slow_chars(s, quoted ? "\"" : "");
    slow_field_end(s);
}

/* Adds the field to both. The value is terminated, too; a number is the value's length. */
static void both_add(struct event *e, struct slow_event *s, enum slow_kind kind, const char *key, struct slice value)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value.n * value.n * value.n);
    if (kind == SLOW_NUMBER)
        event_number(e, key, (unsigned long long)value.n * value.n * value.n);
    else if (kind == SLOW_TEXT)
        event_text(e, key, value);
    else if (kind == SLOW_WORD)
        event_word(e, key, value.p);
    else
        event_sentence(e, key, value.p);

    if (kind == SLOW_NUMBER)
        slow_ours(s, key, digits, false);
    else if (kind == SLOW_TEXT && value.n > 0)
        slow_text(s, key, value);
    else if (kind != SLOW_TEXT && value.p[0] != '\0')
        slow_ours(s, key, value.p, s->json || kind == SLOW_SENTENCE);
}

/* Ends both: are they the same, and terminated? */
static bool both_end(struct event *e, struct slow_event *s)
{
    struct slice line = event_end(e);

    if (s->json)
        s->line[s->n++] = '}';
    return slice_eq(line, (struct slice){s->line, s->n}) && line.p[line.n] == '\0';
}

#endif
