/*
 * How the configuration is read: a table for each section lists its settings with type and default; one function
 * walks the tables over libconfig's tree. Error messages and the tests of the manual page and the shipped file use the
 * same tables. Private to core/config_*.c and the tests.
 */
#ifndef POSTERN_CONFIG_TABLE_H
#define POSTERN_CONFIG_TABLE_H

#include "core/base/slice.h"
#include "core/config/config.h"

#include <libconfig.h>
#include <stddef.h>

#define SETTING_PATH_MAX 200 /* bytes of "limits[message-rate].except[2].user", cut beyond */
#define TEXTS_MAX 4096       /* in a list of texts */

struct config_memory;
struct config_files;

/* The context of reading one configuration. */
struct reader {
    struct config *config;
    struct config_memory *memory;
    struct config_files *files;
    const char *path;       /* of the configuration, as it was given, for errors */
    const char *folder;     /* absolute: where relative names begin */
    enum limit_count count; /* what the limit that is being read counts: the unit of its figures */
    struct error *e;
};

enum setting_kind {
    SETTING_PATH, /* a file name; a relative one begins at the configuration's folder */
    SETTING_BOOL,
    SETTING_CHOICE,   /* one of some words */
    SETTING_NUMBER,   /* least..most */
    SETTING_DURATION, /* "2d", least..most seconds */
    SETTING_PARSED,   /* a text that parse() reads */
    SETTING_SECTION,  /* a group: { ... } */
    SETTING_SECTIONS, /* a list of groups, into an array: ( { ... }, { ... } ) */
    SETTING_OWN       /* read() does everything */
};

struct choice {
    const char *name; /* NULL ends a table */
    unsigned value;
};

struct setting;
struct section;

/* Reads text into *at. 0, or -1 with e, which says what is wrong with it; its place is added by the caller. */
typedef int setting_parse(struct reader *r, struct slice text, void *at, struct error *e);
/* Reads s, or the default where s is NULL, into *at. 0, or -1 with r->e complete (setting_error). */
typedef int setting_read(struct reader *r, const config_setting_t *s, const struct setting *row, void *at);
/* Looks at a whole section after its rows were read. s is NULL for one that is not written. As above. */
typedef int section_check(struct reader *r, const config_setting_t *s, void *target);

struct setting {
    const char *name;
    enum setting_kind kind;
    bool required;
    size_t offset, size;  /* in the section's struct: AT(); of the pointer to the array for SETTING_SECTIONS */
    size_t count_offset;  /* SETTING_SECTIONS: of its number of elements, a size_t */
    const char *standard; /* the default as it would be written, without quotes; NULL: none, the field stays zero */
    uint64_t least, most;
    const struct choice *choices;
    const struct section *section;
    setting_parse *parse;
    setting_read *read;
    const char *allowed; /* what is allowed, in words, where the kind does not tell */
};

#define AT(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define ROWS(table) .rows = (table), .n_rows = sizeof(table) / sizeof((table)[0])

struct section {
    const struct setting *rows;
    size_t n_rows;
    section_check *check; /* NULL: none */
    size_t size;          /* of an element's struct, for SETTING_SECTIONS */
    unsigned most;        /* elements, for SETTING_SECTIONS */
};

/* The whole configuration. */
extern const struct section config_section;

/* Calls each() for every setting of a section and of those in it, with its path: "limits", "limits.name" ... */
void section_each(const struct section *section, void (*each)(void *arg, const char *path, const struct setting *row),
                  void *arg);

/* Reads the group s (NULL: nothing is written, all defaults) into target. */
int section_read(struct reader *r, const config_setting_t *s, const struct section *section, void *target);

