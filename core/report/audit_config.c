/* What postern.conf allows. */
#include "core/report/audit.h"
#include "core/report/config_rules.h"

static void weigh(void *arg, const struct config_condition *condition)
{
    struct audit *a = arg;

    if (condition->rule < AUDIT_RULES)
        findings_add(a->findings, condition->rule, condition->where, "%s", condition->text)->severity =
            condition->severity;
}

void audit_config(struct audit *a)
{
    config_conditions(a->config, a->view, weigh, a);
}
