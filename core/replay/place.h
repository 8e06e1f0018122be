/* SPDX-License-Identifier: Apache-2.0
 * Where a program lies at its exec stop, compared with where it lay when its steps were kept. */
#ifndef TIEXEC_PLACE_H
#define TIEXEC_PLACE_H

#include "proc/maps.h"
#include "replay/steps.h"

/* The places of a program, and of its stack. */
struct place {
    uint64_t bases[STEP_ASIDE + 1]; /* what to add to the values of steps, by enum step_base */
    uint64_t stack_stop;           /* the end of the mapping of its stack */
};

/* Compares mappings with those of the steps, and finds the places. `sp` is the stack pointer, and
 * `executable` the program's file. False: something lies elsewhere, or is protected otherwise, or
 * the old place will not do for a move. */
bool place_find(const struct steps *steps, const struct maps *maps, const struct stat *executable,
                uint64_t sp, struct place *place);

#endif
