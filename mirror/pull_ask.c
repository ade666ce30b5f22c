/* What the other relays offer: their sealed manifests, of which the newest counts. */
#include "mirror/pull_private.h"

#include <stdlib.h>

/* Of several sources, one that is away must not use up the time of the others. */
#define ASK_S 60u

#define CONDITION_MAX (sizeof((struct http_answer *)0)->etag + 32)

static const struct {
    long first, last;
    const char *what;
} statuses[] = {
    {300, 399,
     "it leads elsewhere, and redirects are never followed: put the address that is meant into "
     "mirror.pull.url"},
    {401, 401,
     "it does not know who asks: give its web server what \"postern-mirror offer --token\" prints there, of "
     "the same cluster.key_file"},
    {403, 403,
     "it does not let this relay in: its web server must allow this relay's address, and must be able to read "
     "the folder mirror.offer"},
    {404, 404,
     "there is nothing: has that relay mirror.offer, does the path of mirror.pull.url lead there, and did "
     "\"postern-mirror offer\" run there? A file that was replaced just now is found by the next run"},
};

int pull_status(const struct http_answer *answer, struct error *e)
{
    const char *what = "see its web server's log";

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (answer->status >= statuses[i].first && answer->status <= statuses[i].last)
            what = statuses[i].what;
    if (answer->location[0] != '\0')
        return error_set(e, "HTTP %ld (to %s): %s", answer->status, words(slice_of(answer->location)).text, what);
    return error_set(e, "HTTP %ld: %s", answer->status, what);
}

/* ---- which is newer ---- */

/* The latest time that settings in it were read; a run of the mirror makes it larger. */
static int64_t newest_time(const struct manifest *m)
{
    int64_t newest = 0;

    for (uint32_t i = 0; i < m->tenants_n; i++) {
        newest = m->tenants[i].settings_at > newest ? m->tenants[i].settings_at : newest;
        for (size_t part = 0; part < MIRRORED_PARTS; part++)
            newest = m->tenants[i].parts[part].at > newest ? m->tenants[i].parts[part].at : newest;
    }
    return newest;
}

static bool is_newer(const struct manifest *a, const struct manifest *b)
{
    int64_t of_a = newest_time(a), of_b = newest_time(b);

    return of_a != of_b ? of_a > of_b : a->generation > b->generation;
}

/* ---- one source ---- */

/* 0 with what it offers, in *out over *text; *text NULL: nothing since the last pull. -1 with e. */
static int read_answer(const struct pull *p, const struct http_answer *answer, char **text, struct offering *out,
                       struct error *e)
{
    if (answer->status == 304)
        return 0;
    if (answer->status != 200)
        return pull_status(answer, e);
    if (answer->content_encoding[0] != '\0')
        return error_set(e, "the answer is compressed, though that was not asked for: switch that off there");
    *text = malloc(answer->body.n + 1);
    if (*text == NULL)
        return error_set(e, "out of memory");
    memcpy(*text, answer->body.p, answer->body.n);
    if (offering_read((struct slice){*text, answer->body.n}, &p->key, out, e) == 0)
        return 0;
    free(*text);
    *text = NULL;
    return -1;
}

/* As read_answer. */
static int ask_one(struct pull *p, struct slice source, struct http_answer *answer, char **text, struct offering *out,
                   struct error *e)
{
    bool again = p->last.here != 0 && p->last.etag[0] != '\0' && slice_eq(source, slice_of(p->last.url));
    char url[PULL_PATH_MAX], condition[CONDITION_MAX];
    struct buf u = BUF_OVER(url), c = BUF_OVER(condition);
    const char *headers[] = {p->bearer, again ? condition : NULL, NULL};
    const struct http_request request = {
        .url = url, .headers = headers, .body_max = OFFERING_MAX, .uncompressed = true};

    buf_addf(&u, "%.*s/" OFFERING_NAME, SLICE_ARG(source));
    buf_addf(&c, "If-None-Match: %s", p->last.etag);
    if (session_do(&p->session, url, &request, answer, e) != 0)
        return -1;
    return read_answer(p, answer, text, out, e) == 0 ? 0 : error_prefix(e, "%s", url);
}

static void keep(struct pull *p, struct slice source, const struct http_answer *answer, char *text,
                 const struct offering *offering)
{
    struct buf etag = BUF_OVER(p->etag), relay = BUF_OVER(p->relay);

    offering_free(&p->offering);
    free(p->text);
    p->source = source;
    p->text = text;
    p->offering = *offering;
    buf_add_printable(&etag, slice_of(answer->etag));
    buf_add_printable(&relay, offering->relay);
}

int pull_ask(struct pull *p, struct error *e)
{
    const struct pull_config *pull = &p->o->config->mirror_pull;
    uint64_t deadline_s = p->o->config->mirror_deadline_s;
    bool answered = false, up_to_date = false;

    for (size_t i = 0; i < pull->n_sources; i++) {
        struct offering offering = {.offered_at = 0};
        struct http_answer answer;
        struct error why;
        char *text = NULL;

        if (pull->n_sources > 1)
            session_begin_again(&p->session, ASK_S < deadline_s ? ASK_S : deadline_s);
        if (ask_one(p, pull->sources[i], &answer, &text, &offering, &why) != 0) {
            *e = why;
            if (pull->n_sources > 1)
                session_say(&p->session, "%s", why.text);
            continue;
        }
        answered = true;
        up_to_date = up_to_date || text == NULL;
        if (text != NULL && (p->text == NULL || is_newer(&offering.m, &p->offering.m))) {
            keep(p, pull->sources[i], &answer, text, &offering);
        } else {
            offering_free(&offering);
            free(text);
        }
    }
    session_begin_again(&p->session, deadline_s);
    /* The source of the last pull has nothing newer, and the others have no more than that. */
    if (up_to_date && p->text != NULL && !is_newer(&p->offering.m, &p->ours.m))
        p->source = (struct slice){NULL, 0};
    return answered ? 0 : -1;
}
