/* SPDX-License-Identifier: Apache-2.0
 * The debug registers of the CPU, which each thread has of its own. The inferior's table says what
 * all of them are to have; a thread that runs gets it when it has stopped, before it goes on.
 *
 * Functions that return an int return 0 or -errno. */
#ifndef TIEXEC_DEBUG_H
#define TIEXEC_DEBUG_H

#include "ptrace/inferior.h"

/* Takes a slot for a range, or one more reference to the slot that watches just that, and gives its
 * number. All threads must be stopped, and get it. -ENOSPC: there is none left; then, and after any
 * failure, all is as it was. */
int debug_take(struct inferior *inferior, enum arch_debug_kind kind, uint64_t address,
               unsigned size, unsigned *slot);

/* Gives a reference back. Threads that are stopped lose the slot now. */
int debug_give_back(struct inferior *inferior, unsigned slot);

/* Gives back everything, and forgets what the threads have, after an exec. */
void debug_give_all_back(struct inferior *inferior);
void debug_forget(struct inferior *inferior);

/* Gives a stopped thread the slots that it is to have. */
int debug_arm(const struct inferior *inferior, struct tracee *thread);

/* Notes that a thread, which runs, may have slots set of which the table knows nothing: they are
 * cleared before it goes on. */
void debug_doubt(struct inferior *inferior, struct tracee *thread);

/* Tells whether a thread may have slots that are set. */
bool debug_is_armed(const struct inferior *inferior, const struct tracee *thread);

/* Finds the slot that stops threads at the instruction at an address; -1: there is none. */
int debug_find(const struct inferior *inferior, uint64_t address);

/* Tells whether any slot watches data. */
bool debug_watches(const struct inferior *inferior);

#endif
