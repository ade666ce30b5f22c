/*
 * Any bytes as a request in the spool, and as what a person asks for: what is taken holds no control character, fits,
 * and is the same when it is written and read again.
 */
#include "core/access/act.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t cap)
{
    size_t n = strnlen(text, cap);

    assert(n < cap);
    for (size_t i = 0; i < n; i++)
        assert((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static void check(const struct act *act)
{
    struct act again;
    char *text = act_write(act);

    assert(act->verb < ACT_VERBS && act->reason[0] != '\0');
    assert((act->subject[0] != '\0') == act_rows[act->verb].has_subject);
    check_text(act->subject, sizeof act->subject);
    check_text(act->reason, sizeof act->reason);
    check_text(act->who, sizeof act->who);
    assert(text != NULL && act_read(slice_of(text), &again, NULL) == 0);
    assert(again.verb == act->verb && strcmp(again.subject, act->subject) == 0 &&
           strcmp(again.reason, act->reason) == 0 && again.confirmed == act->confirmed &&
           strcmp(again.id, act->id) == 0 && again.at_s == act->at_s && again.role == act->role);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct act act;

    if (act_read(text, &act, NULL) == 0)
        check(&act);
    act = (struct act){.id = "1-a", .who = "x", .from = "y", .role = ROLE_ADMIN, .tenants = "*"};
    if (act_read_asked(text, &act, NULL) == 0)
        check(&act);
    return 0;
}
