/* SPDX-License-Identifier: Apache-2.0
 * Holding the threads that run, for a moment: so that text can be changed that they might
 * execute. */
#ifndef TIEXEC_HOLD_H
#define TIEXEC_HOLD_H

#include "ptrace/inferior.h"

/* Stops the threads that run, and marks them as `held`. What one of them stops for by itself is
 * kept for the next wait (tracee_keep_status). A thread that is in the kernel and cannot stop there
 * (it waits for a vfork child, or for a disk) is left: it stops before it executes anything. 0 or
 * -errno: -ETIMEDOUT: some thread has not stopped; then those that were held go on. */
int hold_threads(struct inferior *inferior);

/* Lets the held threads go on as they went. 0 or -errno: some thread stays stopped. */
int hold_release(struct inferior *inferior);

#endif
