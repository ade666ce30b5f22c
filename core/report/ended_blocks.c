#include "core/report/ended_blocks.h"

#include "core/journal/block_history.h"
#include "core/report/evidence.h"
#include "core/report/subject.h"
#include "core/report/text.h"

#include <stdlib.h>

#define LABEL_WIDTH 10

/* As in "postern blocks", where it has the same. */
static const struct column columns[] = {
    {"subject", VALUE_TEXT},
    {"since", VALUE_TIME},
    {"until", VALUE_TIME},
    {"ended", VALUE_TIME},
    {"how", VALUE_TEXT},
    {"by", VALUE_TEXT},
    {"why", VALUE_TEXT},
    {"limit", VALUE_TEXT},
    {"reason", VALUE_TEXT},
    {"passed_before", VALUE_NUMBER},
    {"refused_before", VALUE_NUMBER},
    {"refused_since", VALUE_NUMBER},
    {"clients", VALUE_TEXT},
    {"senders", VALUE_TEXT},
    {"recipient_domains", VALUE_TEXT},
    {"logins", VALUE_TEXT},
    {"tenant", VALUE_TEXT},
};

struct ended {
    struct block_row *rows;
    size_t n, most;
    struct evidence *evidence; /* of each; NULL: none is shown */
};

static bool keep_row(void *arg, const struct block_row *row)
{
    struct ended *all = arg;

    all->rows[all->n++] = *row;
    return all->n < all->most;
}

/* Who or what ended it; where another relay did, nobody here knows who. */
static const char *ended_by(const struct config *config, const struct block_row *row)
{
    return row->how == BLOCK_GONE && row->by[0] == '\0' && config->cluster.configured ? "another relay" : row->by;
}

/* Rows are the journal's, which others may have written: they are escaped here. */
static void show_row(const struct decide_context *c, const struct block_row *row, const struct evidence *x,
                     struct printer *out)
{
    char since[40], ended[40], subject[4 * sizeof row->subject + 8], by[4 * sizeof row->by + 8],
        why[4 * sizeof row->why + 8], limit[4 * sizeof row->limit + 8], reason[4 * sizeof row->reason + 8];
    struct buf from = BUF_OVER(since), to = BUF_OVER(ended);
    const char *who = text_plain(by, sizeof by, slice_of(ended_by(c->config, row)));

    text_add_local_time(&from, row->since_s);
    text_add_local_time(&to, row->ended_s);
    printer_text(out, "%s", text_plain(subject, sizeof subject, slice_of(row->subject)));
    printer_field(out, "since", LABEL_WIDTH, "%s", since);
    printer_field(out, "ended", LABEL_WIDTH, "%s, %s%s%s%s%s", ended, block_end_word(row->how),
                  who[0] == '\0'             ? ""
                  : row->how == BLOCK_MERGED ? " into "
                                             : " by ",
                  who, row->why[0] != '\0' ? ": " : "", text_plain(why, sizeof why, slice_of(row->why)));
    printer_field(out, "by", LABEL_WIDTH, "%s (%s)", text_plain(limit, sizeof limit, slice_of(row->limit)),
                  text_plain(reason, sizeof reason, slice_of(row->reason)));
    if (x != NULL)
        evidence_show(x, LABEL_WIDTH, out);
}

static struct value number_of(const struct evidence *x, uint64_t n)
{
    return x != NULL ? value_number(n) : value_none();
}

/* NULL: nobody's, or nobody's any more. */
static const char *tenant_of(const struct decide_context *c, const struct block_row *row)
{
    struct block block = {.prefix = 0};
    struct buf b = BUF_OVER(block.subject);

    buf_add(&b, slice_of(row->subject));
    return block_tenant(c, &block);
}

static void put_row(const struct decide_context *c, const struct block_row *row, const struct evidence *x,
                    struct printer *out)
{
    static const struct evidence none = {.passed = 0};
    const struct evidence *seen = x != NULL ? x : &none;
    const struct last_texts *const lists[] = {&seen->clients, &seen->senders, &seen->domains, &seen->logins};
    char texts[4][900];

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        (void)evidence_join(texts[i], sizeof texts[i], lists[i]);
    out->row(out, (const struct value[]){value_word(row->subject), value_time(row->since_s), value_time(row->until_s),
                                         value_time(row->ended_s), value_word(block_end_word(row->how)),
                                         value_word_or_none(ended_by(c->config, row)), value_word_or_none(row->why),
                                         value_word(row->limit), value_word(row->reason), number_of(x, seen->passed),
                                         number_of(x, seen->refused), number_of(x, seen->since),
                                         value_word_or_none(texts[0]), value_word_or_none(texts[1]),
                                         value_word_or_none(texts[2]), value_word_or_none(texts[3]),
                                         value_word(tenant_of(c, row))});
}

static void show_all(const struct decide_context *c, const struct ended *all, struct printer *out)
{
    if (!out->people)
        out->table(out, &(struct table){TABLE_COLUMNS(columns)});
    for (size_t i = 0; i < all->n && !out->enough; i++)
        (out->people ? show_row : put_row)(c, &all->rows[i], all->evidence != NULL ? &all->evidence[i] : NULL, out);
    if (!out->people)
        out->end(out);
    else if (all->n == 0)
        printer_text(out, "no block has ended");
}

/* Without it the rows are still shown. */
static void gather(const struct decide_context *c, struct journal *journal, struct ended *all, struct printer *out)
{
    struct error e;

    if (all->n > ENDED_EVIDENCE_MAX) {
        printer_remark(out, REMARK_NOTE, "what was seen of them is told of at most %u rows at a time",
                       ENDED_EVIDENCE_MAX);
        return;
    }
    if (all->n == 0 || (all->evidence = calloc(all->n, sizeof *all->evidence)) == NULL)
        return;
    for (size_t i = 0; i < all->n; i++) {
        struct evidence *x = &all->evidence[i];
        struct buf b = BUF_OVER(x->block.subject);

        buf_add(&b, slice_of(all->rows[i].subject));
        x->block.from_wall_s = all->rows[i].since_s;
        x->ended_wall_s = all->rows[i].ended_s;
    }
    if (evidence_gather(c, journal, all->evidence, all->n, &e) == 0)
        return;
    printer_remark(out, REMARK_WARNING, "%s", e.text);
    free(all->evidence);
    all->evidence = NULL;
}

int ended_blocks_report(const struct decide_context *c, struct report_files *f, int64_t since_s, size_t most,
                        struct printer *out, struct error *e)
{
    struct ended all = {.most = most < BLOCK_HISTORY_MAX ? most : BLOCK_HISTORY_MAX};
    int result;

    if ((all.rows = calloc(all.most + 1, sizeof *all.rows)) == NULL)
        return error_set(e, "out of memory");
    result = journal_ended_blocks(f->journal, since_s, c->wall_s, all.most, keep_row, &all, e);
    if (result == 0) {
        gather(c, f->journal, &all, out);
        show_all(c, &all, out);
        if (all.evidence != NULL && journal_has_others(f->journal))
            printer_remark(out, REMARK_NOTE, "messages, clients, senders and recipients are those that this relay saw");
    }
    free(all.evidence);
    free(all.rows);
    return result;
}
