/* Events to and from the stream in Redis: blocks, lifts, resets, marks, entries of lists. */
#include "cluster/node.h"

#include "cluster/block_text.h"
#include "cluster/bytes.h"
#include "core/base/clock.h"
#include "core/base/spool.h"
#include "core/decide/blocked.h"
#include "core/report/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM "postern:{m}:events"
#define BLOCKS "postern:{m}:blocks"
/* About a day's events of a large cluster; blocks that are older stand in BLOCKS. */
#define STREAM_LENGTH "100000"
#define READ_AT_ONCE "200"
/* Shorter than a connection waits for a reply. */
#define READ_WAIT_MS "2000"
#define READ_SOON_NS (50 * NS_PER_MS)
#define SENT_MOST 16u
#define POSITION_FILE "position"
/* The same block, though clocks were set meanwhile. */
#define SAME_ORIGIN_MS 10000u
#define HEARD_FILE "heard"
#define RETRY_NS NS_PER_S
/* Ids of the stream are times of the server's clock: another server's may be behind. */
#define STEP_BACK_MS 60000u
/* All blocks are read again so often: what has ended is removed there, what was missed is found. */
#define BLOCKS_EVERY_NS (3600 * NS_PER_S)

static void on_added(void *arg, const struct reply *reply);
static void on_last(void *arg, const struct reply *reply);
static void on_read(void *arg, const struct reply *reply);
static void scan_blocks(struct node *n, struct slice cursor);

static struct moment moment_of(const struct node *n)
{
    return (struct moment){node_now(n, clock_boot_ns()), clock_wall_ns() / NS_PER_MS};
}

/* ---- what this relay tells ---- */

void node_note_record(struct node *n, const struct outbox_record *r)
{
    uint64_t wall_ms = clock_wall_ns() / NS_PER_MS;
    struct moment at;

    switch (r->kind) {
    case OUTBOX_FIRST:
        (void)events_add_mark(n->events, wall_ms, MARK_FIRST, r->key, r->ns);
        return;
    case OUTBOX_LATEST:
        (void)events_add_mark(n->events, wall_ms, MARK_LATEST, r->key, r->ns);
        return;
    case OUTBOX_DISTINCT:
        /* Who meets the member next knows it, before its limit is full. */
        (void)events_add_mark(n->events, wall_ms, r->table == OUTBOX_COUNTERS ? MARK_LATEST : MARK_ONCE, r->member,
                              r->keep_ns);
        return;
    case OUTBOX_LIFT:
    case OUTBOX_RESET:
        at = moment_of(n);
        (void)events_add_forget(n->events, wall_ms, r->key,
                                shared_blocks_lifted_here(n->blocks, state_blocks(n->state), r->key, &at));
        return;
    default:
        return;
    }
}

void node_look_at_blocks(struct node *n)
{
    const struct blocks *blocks = state_blocks(n->state);
    uint64_t changes = blocks_changes(blocks);
    const struct moment at = moment_of(n);

    /* What happened while this program was away is read first: a block that was lifted then is no news. */
    if (!n->caught_up || !node_is_joined(n) || (blocks == n->looked_at && changes == n->looked_changes))
        return;
    if (blocks != n->looked_at) {
        /* Another table: it may have none of what the others told before. */
        shared_blocks_repost(n->blocks);
        n->blocks_due_ns = 0;
    }
    n->looked_at = blocks;
    /* While the queue is full it is looked at again and again. */
    n->looked_changes = shared_blocks_look(n->blocks, blocks, &at, n->events) ? changes : changes - 1;
}

void node_retell_blocks(struct node *n)
{
    shared_blocks_repost(n->blocks);
    n->looked_at = NULL;
}

void node_ask_blocks(struct node *n, link_reply *reply)
{
    command_begin(&n->command);
    command_add_static(&n->command, "HLEN");
    command_add_static(&n->command, BLOCKS);
    (void)link_send(n->link, &n->command, reply, n);
}

