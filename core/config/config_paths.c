/* Finds the paths in a configuration that is wrong elsewhere. */
#include "core/config/config_table.h"

#include <stdlib.h>

#define TEXT_MAX_BYTES 8192

/* The settings that say where something is. */
static const char *const places[] = {"directory", "state.file", "journal", "spool"};

/* Writes a setting of the tree as text. A line break in a path need not be kept: it is a wrong path in any case. */
static void add_place(struct buf *out, const config_t *tree, const char *name)
{
    const char *value, *dot = strchr(name, '.');

    if (config_lookup_string(tree, name, &value) != CONFIG_TRUE)
        return;
    if (dot != NULL)
        buf_addf(out, "%.*s = { %s = \"", (int)(dot - name), name, dot + 1);
    else
        buf_addf(out, "%s = \"", name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *value);
    }
    buf_addf(out, dot != NULL ? "\"; };\n" : "\";\n");
}

int config_load_places(const char *path, struct config **out, struct error *e)
{
    char text[TEXT_MAX_BYTES], *whole, *folder;
    struct buf b = BUF_OVER(text);
    config_t tree;
    size_t n;
    int rc;

    if (config_text_load(path, &whole, &n, e) != 0)
        return -1;
    if ((folder = config_folder(path, e)) == NULL) {
        free(whole);
        return -1;
    }
    config_init(&tree);
    config_set_include_dir(&tree, folder);
    /* The tree has what comes before a syntax error. */
    (void)config_read_string(&tree, whole);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        add_place(&b, &tree, places[i]);
    buf_addf(&b, "policyd = { listen = (); };\nmilter = { listen = (); };\n");
    config_destroy(&tree);
    rc = b.full ? error_set(e, "%s: paths that are too long", path)
                : config_from_text(buf_slice(&b), path, folder, out, e);
    free(folder);
    free(whole);
    return rc;
}
