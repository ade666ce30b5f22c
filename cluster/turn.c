#include "cluster/turn.h"

#include "core/base/spool.h"
#include "core/directory/manifest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static json_int_t number_of(const struct beat_peer *p, const char *name)
{
    return json_integer_value(json_object_get(p->said, name));
}

static bool is_heard(const struct beats *b, const struct beat_peer *p, uint64_t boot_ns)
{
    return p->said != NULL && !beat_is_silent(p, boot_ns) && !beat_is_superseded(b, p, boot_ns);
}

/* The first by name of the others heard that say at least this; NULL: none. One of our name is we, before a restart. */
static const char *first_that(const struct beats *b, enum turn least, const struct turn_now *now)
{
    const char *first = NULL;

    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        const struct beat_peer *p = b->peers + i;

        if (is_heard(b, p, now->boot_ns) && number_of(p, "mirrors") >= (json_int_t)least &&
            strcmp(beat_name(p->said), now->name) != 0 && (first == NULL || strcmp(beat_name(p->said), first) < 0))
            first = beat_name(p->said);
    }
    return first;
}

enum turn turn_decide(const struct turn_now *now, const struct beats *b, const char **by)
{
    const char *holder = first_that(b, TURN_HOLDS, now), *other = first_that(b, TURN_COULD, now);
    bool ours;

    if (now->before == TURN_HOLDS) /* two hold it, after a partition: the first by name goes on */
        ours = holder == NULL || strcmp(now->name, holder) < 0;
    else
        ours = holder == NULL && now->hears && (other == NULL || strcmp(now->name, other) < 0);
    ours = now->could && (ours || now->old);
    *by = ours ? now->name : holder;
    return ours ? TURN_HOLDS : now->could ? TURN_COULD : TURN_NEVER;
}

bool turn_could(const struct config *config)
{
    for (size_t i = 0; i < config->n_tenants; i++)
        if (config->tenants[i].exchange.tenant_id != NULL)
            return config->mirror_pull.n_sources > 0;
    return false;
}

static bool is_mirrored(const struct config *config, struct slice name)
{
    const struct tenant_config *tenant = config_tenant(config, name);

    return tenant != NULL && tenant->exchange.tenant_id != NULL;
}

struct turn_times turn_times(const struct config *config)
{
    int folder = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct turn_times times = {.newest = 0};
    struct manifest m;
    bool any = false;
    char *text = NULL;
    size_t n;

    if (folder >= 0 && spool_get(folder, MANIFEST_NAME, MANIFEST_MAX, &text, &n, NULL) == 0 &&
        manifest_parse((struct slice){text, n}, &m, NULL) == 0) {
        times.generation = m.generation;
        for (uint32_t i = 0; i < m.tenants_n; i++) {
            int64_t at = m.tenants[i].settings_at;

            times.newest = at > times.newest ? at : times.newest;
            if (is_mirrored(config, m.tenants[i].name) && (!any || at < times.oldest_mirrored)) {
                times.oldest_mirrored = at;
                any = true;
            }
        }
        manifest_free(&m);
    }
    free(text);
    if (folder >= 0)
        (void)close(folder);
    return times;
}

bool turn_newer_elsewhere(const struct turn_times *ours, const struct beats *b, uint64_t boot_ns)
{
    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        const struct beat_peer *p = b->peers + i;
        json_int_t newest = is_heard(b, p, boot_ns) ? number_of(p, "mirrored_at") : 0;

        if (newest > ours->newest ||
            (newest > 0 && newest == ours->newest && number_of(p, "generation") > (json_int_t)ours->generation))
            return true;
    }
    return false;
}
