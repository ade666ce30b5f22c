/*
 * The files that replies are made of: configuration, directory, state, journal and history, for several threads at a
 * time. What is expensive to open (a generation of the directory is compared with its checksum first) is opened once
 * and shared, and followed: a configuration whose file changed, a new generation, a state in the place of another.
 *
 * Nothing here can be written to by this program: see core/report/files.h.
 */
#ifndef POSTERN_WEB_SHELF_H
#define POSTERN_WEB_SHELF_H

#include "core/base/log.h"
#include "core/report/files.h"

struct shelf;

/* config_path outlives it. NULL without memory. */
struct shelf *shelf_new(const char *config_path);
/* When all that was taken has been put back. NULL is fine. */
void shelf_free(struct shelf *shelf);

/*
 * The files as they are now, for one thread until shelf_put: the configuration is open, the others open on demand
 * (files_open_directory ...). A configuration that is wrong now leaves the one before in use. NULL with e: there is
 * none, or no memory.
 */
struct report_files *shelf_take(struct shelf *shelf, struct error *e);
void shelf_put(struct shelf *shelf, struct report_files *files);

/* Reads the configuration again, with all that it names, though its file did not change. */
void shelf_reload(struct shelf *shelf);

/* What is wrong with the configuration's file as it is now, into e; false: nothing. */
bool shelf_config_problem(struct shelf *shelf, struct error *e);

#endif
