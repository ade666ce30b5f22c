/*
 * Any bytes as a path, an address of an envelope or of a directory in internal form, a domain, a login and a proxy
 * address: no crash, and what comes out is canonical, which is to say that every parser for it gives it back unchanged.
 */
#include "core/decide/sender_forms.h"
#include "core/mail/address_scan.h"
#include "core/mail/local_part.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistr.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct address *a, const struct address *b)
{
    assert(a->local_n == b->local_n && slice_eq(address_slice(a), address_slice(b)));
}

/* What mail and names have in common. */
static void check_parts(const struct address *a, size_t local_max)
{
    char domain[256];
    size_t n;

    assert(a->n <= ADDRESS_MAX && a->local_n >= 1 && a->local_n <= local_max && a->n - a->local_n - 1 <= 255);
    assert(a->text[a->n] == '\0' && a->text[a->local_n] == '@');
    assert(u8_check((const uint8_t *)a->text, a->n) == NULL);
    for (size_t i = 0; i < a->n; i++) {
        unsigned char c = (unsigned char)a->text[i];

        assert(c >= 0x20 && c != 0x7f && (c < 'A' || c > 'Z') && c != '\\' && c != '"');
        assert(c != '@' || i == a->local_n);
        assert((c < 0x80 && c != ' ') || i < a->local_n);
    }
    assert(domain_canonical(address_domain(a), domain, sizeof domain, &n));
    assert(slice_eq((struct slice){domain, n}, address_domain(a)));
}

/* Of mail: the parser of envelopes gives it back unchanged, and so does a path with all of the local part in quotes. */
static void check_mail(const struct address *a)
{
    char path[ADDRESS_MAX + 4];
    struct address again;

    check_parts(a, LOCAL_PART_MAX);
    assert(address_parse_envelope(address_slice(a), &again) == ADDRESS_OK);
    check_same(a, &again);
    path[0] = '"';
    memcpy(path + 1, a->text, a->local_n);
    path[a->local_n + 1] = '"';
    memcpy(path + a->local_n + 2, a->text + a->local_n, (size_t)(a->n - a->local_n));
    assert(address_parse_path((struct slice){path, a->n + 2u}, &again) == ADDRESS_OK);
    check_same(a, &again);
}

static void check_canonical(const struct address *a)
{
    struct address again;

    check_mail(a);
    check_parts(a, LOCAL_NAME_MAX);
    for (size_t i = 0; i < a->n; i++)
        assert(a->text[i] != ' ' && memchr("()<>[]:;,", a->text[i], 9) == NULL);
    assert(address_parse_internal(address_slice(a), &again) == ADDRESS_OK);
    check_same(a, &again);
    assert(address_parse_path(address_slice(a), &again) == ADDRESS_OK);
    check_same(a, &again);
    assert(address_parse_envelope(address_slice(a), &again) == ADDRESS_OK);
    check_same(a, &again);
}

/* What a sender may stand for is canonical, is few, and in a header field is in the sender's own domain. */
static void check_forms(const struct address *a, enum sender_place place)
{
    static const struct sender_config config = {.separator = "+-=_#"};
    struct sender_forms forms;
    struct address form, last;
    unsigned n = 0;

    sender_forms_start(&forms, &config, a, place);
    while (sender_forms_next(&forms, &form)) {
        assert(++n <= 2 * (SENDER_CUTS_MAX + 1));
        check_canonical(&form);
        assert(form.n <= a->n && (place == SENDER_IN_ENVELOPE || slice_eq(address_domain(&form), address_domain(a))));
        last = form;
    }
    assert(n > 0);
    sender_plain(&config, a, &form);
    if (place == SENDER_IN_ENVELOPE)
        check_same(&form, &last);
}

static void check_none(const struct address *a)
{
    assert(a->n == 0 && a->local_n == 0 && a->text[0] == '\0');
}

/* What the internal form accepts, a path in brackets accepts too, and the case of ASCII letters changes nothing. */
static void check_spellings(struct slice raw, const struct address *internal)
{
    char *spelling = malloc(raw.n + 2);
    struct address a;

    assert(spelling != NULL);
    spelling[0] = '<';
    memcpy(spelling + 1, raw.p, raw.n);
    spelling[raw.n + 1] = '>';
    assert(address_parse_path((struct slice){spelling, raw.n + 2}, &a) == ADDRESS_OK);
    check_same(&a, internal);
    for (size_t i = 1; i <= raw.n; i++)
        if (spelling[i] >= 'a' && spelling[i] <= 'z')
            spelling[i] = (char)(spelling[i] - 'a' + 'A');
    assert(address_parse_internal((struct slice){spelling + 1, raw.n}, &a) == ADDRESS_OK);
    check_same(&a, internal);
    free(spelling);
}

static void check_login(struct slice raw)
{
    struct login l, again;

    login_parse(raw, &l);
    assert((l.kind == LOGIN_NONE) == (raw.n == 0));
    assert((l.kind == LOGIN_ADDRESS) == (l.address.n > 0));
    assert((l.kind == LOGIN_ACCOUNT || l.kind == LOGIN_NETBIOS) == (l.account_n > 0));
    assert((l.kind == LOGIN_NETBIOS) == (l.netbios_n > 0));
    assert(l.account[l.account_n] == '\0' && l.netbios[l.netbios_n] == '\0');
    assert(memchr(l.account, '?', l.account_n) == NULL && memchr(l.address.text, '?', l.address.n) == NULL);
    assert((l.kind == LOGIN_ADDRESS) == (memchr(raw.p, '@', raw.n) != NULL && memchr(raw.p, '?', raw.n) == NULL &&
                                         address_parse_internal(raw, &again.address) == ADDRESS_OK));
    if (l.kind == LOGIN_ADDRESS) {
        check_canonical(&l.address);
        check_same(&l.address, &again.address);
    }
    if (l.kind == LOGIN_ACCOUNT) {
        login_parse(login_account(&l), &again);
        assert(again.kind == LOGIN_ACCOUNT && slice_eq(login_account(&l), login_account(&again)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice raw = {(const char *)data, size};
    char domain[256], domain_again[256];
    enum address_result internal;
    enum proxy_kind proxy;
    struct address a, b;
    size_t n, n_again;

    internal = address_parse_internal(raw, &a);
    if (internal == ADDRESS_OK) {
        check_canonical(&a);
        check_spellings(raw, &a);
        check_forms(&a, SENDER_IN_ENVELOPE);
        check_forms(&a, SENDER_IN_HEADER);
    } else {
        check_none(&a);
    }
    if (address_parse_path(raw, &b) == ADDRESS_OK)
        check_mail(&b);
    else
        check_none(&b);
    if (address_parse_envelope(raw, &b) == ADDRESS_OK)
        check_mail(&b);
    else
        check_none(&b);
    assert(internal != ADDRESS_OK || slice_eq(address_slice(&a), address_slice(&b)));
    if (domain_canonical(raw, domain, sizeof domain, &n)) {
        assert(domain_canonical((struct slice){domain, n}, domain_again, sizeof domain_again, &n_again));
        assert(n == n_again && memcmp(domain, domain_again, n) == 0 && strlen(domain) == n);
    }
    check_login(raw);
    proxy = proxy_parse(raw, &b);
    if (proxy == PROXY_PRIMARY || proxy == PROXY_SMTP)
        check_canonical(&b);
    else
        check_none(&b);
    assert(internal != ADDRESS_OK || (proxy == PROXY_SMTP && slice_eq(address_slice(&a), address_slice(&b))));
    return 0;
}
