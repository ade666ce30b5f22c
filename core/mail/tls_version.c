#include "core/mail/tls_version.h"

static const struct {
    const char *text;
    enum tls_version version;
} tls_versions[] = {
    {"TLSv1.3", TLS_V1_3}, {"TLSv1.2", TLS_V1_2}, {"TLSv1.1", TLS_V1_1}, {"TLSv1", TLS_V1_0},
    {"TLSv1.0", TLS_V1_0}, {"SSLv3", TLS_OLD},    {"SSLv2", TLS_OLD},
};

enum tls_version tls_version_parse(struct slice text)
{
    if (text.n == 0)
        return TLS_NONE;
    /* Nearly all are one of these two, and the compiler inlines the comparisons. */
    if (slice_eq(text, SLICE("TLSv1.3")))
        return TLS_V1_3;
    if (slice_eq(text, SLICE("TLSv1.2")))
        return TLS_V1_2;
    for (size_t i = 0; i < sizeof tls_versions / sizeof tls_versions[0]; i++)
        if (slice_ieq(text, slice_of(tls_versions[i].text)))
            return tls_versions[i].version;
    return slice_starts_with(text, SLICE("TLSv1.")) ? TLS_NEWER : TLS_OLD;
}

const char *tls_version_name(enum tls_version version)
{
    if (version == TLS_NONE)
        return "none";
    for (size_t i = 0; i < sizeof tls_versions / sizeof tls_versions[0]; i++)
        if (tls_versions[i].version == version)
            return tls_versions[i].text;
    return "unknown";
}
