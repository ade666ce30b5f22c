#include "core/mail/address.h"

#include "core/mail/address_scan.h"
#include "core/mail/local_part.h"

enum address_result address_join(enum address_use use, struct slice local, struct slice domain, struct address *out)
{
    size_t local_n, domain_n;
    bool ok = use == ADDRESS_OF_MAIL ? local_part_of_mail(local, out->text, &local_n)
                                     : local_part_canonical(local, out->text, &local_n);

    if (!ok)
        return address_none(ADDRESS_BAD, out);
    if (domain.p == NULL)
        return address_none(ADDRESS_NO_DOMAIN, out);
    if (!domain_canonical(domain, out->text + local_n + 1, sizeof out->text - local_n - 1, &domain_n))
        return address_none(ADDRESS_BAD, out);
    out->text[local_n] = '@';
    out->local_n = (uint16_t)local_n;
    out->n = (uint16_t)(local_n + 1 + domain_n);
    return ADDRESS_OK;
}

static enum address_result split_parts(enum address_use use, struct slice raw, struct address *out)
{
    const char *at = raw.n > 0 ? memrchr(raw.p, '@', raw.n) : NULL;
    struct slice local = raw, domain = {NULL, 0};

    if (raw.n == 0)
        return address_none(ADDRESS_NULL, out);
    if (at != NULL) {
        local.n = (size_t)(at - raw.p);
        domain = (struct slice){at + 1, raw.n - local.n - 1};
    }
    return address_join(use, local, domain, out);
}

enum address_result address_parse_internal(struct slice raw, struct address *out)
{
    return split_parts(ADDRESS_OF_NAME, raw, out);
}

enum address_result address_parse_envelope(struct slice raw, struct address *out)
{
    return split_parts(ADDRESS_OF_MAIL, raw, out);
}

bool address_needs_quotes(const struct address *a)
{
    for (size_t i = 0; i < a->local_n; i++)
        if (a->text[i] != '.' && !is_atext(a->text[i]))
            return true;
    return false;
}
