#include "core/decide/sender_forms.h"

#include "core/base/buf.h"

/* ---- sub-addresses ---- */

static bool is_separator(const struct sender_config *config, char c)
{
    return c != '\0' && strchr(config->separator, c) != NULL;
}

/* Where the n-th (from 1) sub-address begins; 0: there are fewer. The first character never begins one. */
static size_t cut_at(const struct sender_config *config, struct slice local, unsigned n)
{
    for (size_t i = 1; i < local.n; i++)
        if (is_separator(config, local.p[i]) && --n == 0)
            return i;
    return 0;
}

static unsigned cuts_of(const struct sender_config *config, const struct address *a)
{
    unsigned n = 0;

    if (address_needs_quotes(a))
        return 0;
    while (n < SENDER_CUTS_MAX && cut_at(config, address_local(a), n + 1) > 0)
        n++;
    return n;
}

/* ---- BATV and SRS ---- */

static struct slice rest_behind(struct slice s, size_t n)
{
    return (struct slice){s.p + n, s.n - n};
}

/* "prvs=TAG=" and "btv1==TAG==": what comes after the tag. */
static bool cut_batv(struct slice local, struct slice *core)
{
    static const struct {
        struct slice begin, end;
    } forms[] = {{{"prvs=", 5}, {"=", 1}}, {{"btv1==", 6}, {"==", 2}}};
    struct slice tag;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (!slice_starts_with(local, forms[i].begin) ||
            !slice_cut(rest_behind(local, forms[i].begin.n), '=', &tag, core) || tag.n == 0)
            continue;
        if (forms[i].end.n == 1)
            return core->n > 0;
        if (!slice_starts_with(*core, SLICE("=")))
            continue;
        *core = rest_behind(*core, 1);
        return core->n > 0;
    }
    return false;
}

/* Behind "srs0" and "srs1" a separator of any of three kinds. */
static bool cut_srs_separator(struct slice *s)
{
    if (s->n == 0 || strchr("=+-", s->p[0]) == NULL)
        return false;
    *s = rest_behind(*s, 1);
    return true;
}

/* "HHH=TT=domain=local" of the address that mail was first sent from. */
static bool cut_srs(struct slice local, struct slice *domain, struct slice *user)
{
    bool again = slice_starts_with(local, SLICE("srs1"));
    struct slice rest = local;

    if (!again && !slice_starts_with(local, SLICE("srs0")))
        return false;
    rest = rest_behind(local, 4);
    if (!cut_srs_separator(&rest))
        return false;
    /* Forwarded again: a hash and the first forwarder come first. */
    if (again &&
        (!slice_cut(rest, '=', NULL, &rest) || !slice_cut(rest, '=', NULL, &rest) || !cut_srs_separator(&rest)))
        return false;
    return slice_cut(rest, '=', NULL, &rest) && slice_cut(rest, '=', NULL, &rest) &&
           slice_cut(rest, '=', domain, user) && domain->n > 0 && user->n > 0;
}

static bool join(struct slice local, struct slice domain, struct address *out)
{
    char text[ADDRESS_MAX + 1];
    struct buf b = BUF_OVER(text);

    buf_add(&b, local);
    buf_add_char(&b, '@');
    buf_add(&b, domain);
    return !b.full && address_parse_internal(buf_slice(&b), out) == ADDRESS_OK;
}

/* Unwraps BATV and SRS, even if nested. */
static bool unwrap_sender(struct sender_forms *f)
{
    struct address inner;
    struct slice core, domain, user;
    bool any = false;

    if (cut_batv(address_local(&f->whole), &core) && join(core, address_domain(&f->whole), &inner)) {
        f->whole = inner;
        any = true;
    }
    if (cut_srs(address_local(&f->whole), &domain, &user) && join(user, domain, &inner)) {
        f->whole = inner;
        f->forwarded = any = true;
    }
    return any;
}

/* ---- all of them ---- */

void sender_forms_start(struct sender_forms *f, const struct sender_config *config, const struct address *sender,
                        enum sender_place place)
{
    f->config = config;
    f->place = place;
    f->begun = f->forwarded = false;
    f->unwrapped = place == SENDER_IN_HEADER;
    f->cut = 0;
    address_copy(sender, &f->whole);
}

/* The next place to cut, from the longest name to the shortest; "sean.+tag" leaves nothing that is an address. */
static bool next_cut(struct sender_forms *f, struct address *out)
{
    struct address shorter;

    while (f->cut > 0) {
        struct slice local = address_local(&f->whole);

        local.n = cut_at(f->config, local, f->cut--);
        if (join(local, address_domain(&f->whole), &shorter)) {
            address_copy(&shorter, out);
            return true;
        }
    }
    return false;
}

bool sender_forms_next(struct sender_forms *f, struct address *out)
{
    if (f->whole.n == 0)
        return false;
    for (;;) {
        if (!f->begun) {
            f->begun = true;
            f->cut = cuts_of(f->config, &f->whole);
            address_copy(&f->whole, out);
            return true;
        }
        if (next_cut(f, out))
            return true;
        if (f->unwrapped)
            return false;
        f->unwrapped = true;
        if (!unwrap_sender(f))
            return false;
        f->begun = false;
    }
}

void sender_plain(const struct sender_config *config, const struct address *sender, struct address *out)
{
    struct sender_forms f;

    address_copy(sender, out);
    sender_forms_start(&f, config, sender, SENDER_IN_ENVELOPE);
    while (sender_forms_next(&f, out))
        continue;
}
