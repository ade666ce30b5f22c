#include "milter/negotiate.h"

/*
 * Asked for by name, since an operator's milter_mail_macros would otherwise decide whether a login is seen at all. TLS
 * is asked for with MAIL: with HELO it would be missing for a client that says STARTTLS and no second EHLO. Stages that
 * are not here send none: a packet of macros costs libmilter as much as a command. What came with DATA is still there
 * at the end of the message.
 */
#define MAIL_MACROS                                                                                                    \
    "{mail_addr} {auth_authen} {auth_type} {tls_version} {client_addr} {cert_subject} {cn_subject} {verify}"
#define LATE_MACROS "i"

/*
 * Not wanted: unknown commands, the end of the header. CONNECT, DATA, header fields and bodies need no answer.
 * libmilter plays the missing part itself for an MTA that cannot leave the answers out.
 *
 * Header fields are always wanted: whether a rule looks at them may change with a reload, and sessions stay.
 */
#define STEPS                                                                                                          \
    (SMFIP_NOUNKNOWN | SMFIP_NOEOH | SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_BODY)

static sfsistat ask_for_macros(SMFICTX *ctx, int late_stage)
{
    if (smfi_setsymlist(ctx, SMFIM_ENVFROM, (char *)MAIL_MACROS) != MI_SUCCESS ||
        smfi_setsymlist(ctx, late_stage, (char *)LATE_MACROS) != MI_SUCCESS)
        return SMFIS_REJECT;
    return SMFIS_CONTINUE;
}

sfsistat negotiate(SMFICTX *ctx, struct wants wants, unsigned long actions, unsigned long steps,
                   unsigned long *want_actions, unsigned long *want_steps)
{
    unsigned long unwanted = STEPS;
    sfsistat answer = SMFIS_CONTINUE;

    /* Quarantine always, though only a limit with then = "hold" uses it: a reload may bring one, and sessions stay. */
    *want_actions = actions & (SMFIF_QUARANTINE | SMFIF_SETSYMLIST);
    if (!wants.bodies)
        unwanted |= SMFIP_NOBODY;
    if (!wants.data)
        unwanted |= SMFIP_NODATA;
    if ((actions & SMFIF_SETSYMLIST) != 0) {
        unwanted |= SMFIP_NOHELO;
        answer = ask_for_macros(ctx, wants.data ? SMFIM_DATA : SMFIM_EOM);
    }
    *want_steps = unwanted & steps;
    return answer;
}
