/*
 * This relay in the cluster: drains the outbox, tells Redis, applies what comes back. One thread, on libevent. Nobody
 * in the mail path knows of it.
 */
#ifndef POSTERN_CLUSTER_NODE_H
#define POSTERN_CLUSTER_NODE_H

#include "cluster/batch.h"
#include "cluster/beat.h"
#include "cluster/link.h"
#include "cluster/place.h"
#include "cluster/recent.h"
#include "cluster/seal.h"
#include "cluster/sentinels.h"
#include "cluster/shared_blocks.h"
#include "cluster/shared_lists.h"
#include "cluster/slots.h"
#include "cluster/turn.h"
#include "cluster/usage_worker.h"
#include "core/base/log.h"
#include "core/config/config.h"
#include "core/directory/directory.h"
#include "core/state/outbox.h"
#include "core/state/state.h"

#define NODE_EPOCH_MAX 64u
#define NODE_PROTECTED_SAID 64u
/* What is told in a round is numbered from its position on; more than it ever has. */
#define NODE_NUMBERS_A_ROUND 4096u
#define NODE_HABITS_STREAM "postern:{m}:habits"

/* Why nothing is shared at the moment. */
enum node_state {
    NODE_OFFLINE,      /* no connection */
    NODE_GREETS,       /* connected; asks whose cluster it is */
    NODE_REFUSED,      /* the cluster has another key */
    NODE_OTHER_SECRET, /* this relay's state has not joined the cluster */
    NODE_SHARES
};

/* cluster/exchange.c: what is told of some keys, one batch after the other. One Redis has one lane for all keys, a
 * Redis Cluster one for each hash tag, so that a slot that is away or being moved holds up no other. */
struct lane {
    struct node *n;
    struct batch batch; /* under way */
    bool has_batch;     /* filled, not yet applied */
    bool sent;          /* waits for its reply */
    bool whole;         /* with the script's text: it is not known there */
    unsigned tries;
    struct shard *ask;                     /* the next try, and only that, is there; NULL: where its slot is */
    uint64_t number, round_batches;        /* of its last batch; how many of the round were filled */
    uint64_t filled_ns, sent_ns, retry_ns; /* boot clock */
};

/* cluster/shards.c: a master of a Redis Cluster, which has some of the counters. */
struct shard {
    struct node *n;
    struct server_name at; /* no host: a free place */
    struct link *link;
    unsigned tag; /* the first of those that it serves, where its epoch is; 0: none */
    bool listed, warm, said_down;
};
struct shards {
    bool several;        /* Redis is a Redis Cluster */
    bool asking, wanted; /* for the map */
    uint64_t asked_ns;
    unsigned seed, turn;
    struct shard home; /* the connection for all that is no counter: its link is node.link */
    struct shard of[SLOTS_MASTERS_MAX];
    struct shard *owners[KEY_TAGS + 1];            /* by tag; NULL: nobody */
    char epochs[KEY_TAGS + 1][NODE_EPOCH_MAX + 1]; /* by tag, of those where one is */
    struct slots_map map;
};

/* cluster/warm.c */
enum warm { WARM_WAITS, WARM_ASKS, WARM_SCANS, WARM_DONE }; /* ASKS: for the time there */
#define WARM_KEYS_MAX 2000u                                 /* asked for at once */

struct node_stats {
    struct batch_counts batches;
    uint64_t sent, resent;     /* batches */
    uint64_t dropped;          /* keys of batches that Redis could not take */
    uint64_t refused_by_redis; /* replies that were errors */
    uint64_t redirected;       /* batches, to another master of the Redis Cluster */
    uint64_t pushes_out, pushes_in;
    uint64_t events_out, events_in;
    uint64_t habits_in;                      /* words of others on what they counted */
    uint64_t blocks_in, lifts_in, marks_in;  /* events that were applied */
    uint64_t lists_in;                       /* entries of lists */
    uint64_t false_records, replayed, newer; /* cluster/seal.h */
    uint64_t connections;                    /* ended or failed */
    uint64_t epochs;                         /* Redis had forgotten everything */
    uint64_t round_trip_ns;                  /* of the last batch */
};

/* cluster/lists.c */
struct node_lists {
    struct shared_lists *shared;
    bool dirty;          /* newer than the files */
    bool read;           /* all that Redis keeps was read, in this epoch */
    uint64_t due_ns;     /* boot clock: when it is read (again) */
    uint64_t changed_ns; /* boot clock */
    bool said_folder, said_full;
};

