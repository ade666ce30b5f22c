#include "bench/policy_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOGIN_DIGITS 7
#define MESSAGE_DIGITS 16

/* The fields of fixed width are patched: U login, Q queue id, I instance. */
static const char rcpt[] =
    "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=192.0.2.15\n"
    "client_name=printer3.contoso.example\nclient_port=49152\nreverse_client_name=printer3.contoso.example\n"
    "server_address=198.51.100.7\nserver_port=587\nhelo_name=printer3\nsender=userUUUUUUU@contoso.example\n"
    "recipient=info@fabrikam.example\nrecipient_count=0\nqueue_id=\ninstance=3d2f.64f0a1b2.IIIIIIIIIIIIIIII.0\nsize="
    "18345\n"
    "etrn_domain=\nstress=\nsasl_method=PLAIN\nsasl_username=userUUUUUUU@contoso.example\nsasl_sender=\n"
    "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"
    "encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n";
static const char end_of_message[] =
    "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nprotocol_name=ESMTP\nclient_address=192.0.2.15\n"
    "client_name=printer3.contoso.example\nclient_port=49152\nreverse_client_name=printer3.contoso.example\n"
    "server_address=198.51.100.7\nserver_port=587\nhelo_name=printer3\nsender=userUUUUUUU@contoso.example\n"
    "recipient=info@fabrikam.example\nrecipient_count=1\nqueue_id=4RQQQQQQQQQQQQQQQQz\n"
    "instance=3d2f.64f0a1b2.IIIIIIIIIIIIIIII.0\nsize=18412\n"
    "etrn_domain=\nstress=\nsasl_method=PLAIN\nsasl_username=userUUUUUUU@contoso.example\nsasl_sender=\n"
    "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"
    "encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n";

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

void policy_request_init(struct policy_request *r, enum policy_stage stage)
{
    const char *text = stage == POLICY_RCPT ? rcpt : end_of_message;

    r->n = strlen(text);
    memcpy(r->text, text, r->n + 1);
    r->login[0] = strstr(r->text, "sender=user") + strlen("sender=user");
    r->login[1] = strstr(r->text, "sasl_username=user") + strlen("sasl_username=user");
    r->instance = strstr(r->text, "IIIIIIIIIIIIIIII");
    r->queue_id = strstr(r->text, "QQQQQQQQQQQQQQQQ");
}

static void patch(char *at, uint64_t number, int digits)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

void policy_request_patch(struct policy_request *r, uint64_t message, uint64_t login)
{
    patch(r->login[0], login, LOGIN_DIGITS);
    patch(r->login[1], login, LOGIN_DIGITS);
    patch(r->instance, message, MESSAGE_DIGITS);
    if (r->queue_id != NULL)
        patch(r->queue_id, message, MESSAGE_DIGITS);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path || fd < 0)
        fail(path);
    memcpy(address.sun_path, path, strlen(path));
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    return fd;
}

static int connect_tcp(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(text, ':');
    char host[64] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (colon == NULL || (size_t)(colon - text) >= sizeof host || fd < 0)
        fail(text);
    memcpy(host, text, (size_t)(colon - text));
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        fail(text);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int policy_connect(const char *address)
{
    return address[0] == '/' ? connect_unix(address) : connect_tcp(address);
}

int policy_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "the path is too long\n");
        exit(EXIT_FAILURE);
    }
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0)
        fail(path);
    return fd;
}
