/*
 * blunting -c FILE -d FOLDER [-s SEED] [-p PEOPLE] [-m MERGED] [-n DAYS] [-a ATTACK] [-v VICTIMS] [-r RELAYS]
 *     honest|attacks
 *
 * FILE is a policy: settings of postern.conf(5) about limits. FOLDER is for what postern keeps, and for its
 * configuration. Prints one line a kind of honest mail (of logins in their first two weeks, and of the others), or one
 * an attack and victim, with tabs between the figures. -a: only the attack of that number, from 0; else each by itself.
 * -r: each honest message meets any of so many relays that count as one.
 *
 * What came before an attack is the same for all of them, so it is lived through once: an attack begins in a child of
 * this process, with a copy of the state file.
 */
#include "bench/blunting/blunting.h"
#include "bench/blunting/shared.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A client tries again after 5 minutes, then twice as long each time, at most 4,000 s as Postfix does, for 5 days.
 * Others have an interval of their own. */
#define RETRY_FIRST (5 * MINUTE)
#define RETRY_LONGEST (4000 * SECOND)
#define RETRY_FOR (5 * DAY)
#define VICTIMS_MOST 100

enum phase { LEARNING, SETTLED, PHASES };

struct tally {
    uint64_t sent, recipients, deferred, refused, given_up, longest, late, days_late;
};

/* Which limits met honest mail, and how often at a first attempt. */
struct by_limit {
    const char *limit;
    uint64_t n[KINDS];
};

/* What the command line says. */
struct wanted {
    const char *policy, *folder;
    uint64_t seed;
    unsigned relays;
    unsigned people, merged, days, victims;
    int attack; /* -1: all */
};

struct run {
    struct organization *o;
    struct relay relays[SHARED_MOST], *relay; /* the one that has this message */
    unsigned n_relays;
    struct shared *shared; /* NULL: there is one */
    struct queue queue;
    struct tally tally[PHASES][KINDS];
    struct by_limit by_limit[CONFIG_LIMITS_MAX + 1];
    struct attack_result rows[VICTIMS_MOST];
    unsigned n_rows;
    char folder[256], config[300];
};

static const char *const kinds[KINDS] = {
    [KIND_WRITTEN] = "people",
    [KIND_TRAVELLING] = "people on a trip",
    [KIND_OUTBOX] = "a flight's outbox at once",
    [KIND_MERGE] = "mail merge to 50-150 new",
    [KIND_PROSPECTS] = "many new recipients by hand",
    [KIND_SCAN] = "printers",
    [KIND_ALERT] = "monitoring",
    [KIND_TICKET] = "ticket system",
    [KIND_BATCH] = "nightly batch",
    [KIND_PAYROLL] = "payroll",
    [KIND_PAYROLL_DOUBLED] = "payroll, doubled in December",
    [KIND_NEWSLETTER] = "newsletter",
};

const char *mail_kind_name(enum kind kind)
{
    return kinds[kind];
}

/* ---- honest mail ---- */

static uint64_t wait_of(const struct actor *a, const struct mail *m)
{
    static const uint64_t waits[] = {
        [AGAIN_AT_ONCE] = 10 * SECOND, [AGAIN_MINUTE] = MINUTE, [AGAIN_QUARTER] = 15 * MINUTE, [AGAIN_HOUR] = HOUR};
    uint64_t wait = RETRY_FIRST << (m->tries < 8 ? m->tries : 8);

    /* Nobody goes on every few seconds for days; "at once" is once. */
    if (a->again == AGAIN_LIKE_POSTFIX || m->tries > 20 || (a->again == AGAIN_AT_ONCE && m->tries > 0))
        return wait < RETRY_LONGEST ? wait : RETRY_LONGEST;
    return waits[a->again];
}

static void try_again(struct run *run, const struct mail *m, struct tally *t)
{
    const struct actor *a = &run->o->actors[m->actor];
    struct mail again = *m;

    if (a->again == AGAIN_NEVER) {
        t->given_up++;
        return;
    }
    again.at += wait_of(a, m);
    again.tries = (uint8_t)(m->tries < 255 ? m->tries + 1 : 255);
    if (again.at - m->first > RETRY_FOR)
        t->given_up++;
    else
        queue_put(&run->queue, &again);
}

static void note_victim(struct run *run, const struct mail *m, enum outcome outcome)
{
    for (unsigned i = 0; i < run->n_rows; i++) {
        struct attack_result *r = &run->rows[i];

        if (r->victim != m->actor || m->first < r->began || m->first > r->began + attack_days(r->attack) * DAY ||
            m->tries > 0)
            continue;
        r->own_sent++;
        r->own_deferred += outcome == DEFERRED;
        r->own_refused += outcome == REFUSED || outcome == BLOCKED;
    }
}

