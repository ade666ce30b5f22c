/* Which of the configuration's listeners accept connections. */
#ifndef POSTERN_LOOK_LISTENERS_H
#define POSTERN_LOOK_LISTENERS_H

#include "core/report/picture.h"

/* Connects to each, which takes up to half a second where nobody answers, and fills the picture's listeners. */
void listeners_look(struct picture *p, const struct config *c);

#endif
