#include "core/config/config.h"

#include "core/base/quote.h"
#include "core/config/config_table.h"

#include <errno.h>
#include <stdlib.h>

/* A config with what it owns. The config is first: config_free gets a pointer to it. */
struct owned_config {
    struct config config;
    struct config_memory *memory;
    struct config_files *files;
};

static struct owned_config *owner_of(struct config *config)
{
    return (struct owned_config *)(void *)config;
}

static struct owned_config *owner_new(const char *path, struct error *e)
{
    struct owned_config *owner = calloc(1, sizeof *owner);

    if (owner == NULL) {
        (void)error_set(e, "%s: no memory for the configuration", quote(slice_of(path)).text);
        return NULL;
    }
    owner->memory = config_memory_new();
    owner->files = config_files_new();
    owner->config.connector_map = network_map_new();
    if (owner->memory == NULL || owner->files == NULL || owner->config.connector_map == NULL) {
        config_free(&owner->config);
        (void)error_set(e, "%s: no memory for the configuration", quote(slice_of(path)).text);
        return NULL;
    }
    return owner;
}

void config_free(struct config *config)
{
    struct owned_config *owner = owner_of(config);

    if (config == NULL)
        return;
    list_free(config->smtp_auth.allow);
    list_free(config->smtp_auth.deny);
    list_free(config->smtp_auth.logins);
    list_free(config->smtp_auth.on_premises);
    list_free(config->cluster.allow);
    list_free(config->cluster.deny);
    list_free(config->sender.exception_users);
    for (size_t i = 0; i < config->sender.n_exceptions; i++)
        list_free(config->sender.exceptions[i].senders);
    for (size_t i = 0; i < config->n_limits; i++) {
        list_free(config->limits[i].exception_users);
        list_free(config->limits[i].only.sender_domains);
    }
    list_free(config->logins_from_users);
    list_free(config->logins_from_domains);
    for (size_t i = 0; i < config->n_logins_from; i++)
        network_map_free(config->logins_from[i].map);
    for (size_t i = 0; i < config->n_connectors; i++)
        list_free(config->connectors[i].senders);
    for (size_t i = 0; i < config->n_groups; i++)
        list_free(config->groups[i].members);
    network_map_free(config->connector_map);
    list_free(config->never_block);
    network_map_free(config->never_block_networks);
    network_map_free(config->known_networks);
    config_files_free(owner->files);
    config_memory_free(owner->memory);
    free(owner);
}

bool config_files_changed(const struct config *config)
{
    return config_files_differ(((const struct owned_config *)(const void *)config)->files);
}

/* ---- the text ---- */

static int parse_error(const config_t *tree, const char *path, struct error *e)
{
    const char *file = config_error_file(tree) != NULL ? config_error_file(tree) : path;
    const char *text = config_error_text(tree) != NULL ? config_error_text(tree) : "cannot be read";

    if (strcmp(text, "syntax error") == 0)
        text = "syntax error; look for a missing semicolon, quote, bracket or \"=\" here and in the line before";
    else if (strcmp(text, "duplicate setting name") == 0)
        text = "the same setting occurs twice in one group; keep one";
    else if (strcmp(text, "cannot open include file") == 0)
        text = "cannot open the file of @include; its name is taken relative to the configuration's folder";
    return error_set(e, "%s:%d: %s", quote(slice_of(file)).text, config_error_line(tree), text);
}

/* Included files must meet the same conditions. libconfig has read them already, but nothing has been used yet. */
static int check_include(const char *name, const char *folder, struct error *e)
{
    char *path = NULL, *text;
    size_t n;
    int rc;

    if (asprintf(&path, "%s%s%s", name[0] == '/' ? "" : folder, name[0] == '/' ? "" : "/", name) < 0)
        return error_set(e, "%s: no memory", quote(slice_of(name)).text);
    rc = config_text_load(path, &text, &n, e);
    if (rc == 0) {
        rc = config_scan((struct slice){text, n}, name, e);
        free(text);
    }
    free(path);
    return rc;
}

static int check_includes(const config_t *tree, const char *folder, struct error *e)
{
#if LIBCONFIG_VER_MAJOR == 1 && LIBCONFIG_VER_MINOR < 7
    for (unsigned i = 0; i < tree->num_filenames; i++)
#else
    for (unsigned i = 0; tree->filenames != NULL && tree->filenames[i] != NULL; i++)
#endif
        if (check_include(tree->filenames[i], folder, e) != 0)
            return -1;
    return 0;
}

static int read_text(struct slice text, const char *path, const char *folder, config_t *tree, struct error *e)
{
    if (config_scan(text, path, e) != 0)
        return -1;
    config_set_include_dir(tree, folder);
    if (config_read_string(tree, text.p) != CONFIG_TRUE)
        return parse_error(tree, path, e);
    return check_includes(tree, folder, e);
}

int config_from_text(struct slice text, const char *path, const char *folder, struct config **out, struct error *e)
{
    struct owned_config *owner = owner_new(path, e);
    struct reader r = {.path = path, .folder = folder, .e = e};
    config_t tree;
    int rc = -1;

    if (owner == NULL)
        return -1;
    r.config = &owner->config;
    r.memory = owner->memory;
    r.files = owner->files;
    config_init(&tree);
    if (read_text(text, path, folder, &tree, e) != 0)
        goto out;
    if ((owner->config.file = config_keep(&r, slice_of(path))) == NULL)
        goto out;
    if (section_read(&r, config_root_setting(&tree), &config_section, &owner->config) != 0)
        goto out;
    if (names_prepare(&r) != 0)
        goto out;
    limits_prepare(&owner->config);
    rc = network_map_build(owner->config.connector_map, e);
out:
    config_destroy(&tree);
    if (rc == 0)
        *out = &owner->config;
    else
        config_free(&owner->config);
    return rc;
}

char *config_folder(const char *path, struct error *e)
{
    const char *slash = strrchr(path, '/');
    char *folder, *absolute;

    if (slash == NULL)
        folder = strdup(".");
    else
        folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    absolute = folder != NULL ? realpath(folder, NULL) : NULL;
    if (absolute == NULL)
        (void)error_set(e, "%s: %s", quote(slice_of(path)).text, strerror(errno));
    free(folder);
    return absolute;
}

int config_load(const char *path, struct config **out, struct error *e)
{
    char *text, *folder;
    size_t n;
    int rc = -1;

    if (config_text_load(path, &text, &n, e) != 0)
        return -1;
    folder = config_folder(path, e);
    if (folder != NULL)
        rc = config_from_text((struct slice){text, n}, path, folder, out, e);
    free(folder);
    free(text);
    return rc;
}
