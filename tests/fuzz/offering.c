/* links: mirror */
/*
 * Another relay's sealed manifest. The input is what stands before the seal, so that the fuzzer gets past it; and as it
 * is, which must never be taken.
 */
#include "mirror/offering.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char bytes[CLUSTER_KEY_BYTES] = {1};
    static struct cluster_key key;
    char *text = malloc(size + 256);
    struct offering o;
    struct error e;
    struct buf b;

    if (text == NULL || (key.check[0] == '\0' && cluster_key_derive(bytes, &key, &e) != 0))
        abort();
    if (offering_read((struct slice){(const char *)data, size}, &key, &o, &e) == 0)
        abort();
    offering_free(&o);
    b = buf_over(text, size + 256);
    buf_add(&b, (struct slice){(const char *)data, size});
    if (offering_seal(&key, &b, &e) != 0)
        abort();
    if (offering_read(buf_slice(&b), &key, &o, &e) == 0 && (o.relay.n == 0 || o.m.generation == 0))
        abort();
    offering_free(&o);
    free(text);
    return 0;
}
