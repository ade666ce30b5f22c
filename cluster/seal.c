#include "cluster/seal.h"

#include "cluster/bytes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define NONCE_BYTES 12
/* Relays whose keys are remembered, and with them what they told last. */
#define PEERS_MAX (SEAL_HEARD_MAX - 1)

struct sealer {
    unsigned char incarnation[SEAL_INCARNATION_BYTES];
    unsigned char key[CLUSTER_DERIVED_BYTES];
    uint64_t sequence;
    EVP_CIPHER_CTX *cipher;
};

struct peer {
    unsigned char incarnation[SEAL_INCARNATION_BYTES];
    unsigned char key[CLUSTER_DERIVED_BYTES];
    uint64_t seen[SEAL_CONTEXTS]; /* the highest sequence */
    uint64_t used;                /* 0: a free place */
};

struct opener {
    const struct cluster_key *key;
    const struct sealer *own;
    EVP_CIPHER_CTX *cipher;
    uint64_t uses;
    struct peer peers[PEERS_MAX];
    unsigned char text[SEAL_TEXT_MAX];
};

static int key_of_incarnation(const struct cluster_key *key, const unsigned char *incarnation,
                              unsigned char out[CLUSTER_DERIVED_BYTES], struct error *e)
{
    return cluster_key_expand(key->sealing, sizeof key->sealing, "incarnation", incarnation, SEAL_INCARNATION_BYTES,
                              out, e);
}

struct sealer *sealer_new(const struct cluster_key *key, struct error *e)
{
    struct sealer *s = calloc(1, sizeof *s);

    if (s == NULL || (s->cipher = EVP_CIPHER_CTX_new()) == NULL) {
        (void)error_set(e, "no memory for sealing");
    } else if (RAND_bytes(s->incarnation, sizeof s->incarnation) != 1) {
        (void)error_set(e, "no randomness for a new incarnation");
    } else if (key_of_incarnation(key, s->incarnation, s->key, e) == 0) {
        return s;
    }
    sealer_free(s);
    return NULL;
}

void sealer_free(struct sealer *s)
{
    if (s == NULL)
        return;
    EVP_CIPHER_CTX_free(s->cipher);
    OPENSSL_cleanse(s->key, sizeof s->key);
    free(s);
}

const unsigned char *sealer_incarnation(const struct sealer *s)
{
    return s->incarnation;
}

/* The context is in the nonce as well: two contexts never share one. */
static void nonce_of(const unsigned char *head, unsigned char nonce[NONCE_BYTES])
{
    memset(nonce, 0, NONCE_BYTES);
    nonce[0] = head[1];
    memcpy(nonce + 4, head + 2 + SEAL_INCARNATION_BYTES, 8);
}

size_t seal(struct sealer *s, enum seal_context context, struct slice text, unsigned char *out)
{
    unsigned char nonce[NONCE_BYTES], *body = out + SEAL_HEAD_BYTES;
    int n = 0, rest = 0;

    if (text.n > SEAL_TEXT_MAX)
        return 0;
    out[0] = SEAL_VERSION;
    out[1] = (unsigned char)context;
    memcpy(out + 2, s->incarnation, sizeof s->incarnation);
    bytes_put64(out + 2 + SEAL_INCARNATION_BYTES, ++s->sequence);
    nonce_of(out, nonce);
    if (EVP_EncryptInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, s->key, nonce) != 1 ||
        EVP_EncryptUpdate(s->cipher, NULL, &n, out, SEAL_HEAD_BYTES) != 1 ||
        EVP_EncryptUpdate(s->cipher, body, &n, (const unsigned char *)text.p, (int)text.n) != 1 ||
        EVP_EncryptFinal_ex(s->cipher, body + n, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, body + text.n) != 1)
        return 0;
    return SEAL_EXTRA_BYTES + text.n;
}

struct opener *opener_new(const struct cluster_key *key, const struct sealer *own, struct error *e)
{
    struct opener *o = calloc(1, sizeof *o);

    if (o == NULL || (o->cipher = EVP_CIPHER_CTX_new()) == NULL) {
        opener_free(o);
        (void)error_set(e, "no memory for opening what is sealed");
        return NULL;
    }
    o->key = key;
    o->own = own;
    return o;
}

void opener_free(struct opener *o)
{
    if (o == NULL)
        return;
    EVP_CIPHER_CTX_free(o->cipher);
    OPENSSL_cleanse(o, sizeof *o);
    free(o);
}

/* The peer's place; NULL: not known yet. */
static struct peer *peer_find(struct opener *o, const unsigned char *incarnation)
{
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (o->peers[i].used != 0 && memcmp(o->peers[i].incarnation, incarnation, SEAL_INCARNATION_BYTES) == 0)
            return o->peers + i;
    return NULL;
}

