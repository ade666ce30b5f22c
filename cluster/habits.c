/*
 * Habits, with the other relays: what was counted here is told in a stream of its own, once, and what they tell is
 * added here, once. So each relay learns from the sum.
 *
 * What is known of each login is kept in Redis besides, for a relay that begins: it takes that over, and of the stream
 * what came after it.
 */
#include "cluster/node.h"

#include "cluster/bytes.h"
#include "cluster/habit_text.h"
#include "core/base/clock.h"

#include <stdlib.h>

#define NUMBER_KEY "postern:{m}:habits:"
/* Some hours of a busy cluster. Who is away for longer keeps what it has learnt, and learns on. */
#define STREAM_LENGTH "100000"
#define KEPT_KEY "postern:{m}:habit:"
#define KEPT_KEY_BYTES 26u
#define KEPT_PATTERN KEPT_KEY "*"
/* As long as a habit is held and fades, and as a relay keeps a login that it has not seen. */
#define KEPT_MS "15552000000"
#define SCAN_AT_ONCE "1000"
#define RETRY_NS NS_PER_S
#define TRIES_MOST 20u
/* What is known of a login is kept again after so long, when it sends. */
#define KEPT_AGAIN_NS (600 * NS_PER_S)
#define KEEP_AT_ONCE 20u
#define KEPT_LOGINS 65536u
#define TO_KEEP 4096u
#define CUTOFFS_FIRST 4096u
/* What is older is in no window. */
#define OLDEST_S (2 * 86400u)

/* Returns the id of the words in the stream, also when they were told before. */
static const char script[] = "local once = ARGV[1] ~= '0'\n"
                             "local last = once and redis.call('GET', KEYS[1]) or '0 0-0'\n"
                             "local number, id = string.match(last, '^(%d+) (%d+%-%d+)$')\n"
                             "if once and number and tonumber(number) >= tonumber(ARGV[1]) then return id end\n"
                             "id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'r', ARGV[3])\n"
                             "if once then redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. id, 'PX', 86400000) end\n"
                             "return id\n";

struct kept {
    uint64_t key, at_ns; /* boot clock */
};

/* What is known of the key was taken over with all words until there. */
struct cutoff {
    uint64_t key, upto[2];
};

enum warm_habits { HABITS_WAIT, HABITS_SCAN, HABITS_WARM };

struct node_habits {
    struct habit_list *list;
    /* the words under way */
    unsigned char record[HABIT_TEXT_MAX + SEAL_EXTRA_BYTES];
    size_t record_n; /* 0: none */
    uint64_t number, retry_ns;
    unsigned tries;
    bool sent;
    unsigned long long told[2]; /* id of the last that were told */
    bool read_back;             /* what was told before that, by this program or the one before it, was read */
    /* for those who come later */
    struct kept kept[KEPT_LOGINS];
    uint64_t to_keep[TO_KEEP];
    size_t first, n_to_keep;
    uint64_t walk;
    bool walks;
    /* from those who came before */
    enum warm_habits warm;
    struct cutoff *cutoffs; /* by key; NULL: they are not needed any more */
    size_t n_cutoffs, cutoffs_size;
    uint64_t taken;
};

int node_habits_new(struct node *n, struct error *e)
{
    n->habits = calloc(1, sizeof *n->habits);
    if (n->habits == NULL || (n->habits->list = habit_list_new()) == NULL)
        return error_set(e, "no memory for the cluster");
    return 0;
}

void node_habits_free(struct node *n)
{
    if (n->habits == NULL)
        return;
    habit_list_free(n->habits->list);
    free(n->habits->cutoffs);
    free(n->habits);
}

size_t node_habits_waiting(const struct node *n)
{
    return habit_list_count(n->habits->list);
}

uint64_t node_habits_lost(const struct node *n)
{
    return habit_list_lost(n->habits->list);
}

static uint64_t redis_ms(const struct node *n)
{
    return clock_wall_ns() / NS_PER_MS + (uint64_t)n->clock_offset_ms;
}

/* Which sequence of words is read: it begins anew with each epoch. */
static uint64_t whose(const struct node *n)
{
    return hash_slice(state_secret(n->state), slice_of(n->epoch)) | 1;
}

/* ---- what was counted here ---- */

static void keep_soon(struct node_habits *h, uint64_t key)
{
    uint64_t now_ns = clock_boot_ns();
    struct kept *k = h->kept + (key & (KEPT_LOGINS - 1));

    if (h->n_to_keep == TO_KEEP || (k->key == key && now_ns - k->at_ns < KEPT_AGAIN_NS))
        return;
    *k = (struct kept){key, now_ns};
    h->to_keep[(h->first + h->n_to_keep++) % TO_KEEP] = key;
}

