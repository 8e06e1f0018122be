/* SPDX-License-Identifier: Apache-2.0 */
#include "front/say.h"

#include "front/system.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_SIGNALS 8 /* bytes of the kernel's sigset_t */
#define OWN_ERROR      "/proc/self/fd/2"

static uint64_t bit(int number) { return (uint64_t)1 << (number - 1); }

static bool has_room(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    struct timespec time = {1, 0};
    const long poll[6] = {(long)&poller, 1, (long)&time, 0, KERNEL_SIGNALS, 0};
    long ready;
    do /* the kernel changes `time` to what is left */
        ready = arch_call(SYS_ppoll, poll);
    while (ready == -EINTR);
    return ready > 0;
}

/* A pipe or a terminal is opened anew, so that a write to it need not wait. */
static void write_text(const char *text, size_t size)
{
    const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct stat st;
    st.st_mode = 0;
    if (system_stat_open(STDERR_FILENO, &st) < 0)
        return;
    bool may_wait = S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode);
    long anew = may_wait ? system_call(SYS_openat, AT_FDCWD, (long)OWN_ERROR, flags, 0) : -1;
    int fd = anew >= 0 ? (int)anew : STDERR_FILENO;
    if (has_room(fd))
        system_call(SYS_write, fd, (long)text, (long)size, 0);
    if (anew >= 0)
        system_close(fd);
}

/* What was pending before stays so: it was blocked. */
void say_text(const char *text, size_t size)
{
    const uint64_t own = bit(SIGPIPE) | bit(SIGXFSZ) | bit(SIGTTOU) | bit(SIGXCPU);
    const struct timespec now = {0, 0};
    uint64_t before = 0, pending = 0;
    system_call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&own, (long)&before, KERNEL_SIGNALS);
    if (before & own)
        system_call(SYS_rt_sigpending, (long)&pending, KERNEL_SIGNALS, 0, 0);
    write_text(text, size);
    const uint64_t caused = own & ~pending;
    while (system_call(SYS_rt_sigtimedwait, (long)&caused, 0, (long)&now, KERNEL_SIGNALS) > 0)
        ;
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, KERNEL_SIGNALS);
}
