/* SPDX-License-Identifier: Apache-2.0
 * x86-64: system calls that end with EINTR when the tracer stops the thread, where the kernel
 * starts others anew. They are those of signal(7) that fail after a stop signal and SIGCONT. */
#include "arch.h"

#include <errno.h>
#include <sys/syscall.h>

#define ERESTARTNOHAND 514 /* makes the kernel start a call anew, unless a handler has run */

/* When these calls end with EINTR they have done nothing. Those on sockets end so if the socket has
 * a timeout (SO_RCVTIMEO). close(2) is left out: it has closed its file. */
static const long repeatable[] = {
    SYS_epoll_wait, SYS_epoll_pwait, 441 /* epoll_pwait2 */, SYS_semop, SYS_semtimedop,
    SYS_rt_sigtimedwait,
    SYS_io_getevents, 333 /* io_pgetevents */, 426 /* io_uring_enter */, SYS_recvfrom, SYS_recvmsg,
    SYS_recvmmsg, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_accept, SYS_accept4, SYS_connect,
    SYS_read, SYS_readv, SYS_write, SYS_writev};

int arch_restart_interrupted(struct arch_regs *regs)
{
    if ((int64_t)regs->user.rax != -EINTR)
        return 0;
    for (size_t i = 0; i < sizeof repeatable / sizeof repeatable[0]; i++)
        if ((int64_t)regs->user.orig_rax == repeatable[i]) {
            regs->user.rax = (uint64_t)-ERESTARTNOHAND;
            return 1;
        }
    return 0;
}