/* cluster/log.c */
struct node_log;

struct node {
    struct event_base *base;
    struct log *log;
    const struct config *config;
    struct state *state;
    struct outbox *outbox;
    const struct cluster_key *key;
    struct sealer *sealer;
    struct opener *opener;
    const struct redis_place *redis;
    struct sentinels *sentinels;      /* NULL: none are configured */
    struct server_name home;          /* where these are, if that was found */
    struct link *link, *ear, *reader; /* for commands; for what others push; for the stream, which is waited for */
    struct event *flush;
    enum node_state stage;
    struct pending *pending;
    struct recent *recent;
    struct lane *lanes; /* KEY_TAGS of them */
    unsigned n_lanes;   /* in use */
    bool admitted;      /* the cluster's key was seen to be ours */
    struct shards shards;
    uint64_t boot_id;
    unsigned char outbox_id[OUTBOX_IDENTITY_BYTES]; /* whose numbers the batches have */
    /* the round that is told */
    bool in_round, in_doubt;              /* begun; of another ring than the file's by now */
    bool carries;                         /* the one before left something to it */
    uint64_t round_from, round_habits;    /* where it begins; how many words on habits were filled */
    uint64_t round_events, round_wait_ns; /* it ends when so many events have arrived; or then, boot clock */
    /* habits */
    struct node_habits *habits;
    char habits_cursor[REPLY_CURSOR_MAX + 1];
    /* events */
    struct events *events;
    struct shared_blocks *blocks;
    struct {
        uint64_t key, origin_ms;
    } protected[NODE_PROTECTED_SAID]; /* the last ones of which the log says that never_block protects them */
    unsigned protected_next;
    const struct blocks *looked_at; /* when it was compared with the others' ... */
    uint64_t looked_changes;        /* ... it had changed so often */
    bool events_stalled, reading, reads_habits, caught_up, said_folder;
    bool knows_last;                         /* whether the last event is still there, since the connection began */
    uint64_t events_retry_ns, read_asked_ns; /* boot clock */
    uint64_t blocks_due_ns;                  /* boot clock: when all blocks that Redis keeps are read (again) */
    bool blocks_taken;                       /* they were once, to the end */
    /* ids of events: of the last that was read; of the one that is saved; of the last that we added */
    unsigned long long read_to[2], saved[2], told_to[2];
    /* does Redis keep what it is told? */
    uint64_t keeping_asked_ns, blocks_retold_ns, evicted;
    bool evicts, said_evicted, said_info, lacks_blocks;
    /* usage */
    struct usage_worker *usage;
    bool usage_sent, usage_reading;
    uint64_t usage_retry_ns; /* boot clock */
    struct node_lists lists;
    struct node_log *log_asked;
    struct directory *directory; /* for never_block: which mailbox is meant */
    uint64_t directory_ns;       /* boot clock: when it was refreshed */
    /* Redis */
    char epoch[NODE_EPOCH_MAX + 1];
    char policy[32]; /* what Redis does when it is full; "": it did not say */
    bool reposts;
    int64_t clock_offset_ms; /* Redis' clock less ours */
    uint64_t tick_ns, beat_ns, shared_ns;
    uint64_t requests_tidied_ns;
    uint64_t shares_since_ns;
    bool said_down, said_shares, said_secret, said_requests;
    /* warm-up */
    enum warm warm;
    bool said_ready;
    char warm_cursor[REPLY_CURSOR_MAX + 1];
    struct shard *warming;  /* the one that is asked */
    int64_t warm_offset_us; /* its clock less ours */
    uint64_t warm_asked[WARM_KEYS_MAX];
    size_t warm_n, warm_at; /* how many were asked for; how many of these have been answered */
    uint64_t warm_retry_ns;
    uint64_t warm_most_ns, warm_keys;
    uint64_t begun_ns; /* boot clock */
    /* heartbeats */
    char name[RELAY_NAME_MAX]; /* this relay's */
    struct beats beats;
    struct digests digests; /* of this relay's configuration */
    int64_t started_s;
    unsigned n_beats;
    enum turn turn;   /* to mirror Exchange Online */
    char turn_of[64]; /* whose it is; empty: nobody's that is heard */
    uint64_t news_ns; /* boot clock: when the mirror was last called to pull */
    bool clone;       /* another relay has this one's name */
    bool said_status, said_notice;
    struct alarm alarm_redis, alarm_clock, alarm_evicts;
    bool trouble_now;  /* Redis refuses what is told */
    char trouble[256]; /* the last one with Redis, in words; "": none */
    char refused[256]; /* a part of what is told or asked that Redis refused last, at that time of the boot clock */
    uint64_t refused_ns;
    struct node_stats stats;
    struct command command;
};

