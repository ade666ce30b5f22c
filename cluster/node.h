/*
 * This relay in the cluster: drains the outbox, tells Redis, applies what comes back. One thread, on libevent. Nobody
 * in the mail path knows of it.
 */
#ifndef POSTERN_CLUSTER_NODE_H
#define POSTERN_CLUSTER_NODE_H

#include "cluster/batch.h"
#include "cluster/beat.h"
#include "cluster/link.h"
#include "cluster/recent.h"
#include "cluster/seal.h"
#include "cluster/shared_blocks.h"
#include "cluster/turn.h"
#include "core/base/log.h"
#include "core/config/config.h"
#include "core/state/outbox.h"
#include "core/state/state.h"

#define NODE_EPOCH_MAX 64u
#define NODE_ID_MAX 42u /* of an event in the stream: two numbers of 64 bits */

/* Why nothing is shared at the moment. */
enum node_state {
    NODE_OFFLINE,      /* no connection */
    NODE_GREETS,       /* connected; asks whose cluster it is */
    NODE_REFUSED,      /* the cluster has another key */
    NODE_OTHER_SECRET, /* this relay's state has not joined the cluster */
    NODE_SHARES
};

/* cluster/warm.c */
enum warm { WARM_WAITS, WARM_SCANS, WARM_DONE };
#define WARM_KEYS_MAX 2000u /* asked for at once */

struct node_stats {
    struct batch_counts batches;
    uint64_t sent, resent, dropped; /* batches */
    uint64_t refused_by_redis;      /* replies that were errors */
    uint64_t pushes_out, pushes_in;
    uint64_t events_out, events_in;
    uint64_t blocks_in, lifts_in, marks_in;  /* events that were applied */
    uint64_t false_records, replayed, newer; /* cluster/seal.h */
    uint64_t connections;                    /* ended or failed */
    uint64_t epochs;                         /* Redis had forgotten everything */
    uint64_t round_trip_ns;                  /* of the last batch */
};

struct node {
    struct event_base *base;
    struct log *log;
    const struct config *config;
    struct state *state;
    struct outbox *outbox;
    const struct cluster_key *key;
    struct sealer *sealer;
    struct opener *opener;
    struct link *link, *ear, *reader; /* for commands; for what others push; for the stream, which is waited for */
    struct event *flush;
    enum node_state stage;
    struct pending *pending;
    struct recent *recent;
    /* the batch under way */
    struct batch batch;
    bool has_batch; /* filled, not yet applied */
    bool sent;      /* waits for its reply */
    unsigned tries;
    uint64_t sent_ns, retry_ns; /* boot clock */
    uint64_t number;
    bool takes_all;          /* nothing was pending beside the batch when it was filled ... */
    uint64_t taken_position; /* ... and the outbox was drained up to here */
    /* events */
    struct events *events;
    struct shared_blocks *blocks;
    const struct blocks *looked_at; /* when it was compared with the others' ... */
    uint64_t looked_changes;        /* ... it had changed so often */
    bool events_stalled, reading, caught_up, said_folder;
    uint64_t events_retry_ns, blocks_read_ns;
    unsigned long long read_to[2], saved[2]; /* the id of the last event that was read; of the one that is saved */
    /* Redis */
    char epoch[NODE_EPOCH_MAX + 1];
    bool reposts;
    int64_t clock_offset_ms; /* Redis' clock less ours */
    uint64_t tick_ns, beat_ns, shared_ns;
    uint64_t shares_since_ns;
    bool said_down, said_shares, said_secret;
    /* warm-up */
    enum warm warm;
    bool said_ready;
    char warm_cursor[REPLY_CURSOR_MAX + 1];
    uint64_t warm_asked[WARM_KEYS_MAX];
    size_t warm_n;
    uint64_t warm_most_ns, warm_keys;
    uint64_t begun_ns; /* boot clock */
    /* heartbeats */
    struct beats beats;
    struct digests digests; /* of this relay's configuration */
    int64_t started_s;
    unsigned n_beats;
    enum turn turn;   /* to mirror Exchange Online */
    char turn_of[64]; /* whose it is; empty: nobody's that is heard */
    uint64_t news_ns; /* boot clock: when the mirror was last called to pull */
    bool said_clone, said_status, said_notice, said_refused;
    struct alarm alarm_redis, alarm_clock;
    bool trouble_now;  /* Redis refuses what is told */
    char trouble[256]; /* the last one with Redis, in words; "": none */
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
    struct link_place place;
};

/* All that options point to outlives the node. Begins to connect. NULL with e. */
struct node *node_new(const struct node_options *options, struct error *e);
void node_free(struct node *n);

/* ---- between the files of the node ---- */

/* cluster/greet.c: asks whose cluster it is, then shares. */
void node_greet(struct node *n);
/* Did Redis forget everything since? Asked now and then. */
void node_ask_epoch(struct node *n);

/* cluster/exchange.c: drains the outbox; sends a batch if there is something to tell and none is under way. */
void node_drain(struct node *n);
void node_send_batch(struct node *n);

/* cluster/stream.c: events, which are told for good. */
void node_note_record(struct node *n, const struct outbox_record *record);
void node_look_at_blocks(struct node *n);
void node_send_events(struct node *n);
void node_read_events(struct node *n);
void node_read_blocks(struct node *n, uint64_t boot_ns);
void node_load_position(struct node *n);
void node_save_position(struct node *n);
/* Redis has forgotten everything: all is told and read again. */
void node_forget_position(struct node *n);
/* Opens another relay's record. False, and counted: it is none of them, or was there before. */
bool node_open(struct node *n, enum seal_context context, struct slice record, struct slice *text);

/* cluster/warm.c: takes over what all relays have counted. */
void node_warm_up(struct node *n);

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

/* The reply to what needs none: only an error matters, and is said once. */
void node_told(void *arg, const struct reply *reply);

static inline uint64_t node_now(const struct node *n, uint64_t boot_ns)
{
    return state_now(n->state, boot_ns);
}

#endif
