/*
 * blunting -c FILE -d FOLDER [-s SEED] [-p PEOPLE] [-n DAYS] honest|attacks
 *
 * FILE is a policy: settings of postern.conf(5) about limits. FOLDER is for what postern keeps, and for its
 * configuration. Prints one line a kind of honest mail, or one an attack, with tabs between the figures.
 */
#include "bench/blunting/blunting.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A client tries again after 5 minutes, then twice as long each time, at most 4,000 s as Postfix does, for 5 days. */
#define RETRY_FIRST (5 * MINUTE)
#define RETRY_LONGEST (4000 * SECOND)
#define RETRY_FOR (5 * DAY)

struct tally {
    uint64_t sent, recipients, deferred, refused, given_up, longest;
};

/* Which limits met honest mail, and how often at a first attempt. */
struct by_limit {
    const char *limit;
    uint64_t n[KINDS];
};

struct run {
    struct organization *o;
    struct relay relay;
    struct queue queue;
    struct tally tally[KINDS];
    struct by_limit by_limit[CONFIG_LIMITS_MAX + 1];
    struct attack_result attacks[64];
    uint32_t victim_of[64];
    bool attacked;
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
    [KIND_NEWSLETTER] = "newsletter",
};

const char *mail_kind_name(enum kind kind)
{
    return kinds[kind];
}

/* ---- honest mail ---- */

static void try_again(struct run *run, const struct mail *m, struct tally *t)
{
    struct mail again = *m;
    uint64_t wait = RETRY_FIRST << (m->tries < 8 ? m->tries : 8);

    again.at += wait < RETRY_LONGEST ? wait : RETRY_LONGEST;
    again.tries = (uint8_t)(m->tries < 255 ? m->tries + 1 : 255);
    if (again.at - m->first > RETRY_FOR)
        t->given_up++;
    else
        queue_put(&run->queue, &again);
}

static void note_victim(struct run *run, const struct mail *m, enum outcome outcome)
{
    for (unsigned i = 0; run->attacked && i < attacks_count(); i++) {
        struct attack_result *r = &run->attacks[i];

        if (run->victim_of[i] != m->actor || m->first < r->began || m->first > r->began + ATTACK_DAYS * DAY ||
            m->tries > 0)
            continue;
        r->own_sent++;
        r->own_deferred += outcome == DEFERRED;
        r->own_refused += outcome == REFUSED || outcome == BLOCKED;
    }
}

static void note_limit(struct run *run, const struct mail *m)
{
    const char *limit = run->relay.limit != NULL ? run->relay.limit : "none";

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

static void honest(struct run *run, struct mail *m)
{
    struct tally *t = &run->tally[m->kind];
    enum outcome outcome;
    enum reason reason;

    if (m->tries == 0) {
        m->first = m->at;
        t->sent++;
        t->recipients += m->n;
    }
    outcome = relay_submit(&run->relay, run->o, m, &reason);
    note_victim(run, m, outcome);
    if (outcome == PASSED && m->at - m->first > t->longest)
        t->longest = m->at - m->first;
    if (outcome == REFUSED || outcome == BLOCKED)
        t->refused++;
    if (outcome != DEFERRED)
        return;
    t->deferred += m->tries == 0;
    if (m->tries == 0)
        note_limit(run, m);
    try_again(run, m, t);
}

static void one(struct run *run, struct mail *m)
{
    enum reason reason;

    if (m->kind == KIND_ATTACK)
        attack_goes_on(run->o, &run->queue, m, relay_submit(&run->relay, run->o, m, &reason), &run->attacks[m->attack]);
    else
        honest(run, m);
}

static void live(struct run *run, unsigned days)
{
    struct mail m;

    for (unsigned day = 0; day < days; day++) {
        people_day(run->o, &run->queue, day);
        machines_day(run->o, &run->queue, day);
        clock_turn_to(day * DAY);
        engine_tick(run->relay.engine);
        while (run->queue.n > 0 && run->queue.mail[0].at < (day + 1) * DAY && queue_take(&run->queue, &m))
            one(run, &m);
    }
}

/* ---- what came out ---- */

static void print_honest(const struct run *run)
{
    for (unsigned i = 0; i < KINDS; i++) {
        const struct tally *t = &run->tally[i];

        (void)printf("%s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n", mail_kind_name((enum kind)i),
                     (unsigned long long)t->sent, (unsigned long long)t->recipients, (unsigned long long)t->deferred,
                     (unsigned long long)t->refused, (unsigned long long)t->given_up,
                     (unsigned long long)(t->longest / MINUTE));
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
    for (unsigned i = 0; i < attacks_count(); i++) {
        const struct attack_result *r = &run->attacks[i];

        (void)printf("%s\t%llu\t%llu\t%llu\t%llu\t%llu\t", attack_name(i), (unsigned long long)r->first_hour,
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

static int write_config(const char *folder, const char *policy, char *path, size_t size)
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
                  folder, folder, folder);
    while ((n = fread(text, 1, sizeof text, in)) > 0)
        (void)fwrite(text, 1, n, out);
    (void)fclose(in);
    return fclose(out);
}

static int begin(struct run *run, const char *policy, const char *folder, uint64_t seed, unsigned people)
{
    char path[512];
    struct error e = {""};
    int null;

    clock_turn_to(0);
    (void)snprintf(path, sizeof path, "%s/directory", folder);
    if ((run->o = organization_make(seed, people)) == NULL || organization_directory(run->o, path, &e) != 0 ||
        write_config(folder, policy, path, sizeof path) != 0 || relay_open(&run->relay, path, &e) != 0) {
        (void)fprintf(stderr, "blunting: %s\n", e.text[0] != '\0' ? e.text : "cannot begin");
        return -1;
    }
    /* The log is written as on any relay, but nobody reads it. */
    if (getenv("BLUNTING_LOG") == NULL && (null = open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0) {
        (void)dup2(null, STDERR_FILENO);
        (void)close(null);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct run run;
    const char *policy = NULL, *folder = NULL;
    uint64_t seed = 1;
    unsigned people = 500, days = 0;
    int option;

    while ((option = getopt(argc, argv, "c:d:s:p:n:")) != -1)
        switch (option) {
        case 'c':
            policy = optarg;
            break;
        case 'd':
            folder = optarg;
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            people = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'n':
            days = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    if (policy == NULL || folder == NULL || optind != argc - 1 || people < 100) {
        (void)fprintf(stderr, "usage: blunting -c FILE -d FOLDER [-s SEED] [-p PEOPLE] [-n DAYS] honest|attacks\n");
        return 2;
    }
    run.attacked = strcmp(argv[optind], "attacks") == 0;
    if (begin(&run, policy, folder, seed, people) != 0)
        return 1;
    for (unsigned i = 0; run.attacked && i < attacks_count(); i++)
        run.victim_of[i] = attack_victim(run.o, i);
    if (run.attacked)
        attacks_begin(run.o, &run.queue, run.attacks);
    live(&run, days > 0 ? days : run.attacked ? ATTACK_START_DAY + ATTACK_DAYS + 1 : 365);
    if (run.attacked)
        print_attacks(&run);
    else {
        print_honest(&run);
        print_limits(&run);
    }
    relay_close(&run.relay);
    organization_free(run.o);
    free(run.queue.mail);
    return 0;
}
