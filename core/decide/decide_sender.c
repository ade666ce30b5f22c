/* Step 5 of the decision: envelope sender and header addresses must belong to who sends. */
#include "core/decide/decide_steps.h"
#include "core/decide/sender_forms.h"

/* How an address belongs to the login. */
enum belongs {
    BELONGS_NOT,
    BELONGS_UNCLAIMED, /* no mailbox has the address: as a sub-address it may still be somebody's */
    BELONGS_OWN,
    BELONGS_ON_BEHALF,
    BELONGS_DAMAGED
};

/*
 * May the mailbox send from an address that these mailboxes claim? When several do, each must agree: the stricter
 * verdict holds. Claims by UPN, alias or account name don't count, since one cannot send from those.
 */
static enum belongs judge_claims(const struct deciding *d, const struct mailbox_ref *mailbox,
                                 const struct mailbox_ref *refs, unsigned n)
{
    enum belongs answer = BELONGS_UNCLAIMED;

    for (unsigned i = 0; i < n; i++) {
        unsigned rights = 0;

        if ((refs[i].identity & IDENTITY_IS_ADDRESS) == 0)
            continue;
        if (memcmp(&refs[i].id, &mailbox->id, sizeof mailbox->id) == 0) {
            answer = answer == BELONGS_UNCLAIMED ? BELONGS_OWN : answer;
            continue;
        }
        if (directory_rights(d->c->view, mailbox->tenant, &mailbox->id, &refs[i].id, &rights) == DIRECTORY_DAMAGED)
            return BELONGS_DAMAGED;
        if ((rights & RIGHT_SEND_AS) != 0)
            answer = answer == BELONGS_UNCLAIMED ? BELONGS_OWN : answer;
        else if ((rights & RIGHT_SEND_ON_BEHALF) != 0)
            answer = BELONGS_ON_BEHALF;
        else
            return BELONGS_NOT;
    }
    return answer;
}

/* Has the mailbox the right to send as a group or mail user with this address? */
static enum belongs belongs_to_recipient(const struct deciding *d, const struct mailbox_ref *mailbox,
                                         const struct address *a)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;
    enum directory_result found = directory_recipients(d->c->view, mailbox->tenant, address_slice(a), refs, &n);

    if (found == DIRECTORY_DAMAGED)
        return BELONGS_DAMAGED;
    return found == DIRECTORY_FOUND ? judge_claims(d, mailbox, refs, n) : BELONGS_UNCLAIMED;
}

static enum belongs belongs_exactly(const struct deciding *d, const struct mailbox_ref *mailbox,
                                    const struct address *a)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;
    enum directory_result found;
    enum belongs answer;

    /* The usual case costs no look-up: people send from the address that they sign in with. */
    if (d->v->identity.n_claims == 1 && (mailbox->identity & IDENTITY_IS_ADDRESS) != 0 &&
        slice_eq(address_slice(a), address_slice(&d->v->identity.address)))
        return BELONGS_OWN;
    found = directory_by_address(d->c->view, mailbox->tenant, address_slice(a), refs, &n);
    if (found == DIRECTORY_DAMAGED)
        return BELONGS_DAMAGED;
    answer = found == DIRECTORY_FOUND ? judge_claims(d, mailbox, refs, n) : BELONGS_UNCLAIMED;
    return answer == BELONGS_UNCLAIMED ? belongs_to_recipient(d, mailbox, a) : answer;
}

/* Is the domain one of the tenant's or the connector's own? What a forwarder wraps must stay in one, too. */
static enum belongs in_own_domain(const struct deciding *d, const struct address *sender)
{
    switch (domain_is_internal(d, address_domain(sender))) {
    case DIRECTORY_FOUND:
        return BELONGS_OWN;
    case DIRECTORY_NOT_FOUND:
        return BELONGS_NOT;
    default:
        return BELONGS_DAMAGED;
    }
}

/* Of the addresses that the sender may stand for, the first one that somebody has decides. */
static enum belongs belongs_to(const struct deciding *d, const struct mailbox_ref *mailbox, const struct address *a,
                               enum sender_place place)
{
    enum belongs answer = BELONGS_UNCLAIMED;
    struct sender_forms forms;
    struct address form;

