#include "core/report/printer.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 4096 /* bytes of a line; a longer one is cut */
#define FIELD_INDENT 2

void printer_line(struct printer *p, const struct line *line)
{
    p->line(p, line);
}

void printer_text(struct printer *p, const char *format, ...)
{
    char text[TEXT_MAX];
    unsigned indent = 0;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    while (text[indent] == ' ')
        indent++;
    p->line(p, &(struct line){.indent = indent, .spans = {{TONE_PLAIN, text + indent}}, .hang = indent + 2});
}

void printer_title(struct printer *p, const char *title)
{
    p->line(p, &(struct line){.spans = {{TONE_TITLE, title}}});
}

void printer_gap(struct printer *p)
{
    p->line(p, &(struct line){.indent = 0});
}

void printer_field(struct printer *p, const char *label, unsigned width, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->line(p, &(struct line){.indent = FIELD_INDENT,
                              .label = label,
                              .label_width = width,
                              .spans = {{TONE_PLAIN, text}},
                              .hang = FIELD_INDENT + width + 1});
}

void printer_remark(struct printer *p, enum remark remark, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->remark(p, remark, text);
}
