/*
 * What a relay tells the others of its usage, up to SEAL_TEXT_MAX bytes at a time; sealed as SEAL_USAGE, in a stream.
 *
 *     version 1 | flags 1 | its place: series 8, number 8 | the place that it follows 16 | since where all is told 16
 *     | as of 8 | known since 8 | name: length 1, text
 *     | asked: how many 1, each: length 1, name of a relay, place 16 | rows (core/journal/usage_row.h)
 *
 * Places are those of core/journal/others.h. Each start of a relay is a series, numbered from 1.
 */
#ifndef POSTERN_CLUSTER_USAGE_RECORD_H
#define POSTERN_CLUSTER_USAGE_RECORD_H

#include "cluster/seal.h"
#include "core/journal/others.h"

#define USAGE_RECORD_VERSION 1
#define USAGE_RECORD_MAX SEAL_TEXT_MAX
#define USAGE_ASKED_MAX 32u

/* Whom this relay asks to tell everything, and since where it has missed nothing of it. */
struct usage_asked {
    struct slice relay;
    struct told_place from;
};

struct usage_record {
    struct told_place place;
    struct told_place after;    /* of the series' first: what this relay told before its start */
    bool all_told;              /* with this record ... */
    struct told_place all_from; /* ... everything was told, since that place */
    int64_t as_of_s;            /* what changed until then was told; 0: not yet */
    int64_t since_s;            /* usage is known since then */
    struct slice name;
    struct usage_asked asked[USAGE_ASKED_MAX];
    size_t n_asked;
    struct slice rows;
};

/* Writes all but the rows, which are to follow; sizes as above. The size. out has USAGE_RECORD_MAX bytes. */
size_t usage_record_write(const struct usage_record *r, unsigned char *out);

/* 0: *out, whose texts lie in text; 1: of a later version; -1: none of ours. Rows are looked at when they are taken. */
int usage_record_read(struct slice text, struct usage_record *out);

#endif
