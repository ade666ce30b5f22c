/* How the directory comes to this relay, and from it to others. */
#include "core/config/config_table.h"
#include "core/config/webhook_url.h"

#include "core/base/quote.h"

#define SOURCES_MAX 16

/* Without user and password: many may read this file. */
static int parse_proxy(struct reader *r, struct slice text, void *at, struct error *e)
{
    const char *kept;

    if (text.n > 0 && ((!slice_starts_with(text, SLICE("http://")) && !slice_starts_with(text, SLICE("https://"))) ||
                       memchr(text.p, '@', text.n) != NULL || text.n > 300))
        return error_set(e, "\"%s\": expected http://host:port or https://host:port, or \"\" for no proxy",
                         quote(text).text);
    if ((kept = config_keep(r, text)) == NULL)
        return -1;
    memcpy(at, &kept, sizeof kept);
    return 0;
}

/* ---- relays that follow ---- */

/* Kept without "/" at its end. */
static int one_source(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    if (webhook_url_check(text, r->e) != 0)
        return setting_error_around(r, s);
    if (memchr(text.p, '?', text.n) != NULL || memchr(text.p, '#', text.n) != NULL)
        return setting_error(r, s,
                             "\"%s\": expected the address of a folder, as in https://mx1.contoso.example/postern/",
                             quote(text).text);
    while (text.p[text.n - 1] == '/')
        text.n--;
    return setting_keep_slice(r, s, text, at);
}

static int read_sources(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct pull_config *pull = at;

    if (s == NULL)
        return 0;
    if (setting_slices(r, s, row, SOURCES_MAX, one_source, &pull->sources, &pull->n_sources) != 0)
        return -1;
    return pull->n_sources > 0 ? 0 : setting_error(r, s, "an empty list; leave pull out for none");
}

static int check_pull(struct reader *r, const config_setting_t *s, void *target)
{
    const struct pull_config *pull = target;

    return s == NULL || pull->n_sources > 0
               ? 0
               : setting_error(r, s,
                               "no url: where the directory comes from, as in https://mx1.contoso.example/postern");
}

static const struct setting pull_rows[] = {
    {"url", SETTING_OWN, .read = read_sources, .allowed = "https://host/path, or a list of them"},
    {"ca_file", SETTING_PATH, AT(struct pull_config, ca_file)},
};
static const struct section pull_section = {ROWS(pull_rows), .check = check_pull};

int mirror_check(struct reader *r, const config_setting_t *s)
{
    const struct config *c = r->config;

    if (c->cluster.configured || (c->mirror_offer == NULL && c->mirror_pull.n_sources == 0))
        return 0;
    return setting_error(r, s, "%s needs cluster = { ... }: its key seals the directory for the other relays",
                         c->mirror_offer != NULL ? "offer" : "pull");
}

/* ---- the section ---- */

static const struct choice closings[] = {{"apply", CLOSING_APPLIES}, {"wait", CLOSING_WAITS}, {NULL, 0}};

static const struct setting mirror_rows[] = {
    {"max_change", SETTING_NUMBER, AT(struct config, mirror_max_change), .standard = "10", .least = 0, .most = 100},
    {"closing", SETTING_CHOICE, AT(struct config, mirror_closing), .choices = closings, .standard = "apply"},
    {"deadline", SETTING_DURATION, AT(struct config, mirror_deadline_s), .standard = "3h", .least = 10,
     .most = 2 * 86400},
    {"stall_timeout", SETTING_DURATION, AT(struct config, mirror_stall_timeout_s), .standard = "2m", .least = 1,
     .most = 3600},
    {"page_size", SETTING_NUMBER, AT(struct config, mirror_page_size), .standard = "1000", .least = 1, .most = 1000},
    {"proxy", SETTING_PARSED, AT(struct config, mirror_proxy), .parse = parse_proxy,
     .allowed = "http://host:port, or nothing for none"},
    {"offer", SETTING_PATH, AT(struct config, mirror_offer)},
    {"pull", SETTING_SECTION, AT(struct config, mirror_pull), .section = &pull_section},
};
const struct section mirror_section = {ROWS(mirror_rows)};
