#include "core/journal/history_parts.h"
#include "core/journal/sign_ins.h"

#define DAY_S 86400

int sign_in_network_add(struct history *h, struct slice tenant, const struct ip *client, int64_t at_s, struct error *e)
{
    struct network network = network_around(client, SIGN_IN_V4_PREFIX, SIGN_IN_V6_PREFIX);
    sqlite3_stmt *s = history_statement(h, HISTORY_ADD_SIGN_IN_NETWORK, e);
    char text[NETWORK_TEXT_MAX];

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    history_bind_text(s, 2, network_text(&network, text));
    (void)sqlite3_bind_int64(s, 3, at_s / DAY_S);
    return history_run(h, s, "write", e);
}

int sign_in_networks_forget(struct history *h, int64_t now_s, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_FORGET_SIGN_IN_NETWORKS, e);

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, now_s / DAY_S - SIGN_IN_NETWORK_DAYS);
    if (history_run(h, s, "write", e) != 0 ||
        (s = history_statement(h, HISTORY_FORGET_MOST_SIGN_IN_NETWORKS, e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, SIGN_IN_NETWORKS_MAX);
    return history_run(h, s, "write", e);
}

/* A history that an older mirror wrote has no such table. */
static int has_table(struct history *h, struct error *e)
{
    sqlite3_stmt *s = NULL;
    int code =
        sqlite3_prepare_v2(h->file->db, "SELECT 1 FROM sqlite_schema WHERE name='sign_in_networks'", -1, &s, NULL);
    bool found = code == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;

    if (code == SQLITE_OK)
        code = sqlite3_finalize(s);
    return code == SQLITE_OK ? found : history_failed(h, "read", code, e);
}

int sign_in_networks(struct history *h, uint32_t least_days, sign_in_network_each *each, void *arg, struct error *e)
{
    int found, code;
    sqlite3_stmt *s = NULL;

    history_begin_reading(h);
    if ((found = has_table(h, e)) <= 0)
        return found;
    code = sqlite3_prepare_v2(h->file->db,
                              "SELECT tenant,network,count(*),min(day),max(day) FROM sign_in_networks "
                              "GROUP BY tenant,network HAVING count(*)>=?1 ORDER BY tenant,network",
                              -1, &s, NULL);
    if (code != SQLITE_OK)
        return history_failed(h, "read", code, e);
    (void)sqlite3_bind_int64(s, 1, least_days);
    while (sqlite3_step(s) == SQLITE_ROW) {
        struct network network;
        uint64_t last = database_column_number(s, 4);

        if (network_parse(history_column_text(s, 1), &network, NULL) == 0 &&
            !each(arg, history_column_text(s, 0), &network, (uint32_t)database_column_number(s, 2),
                  (int64_t)(database_column_number(s, 3) * DAY_S), (int64_t)(last * DAY_S)))
            break;
    }
    code = sqlite3_finalize(s);
    return code == SQLITE_OK ? 0 : history_failed(h, "read", code, e);
}
