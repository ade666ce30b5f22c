/* Postfix's lists: words apart by blanks and commas, where { ... } is one word, and what is in such a word. */
#ifndef POSTERN_CORE_REPORT_POSTFIX_WORDS_H
#define POSTERN_CORE_REPORT_POSTFIX_WORDS_H

#include "core/base/slice.h"

/* The next word of *rest, braces included, with *rest after it. False at the end. */
bool postfix_word(struct slice *rest, struct slice *word);

/* What is between the braces of a word; the word itself without any. */
struct slice postfix_unbraced(struct slice word);

/* "unix:/run/x" or "{ unix:/run/x, timeout=20s, { default_action = 451 ... } }". */
struct postfix_target {
    struct slice endpoint;
    struct slice options; /* words "name=value", in braces or not */
};
struct postfix_target postfix_target(struct slice word);

/* An option of the target: its value, and all of it as it is written (may be NULL); false when it is not there. */
bool postfix_option(const struct postfix_target *target, struct slice name, struct slice *value, struct slice *whole);

#endif
