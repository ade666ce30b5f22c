#include "core/print/paint.h"

void terminal_paint(FILE *to, const struct terminal *t, enum tone tone, const char *text)
{
    static const char *const codes[] = {
        [TONE_GOOD] = "32", [TONE_WARN] = "33", [TONE_BAD] = "1;31", [TONE_TITLE] = "1"};

    if (t->color && tone != TONE_PLAIN)
        fprintf(to, "\033[%sm%s\033[0m", codes[tone], text);
    else
        fputs(text, to);
}
