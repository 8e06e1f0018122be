/* SPDX-License-Identifier: Apache-2.0 */
#include "base/request.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int request_make(int request, pid_t tid, void *address, void *data)
{
    long result = syscall(SYS_ptrace, (long)request, (long)tid, address, data);
    if (result < 0)
        result = syscall(SYS_ptrace, (long)request, (long)tid, address, data);
    return result < 0 ? -errno : 0;
}

int request_regset(int request, pid_t tid, int note, struct iovec *set)
{
    return request_make(request, tid, (void *)(uintptr_t)note, set);
}
