/* Who is blocked, by what, until when, and what was seen before. */
#include "core/report/blocks_report.h"

#include "core/base/clock.h"
#include "core/decide/block_keys.h"
#include "core/decide/habit.h"
#include "core/report/evidence.h"
#include "core/report/subject.h"
#include "core/report/text.h"

#include <stdlib.h>

static const struct column columns[] = {
    {"subject", VALUE_TEXT},
    {"since", VALUE_TIME},
    {"until", VALUE_TIME},
    {"limit", VALUE_TEXT},
    {"reason", VALUE_TEXT},
    {"passed_before", VALUE_NUMBER},
    {"refused_before", VALUE_NUMBER},
    {"refused_since", VALUE_NUMBER},
    {"clients", VALUE_TEXT},
    {"senders", VALUE_TEXT},
    {"recipient_domains", VALUE_TEXT},
    {"logins", VALUE_TEXT},
    /* as in "postern report habits" */
    {"messages_hour", VALUE_NUMBER},
    {"messages_day", VALUE_NUMBER},
    {"now_hour", VALUE_NUMBER},
    {"today", VALUE_NUMBER},
    {"learnt", VALUE_TRUTH},
    {"tenant", VALUE_TEXT},
};

#define LABEL_WIDTH 10

/* What a blocked login or connector usually sends, and what it sent lately. False: it has no habit. */
static bool find_habit(const struct decide_context *c, const struct block *block, struct habit *out)
{
    struct subject *x;
    uint64_t key = 0;

    if (c->habits == NULL || !c->config->limits_use_habits || (x = malloc(sizeof *x)) == NULL)
        return false;
    if (subject_of_block(c, block, x, NULL) == 0 && (key = key_of_habit(c, &x->verdict.identity)) != 0)
        habits_look(c->habits, key, c->now_ns, out);
    free(x);
    return key != 0;
}

static void show_habit(const struct decide_context *c, const struct block *block, struct printer *out)
{
    struct habit habit;

    if (find_habit(c, block, &habit))
        printer_field(out, "habit", LABEL_WIDTH, "%s %u messages in an hour, %u in a day; %u and %u now",
                      habit.learnt ? "usually at most" : "being learnt: so far at most",
                      habit.most.of[HABIT_MESSAGES][HABIT_HOUR], habit.most.of[HABIT_MESSAGES][HABIT_DAY],
                      habit.now.of[HABIT_MESSAGES][HABIT_HOUR], habit.now.of[HABIT_MESSAGES][HABIT_DAY]);
}

static struct value number_if(bool known, uint32_t n)
{
    return known ? value_number(n) : value_none();
}

static void show_block(const struct decide_context *c, const struct evidence *x, bool journal, struct printer *out)
{
    char since[40], until[40];
    struct buf from = BUF_OVER(since), to = BUF_OVER(until);

    text_add_local_time(&from, x->block.from_wall_s);
    text_add_local_time(&to, block_until_wall_s(&x->block, c->now_ns, c->wall_s));
    printer_text(out, "%s", x->block.subject);
    printer_field(out, "since", LABEL_WIDTH, "%s, until %s", since, to.n > 0 ? until : "it is unblocked");
    printer_field(out, "by", LABEL_WIDTH, "%s (%s)", x->block.limit, x->block.reason);
    show_habit(c, &x->block, out);
    if (journal)
        evidence_show(x, LABEL_WIDTH, out);
}

static void put_block(const struct decide_context *c, const struct evidence *x, struct printer *out)
{
    char texts[4][900];
    struct habit habit = {.learnt = false};
    const bool known = find_habit(c, &x->block, &habit);
    const struct last_texts *const lists[] = {&x->clients, &x->senders, &x->domains, &x->logins};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        (void)evidence_join(texts[i], sizeof texts[i], lists[i]);
    out->row(out, (const struct value[]){
                      value_word(x->block.subject), value_time(x->block.from_wall_s),
                      value_time(block_until_wall_s(&x->block, c->now_ns, c->wall_s)), value_word(x->block.limit),
                      value_word(x->block.reason), value_number(x->passed), value_number(x->refused),
                      value_number(x->since), value_word(texts[0]), value_word(texts[1]), value_word(texts[2]),
                      value_word(texts[3]), number_if(known, habit.most.of[HABIT_MESSAGES][HABIT_HOUR]),
                      number_if(known, habit.most.of[HABIT_MESSAGES][HABIT_DAY]),
                      number_if(known, habit.now.of[HABIT_MESSAGES][HABIT_HOUR]),
                      number_if(known, habit.now.of[HABIT_MESSAGES][HABIT_DAY]),
                      known ? value_truth(habit.learnt) : value_none(), value_word(block_tenant(c, &x->block))});
}

static struct evidence *collect_evidence(const struct decide_context *c, size_t *n)
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

int blocks_report(const struct decide_context *c, struct report_files *f, struct printer *out, struct error *e)
{
    struct evidence *list;
    struct error unknown;
    bool journal = false;
    size_t n;

    if ((list = collect_evidence(c, &n)) == NULL)
        return error_set(e, "out of memory");
    qsort(list, n, sizeof *list, newest_first);
    /* Without a journal the blocks are still shown. */
    if (n > 0) {
        journal = files_open_journal(f, &unknown) == 0 && evidence_gather(c, f->journal, list, n, &unknown) == 0;
        if (!journal)
            out->remark(out, REMARK_WARNING, unknown.text);
    }
    if (!out->people)
        out->table(out, &(struct table){TABLE_COLUMNS(columns)});
    for (size_t i = 0; i < n; i++)
        if (out->people)
            show_block(c, &list[i], journal, out);
        else
            put_block(c, &list[i], out);
    if (!out->people)
        out->end(out);
    else if (n == 0)
        printer_text(out, "nobody is blocked");
    if (journal && journal_has_others(f->journal))
        printer_remark(out, REMARK_NOTE, "messages, clients, senders and recipients are those that this relay saw");
    free(list);
    return 0;
}
