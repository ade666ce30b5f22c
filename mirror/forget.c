#include "mirror/forget.h"

#include "mirror/build/writer.h"
#include "mirror/confirm.h"
#include "mirror/words.h"

static int forget_tenant(const struct forget_options *o, struct writer *w, struct error *e)
{
    const struct tenant_facts *facts = writer_tenant_before(w, slice_of(o->tenant));
    struct writer_summary summary;

    if (facts == NULL)
        return error_set(e, "the directory has no tenant \"%s\"; \"postern-mirror show\" lists them",
                         words(slice_of(o->tenant)).text);
    fprintf(o->out,
            "%s: %llu mailboxes, its accepted domains and its rights are forgotten; mail of its logins is refused "
            "afterwards\n",
            facts->name, (unsigned long long)facts->mailboxes);
    if (!o->yes && !o->dry_run && confirm(o->in, o->out, e) != 0)
        return -1;
    if (o->dry_run) {
        fprintf(o->out, "nothing was written (--dry-run)\n");
        return 0;
    }
    if (writer_forget_tenant(w, facts->tenant, e) != 0 || writer_finish(w, &summary, e) != 0)
        return -1;
    fprintf(o->out, "%s: forgotten, generation %llu\n", words(slice_of(o->tenant)).text,
            (unsigned long long)summary.generation);
    return 0;
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