static void note_limit(struct run *run, const struct mail *m)
{
    const char *limit = run->relay->limit != NULL ? run->relay->limit : "none";

    for (unsigned i = 0; i <= CONFIG_LIMITS_MAX; i++) {
        struct by_limit *b = &run->by_limit[i];

        if (b->limit == NULL)
            b->limit = limit;
        if (strcmp(b->limit, limit) == 0) {
            b->n[m->kind]++;
            return;
        }
    }
}

/* In whose first two weeks it was sent first. */
static enum phase phase_of(struct run *run, const struct mail *m)
{
    struct actor *a = &run->o->actors[m->actor];

    if (a->begins == 0)
        a->begins = m->at + 1;
    return m->first + 1 < a->begins + 14 * DAY ? LEARNING : SETTLED;
}

static void honest(struct run *run, struct mail *m)
{
    enum outcome outcome;
    enum reason reason;
    struct tally *t;

    m->first = m->tries == 0 ? m->at : m->first;
    t = &run->tally[phase_of(run, m)][m->kind];
    t->sent += m->tries == 0;
    t->recipients += m->tries == 0 ? m->n : 0;
    outcome = relay_submit(run->relay, run->o, m, false, &reason);
    note_victim(run, m, outcome);
    if (outcome == PASSED) {
        uint64_t late = m->at - m->first;

        t->longest = late > t->longest ? late : t->longest;
        t->late += late > 15 * MINUTE;
        t->days_late += late > DAY;
    }
    if (outcome == REFUSED || (outcome == BLOCKED && reason != REASON_HELD_BACK))
        t->refused++;
    if (outcome != DEFERRED && reason != REASON_HELD_BACK)
        return;
    t->deferred += m->tries == 0;
    if (m->tries == 0 && m->first + 1 >= run->o->actors[m->actor].begins + 14 * DAY)
        note_limit(run, m);
    try_again(run, m, t);
}

static void must(bool done, const char *what)
{
    if (done)
        return;
    (void)printf("blunting: %s failed\n", what);
    exit(1);
}

/* Each attempt meets any of the relays, which have shared what was due before. */
static void choose_relay(struct run *run, const struct mail *m)
{
    struct error e;

    run->relay = run->relays + dice_hash(dice_hash(m->seed, m->at), 3) % run->n_relays;
    clock_turn_to(m->at);
    must(shared_go_on(run->shared, m->at, &e) == 0, "sharing");
}

static void one(struct run *run, struct mail *m)
{
    enum reason reason;

    choose_relay(run, m);

    if (m->kind == KIND_ATTACK) {
        struct attack_result *r = &run->rows[m->attack];

        enum outcome outcome = relay_submit(run->relay, run->o, m, attack_spreads_senders(r), &reason);

        attack_goes_on(run->o, &run->queue, m, outcome, run->relay->blocked_ms, r);
    } else {
        honest(run, m);
    }
}

/* All days from the first to before the other. */
static void live(struct run *run, unsigned from, unsigned to)
{
    struct mail m;

    for (unsigned day = from; day < to; day++) {
        people_day(run->o, &run->queue, day);
        machines_day(run->o, &run->queue, day);
        clock_turn_to(day * DAY);
        for (unsigned i = 0; i < run->n_relays; i++)
            engine_tick(run->relays[i].engine);
        while (run->queue.n > 0 && run->queue.mail[0].at < (day + 1) * DAY && queue_take(&run->queue, &m))
            one(run, &m);
    }
}

/* ---- what came out ---- */

static void print_honest(const struct run *run)
{
    for (unsigned phase = 0; phase < PHASES; phase++)
        for (unsigned i = 0; i < KINDS; i++) {
            const struct tally *t = &run->tally[phase][i];

            (void)printf("%s%s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n", phase == LEARNING ? "new: " : "",
                         mail_kind_name((enum kind)i), (unsigned long long)t->sent, (unsigned long long)t->recipients,
                         (unsigned long long)t->deferred, (unsigned long long)t->refused,
                         (unsigned long long)t->given_up, (unsigned long long)(t->longest / MINUTE),
                         (unsigned long long)t->late, (unsigned long long)t->days_late);
        }
}

static void print_limits(const struct run *run)
{
    for (unsigned i = 0; i <= CONFIG_LIMITS_MAX && run->by_limit[i].limit != NULL; i++)
        for (unsigned k = 0; k < KINDS; k++)
            if (run->by_limit[i].n[k] > 0)
                (void)printf("by %s\t%s\t%llu\n", run->by_limit[i].limit, mail_kind_name((enum kind)k),
                             (unsigned long long)run->by_limit[i].n[k]);
}

