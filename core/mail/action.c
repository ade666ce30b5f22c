#include "core/mail/action.h"

static const char *const action_names[] = {
    [ACTION_PASS] = "pass", [ACTION_DEFER] = "defer", [ACTION_REJECT] = "reject", [ACTION_HOLD] = "hold"};

const char *action_name(enum action action)
{
    return action_names[action];
}
