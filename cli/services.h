/* Who runs on this machine, and who answers at the listeners of the configuration. */
#ifndef POSTERN_CLI_SERVICES_H
#define POSTERN_CLI_SERVICES_H

#include "core/report/picture.h"

/* Fills processes, processes_visible and listeners. */
picture_look services_look;

#endif