static void print_attacks(const struct run *run)
{
    for (unsigned i = 0; i < run->n_rows; i++) {
        const struct attack_result *r = &run->rows[i];

        (void)printf("%s\t%llu\t%llu\t%llu\t%llu\t%llu\t", attack_name(r->attack), (unsigned long long)r->first_hour,
                     (unsigned long long)r->first_day, (unsigned long long)r->worst_day, (unsigned long long)r->total,
                     (unsigned long long)r->recipients_first_day);
        if (r->blocked_at == UINT64_MAX)
            (void)printf("-\t-");
        else
            (void)printf("%llu\t%llu", (unsigned long long)r->before_block,
                         (unsigned long long)(r->blocked_at / SECOND));
        (void)printf("\t%llu\t%llu\t%llu\n", (unsigned long long)r->own_sent, (unsigned long long)r->own_deferred,
                     (unsigned long long)r->own_refused);
    }
}

/* ---- beginning ---- */

/* shared: the folder with the directory, where it is not the relay's own. */
static int write_config(const char *folder, const char *shared, const char *policy, char *path, size_t size)
{
    char text[4096];
    FILE *in = fopen(policy, "r"), *out;
    size_t n;

    (void)snprintf(path, size, "%s/postern.conf", folder);
    if (in == NULL || (out = fopen(path, "w")) == NULL) {
        if (in != NULL)
            (void)fclose(in);
        return -1;
    }
    (void)fprintf(out,
                  "directory = \"%s/directory\"; state = { file = \"%s/state\"; entries = 1048576; };\n"
                  "journal = \"\"; spool = \"%s/spool\"; log = { to = \"stderr\"; };\n",
                  shared != NULL ? shared : folder, folder, folder);
    if (shared != NULL)
        (void)fprintf(out,
                      "cluster = { server = \"unix:%s/redis\"; key_file = \"%s/key\"; outbox = \"%s/outbox\"; };\n",
                      shared, shared, folder);
    while ((n = fread(text, 1, sizeof text, in)) > 0)
        (void)fwrite(text, 1, n, out);
    (void)fclose(in);
    return fclose(out);
}

/* The log is written as on any relay, but nobody reads it. */
static void silence(void)
{
    int null = getenv("BLUNTING_LOG") == NULL ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

    if (null < 0)
        return;
    (void)dup2(null, STDERR_FILENO);
    (void)close(null);
}

/* A state file, within the folder. */
static void copy_state(const struct run *run, const char *from, const char *to)
{
    static char bytes[1 << 20];
    char path[2][300];
    FILE *in, *out;
    size_t n;

    (void)snprintf(path[0], sizeof path[0], "%s/%s", run->folder, from);
    (void)snprintf(path[1], sizeof path[1], "%s/%s", run->folder, to);
    must((in = fopen(path[0], "rb")) != NULL && (out = fopen(path[1], "wb")) != NULL, "copying the state");
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        must(fwrite(bytes, 1, n, out) == n, "copying the state");
    must(ferror(in) == 0 && fclose(out) == 0, "copying the state");
    (void)fclose(in);
}

/* The relays beside each other: a state each, of which the first one's is copied for its secret. */
static int begin_shared(struct run *run, const struct wanted *w, struct error *e)
{
    char folder[280], state[300], outbox[300], first[300];

    if ((run->shared = shared_new(e)) == NULL)
        return -1;
    for (unsigned i = 0; i < w->relays; i++) {
        (void)snprintf(folder, sizeof folder, "%s/relay%u", w->folder, i);
        (void)snprintf(state, sizeof state, "%s/state", folder);
        (void)snprintf(outbox, sizeof outbox, "%s/outbox", folder);
        if (mkdir(folder, 0700) != 0 ||
            write_config(folder, w->folder, w->policy, run->config, sizeof run->config) != 0)
            return error_set(e, "cannot make %s", folder);
        if (i == 0)
            (void)snprintf(first, sizeof first, "relay0/state");
        else
            copy_state(run, first, state + strlen(w->folder) + 1);
        if (relay_open(run->relays + i, run->config, e) != 0 || shared_add(run->shared, state, outbox, e) != 0)
            return -1;
    }
    return 0;
}

static int begin(struct run *run, const struct wanted *w)
{
    char path[300];
    struct error e = {""};

    clock_turn_to(0);
    run->relay = run->relays;
    run->n_relays = w->relays;
    (void)snprintf(run->folder, sizeof run->folder, "%s", w->folder);
    (void)snprintf(path, sizeof path, "%s/directory", w->folder);
    if ((run->o = organization_make(w->seed, w->people, w->merged)) == NULL ||
        organization_directory(run->o, path, &e) != 0 ||
        (w->relays > 1 ? begin_shared(run, w, &e)
                       : write_config(w->folder, NULL, w->policy, run->config, sizeof run->config) != 0 ||
                             relay_open(run->relay, run->config, &e) != 0)) {
        (void)fprintf(stderr, "blunting: %s\n", e.text[0] != '\0' ? e.text : "cannot begin");
        return -1;
    }
    silence();
    return 0;
}

