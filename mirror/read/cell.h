/*
 * One value of a row, from CSV or JSON, and the few types that the cmdlets need. Reading fails on anything unexpected;
 * the caller then names file, line and column with row_error.
 */
#ifndef POSTERN_MIRROR_CELL_H
#define POSTERN_MIRROR_CELL_H

#include "core/directory/directory.h"
#include "mirror/read/column.h"

#include <stdint.h>

enum cell_kind {
    CELL_ABSENT, /* no such column: it was not exported */
    CELL_NULL,   /* null or an empty cell: exported, without a value */
    CELL_TEXT,   /* text, a number, or an object that stands for text */
    CELL_BOOL,
    CELL_LIST, /* elements in text, each ended by CELL_LIST_END */
    CELL_ODD   /* an unknown object */
};

/* In no value: jansson and the CSV reader reject NUL. */
#define CELL_LIST_END '\0'

struct cell {
    enum cell_kind kind;
    bool truth;        /* CELL_BOOL */
    struct slice text; /* CELL_TEXT, CELL_LIST */
};

/*
 * A row's place in its file: the line, from 1. With PLACE_ROW set, the number of the row, from 1, where lines mean
 * nothing: JSON on one line, answers of the service.
 */
typedef uint32_t row_place;
#define PLACE_ROW UINT32_C(0x80000000)

struct place_words {
    char text[24];
};
/* "line 7" or "row 7"; the text lives to the end of the expression. */
struct place_words place_words(row_place place);

/* A row: cells, indexed by enum column. Everything lives until the next row. */
struct row {
    const char *path; /* of the file, escaped */
    row_place place;
    struct cell cells[COLUMNS];
};

/* "path: line 7, SmtpClientAuthenticationDisabled: \"Wahr\": expected ..."; returns -1. */
int row_error(const struct row *row, enum column column, const char *expected, struct error *e);

/* Reads true or false, also as text in any case. 1 with *out; 0: null or absent; -1: anything else. */
int cell_bool(const struct cell *cell, bool *out);

/* The text without the blanks and no-break spaces around it. */
struct slice cell_trim(struct slice text);

/* The text so trimmed; empty for null, absent, and what is no text. */
struct slice cell_text(const struct cell *cell);

/* Reads a decimal number, also as text. */
bool cell_number(const struct cell *cell, unsigned long long max, unsigned long long *out);

/* Reads a GUID, with or without braces. 1 with *id; 0: no value, or all zeros; -1: no GUID. */
int cell_guid(const struct cell *cell, struct mailbox_id *id);

/*
 * Walks over a list: a JSON array's elements, or a joined text, perhaps in the braces of Format-List. Items are never
 * empty. Names may contain blanks. Addresses may contain "+", which some scripts join with, so it separates only before
 * a prefix ("+smtp:").
 */
enum items_of {
    ITEMS_NAMES,    /* split at commas, semicolons, bars and line ends */
    ITEMS_WORDS,    /* the same and blanks */
    ITEMS_ADDRESSES /* the same, and "+" or "/" before a prefix */
};
struct items {
    struct slice rest;
    const char *separators; /* NULL: elements of an array */
    bool addresses;
};
struct items cell_items(const struct cell *cell, enum items_of of);
/* False at the end. */
bool items_next(struct items *items, struct slice *item);

/* Did PowerShell cut the list off ("{a, b, c, d...}", $FormatEnumerationLimit)? */
bool cell_is_cut(const struct cell *cell);

/*
 * Does the cell hold only a .NET type's name ("System.Collections.ArrayList", "System.String[]",
 * "Microsoft.Exchange.Data.ProxyAddressCollection"), which Export-Csv and a shallow ConvertTo-Json write instead of a
 * list? Then the list is unknown.
 */
bool cell_is_type_name(const struct cell *cell);

#endif
