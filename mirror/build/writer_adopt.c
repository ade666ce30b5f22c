/* Publishing a generation that another relay made. */
#include "core/base/owner.h"
#include "mirror/build/writer_run.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void writer_number_from(struct writer *w, uint64_t number)
{
    if (number > w->last_generation + 1)
        w->last_generation = number - 1;
}

static int take_name(const struct writer *w, const char *file, const struct manifest *m, struct error *e)
{
    if (renameat(w->folder_fd, file, w->folder_fd, m->file) == 0 && fsync(w->folder_fd) == 0)
        return 0;
    return error_set(e, "the new directory file %s/%s cannot be named: %s", w->folder, m->file, strerror(errno));
}

/* The folder and its name are on disk before the manifest refers to them, as in writer_publish. */
static int adopt(struct writer *w, const char *file, const struct manifest *said, struct error *e)
{
    struct manifest m = *said;

    m.generation = file != NULL ? w->last_generation + 1 : w->manifest.m.generation;
    manifest_file_name(m.generation, m.file);
    if (file != NULL && take_name(w, file, &m, e) != 0)
        return -1;
    if (writer_replace_manifest(w, &m, e) != 0) {
        if (file != NULL)
            (void)unlinkat(w->folder_fd, m.file, 0);
        return -1;
    }
    (void)fsync(w->folder_fd); /* a power cut could lose the times, nothing else */
    if (file != NULL)
        writer_remove_old(w, m.generation, w->manifest.m.generation);
    w->summary = (struct writer_summary){.published = file != NULL, .generation = m.generation, .bytes = m.size};
    return 0;
}

int writer_adopt(struct writer *w, const char *file, const struct manifest *said, struct writer_summary *summary,
                 struct error *e)
{
    struct owner_visit visit;
    int result;

    if (w->finished)
        return error_set(e, "the run was finished already");
    w->finished = true;
    if (owner_enter(w->folder, &visit, e) != 0)
        return -1;
    result = adopt(w, file, said, e);
    *summary = w->summary;
    owner_leave(&visit);
    return result;
}

bool writer_has_file(const struct writer *w, const struct manifest *m)
{
    const struct manifest *ours = &w->manifest.m;

    return w->before != NULL && ours->size == m->size && ours->checksum == m->checksum &&
           memcmp(&ours->identities, &m->identities, sizeof m->identities) == 0;
}
