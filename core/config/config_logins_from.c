/* logins_from: networks outside which some logins are refused. */
#include "core/config/config_table.h"

#include "core/base/quote.h"

#define LOGINS_FROM_MAX 1024 /* rows */

static int parse_user(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct logins_from *row = at;

    row->whose = WHOSE_USER;
    return parse_user_name(r, text, &row->name, e);
}

static int parse_group(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct logins_from *row = at;

    row->whose = WHOSE_GROUP;
    return parse_group_name(r, text, &row->group, &row->name, e);
}

/* Kept as lists have it, with its "@". */
static int parse_domain(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct logins_from *row = at;
    char name[ADDRESS_OF_NAME_MAX + 2] = "@";
    size_t n;

    if (text.n > 0 && text.p[0] == '@')
        return error_set(e, "\"%s\": a domain is written without \"@\" here", quote(text).text);
    if (!domain_canonical(text, name + 1, sizeof name - 1, &n))
        return error_set(e, "\"%s\" is no domain", quote(text).text);
    row->whose = WHOSE_DOMAIN;
    return (row->name = config_keep(r, (struct slice){name, n + 1})) != NULL ? 0 : -1;
}

static int read_networks(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct logins_from *from = at;

    return setting_networks(r, s, row, false, &from->networks, &from->n_networks);
}

static int read_networks_file(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct logins_from *from = at;

    return setting_networks(r, s, row, true, &from->networks, &from->n_networks);
}

/* One network may lie within another of the same row. */
static int build_map(struct reader *r, const config_setting_t *s, struct logins_from *from)
{
    if ((from->map = network_map_new()) == NULL)
        return setting_error(r, s, "no memory for %zu networks", from->n_networks);
    for (size_t i = 0; i < from->n_networks; i++)
        if (network_map_add(from->map, &from->networks[i], 0, NULL, r->e) != 0)
            return setting_error_around(r, s);
    return network_map_build(from->map, r->e) == 0 ? 0 : setting_error_around(r, s);
}

static int check_row(struct reader *r, const config_setting_t *s, void *target)
{
    struct logins_from *from = target;
    int whose = 0;

    for (const char *const *name = (const char *const[]){"user", "group", "domain", NULL}; *name != NULL; name++)
        whose += config_setting_get_member(s, *name) != NULL;
    if (whose != 1)
        return setting_error(r, s, "a row is for one of user, group or domain; found %d of them", whose);
    if (config_setting_get_member(s, "networks") == NULL && config_setting_get_member(s, "networks_file") == NULL)
        return setting_error(r, s, "a row needs networks or networks_file: from where these logins may come");
    for (const struct logins_from *other = r->config->logins_from; other < from; other++)
        if (other->whose == from->whose && strcmp(other->name, from->name) == 0)
            return setting_error(r, s, "a second row for \"%s\"; put all of its networks into one",
                                 quote(slice_of(from->name)).text);
    return build_map(r, s, from);
}

static const struct setting rows[] = {
    {"user", SETTING_PARSED, .parse = parse_user, .allowed = "an address or an account name"},
    {"group", SETTING_PARSED, .parse = parse_group, .allowed = "the name of a group"},
    {"domain", SETTING_PARSED, .parse = parse_domain, .allowed = "a domain"},
    {"networks", SETTING_OWN, .read = read_networks, .allowed = "networks such as 192.0.2.0/24"},
    {"networks_file", SETTING_OWN, .read = read_networks_file, .allowed = "a file name"},
    {"mode", SETTING_CHOICE, AT(struct logins_from, mode), .choices = mode_choices, .standard = "enforce"},
};
const struct section logins_from_section = {ROWS(rows), .check = check_row, .size = sizeof(struct logins_from),
                                            .most = LOGINS_FROM_MAX};