/* Only who has the cluster's key comes this far: nobody else can push a peer out. */
static struct peer *peer_keep(struct opener *o, const struct peer *peer)
{
    struct peer *place = o->peers;

    for (unsigned i = 1; i < PEERS_MAX && place->used != 0; i++)
        if (o->peers[i].used < place->used)
            place = o->peers + i;
    *place = *peer;
    return place;
}

static bool decrypt(struct opener *o, const unsigned char *key, struct slice record)
{
    const unsigned char *head = (const unsigned char *)record.p, *body = head + SEAL_HEAD_BYTES;
    size_t length = record.n - SEAL_EXTRA_BYTES;
    unsigned char nonce[NONCE_BYTES], tag[SEAL_TAG_BYTES];
    int n = 0, rest = 0;

    memcpy(tag, body + length, sizeof tag);
    nonce_of(head, nonce);
    return EVP_DecryptInit_ex(o->cipher, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           EVP_DecryptUpdate(o->cipher, NULL, &n, head, SEAL_HEAD_BYTES) == 1 &&
           EVP_DecryptUpdate(o->cipher, o->text, &n, body, (int)length) == 1 &&
           EVP_CIPHER_CTX_ctrl(o->cipher, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, tag) == 1 &&
           EVP_DecryptFinal_ex(o->cipher, o->text + n, &rest) == 1;
}

enum opened seal_open(struct opener *o, enum seal_context context, struct slice record, struct slice *text,
                      const unsigned char **incarnation)
{
    const unsigned char *head = (const unsigned char *)record.p;
    struct peer fresh = {.used = 0}, *peer;
    uint64_t sequence;

    if (record.n < SEAL_EXTRA_BYTES || record.n > SEAL_EXTRA_BYTES + SEAL_TEXT_MAX)
        return OPENED_FALSE;
    if (head[0] != SEAL_VERSION)
        return head[0] > SEAL_VERSION ? OPENED_NEWER : OPENED_FALSE;
    if (head[1] != context)
        return OPENED_FALSE;
    if ((peer = peer_find(o, head + 2)) == NULL) {
        memcpy(fresh.incarnation, head + 2, sizeof fresh.incarnation);
        if (key_of_incarnation(o->key, head + 2, fresh.key, NULL) != 0)
            return OPENED_FALSE;
    }
    if (!decrypt(o, peer != NULL ? peer->key : fresh.key, record))
        return OPENED_FALSE;
    *text = (struct slice){(const char *)o->text, record.n - SEAL_EXTRA_BYTES};
    if (incarnation != NULL)
        *incarnation = head + 2;
    if (memcmp(head + 2, o->own->incarnation, SEAL_INCARNATION_BYTES) == 0)
        return OPENED_OWN;
    if (peer == NULL)
        peer = peer_keep(o, &fresh);
    peer->used = ++o->uses;
    sequence = bytes_get64(head + 2 + SEAL_INCARNATION_BYTES);
    if (context != SEAL_KEPT && sequence <= peer->seen[context])
        return OPENED_REPLAYED;
    peer->seen[context] = sequence;
    return OPENED;
}

/* ---- over a restart ---- */

static unsigned char *put_heard(unsigned char *p, const unsigned char *incarnation, uint64_t sequence)
{
    memcpy(p, incarnation, SEAL_INCARNATION_BYTES);
    bytes_put64(p + SEAL_INCARNATION_BYTES, sequence);
    return p + SEAL_HEARD_BYTES;
}

size_t opener_heard(const struct opener *o, enum seal_context context,
                    unsigned char out[SEAL_HEARD_MAX * SEAL_HEARD_BYTES])
{
    unsigned char *p = put_heard(out, o->own->incarnation, o->own->sequence);

    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (o->peers[i].used != 0 && o->peers[i].seen[context] != 0)
            p = put_heard(p, o->peers[i].incarnation, o->peers[i].seen[context]);
    return (size_t)(p - out);
}

int opener_hear_on(struct opener *o, enum seal_context context, struct slice heard)
{
    const unsigned char *p = (const unsigned char *)heard.p;

    if (heard.n % SEAL_HEARD_BYTES != 0)
        return -1;
    for (size_t n = heard.n / SEAL_HEARD_BYTES; n > 0; n--, p += SEAL_HEARD_BYTES) {
        struct peer fresh = {.used = 0}, *peer = peer_find(o, p);
        uint64_t sequence = bytes_get64(p + SEAL_INCARNATION_BYTES);

        memcpy(fresh.incarnation, p, sizeof fresh.incarnation);
        if (peer == NULL && key_of_incarnation(o->key, p, fresh.key, NULL) != 0)
            return -1;
        if (peer == NULL)
            peer = peer_keep(o, &fresh);
        peer->used = ++o->uses;
        peer->seen[context] = sequence > peer->seen[context] ? sequence : peer->seen[context];
    }
    return 0;
}
