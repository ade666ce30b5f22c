/*
 * libmilter's callbacks: a translation into the session and out of the verdict, nothing else.
 */
#ifndef POSTERN_MILTER_CALLBACKS_H
#define POSTERN_MILTER_CALLBACKS_H

#include "milter/milter.h"

#include <libmilter/mfapi.h>

/*
 * The description for smfi_register. libmilter passes no argument of ours to its callbacks, so the milter is stored
 * here once, before smfi_main; it must outlive the callbacks.
 */
struct smfiDesc callbacks_for(struct milter *milter);

#endif
