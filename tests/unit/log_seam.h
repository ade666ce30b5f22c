/*
 * For a made-up engine (struct engine with a config): its configuration, and its log, of which the last line is kept.
 * To be included by one file of a program, after the struct.
 */
#ifndef POSTERN_TESTS_LOG_SEAM_H
#define POSTERN_TESTS_LOG_SEAM_H

#include "core/engine/engine.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t seam_lock = PTHREAD_MUTEX_INITIALIZER;
static char seam_logged[4096];
static unsigned seam_lines;

const struct config *engine_config(const struct engine *e)
{
    return &e->config;
}

struct log *engine_log(struct engine *e)
{
    (void)e;
    return NULL;
}

void log_say(struct log *log, enum log_level level, const char *format, ...)
{
    va_list args;

    (void)log;
    (void)level;
    pthread_mutex_lock(&seam_lock);
    va_start(args, format);
    vsnprintf(seam_logged, sizeof seam_logged, format, args);
    va_end(args);
    seam_lines++;
    pthread_mutex_unlock(&seam_lock);
}

static bool was_logged(const char *text)
{
    bool found;

    pthread_mutex_lock(&seam_lock);
    found = strstr(seam_logged, text) != NULL;
    pthread_mutex_unlock(&seam_lock);
    return found;
}

#endif
