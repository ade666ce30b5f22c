/* What has to change in Postfix's configuration, so that postern is asked first and everywhere. */
#include "cli/setup_postfix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define POLICY_OPTIONS "timeout=20s, { default_action = 451 4.3.5 Policy service unavailable, try again later }"
#define MILTER_OPTIONS "connect_timeout=10s, command_timeout=30s, content_timeout=60s, default_action=tempfail"
#define RELAY_DEFAULT "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"

struct planning {
    const struct postfix_check *c;
    struct setup_plan *plan;
    struct buf notes;
};

static void add_step(struct planning *x, const char *option, const char *why, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void add_step(struct planning *x, const char *option, const char *why, const char *format, ...)
{
    struct setup_step *step = &x->plan->steps[x->plan->n];
    va_list args;
    int n;

    if (x->plan->n == SETUP_STEPS_MAX) {
        x->plan->overflow = true;
        return;
    }
    va_start(args, format);
    n = vsnprintf(step->setting, sizeof step->setting, format, args);
    va_end(args);
    x->plan->overflow = x->plan->overflow || n < 0 || (size_t)n >= sizeof step->setting;
    step->option = option;
    step->why = why;
    for (size_t i = 0; i < x->plan->n; i++)
        if (strcmp(x->plan->steps[i].option, option) == 0 && strcmp(x->plan->steps[i].setting, step->setting) == 0)
            return; /* two services share it */
    x->plan->n++;
}

/* ---- addresses ---- */

/* Does a program accept connections there? 0, or an error number. For TCP that is assumed, since no file shows who
 * listens. */
static int try_listener(const struct listener_config *l)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, why;

    if (l->path == NULL)
        return 0;
    if (strlen(l->path) >= sizeof address.sun_path)
        return ENAMETOOLONG;
    if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
        return errno;
    memcpy(address.sun_path, l->path, strlen(l->path));
    why = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    (void)close(fd);
    return why;
}

/* The first address that is not reserved for a front; one in the queue directory is preferred. */
static void choose(struct planning *x, const struct listener_config *list, size_t n, const char *program, char *out,
                   size_t cap)
{
    const struct listener_config *chosen = NULL;
    int why = 0;

    for (size_t i = 0; i < n; i++) {
        char name[300];

        if (list[i].front.tls != TLS_ANY || list[i].front.method[0] != '\0' || (list[i].path == NULL && !list[i].host))
            continue;
        postfix_name_listener(x->c->p, &list[i], name, sizeof name);
        if (chosen != NULL && !(slice_starts_with(slice_of(name), SLICE("unix:")) && name[5] != '/'))
            continue;
        chosen = &list[i];
        (void)snprintf(out, cap, "%s", name);
    }
    if (chosen != NULL && (why = try_listener(chosen)) == EACCES)
        x->plan->closed = true;
    else if (why != 0) {
        buf_addf(&x->notes, "%s doesn't run (nobody listens at %s): it is left out\n", program, chosen->address);
        *out = '\0';
    }
}

/* Nobody could sign in by a door that does not reach Dovecot. */
static void choose_door(struct planning *x)
{
    const struct sasl_config *sasl = &x->c->config->sasl;
    char why[300];

    choose(x, sasl->listen, sasl->n_listen, "postern-sasl", x->plan->sasl, sizeof x->plan->sasl);
    if (x->plan->sasl[0] == '\0' || postfix_door_upstream(x->c->config, why, sizeof why) != SOCKET_OUT_OF_REACH)
        return;
    buf_addf(&x->notes, "postern-sasl cannot ask Dovecot at %s (%s): it is left out\n", sasl->upstream.path, why);
    x->plan->sasl[0] = '\0';
}

/* ---- lists ---- */

static bool written_in_main(const struct postfix *p, const char *name)
{
    return postfix_last_of(p->raw, p->n_raw, slice_of(name)) != NULL;
}

/* In main.cf, or planned for it. */
static bool is_defined(const struct planning *x, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < x->plan->n; i++)
        if (strcmp(x->plan->steps[i].option, "-e") == 0 && strncmp(x->plan->steps[i].setting, name, n) == 0 &&
            x->plan->steps[i].setting[n] == ' ')
            return true;
    return written_in_main(x->c->p, name);
}

/* "postern_127_0_0_1_587_relay_restrictions": a name for the list of one service. */
static void own_name(const struct postfix_service *service, const char *list, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, SLICE("postern_"));
    for (size_t i = 0; i < service->name.n; i++) {
        char c = service->name.p[i];
        bool plain = (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9');

        buf_add_char(&b, plain ? c : '_');
    }
    buf_add_char(&b, '_');
    buf_add(&b, slice_of(list + strlen("smtpd_")));
}

/*
 * The service's list becomes one with `head` before what it was. What it was is main.cf's, for all such services alike,
 * or the service's own.
 */
