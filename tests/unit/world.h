/*
 * A made-up world for tests of the decision: a directory with three tenants, a state file, and a configuration given as
 * text, all below one temporary folder.
 */
#ifndef POSTERN_TESTS_WORLD_H
#define POSTERN_TESTS_WORLD_H

#include "core/base/clock.h"
#include "core/decide/decide.h"
#include "core/decide/limits.h"
#include "core/state/state.h"
#include "mirror/build/writer.h"
#include "tests/unit/auth_alike.h"
#include "tests/unit/puts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONTOSO, FABRIKAM, TAILSPIN };

struct world_mailbox {
    unsigned id;
    int tenant;
    const char *primary, *upn, *alias, *proxy;
    enum smtp_auth smtp_auth;
    enum tri basic;
};

#define WORLD_RESTRICTED 20u /* the mailbox that Exchange Online has restricted */

/* contoso forbids SMTP AUTH unless a mailbox allows it, fabrikam allows it, nobody knows what tailspin does. */
static const struct world_mailbox world_mailboxes[] = {
    {1, CONTOSO, "anna@contoso.example", "anna@contoso.example", "anna", "a.berg@contoso.example", SMTP_AUTH_ENABLED,
     TRI_UNKNOWN},
    {2, CONTOSO, "bert@contoso.example", "bert@contoso.example", "bert", NULL, SMTP_AUTH_DISABLED, TRI_UNKNOWN},
    {3, CONTOSO, "cleo@contoso.example", "cleo@contoso.example", "cleo", NULL, SMTP_AUTH_INHERIT, TRI_UNKNOWN},
    {4, CONTOSO, "eva@contoso.example", "eva@contoso.example", "eva", NULL, SMTP_AUTH_ENABLED, TRI_NO},
    {5, CONTOSO, "info@contoso.example", NULL, "info", NULL, SMTP_AUTH_INHERIT, TRI_UNKNOWN},
    {6, CONTOSO, "boss@contoso.example", NULL, "boss", NULL, SMTP_AUTH_INHERIT, TRI_UNKNOWN},
    {7, CONTOSO, "paul@contoso.example", "p.ulrich@contoso.example", "paul", NULL, SMTP_AUTH_ENABLED, TRI_UNKNOWN},
    {8, CONTOSO, "twin1@contoso.example", NULL, "twin1", "shared@contoso.example", SMTP_AUTH_ENABLED, TRI_UNKNOWN},
    {9, CONTOSO, "twin2@contoso.example", NULL, "twin2", "shared@contoso.example", SMTP_AUTH_DISABLED, TRI_UNKNOWN},
    {10, CONTOSO, "new@contoso.example", NULL, "new", NULL, SMTP_AUTH_UNKNOWN, TRI_UNKNOWN},
    {WORLD_RESTRICTED, CONTOSO, "spam@contoso.example", "spam@contoso.example", "spam", "news@contoso.example",
     SMTP_AUTH_ENABLED, TRI_UNKNOWN},
    {11, FABRIKAM, "dora@fabrikam.example", "dora@fabrikam.example", "dora", NULL, SMTP_AUTH_INHERIT, TRI_UNKNOWN},
    {12, FABRIKAM, "anna@fabrikam.example", "anna@fabrikam.example", "anna", NULL, SMTP_AUTH_DISABLED, TRI_UNKNOWN},
    {13, FABRIKAM, "guest@both.example", NULL, "guest", NULL, SMTP_AUTH_ENABLED, TRI_UNKNOWN},
    {14, TAILSPIN, "tom@tailspin.example", NULL, "tom", NULL, SMTP_AUTH_INHERIT, TRI_UNKNOWN},
    {15, TAILSPIN, "tina@both.example", NULL, "tina", NULL, SMTP_AUTH_ENABLED, TRI_UNKNOWN},
};

struct world {
    char folder[64], path[96];
    struct directory *directory;
    struct directory_view *view;
    struct state *state;
    struct config *config;
    struct decide_context context;
    struct verdict verdict;
    struct recipients recipients;
};

static inline struct mailbox_id world_id(unsigned n)
{
    struct mailbox_id id = {{0}};

    id.b[0] = 0xa0;
    id.b[15] = (uint8_t)n;
    return id;
}

static inline const char *world_file(struct world *w, const char *name)
{
    (void)snprintf(w->path, sizeof w->path, "%s/%s", w->folder, name);
    return w->path;
}

static inline void world_put(const uint32_t *tenants, const struct world_mailbox *m)
{
    char packed[256];
    struct buf proxies = BUF_OVER(packed);
    struct mailbox_record record = {.id = world_id(m->id),
                                    .knows = (uint8_t)(MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_DETAILS |
                                                       (m->id == WORLD_RESTRICTED ? MAILBOX_RESTRICTED : 0)),
                                    .smtp_auth = m->smtp_auth,
                                    .basic_smtp = m->basic,
                                    .recipient_type = RECIPIENT_USER,
                                    .primary = slice_of(m->primary),
                                    .upn = slice_of(m->upn),
                                    .alias = slice_of(m->alias)};

    if (m->proxy != NULL)
        packed_add(&proxies, slice_of(m->proxy));
    record.proxies = buf_slice(&proxies);
    puts_add(tenants[m->tenant], &record);
}

