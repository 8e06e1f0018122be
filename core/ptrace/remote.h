/* SPDX-License-Identifier: Apache-2.0
 * Remote system calls: a stopped thread is made to execute one, and is put back as it was.
 *
 * The thread executes a system call instruction that the process has already (in the vdso, else in
 * any text). So no text is written and no signal is forced. */
#ifndef TIEXEC_REMOTE_H
#define TIEXEC_REMOTE_H

#include "ptrace/call_state.h"

/* Gives the number of the system call `name` on this CPU, or -1: there is none of that name. */
long remote_syscall_number(const char *name);

/* Gives the name of system call `number` on this CPU, or NULL: it has none. */
const char *remote_syscall_name(int64_t number);

/* Gives the address of a system call instruction, which remote calls execute. 0 or -errno; -ENOENT:
 * the process has none. */
int remote_instruction(struct inferior *inferior, uint64_t *address);

/* Brings a thread that is stopped at the event of a fork to the return of that system call, whose
 * result the kernel is yet to write: until then registers are not what they will be. wait tells of
 * the return, if it is to. Does nothing elsewhere. -EBUSY: from a vfork it does not return before
 * its child is done. */
int remote_finish_fork(struct inferior *inferior, struct tracee *thread);

/* Runs one system call in the stopped `thread`. *result is what the kernel returned: -errno where
 * the call failed. Signals are blocked meanwhile; resuming gives back one that came all the same
 * (SIGSTOP). A task that the call makes is told of by the wait after that, an exec by the next one.
 *
 * Returns 0, or -errno when the call could not be run: -ESRCH: the thread has ended, of which the
 * next wait tells; -ENOEXEC: it runs 32-bit code; -ENOENT: the process has no system call
 * instruction; -EFAULT: the instruction that was found earlier is gone; -EPERM: a seccomp filter
 * trapped the call; -ETIMEDOUT: it took longer than `call_ms` of the inferior, and was interrupted.
 * In all cases but -ESRCH the registers and the signal mask are what they were. But if a thread
 * does not come back even so (it is frozen), it counts as running and is still in the midst of the
 * call, from which it is brought back when it next stops: inferior_detach waits for that, however
 * long. Where they cannot be put back the process is killed, and -ESRCH returned: it must not run
 * on in the midst of a call that is not its own. */
int remote_syscall(struct inferior *inferior, struct tracee *thread, long number,
                   const uint64_t args[6], int64_t *result);

/* The same for a call that is given some bytes, at most REMOTE_BYTES: they lie below the thread's
 * stack meanwhile, and args[at] becomes their address. What has lain there is put back; where it
 * cannot be, that error is returned. */
#define REMOTE_BYTES 128
int remote_syscall_with(struct inferior *inferior, struct tracee *thread, long number,
                        uint64_t args[6], size_t at, const void *bytes, size_t size,
                        int64_t *result);

/* Calls a function of the program in the stopped `thread`, while the other threads stay as they
 * are. Returns 0 and *end has the results; or -errno as above, where -ETIMEDOUT: the function has
 * not returned within `timeout` milliseconds; -EFAULT: the function has raised end->signal. In all
 * cases but -ESRCH the registers and the signal mask are what they were; what the function has done
 * to memory stays, be it half done. */
int remote_function(struct inferior *inferior, struct tracee *thread,
                    const struct function *function, int timeout, struct function_end *end);

/* Sets the registers of the stopped `thread` so that it executes the call when it goes on. For
 * calls that do not return. 0 or -errno, as above. */
int remote_prepare(struct inferior *inferior, struct tracee *thread, long number,
                   const uint64_t args[6]);

#endif
