#include "mirror/failed_run.h"

#include "core/base/clock.h"
#include "core/notice/alert.h"

#define EPISODE_S 21600u

void failed_run_tell(const struct config *config, const struct failed_run *run, FILE *log)
{
    char text[80];
    struct buf subject = BUF_OVER(text);
    struct alert alert;
    struct error e;

    if (config->n_alerts == 0)
        return;
    buf_addf(&subject, "%s %s", run->tenant, run->refused ? "refused" : "failed");
    alert = alert_of(ALERT_MIRROR_FAILED, clock_wall_s(), buf_slice(&subject));
    alert_summary(&alert, "%s: a run of postern-mirror %s, and nothing has changed: %s", run->tenant,
                  run->refused ? "was refused" : "failed; the settings in use get older", run->why->text);
    if (run->refused)
        alert_advice(&alert, "%s; if the change is right: %s", run->look, run->force);
    else
        alert_advice(&alert, "%s", run->look);
    alert_fact(&alert, "tenant", slice_of(run->tenant));
    alert_fact(&alert, "reason", slice_of(run->why->text));
    if (alert_post(config->spool, ALERT_NOTICES, &alert, EPISODE_S, &e) < 0)
        fprintf(log, "%s: no notice of it: %s\n", run->tenant, e.text);
}