static void keep_again(struct node_habits *h, uint64_t key)
{
    h->kept[key & (KEPT_LOGINS - 1)].key = 0;
    keep_soon(h, key);
}

void node_note_habit(struct node *n, const struct outbox_record *record)
{
    habit_list_take(n->habits->list, record);
    if (record->kind != OUTBOX_HABIT_DEFERRED)
        keep_soon(n->habits, record->key);
}

bool node_habits_begin_round(struct node *n)
{
    return n->habits->record_n == 0 && habit_list_begin_round(n->habits->list);
}

bool node_habits_told(const struct node *n)
{
    return n->habits->record_n == 0 && habit_list_in_round(n->habits->list) == 0;
}

static void on_told(void *arg, const struct reply *reply);

static size_t write_words(struct node *n, unsigned char *text)
{
    uint64_t now_ns = node_now(n, clock_boot_ns());
    struct habit_known known;
    struct habit_word word;
    unsigned char *p = text;

    memcpy(p, n->outbox_id, HABIT_HEAD_BYTES);
    p += HABIT_HEAD_BYTES;
    for (unsigned i = 0; i < HABIT_WORDS_MAX && habit_list_next(n->habits->list, &word); i++) {
        if (word.kind != OUTBOX_HABIT_TAUGHT)
            p += habit_text_word(p, &word, now_ns / NS_PER_S);
        else if (habits_tell(state_habits(n->state), word.key, now_ns, &known))
            p += habit_text_taught(p, &known);
    }
    return (size_t)(p - text);
}

/* The next words of the round, with a number that they have whenever it is told. */
static bool fill(struct node *n)
{
    unsigned char text[HABIT_TEXT_MAX];
    size_t size;

    if (habit_list_in_round(n->habits->list) == 0)
        return false;
    size = write_words(n, text);
    n->habits->number = n->in_doubt ? 0 : n->round_from * NODE_NUMBERS_A_ROUND + ++n->round_habits;
    n->habits->tries = 0;
    if (size > HABIT_HEAD_BYTES)
        n->habits->record_n = seal(n->sealer, SEAL_HABITS, (struct slice){(const char *)text, size}, n->habits->record);
    return n->habits->record_n > 0;
}

static void add_number_key(struct node *n)
{
    char text[64];
    struct buf b = BUF_OVER(text);

    buf_add(&b, SLICE(NUMBER_KEY));
    for (unsigned i = 0; i < OUTBOX_IDENTITY_BYTES; i++)
        buf_addf(&b, "%02x", n->outbox_id[i]);
    command_add(&n->command, buf_slice(&b));
}

void node_send_habits(struct node *n)
{
    struct node_habits *h = n->habits;

    if (n->stage != NODE_SHARES || h->sent || clock_boot_ns() < h->retry_ns || !node_is_joined(n) ||
        (h->record_n == 0 && !fill(n)))
        return;
    command_begin(&n->command);
    command_add_static(&n->command, "EVAL");
    command_add_static(&n->command, script);
    command_add_static(&n->command, "2");
    add_number_key(n);
    command_add_static(&n->command, NODE_HABITS_STREAM);
    command_add_number(&n->command, h->number);
    command_add_static(&n->command, STREAM_LENGTH);
    command_add(&n->command, (struct slice){(const char *)h->record, h->record_n});
    h->sent = link_send(n->link, &n->command, on_told, n) == 0;
}

static void on_told(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    struct node_habits *h = n->habits;

    h->sent = false;
    if (reply == NULL) /* told again when the connection is back, with its number */
        return;
    if (reply->type == REPLY_ERROR) {
        node_told(n, reply);
        h->retry_ns = clock_boot_ns() + RETRY_NS;
        if (++h->tries < TRIES_MOST)
            return;
        n->stats.dropped++;
    }
    if (reply->type == REPLY_TEXT)
        (void)reply_parse_id(reply->text, h->told);
    h->record_n = 0;
    node_send_habits(n);
    node_keep_habits(n);
}

/* ---- for those who come later ---- */

