#include "core/mail/reply_text.h"

#include "core/base/buf.h"
#include "core/base/quote.h"
#include "core/base/units.h"

static void add_limit(struct buf *b, const struct reply_facts *facts)
{
    if (facts->limit != NULL)
        buf_add_escaped(b, slice_of(facts->limit), REPLY_LOGIN_MAX);
    else
        buf_add(b, SLICE("none"));
}

static void add_retry(struct buf *b, const struct reply_facts *facts)
{
    if (facts->retry_s > 0)
        duration_add(b, facts->retry_s);
    else
        buf_add(b, SLICE("a while"));
}

static void add_client(struct buf *b, const struct reply_facts *facts)
{
    char text[IP_TEXT_MAX];

    buf_add(b, facts->client != NULL ? ip_text(facts->client, text) : SLICE("unknown"));
}

static void add_login(struct buf *b, const struct reply_facts *facts)
{
    if (facts->login.n > 0)
        buf_add_escaped(b, facts->login, REPLY_LOGIN_MAX);
    else
        buf_add(b, SLICE("none"));
}

static const struct placeholder {
    struct slice name;
    void (*add)(struct buf *b, const struct reply_facts *facts);
} placeholders[] = {
    {{"limit", 5}, add_limit}, {{"retry", 5}, add_retry}, {{"client", 6}, add_client}, {{"login", 5}, add_login}};
#define PLACEHOLDERS (sizeof placeholders / sizeof placeholders[0])

/* A word in braces at the beginning of text: letters, digits, "_" and "-". */
static bool word_in_braces(struct slice text, struct slice *word)
{
    size_t n = 1;

    if (text.n == 0 || text.p[0] != '{')
        return false;
    while (n < text.n && ((ascii_lower(text.p[n]) >= 'a' && ascii_lower(text.p[n]) <= 'z') ||
                          (text.p[n] >= '0' && text.p[n] <= '9') || text.p[n] == '_' || text.p[n] == '-'))
        n++;
    if (n == 1 || n == text.n || text.p[n] != '}')
        return false;
    *word = (struct slice){text.p + 1, n - 1};
    return true;
}

static const struct placeholder *placeholder_of(struct slice word)
{
    for (size_t i = 0; i < PLACEHOLDERS; i++)
        if (slice_eq(placeholders[i].name, word))
            return &placeholders[i];
    return NULL;
}

int reply_text_check(struct slice text, struct error *e)
{
    struct slice word;

    for (; text.n > 0; text.p++, text.n--)
        if (word_in_braces(text, &word) && placeholder_of(word) == NULL)
            return error_set(e, "a reply with {%s}; what it can name is {limit}, {retry}, {client} and {login}",
                             quote(word).text);
    return 0;
}

struct slice reply_text_fill(struct slice text, const struct reply_facts *facts, char *mem)
{
    struct buf b;

    if (text.n == 0 || memchr(text.p, '{', text.n) == NULL)
        return text;
    b = buf_over(mem, REPLY_MAX + 1);
    while (text.n > 0) {
        struct slice word;
        const struct placeholder *p = word_in_braces(text, &word) ? placeholder_of(word) : NULL;
        size_t taken = p != NULL ? word.n + 2 : 1;

        if (p != NULL)
            p->add(&b, facts);
        else
            buf_add_char(&b, text.p[0]);
        text = (struct slice){text.p + taken, text.n - taken};
    }
    return buf_slice(&b);
}
