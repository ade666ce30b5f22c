/* Rules about main.cf as a whole. */
#include "core/report/postfix_check.h"

static void check_idle(const struct postfix_check *c)
{
    uint64_t idle = postfix_get_time(c->p, NULL, "smtpd_policy_service_max_idle", 300);
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (c->config->policyd.n_listen == 0 || c->config->policyd.idle_timeout_s > idle)
        return;
    f = findings_add(c->findings, PF_IDLE_TIMEOUT, postfix_place(c->p, NULL, "smtpd_policy_service_max_idle", place),
                     "policyd.idle_timeout is %llu s, and Postfix keeps idle connections for %llu s: each request "
                     "on a connection that postern closed first costs a second",
                     (unsigned long long)c->config->policyd.idle_timeout_s, (unsigned long long)idle);
    finding_advise(f, "policyd = { idle_timeout = \"%llus\"; } in postern.conf",
                   (unsigned long long)postfix_get_time(c->p, NULL, "smtpd_policy_service_max_ttl", 1000) + 100);
}

static bool is_milters_path(const struct config *config, struct slice path)
{
    for (size_t i = 0; i < config->milter.n_listen; i++)
        if (config->milter.listen[i].path != NULL && slice_eq(path, slice_of(config->milter.listen[i].path)))
            return true;
    return false;
}

static void check_local_milter(const struct postfix_check *c)
{
    struct slice rest = postfix_get(c->p, NULL, "non_smtpd_milters"), word;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    while (postfix_word(&rest, &word)) {
        struct postfix_target target = postfix_target(word);

        if (target.endpoint.n < 5 ||
            !is_milters_path(c->config, (struct slice){target.endpoint.p + 5, target.endpoint.n - 5}))
            continue;
        f = findings_add(c->findings, PF_LOCAL_MILTER, postfix_place(c->p, NULL, "non_smtpd_milters", place),
                         "mail of sendmail(1) on this host has neither login nor client; a refused recipient stays in "
                         "the queue as a configuration error");
        finding_set(f, c, NULL, "non_smtpd_milters", (struct slice){NULL, 0});
    }
}

/* sendmail(1) asks no service: it accepts any sender. */
static void check_submission(const struct postfix_check *c)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (!slice_eq(postfix_get(c->p, NULL, "authorized_submit_users"), SLICE("static:anyone")))
        return;
    f = findings_add(c->findings, PF_LOCAL_SUBMISSION, postfix_place(c->p, NULL, "authorized_submit_users", place),
                     "every user of this host, that of a web application too, sends as anybody by sendmail(1), past "
                     "postern");
    finding_set(f, c, NULL, "authorized_submit_users", SLICE("root"));
}

static void check_soft_bounce(const struct postfix_check *c)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (!postfix_is_yes(c->p, NULL, "soft_bounce"))
        return;
    f = findings_add(c->findings, PF_SOFT_BOUNCE, postfix_place(c->p, NULL, "soft_bounce", place),
                     "soft_bounce turns each permanent refusal into a temporary one: clients try again for days");
    finding_set(f, c, NULL, "soft_bounce", SLICE("no"));
}

/* A short id is made of the file's inode and the time's microseconds. */
static void check_queue_ids(const struct postfix_check *c)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (postfix_is_yes(c->p, NULL, "enable_long_queue_ids"))
        return;
    f = findings_add(
        c->findings, PF_SHORT_QUEUE_IDS, postfix_place(c->p, NULL, "enable_long_queue_ids", place),
        "short queue ids come again within days: \"postern hold\" and the log take one message for another");
    finding_set(f, c, NULL, "enable_long_queue_ids", SLICE("yes"));
}

/* Postfix changes these after the envelope sender was judged, and before the milter sees the From. */
static const struct {
    const char *maps, *classes;
} rewriting[] = {
    {"sender_canonical_maps", "sender_canonical_classes"},
    {"canonical_maps", "canonical_classes"},
    {"masquerade_domains", "masquerade_classes"},
};

/* The same table on the way out, where envelope and From are both judged before. */
static void command_generic(const struct postfix_check *c, const char *maps, struct finding *f)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf command = BUF_OVER(text);

    if (strcmp(maps, "masquerade_domains") == 0 || postfix_get(c->p, NULL, "smtp_generic_maps").n > 0)
        return;
    postfix_add_set(&command, c->p, NULL, "smtp_generic_maps", postfix_written(c->p, NULL, maps));
    postfix_add_unset(&command, c->p, NULL, maps);
    finding_command(f, c, &command);
}

static void check_rewriting(const struct postfix_check *c)
{
    for (size_t i = 0; i < sizeof rewriting / sizeof rewriting[0]; i++) {
        struct slice classes = postfix_get(c->p, NULL, rewriting[i].classes), word;
        char place[POSTFIX_PLACE_MAX];
        bool envelope = false, header = false;
        struct finding *f;

        while (postfix_word(&classes, &word)) {
            envelope = envelope || slice_ieq(word, SLICE("envelope_sender"));
            header = header || slice_ieq(word, SLICE("header_sender"));
        }
        if (postfix_get(c->p, NULL, rewriting[i].maps).n == 0 || (!envelope && !header))
            continue;
        f = findings_add(
            c->findings, PF_CANONICAL, postfix_place(c->p, NULL, rewriting[i].maps, place),
            "%s rewrites senders when a message is queued: postern judges the envelope sender before that%s",
            rewriting[i].maps,
            header ? ", and From after it, for clients whose headers are rewritten "
                     "(local_header_rewrite_clients): one address has two names"
                   : "");
        command_generic(c, rewriting[i].maps, f);
    }
}

void postfix_check_main(const struct postfix_check *c)
{
    check_idle(c);
    check_local_milter(c);
    check_submission(c);
    check_soft_bounce(c);
    check_queue_ids(c);
    check_rewriting(c);
}