static void keep(struct node *n, const struct habit_kept *kept)
{
    unsigned char text[HABIT_KEPT_BYTES], record[sizeof text + SEAL_EXTRA_BYTES], bytes[8];
    char name[40];
    struct buf b = BUF_OVER(name);
    size_t sealed;

    habit_text_keep(text, kept);
    sealed = seal(n->sealer, SEAL_KEPT, (struct slice){(const char *)text, sizeof text}, record);
    buf_add(&b, SLICE(KEPT_KEY));
    bytes_put64(bytes, kept->known.pairs[0].key);
    buf_add(&b, (struct slice){(const char *)bytes, sizeof bytes});
    command_begin(&n->command);
    command_add_static(&n->command, "SET");
    command_add(&n->command, buf_slice(&b));
    command_add(&n->command, (struct slice){(const char *)record, sealed});
    command_add_static(&n->command, "PX");
    command_add_static(&n->command, KEPT_MS);
    if (sealed > 0)
        (void)link_send(n->link, &n->command, node_told, n);
}

void node_keep_all_habits(struct node *n)
{
    n->habits->walk = 0;
    n->habits->walks = true;
}

/*
 * Is what this relay has just what stands in the stream until where it was read? All that it told itself must have come
 * back, since what others told before that is counted here only then. (What it has not told yet: next_to_keep.)
 */
static bool is_level(const struct node *n)
{
    const struct node_habits *h = n->habits;
    struct habits_heard heard = habits_heard(state_habits(n->state));

    return n->stage == NODE_SHARES && node_is_joined(n) && h->warm == HABITS_WARM && h->record_n == 0 && h->read_back &&
           heard.whose == whose(n) && (heard.ms == 0 || heard.parts == UINT64_MAX) &&
           (h->told[0] < heard.ms || (h->told[0] == heard.ms && h->told[1] <= heard.sequence));
}

/* One of which all was told. False: there is none at the moment. */
static bool next_to_keep(struct node *n, uint64_t *key)
{
    struct node_habits *h = n->habits;

    for (size_t tries = h->n_to_keep; tries > 0; tries--) {
        *key = h->to_keep[h->first];
        h->first = (h->first + 1) % TO_KEEP;
        if (!habit_list_has(h->list, *key)) {
            h->n_to_keep--;
            return true;
        }
        h->to_keep[(h->first + h->n_to_keep - 1) % TO_KEEP] = *key;
    }
    while (h->walks && (h->walks = habits_next(state_habits(n->state), &h->walk, key)))
        if (!habit_list_has(h->list, *key))
            return true;
    return false;
}

/* Who takes it over adds what comes after it in the stream: so it is kept only when nothing of it is untold, neither
 * before it is read nor, in the outbox, after that. */
void node_keep_habits(struct node *n)
{
    struct habits_heard heard = habits_heard(state_habits(n->state));
    struct habit_kept kept[KEEP_AT_ONCE];
    unsigned count = 0;
    uint64_t key;

    if (!is_level(n))
        return;
    while (count < KEEP_AT_ONCE && next_to_keep(n, &key)) {
        kept[count] = (struct habit_kept){redis_ms(n), {heard.ms, heard.sequence}, {.at_ns = 0}};
        count += habits_tell(state_habits(n->state), key, node_now(n, clock_boot_ns()), &kept[count].known);
    }
    if (count == 0)
        return;
    node_drain(n);
    for (unsigned i = 0; i < count; i++) {
        key = kept[i].known.pairs[0].key;
        if (habit_list_has(n->habits->list, key))
            keep_again(n->habits, key);
        else
            keep(n, kept + i);
    }
}

/* ---- from those who came before ---- */

static void on_scanned(void *arg, const struct reply *reply);

static void scan(struct node *n, struct slice cursor)
{
    command_scan(&n->command, KEPT_PATTERN, cursor, SCAN_AT_ONCE);
    n->habits->warm = link_send(n->link, &n->command, on_scanned, n) == 0 ? HABITS_SCAN : HABITS_WAIT;
}

/* The place of a key, or where it would be. */
static struct cutoff *place_of(struct cutoff *cutoffs, size_t size, uint64_t key)
{
    size_t i = (size_t)key & (size - 1);

    while (cutoffs[i].key != key && cutoffs[i].key != 0)
        i = (i + 1) & (size - 1);
    return cutoffs + i;
}

static void forget_cutoffs(struct node_habits *h)
{
    free(h->cutoffs);
    h->cutoffs = NULL;
    h->n_cutoffs = h->cutoffs_size = 0;
}

/* Half of the places stay free. */
static bool make_room(struct node_habits *h)
{
    struct cutoff *old = h->cutoffs;
    size_t old_size = h->cutoffs_size, size = old_size > 0 ? 2 * old_size : CUTOFFS_FIRST;

    if (2 * h->n_cutoffs < old_size)
        return true;
    h->cutoffs = calloc(size, sizeof *h->cutoffs);
    if (h->cutoffs == NULL) {
        h->cutoffs = old;
        return false;
    }
    h->cutoffs_size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].key != 0)
            *place_of(h->cutoffs, size, old[i].key) = old[i];
    free(old);
    return true;
}