    sender_forms_start(&forms, &d->c->config->sender, a, place);
    while (answer == BELONGS_UNCLAIMED && sender_forms_next(&forms, &form))
        answer = belongs_exactly(d, mailbox, &form);
    if (forms.forwarded && (answer == BELONGS_OWN || answer == BELONGS_ON_BEHALF)) {
        enum belongs outside = in_own_domain(d, a);

        return outside == BELONGS_OWN ? answer : outside;
    }
    return answer == BELONGS_UNCLAIMED ? BELONGS_NOT : answer;
}

/* Is it the address of a mailbox of the login's tenant, or of a group or mail user? */
static enum belongs is_a_mailbox(const struct deciding *d, const struct address *a)
{
    const struct tenant_facts *tenant = d->v->identity.tenant;
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    enum directory_result found;
    unsigned n = 0;

    if (tenant == NULL || d->c->view == NULL)
        return BELONGS_UNCLAIMED;
    found = directory_by_address(d->c->view, tenant->tenant, address_slice(a), refs, &n);
    if (found == DIRECTORY_NOT_FOUND)
        found = directory_recipients(d->c->view, tenant->tenant, address_slice(a), refs, &n);
    switch (found) {
    case DIRECTORY_FOUND:
        return BELONGS_NOT;
    case DIRECTORY_NOT_FOUND:
        return BELONGS_UNCLAIMED;
    default:
        return BELONGS_DAMAGED;
    }
}

/* Without a mailbox in the directory (on premises, or unlisted and allowed) the login's own address is all there is. */
static enum belongs belongs_to_login(const struct deciding *d, const struct address *a, enum sender_place place)
{
    const struct address *own = &d->v->identity.address;
    struct sender_forms forms;
    struct address form;

    sender_forms_start(&forms, &d->c->config->sender, a, place);
    while (own->n > 0 && sender_forms_next(&forms, &form)) {
        enum belongs others;

        if (slice_eq(address_slice(&form), address_slice(own)))
            return forms.forwarded ? in_own_domain(d, a) : BELONGS_OWN;
        if ((others = is_a_mailbox(d, &form)) != BELONGS_UNCLAIMED)
            return others;
    }
    return BELONGS_NOT;
}

static enum belongs belongs(const struct deciding *d, const struct address *a, enum sender_place place)
{
    const struct identity *id = &d->v->identity;
    enum belongs weakest = BELONGS_OWN;

    if (id->n_claims == 0)
        return belongs_to_login(d, a, place);
    for (unsigned i = 0; i < id->n_claims; i++) {
        enum belongs one = belongs_to(d, &id->claims[i], a, place);

        if (one == BELONGS_NOT || one == BELONGS_DAMAGED)
            return one;
        if (one == BELONGS_ON_BEHALF)
            weakest = one;
    }
    return weakest;
}

/* Is the exception, which is at place i + 1 of the users, for this login? */
static enum directory_result is_for(const struct deciding *d, const struct sender_exception *exception, size_t i)
{
    const struct config *config = d->c->config;
    const struct list *names =
        exception->of == EXCEPT_USER ? config->sender.exception_users : config->groups[exception->group].members;
    struct list_place place = {NULL, 0};
    enum directory_result named = identity_listed(d->c, d->s, &d->v->identity, names, LISTED_TO_PERMIT, &place);

    return exception->of == EXCEPT_USER && named == DIRECTORY_FOUND && place.line != i + 1 ? DIRECTORY_NOT_FOUND
                                                                                           : named;
}

/* May the login send as one of the addresses that the sender may stand for, because an exception lists that? */
static enum belongs excepted_as(const struct deciding *d, const struct address *form)
{
    const struct sender_config *config = &d->c->config->sender;

    for (size_t i = 0; i < config->n_exceptions; i++) {
        enum directory_result named;

        if (!list_has_sender(config->exceptions[i].senders, form, NULL))
            continue;
        named = is_for(d, &config->exceptions[i], i);
        if (named != DIRECTORY_NOT_FOUND)
            return named == DIRECTORY_FOUND ? BELONGS_OWN : BELONGS_DAMAGED;
    }
    return BELONGS_NOT;
}

static enum belongs connected_as(const struct deciding *d, const struct address *form)
{
    return list_has_sender(d->v->identity.connector->senders, form, NULL) ? BELONGS_OWN : BELONGS_NOT;
}

