/*
 * "postern-mirror doctor": checks everything that a sync needs, step by step, and says what to do about the first step
 * that fails. Changes nothing, neither here nor in Exchange Online.
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

/* 0: all steps of all tenants succeeded; 1: some failed; -1 with e: no such tenant, or none is configured. */
int doctor_run(const struct doctor_options *options, struct error *e);

#endif
