#include "cli/postfix_tools.h"

#include "cli/spawn.h"
#include "core/report/text.h"

static int ask_tool(const char *tool, const char *folder, const char *option, char **text, struct error *e)
{
    const char *argv[5] = {tool, option, NULL, NULL, NULL};
    struct spawn_result r;

    if (folder != NULL) {
        argv[2] = "-c";
        argv[3] = folder;
    }
    if (spawn_run(argv, (struct slice){NULL, 0}, &r, e) != 0)
        return -1;
    if (r.status != 0) {
        char said[SPAWN_ERRORS_MAX];
        struct buf b = BUF_OVER(said);

        text_add_plain(&b, slice_trim(slice_of(r.errors)));
        (void)error_set(e, "%s %s ended with status %d: %s", tool, option, r.status, said);
        spawn_free(&r);
        return -1;
    }
    *text = r.out;
    return 0;
}

static int list_table(const char *folder, const char *table, char **text, size_t *n, struct error *e)
{
    const char *argv[] = {spawn_tool("postmap", e), "-c", folder, "-s", table, NULL};
    struct spawn_result r;

    if (argv[0] == NULL || spawn_run(argv, (struct slice){NULL, 0}, &r, e) != 0)
        return -1;
    if (r.status != 0) {
        (void)error_set(e, "%s", r.errors);
        spawn_free(&r);
        return -1;
    }
    *text = r.out;
    *n = r.n;
    return 0;
}

/* Without Dovecot on this host, or the right to read its configuration, nobody knows. */
static void ask_dovecot(struct postfix *p)
{
    struct error none;
    const char *tool = spawn_tool("doveconf", &none);

    if (tool != NULL && ask_tool(tool, NULL, "-n", &p->doveconf, &none) != 0)
        p->doveconf = NULL;
}

int postfix_read(const char *folder, struct postfix *p, struct error *e)
{
    static const char *const options[] = {[POSTCONF_ALL] = "-x",
                                          [POSTCONF_SERVICES] = "-M",
                                          [POSTCONF_SERVICE_SETTINGS] = "-Px",
                                          [POSTCONF_SERVICE_RAW] = "-P",
                                          [POSTCONF_RAW] = "-n"};
    const char *tool = spawn_tool("postconf", e);

    *p = (struct postfix){.folder = folder, .list_table = list_table};
    if (tool == NULL)
        return -1;
    for (size_t i = 0; i < POSTCONF_TEXTS; i++)
        if (ask_tool(tool, folder, options[i], &p->texts[i], e) != 0) {
            postfix_free(p);
            return -1;
        }
    ask_dovecot(p);
    return postfix_parse(p, e);
}
