/*
 * The steps of an import, in the order in which a row meets them:
 *
 *     read      the rows of a file, or of the service           mirror/read/rows.h, mirror/series.h
 *     gather    what a row says, on the sheet of its kind       mirror/build/gather.h, mirror/build/sheet.h
 *     join      which rows are about which mailbox              mirror/build/merge_join.c
 *     merge     rows and stored record: what it is to become    mirror/build/merge.h
 *     walk      each mailbox in turn: counted (import_judge.c, import_effects.c), reported (import_lines.c), written
 *               (mirror/build/writer.h)                         import_walk.c
 *     judge     may the run do what was counted?                import_judge.c
 *     publish   the next generation, by the writer              mirror/build/writer.h
 *     report    what changed, and what was left out             import_report.c
 */
#ifndef POSTERN_MIRROR_IMPORT_PRIVATE_H
#define POSTERN_MIRROR_IMPORT_PRIVATE_H

#include "core/journal/history.h"
#include "mirror/build/gather.h"
#include "mirror/build/merge.h"
#include "mirror/build/scratch.h"
#include "mirror/effects.h"
#include "mirror/import.h"
#include "mirror/progress.h"
#include "mirror/words.h"

/* One file of the run. */
struct source {
    struct quote path;
    enum kind kind;
    bool empty;        /* it has no rows */
    bool selected;     /* only some of the cmdlet's columns were exported */
    bool groups;       /* of recipients it has only groups */
    struct rows *rows; /* a pipe, which can be read only once, with its first row read; else NULL */
    struct row *first;
};

/* What a run would change in the tenant, counted before it is published. */
struct judgement {
    uint64_t stored;    /* mailboxes before */
    uint64_t listed;    /* mailboxes in the files */
    uint64_t dropped;   /* stored ones that are no longer in the files */
    uint64_t opened;    /* stored ones that may newly send with a password */
    uint64_t lost;      /* stored ones that lose a setting of their own */
    uint64_t own;       /* stored ones with a setting of their own */
    uint64_t touched;   /* dropped, opened, lost, or in a domain no longer accepted; each mailbox counts once */
    uint64_t closed;    /* stored ones that this relay newly refuses */
    uint64_t turned;    /* stored ones that it newly refuses, or no longer refuses */
    bool common;        /* some mailbox or domain of the files was stored before */
    uint64_t looked_up; /* new mailboxes looked up in other tenants */
    const struct tenant_facts *owner; /* another tenant that has one of them; NULL: none */
};

enum organization_turn { ORGANIZATION_AS_BEFORE, ORGANIZATION_CLOSED, ORGANIZATION_OPENED };

struct import {
    const struct import_options *options;
    struct relay_rules rules;
    struct progress progress;
    struct source *sources;
    const char **paths; /* of the sources, escaped */
    struct gathered *g;
    struct writer *w;
    const struct tenant_facts *before; /* NULL: a new tenant */
    struct tenant_facts after;
    struct merge *m;
    struct judgement judgement;
    struct effect closed, opened;
    uint64_t policies_off; /* mailboxes whose own policy forbade passwords, and no longer does */
    enum organization_turn organization;
    struct recent *recent;            /* who sent lately, from the journal once it was read */
    bool recent_asked, senders_known; /* known: it could be read; if not: */
    struct error not_known;           /* why not */
    bool waits;                       /* refused because of mirror.closing = "wait" */
    unsigned rights;                  /* RIGHT_ bits of the kinds in the files */
    struct scratch *changes;          /* of settings, for the history (mirror/import_history.c) */
    uint64_t n_changes;
    struct history *history;
    int64_t history_run;
    struct error history_trouble;              /* why the history is incomplete; empty: it is complete */
    struct scratch *lines;                     /* the report's lines, until the run is published */
    uint64_t mailbox_lines, mailbox_lines_end; /* the part of them about mailboxes, in order of ids */
    uint64_t mailboxes, changed, added, removed;
    uint64_t recipients; /* groups and mail users of the files */
    uint64_t minor;      /* mailboxes of which only names, addresses or type changed */
    uint64_t by_setting[SMTP_AUTH_DISABLED + 1];
    struct writer_summary summary;
    bool refused; /* the error is one that --force overrides */
};

/* Is it a name that a tenant can have? 0, or -1 with e. */
int import_check_tenant_name(const char *tenant, struct error *e);

