/* Rules about who may relay without a login: by network, by certificate, by table. */
#include "core/report/postfix_check.h"

/* Restrictions that let in clients that postern knows: by login, or by network, which check_network looks at. */
static const char *const known_permits[] = {"permit_mynetworks", "permit_sasl_authenticated", "check_sasl_access",
                                            "permit_auth_destination", "permit_mx_backup"};
/* After these, no restriction lets anybody relay. */
static const char *const ends[] = {"reject", "reject_unauth_destination", "defer", "defer_unauth_destination"};

static bool is_one_of(struct slice word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_ieq(word, slice_of(names[i])))
            return true;
    return false;
}
#define IS_ONE_OF(word, names) is_one_of((word), (names), sizeof(names) / sizeof(names)[0])

/* The next restriction of the list that may let somebody relay. */
static bool next_permit(struct restrictions *l, struct restriction *r)
{
    while (restrictions_next(l, r)) {
        if (IS_ONE_OF(r->word, ends))
            return false;
        if (restriction_is_permit(r) || restriction_is_access(r))
            return true;
    }
    return false;
}

/* ---- clients that postern doesn't know ---- */

static void add_unknown(const struct postfix_check *c, const struct smtpd *s, const struct restriction *r,
                        enum table_says says, const char *entry)
{
    const char *list = smtpd_relay_list(c, s);
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (says == TABLE_UNKNOWN) {
        f = findings_add(c->findings, PF_PERMIT_UNKNOWN, postfix_place(c->p, s->service, list, place),
                         "%s %s in %s of service %s may let clients relay, and nobody can see from here which (%s)",
                         postfix_shown(r->word).text, postfix_shown(r->argument).text, list,
                         postfix_shown(s->service->name).text, entry);
        f->severity = SEVERITY_LOW;
        return;
    }
    findings_add(c->findings, PF_PERMIT_UNKNOWN, postfix_place(c->p, s->service, list, place),
                 "%s%s%s%s%s in %s of service %s lets clients relay that have neither a login nor a connector: postern "
                 "lets them alone, so that they send as anybody, as much as they like",
                 postfix_shown(r->word).text, r->argument.n > 0 ? " " : "", postfix_shown(r->argument).text,
                 entry[0] != '\0' ? ", which permits " : "", entry, list, postfix_shown(s->service->name).text);
}

/* By certificate, where connectors name certificates: those are known. */
static bool by_certificate(const struct postfix_check *c, const struct restriction *r)
{
    static const char *const words[] = {"permit_tls_clientcerts", "permit_tls_all_clientcerts", "check_ccert_access"};

    if (!IS_ONE_OF(r->word, words))
        return false;
    for (size_t i = 0; i < c->config->n_connectors; i++)
        if (c->config->connectors[i].n_ccert_fingerprints + c->config->connectors[i].n_ccert_subjects > 0)
            return true;
    return false;
}

void postfix_check_relay(const struct postfix_check *c, const struct smtpd *s)
{
    struct restrictions l;
    struct restriction r;

    if (c->config->reject_unauthenticated && s->n > 0)
        return;
    restrictions_start(&l, c->p, s->service, postfix_get(c->p, s->service, smtpd_relay_list(c, s)));
    while (next_permit(&l, &r)) {
        enum table_says says = TABLE_PERMITS;
        char entry[TABLE_ENTRY_MAX] = "";

        if (IS_ONE_OF(r.word, known_permits) || by_certificate(c, &r))
            continue;
        if (restriction_is_access(&r))
            says = table_permits(c->p, s->service, r.argument, c->config, entry);
        if (says != TABLE_PERMITS_NOBODY)
            add_unknown(c, s, &r, says, entry);
    }
}

/* ---- mynetworks ---- */

static bool is_loopback(const struct network *n)
{
    static const struct network v6 = {.base = {.b = {[15] = 1}}, .prefix = 128};
    static const struct network v4 = {.base = {.b = {[10] = 0xff, [11] = 0xff, [12] = 127}}, .prefix = 96 + 8};

    return (n->prefix >= v4.prefix && network_contains(&v4, &n->base)) ||
           (n->prefix >= v6.prefix && network_contains(&v6, &n->base));
}

enum network_is { NETWORK_COVERED, NETWORK_LOOPBACK, NETWORK_STRANGE, NETWORK_UNREADABLE };

static enum network_is judge_network(const struct postfix_check *c, struct slice word)
{
    struct network n;
    struct error e;

