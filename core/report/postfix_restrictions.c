#include "core/report/postfix_restrictions.h"

#include "core/report/postfix_words.h"

static const char *const permits[] = {
    "permit",
    "permit_mynetworks",
    "permit_sasl_authenticated",
    "permit_tls_clientcerts",
    "permit_tls_all_clientcerts",
    "permit_inet_interfaces",
    "permit_auth_destination",
    "permit_mx_backup",
    "permit_dnswl_client",
    "permit_rhswl_client",
};

bool restriction_is_permit(const struct restriction *r)
{
    for (size_t i = 0; i < sizeof permits / sizeof permits[0]; i++)
        if (slice_ieq(r->word, slice_of(permits[i])))
            return true;
    return false;
}

static bool begins(struct slice word, struct slice prefix)
{
    return word.n >= prefix.n && slice_ieq((struct slice){word.p, prefix.n}, prefix);
}

static bool ends(struct slice word, struct slice suffix)
{
    return word.n >= suffix.n && slice_ieq((struct slice){word.p + word.n - suffix.n, suffix.n}, suffix);
}

bool restriction_is_access(const struct restriction *r)
{
    return begins(r->word, SLICE("check_")) && ends(r->word, SLICE("_access"));
}

/* ---- restriction classes ---- */

static bool is_class(const struct restrictions *l, struct slice word)
{
    struct slice rest = postfix_get(l->p, l->service, "smtpd_restriction_classes"), name;

    while (postfix_word(&rest, &name))
        if (slice_ieq(name, word))
            return true;
    return false;
}

static void enter_class(struct restrictions *l, struct slice name, bool warns)
{
    char text[100];
    struct buf b = BUF_OVER(text);

    if (l->depth == CLASS_DEPTH_MAX || name.n >= sizeof text)
        return;
    buf_add(&b, name);
    l->rest[l->depth] = postfix_get(l->p, l->service, text);
    l->warns[l->depth++] = warns;
}

void restrictions_start(struct restrictions *l, const struct postfix *p, const struct postfix_service *service,
                        struct slice list)
{
    *l = (struct restrictions){.p = p, .service = service, .rest = {list}, .depth = 1};
}

bool restrictions_next(struct restrictions *l, struct restriction *r)
{
    bool warns = false;

    while (l->depth > 0) {
        struct slice *rest = &l->rest[l->depth - 1];

        *r = (struct restriction){.warns = warns || l->warns[l->depth - 1]};
        if (!postfix_word(rest, &r->word)) {
            l->depth--;
            warns = false;
        } else if (slice_ieq(r->word, SLICE("warn_if_reject"))) {
            warns = true;
        } else if (is_class(l, r->word)) {
            enter_class(l, r->word, r->warns);
            warns = false;
        } else {
            if (restriction_is_access(r) || slice_ieq(r->word, SLICE("check_policy_service")))
                (void)postfix_word(rest, &r->argument);
            return true;
        }
    }
    return false;
}