struct node_options {
    struct event_base *base;
    struct log *log;
    const struct config *config;
    struct state *state;
    struct outbox *outbox;
    const struct cluster_key *key;
    const struct redis_place *redis;
};

/* All that options point to outlives the node. Begins to connect. NULL with e. */
struct node *node_new(const struct node_options *options, struct error *e);
void node_free(struct node *n);

/* ---- between the files of the node ---- */

/* Ends all connections, and begins them to the server that was named. */
void node_move(struct node *n, const struct server_name *name);

/* cluster/greet.c: asks whose cluster it is, then shares. */
void node_greet(struct node *n);
/* Random digits. 0; -1 without randomness. */
int node_random_word(char word[NODE_EPOCH_MAX + 1]);
/* Did Redis forget everything since? Asked now and then. */
void node_ask_epoch(struct node *n);

/* cluster/exchange.c: drains the outbox; sends a batch in each lane that has something to tell
 * and none under way. */
void node_drain(struct node *n);
void node_send_batches(struct node *n);
/* How many lanes there are from now on. What was under way in others is forgotten: that was another Redis. */
void node_set_lanes(struct node *n, unsigned lanes);

/* cluster/shards.c: one Redis, or a Redis Cluster? Asks where its masters are, then greets. */
void node_look_around(struct node *n);
/* The connection for all that is no counter is down: where else could the map be had? */
void node_look_elsewhere(struct node *n);
/* Each second: the map, connections that are not needed any more. Each heartbeat: do the masters remember? */
void node_watch_shards(struct node *n, uint64_t boot_ns);
void node_ask_shards(struct node *n);
/* An error that says that a slot is on another master, being moved, or on none. The map is asked for. */
bool node_is_elsewhere(struct node *n, const struct reply *reply);
/* The master of that name, and a connection to it; NULL: there are too many. */
struct shard *node_shard_at(struct node *n, const struct server_name *name);
/* The connection for the keys of a tag (0: all); NULL: nobody serves them. */
struct link *node_link_of(struct node *n, unsigned tag);
/* Ends all of their connections; calls no handlers. */
void node_leave_shards(struct node *n);
/* How many masters of a Redis Cluster are away that have counters, one more if nobody serves some of them. */
unsigned node_shards_away(const struct node *n);
/* Redis has forgotten counters: they are told again. */
void node_forgotten(struct node *n, const char *who);

/* cluster/stream.c: events, which are told for good. */
void node_note_record(struct node *n, const struct outbox_record *record);
void node_look_at_blocks(struct node *n);
void node_send_events(struct node *n);
void node_read_events(struct node *n);
void node_read_blocks(struct node *n, uint64_t boot_ns);
void node_load_position(struct node *n);
void node_save_position(struct node *n);
/* The last events are told again, in a second. */
void node_retell_events(struct node *n);
/* Another server takes over: it may lack the last that the one before it was told. */
void node_step_back(struct node *n);
/* Redis has forgotten everything: all is told and read again. */
void node_forget_position(struct node *n);
/* Opens another relay's record. False, and counted: it is none of them, or was there before. */
bool node_open(struct node *n, enum seal_context context, struct slice record, struct slice *text);

/* cluster/usage.c: what mailboxes did at the relays; once a second. */
void node_share_usage(struct node *n, uint64_t boot_ns);
/* Keeps an event in a hash of Redis, sealed, for those who come later; the field has NODE_FIELD_BYTES. */
#define NODE_FIELD_BYTES 8u
void node_keep(struct node *n, const char *hash, const unsigned char *field, struct slice text);
/* cluster.folder, made if need be. A descriptor, or -1 with e. */
int node_folder(const struct node *n, struct error *e);

