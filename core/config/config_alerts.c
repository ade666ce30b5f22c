#include "core/config/alert_event.h"
#include "core/config/config_table.h"
#include "core/config/webhook_url.h"

#include "core/base/quote.h"

/* Where notices are sent, and how. */

#define TARGETS_MAX 16
#define COMMAND_WORDS_MAX 32

static const struct choice formats[] = {{"json", ALERT_JSON}, {"teams", ALERT_TEAMS}, {NULL, 0}};

/* As bits of a set. */
static const struct choice events[] = {{"block", 1u << ALERT_BLOCK},
                                       {"stale-mirror", 1u << ALERT_STALE_MIRROR},
                                       {"mirror-failed", 1u << ALERT_MIRROR_FAILED},
                                       {"state", 1u << ALERT_STATE},
                                       {"log-lost", 1u << ALERT_LOG_LOST},
                                       {"guessed", 1u << ALERT_GUESSED},
                                       {"failing", 1u << ALERT_FAILING},
                                       {"disabled", 1u << ALERT_DISABLED},
                                       {"settings", 1u << ALERT_SETTINGS},
                                       {"unusual", 1u << ALERT_UNUSUAL},
                                       {"cluster", 1u << ALERT_CLUSTER},
                                       {NULL, 0}};

const char *alert_event_name(enum alert_event event)
{
    for (const struct choice *c = events; c->name != NULL; c++)
        if (c->value == 1u << event)
            return c->name;
    return "test"; /* no target can choose it: it goes to all */
}

static int parse_url(struct reader *r, struct slice text, void *at, struct error *e)
{
    const char *kept;

    if (webhook_url_check(text, e) != 0)
        return error_prefix(e, "\"%s\"", quote(text).text);
    kept = config_keep(r, text);
    memcpy(at, &kept, sizeof kept);
    return kept != NULL ? 0 : -1;
}

static int read_command(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    const char **words;
    unsigned n;

    if (s == NULL)
        return 0;
    if (setting_texts(r, s, COMMAND_WORDS_MAX, &n) != 0)
        return -1;
    if (n == 0)
        return setting_error(r, s, "an empty command");
    if ((words = config_alloc(r, n + 1, sizeof *words)) == NULL)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        struct slice text;

        if (setting_text(r, element, row, &text) != 0)
            return -1;
        if (i == 0 && (text.n == 0 || text.p[0] != '/'))
            return setting_error(r, element, "\"%s\": expected the full path of a program; there is no shell",
                                 quote(text).text);
        if ((words[i] = config_keep(r, text)) == NULL)
            return -1;
    }
    memcpy(at, &words, sizeof words);
    return 0;
}

static int read_events(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    unsigned set = ALERT_ALL_EVENTS;

    if (s != NULL && setting_choices(r, s, row, events, ALERT_EVENTS, &set) != 0)
        return -1;
    memcpy(at, &set, sizeof set);
    return set != 0 ? 0 : setting_error(r, s, "an empty list tells of nothing; leave it out for everything");
}

static int check_target(struct reader *r, const config_setting_t *s, void *target)
{
    const struct alert_target *t = target;
    int ways = (t->url != NULL) + (t->url_file != NULL) + (t->command != NULL);

    if (ways != 1)
        return setting_error(r, s, "%s; expected exactly one of url, url_file, command",
                             ways == 0 ? "nowhere to send notices to" : "more than one way to send notices");
    if (t->command != NULL && (t->secret_file != NULL || t->ca_file != NULL))
        return setting_error(r, s, "secret_file and ca_file are for a webhook, not for a command");
    return 0;
}

static const struct setting target_rows[] = {
    {"url", SETTING_PARSED, AT(struct alert_target, url), .parse = parse_url, .allowed = "https://host/path"},
    {"url_file", SETTING_PATH, AT(struct alert_target, url_file)},
    {"command", SETTING_OWN, AT(struct alert_target, command), .read = read_command,
     .allowed = "a program and its arguments"},
    {"format", SETTING_CHOICE, AT(struct alert_target, format), .choices = formats, .standard = "json"},
    {"secret_file", SETTING_PATH, AT(struct alert_target, secret_file)},
    {"ca_file", SETTING_PATH, AT(struct alert_target, ca_file)},
    {"events", SETTING_OWN, AT(struct alert_target, events), .read = read_events, .allowed = "names of events"},
    {"timeout", SETTING_DURATION, AT(struct alert_target, timeout_s), .standard = "15s", .least = 1, .most = 300},
    {"max_age", SETTING_DURATION, AT(struct alert_target, max_age_s), .standard = "2d", .least = 60,
     .most = 30 * 86400},
};
const struct section alert_section = {ROWS(target_rows), .check = check_target, .size = sizeof(struct alert_target),
                                      .most = TARGETS_MAX};
