#include "core/report/basic_shutdown.h"

#include "core/journal/cloud_use.h"
#include "core/mail/list.h"
#include "core/report/postfix_words.h"
#include "core/report/usage_missing.h"
#include "core/report/use_reach.h"

#define DAY_S INT64_C(86400)
#define FEW_CLIENTS 2u /* a device or a server, which a connector's networks can name */

/* ---- the ways out: a set of these ---- */

#define WAY_CONNECTOR 1u /* this relay, by its network */
#define WAY_LOGIN 2u     /* this relay, by a login */
#define WAY_OAUTH 4u
#define WAY_HIGH_VOLUME 8u
#define WAY_INBOUND 16u /* Postfix's own: an inbound connector of Exchange Online */
#define WAY_KEEP 32u    /* the relay goes on taking the password */

static const struct {
    unsigned way;
    const char *name, *meaning;
} ways[] = {
    {WAY_INBOUND, "inbound-connector",
     "Exchange Online knows the relay by its certificate or address and asks for no password"},
    {WAY_CONNECTOR, "relay-connector",
     "submit to this relay without a login: the client's address or certificate in connectors of postern.conf"},
    {WAY_LOGIN, "relay-login", "submit to this relay with the same login: its own SASL server takes the password"},
    {WAY_OAUTH, "oauth", "sign in with OAuth (XOAUTH2), where the program can"},
    {WAY_HIGH_VOLUME, "high-volume-email",
     "an account of High Volume Email, where all recipients are the organization's own"},
    {WAY_KEEP, "allow-file", "\"postern allow MAILBOX\": this relay takes the password whatever is mirrored"},
};

static void add_ways(struct buf *b, unsigned set)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if ((set & ways[i].way) != 0)
            buf_addf(b, "%s%s", b->n > 0 ? ", " : "", ways[i].name);
}

/* ---- rows ---- */

static const char *const effect_names[SHUTDOWN_EFFECTS] = {[SHUTDOWN_STOPS] = "stops",
                                                           [SHUTDOWN_UNKNOWN] = "unknown",
                                                           [SHUTDOWN_DEPENDS] = "depends",
                                                           [SHUTDOWN_GOES_ON] = "goes-on"};

static const struct column people_columns[] = {{"mailbox", VALUE_TEXT},   {"source", VALUE_TEXT},
                                               {"mechanism", VALUE_TEXT}, {"last", VALUE_TIME},
                                               {"effect", VALUE_TEXT},    {"way_out", VALUE_TEXT}};
static const struct column all_columns[] = {
    {"tenant", VALUE_TEXT},    {"mailbox", VALUE_TEXT},  {"source", VALUE_TEXT},
    {"mechanism", VALUE_TEXT}, {"number", VALUE_NUMBER}, {"last", VALUE_TIME},
    {"clients", VALUE_TEXT},   {"effect", VALUE_TEXT},   {"way_out", VALUE_TEXT}};

struct shutdown_row {
    struct slice tenant, mailbox;
    const char *source, *mechanism;
    uint64_t number; /* messages, or sign-ins, with a password where that is known */
    int64_t last_s;
    const struct usage_client *clients; /* NULL: not known */
    enum shutdown_effect effect;
    unsigned ways;
};

struct shutdown_run {
    struct shutdown *s;
    struct printer *out;
    unsigned ways; /* of all rows */
};

static unsigned add_clients(struct buf *b, const struct usage_client *clients)
{
    char text[IP_TEXT_MAX];
    unsigned n = 0;

    for (; clients != NULL && n < USAGE_CLIENTS && clients[n].last_s > 0; n++) {
        buf_add(b, n > 0 ? SLICE(" ") : SLICE(""));
        buf_add(b, ip_text(&clients[n].ip, text));
    }
    return n;
}

static void put(struct shutdown_run *run, const struct shutdown_row *row)
{
    char text[160], clients[USAGE_CLIENTS * (IP_TEXT_MAX + 1) + 1];
    struct buf b = BUF_OVER(text), c = BUF_OVER(clients);

    run->s->found[row->effect]++;
    run->ways |= row->ways;
    add_ways(&b, row->ways);
    (void)add_clients(&c, row->clients);
    if (run->out->people)
        run->out->row(run->out,
                      (const struct value[]){value_text(row->mailbox), value_word(row->source),
                                             value_word(row->mechanism), value_time(row->last_s),
                                             value_word(effect_names[row->effect]), value_word_or_none(text)});
    else
        run->out->row(run->out,
                      (const struct value[]){value_text(row->tenant), value_text(row->mailbox), value_word(row->source),
                                             value_word(row->mechanism), value_number(row->number),
                                             value_time(row->last_s), value_word_or_none(clients),
                                             value_word(effect_names[row->effect]), value_word_or_none(text)});
}

/* ---- the mailbox behind a row ---- */

