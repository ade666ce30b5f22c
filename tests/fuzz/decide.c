/* links: mirror */
/*
 * The decision held against a slow model that is obviously right: the table of SMTP AUTH and the rules for senders
 * written down once more, and each limit as a bucket that is filled from its whole history anew at every look. Both see
 * the same submissions, charging in one go or after a look; action, reason, limit and waiting time must be the same. On
 * top, counted exactly and without GCRA: in no span of time more than burst + rate * t. Then the same submissions meet
 * limits relative to habits, before and after the habits' memory was damaged: never more than the ceiling.
 *
 * Input: byte 0 chooses the rules; then 8 bytes a submission: tenant, mailbox, mechanism and spelling, sender,
 * recipients, client, and two for the time that passes (mantissa, exponent).
 *
 * --make-corpus=DIR writes seeds and ends.
 */
#include "core/base/clock.h"
#include "core/decide/decide_steps.h"
#include "core/decide/limits.h"
#include "core/state/counters_table.h"
#include "core/state/habits_table.h"
#include "core/state/state.h"
#include "mirror/build/writer.h"
#include "tests/unit/auth_alike.h"
#include "tests/unit/puts.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TENANTS 12u
#define MAILBOXES 12u /* in each */
#define RULES 24u
#define LIMITS 4u
#define EVENT 8u
#define EVENTS_MAX 160u
#define ENTRIES 16384u
#define MAX_RECIPIENTS 50u
#define START (1000 * NS_PER_S)
/* No habit, whatever the memory says that it is, lets more pass than the ceilings. */
#define HABIT_DAY_MOST 15u
#define HABIT_LIMITS                                                                                                   \
    "{ name = \"h\"; per = \"user\"; count = \"messages\"; rate = \"5/h\"; beyond = \"habit\"; ceiling = 9; },"        \
    "{ name = \"d\"; per = \"user\"; count = \"messages\"; rate = \"10/d\"; beyond = \"habit\"; ceiling = 15; },"      \
    "{ name = \"r\"; per = \"user\"; count = \"recipients\"; rate = \"70/d\"; beyond = \"habit\"; ceiling = 90; }"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MUST(what)                                                                                                     \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            (void)fprintf(stderr, "decide: broken promise: %s\n", #what);                                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static char folder[64];
static struct directory *directory;
static struct directory_view *view;
static struct config *configs[RULES], *habit_configs[RULES];
static struct state *state;
static union pair *table, *rest;
static void *habits_memory;

/* ---- the world: every combination of what the rules look at ---- */

static const enum smtp_auth organization_settings[3] = {SMTP_AUTH_ENABLED, SMTP_AUTH_DISABLED, SMTP_AUTH_UNKNOWN};
static const enum smtp_auth mailbox_settings[4] = {SMTP_AUTH_INHERIT, SMTP_AUTH_ENABLED, SMTP_AUTH_DISABLED,
                                                   SMTP_AUTH_UNKNOWN};

static enum smtp_auth organization_of(unsigned t)
{
    return organization_settings[t % 3];
}
static enum tri defaults_of(unsigned t)
{
    return t / 3 % 2 != 0 ? TRI_YES : TRI_NO;
}
static enum tri tenant_basic_of(unsigned t)
{
    return t / 6 != 0 ? TRI_NO : TRI_UNKNOWN;
}
static enum smtp_auth setting_of(unsigned m)
{
    return mailbox_settings[m % 4];
}
static enum tri basic_of(unsigned m)
{
    return (enum tri)(m / 4);
}

/* Accounts of every state behind mailboxes of every kind: people's, those whose accounts are always disabled, unknown.
 */
static const enum recipient_type recipient_types[4] = {RECIPIENT_USER, RECIPIENT_SHARED, RECIPIENT_OTHER,
                                                       RECIPIENT_SYSTEM};

static enum tri sign_in_of(unsigned t, unsigned m)
{
    return (enum tri)((t / 4 + m) % 3);
}
static enum recipient_type type_of(unsigned t, unsigned m)
{
    return recipient_types[(t + m / 3) % 4];
}

/* Mailboxes 1 of each tenant stand in the deny file, 3 in the allow file, 5 in both. */
static bool is_denied(unsigned m)
{
    return m == 1 || m == 5;
}
static bool is_allowed(unsigned m)
{
    return m == 3 || m == 5;
}

struct rules {
    enum unlisted unlisted;
    bool defaults, policy, lists;
    enum disabled_accounts disabled;
    unsigned limits; /* row of the table below */
};

static struct rules rules_of(unsigned n)
{
    return (struct rules){(enum unlisted)(n % 3),
                          n / 3 % 2 == 0,
                          n / 6 % 2 == 0,
                          n / 12 == 0,
                          (enum disabled_accounts)(n / 4 % 3),
                          n % 6};
}

struct model_limit {
    const char *text; /* what stands in the configuration between name and the end */
    enum { BY_USER, BY_TENANT, BY_CLIENT } per;
    bool by_recipients;
    uint64_t count, period_s, burst;
    enum limit_then then;
};

static const struct model_limit limit_table[6][LIMITS] = {
    {{"per=\"user\";count=\"messages\";rate=\"3/h\";burst=3;then=\"defer\";", BY_USER, false, 3, 3600, 3, THEN_DEFER},
     {"per=\"user\";count=\"recipients\";rate=\"7/m\";burst=20;then=\"reject\";", BY_USER, true, 7, 60, 20,
      THEN_REJECT},
     {"per=\"tenant\";count=\"messages\";rate=\"10/m\";burst=11;then=\"defer\";", BY_TENANT, false, 10, 60, 11,
      THEN_DEFER},
     {"per=\"client\";count=\"messages\";rate=\"1/s\";burst=2;then=\"hold\";", BY_CLIENT, false, 1, 1, 2, THEN_HOLD}},
    {{"per=\"user\";count=\"messages\";rate=\"30/m\";burst=1;then=\"reject\";", BY_USER, false, 30, 60, 1, THEN_REJECT},
     {"per=\"user\";count=\"recipients\";rate=\"10000/d\";burst=40;then=\"hold\";", BY_USER, true, 10000, 86400, 40,
      THEN_HOLD},
     {"per=\"tenant\";count=\"messages\";rate=\"1/d\";burst=5;then=\"monitor\";", BY_TENANT, false, 1, 86400, 5,
      THEN_MONITOR},
     {"per=\"client\";count=\"recipients\";rate=\"13/m\";burst=17;then=\"defer\";", BY_CLIENT, true, 13, 60, 17,
      THEN_DEFER}},
    {{"per=\"user\";count=\"messages\";rate=\"7/d\";burst=2;then=\"monitor\";", BY_USER, false, 7, 86400, 2,
      THEN_MONITOR},
     {"per=\"user\";count=\"recipients\";rate=\"1/s\";burst=1;then=\"defer\";", BY_USER, true, 1, 1, 1, THEN_DEFER},
     {"per=\"tenant\";count=\"recipients\";rate=\"999983/d\";burst=60;then=\"reject\";", BY_TENANT, true, 999983, 86400,
      60, THEN_REJECT},
     {"per=\"client\";count=\"messages\";rate=\"2/h\";burst=9;then=\"hold\";", BY_CLIENT, false, 2, 3600, 9,
      THEN_HOLD}},
    {{"per=\"user\";count=\"messages\";rate=\"1000/s\";burst=4;then=\"defer\";", BY_USER, false, 1000, 1, 4,
      THEN_DEFER},
     {"per=\"user\";count=\"recipients\";rate=\"3/d\";burst=50;then=\"monitor\";", BY_USER, true, 3, 86400, 50,
      THEN_MONITOR},
     {"per=\"tenant\";count=\"messages\";rate=\"6/m\";burst=6;then=\"hold\";", BY_TENANT, false, 6, 60, 6, THEN_HOLD},
     {"per=\"client\";count=\"messages\";rate=\"6/h\";burst=6;then=\"reject\";", BY_CLIENT, false, 6, 3600, 6,
      THEN_REJECT}},
    {{"per=\"user\";count=\"messages\";rate=\"2/s\";burst=100;then=\"defer\";", BY_USER, false, 2, 1, 100, THEN_DEFER},
     {"per=\"user\";count=\"recipients\";rate=\"2/s\";burst=100;then=\"defer\";", BY_USER, true, 2, 1, 100, THEN_DEFER},
     {"per=\"tenant\";count=\"recipients\";rate=\"2/s\";burst=100;then=\"reject\";", BY_TENANT, true, 2, 1, 100,
      THEN_REJECT},
     {"per=\"client\";count=\"recipients\";rate=\"2/s\";burst=100;then=\"hold\";", BY_CLIENT, true, 2, 1, 100,
      THEN_HOLD}},
    {{"per=\"user\";count=\"messages\";rate=\"1/d\";burst=1;then=\"hold\";", BY_USER, false, 1, 86400, 1, THEN_HOLD},
     {"per=\"user\";count=\"recipients\";rate=\"1/d\";burst=1;then=\"monitor\";", BY_USER, true, 1, 86400, 1,
      THEN_MONITOR},
     {"per=\"tenant\";count=\"messages\";rate=\"11/h\";burst=3;then=\"reject\";", BY_TENANT, false, 11, 3600, 3,
      THEN_REJECT},
     {"per=\"client\";count=\"messages\";rate=\"97/h\";burst=5;then=\"defer\";", BY_CLIENT, false, 97, 3600, 5,
      THEN_DEFER}},
};

/* ---- making it ---- */

static const char *below(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_mailboxes(unsigned t, uint32_t index)
{
    for (unsigned m = 0; m < MAILBOXES; m++) {
        char primary[64], upn[64];
        struct mailbox_record record = {.id = {.b = {(uint8_t)(m * 37), (uint8_t)t, (uint8_t)m}},
                                        .knows = MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_DETAILS,
                                        .smtp_auth = setting_of(m),
                                        .basic_smtp = basic_of(m),
                                        .sign_in = sign_in_of(t, m),
                                        .recipient_type = type_of(t, m)};

        (void)snprintf(primary, sizeof primary, "m%u@t%u.example", m, t);
        (void)snprintf(upn, sizeof upn, "u%u@t%u.example", m, t);
        record.primary = slice_of(primary);
        record.upn = slice_of(upn);
        puts_add(index, &record);
    }
}

static void make_directory(void)
{
    struct writer_summary summary;
    struct writer *writer;
    struct error e;

    MUST(writer_begin(below("directory"), &writer, &e) == 0);
    for (unsigned t = 0; t < TENANTS; t++) {
        struct tenant_facts facts = {.smtp_auth = organization_of(t),
                                     .security_defaults = defaults_of(t),
                                     .default_basic_smtp = tenant_basic_of(t),
                                     .settings_at = 1};
        char domain[32];
        struct accepted_domain accepted = {.type = DOMAIN_AUTHORITATIVE};
        uint32_t index;

        (void)snprintf(facts.name, sizeof facts.name, "t%u", t);
        (void)snprintf(domain, sizeof domain, "t%u.example", t);
        accepted.name = slice_of(domain);
        MUST(writer_set_tenant(writer, &facts, &index, &e) == 0);
        MUST(writer_set_domains(writer, index, &accepted, 1, &e) == 0);
        put_mailboxes(t, index);
    }
    MUST(puts_write(writer, &e) == 0);
    MUST(writer_finish(writer, &summary, &e) == 0);
    writer_close(writer);
    MUST(directory_open(below("directory"), &directory, &e) == 0 && directory_refresh(directory, &e) >= 0);
    view = directory_view_get(directory);
    MUST(view != NULL);
}

static void write_list(const char *name, bool (*holds)(unsigned))
{
    FILE *f = fopen(below(name), "w");

    MUST(f != NULL);
    for (unsigned t = 0; t < TENANTS; t++)
        for (unsigned m = 0; m < MAILBOXES; m++)
            if (holds(m))
                (void)fprintf(f, "m%u@t%u.example\n", m, t);
    MUST(fclose(f) == 0);
}

static void make_config(const struct rules *rules, const char *limits, struct config **out)
{
    static const char *const unlisted[] = {
        [UNLISTED_REJECT] = "reject", [UNLISTED_TENANT] = "tenant", [UNLISTED_ALLOW] = "allow"};
    static const char *const disabled[] = {
        [DISABLED_PEOPLE] = "people", [DISABLED_ALL] = "all", [DISABLED_NONE] = "none"};
    FILE *f = fopen(below("postern.conf"), "w");
    struct error e;

    MUST(f != NULL);
    (void)fprintf(f,
                  "preset = \"none\"; recipients = { max = %u; }; limits = (%s);\n"
                  "smtp_auth = { unlisted = \"%s\"; security_defaults = %s; authentication_policy = %s; "
                  "disabled_accounts = \"%s\"; %s };\n",
                  MAX_RECIPIENTS, limits, unlisted[rules->unlisted], rules->defaults ? "true" : "false",
                  rules->policy ? "true" : "false", disabled[rules->disabled],
                  rules->lists ? "allow_file = \"allow\"; deny_file = \"deny\";" : "");
    MUST(fclose(f) == 0);
    if (config_load(below("postern.conf"), out, &e) != 0) {
        (void)fprintf(stderr, "%s\n", e.text);
        abort();
    }
}

static void make_configs(void)
{
    for (unsigned n = 0; n < RULES; n++) {
        struct rules rules = rules_of(n);
        char limits[1024];
        struct buf b = BUF_OVER(limits);

        for (unsigned i = 0; i < LIMITS; i++)
            buf_addf(&b, "%s{ name = \"l%u\"; %s }", i > 0 ? "," : "", i, limit_table[rules.limits][i].text);
        make_config(&rules, limits, &configs[n]);
        make_config(&rules, HABIT_LIMITS, &habit_configs[n]);
    }
}

static void make_state(void)
{
    struct state_options o = {
        .path = below("state"), .entries = 64, .blocks = 16, .boot_ns = START, .wall_ns = START, .boot_id = 1};
    struct error e;

    MUST(state_open(&o, &state, &e) == 0);
    /* For blocks and the secret; the counters are cleared for each input, so they have memory of their own. */
    table = aligned_alloc(128, ENTRIES * sizeof *table);
    rest = calloc(COUNTERS_REST_PAIRS, sizeof *rest); /* nothing is crowded, so nothing gets there */
    habits_memory = aligned_alloc(128, habits_bytes(HABITS_MIN));
    MUST(table != NULL && rest != NULL && habits_memory != NULL);
}

static void clean_up(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    (void)!system(command); /* the folder is ours: mkdtemp made its name */
}

/* ---- seeds ---- */

static void write_seed(const char *to, const char *name, const uint8_t *bytes, size_t n)
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", to, name);
    f = fopen(path, "w");
    MUST(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static _Noreturn void make_corpus(const char *to)
{
    uint8_t bytes[1 + EVENT * TENANTS * MAILBOXES];
    char name[32];

    for (unsigned n = 0; n < RULES; n++) {
        size_t at = 0;

        bytes[at++] = (uint8_t)n;
        for (unsigned i = 0; i < TENANTS * MAILBOXES; i++) {
            const uint8_t event[EVENT] = {(uint8_t)(i / MAILBOXES), (uint8_t)(i % (MAILBOXES + 1)),
                                          (uint8_t)(i * 7),         (uint8_t)(i % 11 == 0 ? i : 0),
                                          (uint8_t)(i * 5),         (uint8_t)(i / 3),
                                          (uint8_t)(i * 31),        (uint8_t)(i % 41)};

            memcpy(bytes + at, event, EVENT);
            at += EVENT;
        }
        (void)snprintf(name, sizeof name, "all-mailboxes-%u", n);
        write_seed(to, name, bytes, at);
        for (at = 1; at < 1 + EVENT * 60; at += EVENT) /* one mailbox, often */
            memcpy(bytes + at,
                   (const uint8_t[EVENT]){0, 9, (uint8_t)at, 0, (uint8_t)(at % 7), 1, (uint8_t)at,
                                          (uint8_t)(25 + at % 13)},
                   EVENT);
        (void)snprintf(name, sizeof name, "one-mailbox-%u", n);
        write_seed(to, name, bytes, at);
    }
    exit(EXIT_SUCCESS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    for (int i = 1; i < *argc; i++)
        if (strncmp((*argv)[i], "--make-corpus=", 14) == 0)
            make_corpus((*argv)[i] + 14);
    (void)snprintf(folder, sizeof folder, "/tmp/postern-fuzz-decide.XXXXXX");
    MUST(mkdtemp(folder) != NULL);
    (void)atexit(clean_up);
    make_directory();
    write_list("allow", is_allowed);
    write_list("deny", is_denied);
    make_configs();
    make_state();
    return 0;
}

/* ---- a submission out of bytes ---- */

enum sent_as { AS_SELF, AS_TAG, AS_OTHER, AS_ELSEWHERE, AS_NULL, AS_UPN, AS_NOTHING };

struct event {
    unsigned tenant, mailbox; /* MAILBOXES: a login that no mailbox has */
    bool basic, by_upn, at_once;
    enum sent_as as;
    unsigned recipients, client;
    uint64_t now_ns;
    char login[64], sender[64];
};

static const char *const mechanisms[8] = {"PLAIN",    "XOAUTH2", "LOGIN", "oauthbearer",
                                          "CRAM-MD5", "xoauth2", "",      "OAUTHBEARER"};

static void write_sender(struct event *e)
{
    static const char *const formats[] = {[AS_SELF] = "m%u@t%u.example",
                                          [AS_TAG] = "M%u+x@T%u.example",
                                          [AS_OTHER] = "m%u1@t%u.example",
                                          [AS_ELSEWHERE] = "m%u@t%u.adatum.example",
                                          [AS_NULL] = "",
                                          [AS_UPN] = "u%u@t%u.example",
                                          [AS_NOTHING] = "m%u@t%u.example@"};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(e->sender, sizeof e->sender, formats[e->as], e->mailbox, e->tenant);
#pragma GCC diagnostic pop
}

static void read_event(const uint8_t *d, uint64_t *now_ns, struct event *e)
{
    *now_ns += (uint64_t)(d[6] + 1) << (d[7] % 42);
    *e = (struct event){.tenant = d[0] % TENANTS,
                        .mailbox = d[1] % (MAILBOXES + 1),
                        .basic = d[2] % 8 % 2 == 0,
                        .by_upn = (d[2] & 8) != 0,
                        .at_once = (d[2] & 64) != 0,
                        /* mostly what is allowed, so that limits have something to count */
                        .as = d[3] < 160 ? AS_SELF : (enum sent_as)(d[3] % 7),
                        .recipients = d[4] < 200 ? 1 + d[4] % 5u : d[4] % 55u,
                        .client = d[5] % 4,
                        .now_ns = *now_ns};
    (void)snprintf(e->login, sizeof e->login, (d[2] & 16) != 0 ? "%c%u@T%u.EXAMPLE" : "%c%u@t%u.example",
                   e->by_upn ? 'u' : 'm', e->mailbox, e->tenant);
    write_sender(e);
}

static void submission_of(const struct event *e, const uint8_t *d, struct submission *s)
{
    char client[32];

    *s = (struct submission){.stage = STAGE_END,
                             .login_text = slice_of(e->login),
                             .mechanism = slice_of(mechanisms[d[2] % 8]),
                             .tls = TLS_V1_3,
                             .sender_text = slice_of(e->sender),
                             .recipient_count = e->recipients,
                             .size = 1,
                             .front_end = "milter"};
    login_parse(s->login_text, &s->login);
    s->sender_result = address_parse_envelope(s->sender_text, &s->sender);
    (void)snprintf(client, sizeof client, "192.0.2.%u", e->client);
    s->has_client = ip_parse(slice_of(client), &s->client);
    MUST(s->has_client && s->login.kind == LOGIN_ADDRESS);
}

/* ---- the model: who may ---- */

static enum reason model_organization(unsigned t)
{
    return organization_of(t) == SMTP_AUTH_ENABLED    ? REASON_ALLOWED
           : organization_of(t) == SMTP_AUTH_DISABLED ? REASON_ORGANIZATION_DISABLED
                                                      : REASON_SETTING_UNKNOWN;
}

static enum reason model_gates(const struct rules *r, const struct event *e, enum tri own)
{
    if (r->defaults && defaults_of(e->tenant) == TRI_YES)
        return REASON_SECURITY_DEFAULTS;
    if (own == TRI_UNKNOWN)
        own = tenant_basic_of(e->tenant);
    return r->policy && own == TRI_NO && e->basic ? REASON_BASIC_FORBIDDEN : REASON_ALLOWED;
}

/* Nobody was dismissed where an account has been disabled from the beginning. */
static enum reason model_account(const struct rules *r, unsigned t, unsigned m)
{
    bool person = type_of(t, m) == RECIPIENT_USER || type_of(t, m) == RECIPIENT_OTHER;

    if (sign_in_of(t, m) != TRI_NO || r->disabled == DISABLED_NONE)
        return REASON_ALLOWED;
    return person || r->disabled == DISABLED_ALL ? REASON_ACCOUNT_DISABLED : REASON_ALLOWED;
}

static enum reason model_allowed(const struct rules *r, const struct event *e)
{
    enum reason reason = REASON_ALLOWED;

    if (e->mailbox == MAILBOXES) {
        if (r->unlisted == UNLISTED_REJECT)
            return REASON_UNLISTED;
        if (r->unlisted == UNLISTED_TENANT)
            reason = model_organization(e->tenant);
        return reason != REASON_ALLOWED ? reason : model_gates(r, e, TRI_UNKNOWN);
    }
    if (r->lists && is_denied(e->mailbox))
        return REASON_DENY_FILE;
    if (r->lists && is_allowed(e->mailbox))
        return REASON_ALLOWED;
    switch (setting_of(e->mailbox)) {
    case SMTP_AUTH_DISABLED:
        return REASON_MAILBOX_DISABLED;
    case SMTP_AUTH_UNKNOWN:
        return REASON_SETTING_UNKNOWN;
    case SMTP_AUTH_INHERIT:
        reason = model_organization(e->tenant);
        break;
    default:
        break;
    }
    if (reason == REASON_ALLOWED)
        reason = model_gates(r, e, basic_of(e->mailbox));
    return reason != REASON_ALLOWED ? reason : model_account(r, e->tenant, e->mailbox);
}

static enum reason model_sender(const struct event *e)
{
    /* Without a mailbox the login itself is the only address. */
    bool nobody = e->mailbox == MAILBOXES;

    switch (e->as) {
    case AS_SELF:
    case AS_TAG:
        return nobody && e->by_upn ? REASON_SENDER_NOT_OWN : REASON_ALLOWED;
    case AS_UPN:
        return nobody && e->by_upn ? REASON_ALLOWED : REASON_SENDER_NOT_OWN;
    case AS_OTHER:
    case AS_ELSEWHERE:
        return REASON_SENDER_NOT_OWN;
    case AS_NULL:
        return e->recipients <= 1 ? REASON_ALLOWED : REASON_NULL_SENDER;
    case AS_NOTHING:
        return REASON_SENDER_BAD;
    }
    return REASON_INTERNAL;
}

/* ---- the model: how much ---- */

struct taken {
    uint64_t at_ns, units;
    unsigned limit, subject;
};

static struct taken history[EVENTS_MAX * LIMITS];
static size_t n_taken;

static unsigned subject_of(const struct model_limit *l, const struct event *e)
{
    if (l->per == BY_CLIENT)
        return e->client;
    if (l->per == BY_TENANT)
        return e->tenant;
    /* A login that no mailbox has counts as itself where it may send: by two names it is two. */
    return e->tenant * 100 + e->mailbox + (e->mailbox == MAILBOXES && e->by_upn ? 50 : 0);
}

static uint64_t interval_of(const struct model_limit *l)
{
    return (l->period_s * NS_PER_S + l->count - 1) / l->count;
}

/* Nanoseconds' worth of what is in the bucket now: filled by each message, emptied by time, from its whole history. */
static uint64_t level(unsigned limit, const struct model_limit *l, unsigned subject, uint64_t now_ns)
{
    uint64_t in = 0, last_ns = 0;

    for (size_t i = 0; i <= n_taken; i++) {
        uint64_t at_ns = i < n_taken ? history[i].at_ns : now_ns, passed;

        if (i < n_taken && (history[i].limit != limit || history[i].subject != subject))
            continue;
        passed = at_ns - last_ns;
        in = in > passed ? in - passed : 0;
        last_ns = at_ns;
        if (i < n_taken)
            in += history[i].units * interval_of(l);
    }
    return in;
}

struct model_verdict {
    enum action action;
    enum reason reason;
    int limit; /* -1: none */
    uint64_t retry_ns;
    bool charges[LIMITS];
    uint64_t units[LIMITS];
};

static enum reason reason_of_limit(enum limit_then then, bool never)
{
    if (then == THEN_HOLD)
        return REASON_LIMIT_HOLD;
    return never ? REASON_LIMIT_NEVER : then == THEN_REJECT ? REASON_LIMIT_REJECT : REASON_LIMIT;
}

/* The strongest refusal speaks: reject (or never) before defer, defer before hold, that before monitor. */
static int rank(enum limit_then then, bool never)
{
    return then == THEN_MONITOR ? 1 : then == THEN_HOLD ? 2 : then == THEN_REJECT || never ? 4 : 3;
}

static void model_limits(const struct rules *r, const struct event *e, struct model_verdict *v)
{
    int strongest = 0;

    for (unsigned i = 0; i < LIMITS; i++) {
        const struct model_limit *l = &limit_table[r->limits][i];
        uint64_t interval = interval_of(l), burst = l->burst * interval, in = level(i, l, subject_of(l, e), e->now_ns);
        bool never;

        v->units[i] = l->by_recipients ? e->recipients : 1;
        never = v->units[i] > l->burst;
        v->charges[i] = !never && in + v->units[i] * interval <= burst;
        if (v->charges[i] || rank(l->then, never) <= strongest)
            continue;
        strongest = rank(l->then, never);
        if (l->then == THEN_MONITOR)
            continue;
        v->limit = (int)i;
        v->reason = reason_of_limit(l->then, never);
        v->action = v->reason == REASON_LIMIT_HOLD ? ACTION_HOLD
                    : v->reason == REASON_LIMIT    ? ACTION_DEFER
                                                   : ACTION_REJECT;
        v->retry_ns = never ? 0 : in + v->units[i] * interval - burst;
    }
}

static struct model_verdict model(const struct rules *r, const struct event *e)
{
    struct model_verdict v = {.action = ACTION_PASS, .limit = -1};

    v.reason = model_allowed(r, e);
    if (v.reason == REASON_ALLOWED)
        v.reason = model_sender(e);
    if (v.reason == REASON_ALLOWED && e->recipients > MAX_RECIPIENTS)
        v.reason = REASON_TOO_MANY_RECIPIENTS;
    if (v.reason == REASON_ALLOWED)
        model_limits(r, e, &v);
    else
        v.action = v.reason == REASON_SETTING_UNKNOWN ? ACTION_DEFER : ACTION_REJECT;
    return v;
}

static void take(const struct rules *r, const struct event *e, const struct model_verdict *v)
{
    for (unsigned i = 0; i < LIMITS; i++)
        if (v->charges[i] && v->units[i] > 0)
            history[n_taken++] = (struct taken){e->now_ns, v->units[i], i, subject_of(&limit_table[r->limits][i], e)};
}

/* In every span between two messages at most burst + rate * t: without buckets, intervals or rounding. */
static void check_spans(const struct rules *r)
{
    for (size_t from = 0; from < n_taken; from++) {
        const struct model_limit *l = &limit_table[r->limits][history[from].limit];
        uint64_t units = 0;

        for (size_t to = from; to < n_taken; to++) {
            uint64_t t_ns = history[to].at_ns - history[from].at_ns;

            if (history[to].limit != history[from].limit || history[to].subject != history[from].subject)
                continue;
            units += history[to].units;
            MUST(units <= l->burst ||
                 (unsigned __int128)(units - l->burst) * l->period_s * NS_PER_S <= (unsigned __int128)l->count * t_ns);
        }
    }
}

/* ---- both ---- */

/* As the engine does: decides, charges, and decides again when the charge was refused. */
static void decide_and_charge(struct decide_context *c, struct counters *counters, struct habits *habits,
                              const struct submission *s, bool at_once, struct verdict *v)
{
    struct recipients r = {0};
    struct receipt receipt;

    c->charging = at_once;
    decide(c, s, &r, v, NULL);
    MUST(auth_unlike(c, s, v) == NULL);
    for (unsigned tries = 0; v->action == ACTION_PASS || v->action == ACTION_HOLD; tries++) {
        if (limits_charge(counters, habits, c, s, &r, v, &receipt) == PLAN_CHARGED)
            return;
        MUST(at_once && tries == 0); /* nobody else charges */
        c->charging = false;
        decide(c, s, &r, v, NULL);
    }
}

static void compare(const struct event *e, const struct verdict *v, const struct model_verdict *wanted)
{
    bool by_limit = wanted->limit >= 0;
    char name[4];

    (void)snprintf(name, sizeof name, "l%d", by_limit ? wanted->limit : 0);
    if (v->action == wanted->action && v->reason == wanted->reason &&
        (!by_limit ||
         (v->limit != NULL && v->retry_ns == wanted->retry_ns &&
          (strcmp(v->limit, name) == 0 || v->reason == REASON_LIMIT_HOLD || v->reason == REASON_LIMIT_NEVER))))
        return;
    (void)fprintf(stderr,
                  "login %s, sender %s, %u recipients, at %llu: %s (%s, limit %s, retry %llu), the model says %s (%s, "
                  "limit %s, retry %llu)\n",
                  e->login, e->sender, e->recipients, (unsigned long long)e->now_ns, action_name(v->action),
                  reason_row(v->reason)->name, v->limit != NULL ? v->limit : "none", (unsigned long long)v->retry_ns,
                  action_name(wanted->action), reason_row(wanted->reason)->name, by_limit ? name : "none",
                  (unsigned long long)wanted->retry_ns);
    abort();
}

static void run_model(unsigned n, const uint8_t *data, size_t size)
{
    struct rules rules = rules_of(n);
    struct counters_met met = {0};
    uint64_t now_ns = START;
    struct counters counters;
    struct decide_context c = {
        .config = configs[n], .view = view, .blocks = state_blocks(state), .secret = state_secret(state), .wall_s = 1};
    static struct verdict verdict;

    memset(table, 0, ENTRIES * sizeof *table);
    counters = counters_over(table, ENTRIES, rest, &met);
    c.counters = &counters;
    n_taken = 0;
    for (size_t i = 0, at = 1; i < EVENTS_MAX && at + EVENT <= size; i++, at += EVENT) {
        struct model_verdict wanted;
        struct submission s;
        struct event e;

        read_event(data + at, &now_ns, &e);
        if (now_ns > START + COUNTERS_LONGEST_WINDOW_NS)
            break;
        submission_of(&e, data + at, &s);
        c.now_ns = now_ns;
        wanted = model(&rules, &e);
        decide_and_charge(&c, &counters, NULL, &s, e.at_once, &verdict);
        compare(&e, &verdict, &wanted);
        if (wanted.action == ACTION_PASS || wanted.action == ACTION_HOLD)
            take(&rules, &e, &wanted);
    }
    MUST(met.crowded == 0);
    check_spans(&rules);
}

/* ---- habits, in memory of any content ---- */

/* Messages that passed, of one habit each. */
static struct {
    uint64_t key, at_ns;
} passed[EVENTS_MAX];

/* In less than a day: the window holds between six and seven of its parts. */
static void check_day(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned together = 0;

        for (size_t j = i; j < n; j++)
            together += passed[j].key == passed[i].key && passed[j].at_ns - passed[i].at_ns < 20 * 3600 * NS_PER_S;
        MUST(together <= HABIT_DAY_MOST);
    }
}

static void check_habit(const struct rules *r, const struct event *e, const struct verdict *v)
{
    enum reason reason = model_allowed(r, e);

    reason = reason == REASON_ALLOWED ? model_sender(e) : reason;
    if (reason == REASON_ALLOWED && e->recipients > MAX_RECIPIENTS)
        reason = REASON_TOO_MANY_RECIPIENTS;
    MUST(v->reason == reason || (reason == REASON_ALLOWED && v->reason == REASON_LIMIT));
    MUST(v->retry_ns <= 2 * 86400 * NS_PER_S);
}

/* Anything, but under the same names: else nothing would be found. */
static void damage(const uint8_t *data, size_t size)
{
    struct habit_record *records = habits_memory;
    uint64_t seed = size;

    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < HABITS_MIN + HABITS_SHARED; i++)
        for (union pair *p = &records[i].name; p <= &records[i].past; p++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            if (p != &records[i].name && seed >> 62 == 0)
                p->key ^= seed * seed;
            if (seed >> 60 == 1)
                p->value ^= seed * seed;
        }
}

static size_t run_habits_once(unsigned n, const uint8_t *data, size_t size, struct habits *habits, uint64_t *now_ns)
{
    struct rules rules = rules_of(n);
    struct counters_met met = {0};
    struct counters counters;
    struct decide_context c = {.config = habit_configs[n],
                               .view = view,
                               .blocks = state_blocks(state),
                               .secret = state_secret(state),
                               .habits = habits,
                               .wall_s = 1};
    static struct verdict verdict;
    size_t n_passed = 0;

    memset(table, 0, ENTRIES * sizeof *table);
    counters = counters_over(table, ENTRIES, rest, &met);
    c.counters = &counters;
    for (size_t i = 0, at = 1; i < EVENTS_MAX && at + EVENT <= size; i++, at += EVENT) {
        struct submission s;
        struct event e;

        read_event(data + at, now_ns, &e);
        submission_of(&e, data + at, &s);
        c.now_ns = *now_ns;
        decide_and_charge(&c, &counters, habits, &s, true, &verdict);
        check_habit(&rules, &e, &verdict);
        if (verdict.action == ACTION_PASS) {
            passed[n_passed].key = verdict.plan.habit.key;
            passed[n_passed++].at_ns = *now_ns;
        }
    }
    return n_passed;
}

static void run_habits(unsigned n, const uint8_t *data, size_t size)
{
    uint64_t now_ns = COUNTERS_LONGEST_WINDOW_NS; /* as of a new file */
    struct habits_met met = {0};
    struct habits habits = habits_over(habits_memory, HABITS_MIN, &met);

    memset(habits_memory, 0, habits_bytes(HABITS_MIN));
    check_day(run_habits_once(n, data, size, &habits, &now_ns));
    damage(data, size);
    check_day(run_habits_once(n, data, size, &habits, &now_ns));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned n = size > 0 ? data[0] % RULES : 0;

    run_model(n, data, size);
    run_habits(n, data, size);
    return 0;
}
