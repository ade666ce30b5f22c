/* How this relay reaches the others: through Redis or Valkey. */
#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <sys/un.h>

#define HOST_MAX 255
#define NODE_MAX 63
#define NAME_MAX_BYTES 128
#define PORT_MAX 65535
#define REDIS_PORT 6379
#define SENTINEL_PORT 26379
#define SOCKET_PATH_MAX (sizeof((struct sockaddr_un *)0)->sun_path - 1)
#define SERVER_FORM "expected redis.contoso.example:6379, [2001:db8::7]:6379 or unix:/run/redis/redis-server.sock"

static const struct choice tls_choices[] = {
    {"auto", CLUSTER_TLS_AUTO}, {"always", CLUSTER_TLS_ALWAYS}, {"never", CLUSTER_TLS_NEVER}, {NULL, 0}};

/* ---- where the servers are ---- */

/* A name or an address; in brackets, an IPv6 address. */
static bool is_host(struct slice host, bool bracketed)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = ascii_lower(host.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || (bracketed && c == ':')))
            return false;
    }
    return host.n > 0 && host.n <= HOST_MAX && host.p[0] != '.' && host.p[0] != '-';
}

/* Splits at the colon before the port; inside brackets there may be others. False when there is no port. */
static bool cut_port(struct slice text, bool bracketed, struct slice *host, struct slice *port)
{
    if (!bracketed)
        return slice_cut(text, ':', host, port);
    if (!slice_cut((struct slice){text.p + 1, text.n - 1}, ']', host, port) || (port->n > 0 && port->p[0] != ':'))
        host->n = 0; /* which is no host */
    if (host->n == 0 || port->n == 0)
        return false;
    *port = (struct slice){port->p + 1, port->n - 1};
    return true;
}

static int parse_host_port(struct reader *r, struct slice text, uint16_t standard, struct cluster_server *server,
                           struct error *e)
{
    bool bracketed = text.n > 0 && text.p[0] == '[';
    unsigned long long port = standard;
    struct slice host, port_text;
    bool has_port = cut_port(text, bracketed, &host, &port_text);

    if (!is_host(host, bracketed) || (has_port && (!slice_to_u64(port_text, PORT_MAX, &port) || port == 0)))
        return error_set(e, "\"%s\": " SERVER_FORM, quote(text).text);
    server->port = (uint16_t)port;
    server->host = config_keep(r, host);
    return server->host != NULL ? 0 : -1;
}

static int parse_server(struct reader *r, struct slice text, uint16_t standard, struct cluster_server *server,
                        struct error *e)
{
    *server = (struct cluster_server){.path = NULL};
    if (!slice_starts_with(text, SLICE("unix:")))
        return parse_host_port(r, text, standard, server, e);
    text = (struct slice){text.p + 5, text.n - 5};
    if (text.n == 0 || text.p[0] != '/' || text.n > SOCKET_PATH_MAX)
        return error_set(e, "\"unix:%s\": expected an absolute path of at most %zu bytes after \"unix:\"",
                         quote(text).text, SOCKET_PATH_MAX);
    server->path = config_keep(r, text);
    return server->path != NULL ? 0 : -1;
}

static int read_places(struct reader *r, const config_setting_t *s, const struct setting *row, uint16_t standard,
                       struct cluster_server **servers, size_t *n_servers)
{
    unsigned n = 0;

    if (s == NULL)
        return 0;
    if (setting_texts(r, s, CLUSTER_SERVERS_MAX, &n) != 0)
        return -1;
    if (n == 0)
        return setting_error(r, s, "an empty list; " SERVER_FORM);
    if ((*servers = config_alloc(r, n, sizeof **servers)) == NULL)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        struct slice text;

        if (setting_text(r, element, row, &text) != 0)
            return -1;
        if (parse_server(r, text, standard, *servers + i, r->e) != 0)
            return setting_error_around(r, element);
    }
    *n_servers = n;
    return 0;
}

static int read_servers(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct cluster_config *c = at;

    return read_places(r, s, row, REDIS_PORT, &c->servers, &c->n_servers);
}

static int read_sentinels(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct cluster_config *c = at;

    return read_places(r, s, row, SENTINEL_PORT, &c->sentinels, &c->n_sentinels);
}

/* ---- names ---- */

