/* The recipients of a message, as they are let through one by one. */
#include "core/decide.h"

#include <stdlib.h>

static void recipients_add(struct recipients *r, const struct decide_context *c, const struct submission *s,
                           bool internal)
{
    struct recipient_seen seen = {hash_slice(c->secret, address_slice(&s->recipient)),
                                  hash_slice(c->secret, address_domain(&s->recipient)) | 1};

    r->n++;
    r->external += internal ? 0 : 1;
    if (s->recipient_result != ADDRESS_OK) /* what is no address is told apart by its text */
        seen.address = hash_slice(c->secret, s->recipient_text);
    seen.address |= 1;
    if (r->kept == r->capacity && r->capacity < RECIPIENTS_KEPT_MAX) {
        uint32_t capacity = r->capacity == 0 ? 4 : r->capacity * 2;
        struct recipient_seen *more = realloc(r->seen, capacity * sizeof *more);

        if (more == NULL)
            return;
        r->seen = more;
        r->capacity = capacity;
    }
    if (r->kept < r->capacity)
        r->seen[r->kept++] = seen;
}

/* Does some limit look at recipients one by one? Otherwise none needs to be kept, only counted. */
static bool keeps_recipients(const struct config *config)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if ((config->limits[i].per & PER_RECIPIENT_DOMAIN) != 0 ||
            (config->limits[i].count == COUNT_DISTINCT && config->limits[i].distinct >= DISTINCT_RECIPIENT))
            return true;
    return false;
}

/* Canonical where it is an address, else as it came. */
static void note_first(struct recipients *r, const struct submission *s)
{
    struct slice text = s->recipient_result == ADDRESS_OK ? address_slice(&s->recipient) : s->recipient_text;
    size_t n = text.n < sizeof r->first ? text.n : sizeof r->first - 1;

    if (n > 0)
        memcpy(r->first, text.p, n);
    r->first[n] = '\0';
}

void recipients_note(struct recipients *r, const struct decide_context *c, const struct submission *s,
                     const struct verdict *v)
{
    if (r->first[0] == '\0')
        note_first(r, s);
    if (keeps_recipients(c->config)) {
        recipients_add(r, c, s, v->recipient_internal);
        return;
    }
    r->n++;
    r->external += v->recipient_internal ? 0 : 1;
}