/* Started by root, the process goes on as the directory's owner. 0, or -1 with e. */
int import_leave_root(const char *directory, struct error *e);

/* Refuses the run unless --force: -1 with e, or 0 with --force. */
int import_refuse(struct import *im, struct error *e, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Each of these: 0, or -1 with e. */
int import_find_kinds(struct import *im, struct error *e);
int import_read_files(struct import *im, struct error *e);
int import_tenant_facts(struct import *im, struct error *e);
int import_walk(struct import *im, struct error *e);
int import_judge(struct import *im, struct error *e);

/* Groups and mail users: writes those of the run, and says all names for the rights (mirror/import_recipients.c). */
int import_recipients(struct import *im, uint32_t tenant, struct error *e);

/* ---- for each mailbox of the walk ---- */

/* All of what follows but writing it: counts, lines, history. 0, or -1 with e. */
int import_regard(struct import *im, const struct merged *item, struct error *e);

/* Counts what the run would change (mirror/import_judge.c). */
void import_count(struct import *im, const struct merged *item);
/* Adds the report's lines (mirror/import_lines.c). 0, or -1 with e. */
int import_mailbox_lines(struct import *im, const struct merged *item, struct error *e);
int import_tenant_lines(struct import *im, struct error *e);
/* What the accepted domain is closed for after the run: where the file doesn't say, as it was. DOMAIN_NO_ bits. */
unsigned import_closed(const struct import *im, const struct accepted *domain);
/* Is it among the accepted domains of the run? */
bool import_lists_domain(const struct import *im, struct slice domain);
int import_minor_line(struct import *im, struct error *e);

/* ---- the history of settings (mirror/import_history.c) ---- */

/* Notes what changes, while it is walked. 0, or -1 with e. */
int import_history_tenant(struct import *im, struct error *e);
int import_history_mailbox(struct import *im, const struct merged *item, struct error *e);
/* Around writer_finish. What goes wrong with the history does not hold the settings up: it is said in the report. */
void import_history_write(struct import *im);
void import_history_end(struct import *im, bool finished);

/* ---- what it opens and closes at this relay (mirror/import_effects.c) ---- */

struct relay_rules import_rules(const struct import *im);
/* What the run changes for the organization as a whole, by the mirrored settings alone. */
enum organization_turn import_organization_turn(const struct import *im);
/* Counts what the run changes for one mailbox at this relay, and notes the mailbox if it sent lately. */
void import_count_effects(struct import *im, const struct merged *item);
/* With mirror.closing = "wait", refuses to close more than allowed. As import_refuse. */
int import_check_closing(struct import *im, uint64_t allowed, struct error *e);
/* The report's lines, and the notice; the notice also for a run that waits. */
void import_report_effects(const struct import *im);
void import_tell_effects(const struct import *im);

/* ---- what it opens (mirror/import_opened.c) ---- */

struct alert;
void import_count_opened(struct import *im, const struct merged *item);
/* What was switched off, as facts of a notice. im->before is there. */
void import_opened_facts(const struct import *im, struct alert *alert);
void import_tell_opened(const struct import *im);

/* Prints what changed, warnings and the summary, after the directory was written (or would have been). */
int import_report(struct import *im, struct error *e);
/* The parts of it that every run has: the lines of what changed, and the last line. */
int import_report_lines(struct import *im, struct error *e);
void import_report_summary(const struct import *im);

/* Is the organization that the run is about the tenant's? As import_refuse. */
int import_check_organization(struct import *im, struct error *e);

/* May the account behind the mailbox sign in: "enabled", "disabled", "unknown". */
const char *import_account_name(const struct mailbox_record *record);

/* The last file of a kind, escaped, or the service. */
const char *import_source_of_kind(const struct import *im, enum kind kind);

/* Does "--kind FILE=" name this file, by its path as given or by the last component? */
bool import_is_file(struct slice named, const char *path);

/* The last component of a path. */
const char *import_base_name(const char *path);

/* Appends a line to im->lines. */
int import_line(struct import *im, struct slice line, struct error *e);

/* The source of a tenant kept by lists of addresses begins with this. */
#define SOURCE_LIST "list "

/* "user", "shared", "room" ... */
const char *recipient_type_name(enum recipient_type type);

/* "enabled", "disabled", "inherit", "unknown" */
const char *smtp_auth_name(enum smtp_auth value);

#endif