/*
 * Is the sender listed, itself or as one of the addresses that it may stand for? The first one that is listed, or that
 * somebody has, decides: if "anna@" is listed, a mailbox "anna-maria@" is still another one.
 */
static enum belongs listed(const struct deciding *d, const struct address *a, enum sender_place place,
                           enum belongs (*is_listed)(const struct deciding *, const struct address *))
{
    enum directory_result found = DIRECTORY_NOT_FOUND;
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct sender_forms forms;
    struct address form;
    unsigned n;

    sender_forms_start(&forms, &d->c->config->sender, a, place);
    while (found == DIRECTORY_NOT_FOUND && sender_forms_next(&forms, &form)) {
        enum belongs answer = is_listed(d, &form);

        if (answer != BELONGS_NOT)
            return answer == BELONGS_OWN && forms.forwarded ? in_own_domain(d, a) : answer;
        found = address_mailboxes(d->c, &form, refs, &n);
    }
    return found == DIRECTORY_DAMAGED ? BELONGS_DAMAGED : BELONGS_NOT;
}

static enum belongs by_rule_in(const struct deciding *d, enum sender_rule rule, const struct address *a,
                               enum sender_place place)
{
    enum belongs answer;

    if (rule == SENDER_ANY)
        return BELONGS_OWN;
    answer = rule == SENDER_OWN ? belongs(d, a, place) : in_own_domain(d, a);
    if (answer == BELONGS_NOT || answer == BELONGS_ON_BEHALF) {
        enum belongs except = d->c->config->sender.n_exceptions > 0 ? listed(d, a, place, excepted_as) : BELONGS_NOT;

        answer = except == BELONGS_NOT ? answer : except;
    }
    return answer;
}

static enum belongs by_rule(const struct deciding *d, enum sender_rule rule, const struct address *a)
{
    return by_rule_in(d, rule, a, SENDER_IN_HEADER);
}

/*
 * The null sender is for reports about mail, which go to one recipient (RFC 5321 4.5.5, RFC 8098 3). A receipt that was
 * asked for at two addresses, or a scanner's mail to three, goes to each in a message of its own: were the second
 * refused for good, a part would be delivered and a part lost.
 */
static bool null_sender(struct deciding *d, bool reports)
{
    enum mode mode = d->c->config->sender.mode;

    if (reports && recipient_counts(d).different <= 1)
        return false;
    return refuse(d, reports && d->s->stage == STAGE_RCPT ? REASON_EXCESS_RECIPIENT : REASON_NULL_SENDER, mode);
}

static bool envelope_of_login(struct deciding *d)
{
    const struct sender_config *config = &d->c->config->sender;
    enum belongs answer;

    if (d->s->sender_result == ADDRESS_NULL)
        return config->null_sender != NULL_ALLOW && null_sender(d, config->null_sender == NULL_DSN);
    if (config->envelope == SENDER_ANY)
        return false;
    if (d->s->sender_result != ADDRESS_OK)
        return refuse(d, REASON_SENDER_BAD, config->mode);
    answer = by_rule_in(d, config->envelope, &d->s->sender, SENDER_IN_ENVELOPE);
    if (answer == BELONGS_DAMAGED)
        return refuse(d, REASON_DIRECTORY_DAMAGED, config->mode);
    trace_add(d->trace, "sender: %s", answer == BELONGS_OWN ? "permitted" : "not permitted");
    return answer == BELONGS_OWN ? false : refuse(d, REASON_SENDER_NOT_OWN, config->mode);
}

static enum belongs connector_may_use(const struct deciding *d, const struct address *a, enum sender_place place)
{
    return d->v->identity.connector->senders == NULL ? BELONGS_OWN : listed(d, a, place, connected_as);
}

static bool envelope_of_connector(struct deciding *d)
{
    const struct connector_config *connector = d->v->identity.connector;
    enum mode mode = d->c->config->sender.mode;
    enum belongs answer;

    if (d->s->sender_result == ADDRESS_NULL)
        return null_sender(d, connector->null_sender);
    if (connector->senders == NULL)
        return false;
    if (d->s->sender_result != ADDRESS_OK)
        return refuse(d, REASON_SENDER_BAD, mode);
    answer = connector_may_use(d, &d->s->sender, SENDER_IN_ENVELOPE);
    if (answer == BELONGS_DAMAGED)
        return refuse(d, REASON_DIRECTORY_DAMAGED, mode);
    return answer == BELONGS_OWN ? false : refuse(d, REASON_CONNECTOR_SENDER, mode);
}

