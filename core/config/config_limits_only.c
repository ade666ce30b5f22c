/* The messages that a limit is about, and the text with which it refuses them. */
#include "core/config/config_table.h"

#include "core/base/quote.h"
#include "core/mail/reply_text.h"

#define NAMES_MAX 1024 /* groups or connectors of one limit */

/* ---- only ---- */

/* Domains alone: a list that is empty, or an address, would make the condition another one than its name says. */
static int read_sender_domains(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct list **domains = at;
    struct list_place place;
    struct slice text;

    if (s == NULL)
        return 0;
    if (read_senders(r, s, row, domains) != 0)
        return -1;
    for (size_t i = 0; list_next(*domains, &i, &text, &place);)
        if (text.p[0] != '@')
            return setting_error(r, s,
                                 "\"%s\": expected a domain, \"@contoso.example\", or \"@.contoso.example\" for all "
                                 "below it",
                                 quote(text).text);
    return list_count(*domains) > 0 ? 0 : setting_error(r, s, "the list is empty, so the limit would be about nothing");
}

typedef int parse_named(struct reader *r, struct slice text, unsigned *index, const char **name, struct error *e);

static int read_names(struct reader *r, const config_setting_t *s, const struct setting *row, parse_named *parse,
                      unsigned **indexes, size_t *n_indexes)
{
    unsigned n;

    if (s == NULL)
        return 0;
    if (setting_texts(r, s, NAMES_MAX, &n) != 0)
        return -1;
    if (n == 0)
        return setting_error(r, s, "the list is empty, so the limit would be about nothing");
    if ((*indexes = config_alloc(r, n, sizeof **indexes)) == NULL)
        return -1;
    for (; *n_indexes < n; ++*n_indexes) {
        const config_setting_t *element = setting_texts_element(s, (unsigned)*n_indexes);
        struct slice text;
        const char *name;

        if (setting_text(r, element, row, &text) != 0)
            return -1;
        if (parse(r, text, *indexes + *n_indexes, &name, r->e) != 0)
            return setting_error_around(r, element);
    }
    return 0;
}

static int read_groups(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct limit_only *only = at;

    return read_names(r, s, row, parse_group_name, &only->groups, &only->n_groups);
}

static int read_connectors(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct limit_only *only = at;

    return read_names(r, s, row, parse_connector_name, &only->connectors, &only->n_connectors);
}

static int check_only(struct reader *r, const config_setting_t *s, void *target)
{
    struct limit_only *only = target;

    only->set = only->sender_domains != NULL || only->n_groups + only->n_connectors > 0;
    if (s != NULL && !only->set)
        return setting_error(r, s, "expected some of sender_domain, group and connector");
    if (only->n_groups > 0 && only->n_connectors > 0)
        return setting_error(r, s,
                             "no message has both a login, for the group, and a connector; make two limits of it");
    return 0;
}

static const struct setting only_rows[] = {
    {"sender_domain", SETTING_OWN, AT(struct limit_only, sender_domains), .read = read_sender_domains,
     .allowed = "@domains, @.domains"},
    {"group", SETTING_OWN, .read = read_groups, .allowed = "names of groups"},
    {"connector", SETTING_OWN, .read = read_connectors, .allowed = "names of connectors"},
};
const struct section limit_only_section = {ROWS(only_rows), .check = check_only};

/* ---- reply ---- */

int parse_limit_reply(struct reader *r, struct slice text, void *at, struct error *e)
{
    const char *kept;

    if (reply_check(text, e) != 0 || reply_text_check(text, e) != 0 || (kept = config_keep(r, text)) == NULL)
        return -1;
    memcpy(at, &kept, sizeof kept);
    return 0;
}

/* A limit that defers must not refuse for good by its text, nor the other way round. */
static int check_reply(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    static const char class_of[] = {
        [THEN_DEFER] = '4', [THEN_REJECT] = '5', [THEN_HOLD] = '\0', [THEN_BLOCK] = '5', [THEN_MONITOR] = '\0'};
    char class = class_of[limit->then];

    if (limit->reply == NULL || limit->reply[0] == class)
        return 0;
    s = config_setting_get_member(s, "reply");
    if (class == '\0')
        return setting_error(r, s, "with this \"then\" nobody is refused, so there is nothing to reply");
    return setting_error(r, s, "with this \"then\" a reply begins with %c", class);
}

int limit_check_only(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    const config_setting_t *only = config_setting_get_member(s, "only");

    if (limit->only.n_groups > 0 && (!limit->authenticated || (limit->per & PER_CONNECTOR) != 0))
        return setting_error(r, only, "a group is of logins, and this limit is for connectors");
    if (limit->only.n_connectors > 0 && (!limit->connectors || (limit->per & (PER_USER | PER_LOGIN)) != 0))
        return setting_error(r, only, "this limit is for logins, which have no connector");
    return check_reply(r, s, limit);
}
