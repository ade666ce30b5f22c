/* Steps 1 to 3 of the decision: who is it, is it blocked, is TLS good enough. */
#include "core/decide/blocked.h"
#include "core/decide/decide_steps.h"
#include "core/decide/keys.h"
#include "core/decide/sender_forms.h"

static bool has_text(const struct slice *list, size_t n, struct slice wanted)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(list[i], wanted))
            return true;
    return false;
}

/* The configuration takes precedence over the directory. Sets tenant, tenant_config or neither. */
static enum directory_result tenant_of_domain(const struct deciding *d, struct slice domain, struct identity *id)
{
    const struct config *config = d->c->config;
    struct domain_fact fact;
    enum directory_result found;

    for (size_t i = 0; i < config->n_tenants; i++)
        if (has_text(config->tenants[i].domains, config->tenants[i].n_domains, domain)) {
            id->tenant_config = &config->tenants[i];
            id->tenant = directory_tenant_named(d->c->view, slice_of(id->tenant_config->name));
            return id->tenant != NULL ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
        }
    found = directory_domain(d->c->view, domain, &fact);
    if (found != DIRECTORY_FOUND)
        return found;
    if (fact.ambiguous) {
        trace_add(d->trace, "who: the domain is claimed by more than one tenant");
        return DIRECTORY_NOT_FOUND;
    }
    id->tenant = directory_tenant(d->c->view, fact.tenant);
    return id->tenant != NULL ? DIRECTORY_FOUND : DIRECTORY_DAMAGED;
}

/* For logins without a domain: the configured default tenant, or the only one that there is. */
static void default_tenant(const struct deciding *d, struct identity *id)
{
    const struct config *config = d->c->config;

    if (config->default_tenant != NULL) {
        id->tenant_config = config_tenant(config, slice_of(config->default_tenant));
        id->tenant = directory_tenant_named(d->c->view, slice_of(config->default_tenant));
    } else {
        id->tenant = directory_only_tenant(d->c->view);
    }
}

/* DOMAIN\name: by tenants.netbios only. A domain without a tenant is never the default tenant's. */
static void tenant_of_netbios(const struct deciding *d, struct slice netbios, struct identity *id)
{
    const struct config *config = d->c->config;

    for (size_t i = 0; i < config->n_tenants; i++)
        if (has_text(config->tenants[i].netbios, config->tenants[i].n_netbios, netbios)) {
            id->tenant_config = &config->tenants[i];
            id->tenant = directory_tenant_named(d->c->view, slice_of(config->tenants[i].name));
        }
}

static enum directory_result find_tenant(const struct deciding *d, const struct login *login, struct identity *id)
{
    enum directory_result result = DIRECTORY_FOUND;

    if (id->address.n > 0)
        result = tenant_of_domain(d, address_domain(&id->address), id);
    else if (login->kind == LOGIN_NETBIOS)
        tenant_of_netbios(d, login_netbios(login), id);
    else
        default_tenant(d, id);
    if (id->tenant == NULL)
        return result == DIRECTORY_DAMAGED ? DIRECTORY_DAMAGED : DIRECTORY_NOT_FOUND;
    if (id->tenant_config == NULL)
        id->tenant_config = config_tenant(d->c->config, slice_of(id->tenant->name));
    return DIRECTORY_FOUND;
}

struct slice tenant_domain(const struct decide_context *c, const struct identity *id)
{
    if (id->tenant_config != NULL && id->tenant_config->n_domains > 0)
        return id->tenant_config->domains[0];
    return id->tenant != NULL ? directory_tenant_domain(c->view, id->tenant->tenant) : (struct slice){NULL, 0};
}

static bool complete_address(const struct decide_context *c, const struct login *login, const struct identity *id,
                             struct address *out)
{
    struct slice account = login_account(login), domain = tenant_domain(c, id);
    char text[ADDRESS_MAX + 1];
    struct buf b = BUF_OVER(text);

    if (account.n == 0 || domain.n == 0)
        return false;
    buf_add(&b, account);
    buf_add_char(&b, '@');
    buf_add(&b, domain);
    return !b.full && address_parse_internal(buf_slice(&b), out) == ADDRESS_OK;
}

bool identity_complete(const struct decide_context *c, const struct login *login, struct identity *id)
{
    id->completed = complete_address(c, login, id, &id->address);
    return id->completed;
}

_Static_assert(LOGIN_NAME_PRIMARY == IDENTITY_PRIMARY && LOGIN_NAME_PROXY == IDENTITY_PROXY &&
                   LOGIN_NAME_UPN == IDENTITY_UPN && LOGIN_NAME_ALIAS == IDENTITY_ALIAS &&
                   LOGIN_NAME_ACCOUNT == IDENTITY_ACCOUNT,
               "smtp_auth.login_names is a set of IDENTITY_ bits");

