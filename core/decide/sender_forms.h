/*
 * The addresses that a sender may stand for: itself, without a sub-address (RFC 5233), and in an envelope without what
 * software puts around the address of a mailbox so that reports come back to it:
 *
 *   prvs=TAG=anna@contoso.example            BATV (draft-levine-smtp-batv)      anna@contoso.example
 *   btv1==TAG==anna@contoso.example          the same, as Barracuda writes it   anna@contoso.example
 *   SRS0=HHH=TT=contoso.example=anna@host    SRS of a forwarder                 anna@contoso.example
 *   SRS1=HHH=x.example==HHH=TT=contoso.example=anna@host                        anna@contoso.example
 *   lists+bounces-guest=adatum.example@contoso.example   VERP behind a separator   lists@contoso.example
 *
 * None of these belongs into a header field, where people would see the literal address.
 */
#ifndef POSTERN_SENDER_FORMS_H
#define POSTERN_SENDER_FORMS_H

#include "core/config/config.h"
#include "core/mail/address.h"

/* How many positions of separators are tried. */
#define SENDER_CUTS_MAX 8

enum sender_place { SENDER_IN_ENVELOPE, SENDER_IN_HEADER };

struct sender_forms {
    const struct sender_config *config;
    struct address whole; /* as it is, or out of its wrapping */
    enum sender_place place;
    bool begun, unwrapped;
    bool forwarded; /* the address was inside of SRS: the domain around it is another */
    unsigned cut;   /* places left to cut at */
};

void sender_forms_start(struct sender_forms *f, const struct sender_config *config, const struct address *sender,
                        enum sender_place place);

/*
 * The next address, the most literal first: the first one that some mailbox has counts. False at the end, and *out is
 * unchanged.
 * With f->forwarded the domain in which the sender was written has a say of its own.
 */
bool sender_forms_next(struct sender_forms *f, struct address *out);

/* The last form: what a sender counts as if no mailbox has any of them. */
void sender_plain(const struct sender_config *config, const struct address *sender, struct address *out);

#endif
