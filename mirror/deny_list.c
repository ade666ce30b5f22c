#include "mirror/deny_list.h"

#include "core/decide/decide.h"
#include "core/directory/directory_record.h"
#include "mirror/build/sorter.h"
#include "mirror/deny_file.h"
#include "mirror/words.h"

#include <stdlib.h>
#include <time.h>

#define SORT_MEMORY ((size_t)32 << 20) /* bytes; more names are sorted in a scratch file */
#define NAMES_SHOWN 10                 /* in the warnings of a kind; more are counted only */

/* What becomes of a name. */
enum listing {
    LISTED,
    LISTED_IF_ENFORCED,
    UNWRITABLE, /* cannot stand in such a file */
    UNDECIDED,  /* more mailboxes have it than are looked at, or the directory is damaged there: its mail is deferred */
    LISTINGS
};

struct exporting {
    const struct deny_options *o;
    const struct directory_view *view;
    struct decide_context context;
    struct sorter *names;
    struct slice *domains; /* "@contoso.local" of the logins file */
    size_t n_domains;
    uint64_t mailboxes;
    uint64_t n[LISTINGS];      /* different names */
    bool monitored, undecided; /* some are LISTED_IF_ENFORCED, UNDECIDED */
    struct submission submission;
    struct verdict verdict;
};

/* The keys of counters are not used here, so this keeps no secret. */
static const struct hash_secret no_secret;

/* ---- one name ---- */

static int add_name(struct exporting *x, struct slice name, enum listing listing, struct error *e)
{
    char text[2 * ADDRESS_MAX], value;
    struct buf b = BUF_OVER(text);

    if (listing != UNDECIDED && deny_name_add(&b, name))
        name = buf_slice(&b);
    else if (listing != UNDECIDED)
        listing = UNWRITABLE;
    value = (char)listing;
    return sorter_add(x->names, name, (struct slice){&value, 1}, e);
}

/* A stale directory says nothing about who may sign in. */
static int check_age(const struct verdict *v, enum reason reason, struct error *e)
{
    if (reason != REASON_DIRECTORY_STALE)
        return 0;
    return error_set(e,
                     "the directory is older than tenants.max_age allows for %s, and its mail is deferred; the old "
                     "list stays",
                     v->identity.tenant != NULL ? words(slice_of(v->identity.tenant->name)).text : "a tenant");
}

static bool is_claimed_by(const struct identity *id, uint32_t tenant, const struct mailbox_id *mailbox)
{
    for (unsigned i = 0; i < id->n_claims; i++)
        if (id->claims[i].tenant == tenant && memcmp(&id->claims[i].id, mailbox, sizeof *mailbox) == 0)
            return true;
    return false;
}

/* Adds the name if the decision refuses it. m: only if it is also a login of that mailbox; NULL: whoever's it is. */
static int ask(struct exporting *x, struct slice name, uint32_t tenant, const struct mailbox_record *m, struct error *e)
{
    const struct verdict *v = &x->verdict;
    enum reason reason;

    if (name.n == 0)
        return 0;
    x->submission.login_text = name;
    login_parse(name, &x->submission.login);
    if (x->submission.login.kind == LOGIN_NONE || x->submission.login.kind == LOGIN_BAD)
        return 0; /* Postfix has another name for it, and nobody's mailbox is meant */
    decide_smtp_auth(&x->context, &x->submission, &x->verdict);
    reason = v->monitored ? v->monitored_reason : v->reason;
    if (check_age(v, reason, e) != 0)
        return -1;
    if (reason == REASON_DIRECTORY_DAMAGED) {
        x->undecided = true;
        return add_name(x, name, UNDECIDED, e);
    }
    if (m != NULL && !is_claimed_by(&v->identity, tenant, &m->id))
        return 0;
    if (v->action == ACTION_REJECT)
        return add_name(x, name, LISTED, e);
    if (!v->monitored || reason_row(v->monitored_reason)->reply[0] != '5')
        return 0;
    x->monitored = true;
    return add_name(x, name, LISTED_IF_ENFORCED, e);
}

/* ---- the names of a mailbox ---- */

struct names_of {
    uint32_t tenant;
    const struct tenant_config *config; /* NULL: not configured */
    const struct mailbox_record *m;
};

/* "sean", and that behind the tenant's NetBIOS names, with either separator that the decision knows. */
static int ask_account(struct exporting *x, const struct names_of *of, struct slice account, struct error *e)
{
    char text[2 * ADDRESS_MAX];

    if (account.n == 0)
        return 0;
    if (ask(x, account, of->tenant, of->m, e) != 0)
        return -1;
    for (size_t i = 0; of->config != NULL && i < of->config->n_netbios; i++)
        for (const char *separator = "\\/"; *separator != '\0'; separator++) {
            struct buf b = BUF_OVER(text);

            buf_add(&b, of->config->netbios[i]);
            buf_add_char(&b, *separator);
            buf_add(&b, account);
            if (!b.full && ask(x, buf_slice(&b), of->tenant, of->m, e) != 0)
                return -1;
        }
    return 0;
}

