#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <stdlib.h>

/* Blocks: how automatic ones grow, and who is never blocked; and known networks. */

static const struct setting blocks_rows[] = {
    {"grow", SETTING_NUMBER, AT(struct config, block_grow), .standard = "2", .least = 1, .most = 100},
    {"longest", SETTING_DURATION, AT(struct config, block_longest_s), .standard = "7d", .least = 60,
     .most = 100 * 86400},
};
const struct section blocks_section = {ROWS(blocks_rows)};

static struct network_map *map_of(struct reader *r, struct network_map **map)
{
    if (*map == NULL && (*map = network_map_new()) == NULL)
        (void)error_set(r->e, "no memory");
    return *map;
}

static bool looks_like_network(struct slice text)
{
    return memchr(text.p, '/', text.n) != NULL || memchr(text.p, ':', text.n) != NULL;
}

/* Adds a network to the map, or a login as a line to `logins`; NULL: logins are not allowed. */
static int take_entry(struct reader *r, struct slice text, struct network_map **map, struct buf *logins)
{
    struct network net;

    if (network_parse(text, &net, r->e) == 0)
        return map_of(r, map) != NULL ? network_map_add(*map, &net, 0, NULL, r->e) : -1;
    if (logins == NULL || looks_like_network(text))
        return -1;
    if (text.n == 0 || text.p[0] == '#' || memchr(text.p, ' ', text.n) != NULL)
        return error_set(r->e, "\"%s\": expected a login, @domain or network, without blanks", quote(text).text);
    buf_add(logins, text);
    buf_add_char(logins, '\n');
    return 0;
}

static int take_entries(struct reader *r, const config_setting_t *s, const struct setting *row,
                        struct network_map **map, struct buf *logins)
{
    unsigned n;

    if (setting_texts(r, s, TEXTS_MAX, &n) != 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        struct slice text;

        if (setting_text(r, element, row, &text) != 0)
            return -1;
        if (take_entry(r, text, map, logins) != 0)
            return setting_error_around(r, element);
    }
    return *map == NULL || network_map_build(*map, r->e) == 0 ? 0 : setting_error_around(r, s);
}

int read_known_networks(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct config *config = at;

    return s == NULL ? 0 : take_entries(r, s, row, &config->known_networks, NULL);
}

int read_never_block(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct config *config = at;
    size_t cap = 1;
    struct buf logins;
    unsigned n;
    char *text;
    int rc = -1;

    if (s == NULL)
        return 0;
    if (setting_texts(r, s, TEXTS_MAX, &n) != 0)
        return -1;
    for (unsigned i = 0; i < n; i++)
        cap += slice_of(config_setting_get_string(setting_texts_element(s, i))).n + 1;
    if ((text = malloc(cap)) == NULL)
        return setting_error(r, s, "no memory");
    logins = buf_over(text, cap);
    if (take_entries(r, s, row, &config->never_block_networks, &logins) != 0)
        goto out;
    rc = logins.n == 0 || list_parse(buf_slice(&logins), "never_block", &config->never_block, r->e) == 0
             ? 0
             : setting_error_around(r, s);
out:
    free(text);
    return rc;
}
