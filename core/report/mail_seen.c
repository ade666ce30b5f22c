#include "core/report/mail_seen.h"

#include <stdlib.h>
#include <sys/random.h>

static uint32_t *place_of(const struct mail_seen *m, struct slice name)
{
    size_t mask = m->logins_capacity * 2 - 1;

    for (size_t i = hash_slice(&m->secret, name);; i++) {
        uint32_t *place = &m->places[i & mask];

        if (*place == 0 || slice_eq(slice_of(m->logins[*place - 1]), name))
            return place;
    }
}

/* Half of the places stay free. */
static bool grow_logins(struct mail_seen *m)
{
    size_t capacity = m->logins_capacity == 0 ? 64 : m->logins_capacity * 2;
    char **logins = reallocarray(m->logins, capacity, sizeof *logins);
    uint32_t *places;

    if (logins == NULL)
        return false;
    m->logins = logins;
    if (m->logins_capacity == 0 && getrandom(&m->secret, sizeof m->secret, 0) != (ssize_t)sizeof m->secret)
        return false;
    if ((places = calloc(capacity * 2, sizeof *places)) == NULL)
        return false;
    free(m->places);
    m->places = places;
    m->logins_capacity = capacity;
    for (size_t i = 0; i < m->n_logins; i++)
        *place_of(m, slice_of(m->logins[i])) = (uint32_t)i + 1;
    return true;
}

uint32_t mail_seen_login(struct mail_seen *m, struct slice name)
{
    uint32_t *place;

    if (m->places == NULL && !grow_logins(m))
        return MAIL_SEEN_NOBODY;
    place = place_of(m, name);
    if (*place != 0)
        return *place - 1;
    if (m->n_logins == MAIL_SEEN_LOGINS_MAX || (m->n_logins == m->logins_capacity && !grow_logins(m)) ||
        (m->logins[m->n_logins] = strndup(name.n > 0 ? name.p : "", name.n)) == NULL)
        return MAIL_SEEN_NOBODY;
    m->n_logins++;
    *place_of(m, name) = (uint32_t)m->n_logins;
    return (uint32_t)m->n_logins - 1;
}

void mail_seen_add(struct mail_seen *m, const struct mail_message *message)
{
    if (m->n == m->capacity && m->n < MAIL_SEEN_MAX) {
        size_t capacity = m->capacity == 0 ? 1024 : m->capacity * 2;
        struct mail_message *more = reallocarray(m->messages, capacity, sizeof *more);

        if (more != NULL) {
            m->messages = more;
            m->capacity = capacity;
        }
    }
    if (m->n < m->capacity)
        m->messages[m->n++] = *message;
    else
        m->beyond++;
}

void mail_seen_free(struct mail_seen *m)
{
    for (size_t i = 0; i < m->n_logins; i++)
        free(m->logins[i]);
    free(m->logins);
    free(m->places);
    free(m->messages);
    *m = (struct mail_seen){.n = 0};
}
