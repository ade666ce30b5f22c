#include "mirror/pull.h"

#include "core/base/checksum.h"
#include "core/base/credential.h"
#include "mirror/failed_run.h"
#include "mirror/pull_private.h"
#include "mirror/record.h"
#include "mirror/tenant_lock.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

/* How long to wait for another pull, or an import that writes the directory; a million mailboxes take less. */
#define WRITER_WAIT_S 300
/* In place of a tenant's name, which never begins so. */
#define LOCK_OF ".pull"
#define RUN_NAME "pull"

/* ---- before ---- */

static int read_key(struct pull *p, struct error *e)
{
    char credential[CREDENTIAL_PATH_MAX];
    struct buf b = BUF_OVER(p->bearer);

    if (cluster_key_read(credential_path(p->o->config->cluster.key_file, credential), &p->key, e) != 0)
        return -1;
    buf_addf(&b, "Authorization: Bearer ");
    offering_hex(p->key.pulling, sizeof p->key.pulling, &b);
    return 0;
}

static int read_ours(struct pull *p, struct error *e)
{
    struct error damaged;
    int found = manifest_file_read(p->o->directory, &p->ours, e);
    struct slice text = {p->ours.text, found > 0 ? (size_t)p->ours.st.st_size : 0};

    if (found < 0)
        return -1;
    p->has_ours = found > 0;
    /* Without it nothing is known of the last pull, which costs a download and nothing else. */
    if (pulled_read(p->o->directory, &p->last, &damaged) < 0)
        session_say(&p->session, "%s", damaged.text);
    if (!p->has_ours || p->last.here != p->ours.m.generation)
        p->last.here = 0;
    p->own_since = p->has_ours && (p->last.here == 0 || p->last.manifest != checksum_slice(text));
    return 0;
}

/* ---- after ---- */

/* Notes that nothing is newer than what came last. */
static int note_again(const struct pull *p, struct error *e)
{
    struct pulled now = p->last;

    now.checked_at = p->o->now;
    return pulled_write(p->o->directory, &now, e);
}

/* Notes what has just come, and the number that it has here. */
static int note(const struct pull *p, uint64_t here, struct error *e)
{
    struct pulled now = {.generation = p->offering.m.generation,
                         .here = here,
                         .offered_at = p->offering.offered_at,
                         .checked_at = p->o->now};
    struct manifest_file written;
    struct slice text;
    struct buf url = BUF_OVER(now.url), relay = BUF_OVER(now.relay), digest = BUF_OVER(now.digest);
    struct buf etag = BUF_OVER(now.etag);

    buf_add_printable(&url, p->source);
    buf_addf(&relay, "%s", p->relay);
    buf_addf(&etag, "%s", p->etag);
    offering_hex(p->offering.digest, sizeof p->offering.digest, &digest);
    if (manifest_file_text(p->o->directory, &written, &text, e) > 0)
        now.manifest = checksum_slice(text);
    manifest_file_free(&written);
    return pulled_write(p->o->directory, &now, e);
}

static int nothing_new(const struct pull *p, struct error *e)
{
    fprintf(p->o->out, "%s: nothing newer than generation %llu, here %llu\n", words(slice_of(p->last.relay)).text,
            (unsigned long long)p->last.generation, (unsigned long long)p->last.here);
    return p->o->dry_run ? 0 : note_again(p, e);
}

static void say_adopted(const struct pull *p, const struct writer_summary *summary)
{
    FILE *out = p->o->out;

    fprintf(out, "%s: generation %llu", p->relay, (unsigned long long)p->offering.m.generation);
    if (p->o->dry_run)
        fprintf(out, ", %llu bytes\n", (unsigned long long)p->offering.m.size);
    else
        fprintf(out, ", here %llu%s\n", (unsigned long long)summary->generation,
                summary->published ? "" : ", with newer times");
}

static int report(struct pull *p, const struct writer_summary *summary, struct error *e)
{
    for (size_t i = 0; i < p->n_compared; i++) {
        struct import *im = &p->compared[i].im;

        im->summary = *summary;
        if (import_report_lines(im, e) != 0)
            return -1;
        if (im->history_trouble.text[0] != '\0')
            fprintf(p->o->out, "warning: the history of settings lacks what changed in this run: %s\n",
                    im->history_trouble.text);
        import_report_effects(im);
        import_report_summary(im);
        import_tell_effects(im);
        import_tell_opened(im);
    }
    return 0;
}

/* ---- the run ---- */

static int adopt(struct pull *p, struct writer_summary *summary, struct error *e)
{
    char file[sizeof PULL_FOLDER + MANIFEST_FILE_MAX];
    struct buf b = BUF_OVER(file);
    int result;

    buf_addf(&b, PULL_FOLDER "/%s", p->offering.m.file);
    writer_number_from(p->w, p->offering.m.generation);
    for (size_t i = 0; i < p->n_compared; i++)
        import_history_write(&p->compared[i].im);
    result = writer_adopt(p->w, file, &p->offering.m, summary, e);
    for (size_t i = 0; i < p->n_compared; i++) {
        p->compared[i].im.summary = *summary;
        import_history_end(&p->compared[i].im, result == 0);
    }
    return result != 0 ? -1 : note(p, summary->generation, e);
}

/* What was refused, or only looked at, stays, so that the next run need not fetch it again. */
static void put_back(const struct pull *p)
{
    const char *slash = strrchr(p->part, '/');

    if ((p->refused || p->o->dry_run) && slash != NULL && rename(p->file, p->part) == 0)
        pull_clear(p, slash + 1);
}

