/*
 * The least that a milter can do: asks for the same steps as postern-milter, looks at nothing, says "continue". What
 * postern-milter costs beyond this one is its own; the rest is libmilter's.
 *
 * usage: milter_floor [-b] PATH
 *
 * -b: asks for bodies too, as postern-milter does when a limit counts bytes.
 */
#include "core/base/buf.h"
#include "milter/negotiate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool bodies;

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long unused2,
                             unsigned long unused3, unsigned long *want_actions, unsigned long *want_steps,
                             unsigned long *want2, unsigned long *want3)
{
    (void)unused2;
    (void)unused3;
    *want2 = 0;
    *want3 = 0;
    return negotiate(ctx, bodies, actions, steps, want_actions, want_steps);
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void)ctx;
    (void)host;
    (void)address;
    return SMFIS_NOREPLY;
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
    (void)ctx;
    (void)name;
    return SMFIS_NOREPLY;
}

static sfsistat on_command(SMFICTX *ctx, char **arguments)
{
    (void)ctx;
    (void)arguments;
    return SMFIS_CONTINUE;
}

static sfsistat on_step(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_NOREPLY;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    (void)ctx;
    (void)name;
    (void)value;
    return SMFIS_NOREPLY;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *piece, size_t n)
{
    (void)ctx;
    (void)piece;
    (void)n;
    return SMFIS_CONTINUE;
}

static sfsistat on_moment(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
    struct smfiDesc description = {
        .xxfi_name = "milter_floor",
        .xxfi_version = SMFI_VERSION,
        .xxfi_negotiate = on_negotiate,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_command,
        .xxfi_envrcpt = on_command,
        .xxfi_data = on_moment,
        .xxfi_header = on_header,
        .xxfi_eoh = on_step,
        .xxfi_body = on_body,
        .xxfi_eom = on_moment,
        .xxfi_abort = on_moment,
        .xxfi_close = on_moment,
    };

    char where[128];
    struct buf b = BUF_OVER(where);
    int option;

    while ((option = getopt(argc, argv, "b")) == 'b')
        bodies = true;
    if (option != -1 || optind + 1 != argc) {
        fprintf(stderr, "usage: %s [-b] PATH\n", argv[0]);
        return 2;
    }
    buf_addf(&b, "unix:%s", argv[optind]);
    if (smfi_register(description) != MI_SUCCESS || smfi_setconn(where) != MI_SUCCESS ||
        smfi_setbacklog(4096) != MI_SUCCESS || smfi_opensocket(true) != MI_SUCCESS) {
        fprintf(stderr, "%s: cannot listen on %s\n", argv[0], where);
        return 1;
    }
    return smfi_main() == MI_SUCCESS ? EXIT_SUCCESS : 1;
}
