/* Which services run on this machine, and which listeners of the configuration accept connections. */
#ifndef POSTERN_CLI_SERVICES_H
#define POSTERN_CLI_SERVICES_H

#include "core/report/picture.h"

/* Fills processes, processes_visible and listeners. */
picture_look services_look;

#endif
