#include "milter/negotiate.h"

/*
 * Asked for by name, since an operator's milter_mail_macros would otherwise decide whether a login is seen at all. TLS
 * is asked for with MAIL: with HELO it would be missing for a client that says STARTTLS and no second EHLO. Stages that
 * are not here send none: a packet of macros costs libmilter as much as a command. What came with DATA is still there
 * at the end of the message; a message that has no queue id there will have no end (session.h).
 */
#define MAIL_MACROS                                                                                                    \
    "{mail_addr} {auth_authen} {auth_type} {tls_version} {client_addr} {opMode} {cert_subject} {cn_subject} {verify}"
#define LATE_MACROS "i"

/*
 * Not wanted: unknown commands. CONNECT, header fields and the end of the header need no answer. libmilter plays the
 * missing part itself for an MTA that cannot leave the answers out.
 *
 * DATA is answered, for Postfix holds back what needs no answer: where nothing follows that does (session_clear), DATA
 * would come together with the end of the connection, and libmilter drops what it has not read by then (mi_rd_cmd).
 *
 * Header fields are always wanted: whether a rule looks at them may change with a reload, and sessions stay. So is the
 * end of the header, though nothing happens there: libmilter knows no way from DATA to the end of a message that has no
 * header field but through it, and would leave the MTA without an answer (engine.c, next_states).
 *
 * A piece of the body is answered, since an MTA may send the last one together with the end of the message, and
 * libmilter asks us about the end only when we answered the piece (st_bodyend).
 */
#define STEPS (SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NR_EOH)

static sfsistat ask_for_macros(SMFICTX *ctx)
{
    if (smfi_setsymlist(ctx, SMFIM_ENVFROM, (char *)MAIL_MACROS) != MI_SUCCESS ||
        smfi_setsymlist(ctx, SMFIM_DATA, (char *)LATE_MACROS) != MI_SUCCESS)
        return SMFIS_REJECT;
    return SMFIS_CONTINUE;
}

sfsistat negotiate(SMFICTX *ctx, bool bodies, unsigned long actions, unsigned long steps, unsigned long *want_actions,
                   unsigned long *want_steps)
{
    unsigned long unwanted = STEPS;
    sfsistat answer = SMFIS_CONTINUE;

    /* Always, though only a limit with then = "hold" and sender.add_missing_from use them: a reload may bring these,
     * and sessions stay. */
    *want_actions = actions & (SMFIF_ADDHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST);
    if (!bodies)
        unwanted |= SMFIP_NOBODY;
    if ((actions & SMFIF_SETSYMLIST) != 0) {
        unwanted |= SMFIP_NOHELO;
        answer = ask_for_macros(ctx);
    }
    *want_steps = unwanted & steps;
    return answer;
}
