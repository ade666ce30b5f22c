#include "alert/body.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- an adaptive card (schema 1.4) in a message, as a Teams workflow's webhook takes it ---- */

/*
 * Texts of a card are Markdown, titles and values of facts too (learn.microsoft.com, "Format cards in Teams"), and ours
 * hold what strangers chose: a link in them would look like the relay's own. Every character that could begin markup
 * gets a backslash, which CommonMark removes; a bare "://", of which a client could make a link by itself, too.
 */
static bool is_markup(const char *text, size_t at)
{
    if (strchr("\\`*_[]()<>~|&!", text[at]) != NULL)
        return true;
    return at == 0 ? strchr("#+-=:", text[0]) != NULL : strncmp(text + at, "://", 3) == 0;
}

/* As a JSON text, of ours from here on; NULL without memory. */
static json_t *plain_text(const char *text)
{
    char *escaped = malloc(2 * strlen(text) + 1), *to = escaped;
    json_t *result;

    if (escaped == NULL)
        return NULL;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (is_markup(text, i))
            *to++ = '\\';
        *to++ = text[i];
        if ((unsigned char)to[-1] < 0x20) /* a new line begins a list, or a heading */
            to[-1] = ' ';
    }
    *to = '\0';
    result = json_string(escaped);
    free(escaped);
    return result;
}

static json_t *text_block(const char *text, const char *size, bool bold)
{
    return json_pack("{s:s, s:o, s:b, s:s, s:s}", "type", "TextBlock", "text", plain_text(text), "wrap", true, "size",
                     size, "weight", bold ? "Bolder" : "Default");
}

static json_t *fact(const char *title, const char *value)
{
    return json_pack("{s:o, s:o}", "title", plain_text(title), "value", plain_text(value));
}

static json_t *fact_set(const struct notice *notice)
{
    json_t *list = json_array(), *value, *facts = json_object_get(notice->json, "facts");
    time_t at = (time_t)notice->at_s;
    char when[40] = "";
    const char *key;
    struct tm tm;

    if (gmtime_r(&at, &tm) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
    (void)json_array_append_new(list, fact("when", when));
    (void)json_array_append_new(list, fact("relay", notice_text(notice, "host")));
    json_object_foreach(facts, key, value)
    {
        if (json_is_string(value))
            (void)json_array_append_new(list, fact(key, json_string_value(value)));
    }
    return json_pack("{s:s, s:o}", "type", "FactSet", "facts", list);
}

static char *body_of_card(const struct notice *notice)
{
    json_t *card = json_pack("{s:s, s:[{s:s, s:n, s:{s:s, s:s, s:s, s:[o, o, o]}}]}", "type", "message", "attachments",
                             "contentType", "application/vnd.microsoft.card.adaptive", "contentUrl", "content",
                             "$schema", "http://adaptivecards.io/schemas/adaptive-card.json", "type", "AdaptiveCard",
                             "version", "1.4", "body", text_block(notice_text(notice, "summary"), "Medium", true),
                             fact_set(notice), text_block(notice_text(notice, "advice"), "Default", false));
    char *text = card != NULL ? json_dumps(card, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    json_decref(card);
    return text;
}

char *body_make(const struct notice *notice, enum alert_format format)
{
    if (format == ALERT_TEAMS)
        return body_of_card(notice);
    return json_dumps(notice->json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
}

int body_sign(struct slice secret, long long timestamp, const char *body, char out[SIGNATURE_MAX], struct error *e)
{
    size_t cap = strlen(body) + 32;
    char *text = malloc(cap);
    unsigned char mac[EVP_MAX_MD_SIZE];
    struct buf b, hex = buf_over(out, SIGNATURE_MAX);
    unsigned n = 0;

    if (text == NULL)
        return error_set(e, "out of memory");
    b = buf_over(text, cap);
    buf_addf(&b, "%lld.", timestamp);
    buf_add(&b, slice_of(body));
    if (HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)b.p, b.n, mac, &n) == NULL)
        n = 0;
    free(text);
    if (n == 0)
        return error_set(e, "HMAC-SHA256 failed");
    buf_add(&hex, SLICE("v1="));
    for (unsigned i = 0; i < n; i++)
        buf_addf(&hex, "%02x", mac[i]);
    return 0;
}
