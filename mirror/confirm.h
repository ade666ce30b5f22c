/* Asks for confirmation on the terminal before something that can't be undone. */
#ifndef POSTERN_MIRROR_CONFIRM_H
#define POSTERN_MIRROR_CONFIRM_H

#include "core/base/error.h"

#include <stdio.h>

/* 0 when "yes" was typed on the terminal `in`; -1 with e otherwise, also when `in` is no terminal. */
int confirm(FILE *in, FILE *out, struct error *e);

#endif