static bool is_before(const unsigned long long a[2], const unsigned long long b[2])
{
    return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

void node_keep(struct node *n, const char *hash, const unsigned char *field, struct slice text)
{
    unsigned char record[EVENT_TEXT_MAX + SEAL_EXTRA_BYTES];
    size_t sealed = seal(n->sealer, SEAL_KEPT, text, record);

    command_begin(&n->command);
    command_add_static(&n->command, "HSET");
    command_add_static(&n->command, hash);
    command_add(&n->command, (struct slice){(const char *)field, NODE_FIELD_BYTES});
    command_add(&n->command, (struct slice){(const char *)record, sealed});
    if (sealed > 0)
        (void)link_send(n->link, &n->command, node_told, n);
}

static void keep_no_longer(struct node *n, const unsigned char *keys, size_t count, size_t step)
{
    command_begin(&n->command);
    command_add_static(&n->command, "HDEL");
    command_add_static(&n->command, BLOCKS);
    for (size_t i = 0; i < count; i++)
        command_add(&n->command, (struct slice){(const char *)keys + i * step, NODE_FIELD_BYTES});
    (void)link_send(n->link, &n->command, node_told, n);
}

static bool send_event(struct node *n, struct slice text)
{
    unsigned char record[EVENT_TEXT_MAX + SEAL_EXTRA_BYTES];
    size_t sealed = seal(n->sealer, SEAL_EVENT, text, record);

    if (text.p[0] == EVENT_BLOCK)
        node_keep(n, BLOCKS, (const unsigned char *)text.p + EVENT_HEAD_BYTES, text); /* until it is lifted */
    else if (text.p[0] == EVENT_FORGET)
        keep_no_longer(n, (const unsigned char *)text.p + EVENT_HEAD_BYTES,
                       (text.n - EVENT_HEAD_BYTES) / FORGET_ENTRY_BYTES, FORGET_ENTRY_BYTES);
    else if (text.p[0] == EVENT_LIST)
        node_keep_list(n, text);
    command_begin(&n->command);
    command_add_static(&n->command, "XADD");
    command_add_static(&n->command, STREAM);
    command_add_static(&n->command, "MAXLEN");
    command_add_static(&n->command, "~");
    command_add_static(&n->command, STREAM_LENGTH);
    command_add_static(&n->command, "*");
    command_add_static(&n->command, "r");
    command_add(&n->command, (struct slice){(const char *)record, sealed});
    return sealed > 0 && link_send(n->link, &n->command, on_added, n) == 0;
}

void node_send_events(struct node *n)
{
    struct slice text;

    if (n->stage != NODE_SHARES || clock_boot_ns() < n->events_retry_ns)
        return;
    while (events_sent(n->events) < SENT_MOST && (text = events_send(n->events)).n > 0)
        if (!send_event(n, text)) {
            /* Those on their way stay in order: all are sent again when these are answered. */
            n->events_stalled = true;
            return;
        }
}

static void on_added(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (reply == NULL || reply->type == REPLY_ERROR || n->events_stalled) {
        n->events_stalled = false;
        events_again(n->events);
        n->events_retry_ns = clock_boot_ns() + RETRY_NS;
        if (reply != NULL && reply->type == REPLY_ERROR && !node_is_elsewhere(n, reply))
            node_refused(n, "blocks, lifts and marks that this relay tells", reply);
        return;
    }
    if (clock_boot_ns() < n->events_retry_ns)
        return; /* of one that is sent again */
    if (reply->type == REPLY_TEXT)
        (void)reply_parse_id(reply->text, n->told_to);
    events_arrived(n->events, clock_boot_ns());
    n->stats.events_out++;
}

/* ---- what others tell ---- */

/* The directory as it is now. NULL: there is none. */
static struct directory_view *view_of(struct node *n)
{
    uint64_t boot_ns = clock_boot_ns();

    if (n->directory_ns == 0 || boot_ns - n->directory_ns >= NS_PER_S) {
        n->directory_ns = boot_ns;
        (void)directory_refresh(n->directory, NULL); /* that it can't be used, the services say */
    }
    return directory_view_get(n->directory);
}

/* never_block is this relay's own: by the name in the block, and by all other names of its mailbox. */
static bool is_protected(struct node *n, const struct block *block, const struct moment *at)
{
    struct directory_view *view = view_of(n);
    const struct decide_context c = {.config = n->config,
                                     .view = view,
                                     .counters = state_counters(n->state),
                                     .blocks = state_blocks(n->state),
                                     .secret = state_secret(n->state),
                                     .now_ns = at->now_ns,
                                     .wall_s = (int64_t)(at->wall_ms / 1000)};
    struct subject *x = malloc(sizeof *x);
    bool found = x != NULL && subject_of_block(&c, block, x, NULL) == 0 &&
                 never_blocked(&c, &x->submission, &x->verdict.identity, x->part);

    free(x);
    if (view != NULL)
        directory_view_put(n->directory, view);
    return found;
}

/* Was it not said yet of this block? It is heard when it is made, and each time that all blocks are read. */
static bool is_news(struct node *n, uint64_t key, uint64_t origin_ms)
{
    unsigned i = 0;

    while (i < NODE_PROTECTED_SAID && n->protected[i].key != key)
        i++;
    if (i < NODE_PROTECTED_SAID && origin_ms <= n->protected[i].origin_ms + SAME_ORIGIN_MS)
        return false;
    if (i == NODE_PROTECTED_SAID)
        i = n->protected_next++ % NODE_PROTECTED_SAID;
    n->protected[i].key = key;
    n->protected[i].origin_ms = origin_ms;
    return true;
}

/* What comes back of others' texts is for the log: printable. */
static const char *printable(char *out, size_t cap, const char *text)
{
    struct buf b = buf_over(out, cap);

    buf_add_printable(&b, slice_of(text));
    return out;
}

/* 1: it has ended, or was lifted. */
static int heard_block(struct node *n, struct slice body, uint64_t elapsed_ms, const struct moment *at)
{
    char subject[160], limit[64];
    struct block block;
    struct error e;
    uint64_t origin_ms;
    int found = block_text_read(body, elapsed_ms, at->now_ns, &block, &origin_ms);

    if (found != 0) {
        n->stats.false_records += found < 0;
        return found;
    }
    (void)printable(subject, sizeof subject, block.subject);
    if (is_protected(n, &block, at)) {
        if (is_news(n, block.key, origin_ms))
            log_say(n->log, LEVEL_NOTICE,
                    "another relay blocked %s: never_block protects it here, so it is not blocked", subject);
        return 0;
    }
    switch (shared_blocks_take(n->blocks, state_blocks(n->state), &block, origin_ms, at, &e)) {
    case BLOCK_TAKEN:
        n->stats.blocks_in++;
        log_say(n->log, LEVEL_NOTICE, "blocked by another relay: %s, by %s", subject,
                printable(limit, sizeof limit, block.limit));
        return 0;
    case BLOCK_NOT_TAKEN:
        log_say(n->log, LEVEL_ERROR, "another relay's block of %s is not in force here: %s", subject, e.text);
        return 0;
    case BLOCK_LIFTED:
        return 1;
    default:
        return 0;
    }
}

static void heard_forget(struct node *n, struct slice body, const struct moment *at)
{
    const unsigned char *p = (const unsigned char *)body.p;

    for (size_t i = body.n / FORGET_ENTRY_BYTES; i > 0; i--, p += FORGET_ENTRY_BYTES) {
        uint64_t key = bytes_get64(p);

        if (key == 0)
            continue;
        (void)counters_reset(state_counters(n->state), key, at->now_ns);
        pending_forget(n->pending, key);
        recent_forget(n->recent, key);
        if (shared_blocks_lift(n->blocks, state_blocks(n->state), key, bytes_get64(p + 8), at)) {
            n->stats.lifts_in++;
            log_say(n->log, LEVEL_NOTICE, "a block was lifted at another relay");
        }
    }
}

static void heard_mark(struct node *n, enum mark_kind kind, uint64_t key, uint64_t left_ns, const struct moment *at)
{
    struct counters *counters = state_counters(n->state);
    uint64_t here_ns = counters_marked_for(counters, key, at->now_ns);
    bool crowded;

    if (kind == MARK_ONCE)
        (void)strangers_once(counters, key, at->now_ns, left_ns);
    else if (kind == MARK_FIRST && here_ns > left_ns)
        counters_return(counters, key, here_ns - left_ns, at->now_ns);
    else if (kind == MARK_LATEST || here_ns == 0)
        (void)counters_mark(counters, key, at->now_ns, left_ns, kind == MARK_LATEST, &crowded);
}

static void heard_marks(struct node *n, struct slice body, uint64_t elapsed_ms, const struct moment *at)
{
    const unsigned char *p = (const unsigned char *)body.p;

    for (size_t i = body.n / MARK_ENTRY_BYTES; i > 0; i--, p += MARK_ENTRY_BYTES) {
        uint64_t key = bytes_get64(p + 1), ns = bytes_get64(p + 9), elapsed_ns = elapsed_ms * NS_PER_MS;

        if (key != 0 && ns <= COUNTERS_LONGEST_WINDOW_NS && elapsed_ms < COUNTERS_LONGEST_WINDOW_NS / NS_PER_MS &&
            ns > elapsed_ns && p[0] >= MARK_FIRST && p[0] <= MARK_ONCE)
            heard_mark(n, (enum mark_kind)p[0], key, ns - elapsed_ns, at);
    }
    n->stats.marks_in++;
}

/* 1: it is a block, and over. */
static int heard_event(struct node *n, struct slice text)
{
    const struct moment at = moment_of(n);
    struct slice body = {text.p + EVENT_HEAD_BYTES, text.n - EVENT_HEAD_BYTES};
    uint64_t wall_ms, elapsed_ms;

    if (text.n < EVENT_HEAD_BYTES) {
        n->stats.false_records++;
        return 0;
    }
    wall_ms = bytes_get64((const unsigned char *)text.p + 1);
    elapsed_ms = at.wall_ms > wall_ms ? at.wall_ms - wall_ms : 0;
    n->stats.events_in++;
    switch (text.p[0]) {
    case EVENT_BLOCK:
        return heard_block(n, body, elapsed_ms, &at);
    case EVENT_FORGET:
        heard_forget(n, body, &at);
        return 0;
    case EVENT_MARKS:
        heard_marks(n, body, elapsed_ms, &at);
        return 0;
    case EVENT_LIST:
        node_heard_list(n, body);
        return 0;
    default:
        n->stats.newer++;
        return 0;
    }
}

/* True when text is another relay's, and new. */
bool node_open(struct node *n, enum seal_context context, struct slice record, struct slice *text)
{
    switch (seal_open(n->opener, context, record, text, NULL)) {
    case OPENED:
        return true;
    case OPENED_OWN:
        return false;
    case OPENED_REPLAYED:
        n->stats.replayed++;
        return false;
    case OPENED_NEWER:
        n->stats.newer++;
        return false;
    default:
        n->stats.false_records++;
        return false;
    }
}

/* ---- reading the stream ---- */

static bool heard_record(struct node *n, const unsigned long long id[2], struct slice record)
{
    struct slice text;

    if (!is_before(n->read_to, id))
        return false; /* it goes backwards */
    n->read_to[0] = id[0];
    n->read_to[1] = id[1];
    if (record.n > 0 && node_open(n, SEAL_EVENT, record, &text))
        (void)heard_event(n, text);
    return true;
}

static bool heard_entry(struct node *n, const struct reply *entry,
                        bool (*heard)(struct node *n, const unsigned long long id[2], struct slice record))
{
    unsigned long long id[2];
    struct slice record;

    return reply_stream_entry(entry, id, &record) && heard(n, id, record);
}

/* The new entries of one stream: its name, and a list of them. */
static bool heard_stream(struct node *n, const struct reply *stream)
{
    const struct reply *entries;
    bool habits;

    if (reply_array(stream, 2) == NULL || (entries = reply_array(stream->elements[1], 1)) == NULL)
        return false;
    habits = reply_is(stream->elements[0], NODE_HABITS_STREAM);
    for (size_t i = 0; i < entries->n; i++)
        if (!heard_entry(n, entries->elements[i], habits ? node_heard_habits : heard_record))
            return false;
    return true;
}

static void add_id(struct node *n, const unsigned long long id[2])
{
    char text[REPLY_ID_MAX + 1];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "%llu-%llu", id[0], id[1]);
    command_add(&n->command, buf_slice(&b));
}

