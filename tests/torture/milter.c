/* The milter's callbacks, with the real engine behind them and libmilter played by tests/unit/libmilter_seam.h. */
#include "tests/torture/torture.h"
#include "tests/unit/libmilter_seam.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* As Postfix takes the answers of a milter: what is no refusal lets the message go on. */
static bool goes_on(sfsistat answer)
{
    return answer != SMFIS_TEMPFAIL && answer != SMFIS_REJECT && answer != SMFIS_DISCARD;
}

struct smtp {
    struct smfiDesc call;
    struct smfi_str ctx;
};

static void log_in(struct smtp *c, const char *login)
{
    const char *const macros[][2] = {
        {"{mail_addr}", login}, {"{auth_authen}", login}, {"{auth_type}", "PLAIN"}, {"i", "4TABCD"}};

    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++) {
        c->ctx.macros[i][0] = macros[i][0];
        c->ctx.macros[i][1] = macros[i][1];
    }
}

/* One message of that sender with these From fields; true when it was accepted. */
static bool send_message(struct smtp *c, const char *path, const char *const *from, size_t n)
{
    bool accepted;

    if (!goes_on(c->call.xxfi_envfrom(&c->ctx, (char *[]){(char *)path, "SIZE=1000", NULL})))
        return false;
    accepted = goes_on(c->call.xxfi_envrcpt(&c->ctx, (char *[]){"<x@adatum.example>", NULL}));
    accepted |= goes_on(c->call.xxfi_envrcpt(&c->ctx, (char *[]){"<y@adatum.example>", NULL}));
    if (!accepted || !goes_on(c->call.xxfi_data(&c->ctx))) {
        (void)c->call.xxfi_abort(&c->ctx);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        accepted &= goes_on(c->call.xxfi_header(&c->ctx, "From", (char *)from[i]));
    accepted &= goes_on(c->call.xxfi_header(&c->ctx, "Subject", "x"));
    if (c->call.xxfi_body != NULL)
        accepted &= goes_on(c->call.xxfi_body(&c->ctx, (unsigned char *)"x", 1));
    return goes_on(c->call.xxfi_eom(&c->ctx)) && accepted;
}

static void talk(struct smtp *c, bool works)
{
    static const char *const own[] = {ANNA};
    static const char *const foreign[] = {ANNA "," ANNA "," ANNA "," ANNA "," ANNA "," ANNA "," ANNA "," ANNA, ANNA,
                                          BERT};
    struct sockaddr_in client = {.sin_family = AF_INET, .sin_port = htons(50000), .sin_addr.s_addr = htonl(0xcb007109)};
    unsigned long wanted[4] = {0};

    (void)c->call.xxfi_negotiate(&c->ctx, UINT32_MAX, UINT32_MAX, 0, 0, &wanted[0], &wanted[1], &wanted[2], &wanted[3]);
    (void)c->call.xxfi_connect(&c->ctx, "laptop.contoso.example", (struct sockaddr *)&client);
    log_in(c, BERT);
    MUST(!send_message(c, "<" BERT ">", (const char *const[]){BERT}, 1));
    log_in(c, ANNA);
    MUST(!send_message(c, "<" ANNA ">", foreign, 3));
    MUST(!send_message(c, "<" BERT ">", own, 1));
    MUST(!send_message(c, "<" ANNA ">", (const char *const[]){"<@fabrikam.example,boss@contoso.example:" ANNA ">"}, 1));
    MUST(!send_message(c, "<" BERT ">", NULL, 0)); /* no From at all: the sender is judged in its place */
    MUST(send_message(c, "<" ANNA ">", NULL, 0) || !works);
    MUST(send_message(c, "<" ANNA ">", own, 1) || !works);
    log_in(c, "nobody@contoso.example");
    MUST(!send_message(c, "<" ANNA ">", own, 1));
    (void)c->call.xxfi_abort(&c->ctx);
    (void)c->call.xxfi_close(&c->ctx);
}

void milter_sessions(struct tools *t, bool works)
{
    struct milter milter;
    struct smtp c = {0};

    if (milter_init(&milter, t->engine, &(struct listener_config){.fd = -1}) != 0) {
        MUST(!works);
        return;
    }
    c.call = callbacks_for(&milter);
    talk(&c, works);
    session_pool_tick(&milter.pool);
    MUST(milter.transactions == 0 && session_pool_lent(&milter.pool) == 0);
    MUST(c.ctx.private_data == NULL);
    milter_destroy(&milter);
}