/* Leaves those that claim the login by a name that counts (smtp_auth.login_names). */
static enum directory_result by_login_names(const struct deciding *d, enum directory_result found,
                                            struct mailbox_ref *claims, unsigned *n)
{
    unsigned kept = 0;

    if (found != DIRECTORY_FOUND)
        return found;
    for (unsigned i = 0; i < *n; i++)
        if ((claims[i].identity & d->c->config->smtp_auth.login_names) != 0)
            claims[kept++] = claims[i];
    *n = kept;
    return kept > 0 ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
}

/* What the operator has mapped a login to is its mailbox by whichever address. */
static enum directory_result by_address(const struct deciding *d, const struct identity *id, const struct address *a,
                                        struct mailbox_ref *claims, unsigned *n)
{
    enum directory_result found = directory_by_address(d->c->view, id->tenant->tenant, address_slice(a), claims, n);

    return id->mapped ? found : by_login_names(d, found, claims, n);
}

/* One more that claims the login, unless it is there. False: there are too many. */
static bool add_claim(struct identity *id, const struct mailbox_ref *claim)
{
    for (unsigned i = 0; i < id->n_claims; i++)
        if (memcmp(&id->claims[i].id, &claim->id, sizeof claim->id) == 0)
            return true;
    if (id->n_claims == DIRECTORY_CLAIMS_MAX)
        return false;
    id->claims[id->n_claims++] = *claim;
    return true;
}

/*
 * An alias or account name that is also what stands in front of the "@" of another mailbox's address names two people:
 * whoever signs in with it may be either, so that both must agree.
 */
static enum directory_result add_namesakes(const struct deciding *d, const struct login *login, struct identity *id)
{
    struct mailbox_ref claims[DIRECTORY_CLAIMS_MAX];
    enum directory_result found;
    struct address address;
    unsigned n = 0;

    if (!complete_address(d->c, login, id, &address))
        return DIRECTORY_FOUND;
    found = by_address(d, id, &address, claims, &n);
    for (unsigned i = 0; found == DIRECTORY_FOUND && i < n; i++)
        if (!add_claim(id, &claims[i]))
            return DIRECTORY_DAMAGED;
    return found == DIRECTORY_DAMAGED ? DIRECTORY_DAMAGED : DIRECTORY_FOUND;
}

/* A name without a domain is an account name or alias, or else the address with that name. */
static enum directory_result find_mailbox(const struct deciding *d, const struct login *login, struct identity *id)
{
    const struct directory_view *view = d->c->view;
    enum directory_result found;

    if (id->address.n == 0) {
        found = directory_by_account(view, id->tenant->tenant, login_account(login), id->claims, &id->n_claims);
        found = by_login_names(d, found, id->claims, &id->n_claims);
        if (found == DIRECTORY_FOUND)
            return add_namesakes(d, login, id);
        if (found != DIRECTORY_NOT_FOUND || !identity_complete(d->c, login, id))
            return found;
    }
    return by_address(d, id, &id->address, id->claims, &id->n_claims);
}

/* Listed as a mailbox that lives on premises, by whichever of its names. */
static enum directory_result on_premises(const struct deciding *d, struct identity *id)
{
    enum directory_result listed =
        identity_listed(d->c, d->s, id, d->c->config->smtp_auth.on_premises, LISTED_TO_PERMIT, NULL);

    id->on_premises = listed == DIRECTORY_FOUND;
    return listed;
}

bool may_be_unlisted(const struct submission *s, const struct identity *id)
{
    struct slice name = id->address.n > 0 ? address_local(&id->address) : login_account(&s->login);

    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] >= 0x80)
            return false;
    return true;
}

/* Invented names must not fill the table: those that are refused anyway share one counter. */
static bool is_let_in(const struct deciding *d, const struct identity *id)
{
    const struct smtp_auth_config *config = &d->c->config->smtp_auth;

    return id->on_premises || (config->unlisted != UNLISTED_REJECT && may_be_unlisted(d->s, id)) ||
           identity_listed(d->c, d->s, id, config->allow, LISTED_TO_PERMIT, NULL) == DIRECTORY_FOUND;
}

static void set_user_key(const struct deciding *d, struct identity *id)
{
    if (id->tenant != NULL)
        id->tenant_hash = hash_slice(d->c->secret, slice_of(id->tenant->name));
    id->login = id->n_claims > 0 ? key_of_login(d->c->secret, &d->s->login) : key_outside(d->c, d->s, id);
    if (id->n_claims > 0)
        id->user = key_of_claims(d->c->secret, id->tenant_hash, id->claims, id->n_claims);
    else
        id->user = is_let_in(d, id) ? id->login : key_of_unlisted(d->c->secret, id->tenant_hash);
}

