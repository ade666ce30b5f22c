/* postern would-refuse: what monitor mode would have refused, by mailbox and reason. */
#include "cli/commands.h"
#include "cli/ranking.h"
#include "core/clock.h"

struct gathered {
    struct ranking ranking; /* "login TAB reason" */
    int64_t oldest_s;
};

static bool each_record(void *arg, const struct journal_record *r)
{
    struct gathered *g = arg;
    int64_t at_s = (int64_t)(r->at_ns / NS_PER_S);
    const char *who = r->mailbox[0] != '\0' ? r->mailbox : r->login[0] != '\0' ? r->login : r->connector;
    char name[400];
    struct buf b = BUF_OVER(name);

    g->oldest_s = at_s;
    if (r->monitored == REASON_NOT_OURS)
        return true;
    /* Escaped, so that the tabs are ours alone. */
    buf_add_escaped(&b, slice_of(who), 160);
    buf_addf(&b, "\t%s", reason_row(r->monitored)->name);
    ranking_add(&g->ranking, buf_slice(&b), 0, at_s);
    return true;
}

static const struct output_column columns[] = {
    {"who", false}, {"reason", false}, {"messages", true}, {"last", false}, {"meaning", false}};

static int show(struct cli *cli, struct gathered *g)
{
    struct output *o = cli_rows(cli, columns, sizeof columns / sizeof *columns);

    ranking_sort(&g->ranking, 0);
    for (size_t i = 0; o != NULL && i < g->ranking.n; i++) {
        const struct ranking_row *row = &g->ranking.rows[i];
        struct slice who, rest, reason;
        enum reason number = REASON_NOT_OURS;

        (void)slice_cut(slice_of(row->name), '\t', &who, &rest);
        (void)slice_cut(rest, '\t', &reason, NULL);
        (void)reason_find(reason, &number);
        output_text(o, who);
        output_text(o, reason);
        output_number(o, row->count[0]);
        output_time(o, row->last_s);
        output_word(o, reason_row(number)->help);
    }
    return cli_finish(cli, o, "monitor mode would have refused nothing");
}

int cmd_would_refuse(struct cli *cli, int argc, char **argv)
{
    enum { SINCE = 256 };
    static const struct option options[] = {
        {"since", required_argument, NULL, SINCE}, CLI_OUTPUT_OPTIONS, CLI_LAST_OPTIONS};
    struct gathered g = {.oldest_s = 0};
    const char *since = "7d";
    int64_t since_s;
    int option, status;
    struct error e;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        since = optarg;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (cli_parse_time(since, clock_wall_s(), &since_s, &e) != 0)
        return cli_usage(cli, "--since: %s", e.text);
    if (cli_open_journal(cli) != 0)
        return CLI_FAILED;
    if (journal_decisions(cli->journal, since_s > 0 ? (uint64_t)since_s * NS_PER_S : 0, each_record, &g, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else
        status = show(cli, &g);
    if (status == CLI_OK && g.oldest_s > since_s + 3600) {
        char text[40];
        struct buf b = BUF_OVER(text);

        output_add_time(&b, g.oldest_s, OUTPUT_TABLE);
        fprintf(stderr, "The journal reaches back to %s only.\n", text);
    }
    if (g.ranking.beyond > 0)
        fprintf(stderr, "%llu more messages, of logins beyond the first %u.\n", (unsigned long long)g.ranking.beyond,
                RANKING_MAX);
    ranking_free(&g.ranking);
    return status;
}
