/* SPDX-License-Identifier: Apache-2.0
 * Restartable sequences (rseq(2)). */
#ifndef TIEXEC_RSEQ_H
#define TIEXEC_RSEQ_H

#include "ptrace/inferior.h"

/* If a stopped thread is within a restartable sequence, aborts that, as the kernel does at every preemption.
 * To be done before its pc is moved elsewhere and back: the kernel, seeing it elsewhere, forgets the
 * sequence. NULL, and kernels that do not tell (before Linux 5.13): nothing is done. 0 or -errno. */
int rseq_leave(struct inferior *inferior, const struct tracee *thread);

#endif