static inline void world_tenants(struct writer *writer, uint32_t *index)
{
    static const struct {
        const char *name, *domain;
        enum smtp_auth smtp_auth;
    } tenants[] = {{"contoso", "contoso.example", SMTP_AUTH_DISABLED},
                   {"fabrikam", "fabrikam.example", SMTP_AUTH_ENABLED},
                   {"tailspin", "tailspin.example", SMTP_AUTH_UNKNOWN}};
    struct error e;

    for (int i = 0; i < 3; i++) {
        struct tenant_facts facts = {.smtp_auth = tenants[i].smtp_auth, .settings_at = 1000000};
        struct accepted_domain domains[2] = {{slice_of(tenants[i].domain), DOMAIN_AUTHORITATIVE, i == FABRIKAM, 0},
                                             {SLICE("both.example"), DOMAIN_AUTHORITATIVE, false, 0}};

        (void)snprintf(facts.name, sizeof facts.name, "%s", tenants[i].name);
        facts.recipients_per_day = i == FABRIKAM ? 2 : 0;
        if (writer_set_tenant(writer, &facts, &index[i], &e) != 0 ||
            writer_set_domains(writer, index[i], domains, i == CONTOSO ? 1 : 2, &e) != 0)
            fail_msg("%s", e.text);
    }
}

static inline void world_directory(struct world *w)
{
    struct writer_summary summary;
    struct mailbox_id anna = world_id(1), info = world_id(5), boss = world_id(6);
    struct writer *writer;
    uint32_t tenants[3];
    struct error e;

    if (writer_begin(world_file(w, "directory"), &writer, &e) != 0)
        fail_msg("%s", e.text);
    world_tenants(writer, tenants);
    for (size_t i = 0; i < sizeof world_mailboxes / sizeof world_mailboxes[0]; i++)
        world_put(tenants, &world_mailboxes[i]);
    if (puts_write(writer, &e) != 0 ||
        writer_replace_rights(writer, tenants[CONTOSO], RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF, &e) != 0 ||
        writer_add_right(writer, tenants[CONTOSO], &anna, &info, RIGHT_SEND_AS, &e) != 0 ||
        writer_add_right(writer, tenants[CONTOSO], &anna, &boss, RIGHT_SEND_ON_BEHALF, &e) != 0 ||
        writer_finish(writer, &summary, &e) != 0)
        fail_msg("%s", e.text);
    writer_close(writer);
    if (directory_open(world_file(w, "directory"), &w->directory, &e) != 0 || directory_refresh(w->directory, &e) < 0)
        fail_msg("%s", e.text);
    w->view = directory_view_get(w->directory);
    assert_non_null(w->view);
}

/* A file below the folder; "@" in text stands for the folder's path. */
static inline void world_write(struct world *w, const char *name, const char *text)
{
    FILE *f = fopen(world_file(w, name), "w");

    assert_non_null(f);
    for (; *text != '\0'; text++)
        if (*text == '~')
            (void)fputs(w->folder, f);
        else
            (void)fputc(*text, f);
    assert_int_equal(fclose(f), 0);
}

/* Another configuration from now on; "~" in it is the world's folder. */
static inline void world_configure(struct world *w, const char *text)
{
    struct error e;

    world_write(w, "postern.conf", text);
    config_free(w->config);
    w->config = NULL;
    if (config_load(world_file(w, "postern.conf"), &w->config, &e) != 0)
        fail_msg("%s", e.text);
    w->context.config = w->config;
}

static inline struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct state_options options = {
        .entries = 4096, .blocks = 64, .boot_ns = NS_PER_S, .wall_ns = 1000 * NS_PER_S, .boot_id = 1};
    struct error e;

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/postern-world.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    world_directory(w);
    options.path = world_file(w, "state");
    if (state_open(&options, &w->state, &e) != 0)
        fail_msg("%s", e.text);
    assert_null(state_problem(w->state));
    w->context = (struct decide_context){.view = w->view,
                                         .counters = state_counters(w->state),
                                         .blocks = state_blocks(w->state),
                                         .habits = state_habits(w->state),
                                         .secret = state_secret(w->state),
                                         .now_ns = 1000 * NS_PER_S,
                                         .wall_s = 1000000};
    world_configure(w, "preset = \"none\";");
    return w;
}

static inline void world_free(struct world *w)
{
    char command[128];

    recipients_clear(&w->recipients);
    config_free(w->config);
    state_close(w->state);
    directory_view_put(w->directory, w->view);
    directory_close(w->directory);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", w->folder);
    assert_int_equal(system(command), 0); /* the folder is ours: mkdtemp made its name */
    free(w);
}

/* A submission at its end by that login, over TLS, to one recipient. NULL: none. */
static inline struct submission world_submission(const char *login, const char *client, const char *sender)
{
    struct submission s = {.stage = STAGE_END,
                           .login_text = slice_of(login),
                           .mechanism = slice_of(login != NULL ? "PLAIN" : NULL),
                           .tls = TLS_V1_3,
                           .sender_text = slice_of(sender),
                           .recipient_count = 1,
                           .size = 1000,
                           .front_end = "policyd"};

    login_parse(s.login_text, &s.login);
    s.has_client = ip_parse(slice_of(client), &s.client);
    s.sender_result = address_parse_internal(s.sender_text, &s.sender);
    return s;
}

/* What is decided on a message holds for signing in, as far as it is known then. */
static inline void world_explain(struct world *w, const struct submission *s, struct trace *trace)
{
    const char *unlike;

    decide(&w->context, s, &w->recipients, &w->verdict, trace);
    unlike = s->stage >= STAGE_MAIL ? auth_unlike(&w->context, s, &w->verdict) : NULL;
    if (unlike != NULL)
        fail_msg("%s: %s", unlike, reason_row(w->verdict.reason)->name);
}

static inline void world_decide(struct world *w, const struct submission *s)
{
    world_explain(w, s, NULL);
}

#endif
