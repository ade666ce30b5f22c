/*
 * What Postfix 3.7 asks a policy server about a message, as texts whose fields of fixed width are patched in place
 * rather than written anew; and connecting to the server. For load generators: what goes wrong ends the program.
 */
#ifndef POSTERN_BENCH_POLICY_WIRE_H
#define POSTERN_BENCH_POLICY_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define POLICY_REQUEST_MAX 2048

enum policy_stage { POLICY_RCPT, POLICY_END_OF_MESSAGE };

struct policy_request {
    char text[POLICY_REQUEST_MAX];
    size_t n;
    char *login[2], *instance, *queue_id; /* where to patch; queue_id may be NULL */
};

void policy_request_init(struct policy_request *r, enum policy_stage stage);

/* The message's number, of 16 digits, makes its instance and queue id: postern charges a number once. The login is
 * user0000000@contoso.example for 0, up to 9999999.
 */
void policy_request_patch(struct policy_request *r, uint64_t message, uint64_t login);

/* A blocking connection to a path or to host:port (IPv4). */
int policy_connect(const char *address);
/* A non-blocking listener at a path, which must not exist. */
int policy_listen(const char *path);

#endif