/* False: the directory has none of that address, or several. */
static bool find_mailbox(const struct shutdown *s, struct slice tenant, struct slice mailbox, struct mailbox_ref *out)
{
    const struct directory_view *view = s->files->view;
    const struct tenant_facts *facts = view != NULL ? directory_tenant_named(view, tenant) : NULL;
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct address address;
    unsigned n = 0;

    if (facts == NULL || address_parse_internal(mailbox, &address) != ADDRESS_OK ||
        directory_by_address(view, facts->tenant, address_slice(&address), refs, &n) != DIRECTORY_FOUND || n != 1)
        return false;
    *out = refs[0];
    return true;
}

static bool is_listed(const struct list *list, struct slice mailbox)
{
    struct address address;

    return address_parse_internal(mailbox, &address) == ADDRESS_OK ? list_has_address(list, &address, NULL)
                                                                   : list_has(list, mailbox, NULL);
}

/* ---- Postfix itself ---- */

static bool is_exchange_online(struct slice host)
{
    static const char *const parts[] = {"office365.", "outlook.office", "partner.outlook.cn"};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (memmem(host.p, host.n, parts[i], strlen(parts[i])) != NULL)
            return true;
    return false;
}

/* Without OAuth among the mechanisms that it may use, it has a password to sign in with. */
static bool postfix_signs_in(const struct postfix *p)
{
    struct slice filter = postfix_get(p, NULL, "smtp_sasl_mechanism_filter"), word;

    if (!postfix_is_yes(p, NULL, "smtp_sasl_auth_enable") || !is_exchange_online(postfix_get(p, NULL, "relayhost")))
        return false;
    while (postfix_word(&filter, &word))
        if (slice_ieq(word, SLICE("xoauth2")) || slice_ieq(word, SLICE("oauthbearer")))
            return false;
    return true;
}

static void put_postfix(struct shutdown_run *run)
{
    if (run->s->postfix != NULL && postfix_signs_in(run->s->postfix))
        put(run, &(struct shutdown_row){.mailbox = SLICE("(all mail of this relay)"),
                                        .source = "postfix",
                                        .mechanism = "password",
                                        .effect = SHUTDOWN_STOPS,
                                        .ways = WAY_INBOUND | WAY_OAUTH});
}

/* ---- at Exchange Online ---- */

static unsigned cloud_ways(const struct shutdown *s, struct slice tenant, struct slice mailbox,
                           const struct cloud_use *use)
{
    char clients[USAGE_CLIENTS * (IP_TEXT_MAX + 1) + 1];
    struct buf b = BUF_OVER(clients);
    unsigned n = add_clients(&b, use->clients), set = WAY_LOGIN | WAY_OAUTH;
    struct mailbox_ref ref;

    if (n > 0 && n <= FEW_CLIENTS)
        set |= WAY_CONNECTOR;
    /* A person's mail goes to other people, too. */
    if (!find_mailbox(s, tenant, mailbox, &ref) || ref.recipient_type != RECIPIENT_USER)
        set |= WAY_HIGH_VOLUME;
    return set;
}

static const char *mechanism_of(uint64_t basic, uint64_t oauth)
{
    return basic == 0 ? "unknown" : oauth == 0 ? "password" : "password, oauth";
}

static int put_cloud(struct shutdown_run *run, enum shutdown_effect effect, struct error *e)
{
    const struct shutdown *s = run->s;
    const struct cloud_query query = {.since_s = s->now_s - (int64_t)s->days * DAY_S,
                                      .sources = 1u << CLOUD_SIGN_INS | 1u << CLOUD_REPORT,
                                      .basic = effect == SHUTDOWN_STOPS};
    struct cloud_walk *walk;
    struct slice tenant, mailbox;
    enum cloud_source source;
    struct cloud_use use;
    int more;

    if (s->files->history == NULL)
        return 0;
    if (cloud_walk_open(s->files->history, &query, &walk, e) != 0)
        return -1;
    while ((more = cloud_walk_next(walk, &tenant, &mailbox, &source, &use, e)) > 0)
        if (effect == SHUTDOWN_STOPS || (use.basic == 0 && use.oauth == 0))
            put(run, &(struct shutdown_row){.tenant = tenant,
                                            .mailbox = mailbox,
                                            .source = source == CLOUD_REPORT ? "cloud-report" : "cloud-sign-ins",
                                            .mechanism = mechanism_of(use.basic, use.oauth),
                                            .number = use.basic > 0 ? use.basic : use.number,
                                            .last_s = use.last_s,
                                            .clients = use.clients,
                                            .effect = effect,
                                            .ways = cloud_ways(s, tenant, mailbox, &use)});
    cloud_walk_close(walk);
    return more;
}

/* ---- at this relay ---- */

/* Would this relay refuse its password if the mirrored settings came to forbid it? */
static enum shutdown_effect relay_effect(const struct shutdown *s, struct slice tenant, struct slice mailbox)
{
    const struct smtp_auth_config *own = &s->files->config->smtp_auth;
    const struct tenant_config *config = config_tenant(s->files->config, tenant);
    struct mailbox_ref ref;

