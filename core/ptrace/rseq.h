/* SPDX-License-Identifier: Apache-2.0
 * Restartable sequences (rseq(2)): code that the kernel sends to an abort handler when the thread
 * was preempted within it. */
#ifndef TIEXEC_RSEQ_H
#define TIEXEC_RSEQ_H

#include "ptrace/inferior.h"

/* If a stopped thread is within a restartable sequence, moves its pc to the abort handler, as the
 * kernel does at every preemption. To be called before a tracer moves the pc elsewhere and back:
 * the kernel forgets the sequence when it sees the pc elsewhere. Does nothing for a `thread` that
 * is NULL, and where the kernel does not tell of sequences (before Linux 5.13). 0 or -errno. */
int rseq_leave(struct inferior *inferior, const struct tracee *thread);

#endif
