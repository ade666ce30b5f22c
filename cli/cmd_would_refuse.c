/* postern would-refuse: the messages that monitor mode would have refused, by mailbox, reason and what was wrong. */
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/report/messages.h"
#include "core/report/ranking.h"

struct gathered {
    struct ranking ranking; /* "login TAB reason TAB what" */
    struct messages messages;
    int64_t oldest_s;
};

/* What is shown is escaped where it is; here the tabs must be ours alone. */
static void add_cell(struct buf *b, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_add_char(b, text.p[i] == '\t' ? ' ' : text.p[i]);
}

/* The address, limit or text that the reason is about; nothing where that would tell no more than the reason does. */
static void add_what(struct buf *b, const struct journal_record *r)
{
    char fault[400];
    struct buf f = BUF_OVER(fault);

    if (r->fault[0] != '\0') {
        record_add_fault(&f, r);
        add_cell(b, buf_slice(&f));
        return;
    }
    switch (r->monitored) {
    case REASON_SENDER_NOT_OWN:
    case REASON_SENDER_BAD:
    case REASON_CONNECTOR_SENDER:
        buf_add(b, SLICE("sender "));
        add_cell(b, slice_of(r->sender));
        break;
    case REASON_EXTERNAL_RECIPIENT:
        buf_add(b, SLICE("recipient "));
        add_cell(b, slice_of(r->recipient));
        break;
    default:
        if (r->limit[0] != '\0') {
            buf_add(b, SLICE("limit "));
            add_cell(b, slice_of(r->limit));
        }
    }
}

static bool each_record(void *arg, const struct journal_record *r)
{
    struct gathered *g = arg;
    int64_t at_s = (int64_t)(r->at_ns / NS_PER_S);
    const char *who = r->mailbox[0] != '\0' ? r->mailbox : r->login[0] != '\0' ? r->login : r->connector;
    char name[1600];
    struct buf b = BUF_OVER(name);

    g->oldest_s = at_s;
    if (r->monitored == REASON_NOT_OURS)
        return true;
    add_cell(&b, slice_of(who));
    buf_addf(&b, "\t%s\t", reason_row(r->monitored)->name);
    add_what(&b, r);
    if (messages_first(&g->messages, r, buf_slice(&b)))
        ranking_add(&g->ranking, buf_slice(&b), 0, r->instance[0] != '\0' ? 1 : r->times, at_s);
    return true;
}

static const struct output_column columns[] = {{"who", false},     {"reason", false}, {"what", false},
                                               {"messages", true}, {"last", false},   {"meaning", false}};

static int show(struct cli *cli, struct gathered *g)
{
    struct output *o = cli_rows(cli, columns, sizeof columns / sizeof *columns);

    ranking_sort(&g->ranking, 0);
    for (size_t i = 0; o != NULL && i < g->ranking.n; i++) {
        const struct ranking_row *row = &g->ranking.rows[i];
        struct slice who, rest, reason, what;
        enum reason number = REASON_NOT_OURS;

        (void)slice_cut(slice_of(row->name), '\t', &who, &rest);
        (void)slice_cut(rest, '\t', &reason, &what);
        (void)reason_find(reason, &number);
        output_text(o, who);
        output_text(o, reason);
        output_text(o, what);
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
    messages_free(&g.messages);
    return status;
}
