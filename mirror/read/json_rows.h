/*
 * Splits what ConvertTo-Json and Exchange Online's REST interface write into its rows, without holding more than one:
 * an array of objects, a single object, or an envelope {"value": [ ... ], ...} whose other members are kept aside. And
 * what ScubaGear's provider for Exchange Online exports, which begins with "baseline_version", or is "Raw" in an object
 * that begins with "MetaData": of that, Get-TransportConfig.
 *
 * It only finds where a row begins and ends, by its strings and brackets; jansson checks whether the row is valid JSON.
 * Bounded: JSON_ROW_MAX bytes a row (and for the envelope's other members together), JSON_DEPTH_MAX levels.
 */
#ifndef POSTERN_MIRROR_JSON_ROWS_H
#define POSTERN_MIRROR_JSON_ROWS_H

#include "mirror/read/input.h"

#include <stdint.h>

#define JSON_ROW_MAX (1u << 20)
#define JSON_DEPTH_MAX 64

struct json_text {
    char *p;
    size_t n, cap;
};

enum json_place { JSON_START, JSON_IN_ARRAY, JSON_IN_OBJECT, JSON_END };

struct json_rows {
    struct input *in;
    unsigned long line, column; /* where the last row begins, from 1; columns are bytes */
    bool envelope;              /* the file's object has "value", an array or null */
    bool provider_export;       /* an export of ScubaGear: rows are in "transport_config"; other members are skipped */
    bool results;               /* ScubaGear's merged results, which begin with "MetaData"; "Raw" was not yet there */
    bool in_raw;                /* inside their "Raw", which is an export */
    unsigned long line_now, column_now; /* of the next byte */
    enum json_place place;
    bool in_envelope; /* the array is the envelope's */
    bool first;       /* nothing was read yet of this array or object */
    struct json_text row;
    struct json_text head; /* "{" and the members besides "value" */
};

/* Begins reading. `in` must outlive json; json_rows_close does not close it. */
void json_rows_open(struct json_rows *json, struct input *in);
void json_rows_close(struct json_rows *json);

/*
 * The next row's text, valid until the next call. 1: a row; 0: the end, and json_rows_head is complete; -1: damaged,
 * too deep, too long, or the file ends too early; e names file, line and column.
 */
int json_rows_next(struct json_rows *json, struct slice *row, struct error *e);

/* The envelope without "value", as an object; "{}" when there is none. Complete only after the last row. */
struct slice json_rows_head(const struct json_rows *json);

#endif
