/*
 * "postern-mirror doctor": goes through everything that a sync needs, step by step, and says at the first step that
 * fails what to do. Changes nothing, neither here nor there.
 */
#ifndef POSTERN_MIRROR_DOCTOR_H
#define POSTERN_MIRROR_DOCTOR_H

#include "core/base/error.h"
#include "core/config/config.h"

#include <stdio.h>

struct doctor_options {
    const struct config *config;
    const char *tenant; /* NULL: all that have exchange = { ... } */
    FILE *out;
};

/* 0: all steps of all tenants went well; 1: some did not; -1 with e: there is no such tenant, or none to look at. */
int doctor_run(const struct doctor_options *options, struct error *e);

#endif
