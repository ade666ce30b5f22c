#include "core/report/config_report_parts.h"

#include <stdlib.h>

#define NESTED_MAX 20 /* that are listed */

void add_networks(struct buf *b, const struct network *networks, size_t n)
{
    char text[NETWORK_TEXT_MAX];

    for (size_t i = 0; i < n && i < TELL_LIST_MAX; i++) {
        buf_add(b, i > 0 ? SLICE(", ") : SLICE(""));
        buf_add(b, network_text(&networks[i], text));
    }
    if (n > TELL_LIST_MAX)
        buf_addf(b, " and %zu more networks", n - TELL_LIST_MAX);
    if (n == 0)
        buf_add(b, SLICE("no network"));
}

static void add_clients(struct buf *b, const struct connector_config *connector)
{
    add_networks(b, connector->networks, connector->n_networks);
    if (connector->n_ccert_fingerprints + connector->n_ccert_subjects > 0)
        buf_addf(b, ", and clients with one of %zu certificates",
                 connector->n_ccert_fingerprints + connector->n_ccert_subjects);
}

static void tell_connector(struct teller *t, const struct connector_config *connector)
{
    char text[TELL_LINE_MAX], tls[80];
    struct buf b = BUF_OVER(text);

    add_clients(&b, connector);
    if (connector->senders == NULL)
        buf_add(&b, SLICE("; any sender"));
    else
        buf_addf(&b, "; only its listed senders (%zu)", list_count(connector->senders));
    buf_add(&b, connector->null_sender ? SLICE(", and delivery reports") : SLICE(", no delivery reports"));
    buf_add(&b,
            connector->recipients == RECIPIENTS_ANY ? SLICE("; any recipients") : SLICE("; internal recipients only"));
    if (connector->tenant != NULL)
        buf_addf(&b, ", internal being the domains of tenant %s", connector->tenant);
    if (connector->max_recipients > 0)
        buf_addf(&b, "; at most %llu recipients in a message", (unsigned long long)connector->max_recipients);
    buf_addf(&b, "; TLS %s", tls_words(&connector->tls, tls, sizeof tls));
    tell(t, "%s: %s.%s", connector->name, text, mode_words(connector->mode));
}

/* ---- networks within another connector's ---- */

struct connector_network {
    const struct network *net;
    const struct connector_config *connector;
};

/* By first address, the larger network first: what holds a network comes before it. */
static int by_network(const void *a, const void *b)
{
    const struct connector_network *x = a, *y = b;
    int order = memcmp(x->net->base.b, y->net->base.b, sizeof x->net->base.b);

    return order != 0 ? order : (int)x->net->prefix - (int)y->net->prefix;
}

static size_t gather_networks(const struct config *c, struct connector_network *claims)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_connectors; i++)
        for (size_t j = 0; j < c->connectors[i].n_networks; j++, n++)
            if (claims != NULL)
                claims[n] = (struct connector_network){&c->connectors[i].networks[j], &c->connectors[i]};
    return n;
}

static void say_nested(struct teller *t, const struct connector_network *inner, const struct connector_network *outer)
{
    char a[NETWORK_TEXT_MAX], b[NETWORK_TEXT_MAX];

    tell(t, "%s: %.*s is within %.*s of connector %s; its clients belong to connector %s.", inner->connector->name,
         SLICE_ARG(network_text(inner->net, a)), SLICE_ARG(network_text(outer->net, b)), outer->connector->name,
         inner->connector->name);
}

/* The networks that contain the current one form a stack, no deeper than there are prefix lengths. */
static void tell_nested(struct teller *t, const struct config *c)
{
    size_t n = gather_networks(c, NULL), depth = 0, told = 0;
    struct connector_network *claims = calloc(n + 1, sizeof *claims);
    const struct connector_network *stack[130];

    if (claims == NULL)
        return;
    (void)gather_networks(c, claims);
    qsort(claims, n, sizeof *claims, by_network);
    for (size_t i = 0; i < n; i++) {
        while (depth > 0 && (stack[depth - 1]->net->prefix >= claims[i].net->prefix ||
                             !network_contains(stack[depth - 1]->net, &claims[i].net->base)))
            depth--;
        if (depth > 0 && stack[depth - 1]->connector != claims[i].connector && told++ < NESTED_MAX)
            say_nested(t, &claims[i], stack[depth - 1]);
        stack[depth++] = &claims[i];
    }
    if (told > NESTED_MAX)
        tell(t, "%zu more networks are within those of other connectors.", told - NESTED_MAX);
    free(claims);
}

void tell_connectors(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_connectors; i++)
        tell_connector(t, &c->connectors[i]);
    tell_nested(t, c);
}
