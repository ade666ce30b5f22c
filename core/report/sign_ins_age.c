#include "core/report/sign_ins_age.h"

bool sign_ins_age(const struct config *config, struct history *history, const char *tenant, struct sign_in_state *out)
{
    const struct tenant_config *own = config_tenant(config, slice_of(tenant));
    struct error e;

    *out = (struct sign_in_state){.read_s = 0};
    if (history != NULL && sign_in_state_of(history, slice_of(tenant), out, &e) != 0)
        *out = (struct sign_in_state){.read_s = 0};
    return (own != NULL && own->exchange.sign_ins) || out->read_s > 0;
}
