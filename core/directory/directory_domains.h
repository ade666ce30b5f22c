/*
 * A generation's domains, copied into memory.
 *
 * Beyond the simplest code, which asks the file: each message asks three times for a domain, and nearly always for the
 * same few, which took half a microsecond of the mail path's own four (bench/README.md). A directory with more domains
 * than these is asked in the file as before, with the same results.
 */
#ifndef POSTERN_DIRECTORY_DOMAINS_H
#define POSTERN_DIRECTORY_DOMAINS_H

#include "core/directory/directory_file.h"

#define DOMAINS_IN_MEMORY_MAX 4096u /* of at most 254 bytes, with six for each claim */

struct domains_in_memory;

/* Copies the file's domains. 0 and *out, which is NULL when there are too many; or -1 with e. Free with domains_free.
 */
int domains_load(const struct directory_file *f, struct domains_in_memory **out, struct error *e);
void domains_free(struct domains_in_memory *d); /* NULL is fine */

/* The value of the domain in the table of domains, as long as d lives; false: it has none. Any thread. */
bool domains_find(const struct domains_in_memory *d, struct slice domain, struct slice *value);

#endif
