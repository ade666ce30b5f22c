#include "mirror/sign_ins.h"

#include "core/base/clock.h"
#include "core/journal/sign_ins.h"
#include "mirror/circle.h"
#include "mirror/claimants.h"
#include "mirror/read/json_rows.h"
#include "mirror/read/sign_in.h"

#include <stdlib.h>
#include <time.h>

#define WHAT "sign-ins"
#define NEEDS                                                                                                          \
    "the application permission AuditLog.Read.All of Microsoft Graph, with an administrator's consent, and Entra ID "  \
    "P1"
#define RESTARTS_MAX 3u /* of a window whose link to the next page is no longer taken */
#define EMPTY_PAGES_MAX 16u
#define DAY_S 86400
#define HOUR_S 3600
#define LATE_S (6 * HOUR_S) /* a sign-in that shows up this late is found by the next run */
#define PAUSES_S 1800       /* after the budget, for the window at hand and pauses that the service asks for */

/*
 * A window that was not read to its end is read again, so it must fit into a run. Anybody can cause failures, in any
 * number: their windows are short, and the first run reads those of one day, not all that the service keeps.
 */
static const struct {
    int64_t kept_s; /* how long ago the first run begins */
    int64_t window_s;
    int64_t very_late_s; /* a sign-in that shows up this late is found within a day */
} outcomes[SIGN_IN_OUTCOMES] = {
    [SIGN_IN_SUCCESS] = {30 * DAY_S /* the service keeps no more */, DAY_S, 2 * DAY_S},
    [SIGN_IN_FAILURE] = {DAY_S, HOUR_S, LATE_S},
};

struct sign_ins {
    struct exchange *x;
    struct history *h;
    struct claimants claimants;
    struct slice tenant;
    int64_t now;
    uint64_t until_ns; /* boot clock: no window is begun later, but the first */
    struct circle *links;
    bool unread; /* the history failed, not the service */
    bool begun, out_of_time;
    /* of the outcome that is being read */
    enum sign_in_outcome outcome;
    struct sign_in_progress progress;
    uint64_t fresh[SIGN_IN_OUTCOMES]; /* sign-ins that were new */
    uint64_t fresh_of_page;
    uint64_t bad;         /* rows that could not be read */
    struct error why_bad; /* the first of them */
};

/* ---- one sign-in ---- */

static int count_one(struct sign_ins *r, const struct sign_in *s, struct slice mailbox, struct error *e)
{
    struct cloud_use use = {.first_s = s->at_s, .last_s = s->at_s, .number = 1, .tls = -1};

    if (s->success) {
        use.basic = !s->token;
        use.oauth = s->token;
    }
    if (ip_parse(s->address, &use.clients[0].ip))
        use.clients[0].last_s = s->at_s;
    return cloud_use_add(r->h, r->tenant, mailbox, s->success ? CLOUD_SIGN_INS : CLOUD_FAILURES, &use, e);
}

/* Counts it for every mailbox that claims the name: if there are two, both must pass for used. */
static int count_sign_in(struct sign_ins *r, const struct sign_in *s, struct error *e)
{
    struct address primary[DIRECTORY_CLAIMS_MAX];
    unsigned n = claimants_find(&r->claimants, s->user, primary);
    struct ip client;

    if (s->success && n > 0 && ip_parse(s->address, &client) &&
        sign_in_network_add(r->h, r->tenant, &client, s->at_s, e) != 0)
        return -1;

    for (unsigned i = 0; i < n; i++)
        if (count_one(r, s, address_slice(&primary[i]), e) != 0)
            return -1;
    if (n > 0)
        return 0;
    return count_one(r, s, s->success ? s->user : SLICE(""), e);
}

static int take_sign_in(struct sign_ins *r, const struct sign_in *s, struct error *e)
{
    enum sign_in_outcome outcome = s->success ? SIGN_IN_SUCCESS : SIGN_IN_FAILURE;
    int is_new;

    if (s->at_s > r->now + DAY_S || outcome != r->outcome)
        return 0; /* not what was asked for */
    if (s->at_s < r->progress.since_s)
        r->progress.since_s = s->at_s;
    is_new = sign_in_is_new(r->h, r->tenant, outcome, s->at_s, s->id, e);
    if (is_new <= 0)
        return is_new;
    r->fresh_of_page++;
    return count_sign_in(r, s, e);
}

