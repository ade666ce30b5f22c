/*
 * Usage to and from its stream in Redis. A record is on its way at a time, and at most one a second; what was told is
 * kept there for those who are slower, or away for a while, up to STREAM_LENGTH records and a day. Who has missed some
 * of it knows that by their numbers, and asks for everything (cluster/usage_teller.h), so Redis keeps nobody's usage.
 */
#include "cluster/node.h"

#include "core/base/clock.h"

#define STREAM "postern:{m}:usage"
/* Records of up to 16 KiB: 32 MiB. */
#define STREAM_LENGTH "2048"
#define KEPT_S "86400"
#define READ_AT_ONCE 16u
#define READ_AT_ONCE_TEXT "16"
#define RETRY_NS (5 * NS_PER_S)

/* ---- telling ---- */

static void on_told(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    bool arrived = reply != NULL && reply->type != REPLY_ERROR;

    node_told(n, reply);
    n->usage_sent = false;
    if (!arrived)
        n->usage_retry_ns = clock_boot_ns() + RETRY_NS;
    usage_worker_told(n->usage, arrived);
}

static void tell(struct node *n)
{
    static const char *const words[] = {"XADD", STREAM, "MAXLEN", "~", STREAM_LENGTH, "*", "r"};
    unsigned char text[USAGE_RECORD_MAX], record[sizeof text + SEAL_EXTRA_BYTES];
    size_t size = usage_worker_take(n->usage, text), sealed;

    if (size == 0)
        return;
    sealed = seal(n->sealer, SEAL_USAGE, (struct slice){(const char *)text, size}, record);
    command_begin(&n->command);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        command_add_static(&n->command, words[i]);
    command_add(&n->command, (struct slice){(const char *)record, sealed});
    n->usage_sent = sealed > 0 && link_send(n->link, &n->command, on_told, n) == 0;
    if (!n->usage_sent) {
        usage_worker_told(n->usage, false);
        return;
    }
    command_begin(&n->command);
    command_add_static(&n->command, "EXPIRE");
    command_add_static(&n->command, STREAM);
    command_add_static(&n->command, KEPT_S);
    (void)link_send(n->link, &n->command, node_told, n);
}

/* ---- hearing ---- */

static void hear(struct node *n);

static void on_heard(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    const struct reply *entries;
    unsigned long long id[2];
    struct slice record, text;

    n->usage_reading = false;
    if (reply == NULL || reply->type == REPLY_NIL || n->stage != NODE_SHARES)
        return;
    if (reply->type == REPLY_ERROR) {
        node_told(n, reply);
        return;
    }
    entries = reply_stream(reply);
    for (size_t i = 0; entries != NULL && i < entries->n; i++) {
        if (!reply_stream_entry(entries->elements[i], id, &record)) {
            entries = NULL;
            break;
        }
        if (!node_open(n, SEAL_USAGE, record, &text))
            text = (struct slice){NULL, 0};
        usage_worker_give(n->usage, text, id);
    }
    if (entries == NULL)
        link_fail(n->link, "Redis replied to XREAD with what is no usage");
    else if (entries->n == READ_AT_ONCE)
        hear(n);
}

static void hear(struct node *n)
{
    unsigned long long from[2];
    char id[REPLY_ID_MAX + 1];
    struct buf b = BUF_OVER(id);

    if (usage_worker_room(n->usage) < READ_AT_ONCE || !usage_worker_position(n->usage, n->epoch, from))
        return;
    buf_addf(&b, "%llu-%llu", from[0], from[1]);
    command_begin(&n->command);
    command_add_static(&n->command, "XREAD");
    command_add_static(&n->command, "COUNT");
    command_add_static(&n->command, READ_AT_ONCE_TEXT);
    command_add_static(&n->command, "STREAMS");
    command_add_static(&n->command, STREAM);
    command_add(&n->command, buf_slice(&b));
    n->usage_reading = link_send(n->link, &n->command, on_heard, n) == 0;
}

void node_share_usage(struct node *n, uint64_t boot_ns)
{
    uint64_t false_records, newer;

    usage_worker_counts(n->usage, &false_records, &newer);
    n->stats.false_records += false_records;
    n->stats.newer += newer;
    if (n->stage != NODE_SHARES || !node_is_joined(n) || boot_ns < n->usage_retry_ns)
        return;
    if (!n->usage_sent)
        tell(n);
    if (!n->usage_reading)
        hear(n);
}
