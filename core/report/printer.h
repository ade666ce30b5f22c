/*
 * The interface between reports and printers: lines for people, tables, and trees of typed values for programs. A
 * report does not know whether the printer writes to a terminal, a file or a web page, how wide, or in which format.
 * Foreign text is passed as it came: the printer escapes it.
 */
#ifndef POSTERN_CORE_REPORT_PRINTER_H
#define POSTERN_CORE_REPORT_PRINTER_H

#include "core/base/slice.h"

#include <stdint.h>

/* ---- typed values, in tables and trees ---- */

enum value_kind {
    VALUE_NONE,
    VALUE_TEXT,
    VALUE_NUMBER,
    VALUE_TRUTH,
    VALUE_TIME,     /* seconds since 1970, wall clock; 0 and before: none */
    VALUE_DURATION, /* seconds */
    VALUE_BYTES
};

struct value {
    enum value_kind kind;
    union {
        struct slice text; /* may come from outside */
        uint64_t number;   /* of all but text and time */
        int64_t wall_s;
    };
};

static inline struct value value_none(void)
{
    return (struct value){.kind = VALUE_NONE};
}

static inline struct value value_text(struct slice text)
{
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

/* A terminated text; NULL: none. */
static inline struct value value_word(const char *word)
{
    return word != NULL ? value_text(slice_of(word)) : value_none();
}

/* The same, and an empty text is none, too. */
static inline struct value value_word_or_none(const char *word)
{
    return word[0] != '\0' ? value_word(word) : value_none();
}

static inline struct value value_number(uint64_t number)
{
    return (struct value){.kind = VALUE_NUMBER, .number = number};
}

static inline struct value value_truth(bool truth)
{
    return (struct value){.kind = VALUE_TRUTH, .number = truth};
}

static inline struct value value_time(int64_t wall_s)
{
    return (struct value){.kind = VALUE_TIME, .wall_s = wall_s};
}

static inline struct value value_duration(uint64_t seconds)
{
    return (struct value){.kind = VALUE_DURATION, .number = seconds};
}

static inline struct value value_bytes(uint64_t bytes)
{
    return (struct value){.kind = VALUE_BYTES, .number = bytes};
}

#define TABLE_COLUMNS_MAX 32u

struct column {
    const char *name; /* "last_seen", for programs; people read "last seen" */
    enum value_kind kind;
};

struct table {
    const struct column *columns;
    size_t n;
    const char *name;  /* inside an object: its member; NULL outside */
    const char *empty; /* what people read when there are no rows; NULL: nothing */
};
#define TABLE_COLUMNS(array) .columns = (array), .n = sizeof(array) / sizeof *(array)

/* ---- lines, for people ---- */

/* What a piece of text means, for colours. */
enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_TITLE };

struct span {
    enum tone tone;
    const char *text; /* printable ASCII */
};

#define LINE_SPANS_MAX 4

struct line {
    unsigned indent;                   /* blanks in front */
    const char *label;                 /* printed at least label_width wide, with a blank after it; NULL: none */
    unsigned label_width;              /* columns */
    struct span spans[LINE_SPANS_MAX]; /* up to the first without a text */
    unsigned hang;                     /* indent of the lines on which it continues */
    unsigned width;                    /* columns, where the printer has no width of its own; 0: no bound */
    bool verbatim;                     /* never folded, as of a script */
};

/* ---- the printer ---- */

enum tree { TREE_OBJECT, TREE_LIST };

/* Beside the report: how to read it, or what went wrong in making it. */
enum remark { REMARK_NOTE, REMARK_WARNING };

struct printer {
    /* For people: it prints lines, and tables of few columns. Otherwise it takes trees, and all columns. */
    bool people;
    bool enough; /* it takes no more rows: a report may end early */
    void (*line)(struct printer *p, const struct line *line);
    void (*table)(struct printer *p, const struct table *table);       /* begins one */
    void (*row)(struct printer *p, const struct value *cells);         /* as many as the table has columns */
    void (*end)(struct printer *p);                                    /* of the table */
    void (*open)(struct printer *p, const char *name, enum tree tree); /* name NULL: in a list, or the outermost */
    void (*value)(struct printer *p, const char *name, struct value value);
    void (*close)(struct printer *p);
    void (*remark)(struct printer *p, enum remark remark, const char *text);
};

/* ---- the usual lines ---- */

void printer_line(struct printer *p, const struct line *line);
/* A line of text that is ours, or was escaped; what doesn't fit continues on the next line, indented by two more. */
void printer_text(struct printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void printer_title(struct printer *p, const char *title);
void printer_gap(struct printer *p);
/* "  label      text" */
void printer_field(struct printer *p, const char *label, unsigned width, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void printer_remark(struct printer *p, enum remark remark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