    if (word.n > 0 && word.p[0] == '!') /* an exclusion only makes it smaller */
        return NETWORK_COVERED;
    if (network_parse(word, &n, &e) != 0)
        return NETWORK_UNREADABLE;
    if (connectors_cover(c->config, &n))
        return NETWORK_COVERED;
    return is_loopback(&n) ? NETWORK_LOOPBACK : NETWORK_STRANGE;
}

/* mynetworks without the networks that no connector has. */
static void command_covered(const struct postfix_check *c, const struct smtpd *s, struct finding *f)
{
    struct slice rest = postfix_get(c->p, s->service, "mynetworks"), word;
    char text[POSTFIX_COMMAND_MAX], value[POSTFIX_COMMAND_MAX];
    struct buf b = BUF_OVER(value), command = BUF_OVER(text);

    while (postfix_word(&rest, &word)) {
        enum network_is is = judge_network(c, word);

        if (is == NETWORK_COVERED || is == NETWORK_UNREADABLE)
            buf_addf(&b, "%s%.*s", b.n > 0 ? " " : "", SLICE_ARG(word));
    }
    postfix_add_set(&command, c->p, s->service, "mynetworks", buf_slice(&b));
    postfix_add_reload(&command, c->p);
    if (!b.full && !command.full)
        finding_advise(f, "add it to a connector's networks in postern.conf, or: %s", text);
}

/* Networks that Exchange Online sends from, every customer's mail. True where that is told. */
static bool check_cloud(const struct postfix_check *c, const struct smtpd *s, struct slice word, const char *place)
{
    const struct connector_config *connector;
    struct network n;
    struct error e;

    if (c->cloud == NULL || word.n == 0 || word.p[0] == '!' || network_parse(word, &n, &e) != 0 ||
        !cloud_may_relay(c->cloud, c->config, &n, c->config->reject_unauthenticated && s->n > 0, &connector))
        return false;
    findings_add(
        c->findings, PF_CLOUD_OPEN, place,
        "mynetworks has %s, where Exchange Online sends from (%.300s), and %s%s%s: every customer of the service "
        "may send through this relay as anybody",
        postfix_shown(word).text, c->cloud->path, connector != NULL ? "connector " : "no connector has it",
        connector != NULL ? connector->name : "", connector != NULL ? " does not bound its senders" : "");
    return true;
}

static void check_network(const struct postfix_check *c, const struct smtpd *s, struct slice word, const char *place)
{
    enum network_is is = judge_network(c, word);
    struct finding *f;

    if (check_cloud(c, s, word, place) || is == NETWORK_COVERED)
        return;
    if (is == NETWORK_UNREADABLE) {
        f = findings_add(c->findings, PF_MYNETWORKS, place,
                         "mynetworks names \"%s\", which is not looked into here: nobody knows whether its networks "
                         "are those of the connectors",
                         postfix_shown(word).text);
        f->severity = SEVERITY_LOW;
        return;
    }
    if (c->config->reject_unauthenticated && s->n > 0) {
        f = findings_add(c->findings, PF_MYNETWORKS, place,
                         "mynetworks has %s, and no connector holds all of it: postern refuses the others there "
                         "(unauthenticated = \"reject\")",
                         postfix_shown(word).text);
        f->severity = SEVERITY_LOW;
    } else
        f = findings_add(c->findings, PF_MYNETWORKS, place,
                         "mynetworks has %s, and no connector holds all of it: %s sends as anybody, without login, "
                         "limits or a line in postern's journal",
                         postfix_shown(word).text,
                         is == NETWORK_LOOPBACK ? "every program on this relay" : "every client there");
    command_covered(c, s, f);
}

void postfix_check_networks(const struct postfix_check *c, const struct smtpd *s)
{
    struct slice rest = postfix_get(c->p, s->service, "mynetworks"), word;
    char place[POSTFIX_PLACE_MAX];
    struct restrictions l;
    struct restriction r;
    bool permits = false;

    restrictions_start(&l, c->p, s->service, postfix_get(c->p, s->service, smtpd_relay_list(c, s)));
    while (next_permit(&l, &r))
        permits = permits || slice_ieq(r.word, SLICE("permit_mynetworks"));
    if (!permits || smtpd_is_way_back(c, s)) /* where this host alone is right */
        return;
    (void)postfix_place(c->p, s->service, "mynetworks", place);
    while (postfix_word(&rest, &word))
        check_network(c, s, word, place);
}
