/* Runs of "postern-mirror import" with a configuration, a journal, and the notices that come of them. */
#ifndef POSTERN_TESTS_NOTICE_FIXTURE_H
#define POSTERN_TESTS_NOTICE_FIXTURE_H

#include "import_fixture.h"

#include "core/config/config_table.h"

static inline void remove_below(const char *folder, const char *below)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, below);
    fixture_remove(path);
}

static inline int notice_teardown(void **state)
{
    struct fixture *f = *state;

    remove_below(f->folder, "journal");
    remove_below(f->folder, "spool/alerts/episodes");
    remove_below(f->folder, "spool/alerts");
    remove_below(f->folder, "spool");
    return fixture_teardown(state);
}

static inline struct config *config_with(struct fixture *f, const char *more)
{
    char text[1024];
    struct config *c = NULL;

    give(f, "allow", "u0@contoso.example\n");
    give(f, "deny", "@contoso.example\n");
    f->n_files = 0;
    (void)snprintf(text, sizeof text,
                   "journal = \"%s/journal\"; spool = \"%s/spool\"; alerts = ({ command = [\"/bin/true\"]; }); %s",
                   f->folder, f->folder, more);
    if (config_from_text(slice_of(text), "postern.conf", f->folder, &c, &f->e) != 0)
        fail_msg("%s", f->e.text);
    return c;
}

/* How many notices wait; *text is the first one's. */
static inline unsigned notices(const struct fixture *f, char *text, size_t cap)
{
    char path[512];
    struct dirent *entry;
    unsigned n = 0;
    DIR *dir;

    (void)snprintf(path, sizeof path, "%s/spool/alerts", f->folder);
    text[0] = '\0';
    if ((dir = opendir(path)) == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        FILE *file;

        if (strstr(entry->d_name, ".json") == NULL || n++ > 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/spool/alerts/%s", f->folder, entry->d_name);
        assert_non_null(file = fopen(path, "r"));
        text[fread(text, 1, cap - 1, file)] = '\0';
        (void)fclose(file);
    }
    (void)closedir(dir);
    return n;
}

#endif
