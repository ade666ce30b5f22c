#include "cluster/membership.h"

#include "core/base/clock.h"
#include "core/base/cluster_key.h"
#include "core/config/program.h"
#include "core/report/files.h"
#include "core/report/subject.h"
#include "core/state/state_rekey.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME "postern-cluster"

static int open_config(struct report_files *f, const char *path, struct error *e)
{
    memset(f, 0, sizeof *f);
    f->config_path = path;
    if (files_open_config(f, e) != 0)
        return -1;
    if (!f->config->cluster.configured)
        return error_set(e, "%s has no group \"cluster\": say there where Redis is", f->config->file);
    return 0;
}

static struct state_options options_of(const struct config *config)
{
    return (struct state_options){.path = config->state_path,
                                  .entries = config->state_entries,
                                  .blocks = config->state_blocks,
                                  .boot_ns = clock_boot_ns(),
                                  .wall_ns = clock_wall_ns(),
                                  .boot_id = clock_boot_id()};
}

/* ---- init ---- */

static int init(struct report_files *f, struct error *e)
{
    const struct state_options options = options_of(f->config);
    const char *path = f->config->cluster.key_file;
    unsigned char bytes[CLUSTER_KEY_BYTES];
    struct cluster_key key;
    struct state *state;
    int result;

    if (access(path, F_OK) == 0)
        return error_set(e, "%s exists: this relay has a key already; the other relays get a copy of it", path);
    if (state_open(&options, &state, e) != 0)
        return -1;
    if (state_problem(state) != NULL)
        result = error_set(e, "the state's secret cannot be taken over: %s", state_problem(state));
    else
        result = cluster_key_make(state_secret(state), bytes, e);
    state_close(state);
    if (result == 0)
        result = cluster_key_derive(bytes, &key, e);
    if (result == 0)
        result = cluster_key_write(path, bytes, e);
    if (result == 0)
        printf("%s: made, check value %s\n"
               "Copy it to the other relays, by a way that nobody else can read, and run \"postern-cluster join\" "
               "there.\n",
               path, key.check);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(&key, sizeof key);
    return result;
}

/* ---- join ---- */

/* The subject is a text, "user sean@contoso.example": it is looked up again, with the other secret. */
struct rekeying {
    struct decide_context context;
    struct subject subject;
};

static int key_again(void *arg, struct block *block, struct error *e)
{
    struct rekeying *r = arg;

    if (subject_of_block(&r->context, block, &r->subject, e) != 0)
        return error_prefix(e, "the block of %s cannot be taken along (\"postern unblock\" lifts it)", block->subject);
    block->key = r->subject.block.key;
    return 0;
}

static int join(struct report_files *f, struct error *e)
{
    const struct state_options options = options_of(f->config);
    struct rekeying *r = calloc(1, sizeof *r);
    struct state_rekeyed done;
    struct cluster_key key;
    int result;

    if (r == NULL)
        return error_set(e, "no memory");
    result = cluster_key_read(f->config->cluster.key_file, &key, e);
    /* Without a state there is no block whose subject would have to be looked up. */
    if (result == 0 && access(f->config->state_path, F_OK) == 0) {
        result = files_open_directory(f, e) != 0 || files_open_state(f, e) != 0 ? -1 : 0;
        if (result == 0)
            r->context = files_context(f);
        r->context.secret = &key.hash;
    }
    if (result == 0)
        result = state_rekey(&options, &key.hash, key_again, r, &done, e);
    if (result == 0 && done.same)
        printf("%s: has the cluster's secret already (check value %s)\n", options.path, key.check);
    else if (result == 0)
        printf("%s: has the cluster's secret now (check value %s); %u blocks were taken along, counters begin anew\n",
               options.path, key.check, done.blocks);
    OPENSSL_cleanse(&key, sizeof key);
    free(r);
    return result;
}

/* ---- both ---- */

static int run(const char *config_path, int (*what)(struct report_files *f, struct error *e))
{
    struct report_files f;
    struct error e;
    int result = open_config(&f, config_path, &e);

    if (result == 0)
        result = what(&f, &e);
    files_close(&f);
    if (result == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, NAME ": %s\n", e.text);
    return PROGRAM_EXIT_FAILED;
}

int membership_init(const char *config_path)
{
    return run(config_path, init);
}

int membership_join(const char *config_path)
{
    return run(config_path, join);
}
