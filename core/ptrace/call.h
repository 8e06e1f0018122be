/* SPDX-License-Identifier: Apache-2.0
 * One remote system call, from stop to stop. A thread that does not come back from it in time (it
 * is frozen, or a file does not answer) is in the midst of a call that is not its own: it must not
 * be let go so. The call stays with the thread (`call` of struct tracee), and goes on when the
 * thread stops again, whoever waits for it by then. */
#ifndef TIEXEC_CALL_H
#define TIEXEC_CALL_H

#include "ptrace/call_state.h"

/* Tells whether a breakpoint keeps calls from being made at an instruction. */
bool call_is_barred(const struct inferior *inferior, uint64_t insn);

/* Sets the stopped `thread` going into a system call, at the process's `syscall_insn`. 0: its stops
 * are to be given to call_take; or -errno, and it is as it was. */
int call_start(struct inferior *inferior, struct tracee *thread, long number,
               const uint64_t args[6]);

/* The same for a function of the program. */
int call_start_function(struct inferior *inferior, struct tracee *thread,
                        const struct function *function);

/* Takes in a stop of a thread that has a call. Returns 1 when the call is over, and the thread is
 * as it was before; 0 while it goes on; or -ESRCH: the thread has ended, or could not be put back,
 * and then the process is killed. */
int call_take(struct inferior *inferior, struct tracee *thread, int status);

/* Takes the call that is over from the thread. Returns 0, and *result is what the kernel returned;
 * or -errno, why it could not be run: see remote_syscall. */
int call_finish(struct tracee *thread, int64_t *result);

/* The same for a function. */
int call_finish_function(struct tracee *thread, struct function_end *end);

/* Has the call fail with `err`, however it ends. */
void call_fail(struct tracee *thread, int err);
bool call_has_failed(const struct tracee *thread);

/* Forgets the call of a thread that is gone. */
void call_forget(struct tracee *thread);

#endif
