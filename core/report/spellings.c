#include "core/report/spellings.h"

#include "core/decide/decide_steps.h"
#include "core/decide/keys.h"

#include <stdlib.h>

/* What the mail path makes of one name. */
struct reading {
    struct submission submission;
    struct verdict verdict;
};

/* Who it is. The key is the one that the login has where it has no mailbox; 0: it can be no login. */
static uint64_t read_name(const struct decide_context *c, struct slice name, struct reading *r)
{
    struct deciding d = {.c = c, .s = &r->submission, .v = &r->verdict};
    struct identity *id = &r->verdict.identity;

    memset(r, 0, sizeof *r);
    r->submission.stage = STAGE_MAIL;
    r->submission.login_text = name;
    login_parse(name, &r->submission.login);
    if (r->submission.login.kind == LOGIN_NONE || r->submission.login.kind == LOGIN_BAD)
        return 0;
    (void)step_who(&d);
    if (c->view == NULL)
        return key_of_login(c->secret, &r->submission.login);
    return key_without_mailbox(c, &r->submission, id);
}

static void set_account(struct spellings *out, struct slice account)
{
    if (account.n == 0 || account.n >= sizeof out->account)
        return;
    memcpy(out->account, account.p, account.n);
    out->account_n = (uint16_t)account.n;
}

static bool has_netbios(const struct tenant_config *tenant, struct slice netbios)
{
    for (size_t i = 0; i < tenant->n_netbios; i++)
        if (slice_eq(tenant->netbios[i], netbios))
            return true;
    return false;
}

/* With one of the tenant's NetBIOS names in front, is it the same login? */
static bool same_in_tenant(const struct decide_context *c, const struct tenant_config *tenant,
                           const struct spellings *s, uint64_t key, struct reading *r)
{
    char text[2 * sizeof s->account + 2];
    struct buf b = BUF_OVER(text);

    if (tenant->n_netbios == 0)
        return false;
    if (c->view == NULL)
        return r->submission.login.kind == LOGIN_NETBIOS && has_netbios(tenant, login_netbios(&r->submission.login));
    buf_add(&b, tenant->netbios[0]);
    buf_add_char(&b, '\\');
    buf_add(&b, (struct slice){s->account, s->account_n});
    return !b.full && read_name(c, buf_slice(&b), r) == key;
}

bool spellings_of(const struct decide_context *c, struct slice login, struct spellings *out)
{
    struct reading *r = malloc(sizeof *r);
    uint64_t key;

    *out = (struct spellings){.tenant = -1};
    if (r == NULL || (key = read_name(c, login, r)) == 0) {
        free(r);
        return false;
    }
    out->has_mailbox = r->verdict.identity.n_claims > 0;
    out->address = r->submission.login.kind == LOGIN_ADDRESS && c->view == NULL ? r->submission.login.address
                                                                                : r->verdict.identity.address;
    if (out->address.n == 0 && r->verdict.identity.n_claims > 0 &&
        identity_complete(c, &r->submission.login, &r->verdict.identity))
        out->address = r->verdict.identity.address;
    set_account(out, out->address.n > 0 ? address_local(&out->address) : login_account(&r->submission.login));
    if (out->account_n > 0) {
        for (size_t i = 0; i < c->config->n_tenants && out->tenant < 0; i++)
            if (same_in_tenant(c, &c->config->tenants[i], out, key, r))
                out->tenant = (int32_t)i;
        out->alone = read_name(c, (struct slice){out->account, out->account_n}, r) == key;
    }
    free(r);
    return true;
}

void spelled_read(const struct config *config, struct slice login, struct spelled *out)
{
    login_parse(login, &out->login);
    out->mapped = list_pair(config->smtp_auth.logins, &out->login, &out->address, NULL);
    if (!out->mapped)
        out->address = out->login.address;
}

bool spellings_have(const struct config *config, const struct spellings *s, const struct spelled *login)
{
    struct slice account = {s->account, s->account_n};

    if (login->mapped || login->login.kind == LOGIN_ADDRESS)
        return s->address.n > 0 && slice_eq(address_slice(&s->address), address_slice(&login->address));
    if (account.n == 0 || !slice_eq(account, login_account(&login->login)))
        return false;
    if (login->login.kind == LOGIN_ACCOUNT)
        return s->alone;
    return login->login.kind == LOGIN_NETBIOS && s->tenant >= 0 && (size_t)s->tenant < config->n_tenants &&
           has_netbios(&config->tenants[s->tenant], login_netbios(&login->login));
}