/* ---- the header ---- */

/* A From on somebody's behalf needs a Sender, which is judged like every other address (RFC 5322 3.6.2). */
static bool has_sender_field(const struct headers *headers)
{
    for (size_t i = 0; i < headers->n; i++)
        if (headers->list[i].field == HEADER_SENDER)
            return true;
    return false;
}

/* Refuses for what is wrong with the header, and says in the verdict what that is. */
static bool refuse_header(struct deciding *d, enum reason reason, const char *fault, enum header_field field,
                          struct slice text)
{
    bool first = !d->v->monitored, refused;

    trace_add(d->trace, "header %s: %s", header_field_name(field), fault);
    refused = refuse(d, reason, d->c->config->sender.mode);
    if (refused || (first && d->v->monitored)) {
        d->v->fault = fault;
        d->v->fault_field = field;
        d->v->fault_address = text;
    }
    return refused;
}

static bool refuse_address(struct deciding *d, enum reason reason, const struct header_address *which)
{
    return refuse_header(d, reason, "not permitted", which->field, address_slice(&which->address));
}

/* Why the sender of the message is ambiguous, or NULL. */
static const char *what_is_unreadable(const struct headers *headers)
{
    if (headers->bad != NULL)
        return headers->bad;
    if (headers->from_fields == 0)
        return "no such field";
    for (size_t i = 0; i < headers->n; i++)
        if (headers->list[i].field == HEADER_FROM)
            return NULL;
    return "no address";
}

static bool refuse_unreadable(struct deciding *d, const char *fault)
{
    const struct headers *headers = d->s->headers;

    return refuse_header(d, REASON_FROM_BAD, fault, headers->bad != NULL ? headers->bad_field : HEADER_FROM,
                         (struct slice){headers->bad_text, headers->bad != NULL ? headers->bad_n : 0});
}

/* ---- a message without From ---- */

#define ADDED_FROM_MAX 900 /* bytes: no line of a header is broken that is shorter (RFC 5322 2.1.1: 998) */

/* A character of an atom (RFC 5322 3.2.3). */
static bool is_atext(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Can it be in a header as it is, and do all readers read it in the same way? */
static bool is_plain_in_header(const struct address *a)
{
    struct slice local = address_local(a);
    bool after_dot = true;

    if (a->n > ADDED_FROM_MAX)
        return false;
    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == '.' ? after_dot : !is_atext(local.p[i]))
            return false;
        after_dot = local.p[i] == '.';
    }
    return !after_dot;
}

/*
 * Printers and scripts leave From out, and Exchange Online puts the envelope sender there. So does the milter, where
 * the message has nothing that any reader could take for a From, and the sender can be written in one.
 */
static bool lacks_from_only(const struct deciding *d)
{
    const struct headers *headers = d->s->headers;

    return d->c->config->sender.add_missing_from && headers->bad == NULL && headers->from_fields == 0 &&
           !headers->from_possible && d->s->sender_result == ADDRESS_OK && is_plain_in_header(&d->s->sender);
}

static void add_from(struct deciding *d)
{
    if (in_monitor_mode(d, d->c->config->sender.mode))
        d->v->would_add_from = true;
    else
        d->v->add_from = &d->s->sender;
    trace_add(d->trace, "header From: none; the envelope sender %s added",
              d->v->would_add_from ? "would be" : "is to be");
}

static bool header_of_login(struct deciding *d)
{
    const struct headers *headers = d->s->headers;
    const struct sender_config *config = &d->c->config->sender;
    const char *fault;

    if (config->header_from == SENDER_ANY)
        return false;
    fault = what_is_unreadable(headers);
    if (fault != NULL && lacks_from_only(d) && by_rule(d, config->header_from, &d->s->sender) == BELONGS_OWN)
        add_from(d);
    else if (fault != NULL)
        return refuse_unreadable(d, fault);
    for (size_t i = 0; i < headers->n; i++) {
        enum belongs answer = by_rule(d, config->header_from, &headers->list[i].address);

        if (answer == BELONGS_DAMAGED)
            return refuse(d, REASON_DIRECTORY_DAMAGED, config->mode);
        if (answer == BELONGS_ON_BEHALF && headers->list[i].field == HEADER_FROM && has_sender_field(headers))
            continue;
        if (answer != BELONGS_OWN)
            return refuse_address(d, REASON_FROM_NOT_OWN, &headers->list[i]);
    }
    trace_add(d->trace, "header From: permitted");
    return false;
}

