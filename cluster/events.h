/*
 * Events: what relays tell each other for good, in a stream in Redis, in order, each sealed. A queue holds those that
 * have not arrived there yet; nothing of it is lost while Redis is away, unless it is full.
 *
 *     type 1 | wall clock of the sender, ms 8 | the body
 *
 * A body is a block (cluster/block_text.h), an entry of the lists that all relays share (core/mail/list_note.h), or
 * several of a kind: keys that are to be forgotten, each with the time up to which that holds; marks.
 */
#ifndef POSTERN_CLUSTER_EVENTS_H
#define POSTERN_CLUSTER_EVENTS_H

#include "core/base/slice.h"

#include <stdint.h>

#define EVENT_TEXT_MAX 1024u
#define EVENT_HEAD_BYTES 9u
#define EVENTS_MAX 8192u

enum event_type {
    EVENT_BLOCK = 'B',
    EVENT_FORGET = 'F', /* an operator's or a block's reset, or the lift of a block: counters, marks and blocks */
    EVENT_MARKS = 'M',
    EVENT_LIST = 'L' /* an entry of the lists that all relays share */
};

#define FORGET_ENTRY_BYTES 16u /* key, ms */
#define MARK_ENTRY_BYTES 17u   /* enum mark_kind, key, ns */

enum mark_kind {
    MARK_FIRST = 1, /* the earliest end holds */
    MARK_LATEST,    /* the latest */
    MARK_ONCE       /* a stranger's (core/state/counters.h: strangers_once) */
};

struct events;

struct events *events_new(void); /* NULL without memory */
void events_free(struct events *q);

/* Each is false, and counted, when there is no room. Keys and marks join those that wait already; marks, of which there
 * are many, leave a quarter of the room to all else. */
bool events_add(struct events *q, enum event_type type, uint64_t wall_ms, struct slice body);
bool events_add_forget(struct events *q, uint64_t wall_ms, uint64_t key, uint64_t until_ms);
bool events_add_mark(struct events *q, uint64_t wall_ms, enum mark_kind kind, uint64_t key, uint64_t ns);

/* Is there room for another event of any type? */
bool events_have_room(const struct events *q);

/* The next that was not sent yet, and it counts as sent from now on; empty: there is none. */
struct slice events_send(struct events *q);
/* The first of those that were sent has arrived, at that time of the boot clock. */
void events_arrived(struct events *q, uint64_t boot_ns);
/* Nobody knows what arrived: all that was sent is sent again. Events can be read twice without harm. */
void events_again(struct events *q);

/* The last of what arrived may be lost there: what arrived in the ten seconds before that, by the boot clock, is sent
 * again; not after five minutes. */
void events_retell(struct events *q, uint64_t boot_ns);

size_t events_count(const struct events *q); /* sent or not, not yet arrived */
size_t events_sent(const struct events *q);
/* How many found room so far; how many of them have arrived. */
uint64_t events_added(const struct events *q);
uint64_t events_settled(const struct events *q);
uint64_t events_lost(const struct events *q);

#endif
