/*
 * The manifest: the text file "current" of the directory's folder, which names the generation that counts.
 *
 *     postern-directory 5
 *     generation 12
 *     file directory-0000000012.mdb
 *     size 491520
 *     checksum 6f1d0c2b9a8e7f54
 *     identities 0011223344556677 8899aabbccddeeff
 *     tenant 0 1790000000 contoso exchange-online
 *     part organization 1790000000 exchange-online
 *     end 0123456789abcdef
 *
 * "checksum" is XXH3 of the whole file (core/base/checksum.h), "identities" the key of the hash by which its identities
 * are found (core/directory/directory_record.h). One "tenant" line for each: index, time of its settings (wall clock,
 * seconds; 0: never), name, source (the rest of the line). Behind it one "part" line for each part that was ever
 * mirrored, in the order of enum mirrored_part: its word, its time, its source. The last line is the checksum (XXH3) of
 * all lines before it. It is replaced whole, by rename, never changed in place.
 */
#ifndef POSTERN_MANIFEST_H
#define POSTERN_MANIFEST_H

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/directory/directory.h"

#define MANIFEST_NAME "current"
/* Of the manifest, its file, and the records in it. Older ones are rebuilt (mirror/build/old_format.h). */
#define MANIFEST_FORMAT 5u
#define MANIFEST_FORMAT_WORD "postern-directory"
/* "directory-", ten digits or more, ".mdb". */
#define MANIFEST_FILE_MAX 48
/* More tenants than any relay has; it bounds the manifest to MANIFEST_MAX bytes. */
#define DIRECTORY_TENANTS_MAX 10000u
#define MANIFEST_MAX ((size_t)256 + DIRECTORY_TENANTS_MAX * (256 + MIRRORED_PARTS * 104))

/* Of one tenant. The slices point into the text. */
struct manifest_tenant {
    int64_t settings_at;
    struct slice name;
    struct slice source;
    struct {
        int64_t at; /* 0: never */
        struct slice source;
    } parts[MIRRORED_PARTS];
};

struct manifest {
    uint64_t generation; /* at least 1 */
    uint64_t size;       /* of the file, bytes */
    uint64_t checksum;   /* of the file: core/base/checksum.h */
    struct hash_secret identities;
    char file[MANIFEST_FILE_MAX]; /* always manifest_file_name(generation) */
    uint32_t tenants_n;
    struct manifest_tenant *tenants; /* by index; freed by manifest_free */
};

/*
 * Reads a manifest's text, which must outlive *out. 0; -1 with e for anything that manifest_text would not have
 * written, other formats among it.
 */
int manifest_parse(struct slice text, struct manifest *out, struct error *e);
void manifest_free(struct manifest *m);

/* The format that its first line says; 0: it is no manifest. */
unsigned manifest_format(struct slice text);

/* Writes the text of m (m->file is ignored) to out, which has room for MANIFEST_MAX bytes. -1 when it does not fit. */
int manifest_text(const struct manifest *m, struct buf *out, struct error *e);

/* "directory-0000000012.mdb" */
void manifest_file_name(uint64_t generation, char out[MANIFEST_FILE_MAX]);
/* The generation of a file's name, 0 when the name is none of ours. */
uint64_t manifest_file_generation(struct slice name);

#endif