static void put_in_front(struct planning *x, const struct postfix_service *service, const char *list, const char *head,
                         const char *why)
{
    const struct postfix *p = x->c->p;
    const struct postfix_setting *own = postfix_last_of(service->raw, service->n_raw, slice_of(list));
    const struct postfix_setting *general = postfix_last_of(p->raw, p->n_raw, slice_of(list));
    struct slice rest = own != NULL ? own->value : general != NULL ? general->value : postfix_get(p, NULL, list);
    char name[200];

    if (own != NULL)
        own_name(service, list, name, sizeof name);
    else
        (void)snprintf(name, sizeof name, "postern_%s", list + strlen("smtpd_"));
    /* What is in main.cf already, from an earlier run or by hand, is kept. */
    if (own != NULL || !written_in_main(p, name))
        add_step(x, "-e", why, "%s = %s%s%.*s", name, head, rest.n > 0 ? ", " : "", SLICE_ARG(rest));
    add_step(x, "-P", why, "%.*s/%.*s/%s=$%s", SLICE_ARG(service->name), SLICE_ARG(service->type), list, name);
}

static bool is_absolute(const char *endpoint)
{
    return strncmp(endpoint, "unix:/", 6) == 0;
}

/* In the place where it is written now: for one service, or for all. */
static void plan_value(struct planning *x, const struct postfix_service *service, const char *name, const char *value,
                       const char *why)
{
    if (slice_eq(postfix_get(x->c->p, service, name), slice_of(value)))
        return;
    if (postfix_last_of(service->raw, service->n_raw, slice_of(name)) != NULL)
        add_step(x, "-P", why, "%.*s/%.*s/%s=%s", SLICE_ARG(service->name), SLICE_ARG(service->type), name, value);
    else
        add_step(x, "-e", why, "%s = %s", name, value);
}

static void plan_door(struct planning *x, const struct postfix_service *service)
{
    static const char why[] = "signs clients in through postern-sasl, which asks Dovecot";

    plan_value(x, service, "smtpd_sasl_type", "dovecot", why);
    plan_value(x, service, "smtpd_sasl_path", x->plan->sasl, why);
}

/* 0; -1 with e when the service cannot do without its chroot, but would have to. */
static int plan_service(struct planning *x, const struct smtpd *s, struct error *e)
{
    const struct setup_plan *plan = x->plan;
    const struct postfix_service *service = s->service;
    bool door = plan->sasl[0] != '\0' && s->logins && !smtpd_asks_door(x->c, s);
    char bound[300];

    if (plan->policyd[0] != '\0' && !smtpd_asks_at(s, AT_RCPT))
        put_in_front(x, service, smtpd_relay_list(x->c, s), "check_policy_service $postern_policy",
                     "asks about each recipient, before anything permits");
    if (plan->policyd[0] != '\0' && !smtpd_asks_at(s, AT_END))
        put_in_front(x, service, "smtpd_end_of_data_restrictions", "check_policy_service $postern_policy",
                     "asks at the end of the message, where it is counted");
    if (plan->milter[0] != '\0' && !smtpd_asks_at(s, AT_MILTER) && !s->milters_off)
        put_in_front(x, service, "smtpd_milters", "$postern_milter", "shows the milter each message, before others");
    if (door)
        plan_door(x, service);
    if ((!is_absolute(plan->policyd) && !is_absolute(plan->milter) && !(door && is_absolute(plan->sasl))) ||
        !postfix_chroots(x->c->p, service))
        return 0;
    if (postfix_bound_to_chroot(x->c->p, service, bound, sizeof bound))
        return error_set(e,
                         "service %s asks at %s, which is in its chroot only, and postern's sockets are outside: give "
                         "postern listeners in the chroot (doc/postfix.md), or name that socket without the first "
                         "slash, which holds in and outside of the chroot",
                         postfix_shown(service->name).text, postfix_shown(slice_of(bound)).text);
    add_step(x, "-F", "the sockets are not in its chroot (doc/postfix.md has the other way)", "%.*s/%.*s/chroot=n",
             SLICE_ARG(service->name), SLICE_ARG(service->type));
    return 0;
}