/* The address, its local part, and that in the domains that the logins file maps. */
static int ask_address(struct exporting *x, const struct names_of *of, struct slice address, struct error *e)
{
    const char *at = address.n > 0 ? memrchr(address.p, '@', address.n) : NULL;
    char text[2 * ADDRESS_MAX];
    struct slice local;

    if (at == NULL)
        return 0;
    local = (struct slice){address.p, (size_t)(at - address.p)};
    if (ask(x, address, of->tenant, of->m, e) != 0 || ask_account(x, of, local, e) != 0)
        return -1;
    for (size_t i = 0; i < x->n_domains; i++) {
        struct buf b = BUF_OVER(text);

        buf_add(&b, local);
        buf_add(&b, x->domains[i]);
        if (!b.full && ask(x, buf_slice(&b), of->tenant, of->m, e) != 0)
            return -1;
    }
    return 0;
}

static int ask_mailbox(struct exporting *x, const struct names_of *of, struct error *e)
{
    struct slice proxies = of->m->proxies, proxy;

    if (ask_address(x, of, of->m->primary, e) != 0 || ask_address(x, of, of->m->upn, e) != 0 ||
        ask_account(x, of, of->m->alias, e) != 0 || ask_account(x, of, of->m->account, e) != 0)
        return -1;
    while (packed_next(&proxies, &proxy))
        if (ask_address(x, of, proxy, e) != 0)
            return -1;
    return 0;
}

/* ---- all names ---- */

static int ask_tenant(struct exporting *x, const struct tenant_facts *facts, struct error *e)
{
    const struct mailbox_id *after = NULL;
    struct mailbox_id last;
    struct mailbox_record m;
    struct names_of of = {facts->tenant, config_tenant(x->o->config, slice_of(facts->name)), &m};
    enum directory_result result;

    while ((result = directory_next_mailbox(x->view, facts->tenant, after, &m)) == DIRECTORY_FOUND) {
        x->mailboxes++;
        if (ask_mailbox(x, &of, e) != 0)
            return -1;
        last = m.id;
        after = &last;
    }
    return result == DIRECTORY_NOT_FOUND
               ? 0
               : error_set(e, "the directory is damaged; run \"postern-mirror verify\". The old list stays");
}

/* The names of a list of the operator: those that no mailbox has, too. Domains are not names. */
static int ask_list(struct exporting *x, const struct list *list, struct error *e)
{
    struct list_place place;
    struct slice text;
    size_t at = 0;

    while (list != NULL && list_next(list, &at, &text, &place))
        if (text.n > 0 && text.p[0] != '@' && ask(x, text, 0, NULL, e) != 0)
            return -1;
    return 0;
}

static int ask_all(struct exporting *x, struct error *e)
{
    struct directory_totals totals;

    for (uint32_t i = 0; i < directory_tenants(x->view); i++) {
        const struct tenant_facts *facts = directory_tenant(x->view, i);

        if (facts != NULL && ask_tenant(x, facts, e) != 0)
            return -1;
    }
    if (x->mailboxes == 0)
        return error_set(e, "%s: holds no mailboxes yet; the old list stays", words(slice_of(x->o->directory)).text);
    if (ask_list(x, x->o->config->smtp_auth.logins, e) != 0 || ask_list(x, x->o->config->smtp_auth.deny, e) != 0)
        return -1;
    return !x->undecided ? 0 : directory_verify(x->o->directory, &totals, e);
}

/* ---- the file ---- */

