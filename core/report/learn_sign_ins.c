/* Networks from the sign-ins at Exchange Online. What was sent after them is not known, so that they teach no habit. */
#include "core/decide/familiar.h"
#include "core/journal/sign_ins.h"
#include "core/report/learn.h"

struct sign_in_walk {
    struct learn *learn;
    struct error *e;
    bool failed;
};

/* Networks of a finer size than the history keeps are not known. */
static bool add_network(void *arg, struct slice tenant, const struct network *network, uint32_t days, int64_t first_s,
                        int64_t last_s)
{
    struct sign_in_walk *w = arg;
    const struct decide_context *c = w->learn->context;
    const struct tenant_facts *facts = directory_tenant_named(c->view, tenant);

    for (const struct limit_config *size = networks_size(c->config, NULL); facts != NULL && size != NULL;
         size = networks_size(c->config, size)) {
        bool coarse =
            ip_is_v4(&network->base) ? size->v4_prefix <= SIGN_IN_V4_PREFIX : size->v6_prefix <= SIGN_IN_V6_PREFIX;
        struct learn_network *to = coarse ? learn_add_network(w->learn, w->e) : NULL;

        if (!coarse)
            continue;
        if (to == NULL) {
            w->failed = true;
            return false;
        }
        *to = (struct learn_network){.tenant = facts->name,
                                     .tenant_hash = hash_slice(c->secret, slice_of(facts->name)),
                                     .network = network_around(&network->base, size->v4_prefix, size->v6_prefix),
                                     .days = days,
                                     .first_s = first_s,
                                     .last_s = last_s,
                                     .usual = true};
    }
    return true;
}

int learn_sign_ins(struct learn *l, struct history *history, struct error *e)
{
    struct sign_in_walk walk = {.learn = l, .e = e};

    return sign_in_networks(history, LEARN_SIGN_IN_DAYS, add_network, &walk, e) != 0 || walk.failed ? -1 : 0;
}
