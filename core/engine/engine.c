#include "core/engine/engine.h"

#include "core/base/clock.h"
#include "core/config/tenant_row.h"
#include "core/engine/engine_parts.h"

#include <stdlib.h>

/* ---- the configuration in use ---- */

static struct config_ref *config_ref_new(struct config *config)
{
    struct config_ref *ref = calloc(1, sizeof *ref);

    if (ref == NULL) {
        config_free(config);
        return NULL;
    }
    ref->config = config;
    atomic_init(&ref->references, 1);
    return ref;
}

static void config_ref_drop(struct config_ref *ref)
{
    if (ref != NULL && atomic_fetch_sub(&ref->references, 1) == 1) {
        config_free(ref->config);
        free(ref);
    }
}

static struct config_ref *config_ref_take(struct engine *engine)
{
    struct config_ref *ref;

    (void)pthread_mutex_lock(&engine->lock);
    ref = engine->current;
    atomic_fetch_add(&ref->references, 1);
    (void)pthread_mutex_unlock(&engine->lock);
    return ref;
}

static void say_what_needs_a_restart(struct engine *engine, const struct config *before, const struct config *now)
{
    if (strcmp(before->directory, now->directory) != 0 || strcmp(before->state_path, now->state_path) != 0 ||
        strcmp(before->journal, now->journal) != 0 || before->cluster.configured != now->cluster.configured ||
        strcmp(before->cluster.outbox, now->cluster.outbox) != 0 || before->state_entries != now->state_entries ||
        before->state_blocks != now->state_blocks)
        log_say(engine->log, LEVEL_WARNING,
                "reload: another directory, state, journal or outbox takes effect at the next start only");
}

int engine_reload(struct engine *engine, struct error *e)
{
    struct config *config;
    struct config_ref *fresh, *old;

    if (config_load(engine->config_path, &config, e) != 0) {
        log_say(engine->log, LEVEL_ERROR, "reload refused, the old configuration stays: %s", e->text);
        return -1;
    }
    fresh = config_ref_new(config);
    if (fresh == NULL)
        return error_set(e, "reload: out of memory; the old configuration stays");
    (void)pthread_mutex_lock(&engine->lock);
    old = engine->current;
    engine->current = fresh;
    (void)pthread_mutex_unlock(&engine->lock);
    say_what_needs_a_restart(engine, old->config, config);
    log_configure(engine->log, &config->log);
    config_ref_drop(old);
    atomic_fetch_add(&engine->epoch, 1);
    log_say(engine->log, LEVEL_NOTICE, "configuration %s loaded", engine->config_path);
    return 0;
}

/* ---- start and end ---- */

static int open_state(struct engine *engine, const struct config *config, struct error *e)
{
    struct state_options options = {.path = config->state_path,
                                    .entries = config->state_entries,
                                    .blocks = config->state_blocks,
                                    .boot_ns = clock_boot_ns(),
                                    .wall_ns = clock_wall_ns(),
                                    .boot_id = clock_boot_id()};

    if (state_open(&options, &engine->state, e) != 0)
        return -1;
    if (state_problem(engine->state) != NULL)
        log_say(engine->log, LEVEL_ERROR, "limits count in memory of this process only: %s",
                state_problem(engine->state));
    if (state_notice(engine->state) != NULL)
        log_say(engine->log, LEVEL_WARNING, "%s", state_notice(engine->state));
    return 0;
}

/* The tick says what is wrong with it. */
static int open_outbox(struct engine *engine, const struct config *config, struct error *e)
{
    if (!config->cluster.configured)
        return 0;
    if (outbox_open(config->cluster.outbox, OUTBOX_WRITER, &engine->outbox, e) != 0)
        return -1;
    state_share(engine->state, engine->outbox);
    return 0;
}

/* "policyd" of "postern-policyd" */
static const char *journal_name(const char *program)
{
    const char *dash = strchr(program, '-');

    return dash != NULL ? dash + 1 : program;
}

/* A state in memory has not the blocks of the file, which are not gone. */
static void keep_blocks(struct engine *engine)
{
    struct error e;

    if (state_problem(engine->state) != NULL ||
        block_watch_look(engine->block_watch, engine->journal, state_blocks(engine->state),
                         state_now(engine->state, clock_boot_ns()), clock_wall_s(), &e) == 0)
        engine->history_trouble.text[0] = '\0';
    else
        engine_complain(engine, &engine->history_trouble, e.text);
}

/* In the journal's thread. It never hinders mail: its problems are only reported. */
static void tell_journal(void *arg, const char *trouble, const char *notice)
{
    struct engine *engine = arg;

    if (trouble != NULL) {
        engine_complain(engine, &engine->journal_trouble, trouble);
    } else {
        engine->journal_trouble.text[0] = '\0';
        keep_blocks(engine);
    }
    if (notice != NULL)
        log_say(engine->log, LEVEL_WARNING, "%s", notice);
}

