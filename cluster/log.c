/*
 * The decisions of all relays. A question goes to all that listen at the moment, and so does what each has; nothing of
 * it stays in Redis. All of it is sealed:
 *
 *     'Q' | number 8 | options (core/report/log_question.h)
 *     'A' | number 8 | last 1 | the relay's name, 0 | a part of what it has, an array in JSON; nothing at all: it
 * failed
 */
#include "cluster/node.h"

#include "cluster/bytes.h"
#include "cluster/log_run.h"
#include "core/base/clock.h"
#include "core/base/spool.h"
#include "core/mail/cluster_request.h"
#include "core/report/log_question.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#define CHANNEL "postern:log"
#define NUMBER_BYTES 8u
#define HEAD_BYTES (1 + NUMBER_BYTES)
#define PART_BYTES 15000u
#define NAME_MAX_BYTES 64u
/* Others' questions that wait while one is dealt with; more are left unanswered, as too many at once. */
#define QUESTIONS_MAX 4u
/* At least so long between two of them: nobody can keep a relay busy with looking. */
#define QUESTION_EVERY_NS (NS_PER_S / 2)
/* For all that have said something lately. */
#define ANSWERS_WAIT_NS (6 * NS_PER_S)
#define ANSWERS_MAX 64u
#define ANSWER_BYTES_MAX LOG_RUN_BYTES_MAX

struct question {
    uint64_t number;
    bool ours;
    char text[LOG_QUESTION_MAX + 1];
};

struct answer {
    char name[NAME_MAX_BYTES];
    bool whole;
    char *text;
    size_t n;
};

struct node_log {
    /* what this relay is asked */
    struct question waiting[QUESTIONS_MAX];
    size_t n_waiting;
    struct log_run *run; /* for the first of them */
    bool run_ended;
    uint64_t run_ns;
    /* what it asks */
    char request[256]; /* the operator's file; "": nothing is asked */
    uint64_t number, until_ns;
    struct answer answers[ANSWERS_MAX];
    size_t n_answers;
};

struct node_log *node_log_new(void)
{
    return calloc(1, sizeof(struct node_log));
}

static void forget_answers(struct node_log *x)
{
    for (size_t i = 0; i < x->n_answers; i++)
        free(x->answers[i].text);
    x->n_answers = 0;
    x->request[0] = '\0';
}

void node_log_free(struct node_log *x)
{
    if (x == NULL)
        return;
    log_run_free(x->run);
    forget_answers(x);
    free(x);
}

static bool tell(struct node *n, struct slice text)
{
    unsigned char record[SEAL_TEXT_MAX + SEAL_EXTRA_BYTES];
    size_t sealed = seal(n->sealer, SEAL_LOG, text, record);

    command_begin(&n->command);
    command_add_static(&n->command, "PUBLISH");
    command_add_static(&n->command, CHANNEL);
    command_add(&n->command, (struct slice){(const char *)record, sealed});
    return sealed > 0 && link_send(n->link, &n->command, node_told, n) == 0;
}

/* ---- what others have ---- */

static struct answer *answer_of(struct node_log *x, struct slice name)
{
    struct answer *a;

    for (size_t i = 0; i < x->n_answers; i++)
        if (slice_eq(slice_of(x->answers[i].name), name))
            return x->answers + i;
    if (x->n_answers == ANSWERS_MAX || name.n == 0 || name.n >= NAME_MAX_BYTES)
        return NULL;
    a = x->answers + x->n_answers++;
    *a = (struct answer){.whole = false};
    memcpy(a->name, name.p, name.n);
    return a;
}

static void take_part(struct node_log *x, struct slice name, bool last, struct slice part)
{
    struct answer *a = answer_of(x, name);
    char *longer;

    if (a == NULL || a->whole || part.n > ANSWER_BYTES_MAX - a->n)
        return;
    if (part.n > 0 && (longer = realloc(a->text, a->n + part.n)) != NULL) {
        memcpy(longer + a->n, part.p, part.n);
        a->text = longer;
        a->n += part.n;
    }
    a->whole = last;
}

/* ---- what this relay is asked ---- */

