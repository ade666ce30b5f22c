/* The recipients of a message, as they are let through one by one. */
#include "core/decide/decide_steps.h"

#include <stdlib.h>

/*
 * Restriction lists in which one service can be, and be asked about a recipient: those of client, HELO, sender, relay
 * and recipient (smtpd_delay_reject), and some in a restriction class.
 */
#define LISTS_MAX 8

uint64_t recipient_hash(const struct decide_context *c, const struct submission *s)
{
    struct slice text = s->recipient_result == ADDRESS_OK ? address_slice(&s->recipient) : s->recipient_text;

    return hash_slice(c->secret, text) | 1;
}

static struct recipient_seen *recipient_find(const struct recipients *r, uint64_t address)
{
    for (uint32_t i = 0; i < r->kept; i++)
        if (r->seen[i].address == address)
            return r->seen + i;
    return NULL;
}

bool recipient_is_repeated(const struct recipients *r, const struct decide_context *c, const struct submission *s)
{
    return r->kept > 0 && recipient_find(r, recipient_hash(c, s)) != NULL;
}

/* Room for one more to be told apart. */
static bool make_room(struct recipients *r)
{
    uint32_t capacity = r->capacity == 0 ? 4 : r->capacity * 2;
    struct recipient_seen *more;

    if (r->kept < r->capacity)
        return true;
    if (r->capacity >= RECIPIENTS_KEPT_MAX || (more = realloc(r->seen, capacity * sizeof *more)) == NULL)
        return false;
    r->seen = more;
    r->capacity = capacity;
    return true;
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
    uint64_t address = recipient_hash(c, s);
    struct recipient_seen *seen = recipient_find(r, address);

    r->asked++;
    r->repeated += v->repetition;
    r->declared = s->size;
    if (seen != NULL) {
        seen->asked++;
        return;
    }
    if (r->first[0] == '\0')
        note_first(r, s);
    r->n++;
    r->external += v->recipient_internal ? 0 : 1;
    if (make_room(r))
        r->seen[r->kept++] =
            (struct recipient_seen){address, hash_slice(c->secret, address_domain(&s->recipient)) | 1, 1};
}

/* How many recipients the client has named, if the MTA asks about each in `lists` lists, and whether the division is
 * exact. Those that are not told apart count as asked about once. */
static uint64_t named(const struct recipients *r, uint64_t lists, bool *even)
{
    uint64_t n = r->n - r->kept;

    *even = true;
    for (uint32_t i = 0; i < r->kept; i++) {
        n += r->seen[i].asked / lists;
        *even = *even && r->seen[i].asked % lists == 0;
    }
    return n;
}

/*
 * A recipient that was asked about twice is one whose service is in two lists, or one that the client has named twice,
 * which the MTA counts twice. The number of lists that explains the MTA's count is used; if none does, the largest,
 * which means the fewest recipients.
 */
uint64_t recipients_never_asked(const struct recipients *r, uint64_t accepted)
{
    uint64_t least = LISTS_MAX, known = r->n;
    bool even;

    if (accepted <= r->n)
        return 0;
    for (uint32_t i = 0; i < r->kept; i++)
        least = r->seen[i].asked < least ? r->seen[i].asked : least;
    for (uint64_t lists = 1; r->kept > 0 && lists <= least; lists++) {
        known = named(r, lists, &even);
        if (even && known == accepted)
            return 0;
    }
    return accepted > known ? accepted - known : 0;
}
