/* SPDX-License-Identifier: Apache-2.0
 * What a SIGTRAP tells. */
#ifndef TIEXEC_TRAP_H
#define TIEXEC_TRAP_H

#include "ptrace/event.h"

/* Takes in the SIGTRAP by which a thread is stopped. Returns 1 when *event was filled: a breakpoint
 * or watchpoint, a step, or a signal of the program's own; 0 when it is nobody's concern: a
 * breakpoint that is gone, or is for other threads; or -errno. */
int trap_take(struct inferior *inferior, struct tracee *thread, struct event *event);

#endif