static int keep_printable(struct reader *r, struct slice text, size_t most, void *at, struct error *e)
{
    bool right = text.n > 0 && text.n <= most;
    const char *kept;

    for (size_t i = 0; i < text.n && right; i++)
        right = text.p[i] > ' ' && text.p[i] <= '~';
    if (!right)
        return error_set(e, "\"%s\": expected 1 to %zu printable characters without blanks", quote(text).text, most);
    if ((kept = config_keep(r, text)) == NULL)
        return -1;
    memcpy(at, &kept, sizeof kept);
    return 0;
}

static int parse_word(struct reader *r, struct slice text, void *at, struct error *e)
{
    return keep_printable(r, text, NAME_MAX_BYTES, at, e);
}

static int parse_node(struct reader *r, struct slice text, void *at, struct error *e)
{
    return keep_printable(r, text, NODE_MAX, at, e);
}

/* ---- what came from the others ---- */

static int load_list(struct reader *r, const config_setting_t *s, const char *folder, const char *name,
                     struct list **list)
{
    char path[4096];
    struct buf b = BUF_OVER(path);
    int missing;

    buf_addf(&b, "%s/%s", folder, name);
    if (b.full)
        return setting_error(r, s, "folder: the name is too long");
    missing = config_files_note_optional(r, path);
    if (missing < 0 || (missing == 0 && list_load(path, list, r->e) != 0))
        return setting_error_around(r, s);
    return 0;
}

static int check_cluster(struct reader *r, const config_setting_t *s, void *target)
{
    struct cluster_config *c = target;

    c->configured = s != NULL;
    if (s == NULL)
        return 0;
    if ((c->n_servers > 0) == (c->n_sentinels > 0))
        return setting_error(r, s, "%s; expected one of server and sentinels",
                             c->n_servers > 0 ? "both server and sentinels" : "no server");
    if ((c->n_sentinels > 0) != (c->sentinel_name != NULL))
        return setting_error(r, s, "%s",
                             c->n_sentinels > 0 ? "sentinels need sentinel_name: what they call the server"
                                                : "sentinel_name is for sentinels, which are missing");
    if (c->user != NULL && c->password_file == NULL)
        return setting_error(r, s, "user needs password_file");
    if (c->sentinel_user != NULL && c->sentinel_password_file == NULL)
        return setting_error(r, s, "sentinel_user needs sentinel_password_file");
    if (c->sentinel_password_file != NULL && c->n_sentinels == 0)
        return setting_error(r, s, "sentinel_password_file is for sentinels, which are missing");
    if (c->ca_file != NULL && c->tls == CLUSTER_TLS_NEVER)
        return setting_error(r, s, "ca_file is for TLS, and tls = \"never\"");
    return load_list(r, s, c->folder, "deny", &c->deny) == 0 ? load_list(r, s, c->folder, "allow", &c->allow) : -1;
}

static const struct setting cluster_rows[] = {
    {"server", SETTING_OWN, .read = read_servers, .allowed = "a host and port, or a UNIX socket"},
    {"sentinels", SETTING_OWN, .read = read_sentinels, .allowed = "hosts and ports"},
    {"sentinel_name", SETTING_PARSED, AT(struct cluster_config, sentinel_name), .parse = parse_word,
     .allowed = "the name that the Sentinels have for the server"},
    {"sentinel_user", SETTING_PARSED, AT(struct cluster_config, sentinel_user), .parse = parse_word,
     .allowed = "a user of the Sentinels"},
    {"sentinel_password_file", SETTING_PATH, AT(struct cluster_config, sentinel_password_file)},
    {"user", SETTING_PARSED, AT(struct cluster_config, user), .parse = parse_word, .allowed = "a user of Redis"},
    {"password_file", SETTING_PATH, AT(struct cluster_config, password_file)},
    {"tls", SETTING_CHOICE, AT(struct cluster_config, tls), .choices = tls_choices, .standard = "auto"},
    {"ca_file", SETTING_PATH, AT(struct cluster_config, ca_file)},
    {"key_file", SETTING_PATH, AT(struct cluster_config, key_file), .standard = "secrets/cluster.key"},
    {"node", SETTING_PARSED, AT(struct cluster_config, node), .parse = parse_node, .allowed = "this relay's name"},
    {"folder", SETTING_PATH, AT(struct cluster_config, folder), .standard = "/var/lib/postern/cluster"},
    {"outbox", SETTING_PATH, AT(struct cluster_config, outbox), .standard = "/run/postern/outbox"},
};
const struct section cluster_section = {ROWS(cluster_rows), .check = check_cluster};