static int take_row(struct sign_ins *r, struct slice row, struct error *e)
{
    struct error why;
    struct sign_in s;
    int result = sign_in_read(row, &s, &why);

    if (result < 0 && r->bad++ == 0)
        r->why_bad = why;
    if (result <= 0)
        return 0;
    result = take_sign_in(r, &s, e);
    r->unread |= result != 0;
    sign_in_free(&s);
    return result;
}

/* ---- a page ---- */

static int take_rows(struct sign_ins *r, struct json_rows *json, unsigned long *n, struct error *e)
{
    uint64_t bad = r->bad;
    struct slice row;
    int more;

    for (*n = 0; (more = json_rows_next(json, &row, e)) > 0; ++*n)
        if (take_row(r, row, e) != 0)
            return -1;
    if (more == 0 && !json->envelope)
        return error_set(e, "it has no \"value\"");
    if (more == 0 && *n > 0 && r->bad - bad == *n)
        return error_set(e, "no row can be read: %s", r->why_bad.text);
    return more;
}

/* The link to the next page; NULL with 0: there is none. */
static int take_link(struct sign_ins *r, const struct json_rows *json, CURLU **next, struct error *e)
{
    struct slice text = json_rows_head(json);
    json_t *head = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *link = json_object_get(head, "@odata.nextLink");
    int result = 0;

    *next = NULL;
    text = (struct slice){json_string_value(link), json_string_length(link)};
    if (head == NULL)
        result = error_set(e, "it is not JSON");
    else if (link != NULL && !json_is_null(link) && !json_is_string(link))
        result = error_set(e, "@odata.nextLink is not text");
    else if (json_is_string(link) && !circle_add(r->links, text))
        result = error_set(e, "the link to the next page was there before: the pages go in a circle");
    else if (json_is_string(link) && (*next = origin_judge(&r->x->audit_logs, text, e)) == NULL)
        result = -1;
    json_decref(head);
    return result;
}

/* All of a page or nothing. */
static int take_page(struct sign_ins *r, struct slice body, CURLU **next, unsigned long *n, struct error *e)
{
    struct json_rows json;
    struct input in;
    int result;

    if (input_memory(body, WHAT, &in, e) != 0)
        return -1;
    json_rows_open(&json, &in);
    r->fresh_of_page = 0;
    result = history_begin(r->h, e);
    r->unread |= result != 0;
    if (result == 0 && (result = take_rows(r, &json, n, e)) == 0 && (result = take_link(r, &json, next, e)) == 0) {
        result = history_commit(r->h, e);
        r->unread |= result != 0;
    }
    if (result == 0)
        r->fresh[r->outcome] += r->fresh_of_page;
    else
        history_rollback(r->h);
    json_rows_close(&json);
    input_close(&in);
    return result;
}

/* ---- a window ---- */

