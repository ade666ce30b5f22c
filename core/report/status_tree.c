/* The picture for programs. */
#include "core/access/role.h"
#include "core/config/tenant_row.h"
#include "core/report/cluster_report.h"
#include "core/report/sign_ins_age.h"
#include "core/report/status_parts.h"

static const char *const part_words[] = {
    [PART_READ] = "read", [PART_NONE] = "none", [PART_CLOSED] = "closed", [PART_UNUSABLE] = "unusable"};

/* "enabled", "disabled", "unknown" */
const char *status_setting_word(enum smtp_auth setting)
{
    return setting == SMTP_AUTH_ENABLED ? "enabled" : setting == SMTP_AUTH_DISABLED ? "disabled" : "unknown";
}

/* With its processes. */
static bool is_listed(const struct picture *p, const char *program)
{
    for (size_t i = 0; i < p->n_processes; i++)
        if (strcmp(p->processes[i].name, program) == 0)
            return true;
    return false;
}

static void show_services(const struct picture *p, struct printer *out)
{
    static const char *const words[] = {
        [SERVICE_UP] = "up", [SERVICE_DOWN] = "down", [SERVICE_HIDDEN] = "hidden", [SERVICE_SILENT] = "silent"};

    out->open(out, "services", TREE_LIST);
    for (size_t i = 0; i < p->n_processes; i++) {
        uint64_t generation;

        out->open(out, NULL, TREE_OBJECT);
        out->value(out, "name", value_word(p->processes[i].name));
        out->value(out, "state", value_word(picture_is_silent(p, p->processes[i].name) ? "silent" : "up"));
        out->value(out, "pid", value_number((uint64_t)p->processes[i].pid));
        if (!p->processes[i].told)
            out->value(out, "up_s", value_duration(p->processes[i].age_s));
        if (picture_generation_of(p, p->processes[i].pid, &generation))
            out->value(out, "generation", value_number(generation));
        out->close(out);
    }
    for (size_t i = 0; i < p->n_services; i++) {
        if (p->services[i].state == SERVICE_UP || is_listed(p, p->services[i].program))
            continue;
        out->open(out, NULL, TREE_OBJECT);
        out->value(out, "name", value_word(p->services[i].program));
        out->value(out, "state", value_word(words[p->services[i].state]));
        out->close(out);
    }
    out->close(out);
}

static void show_listeners(const struct picture *p, struct printer *out)
{
    static const struct column columns[] = {{"program", VALUE_TEXT}, {"address", VALUE_TEXT}, {"state", VALUE_TEXT}};

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "listeners"});
    for (size_t i = 0; i < p->n_listeners; i++)
        out->row(out, (const struct value[]){value_word(p->listeners[i].program), value_word(p->listeners[i].address),
                                             value_word(p->listeners[i].state)});
    out->end(out);
}

/* "read", "none", "closed", "unusable", and which generation is there and which is in use. */
static void show_directory(const struct picture *p, const struct report_files *f, struct printer *out)
{
    out->open(out, "directory", TREE_OBJECT);
    out->value(out, "state", value_word(part_words[p->directory]));
    out->value(out, "generation", f->view != NULL ? value_number(directory_view_generation(f->view)) : value_none());
    out->value(out, "in_use", f->other_generation || p->n_using > 0 ? value_truth(!f->other_generation) : value_none());
    if (p->pulled) {
        out->open(out, "pulled", TREE_OBJECT);
        out->value(out, "relay", value_word(p->origin.relay));
        out->value(out, "url", value_word(p->origin.url));
        out->value(out, "generation", value_number(p->origin.generation));
        out->value(out, "asked_at", value_number((uint64_t)p->origin.checked_at));
        out->close(out);
    } else {
        out->value(out, "pulled", value_none());
    }
    out->close(out);
}

static void show_parts(const struct tenant_facts *t, struct printer *out)
{
    out->open(out, "parts", TREE_OBJECT);
    for (size_t i = 0; i < MIRRORED_PARTS; i++) {
        const char *name = mirrored_word((enum mirrored_part)i);

        if (t->parts[i].at <= 0) {
            out->value(out, name, value_none());
            continue;
        }
        out->open(out, name, TREE_OBJECT);
        out->value(out, "at", value_number((uint64_t)t->parts[i].at));
        out->value(out, "source", value_word(t->parts[i].source));
        out->close(out);
    }
    out->close(out);
}