/* Is the last event that we have read or told still there? What came before it then is, too. */
static void ask_last(struct node *n)
{
    const unsigned long long *last = is_before(n->read_to, n->told_to) ? n->told_to : n->read_to;
    command_begin(&n->command);
    command_add_static(&n->command, "XRANGE");
    command_add_static(&n->command, STREAM);
    add_id(n, last);
    add_id(n, last);
    n->reading = link_send(n->reader, &n->command, on_last, n) == 0;
}

/*
 * A server that took over and had not heard all, or whose data is of an earlier time. What is new there may come before
 * what we have read, and the others would never hear what we told last.
 */
static void last_is_lost(struct node *n)
{
    log_say(n->log, LEVEL_WARNING,
            "Redis lacks the last that it was told (another server, or earlier data): blocks and the last events are "
            "told again");
    n->told_to[0] = n->told_to[1] = 0;
    n->blocks_due_ns = 0;
    node_step_back(n);
    node_retell_blocks(n);
}

static void on_last(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    n->reading = false;
    if (reply == NULL)
        return;
    node_told(n, reply);
    n->knows_last = true;
    if (reply->type == REPLY_ARRAY && reply->n == 0 && (n->read_to[0] != 0 || n->told_to[0] != 0))
        last_is_lost(n);
    node_read_events(n);
}

