#include "core/report/postfix_words.h"

static bool separates(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

static size_t word_end(struct slice s)
{
    size_t depth = 0, i = 0;

    for (; i < s.n; i++) {
        if (s.p[i] == '{')
            depth++;
        else if (s.p[i] == '}' && depth > 0)
            depth--;
        else if (depth == 0 && separates(s.p[i]))
            break;
    }
    return i;
}

bool postfix_word(struct slice *rest, struct slice *word)
{
    size_t end;

    while (rest->n > 0 && separates(rest->p[0]))
        *rest = (struct slice){rest->p + 1, rest->n - 1};
    if (rest->n == 0)
        return false;
    end = word_end(*rest);
    *word = (struct slice){rest->p, end};
    *rest = (struct slice){rest->p + end, rest->n - end};
    return true;
}

struct slice postfix_unbraced(struct slice word)
{
    if (word.n < 2 || word.p[0] != '{' || word.p[word.n - 1] != '}')
        return word;
    return slice_trim((struct slice){word.p + 1, word.n - 2});
}

struct postfix_target postfix_target(struct slice word)
{
    struct postfix_target target = {.options = postfix_unbraced(word)};

    (void)postfix_word(&target.options, &target.endpoint);
    return target;
}

bool postfix_option(const struct postfix_target *target, struct slice name, struct slice *value, struct slice *whole)
{
    struct slice rest = target->options, word, head, tail;

    while (postfix_word(&rest, &word)) {
        if (!slice_cut(postfix_unbraced(word), '=', &head, &tail) || !slice_eq(slice_trim(head), name))
            continue;
        *value = slice_trim(tail);
        if (whole != NULL)
            *whole = word;
        return true;
    }
    return false;
}