static void queue(struct node_log *x, uint64_t number, struct slice text, bool ours)
{
    struct question *q;

    if (x->n_waiting == QUESTIONS_MAX || text.n > LOG_QUESTION_MAX)
        return;
    q = x->waiting + x->n_waiting++;
    q->number = number;
    q->ours = ours;
    memcpy(q->text, text.p, text.n);
    q->text[text.n] = '\0';
}

void node_heard_log(struct node *n, struct slice record)
{
    struct slice text, name, part;
    uint64_t number;

    if (!node_open(n, SEAL_LOG, record, &text))
        return;
    if (text.n < HEAD_BYTES + 1) {
        n->stats.false_records++;
        return;
    }
    number = bytes_get64((const unsigned char *)text.p + 1);
    part = (struct slice){text.p + HEAD_BYTES, text.n - HEAD_BYTES};
    if (text.p[0] == 'Q')
        queue(n->log_asked, number, part, false);
    else if (text.p[0] == 'A' && n->log_asked->request[0] != '\0' && number == n->log_asked->number &&
             slice_cut((struct slice){part.p + 1, part.n - 1}, '\0', &name, &part))
        take_part(n->log_asked, name, text.p[HEAD_BYTES] != 0, part);
}

static bool answer_part(struct node *n, uint64_t number, bool last, struct slice part)
{
    unsigned char text[HEAD_BYTES + 1 + NAME_MAX_BYTES + PART_BYTES];
    const char *name = beat_name(n->beats.own);
    size_t name_n = strlen(name) + 1;

    text[0] = 'A';
    bytes_put64(text + 1, number);
    text[HEAD_BYTES] = last;
    memcpy(text + HEAD_BYTES + 1, name, name_n);
    if (part.n > 0)
        memcpy(text + HEAD_BYTES + 1 + name_n, part.p, part.n);
    return tell(n, (struct slice){(const char *)text, HEAD_BYTES + 1 + name_n + part.n});
}

/* Our own question is answered without a way through Redis, if it is still asked. */
static void answer(struct node *n, const struct question *q, struct slice rest)
{
    struct node_log *x = n->log_asked;
    bool last = q->ours;

    if (q->ours && q->number == x->number && x->request[0] != '\0')
        take_part(x, slice_of(beat_name(n->beats.own)), true, rest);
    while (!last && n->beats.own != NULL) {
        struct slice part = {rest.p, rest.n < PART_BYTES ? rest.n : PART_BYTES};

        last = part.n == rest.n;
        if (!answer_part(n, q->number, last, part))
            return;
        rest = (struct slice){rest.p + part.n, rest.n - part.n};
    }
}

static void on_ran(void *arg, struct slice text)
{
    struct node *n = arg;

    answer(n, n->log_asked->waiting, text);
    n->log_asked->run_ended = true;
}

static void drop_first(struct node_log *x)
{
    memmove(x->waiting, x->waiting + 1, --x->n_waiting * sizeof *x->waiting);
}

static void look(struct node *n, uint64_t boot_ns)
{
    struct node_log *x = n->log_asked;
    const char *options[LOG_QUESTION_OPTIONS];
    struct error e;
    int count;

    if (x->run_ended) {
        log_run_free(x->run);
        x->run = NULL;
        x->run_ended = false;
        drop_first(x);
    }
    if (x->run != NULL || x->n_waiting == 0 || boot_ns - x->run_ns < QUESTION_EVERY_NS)
        return;
    x->run_ns = boot_ns;
    if ((count = log_question_options(x->waiting[0].text, options)) < 0) {
        n->stats.false_records++;
        drop_first(x);
        return;
    }
    x->run = log_run_new(n->base, n->config->file, options, (size_t)count, on_ran, n, &e);
    if (x->run == NULL) {
        log_say(n->log, LEVEL_WARNING, "another relay asks for decisions, in vain: %s", e.text);
        answer(n, x->waiting, (struct slice){NULL, 0});
        drop_first(x);
    }
}

/* ---- what an operator asks ---- */

/* A copy: the options are cut out of it. */
static bool is_question(struct slice text)
{
    const char *options[LOG_QUESTION_OPTIONS];
    char copy[LOG_QUESTION_MAX + 1];

    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return strlen(copy) == text.n && log_question_options(copy, options) >= 0;
}