/* ---- attacks ---- */

static void name_rows(struct run *run, unsigned attack, unsigned victims)
{
    for (unsigned k = 0; k < victims; k++) {
        uint32_t victim = attack_victim(run->o, attack, k);

        if (k > 0 && victim == run->rows[0].victim) /* there are no more of them */
            break;
        run->rows[run->n_rows++] = (struct attack_result){.attack = attack, .victim = victim};
    }
}

static void reopen(struct run *run)
{
    struct error e;

    copy_state(run, "before", "state");
    must(relay_open(run->relay, run->config, &e) == 0, "opening postern again");
}

static void attack(struct run *run, const struct wanted *w, unsigned which)
{
    unsigned first = attack_first_day(which);

    reopen(run);
    name_rows(run, which, w->victims);
    attacks_begin(run->o, &run->queue, run->rows, run->n_rows);
    live(run, first, w->days > 0 ? w->days : attack_last_day(which));
    print_attacks(run);
    relay_close(run->relay);
}

static void attack_in_child(struct run *run, const struct wanted *w, unsigned which)
{
    int status;
    pid_t child;

    (void)fflush(stdout);
    if ((child = fork()) == 0) {
        attack(run, w, which);
        exit(0);
    }
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0, attack_name(which));
}

static bool is_wanted(const struct wanted *w, unsigned attack, unsigned day)
{
    return (w->attack < 0 || (unsigned)w->attack == attack) && attack_first_day(attack) == day;
}

/* All attacks of a day; the history goes on as if there had been none. */
static void attack_on_day(struct run *run, const struct wanted *w, unsigned day)
{
    unsigned n = 0;

    for (unsigned i = 0; i < attacks_count(); i++)
        n += is_wanted(w, i, day);
    if (n == 0)
        return;
    relay_close(run->relay);
    copy_state(run, "state", "before");
    for (unsigned i = 0; i < attacks_count(); i++)
        if (is_wanted(w, i, day))
            attack_in_child(run, w, i);
    reopen(run);
}

static void attacks(struct run *run, const struct wanted *w)
{
    unsigned last = 0;

    for (unsigned i = 0; i < attacks_count(); i++)
        if (w->attack < 0 || (unsigned)w->attack == i)
            last = attack_first_day(i) > last ? attack_first_day(i) : last;
    for (unsigned day = 0; day <= last; day++) {
        attack_on_day(run, w, day);
        if (day < last)
            live(run, day, day + 1);
    }
}

/* ---- the command ---- */

static int read_options(int argc, char **argv, struct wanted *w)
{
    int option;

    while ((option = getopt(argc, argv, "c:d:s:p:m:n:a:v:r:")) != -1)
        switch (option) {
        case 'c':
            w->policy = optarg;
            break;
        case 'd':
            w->folder = optarg;
            break;
        case 's':
            w->seed = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            w->people = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'm':
            w->merged = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'n':
            w->days = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'a':
            w->attack = (int)strtol(optarg, NULL, 10);
            break;
        case 'r':
            w->relays = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'v':
            w->victims = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            return -1;
        }
    return w->policy == NULL || w->folder == NULL || optind != argc - 1 || w->people < 100 ||
                   w->attack >= (int)attacks_count() || w->victims > VICTIMS_MOST || w->relays < 1 ||
                   w->relays > SHARED_MOST || (w->relays > 1 && strcmp(argv[optind], "honest") != 0)
               ? -1
               : 0;
}

int main(int argc, char **argv)
{
    static struct run run;
    struct wanted w = {.seed = 1, .relays = 1, .people = 500, .attack = -1, .victims = 1, .days = 0};

    if (read_options(argc, argv, &w) != 0) {
        (void)fprintf(stderr,
                      "usage: blunting -c FILE -d FOLDER [-s SEED] [-p PEOPLE] [-m MERGED] [-n DAYS] [-a ATTACK] "
                      "[-v VICTIMS] [-r RELAYS] honest|attacks\n");
        return 2;
    }
    if (begin(&run, &w) != 0)
        return 1;
    if (strcmp(argv[optind], "attacks") == 0) {
        attacks(&run, &w);
    } else {
        live(&run, 0, w.days > 0 ? w.days : 365);
        print_honest(&run);
        print_limits(&run);
    }
    shared_free(run.shared);
    for (unsigned i = 0; i < run.n_relays; i++)
        relay_close(run.relays + i);
    organization_free(run.o);
    free(run.queue.mail);
    return 0;
}
