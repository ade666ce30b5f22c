/*
 * One published generation on disk: the manifest that names it and the LMDB file itself, verified and opened. Private
 * to the directory's reader and writer.
 */
#ifndef POSTERN_DIRECTORY_FILE_H
#define POSTERN_DIRECTORY_FILE_H

#include "core/directory/directory_record.h"
#include "core/directory/manifest.h"

#include <lmdb.h>

#include <stdatomic.h>
#include <sys/stat.h>

/* The manifest with the text that its slices point into. */
struct manifest_file {
    struct manifest m;
    struct stat st; /* of the file that was read */
    char *text;
};

/*
 * Reads the folder's manifest. 1; 0 when there is none (or no folder); -1 with e. *st is what was there, also with -1
 * when it could be opened. Free with manifest_file_free.
 */
int manifest_file_read(const char *folder, struct manifest_file *out, struct error *e);
void manifest_file_free(struct manifest_file *f);

struct directory_file {
    MDB_env *env;
    MDB_dbi dbi[TABLES];
    uint64_t size, checksum; /* as in the manifest */
    struct hash_secret identities;
    bool old;                         /* of a format that has no recipients */
    atomic_int_least64_t modified_ns; /* when its bytes were compared with the checksum */
    unsigned users;                   /* generations that share it; counted by the thread that refreshes */
};

/*
 * Opens the generation that the manifest names. All of it is read and compared with the manifest's checksum first: LMDB
 * trusts its pages, so a damaged file must never be mapped. Symbolic links and other than plain files are refused. 0
 * and users = 1, or -1 with e. Free with directory_file_close.
 */
int directory_file_open(const char *folder, const struct manifest *m, struct directory_file **out, struct error *e);
void directory_file_close(struct directory_file *f);

/* How a file's checksum is made: the format's. As checksum_file. */
typedef int directory_checksum(int fd, uint64_t size, uint64_t *out, struct error *e);
/* directory_file_open for an older format: with that checksum, and without the table of recipients. */
int directory_file_open_old(directory_checksum *checksum, const char *folder, const struct manifest *m,
                            struct directory_file **out, struct error *e);

/* Reads a folder's manifest as text: as manifest_file_read, without looking into it. */
int manifest_file_text(const char *folder, struct manifest_file *out, struct slice *text, struct error *e);

/*
 * Checks that nobody has written to the published file. 0; -1 with e when it was written to or truncated, and no longer
 * matches its checksum: it must not be used any more.
 */
int directory_file_check(struct directory_file *f, struct error *e);
/* Was it written to or truncated since the last check? For any thread. */
bool directory_file_touched(const struct directory_file *f);

/*
 * Reads the facts of all tenants, with times and sources from the manifest, into an array of m->tenants_n (and one
 * spare, so that it is never NULL). 0, or -1 with e. The caller frees it.
 */
int directory_file_tenants(const struct directory_file *f, const struct manifest *m, struct tenant_facts **out,
                           struct error *e);
/* Adds the times and sources in the manifest to a tenant's facts. */
void directory_facts_said(const struct manifest_tenant *said, struct tenant_facts *facts);

/* The domain that a tenant's names without one belong to; n is 0 where it has none of its own, or several. */
struct tenant_domain {
    uint16_t n;
    bool any, several;
    char text[256];
};

/*
 * The accepted domain of each of n tenants, the ones that Microsoft gives every tenant aside, into an array of n (and
 * one spare); and the DOMAIN_NO_ bits that some accepted domain has into *closed. 0, or -1 with e. The caller frees it.
 */
int directory_file_domains(const struct directory_file *f, uint32_t n, struct tenant_domain **out, unsigned *closed,
                           struct error *e);

#endif
