/*
 * The input is a configuration. Whatever it holds, it is refused with one printable line that begins with the file, or
 * it is read, and then everything in it keeps what core/config/config.h promises, and all of it can be explained.
 */
#include "core/config/config.h"
#include "core/config/config_table.h"
#include "core/report/config_report.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets the text that it was reading when it meets a syntax error behind it. */
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_error(const struct error *e)
{
    size_t n = strnlen(e->text, sizeof e->text);

    check(n > 0 && n < sizeof e->text && strncmp(e->text, "fuzz", 4) == 0);
    for (size_t i = 0; i < n; i++)
        check(e->text[i] >= 0x20 && e->text[i] < 0x7f);
}

static void check_line(struct printer *p, const struct line *line)
{
    (void)p;
    for (size_t i = 0; i < LINE_SPANS_MAX && line->spans[i].text != NULL; i++)
        for (const char *c = line->spans[i].text; *c != '\0'; c++)
            check(*c >= 0x20 && *c < 0x7f);
}

static void check_figure(const struct limit_rate *figure)
{
    check(figure->unlimited ? figure->burst == 0
                            : figure->burst > 0 && figure->rate.count > 0 && figure->rate.period_s > 0);
}

static void check_limit(const struct config *c, const struct limit_config *limit)
{
    check(limit->name != NULL && limit->per != 0 && (limit->authenticated || limit->connectors));
    check(limit->v4_prefix > 0 && limit->v4_prefix <= 32 && limit->v6_prefix > 0 && limit->v6_prefix <= 128);
    check((limit->then == THEN_BLOCK) == (limit->block_s > 0));
    check_figure(&limit->figure);
    for (size_t i = 0; i < limit->n_exceptions; i++) {
        const struct limit_exception *exception = &limit->exceptions[i];

        check_figure(&exception->figure);
        check(exception->name != NULL);
        check(exception->of != EXCEPT_GROUP || exception->group < c->n_groups);
        check(exception->of != EXCEPT_CONNECTOR || exception->connector < c->n_connectors);
    }
}

static void check_only(const struct config *c, const struct limit_only *only)
{
    check(only->set == (only->sender_domains != NULL || only->n_groups + only->n_connectors > 0));
    for (size_t i = 0; i < only->n_groups; i++)
        check(only->groups[i] < c->n_groups);
    for (size_t i = 0; i < only->n_connectors; i++)
        check(only->connectors[i] < c->n_connectors);
}

static void check_logins_from(const struct config *c, const struct logins_from *row)
{
    unsigned found;

    check(row->name != NULL && row->map != NULL && (row->whose != WHOSE_GROUP || row->group < c->n_groups));
    for (size_t i = 0; i < row->n_networks; i++)
        check(network_map_find(row->map, &row->networks[i].base, &found));
}

static void check_connector(const struct config *c, size_t at)
{
    const struct connector_config *connector = &c->connectors[at];

    check(connector->name != NULL);
    for (size_t i = 0; i < connector->n_networks; i++) {
        unsigned found;

        check(network_map_find(c->connector_map, &connector->networks[i].base, &found) && found < c->n_connectors);
    }
}

static void check_listener(const struct listener_config *l)
{
    check(l->address != NULL);
    check((l->path != NULL) + (l->host != NULL) + (l->fd >= 0) == 1);
    check(l->host == NULL || l->port > 0);
    check(l->socket_mode <= 0777);
}

static void check_config(const struct config *c)
{
    struct printer lines = {.people = true, .line = check_line};

    check(c->directory != NULL && c->state_path != NULL && c->state_entries >= 1024 && c->state_blocks >= 16);
    check(c->policyd.workers >= 1 && c->policyd.idle_timeout_s >= 1 && c->milter.timeout_s >= 1);
    for (size_t i = 0; i < c->n_tenants; i++)
        check(c->tenants[i].name != NULL && c->tenants[i].max_age_s <= DURATION_MAX_S);
    check(c->n_limits <= CONFIG_LIMITS_MAX);
    for (size_t i = 0; i < c->n_limits; i++) {
        check_limit(c, &c->limits[i]);
        check_only(c, &c->limits[i].only);
    }
    for (size_t i = 0; i < c->n_logins_from; i++)
        check_logins_from(c, &c->logins_from[i]);
    for (size_t i = 0; i < c->n_groups; i++)
        check(c->groups[i].name != NULL && c->groups[i].members != NULL);
    for (size_t i = 0; i < c->n_connectors; i++)
        check_connector(c, i);
    for (size_t i = 0; i < c->policyd.n_listen; i++)
        check_listener(&c->policyd.listen[i]);
    for (size_t i = 0; i < c->milter.n_listen; i++)
        check_listener(&c->milter.listen[i]);
    for (size_t i = 0; i < c->n_replies; i++)
        check(c->replies[i].reason != NULL && c->replies[i].text != NULL);
    config_report(c, NULL, &lines);
}

/* libconfig reads what is included by itself: no devices, no files of this machine. */
static bool includes(const uint8_t *data, size_t size)
{
    return memmem(data, size, "@include", 8) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = NULL;
    struct error e = {""};
    char *text;

    if (size > CONFIG_MAX_BYTES || includes(data, size) || (text = malloc(size + 1)) == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (config_from_text((struct slice){text, size}, "fuzz", "/nonexistent", &c, &e) == 0) {
        check_config(c);
        config_free(c);
    } else {
        check_error(&e);
    }
    free(text);
    return 0;
}
