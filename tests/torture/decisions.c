/* The torture of what decides: addresses, the configuration, the directory. */
#include "tests/torture/torture.h"

#include "core/base/clock.h"
#include "core/directory/directory_record.h"
#include "core/state/state.h"

#include <unistd.h>

struct submission submission_of(const char *login)
{
    struct submission s = {.stage = STAGE_END,
                           .login_text = slice_of(login),
                           .mechanism = SLICE("PLAIN"),
                           .tls = TLS_V1_3,
                           .sender_text = slice_of(login),
                           .recipient_count = 1,
                           .size = 1000,
                           .front_end = "policyd"};

    login_parse(s.login_text, &s.login);
    s.has_client = ip_parse(SLICE("203.0.113.9"), &s.client);
    s.sender_result = address_parse_envelope(s.sender_text, &s.sender);
    return s;
}

bool passes(const struct verdict *v)
{
    return v != NULL && (v->action == ACTION_PASS || v->action == ACTION_HOLD);
}

static struct decide_context context_of(const struct config *config, const struct directory_view *view,
                                        struct state *state)
{
    return (struct decide_context){.config = config,
                                   .view = view,
                                   .counters = state_counters(state),
                                   .blocks = state_blocks(state),
                                   .habits = state_habits(state),
                                   .secret = state_secret(state),
                                   .now_ns = state_now(state, clock_boot_ns()),
                                   .wall_s = 1790000001};
}

static bool decides_right(const struct decide_context *c, const char *login, const struct headers *headers)
{
    static struct verdict v;
    struct submission s = submission_of(login);
    struct recipients r = {0};

    s.headers = headers;
    decide(c, &s, &r, &v, NULL);
    return passes(&v);
}

/* A printer that sends in that name. */
static bool relays(const struct decide_context *c, const char *sender)
{
    static struct verdict v;
    struct submission s = submission_of(sender);
    struct recipients r = {0};

    s.login_text = s.mechanism = SLICE("");
    login_parse(s.login_text, &s.login);
    decide(c, &s, &r, &v, NULL);
    return passes(&v);
}

void addresses(struct tools *t, bool works)
{
    static const char *const fields[][2] = {
        {"From", "Anna <" ANNA ">, a.berg@contoso.example"},
        {"Sender", ANNA},
        {"Resent-From", ANNA},
        {"From", ANNA "," ANNA "," ANNA "," ANNA "," ANNA "," ANNA "," ANNA "," ANNA "," BERT},
        {"Subject", "x"}};
    struct headers own = {0}, foreign = {0};
    struct address a;
    bool unicode;

    (void)t;
    headers_add(&own, slice_of(fields[0][0]), slice_of(fields[0][1]));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        headers_add(&foreign, slice_of(fields[i][0]), slice_of(fields[i][1]));
    unicode = address_parse_envelope(SLICE("j\xc3\xbcrgen@b\xc3\xbc"
                                           "cher.example"),
                                     &a) == ADDRESS_OK;
    /* Nothing is forgotten: either all addresses are there, or it says that they are not. */
    MUST(own.bad != NULL || own.n == 2);
    MUST(foreign.bad != NULL || foreign.n == 13);
    MUST(!works || (own.bad == NULL && foreign.bad == NULL && unicode));
    headers_clear(&own);
    headers_clear(&foreign);
}

void configuration(struct tools *t, bool works)
{
    struct config *config = NULL;
    struct error e = {.text = ""};
    int result = config_load(below("full.conf"), &config, &e);

    (void)t;
    MUST(result == 0 || (config == NULL && e.text[0] != '\0'));
    MUST(!works || result == 0);
    if (result != 0)
        return;
    MUST(config->n_limits == 2 && config->n_connectors == 2 && config->n_groups == 1 && config->n_replies == 1);
    MUST(list_count(config->smtp_auth.deny) == 3 && list_count(config->smtp_auth.logins) == 2);
    MUST(config->n_alerts == 2 && list_count(config->never_block) == 1 && config->known_networks != NULL);
    MUST(config->n_tenants == 1 && config->tenants[0].n_domains == 2);
    MUST(config->n_logins_from == 3 && list_count(config->logins_from_domains) == 1);
    config_free(config);
}

/* Limits that are about some messages only never become limits about all, or about none. */
void narrow_limits(struct tools *t, bool works)
{
    struct config *config = NULL;
    struct error e = {.text = ""};
    int result = config_load(below("narrow.conf"), &config, &e);
    size_t narrow = 0;

    (void)t;
    MUST(result == 0 || (config == NULL && e.text[0] != '\0'));
    MUST(!works || result == 0);
    if (result != 0)
        return;
    for (size_t i = 0; i < config->n_limits; i++)
        narrow += config->limits[i].only.set;
    MUST(config->n_limits == 8 && narrow == 3);
    config_free(config);
}

/* Nobody who may not, whatever cannot be read. denying: a configuration that denies anna, and has a connector. */
static void who_may_send(struct decide_context *c, const struct config *denying, bool works)
{
    struct headers berts = {0};

    MUST(!decides_right(c, BERT, NULL));
    MUST(!decides_right(c, "nobody@contoso.example", NULL));
    MUST(!works || decides_right(c, ANNA, NULL));
    headers_add(&berts, SLICE("From"), SLICE(BERT));
    MUST(!decides_right(c, ANNA, &berts));
    headers_clear(&berts);
    c->config = denying; /* by another address than the one she signs in with */
    MUST(!decides_right(c, ANNA, NULL));
    MUST(c->view == NULL || !relays(c, CLEO)); /* connectors work without a directory, not against one */
    MUST(!works || relays(c, ANNA));
}

void reading_the_directory(struct tools *t, bool works)
{
    struct state_options options = {.path = below("directory.state"),
                                    .entries = 64,
                                    .blocks = 16,
                                    .boot_ns = NS_PER_S,
                                    .wall_ns = NS_PER_S,
                                    .boot_id = 1};
    struct directory *directory = NULL;
    struct directory_view *view = NULL;
    struct config *config = NULL, *denying = NULL;
    struct state *state = NULL;
    struct directory_totals totals;
    struct error e = {.text = ""};
    bool ok = config_load(below("engine.conf"), &config, &e) == 0 &&
              config_load(below("deny.conf"), &denying, &e) == 0 && state_open(&options, &state, &e) == 0 &&
              directory_open(below("directory"), &directory, &e) == 0;

    (void)t;
    MUST(ok || e.text[0] != '\0');
    if (ok) {
        struct decide_context c;

        (void)directory_refresh(directory, &e);
        view = directory_view_get(directory);
        c = context_of(config, view, state);
        who_may_send(&c, denying, works);
    }
    MUST(!works || ok);
    e.text[0] = '\0';
    ok = directory_verify(below("directory"), &totals, &e) == 0;
    MUST(ok ? totals.mailboxes == 3 : !works && e.text[0] != '\0');
    if (view != NULL)
        directory_view_put(directory, view);
    if (directory != NULL)
        directory_close(directory);
    if (state != NULL)
        state_close(state);
    config_free(config);
    config_free(denying);
    (void)unlink(below("directory.state"));
}
