/*
 * Which mailboxes of a tenant sent lately, from the relay's journal and what the others of a cluster told of theirs, so
 * that a run can name the logins that it shuts out. Takes 24 bytes of memory for each mailbox that sent.
 */
#ifndef POSTERN_MIRROR_RECENT_H
#define POSTERN_MIRROR_RECENT_H

#include "core/base/error.h"
#include "core/config/config.h"

#define RECENT_DAYS 30

struct recent;

/*
 * Reads the usage of the last RECENT_DAYS before now (wall clock, seconds). 0, or -1 with e: no journal is kept, or it
 * can't be read. Free with recent_close, NULL is fine.
 */
int recent_open(const struct config *config, struct slice tenant, int64_t now, struct recent **out, struct error *e);
void recent_close(struct recent *r);

/* The other relays whose usage is not in it, in words: "relay mx2 told its usage last 20m ago". Who sent through them
 * may be missing. "": none is. Lives as long as r. */
const char *recent_missing(const struct recent *r);

/*
 * Adds who used SMTP AUTH at Exchange Online itself in these days, from the history in the directory's folder. 1; 0
 * when that was never read for the tenant; -1 with e.
 */
int recent_add_cloud(struct recent *r, const char *folder, struct slice tenant, int64_t now, struct error *e);

struct recent_use {
    int64_t last_s;
    bool password; /* at least once with a mechanism that uses a password */
};
/* Did the mailbox with that primary address send? */
bool recent_find(const struct recent *r, struct slice primary, struct recent_use *use);

#endif
