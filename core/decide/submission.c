#include "core/decide/submission.h"

#include "core/config/config.h"

#include <stdlib.h>

void recipients_clear(struct recipients *r)
{
    free(r->seen);
    *r = (struct recipients){0};
}

void submission_take_front(struct submission *s, const struct front_config *front)
{
    static const enum tls_version versions[] = {
        [TLS_1_0] = TLS_V1_0, [TLS_1_1] = TLS_V1_1, [TLS_1_2] = TLS_V1_2, [TLS_1_3] = TLS_V1_3};

    if (front->tls != TLS_ANY)
        s->tls = versions[front->tls];
    if (front->method[0] != '\0' && s->login.kind != LOGIN_NONE)
        s->mechanism = slice_of(front->method);
}
