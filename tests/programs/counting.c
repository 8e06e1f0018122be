/* SPDX-License-Identifier: Apache-2.0
 * Preloaded: a perf_event_open that does as COUNTING says. "half": counters that have counted a million in half of the
 * time; "never": they have not counted at all; "alone": they have counted all the time, but groups have one member;
 * EACCES, ENOENT, EMFILE: it fails. Other system calls are made as ever. */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static long counter(const char *answer, long group)
{
    uint64_t data[3] = {1000000, 100, 100};
    int error = strcmp(answer, "EACCES") == 0   ? EACCES
                : strcmp(answer, "ENOENT") == 0 ? ENOENT
                : strcmp(answer, "EMFILE") == 0 ? EMFILE
                                                : 0;
    if (strcmp(answer, "alone") == 0 && group != -1)
        error = ENOSPC;
    if (error) {
        errno = error;
        return -1;
    }
    if (strcmp(answer, "half") == 0)
        data[2] = 50;
    if (strcmp(answer, "never") == 0)
        data[0] = data[2] = 0;
    int fd = memfd_create("counter", MFD_CLOEXEC);
    return fd >= 0 && pwrite(fd, data, sizeof data, 0) == sizeof data ? fd : -1;
}

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    const char *answer = getenv("COUNTING");
    if (number == SYS_perf_event_open && answer)
        return counter(answer, (int)a[3]);
    if (!real) {
        void *found = dlsym(RTLD_NEXT, "syscall");
        memcpy(&real, &found, sizeof real);
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