static int write_head(const struct exporting *x, struct deny_file *f, struct error *e)
{
    char text[200], when[40] = "?";
    struct buf b = BUF_OVER(text);
    time_t t = (time_t)x->o->now;
    struct tm tm;

    if (gmtime_r(&t, &tm) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
    buf_addf(&b, "Names that may not sign in with a password, by postern-mirror export: generation %llu, %s.",
             (unsigned long long)directory_view_generation(x->view), when);
    if (deny_file_comment(f, buf_slice(&b), e) != 0 ||
        deny_file_comment(f, SLICE("For a passdb of Dovecot with deny = yes. Do not edit: it is written again."), e) !=
            0)
        return -1;
    return !x->monitored
               ? 0
               : deny_file_comment(f, SLICE("Monitor mode: names that would be refused without it are not here."), e);
}

/* The first of a kind; the others are counted. */
static void warn(const struct exporting *x, struct slice name, enum listing listing)
{
    static const char *const said[LISTINGS] = {
        [UNWRITABLE] = "cannot stand in a passwd-file of Dovecot; it can sign in, and postern refuses its mail",
        [UNDECIDED] = "is the name of too many mailboxes; it can sign in, and postern defers its mail"};

    if (said[listing] != NULL && x->n[listing] <= NAMES_SHOWN)
        fprintf(x->o->log, "warning: %s %s\n", words(name).text, said[listing]);
}

/* Sorted, each once. */
static int write_names(struct exporting *x, struct deny_file *f, struct error *e)
{
    char last[2 * ADDRESS_MAX];
    struct buf b = BUF_OVER(last);
    struct slice name, listing;
    int more;

    if (sorter_sort(x->names, e) != 0)
        return -1;
    while ((more = sorter_next(x->names, &name, &listing, e)) == 1) {
        if (slice_eq(name, buf_slice(&b)))
            continue;
        b = BUF_OVER(last);
        buf_add(&b, name);
        x->n[(int)listing.p[0]]++;
        warn(x, name, (enum listing)listing.p[0]);
        if (listing.p[0] == LISTED && deny_file_name(f, name, e) != 0)
            return -1;
    }
    return more;
}

static void report(const struct exporting *x, const struct deny_file *f, bool changed)
{
    fprintf(x->o->out, "%s: %llu names of %llu mailboxes may not sign in with a password (generation %llu)%s\n",
            words(slice_of(x->o->path)).text, (unsigned long long)x->n[LISTED], (unsigned long long)x->mailboxes,
            (unsigned long long)directory_view_generation(x->view), changed ? "" : ", as before");
    for (unsigned i = UNWRITABLE; i <= UNDECIDED; i++)
        if (x->n[i] > NAMES_SHOWN)
            fprintf(x->o->log, "warning: and %llu names more that %s\n", (unsigned long long)(x->n[i] - NAMES_SHOWN),
                    i == UNWRITABLE ? "cannot stand there" : "too many mailboxes have");
    if (x->monitored)
        fprintf(x->o->log,
                "warning: monitor mode: %llu names that would be refused without it are not denied at AUTH either\n",
                (unsigned long long)x->n[LISTED_IF_ENFORCED]);
    if (!deny_file_has_group(f))
        fprintf(
            x->o->log,
            "warning: %s: does not have its folder's group, so Dovecot may not be able to read it, and then refuses "
            "every login; \"chmod g+s\" the folder and run this again\n",
            words(slice_of(x->o->path)).text);
}

static int write_list(struct exporting *x, struct error *e)
{
    struct deny_file *f = NULL;
    int result;

    if (deny_file_begin(x->o->path, &f, e) != 0)
        return -1;
    result = write_head(x, f, e) != 0 || write_names(x, f, e) != 0 ? -1 : deny_file_publish(f, e);
    if (result >= 0)
        report(x, f, result == 1);
    deny_file_close(f);
    return result >= 0 ? 0 : -1;
}

/* ---- the whole ---- */

static int gather_domains(struct exporting *x, struct error *e)
{
    const struct list *logins = x->o->config->smtp_auth.logins;
    struct list_place place;
    struct slice text;
    size_t at = 0;

    while (logins != NULL && list_next(logins, &at, &text, &place)) {
        struct slice *more;

        if (text.n == 0 || text.p[0] != '@')
            continue;
        more = reallocarray(x->domains, x->n_domains + 1, sizeof *more);
        if (more == NULL)
            return error_set(e, "out of memory");
        x->domains = more;
        x->domains[x->n_domains++] = text;
    }
    return 0;
}

static int export_view(const struct deny_options *o, const struct directory_view *view, struct error *e)
{
    struct exporting *x = calloc(1, sizeof *x);
    int result = -1;

    if (x == NULL)
        return error_set(e, "out of memory");
    x->o = o;
    x->view = view;
    x->context = (struct decide_context){.config = o->config, .view = view, .secret = &no_secret, .wall_s = o->now};
    x->submission = (struct submission){.stage = STAGE_MAIL, .mechanism = SLICE("PLAIN")};
    if (sorter_make(o->directory, SORT_MEMORY, &x->names, e) == 0 && gather_domains(x, e) == 0 && ask_all(x, e) == 0)
        result = write_list(x, e);
    sorter_free(x->names);
    free(x->domains);
    free(x);
    return result;
}

int deny_list_export(const struct deny_options *options, struct error *e)
{
    struct directory *directory;
    struct directory_view *view = NULL;
    int result = -1;

    if (directory_open(options->directory, &directory, e) != 0)
        return -1;
    if (directory_refresh(directory, e) < 0)
        goto out;
    view = directory_view_get(directory);
    if (view == NULL) {
        error_set(e, "%s: holds no directory yet; the old list stays", words(slice_of(options->directory)).text);
        goto out;
    }
    result = export_view(options, view, e);
    directory_view_put(directory, view);
out:
    directory_close(directory);
    return result;
}