/* "FILE:LINE: setting: ..." into r->e; -1. s may be NULL. */
int setting_error(const struct reader *r, const config_setting_t *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same around what r->e says already. */
int setting_error_around(const struct reader *r, const config_setting_t *s);
/* The member of the group s with that name, or s without one: where an error about it is. */
const config_setting_t *setting_member(const config_setting_t *s, const char *name);
/* "limits[message-rate].rate": lists name their elements, or number them from 1. Cut when out is small. */
void setting_path(const config_setting_t *s, char *out, size_t cap);

/* ---- values (config_values.c; lists of slices: config_tenants.c) ---- */

/* The text of a setting, or of the row's default. Control characters and non-UTF-8 are refused. */
int setting_text(const struct reader *r, const config_setting_t *s, const struct setting *row, struct slice *text);
int setting_scalar(struct reader *r, const config_setting_t *s, const struct setting *row, void *at);
/* A list of texts, or one text alone: how many (0 for NULL), and the setting of each, which setting_text reads. */
int setting_texts(const struct reader *r, const config_setting_t *s, unsigned most, unsigned *n);
const config_setting_t *setting_texts_element(const config_setting_t *s, unsigned i);
/* A list of texts into an array of what `one` makes of each; at most `most`. 0, or -1 with r->e complete. */
typedef int setting_read_slice(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at);
int setting_slices(struct reader *r, const config_setting_t *s, const struct setting *row, unsigned most,
                   setting_read_slice *one, struct slice **slices, size_t *n_slices);
/* text, kept as long as the configuration. */
int setting_keep_slice(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at);
/* What s is, for people: "the number 7", "a group { ... }". */
struct found {
    char text[224];
};
struct found setting_found(const config_setting_t *s);

/* The choice of that name, or an error that names all. NULL with e. */
const struct choice *choice_find(const struct choice *choices, struct slice name, struct error *e);
/* A list of choices, or one alone, whose values are bits: *set is those of all. 0, or -1 with r->e complete. */
int setting_choices(struct reader *r, const config_setting_t *s, const struct setting *row,
                    const struct choice *choices, unsigned most, unsigned *set);

/* Names of tenants, connectors, groups: letters, digits, "._-", at most 63. */
setting_parse parse_name;
/* A file name, taken relative to the folder of the configuration. */
setting_parse parse_path;

/* The entry of `names` that was probably meant, or NULL (config_suggest.c). */
const char *config_suggest(struct slice written, const char *const *names, size_t n);

/* ---- memory and files (config_memory.c, config_files.c) ---- */

/* Zeroed, freed with the config; NULL with r->e. */
void *config_alloc(const struct reader *r, size_t n, size_t size);
const char *config_keep(const struct reader *r, struct slice s);
struct config_memory *config_memory_new(void);
void config_memory_free(struct config_memory *memory);

/* A file that the configuration names, as it was when it was read. */
struct config_files *config_files_new(void);
void config_files_free(struct config_files *files);
bool config_files_differ(const struct config_files *files);
/* Notes the file before it is read, and refuses one that others may write to. -1 with r->e, not located. */
int config_files_note(const struct reader *r, const char *path);
/* The same for a file that may be missing: 1, and when it appears the files have changed. */
int config_files_note_optional(const struct reader *r, const char *path);

/* Reads the configuration's text: a regular file, at most CONFIG_MAX_BYTES, not writable by others. *text is malloc'ed.
 */
#define CONFIG_MAX_BYTES (1u << 20)
int config_text_load(const char *path, char **text, size_t *n, struct error *e);
/* The absolute folder of the file, malloc'ed: programs change theirs, and the lists are looked at again later. NULL
 * with e. */
char *config_folder(const char *path, struct error *e);

/*
 * Finds what libconfig would silently misread: numbers that overflow (it wraps them), NULs, texts without a closing
 * quote, deep nesting. 0, or -1 with e ("PATH:LINE: ...").
 */
int config_scan(struct slice text, const char *path, struct error *e);

/* config_load for text in memory: path for errors, folder for relative names. */
int config_from_text(struct slice text, const char *path, const char *folder, struct config **out, struct error *e);

/* ---- parts in files of their own ---- */

extern const struct section tenant_section;                   /* config_tenants.c */
extern const struct section exchange_section;                 /* config_exchange.c */
extern const struct section group_section, connector_section; /* config_connectors.c */
extern const struct section logins_from_section;              /* config_logins_from.c */
extern const struct section limit_section;                    /* config_limits.c */
extern const struct section blocks_section;                   /* config_blocks.c */
extern const struct section alert_section;                    /* config_alerts.c */
extern const struct section cluster_section;                  /* config_cluster.c */
extern const struct section mirror_section;                   /* config_mirror.c */
/* config_programs.c */
extern const struct section policyd_section, milter_section, sasl_section, web_section;
extern const struct section web_proxy_section; /* config_web.c */
extern const struct choice mode_choices[], tls_minimums[];
extern const struct choice fetches[];               /* config_exchange.c: what exchange.fetch may name */
setting_read read_exchange;                         /* config_exchange.c */
setting_read read_never_block, read_known_networks; /* config_blocks.c; at is the config */
setting_read read_list_file, read_pairs_file;       /* into a struct list * (config_connectors.c) */
setting_read read_senders_file, read_senders;       /* the same of senders */
setting_read read_replies;                          /* config_programs.c; at is the config */
/*
 * Networks: those of the list s, or those in the file that it names, behind the *n that are there. s may be NULL. 0, or
 * -1 with r->e complete. (config_connectors.c)
 */
int setting_networks(struct reader *r, const config_setting_t *s, const struct setting *row, bool file,
                     struct network **networks, size_t *n);
/* Do two tenants claim one domain or NetBIOS name? s: the list of tenants, or NULL. (config_tenants.c) */
int tenants_check(struct reader *r, const config_setting_t *s);
/* What the section mirror needs of others. s: the section, for errors. 0, or -1 with r->e complete. */
int mirror_check(struct reader *r, const config_setting_t *s);
/* True also where the file has no tenants: the directory alone knows them then. */
bool tenant_is_known(const struct config *config, const char *name);

/* The subject of an exception (config_limits.c): a user's canonical name; a group by its own. 0, or -1 with e. */
int parse_user_name(struct reader *r, struct slice text, const char **name, struct error *e);
int parse_group_name(struct reader *r, struct slice text, unsigned *group, const char **name, struct error *e);
/* The same for a connector. */
int parse_connector_name(struct reader *r, struct slice text, unsigned *connector, const char **name, struct error *e);

/*
 * After all sections: maps the lists' entries by the logins file, makes lists of the exceptions' users, and refuses
 * entries that can never match (config_names.c). 0, or -1 with r->e.
 */
int names_prepare(struct reader *r);

extern const struct section limit_only_section; /* config_limits_only.c */
setting_parse parse_limit_reply;                /* the same; at is the pointer to the text */
/* Do condition and reply of a limit fit the rest of it? 0, or -1 with r->e. (config_limits_only.c) */
int limit_check_only(const struct reader *r, const config_setting_t *s, const struct limit_config *limit);
/* May a limit that counts failures to sign in be as it is? 0, or -1 with r->e. (config_limits_failures.c) */
int limit_check_failures(const struct reader *r, const config_setting_t *s, const struct limit_config *limit);
section_check limit_check; /* config_limits_check.c */
/* May a limit have this figure? 0, or -1 with e. */
int figure_check(const struct limit_rate *figure, enum limit_count count, struct error *e);
/* Works out what the mail path would work out for each message otherwise: once all limits are there. */
void limits_prepare(struct config *c);
/* After all sections: puts the preset's limits before the file's (config_preset.c). */
int preset_add(struct reader *r);

#endif
