#include "web/people.h"

#include "core/base/clock.h"

#include <stdlib.h>
#include <sys/stat.h>

/* What could not be read is tried again after so long. */
#define TRY_AGAIN_NS NS_PER_S

struct people {
    const char *path;
    struct log *log;
    struct stat seen; /* of the file that was read; all zero: there was none */
    bool looked, failed;
    uint64_t looked_ns; /* boot clock */
    struct error said;  /* why it failed, as the log has it */
    struct accounts accounts;
};

struct people *people_new(const char *path, struct log *log)
{
    struct people *people = calloc(1, sizeof *people);

    if (people == NULL)
        return NULL;
    people->path = path;
    people->log = log;
    return people;
}

void people_free(struct people *people)
{
    if (people == NULL)
        return;
    accounts_free(&people->accounts);
    free(people);
}

void people_follow(struct people *people, const char *path)
{
    people->looked = people->looked && strcmp(people->path, path) == 0;
    people->path = path;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void say(struct people *people, const struct error *e)
{
    if (strcmp(e->text, people->said.text) != 0)
        log_say(people->log, LEVEL_WARNING, "%s; nobody has an account now: postern web-user add makes one", e->text);
    people->said = *e;
}

const struct accounts *people_now(struct people *people)
{
    uint64_t now_ns = clock_boot_ns();
    struct error e = {""};
    struct stat now;

    if (stat(people->path, &now) != 0)
        now = (struct stat){.st_size = 0};
    if (people->looked && is_same(&now, &people->seen) &&
        (!people->failed || now_ns - people->looked_ns < TRY_AGAIN_NS))
        return &people->accounts;
    accounts_free(&people->accounts);
    people->seen = now;
    people->looked = true;
    people->looked_ns = now_ns;
    people->failed = accounts_load(people->path, &people->accounts, &e) != 0;
    if (people->failed)
        say(people, &e);
    else
        people->said = e;
    return &people->accounts;
}
