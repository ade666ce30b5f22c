/* The subject of "postern block" and "unblock": a user, client, network or connector, as people name it. */
#ifndef POSTERN_CORE_REPORT_SUBJECT_H
#define POSTERN_CORE_REPORT_SUBJECT_H

#include "core/decide/decide.h"

struct subject {
    enum limit_key_part part; /* PER_USER, PER_LOGIN, PER_CLIENT, PER_CLIENT_NET or PER_CONNECTOR */
    struct network network;   /* PER_CLIENT_NET */
    struct submission submission;
    struct verdict verdict;                        /* its identity is what the decision knows about the user */
    struct block block;                            /* key, prefix and subject are set */
    char name[sizeof((struct block *)0)->subject]; /* subject_of_block: the name, as it was typed */
};

/*
 * One word, that is an address, a network, a connector's name or a login; or two, as "postern blocks" shows them: "user
 * sean@contoso.example". 0, or -1 with e. The words must outlive the subject. It is large: keep it off the stack.
 */
int subject_parse(const struct decide_context *c, int n, char **words, struct subject *out, struct error *e);

/* Whose it is: the connector's tenant, or the one whose mailboxes alone have the name, or whose login it is; NULL:
 * nobody's, or that of several. */
const char *subject_tenant(const struct decide_context *c, const struct subject *subject);
/* The subject of a block, from its text; out->block gets the key that such a block has with the context's secret. 0; -1
 * with e: its name was cut, or it is a connector that is not in the configuration any more. */
int subject_of_block(const struct decide_context *c, const struct block *block, struct subject *out, struct error *e);
/* Its tenant; NULL as above, or without memory. */
const char *block_tenant(const struct decide_context *c, const struct block *block);

/* Resets the counters that led to a block: that of its limit, that of earlier blocks, and, if it only defers, what the
 * subject sent in the last hour and day. Where there are other relays (files_share_state) their counters are reset,
 * too, and the block is lifted there. */
void subject_forgive(struct counters *counters, struct habits *habits, const struct decide_context *c,
                     const struct subject *subject, const struct block *block);

/* What the subject sent in the last hour and day is usual from now on, here and on the other relays. */
void subject_accept(struct counters *counters, struct habits *habits, const struct decide_context *c,
                    const struct subject *subject);

#endif