static void add_time(struct buf *b, int64_t at_s)
{
    time_t at = (time_t)at_s;
    char text[32];
    struct tm tm;

    if (gmtime_r(&at, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        buf_add(b, slice_of(text));
}

/*
 * Graph shows interactive sign-ins alone unless it is asked for the others, too, as only its beta can be; a client that
 * shows its password again and again may be either. createdDateTime knows ge and le, no gt and lt.
 */
static void add_path(struct buf *b, unsigned top, enum sign_in_outcome outcome, int64_t from, int64_t to)
{
    buf_addf(b, GRAPH_AUDIT_LOGS "signIns?$top=%u&$filter=createdDateTime%%20ge%%20", top);
    add_time(b, from);
    buf_addf(b, "%%20and%%20createdDateTime%%20le%%20");
    add_time(b, to);
    buf_addf(b,
             "%%20and%%20clientAppUsed%%20eq%%20%%27Authenticated%%20SMTP%%27%%20and%%20status/errorCode%%20%s%%200"
             "%%20and%%20signInEventTypes/any(t:%%20t%%20eq%%20%%27interactiveUser%%27%%20or%%20t%%20eq%%20"
             "%%27nonInteractiveUser%%27)",
             outcome == SIGN_IN_SUCCESS ? "eq" : "ne");
}

static enum exchange_result ask_page(struct sign_ins *r, const char *path, CURLU *link, struct http_answer *answer,
                                     struct error *e)
{
    enum exchange_result result = exchange_graph(r->x, path, link, NEEDS, answer, e);

    if (link == NULL || (result != EXCHANGE_FORBIDDEN && result != EXCHANGE_UNABLE && result != EXCHANGE_NOT_FOUND))
        return result;
    /* The first page was allowed. Graph has no error of its own for a link that is too old. */
    return answer->status == 400 || answer->status == 404 || answer->status == 410 ? EXCHANGE_EXPIRED : EXCHANGE_UNABLE;
}

static enum exchange_result read_pages(struct sign_ins *r, const char *path, struct error *e)
{
    struct http_answer answer;
    enum exchange_result result;
    CURLU *link = NULL, *next;
    unsigned empty = 0;
    unsigned long n = 0;

    for (unsigned page = 1;; page++) {
        result = ask_page(r, path, link, &answer, e);
        curl_url_cleanup(link);
        if (result != EXCHANGE_OK)
            return result;
        next = NULL;
        if (take_page(r, answer.body, &next, &n, e) != 0) {
            curl_url_cleanup(next);
            (void)error_prefix(e, "page %u", page);
            return EXCHANGE_UNABLE;
        }
        link = next;
        empty = n > 0 ? 0 : empty + 1;
        if (link == NULL)
            return EXCHANGE_OK;
        if (page >= CIRCLE_MAX || empty > EMPTY_PAGES_MAX) {
            curl_url_cleanup(link);
            (void)error_set(e, "the pages never end");
            return EXCHANGE_UNABLE;
        }
    }
}

static enum exchange_result read_window(struct sign_ins *r, int64_t from, int64_t to, struct error *e)
{
    char path[900];
    struct buf b = BUF_OVER(path);
    enum exchange_result result;
    unsigned restarts = 0;

    add_path(&b, r->x->page_size, r->outcome, from, to);
    do {
        r->links->n = 0;
        result = read_pages(r, path, e);
    } while (result == EXCHANGE_EXPIRED && restarts++ < RESTARTS_MAX);
    return result;
}

/* Keeps the ids that a later window may include. */
static int note_window(struct sign_ins *r, int64_t to, struct error *e)
{
    if (to > r->progress.until_s)
        r->progress.until_s = to;
    r->unread |= history_begin(r->h, e) != 0 ||
                 sign_in_progress_set(r->h, r->tenant, r->outcome, &r->progress,
                                      r->progress.until_s - outcomes[r->outcome].very_late_s, e) != 0 ||
                 history_commit(r->h, e) != 0;
    return r->unread ? -1 : 0;
}

/* ---- all windows of an outcome ---- */

/*
 * Where the first window begins. The service doesn't say how far back its log goes (a new licence begins a new log). So
 * use is only known from the oldest sign-in found: since_s begins at now, and take_sign_in lowers it.
 */
static int64_t first_window(struct sign_ins *r, bool very_late)
{
    int64_t oldest = r->now - outcomes[r->outcome].kept_s, from;

    if (r->progress.until_s < oldest) { /* never, or so long ago that some are gone */
        r->progress = (struct sign_in_progress){r->now, oldest, 0};
        return oldest;
    }
    if (r->progress.until_s > r->now + HOUR_S) /* the clock was wrong: nobody knows until when they were read */
        r->progress = (struct sign_in_progress){r->now, r->now, 0};
    from = r->progress.until_s - (very_late ? outcomes[r->outcome].very_late_s : LATE_S);
    return from > oldest ? from : oldest;
}

static enum exchange_result read_outcome(struct sign_ins *r, struct error *e)
{
    enum exchange_result result = EXCHANGE_OK;
    bool very_late;
    int64_t from;

    r->unread |= sign_in_progress_of(r->h, r->tenant, r->outcome, &r->progress, e) != 0;
    very_late = r->now - r->progress.late_s >= DAY_S;
    for (from = first_window(r, very_late); result == EXCHANGE_OK && !r->unread && from < r->now;) {
        int64_t to = r->now - from > outcomes[r->outcome].window_s ? from + outcomes[r->outcome].window_s : r->now;

        if ((r->out_of_time = r->begun && clock_boot_ns() > r->until_ns))
            break;
        r->begun = true;
        result = read_window(r, from, to, e);
        if (result == EXCHANGE_OK) {
            r->progress.late_s = very_late && to == r->now ? r->now : r->progress.late_s;
            (void)note_window(r, to, e);
        }
        from = to;
    }
    return result;
}

/* ---- a run ---- */

static void say_result(const struct sign_ins *r)
{
    const struct exchange_session *s = &r->x->session;

    if (r->bad > 0)
        session_say(s, WHAT ": %llu rows were left out, the first since %s", (unsigned long long)r->bad,
                    r->why_bad.text);
    if (r->out_of_time)
        session_say(s, WHAT ": there are more than this run has time for; the next one goes on");
    if (r->fresh[SIGN_IN_SUCCESS] + r->fresh[SIGN_IN_FAILURE] > 0)
        session_say(s, WHAT ": %llu new ones by SMTP AUTH, and %llu that failed",
                    (unsigned long long)r->fresh[SIGN_IN_SUCCESS], (unsigned long long)r->fresh[SIGN_IN_FAILURE]);
}

/* Records the outcome, and logs a new trouble once, not in every run. */
static int note_trouble(struct sign_ins *r, bool read, const struct error *why, struct error *e)
{
    struct sign_in_state before;
    struct slice text = slice_of(why->text);

    if (sign_in_state_of(r->h, r->tenant, &before, e) != 0)
        return -1;
    if (text.n >= sizeof before.trouble)
        text.n = sizeof before.trouble - 1;
    if (text.n > 0 && !slice_eq(text, slice_of(before.trouble)))
        session_say(&r->x->session, WHAT ": not read: %s. What was read of them before is kept", why->text);
    return history_begin(r->h, e) != 0 || sign_in_state_set(r->h, r->tenant, r->now, read, text, e) != 0 ||
                   cloud_use_forget(r->h, r->now, e) != 0 || sign_in_networks_forget(r->h, r->now, e) != 0
               ? -1
               : history_commit(r->h, e);
}

static enum sign_ins_result read_all(struct sign_ins *r, struct error *e)
{
    enum exchange_result result = EXCHANGE_OK;
    struct error why = {""};
    bool read = false;

    for (unsigned i = 0; i < SIGN_IN_OUTCOMES && result == EXCHANGE_OK && !r->unread; i++) {
        r->outcome = (enum sign_in_outcome)i;
        result = read_outcome(r, &why);
        read |= result == EXCHANGE_OK && !r->unread && !r->out_of_time; /* the successes, which alone are use */
        if (r->out_of_time)
            break;
    }
    say_result(r);
    if (r->unread) {
        *e = why;
        return SIGN_INS_FAILED;
    }
    if (result == EXCHANGE_OK)
        why.text[0] = '\0';
    if (note_trouble(r, read, &why, e) != 0)
        return SIGN_INS_FAILED;
    return result == EXCHANGE_OK ? SIGN_INS_DONE : SIGN_INS_LEFT;
}

enum sign_ins_result sign_ins_sync(struct exchange *x, const char *tenant, const char *folder, int64_t now,
                                   uint64_t budget_s, struct error *e)
{
    struct sign_ins r = {.x = x,
                         .tenant = slice_of(tenant),
                         .now = now,
                         .until_ns = clock_boot_ns() + budget_s * NS_PER_S,
                         .links = malloc(sizeof *r.links)};
    enum sign_ins_result result = SIGN_INS_FAILED;
    struct error notice = {""};

    /* While this lasts, no other run can bring the tenant's settings in. */
    if (x->session.deadline_ns > r.until_ns + PAUSES_S * NS_PER_S)
        x->session.deadline_ns = r.until_ns + PAUSES_S * NS_PER_S;
    if (r.links == NULL || !circle_begin(r.links))
        (void)error_set(e, "no memory, or no random numbers");
    else if (claimants_open(&r.claimants, folder, r.tenant, e) == 0 &&
             history_open(folder, true, &r.h, &notice, e) == 0) {
        if (notice.text[0] != '\0')
            session_say(&x->session, "%s", notice.text);
        result = read_all(&r, e);
    }
    history_close(r.h);
    claimants_close(&r.claimants);
    free(r.links);
    return result;
}

enum exchange_result sign_ins_probe(struct exchange *x, int64_t now, struct error *e)
{
    char path[900];
    struct buf b = BUF_OVER(path);
    struct http_answer answer;

    add_path(&b, 1, SIGN_IN_SUCCESS, now - DAY_S, now);
    return exchange_graph(x, path, NULL, NEEDS, &answer, e);
}
