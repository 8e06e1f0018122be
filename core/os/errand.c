/* SPDX-License-Identifier: Apache-2.0 */
#include "os/errand.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 4096

int errand_start(struct errand *errand, trial_work *work, void *context)
{
    int ends[2];
    *errand = (struct errand){.in = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    fflush(NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL); /* no exit signal */
    if (pid == 0) {
        close(ends[0]);
        setsid();
        _exit(work(context, ends[1]));
    }
    int err = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (err) {
        close(ends[0]);
        return err;
    }
    errand->pid = pid;
    errand->in = ends[0];
    return 0;
}

/* Reads what has come. 1: there may be more; 0: the child has closed its end; -errno. */
static int read_more(struct errand *errand)
{
    if (errand->size > TRIAL_MOST)
        return -EFBIG;
    char *larger = realloc(errand->text, errand->size + PIECE + 1);
    if (!larger)
        return -ENOMEM;
    errand->text = larger;
    ssize_t n = read(errand->in, errand->text + errand->size, PIECE);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n < 0 && errno != ECONNRESET)
        return -errno;
    errand->size += n > 0 ? (size_t)n : 0;
    errand->text[errand->size] = '\0';
    return n > 0;
}

int errand_wait(struct errand *errand, int timeout, int *status)
{
    int64_t deadline = clock_deadline(timeout);
    int more = 1;
    while (more > 0) {
        struct pollfd poller = {.fd = errand->in, .events = POLLIN};
        int ready = poll(&poller, 1, clock_left(deadline));
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready == 0)
            return -ETIMEDOUT;
        more = ready > 0 ? read_more(errand) : 1;
    }
    if (more < 0)
        return more;
    while (waitpid(errand->pid, status, __WALL) < 0)
        if (errno != EINTR)
            return -errno;
    errand->pid = 0;
    return 0;
}

void errand_forget(struct errand *errand)
{
    if (errand->in >= 0)
        close(errand->in);
    free(errand->text);
    *errand = (struct errand){.in = -1};
}
