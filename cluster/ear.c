/* The connection on which other relays are heard. */
#include "cluster/node.h"

#include "core/base/clock.h"

void node_hear(struct node *n)
{
    command_begin(&n->command);
    command_add_static(&n->command, "SUBSCRIBE");
    command_add_static(&n->command, "postern:hot");
    command_add_static(&n->command, "postern:log");
    if (link_send(n->ear, &n->command, NULL, NULL) != 0)
        link_fail(n->ear, "no memory");
}

static void heard_hot(struct node *n, struct slice record)
{
    struct slice text;

    if (!node_open(n, SEAL_PUSH, record, &text))
        return;
    node_drain(n);
    if (hot_apply(text, state_counters(n->state), n->pending, node_now(n, clock_boot_ns())) >= 0)
        n->stats.pushes_in++;
}

/* "message", the channel, the text. All else says that Redis is there: "subscribe", "pong". */
void node_heard(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (reply->type == REPLY_ERROR) {
        if (n->stage == NODE_SHARES) /* else the other connection has the same trouble, and says so */
            node_refused(n, "SUBSCRIBE to postern:hot and postern:log", reply);
        link_fail(n->ear, "refused");
        return;
    }
    if (n->stage != NODE_SHARES || reply_array(reply, 3) == NULL || !reply_is(reply->elements[0], "message") ||
        reply->elements[2]->type != REPLY_TEXT)
        return;
    if (reply_is(reply->elements[1], "postern:hot"))
        heard_hot(n, reply->elements[2]->text);
    else if (reply_is(reply->elements[1], "postern:log"))
        node_heard_log(n, reply->elements[2]->text);
}
