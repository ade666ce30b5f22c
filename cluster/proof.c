#include "cluster/proof.h"

#include "cluster/bytes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* The first byte tells a proof from the end of a counter, which is decimal digits. */
#define PROOF_MARK 'M'
#define SIGNED_BYTES 8
/* How far the relays' clocks may differ. */
#define SKEW_S 3600

static int sign_proof(const struct cluster_key *key, const struct proof_of *of, uint32_t made_s,
                      unsigned char out[SIGNED_BYTES])
{
    unsigned char text[24], mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    bytes_put64(text, of->limit_key);
    bytes_put64(text + 8, of->member_key);
    bytes_put32(text + 16, of->relay);
    bytes_put32(text + 20, made_s);
    if (HMAC(EVP_sha256(), key->proving, sizeof key->proving, text, sizeof text, mac, &n) == NULL || n < SIGNED_BYTES)
        return -1;
    memcpy(out, mac, SIGNED_BYTES);
    return 0;
}

int proof_make(const struct cluster_key *key, const struct proof_of *of, unsigned char out[PROOF_BYTES])
{
    out[0] = PROOF_MARK;
    bytes_put32(out + 1, of->relay);
    bytes_put32(out + 5, (uint32_t)of->wall_s);
    return sign_proof(key, of, (uint32_t)of->wall_s, out + 9);
}

bool proof_holds(const struct cluster_key *key, const struct proof_of *of, uint64_t keep_s, struct slice text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    struct proof_of theirs = *of;
    unsigned char mac[SIGNED_BYTES];
    int64_t age_s;

    if (text.n != PROOF_BYTES || p[0] != PROOF_MARK)
        return false;
    theirs.relay = bytes_get32(p + 1);
    age_s = (int64_t)(int32_t)((uint32_t)of->wall_s - bytes_get32(p + 5));
    if (theirs.relay == of->relay || age_s < -SKEW_S || age_s > (int64_t)(keep_s + SKEW_S))
        return false;
    return sign_proof(key, &theirs, bytes_get32(p + 5), mac) == 0 && CRYPTO_memcmp(mac, p + 9, sizeof mac) == 0;
}
