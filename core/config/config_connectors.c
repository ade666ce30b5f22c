#include "core/config/config_table.h"

#include "core/base/quote.h"
#include "core/mail/ccert.h"

#include <stdlib.h>

/* Lists, in files and in the configuration; groups and connectors, which contain lists. */

#define CONNECTORS_MAX 4096
#define GROUPS_MAX 1024
#define NETWORKS_MAX 1000000 /* of all connectors */
#define RECIPIENTS_MAX 1000000

const struct choice tls_minimums[] = {{"any", TLS_ANY}, {"1.0", TLS_1_0}, {"1.1", TLS_1_1},
                                      {"1.2", TLS_1_2}, {"1.3", TLS_1_3}, {NULL, 0}};

/* ---- lists in files ---- */

static const struct setting file_row = {"", SETTING_PATH, .size = sizeof(const char *)};

/* The path of a list's file, noted for config_files_changed; NULL with r->e. */
static const char *file_named(struct reader *r, const config_setting_t *s)
{
    const char *path = NULL;

    if (setting_scalar(r, s, &file_row, &path) != 0)
        return NULL;
    if (config_files_note(r, path) != 0) {
        (void)setting_error_around(r, s);
        return NULL;
    }
    return path;
}

typedef int load_list(const char *path, struct list **out, struct error *e);

static int read_file(struct reader *r, const config_setting_t *s, load_list *load, void *at)
{
    struct list *list = NULL;
    const char *path;

    if (s == NULL)
        return 0;
    if ((path = file_named(r, s)) == NULL)
        return -1;
    if (load(path, &list, r->e) != 0)
        return setting_error_around(r, s);
    memcpy(at, &list, sizeof list);
    return 0;
}

int read_list_file(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    (void)row;
    return read_file(r, s, list_load, at);
}

int read_pairs_file(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    (void)row;
    return read_file(r, s, list_load_pairs, at);
}

/* ---- lists in the configuration ---- */

/*
 * Joins the entries of s, a line each, as a file would have them. Refuses blanks and "#", since these could begin a
 * comment.
 */
static int entries_join(struct reader *r, const config_setting_t *s, const struct setting *row, unsigned n,
                        struct buf *out)
{
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        struct slice text;

        if (setting_text(r, element, row, &text) != 0)
            return -1;
        if (text.n == 0 || text.p[0] == '#' || memchr(text.p, ' ', text.n) != NULL)
            return setting_error(r, element, "\"%s\": expected user@domain, @domain or an account name, without blanks",
                                 quote(text).text);
        if (out != NULL) {
            buf_add(out, text);
            buf_add_char(out, '\n');
        }
    }
    return 0;
}

static size_t entries_bytes(const config_setting_t *s, unsigned n)
{
    size_t bytes = 1;

    for (unsigned i = 0; i < n; i++)
        bytes += slice_of(config_setting_get_string(setting_texts_element(s, i))).n + 1;
    return bytes;
}

typedef int parse_list(struct slice text, const char *path, struct list **out, struct error *e);

/* An empty list contains nobody; no list at all may mean anybody. */
static int read_list_by(struct reader *r, const config_setting_t *s, const struct setting *row, parse_list *parse,
                        void *at)
{
    char path[SETTING_PATH_MAX];
    struct list *list = NULL;
    struct buf b;
    char *text;
    unsigned n;
    int rc;

    if (s == NULL)
        return 0;
    if (setting_texts(r, s, TEXTS_MAX, &n) != 0 || entries_join(r, s, row, n, NULL) != 0)
        return -1;
    if ((text = malloc(entries_bytes(s, n))) == NULL)
        return setting_error(r, s, "no memory");
    b = buf_over(text, entries_bytes(s, n));
    (void)entries_join(r, s, row, n, &b);
    setting_path(s, path, sizeof path);
    rc = parse(buf_slice(&b), path, &list, r->e);
    free(text);
    if (rc != 0)
        return setting_error_around(r, s);
    memcpy(at, &list, sizeof list);
    return 0;
}

