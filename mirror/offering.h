/*
 * What a relay that mirrors offers to the others: the directory's manifest, sealed with the cluster's key, beside the
 * file that it names. Any web server may carry it: who cannot make the seal can neither change nor invent anything.
 *
 *     postern-offer 1
 *     key 0123456789abcdef
 *     relay mx1.contoso.example
 *     offered 1790000000
 *     machine 4096 64 little
 *     digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *     manifest 310
 *     postern-directory 5
 *     ...
 *     seal 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
 *
 * "key" tells which cluster's it is (core/base/cluster_key.h), "offered" when this was sealed (wall clock, seconds).
 * "machine" is what the file's format depends on: the size of a memory page, bits of a word, order of bytes. "digest"
 * is SHA-256 of the file, since the manifest's own checksum only finds damage. "manifest" is how many bytes of manifest
 * (core/directory/manifest.h) follow. The last line is HMAC-SHA256 of all before it.
 */
#ifndef POSTERN_MIRROR_OFFERING_H
#define POSTERN_MIRROR_OFFERING_H

#include "core/base/cluster_key.h"
#include "core/directory/manifest.h"

#define OFFERING_NAME "manifest" /* in the folder that is offered */
#define OFFERING_FORMAT 1u
#define OFFERING_RELAY_MAX 255
#define OFFERING_MAX (MANIFEST_MAX + 1024)
#define OFFERING_DIGEST_BYTES 32

struct offering {
    struct slice relay; /* that made it */
    int64_t offered_at;
    unsigned char digest[OFFERING_DIGEST_BYTES];
    struct slice manifest; /* its text */
    struct manifest m;     /* the same, read; offering_write ignores it */
};

/* Writes the text to out, which has room for OFFERING_MAX bytes. 0, or -1 with e. */
int offering_write(const struct offering *o, const struct cluster_key *key, struct buf *out, struct error *e);

/* Appends the last line: the seal of what out holds. 0, or -1 with e. */
int offering_seal(const struct cluster_key *key, struct buf *out, struct error *e);

/*
 * Reads the text, which must outlive *out, and checks its seal before anything else of it counts. 0; -1 with e for what
 * offering_write would not have written on this kind of machine with this key. Free with offering_free.
 */
int offering_read(struct slice text, const struct cluster_key *key, struct offering *out, struct error *e);
void offering_free(struct offering *o);

/* As in the text: two lower-case hexadecimal digits a byte. */
void offering_hex(const unsigned char *bytes, size_t n, struct buf *out);

/* SHA-256 of the first `size` bytes of a file. 0; -1 with e when they cannot be read. */
int offering_digest(int fd, uint64_t size, unsigned char out[OFFERING_DIGEST_BYTES], struct error *e);

#endif
