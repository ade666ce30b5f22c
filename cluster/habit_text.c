#include "cluster/habit_text.h"

#include "cluster/bytes.h"

size_t habit_text_word(unsigned char *p, const struct habit_word *word, uint64_t now_s)
{
    uint64_t age_s = now_s > word->at_s ? now_s - word->at_s : 0;

    p[0] = (unsigned char)word->kind;
    bytes_put64(p + 1, word->key);
    bytes_put32(p + 9, age_s < UINT32_MAX ? (uint32_t)age_s : UINT32_MAX);
    bytes_put32(p + 13, word->units[0]);
    bytes_put32(p + 17, word->units[1]);
    return HABIT_WORD_BYTES;
}

static void put_known(unsigned char *p, const struct habit_known *known)
{
    bytes_put64(p, known->at_ns);
    for (unsigned i = 0; i < HABIT_KNOWN_PAIRS; i++) {
        bytes_put64(p + 8 + i * 16, known->pairs[i].key);
        bytes_put64(p + 16 + i * 16, known->pairs[i].value);
    }
}

static void get_known(const unsigned char *p, struct habit_known *out)
{
    out->at_ns = bytes_get64(p);
    for (unsigned i = 0; i < HABIT_KNOWN_PAIRS; i++)
        out->pairs[i] = pair_of(bytes_get64(p + 8 + i * 16), bytes_get64(p + 16 + i * 16));
}

size_t habit_text_taught(unsigned char *p, const struct habit_known *known)
{
    p[0] = OUTBOX_HABIT_TAUGHT;
    put_known(p + 1, known);
    return 1 + HABIT_KNOWN_BYTES;
}

int habit_text_next(struct slice *text, struct habit_heard *out)
{
    const unsigned char *p = (const unsigned char *)text->p;
    size_t n;

    if (text->n == 0)
        return 0;
    if (p[0] < OUTBOX_HABIT || p[0] > OUTBOX_HABIT_TAUGHT)
        return -1;
    n = p[0] == OUTBOX_HABIT_TAUGHT ? 1 + HABIT_KNOWN_BYTES : HABIT_WORD_BYTES;
    if (text->n < n)
        return -1;
    memset(out, 0, sizeof *out);
    out->kind = (enum outbox_kind)p[0];
    if (out->kind == OUTBOX_HABIT_TAUGHT) {
        get_known(p + 1, &out->known);
        out->key = out->known.pairs[0].key;
    } else {
        out->key = bytes_get64(p + 1);
        out->age_s = bytes_get32(p + 9);
        out->units[0] = bytes_get32(p + 13);
        out->units[1] = bytes_get32(p + 17);
    }
    text->p += n;
    text->n -= n;
    return out->key != 0 && out->units[0] <= OUTBOX_UNITS_MOST && out->units[1] <= OUTBOX_UNITS_MOST ? 1 : -1;
}

void habit_text_keep(unsigned char out[HABIT_KEPT_BYTES], const struct habit_kept *kept)
{
    out[0] = HABIT_KEPT;
    bytes_put64(out + 1, kept->at_ms);
    bytes_put64(out + 9, kept->upto[0]);
    bytes_put64(out + 17, kept->upto[1]);
    put_known(out + 25, &kept->known);
}

bool habit_text_kept(struct slice text, struct habit_kept *out)
{
    const unsigned char *p = (const unsigned char *)text.p;

    if (text.n != HABIT_KEPT_BYTES || p[0] != HABIT_KEPT)
        return false;
    out->at_ms = bytes_get64(p + 1);
    out->upto[0] = bytes_get64(p + 9);
    out->upto[1] = bytes_get64(p + 17);
    get_known(p + 25, &out->known);
    return out->known.pairs[0].key != 0;
}