static int read_list(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    return read_list_by(r, s, row, list_parse, at);
}

int read_senders(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    return read_list_by(r, s, row, list_parse_senders, at);
}

/* The list may be given here or in a file, not both. */
static int refuse_both(struct reader *r, const config_setting_t *s, const char *here, const char *file)
{
    const config_setting_t *second = config_setting_get_member(s, file);

    if (second != NULL && config_setting_get_member(s, here) != NULL)
        return setting_error(r, second, "%s is there too; put all entries into one of the two", here);
    return 0;
}

/* ---- groups ---- */

static int check_group(struct reader *r, const config_setting_t *s, void *target)
{
    const struct group_config *group = target;

    for (const struct group_config *other = r->config->groups; other < group; other++)
        if (strcmp(other->name, group->name) == 0)
            return setting_error(r, s, "a second group of the name \"%s\"", group->name);
    if (group->members == NULL)
        return setting_error(r, s, "a group needs members or members_file");
    return 0;
}

/* Runs before the lists are read: a second list would leak the first. */
static int read_members_file(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    if (s != NULL && refuse_both(r, config_setting_parent(s), "members", "members_file") != 0)
        return -1;
    return read_list_file(r, s, row, at);
}

static const struct setting group_rows[] = {
    {"name", SETTING_PARSED, AT(struct group_config, name), .required = true, .parse = parse_name, .allowed = "a name"},
    {"members_file", SETTING_OWN, AT(struct group_config, members), .read = read_members_file,
     .allowed = "a file name"},
    {"members", SETTING_OWN, AT(struct group_config, members), .read = read_list,
     .allowed = "addresses, @domains, accounts"},
};
const struct section group_section = {ROWS(group_rows), .check = check_group, .size = sizeof(struct group_config),
                                      .most = GROUPS_MAX};

/* ---- connectors ---- */

/* Networks while they are collected; the connector gets a copy. */
struct network_list {
    struct network *networks; /* malloc'ed */
    size_t n, capacity;
};

static int network_found(void *arg, const struct network *net, unsigned line, struct error *e)
{
    struct network_list *found = arg;

    (void)line;
    if (found->n == found->capacity) {
        size_t capacity = found->capacity == 0 ? 16 : 2 * found->capacity;
        struct network *more = reallocarray(found->networks, capacity, sizeof *more);

        if (more == NULL || found->n == NETWORKS_MAX) {
            found->networks = more != NULL ? more : found->networks;
            return error_set(e, "no room for more than %zu networks", found->n);
        }
        found->networks = more;
        found->capacity = capacity;
    }
    found->networks[found->n++] = *net;
    return 0;
}

static int networks_here(struct reader *r, const config_setting_t *s, const struct setting *row,
                         struct network_list *found)
{
    unsigned n;

    if (setting_texts(r, s, TEXTS_MAX, &n) != 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        struct network net;
        struct slice text;

        if (setting_text(r, element, row, &text) != 0)
            return -1;
        if (network_parse(text, &net, r->e) != 0 || network_found(found, &net, i, r->e) != 0)
            return setting_error_around(r, element);
    }
    return 0;
}

static int networks_in_file(struct reader *r, const config_setting_t *s, struct network_list *found)
{
    const char *path = file_named(r, s);

    if (path == NULL)
        return -1;
    return network_list_load(path, network_found, found, r->e) == 0 ? 0 : setting_error_around(r, s);
}

