/* SPDX-License-Identifier: Apache-2.0
 * One instruction of one thread, unseen by the program. */
#ifndef TIEXEC_STEP_H
#define TIEXEC_STEP_H

#include "ptrace/inferior.h"

/* Has a stopped thread execute one instruction; of one that is repeated, all rounds. Signals that
 * others send are blocked meanwhile, and so come after it. *status is that of the stop. 0 or
 * -errno: -ESRCH: the thread has ended, of which the next wait tells; -ETIMEDOUT: it runs. */
int step_one(struct inferior *inferior, struct tracee *thread, int *status);

/* Has a stopped thread, at an instruction that makes a system call, go on to the call's entry. The
 * same results; the status is of any other stop if that has come first. */
int step_into_call(struct inferior *inferior, struct tracee *thread, int *status);

/* Tells what kind the instruction is at which a thread stands. */
enum arch_insn_kind step_kind(struct inferior *inferior, uint64_t pc);

/* Takes the flag of the single step off the flags that the step has stored. */
void step_mend_flags(struct inferior *inferior, const struct tracee *thread);

#endif
