#include "cluster/beat.h"

#include "core/base/buf.h"

#include <stdlib.h>

void beats_drop(struct beat_peer *p)
{
    json_decref(p->said);
    *p = (struct beat_peer){.heard_ns = 0};
}

void beats_clear(struct beats *b)
{
    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++)
        beats_drop(b->peers + i);
    json_decref(b->own);
    b->own = NULL;
}

static const char *text_of(const json_t *said, const char *name)
{
    return json_string_value(json_object_get(said, name));
}

/* Printable, and not longer than a name may be. */
static bool is_plain(const char *text, size_t most)
{
    size_t n = text != NULL ? strlen(text) : 0;

    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return n > 0 && n <= most;
}

const char *beat_name(const json_t *said)
{
    return said != NULL ? text_of(said, "name") : "?";
}

static bool is_digest(const char *name, const json_t *value)
{
    return is_plain(name, 40) && is_plain(json_string_value(value), 16);
}

static bool is_member(const char *name, const json_t *value)
{
    if (!is_plain(name, 40))
        return false;
    return strcmp(name, "digests") == 0 ? json_is_object(value)
           : json_is_string(value)      ? is_plain(json_string_value(value), 63)
                                        : json_is_integer(value);
}

/* Is each member what the function says? */
static bool all_members(json_t *o, bool (*is_right)(const char *name, const json_t *value))
{
    for (void *at = json_object_iter(o); at != NULL; at = json_object_iter_next(o, at))
        if (!is_right(json_object_iter_key(at), json_object_iter_value(at)))
            return false;
    return true;
}

/* Only numbers and plain texts, so that nothing of it can surprise who shows it. */
static bool is_beat(json_t *said)
{
    return json_is_object(said) && all_members(said, is_member) && text_of(said, "name") != NULL &&
           json_integer_value(json_object_get(said, "v")) == 1 && json_integer_value(json_object_get(said, "at")) > 0 &&
           json_is_object(json_object_get(said, "digests")) && all_members(json_object_get(said, "digests"), is_digest);
}

static unsigned compare(const json_t *own, const json_t *theirs)
{
    const json_t *ours = json_object_get(own, "digests"), *other = json_object_get(theirs, "digests");
    int64_t settings = json_integer_value(json_object_get(own, "settings_at")),
            settings_there = json_integer_value(json_object_get(theirs, "settings_at"));
    unsigned differs = 0;

    for (unsigned i = 0; i < DIGESTS; i++) {
        const char *mine = text_of(ours, digest_name(i)), *his = text_of(other, digest_name(i));

        if (mine != NULL && his != NULL && strcmp(mine, his) != 0)
            differs |= 1u << i;
    }
    return differs | (llabs(settings - settings_there) > BEAT_SETTINGS_APART_S ? BEAT_DIFFERS_DIRECTORY : 0);
}

/* The peer's place, a free one, or that of who has been silent for longest. */
static struct beat_peer *peer_place(struct beats *b, const unsigned char *incarnation)
{
    struct beat_peer *place = b->peers;

    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        struct beat_peer *p = b->peers + i;

        if (p->heard_ns != 0 && memcmp(p->incarnation, incarnation, sizeof p->incarnation) == 0)
            return p;
        if (p->heard_ns < place->heard_ns)
            place = p;
    }
    beats_drop(place);
    memcpy(place->incarnation, incarnation, sizeof place->incarnation);
    return place;
}

/* What differed when a relay of that name was heard last, under whatever incarnation. */
static unsigned differed_before(const struct beats *b, const char *name)
{
    uint64_t latest_ns = 0;
    unsigned differs = 0;

    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++)
        if (b->peers[i].said != NULL && b->peers[i].heard_ns > latest_ns &&
            strcmp(beat_name(b->peers[i].said), name) == 0) {
            latest_ns = b->peers[i].heard_ns;
            differs = b->peers[i].differs;
        }
    return differs;
}

struct beat_peer *beats_take(struct beats *b, const unsigned char *incarnation, struct slice text, uint64_t boot_ns,
                             unsigned *before)
{
    json_t *said = text.n <= BEAT_TEXT_MAX ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    struct beat_peer *p;

    if (!is_beat(said)) {
        json_decref(said);
        return NULL;
    }
    *before = differed_before(b, beat_name(said));
    p = peer_place(b, incarnation);
    json_decref(p->said);
    p->said = said;
    p->heard_ns = boot_ns;
    p->times++;
    p->at_ms = json_integer_value(json_object_get(said, "at"));
    p->differs = b->own != NULL ? compare(b->own, said) : 0;
    return p;
}

bool beat_is_superseded(const struct beats *b, const struct beat_peer *p, uint64_t boot_ns)
{
    if (!beat_is_silent(p, boot_ns))
        return false;
    if (b->own != NULL && strcmp(beat_name(b->own), beat_name(p->said)) == 0)
        return true;
    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        const struct beat_peer *q = b->peers + i;

        if (q != p && q->heard_ns > p->heard_ns && strcmp(beat_name(q->said), beat_name(p->said)) == 0)
            return true;
    }
    return false;
}

const char *beat_differences(unsigned differs, char *mem, size_t cap)
{
    struct buf b = buf_over(mem, cap);

    for (unsigned i = 0; i <= DIGESTS; i++)
        if ((differs & 1u << i) != 0)
            buf_addf(&b, "%s%s", b.n > 0 ? ", " : "", i < DIGESTS ? digest_name(i) : "directory");
    return mem;
}
