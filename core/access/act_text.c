/* Acts as JSON. */
#include "core/access/act.h"
#include "core/base/quote.h"
#include "core/base/units.h"

#include <jansson.h>
#include <stdlib.h>

/* An object of which each member is asked for: what is left over means nothing. */
struct members {
    json_t *object;
    size_t taken;
};

static json_t *take(struct members *m, const char *name)
{
    json_t *value = json_object_get(m->object, name);

    m->taken += value != NULL;
    return value;
}

/* UTF-8 without control characters, those of C1 too; blanks around it are left out. Empty where it is missing. */
static int take_text(struct members *m, const char *name, char *out, size_t cap, struct error *e)
{
    const json_t *value = take(m, name);
    struct buf b = buf_over(out, cap);
    struct slice text;

    out[0] = '\0';
    if (value == NULL)
        return 0;
    if (!json_is_string(value))
        return error_set(e, "%s: expected a text", name);
    text = slice_trim((struct slice){json_string_value(value), json_string_length(value)});
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0))
            return error_set(e, "%s: expected one line without control characters", name);
    }
    buf_add(&b, text);
    return b.full ? error_set(e, "%s: expected at most %zu bytes", name, cap - 1) : 0;
}

static int take_truth(struct members *m, const char *name, bool *out, struct error *e)
{
    const json_t *value = take(m, name);

    *out = json_is_true(value);
    return value == NULL || json_is_boolean(value) ? 0 : error_set(e, "%s: expected true or false", name);
}

static int check_left(const struct members *m, struct error *e)
{
    return json_object_size(m->object) == m->taken ? 0 : error_set(e, "a member is there that means nothing here");
}

static int check_kind(const char *kind, struct error *e)
{
    static const char *const kinds[] = {"", "user", "login", "client", "network", "connector"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return 0;
    return error_set(e, "kind: expected user, login, client, network or connector");
}

/* What the verb can't have is an error: it would not be done as it was meant. */
static int check_fit(const struct act *act, const struct act_row *row, const char *again, struct error *e)
{
    uint64_t seconds = 0;

    if (row->has_subject != (act->subject[0] != '\0'))
        return error_set(e, row->has_subject ? "subject is missing: %s whom?" : "%s has no subject", row->word);
    if ((act->kind[0] != '\0' && !row->takes_kind) || (act->duration[0] != '\0' && !row->takes_duration) ||
        (act->accept && !row->takes_accept) || (act->cluster && !row->takes_cluster))
        return error_set(e, "kind, for, accept or cluster: %s does not take it", row->word);
    if (act->reason[0] == '\0')
        return error_set(e, "reason is missing: others will want to know why");
    if (act->duration[0] != '\0' && duration_parse(slice_of(act->duration), &seconds, e) != 0)
        return error_prefix(e, "for");
    if (act->duration[0] != '\0' && seconds == 0)
        return error_set(e, "for: 0s would be no block");
    if ((again[0] != '\0' || row->typed_again) && !act->confirmed)
        return error_set(e, "confirm: expected the subject, typed again");
    return 0;
}

static int read_asked(json_t *object, struct act *out, struct error *e)
{
    struct members m = {object, 0};
    char verb[16], again[ACT_SUBJECT_MAX + 1];

    if (!json_is_object(object))
        return error_set(e, "expected a JSON object with verb, subject and reason");
    if (take_text(&m, "verb", verb, sizeof verb, e) != 0 || act_verb_find(slice_of(verb), &out->verb, e) != 0 ||
        take_text(&m, "kind", out->kind, sizeof out->kind, e) != 0 || check_kind(out->kind, e) != 0 ||
        take_text(&m, "subject", out->subject, sizeof out->subject, e) != 0 ||
        take_text(&m, "reason", out->reason, sizeof out->reason, e) != 0 ||
        take_text(&m, "for", out->duration, sizeof out->duration, e) != 0 ||
        take_text(&m, "confirm", again, sizeof again, e) != 0 || take_truth(&m, "accept", &out->accept, e) != 0 ||
        take_truth(&m, "cluster", &out->cluster, e) != 0 || check_left(&m, e) != 0)
        return -1;
    out->confirmed = again[0] != '\0' && strcmp(again, out->subject) == 0;
    return check_fit(out, &act_rows[out->verb], again, e);
}

static json_t *load(struct slice text, struct error *e)
{
    json_t *json =
        text.n <= ACT_TEXT_MAX && text.n > 0 ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json == NULL)
        (void)error_set(e, "expected JSON of at most %u bytes", ACT_TEXT_MAX);
    return json;
}

int act_read_asked(struct slice text, struct act *out, struct error *e)
{
    json_t *json = load(text, e);
    int rc = json != NULL ? read_asked(json, out, e) : -1;

    json_decref(json);
    return rc;
}

static int read_all(json_t *json, struct act *out, struct error *e)
{
    struct members m = {json, 0};
    const json_t *at = take(&m, "at");
    char role[16];

    if (!json_is_integer(at))
        return error_set(e, "at: expected seconds since 1970");
    out->at_s = json_integer_value(at);
    if (take_text(&m, "id", out->id, sizeof out->id, e) != 0 ||
        take_text(&m, "who", out->who, sizeof out->who, e) != 0 ||
        take_text(&m, "from", out->from, sizeof out->from, e) != 0 ||
        take_text(&m, "role", role, sizeof role, e) != 0 || role_find(slice_of(role), &out->role, e) != 0 ||
        take_text(&m, "tenants", out->tenants, sizeof out->tenants, e) != 0 ||
        scope_check(out->role, slice_of(out->tenants), e) != 0)
        return -1;
    if (!act_is_id(slice_of(out->id)) || out->who[0] == '\0' || out->from[0] == '\0')
        return error_set(e, "id, who or from is missing, or wrong");
    return read_asked(take(&m, "asked"), out, e) != 0 ? -1 : check_left(&m, e);
}

int act_read(struct slice text, struct act *out, struct error *e)
{
    json_t *json = load(text, e);
    int rc;

    *out = (struct act){.at_s = 0};
    if (json == NULL)
        return -1;
    rc = read_all(json, out, e);
    json_decref(json);
    return rc;
}

static int put(json_t *o, const char *name, const char *text)
{
    return text[0] == '\0' ? 0 : json_object_set_new(o, name, json_string(text));
}

char *act_write(const struct act *act)
{
    json_t *asked = json_object(), *all = NULL;
    char *text = NULL;

    if (asked != NULL && put(asked, "verb", act_rows[act->verb].word) == 0 && put(asked, "kind", act->kind) == 0 &&
        put(asked, "subject", act->subject) == 0 && put(asked, "reason", act->reason) == 0 &&
        put(asked, "for", act->duration) == 0 && put(asked, "confirm", act->confirmed ? act->subject : "") == 0 &&
        (!act->accept || json_object_set_new(asked, "accept", json_true()) == 0) &&
        (!act->cluster || json_object_set_new(asked, "cluster", json_true()) == 0))
        all = json_pack("{s:s,s:I,s:s,s:s,s:s,s:s,s:O}", "id", act->id, "at", (json_int_t)act->at_s, "who", act->who,
                        "role", role_word(act->role), "from", act->from, "tenants", act->tenants, "asked", asked);
    if (all != NULL)
        text = json_dumps(all, JSON_ENSURE_ASCII);
    json_decref(asked);
    json_decref(all);
    return text;
}
