#include "web/stream.h"

#include "core/base/clock.h"
#include "core/print/print.h"
#include "core/report/text.h"
#include "web/api.h"
#include "web/rows.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A piece goes out when it has so many bytes, or so much time has passed. */
#define PIECE_BYTES 32768u
#define PIECE_NS (250 * NS_PER_MS)
/* Who takes longer than that for all of it is let go. */
#define STREAM_NS (600 * NS_PER_S)

enum format { FORMAT_CSV, FORMAT_JSON, FORMAT_SCRIPT, FORMATS };

static const struct {
    const char *name, *type, *ending;
    enum output_format printer;
} formats[FORMATS] = {
    [FORMAT_CSV] = {"csv", "text/csv; charset=utf-8", "csv", OUTPUT_CSV},
    [FORMAT_JSON] = {"json", "application/json", "json", OUTPUT_JSON},
    [FORMAT_SCRIPT] = {"powershell", "text/plain; charset=utf-8", "ps1", OUTPUT_TEXT},
};

TAILQ_HEAD(stream_list, stream);

struct streams {
    struct event_base *base;
    struct web *web;
    struct pool *pool;
    struct stream_list all;
};

struct stream {
    struct job job; /* first */
    TAILQ_ENTRY(stream) links;
    struct streams *owner;
    const struct route *route;
    struct evhttp_request *request;
    struct event *wake; /* by the descriptor: there is a piece */
    int wake_fd;
    bool begun;   /* the reply */
    bool sending; /* a piece of it is under way */
    bool done;    /* the job */
    /* of the job */
    bool checked, misasked; /* the query, before the first piece; something of it is not taken here */
    struct asked *asked;
    struct rows *rows;
    enum format format;
    uint64_t end_ns, piece_ns; /* boot clock: when it must have ended; when the last piece was handed over */
    size_t n;
    char piece[PIECE_BYTES];
    char target[TARGET_MAX + 1];
    struct who who;
    int status;
    struct error e;
    /* of both, under the lock */
    pthread_mutex_t lock;
    pthread_cond_t taken;
    struct evbuffer *ready; /* one piece at most; empty: none */
    size_t n_notes;         /* remarks that were made before the last piece */
    bool gone;              /* nobody takes any more */
};

bool stream_wanted(struct slice target)
{
    struct slice path, query, one;

    (void)slice_cut(target, '?', &path, &query);
    while (query.n > 0) {
        (void)slice_cut(query, '&', &one, &query);
        if (slice_starts_with(one, SLICE("format=")))
            return true;
    }
    return false;
}

/* ---- making; in a thread ---- */

/* All that is asked for is read before the first row. */
static bool is_asked_well(struct stream *s)
{
    struct error e;

    if (!s->checked)
        s->misasked = asked_check(s->asked, &e) != 0;
    s->checked = true;
    return !s->misasked;
}

/* Waits until the piece before was taken. False: nobody takes any more, or it is not to be had. */
static bool hand_over(struct stream *s)
{
    bool goes_on;

    if (!is_asked_well(s)) {
        s->rows->printer.enough = true;
        s->n = 0;
        return false;
    }
    (void)pthread_mutex_lock(&s->lock);
    while (!s->gone && evbuffer_get_length(s->ready) > 0)
        (void)pthread_cond_wait(&s->taken, &s->lock);
    s->n_notes = s->rows->n_notes;
    if (clock_boot_ns() > s->end_ns || (!s->gone && evbuffer_add(s->ready, s->piece, s->n) != 0))
        s->gone = true;
    goes_on = !s->gone;
    (void)pthread_mutex_unlock(&s->lock);
    s->n = 0;
    s->piece_ns = clock_boot_ns();
    s->rows->printer.enough = !goes_on;
    if (goes_on)
        (void)eventfd_write(s->wake_fd, 1);
    return goes_on;
}

/* As for fopencookie(3). */
static ssize_t take_bytes(void *arg, const char *bytes, size_t n)
{
    struct stream *s = arg;

    for (size_t done = 0; done < n;) {
        size_t room = sizeof s->piece - s->n, part = n - done < room ? n - done : room;

        memcpy(s->piece + s->n, bytes + done, part);
        s->n += part;
        done += part;
        if (s->n == sizeof s->piece && !hand_over(s))
            return -1;
    }
    if (clock_boot_ns() - s->piece_ns > PIECE_NS && !hand_over(s))
        return -1;
    return (ssize_t)n;
}

static bool read_format(struct stream *s)
{
    const char *name = asked_value(s->asked, "format");

    for (s->format = 0; name != NULL && s->format < FORMATS; s->format++)
        if (strcmp(name, formats[s->format].name) == 0)
            return true;
    (void)error_set(&s->e, "format is csv, json or powershell");
    return false;
}

