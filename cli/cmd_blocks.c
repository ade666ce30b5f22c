/* postern blocks: who is blocked, by what, until when, and what was seen before. */
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/decide/keys.h"
#include "core/report/evidence.h"

#include <stdlib.h>

static const struct output_column columns[] = {
    {"subject", false},
    {"since", false},
    {"until", false},
    {"limit", false},
    {"reason", false},
    {"passed_before", true},
    {"refused_before", true},
    {"refused_since", true},
    {"clients", false},
    {"senders", false},
    {"recipient_domains", false},
    {"logins", false},
};

static int64_t until_wall_s(const struct decide_context *c, const struct block *block)
{
    return block->until_ns == BLOCK_FOREVER ? 0 : c->wall_s + (int64_t)((block->until_ns - c->now_ns) / NS_PER_S);
}

static const char *joined(char *mem, size_t cap, const struct last_texts *l)
{
    struct buf b = buf_over(mem, cap);

    for (unsigned i = 0; i < l->n; i++) {
        if (i > 0)
            buf_add(&b, SLICE(", "));
        buf_add(&b, slice_of(l->text[i]));
    }
    if (l->more)
        buf_add(&b, SLICE(", ..."));
    return mem;
}

static void print_last(const char *name, const struct last_texts *l)
{
    char text[900], shown[4 * OUTPUT_TEXT_MAX + 8];

    if (l->n > 0)
        printf("  %-10s %s\n", name, text_plain(shown, sizeof shown, slice_of(joined(text, sizeof text, l))));
}

static void print_block(const struct decide_context *c, const struct evidence *x, bool journal)
{
    char since[40], until[40];
    struct buf from = BUF_OVER(since), to = BUF_OVER(until);

    output_add_time(&from, x->block.from_wall_s, OUTPUT_TABLE);
    output_add_time(&to, until_wall_s(c, &x->block), OUTPUT_TABLE);
    printf("%s\n", x->block.subject);
    printf("  %-10s %s, until %s\n", "since", since, to.n > 0 ? until : "it is unblocked");
    printf("  %-10s %s (%s)\n", "by", x->block.limit, x->block.reason);
    if (!journal)
        return;
    printf("  %-10s %llu passed, %llu refused in the day before; %llu refused since\n", "messages",
           (unsigned long long)x->passed, (unsigned long long)x->refused, (unsigned long long)x->since);
    print_last("clients", &x->clients);
    print_last("senders", &x->senders);
    print_last("recipients", &x->domains);
    print_last("logins", &x->logins);
}

static void put_block(struct output *o, const struct decide_context *c, const struct evidence *x)
{
    char text[900];
    const struct last_texts *const lists[] = {&x->clients, &x->senders, &x->domains, &x->logins};

    output_word(o, x->block.subject);
    output_time(o, x->block.from_wall_s);
    output_time(o, until_wall_s(c, &x->block));
    output_word(o, x->block.limit);
    output_word(o, x->block.reason);
    output_number(o, x->passed);
    output_number(o, x->refused);
    output_number(o, x->since);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        output_text(o, slice_of(joined(text, sizeof text, lists[i])));
}

static struct evidence *collect(const struct decide_context *c, size_t *n)
{
    struct evidence *list = NULL;
    size_t capacity = 0;
    struct block block;

    *n = 0;
    for (uint32_t at = 0; blocks_next(c->blocks, &at, c->now_ns, &block); (*n)++) {
        if (*n == capacity) {
            struct evidence *more = reallocarray(list, capacity = capacity * 2 + 16, sizeof *more);

            if (more == NULL) {
                free(list);
                return NULL;
            }
            list = more;
        }
        memset(&list[*n], 0, sizeof list[*n]);
        list[*n].block = block;
    }
    return *n > 0 ? list : calloc(1, sizeof *list);
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct evidence *)a)->block.from_wall_s, y = ((const struct evidence *)b)->block.from_wall_s;

    return x < y ? 1 : x > y ? -1 : 0;
}

int cmd_blocks(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {CLI_OUTPUT_OPTIONS, CLI_LAST_OPTIONS};
    struct decide_context c;
    struct evidence *list;
    struct output *o;
    int option, status;
    bool journal;
    struct error e;
    size_t n;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        continue;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (cli_open_context(cli, &c) != 0)
        return CLI_FAILED;
    if ((list = collect(&c, &n)) == NULL)
        return cli_fail(cli, "out of memory");
    qsort(list, n, sizeof *list, newest_first);
    /* Without a journal the blocks are worth showing all the same. */
    journal = n > 0 && cli_open_journal(cli) == 0 && evidence_gather(&c, cli->journal, list, n, &e) == 0;
    if (cli->format == OUTPUT_TABLE) {
        for (size_t i = 0; i < n; i++)
            print_block(&c, &list[i], journal);
        if (n == 0)
            puts("nobody is blocked");
        status = fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "cannot write the output");
    } else {
        o = cli_rows(cli, columns, sizeof columns / sizeof *columns);
        for (size_t i = 0; o != NULL && i < n; i++)
            put_block(o, &c, &list[i]);
        status = cli_finish(cli, o, NULL);
    }
    free(list);
    return status;
}
