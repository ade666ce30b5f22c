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

int redis_place_open(const struct cluster_config *config, struct redis_place *out, struct error *e)
{
    const struct cluster_server *server = config->servers;
    char credential[CREDENTIAL_PATH_MAX];
    bool tls;

    memset(out, 0, sizeof *out);
    if (config->n_servers != 1)
        return error_set(e,
                         "cluster: this version connects to one server; Sentinels and Redis Cluster are not supported "
                         "yet");
    out->place = (struct link_place){.path = server->path, .host = server->host, .port = server->port};
    if (config->password_file != NULL) {
        if (read_password(credential_path(config->password_file, credential), out->password, sizeof out->password, e) !=
            0)
            return -1;
        out->place.user = config->user;
        out->place.password = out->password;
    }
    tls = server->path == NULL &&
          (config->tls == CLUSTER_TLS_ALWAYS || (config->tls == CLUSTER_TLS_AUTO && !is_loopback(server->host)));
    return tls ? make_tls(config, &out->place.tls, e) : 0;
}

void redis_place_close(struct redis_place *p)
{
    SSL_CTX_free(p->place.tls);
    p->place.tls = NULL;
    OPENSSL_cleanse(p->password, sizeof p->password);
}
