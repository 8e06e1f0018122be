/* SPDX-License-Identifier: Apache-2.0
 * Starts that are repeated. Lua decides what becomes of a program, and does it; if that was over at
 * the exec stop, the steps are kept (steps.h). At the next start of the same file in the same
 * circumstances they are taken again, without Lua, while nobody has to wait for it.
 *
 * Nothing is taken on trust but what to do: the program must be the same file, and lie in memory
 * as it did; each step must have the result that it had; and in the end the page tables must show
 * huge pages. If anything is different Lua does its work as ever, from the exec stop. */
#ifndef TIEXEC_REPLAY_H
#define TIEXEC_REPLAY_H

#include "ptrace/inferior.h"

#include <stdbool.h>

/* Waits for the exec of `pid`, for which this process was split off (front/split.h), takes the
 * steps that are kept of its executable, and lets it go. Returns whether it was let go, with its
 * huge pages. Else replay_take gives it. */
bool replay_start(pid_t pid);

/* Gives where the program lies that has its huge pages. False: replay_start has given none any. */
bool replay_served(uint64_t *start, uint64_t *stop);

/* Gives the process that replay_start could do nothing for. What that has waited for is told by the
 * next wait. Returns 0 or -errno, as launch_take. */
int replay_take(struct inferior *inferior);

#endif
