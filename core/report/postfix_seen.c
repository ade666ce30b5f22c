/* What was really seen: a configuration may look right, but not be the one that the running Postfix uses. */
#include "core/report/postfix_check.h"

#include "core/base/clock.h"

#include <stdio.h>

#define SEEN_MOST 20000u          /* how many records are read, the newest */
#define SEEN_ENOUGH 20u           /* fewer say nothing */
#define LOOPBACK_SHARE_PERCENT 90 /* of the messages with a login from this host itself: a proxy or filter */

struct seen_stages {
    size_t records, all;
    size_t by[2], at_end[2], passed_early[2]; /* [0] policyd, [1] milter */
    size_t tls[2], logins[2];
    size_t with_login, from_loopback;
};

static bool count_record(void *arg, const struct journal_record *r)
{
    struct seen_stages *s = arg;
    size_t by = r->milter ? 1 : 0;

    s->records++;
    if (r->stage == STAGE_AUTH) /* neither of the two was asked */
        return s->records < SEEN_MOST;
    s->all += r->times;
    s->by[by] += r->times;
    s->at_end[by] += r->stage >= STAGE_DATA ? r->times : 0;
    if (r->login[0] == '\0')
        return s->records < SEEN_MOST;
    s->logins[by] += r->times;
    s->tls[by] += r->tls != TLS_NONE ? r->times : 0;
    if (r->has_client) {
        s->with_login += r->times;
        s->from_loopback += ip_is_v4(&r->client) && r->client.b[12] == 127 ? r->times : 0;
    }
    return s->records < SEEN_MOST;
}

static void seen_judge(const struct postfix_check *c, const struct seen_stages *s, uint64_t days)
{
    if (s->all == 0) {
        findings_add(c->findings, PF_SEEN_NOTHING, "", "postern has decided nothing in the last %llu days",
                     (unsigned long long)days);
        return;
    }
    if (s->all >= SEEN_ENOUGH && s->at_end[0] + s->at_end[1] == 0)
        findings_add(c->findings, PF_SEEN_NO_END, "",
                     "of the last %zu decisions none was made at DATA or at the end of a message: nothing is counted",
                     s->all);
    if (s->logins[1] >= SEEN_ENOUGH && s->tls[1] == 0 && s->logins[0] > 0 && s->tls[0] > 0)
        findings_add(c->findings, PF_SEEN_NO_TLS, "",
                     "the policy server saw TLS with %zu of %zu logins, the milter with none of %zu", s->tls[0],
                     s->logins[0], s->logins[1]);
    if (s->with_login >= SEEN_ENOUGH && s->from_loopback * 100 >= s->with_login * LOOPBACK_SHARE_PERCENT)
        findings_add(c->findings, PF_SEEN_LOOPBACK, "",
                     "%zu of %zu decisions about logins came from 127.0.0.0/8: limits per client count one client",
                     s->from_loopback, s->with_login);
}

int postfix_check_seen(const struct postfix_check *c, struct journal *journal, uint64_t since_ns, struct error *e)
{
    struct seen_stages s = {.all = 0};
    uint64_t now = clock_wall_ns();

    if (journal == NULL) {
        for (size_t i = PF_SEEN_NOTHING; i <= PF_SEEN_LOOPBACK; i++)
            findings_skip(c->findings, i, "there is no journal of decisions");
        return 0;
    }
    if (journal_decisions(journal, &(struct journal_query){.since_ns = since_ns}, count_record, &s, e) != 0)
        return -1;
    seen_judge(c, &s, (now - since_ns + 43200 * NS_PER_S) / (86400 * NS_PER_S));
    return 0;
}