/* Adds them to the map from clients to connectors. */
static int networks_map(struct reader *r, const config_setting_t *s, const struct network *networks, size_t n,
                        unsigned index)
{
    for (size_t i = 0; i < n; i++) {
        char text[NETWORK_TEXT_MAX];
        unsigned other = index;

        if (network_map_count(r->config->connector_map) >= NETWORKS_MAX)
            return setting_error(r, s, "more than %d networks in all connectors", NETWORKS_MAX);
        if (network_map_add(r->config->connector_map, &networks[i], index, &other, r->e) == 0)
            continue;
        if (other == index)
            return setting_error_around(r, s);
        return setting_error(r, s, "the network %.*s belongs to connector \"%s\" already; a client has one connector",
                             SLICE_ARG(network_text(&networks[i], text)), r->config->connectors[other].name);
    }
    return 0;
}

static int networks_append(struct reader *r, const struct network_list *found, struct network **networks, size_t *n)
{
    struct network *all;

    if (found->n == 0)
        return 0;
    if ((all = config_alloc(r, *n + found->n, sizeof *all)) == NULL)
        return -1;
    if (*n > 0)
        memcpy(all, *networks, *n * sizeof *all);
    memcpy(all + *n, found->networks, found->n * sizeof *all);
    *networks = all;
    *n += found->n;
    return 0;
}

int setting_networks(struct reader *r, const config_setting_t *s, const struct setting *row, bool file,
                     struct network **networks, size_t *n)
{
    struct network_list found = {NULL, 0, 0};
    int rc;

    if (s == NULL)
        return 0;
    rc = file ? networks_in_file(r, s, &found) : networks_here(r, s, row, &found);
    if (rc == 0)
        rc = networks_append(r, &found, networks, n);
    free(found.networks);
    return rc;
}

static int read_networks_by(struct reader *r, const config_setting_t *s, const struct setting *row, bool file,
                            struct connector_config *connector)
{
    size_t before = connector->n_networks;

    if (setting_networks(r, s, row, file, &connector->networks, &connector->n_networks) != 0)
        return -1;
    return networks_map(r, s, connector->networks + before, connector->n_networks - before,
                        (unsigned)(connector - r->config->connectors));
}

static int read_networks(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    return read_networks_by(r, s, row, false, at);
}

static int read_networks_file(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    return read_networks_by(r, s, row, true, at);
}

int read_senders_file(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    (void)row;
    if (s != NULL && refuse_both(r, config_setting_parent(s), "senders", "senders_file") != 0)
        return -1;
    return read_file(r, s, list_load_senders, at);
}

/* ---- client certificates ---- */

#define CCERTS_MAX 1024 /* of one connector and kind */

static int one_fingerprint(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    char fingerprint[CCERT_FINGERPRINT_MAX];
    size_t n = ccert_fingerprint_canonical(text, fingerprint);

    if (n == 0)
        return setting_error(
            r, s,
            "\"%s\" is not a fingerprint: expected the hexadecimal digits of SHA-256, say, as Postfix's "
            "smtpd_tls_fingerprint_digest makes it; MD5 is too weak",
            quote(text).text);
    return setting_keep_slice(r, s, (struct slice){fingerprint, n}, at);
}

static int one_subject(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    if (text.n == 0 || text.n > CCERT_SUBJECT_MAX)
        return setting_error(r, s, "a subject is a certificate's CommonName, 1 to %d bytes", CCERT_SUBJECT_MAX);
    return setting_keep_slice(r, s, text, at);
}

static int read_fingerprints(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct connector_config *connector = at;

    return setting_slices(r, s, row, CCERTS_MAX, one_fingerprint, &connector->ccert_fingerprints,
                          &connector->n_ccert_fingerprints);
}

static int read_subjects(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct connector_config *connector = at;

    return setting_slices(r, s, row, CCERTS_MAX, one_subject, &connector->ccert_subjects, &connector->n_ccert_subjects);
}

static bool shares(const struct slice *a, size_t n_a, const struct slice *b, size_t n_b)
{
    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++)
            if (slice_eq(a[i], b[j]))
                return true;
    return false;
}