static bool header_of_connector(struct deciding *d)
{
    const struct headers *headers = d->s->headers;
    const char *fault;

    if (d->v->identity.connector->senders == NULL)
        return false;
    fault = what_is_unreadable(headers);
    if (fault != NULL && lacks_from_only(d) && connector_may_use(d, &d->s->sender, SENDER_IN_HEADER) == BELONGS_OWN)
        add_from(d);
    else if (fault != NULL)
        return refuse_unreadable(d, fault);
    for (size_t i = 0; i < headers->n; i++) {
        enum belongs answer = connector_may_use(d, &headers->list[i].address, SENDER_IN_HEADER);

        if (answer == BELONGS_DAMAGED)
            return refuse(d, REASON_DIRECTORY_DAMAGED, d->c->config->sender.mode);
        if (answer != BELONGS_OWN)
            return refuse_address(d, REASON_CONNECTOR_FROM, &headers->list[i]);
    }
    return false;
}

/* ---- domains that a tenant has closed for senders ---- */

/*
 * Is the address in one, and does no list of the operator name it? Whoever sends: the domain's own tenant has said that
 * no mail comes from there.
 */
static enum directory_result in_closed_domain(const struct deciding *d, const struct address *a,
                                              enum sender_place place)
{
    const struct identity *id = &d->v->identity;
    enum belongs named = BELONGS_NOT;
    enum directory_result closed = DIRECTORY_NOT_FOUND;

    if (d->c->view != NULL)
        closed = directory_domain_closed(d->c->view, address_domain(a), DOMAIN_NO_SENDER);
    if (closed != DIRECTORY_FOUND)
        return closed;
    if (id->connector != NULL && id->connector->senders != NULL)
        named = listed(d, a, place, connected_as);
    else if (id->connector == NULL && d->c->config->sender.n_exceptions > 0)
        named = listed(d, a, place, excepted_as);
    return named == BELONGS_NOT ? DIRECTORY_FOUND : named == BELONGS_OWN ? DIRECTORY_NOT_FOUND : DIRECTORY_DAMAGED;
}

static bool envelope_domain(struct deciding *d)
{
    enum mode mode = d->c->config->sender.mode;

    if (d->s->sender_result != ADDRESS_OK)
        return false;
    switch (in_closed_domain(d, &d->s->sender, SENDER_IN_ENVELOPE)) {
    case DIRECTORY_FOUND:
        trace_add(d->trace, "sender: its domain has SendingFromDomainDisabled");
        return refuse(d, REASON_SENDER_DOMAIN, mode);
    case DIRECTORY_DAMAGED:
        return refuse(d, REASON_DIRECTORY_DAMAGED, mode);
    default:
        return false;
    }
}

static bool header_domains(struct deciding *d)
{
    const struct headers *headers = d->s->headers;

    for (size_t i = 0; i < headers->n; i++) {
        const struct header_address *one = &headers->list[i];
        enum directory_result closed = in_closed_domain(d, &one->address, SENDER_IN_HEADER);

        if (closed == DIRECTORY_DAMAGED)
            return refuse(d, REASON_DIRECTORY_DAMAGED, d->c->config->sender.mode);
        if (closed == DIRECTORY_FOUND)
            return refuse_header(d, REASON_FROM_DOMAIN, "its domain has SendingFromDomainDisabled", one->field,
                                 address_slice(&one->address));
    }
    return false;
}

bool step_sender(struct deciding *d)
{
    bool login = d->v->identity.authenticated;

    if ((login ? envelope_of_login(d) : envelope_of_connector(d)) || envelope_domain(d))
        return true;
    if (d->s->headers == NULL || !d->s->headers->seen)
        return false;
    return (login ? header_of_login(d) : header_of_connector(d)) || header_domains(d);
}