static void begin_reading(struct node *n)
{
    const struct habits_heard nothing = {.whose = whose(n)};

    habits_note_heard(state_habits(n->state), &nothing);
    n->habits->warm = HABITS_WARM;
    n->habits->told[0] = n->habits->told[1] = 0;
    n->habits->read_back = false;
}

void node_warm_habits(struct node *n)
{
    struct node_habits *h = n->habits;
    struct habits_heard heard = habits_heard(state_habits(n->state));

    if (n->stage != NODE_SHARES || !node_is_joined(n) || h->warm == HABITS_SCAN || heard.whose == whose(n)) {
        if (h->warm == HABITS_WAIT && n->stage == NODE_SHARES && heard.whose == whose(n))
            h->warm = HABITS_WARM;
        return;
    }
    if (heard.whose != 0) { /* what is there is known, but not to this Redis */
        begin_reading(n);
        return;
    }
    forget_cutoffs(h);
    h->taken = 0;
    scan(n, SLICE("0"));
}

bool node_habits_are_warm(const struct node *n)
{
    return n->habits->warm == HABITS_WARM;
}

static void take_kept(struct node *n, const struct reply *value)
{
    uint64_t now_ms = redis_ms(n);
    struct node_habits *h = n->habits;
    struct habit_kept kept;
    struct cutoff *cutoff;
    struct slice text;

    /* Without a cutoff words would count twice: rather it is learnt anew. */
    if (!make_room(h) || value->type != REPLY_TEXT || !node_open(n, SEAL_KEPT, value->text, &text) ||
        !habit_text_kept(text, &kept) ||
        !habits_hear(state_habits(n->state), &kept.known, false,
                     now_ms > kept.at_ms ? (now_ms - kept.at_ms) * NS_PER_MS : 0, node_now(n, clock_boot_ns())))
        return;
    h->taken++;
    cutoff = place_of(h->cutoffs, h->cutoffs_size, kept.known.pairs[0].key);
    h->n_cutoffs += cutoff->key == 0;
    *cutoff = (struct cutoff){kept.known.pairs[0].key, {kept.upto[0], kept.upto[1]}};
}

static bool is_last_page(const struct node *n)
{
    return strcmp(n->habits_cursor, "0") == 0;
}

static void end_page(struct node *n)
{
    if (!is_last_page(n))
        return;
    begin_reading(n);
    log_say(n->log, LEVEL_NOTICE, "the habits of %llu logins were taken over", (unsigned long long)n->habits->taken);
}

static void on_values(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (n->habits->warm != HABITS_SCAN)
        return; /* of one that begins again */
    if (reply == NULL || n->stage != NODE_SHARES || !node_is_joined(n)) {
        n->habits->warm = HABITS_WAIT;
        return;
    }
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->n; i++)
        take_kept(n, reply->elements[i]);
    end_page(n);
}

/* Asks for what is kept of these logins. False: of none. */
static bool ask_values(struct node *n, const struct reply *keys)
{
    size_t asked = 0;

    command_begin(&n->command);
    command_add_static(&n->command, "MGET");
    for (size_t i = 0; i < keys->n && asked < WARM_KEYS_MAX; i++)
        if (keys->elements[i]->type == REPLY_TEXT && keys->elements[i]->text.n == KEPT_KEY_BYTES) {
            command_add(&n->command, keys->elements[i]->text);
            asked++;
        }
    if (asked > 0 && link_send(n->link, &n->command, on_values, n) != 0)
        n->habits->warm = HABITS_WAIT;
    return asked > 0;
}

/* As in warm.c the next page is asked for together with the values of this one. */
static void on_scanned(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    const struct reply *keys;
    struct slice cursor;
    bool some;

    if (n->habits->warm != HABITS_SCAN)
        return;
    if (reply == NULL || (keys = reply_page(reply, &cursor)) == NULL) {
        n->habits->warm = HABITS_WAIT;
        if (reply != NULL && reply->type == REPLY_ERROR)
            begin_reading(n); /* SCAN is refused, as warm.c says */
        return;
    }
    memcpy(n->habits_cursor, cursor.p, cursor.n);
    n->habits_cursor[cursor.n] = '\0';
    some = ask_values(n, keys);
    if (n->habits->warm == HABITS_SCAN && !is_last_page(n))
        scan(n, slice_of(n->habits_cursor));
    if (n->habits->warm == HABITS_SCAN && !some)
        end_page(n);
}

