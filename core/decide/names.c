#include "core/decide/decide.h"

static const char *const action_names[] = {
    [ACTION_PASS] = "pass", [ACTION_DEFER] = "defer", [ACTION_REJECT] = "reject", [ACTION_HOLD] = "hold"};
static const char *const stage_names[] = {[STAGE_CONNECT] = "connect",
                                          [STAGE_MAIL] = "mail",
                                          [STAGE_RCPT] = "rcpt",
                                          [STAGE_DATA] = "data",
                                          [STAGE_END] = "end"};

const char *action_name(enum action action)
{
    return action_names[action];
}

const char *stage_name(enum stage stage)
{
    return stage_names[stage];
}