static int ask_all(struct node *n, struct slice text, struct error *e)
{
    struct node_log *x = n->log_asked;
    unsigned char question[HEAD_BYTES + LOG_QUESTION_MAX];

    if (!is_question(text))
        return error_set(e, "it is no question for decisions");
    if (n->stage != NODE_SHARES || n->beats.own == NULL)
        return error_set(e, "this relay shares nothing at the moment (%.200s); without --cluster there are its own",
                         n->trouble[0] != '\0' ? n->trouble : "it has just begun");
    if (RAND_bytes((unsigned char *)&x->number, sizeof x->number) != 1)
        return error_set(e, "no randomness");
    question[0] = 'Q';
    bytes_put64(question + 1, x->number);
    memcpy(question + HEAD_BYTES, text.p, text.n);
    if (!tell(n, (struct slice){(const char *)question, HEAD_BYTES + text.n}))
        return error_set(e, "Redis does not take it");
    queue(x, x->number, text, true);
    return 0;
}

/* One at a time: the others wait in the spool. */
void node_take_log_requests(struct node *n, int folder, char **names, size_t count)
{
    struct node_log *x = n->log_asked;
    char *text = NULL;
    struct error e;
    size_t length;

    (void)count;
    if (x->until_ns != 0)
        return;
    if (node_request_read(folder, names[0], LOG_QUESTION_MAX, &text, &length, &e) != 0 ||
        ask_all(n, (struct slice){text, length}, &e) != 0) {
        node_request_refuse(n, folder, names[0], &e);
    } else {
        (void)snprintf(x->request, sizeof x->request, "%s", names[0]);
        x->until_ns = clock_boot_ns() + ANSWERS_WAIT_NS;
    }
    free(text);
}

/* Of whom is something missing? */
static bool all_there(const struct node *n, uint64_t boot_ns)
{
    const struct node_log *x = n->log_asked;
    size_t expected = 1, whole = 0;

    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        const struct beat_peer *p = n->beats.peers + i;

        expected += p->said != NULL && !beat_is_silent(p, boot_ns) && !beat_is_superseded(&n->beats, p, boot_ns);
    }
    for (size_t i = 0; i < x->n_answers; i++)
        whole += x->answers[i].whole;
    return whole >= expected;
}

static json_t *relay_object(struct node_log *x, const char *name)
{
    json_t *decisions = NULL;

    for (size_t i = 0; i < x->n_answers; i++)
        if (x->answers[i].whole && strcmp(x->answers[i].name, name) == 0)
            decisions = json_loadb(x->answers[i].text != NULL ? x->answers[i].text : "", x->answers[i].n, 0, NULL);
    if (decisions != NULL && !json_is_array(decisions)) {
        json_decref(decisions);
        decisions = NULL;
    }
    return json_pack("{s:s, s:o}", "relay", name, "decisions", decisions != NULL ? decisions : json_null());
}

/* All relays that are known, each with its decisions, or null. malloc'ed; NULL without memory. */
static char *answers_text(struct node *n, uint64_t boot_ns)
{
    json_t *all = json_array();
    char *text;

    (void)json_array_append_new(all, relay_object(n->log_asked, beat_name(n->beats.own)));
    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        const struct beat_peer *p = n->beats.peers + i;

        if (p->said != NULL && !beat_is_superseded(&n->beats, p, boot_ns))
            (void)json_array_append_new(all, relay_object(n->log_asked, beat_name(p->said)));
    }
    text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static void reply(struct node *n, uint64_t boot_ns)
{
    struct node_log *x = n->log_asked;
    struct error e = {"no memory"};
    char *text = answers_text(n, boot_ns);
    int folder = node_requests_open(n, &e);

    if (folder >= 0 && text != NULL)
        node_request_answer(folder, x->request, CLUSTER_REPLY, slice_of(text));
    else if (folder >= 0)
        node_request_refuse(n, folder, x->request, &e);
    if (folder >= 0)
        (void)close(folder);
    free(text);
    forget_answers(x);
    x->until_ns = 0;
}

void node_log_tick(struct node *n, uint64_t boot_ns)
{
    struct node_log *x = n->log_asked;

    look(n, boot_ns);
    if (x->until_ns != 0 && (boot_ns >= x->until_ns || all_there(n, boot_ns)))
        reply(n, boot_ns);
}