void node_read_events(struct node *n)
{
    unsigned long long habits[2];
    bool of_habits = node_habits_position(n, habits);

    if (n->stage != NODE_SHARES || n->reading || !link_is_up(n->reader))
        return;
    if (!n->knows_last) {
        ask_last(n);
        return;
    }
    command_begin(&n->command);
    command_add_static(&n->command, "XREAD");
    command_add_static(&n->command, "COUNT");
    command_add_static(&n->command, READ_AT_ONCE);
    if (n->caught_up && of_habits) {
        command_add_static(&n->command, "BLOCK");
        command_add_static(&n->command, READ_WAIT_MS);
    }
    command_add_static(&n->command, "STREAMS");
    command_add_static(&n->command, STREAM);
    if (of_habits)
        command_add_static(&n->command, NODE_HABITS_STREAM);
    add_id(n, n->read_to);
    if (of_habits)
        add_id(n, habits);
    n->reads_habits = of_habits;
    n->read_asked_ns = clock_boot_ns();
    n->reading = link_send(n->reader, &n->command, on_read, n) == 0;
}

/* All that was there is read. */
static void caught_up(struct node *n)
{
    if (n->stage != NODE_SHARES)
        return;
    n->caught_up = true;
    if (!n->reads_habits) /* nor do replies wait then: the next flush asks again */
        return;
    node_habits_caught_up(n);
    if (clock_boot_ns() - n->read_asked_ns > READ_SOON_NS) /* else it is a Redis that does not wait */
        node_read_events(n);
}

