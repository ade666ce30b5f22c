/*
 * Where a directory came from that another relay mirrors: the text file "pulled" of its folder, which postern-mirror
 * writes at each look at that relay.
 *
 *     postern-pulled 1
 *     url https://mx1.contoso.example/postern
 *     relay mx1.contoso.example
 *     generation 12
 *     here 14
 *     offered 1790000000
 *     checked 1790001800
 *     digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *     manifest 6f1d0c2b9a8e7f54
 *     etag "65f1d0c2-1f4"
 *     end 0123456789abcdef
 */
#ifndef POSTERN_PULLED_H
#define POSTERN_PULLED_H

#include "core/base/error.h"

#include <stdint.h>

#define PULLED_NAME "pulled"

struct pulled {
    char url[2048];      /* of the folder it came from */
    char relay[256];     /* that offered it, by its own name */
    uint64_t generation; /* its number there */
    uint64_t here;       /* and in this folder: of the generation that counts here, else this one did not come so */
    int64_t offered_at;  /* when that relay sealed what came last; its wall clock, seconds */
    int64_t checked_at;  /* when we last heard that nothing is newer; our wall clock, seconds */
    char digest[65];     /* SHA-256 of the generation's file, hexadecimal */
    uint64_t
        manifest;   /* XXH3 of the manifest's text, as it was written here: if it is another one, others wrote since */
    char etag[128]; /* of what came last (RFC 9110 8.8.3); empty: it had none */
};

/* 1; 0 when there is none; -1 with e when it cannot be read or is damaged. */
int pulled_read(const char *folder, struct pulled *out, struct error *e);

/* Replaces it, by rename. No text of it has a control character. 0, or -1 with e. */
int pulled_write(const char *folder, const struct pulled *p, struct error *e);

#endif
