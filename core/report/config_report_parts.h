/* The parts of config_report. Private to core/report/config_report*.c. */
#ifndef POSTERN_CORE_REPORT_CONFIG_REPORT_PARTS_H
#define POSTERN_CORE_REPORT_CONFIG_REPORT_PARTS_H

#include "core/base/buf.h"
#include "core/config/config.h"
#include "core/directory/directory.h"
#include "core/report/printer.h"

#define TELL_LINE_MAX 1000 /* bytes; a longer one is cut */
#define TELL_LIST_MAX 8    /* entries of a list that are written out */

struct teller {
    struct printer *out;
    const struct directory_view *view; /* NULL: none to compare names with */
    const char *title;                 /* of the section, which begins with its first sentence */
    bool begun, any;                   /* this one has; one of them has */
};

void tell(struct teller *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* " Only watched and logged ..." after what is in monitor mode, else nothing. */
const char *mode_words(enum mode mode);
/* "required, at least TLS 1.2" */
const char *tls_words(const struct tls_config *tls, char *out, size_t cap);

/* "192.0.2.0/24, 2001:db8::/64 and 3 more networks"; "no network" */
void add_networks(struct buf *b, const struct network *networks, size_t n);

void tell_connectors(struct teller *t, const struct config *c);
void tell_logins_from(struct teller *t, const struct config *c);
void tell_limits(struct teller *t, const struct config *c);
/* The limits and their exceptions, a row each, in the same words: a member of an open object. */
void put_limits(const struct config *c, struct printer *out);

#endif
