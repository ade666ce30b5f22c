#include "cluster/sentinels.h"

#include "core/base/clock.h"

#include <stdlib.h>

#define ASK_EVERY_S 1

struct sentinel {
    struct sentinels *all;
    const struct cluster_server *at;
    struct link *link;
    bool asked, said_trouble;
    struct server_name says;
    uint64_t said_ns; /* boot clock */
};

struct sentinels {
    struct sentinels_handlers handlers;
    void *arg;
    const char *name; /* what they call the master */
    struct event *often;
    struct command command;
    struct server_name now, failed;
    size_t n;
    struct sentinel of[];
};

/* ---- what they say ---- */

bool sentinel_reply_read(const struct reply *reply, struct server_name *out)
{
    unsigned long long port;

    return reply_array(reply, 2) != NULL && reply->elements[0]->type == REPLY_TEXT &&
           reply->elements[1]->type == REPLY_TEXT && slice_to_u64(reply->elements[1]->text, UINT16_MAX, &port) &&
           server_name_set(out, reply->elements[0]->text, port);
}

static size_t votes_for(const struct server_name *const *says, size_t n, const struct server_name *name)
{
    size_t votes = 0;

    for (size_t i = 0; i < n; i++)
        votes += server_name_eq(says[i], name);
    return votes;
}

const struct server_name *sentinel_votes(const struct server_name *const *says, size_t n, const struct server_name *now,
                                         const struct server_name *failed)
{
    const struct server_name *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < n; i++) {
        /* More votes weigh more than all else. */
        size_t weight =
            4 * votes_for(says, n, says[i]) + (server_name_eq(says[i], failed) ? 0 : 2) + server_name_eq(says[i], now);

        if (says[i]->host[0] == '\0' || weight <= most)
            continue;
        most = weight;
        best = says[i];
    }
    return best;
}

static void count_votes(struct sentinels *s)
{
    const struct server_name *says[CLUSTER_SERVERS_MAX], *found;
    uint64_t boot_ns = clock_boot_ns();
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->of[i].said_ns != 0 && boot_ns - s->of[i].said_ns < SENTINEL_FRESH_S * NS_PER_S)
            says[n++] = &s->of[i].says;
    found = sentinel_votes(says, n, &s->now, &s->failed);
    if (found == NULL || server_name_eq(found, &s->now))
        return;
    s->now = *found;
    s->handlers.found(s->arg, &s->now);
}

void sentinels_failed(struct sentinels *s)
{
    s->failed = s->now;
    count_votes(s);
}

/* ---- asking them ---- */

static void trouble(struct sentinel *one, const char *why)
{
    if (!one->said_trouble)
        one->all->handlers.trouble(one->all->arg, one->at->path != NULL ? one->at->path : one->at->host, why);
    one->said_trouble = true;
}

static void on_address(void *arg, const struct reply *reply)
{
    struct sentinel *one = arg;
    struct error e;

    one->asked = false;
    if (reply == NULL)
        return;
    if (!sentinel_reply_read(reply, &one->says)) {
        one->said_ns = 0;
        if (reply->type == REPLY_NIL)
            (void)error_set(&e, "it knows no master \"%s\"", one->all->name);
        else
            (void)error_set(&e, "it does not say where the master is: %s",
                            reply->type == REPLY_ERROR ? reply_words(reply).text : "its reply is no address");
        trouble(one, e.text);
        return;
    }
    one->said_trouble = false;
    one->said_ns = clock_boot_ns();
    count_votes(one->all);
}

static void ask(struct sentinel *one)
{
    struct command *c = &one->all->command;

    if (one->asked || !link_is_up(one->link))
        return;
    command_begin(c);
    command_add_static(c, "SENTINEL");
    command_add_static(c, "get-master-addr-by-name");
    command_add_static(c, one->all->name);
    one->asked = link_send(one->link, c, on_address, one) == 0;
}

static void on_up(void *arg)
{
    ask(arg);
}

static void on_down(void *arg, const char *why)
{
    trouble(arg, why);
}

static void on_often(evutil_socket_t fd, short what, void *arg)
{
    struct sentinels *s = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < s->n; i++)
        ask(s->of + i);
    count_votes(s); /* what nobody says any more has ended */
}

struct sentinels *sentinels_new(struct event_base *base, const struct cluster_config *config,
                                const struct link_place *as, const struct sentinels_handlers *handlers, void *arg)
{
    static const struct timeval often = {.tv_sec = ASK_EVERY_S};
    static const struct link_handlers talk = {.up = on_up, .down = on_down};
    struct sentinels *s = calloc(1, sizeof *s + config->n_sentinels * sizeof s->of[0]);

    if (s == NULL)
        return NULL;
    s->handlers = *handlers;
    s->arg = arg;
    s->name = config->sentinel_name;
    s->n = config->n_sentinels;
    for (size_t i = 0; i < s->n; i++) {
        const struct link_place place = at_server(as, config->sentinels + i);

        s->of[i].all = s;
        s->of[i].at = config->sentinels + i;
        if ((s->of[i].link = link_new(base, &place, &talk, s->of + i)) == NULL)
            break;
    }
    s->often = event_new(base, -1, EV_PERSIST, on_often, s);
    if (s->of[s->n - 1].link != NULL && s->often != NULL && event_add(s->often, &often) == 0)
        return s;
    sentinels_free(s);
    return NULL;
}

void sentinels_free(struct sentinels *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        link_free(s->of[i].link);
    if (s->often != NULL)
        event_free(s->often);
    free(s);
}
