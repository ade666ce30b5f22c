/* Members of what postern-cluster has written down: one that is missing, or of another type, is empty or 0. */
#ifndef POSTERN_CORE_REPORT_JSON_AT_H
#define POSTERN_CORE_REPORT_JSON_AT_H

#include <jansson.h>
#include <stdint.h>

static inline const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text != NULL ? text : "";
}

static inline uint64_t number_at(const json_t *o, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(o, name));

    return n > 0 ? (uint64_t)n : 0;
}

#endif