/* Nothing: none came in that time. Else a list of streams that have new entries. */
static void on_read(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    n->reading = false;
    if (reply == NULL)
        return;
    if (reply->type == REPLY_NIL || n->stage != NODE_SHARES) {
        caught_up(n);
        return;
    }
    if (reply_array(reply, 1) == NULL) {
        if (reply->type == REPLY_ERROR && !node_is_elsewhere(n, reply))
            node_refused(n, "XREAD of what other relays tell", reply);
        link_fail(n->reader, "Redis replied to XREAD with something else");
        return;
    }
    /* What changed here is known before what others say of it. */
    node_drain(n);
    node_look_at_blocks(n);
    for (size_t i = 0; i < reply->n; i++)
        if (!heard_stream(n, reply->elements[i])) {
            link_fail(n->reader, "Redis replied to XREAD with what are no events, or old ones");
            return;
        }
    node_look_at_blocks(n); /* what others told is no news to them */
    node_keep_habits(n);
    node_read_events(n);
}

/* ---- all blocks, for those who come later ---- */

static void heard_kept(struct node *n, const struct reply *key, const struct reply *value)
{
    struct slice text;

    if (key->type != REPLY_TEXT || value->type != REPLY_TEXT || key->text.n != 8 ||
        !node_open(n, SEAL_KEPT, value->text, &text) || text.n == 0 || text.p[0] != EVENT_BLOCK)
        return;
    /* A lift is missing there when Redis began again with earlier data: nobody shall find the block once the lift is
     * forgotten. */
    if (heard_event(n, text) == 1)
        keep_no_longer(n, (const unsigned char *)key->text.p, 1, 8);
}

static void on_kept(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    struct slice cursor;
    const struct reply *pairs = node_page(n, reply, "HSCAN of all blocks", &cursor);

    if (pairs == NULL) {
        n->blocks_due_ns = clock_boot_ns() + NODE_PAGE_AGAIN_NS;
        return;
    }
    node_look_at_blocks(n);
    for (size_t i = 0; i + 1 < pairs->n; i += 2)
        heard_kept(n, pairs->elements[i], pairs->elements[i + 1]);
    node_look_at_blocks(n);
    if (!slice_eq(cursor, SLICE("0")))
        scan_blocks(n, cursor);
    else
        n->blocks_taken = true;
}

