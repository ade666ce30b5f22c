#include "cluster/place.h"

#include "core/base/credential.h"
#include "core/base/secret_file.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

static int read_password(const char *path, char *out, size_t cap, struct error *e)
{
    if (secret_file_line(path, out, cap, e) != 0)
        return error_prefix(e, "password_file %s", path);
    return out[0] != '\0' ? 0 : error_set(e, "password_file %s: its first line is empty", path);
}

/* A name that is not numeric may be looked up to be anywhere. */
static bool is_loopback(const char *host)
{
    unsigned char v4[4], v6[16];
    static const unsigned char one[16] = {[15] = 1};

    return (inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127) ||
           (inet_pton(AF_INET6, host, v6) == 1 && memcmp(v6, one, sizeof one) == 0);
}

static int make_tls(const struct cluster_config *config, SSL_CTX **out, struct error *e)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    const char *what = "no memory for TLS";

    if (tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1) {
        what = config->ca_file != NULL ? "ca_file holds no certificate in PEM form" : "the system has no authorities";
        if ((config->ca_file != NULL ? SSL_CTX_load_verify_locations(tls, config->ca_file, NULL)
                                     : SSL_CTX_set_default_verify_paths(tls)) == 1) {
            SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
            *out = tls;
            return 0;
        }
    }
    SSL_CTX_free(tls);
    ERR_clear_error();
    return error_set(e, "cluster: %s%s%s", what, config->ca_file != NULL ? ": " : "",
                     config->ca_file != NULL ? config->ca_file : "");
}

static bool is_here(const struct cluster_server *servers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (servers[i].path == NULL && !is_loopback(servers[i].host))
            return false;
    return true;
}

/* What a server names is reached as that server is, so that this is decided once for all of them. */
static bool wants_tls(const struct cluster_config *config)
{
    return config->tls == CLUSTER_TLS_ALWAYS ||
           (config->tls == CLUSTER_TLS_AUTO &&
            !(is_here(config->servers, config->n_servers) && is_here(config->sentinels, config->n_sentinels)));
}

static int sign_in_as(struct link_place *place, const char *user, const char *password_file,
                      char password[PLACE_PASSWORD_MAX], struct error *e)
{
    char credential[CREDENTIAL_PATH_MAX];

    if (password_file == NULL)
        return 0;
    place->user = user;
    place->password = password;
    return read_password(credential_path(password_file, credential), password, PLACE_PASSWORD_MAX, e);
}

int redis_place_open(const struct cluster_config *config, struct redis_place *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    if (sign_in_as(&out->place, config->user, config->password_file, out->password, e) != 0 ||
        sign_in_as(&out->sentinel, config->sentinel_user, config->sentinel_password_file, out->sentinel_password, e) !=
            0)
        return -1;
    if (wants_tls(config) && make_tls(config, &out->place.tls, e) != 0)
        return -1;
    out->sentinel.tls = out->place.tls;
    out->place.must_be_master = config->n_sentinels > 0;
    return 0;
}

void redis_place_close(struct redis_place *p)
{
    SSL_CTX_free(p->place.tls);
    p->place.tls = p->sentinel.tls = NULL;
    OPENSSL_cleanse(p->password, sizeof p->password);
    OPENSSL_cleanse(p->sentinel_password, sizeof p->sentinel_password);
}

struct link_place at_server(const struct link_place *as, const struct cluster_server *server)
{
    struct link_place place = *as;

    place.path = server->path;
    place.host = server->host;
    place.port = server->port;
    if (place.path != NULL)
        place.tls = NULL;
    return place;
}

/* ---- servers that others name ---- */

/* A name, or an address as inet_pton reads it: nothing else reaches the resolver, TLS and the log. */
static bool is_host(const char *host, size_t n)
{
    unsigned char v6[16];

    if (n == 0 || host[0] == '-' || host[0] == '.')
        return false;
    if (memchr(host, ':', n) != NULL)
        return inet_pton(AF_INET6, host, v6) == 1;
    for (size_t i = 0; i < n; i++) {
        char c = ascii_lower(host[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

bool server_name_set(struct server_name *out, struct slice host, uint64_t port)
{
    char text[SERVER_HOST_MAX + 1];

    if (host.n > SERVER_HOST_MAX || port == 0 || port > UINT16_MAX)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (!is_host(text, host.n))
        return false;
    memcpy(out->host, text, host.n + 1);
    out->port = (uint16_t)port;
    return true;
}

bool server_name_eq(const struct server_name *a, const struct server_name *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

struct link_place at_name(const struct link_place *as, const struct server_name *name)
{
    struct link_place place = *as;

    place.path = NULL;
    place.host = name->host;
    place.port = name->port;
    return place;
}
