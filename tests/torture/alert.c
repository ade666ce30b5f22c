/* Notices: what was posted is sent, at least once, whatever failed meanwhile; nothing else is. */
#include "core/notice/alert.h"
#include "alert/deliver.h"
#include "core/base/clock.h"
#include "core/base/spool.h"
#include "tests/torture/torture.h"

#include <stdlib.h>
#include <unistd.h>

#define WALL_S 1790000000

static struct config *config;
static struct log *notice_log;
static unsigned posted; /* 1 when the spool said that it has the notice */

static bool go_on(void)
{
    return false;
}

void before_alert(struct tools *t)
{
    char text[1024];
    struct error e;

    (void)t;
    posted = 0;
    remove_below("spool");
    (void)snprintf(text, sizeof text,
                   "spool = \"%s\"; log = { to = \"stderr\"; };\n"
                   "alerts = ({ command = [\"/usr/bin/tee\", \"-a\", \"%s\"]; timeout = \"20s\"; });\n",
                   below("spool"), below("told"));
    write_file("alerts.conf", text);
    if (config_load(below("alerts.conf"), &config, &e) != 0)
        die("alerts.conf", e.text);
    if ((notice_log = log_open("torture", &config->log)) == NULL)
        die("alerts.conf", "no log");
}

static bool deliver(struct error *e)
{
    struct delivery *d;

    if (delivery_open(config, notice_log, &d, e) != 0)
        return false;
    delivery_round(d, clock_boot_ns(), WALL_S, go_on);
    delivery_close(d);
    return true;
}

void alert(struct tools *t, bool works)
{
    struct alert_queue *q = alert_queue_new(ALERT_NOTICES, true);
    struct alert alert = alert_of(ALERT_BLOCK, WALL_S, SLICE(ANNA));
    struct error e = {.text = ""};

    (void)t;
    alert_fact(&alert, "client", SLICE("203.0.113.9"));
    alert_summary(&alert, "%s is blocked", ANNA);
    if (q != NULL) {
        alert_queue_put(q, &alert, 0);
        if (alert_queue_flush(q, config->spool, WALL_S, NULL, &e) == 0)
            posted++;
        else
            MUST(e.text[0] != '\0');
        alert_queue_free(q);
    }
    e.text[0] = '\0';
    MUST(deliver(&e) || (!works && e.text[0] != '\0'));
}

/* How often the command was given a notice. */
static unsigned told(void)
{
    char text[16384];
    FILE *f = fopen(below("told"), "r");
    size_t size = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    unsigned n = 0;

    text[size] = '\0';
    for (const char *p = text; (p = strstr(p, "\"subject\"")) != NULL; p++)
        n++;
    if (f != NULL)
        (void)fclose(f);
    return n;
}

/* Once more with everything working: then it must have arrived. One failure makes it arrive twice at most. */
void after_alert(struct tools *t)
{
    struct error e = {.text = ""};
    int folder;

    (void)t;
    MUST(deliver(&e));
    MUST(told() >= posted && told() <= 2);
    folder = spool_open(config->spool, ALERT_NOTICES, &e);
    MUST(folder >= 0 && spool_count(folder, "", ".json") == 0);
    if (folder >= 0) {
        int failed = spool_open_below(folder, "failed", &e);

        MUST(failed >= 0 && spool_count(failed, "", "") == 0);
        (void)close(failed);
        (void)close(folder);
    }
    (void)unlink(below("told"));
    log_close(notice_log);
    config_free(config);
    notice_log = NULL;
    config = NULL;
}
