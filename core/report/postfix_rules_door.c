/* Where clients sign in: by postern-sasl, the door before Dovecot, or past it; and what Dovecot itself does to them. */
#include "core/decide/failures.h"
#include "core/report/postfix_check.h"

#include <stdio.h>

#define SASL_PATH_MAX 1024
#define DOOR_USER "postern" /* conf/systemd/postern-sasl.service */

/* A descriptor that a service manager passes in does not say where it is. */
static bool says_where(const struct asked_program *program)
{
    for (size_t i = 0; i < program->n_listen; i++)
        if (program->listen[i].fd < 0)
            return true;
    return false;
}

/* smtpd_sasl_path as other parameters name endpoints: a path without a type is a UNIX socket's (postconf(5)). */
static struct slice sasl_endpoint(struct slice path, char out[SASL_PATH_MAX])
{
    struct buf b = buf_over(out, SASL_PATH_MAX);

    if (!slice_starts_with(path, SLICE("inet:")) && !slice_starts_with(path, SLICE("unix:")))
        buf_add(&b, SLICE("unix:"));
    buf_add(&b, path);
    return buf_slice(&b);
}

/* What smtpd_sasl_path of the service has to be: the first of the door's addresses, or the first in its chroot. */
static bool name_door(const struct postfix_check *c, const struct postfix_service *service, char out[SASL_PATH_MAX])
{
    struct asked_program door = asked_program(c->config, AT_AUTH);
    bool found = false;

    for (size_t i = 0; i < door.n_listen; i++) {
        char name[SASL_PATH_MAX];
        bool outside;

        if (door.listen[i].fd >= 0)
            continue;
        postfix_name_listener(c->p, &door.listen[i], name, sizeof name);
        outside = slice_starts_with(slice_of(name), SLICE("unix:/")) && postfix_chroots(c->p, service);
        if (!found || !outside)
            memcpy(out, name, sizeof name);
        found = true;
        if (!outside)
            break;
    }
    return found;
}

static void check_type(const struct postfix_check *c, const struct smtpd *s)
{
    struct slice type = postfix_get(c->p, s->service, "smtpd_sasl_type");
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    f = findings_add(
        c->findings, PF_PAST_DOOR, postfix_place(c->p, s->service, "smtpd_sasl_type", place),
        "service %s asks %s who signs in, which knows nothing of postern-sasl: what postern forbids is refused "
        "at RCPT only, and nobody sees wrong passwords",
        postfix_shown(s->service->name).text, postfix_shown(type).text);
    finding_set(f, c, s, "smtpd_sasl_type", SLICE("dovecot"));
}

static void check_path(const struct postfix_check *c, const struct smtpd *s, struct slice path, bool meant)
{
    struct asked_program door = asked_program(c->config, AT_AUTH);
    char place[POSTFIX_PLACE_MAX], name[SASL_PATH_MAX];
    struct finding *f;

    (void)postfix_place(c->p, s->service, "smtpd_sasl_path", place);
    if (!meant)
        f = findings_add(
            c->findings, PF_PAST_DOOR, place,
            "service %s signs clients in at %s, past postern-sasl: what postern forbids is refused at RCPT "
            "only, and nobody sees wrong passwords",
            postfix_shown(s->service->name).text, postfix_shown(path).text);
    else
        f = findings_add(c->findings, PF_WRONG_SOCKET, place,
                         "service %s signs clients in at %s, but postern-sasl listens at %s: nobody can sign in",
                         postfix_shown(s->service->name).text, postfix_shown(path).text,
                         door.n_listen > 0 ? postfix_shown(slice_of(door.listen->address)).text : "no address");
    if (name_door(c, s->service, name))
        finding_set(f, c, s, "smtpd_sasl_path", slice_of(name));
    else
        finding_advise(f, "sasl = { listen = \"unix:/run/postern/sasl.sock\"; } in postern.conf, and: systemctl enable "
                          "--now postern-sasl");
}

/* Where smtpd_sasl_path leads, as an asking of the door; its listener is NULL where that is past the door. */
static struct asking sasl_asking(const struct postfix_check *c, const struct smtpd *s, char endpoint[SASL_PATH_MAX])
{
    struct asking asking = {.list = "smtpd_sasl_path", .at = AT_AUTH};

    asking.target.endpoint = sasl_endpoint(postfix_get(c->p, s->service, "smtpd_sasl_path"), endpoint);
    asking.listener = postfix_listener_at(c, asking.target.endpoint, AT_AUTH);
    return asking;
}

bool smtpd_asks_door(const struct postfix_check *c, const struct smtpd *s)
{
    char endpoint[SASL_PATH_MAX];

    return slice_eq(postfix_get(c->p, s->service, "smtpd_sasl_type"), SLICE("dovecot")) &&
           sasl_asking(c, s, endpoint).listener != NULL;
}

