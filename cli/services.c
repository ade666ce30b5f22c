#include "cli/services.h"

#include "cli/processes.h"
#include "core/look/listeners.h"

void services_look(struct picture *p, const struct report_files *f)
{
    struct process found[PROCESSES_MAX];
    size_t n = processes_find(f->config_path, f->config->state_path, found);

    for (size_t i = 0; i < n && i < PICTURE_PROCESSES_MAX; i++) {
        struct picture_process *out = &p->processes[p->n_processes++];
        struct buf name = BUF_OVER(out->name);

        out->pid = (long)found[i].pid;
        out->age_s = found[i].age_s;
        buf_add(&name, slice_of(found[i].name));
    }
    p->processes_visible = processes_visible();
    listeners_look(p, f->config);
}
