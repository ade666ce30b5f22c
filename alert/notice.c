#include "alert/notice.h"

#include "core/base/quote.h"
#include "core/base/spool.h"

#include <stdlib.h>
#include <unistd.h>

static bool event_named(const char *name, enum alert_event *out)
{
    for (unsigned i = 0; i < ALERT_EVENTS; i++)
        if (strcmp(alert_event_name((enum alert_event)i), name) == 0) {
            *out = (enum alert_event)i;
            return true;
        }
    return false;
}

/* The id becomes a header field and a file's name. */
static bool good_id(const char *id)
{
    size_t n = strlen(id);

    for (size_t i = 0; i < n; i++)
        if (!(ascii_lower(id[i]) >= 'a' && ascii_lower(id[i]) <= 'z') && !(id[i] >= '0' && id[i] <= '9') &&
            id[i] != '-')
            return false;
    return n > 0 && n < NOTICE_NAME_MAX - 8;
}

static void add_host(json_t *json)
{
    char host[256] = "";

    if (gethostname(host, sizeof host - 1) == 0)
        (void)json_object_set_new(json, "host", json_string(host));
}

const char *notice_text(const struct notice *notice, const char *key)
{
    const char *text = json_string_value(json_object_get(notice->json, key));

    return text != NULL ? text : "";
}

static int take_apart(struct notice *notice, struct error *e)
{
    struct buf id = BUF_OVER(notice->id), event = BUF_OVER(notice->event_name);

    buf_add(&id, slice_of(notice_text(notice, "id")));
    buf_add(&event, slice_of(notice_text(notice, "event")));
    notice->at_s = json_integer_value(json_object_get(notice->json, "at"));
    if (!good_id(notice->id) || !event_named(notice->event_name, &notice->event)) {
        (void)error_set(e, "%s: no notice of postern (id \"%s\", event \"%s\")", notice->name,
                        quote(slice_of(notice->id)).text, quote(slice_of(notice->event_name)).text);
        return NOTICE_NONE;
    }
    add_host(notice->json);
    return 0;
}

static int notice_parse(struct notice *notice, struct slice text, struct error *e)
{
    json_error_t why;

    notice->json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(notice->json))
        return take_apart(notice, e);
    (void)error_set(e, "%s: not a JSON object: %s", notice->name, quote(slice_of(why.text)).text);
    return notice->json == NULL && json_error_code(&why) == json_error_out_of_memory ? -1 : NOTICE_NONE;
}

int notice_load(int folder, const char *name, struct notice *notice, struct error *e)
{
    struct buf b = BUF_OVER(notice->name);
    char *text;
    size_t n;
    int result;

    notice->json = NULL;
    buf_add(&b, slice_of(name));
    if (b.full) {
        (void)error_set(e, "%s: a name of more than %u bytes", quote(slice_of(name)).text, NOTICE_NAME_MAX - 1);
        return NOTICE_NONE;
    }
    result = spool_get(folder, name, ALERT_FILE_MAX, &text, &n, e);
    if (result != 0)
        return result == SPOOL_NEVER ? NOTICE_NONE : -1;
    result = notice_parse(notice, (struct slice){text, n}, e);
    free(text);
    if (result != 0)
        notice_free(notice);
    return result;
}

void notice_free(struct notice *notice)
{
    json_decref(notice->json);
    notice->json = NULL;
}