/* ---- what others counted ---- */

static void add_heard(struct node *n, const struct habit_heard *heard, uint64_t on_way_ms)
{
    struct habits *habits = state_habits(n->state);
    uint64_t now_ns = node_now(n, clock_boot_ns()), ago_ns = heard->age_s * NS_PER_S + on_way_ms * NS_PER_MS;
    uint64_t then_ns = now_ns > ago_ns ? now_ns - ago_ns : 0;

    switch (heard->kind) {
    case OUTBOX_HABIT:
        habits_add(habits, heard->key, heard->units, then_ns, now_ns);
        break;
    case OUTBOX_HABIT_RETURN:
        habits_return(habits, heard->key, heard->units, then_ns, now_ns);
        break;
    case OUTBOX_HABIT_DEFERRED:
        (void)habits_deferred_note(habits, heard->key, then_ns);
        break;
    case OUTBOX_HABIT_LIFT:
    case OUTBOX_HABIT_ACCEPT:
        habits_lift(habits, heard->key, now_ns, heard->kind == OUTBOX_HABIT_ACCEPT);
        break;
    case OUTBOX_HABIT_FORGET:
        habits_forget_week(habits, heard->key, now_ns);
        break;
    default:
        (void)habits_hear(habits, &heard->known, true, on_way_ms * NS_PER_MS, now_ns);
    }
}

/* Was it taken over with all that was known of the login? */
static bool is_in_cutoff(const struct node_habits *h, uint64_t key, const struct habits_heard *at)
{
    const struct cutoff *c;

    if (h->cutoffs == NULL)
        return false;
    c = place_of(h->cutoffs, h->cutoffs_size, key);
    return c->key == key && (at->ms < c->upto[0] || (at->ms == c->upto[0] && at->sequence <= c->upto[1]));
}

static void add_words(struct node *n, struct slice text, struct habits_heard *at)
{
    uint64_t now_ms = redis_ms(n), on_way_ms = now_ms > at->ms ? now_ms - at->ms : 0;
    struct habit_heard heard;
    uint64_t skip = at->parts;
    int found;

    if (on_way_ms > (uint64_t)OLDEST_S * 1000)
        on_way_ms = (uint64_t)OLDEST_S * 1000;
    for (at->parts = 1; (found = habit_text_next(&text, &heard)) > 0; at->parts++) {
        if (at->parts <= skip || heard.age_s > OLDEST_S || is_in_cutoff(n->habits, heard.key, at))
            continue;
        /* A kill between these two loses one word on this relay; the other way round it would count twice. */
        habits_note_heard(state_habits(n->state), at);
        add_heard(n, &heard, on_way_ms);
    }
    n->stats.newer += found < 0;
}

/* One entry of the stream. False: it is none, or goes backwards. */
bool node_heard_habits(struct node *n, const unsigned long long id[2], struct slice record)
{
    struct habits *habits = state_habits(n->state);
    struct habits_heard at = habits_heard(habits);
    struct slice text;

    if (at.whose != whose(n)) /* another state's table has come meanwhile: it is read from where that is */
        return true;
    if (id[0] < at.ms || (id[0] == at.ms && id[1] < at.sequence))
        return false;
    if (id[0] != at.ms || id[1] != at.sequence)
        at = (struct habits_heard){.whose = at.whose, .ms = id[0], .sequence = id[1]};
    if (node_open(n, SEAL_HABITS, record, &text) && text.n > HABIT_HEAD_BYTES &&
        memcmp(text.p, n->outbox_id, HABIT_HEAD_BYTES) != 0) {
        add_words(n, (struct slice){text.p + HABIT_HEAD_BYTES, text.n - HABIT_HEAD_BYTES}, &at);
        n->stats.habits_in++;
    }
    at.parts = UINT64_MAX;
    habits_note_heard(habits, &at);
    return true;
}

/* All that is in the stream was read. */
void node_habits_caught_up(struct node *n)
{
    forget_cutoffs(n->habits);
    n->habits->read_back = true;
    node_keep_habits(n);
}

/* Where the stream is to be read from; false: not yet. */
bool node_habits_position(const struct node *n, unsigned long long id[2])
{
    struct habits_heard at = habits_heard(state_habits(n->state));

    id[0] = at.ms;
    id[1] = at.sequence;
    if (at.ms != 0 && at.parts != UINT64_MAX) { /* some of its words are not counted yet */
        id[0] -= id[1] == 0;
        id[1]--;
    }
    return node_habits_are_warm(n) && at.whose == whose(n);
}
