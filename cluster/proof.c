#include "cluster/proof.h"

#include "cluster/bytes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* The first byte tells a proof from the end of a counter, which is decimal digits. */
#define PROOF_MARK 'M'
#define RELAY_BYTES 3
#define HOUR_BYTES 2
#define SIGNED_BYTES 6
#define RELAY_AT 1
#define HOUR_AT (RELAY_AT + RELAY_BYTES)
#define SIGNED_AT (HOUR_AT + HOUR_BYTES)
_Static_assert(SIGNED_AT + SIGNED_BYTES == PROOF_BYTES, "a proof is all of this");

#define HOUR_S 3600
/* How far the relays' clocks may differ, in hours. */
#define SKEW_HOURS 1

/* Signs what stands before, with the two keys. */
static int sign_proof(const struct cluster_key *key, const struct proof_of *of, const unsigned char *proof,
                      unsigned char out[SIGNED_BYTES])
{
    unsigned char text[16 + SIGNED_AT], mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    bytes_put64(text, of->limit_key);
    bytes_put64(text + 8, of->member_key);
    memcpy(text + 16, proof, SIGNED_AT);
    if (HMAC(EVP_sha256(), key->proving, sizeof key->proving, text, sizeof text, mac, &n) == NULL || n < SIGNED_BYTES)
        return -1;
    memcpy(out, mac, SIGNED_BYTES);
    return 0;
}

/* What an own proof begins with. */
static void begin_proof(const struct proof_of *of, unsigned char out[SIGNED_AT])
{
    unsigned char relay[4];
    uint16_t hour = (uint16_t)(of->wall_s / HOUR_S);

    bytes_put32(relay, of->relay);
    out[0] = PROOF_MARK;
    memcpy(out + RELAY_AT, relay + sizeof relay - RELAY_BYTES, RELAY_BYTES);
    out[HOUR_AT] = (unsigned char)(hour >> 8);
    out[HOUR_AT + 1] = (unsigned char)hour;
}

int proof_make(const struct cluster_key *key, const struct proof_of *of, unsigned char out[PROOF_BYTES])
{
    begin_proof(of, out);
    return sign_proof(key, of, out, out + SIGNED_AT);
}

/* How long ago, in hours; also across the end of what 16 bits hold, in seven years. */
static int age_of(const unsigned char *proof, const unsigned char *now)
{
    return (int16_t)(uint16_t)((now[HOUR_AT] << 8 | now[HOUR_AT + 1]) - (proof[HOUR_AT] << 8 | proof[HOUR_AT + 1]));
}

bool proof_holds(const struct cluster_key *key, const struct proof_of *of, uint64_t keep_s, struct slice text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    unsigned char ours[SIGNED_AT], mac[SIGNED_BYTES];
    int age;

    if (text.n != PROOF_BYTES || p[0] != PROOF_MARK)
        return false;
    begin_proof(of, ours);
    age = age_of(p, ours);
    if (memcmp(p + RELAY_AT, ours + RELAY_AT, RELAY_BYTES) == 0 || age < -SKEW_HOURS ||
        (age > 0 && (uint64_t)age > keep_s / HOUR_S + 1 + SKEW_HOURS))
        return false;
    return sign_proof(key, of, p, mac) == 0 && CRYPTO_memcmp(mac, p + SIGNED_AT, sizeof mac) == 0;
}
