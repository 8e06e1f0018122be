/* SPDX-License-Identifier: Apache-2.0
 * Going past breakpoints: a thread that has been told of at a breakpoint executes the instruction
 * there without it, while all others are held. */
#ifndef TIEXEC_PASS_H
#define TIEXEC_PASS_H

#include "ptrace/inferior.h"

/* Brings a stopped thread past the breakpoint where it stands, if it is to pass one, so that it can
 * be set going in the way `how`. Threads that run may be held for it, until hold_release. The
 * system call that an instruction makes is not waited for.
 *
 * Returns 0: it is to be set going; 1: it is not, since it has stopped for something else, or has
 * done what it was to do: the next wait tells (tracee_keep_status); or -errno, and it stands where
 * it stood. */
int pass_breakpoint(struct inferior *inferior, struct tracee *thread, enum tracee_resume how);

#endif
