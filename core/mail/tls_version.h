/* TLS versions, by their names in Postfix and in the milter macro {tls_version}. */
#ifndef POSTERN_TLS_VERSION_H
#define POSTERN_TLS_VERSION_H

#include "core/base/slice.h"

enum tls_version {
    TLS_NONE,
    TLS_OLD /* SSLv2, SSLv3 */,
    TLS_V1_0,
    TLS_V1_1,
    TLS_V1_2,
    TLS_V1_3,
    TLS_NEWER /* a name not known here */
};

/* "TLSv1.2" as in encryption_protocol and {tls_version}; empty is TLS_NONE. */
enum tls_version tls_version_parse(struct slice text);
const char *tls_version_name(enum tls_version version);

#endif
