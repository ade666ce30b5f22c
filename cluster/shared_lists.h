/*
 * The lists that all relays have: which entries are allowed, denied, or were forgotten, each with a version. The higher
 * version holds, whatever the order in which relays hear of it, and however often: so all end with the same, and what
 * is shown to them again changes nothing. Of two with the same version, made at relays that did not know of each other,
 * the stricter holds: denied before forgotten, forgotten before allowed.
 *
 * A version is the wall clock's millisecond, or one more than the highest that the relay has heard of. So who answers
 * an entry that it knows comes after it, whatever its clock says.
 */
#ifndef POSTERN_CLUSTER_SHARED_LISTS_H
#define POSTERN_CLUSTER_SHARED_LISTS_H

#include "core/base/hash.h"
#include "core/mail/list_note.h"

#include <stdbool.h>

/* What was forgotten counts, too, until there is no room for more. */
#define SHARED_LISTS_MAX 8192u
/* The text of all of them. */
#define SHARED_LISTS_BYTES_MAX (SHARED_LISTS_MAX * (LIST_NOTE_MAX + 1) + 128u)

struct shared_lists;

/* secret must outlive it. NULL without memory. */
struct shared_lists *shared_lists_new(const struct hash_secret *secret);
void shared_lists_free(struct shared_lists *s);

/* For a change that is made here. */
uint64_t shared_lists_next_version(const struct shared_lists *s, uint64_t wall_ms);

enum list_source {
    LIST_OF_OURS,   /* entered here, or of our file: the others may not know it */
    LIST_OF_STREAM, /* told by another relay */
    LIST_OF_KEPT    /* as Redis keeps it for those who come later */
};
enum list_taken {
    LIST_TAKEN,
    LIST_KNOWN,
    LIST_OLDER,  /* something newer holds, or it may be an entry that was forgotten long ago */
    LIST_NO_ROOM /* SHARED_LISTS_MAX entries that are not forgotten, or no memory */
};
enum list_taken shared_lists_take(struct shared_lists *s, const struct list_note *note, enum list_source from);

/* ---- what the others may not know ---- */

/* Nobody knows any of them. */
void shared_lists_tell_again(struct shared_lists *s);
/* Between these two, all that Redis keeps is taken. What it lacks, or has in an older version, is to be told. */
void shared_lists_scan_begin(struct shared_lists *s);
void shared_lists_scan_end(struct shared_lists *s);
/* The next that is to be told; false: there is none. It stays so until shared_lists_told. */
bool shared_lists_untold(struct shared_lists *s, struct list_note *note);
void shared_lists_told(struct shared_lists *s, struct slice entry);

/* ---- files ---- */

/* How many are in that state. */
size_t shared_lists_count(const struct shared_lists *s, enum list_state state);
/* Equal on relays with the same entries allowed and denied. */
uint64_t shared_lists_digest(const struct shared_lists *s);

/* All of it, for shared_lists_load. `owner`, a word, says whose it is. malloc'ed, terminated; NULL without memory. */
char *shared_lists_text(const struct shared_lists *s, const char *owner, size_t *n);
/* The file of one list, sorted. */
char *shared_lists_file(const struct shared_lists *s, enum list_state state, size_t *n);
/* Takes what shared_lists_text made. How many lines were none; -1: it is somebody else's, and nothing was taken. */
long shared_lists_load(struct shared_lists *s, struct slice text, const char *owner);

#endif
