/*
 * The steps of an import, in the order in which a row meets them:
 *
 *     read      the rows of a file, or of the service           mirror/read/rows.h, mirror/series.h
 *     gather    what a row says, on the sheet of its kind       mirror/build/gather.h, mirror/build/sheet.h
 *     join      which rows are one mailbox's, and whose         mirror/build/merge_join.c
 *     merge     beside what is stored: what it is to become     mirror/build/merge.h
 *     walk      each mailbox as it comes: counted (import_judge.c, import_effects.c), told (import_lines.c), written
 *               (mirror/build/writer.h)                         import_walk.c
 *     judge     may the run do what it counted?                 import_judge.c
 *     publish   the next generation, by the writer              mirror/build/writer.h
 *     report    what changed, and what was left out             import_report.c
 */
#ifndef POSTERN_MIRROR_IMPORT_PRIVATE_H
#define POSTERN_MIRROR_IMPORT_PRIVATE_H

#include "mirror/build/gather.h"
#include "mirror/build/merge.h"
#include "mirror/build/scratch.h"
#include "mirror/effects.h"
#include "mirror/import.h"
#include "mirror/progress.h"
#include "mirror/words.h"

/* A file of the run. */
struct source {
    struct quote path;
    enum kind kind;
    bool empty;        /* it has no rows */
    bool selected;     /* of a kind's columns only some were exported */
    bool groups;       /* of recipients it has groups alone */
    struct rows *rows; /* a pipe, which can be read once only, with its first row taken; else NULL */
    struct row *first;
};

/* What a run would do to the tenant, counted before it is published. */
struct judgement {
    uint64_t stored;    /* mailboxes before */
    uint64_t listed;    /* mailboxes that the files have */
    uint64_t dropped;   /* stored ones that the files no longer have */
    uint64_t opened;    /* stored ones that may send with a password afterwards, but might not before */
    uint64_t lost;      /* stored ones with a setting of their own that the files no longer have */
    uint64_t own;       /* stored ones with a setting of their own */
    uint64_t touched;   /* dropped, opened, lost, or in a domain that is no longer accepted: each mailbox once */
    uint64_t closed;    /* stored ones that this relay refuses afterwards, but did not before */
    uint64_t turned;    /* stored ones that it refuses afterwards, or no longer */
    bool common;        /* a mailbox or domain of the files was there before */
    uint64_t looked_up; /* mailboxes that are new to the tenant and were looked for in the others */
    const struct tenant_facts *owner; /* the other tenant of the directory that has one of them; NULL: none */
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
    enum organization_turn organization;
    struct recent *recent;                     /* the journal's word on who sent lately, once it was asked */
    bool recent_asked, senders_known;          /* it said so; else: */
    struct error not_known;                    /* why not */
    bool waits;                                /* refused, as mirror.closing = "wait" says */
    unsigned rights;                           /* RIGHT_ bits that the files bring in */
    struct scratch *lines;                     /* what changed, for people, until it is true */
    uint64_t mailbox_lines, mailbox_lines_end; /* where in them the mailboxes' are, in the order of their ids */
    uint64_t mailboxes, changed, added, removed;
    uint64_t recipients; /* groups and mail users of the files */
    uint64_t minor;      /* of those that changed: only names, addresses or type */
    uint64_t by_setting[SMTP_AUTH_DISABLED + 1];
    struct writer_summary summary;
    bool refused; /* the error is a refusal, which --force may override */
};

/* An error that --force overrides: -1 after filling e, or 0 with force. */
int import_refuse(struct import *im, struct error *e, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Each of these: 0, or -1 with e. */
int import_find_kinds(struct import *im, struct error *e);
int import_read_files(struct import *im, struct error *e);
int import_tenant_facts(struct import *im, struct error *e);
int import_walk(struct import *im, struct error *e);
int import_judge(struct import *im, struct error *e);

/* Groups and mail users: writes those of the run, and says all names for the rights (mirror/import_recipients.c). */
int import_recipients(struct import *im, uint32_t tenant, struct error *e);

/* ---- of the walk: what is done with each mailbox ---- */

/* Counts what the run would do to it (mirror/import_judge.c). */
void import_count(struct import *im, const struct merged *item);
/* The lines of what changed (mirror/import_lines.c). 0, or -1 with e. */
int import_mailbox_lines(struct import *im, const struct merged *item, struct error *e);
int import_tenant_lines(struct import *im, struct error *e);
int import_minor_line(struct import *im, struct error *e);

/* ---- whom it opens and closes (mirror/import_effects.c) ---- */

struct relay_rules import_rules(const struct import *im);
/* What the run does to the organization itself, as mirrored, whatever this relay makes of it. */
enum organization_turn import_organization_turn(const struct import *im);
/* Counts what the run does to one mailbox at this relay, and notes who it is if it sent lately. */
void import_count_effects(struct import *im, const struct merged *item);
/* mirror.closing = "wait": so many may be closed. As import_refuse. */
int import_check_closing(struct import *im, uint64_t allowed, struct error *e);
/* The lines of the report, and the notice; this also of a run that waits. */
void import_report_effects(const struct import *im);
void import_tell_effects(const struct import *im);
/* After the directory was written (or would have been): what changed, warnings, the summary. */
int import_report(struct import *im, struct error *e);

/* The last part of a path. */
const char *import_base_name(const char *path);

/* Appends a line to im->lines. */
int import_line(struct import *im, struct slice line, struct error *e);

/* A tenant that was made from a list of addresses says so at the beginning of its source. */
#define SOURCE_LIST "list "

/* "user", "shared", "room" ... */
const char *recipient_type_name(enum recipient_type type);

/* "enabled", "disabled", "inherit", "unknown" */
const char *smtp_auth_name(enum smtp_auth value);

#endif
