/* The lists that all relays have: what operators enter here is told, what others tell is written down for the services.
 */
#include "cluster/node.h"

#include "cluster/bytes.h"
#include "core/base/clock.h"
#include "core/base/spool.h"

#include <stdlib.h>
#include <unistd.h>

#define KEPT "postern:{m}:lists"
#define LISTS_FILE "lists"
/* What is told again after Redis has forgotten it: 400 entries a second, and never so that other events find no room.
 */
#define TELL_AT_ONCE 20u
#define TELL_UP_TO (EVENTS_MAX / 2)
/* All that is kept is read again so often: what Redis lacks is found, and what was missed. */
#define READ_EVERY_NS (3600 * NS_PER_S)
/* As long as a change may be under way to the others, a difference is none. */
#define SETTLED_NS (30 * NS_PER_S)

static void scan_kept(struct node *n, struct slice cursor);

static void changed(struct node *n)
{
    n->lists.dirty = true;
    n->lists.changed_ns = clock_boot_ns();
}

bool node_lists_settled(const struct node *n)
{
    return n->lists.read && n->lists.changed_ns + SETTLED_NS < clock_boot_ns();
}

/* ---- files ---- */

static int put_list(const struct node *n, int folder, enum list_state state, const char *name, struct error *e)
{
    size_t length = 0;
    char *text = shared_lists_file(n->lists.shared, state, &length);
    int result = text != NULL ? spool_put(folder, name, (struct slice){text, length}, e) : error_set(e, "no memory");

    free(text);
    return result;
}

/* The whole first: what it has is never lost. Then what is denied, so that an entry that goes over to the allowed ones
 * is in neither list for a moment, and one that comes from there in both, where it is denied. */
static int put_all(const struct node *n, struct error *e)
{
    size_t length = 0;
    char *text = shared_lists_text(n->lists.shared, n->key->check, &length);
    int folder = text != NULL ? node_folder(n, e) : error_set(e, "no memory"), result = -1;

    if (folder >= 0) {
        if (spool_put(folder, LISTS_FILE, (struct slice){text, length}, e) == 0 &&
            put_list(n, folder, LIST_DENIED, "deny", e) == 0 && put_list(n, folder, LIST_ALLOWED, "allow", e) == 0)
            result = 0;
        (void)close(folder);
    }
    free(text);
    return result == 0 ? 0 : error_prefix(e, "the lists in %s", n->config->cluster.folder);
}

int node_lists_write(struct node *n, struct error *e)
{
    if (!n->lists.dirty)
        return 0;
    if (put_all(n, e) != 0) {
        if (!n->lists.said_folder)
            log_say(n->log, LEVEL_ERROR, "%s: what was entered at other relays is not in force here", e->text);
        n->lists.said_folder = true;
        return -1;
    }
    n->lists.said_folder = n->lists.dirty = false;
    return 0;
}

/* Without the file: nothing was ever entered here, or told. */
void node_lists_load(struct node *n)
{
    int folder = node_folder(n, NULL);
    struct error e;
    char *text = NULL;
    size_t length;
    long wrong;

    n->lists.changed_ns = n->begun_ns;
    if (folder < 0)
        return;
    if (spool_get(folder, LISTS_FILE, SHARED_LISTS_BYTES_MAX, &text, &length, &e) == 0) {
        wrong = shared_lists_load(n->lists.shared, (struct slice){text, length}, n->key->check);
        if (wrong != 0)
            log_say(n->log, LEVEL_WARNING,
                    wrong < 0 ? "%s/" LISTS_FILE " is of another cluster, or damaged: the other relays' lists hold"
                              : "%s/" LISTS_FILE " is damaged in part: the other relays tell what is missing",
                    n->config->cluster.folder);
        n->lists.dirty = true; /* what the services read may be older */
    }
    free(text);
    (void)close(folder);
}

/* ---- what is entered here ---- */

static int take_request(struct node *n, int folder, const char *name, struct error *e)
{
    char *text = NULL;
    struct list_note note;
    size_t length;
    int result = -1;

    if (node_request_read(folder, name, LIST_NOTE_MAX, &text, &length, e) != 0)
        return -1;
    if (list_note_read((struct slice){text, length}, &note, e) == 0) {
        note.version = shared_lists_next_version(n->lists.shared, clock_wall_ns() / NS_PER_MS);
        if (shared_lists_take(n->lists.shared, &note, LIST_OF_OURS) == LIST_NO_ROOM) {
            (void)error_set(e, "the cluster's lists are full (%u entries): forget some first", SHARED_LISTS_MAX);
        } else {
            changed(n);
            result = 0;
        }
    }
    free(text);
    return result;
}

/* It is in force at the others then, and here as soon as there is room. */
static void say_not_here(const struct node *n, int folder, const char *name, const struct error *why)
{
    struct error e;

    (void)error_set(&e, "the other relays are told, but it is not in force here: %.400s", why->text);
    node_request_refuse(n, folder, name, &e);
}

