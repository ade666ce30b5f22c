/*
 * One tenant's Exchange Online: cmdlets over the REST interface that the vendor's own PowerShell module uses, and
 * Microsoft Graph. Signs in when needed, and renews a token once when the service rejects it.
 */
#ifndef POSTERN_MIRROR_EXCHANGE_H
#define POSTERN_MIRROR_EXCHANGE_H

#include "mirror/exchange/origin.h"
#include "mirror/exchange/token.h"

enum exchange_result {
    EXCHANGE_OK = 0,        /* 2xx with a JSON body */
    EXCHANGE_FAILED = -1,   /* e says why; other requests would fail, too */
    EXCHANGE_FORBIDDEN = 1, /* the application may not read this, but perhaps other things; e says what is missing */
    EXCHANGE_EXPIRED,       /* the link to the next page is too old: begin the series again */
    EXCHANGE_NOT_FOUND,     /* 404: no such object */
    EXCHANGE_UNABLE         /* no usable answer to this request, but others may work; e says why */
};

struct exchange {
    struct exchange_session session;
    struct signin signin;
    struct cloud_hosts hosts;
    struct token token, graph_token;
    struct origin origin;     /* where links to next pages may lead */
    struct origin audit_logs; /* the same for Graph's audit logs */
    char url[600];            /* .../InvokeCommand */
    char anchor[512];         /* header X-AnchorMailbox, the same for all requests */
    char connection_id[64];   /* header, a GUID for the whole run */
    unsigned page_size;
};

struct exchange_options {
    const struct config *config;
    const struct tenant_config *tenant;
    FILE *log;
};

/* 0, or -1 with e; nothing is sent yet. Free with exchange_close, also after -1. x must not be moved. */
int exchange_open(struct exchange *x, const struct exchange_options *options, struct error *e);
void exchange_close(struct exchange *x);

/*
 * Runs the cmdlet with parameters, a JSON object as text. link: NULL, or a next page's address from origin_judge.
 * needs: the permission to name in the error for a 403. The answer lives until the next request.
 */
enum exchange_result exchange_invoke(struct exchange *x, const char *cmdlet, const char *parameters, CURLU *link,
                                     const char *needs, struct http_answer *answer, struct error *e);

#define GRAPH_AUDIT_LOGS "/beta/auditLogs/"

/* GET https://graph/path; link NULL, or the address of a next page in place of it, as origin_judge let it through. */
enum exchange_result exchange_graph(struct exchange *x, const char *path, CURLU *link, const char *needs,
                                    struct http_answer *answer, struct error *e);

/*
 * Which cmdlets the application's roles allow: value[0].exportedCmdlets, with commas between, of what the vendor's
 * module loads when it starts.
 */
enum exchange_result exchange_cmdlets(struct exchange *x, struct http_answer *answer, struct error *e);

/* Signs in to Exchange Online, unless there is a valid token. */
enum token_result exchange_sign_in(struct exchange *x, struct error *e);

#endif
