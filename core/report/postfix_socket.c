/* Can Postfix's smtpd reach the socket? Looked at as the kernel will: chroot, folders, modes, owner and groups. */
#include "core/report/postfix_check.h"
#include "core/report/text.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#define GROUPS_MAX 64

struct who {
    uid_t uid;
    gid_t groups[GROUPS_MAX];
    int n;
};

/* smtpd runs as mail_owner with all of its groups (Postfix calls initgroups). */
static bool who_is(struct slice name, struct who *who)
{
    char text[64];
    struct buf b = BUF_OVER(text);
    const struct passwd *user;

    buf_add(&b, name);
    user = getpwnam(text);
    if (user == NULL)
        return false;
    who->uid = user->pw_uid;
    who->n = GROUPS_MAX;
    return getgrouplist(text, user->pw_gid, who->groups, &who->n) >= 0;
}

static bool may(const struct who *who, const struct stat *st, unsigned bits)
{
    unsigned mode = (unsigned)st->st_mode;

    if (who->uid == 0)
        return true;
    if (st->st_uid == who->uid)
        return ((mode >> 6) & bits) == bits;
    for (int i = 0; i < who->n; i++)
        if (st->st_gid == who->groups[i])
            return ((mode >> 3) & bits) == bits;
    return (mode & bits) == bits;
}

struct socket_walk {
    char path[1024]; /* of what is in the way */
    struct stat st;
    int why; /* 0; an error number of stat; EPERM where the mode forbids */
};

/* The folders to the socket need search permission, the socket itself write permission (unix(7)). */
static void walk_to_socket(const char *path, const struct who *who, struct socket_walk *w)
{
    struct buf b = BUF_OVER(w->path);
    struct slice part, rest = slice_of(path);
    bool more = true;

    w->why = 0;
    while (more && w->why == 0) {
        more = slice_cut(rest, '/', &part, &rest);
        if (part.n == 0 && b.n > 0)
            continue;
        if (part.n > 0)
            buf_add(&b, part);
        if (stat(b.n > 0 ? w->path : "/", &w->st) != 0)
            w->why = errno;
        else if (!may(who, &w->st, more ? 1 : 2))
            w->why = EPERM;
        else if (more)
            buf_add_char(&b, '/');
    }
}

static void chroot_finding(const struct postfix_check *c, const struct smtpd *s, const struct asking *a,
                           const char *path, const char *place)
{
    struct slice queue = postfix_get(c->p, NULL, "queue_directory");
    const char *name = asked_program(c->config, a->at).name;
    char text[POSTFIX_COMMAND_MAX], bound[300];
    struct buf command = BUF_OVER(text);
    struct finding *f =
        findings_add(c->findings, PF_SOCKET_CHROOT, place,
                     "service %.*s runs chrooted (fifth column \"%.*s\"), so that %.*s means %s, where nothing is",
                     SLICE_ARG(s->service->name), SLICE_ARG(s->service->chroot), SLICE_ARG(a->target.endpoint), path);

    if (postfix_bound_to_chroot(c->p, s->service, bound, sizeof bound)) {
        buf_addf(&command, "leave it there, since it asks at %s, too, which is in its chroot only",
                 postfix_shown(slice_of(bound)).text);
    } else {
        postfix_add_unchroot(&command, c->p, s->service);
        postfix_add_reload(&command, c->p);
        buf_add(&command, SLICE("; or, to keep the chroot"));
    }
    finding_advise(f,
                   "%s: install -d -o postern -g postfix -m 2750 %.*s/postern, a second address "
                   "\"unix:%.*s/postern/%s.sock\" in %s.listen of postern.conf, and unix:postern/%s.sock here",
                   text, SLICE_ARG(queue), SLICE_ARG(queue), name, name, name);
}

/* What was not let through: a folder needs its group's "x", the socket itself also "w". */
static void permission_finding(const struct postfix_check *c, const struct socket_walk *w, const char *path,
                               const char *place)
{
    const char *in_the_way = w->path[0] != '\0' ? w->path : "/";
    char text[POSTFIX_COMMAND_MAX];
    struct buf b = BUF_OVER(text);
    struct slice owner = postfix_get(c->p, NULL, "mail_owner");
    struct finding *f = findings_add(c->findings, PF_SOCKET_PERMISSION, place,
                                     "%s (mode %04o, owner %u, group %u) does not let user %.*s through to %s",
                                     in_the_way, (unsigned)w->st.st_mode & 07777, (unsigned)w->st.st_uid,
                                     (unsigned)w->st.st_gid, SLICE_ARG(owner), path);

    buf_addf(&b, "chgrp %.*s ", SLICE_ARG(owner));
    postfix_add_quoted(&b, slice_of(in_the_way));
    buf_addf(&b, " && chmod %s ", S_ISDIR(w->st.st_mode) ? "g+xs" : "g+rw");
    postfix_add_quoted(&b, slice_of(in_the_way));
    if (!b.full)
        finding_advise(f, "%s", text);
}

static void missing_finding(const struct postfix_check *c, const struct asking *a, const char *path, const char *why,
                            const char *place)
{
    struct finding *f = findings_add(c->findings, PF_SOCKET_MISSING, place, "%s: %s", path, why);

    finding_advise(f, "systemctl enable --now postern-%s", asked_program(c->config, a->at).name);
}

void postfix_check_socket(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    struct slice owner = postfix_get(c->p, NULL, "mail_owner");
    char path[1024], place[POSTFIX_PLACE_MAX], shown[1100];
    struct who who;
    struct socket_walk w;

    if (!endpoint_path(c, s->service, a->target.endpoint, path, sizeof path))
        return;
    if (!who_is(owner, &who)) {
        findings_skip(c->findings, PF_SOCKET_PERMISSION, "Postfix's mail_owner is not a user of this host");
        return;
    }
    (void)postfix_place(c->p, s->service, a->list, place);
    walk_to_socket(path, &who, &w);
    (void)snprintf(shown, sizeof shown, "%s", path);
    if (w.why == 0 && !S_ISSOCK(w.st.st_mode))
        findings_add(c->findings, PF_SOCKET_MISSING, place, "%s is not a socket", shown);
    else if (w.why == EACCES)
        findings_skip(c->findings, PF_SOCKET_PERMISSION,
                      "no permission to look at the socket's folder: run this as root");
    else if (w.why == EPERM)
        permission_finding(c, &w, shown, place);
    else if (w.why != 0 && postfix_chroots(c->p, s->service))
        chroot_finding(c, s, a, shown, place);
    else if (w.why != 0)
        missing_finding(c, a, shown, strerror(w.why), place);
}

enum socket_reach postfix_socket_reach(const char *path, const char *user, char *why, size_t cap)
{
    struct socket_walk w;
    struct who who;

    why[0] = '\0';
    if (!who_is(slice_of(user), &who))
        return SOCKET_UNKNOWN;
    walk_to_socket(path, &who, &w);
    if (w.why == EACCES)
        return SOCKET_UNKNOWN;
    if (w.why == EPERM)
        (void)snprintf(why, cap, "%s (mode %04o, owner %u, group %u) does not let user %s through", w.path,
                       (unsigned)w.st.st_mode & 07777, (unsigned)w.st.st_uid, (unsigned)w.st.st_gid, user);
    else if (w.why != 0)
        (void)snprintf(why, cap, "%s", strerror(w.why));
    else if (!S_ISSOCK(w.st.st_mode))
        (void)snprintf(why, cap, "that is not a socket");
    return why[0] == '\0' ? SOCKET_REACHED : SOCKET_OUT_OF_REACH;
}