static bool resolve_login(struct deciding *d, struct identity *id)
{
    const struct login *login = &d->s->login;
    enum mode mode = d->c->config->smtp_auth.mode;
    struct list_place place = {NULL, 0};
    enum directory_result found;

    id->mapped = list_pair(d->c->config->smtp_auth.logins, login, &id->address, &place);
    if (!id->mapped && login->kind == LOGIN_ADDRESS)
        id->address = login->address;
    found = find_tenant(d, login, id);
    if (found == DIRECTORY_FOUND)
        found = find_mailbox(d, login, id);
    else if (found == DIRECTORY_NOT_FOUND && id->address.n == 0)
        (void)identity_complete(d->c, login, id); /* the tenant is configured, but not mirrored yet */
    if (found != DIRECTORY_FOUND)
        id->n_claims = 0;
    if (on_premises(d, id) == DIRECTORY_DAMAGED)
        found = DIRECTORY_DAMAGED;
    set_user_key(d, id);
    trace_who(d, &place);
    if (found == DIRECTORY_DAMAGED)
        return refuse(d, REASON_DIRECTORY_DAMAGED, mode);
    if (id->tenant != NULL || id->on_premises)
        return false;
    return refuse(d, mailboxes_are_known(d) ? REASON_NO_TENANT : REASON_SETTING_UNKNOWN, mode);
}

static bool who_login(struct deciding *d, struct identity *id)
{
    enum mode mode = d->c->config->smtp_auth.mode;

    id->authenticated = true;
    if (d->s->login.kind == LOGIN_BAD) {
        id->user = id->login = key_of_unlisted(d->c->secret, 0);
        return refuse(d, REASON_BAD_LOGIN, mode);
    }
    if (d->c->view == NULL) {
        id->login = key_of_login(d->c->secret, &d->s->login);
        id->user = key_of_unlisted(d->c->secret, 0);
        return refuse(d, REASON_NO_DIRECTORY, mode);
    }
    return resolve_login(d, id);
}

/* A connector by the certificate that the client showed. */
static const struct connector_config *connector_of_ccert(const struct deciding *d)
{
    const struct config *config = d->c->config;
    struct slice fingerprint = {d->s->ccert.fingerprint, d->s->ccert.fingerprint_n};
    struct slice subject = {d->s->ccert.subject, d->s->ccert.subject_n};

    for (size_t i = 0; (fingerprint.n > 0 || subject.n > 0) && i < config->n_connectors; i++) {
        const struct connector_config *connector = &config->connectors[i];

        if ((fingerprint.n > 0 &&
             has_text(connector->ccert_fingerprints, connector->n_ccert_fingerprints, fingerprint)) ||
            (subject.n > 0 && has_text(connector->ccert_subjects, connector->n_ccert_subjects, subject)))
            return connector;
    }
    return NULL;
}

/* Or by the network that it is in. */
static const struct connector_config *connector_of_client(const struct deciding *d)
{
    const struct config *config = d->c->config;
    unsigned connector;

    if (!d->s->has_client || config->connector_map == NULL ||
        !network_map_find(config->connector_map, &d->s->client, &connector))
        return NULL;
    return &config->connectors[connector];
}

/* No login: a connector, first by what the client has proved. One that names a tenant counts among that tenant's. */
static bool who_connector(struct deciding *d, struct identity *id)
{
    id->connector = connector_of_ccert(d);
    if (id->connector == NULL)
        id->connector = connector_of_client(d);
    if (id->connector == NULL)
        return false;
    if (id->connector->tenant != NULL)
        id->tenant_hash = hash_slice(d->c->secret, slice_of(id->connector->tenant));
    trace_add(d->trace, "who: connector %s", id->connector->name);
    return true;
}

bool step_who(struct deciding *d)
{
    struct identity *id = &d->v->identity;

    if (d->s->has_client)
        id->client = key_of_client(d->c, &d->s->client);
    if (d->s->login.kind != LOGIN_NONE)
        return who_login(d, id);
    if (who_connector(d, id))
        return false;
    trace_add(d->trace, "who: no login, and the client belongs to no connector");
    return d->c->config->reject_unauthenticated ? refuse(d, REASON_UNAUTHENTICATED, MODE_ENFORCE) : false;
}

