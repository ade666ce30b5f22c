#include "mirror/forget.h"

#include "core/base/clock.h"
#include "core/journal/cloud_use.h"
#include "core/journal/setting_changes.h"
#include "mirror/build/writer.h"
#include "mirror/confirm.h"
#include "mirror/words.h"

/* The history, with this run begun in it; NULL where that cannot be, which is no reason to keep the tenant. */
static struct history *write_history(const struct forget_options *o, const struct writer *w, int64_t *run)
{
    const struct setting_run forgetting = {
        .seen_s = clock_wall_s(), .tenant = slice_of(o->tenant), .how = SLICE("forget-tenant")};
    const struct setting_change change = {
        .setting = SLICE("tenant"), .before = SLICE("mirrored"), .after = SLICE("forgotten")};
    struct error notice = {.text = ""}, e;
    struct history *h = NULL;

    if (history_open(o->directory, true, &h, &notice, &e) == 0 &&
        setting_run_begin(h, &forgetting, writer_generation_now(w), writer_generation_next(w), run, &e) == 0 &&
        history_begin(h, &e) == 0 && setting_change_add(h, *run, 0, &change, &e) == 0 && history_commit(h, &e) == 0)
        return h;
    fprintf(o->out, "warning: the history of settings lacks this: %s\n", e.text);
    history_close(h);
    return NULL;
}

static int publish(const struct forget_options *o, struct writer *w, struct writer_summary *summary, struct error *e)
{
    int64_t run = 0;
    struct history *h = write_history(o, w, &run);
    int result = writer_finish(w, summary, e);
    struct error ignored; /* the generation's number says the same to readers */

    if (h != NULL)
        (void)setting_run_end(h, run, result == 0 && summary->published, clock_wall_s(), &ignored);
    history_close(h);
    return result;
}

static int forget_use(const struct forget_options *o, struct error *e)
{
    struct history *h = NULL;
    struct error notice;
    int result = history_open(o->directory, true, &h, &notice, e);

    if (result == 0 && (history_begin(h, e) != 0 || cloud_use_forget_tenant(h, slice_of(o->tenant), e) != 0 ||
                        history_commit(h, e) != 0))
        result = error_prefix(e, "the tenant is forgotten, its use in the cloud is not");
    history_close(h);
    return result;
}

static int forget_tenant(const struct forget_options *o, struct writer *w, struct error *e)
{
    const struct tenant_facts *facts = writer_tenant_before(w, slice_of(o->tenant));
    struct writer_summary summary;

    if (facts == NULL)
        return error_set(e, "the directory has no tenant \"%s\"; \"postern-mirror show\" lists them",
                         words(slice_of(o->tenant)).text);
    fprintf(o->out,
            "%s: %llu mailboxes, its accepted domains, its rights and its use in the cloud are forgotten; mail of its "
            "logins is refused "
            "afterwards\n",
            facts->name, (unsigned long long)facts->mailboxes);
    if (!o->yes && !o->dry_run && confirm(o->in, o->out, e) != 0)
        return -1;
    if (o->dry_run) {
        fprintf(o->out, "nothing was written (--dry-run)\n");
        return 0;
    }
    if (writer_forget_tenant(w, facts->tenant, e) != 0 || publish(o, w, &summary, e) != 0)
        return -1;
    fprintf(o->out, "%s: forgotten, generation %llu\n", words(slice_of(o->tenant)).text,
            (unsigned long long)summary.generation);
    return forget_use(o, e);
}

int forget_run(const struct forget_options *options, struct error *e)
{
    struct writer *w;
    int result;

    if (writer_begin(options->directory, &w, e) != 0)
        return -1;
    result = forget_tenant(options, w, e);
    writer_close(w);
    return result;
}
