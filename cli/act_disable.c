#include "cli/act_disable.h"

#include "core/base/owner.h"
#include "core/base/spool.h"
#include "core/notice/alert.h"
#include "core/report/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/* Until then it must have been taken: a run that failed is begun again after a minute. */
#define TAKEN_S 90

#define NAME_BYTES (ACT_ID_MAX + sizeof ACT_ENDING)

struct folders {
    int requests, replies;
};

static void close_folders(const struct folders *f)
{
    if (f->requests >= 0)
        (void)close(f->requests);
    if (f->replies >= 0)
        (void)close(f->replies);
}

/* 0; -1 with e. close_folders in either case. */
static int open_folders(const char *spool, struct folders *f, struct error *e)
{
    f->replies = -1;
    if ((f->requests = spool_open_private(spool, ALERT_REQUESTS, e)) >= 0)
        f->replies = spool_open_below(f->requests, ALERT_REPLIES, e);
    return f->replies >= 0 ? 0 : error_prefix(e, "%s/" ALERT_REQUESTS, spool);
}

static void name_of(const struct act *act, char out[static NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "%s" ACT_ENDING, act->id);
}

/* ---- asking ---- */

/* malloc'ed; NULL without memory. */
static char *request_of(const struct act *act, const char *tenant, struct slice mailbox)
{
    json_t *json = json_pack("{s:s,s:s,s:I,s:{s:s,s:s%,s:s,s:s,s:s}}", "id", act->id, "event", "disabled", "at",
                             (json_int_t)act->at_s, "facts", "tenant", tenant, "mailbox", mailbox.p, mailbox.n, "act",
                             act->id, "by", act->who, "reason", act->reason);
    char *text = json != NULL ? json_dumps(json, JSON_ENSURE_ASCII) : NULL;

    json_decref(json);
    return text;
}

/* A reply is there where this had been asked for before it was killed. */
static int leave(struct cli *own, const struct act *act, const char *text)
{
    struct folders f;
    char name[NAME_BYTES];
    struct error e;
    int rc = open_folders(own->files.config->spool, &f, &e);

    name_of(act, name);
    if (rc == 0 && !spool_has(f.replies, name) && !spool_has(f.requests, name))
        rc = spool_put(f.requests, name, slice_of(text), &e);
    close_folders(&f);
    return rc == 0 ? CLI_OK : cli_fail(own, "%s", e.text);
}

/* The subject's mailbox, of a tenant where this is allowed. */
static int find_mailbox(struct cli *own, const struct act *act, struct subject *x, struct address *out)
{
    char name[sizeof act->subject];
    char *words[] = {name};
    const struct identity *id = &x->verdict.identity;
    struct decide_context c;
    struct error e;

    memcpy(name, act->subject, sizeof name);
    own->files.leave_root = true;
    if (cli_open_context(own, &c) != 0)
        return CLI_FAILED;
    if (subject_parse(&c, 1, words, x, &e) != 0)
        return cli_fail(own, "%s", e.text);
    if ((x->part != PER_USER && x->part != PER_LOGIN) || id->n_claims != 1 ||
        directory_primary(c.view, id->claims[0].tenant, &id->claims[0].id, out) != DIRECTORY_FOUND)
        return cli_fail(own, "that is not the login of one mailbox of the directory");
    if (id->tenant_config == NULL || !id->tenant_config->exchange.writeback)
        return cli_fail(own, "its tenant has no exchange.writeback = true in %s", own->files.config->file);
    return CLI_OK;
}

int act_disable_ask(struct cli *own, const struct act *act)
{
    struct subject *x = malloc(sizeof *x);
    struct address mailbox = {.n = 0};
    char *text = NULL;
    int status;

    if (x == NULL)
        return cli_fail(own, "out of memory");
    if ((status = find_mailbox(own, act, x, &mailbox)) == CLI_OK) {
        text = request_of(act, x->verdict.identity.tenant_config->name, address_slice(&mailbox));
        status = text != NULL ? leave(own, act, text) : cli_fail(own, "out of memory");
    }
    free(text);
    free(x);
    return status;
}

/* ---- the reply ---- */

static void say(struct act_outcome *out, enum act_state state, const char *text)
{
    struct buf b = BUF_OVER(out->said);

    out->state = state;
    buf_add_printable(&b, slice_of(text));
}

static void take_reply(const struct folders *f, const char *name, struct act_outcome *out)
{
    struct slice first, rest;
    char *text = NULL;
    struct error e;
    size_t n;

    if (spool_get(f->replies, name, ALERT_REPLY_MAX, &text, &n, &e) != 0) {
        say(out, ACT_UNKNOWN, "postern-mirror has taken it, and left no reply: look at the mailbox in Exchange Online");
        return;
    }
    (void)slice_cut((struct slice){text, n}, '\n', &first, &rest);
    say(out, slice_eq(first, SLICE("done")) ? ACT_DONE : ACT_FAILED, rest.n > 0 ? rest.p : "");
    free(text);
    (void)unlinkat(f->replies, name, 0);
}

/* Nobody has taken it. postern-mirror has the folder's lock while it works. */
static bool take_back(const struct folders *f, const char *name, int64_t waited_s, struct act_outcome *out)
{
    bool idle;

    if (waited_s < TAKEN_S)
        return false;
    idle = flock(f->requests, LOCK_EX | LOCK_NB) == 0;
    if (!idle && waited_s < ACT_REPLY_S)
        return false;
    if (unlinkat(f->requests, name, 0) != 0)
        return errno != ENOENT ? (say(out, ACT_UNKNOWN, strerror(errno)), true) : false;
    if (idle)
        say(out, ACT_FAILED,
            "postern-mirror did not take it, so nothing was done: does postern-mirror-respond.path run?");
    else
        say(out, ACT_UNKNOWN,
            "postern-mirror is not done with it, or with what it was asked for before: look at the mailbox in Exchange "
            "Online");
    return true;
}

bool act_disable_ended(const struct config *config, const struct act *act, int64_t waited_s, struct act_outcome *out)
{
    struct owner_visit visit;
    struct folders f;
    char name[NAME_BYTES];
    bool ended = true;
    struct error e;

    if (owner_enter_unshared(config->spool, &visit, &e) != 0) {
        say(out, ACT_UNKNOWN, e.text);
        return true;
    }
    name_of(act, name);
    if (open_folders(config->spool, &f, &e) != 0)
        say(out, ACT_UNKNOWN, e.text);
    else if (spool_has(f.requests, name))
        ended = take_back(&f, name, waited_s, out);
    else
        take_reply(&f, name, out);
    close_folders(&f);
    owner_leave(&visit);
    return ended;
}