/* Takes the writer's lock. What was compared before must still be what is here. */
static int begin_writing(struct pull *p, struct error *e)
{
    const char *directory = p->o->directory;

    if (writer_wait(directory, WRITER_WAIT_S, e) != 0 || writer_begin(directory, &p->w, e) != 0)
        return -1;
    return writer_generation_now(p->w) == (p->has_ours ? p->ours.m.generation : 0)
               ? 0
               : error_set(e, "another run wrote the directory %s meanwhile: the next pull looks again", directory);
}

/* Only the manifest's times are newer. */
static int confirm(struct pull *p, struct writer_summary *summary, struct error *e)
{
    if (begin_writing(p, e) != 0)
        return -1;
    if (!writer_has_file(p->w, &p->offering.m))
        return error_set(e, "%s/" PULLED_NAME " does not tell of what is here: remove it", p->o->directory);
    if (p->o->dry_run)
        return 0;
    return writer_adopt(p->w, NULL, &p->offering.m, summary, e) != 0 ? -1 : note(p, summary->generation, e);
}

static int take_file(struct pull *p, struct writer_summary *summary, struct error *e)
{
    int result = pull_fetch(p, e) != 0 || begin_writing(p, e) != 0 ? -1 : pull_compare(p, e);

    for (size_t i = 0; result != 0 && i < p->n_compared; i++)
        if (p->compared[i].im.waits)
            import_tell_effects(&p->compared[i].im);
    if (result == 0 && !p->o->dry_run)
        result = adopt(p, summary, e);
    if (result != 0) {
        put_back(p);
        return -1;
    }
    if (p->o->dry_run)
        put_back(p);
    else
        pull_clear(p, NULL);
    return report(p, summary, e);
}

static int take_offer(struct pull *p, struct error *e)
{
    struct writer_summary summary = {.published = false};

    if (!p->o->force && pull_is_behind(p)) {
        fprintf(p->o->out, "%s: nothing newer than what this relay read itself\n", p->relay);
        return 0;
    }
    if (pull_check_offer(p, e) != 0 || (pull_is_here(p) ? confirm(p, &summary, e) : take_file(p, &summary, e)) != 0)
        return -1;
    say_adopted(p, &summary);
    return 0;
}

static int pull(struct pull *p, struct error *e)
{
    const struct config *config = p->o->config;
    const struct http_options http = {.ca_file = config->mirror_pull.ca_file,
                                      .ca_setting = "mirror.pull.ca_file",
                                      .proxy = config->mirror_proxy,
                                      .stall_timeout_s = config->mirror_stall_timeout_s};

    if (session_open(&p->session, &http, config->mirror_deadline_s, p->o->log, RUN_NAME, e) != 0 ||
        read_ours(p, e) != 0 || pull_ask(p, e) != 0)
        return -1;
    return p->source.n == 0 ? nothing_new(p, e) : take_offer(p, e);
}

static void end(struct pull *p)
{
    pull_compare_free(p);
    writer_close(p->w);
    if (p->view != NULL)
        directory_view_put(p->directory, p->view);
    directory_close(p->directory);
    offering_free(&p->offering);
    free(p->text);
    manifest_file_free(&p->ours);
    session_close(&p->session);
    OPENSSL_cleanse(&p->key, sizeof p->key);
    OPENSSL_cleanse(p->bearer, sizeof p->bearer);
}

static void tell(const struct pull_options *o, bool refused, const struct error *why)
{
    const struct failed_run run = {
        .tenant = RUN_NAME,
        .refused = refused,
        .force = "postern-mirror pull --force",
        .look = "All of it: journalctl -u postern-mirror-pull",
        .why = why,
    };

    if (!o->dry_run)
        failed_run_tell(o->config, &run, o->log);
}

/* Behind the run, which has left root, unless it failed before. */
static void record(const struct pull *p, enum import_result result, const struct error *why)
{
    struct import_tally tally = {0};
    const struct record record = {.directory = p->o->directory,
                                  .how = "pull",
                                  .began_s = p->o->now,
                                  .tally = &tally,
                                  .result = result,
                                  .why = why};
    struct error e;

    for (size_t i = 0; i < p->n_compared; i++)
        tally.changes += p->compared[i].im.changed + p->compared[i].im.added + p->compared[i].im.removed;
    if (p->o->dry_run)
        return;
    if (import_leave_root(p->o->directory, &e) == 0)
        record_run(&record, p->o->log);
    else
        fprintf(p->o->log, "pull: how this run ended is not in the history: %s\n", e.text);
}

/* The key is root's alone; all else is done as the directory's owner. */
static int run_locked(struct pull *p, struct error *e)
{
    int lock, result;

    if (read_key(p, e) != 0 || import_leave_root(p->o->directory, e) != 0)
        return -1;
    lock = tenant_lock_wait(p->o->directory, LOCK_OF, WRITER_WAIT_S, e);
    if (lock < 0)
        return -1;
    result = pull(p, e);
    (void)close(lock);
    return result;
}

enum import_result pull_run(const struct pull_options *options, struct error *e)
{
    struct pull p = {.o = options};
    enum import_result result;

    if (options->config->mirror_pull.n_sources == 0) {
        (void)error_set(e, "there is no mirror.pull in %s; postern.conf(5) says how to set it up",
                        options->config->file);
        return IMPORT_FAILED;
    }
    result = run_locked(&p, e) == 0 ? IMPORT_DONE : p.refused ? IMPORT_REFUSED : IMPORT_FAILED;
    if (result != IMPORT_DONE)
        tell(options, result == IMPORT_REFUSED, e);
    record(&p, result, e);
    end(&p);
    return result;
}