/* All are in the file before the first is gone: who saw his request taken can rely on it. */
void node_take_list_requests(struct node *n, int folder, char **names, size_t count)
{
    bool taken[NODE_REQUESTS_MAX] = {false};
    struct error e;
    bool written;

    for (size_t i = 0; i < count; i++)
        if (!(taken[i] = take_request(n, folder, names[i], &e) == 0))
            node_request_refuse(n, folder, names[i], &e);
    written = node_lists_write(n, &e) == 0;
    for (size_t i = 0; i < count; i++)
        if (taken[i] && written)
            (void)unlinkat(folder, names[i], 0);
        else if (taken[i])
            say_not_here(n, folder, names[i], &e);
}

/* ---- to the others ---- */

void node_tell_lists(struct node *n)
{
    char text[LIST_NOTE_MAX + 1];
    struct list_note note;

    if (n->stage != NODE_SHARES || !n->lists.read)
        return;
    for (unsigned i = 0; i < TELL_AT_ONCE && events_count(n->events) < TELL_UP_TO; i++) {
        struct buf b = BUF_OVER(text);

        if (!shared_lists_untold(n->lists.shared, &note))
            return;
        list_note_add(&b, &note);
        if (!events_add(n->events, EVENT_LIST, clock_wall_ns() / NS_PER_MS, buf_slice(&b)))
            return;
        shared_lists_told(n->lists.shared, note.entry);
    }
}

/* Redis sees a keyed hash of the entry. */
void node_keep_list(struct node *n, struct slice text)
{
    struct slice body = {text.p + EVENT_HEAD_BYTES, text.n - EVENT_HEAD_BYTES}, entry;
    unsigned char field[NODE_FIELD_BYTES];
    const char kind[] = "list";

    (void)slice_cut(body, '\t', NULL, &entry);
    (void)slice_cut(entry, '\t', NULL, &entry);
    (void)slice_cut(entry, '\t', &entry, NULL);
    bytes_put64(field, hash_mix(hash_bytes(&n->key->hash, kind, sizeof kind), hash_slice(&n->key->hash, entry)));
    node_keep(n, KEPT, field, text);
}

/* ---- from the others ---- */

static void heard(struct node *n, struct slice body, enum list_source from)
{
    static const struct {
        enum list_state state;
        const char *words;
    } words[] = {{LIST_ALLOWED, "allowed"}, {LIST_DENIED, "denied"}, {LIST_FORGOTTEN, "taken out of the lists"}};
    char shown[LIST_NOTE_MAX * 4];
    struct buf b = BUF_OVER(shown);
    struct list_note note;

    if (list_note_read(body, &note, NULL) != 0 || note.version == 0) {
        n->stats.false_records++;
        return;
    }
    switch (shared_lists_take(n->lists.shared, &note, from)) {
    case LIST_TAKEN:
        changed(n);
        n->stats.lists_in++;
        buf_add_escaped(&b, note.entry, LIST_NOTE_MAX);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (words[i].state == note.state)
                log_say(n->log, LEVEL_NOTICE, "%s by all relays: %s (%.*s)", words[i].words, shown,
                        SLICE_ARG(note.comment));
        return;
    case LIST_NO_ROOM:
        if (!n->lists.said_full)
            log_say(n->log, LEVEL_ERROR,
                    "the cluster's lists are full here (%u entries): what others enter is not in force",
                    SHARED_LISTS_MAX);
        n->lists.said_full = true;
        return;
    default:
        return;
    }
}

void node_heard_list(struct node *n, struct slice body)
{
    heard(n, body, LIST_OF_STREAM);
}

static void on_kept(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    struct slice cursor, text;
    const struct reply *pairs = node_page(n, reply, "HSCAN of all lists", &cursor);

    if (pairs == NULL) {
        n->lists.due_ns = clock_boot_ns() + NODE_PAGE_AGAIN_NS;
        return;
    }
    for (size_t i = 0; i + 1 < pairs->n; i += 2)
        if (pairs->elements[i + 1]->type == REPLY_TEXT &&
            node_open(n, SEAL_KEPT, pairs->elements[i + 1]->text, &text) && text.n > EVENT_HEAD_BYTES &&
            text.p[0] == EVENT_LIST)
            heard(n, (struct slice){text.p + EVENT_HEAD_BYTES, text.n - EVENT_HEAD_BYTES}, LIST_OF_KEPT);
    if (!slice_eq(cursor, SLICE("0"))) {
        scan_kept(n, cursor);
        return;
    }
    shared_lists_scan_end(n->lists.shared);
    n->lists.read = true;
}

static void scan_kept(struct node *n, struct slice cursor)
{
    command_hscan(&n->command, KEPT, cursor, "100");
    if (link_send(n->link, &n->command, on_kept, n) != 0)
        n->lists.due_ns = clock_boot_ns() + NODE_PAGE_AGAIN_NS;
}

void node_lists_forget_position(struct node *n)
{
    shared_lists_tell_again(n->lists.shared);
    n->lists.read = false;
    n->lists.due_ns = 0;
}

void node_lists_tick(struct node *n, uint64_t boot_ns)
{
    struct error e;

    (void)node_lists_write(n, &e);
    if (n->stage != NODE_SHARES || boot_ns < n->lists.due_ns)
        return;
    n->lists.due_ns = boot_ns + READ_EVERY_NS;
    shared_lists_scan_begin(n->lists.shared);
    scan_kept(n, SLICE("0"));
}
