/* SPDX-License-Identifier: Apache-2.0
 * x86-64: system calls that end with EINTR where others are started anew (signal(7): "when stopped and
 * continued", which ptrace's stops are to them too). */
#include "arch.h"

#include <errno.h>
#include <sys/syscall.h>

#define ERESTARTNOHAND 514 /* anew, or EINTR if a handler has run: not for user space to see */

/* EINTR of these says that nothing was done. Sockets are among them for their timeouts (SO_RCVTIMEO).
 * Not close(2), which has closed its file. */
static const long repeatable[] = {
    SYS_epoll_wait, SYS_epoll_pwait, 441 /* epoll_pwait2 */, SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait,
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
