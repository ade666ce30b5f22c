#include "web/sessions.h"

#include "core/base/buf.h"
#include "core/base/clock.h"

#include <stdlib.h>

struct sessions {
    struct session all[SESSIONS_MOST];
};

struct sessions *sessions_new(void)
{
    return calloc(1, sizeof(struct sessions));
}

void sessions_free(struct sessions *sessions)
{
    free(sessions);
}

static bool is_over(const struct session *s, uint64_t now_ns)
{
    return s->digest[0] == '\0' || now_ns - s->used_ns >= SESSION_IDLE_S * NS_PER_S ||
           now_ns - s->begun_ns >= SESSION_WHOLE_S * NS_PER_S;
}

static struct session *find_room(struct sessions *sessions, uint64_t now_ns)
{
    struct session *idlest = &sessions->all[0];

    for (size_t i = 0; i < SESSIONS_MOST; i++) {
        struct session *s = &sessions->all[i];

        if (is_over(s, now_ns))
            return s;
        if (s->used_ns < idlest->used_ns)
            idlest = s;
    }
    return idlest;
}

int sessions_begin(struct sessions *sessions, const struct account *account, uint64_t now_ns, char id[DIGEST_TEXT_MAX],
                   struct error *e)
{
    struct session *s = find_room(sessions, now_ns);
    struct buf name;

    if (access_random(id, e) != 0)
        return -1;
    *s = (struct session){.begun_ns = now_ns, .used_ns = now_ns};
    access_digest(slice_of(id), SLICE(""), s->digest);
    access_digest(account->line, SLICE(""), s->mark);
    name = BUF_OVER(s->name);
    buf_add(&name, account->name);
    return 0;
}

static struct session *find(struct sessions *sessions, struct slice id)
{
    char digest[DIGEST_TEXT_MAX];

    if (id.n != DIGEST_TEXT_MAX - 1)
        return NULL;
    access_digest(id, SLICE(""), digest);
    for (size_t i = 0; i < SESSIONS_MOST; i++)
        if (strcmp(sessions->all[i].digest, digest) == 0)
            return &sessions->all[i];
    return NULL;
}

static bool is_still_the_same(const struct session *s, const struct accounts *accounts)
{
    const struct account *account = accounts_named(accounts, slice_of(s->name));
    char mark[DIGEST_TEXT_MAX];

    if (account == NULL)
        return false;
    access_digest(account->line, SLICE(""), mark);
    return strcmp(mark, s->mark) == 0;
}

const struct session *sessions_use(struct sessions *sessions, struct slice id, const struct accounts *accounts,
                                   uint64_t now_ns)
{
    struct session *s = find(sessions, id);

    if (s == NULL)
        return NULL;
    if (is_over(s, now_ns) || !is_still_the_same(s, accounts)) {
        *s = (struct session){.begun_ns = 0};
        return NULL;
    }
    s->used_ns = now_ns;
    return s;
}

bool sessions_has(struct sessions *sessions, struct slice id, const struct accounts *accounts, uint64_t now_ns)
{
    const struct session *s = find(sessions, id);

    return s != NULL && !is_over(s, now_ns) && is_still_the_same(s, accounts);
}

void sessions_end(struct sessions *sessions, struct slice id)
{
    struct session *s = find(sessions, id);

    if (s != NULL)
        *s = (struct session){.begun_ns = 0};
}
