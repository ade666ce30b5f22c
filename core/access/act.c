#include "core/access/act.h"

#include "core/base/quote.h"
#include "core/base/units.h"

const struct act_row act_rows[ACT_VERBS] = {
    [ACT_BLOCK] = {"block", ROLE_OPERATOR, .has_subject = true, .takes_kind = true, .takes_duration = true,
                   .takes_reason = true, .done_again = true},
    [ACT_UNBLOCK] = {"unblock", ROLE_OPERATOR, .has_subject = true, .takes_kind = true, .takes_accept = true,
                     .takes_reason = true, .done_again = true, .unsure = "blocks and the subject's habit"},
    [ACT_HOLD] = {"hold", ROLE_OPERATOR, .has_subject = true, .done_again = true},
    [ACT_RELEASE] = {"release", ROLE_OPERATOR, .has_subject = true, .done_again = true},
    [ACT_ALLOW] = {"allow", ROLE_OPERATOR, .has_subject = true, .takes_cluster = true, .takes_reason = true,
                   .done_again = true},
    [ACT_DENY] = {"deny", ROLE_OPERATOR, .has_subject = true, .takes_cluster = true, .takes_reason = true,
                  .done_again = true},
    /* What is no longer in a list would be called an error. */
    [ACT_FORGET] = {"forget", ROLE_ADMIN, .has_subject = true, .takes_cluster = true,
                    .unsure = "the allow file and the deny file"},
    /* What was queued since then is not what was meant. */
    [ACT_DISCARD] = {"discard", ROLE_ADMIN, .has_subject = true, .typed_again = true, .unsure = "the queue"},
    [ACT_RELOAD] = {"reload", ROLE_ADMIN, .done_again = true},
    /* In Exchange Online itself. */
    [ACT_DISABLE] = {"disable", ROLE_ADMIN, .has_subject = true, .typed_again = true, .done_again = true,
                     .unsure = "the mailbox in Exchange Online"},
};

int act_verb_find(struct slice word, enum act_verb *out, struct error *e)
{
    for (unsigned i = 0; i < ACT_VERBS; i++)
        if (slice_eq(word, slice_of(act_rows[i].word))) {
            *out = (enum act_verb)i;
            return 0;
        }
    return error_set(e, "\"%s\" is no action; expected one of " ACT_WORDS, quote(word).text);
}

bool act_is_id(struct slice id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f') || id.p[i] == '-'))
            return false;
    return id.n > 0 && id.n <= ACT_ID_MAX && id.p[0] != '-';
}

int act_check(const struct act *act, unsigned verbs, struct error *e)
{
    const struct act_row *row = &act_rows[act->verb];

    if ((verbs & 1u << act->verb) == 0)
        return error_set(e, "%s is not switched on: web.actions in the configuration says what is", row->word);
    if (act->role < row->least)
        return error_set(e, "%s is for role %s; this is %s", row->word, role_word(row->least), role_word(act->role));
    return 0;
}
