/* SPDX-License-Identifier: Apache-2.0
 * Breakpoints: a debug register of the CPU holds the address, or an instruction that traps is
 * written into the text. A hardware breakpoint leaves the pages of the file alone. */
#ifndef TIEXEC_BREAKPOINT_H
#define TIEXEC_BREAKPOINT_H

#include "ptrace/inferior.h"

enum breakpoint_kind { BREAKPOINT_ANY, BREAKPOINT_HARDWARE, BREAKPOINT_SOFTWARE };

/* Sets a breakpoint in all threads, which must be stopped, and in threads to come. BREAKPOINT_ANY
 * prefers hardware. *index identifies the breakpoint from now on. Returns 0 or -errno; -ENOSPC: the
 * table, or the CPU, has no place left. */
int breakpoint_insert(struct inferior *inferior, uint64_t address, enum breakpoint_kind kind,
                      size_t *index);

/* Threads that run keep a hardware breakpoint in their debug registers. Returns 0 or -errno. */
int breakpoint_remove(struct inferior *inferior, size_t index);
void breakpoint_remove_all(struct inferior *inferior);

/* Gives a thread that has just appeared the hardware breakpoints of the others. 0 or -errno. */
int breakpoint_arm_thread(struct inferior *inferior, const struct tracee *thread);

/* Tells whether a breakpoint has caused the SIGTRAP that stopped `thread`. If so *address is where
 * it stands, and the thread's pc is set to it. */
bool breakpoint_hit(struct inferior *inferior, const struct tracee *thread, uint64_t *address);

/* To be called before a stopped thread goes on. If a breakpoint stands where the thread is, and
 * would stop it there again, the thread executes the instruction there without the breakpoint. With
 * `only` that is all that the thread is to do: it counts as running, and the next wait tells of the
 * step. So it is where the step ends in an exec, a clone or a fork. 0 or -errno; -ESRCH: the thread
 * has ended in the step, and the next wait tells of it; -ETIMEDOUT: the step is not over yet. */
int breakpoint_step_over(struct inferior *inferior, struct tracee *thread, bool only);

#endif
