/* The parts of config_explain. Private to core/config_explain*.c and core/report/config_warnings.c. */
#ifndef POSTERN_CONFIG_EXPLAIN_H
#define POSTERN_CONFIG_EXPLAIN_H

#include "core/base/buf.h"
#include "core/config/config.h"

#define EXPLAIN_LINE_MAX 1000 /* bytes; a longer line is cut */
#define EXPLAIN_LIST_MAX 8    /* entries of a list that are written out */

struct teller {
    void (*line)(void *arg, const char *text);
    void *arg;
    unsigned warnings;
};

void tell_line(struct teller *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tell_warning(struct teller *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ", only watched" behind what is in monitor mode, else nothing. */
const char *mode_words(enum mode mode);
/* "required, at least TLS 1.2" */
const char *tls_words(const struct tls_config *tls, char *out, size_t cap);

void explain_connectors(struct teller *t, const struct config *c);
void explain_limits(struct teller *t, const struct config *c);
void explain_warnings(struct teller *t, const struct config *c);

#endif
