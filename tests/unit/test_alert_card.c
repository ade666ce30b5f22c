/* links: alert */
/* A notice as Teams gets it: what strangers chose stays text. */
#include "alert/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *card_of(const char *sender)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "host", "relay", "summary", sender, "advice",
                             "See what it sent: postern explain, postern log", "facts", "sender", sender, "queue_id",
                             "4jcxXN4J01z1c");
    struct notice notice = {.at_s = 1763726400, .json = json};
    char *body;
    json_t *card;

    assert_non_null(json);
    body = body_make(&notice, ALERT_TEAMS);
    assert_non_null(body);
    card = json_loads(body, 0, NULL);
    assert_non_null(card);
    free(body);
    json_decref(json);
    return card;
}

static const char *text_at(json_t *card, size_t block, size_t fact)
{
    json_t *content = json_object_get(json_array_get(json_object_get(card, "attachments"), 0), "content");
    json_t *part = json_array_get(json_object_get(content, "body"), block);

    if (block != 1)
        return json_string_value(json_object_get(part, "text"));
    return json_string_value(json_object_get(json_array_get(json_object_get(part, "facts"), fact), "value"));
}

/* Whether Markdown takes something in the text for more than text: CommonMark 0.31, 2.4. */
static void no_text_of_a_card_is_markdown(void **state)
{
    static const struct {
        const char *sender, *shown;
    } rows[] = {
        {"anna@contoso.example", "anna@contoso.example"},
        {"[Unblock now](https://evil.example/postern)@contoso.example",
         "\\[Unblock now\\]\\(https\\://evil.example/postern\\)@contoso.example"},
        {"<https://evil.example>", "\\<https\\://evil.example\\>"},
        {"![x](https://evil.example/x.png)", "\\!\\[x\\]\\(https\\://evil.example/x.png\\)"},
        {"**boss** _is_ `here`", "\\*\\*boss\\*\\* \\_is\\_ \\`here\\`"},
        {"a\\[b](c)", "a\\\\\\[b\\]\\(c\\)"},
        {"# big", "\\# big"},
        {"- item", "\\- item"},
        {"a\n\n# big", "a  # big"},
        {"&#91;x&#93;", "\\&#91;x\\&#93;"},
        {"J\xc3\xbcrgen 2001:db8::7", "J\xc3\xbcrgen 2001:db8::7"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *card = card_of(rows[i].sender);

        assert_string_equal(text_at(card, 0, 0), rows[i].shown);
        assert_string_equal(text_at(card, 1, 2), rows[i].shown); /* behind "when" and "relay" */
        json_decref(card);
    }
}

static void what_we_say_ourselves_stays_as_it_reads(void **state)
{
    json_t *card = card_of("anna@contoso.example");

    (void)state;
    assert_string_equal(text_at(card, 2, 0), "See what it sent: postern explain, postern log");
    assert_string_equal(text_at(card, 1, 0), "2025-11-21 12:00:00 UTC");
    assert_string_equal(text_at(card, 1, 3), "4jcxXN4J01z1c");
    json_decref(card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_text_of_a_card_is_markdown),
        cmocka_unit_test(what_we_say_ourselves_stays_as_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
