/* SPDX-License-Identifier: Apache-2.0 */
#include "os/system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

void system_reserve_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", O_RDWR | O_CLOEXEC); /* takes the lowest number: fd */
}

/* close_range(2): Linux 5.9. Where it is missing the files stay open for some milliseconds. */
static void close_between(int low, int high)
{
    if (low + 1 < high)
        syscall(SYS_close_range, (unsigned)low + 1, (unsigned)high - 1, 0U);
}

void system_leave_files(int one, int other)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDOUT_FILENO; fd++)
        if (fd != one && fd != other)
            dup2(null, fd);
    int low = one < other ? one : other, high = one < other ? other : one;
    close_between(STDERR_FILENO, low);
    close_between(low > STDERR_FILENO ? low : STDERR_FILENO, high);
    close_between(high > STDERR_FILENO ? high : STDERR_FILENO, INT_MAX);
}

const char *system_privilege_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return NULL;
    if (st.st_mode & S_ISUID && st.st_uid != geteuid())
        return "setuid";
    if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getegid())
        return "setgid";
    return getxattr(path, "security.capability", NULL, 0) > 0 ? "capabilities" : NULL;
}

/* Reads from `in` until its other end, which only the child holds, is closed. `deadline` in seconds. */
static int read_until_end(int in, double deadline, char **text, size_t *size)
{
    for (size_t capacity = 0;;) {
        if (capacity - *size < 4096) {
            char *larger = realloc(*text, capacity += 16384);
            if (!larger)
                return -ENOMEM;
            *text = larger;
        }
        struct pollfd poller = {.fd = in, .events = POLLIN};
        int left = (int)((deadline - system_now()) * 1000);
        int ready = left > 0 ? poll(&poller, 1, left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return ready < 0 ? -errno : -ETIMEDOUT;
        ssize_t n = read(in, *text + *size, capacity - *size - 1);
        if (n < 0 && errno != ECONNRESET)
            return -errno;
        *size += n > 0 ? (size_t)n : 0;
        (*text)[*size] = '\0';
        if (n <= 0)
            return 0;
    }
}

int system_trial(int (*run)(void *context, int out), void *context, int timeout, int *status,
                 char **text, size_t *size)
{
    int ends[2];
    *text = NULL;
    *size = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) /* as launch.c: nothing else to allow */
        return -errno;
    fflush(NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL); /* no exit signal */
    if (pid == 0) {
        close(ends[0]);
        _exit(run(context, ends[1]));
    }
    int err = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (!err)
        err = read_until_end(ends[0], system_now() + timeout / 1000.0, text, size);
    if (err && pid > 0)
        kill(pid, SIGKILL);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, status, __WALL) < 0 && errno == EINTR)
        ;
    return err;
}

double system_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
