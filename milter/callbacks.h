/*
 * libmilter's callbacks: a translation into the session and out of the verdict, nothing else.
 */
#ifndef POSTERN_MILTER_CALLBACKS_H
#define POSTERN_MILTER_CALLBACKS_H

#include "milter/milter.h"

#include <libmilter/mfapi.h>

/*
 * The description for smfi_register. libmilter gives its callbacks no argument of ours, so the milter is remembered
 * here, once, before smfi_main; it must outlive the callbacks.
 */
struct smfiDesc callbacks_for(struct milter *milter);

#endif
