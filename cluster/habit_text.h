/*
 * What relays tell each other of habits, before it is sealed (cluster/seal.h). None of it is a time: an age is how long
 * ago something was when it was told.
 *
 *     words   outbox 8 | words:  kind 1 | key 8 | age, s 4 | messages 4 | recipients 4
 *                        taught: kind 1 | what is known
 *     kept    'H' | Redis' clock, ms 8 | up to which word: its id 8 + 8 | what is known
 *     known   the relay's own time, ns 8 | the pairs of the record 8 x 16
 *
 * The outbox's identity tells a relay its own words, also those of before a restart.
 */
#ifndef POSTERN_CLUSTER_HABIT_TEXT_H
#define POSTERN_CLUSTER_HABIT_TEXT_H

#include "cluster/habit_list.h"
#include "core/base/slice.h"
#include "core/state/habits_others.h"

#define HABIT_HEAD_BYTES 8u
#define HABIT_WORD_BYTES 21u
#define HABIT_KNOWN_BYTES (8u + HABIT_KNOWN_PAIRS * 16u)
#define HABIT_WORDS_MAX 100u
#define HABIT_TEXT_MAX (HABIT_HEAD_BYTES + HABIT_WORDS_MAX * (1 + HABIT_KNOWN_BYTES))
#define HABIT_KEPT 'H'
#define HABIT_KEPT_BYTES (25u + HABIT_KNOWN_BYTES)

/* Words are written one after the other, at p; what is written is returned as bytes. */
size_t habit_text_word(unsigned char *p, const struct habit_word *word, uint64_t now_s);
size_t habit_text_taught(unsigned char *p, const struct habit_known *known);

struct habit_heard {
    enum outbox_kind kind;
    uint64_t key, age_s;
    uint32_t units[2];
    struct habit_known known; /* OUTBOX_HABIT_TAUGHT */
};
/* Takes the next word off the text. 1; 0: there is none; -1: it is none that this version knows, and neither is the
 * rest. */
int habit_text_next(struct slice *text, struct habit_heard *out);

struct habit_kept {
    uint64_t at_ms;   /* by Redis' clock */
    uint64_t upto[2]; /* id in the stream: all words until there are in it, and none that comes after */
    struct habit_known known;
};
void habit_text_keep(unsigned char out[HABIT_KEPT_BYTES], const struct habit_kept *kept);
/* False: it is something else. */
bool habit_text_kept(struct slice text, struct habit_kept *out);

#endif
