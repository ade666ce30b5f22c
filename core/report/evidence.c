#include "core/report/evidence.h"

#include "core/base/clock.h"
#include "core/decide/block_keys.h"
#include "core/report/text.h"

struct evidence_walk {
    const struct config *config;
    struct evidence *list;
    size_t n;
};

static void texts_keep(struct last_texts *l, struct slice text)
{
    struct buf b;

    if (text.n == 0)
        return;
    for (unsigned i = 0; i < l->n; i++)
        if (slice_eq(slice_of(l->text[i]), text))
            return;
    if (l->n == EVIDENCE_LAST) {
        l->more = true;
        return;
    }
    b = BUF_OVER(l->text[l->n]);
    buf_add(&b, text);
    l->n++;
}

/* One record, and its login. */
struct evidence_seen {
    const struct journal_record *r;
    struct spelled login;
};

static bool is_about(const struct config *config, const struct evidence *x, const struct evidence_seen *seen)
{
    const struct journal_record *r = seen->r;
    struct slice kind, name;
    char login[4 * sizeof r->login];
    struct buf b = BUF_OVER(login);

    (void)slice_cut(slice_of(x->block.subject), ' ', &kind, &name);
    if (slice_eq(kind, SLICE("client")) || slice_eq(kind, SLICE("network")))
        return r->has_client && x->network.prefix > 0 && network_contains(&x->network, &r->client);
    if (slice_eq(kind, SLICE("connector")))
        return slice_eq(name, slice_of(r->connector));
    buf_add_escaped(&b, slice_of(r->login), 100);
    return (r->login[0] != '\0' &&
            (slice_eq(name, buf_slice(&b)) || (x->spelled && spellings_have(config, &x->spellings, &seen->login)))) ||
           (slice_eq(kind, SLICE("user")) && r->mailbox[0] != '\0' && slice_eq(name, slice_of(r->mailbox)));
}

static void evidence_take(struct evidence *x, const struct journal_record *r)
{
    int64_t at_s = (int64_t)(r->at_ns / NS_PER_S);
    bool refused = r->action == ACTION_DEFER || r->action == ACTION_REJECT;
    char text[IP_TEXT_MAX];
    struct slice domain;

    if (at_s > x->block.from_wall_s + 1) {
        if (x->ended_wall_s == 0 || at_s <= x->ended_wall_s)
            x->since += refused ? r->times : 0;
        return;
    }
    if (at_s < x->block.from_wall_s - EVIDENCE_WINDOW_S)
        return;
    x->passed += refused ? 0 : r->messages;
    x->refused += refused ? r->times : 0;
    if (r->has_client)
        texts_keep(&x->clients, ip_text(&r->client, text));
    texts_keep(&x->senders, slice_of(r->sender));
    texts_keep(&x->logins, slice_of(r->login));
    if (slice_cut(slice_of(r->recipient), '@', NULL, &domain))
        texts_keep(&x->domains, domain);
}

static bool evidence_record(void *arg, const struct journal_record *r)
{
    struct evidence_walk *walk = arg;
    struct evidence_seen seen = {.r = r};

    spelled_read(walk->config, slice_of(r->login), &seen.login);
    for (size_t i = 0; i < walk->n; i++)
        if (is_about(walk->config, &walk->list[i], &seen))
            evidence_take(&walk->list[i], r);
    return true;
}

/* Finds all names that the subject of a block on a login or user means. */
static void find_spellings(const struct decide_context *c, struct evidence *x)
{
    char text[sizeof x->block.subject];
    struct slice kind, name;

    x->spelled = slice_cut(slice_of(x->block.subject), ' ', &kind, &name) &&
                 (slice_eq(kind, SLICE("user")) || slice_eq(kind, SLICE("login"))) &&
                 block_subject_name(&x->block, text, sizeof text, &name) && spellings_of(c, name, &x->spellings);
    /* A block of a login that has a mailbox applies only to the name as typed. */
    if (x->spelled && slice_eq(kind, SLICE("login")) && x->spellings.has_mailbox)
        x->spelled = false;
}

int evidence_gather(const struct decide_context *c, struct journal *journal, struct evidence *list, size_t n,
                    struct error *e)
{
    struct evidence_walk walk = {c->config, list, n};
    struct journal_query query = {.name = NULL};
    int64_t since_s = INT64_MAX;

    for (size_t i = 0; i < n; i++) {
        struct slice name;

        (void)slice_cut(slice_of(list[i].block.subject), ' ', NULL, &name);
        if (network_parse(name, &list[i].network, NULL) != 0)
            list[i].network.prefix = 0;
        find_spellings(c, &list[i]);
        if (list[i].block.from_wall_s < since_s)
            since_s = list[i].block.from_wall_s;
    }
    if (n == 0)
        return 0;
    since_s -= EVIDENCE_WINDOW_S;
    query.since_ns = since_s > 0 ? (uint64_t)since_s * NS_PER_S : 0;
    return journal_decisions(journal, &query, evidence_record, &walk, e);
}

/* ---- showing ---- */

const char *evidence_join(char *mem, size_t cap, const struct last_texts *l)
{
    struct buf b = buf_over(mem, cap);

    for (unsigned i = 0; i < l->n; i++) {
        if (i > 0)
            buf_add(&b, SLICE(", "));
        buf_add(&b, slice_of(l->text[i]));
    }
    if (l->more)
        buf_add(&b, SLICE(", ..."));
    return mem;
}

static void show_last(const char *label, unsigned width, const struct last_texts *l, struct printer *out)
{
    char text[900], shown[4 * TEXT_SHOWN_MAX + 8];

    if (l->n > 0)
        printer_field(out, label, width, "%s",
                      text_plain(shown, sizeof shown, slice_of(evidence_join(text, sizeof text, l))));
}

void evidence_show(const struct evidence *x, unsigned label_width, struct printer *out)
{
    printer_field(out, "messages", label_width, "%llu passed, %llu refused in the day before; %llu refused %s",
                  (unsigned long long)x->passed, (unsigned long long)x->refused, (unsigned long long)x->since,
                  x->ended_wall_s == 0 ? "since" : "until it ended");
    show_last("clients", label_width, &x->clients, out);
    show_last("senders", label_width, &x->senders, out);
    show_last("recipients", label_width, &x->domains, out);
    show_last("logins", label_width, &x->logins, out);
}
