/* GUIDs (RFC 9562 calls them UUIDs) in their usual text form: "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1". */
#ifndef POSTERN_GUID_H
#define POSTERN_GUID_H

#include "core/base/slice.h"

#include <stdint.h>

#define GUID_TEXT_MAX 37 /* with the terminator */

/* Upper or lower case. False when text is no GUID. */
bool guid_parse(struct slice text, uint8_t out[16]);

/* In lower case, terminated. */
void guid_write(const uint8_t guid[16], char out[GUID_TEXT_MAX]);

#endif
