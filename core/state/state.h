/*
 * The state: one mapped file with counters, habits and blocks, shared by all programs of this machine.
 *
 * The file is allocated whole when it is made (posix_fallocate: a hole would kill a reader with SIGBUS when the disk is
 * full) and changed only by atomic instructions, so that a killed process leaves neither a lock nor a torn entry.
 * If the file cannot be used (full disk, read-only, damaged, foreign version), decisions go on with the same
 * structures in memory of this process, and state_problem says why. As soon as the file can be made, it takes what each
 * of the programs counted meanwhile.
 *
 * State time is nanoseconds of the boot-time clock plus an offset kept in the file; across a reboot the offset grows by
 * the wall clock's difference clamped to [0, longest window], so that clock steps neither open nor jam the gate.
 */
#ifndef POSTERN_STATE_H
#define POSTERN_STATE_H

#include "core/base/error.h"
#include "core/base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state;
struct counters;
struct blocks;
struct receipts;
struct habits;
struct outbox;

struct state_options {
    const char *path; /* copied */
    uint64_t entries; /* counters, rounded up to a power of two; 16 bytes each. 0: as the file has it, both numbers */
    uint32_t blocks;  /* room for blocks */
    uint64_t boot_ns; /* clock_boot_ns() */
    uint64_t wall_ns; /* clock_wall_ns() */
    uint64_t boot_id; /* clock_boot_id() */
};

/*
 * Opens the file, or makes it (mode 0640), and its folder if that alone is missing. A damaged file is renamed to
 * path.damaged-TIME and replaced: state_notice tells. One with another number of entries, fewer blocks or of an older
 * version is migrated: counters and blocks keep their values, and other programs follow at their next tick (what they
 * count until then, a second's worth, may be forgotten where both counted the same key). 0 in all cases where postern
 * can go on, also in memory: then state_problem(*out) is not NULL, and what can be read of the file holds there. -1
 * with e only without memory or randomness.
 */
int state_open(const struct state_options *options, struct state **out, struct error *e);
void state_close(struct state *s);

/*
 * For a program that only reads (core/state/state_reader.c). The file is mapped without the right to write, which the
 * user need not have either; nothing is made, renewed, repaired or set aside, and of options `entries` and `blocks`
 * mean nothing. Whoever charges, blocks, or calls anything else that takes a table through a pointer without const is
 * ended by SIGSEGV, and so is state_tick. 0; -1 with e: there is none, this user may not read it, it is damaged, or its
 * format is another version's.
 */
int state_open_reader(const struct state_options *options, struct state **out, struct error *e);
/*
 * For a reader that goes on: from now on the file that is at its place, and the clock as it is in it. The tables are to
 * be asked for again, and those from before must not be used by anybody. 0; -1 with e: there is none that can be read,
 * and what is mapped is not to be believed any more. Another call may succeed again.
 */
int state_reader_follow(struct state *s, uint64_t boot_ns, uint64_t wall_ns, struct error *e);

/* From now on whoever counts tells it there (counters_outbox). To be called before threads begin; o outlives the state.
 */
void state_share(struct state *s, struct outbox *o);

/* Why the state is in memory only; NULL when the file is in use. Owned by the state; valid for several more ticks. */
const char *state_problem(const struct state *s);

/*
 * The last event that is worth a line in the log though the file is in use: a damaged one set aside, one that could not
 * be resized, one that came back. NULL when there was none; another pointer with each new event. Owned as above.
 */
const char *state_notice(const struct state *s);

/* State time for a reading of the boot-time clock. */
uint64_t state_now(const struct state *s, uint64_t boot_ns);

/*
 * The tables in use, for any thread. A tick may put others in their place: get them again for each decision, and don't
 * keep them longer. (The old ones stay mapped, and after a minute read as empty.) The secret can change with them, when
 * somebody has put another file in the place.
 */
struct counters *state_counters(struct state *s);
struct blocks *state_blocks(struct state *s);
struct receipts *state_receipts(struct state *s);
struct habits *state_habits(struct state *s);
const struct hash_secret *state_secret(const struct state *s);

/*
 * To be called about once a second by one thread, never in the mail path: it takes a lock for a moment and may wait for
 * the disk. Notes the clocks (for the bridge across a reboot), frees blocks that have ended, notices that the file was
 * removed, replaced or truncated behind us, pushes pages to disk (blocks at once, counters every 20 s). 0; -1 with e
 * when something is newly wrong (then the state goes on in memory and tries the file again at the next calls).
 */
int state_tick(struct state *s, uint64_t boot_ns, uint64_t wall_ns, struct error *e);

/*
 * What each service decides by, so that a reader can say when it reads something else: the folder's manifest may have
 * moved, or be closed to the reader. Services tell it once a second, into the header of the file.
 */
#define STATE_SERVICES_MAX 16u
struct state_service {
    const char *program; /* one of those that tell; NULL: it is of a version that didn't say */
    uint64_t pid;        /* in the service's own namespace */
    uint64_t generation; /* of the directory; 0: it has none */
};

/* Says that this process is that program and uses that generation. Never fails: if all places are taken, or the state
 * is in memory, it is not published. */
void state_tell_service(struct state *s, const char *program, uint64_t generation, uint64_t boot_ns);
/* Does that program tell it at all? */
bool state_service_tells(const char *program);

/* The services that said something in the last few seconds. How many. */
size_t state_services(const struct state *s, uint64_t boot_ns, struct state_service out[STATE_SERVICES_MAX]);

/*
 * Handles SIGBUS for the whole process: a fault in a mapped state (the file was truncated behind us, the disk failed)
 * is handled by anonymous memory in that place, and the next tick repairs it; any other fault keeps its default action.
 * To be called once, by main, before threads begin. 0; -1 with e.
 */
int state_guard_install(struct error *e);

#endif
