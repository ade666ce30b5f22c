/* Logins and proxy addresses of core/mail/address.h. */
#include "core/mail/address.h"
#include "core/mail/address_scan.h"
#include "core/mail/local_part.h"

static bool has(struct slice s, char c)
{
    return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

static enum login_kind parse_netbios(struct slice domain, struct slice account, struct login *out)
{
    size_t domain_n, account_n;

    /* "/" is atext, so a second separator would count as part of a name. */
    if (has(domain, '/') || has(account, '/') || !local_part_canonical(domain, out->netbios, &domain_n) ||
        !local_part_canonical(account, out->account, &account_n))
        return LOGIN_BAD;
    out->netbios_n = (uint16_t)domain_n;
    out->account_n = (uint16_t)account_n;
    return LOGIN_NETBIOS;
}

static enum login_kind parse_account(struct slice raw, struct login *out)
{
    size_t n;

    if (!local_part_canonical(raw, out->account, &n))
        return LOGIN_BAD;
    out->account_n = (uint16_t)n;
    return LOGIN_ACCOUNT;
}

static enum login_kind parse_login(struct slice raw, struct login *out)
{
    struct slice domain, account;

    if (raw.n == 0)
        return LOGIN_NONE;
    if (has(raw, '?'))
        return LOGIN_BAD;
    if (has(raw, '@'))
        return address_parse_internal(raw, &out->address) == ADDRESS_OK ? LOGIN_ADDRESS : LOGIN_BAD;
    if (slice_cut(raw, '\\', &domain, &account) || slice_cut(raw, '/', &domain, &account))
        return parse_netbios(domain, account, out);
    return parse_account(raw, out);
}

void login_parse(struct slice raw, struct login *out)
{
    out->account_n = out->netbios_n = 0;
    (void)address_none(ADDRESS_NULL, &out->address);
    out->kind = parse_login(raw, out);
    /* Leave nothing of a name that turned out to be bad. */
    out->account[out->account_n] = out->netbios[out->netbios_n] = '\0';
}

void login_add(struct buf *b, const struct login *login)
{
    switch (login->kind) {
    case LOGIN_ADDRESS:
        buf_add(b, address_slice(&login->address));
        break;
    case LOGIN_NETBIOS:
        buf_add(b, login_netbios(login));
        buf_add_char(b, '\\');
        buf_add(b, login_account(login));
        break;
    case LOGIN_ACCOUNT:
        buf_add(b, login_account(login));
        break;
    case LOGIN_NONE:
    case LOGIN_BAD:
        break;
    }
}

static bool is_prefix_char(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-';
}

/* Splits "SMTP:sean@contoso.example" into *prefix and *value. */
static bool cut_prefix(struct slice raw, struct slice *prefix, struct slice *value)
{
    if (!slice_cut(raw, ':', prefix, value) || prefix->n == 0)
        return false;
    for (size_t i = 0; i < prefix->n; i++)
        if (!is_prefix_char(prefix->p[i]))
            return false;
    return true;
}

enum proxy_kind proxy_parse(struct slice raw, struct address *out)
{
    struct slice prefix, value;

    if (!cut_prefix(raw, &prefix, &value))
        return address_parse_internal(raw, out) == ADDRESS_OK ? PROXY_SMTP : PROXY_BAD;
    if (!slice_ieq(prefix, SLICE("smtp"))) {
        (void)address_none(ADDRESS_NULL, out);
        return PROXY_OTHER;
    }
    if (address_parse_internal(value, out) != ADDRESS_OK)
        return PROXY_BAD;
    return slice_eq(prefix, SLICE("SMTP")) ? PROXY_PRIMARY : PROXY_SMTP;
}
