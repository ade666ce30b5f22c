/* The parts of a tenant that are mirrored, and their ages. */
#include "core/directory/directory.h"

static const struct {
    const char *word, *title;
} parts[MIRRORED_PARTS] = {
    [PART_ORGANIZATION] = {"organization", "organization's setting"},
    [PART_SETTINGS] = {"settings", "mailboxes' settings"},
    [PART_SECURITY_DEFAULTS] = {"security-defaults", "security defaults"},
    [PART_DEFAULT_POLICY] = {"default-policy", "default authentication policy"},
    [PART_POLICIES] = {"policies", "authentication policies"},
    [PART_USERS] = {"users", "users' own policies"},
    [PART_ACCOUNTS] = {"accounts", "disabled accounts"},
    [PART_RESTRICTED] = {"restricted", "restricted senders"},
    [PART_DETAILS] = {"details", "mailboxes' names and types"},
    [PART_DOMAINS] = {"domains", "accepted domains"},
    [PART_OUTBOUND] = {"outbound", "outbound limits"},
    [PART_RIGHTS] = {"rights", "rights to send as others"},
    [PART_RECIPIENTS] = {"recipients", "groups and mail users"},
};

const char *mirrored_title(enum mirrored_part part)
{
    return parts[part].title;
}

const char *mirrored_word(enum mirrored_part part)
{
    return parts[part].word;
}

enum mirrored_part mirrored_named(struct slice word)
{
    for (size_t i = 0; i < MIRRORED_PARTS; i++)
        if (slice_eq(word, slice_of(parts[i].word)))
            return (enum mirrored_part)i;
    return MIRRORED_PARTS;
}

int64_t tenant_oldest(const struct tenant_facts *facts, enum mirrored_part *part)
{
    int64_t oldest = facts->settings_at;
    enum mirrored_part which = PART_SETTINGS;

    for (size_t i = 0; i < MIRRORED_GATES; i++)
        if (facts->parts[i].at > 0 && (oldest == 0 || facts->parts[i].at < oldest)) {
            oldest = facts->parts[i].at;
            which = (enum mirrored_part)i;
        }
    if (part != NULL)
        *part = which;
    return oldest;
}