/* null: not to be read. */
static void show_sign_ins(const struct report_files *f, const char *tenant, struct printer *out)
{
    struct sign_in_state state;

    if (!sign_ins_age(f->config, f->history, tenant, &state)) {
        out->value(out, "sign_ins", value_none());
        return;
    }
    out->open(out, "sign_ins", TREE_OBJECT);
    out->value(out, "at", state.read_s > 0 ? value_number((uint64_t)state.read_s) : value_none());
    out->value(out, "trouble_at", state.trouble_s > 0 ? value_number((uint64_t)state.trouble_s) : value_none());
    out->value(out, "trouble", value_word_or_none(state.trouble));
    out->close(out);
}

/* What tenants.smtp_auth says, if it decides; null when the mirrored setting counts. */
static struct value override_of(const struct config *config, const char *tenant)
{
    const struct tenant_config *own = config_tenant(config, slice_of(tenant));

    return own == NULL || own->smtp_auth == TENANT_MIRRORED
               ? value_none()
               : value_word(own->smtp_auth == TENANT_ENABLED ? "enabled" : "disabled");
}

/* What becomes of its mail, where its settings are older than max_age: "keep" or "defer"; null: they are not. */
static struct value stale_of(const struct picture *p, const struct config *config, const struct tenant_facts *t)
{
    struct tenant_config mem;
    const struct tenant_config *own = tenant_row(config, t->name, &mem);
    int64_t oldest = tenant_oldest(t, NULL);

    if (own == NULL || own->max_age_s == 0 || oldest <= 0 || p->wall_s - oldest <= (int64_t)own->max_age_s)
        return value_none();
    return value_word(own->when_stale == STALE_DEFER ? "defer" : "keep");
}

static void show_tenants(const struct picture *p, const struct report_files *f, struct slice scope, struct printer *out)
{
    out->open(out, "tenants", TREE_LIST);
    for (uint32_t i = 0; f->view != NULL && i < directory_tenants(f->view); i++) {
        const struct tenant_facts *t = directory_tenant(f->view, i);

        if (t == NULL || !scope_has(scope, slice_of(t->name)))
            continue;
        out->open(out, NULL, TREE_OBJECT);
        out->value(out, "name", value_word(t->name));
        out->value(out, "smtp_auth", value_word(status_setting_word(t->smtp_auth))); /* as mirrored */
        out->value(out, "smtp_auth_override", override_of(f->config, t->name));
        out->value(out, "source", value_word(t->source));
        out->value(out, "mailboxes", value_number(t->mailboxes));
        out->value(out, "settings_at", value_number(t->settings_at > 0 ? (uint64_t)t->settings_at : 0));
        out->value(out, "stale", stale_of(p, f->config, t));
        out->value(out, "learning_until", value_time(picture_learning_until(p, f, t)));
        show_parts(t, out);
        show_sign_ins(f, t->name, out);
        out->close(out);
    }
    out->close(out);
}

static void show_counters(const struct picture *p, const struct report_files *f, struct printer *out)
{
    if (p->state != PART_READ) {
        out->value(out, "state", value_word(part_words[p->state]));
        return;
    }
    out->open(out, "counters", TREE_OBJECT);
    out->value(out, "entries", value_number(p->counters.entries));
    out->value(out, "live", value_number(p->counters.live));
    out->value(out, "crowded", value_number(p->counters.crowded));
    out->value(out, "displaced", value_number(p->counters.displaced));
    out->close(out);
    out->open(out, "habits", TREE_OBJECT);
    out->value(out, "places", value_number(p->habits.places));
    out->value(out, "known", value_number(p->habits.known));
    out->value(out, "learning", value_number(p->habits.learning));
    out->value(out, "crowded", value_number(p->habits.crowded));
    out->value(out, "displaced", value_number(p->habits.displaced));
    out->close(out);
    out->value(out, "blocks", value_number(p->blocks));
    out->value(out, "blocks_places", value_number(f->config->state_blocks));
}

static void show_notices(const struct picture *p, struct printer *out)
{
    const struct notices *n = &p->notices;

    if (n->part != PART_READ && n->part != PART_NONE) {
        out->value(out, "notices", value_none());
        return;
    }
    out->open(out, "notices", TREE_OBJECT);
    out->value(out, "waiting", value_number(n->waiting));
    out->value(out, "given_up", value_number(n->given_up));
    out->value(out, "oldest_at", value_number(n->oldest_s > 0 ? (uint64_t)n->oldest_s : 0));
    out->close(out);
}

