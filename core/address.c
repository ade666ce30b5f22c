#include "core/address.h"

#include "core/address_plain.h"
#include "core/address_scan.h"
#include "core/local_part.h"

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

enum address_result address_split(enum address_use use, struct slice raw, struct address *out)
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
    return address_plain(raw, out) ? ADDRESS_OK : address_split(ADDRESS_OF_NAME, raw, out);
}

enum address_result address_parse_envelope(struct slice raw, struct address *out)
{
    return address_plain(raw, out) ? ADDRESS_OK : address_split(ADDRESS_OF_MAIL, raw, out);
}

static bool needs_quotes(struct slice local)
{
    for (size_t i = 0; i < local.n; i++)
        if (local.p[i] != '.' && !is_atext(local.p[i]))
            return true;
    return false;
}

bool address_without_tag(const struct address *a, char separator, struct address *out)
{
    const char *tag = a->local_n > 1 ? memchr(a->text + 1, separator, a->local_n - 1u) : NULL;
    size_t local_n, tail_n;

    /* A byte of a longer character is no separator. */
    if (tag == NULL || (unsigned char)separator >= 0x80 || needs_quotes(address_local(a)))
        return false;
    local_n = (size_t)(tag - a->text);
    /* "sean.+tag": what is left would be no address. */
    if (a->text[local_n - 1] == '.')
        return false;
    tail_n = (size_t)(a->n - a->local_n) + 1; /* with the terminator */
    memmove(out->text, a->text, local_n);
    memmove(out->text + local_n, a->text + a->local_n, tail_n);
    out->local_n = (uint16_t)local_n;
    out->n = (uint16_t)(local_n + tail_n - 1);
    return true;
}