static void scan_blocks(struct node *n, struct slice cursor)
{
    command_hscan(&n->command, BLOCKS, cursor, "100");
    if (link_send(n->link, &n->command, on_kept, n) != 0)
        n->blocks_due_ns = clock_boot_ns() + NODE_PAGE_AGAIN_NS;
}

void node_read_blocks(struct node *n, uint64_t boot_ns)
{
    if (n->stage != NODE_SHARES || boot_ns < n->blocks_due_ns)
        return;
    n->blocks_due_ns = boot_ns + BLOCKS_EVERY_NS;
    scan_blocks(n, SLICE("0"));
}

/* ---- where it goes on after a restart ---- */

int node_folder(const struct node *n, struct error *e)
{
    const char *path = n->config->cluster.folder;
    int fd;

    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return error_set(e, "cannot make the folder %s: %s", path, strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : error_set(e, "cannot open the folder %s: %s", path, strerror(errno));
}

/* What was heard before a restart is not heard again, whatever Redis shows. */
static void load_heard(struct node *n, int folder)
{
    char *text = NULL;
    size_t length;

    if (spool_get(folder, HEARD_FILE, SEAL_HEARD_MAX * SEAL_HEARD_BYTES, &text, &length, NULL) == 0 &&
        opener_hear_on(n->opener, SEAL_EVENT, (struct slice){text, length}) != 0)
        log_say(n->log, LEVEL_WARNING, "%s/" HEARD_FILE " is damaged: events may be heard a second time",
                n->config->cluster.folder);
    free(text);
}

static int save_heard(const struct node *n, int folder, struct error *e)
{
    unsigned char heard[SEAL_HEARD_MAX * SEAL_HEARD_BYTES];
    size_t size = opener_heard(n->opener, SEAL_EVENT, heard);

    return spool_put(folder, HEARD_FILE, (struct slice){(const char *)heard, size}, e);
}

/* "EPOCH MS-SEQUENCE": without it, or in another epoch, the stream is read from its beginning. */
void node_load_position(struct node *n)
{
    int folder = node_folder(n, NULL);
    struct slice epoch, id;
    char *text = NULL;
    size_t length;

    if (folder >= 0 && spool_get(folder, POSITION_FILE, 256, &text, &length, NULL) == 0 &&
        slice_cut(slice_trim((struct slice){text, length}), ' ', &epoch, &id) && epoch.n > 0 &&
        epoch.n <= NODE_EPOCH_MAX && reply_parse_id(id, n->read_to)) {
        memcpy(n->epoch, epoch.p, epoch.n);
        n->epoch[epoch.n] = '\0';
    }
    free(text);
    if (folder < 0)
        return;
    load_heard(n, folder);
    (void)close(folder);
}

void node_save_position(struct node *n)
{
    struct error e;
    char text[256];
    struct buf b = BUF_OVER(text);
    int folder, result = -1;

    if (n->stage != NODE_SHARES || (n->saved[0] == n->read_to[0] && n->saved[1] == n->read_to[1]))
        return;
    buf_addf(&b, "%s %llu-%llu\n", n->epoch, n->read_to[0], n->read_to[1]);
    if ((folder = node_folder(n, &e)) >= 0) {
        result = save_heard(n, folder, &e) == 0 ? spool_put(folder, POSITION_FILE, buf_slice(&b), &e) : -1;
        (void)close(folder);
    }
    if (result != 0 && !n->said_folder)
        log_say(n->log, LEVEL_WARNING, "%s; after a restart all events are read again", e.text);
    n->said_folder = result != 0;
    memcpy(n->saved, n->read_to, sizeof n->saved);
}

void node_retell_events(struct node *n)
{
    events_retell(n->events, clock_boot_ns());
    n->events_retry_ns = clock_boot_ns() + RETRY_NS;
}

void node_step_back(struct node *n)
{
    n->read_to[0] -= n->read_to[0] < STEP_BACK_MS ? n->read_to[0] : STEP_BACK_MS;
    n->read_to[1] = 0;
    node_retell_events(n);
}

void node_forget_position(struct node *n)
{
    n->read_to[0] = n->read_to[1] = 0;
    n->told_to[0] = n->told_to[1] = 0;
    n->blocks_due_ns = 0;
    n->caught_up = false;
    node_lists_forget_position(n);
    node_retell_blocks(n);
}
