/* Findings for people and for programs. */
#include "core/report/findings.h"

#include <stdio.h>

#define LINE_WIDTH 100 /* where text is folded that goes to no terminal */
#define LABEL_WIDTH 9

static void show_field(const char *label, const char *text, struct printer *out)
{
    printer_line(out, &(struct line){.label = label,
                                     .label_width = LABEL_WIDTH,
                                     .spans = {{TONE_PLAIN, text}},
                                     .hang = LABEL_WIDTH + 1,
                                     .width = LINE_WIDTH});
}

static void show_acceptance(const struct acceptance *a, struct printer *out)
{
    char text[sizeof a->until + sizeof a->by + sizeof a->why + 64];

    (void)snprintf(text, sizeof text, "%s%s accepted%s%s%s%s", a->until,
                   a->holds ? " it is" : ", which is over, it was", a->by[0] != '\0' ? " by " : "", a->by,
                   a->why[0] != '\0' ? ": " : "", a->why);
    show_field("  until", text, out);
}

static void show_finding(const struct finding *x, struct printer *out)
{
    const char *severity = severity_name(x->severity), *references = x->rule->references;
    char title[200];

    (void)snprintf(title, sizeof title, "%*s %s%s%s%s", LABEL_WIDTH - (int)strlen(severity), "", x->rule->id,
                   references != NULL ? "  (" : "", references != NULL ? references : "",
                   references != NULL ? ")" : "");
    printer_line(out, &(struct line){.spans = {{x->severity >= SEVERITY_HIGH ? TONE_BAD : TONE_WARN, severity},
                                               {TONE_PLAIN, title}},
                                     .verbatim = true});
    if (x->where[0] != '\0')
        show_field("  where", x->where, out);
    show_field("  found", x->evidence, out);
    show_field("  do", x->advice, out);
    if (x->accepted.was)
        show_acceptance(&x->accepted, out);
    printer_gap(out);
}

static size_t n_accepted(const struct findings *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->list[i].accepted.holds;
    return n;
}

static void show_lines(const struct findings *f, const char *suite, struct printer *out)
{
    size_t passed = 0, skipped = 0, accepted = n_accepted(f);
    char some[40] = "";

    for (size_t i = 0; i < f->n; i++)
        show_finding(&f->list[i], out);
    for (size_t i = 0; i < f->n_rules; i++) {
        if (f->skipped[i][0] != '\0') {
            printer_text(out, "%-9s %s: %s", "not seen", f->rules[i].id, f->skipped[i]);
            skipped++;
        } else if (findings_of(f, i) == 0)
            passed++;
    }
    if (accepted > 0)
        (void)snprintf(some, sizeof some, ", %zu accepted", accepted);
    printer_text(out, "%s: %zu finding%s%s; of %zu rules %zu passed, %zu could not be checked", suite, f->n,
                 f->n == 1 ? "" : "s", some, f->n_rules, passed, skipped);
}

void findings_tree(const struct findings *f, const char *suite, const char *name, struct printer *out)
{
    static const struct column findings[] = {{"id", VALUE_TEXT},
                                             {"severity", VALUE_TEXT},
                                             {"references", VALUE_TEXT},
                                             {"where", VALUE_TEXT},
                                             {"title", VALUE_TEXT},
                                             {"evidence", VALUE_TEXT},
                                             {"advice", VALUE_TEXT},
                                             {"accepted", VALUE_TRUTH}, /* whether it holds; none: it never was */
                                             {"accepted_until", VALUE_TEXT},
                                             {"accepted_by", VALUE_TEXT},
                                             {"accepted_why", VALUE_TEXT}};
    static const struct column rules[] = {{"id", VALUE_TEXT}, {"state", VALUE_TEXT}, {"reason", VALUE_TEXT}};

    out->open(out, name, TREE_OBJECT);
    out->value(out, "check", value_word(suite));
    out->value(out, "worst", value_word(f->n > n_accepted(f) ? severity_name(findings_worst(f)) : NULL));
    out->table(out, &(struct table){TABLE_COLUMNS(findings), .name = "findings"});
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *x = &f->list[i];

        out->row(out, (const struct value[]){value_word(x->rule->id), value_word(severity_name(x->severity)),
                                             value_word(x->rule->references), value_word_or_none(x->where),
                                             value_word(x->rule->title), value_word(x->evidence), value_word(x->advice),
                                             x->accepted.was ? value_truth(x->accepted.holds) : value_none(),
                                             value_word_or_none(x->accepted.until), value_word_or_none(x->accepted.by),
                                             value_word_or_none(x->accepted.why)});
    }
    out->end(out);
    out->table(out, &(struct table){TABLE_COLUMNS(rules), .name = "rules"});
    for (size_t i = 0; i < f->n_rules; i++) {
        const char *state = f->skipped[i][0] != '\0' ? "skipped" : findings_of(f, i) > 0 ? "found" : "passed";

        out->row(out, (const struct value[]){value_word(f->rules[i].id), value_word(state),
                                             value_word_or_none(f->skipped[i])});
    }
    out->end(out);
    out->close(out);
}

void findings_report(struct findings *f, const char *suite, struct printer *out)
{
    findings_sort(f);
    if (out->people)
        show_lines(f, suite, out);
    else
        findings_tree(f, suite, NULL, out);
}