bool step_blocked(struct deciding *d)
{
    uint64_t until_ns;
    bool defers;

    if (!keys_blocked(d->c, d->s, &d->v->identity, &until_ns, &defers)) {
        trace_add(d->trace, "blocked: no");
        return false;
    }
    trace_blocks(d);
    d->v->retry_ns = until_ns == BLOCK_FOREVER ? 0 : until_ns - d->c->now_ns;
    return refuse(d, defers ? REASON_HELD_BACK : REASON_BLOCKED, MODE_ENFORCE);
}

enum directory_result address_mailboxes(const struct decide_context *c, const struct address *a,
                                        struct mailbox_ref *refs, unsigned *n)
{
    enum directory_result found;
    struct domain_fact fact;

    *n = 0;
    if (c->view == NULL)
        return DIRECTORY_NOT_FOUND;
    found = directory_domain(c->view, address_domain(a), &fact);
    if (found != DIRECTORY_FOUND)
        return found;
    return fact.ambiguous ? DIRECTORY_NOT_FOUND : directory_by_address(c->view, fact.tenant, address_slice(a), refs, n);
}

enum directory_result sender_mailboxes(const struct decide_context *c, const struct address *sender,
                                       struct mailbox_ref *refs, unsigned *n)
{
    enum directory_result found = DIRECTORY_NOT_FOUND;
    struct sender_forms forms;
    struct address form;

    *n = 0;
    sender_forms_start(&forms, &c->config->sender, sender, SENDER_IN_ENVELOPE);
    while (found == DIRECTORY_NOT_FOUND && sender_forms_next(&forms, &form))
        found = address_mailboxes(c, &form, refs, n);
    return found;
}

/* Is it a mailbox of any tenant that Exchange Online restricts, by whatever it stands for? */
static enum directory_result sender_restricted(const struct deciding *d, const struct address *sender)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;
    enum directory_result found = sender_mailboxes(d->c, sender, refs, &n);

    if (found != DIRECTORY_FOUND)
        return found;
    for (unsigned i = 0; i < n; i++)
        if (refs[i].restricted && (refs[i].identity & IDENTITY_IS_ADDRESS) != 0)
            return DIRECTORY_FOUND;
    return DIRECTORY_NOT_FOUND;
}

bool step_restricted(struct deciding *d)
{
    const struct identity *id = &d->v->identity;
    bool own = d->s->sender_result == ADDRESS_OK && id->n_claims > 0 &&
               slice_eq(address_slice(&d->s->sender), address_slice(&id->address));

    for (unsigned i = 0; i < id->n_claims; i++)
        if (id->claims[i].restricted)
            return refuse(d, REASON_RESTRICTED, MODE_ENFORCE);
    /* Most people send from the address that they sign in with: no second look-up for those. */
    if (d->c->view == NULL || d->s->sender_result != ADDRESS_OK || own || d->s->stage < STAGE_MAIL)
        return false;
    switch (sender_restricted(d, &d->s->sender)) {
    case DIRECTORY_FOUND:
        return refuse(d, REASON_RESTRICTED, MODE_ENFORCE);
    case DIRECTORY_DAMAGED:
        return refuse(d, REASON_DIRECTORY_DAMAGED, MODE_ENFORCE);
    default:
        return false;
    }
}

static bool tls_old(enum tls_version version, enum tls_minimum minimum)
{
    static const enum tls_version least[] = {
        [TLS_ANY] = TLS_NONE, [TLS_1_0] = TLS_V1_0, [TLS_1_1] = TLS_V1_1, [TLS_1_2] = TLS_V1_2, [TLS_1_3] = TLS_V1_3};

    return version != TLS_NONE && version < least[minimum];
}

bool step_tls(struct deciding *d)
{
    const struct identity *id = &d->v->identity;
    const struct tls_config *rule = id->connector != NULL        ? &id->connector->tls
                                    : d->s->listener_tls != NULL ? d->s->listener_tls
                                                                 : &d->c->config->tls;

    trace_add(d->trace, "TLS: %s, %s", tls_version_name(d->s->tls), rule->required ? "required" : "not required");
    if (rule->required && d->s->tls == TLS_NONE)
        return refuse(d, REASON_TLS_REQUIRED, d->c->config->tls_mode);
    if (!tls_old(d->s->tls, rule->minimum))
        return false;
    /* Exchange Online's reply names 1.0 and 1.1: it is true only where both are refused. */
    return refuse(d,
                  rule->minimum >= TLS_1_2 && (d->s->tls == TLS_V1_0 || d->s->tls == TLS_V1_1) ? REASON_TLS_TOO_OLD
                                                                                               : REASON_TLS_BELOW,
                  d->c->config->tls_mode);
}
