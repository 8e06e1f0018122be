/* SPDX-License-Identifier: Apache-2.0
 * Telling where a program lies that was moved at its exec stop. Nothing of it has run yet: so the
 * kernel and the auxiliary vector on the stack are all that knows. */
#ifndef TIEXEC_MOVING_H
#define TIEXEC_MOVING_H

#include "ptrace/inferior.h"

/* Tells both that the program lies `distance` bytes further down. `stack_stop` is the end of the
 * mapping of its stack. 0 or -errno: then neither was told. */
int moving_tell(struct inferior *inferior, struct tracee *thread, uint64_t stack_stop,
                uint64_t distance);

#endif