/* A certificate may belong to one connector only. */
static int check_ccerts(struct reader *r, const config_setting_t *s, const struct connector_config *connector)
{
    for (const struct connector_config *other = r->config->connectors; other < connector; other++)
        if (shares(connector->ccert_fingerprints, connector->n_ccert_fingerprints, other->ccert_fingerprints,
                   other->n_ccert_fingerprints) ||
            shares(connector->ccert_subjects, connector->n_ccert_subjects, other->ccert_subjects,
                   other->n_ccert_subjects))
            return setting_error(r, s, "a certificate of it belongs to connector \"%s\" already", other->name);
    return 0;
}

static int check_connector(struct reader *r, const config_setting_t *s, void *target)
{
    const struct connector_config *connector = target;

    for (const struct connector_config *other = r->config->connectors; other < connector; other++)
        if (strcmp(other->name, connector->name) == 0)
            return setting_error(r, s, "a second connector of the name \"%s\"", connector->name);
    if (config_setting_get_member(s, "networks") == NULL && config_setting_get_member(s, "networks_file") == NULL &&
        connector->n_ccert_fingerprints + connector->n_ccert_subjects == 0)
        return setting_error(r, s,
                             "a connector needs networks, networks_file, ccert_fingerprints or ccert_subjects: the "
                             "clients that it is for");
    if (check_ccerts(r, s, connector) != 0)
        return -1;
    if (connector->tenant != NULL && !tenant_is_known(r->config, connector->tenant))
        return setting_error(r, config_setting_get_member(s, "tenant"), "\"%s\" is not among the tenants of this file",
                             connector->tenant);
    return 0;
}

/* Refusing old TLS versions helps no device that has no TLS at all. */
static const struct setting connector_tls_rows[] = {
    {"required", SETTING_BOOL, AT(struct tls_config, required), .standard = "false"},
    {"minimum", SETTING_CHOICE, AT(struct tls_config, minimum), .choices = tls_minimums, .standard = "any"},
};
static const struct section connector_tls_section = {ROWS(connector_tls_rows)};

static const struct choice recipients_rules[] = {{"any", RECIPIENTS_ANY}, {"internal", RECIPIENTS_INTERNAL}, {NULL, 0}};

static const struct setting connector_rows[] = {
    {"name", SETTING_PARSED, AT(struct connector_config, name), .required = true, .parse = parse_name,
     .allowed = "a name"},
    {"networks", SETTING_OWN, .read = read_networks, .allowed = "networks such as 192.0.2.0/24"},
    {"networks_file", SETTING_OWN, .read = read_networks_file, .allowed = "a file name"},
    {"ccert_fingerprints", SETTING_OWN, .read = read_fingerprints, .allowed = "fingerprints of certificates"},
    {"ccert_subjects", SETTING_OWN, .read = read_subjects, .allowed = "CommonNames of certificates"},
    {"senders_file", SETTING_OWN, AT(struct connector_config, senders), .read = read_senders_file,
     .allowed = "a file name"},
    {"senders", SETTING_OWN, AT(struct connector_config, senders), .read = read_senders,
     .allowed = "addresses, @domains, @.domains"},
    {"null_sender", SETTING_BOOL, AT(struct connector_config, null_sender), .standard = "true"},
    {"recipients", SETTING_CHOICE, AT(struct connector_config, recipients), .choices = recipients_rules,
     .standard = "any"},
    {"max_recipients", SETTING_NUMBER, AT(struct connector_config, max_recipients), .standard = "0", .least = 0,
     .most = RECIPIENTS_MAX},
    {"tenant", SETTING_PARSED, AT(struct connector_config, tenant), .parse = parse_name,
     .allowed = "the name of a tenant"},
    {"tls", SETTING_SECTION, AT(struct connector_config, tls), .section = &connector_tls_section},
    {"mode", SETTING_CHOICE, AT(struct connector_config, mode), .choices = mode_choices, .standard = "enforce"},
};
const struct section connector_section = {ROWS(connector_rows), .check = check_connector,
                                          .size = sizeof(struct connector_config), .most = CONNECTORS_MAX};
