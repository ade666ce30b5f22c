/* What another relay has learnt, as "postern report habits --json" writes it: names, since its keys are its own. */
#include "core/base/clock.h"
#include "core/decide/familiar.h"
#include "core/report/learn.h"
#include "core/report/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

static uint32_t number_of(const json_t *row, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(row, name));

    return n < 0 ? 0 : n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)n;
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text != NULL ? text : "";
}

/* "2026-11-30T06:50:20Z"; 0: none, or one in the future. */
static int64_t time_of(const json_t *row, const char *name, int64_t now_s)
{
    struct tm tm = {0};
    const char *end = strptime(text_of(row, name), "%Y-%m-%dT%H:%M:%SZ", &tm);
    int64_t at_s = end != NULL && *end == '\0' ? (int64_t)timegm(&tm) : 0;

    return at_s > 0 && at_s <= now_s ? at_s : 0;
}

/* Networks of another size would be marks that nobody looks for. */
static bool is_told_apart(const struct config *config, const struct network *network)
{
    const struct limit_config *size = NULL;

    while ((size = networks_size(config, size)) != NULL)
        if (network->prefix == (ip_is_v4(&network->base) ? size->v4_prefix + 96 : size->v6_prefix))
            return true;
    return false;
}

static int add_networks(struct learn *l, const struct learn_login *login, struct slice list, struct error *e)
{
    struct slice one;

    while (list.n > 0 && login->last_s > 0) {
        struct network network;
        struct learn_network *to;

        (void)slice_cut(list, ' ', &one, &list);
        if (network_parse(one, &network, e) != 0)
            return -1;
        if (!is_told_apart(l->context->config, &network)) {
            l->networks_of_other_size++;
            continue;
        }
        if ((to = learn_add_network(l, e)) == NULL)
            return -1;
        *to = (struct learn_network){.tenant = login->tenant,
                                     .tenant_hash = login->tenant_hash,
                                     .network = network,
                                     .first_s = login->last_s,
                                     .last_s = login->last_s,
                                     .usual = true};
    }
    return 0;
}

static int add_row(struct learn *l, const json_t *row, struct error *e)
{
    const char *kind = text_of(row, "kind"), *name = text_of(row, "login");
    struct learn_login *login;

    if (!json_is_object(row) || name[0] == '\0' || !json_is_integer(json_object_get(row, "messages_day")) ||
        (strcmp(kind, "user") != 0 && strcmp(kind, "connector") != 0))
        return error_set(e,
                         "has no kind, login and messages_day: expected what \"postern report habits --json\" writes");
    if ((login = learn_add_login(l, e)) == NULL)
        return -1;
    if (!learn_find(l, kind, name, login))
        return error_set(e, "out of memory");
    login->most = (struct habit_figures){{{number_of(row, "messages_hour"), number_of(row, "messages_day")},
                                          {number_of(row, "recipients_hour"), number_of(row, "recipients_day")}}};
    login->last_s = time_of(row, "last", l->context->wall_s);
    if (login->verdict == LEARN_TAKEN && !json_is_true(json_object_get(row, "learnt")))
        login->verdict = LEARN_NO_HABIT;
    return login->verdict == LEARN_TAKEN ? add_networks(l, login, slice_of(text_of(row, "networks")), e) : 0;
}

int learn_export(struct learn *l, struct slice json, struct error *e)
{
    json_error_t why;
    json_t *rows = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why), *row;
    char shown[300];
    size_t i;
    int rc = 0;

    if (rows == NULL)
        return error_set(e, "line %d: %s", why.line, text_plain(shown, sizeof shown, slice_of(why.text)));
    if (!json_is_array(rows)) {
        json_decref(rows);
        return error_set(e, "is not what \"postern report habits --json\" writes");
    }
    json_array_foreach(rows, i, row)
    {
        if ((rc = add_row(l, row, e)) != 0) {
            rc = error_prefix(e, "row %zu", i + 1);
            break;
        }
    }
    json_decref(rows);
    return rc;
}