    if (is_listed(own->allow, mailbox) || is_listed(own->on_premises, mailbox))
        return SHUTDOWN_GOES_ON;
    if (own->authentication_policy || own->security_defaults)
        return SHUTDOWN_DEPENDS;
    if (config != NULL && config->smtp_auth == TENANT_ENABLED)
        return SHUTDOWN_GOES_ON;
    return find_mailbox(s, tenant, mailbox, &ref) && ref.smtp_auth == SMTP_AUTH_ENABLED ? SHUTDOWN_GOES_ON
                                                                                        : SHUTDOWN_DEPENDS;
}

static bool each_relay(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct shutdown_run *run = arg;
    enum shutdown_effect effect = relay_effect(run->s, tenant, mailbox);
    char clients[USAGE_CLIENTS * (IP_TEXT_MAX + 1) + 1];
    struct buf b = BUF_OVER(clients);
    unsigned n = add_clients(&b, u->clients), set = 0;

    if (effect == SHUTDOWN_DEPENDS)
        set = WAY_OAUTH | WAY_KEEP | (n > 0 && n <= FEW_CLIENTS ? WAY_CONNECTOR : 0);
    put(run, &(struct shutdown_row){.tenant = tenant,
                                    .mailbox = mailbox,
                                    .source = "relay",
                                    .mechanism = mechanism_of(u->basic, u->oauth),
                                    .number = u->basic,
                                    .last_s = u->last_s,
                                    .clients = u->clients,
                                    .effect = effect,
                                    .ways = set});
    return true;
}

static int put_relay(struct shutdown_run *run, struct error *e)
{
    const struct shutdown *s = run->s;
    const struct usage_query query = {.sent = true, .sent_since_s = s->now_s - (int64_t)s->days * DAY_S, .basic = true};

    return s->files->journal != NULL ? journal_usage(s->files->journal, &query, each_relay, run, e) : 0;
}

/* ---- what a reader has to know ---- */

static void put_meanings(const struct shutdown_run *run)
{
    static const char *const meanings[SHUTDOWN_EFFECTS] = {
        [SHUTDOWN_STOPS] = "signs in at Exchange Online itself with a password, and is refused there from that day on",
        [SHUTDOWN_UNKNOWN] = "submits to Exchange Online itself; the report does not say whether with a password",
        [SHUTDOWN_DEPENDS] = ("signs in at this relay, which goes on taking the password unless the mirrored settings "
                              "come to forbid it"),
        [SHUTDOWN_GOES_ON] = "signs in at this relay, which takes the password whatever is mirrored",
    };

    for (size_t i = 0; i < SHUTDOWN_EFFECTS; i++)
        if (run->s->found[i] > 0)
            printer_field(run->out, effect_names[i], 18, "%llu: %s", (unsigned long long)run->s->found[i], meanings[i]);
    if (run->ways != 0) {
        printer_gap(run->out);
        printer_text(run->out, "The ways out:");
    }
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if ((run->ways & ways[i].way) != 0)
            printer_field(run->out, ways[i].name, 18, "%s", ways[i].meaning);
}

/* What is missing from the list, for whoever reads it. */
static int put_gaps(const struct shutdown_run *run, struct error *e)
{
    const struct shutdown *s = run->s;
    char text[300];
    struct buf b = BUF_OVER(text);
    struct use_reach reach;

    if (use_reach_find(s->files, s->now_s, &reach, e) != 0)
        return -1;
    use_reach_words(&reach, &b);
    printer_remark(run->out, use_reach_covers(&reach, s->now_s, s->days) ? REMARK_NOTE : REMARK_WARNING, "%s%s", text,
                   reach.cloud_s == 0 ? "; who signs in there is missing: set exchange.sign_ins, or import the SMTP "
                                        "AUTH clients report"
                                      : "");
    if (s->postfix == NULL)
        printer_remark(run->out, REMARK_WARNING,
                       "how Postfix itself signs in at Exchange Online is not known, for its configuration could not "
                       "be read");
    return usage_missing_warn(s->files->config, s->files->journal, s->now_s, run->out, e);
}

int shutdown_report(struct shutdown *s, struct printer *out, struct error *e)
{
    struct shutdown_run run = {.s = s, .out = out};
    struct table table = {.columns = out->people ? people_columns : all_columns,
                          .n = out->people ? sizeof people_columns / sizeof *people_columns
                                           : sizeof all_columns / sizeof *all_columns,
                          .empty = "nobody was seen to use a password"};
    int rc;

    memset(s->found, 0, sizeof s->found);
    out->table(out, &table);
    put_postfix(&run);
    rc = put_cloud(&run, SHUTDOWN_STOPS, e) != 0 || put_cloud(&run, SHUTDOWN_UNKNOWN, e) != 0 || put_relay(&run, e) != 0
             ? -1
             : 0;
    out->end(out);
    if (rc == 0 && out->people) {
        printer_gap(out);
        put_meanings(&run);
    }
    return rc == 0 ? put_gaps(&run, e) : -1;
}
