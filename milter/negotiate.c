#include "milter/negotiate.h"

#include <stddef.h>

/*
 * Asked for by name, since an operator's milter_mail_macros would otherwise decide whether a login is seen at all. TLS
 * is asked for with MAIL: with HELO it would be missing for a client that says STARTTLS and no second EHLO. Stages that
 * are not here send none: a packet of macros costs libmilter as much as a command.
 */
static const struct {
    int stage;
    const char *macros;
} macro_lists[] = {
    {SMFIM_ENVFROM, "{mail_addr} {auth_authen} {auth_type} {tls_version} {client_addr}"},
    {SMFIM_EOM, "i"},
};

/*
 * Not wanted: DATA, unknown commands, the end of the header. CONNECT, header fields and bodies need no answer.
 * libmilter plays the missing part itself for an MTA that cannot leave the answers out.
 *
 * Header fields are always wanted: whether a rule looks at them may change with a reload, and sessions stay.
 */
#define STEPS                                                                                                          \
    (SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_NOEOH | SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NR_BODY)

static sfsistat ask_for_macros(SMFICTX *ctx)
{
    for (size_t i = 0; i < sizeof macro_lists / sizeof macro_lists[0]; i++)
        if (smfi_setsymlist(ctx, macro_lists[i].stage, (char *)macro_lists[i].macros) != MI_SUCCESS)
            return SMFIS_REJECT;
    return SMFIS_CONTINUE;
}

sfsistat negotiate(SMFICTX *ctx, bool bodies, unsigned long actions, unsigned long steps, unsigned long *want_actions,
                   unsigned long *want_steps)
{
    unsigned long unwanted = STEPS;
    sfsistat answer = SMFIS_CONTINUE;

    /* Quarantine always, though only a limit with then = "hold" uses it: a reload may bring one, and sessions stay. */
    *want_actions = actions & (SMFIF_QUARANTINE | SMFIF_SETSYMLIST);
    if (!bodies)
        unwanted |= SMFIP_NOBODY;
    if ((actions & SMFIF_SETSYMLIST) != 0) {
        unwanted |= SMFIP_NOHELO;
        answer = ask_for_macros(ctx);
    }
    *want_steps = unwanted & steps;
    return answer;
}
