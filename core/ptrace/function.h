/* SPDX-License-Identifier: Apache-2.0
 * Functions of the program that a thread is made to call: what differs from a remote system call.
 *
 * A function returns to a system call instruction that the process has already. The thread stops at
 * the entry of that call, and the call is left out. So no text is written and no signal is forced.
 * Signals reach the thread meanwhile; but if the function itself raises one (a fault, a trap,
 * abort), the function has failed, and the thread is put back. */
#ifndef TIEXEC_FUNCTION_H
#define TIEXEC_FUNCTION_H

#include "ptrace/call_state.h"

/* Sets the registers for the function of the thread's call, whose own ones are saved. */
int function_prepare(struct inferior *inferior, struct tracee *thread);

/* Takes in the stop of a system call while the function runs. *err is 0 or -errno. */
enum function_stop {
    FUNCTION_GOES_ON, /* it is a call of the function's own */
    FUNCTION_SKIPS,   /* the function has returned, or has no time left: the call will do nothing */
    FUNCTION_IS_OVER  /* the function has no time left, and is at the return of a call */
};
enum function_stop function_take_stop(const struct inferior *inferior, struct tracee *thread,
                                      int *err);

/* Takes in a signal. True: the function has raised it, and has failed. Else the signal will be
 * delivered when the thread goes on. */
bool function_take_signal(struct tracee *thread, int signal);

#endif