static int open_parts(struct engine *engine, const char *program, struct config *config, struct error *e)
{
    engine->log = log_open(program, &config->log);
    if (engine->log == NULL)
        return error_set(e, "cannot start the log: out of memory or threads");
    if ((engine->alerts = alert_queue_new(ALERT_NOTICES, true)) == NULL ||
        (engine->requests = alert_queue_new(ALERT_REQUESTS, false)) == NULL)
        return error_set(e, "out of memory");
    if (open_state(engine, config, e) != 0 || open_outbox(engine, config, e) != 0 ||
        directory_open(config->directory, &engine->directory, e) != 0)
        return -1;
    engine_tick(engine);
    if (config->journal[0] != '\0' && (engine->block_watch = block_watch_new()) == NULL)
        return error_set(e, "out of memory");
    if (config->journal[0] != '\0' && (journal_open(config->journal, journal_name(program), &engine->journal, e) != 0 ||
                                       journal_start(engine->journal, tell_journal, engine, e) != 0))
        return -1;
    if (directory_generation(engine->directory) == 0)
        log_say(engine->log, LEVEL_WARNING,
                "no directory in %s yet: authenticated mail is deferred until postern-mirror ran", config->directory);
    return 0;
}

int engine_open(const char *config_path, const char *program, struct engine **out, struct error *e)
{
    struct engine *engine = calloc(1, sizeof *engine);
    struct config *config;

    if (engine == NULL)
        return error_set(e, "out of memory");
    if (state_guard_install(e) != 0) { /* before the log's thread begins */
        free(engine);
        return -1;
    }
    (void)pthread_mutex_init(&engine->lock, NULL);
    (void)pthread_mutex_init(&engine->grown.lock, NULL);
    engine->program = program;
    engine->config_path = strdup(config_path);
    if (engine->config_path == NULL)
        (void)error_set(e, "out of memory");
    else if (config_load(config_path, &config, e) == 0) {
        engine->current = config_ref_new(config);
        if (engine->current == NULL)
            (void)error_set(e, "out of memory");
        else if (open_parts(engine, program, config, e) == 0) {
            *out = engine;
            return 0;
        }
    }
    engine_close(engine);
    return -1;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL)
        return;
    journal_close(engine->journal);
    block_watch_free(engine->block_watch);
    if (engine->log != NULL && engine->requests != NULL && engine->state != NULL) /* what still waits */
        engine_alert_tick(engine, engine->current->config);
    alert_queue_free(engine->alerts);
    alert_queue_free(engine->requests);
    if (engine->directory != NULL)
        directory_close(engine->directory);
    if (engine->state != NULL)
        state_close(engine->state);
    outbox_close(engine->outbox);
    log_close(engine->log);
    config_ref_drop(engine->current);
    free(engine->config_path);
    (void)pthread_mutex_destroy(&engine->lock);
    (void)pthread_mutex_destroy(&engine->grown.lock);
    free(engine);
}

const struct config *engine_config(const struct engine *engine)
{
    return engine->current->config;
}

struct log *engine_log(struct engine *engine)
{
    return engine->log;
}

/* ---- housekeeping ---- */

void engine_complain(struct engine *engine, struct complaint *c, const char *text)
{
    uint64_t now = clock_boot_ns();

    if (strcmp(c->text, text) == 0 && now - c->told_ns < COMPLAIN_AGAIN_NS)
        return;
    (void)error_set(&c->last, "%s", text);
    memcpy(c->text, c->last.text, sizeof c->text);
    c->told_ns = now;
    log_say(engine->log, LEVEL_ERROR, "%s", text);
}

static void tick_directory(struct engine *engine)
{
    uint64_t before = directory_generation(engine->directory);
    struct error e;
    int result = directory_refresh(engine->directory, &e);

    if (result < 0) {
        if (directory_generation(engine->directory) != before)
            atomic_fetch_add(&engine->epoch, 1); /* there is none any more */
        engine_complain(engine, &engine->directory_trouble, e.text);
        return;
    }
    if (result > 0) { /* 0: nothing was tried, which does not mean that the trouble is over */
        engine->directory_trouble.text[0] = '\0';
        atomic_fetch_add(&engine->epoch, 1);
        log_say(engine->log, LEVEL_NOTICE, "directory: generation %llu in use",
                (unsigned long long)directory_generation(engine->directory));
    }
}

static void tick_state(struct engine *engine)
{
    struct error e;

    if (state_tick(engine->state, clock_boot_ns(), clock_wall_ns(), &e) != 0)
        log_say(engine->log, LEVEL_ERROR, "limits: %s", e.text);
    state_tell_service(engine->state, engine->program, directory_generation(engine->directory), clock_boot_ns());
}

static void tick_outbox(struct engine *engine)
{
    const char *problem;

    if (engine->outbox == NULL)
        return;
    outbox_tick(engine->outbox, clock_boot_ns());
    if ((problem = outbox_problem(engine->outbox)) != NULL)
        engine_complain(engine, &engine->outbox_trouble, problem);
    else
        engine->outbox_trouble.text[0] = '\0';
}

