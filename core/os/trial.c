/* SPDX-License-Identifier: Apache-2.0 */
#include "os/trial.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 1000 /* for a child that was killed */

/* Reads from `in` until the child, which alone holds its other end, has closed that. */
static int read_until_end(int in, int64_t deadline, char **text, size_t *size)
{
    for (size_t capacity = 0;;) {
        if (*size > TRIAL_MOST)
            return -EFBIG;
        if (capacity - *size < 4096) {
            char *larger = realloc(*text, capacity += 16384);
            if (!larger)
                return -ENOMEM;
            *text = larger;
        }
        struct pollfd poller = {.fd = in, .events = POLLIN};
        int left = clock_left(deadline); /* 0 ends it even if the child never stops writing */
        int ready = left ? poll(&poller, 1, left) : 0;
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

/* Waits for the end of the child. One that was killed may still be in a system call, of a
 * filesystem that does not answer: then it is left to whoever takes over this process's. */
static void see_end(pid_t pid, bool is_killed, int *status)
{
    int64_t deadline = clock_deadline(END_MS);
    pid_t ended;
    do {
        ended = waitpid(pid, status, __WALL | (is_killed ? WNOHANG : 0));
        if (ended == 0)
            clock_sleep(1000000);
    } while (ended == 0 ? !clock_is_past(deadline) : ended < 0 && errno == EINTR);
}

pid_t trial_begin(trial_work *work, void *context, bool is_apart, int *in)
{
    int ends[2];
    /* A socket pair, as for a launch, so that a seccomp filter has one system call less to
     * allow. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    fflush(NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL); /* no exit signal */
    if (pid == 0) {
        close(ends[0]);
        if (is_apart)
            setsid();
        _exit(work(context, ends[1]));
    }
    pid_t result = pid < 0 ? -errno : pid;
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    else
        *in = ends[0];
    return result;
}

int trial_run(trial_work *work, void *context, int timeout, int *status, char **text, size_t *size)
{
    int in = -1;
    *text = NULL;
    *size = 0;
    pid_t pid = trial_begin(work, context, false, &in);
    if (pid < 0)
        return pid;
    int err = read_until_end(in, clock_deadline(timeout), text, size);
    if (err)
        kill(pid, SIGKILL);
    close(in);
    see_end(pid, err != 0, status);
    return err;
}