/* null: there is no cluster. */
static void show_cluster(const struct picture *p, const struct report_files *f, struct printer *out)
{
    struct cluster_facts c;

    if (!cluster_facts(f->config, p->wall_s, &c)) {
        out->value(out, "cluster", value_none());
        return;
    }
    out->open(out, "cluster", TREE_OBJECT);
    out->value(out, "shares", value_truth(c.shares));
    out->value(out, "why", value_word_or_none(c.why));
    out->value(out, "relays", value_number(c.relays));
    out->value(out, "silent", value_number(c.silent));
    out->value(out, "silent_names", value_word_or_none(c.silent_names));
    out->value(out, "differing", value_number(c.differing));
    out->value(out, "differing_names", value_word_or_none(c.differing_names));
    out->value(out, "waiting", value_number(c.waiting));
    out->value(out, "lost", value_number(c.lost));
    out->close(out);
}

static void show_verdicts(const struct picture *p, struct printer *out)
{
    static const struct column columns[] = {
        {"program", VALUE_TEXT}, {"action", VALUE_TEXT}, {"reason", VALUE_TEXT}, {"count", VALUE_NUMBER}};

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "verdicts"});
    for (size_t i = 0; i < p->n_totals; i++)
        out->row(out, (const struct value[]){
                          value_word(p->totals[i].program), value_word(action_name(p->totals[i].action)),
                          value_word(reason_row(p->totals[i].reason)->name), value_number(p->totals[i].count)});
    out->end(out);
}

static void show_ranking(const char *name, struct ranking *t, int which, struct printer *out)
{
    static const struct column columns[] = {{"name", VALUE_TEXT}, {"passed", VALUE_NUMBER}, {"refused", VALUE_NUMBER}};

    ranking_sort(t, which);
    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = name});
    for (size_t i = 0; i < t->n && i < STATUS_TOP_ROWS && t->rows[i].count[which] > 0; i++)
        out->row(out, (const struct value[]){value_word(t->rows[i].name), value_number(t->rows[i].count[0]),
                                             value_number(t->rows[i].count[1])});
    out->end(out);
}

void status_counts(const struct picture *p, const struct report_files *f, struct printer *out)
{
    out->value(out, "version", value_word(POSTERN_VERSION));
    show_services(p, out);
    show_listeners(p, out);
    show_directory(p, f, out);
    show_tenants(p, f, SLICE(SCOPE_ALL), out);
    show_counters(p, f, out);
    show_cluster(p, f, out);
    show_notices(p, out);
    show_verdicts(p, out);
    out->value(out, "journal_dropped", p->has_journal ? value_number(p->dropped) : value_none());
}

static void show_rankings(struct picture *p, struct printer *out)
{
    show_ranking("top_logins", &p->logins, 0, out);
    show_ranking("top_refused_logins", &p->logins, 1, out);
    show_ranking("top_clients", &p->clients, 0, out);
    show_ranking("top_refused_clients", &p->clients, 1, out);
    show_ranking("top_connectors", &p->connectors, 0, out);
    show_ranking("top_limits", &p->limits, 1, out);
}

void status_members(struct picture *p, const struct report_files *f, struct printer *out)
{
    if (p->config_problem[0] != '\0')
        out->value(out, "config_problem", value_word(p->config_problem));
    status_counts(p, f, out);
    show_rankings(p, out);
}

void status_of_tenants(struct picture *p, const struct report_files *f, struct slice scope, struct printer *out)
{
    show_tenants(p, f, scope, out);
    out->value(out, "blocks", p->state == PART_READ ? value_number(p->blocks) : value_none());
    show_rankings(p, out);
}

void status_learning(const struct picture *p, const struct report_files *f, struct slice scope, struct printer *out)
{
    static const struct column columns[] = {{"name", VALUE_TEXT}, {"learning_until", VALUE_TIME}};

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "tenants"});
    for (uint32_t i = 0; f->view != NULL && i < directory_tenants(f->view); i++) {
        const struct tenant_facts *t = directory_tenant(f->view, i);

        if (t != NULL && scope_has(scope, slice_of(t->name)))
            out->row(out, (const struct value[]){value_word(t->name), value_time(picture_learning_until(p, f, t))});
    }
    out->end(out);
}

void status_tree(struct picture *p, const struct report_files *f, struct printer *out)
{
    out->open(out, NULL, TREE_OBJECT);
    status_members(p, f, out);
    out->close(out);
}