void postfix_check_door(const struct postfix_check *c, const struct smtpd *s)
{
    struct asked_program door = asked_program(c->config, AT_AUTH);
    struct slice path = postfix_get(c->p, s->service, "smtpd_sasl_path");
    bool meant = endpoint_names_postern(path);
    char endpoint[SASL_PATH_MAX];
    struct asking asking;

    if (!s->logins || (door.n_listen == 0 && !meant) || (door.n_listen > 0 && !says_where(&door)))
        return;
    asking = sasl_asking(c, s, endpoint);
    if (door.n_listen > 0 && !slice_eq(postfix_get(c->p, s->service, "smtpd_sasl_type"), SLICE("dovecot")))
        check_type(c, s);
    else if (asking.listener == NULL)
        check_path(c, s, path, meant);
    else
        postfix_check_socket(c, s, &asking);
}

/* ---- Dovecot ---- */

enum socket_reach postfix_door_upstream(const struct config *config, char *why, size_t cap)
{
    why[0] = '\0';
    if (config->sasl.n_listen == 0 || config->sasl.upstream.path == NULL)
        return SOCKET_REACHED;
    return postfix_socket_reach(config->sasl.upstream.path, DOOR_USER, why, cap);
}

/* Without it every login gets a 454. */
static void check_upstream(const struct postfix_check *c)
{
    char why[SASL_PATH_MAX];
    enum socket_reach reach = postfix_door_upstream(c->config, why, sizeof why);

    if (reach == SOCKET_UNKNOWN)
        findings_skip(c->findings, PF_DOOR_UPSTREAM, "no permission to look, or no user " DOOR_USER " on this host");
    else if (reach == SOCKET_OUT_OF_REACH)
        findings_add(c->findings, PF_DOOR_UPSTREAM, "",
                     "postern-sasl cannot ask Dovecot at %s (sasl.upstream): %s; every login gets a 454",
                     postfix_shown(slice_of(c->config->sasl.upstream.path)).text, why);
}

/* What "doveconf -n" says of the penalty's socket and of lists of who may not sign in. */
struct dovecot_says {
    bool no_penalty, deny;
};

static struct dovecot_says read_doveconf(struct slice text)
{
    struct dovecot_says says = {.deny = false};
    bool in_penalty = false, in_passdb = false;
    struct slice line, name, value;
    unsigned long long number;

    while (text.n > 0) {
        (void)slice_cut(text, '\n', &line, &text);
        line = slice_trim(line);
        if (slice_starts_with(line, SLICE("passdb")))
            in_passdb = true;
        else if (slice_starts_with(line, SLICE("unix_listener")))
            in_penalty = slice_contains_icase(line, SLICE("anvil-auth-penalty"));
        else if (slice_eq(line, SLICE("}")))
            in_penalty = in_passdb = false;
        else if (slice_cut(line, '=', &name, &value)) {
            says.deny |=
                in_passdb && slice_eq(slice_trim(name), SLICE("deny")) && slice_eq(slice_trim(value), SLICE("yes"));
            says.no_penalty |= in_penalty && slice_eq(slice_trim(name), SLICE("mode")) &&
                               slice_to_u64(slice_trim(value), 0777, &number) && number == 0;
        }
    }
    return says;
}

/*
 * Dovecot delays the next logins of an address from which one failed: 4 s, and 15 s after several different ones. The
 * door has it leave that to limits on failures, where there are any.
 */
static void check_penalty(const struct postfix_check *c)
{
    struct dovecot_says says;
    struct finding *f;

    if (c->p->doveconf == NULL) {
        findings_skip(c->findings, PF_DOVECOT_PENALTY, "doveconf is not here, or cannot read Dovecot's configuration");
        return;
    }
    says = read_doveconf(slice_of(c->p->doveconf));
    if (says.no_penalty)
        return;
    if (says.deny) {
        f = findings_add(
            c->findings, PF_DOVECOT_PENALTY, "",
            "a passdb with deny = yes refuses logins, and each refusal makes the next logins from that address "
            "wait for 4 to 15 seconds: a device that may not send slows its whole office");
        f->severity = SEVERITY_MEDIUM;
    } else if (c->config->sasl.n_listen > 0 && !failures_are_limited(c->config)) {
        f = findings_add(
            c->findings, PF_DOVECOT_PENALTY, "",
            "after a wrong password Dovecot makes the next logins from that address wait, 4 seconds after one and "
            "15 after several: a device with an old one slows its whole office");
        finding_advise(
            f, "preset = \"standard\" in postern.conf: postern's limits on failures take the place of the wait");
    }
}

void postfix_check_dovecot(const struct postfix_check *c)
{
    check_upstream(c);
    check_penalty(c);
}