/* The lists are read again when one of their files changed; after a failure not before a minute has passed. */
static void tick_lists(struct engine *engine)
{
    struct config_ref *ref = config_ref_take(engine);
    bool changed = config_files_changed(ref->config);
    uint64_t now = clock_boot_ns();
    struct error e;

    config_ref_drop(ref);
    if (!changed || now < engine->lists_not_before_ns)
        return;
    if (engine_reload(engine, &e) != 0)
        engine->lists_not_before_ns = now + LISTS_AGAIN_NS;
}

static void rekey(struct engine *engine, bool lift)
{
    struct directory_view *view = directory_view_get(engine->directory);
    struct config_ref *ref = config_ref_take(engine);

    engine_rekey_blocks(engine,
                        &(struct decide_context){.config = ref->config,
                                                 .view = view,
                                                 .counters = state_counters(engine->state),
                                                 .blocks = state_blocks(engine->state),
                                                 .secret = state_secret(engine->state),
                                                 .now_ns = state_now(engine->state, clock_boot_ns()),
                                                 .wall_s = clock_wall_s()},
                        lift);
    config_ref_drop(ref);
    if (view != NULL)
        directory_view_put(engine->directory, view);
}

/* After a change of directory or configuration, blocks get the keys that their subjects have now. */
static void tick_blocks(struct engine *engine)
{
    uint64_t epoch = atomic_load(&engine->epoch) + 1, now = clock_boot_ns();

    if (engine->rekeyed != epoch || engine->rekeyed_blocks != state_blocks(engine->state)) {
        engine->rekeyed = epoch;
        engine->rekeyed_blocks = state_blocks(engine->state);
        engine->rekey_ends_ns = now + REKEY_NS;
        rekey(engine, false);
    } else if (engine->rekey_ends_ns != 0 && now >= engine->rekey_ends_ns) {
        engine->rekey_ends_ns = 0;
        rekey(engine, true);
    }
}

/* Reports stale settings once an hour, for each tenant with a max_age. */
static void tick_age(struct engine *engine)
{
    struct config_ref *ref;
    struct directory_view *view;
    uint64_t now = clock_boot_ns();

    if (engine->age_told_ns != 0 && now - engine->age_told_ns < COMPLAIN_AGAIN_NS)
        return;
    ref = config_ref_take(engine);
    view = directory_view_get(engine->directory);
    for (uint32_t i = 0; view != NULL && i < directory_tenants(view); i++) {
        const struct tenant_facts *facts = directory_tenant(view, i);
        struct tenant_config mem;
        const struct tenant_config *tenant = facts != NULL ? tenant_row(ref->config, facts->name, &mem) : NULL;
        enum mirrored_part oldest;
        int64_t age = tenant != NULL ? clock_wall_s() - tenant_oldest(facts, &oldest) : 0;

        if (tenant == NULL || tenant->max_age_s == 0 || age <= (int64_t)tenant->max_age_s)
            continue;
        engine->age_told_ns = now;
        engine_alert_stale(engine, ref->config, tenant, age);
        log_say(engine->log, LEVEL_WARNING,
                "tenant %s: the %s are %lld s old, more than max_age: see why postern-mirror fails, or import them "
                "again%s",
                tenant->name, mirrored_title(oldest), (long long)age,
                tenant->when_stale == STALE_DEFER ? "; its mail is deferred meanwhile" : "");
    }
    if (view != NULL)
        directory_view_put(engine->directory, view);
    config_ref_drop(ref);
}

static void tick_alerts(struct engine *engine)
{
    struct config_ref *ref = config_ref_take(engine);

    engine_alert_tick(engine, ref->config);
    config_ref_drop(ref);
}

void engine_tick(struct engine *engine)
{
    tick_directory(engine);
    tick_state(engine);
    tick_outbox(engine);
    tick_lists(engine);
    tick_blocks(engine);
    tick_age(engine);
    tick_alerts(engine);
}

/* ---- sessions ---- */

struct engine_session *engine_session_new(struct engine *engine)
{
    struct engine_session *session = calloc(1, sizeof *session);

    if (session != NULL)
        session->engine = engine;
    return session;
}

void engine_session_rest(struct engine_session *session)
{
    if (session->view != NULL)
        directory_view_put(session->engine->directory, session->view);
    config_ref_drop(session->config);
    session->view = NULL;
    session->config = NULL;
    session->epoch = 0;
}

void engine_session_free(struct engine_session *session)
{
    if (session == NULL)
        return;
    engine_session_rest(session);
    free(session);
}

/* The epoch begins at 1 below, so that a rested session (0) always renews. */
void engine_session_renew(struct engine_session *session)
{
    uint64_t epoch = atomic_load_explicit(&session->engine->epoch, memory_order_acquire) + 1;

    if (session->epoch == epoch && session->config != NULL)
        return;
    engine_session_rest(session);
    session->config = config_ref_take(session->engine);
    session->view = directory_view_get(session->engine->directory);
    /* There was no memory for a view, and the next decision looks again. */
    if (session->view == NULL && directory_generation(session->engine->directory) != 0)
        epoch = 0;
    session->epoch = epoch;
}