static void make_them(struct stream *s, struct page *page, struct printer *printer)
{
    if ((s->status = page_narrow(page, s->route)) != PAGE_OK)
        return;
    page->window.most = UINT64_MAX / 2;
    rows_begin_page(s->rows, printer, page, s->route);
    page->out = &s->rows->printer;
    page->script = s->format == FORMAT_SCRIPT;
    page->window.most = PAGE_STREAM_ROWS;
    s->status = s->route->make(page);
    if (s->status == PAGE_OK)
        s->status = rows_judge(s->rows, page);
}

static int make_rows(struct stream *s, FILE *to)
{
    struct web *web = s->owner->web;
    static const struct terminal none = {.columns = 0};
    struct page page = {
        .asked = s->asked, .scope = slice_of(s->who.scope), .shelf = web->shelf, .live = web->live, .look = web->look};
    struct printer *printer = print_begin(to, formats[s->format].printer, &none, "postern-web", NULL);

    if (printer == NULL)
        return PAGE_NO_FILE;
    if ((page.files = shelf_take(web->shelf, &page.e)) != NULL) {
        make_them(s, &page, printer);
        shelf_put(web->shelf, page.files);
    }
    s->e = page.e;
    if (print_end(printer) != 0 && s->status == PAGE_OK) {
        (void)error_set(&s->e, "out of memory");
        s->status = PAGE_NO_FILE;
    }
    return s->status;
}

static void on_work(struct job *job)
{
    const cookie_io_functions_t calls = {.write = take_bytes};
    struct stream *s = (struct stream *)job;
    FILE *to;

    s->status = PAGE_BAD;
    s->piece_ns = clock_boot_ns();
    s->end_ns = s->piece_ns + STREAM_NS;
    if (asked_read(slice_of(s->target), s->asked, &s->e) != 0 ||
        (route_takes_rest(s->route) && asked_take_rest(s->asked, strlen(s->route->path), &s->e) != 0) ||
        !read_format(s))
        return;
    s->status = PAGE_NO_FILE;
    if ((to = fopencookie(s, "w", calls)) == NULL)
        return;
    s->status = make_rows(s, to);
    if ((s->misasked || s->status == PAGE_OK) && asked_check(s->asked, &s->e) != 0)
        s->status = PAGE_BAD;
    if (fclose(to) == 0 && s->status == PAGE_OK && s->n > 0)
        (void)hand_over(s);
}

/* ---- telling; in the loop ---- */

static void stream_free(struct stream *s)
{
    if (s == NULL)
        return;
    if (s->wake != NULL)
        event_free(s->wake);
    if (s->wake_fd >= 0)
        (void)close(s->wake_fd);
    if (s->ready != NULL)
        evbuffer_free(s->ready);
    (void)pthread_cond_destroy(&s->taken);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->asked);
    free(s->rows);
    free(s);
}

static void stop(struct stream *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->gone = true;
    (void)pthread_cond_signal(&s->taken);
    (void)pthread_mutex_unlock(&s->lock);
}

/* The connection may serve others after this one. */
static void forget_close(struct stream *s)
{
    struct evhttp_connection *connection = s->request != NULL ? evhttp_request_get_connection(s->request) : NULL;

    if (connection != NULL)
        evhttp_connection_set_closecb(connection, NULL, NULL);
}

/* What to know when reading the rows has no place among them. */
static void add_notes(struct stream *s)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(s->request);
    char text[4 * TEXT_SHOWN_MAX + 8];
    size_t n;

    (void)pthread_mutex_lock(&s->lock);
    n = s->done ? s->rows->n_notes : s->n_notes;
    (void)pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++)
        (void)evhttp_add_header(headers, "Postern-Note",
                                text_plain(text, sizeof text, slice_of(s->rows->notes[i].text)));
}

/* The file's name is ours: that of the report, of letters and hyphens, or of the path. */
static void begin_reply(struct stream *s)
{
    struct slice name = route_takes_rest(s->route) ? s->asked->rest : slice_of(strrchr(s->route->path, '/') + 1);
    char text[160];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "attachment; filename=\"postern-%.*s.%s\"", SLICE_ARG(name), formats[s->format].ending);
    (void)evhttp_add_header(evhttp_request_get_output_headers(s->request), "Content-Disposition", text);
    add_notes(s);
    s->begun = true;
    if (evhttp_request_get_command(s->request) == EVHTTP_REQ_HEAD)
        forget_close(s);
    if (!server_stream(s->request, formats[s->format].type)) {
        s->request = NULL; /* to HEAD all was sent */
        stop(s);
    }
}

static void reply_error(struct stream *s)
{
    struct answer_text text = {.text = NULL};

    api_error(&text, s->status, &s->e);
    answer_now(s->request, text.status, text.type, (struct slice){text.text, text.n});
    free(text.text);
    s->request = NULL;
}

