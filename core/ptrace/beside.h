/* SPDX-License-Identifier: Apache-2.0
 * A thread beside its tracer: on the same CPU while it is made to execute system calls. A turn from
 * the one to the other then takes 8 µs; between two CPUs it takes 35, since one of them has gone
 * idle and has to be woken (Linux 6.18 in a virtual machine).
 *
 * One thread at a time is beside. What it may run on is changed meanwhile, so it is put back before
 * the thread executes anything of its own. Should the tracer be killed before that, the thread
 * would stay on one CPU: who calls beside_begin sees to it that the kernel ends the thread then,
 * too (PTRACE_O_EXITKILL). */
#ifndef TIEXEC_BESIDE_H
#define TIEXEC_BESIDE_H

#include <stdbool.h>
#include <sys/types.h>

/* Takes the stopped thread `tid` to the CPU of this process, and keeps both there. Does nothing
 * where one of them may not run on every CPU that is online, since what exactly it was restricted
 * to cannot be put back (sched_setaffinity(2) is not told of cpusets); where there is but one CPU;
 * or where another thread is beside. */
void beside_begin(pid_t tid);

/* Lets both run on every CPU again. Does nothing for a thread that is not beside. */
void beside_end(pid_t tid);

/* Does so for whichever thread is beside. */
void beside_end_any(void);

/* Tells whether there is such a thread. */
bool beside_is_any(void);

#endif