/* cluster/lists.c: the lists that operators make for all relays. */
void node_lists_load(struct node *n);
/* Once a second: the files, and all that Redis keeps. */
void node_lists_tick(struct node *n, uint64_t boot_ns);
/* Writes the files, if something has changed. 0; -1 with e, and said. */
int node_lists_write(struct node *n, struct error *e);
void node_lists_forget_position(struct node *n);
/* Can they be compared with another relay's? */
bool node_lists_settled(const struct node *n);
void node_tell_lists(struct node *n);
void node_keep_list(struct node *n, struct slice event);
void node_heard_list(struct node *n, struct slice body);
void node_take_list_requests(struct node *n, int folder, char **names, size_t count);

/* cluster/log.c: the decisions of all relays. */
struct node_log *node_log_new(void); /* NULL without memory */
void node_log_free(struct node_log *x);
void node_take_log_requests(struct node *n, int folder, char **names, size_t count);
void node_heard_log(struct node *n, struct slice record);
void node_log_tick(struct node *n, uint64_t boot_ns);

/* cluster/requests.c: what operators of this machine ask for. */
#define NODE_REQUESTS_MAX 100u /* of a kind, a second */
void node_look_for_requests(struct node *n);
int node_requests_open(const struct node *n, struct error *e);
/* Reads one; who may not make one is refused. 0 with *text, which is malloc'ed; -1 with e. */
int node_request_read(int folder, const char *name, size_t most, char **text, size_t *n, struct error *e);
/* Leaves a file with another end in its place. */
void node_request_answer(int folder, const char *request, const char *end, struct slice text);
void node_request_refuse(const struct node *n, int folder, const char *request, const struct error *why);
/* The blocks that stand are told again. */
void node_retell_blocks(struct node *n);
/* How many blocks are kept there for those who come later? */
void node_ask_blocks(struct node *n, link_reply *reply);

/* cluster/keeping.c: does Redis keep what it is told? Asked now and then. */
void node_ask_keeping(struct node *n, uint64_t boot_ns);

/* cluster/warm.c: takes over what all relays have counted. */
void node_warm_up(struct node *n);

/* cluster/habits.c: what is usual, from the sum of all. */
int node_habits_new(struct node *n, struct error *e);
void node_habits_free(struct node *n);
void node_note_habit(struct node *n, const struct outbox_record *record);
size_t node_habits_waiting(const struct node *n);
uint64_t node_habits_lost(const struct node *n); /* what found no room */
/* Part of a round: begins; all of it was told. */
bool node_habits_begin_round(struct node *n);
bool node_habits_told(const struct node *n);
void node_send_habits(struct node *n);
/* For those who come later: what is known of each login that sends; of all, since Redis has forgotten them. */
void node_keep_habits(struct node *n);
void node_keep_all_habits(struct node *n);
/* Takes over what was kept, where nothing is known yet. */
void node_warm_habits(struct node *n);
bool node_habits_are_warm(const struct node *n);
/* What others counted is read from there; false: not yet. An entry of the stream; false: it is none. */
bool node_habits_position(const struct node *n, unsigned long long id[2]);
bool node_heard_habits(struct node *n, const unsigned long long id[2], struct slice record);
void node_habits_caught_up(struct node *n);

/* cluster/heart.c: how all relays are. */
void node_beat(struct node *n, uint64_t boot_ns);

/* cluster/alarm.c: notices for people. */
void node_alarm(struct node *n, uint64_t boot_ns);

/* cluster/ear.c: what others push. */
void node_hear(struct node *n);
void node_heard(void *arg, const struct reply *reply);

/* Are the state's keys the cluster's? A state can be replaced at any time. */
static inline bool node_is_joined(const struct node *n)
{
    return memcmp(state_secret(n->state), &n->key->hash, sizeof n->key->hash) == 0;
}

/* The reply to what needs none: only an error matters. */
void node_told(void *arg, const struct reply *reply);
/* Redis refuses a part of what is told or asked, while the rest goes on: said once, shown as long as it goes on. */
void node_refused(struct node *n, const char *command, const struct reply *reply);
bool node_is_refused(const struct node *n, uint64_t boot_ns);
/* A page of a scan on the connection for commands. NULL: there is none, and it begins anew, a little later. */
#define NODE_PAGE_AGAIN_NS UINT64_C(5000000000)
const struct reply *node_page(struct node *n, const struct reply *reply, const char *command, struct slice *cursor);

static inline uint64_t node_now(const struct node *n, uint64_t boot_ns)
{
    return state_now(n->state, boot_ns);
}

#endif