/* People and applications with a login need a service that takes one. */
static void plan_submission(struct planning *x)
{
    static const char lists[] = " -o smtpd_relay_restrictions=$postern_relay_restrictions"
                                " -o smtpd_end_of_data_restrictions=$postern_end_of_data_restrictions";
    const struct postfix *p = x->c->p;

    for (size_t i = 0; i < p->n_services; i++)
        if (slice_eq(p->services[i].name, SLICE("submission")) || slice_eq(p->services[i].name, SLICE("587"))) {
            buf_addf(&x->notes, "the service submission is there, but takes no logins: smtpd_sasl_auth_enable=yes\n");
            return;
        }
    if (x->plan->policyd[0] != '\0' && !is_defined(x, "postern_relay_restrictions"))
        add_step(x, "-e", "asks about each recipient, before anything permits",
                 "postern_relay_restrictions = check_policy_service $postern_policy, " RELAY_DEFAULT);
    if (x->plan->policyd[0] != '\0' && !is_defined(x, "postern_end_of_data_restrictions"))
        add_step(x, "-e", "asks at the end of the message, where it is counted",
                 "postern_end_of_data_restrictions = check_policy_service $postern_policy");
    add_step(x, "-M", "people and applications, with a login",
             "submission/inet=submission inet n - n - - smtpd -o syslog_name=postfix/submission"
             " -o smtpd_tls_security_level=may -o smtpd_tls_auth_only=yes -o smtpd_sasl_auth_enable=yes"
             " -o smtpd_sasl_type=dovecot -o smtpd_sasl_path=%s"
             " -o smtpd_sasl_security_options=noanonymous%s%s",
             x->plan->sasl[0] != '\0' ? x->plan->sasl : "private/auth", x->plan->policyd[0] != '\0' ? lists : "",
             x->plan->milter[0] == '\0'         ? ""
             : is_defined(x, "postern_milters") ? " -o smtpd_milters=$postern_milters"
                                                : " -o smtpd_milters=$postern_milter");
    buf_addf(&x->notes, "submission needs %s (examples/dovecot/postern.conf) and a certificate (smtpd_tls_cert_file)\n",
             x->plan->sasl[0] != '\0' ? "Dovecot at sasl.upstream" : "a SASL server at private/auth");
}

/* Settings that must hold for all. */
static void plan_main(struct planning *x)
{
    const struct postfix *p = x->c->p;
    struct slice value;

    if (x->plan->policyd[0] != '\0' && !written_in_main(p, "postern_policy"))
        add_step(x, "-e", "where the policy service is; mail waits while nobody answers",
                 "postern_policy = { %s, " POLICY_OPTIONS " }", x->plan->policyd);
    if (x->plan->milter[0] != '\0' && !written_in_main(p, "postern_milter"))
        add_step(x, "-e", "where the milter is; mail waits while nobody answers",
                 "postern_milter = { %s, " MILTER_OPTIONS " }", x->plan->milter);
    if (!postfix_is_yes(p, NULL, "smtpd_delay_reject"))
        add_step(x, "-e", "login and sender are known when postern is asked", "smtpd_delay_reject = yes");
    if (!postfix_is_yes(p, NULL, "enable_long_queue_ids"))
        add_step(x, "-e", "short queue ids come again soon", "enable_long_queue_ids = yes");
    if (postfix_find(p, NULL, "smtpd_forbid_bare_newline", &value) &&
        (slice_ieq(value, SLICE("no")) || slice_ieq(value, SLICE("note"))))
        add_step(x, "-e", "bare line ends smuggle a second message into the first",
                 "smtpd_forbid_bare_newline = normalize");
}

int setup_plan(const struct postfix_check *c, struct setup_plan *plan, struct error *e)
{
    struct planning x = {.c = c, .plan = plan};
    bool logins = false;

    *plan = (struct setup_plan){.n = 0};
    x.notes = BUF_OVER(plan->notes);
    plan->steps = calloc(SETUP_STEPS_MAX + 1, sizeof *plan->steps);
    if (plan->steps == NULL)
        return error_set(e, "out of memory");
    choose(&x, c->config->policyd.listen, c->config->policyd.n_listen, "postern-policyd", plan->policyd,
           sizeof plan->policyd);
    choose(&x, c->config->milter.listen, c->config->milter.n_listen, "postern-milter", plan->milter,
           sizeof plan->milter);
    choose_door(&x);
    if (plan->closed) {
        setup_plan_free(plan);
        return error_set(e, "no permission to connect to postern's sockets, so whether the programs run is not known: "
                            "this needs root");
    }
    if (plan->policyd[0] == '\0' && plan->milter[0] == '\0') {
        setup_plan_free(plan);
        return error_set(e, "neither postern-policyd nor postern-milter runs: all mail would wait. First: systemctl "
                            "enable --now postern-policyd postern-milter");
    }
    plan_main(&x);
    for (size_t i = 0; i < c->p->n_services; i++) {
        struct smtpd s;

        if (!smtpd_look(c, &c->p->services[i], &s) || smtpd_is_way_back(c, &s))
            continue;
        logins = logins || s.logins;
        if (plan_service(&x, &s, e) != 0) {
            setup_plan_free(plan);
            return -1;
        }
    }
    if (!logins)
        plan_submission(&x);
    if (!plan->overflow && !x.notes.full)
        return 0;
    setup_plan_free(plan);
    return error_set(e, "more services or longer lists than this command changes: use the examples by hand");
}

void setup_plan_free(struct setup_plan *plan)
{
    free(plan->steps);
    plan->steps = NULL;
    plan->n = 0;
}
