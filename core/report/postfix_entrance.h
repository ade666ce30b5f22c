/* Where a program on this host hands a message to Postfix by SMTP. */
#ifndef POSTERN_CORE_REPORT_POSTFIX_ENTRANCE_H
#define POSTERN_CORE_REPORT_POSTFIX_ENTRANCE_H

#include "core/report/postfix_config.h"

#define ENTRANCE_HOST_MAX 255u

struct entrance {
    char host[ENTRANCE_HOST_MAX + 1]; /* to connect to: a name or an address */
    char name[ENTRANCE_HOST_MAX + 1]; /* the server's own (myhostname), which its certificate should have */
    char service[80];                 /* as master.cf has it */
    unsigned port;
    bool implicit_tls; /* smtpd_tls_wrappermode */
};

/*
 * The best service of master.cf: with a login port 587 before those with TLS from the first byte and others that take
 * logins, without one port 25 before others. A service behind a proxy (smtpd_upstream_proxy_protocol) talks to that
 * proxy alone, and is left out. 0, or -1 with e.
 */
int entrance_find(const struct postfix *p, bool login, struct entrance *out, struct error *e);

/* "relay.contoso.example", "192.0.2.1:587", "[2001:db8::1]:submission": host and port (that one where none is said).
 * False: it is none of these. */
bool entrance_parse(struct slice text, unsigned port, struct entrance *out);

#endif