/* All was made, and all pieces are sent. */
static void finish(struct stream *s)
{
    forget_close(s);
    if (s->request != NULL && !s->begun && s->status == PAGE_OK)
        begin_reply(s); /* without rows */
    if (s->request != NULL && !s->begun) {
        reply_error(s);
    } else if (s->request != NULL) {
        if (s->status != PAGE_OK || s->gone)
            server_drop(s->request); /* so that it isn't taken for all of it */
        evhttp_send_reply_end(s->request);
    }
    TAILQ_REMOVE(&s->owner->all, s, links);
    stream_free(s);
}

static void on_sent(struct evhttp_connection *connection, void *arg);

/* Sends the piece that is ready, or ends. */
static void go_on(struct stream *s)
{
    struct evbuffer *piece;

    if (s->sending)
        return;
    if (s->request != NULL && !access_still(&s->owner->web->access, &s->who))
        server_drop(s->request);
    if ((piece = evbuffer_new()) == NULL) {
        stop(s);
        s->status = PAGE_NO_FILE;
    } else {
        (void)pthread_mutex_lock(&s->lock);
        (void)evbuffer_add_buffer(piece, s->ready);
        (void)pthread_cond_signal(&s->taken);
        (void)pthread_mutex_unlock(&s->lock);
    }
    if (piece != NULL && evbuffer_get_length(piece) > 0 && s->request != NULL && !s->begun)
        begin_reply(s);
    if (piece != NULL && evbuffer_get_length(piece) > 0 && s->request != NULL) {
        s->sending = true;
        evhttp_send_reply_chunk_with_cb(s->request, piece, on_sent, s);
    } else if (s->done) {
        finish(s);
    }
    if (piece != NULL)
        evbuffer_free(piece);
}

static void on_sent(struct evhttp_connection *connection, void *arg)
{
    struct stream *s = arg;

    (void)connection;
    s->sending = false;
    go_on(s);
}

/* evhttp has taken the request off its connection, and leaves it to us. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
    struct stream *s = arg;

    (void)connection;
    evhttp_send_reply_end(s->request);
    s->request = NULL;
    s->sending = false;
    stop(s);
    if (s->done)
        go_on(s);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    eventfd_t n;

    (void)what;
    (void)eventfd_read((int)fd, &n);
    go_on(arg);
}

static void on_done(struct job *job)
{
    struct stream *s = (struct stream *)job;

    s->done = true;
    go_on(s);
}

static struct stream *stream_new(struct streams *streams, const struct route *route, const struct who *who,
                                 struct evhttp_request *request)
{
    struct stream *s = calloc(1, sizeof *s);
    struct buf target;

    if (s == NULL)
        return NULL;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->taken, NULL);
    s->job.work = on_work;
    s->job.done = on_done;
    s->owner = streams;
    s->route = route;
    s->request = request;
    s->status = PAGE_NO_FILE;
    s->asked = calloc(1, sizeof *s->asked);
    s->rows = calloc(1, sizeof *s->rows);
    s->ready = evbuffer_new();
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->wake = s->wake_fd >= 0 ? event_new(streams->base, s->wake_fd, EV_READ | EV_PERSIST, on_wake, s) : NULL;
    target = buf_over(s->target, sizeof s->target);
    buf_add(&target, slice_of(evhttp_request_get_uri(request)));
    s->who = *who;
    if (s->asked != NULL && s->rows != NULL && s->ready != NULL && s->wake != NULL && event_add(s->wake, NULL) == 0 &&
        pool_add(streams->pool, &s->job) == 0)
        return s;
    stream_free(s);
    return NULL;
}

void stream_serve(struct streams *streams, const struct route *route, const struct who *who,
                  struct evhttp_request *request)
{
    struct stream *s = stream_new(streams, route, who, request);

    if (s == NULL) {
        answer_later(request, HTTP_SERVUNAVAIL, 10, "as many are fetched as can be made; try again later");
        return;
    }
    TAILQ_INSERT_TAIL(&streams->all, s, links);
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, s);
}

struct streams *streams_new(struct event_base *base, struct web *web)
{
    struct streams *streams = calloc(1, sizeof *streams);

    if (streams == NULL)
        return NULL;
    streams->base = base;
    streams->web = web;
    TAILQ_INIT(&streams->all);
    if ((streams->pool = pool_new(base, "web-stream", STREAMS_MOST, STREAMS_MOST)) == NULL) {
        free(streams);
        return NULL;
    }
    return streams;
}

void streams_free(struct streams *streams)
{
    struct stream *s, *next;

    if (streams == NULL)
        return;
    for (s = TAILQ_FIRST(&streams->all); s != NULL; s = TAILQ_NEXT(s, links))
        stop(s);
    pool_free(streams->pool);
    for (s = TAILQ_FIRST(&streams->all); s != NULL; s = next) { /* those whose last piece is under way */
        next = TAILQ_NEXT(s, links);
        finish(s);
    }
    free(streams);
}
