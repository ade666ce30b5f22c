/*
 * The MTA's side of the milter protocol, version 6, as Postfix speaks it: for the load generator and for tests that
 * talk to the real program. Packets are collected and leave in one write; a packet is its length (32 bits, network
 * order), a command letter, and data.
 */
#ifndef POSTERN_BENCH_MILTER_WIRE_H
#define POSTERN_BENCH_MILTER_WIRE_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

#define WIRE_ROOM (1 << 17)
#define WIRE_STAGES 7 /* places for macro lists: SMFIM_CONNECT .. SMFIM_EOH */

/* What Postfix 3.7 offers: every action and every step (milter8.c). */
#define WIRE_VERSION 6u
#define WIRE_ACTIONS 0x1ffu
#define WIRE_STEPS 0x1fffffu

struct wire {
    int fd;
    uint32_t actions, steps;      /* what the filter asked for */
    char lists[WIRE_STAGES][256]; /* the macros it asked for at each stage; empty: none */
    size_t out_n, in_n, in_at;
    char out[WIRE_ROOM], in[WIRE_ROOM];
};

struct wire_reply {
    char command;      /* SMFIR_...; 0: the peer closed, or said nothing in time */
    struct slice data; /* valid until the next read */
};

/* Connects to a UNIX socket. NULL with e. The memory is wire_free's. */
struct wire *wire_open(const char *path, struct error *e);
/* Closes without a word, as a killed MTA does. NULL is fine. */
void wire_free(struct wire *w);

/* ---- building ---- */

/* Adds a packet; data may be NULL for none. What doesn't fit is an error of the caller's: abort. */
void wire_packet(struct wire *w, char command, const void *data, size_t n);
/* A packet of terminated strings, each with its NUL, ending with NULL. */
void wire_strings(struct wire *w, char command, const char *const *strings);
/* SMFIC_MACRO for a command: names and values in turn, ending with NULL. */
void wire_macros(struct wire *w, char command, const char *const *pairs);
/* SMFIC_CONNECT. family is SMFIA_...; port in host order; address may be NULL for SMFIA_UNKNOWN. */
void wire_connect(struct wire *w, const char *host, char family, uint16_t port, const char *address);
/* SMFIC_HEADER. */
void wire_header(struct wire *w, const char *name, const char *value);

/* ---- talking ---- */

/* Sends what was collected. 0, or -1 when the peer is gone. */
int wire_flush(struct wire *w);
/* Flushes, then waits for one packet. */
struct wire_reply wire_read(struct wire *w, int timeout_ms);
/* SMFIC_OPTNEG: offers, and remembers what the filter wants. version is WIRE_VERSION, or an older one. 0, or -1. */
int wire_negotiate(struct wire *w, uint32_t version, uint32_t actions, uint32_t steps, int timeout_ms);
/* Does the filter want this step? no_step is SMFIP_NO... */
bool wire_wants(const struct wire *w, uint32_t no_step);
/* Will it reply to this step? no_reply is SMFIP_NR_... */
bool wire_replies(const struct wire *w, uint32_t no_reply);
/* Does Postfix send the queue id at this stage (SMFIM_...)? It does to a filter that did not say which macros it wants.
 */
bool wire_wants_id(const struct wire *w, int stage);
/* At the end of a message a filter says what it changes, and then gives its reply proper: is this of the first kind? */
bool wire_is_change(char reply);

#endif
