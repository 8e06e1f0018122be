/* SPDX-License-Identifier: Apache-2.0
 * Breakpoints: in a debug register where the CPU lends one, else as an instruction in the text.
 *
 * A hardware breakpoint leaves file-backed pages alone, so it is what tiexec itself uses. */
#ifndef TIEXEC_BREAKPOINT_H
#define TIEXEC_BREAKPOINT_H

#include "ptrace/inferior.h"

enum breakpoint_kind { BREAKPOINT_ANY, BREAKPOINT_HARDWARE, BREAKPOINT_SOFTWARE };

/* Sets a breakpoint in all threads, which must be stopped, and in those to come.
 * *index identifies it. -ENOSPC: no place left. 0 or -errno. */
int breakpoint_insert(struct inferior *inferior, uint64_t address, enum breakpoint_kind kind,
                      size_t *index);
int breakpoint_remove(struct inferior *inferior, size_t index);
void breakpoint_remove_all(struct inferior *inferior);

/* Gives a thread that has just appeared the hardware breakpoints of the others. */
int breakpoint_arm_thread(struct inferior *inferior, const struct tracee *thread);

/* Whether the SIGTRAP that stopped `thread` is a breakpoint's. Sets *address, and the pc to it. */
bool breakpoint_hit(struct inferior *inferior, const struct tracee *thread, uint64_t *address);

/* Before a thread that stands on a software breakpoint goes on: executes what is under it. With `only` that is all
 * that it is to do: then it counts as running, and the next wait tells of the step. */
int breakpoint_step_over(struct inferior *inferior, struct tracee *thread, bool only);

#endif
